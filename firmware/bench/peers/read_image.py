"""Lets an independent client read the image in QEMU: `read_image.py PEER METER.json`, PEER is gurux or dlms-cosem.

METER.json names the lines of the board and the clients, in the form of `ferraris meter --json`. What must hold is in
`interop/checks.py`, the same as for a virtual meter; only what the control interface would show is compared with the closed form that
the emulated converter plays: 3 x 230 V and 10 A at 50 Hz.
"""

import json
import os
import sys
from datetime import timedelta

sys.path.insert(0, os.path.join(os.environ["FERRARIS_ROOT"], "interop"))

import checks  # noqa: E402
from virtual_meter import address  # noqa: E402


class Image:
    """The meter in QEMU: two lines, and nothing else to ask."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            says = json.load(file)
        self.wrapper = address(says["wrapper"])
        self.hdlc = address(says["hdlc"])
        self.system_title = bytes.fromhex(says["system_title"])
        self.clients = {client["authentication"]: client for client in says["clients"]}

    def client(self, authentication):
        """The client that associates in this way."""
        return self.clients[authentication]


class Association(checks.Association):
    """The checks of one association, with the values that the converter plays."""

    PLAYED = {"1-0:32.7.0": 230, "1-0:52.7.0": 230, "1-0:72.7.0": 230, "1-0:14.7.0": 50}

    def compare_values(self, is_management):
        if not is_management:
            return "not for this client"
        for name, wanted in self.PLAYED.items():
            value = self.values[3, name, 2] * 10.0 ** self.values[3, name, 3][0]
            checks.expect(abs(value - wanted) <= 0.005 * wanted, f"{name} is {value} instead of {wanted}")
        energy = self.values[3, "1-0:1.8.0", 2]
        checks.expect(energy >= 0, f"1-0:1.8.0 is {energy}")
        return f"{len(self.PLAYED)} values"


def set_clock(peer):
    """An hour on and back; the clock runs, so it may be a second later when it is read."""
    now = peer.read(*checks.CLOCK, 2)
    wanted = checks.octets(checks.moment(now) + timedelta(seconds=3600), now)
    for time in (wanted, now):
        peer.write(*checks.CLOCK, 2, "date-time", time)
        read = peer.read(*checks.CLOCK, 2)
        gap = abs(checks.moment(read) - checks.moment(time))
        checks.expect(gap <= timedelta(seconds=2), f"{read.hex()} instead of {time.hex()}")
    return f"an hour on, and back to {checks.moment(now):%Y-%m-%d %H:%M:%S}Z"


def gurux(report, meter, runs):
    """Associations of gurux-dlms."""
    # Gurux prints a line for every ciphered message.
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    from read_gurux import Gurux

    for transport, authentication in runs:
        for general in [False, True] if authentication == "hls-gmac" else [False]:
            title = f"gurux {transport} {authentication}{' general' if general else ''}"
            peer = Gurux(meter, transport, meter.clients[authentication], general)
            yield title, transport, peer, lambda client, on=transport: Gurux(meter, on, client, True)


def dlms_cosem(report, meter, runs):
    """Associations of dlms-cosem."""
    from read_dlms_cosem import DlmsCosem

    for transport, authentication in runs:
        peer = DlmsCosem(meter, transport, meter.clients[authentication])
        yield f"dlms-cosem {transport} {authentication}", transport, peer, lambda client, on=transport: DlmsCosem(meter, on, client)


def main():
    """Reads, is refused, and sets the clock."""
    name, path = sys.argv[1:]
    report, meter = checks.Report(), Image(path)
    runs = [("hdlc", "none"), ("hdlc", "hls-gmac"), ("wrapper", "lls"), ("wrapper", "hls-gmac")]
    management = meter.clients["hls-gmac"]
    last = None
    for title, transport, peer, again in {"gurux": gurux, "dlms-cosem": dlms_cosem}[name](report, meter, runs):
        Association(report, meter, title, peer).run(meter.clients["none"]["client"] != peer.description["client"])
        last = transport, again
        if title.endswith("hls-gmac"):
            wrong = {**management, "encryption_key": "FF" * 16}
            checks.refuses(report, title, "a wrong encryption key is refused", again(wrong))
            peer = again(management)
            if report.attempt(title, "associates again", peer.associate):
                report.attempt(title, "sets the clock", lambda: set_clock(peer))
                report.attempt(title, "releases", peer.release)
    return report.close() if last else 1


if __name__ == "__main__":
    sys.exit(main())
