"""Reads our meter with pydlms-client (PyPI): mechanisms 1 to 7, suites 0 to 2, general protection, keys, certificates.

    .venv/pydlms/bin/python interop/read_pydlms.py order SUITE FOLDER
    .venv/pydlms/bin/python interop/read_pydlms.py read SUITE FOLDER METER.json

`order` writes FOLDER/meter.toml for `ferraris meter --config`, with certificates beside it. METER.json is the first line
that the meter prints with --json. More services of the peer are more checks: see `CHECKS`.
"""

import datetime
import json
import logging
import pathlib
import secrets
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydlms.apdu.xdlms import entry_descriptor, range_descriptor
from pydlms.client import AccessAction, AccessGet, AccessSet, DlmsClient
from pydlms.cosem.types import DlmsData
from pydlms.exceptions import DlmsError
from pydlms.obis import ObisCode
from pydlms.security.context import SecurityContext
from pydlms.security.general import KeyInfo
from pydlms.security.hls import Mechanism
from pydlms.security.keywrap import KeyId

from checks import BLOCKS, LINKS, Report, expect
from virtual_meter import VirtualMeter

CLIENT_TITLE = b"PYD\x00\x00\x00\x00\x01"
PASSWORD = "interop-12"
# Mechanism 2 takes no longer secret than a key of AES-128.
SECRET = "interop-secret-1"
SERIAL = 40200001
METER_TITLE = "4652526712656741"
COUNTER = "0.0.43.1.0.255"
NAME = (1, "0.0.42.0.0.255", 2)


def order(suite, folder):
    """An order of a meter of this suite, the certificates of both sides and the keys of the client."""
    (folder / "certificates").mkdir(parents=True, exist_ok=True)
    length = 32 if suite == 2 else 16
    keys = {name: secrets.token_hex(length) for name in ("encryption", "authentication", "broadcast", "master")}
    lines = [
        "[management]",
        f"suite = {suite}",
        f'password = "{PASSWORD}"',
        f'hls_secret = "{SECRET}"',
        "old_mechanisms = true",
    ] + [f'{name}_key = "{octets}"' for name, octets in keys.items()]
    if suite:
        curve, scalar = (ec.SECP256R1(), 32) if suite == 1 else (ec.SECP384R1(), 48)
        root = ec.generate_private_key(curve)
        issue(folder, "0-root", root, "Interop Root", root, "Interop Root", None, suite)
        for side, title in (("meter", METER_TITLE), ("client", CLIENT_TITLE.hex().upper())):
            for purpose in ("signing", "agreement"):
                key = ec.generate_private_key(curve)
                issue(folder, f"1-{side}-{purpose}", root, "Interop Root", key, title, purpose, suite)
                octets = key.private_numbers().private_value.to_bytes(scalar, "big").hex()
                keys[f"{side}_{purpose}"] = octets
                if side == "meter":
                    lines.append(f'{purpose}_key = "{octets}"')
        keys["root"] = root.private_numbers().private_value.to_bytes(scalar, "big").hex()
        lines.append(f'certificates = "{folder / "certificates"}"')
    (folder / "meter.toml").write_text(f"serial = {SERIAL}\n" + "\n".join(lines) + "\n", encoding="ascii")
    (folder / "client.json").write_text(json.dumps(keys), encoding="ascii")


def issue(folder, name, root, issuer, key, subject, purpose, suite):
    """A certificate as the standard wants it."""
    path = folder / "certificates" / f"{name}.der"
    path.write_bytes(certify(root, issuer, key.public_key(), subject, purpose, suite))


