"""Reads our meter with dlms-cosem (PyPI): every association, both transports.

    .venv/dlms-cosem/bin/python interop/read_dlms_cosem.py METER.json

METER.json is the first line that `ferraris meter --json` prints.

Two defects of the peer are worked around here, and nowhere else: its HDLC reader takes any octet 7E for the end of a
frame (its issue 97), so frames are cut by their length before its HDLC layer parses them; and it has no entry
descriptor, so the descriptor's octets are ours. Values that it cannot decode (it has no bit-strings, floats, BCD and
UTF-8) are checked for form by `skip_value` and counted.
"""

import logging
import sys

import attr
import structlog
from dlms_cosem import cosem, dlms_data, enumerations, utils
from dlms_cosem.client import ActionError, DataResultError, DlmsClient
from dlms_cosem.connection import XDlmsApduFactory
from dlms_cosem.cosem.capture_object import CaptureObject
from dlms_cosem.cosem.selective_access import RangeDescriptor
from dlms_cosem.hdlc import state as hdlc_state
from dlms_cosem.hdlc.frames import HDLC_FLAG
from dlms_cosem.io import BlockingTcpIO, HdlcTransport, TcpTransport
from dlms_cosem.parsers import AssociationObjectListParser
from dlms_cosem.protocol import xdlms
from dlms_cosem.security import (
    HighLevelSecurityCommonAuthentication,
    HighLevelSecurityGmacAuthentication,
    LowLevelSecurityAuthentication,
    NoSecurityAuthentication,
)
from dlms_cosem.time import datetime_from_bytes

from checks import (
    ASSOCIATION, CLOCK, LINKS, Association, Peer, Refused, Report, control, expect, name_octets, prepare, refuses, short,
)
from virtual_meter import VirtualMeter

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))

CLIENT_TITLE = b"UNN\x00\x00\x00\x00\x01"
COUNTER = "0-0:43.1.0"
# The secret of HLS 2 in the meters that `read_pydlms.py` orders.
SECRET = b"interop-secret-1"


class Patient(BlockingTcpIO):
    """The library's socket, which reads for ever from a link that the meter has closed; this one notices."""

    def recv(self, amount=1):
        data = b""
        while len(data) < amount:
            part = self.tcp_socket.recv(amount - len(data))
            if not part:
                raise ConnectionError("the meter closed the link")
            data += part
        return data


class WholeFrames(HdlcTransport):
    """The library's HDLC layer, fed with frames that are cut by their length instead of by the next 7E."""

    def recv_frame(self):
        start = self.io.recv(1)
        while start != HDLC_FLAG:
            start = self.io.recv(1)
        first = self.io.recv(1)
        while first == HDLC_FLAG:
            first = self.io.recv(1)
        second = self.io.recv(1)
        length = (first[0] & 0x07) << 8 | second[0]
        return HDLC_FLAG + first + second + self.io.recv(length - 2) + self.io.recv(1)

    def next_event(self):
        connection = self.hdlc_connection
        while True:
            event = connection.next_event()
            if event is not hdlc_state.NEED_DATA:
                return event
            # The library stopped at a 7E inside the frame; a further one is already there.
            if connection.buffer.find(HDLC_FLAG, connection.buffer_search_position) < 0:
                connection.receive_data(self.recv_frame())


@attr.s(auto_attribs=True)
class ByEntry:
    """The entry descriptor of class 7 (selector 2), which the library leaves unimplemented."""

    first: int
    last: int
    left: int
    right: int

    def to_bytes(self):
        values = [
            dlms_data.DoubleLongUnsignedData(self.first), dlms_data.DoubleLongUnsignedData(self.last),
            dlms_data.UnsignedLongData(self.left), dlms_data.UnsignedLongData(self.right),
        ]
        return b"\x02" + dlms_data.DataStructure(values).to_bytes()


