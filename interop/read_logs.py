"""Fills every log of a meter beyond what it holds, reads them with gurux-dlms (PyPI) whole, by range and by entry, and compares each entry
with a model of its own. `read_capacity.py` and a command of the meter (`capacity_server`) see to the meter.
"""

from datetime import timedelta

from capacity_meter import CLIENT, stamp
from checks import expect, name_octets
from read_gurux import Gurux
from read_tariffs import patient

# Two codes that the meter writes in turn, once a second in all logs; the fewest entries that a log must hold.
LOGS = {
    "0-0:99.98.0": ((20, 17), 500),
    "0-0:99.98.1": ((91, 46), 200),
    "0-0:99.98.2": ((61, 60), 500),
    "0-0:99.98.4": ((93, 92), 500),
    "0-0:99.98.5": ((150, 140), 500),
    "0-0:99.98.9": ((48, 223), 500),
    "0-1:99.98.3": ((105, 104), 500),
    "0-2:99.98.3": ((115, 114), 500),
    "0-3:99.98.3": ((125, 124), 500),
    "0-4:99.98.3": ((135, 134), 500),
}
CONNECTIONS = name_octets("0-0:96.12.1")
FAILURES = "1-0:99.97.0"
THRESHOLD = (3, "0-0:96.7.20")
CHANGES = "0-0:99.98.128"
LOCK_OUT = (3, "1-0:0.9.12")
CLOCK = (8, "0-0:1.0.0")
# So many more than a log holds.
BEYOND = 40


class Logs:
    """The peer and the meter."""

    def __init__(self, server):
        self.server = server
        self.peer = Gurux(server, "wrapper", CLIENT)
        self.begin = None
        self.count = 0

    def fill(self):
        """So many seconds that the deepest log has wrapped."""
        self.peer.associate()
        depths = {name: self.peer.read(7, name, 8) for name in LOGS}
        for name, (_, least) in LOGS.items():
            expect(least <= depths[name], f"{name} holds {depths[name]} entries")
        self.count = max(depths.values()) + BEYOND
        self.begin, end = self.server.command("logs", self.count)
        expect(end - self.begin == timedelta(seconds=self.count), f"{end - self.begin} for {self.count} seconds")
        return ", ".join(f"{depth}" for depth in depths.values()) + " entries"

    def read(self, name):
        """One log: clock, code, and whatever else it notes, which was done by nobody."""
        columns = [column[1] for column in self.peer.read(7, name, 3)]
        expect(len(columns) >= 2, f"columns {columns}")
        more = [self.peer.read(1, "0-0:96.12.1", 2) if column == CONNECTIONS else 0 for column in columns[2:]]
        codes, _ = LOGS[name]
        seconds = range(self.count - self.peer.read(7, name, 8), self.count)
        wanted = [[stamp(self.begin + timedelta(seconds=at)), codes[at % 2], *more] for at in seconds]
        return self.compare(name, wanted)

    def compare(self, name, wanted):
        """The buffer whole, by range and by entry."""
        in_use, depth = self.peer.read(7, name, 7), self.peer.read(7, name, 8)
        expect(in_use == depth == len(wanted), f"{in_use} entries in use of {depth}, {len(wanted)} expected")
        rows = self.peer.read(7, name, 2)
        expect(len(rows) == len(wanted), f"{len(rows)} entries, {len(wanted)} expected")
        for number, (row, should) in enumerate(zip(rows, wanted)):
            expect(row == should, f"entry {number}: {row} instead of {should}")
        third = len(wanted) // 3
        part = self.peer.read(7, name, 2, ("range", wanted[third][0], wanted[2 * third][0]))
        expect(part == wanted[third:2 * third + 1], f"{len(part)} entries by range")
        part = self.peer.read(7, name, 2, ("entries", third + 1, 2 * third, 1, 0))
        expect(part == wanted[third:2 * third], f"{len(part)} entries by number")
        part = self.peer.read(7, name, 2, ("entries", len(wanted) - 9, 0, 2, 2))
        expect(part == [row[1:2] for row in wanted[-10:]], f"the last codes are {part}")
        return f"{len(rows)} entries of {len(rows[0])} columns"

    def read_failures(self):
        """The log of long power failures, of L1 for a second and for two in turn."""
        depth = self.peer.read(7, FAILURES, 8)
        expect(500 <= depth, f"{depth} entries")
        patient(lambda: self.peer.write(*THRESHOLD, 2, "long-unsigned", 1))
        count = depth + BEYOND
        at, _ = self.server.command("failures", count)
        wanted = []
        for number in range(count):
            seconds = 1 + number % 2
            at += timedelta(seconds=seconds)
            wanted.append([stamp(at), seconds])
            at += timedelta(seconds=1)
        return self.compare(FAILURES, wanted[-depth:])

    def read_changes(self):
        """The log of parameter changes: who, what, old and new digest of each SET."""
        depth = self.peer.read(7, CHANGES, 8)
        expect(500 <= depth, f"{depth} entries")
        count = depth + BEYOND
        value = self.peer.read(*LOCK_OUT, 2)
        wanted = []
        before = self.peer.read(*CLOCK, 2)
        for number in range(count):
            old, value = value, 100 + number % 3_000
            patient(lambda: self.peer.write(*LOCK_OUT, 2, "long-unsigned", value))
            wanted.append([1, [3, name_octets(LOCK_OUT[1]), 2], digest(old), digest(value)])
        after = self.peer.read(*CLOCK, 2)
        rows = self.peer.read(7, CHANGES, 2)
        expect(len(rows) == depth, f"{len(rows)} entries of {depth}")
        for number, (row, should) in enumerate(zip(rows, wanted[-depth:])):
            expect(row[1:] == should, f"entry {number}: {row[1:]} instead of {should}")
        # Without hundredths, which a row does not have.
        moments = [before[:8], *(row[0][:8] for row in rows), after[:8]]
        expect(moments == sorted(moments), "the times do not rise")
        return f"{len(rows)} entries of {len(rows[0])} columns"

    def run(self, report, where):
        """All logs, one after the other."""
        report.attempt(where, "every log is filled at once", self.fill)
        for name in LOGS:
            report.attempt(where, f"{name} is read whole, by range and by entry", lambda name=name: self.read(name))
        report.attempt(where, f"{FAILURES} is read whole, by range and by entry", self.read_failures)
        report.attempt(where, f"{CHANGES} is read whole", self.read_changes)
        report.attempt(where, "releases", self.peer.release)


def digest(value):
    """FNV-1a in 32 bits over a long-unsigned in A-XDR."""
    hashed = 0x811C9DC5
    for octet in b"\x12" + value.to_bytes(2, "big"):
        hashed = (hashed ^ octet) * 0x01000193 & 0xFFFFFFFF
    return hashed


def run(report, server, where):
    """All logs of a meter."""
    Logs(server).run(report, where)
