"""Reads our meters of suites 0, 1 and 2 with gurux-dlms (PyPI), by the mechanisms and services that it has.

    .venv/gurux/bin/python interop/read_gurux_suites.py SUITE FOLDER METER.json

FOLDER holds the keys of the meter, as `read_pydlms.py order` has left them. METER.json is the first line that the meter
prints with --json. What its code cannot do is a check too, that it is still so: docs/interop.md says what follows.
"""

import json
import os
import pathlib
import secrets
import sys

from gurux_dlms import GXByteBuffer, GXDLMSAccessItem, GXReplyData
from gurux_dlms.ecdsa.GXPrivateKey import GXPrivateKey
from gurux_dlms.enums import AccessServiceCommandType, Authentication, Conformance, ErrorCode, InterfaceType
from gurux_dlms.objects import GXDLMSData
from gurux_dlms.objects.enums import SecuritySuite
from gurux_dlms.secure import GXDLMSSecureClient, GXDLMSSecureServer

from checks import LINKS, Report, expect
from read_gurux import Gurux
from virtual_meter import VirtualMeter

NAME = (1, "0-0:42.0.0", 2)
SECRET = "interop-secret-1"
# The title that the client's certificates name.
CERTIFIED = b"PYD\x00\x00\x00\x00\x01"
BLOCKS = (
    Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)


class Suite:
    """Makes clients of one meter, that know its keys."""

    def __init__(self, suite, folder, meter):
        self.suite = suite
        self.meter = meter
        self.there = json.loads((folder / "client.json").read_text(encoding="ascii"))
        self.keys = {f"{name}_key": self.there[name] for name in ("encryption", "authentication")}

    def peer(self, transport="wrapper", mechanism=Authentication.HIGH_GMAC, general=False, **options):
        """A client that is not associated yet; it keeps what it sends."""
        description = {"client": 1, "authentication": "hls-gmac", "password": SECRET} | self.keys
        if mechanism == Authentication.LOW:
            description = self.meter.client("lls")
        peer = Recorded(self.meter, transport, description, general, **options)
        peer.client.authentication = mechanism
        peer.client.ciphering.securitySuite = SecuritySuite(self.suite)
        return peer

    def private(self, name):
        """A private key of the order."""
        return GXPrivateKey.fromRawBytes(bytearray.fromhex(self.there[name]))

    def key(self):
        """A new symmetric key of this suite."""
        return secrets.token_bytes(32 if self.suite == 2 else 16)


class Recorded(Gurux):
    """An association that keeps the tag of what it sent last, over the wrapper."""

    def receive(self, request, reply):
        self.sent = bytes(request)[8:9]
        super().receive(request, reply)


def name(peer):
    """The name of the logical device."""
    read = bytes(peer.read(*NAME))
    expect(read.startswith(b"FRR"), f"read {read}")
    return read.decode()


def reads(suite, transport, mechanism, general):
    """Associates and reads the meter's name, and its object list in blocks."""
    peer = suite.peer(transport, mechanism, general)
    peer.associate()
    read = name(peer)
    objects = peer.read(15, "0-0:40.0.0", 2)
    peer.release()
    expect(len(objects) > 100, f"{len(objects)} objects")
    return f"{read}, {len(objects)} objects"


def signs(suite):
    """HLS 7. Its own challenge has 16 octets, where the standard wants 32 and more; the key that it prints is of this run."""
    peer = suite.peer(mechanism=Authentication.HIGH_ECDSA)
    peer.client.ciphering.systemTitle = CERTIFIED
    peer.client.ciphering.signingKeyPair = (suite.private("meter_signing").getPublicKey(), suite.private("client_signing"))
    peer.client.ctoSChallenge = secrets.token_bytes(32)
    peer.associate()
    read = name(peer)
    peer.release()
    return read


def dedicated(suite, general):
    """A dedicated key, by which it sends ded or general-ded."""
    peer = suite.peer(general=general)
    peer.client.ciphering.dedicatedKey = suite.key()
    peer.associate()
    read = name(peer)
    expect(peer.sent == (b"\xdc" if general else b"\xd0"), f"it sent {peer.sent}")
    objects = peer.read(15, "0-0:40.0.0", 2)
    peer.release()
    return f"{read}, {len(objects)} objects"


def accesses(suite, mechanism, general, transport="wrapper", written=None):
    """Reads in one ACCESS; what is not there is refused alone. `written` is one object more, whose attribute 2 is set."""
    peer = suite.peer(transport, mechanism, general)
    peer.client.proposedConformance |= Conformance.ACCESS
    peer.associate()
    there, nothing = GXDLMSData("0.0.42.0.0.255"), GXDLMSData("0.0.42.0.9.255")
    items = [GXDLMSAccessItem(AccessServiceCommandType.GET, it, 2) for it in (there, nothing, there)]
    if written:
        items.append(GXDLMSAccessItem(AccessServiceCommandType.SET, written, 2))
    try:
        for request in peer.client.accessRequest(None, items):
            reply = peer.exchange(request)
        peer.client.parseAccessResponse(items, reply.data)
    finally:
        peer.release()
    results = [item.error for item in items]
    expect(results == [ErrorCode.OK, ErrorCode.UNDEFINED_OBJECT, ErrorCode.OK], f"{results}")
    expect(bytes(there.value).startswith(b"FRR"), f"read {there.value}")
    return f"{[int(result) for result in results]}"


