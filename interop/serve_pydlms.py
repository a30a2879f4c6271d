"""`ferraris read` reads the meter of pydlms-client (PyPI), its simulator: every mechanism, suite, form and link that it serves.

    .venv/pydlms/bin/python interop/serve_pydlms.py FERRARIS FOLDER

FERRARIS is our program; keys and state of each reader go below FOLDER.
"""

import csv
import io
import json
import logging
import pathlib
import shutil
import subprocess
import sys

from cryptography.hazmat.primitives.asymmetric import ec
from pydlms.apdu.xdlms import Conformance
from pydlms.security.context import SecurityContext
from pydlms.security.hls import Mechanism
from pydlms.simulator import ClientProfile, example_meter, serve

from checks import Report, expect

METER_TITLE = b"PYD\x00\x00\x00\x00\x01"
CLIENT_TITLE = b"FRR\x00\x00\x00\x00\x01"
PASSWORD = "interop-12"
SECRET = "interop-secret-1"
ENERGY = 12345678
ROWS = 96
MECHANISMS = {
    "none": Mechanism.NONE, "lls": Mechanism.LLS, "hls2": Mechanism.HLS, "hls3": Mechanism.HLS_MD5, "hls4": Mechanism.HLS_SHA1,
    "hls5": Mechanism.HLS_GMAC, "hls6": Mechanism.HLS_SHA256, "hls7": Mechanism.HLS_ECDSA,
}


