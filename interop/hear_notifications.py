"""What our server pushes, decoded by clients that we did not write.

    .venv/PEER/bin/python interop/hear_notifications.py PEER

PEER is gurux, dlms-cosem or pydlms. The octets are those of crates/dlms/golden/notifications.txt, which a test of the
server keeps as it is (`crates/dlms/tests/notifications.rs`); dlms-cosem-rs decodes them in that test.
"""

import os
import re
import sys
from pathlib import Path

from checks import Report, expect

GOLDEN = Path(__file__).resolve().parent.parent / "crates/dlms/golden/notifications.txt"
NAMES = {"gurux": "gurux-dlms", "dlms-cosem": "dlms-cosem", "pydlms": "pydlms-client"}


class Push:
    """A case of the golden file."""

    def __init__(self, where, keys, title, name):
        self.where = where
        self.suite = int(where.split()[1]) if keys else None
        self.encryption, self.authentication = keys or (None, None)
        self.title = title
        self.name = name
        self.value = None
        self.pdus = []

    def row(self):
        """The row of the table that this case is a check of."""
        service = "EventNotification" if self.name.startswith("event") else "DataNotification"
        form = "in general blocks" if len(self.pdus) > 1 else "plain" if self.suite is None else "general-glo"
        return f"{service}, {form}"


def cases():
    """All of the file."""
    title, where, keys, case = None, None, None, None
    for line in GOLDEN.read_text(encoding="ascii").splitlines():
        what, _, rest = line.strip().partition(" ")
        if "Title " in line:
            title = bytes.fromhex(line.split("Title ")[1].strip("."))
        elif what in ("plain", "suite"):
            where, keys = line, [] if what == "suite" else None
        elif what in ("encryption", "authentication"):
            keys.append(bytes.fromhex(rest))
        elif what == "case":
            case = Push(where, keys, title, rest)
            yield case
        elif what == "value":
            case.value = bytes.fromhex(rest)
        elif what == "pdu":
            case.pdus.append(bytes.fromhex(rest))


def wrapped(pdu):
    """The PDU as device 1 sends it to client 102 over the wrapper."""
    return bytes([0, 1, 0, 1, 0, 102]) + len(pdu).to_bytes(2, "big") + pdu


def plain(value):
    """Values of a peer as lists, octets and numbers."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return int(value)


def parse(octets, at=0):
    """The A-XDR value that starts here, and its end; only the types of the golden file."""
    tag, length = octets[at], octets[at + 1]
    if tag in (1, 2):
        items, at = [], at + 2
        for _ in range(length):
            item, at = parse(octets, at)
            items.append(item)
        return items, at
    if tag == 9:
        return octets[at + 2:at + 2 + length], at + 2 + length
    width = {6: 4, 18: 2}[tag]
    return int.from_bytes(octets[at + 1:at + 1 + width], "big"), at + 1 + width


def by_gurux(push):
    """Gurux' client; an event by its translator to XML, for its client makes the argument of the object's attribute from
    the object, where its own class wants settings."""
    from gurux_dlms import GXByteBuffer, GXDLMSTranslator, GXReplyData
    from gurux_dlms.enums import Authentication, Command, InterfaceType, Security
    from gurux_dlms.enums.TranslatorOutputType import TranslatorOutputType
    from gurux_dlms.objects import GXDLMSData
    from gurux_dlms.objects.enums import SecuritySuite
    from gurux_dlms.secure import GXDLMSSecureClient

    client = GXDLMSSecureClient(True, 102, 1, Authentication.NONE, None, InterfaceType.WRAPPER)
    if push.suite is not None:
        client.ciphering.security = Security.AUTHENTICATION_ENCRYPTION
        client.ciphering.securitySuite = SecuritySuite(push.suite)
        client.ciphering.blockCipherKey = push.encryption
        client.ciphering.authenticationKey = push.authentication
    client.objects.append(GXDLMSData("0.0.96.11.0.255"))
    reply = GXReplyData()
    for pdu in push.pdus:
        client.getData(GXByteBuffer(wrapped(pdu)), reply)
    if reply.command != Command.EVENT_NOTIFICATION:
        return plain(client.parseReport(reply, []))
    xml = GXDLMSTranslator(TranslatorOutputType.STANDARD_XML).pduToXml(bytes(reply.data.array()).hex())
    expect("<x:instance-id>0000600B00FF</x:instance-id>" in xml, xml)
    try:
        client.parseReport(reply, [])
    except AttributeError as why:
        expect("'settings'" in str(why), f"{why}")
        return int(re.search("<x:long-unsigned>([0-9]+)<", xml)[1])
    raise AssertionError("its client takes events now")


def by_dlms_cosem(push):
    """The library's factory of APDUs, its general-glo-ciphering and its DataNotification. It has neither general blocks
    nor EventNotification."""
    from dlms_cosem import utils
    from dlms_cosem.connection import XDlmsApduFactory
    from dlms_cosem.protocol import xdlms
    from dlms_cosem.security import decrypt

    apdu = XDlmsApduFactory.apdu_from_bytes(push.pdus[0])
    if isinstance(apdu, xdlms.GeneralGlobalCipher):
        expect(bytes(apdu.system_title) == push.title, f"the title is {apdu.system_title}")
        opened = decrypt(
            apdu.security_control, push.title, apdu.invocation_counter, push.encryption, apdu.ciphered_text,
            push.authentication,
        )
        apdu = XDlmsApduFactory.apdu_from_bytes(opened)
    return plain(utils.parse_as_dlms_data(apdu.body))


def by_pydlms(push):
    """The library's decoder of pushes, fed with the wrapper's stream."""
    from pydlms.push import PushDecoder
    from pydlms.security.context import SecurityContext

    security = None
    if push.suite is not None:
        security = SecurityContext(
            push.encryption, push.authentication, client_system_title=b"CLI\0\0\0\0\2", suite=push.suite
        )
    decoder = PushDecoder(framing="wrapper", security=security)
    messages = []
    for pdu in push.pdus:
        messages += decoder.feed(wrapped(pdu))
    (message,) = messages
    expect(push.suite is None or bytes(message.system_title) == push.title, f"the title is {message.system_title}")
    expect(push.suite is None or message.authenticated, "it is not authenticated")
    note = message.notification
    if push.name.startswith("event"):
        (record,) = message.records
        expect(str(record.obis) == "0.0.96.11.0.255", f"it is of {record.obis}")
        return plain(record.raw)
    return plain(note.body.to_python())


LISTENERS = {"gurux": by_gurux, "dlms-cosem": by_dlms_cosem, "pydlms": by_pydlms}


def lacks(peer, push):
    """The APDU in a push that a peer has no class for."""
    if peer != "dlms-cosem":
        return None
    return 0xE0 if 1 < len(push.pdus) else 0xC2 if push.name.startswith("event") else None


def hears(peer, push):
    """The peer makes of it what was pushed; or it is still so that it cannot."""
    lacking = lacks(peer, push)
    if lacking is None:
        heard = LISTENERS[peer](push)
        expect(heard == parse(push.value)[0], f"heard {heard}")
        return "heard"
    try:
        heard = LISTENERS[peer](push)
    except KeyError as why:
        expect(f"Tag {lacking} " in str(why), f"{why}")
        return f"has none: {why}"
    raise AssertionError(f"it knows it now, and heard {heard}")


def main(arguments):
    """Every case."""
    (peer,) = arguments
    # Gurux prints a line for every ciphered message.
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    report = Report("our notifications", NAMES[peer])
    for push in list(cases()):
        report.attempt(f"{peer} hears, {push.where}", push.name, lambda push=push: hears(peer, push), [push.row()])
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
