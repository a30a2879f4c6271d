"""Reads our meter with gurux-dlms (PyPI): every association, both transports.

    .venv/gurux/bin/python interop/read_gurux.py METER.json

METER.json is the first line that `ferraris meter --json` prints.
"""

import os
import socket
import sys

from gurux_dlms import GXByteBuffer, GXDLMSException, GXReplyData
from gurux_dlms.enums import Authentication, Conformance, DataType, InterfaceType, ObjectType, Security
from gurux_dlms.GXBitString import GXBitString
from gurux_dlms.GXDateTime import GXDateTime
from gurux_dlms.GXDLMSChipperingStream import GXDLMSChipperingStream
from gurux_dlms.internal._GXCommon import _GXCommon
from gurux_dlms.objects.enums import SecuritySuite
from gurux_dlms.secure import GXDLMSSecureClient

from checks import LINKS, Association, Peer, Refused, Report, control, name_octets, prepare, refuses, short
from virtual_meter import VirtualMeter

CLIENT_TITLE = b"GRX\x00\x00\x00\x00\x01"
COUNTER = "0-0:43.1.0"

multiples = GXDLMSChipperingStream.init
MULTIPLES = {}


def remembered_multiples(stream, hash_key):
    """Gurux computes the same table of a key anew for every message, which is most of its time: here once a key."""
    hash_key = bytes(hash_key)
    if hash_key not in MULTIPLES:
        multiples(stream, hash_key)
        MULTIPLES[hash_key] = stream.mArray
    stream.mArray = MULTIPLES[hash_key]


GXDLMSChipperingStream.init = remembered_multiples