def fails(error, part, act):
    """The act must end with this error of the peer's own code."""
    try:
        act()
    except error as why:
        expect(part in str(why), f"{type(why).__name__}: {why}")
        return f"{type(why).__name__}: {why}"
    raise AssertionError("it works now: a check of what it does can take this one's place")


def acknowledges_no_general_block(suite):
    """It takes the first general block, and its acknowledgement reads a number that nothing in it sets."""
    peer = suite.peer(mechanism=Authentication.LOW, pdu=128)
    peer.client.proposedConformance = peer.client.proposedConformance & ~BLOCKS | Conformance.GENERAL_BLOCK_TRANSFER
    peer.associate()
    try:
        return fails(AttributeError, "blockNumber", lambda: peer.read(15, "0-0:40.0.0", 2))
    finally:
        peer.abandon()


def opens(message):
    """Gives its client this message; what it makes of it."""
    client = GXDLMSSecureClient(True, 1, 1, Authentication.NONE, None, InterfaceType.WRAPPER)
    message = bytes.fromhex(message)
    reply = GXReplyData()
    head = bytes([0, 1, 0, 1, 0, 1]) + len(message).to_bytes(2, "big")
    client.getData(GXByteBuffer(head + message), reply)
    return reply


# general-ciphering with an identified key, and general-signing, as far as this client reads them.
CIPHERED = "DD 08 0000000000000001 08 4652520000000001 08 4752580000000001 00 00 00 15 30 00000001" + " 00" * 16
SIGNED = "DF 08 0000000000000001 08 4652520000000001 08 4752580000000001 00 00 07 C401C100 110501 40" + " 00" * 64


def serves_nobody():
    """The server classes of this package do not start, so our client cannot read them (docs/interop.md)."""
    try:
        GXDLMSSecureServer(True, InterfaceType.WRAPPER).initialize()
    except TypeError as why:
        return why
    raise AssertionError("it starts now: `ferraris read` can be tried on it")


def main(arguments):
    """All mechanisms over both links, and the services."""
    number, folder, path = arguments
    # Gurux prints a line for every ciphered message.
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    report = Report("our meter", "gurux-dlms")
    suite = Suite(int(number), pathlib.Path(folder), VirtualMeter(path))

    def check(what, rows, act):
        report.attempt(f"gurux, suite {number}", what, act, rows)

    for what, transport, mechanism, general, row in [
        ("HLS 2, manufacturer", "wrapper", Authentication.HIGH, False, "HLS 2"),
        ("HLS 3, MD5", "wrapper", Authentication.HIGH_MD5, False, "HLS 3"),
        ("HLS 4, SHA-1", "wrapper", Authentication.HIGH_SHA1, False, "HLS 4"),
        ("HLS 5, GMAC", "wrapper", Authentication.HIGH_GMAC, False, "HLS 5"),
        ("HLS 5, GMAC, general-glo, HDLC", "hdlc", Authentication.HIGH_GMAC, True, "HLS 5"),
        ("HLS 6, SHA-256", "wrapper", Authentication.HIGH_SHA256, True, "HLS 6"),
    ]:
        rows = [row, "general-glo" if general else "glo", LINKS[transport]]
        check(what, rows, lambda it=(transport, mechanism, general): reads(suite, *it))
    if suite.suite == 1:
        check("HLS 7, ECDSA", ["HLS 7"], lambda: signs(suite))
    check("dedicated key", ["ded"], lambda: dedicated(suite, False))
    check("dedicated key, general-ded", ["general-ded"], lambda: dedicated(suite, True))
    check("ACCESS, general-glo", ["ACCESS"], lambda: accesses(suite, Authentication.HIGH_GMAC, True))
    if suite.suite == 0:
        check("ACCESS, plain", ["ACCESS"], lambda: accesses(suite, Authentication.LOW, False))
        check("ACCESS, plain, HDLC", ["ACCESS"], lambda: accesses(suite, Authentication.LOW, False, "hdlc"))
        check(
            "ACCESS has no glo form in it",
            [],
            lambda: fails(Exception, "Invalid GLO", lambda: accesses(suite, Authentication.HIGH_GMAC, False)),
        )
        # It makes the argument of the value that is written from an object, where its own class wants settings.
        written = GXDLMSData("0.0.96.1.0.255")
        check(
            "ACCESS writes nothing in it",
            [],
            lambda: fails(AttributeError, "'settings'", lambda: accesses(suite, Authentication.LOW, False, written=written)),
        )
        check(
            "general blocks: the second never comes", ["general blocks"], lambda: acknowledges_no_general_block(suite)
        )
        ciphering = [f"general-ciphering, {key}" for key in ("identified key", "wrapped key", "one pass", "static")]
        check("general-ciphering", ciphering, lambda: fails(AttributeError, "setSystemTitle", lambda: opens(CIPHERED)))
        check("general-signing", ["general-signing"], lambda: fails(ValueError, "Invalid Command", lambda: opens(SIGNED)))
        report.attempt("gurux", "its server does not start", serves_nobody)
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
