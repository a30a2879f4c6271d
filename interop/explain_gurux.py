#!/usr/bin/env python3
"""The XML form of `ferraris explain` beside that of gurux-dlms' translator (its standard XML), APDU by APDU.

usage: explain_gurux.py PATH/ferraris

The APDUs are the published ones in crates/dlms/vectors and a few more. Where Gurux is known to write something else, the reason
stands in KNOWN, and our form is checked against what is said there.
"""
import re
import subprocess
import sys
from pathlib import Path

from gurux_dlms import GXDLMSTranslator
from gurux_dlms.enums.TranslatorOutputType import TranslatorOutputType

ROOT = Path(__file__).resolve().parent.parent

# Not published, but every form should be seen once.
MORE = {
    "range-selection": "C001C100070100630100FF02010102040204120008 09060000010000FF0F02120000090C07EA0101FF000000FF800000"
    "090C07EA0102FF000000FF8000000100",
    "get-error": "C401C10103",
    "exception": "D80102",
    "service-error": "0E010601",
    "block-acknowledged": "E0850001000100",
    "set-list": "C104C1 02 0003 0100010800FF 02 00 0008 0000010000FF 03 00 02 1101 12FFC4",
    "set-list-response": "C505C1020003",
    "action-list": "C303C1010046000060030AFF01010F00",
    "all-types": "C401C100 02 0E 00 0301 0404A0 05FFFFFFFF 0600000001 0A024142 0F80 10FFFF 1101 120002 14FFFFFFFFFFFFFFFF"
    "150000000000000001 1603 090101",
}

# What Gurux writes otherwise, and why.
KNOWN = {
    "get-list-r": "Gurux leaves out results that are errors",
    "action-r0": "Gurux does not close single-response without return parameters",
    "action-list": "Gurux reads a list of methods as one method",
    "set-list": "Gurux does not translate lists that are set",
    "all-types": "Gurux writes True, as Python does",
}


def vectors():
    for name in ("acse.txt", "xdlms.txt"):
        label = None
        for line in (ROOT / "crates/dlms/vectors" / name).read_text().splitlines():
            field = line.strip().split(" ", 1)
            if line.startswith("  octets "):
                yield label, field[1].strip()
            elif line and not line.startswith(("#", " ")):
                label = line.strip()
    for label, octets in MORE.items():
        yield label, octets.replace(" ", "")


def plain(xml):
    """Without what does not matter: declaration, comments, name space, white space, and the two ways to write an empty element."""
    xml = re.sub(r"<\?xml.*?\?>|<!--.*?-->", "", xml, flags=re.S)
    xml = re.sub(r'\s+xmlns:x="[^"]*"', "", xml)
    xml = re.sub(r">\s+", ">", re.sub(r"\s+<", "<", xml)).strip()
    return re.sub(r"<(x:[\w-]+)></\1>", r"<\1 />", xml)


def main():
    ferraris = sys.argv[1]
    passed = failed = 0
    for label, octets in vectors():
        done = subprocess.run([ferraris, "explain", octets, "--framing", "apdu", "--format", "xml"], capture_output=True, text=True, check=False)
        ours = plain(done.stdout)
        try:
            theirs = plain(GXDLMSTranslator(TranslatorOutputType.STANDARD_XML).pduToXml(octets))
        except Exception as why:  # the peer's own trouble, whatever it is
            theirs = f"{type(why).__name__}: {why}"
        if done.returncode != 0:
            verdict, why = "FAILED", done.stderr.strip()
        elif ours == theirs:
            verdict, why = "ok    ", ""
        elif label in KNOWN:
            verdict, why = "ok    ", f"(differs: {KNOWN[label]})"
        else:
            verdict, why = "FAILED", f"\n  ours   {ours}\n  theirs {theirs}"
        passed += verdict != "FAILED"
        failed += verdict == "FAILED"
        print(f"{verdict} xml {label:24} {why}")
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
