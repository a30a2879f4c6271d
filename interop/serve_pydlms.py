"""A meter that we did not write, the simulator of pydlms-client (PyPI), read by `ferraris read`.

    .venv/pydlms/bin/python interop/serve_pydlms.py FERRARIS FOLDER

FERRARIS is the binary. The simulator keeps to its own process; what is compared is what the reader printed and what the
simulator holds. Each line of `CASES` is an association, a suite, a form of protection and a link.
"""

import datetime
import json
import logging
import pathlib
import secrets
import subprocess
import sys

from cryptography.hazmat.primitives.asymmetric import ec
from pydlms.apdu.xdlms import Conformance
from pydlms.obis import ObisCode
from pydlms.security.context import SecurityContext
from pydlms.security.general import GeneralAad
from pydlms.security.hls import Mechanism
from pydlms.simulator import ClientProfile, example_meter, serve

from checks import BLOCKS, LINKS, Report, expect

CLIENT_TITLE = "4652520000000001"
METER_TITLE = b"PYD\x00\x00\x00\x00\x01"
SECRET = "interop-secret-1"
PROFILE = (7, ObisCode.parse("1.0.99.1.0.255"))
LOW, HLS, MD5, SHA1, GMAC, SHA256, ECDSA = range(1, 8)
DEFAULT = ["--obis", "1-0:1.8.0", "--obis", "1-0:32.7.0"]


class Foreign:
    """A simulated meter of one suite (None: without keys) and the file of keys for its reader."""

    def __init__(self, suite, folder):
        length = 32 if suite == 2 else 16
        encryption, authentication, master = (secrets.token_bytes(length) for _ in range(3))
        lines = [f'client_system_title = "{CLIENT_TITLE}"', f'password = "{SECRET}"', f'hls_secret = "{SECRET}"']
        if suite is None:
            self.meter = example_meter(system_title=METER_TITLE)
        else:
            self.meter = example_meter(system_title=METER_TITLE)
            self.meter.encryption_key, self.meter.authentication_key = encryption, authentication
            lines += [
                f"suite = {suite}",
                f'encryption_key = "{encryption.hex()}"',
                f'authentication_key = "{authentication.hex()}"',
                f'master_key = "{master.hex()}"',
            ]
        client_key = None
        extra = {}
        if suite:
            curve, octets = (ec.SECP256R1(), 32) if suite == 1 else (ec.SECP384R1(), 48)
            keys = {name: ec.generate_private_key(curve) for name in ("client", "client2", "meter", "meter2")}
            private = lambda key: key.private_numbers().private_value.to_bytes(octets, "big").hex()
            def public(key):
                numbers = key.public_key().public_numbers()
                return (numbers.x.to_bytes(octets, "big") + numbers.y.to_bytes(octets, "big")).hex()

            lines += [
                f'signing_key = "{private(keys["client"])}"',
                f'agreement_key = "{private(keys["client2"])}"',
                f'meter_signing_key = "{public(keys["meter"])}"',
                f'meter_agreement_key = "{public(keys["meter2"])}"',
            ]
            client_key = keys["client"].public_key()
            self.meter.signing_key = keys["meter"]
            extra = {
                "signing_key": keys["meter"],
                "key_agreement_key": keys["meter2"],
                "peer_signing_key": client_key,
                "peer_key_agreement_key": keys["client2"].public_key(),
            }
        if suite is not None:
            self.meter.security = SecurityContext(
                encryption,
                authentication,
                client_system_title=METER_TITLE,
                suite=suite,
                master_key=master,
                general_aad="with-header",
                **extra,
            )
            # Shows the counter to the public client, as a ciphering meter does.
            self.meter.last_client_ic = 0
        self.meter.conformance |= Conformance.GENERAL_BLOCK_TRANSFER
        for mechanism in range(1, 8):
            # A client for each mechanism: 1 has LLS, 7 has ECDSA. 16 is the public client.
            self.meter.clients[mechanism] = ClientProfile(
                Mechanism(mechanism),
                secret=SECRET.encode(),
                ciphered=suite is not None,
                client_public_key=client_key if mechanism == ECDSA else None,
            )
        self.keys = folder / f"keys-{suite}.toml"
        self.keys.write_text("\n".join(lines) + "\n", encoding="ascii")
        self.ways = {way: serve(self.meter, hdlc=way == "hdlc").server_address[1] for way in ("wrapper", "hdlc")}