def certify(root, issuer, public, subject, purpose, suite):
    """The octets of a certificate; `purpose` is None for an authority."""
    usage = dict.fromkeys(
        [
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ],
        False,
    )
    usage[{"signing": "digital_signature", "agreement": "key_agreement", None: "key_cert_sign"}[purpose]] = True
    common = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    # The world of a test meter begins when it likes: certificates hold for the whole century.
    builder = (
        x509.CertificateBuilder()
        .subject_name(common(subject))
        .issuer_name(common(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2000, 1, 1))
        .not_valid_after(datetime.datetime(2099, 12, 31))
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    if purpose is None:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    digest = hashes.SHA384() if suite == 2 else hashes.SHA256()
    return builder.sign(root, digest).public_bytes(serialization.Encoding.DER)


class Reader:
    """Makes clients of one meter."""

    def __init__(self, meter, suite, folder):
        self.meter = meter
        self.suite = suite
        self.folder = folder
        self.keys = json.loads((folder / "client.json").read_text(encoding="ascii"))
        self.encryption = bytes.fromhex(self.keys["encryption"])
        self.authentication = bytes.fromhex(self.keys["authentication"])

    def private(self, name):
        """A private key of the order."""
        curve = ec.SECP256R1() if self.suite == 1 else ec.SECP384R1()
        return ec.derive_private_key(int(self.keys[name], 16), curve)

    def client(self, transport="wrapper", client=1, mechanism=Mechanism.HLS_GMAC, counter=None, general=False, **settings):
        """A client that is not connected yet. `general` adds what suites 1 and 2 need beside keys."""
        host, port = self.meter.wrapper if transport == "wrapper" else self.meter.hdlc
        ciphered = mechanism not in (Mechanism.NONE, Mechanism.LLS)
        if ciphered:
            extra = {}
            if self.suite and general:
                extra = {
                    "signing_key": self.private("client_signing"),
                    "key_agreement_key": self.private("client_agreement"),
                    "peer_signing_key": self.private("meter_signing").public_key(),
                    "peer_key_agreement_key": self.private("meter_agreement").public_key(),
                }
            settings["security"] = SecurityContext(
                encryption_key=self.encryption,
                authentication_key=self.authentication,
                master_key=bytes.fromhex(self.keys["master"]),
                client_system_title=CLIENT_TITLE,
                server_system_title=self.meter.system_title,
                suite=self.suite,
                invocation_counter=self.counter() + 1 if counter is None else counter,
                general_aad="with-header",
                **extra,
            )
            if mechanism == Mechanism.HLS_ECDSA:
                settings["signing_key"] = self.private("client_signing")
                settings["server_public_key"] = self.private("meter_signing").public_key()
        if mechanism == Mechanism.LLS:
            settings["password"] = PASSWORD
        elif ciphered and mechanism not in (Mechanism.HLS_GMAC, Mechanism.HLS_ECDSA):
            settings["password"] = SECRET
        if transport == "hdlc":
            settings |= {"hdlc": True, "server_physical": 17}
        return DlmsClient.tcp(host, port, client_sap=client, server_logical=1, mechanism=mechanism, **settings)

    def counter(self):
        """The last counter that the meter took from its management, as everybody may read it."""
        with self.client(client=16, mechanism=Mechanism.NONE) as public:
            return public.get(COUNTER, 1, 2).value

    def reads_publicly(self):
        """What everybody may read."""
        name = self.reads(client=16, mechanism=Mechanism.NONE)
        return f"{name}, counter {self.counter()}"

    def reads(self, **settings):
        """Associates and reads the name that the meter shows elsewhere too."""
        with self.client(**settings) as client:
            name = client.get(NAME[1], NAME[0], NAME[2]).value
            expect(bytes(name).startswith(b"FRR"), f"read {name}")
            return bytes(name).decode()


def refused(act):
    """The act must be refused; answers how."""
    try:
        answer = act()
    except (DlmsError, OSError) as why:
        return f"{type(why).__name__}: {why}"
    raise AssertionError(f"it went through: {answer}")


def transfers_keys(reader):
    """A new unicast key: the answer comes under the old one, then the old one is worth nothing and counters begin anew."""
    new = secrets.token_bytes(len(reader.encryption))
    with reader.client() as client:
        client.transfer_keys({KeyId.GLOBAL_UNICAST_ENCRYPTION: new}, "0.0.43.0.2.255")
    old, reader.encryption = reader.encryption, new
    expect(reader.counter() == 0, "the counter does not begin anew")
    name = reader.reads(counter=1)
    reader.encryption = old
    how = refused(lambda: reader.reads(counter=1000))
    reader.encryption = new
    return f"{name}; the old key: {how}"


def agrees_keys(reader):
    """The same by key agreement."""
    with reader.client(general=True, mechanism=Mechanism.HLS_ECDSA) as client:
        keys = client.agree_keys([KeyId.GLOBAL_UNICAST_ENCRYPTION], "0.0.43.0.2.255")
    reader.encryption = keys[KeyId.GLOBAL_UNICAST_ENCRYPTION]
    return reader.reads(counter=1)


def refuses_replays(reader):
    """A counter that was used opens nothing."""
    return refused(lambda: reader.reads(counter=reader.counter()))


def refuses_wrong_secrets(reader):
    """A wrong password, and a wrong key."""
    global PASSWORD
    right, PASSWORD = PASSWORD, "wrong-password"
    how = refused(lambda: reader.reads(mechanism=Mechanism.LLS))
    PASSWORD = right
    key, reader.encryption = reader.encryption, bytes(len(reader.encryption))
    how += "; " + refused(reader.reads)
    reader.encryption = key
    return how


def reads_only(reader):
    """Client 2 reads, and changes nothing."""
    name = reader.reads(client=2)
    with reader.client(client=2) as client:
        period = DlmsData.uint32(300)
        return name + "; " + refused(lambda: client.set("1.0.99.1.0.255", 7, 4, period))


def renews_certificates(reader):
    """A new key pair, a request for it, its certificate, and back again."""
    setup = "0.0.43.0.2.255"
    with reader.client() as client:
        client.generate_key_pair(0, setup)
        request = client.certificate_request(0, setup)
        expect(request.is_signature_valid, "the request's signature is wrong")
        public = request.public_key()
        octets = certify(reader.private("root"), "Interop Root", public, METER_TITLE, "signing", reader.suite)
        client.import_certificate(octets, setup)
        stranger = ec.generate_private_key(public.curve)
        foreign = certify(stranger, "Interop Root", public, METER_TITLE, "signing", reader.suite)
        how = refused(lambda: client.import_certificate(foreign, setup))
        listed = client.get(setup, 64, 6).value
        return f"{len(listed)} certificates; a foreign one: {how}"


def accesses(reader, **settings):
    """Reads, writes and calls in one ACCESS; what is not there is refused alone, and a break stops what comes behind it."""
    clock, nothing = ("0.0.1.0.0.255", 8), ("0.0.1.0.9.255", 8)
    with reader.client(propose_access=True, **settings) as client:
        zone = client.get(clock[0], clock[1], 3)
        operations = [
            AccessGet(NAME[1], NAME[0], NAME[2]),
            AccessSet(*clock, 3, zone),
            AccessGet(*nothing, 2),
            # The clock keeps its time: it is shifted by nothing.
            AccessAction(*clock, 6, DlmsData.int16(0)),
        ]
        outcomes = client.access(operations)
        expect([outcome.ok for outcome in outcomes] == [True, True, False, True], f"{outcomes}")
        expect(bytes(outcomes[0].data.value).startswith(b"FRR"), f"{outcomes[0]}")
        stopped = client.access([operations[2], operations[0]], break_on_error=True)
        expect(not any(outcome.ok for outcome in stopped), f"after a break: {stopped}")
        return f"{[int(outcome.result) for outcome in outcomes]}; with a break {[int(it.result) for it in stopped]}"


def lists(reader, **settings):
    """Several attributes in one request, one of which is not there."""
    with reader.client(**settings) as client:
        wanted = [(NAME[1], NAME[0], NAME[2]), ("0.0.1.0.9.255", 8, 2), (COUNTER, 1, 2)]
        name, nothing, counter = client.get_many(wanted)
        expect(bytes(name.value).startswith(b"FRR") and counter.value > 0, f"{name}, {counter}")
        expect(int(nothing) == 4, f"{nothing} instead of object undefined")


def whole_list(reader):
    """The object list, which no PDU is long enough for."""
    with reader.client() as client:
        listed = client.get("0.0.40.0.0.255", 15, 2).value
    expect(300 < len(listed), f"{len(listed)} objects")
    return f"{len(listed)} objects"


def blocks(reader, **settings):
    """The object list in general blocks is the one that comes otherwise; a long ACCESS goes and comes in them too."""
    with reader.client(**settings) as client:
        whole = client.get("0.0.40.0.0.255", 15, 2)
    with reader.client(propose_gbt=True, propose_access=True, max_receive_pdu_size=256, **settings) as client:
        expect(client.association.uses_gbt, "general blocks are not negotiated")
        listed = client.get("0.0.40.0.0.255", 15, 2)
        expect(listed == whole, "another object list")
        outcomes = client.access([AccessGet(NAME[1], NAME[0], NAME[2])] * 60)
        expect(len(outcomes) == 60 and all(outcome.ok for outcome in outcomes), f"{outcomes}")
        return f"{len(listed.value)} objects"


PROFILE = ("1.0.99.1.0.255", 7)
ROWS = 5


def profiles(reader, **settings):
    """The load profile whole, by entry and by range, with columns left out."""
    with reader.client(**settings) as client:
        client.set(*PROFILE, 4, DlmsData.uint32(60))
        reader.meter.speed("max")
        end = time.monotonic() + 60
        while client.get(*PROFILE, 7).value < ROWS and time.monotonic() < end:
            time.sleep(0.1)
        reader.meter.speed(0)
        try:
            rows = client.read_profile(PROFILE[0]).cells
            count, width = len(rows), len(rows[0])
            expect(count == client.get(*PROFILE, 7).value >= ROWS, f"{count} rows")
            for first, last, left, right in [(1, 0, 1, 0), (2, 4, 1, 0), (count, 0, 2, width), (3, 3, 1, 1)]:
                some = client.read_profile(PROFILE[0], entry_descriptor(first, last, left, right)).cells
                wanted = [row[left - 1:right or width] for row in rows[first - 1:last or count]]
                expect(some == wanted, f"entries {first} to {last}, columns {left} to {right}: {some}")
            clock, other = (client.get(*PROFILE, 3).value[at].value for at in (0, 2))
            columns = [(it[0].value, ObisCode.from_bytes(bytes(it[1].value)), it[2].value, 0) for it in (clock, other)]
            for first, last, selected in [(0, 0, None), (1, 4, None), (0, count - 1, columns)]:
                descriptor = range_descriptor(rows[first][0], rows[last][0], selected_values=selected)
                some = client.read_profile(PROFILE[0], descriptor).cells
                wanted = [[row[0], row[2]] if selected else row for row in rows[first:last + 1]]
                expect(some == wanted, f"rows {first} to {last}: {some}")
        finally:
            reader.meter.speed(1)
        return f"{count} rows of {width} columns; 4 selections, 3 ranges"


ALL = (0, 1, 2)
ASYMMETRIC = (1, 2)
GENERAL = {"general": True}
CIPHERING = {"protection": "general-ciphering"}
HDLC = {"transport": "hdlc"}
ECDSA = {"mechanism": Mechanism.HLS_ECDSA, "general": True}
ONE_PASS = {"general": True, "key_info": KeyInfo("agreed", scheme=1), **CIPHERING}
STATIC = {"general": True, "key_info": KeyInfo("agreed", scheme=2), **CIPHERING}
SIGNED = {"general": True, "protection": "general-ciphering+signing"}
IDENTIFIED = "general-ciphering, identified key"

# What is checked, in which suites, how, and which rows of docs/interop.md that proves.
CHECKS = [
    ("reads without a mechanism", ALL, Reader.reads_publicly, {}, ["no mechanism"]),
    ("reads with a password", (0,), Reader.reads, {"mechanism": Mechanism.LLS}, ["LLS"]),
    ("HLS 2, manufacturer", (0,), Reader.reads, {"mechanism": Mechanism.HLS}, ["HLS 2"]),
    ("HLS 3, MD5", (0,), Reader.reads, {"mechanism": Mechanism.HLS_MD5}, ["HLS 3"]),
    ("HLS 4, SHA-1", (0,), Reader.reads, {"mechanism": Mechanism.HLS_SHA1}, ["HLS 4"]),
    ("HLS 5, GMAC", ALL, Reader.reads, {}, ["HLS 5", "glo"]),
    ("HLS 5, GMAC, HDLC", ALL, Reader.reads, HDLC, ["HLS 5", "glo"]),
    ("HLS 6, SHA-256", ALL, Reader.reads, {"mechanism": Mechanism.HLS_SHA256}, ["HLS 6"]),
    ("HLS 7, ECDSA", ASYMMETRIC, Reader.reads, ECDSA, ["HLS 7"]),
    ("HLS 7, ECDSA, HDLC", ASYMMETRIC, Reader.reads, ECDSA | HDLC, ["HLS 7"]),
    ("dedicated key", ALL, Reader.reads, {"use_dedicated_key": True}, ["ded"]),
    ("general-glo", ALL, Reader.reads, {"protection": "general-glo"}, ["general-glo"]),
    ("general-ded", ALL, Reader.reads, {"use_dedicated_key": True, "protection": "general-glo"}, ["general-ded"]),
    ("general-ciphering", ALL, Reader.reads, CIPHERING, [IDENTIFIED]),
    (
        "general-ciphering, wrapped key",
        ALL,
        Reader.reads,
        {"key_info": KeyInfo("wrapped"), **CIPHERING},
        ["general-ciphering, wrapped key"],
    ),
    ("general-ciphering, one pass", ASYMMETRIC, Reader.reads, ONE_PASS, ["general-ciphering, one pass"]),
    ("general-ciphering, static unified", ASYMMETRIC, Reader.reads, STATIC, ["general-ciphering, static"]),
    ("general-signing", ASYMMETRIC, Reader.reads, GENERAL | {"protection": "glo+signing"}, ["general-signing"]),
    ("general-ciphering, signed", ASYMMETRIC, Reader.reads, SIGNED, ["general-signing", IDENTIFIED]),
    ("blocks of a service", ALL, whole_list, {}, [BLOCKS]),
    ("lists", ALL, lists, {}, ["lists"]),
    ("ACCESS", ALL, accesses, {}, ["ACCESS"]),
    ("ACCESS, HDLC", (0,), accesses, HDLC, ["ACCESS"]),
    ("ACCESS, general-ciphering", ALL, accesses, CIPHERING, ["ACCESS", IDENTIFIED]),
    ("ACCESS, signed", ASYMMETRIC, accesses, SIGNED, ["ACCESS", "general-signing"]),
    ("general blocks, window 1", ALL, blocks, {}, ["general blocks"]),
    ("general blocks, window 7", ALL, blocks, {"gbt_window": 7}, ["general blocks"]),
    # Of a larger window it takes the first block and waits for the next without polling, until its time is over.
    ("general blocks, HDLC", (0,), blocks, HDLC, ["general blocks"]),
    ("general blocks, general-ciphering", (1,), blocks, {"gbt_window": 3, **CIPHERING}, ["general blocks"]),
    ("profiles", (0,), profiles, {}, ["profile whole", "profile by entry", "profile by range"]),
    ("profiles, HDLC", (0,), profiles, HDLC, ["profile whole", "profile by entry", "profile by range"]),
    ("client 2 only reads", ALL, reads_only, {}, []),
    ("replays are refused", ALL, refuses_replays, {}, []),
    ("wrong secrets are refused", (0,), refuses_wrong_secrets, {}, []),
    ("key transfer", ALL, transfers_keys, {}, ["keys and certificates"]),
    ("key agreement", ASYMMETRIC, agrees_keys, {}, ["keys and certificates"]),
    ("certificates", ASYMMETRIC, renews_certificates, {}, ["keys and certificates"]),
]


def read(suite, folder, meter):
    """All checks of a suite."""
    # It warns of every header that is authenticated, which is what the standard wants.
    logging.getLogger("pydlms").setLevel(logging.ERROR)
    report = Report("our meter", "pydlms-client")
    reader = Reader(VirtualMeter(meter), suite, folder)
    for what, suites, act, settings, rows in CHECKS:
        if suite in suites:
            rows = rows and [*rows, LINKS[settings.get("transport", "wrapper")]]
            report.attempt(
                f"pydlms, suite {suite}", what, lambda act=act, settings=settings: act(reader, **settings), rows
            )
    return report.close()


def main(arguments):
    """The command line."""
    what, suite, folder, *rest = arguments
    folder = pathlib.Path(folder).resolve()
    if what == "order":
        order(int(suite), folder)
        return 0
    return read(int(suite), folder, rest[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