class Case:
    """A meter of the peer, and a reader of ours."""

    def __init__(self, program, folder, mechanism, suite=None, link="wrapper", pdu=1024, services=Conformance(0), words=()):
        self.program, self.words = program, list(words)
        name = f"{mechanism}-{suite}-{link}-{pdu}-{'-'.join(words).strip('-')}"
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mechanism, self.suite = mechanism, suite
        keys = self.keys()
        self.meter = self.make(pdu, services)
        self.server = serve(self.meter, hdlc=link == "hdlc", hdlc_window=3)
        self.words += ["--auth", mechanism, "--keys", str(keys), "--state", str(self.folder / "state"), "--quiet"]
        self.words += ["--context", "plain" if suite is None else "ciphered"]
        if suite is not None:
            self.words += ["--suite", str(suite)]
        if link == "hdlc":
            self.words += ["--hdlc", "--physical", "17"]

    def keys(self):
        """The keys of both sides; ours go into a file."""
        self.encryption = bytes(range(32 if self.suite == 2 else 16))
        self.authentication = bytes(range(0x40, 0x60 if self.suite == 2 else 0x50))
        curve, size = (ec.SECP384R1(), 48) if self.suite == 2 else (ec.SECP256R1(), 32)
        self.own, self.theirs = (ec.derive_private_key(scalar, curve) for scalar in (0x1234567, 0x7654321))
        public = self.theirs.public_key().public_numbers()
        lines = {
            "client_system_title": CLIENT_TITLE.hex(),
            "encryption_key": self.encryption.hex(),
            "authentication_key": self.authentication.hex(),
        }
        if self.mechanism == "lls":
            lines["password"] = PASSWORD
        if self.mechanism in ("hls2", "hls3", "hls4", "hls6"):
            lines["hls_secret"] = SECRET
        if self.suite:
            lines["signing_key"] = self.own.private_numbers().private_value.to_bytes(size, "big").hex()
            lines["meter_signing_key"] = (public.x.to_bytes(size, "big") + public.y.to_bytes(size, "big")).hex()
        path = self.folder / "keys.toml"
        client = 16 if self.mechanism == "none" else 1
        path.write_text(f"client = {client}\n" + "".join(f'{name} = "{value}"\n' for name, value in lines.items()), "ascii")
        return path

    def make(self, pdu, services):
        """The peer's example meter, with one client of the wanted kind."""
        ciphered = self.suite is not None
        meter = example_meter(
            system_title=METER_TITLE,
            max_pdu=pdu,
            encryption_key=self.encryption if ciphered and self.suite != 2 else None,
            authentication_key=self.authentication if ciphered and self.suite != 2 else None,
            conformance=Conformance.default_ln() | Conformance.GENERAL_PROTECTION | services,
        )
        if ciphered:
            meter.encryption_key, meter.authentication_key = self.encryption, self.authentication
            meter.security = SecurityContext(
                self.encryption, self.authentication, client_system_title=METER_TITLE, suite=self.suite,
                signing_key=self.theirs if self.suite else None, peer_signing_key=self.own.public_key() if self.suite else None,
            )
            meter.signing_key = self.theirs
        secret = {"lls": PASSWORD, "none": None}.get(self.mechanism, SECRET)
        meter.clients[1 if self.mechanism != "none" else 16] = ClientProfile(
            MECHANISMS[self.mechanism], secret=secret and secret.encode(), ciphered=ciphered, client_public_key=self.own.public_key(),
        )
        return meter

    def read(self, *words):
        """What our reader prints; it must end well."""
        host, port = self.server.server_address[:2]
        done = subprocess.run(
            [self.program, "read", f"{host}:{port}", *self.words, *words], capture_output=True, text=True, timeout=60, check=False,
        )
        expect(done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def check(self):
        """Single values, the object list and the load profile: whole, by entry and by range."""
        values = json.loads(self.read("--obis", "1-0:1.8.0", "--obis", "1-0:32.7.0", "--format", "json"))
        said = json.dumps(values)
        expect(str(ENERGY) in said, f"1-0:1.8.0 is not {ENERGY}: {said}")
        expect("230.1" in said, f"1-0:32.7.0 is not 230.1 V: {said}")
        listed = self.read("--list")
        for name in ("1-0:1.8.0", "1-0:99.1.0", "0-0:96.3.10"):
            expect(name in listed, f"{name} is not in the list")
        for words, wanted in (
            ((), range(ROWS)),
            (("--last", "5"), range(ROWS - 5, ROWS)),
            (("--from", "2024-05-01T06:00Z", "--to", "2024-05-01T07:00Z"), range(24, 29)),
        ):
            rows = list(csv.reader(io.StringIO(self.read("--profile", "1", *words, "--format", "csv"))))[1:]
            read = [int(float(row[-1])) for row in rows]
            expect(read == [1000 + 7 * at for at in wanted], f"{words}: {read}")
        self.server.shutdown()
        self.server.server_close()
        return "values, list, profile whole, by entry, by range"


CASES = [
    {"mechanism": "none"},
    {"mechanism": "none", "link": "hdlc"},
    {"mechanism": "none", "pdu": 128},
    {"mechanism": "lls"},
    {"mechanism": "hls2"},
    {"mechanism": "hls3"},
    {"mechanism": "hls4"},
    {"mechanism": "hls6"},
    {"mechanism": "lls", "services": Conformance.ACCESS, "words": ("--use", "access")},
    {"mechanism": "lls", "pdu": 256, "services": Conformance.GENERAL_BLOCK_TRANSFER, "words": ("--use", "general-blocks")},
    *({"mechanism": "hls5", "suite": 0, "link": link} for link in ("wrapper", "hdlc")),
    # The simulator's GMAC names suite 0, whatever the suite.
    *(
        {"mechanism": "hls5", "suite": suite, "link": link, "words": ("--dialect", "gmac-without-suite")}
        for suite in (1, 2) for link in ("wrapper", "hdlc")
    ),
    *({"mechanism": "hls5", "suite": 0, "words": ("--form", form)} for form in ("ded", "general-glo", "general-ded")),
    # As it is set up, the peer leaves the header of general-ciphering out of the tag.
    *(
        {"mechanism": "hls5", "suite": suite, "words": ("--form", "general-ciphering", "--dialect", dialect)}
        for suite, dialect in (
            (0, "header-not-authenticated"), *((suite, "header-not-authenticated,gmac-without-suite") for suite in (1, 2)),
        )
    ),
    {"mechanism": "hls6", "suite": 2},
    {"mechanism": "lls", "suite": 0},
    *({"mechanism": "hls7", "suite": suite} for suite in (1, 2)),
    *({"mechanism": "hls7", "suite": suite, "words": ("--form", "general-glo", "--sign")} for suite in (1, 2)),
]


def main():
    """Every case is one check."""
    logging.disable(logging.CRITICAL)
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    # Counters of the last run are those of other meters.
    shutil.rmtree(folder, ignore_errors=True)
    report = Report()
    for case in CASES:
        name = " ".join(str(part) for key, part in case.items() if key not in ("services", "words"))
        name += " " + " ".join(case.get("words", ()))
        report.attempt("pydlms serves", name.strip(), lambda case=case: Case(program, folder, **case).check())
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