class DlmsCosem(Peer):
    """One association of dlms-cosem's client."""

    def __init__(self, meter, transport, client, counter=None, **options):
        self.meter = meter
        self.options = options
        self.transport = transport
        self.description = client
        self.counter = counter
        self.client = None
        self.undecoded = 0

    def link(self, client):
        """A transport of the library."""
        if self.transport == "wrapper":
            return TcpTransport(client, 1, Patient(*self.meter.wrapper, timeout=20), timeout=20)
        return WholeFrames(client, 1, Patient(*self.meter.hdlc, timeout=20), timeout=20)

    def associate(self):
        description = self.description
        secured = {}
        if description["authentication"] == "hls-gmac":
            authentication = self.options.pop("authentication", HighLevelSecurityGmacAuthentication())
            secured = {
                "encryption_key": bytes.fromhex(description["encryption_key"]),
                "authentication_key": bytes.fromhex(description["authentication_key"]),
                "security_suite": description.get("suite", 0),
                "client_initial_invocation_counter": self.read_counter() + 1 if self.counter is None else self.counter,
                # The library refuses a meter whose counter starts at 0 unless it has seen less.
                "meter_initial_invocation_counter": -1,
            }
        elif description["authentication"] == "lls":
            authentication = LowLevelSecurityAuthentication(secret=description["password"].encode())
        else:
            authentication = NoSecurityAuthentication()
        self.client = DlmsClient(
            transport=self.link(description["client"]),
            authentication=authentication,
            client_system_title=CLIENT_TITLE,
            **secured,
            **self.options,
        )
        self.client.connect()
        self.client.associate()

    def read_counter(self):
        """The last counter that the meter took, which the public client may read before a ciphered association."""
        public = DlmsCosem(self.meter, self.transport, self.meter.client("none"))
        public.associate()
        counter = public.read(1, COUNTER, 2)
        public.release()
        return counter

    def release(self):
        self.client.release_association()
        self.client.disconnect()

    def abandon(self):
        """Closes the link without a word."""
        self.client.transport.io.disconnect()

    def read(self, class_id, name, attribute, selection=None):
        target = cosem.CosemAttribute(class_id, cosem.Obis.from_bytes(name_octets(name)), attribute)
        descriptor = None
        if selection and selection[0] == "entries":
            descriptor = ByEntry(*selection[1:])
        elif selection:
            clock = cosem.CosemAttribute(
                enumerations.CosemInterface.CLOCK, cosem.Obis.from_bytes(name_octets(CLOCK[1])), 2
            )
            descriptor = RangeDescriptor(
                restricting_object=CaptureObject(clock),
                from_value=datetime_from_bytes(selection[1])[0],
                to_value=datetime_from_bytes(selection[2])[0],
            )
        try:
            octets = self.client.get(target, descriptor)
        except DataResultError as refusal:
            raise Refused(refusal) from refusal
        if (class_id, name, attribute) == (*ASSOCIATION, 2):
            # The library's own reading of the rights must accept the list, too.
            AssociationObjectListParser.parse_bytes(octets)
        end = skip_value(octets, 0)
        if end != len(octets):
            raise ValueError(f"{len(octets) - end} octets after the value")
        try:
            return plain(utils.parse_as_dlms_data(octets))
        except NotImplementedError:
            self.undecoded += 1
            return octets

    def read_list(self, wanted):
        items = [
            cosem.CosemAttributeWithSelection(
                cosem.CosemAttribute(class_id, cosem.Obis.from_bytes(name_octets(name)), attribute), None
            )
            for class_id, name, attribute in [*wanted, (1, "1-0:250.250.250", 2)]
        ]
        *values, missing = self.client.get_many(items).result
        if missing != enumerations.DataAccessResult.OBJECT_UNDEFINED:
            raise AssertionError(f"an object that is not there gave {missing}")
        return plain(values)

    def notes(self):
        """What the library could not decode."""
        return f"{self.undecoded} of types it does not decode, checked for form only"

    def write(self, class_id, name, attribute, kind, value):
        data = {"date-time": dlms_data.OctetStringData, "double-long-unsigned": dlms_data.DoubleLongUnsignedData}
        target = cosem.CosemAttribute(class_id, cosem.Obis.from_bytes(name_octets(name)), attribute)
        answer = self.client.set(target, data[kind](value).to_bytes())
        if not isinstance(answer, xdlms.SetResponseNormal) or answer.result != enumerations.DataAccessResult.SUCCESS:
            raise Refused(answer)

    def invoke(self, class_id, name, method):
        target = cosem.CosemMethod(class_id, cosem.Obis.from_bytes(name_octets(name)), method)
        try:
            self.client.action(target, dlms_data.IntegerData(0).to_bytes())
        except ActionError as refusal:
            raise Refused(refusal) from refusal


# Octets of the types of A-XDR that have a fixed length.
FIXED = {
    0: 0, 3: 1, 5: 4, 6: 4, 13: 1, 15: 1, 16: 2, 17: 1, 18: 2, 20: 8, 21: 8, 22: 1, 23: 4, 24: 8, 25: 12, 26: 5, 27: 4
}