class Gurux(Peer):
    """One association of Gurux' client."""

    def __init__(self, meter, transport, client, general=False, counter=None, pdu=0xFFFF, long_frames=False):
        self.meter = meter
        self.transport = transport
        self.counter = counter
        self.address = meter.wrapper if transport == "wrapper" else meter.hdlc
        self.general = general
        self.description = client
        mechanism = {"none": Authentication.NONE, "lls": Authentication.LOW, "hls-gmac": Authentication.HIGH_GMAC}
        self.client = GXDLMSSecureClient(
            True,
            client["client"],
            1,
            mechanism[client["authentication"]],
            client.get("password"),
            InterfaceType.WRAPPER if transport == "wrapper" else InterfaceType.HDLC,
        )
        if "encryption_key" in client:
            self.client.ciphering.security = Security.AUTHENTICATION_ENCRYPTION
            self.client.ciphering.securitySuite = SecuritySuite(client.get("suite", 0))
            self.client.ciphering.systemTitle = CLIENT_TITLE
            self.client.ciphering.blockCipherKey = bytes.fromhex(client["encryption_key"])
            self.client.ciphering.authenticationKey = bytes.fromhex(client["authentication_key"])
        if not general:
            # Without general protection Gurux sends service-specific ciphering (glo).
            self.client.proposedConformance &= ~Conformance.GENERAL_PROTECTION
        self.client.maxReceivePDUSize = pdu
        if long_frames:
            # As long as the meter lets them be, and as many before it waits.
            self.client.hdlcSettings.maxInfoRX = self.client.hdlcSettings.maxInfoTX = 1024
            self.client.hdlcSettings.windowSizeRX = self.client.hdlcSettings.windowSizeTX = 7
        self.socket = None

    def associate(self):
        if "encryption_key" in self.description:
            counter = self.read_counter() + 1 if self.counter is None else self.counter
            self.client.ciphering.invocationCounter = counter
        self.socket = socket.create_connection(self.address, timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        snrm = self.client.snrmRequest()
        if snrm:
            self.client.parseUAResponse(self.exchange(snrm).data)
        for request in self.client.aarqRequest():
            reply = self.exchange(request)
        self.client.parseAareResponse(reply.data)
        if self.client.authentication > Authentication.LOW:
            for request in self.client.getApplicationAssociationRequest():
                reply = self.exchange(request)
            self.client.parseApplicationAssociationResponse(reply.data)
        if "encryption_key" in self.description:
            negotiated = bool(self.client.negotiatedConformance & Conformance.GENERAL_PROTECTION)
            if negotiated != self.general:
                raise AssertionError(f"general protection: proposed {self.general}, negotiated {negotiated}")

    def read_counter(self):
        """The last counter that the meter took, which the public client may read before a ciphered association."""
        public = Gurux(self.meter, self.transport, self.meter.client("none"))
        public.associate()
        counter = public.read(1, COUNTER, 2)
        public.release()
        return counter

    def release(self):
        requests = self.client.releaseRequest()
        for request in requests or []:
            self.exchange(request)
        if self.client.interfaceType == InterfaceType.HDLC:
            self.exchange(self.client.disconnectRequest(True))
        self.abandon()

    def abandon(self):
        """Closes the link without a word."""
        self.socket.close()

    def read(self, class_id, name, attribute, selection=None):
        name = ".".join(str(octet) for octet in name_octets(name))
        data = None
        if selection:
            profile = self.client.createObject(ObjectType.PROFILE_GENERIC)
            profile.logicalName = name
            if selection[0] == "entries":
                _, first, last, left, right = selection
                data = self.by_entry(profile, first, last, left, right)
            else:
                first, last = self.time(selection[1]), self.time(selection[2])
                data = self.client.readRowsByRange(profile, first, last)
        if data is None:
            # pylint: disable=protected-access
            data = self.client._read(name, class_id, attribute)
        return self.answer(data)

    def time(self, octets):
        """12 octets as Gurux' own date-time, which it encodes again by itself."""
        return GXDateTime(_GXCommon.changeType(self.client.settings, bytearray(octets), DataType.DATETIME))

    def by_entry(self, profile, first, last, left, right):
        """Gurux asks by start and count, and by columns of the profile; the descriptor is the standard's."""
        if (left, right) == (1, 0) and last >= first:
            return self.client.readRowsByEntry(profile, first, last - first + 1)
        if (left, right) == (1, 0):
            return self.client.readRowsByEntry(profile, first, 0)
        descriptor = GXByteBuffer()
        descriptor.setUInt8(2)
        descriptor.setUInt8(DataType.STRUCTURE)
        descriptor.setUInt8(4)
        for kind, value in [
            (DataType.UINT32, first), (DataType.UINT32, last), (DataType.UINT16, left), (DataType.UINT16, right)
        ]:
            _GXCommon.setData(self.client.settings, descriptor, kind, value)
        # pylint: disable=protected-access
        return self.client._read(profile.logicalName, ObjectType.PROFILE_GENERIC, 2, descriptor)

    def read_list(self, wanted):
        items = []
        for class_id, name, attribute in wanted:
            item = self.client.createObject(class_id)
            item.objectType = class_id
            item.logicalName = ".".join(str(octet) for octet in name_octets(name))
            items.append((item, attribute))
        return [value for requests in self.client.readList(items) for value in self.answer(requests)]

    def write(self, class_id, name, attribute, kind, value):
        target = self.client.createObject(class_id)
        target.logicalName = ".".join(str(octet) for octet in name_octets(name))
        kind = {
            "array": DataType.ARRAY,
            "date-time": DataType.OCTET_STRING,
            "double-long-unsigned": DataType.UINT32,
            "long-unsigned": DataType.UINT16,
            "octet-string": DataType.OCTET_STRING,
            "structure": DataType.STRUCTURE,
            "unsigned": DataType.UINT8,
        }[kind]
        # pylint: disable=protected-access
        self.answer(self.client._GXDLMSClient__write(target.name, value, kind, class_id, attribute))

    def write_object(self, target, attribute):
        """Sets an attribute as Gurux' own object writes it."""
        self.answer(self.client.write(target, attribute))

    def invoke(self, class_id, name, method):
        target = self.client.createObject(class_id)
        target.logicalName = ".".join(str(octet) for octet in name_octets(name))
        self.answer(self.client.method(target, method, 0, DataType.INT8))

    def answer(self, requests):
        """The value that comes back, in plain Python."""
        for request in requests:
            reply = self.exchange(request)
        if reply.value is None and bytes(reply.data).startswith(b"\x01\x00"):
            # Gurux shows an empty array as nothing.
            return []
        return plain(reply.value)

    def exchange(self, request):
        """Sends a message and gathers its whole answer, blocks and segments included."""
        reply = GXReplyData()
        self.receive(request, reply)
        while reply.isMoreData():
            self.receive(self.client.receiverReady(reply), reply)
        return reply

    def receive(self, request, reply):
        """One message out, one message in."""
        self.socket.sendall(bytes(request))
        received = GXByteBuffer()
        while not self.client.getData(received, reply):
            octets = self.socket.recv(65536)
            if not octets:
                raise ConnectionError("the meter closed the link")
            received.set(octets)
        if reply.error:
            refusal = Refused(GXDLMSException(reply.error))
            refusal.result = int(reply.error)
            raise refusal


def plain(value):
    """Gurux' values as plain Python."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, GXBitString):
        return str(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    return value


def main():
    """All associations over both transports."""
    # Gurux prints a line for every ciphered message.
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    report = Report("our meter", "gurux-dlms")
    meter = VirtualMeter(sys.argv[1])
    if sys.argv[2:] == ["short"]:
        for transport, general in (("wrapper", False), ("wrapper", True), ("hdlc", False)):
            high = meter.client("hls-gmac")
            form = "general-glo" if general else "glo"
            where = f"gurux {transport} suite {high['suite']} {form}"
            short(report, where, Gurux(meter, transport, high, general), ["HLS 5", form, LINKS[transport]])
        return report.close()
    public, low, high = meter.client("none"), meter.client("lls"), meter.client("hls-gmac")
    prepare(meter, Gurux(meter, "wrapper", high))
    for transport in ("wrapper", "hdlc"):
        for title, client, general, rows in [
            ("public", public, False, ["no mechanism"]),
            ("lls", low, False, ["LLS"]),
            ("hls glo", high, False, ["HLS 5", "glo"]),
            ("hls general-glo", high, True, ["HLS 5", "general-glo"]),
        ]:
            where = f"gurux {transport} {title}"
            peer = Gurux(meter, transport, client, general)
            Association(report, meter, where, peer, [*rows, LINKS[transport]]).run(client is not public)
        # Everything once more through the smallest messages, so that nearly every answer comes in blocks.
        Association(report, meter, f"gurux {transport} lls 64", Gurux(meter, transport, low, pdu=64)).run(True)
        where = f"gurux {transport}"
        for what, client in [
            ("a wrong password is refused", {**low, "password": "wrong-one"}),
            ("a wrong encryption key is refused", {**high, "encryption_key": "FF" * 16}),
            ("a wrong authentication key is refused", {**high, "authentication_key": "FF" * 16}),
        ]:
            refuses(report, where, what, Gurux(meter, transport, client))
        refuses(report, where, "a used invocation counter is refused", Gurux(meter, transport, high, counter=1))
        control(report, meter, f"gurux {transport} control", Gurux(meter, transport, high, True))
    Association(report, meter, "gurux hdlc lls 1024", Gurux(meter, "hdlc", low, long_frames=True)).run(True)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
