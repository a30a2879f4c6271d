"""Reads our meters of suites 0, 1 and 2 with gurux-dlms (PyPI), by the mechanisms that it has.

    .venv/gurux/bin/python interop/read_gurux_suites.py SUITE FOLDER METER.json

FOLDER holds the keys of the meter, as `read_pydlms.py order` has left them. METER.json is the first line that the meter
prints with --json. HLS 7 of this client is left out: it prints its private key.
"""

import json
import os
import pathlib
import sys

from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.objects.enums import SecuritySuite
from gurux_dlms.secure import GXDLMSSecureServer

from checks import Report, expect
from read_gurux import Gurux
from virtual_meter import VirtualMeter

NAME = (1, "0-0:42.0.0", 2)
SECRET = "interop-secret-1"


def reads(meter, suite, keys, transport, mechanism, general):
    """Associates and reads the meter's name, and its object list in blocks."""
    description = {"client": 1, "authentication": "hls-gmac", "password": SECRET} | keys
    peer = Gurux(meter, transport, description, general)
    peer.client.authentication = mechanism
    peer.client.ciphering.securitySuite = SecuritySuite(suite)
    peer.associate()
    name = peer.read(*NAME)
    objects = peer.read(15, "0-0:40.0.0", 2)
    peer.release()
    expect(bytes(name).startswith(b"FRR"), f"read {name}")
    expect(len(objects) > 100, f"{len(objects)} objects")
    return f"{bytes(name).decode()}, {len(objects)} objects"


def serves_nobody():
    """The server classes of this package do not start, so our client cannot read them (docs/interop.md)."""
    try:
        GXDLMSSecureServer(True, InterfaceType.WRAPPER).initialize()
    except TypeError as why:
        return why
    raise AssertionError("it starts now: `ferraris read` can be tried on it")


def main(arguments):
    """All mechanisms over both links."""
    suite, folder, path = arguments
    # Gurux prints a line for every ciphered message.
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    report = Report()
    meter = VirtualMeter(path)
    there = json.loads((pathlib.Path(folder) / "client.json").read_text(encoding="ascii"))
    keys = {f"{name}_key": there[name] for name in ("encryption", "authentication")}
    for what, transport, mechanism, general in [
        ("HLS 2, manufacturer", "wrapper", Authentication.HIGH, False),
        ("HLS 3, MD5", "wrapper", Authentication.HIGH_MD5, False),
        ("HLS 4, SHA-1", "wrapper", Authentication.HIGH_SHA1, False),
        ("HLS 5, GMAC", "wrapper", Authentication.HIGH_GMAC, False),
        ("HLS 5, GMAC, general-glo, HDLC", "hdlc", Authentication.HIGH_GMAC, True),
        ("HLS 6, SHA-256", "wrapper", Authentication.HIGH_SHA256, True),
    ]:
        report.attempt(
            f"gurux, suite {suite}",
            what,
            lambda it=(transport, mechanism, general): reads(meter, int(suite), keys, *it),
        )
    if suite == "0":
        report.attempt("gurux", "its server does not start", serves_nobody)
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