def skip_value(octets, at):
    """The end of the A-XDR value that starts here; raises when it is not well-formed."""
    tag = octets[at]
    at += 1
    if tag in FIXED:
        return at + FIXED[tag]
    length = octets[at]
    at += 1
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(octets[at:at + size], "big")
        at += size
    if tag in (1, 2):
        for _ in range(length):
            at = skip_value(octets, at)
        return at
    if tag == 4:
        return at + (length + 7) // 8
    if tag in (9, 10, 12):
        return at + length
    raise ValueError(f"type {tag} is not in A-XDR")


def plain(value):
    """The library's values as plain Python."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return value


def manufacturer(meter, high):
    """HLS 2 in a ciphered association. The library sends its secret in place of a challenge, where everybody can read it."""
    peer = DlmsCosem(meter, "wrapper", high, authentication=HighLevelSecurityCommonAuthentication(SECRET))
    peer.associate()
    name = bytes(peer.read(1, "0-0:42.0.0", 2))
    peer.release()
    expect(name.startswith(b"FRR"), f"read {name}")
    return name.decode()


def no_dedicated_key(meter, high):
    """`dedicated_ciphering` changes nothing: no key is proposed, and requests go as general-glo (219)."""
    peer = DlmsCosem(meter, "wrapper", high, dedicated_ciphering=True)
    peer.associate()
    connection = peer.client.dlms_connection
    expect(connection.use_dedicated_ciphering, "the option is not there")
    expect(connection.get_aarq().user_information.content.dedicated_key is None, "it proposes a key now")
    sent, send = [], connection.send
    connection.send = lambda event: sent.append(send(event)) or sent[-1]
    peer.read(1, "0-0:42.0.0", 2)
    connection.send = send
    peer.release()
    expect([pdu[0] for pdu in sent] == [219], f"it sent {[pdu.hex() for pdu in sent]}")


# APDUs that the library has no class for, by the row of docs/interop.md.
LACKS = {
    "glo": range(0xC8, 0xD0),
    "general-ded": [0xDC],
    "general-ciphering, identified key": [0xDD],
    "general-ciphering, wrapped key": [0xDD],
    "general-ciphering, one pass": [0xDD],
    "general-ciphering, static": [0xDD],
    "general-signing": [0xDF],
    "ACCESS": [0xD9, 0xDA],
    "general blocks": [0xE0],
}


def lacks(tags):
    """The library can neither write nor read these."""
    known = set(tags) & set(XDlmsApduFactory.APDU_MAP)
    expect(not known, f"it knows {known} now: a check of what it does can take this one's place")


def shorter(report, meter):
    """A meter of another suite, and what the library has not."""
    high = meter.client("hls-gmac")
    suite = high["suite"]
    for transport in ("wrapper", "hdlc"):
        where = f"dlms-cosem {transport} suite {suite}"
        short(report, where, DlmsCosem(meter, transport, high), ["HLS 5", "general-glo", LINKS[transport]])
    where = f"dlms-cosem suite {suite}"
    report.attempt(where, "HLS 2, manufacturer", lambda: manufacturer(meter, high), ["HLS 2"])
    report.attempt(where, "uses no dedicated key", lambda: no_dedicated_key(meter, high), ["ded"])
    if suite == 0:
        for row, tags in LACKS.items():
            report.attempt(where, f"has none: {row}", lambda tags=tags: lacks(tags), [row])


def main():
    """All associations over both transports."""
    report = Report("our meter", "dlms-cosem")
    meter = VirtualMeter(sys.argv[1])
    if sys.argv[2:] == ["short"]:
        shorter(report, meter)
        return report.close()
    public, low, high = meter.client("none"), meter.client("lls"), meter.client("hls-gmac")
    prepare(meter, DlmsCosem(meter, "wrapper", high))
    for transport in ("wrapper", "hdlc"):
        # The library ciphers with general-glo and knows no other way.
        for title, client, rows in [
            ("public", public, ["no mechanism"]), ("lls", low, ["LLS"]), ("hls general-glo", high, ["HLS 5", "general-glo"])
        ]:
            where = f"dlms-cosem {transport} {title}"
            peer = DlmsCosem(meter, transport, client)
            Association(report, meter, where, peer, [*rows, LINKS[transport]]).run(client is not public)
        where = f"dlms-cosem {transport}"
        for what, client in [
            ("a wrong password is refused", {**low, "password": "wrong-one"}),
            ("a wrong encryption key is refused", {**high, "encryption_key": "FF" * 16}),
            ("a wrong authentication key is refused", {**high, "authentication_key": "FF" * 16}),
        ]:
            refuses(report, where, what, DlmsCosem(meter, transport, client))
        refuses(report, where, "a used invocation counter is refused", DlmsCosem(meter, transport, high, counter=1))
        control(report, meter, f"dlms-cosem {transport} control", DlmsCosem(meter, transport, high))
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