class Reader:
    """Runs `ferraris read`."""

    def __init__(self, ferraris, folder):
        self.ferraris = ferraris
        self.folder = folder

    def run(self, meter, mechanism, way, options):
        """Runs it, as the client that has this mechanism."""
        command = [self.ferraris, "read", f"127.0.0.1:{meter.ways[way]}", "--state", str(self.folder / "state")]
        command += ["--format", "json", "--quiet", "--retries", "0"] + (["--hdlc"] if way == "hdlc" else [])
        if mechanism:
            name = "lls" if mechanism == LOW else f"hls{mechanism}"
            command += ["--keys", str(meter.keys), "--client", str(mechanism)]
            command += [] if "--auth" in options else ["--auth", name]
        return subprocess.run(command + options, capture_output=True, text=True, timeout=60, check=False)

    def read(self, meter, mechanism, way, options):
        """What it printed; it must have read all of it."""
        done = self.run(meter, mechanism, way, options)
        said = " ".join(done.stderr.split())
        expect(done.returncode == 0, f"exit code {done.returncode}: {said or done.stdout}")
        return done.stdout


def registers(reader, meter, mechanism, way, options):
    """Two registers, with their scalers and units."""
    printed = json.loads(reader.read(meter, mechanism, way, options + DEFAULT))
    got = [(value["value"], value["unit"]) for value in printed["values"]]
    expect(got == [(12345678, "Wh"), (230.1, "V")], f"read {got}")


def rows(first, last):
    """These rows of the profile, counted from 1, as they are in the simulator, and no others."""

    def act(reader, meter, mechanism, way, options):
        printed = json.loads(reader.read(meter, mechanism, way, ["--profile", "1-0:99.1.0"] + options))
        begun = datetime.datetime(2024, 5, 1, tzinfo=datetime.timezone.utc)
        there = [
            ((begun + datetime.timedelta(minutes=15 * at)).isoformat(), row.value[1].value)
            for at, row in enumerate(meter.meter.objects[PROFILE][2].value)
        ]
        got = [tuple(row) for row in printed["profile"]["rows"]]
        expect(got == there[first - 1 : last], f"{len(got)} rows, from {got[:1]} to {got[-1:]}")
        return f"{len(got)} rows"

    return act


def listed(reader, meter, mechanism, way, options):
    """The object list."""
    printed = reader.read(meter, mechanism, way, options + ["--list"])
    for name in ("1-0:1.8.0", "1-0:99.1.0", "0-0:96.3.10"):
        expect(name in printed, f"{name} is not in the list")


def without_header(reader, meter, mechanism, way, options):
    """Registers, with a meter that leaves the header of general-ciphering out of the tag, as this peer does by default."""
    right, meter.meter.security.general_aad = meter.meter.security.general_aad, GeneralAad.SC_AK
    registers(reader, meter, mechanism, way, options + ["--dialect", "header-not-authenticated"])
    meter.meter.security.general_aad = right


def written(reader, meter, mechanism, way, options):
    """Two attributes are written, in their unit and with their type, a method is invoked, and the simulator holds all of it."""
    done = ["--set", "1-0:32.7.0=231.5 V", "--set", "1-0:1.8.0=double-long-unsigned:5009", "--action", "0-0:96.3.10:1"]
    printed = json.loads(reader.read(meter, mechanism, way, options + done + DEFAULT))
    results = [it["result"] for it in printed["written"] + printed["invoked"]]
    expect(results == ["success"] * 3, f"results {results}")
    got = [value["value"] for value in printed["values"]]
    expect(got == [5009, 231.5], f"read {got}")
    held = [meter.meter.objects[(3, ObisCode.parse(name))][2].value for name in ("1.0.1.8.0.255", "1.0.32.7.0.255")]
    expect(held == [5009, 2315], f"the simulator holds {held}")
    relay = meter.meter.objects[(70, ObisCode.parse("0.0.96.3.10.255"))]
    expect(relay[2].value is False, "it is disconnected")
    relay[2] = type(relay[2]).boolean(True)
    # As it was, for those that read it after us.
    back = ["--set", "1-0:1.8.0=12345678", "--set", "1-0:32.7.0=230.1", "--action", "0-0:96.3.10:2"]
    reader.read(meter, mechanism, way, options + back)


def refused(part):
    """The reader must end with the code of a refusal, and say why."""

    def act(reader, meter, mechanism, way, options):
        done = reader.run(meter, mechanism, way, options + DEFAULT)
        expect(done.returncode == 4 and part in done.stderr, f"exit code {done.returncode}: {done.stderr}")
        return " ".join(done.stderr.split())

    return act


PLAIN = ["--context", "plain"]
CIPHERED = ["--context", "ciphered"]
SUITES = (0, 1, 2)
ASYMMETRIC = (1, 2)
GENERAL = ["--form", "general-ciphering"]
SAID = ["--dialect", "key-said-each-time"]

SIGN = ["--sign"]
GBT = ["--use", "general-blocks"]
CIPHERED_BY = "general-ciphering, identified key"

# What is read, of meters of which suites (None: without keys), as which mechanism, over which link, with which options;
# and which rows of docs/interop.md that proves.
CASES = [
    ("public", (None,), 0, "wrapper", [], registers, ["no mechanism", "lists"]),
    ("public, HDLC", (None,), 0, "hdlc", [], registers, ["no mechanism"]),
    ("public, PDUs of 64 octets", (None,), 0, "wrapper", ["--pdu", "64"], registers, ["short PDUs"]),
    ("public, general blocks", (None,), 0, "wrapper", GBT + ["--pdu", "128"], registers, ["general blocks"]),
    ("public, ACCESS", (None,), 0, "wrapper", ["--use", "access"], registers, ["ACCESS"]),
    ("object list", (None,), 0, "wrapper", [], listed, []),
    ("object list, ciphered", SUITES, GMAC, "hdlc", [], listed, ["HLS 5", "glo"]),
    ("LLS", (None,), LOW, "wrapper", PLAIN, registers, ["LLS"]),
    ("LLS, HDLC", (None,), LOW, "hdlc", PLAIN, registers, ["LLS"]),
    ("HLS 2", (None,), HLS, "wrapper", PLAIN, registers, ["HLS 2"]),
    ("HLS 3", (None,), MD5, "wrapper", PLAIN, registers, ["HLS 3"]),
    ("HLS 4", (None,), SHA1, "hdlc", PLAIN, registers, ["HLS 4"]),
    ("HLS 6", (None,), SHA256, "wrapper", PLAIN, registers, ["HLS 6"]),
    ("profile, whole", (None,), 0, "wrapper", [], rows(1, 96), ["profile whole"]),
    ("profile, whole, HDLC", (None,), 0, "hdlc", [], rows(1, 96), ["profile whole"]),
    ("profile, whole, PDUs of 128 octets", (None,), 0, "wrapper", ["--pdu", "128"], rows(1, 96), ["short PDUs", BLOCKS]),
    ("profile, general blocks", (None,), 0, "wrapper", GBT + ["--pdu", "256"], rows(1, 96), ["general blocks"]),
    ("profile, by entry", (None,), 0, "wrapper", ["--last", "10"], rows(87, 96), ["profile by entry"]),
    (
        "profile, by range",
        (None,),
        0,
        "wrapper",
        ["--from", "2024-05-01T06:00:00Z", "--to", "2024-05-01T12:00:00Z"],
        rows(25, 49),
        ["profile by range"],
    ),
    ("ciphered, LLS", SUITES, LOW, "wrapper", CIPHERED, registers, ["LLS", "glo"]),
    ("ciphered, HLS 2", SUITES, HLS, "wrapper", CIPHERED, registers, ["HLS 2", "glo"]),
    ("ciphered, HLS 3", SUITES, MD5, "wrapper", CIPHERED, registers, ["HLS 3", "glo"]),
    ("ciphered, HLS 4", SUITES, SHA1, "wrapper", CIPHERED, registers, ["HLS 4", "glo"]),
    ("ciphered, HLS 5", SUITES, GMAC, "wrapper", [], registers, ["HLS 5", "glo"]),
    ("ciphered, HLS 5, HDLC", SUITES, GMAC, "hdlc", [], registers, ["HLS 5", "glo"]),
    ("ciphered, HLS 6", SUITES, SHA256, "wrapper", CIPHERED, registers, ["HLS 6", "glo"]),
    ("HLS 7", ASYMMETRIC, ECDSA, "wrapper", [], registers, ["HLS 7"]),
    ("HLS 7, HDLC", ASYMMETRIC, ECDSA, "hdlc", [], registers, ["HLS 7"]),
    ("ded", SUITES, GMAC, "wrapper", ["--form", "ded"], registers, ["ded"]),
    ("general-glo", SUITES, GMAC, "hdlc", ["--form", "general-glo"], registers, ["general-glo"]),
    ("general-ded", SUITES, GMAC, "wrapper", ["--form", "general-ded"], registers, ["general-ded"]),
    ("general-ciphering", SUITES, SHA256, "wrapper", CIPHERED + GENERAL, registers, [CIPHERED_BY]),
    ("general-ciphering, no header", SUITES, SHA256, "wrapper", CIPHERED + GENERAL, without_header, [CIPHERED_BY]),
    (
        "general-ciphering, wrapped",
        SUITES,
        GMAC,
        "wrapper",
        GENERAL + SAID + ["--session-key", "wrapped"],
        registers,
        ["general-ciphering, wrapped key"],
    ),
    (
        "general-ciphering, one pass",
        ASYMMETRIC,
        ECDSA,
        "wrapper",
        GENERAL + SAID + ["--session-key", "one-pass"],
        registers,
        ["general-ciphering, one pass"],
    ),
    (
        "general-ciphering, static",
        ASYMMETRIC,
        ECDSA,
        "wrapper",
        GENERAL + ["--session-key", "static"],
        registers,
        ["general-ciphering, static"],
    ),
    ("general-signing", ASYMMETRIC, ECDSA, "wrapper", SIGN, registers, ["general-signing"]),
    ("general-ciphering, signed", ASYMMETRIC, ECDSA, "wrapper", SIGN + GENERAL, registers, ["general-signing"]),
    ("ciphered, general blocks", SUITES, GMAC, "wrapper", GBT + ["--pdu", "256"], rows(1, 96), ["general blocks"]),
    ("ciphered, ACCESS", SUITES, GMAC, "wrapper", ["--use", "access"], registers, ["ACCESS"]),
    ("written and invoked", (None,), 0, "wrapper", [], written, ["no mechanism"]),
    ("written and invoked, ACCESS", (None,), 0, "wrapper", ["--use", "access"], written, ["ACCESS"]),
    ("written and invoked, HDLC", SUITES, GMAC, "hdlc", [], written, ["HLS 5"]),
    ("written and invoked, general-ded", SUITES, GMAC, "wrapper", ["--form", "general-ded"], written, ["general-ded"]),
    ("ciphered, profile, HDLC", SUITES, GMAC, "hdlc", [], rows(1, 96), ["profile whole"]),
    (
        "a wrong password is refused",
        (None,),
        LOW,
        "wrapper",
        PLAIN + ["--password", "wrong-one"],
        refused("13"),
        ["a wrong password"],
    ),
    ("another mechanism is refused", (0,), GMAC, "wrapper", ["--auth", "hls6"], refused("11"), ["another mechanism"]),
]


def main(arguments):
    """All cases, one meter for each suite."""
    ferraris, folder = arguments[0], pathlib.Path(arguments[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("pydlms").setLevel(logging.CRITICAL)
    report = Report("their meter", "pydlms-client")
    reader = Reader(ferraris, folder)
    for suite in (None, *SUITES):
        meter = Foreign(suite, folder)
        where = "pydlms serves" + ("" if suite is None else f", suite {suite}")
        for what, suites, mechanism, way, options, act, proved in CASES:
            if suite not in suites:
                continue
            if suite and mechanism == GMAC:
                # Its simulator names suite 0 in its HLS answer whatever the suite (dlms_peers.md, section 4).
                options = options + ["--dialect", "gmac-without-suite"]
            report.attempt(
                where,
                what,
                lambda it=(mechanism, way, options), act=act: act(reader, meter, *it),
                proved and [*proved, LINKS[way]],
            )
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
