"""Reads a meter whose eight profiles are full with gurux-dlms (PyPI), and compares every row with a model of its own.

    .venv/gurux/bin/python interop/read_capacity.py CAPACITY_SERVER [16MB|4MB] [DAYS]

CAPACITY_SERVER is the example of crates/meter that `cargo build --release --example capacity_server` leaves. It fills itself with quarter
hours: three phases import 4 kW each, and four M-Bus devices count in steps of their own. What a row must hold is worked out here, from the
number of its quarter hour.
"""

import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

from checks import Report, expect
from read_gurux import Gurux

PROFILES = ["1-0:99.1.0", "1-0:99.2.0", "1-0:99.1.1", "1-0:99.1.2"] + [f"0-{b}:24.3.0" for b in (1, 2, 3, 4)]
CLIENT = {"client": 1, "authentication": "lls", "password": "12345678"}


class Server:
    """The filled meter as a process."""

    def __init__(self, program, size, days):
        self.process = subprocess.Popen(
            [program, size, str(days)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        said = json.loads(self.process.stdout.readline())
        host, port = said["wrapper"].rsplit(":", 1)
        self.wrapper = (host, int(port))
        self.start = datetime.fromtimestamp(said["start"], timezone.utc)
        self.rows = said["rows"]
        self.depths = said["depths"]
        self.quarter = timedelta(seconds=said["quarter_s"])
        self.watt_hours = said["wh_a_quarter"]

    def stop(self):
        """Ends the process by the end of its input."""
        self.process.stdin.close()
        self.process.wait(10)


def model(server, profile, number):
    """The row of quarter hour `number`: time, status, eight values."""
    stamp = server.start + number * server.quarter
    energy = number * server.watt_hours % 1_000_000_000
    third = energy // 3
    if profile < 4:
        values = [energy, energy, third, third, third, energy, 0, 0]
    else:
        channel = profile - 3
        delivered = [number * (value + 1) + 1_000_000 * channel for value in (1, 2, 3, 4)]
        values = delivered + [energy, 0, third, energy]
    time_octets = stamp.year.to_bytes(2, "big") + bytes(
        [stamp.month, stamp.day, stamp.isoweekday(), stamp.hour, stamp.minute, stamp.second, 0, 0, 0, 0]
    )
    return [time_octets, 0] + values


def read_all(server, profile):
    """One profile, whole, and by range and by entry in its middle."""
    peer = Gurux(server, "wrapper", CLIENT)
    peer.associate()
    name = PROFILES[profile]
    columns = peer.read(7, name, 3)
    in_use, depth = peer.read(7, name, 7), peer.read(7, name, 8)
    expect(len(columns) == 10, f"{len(columns)} columns")
    expect(depth == server.depths[profile], f"profile_entries {depth}, {server.depths[profile]} expected")
    expect(in_use == min(depth, server.rows), f"{in_use} entries in use of {depth}")
    first = server.rows + 1 - in_use
    begun = time.monotonic()
    compare(server, profile, first, peer.read(7, name, 2), in_use)
    seconds = time.monotonic() - begun
    third = in_use // 3
    part = peer.read(7, name, 2, ("entries", third, third + 99, 1, 0))
    compare(server, profile, first + third - 1, part, 100)
    ends = [model(server, profile, first + at)[0] for at in (third, third + 99)]
    compare(server, profile, first + third, peer.read(7, name, 2, ("range", *ends)), 100)
    peer.release()
    return f"{in_use} rows of 10 columns, {in_use / seconds:.0f} rows/s"


def compare(server, profile, first, rows, count):
    """Row by row with the model."""
    expect(len(rows) == count, f"{len(rows)} rows, {count} expected")
    for number, row in enumerate(rows, first):
        wanted = model(server, profile, number)
        expect(row == wanted, f"quarter hour {number}: {row} instead of {wanted}")


def main():
    """All profiles of one meter."""
    program, size, days = sys.argv[1], (sys.argv[2:] or ["4MB"])[0], int((sys.argv[3:] or ["60"])[0])
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    report = Report()
    server = Server(program, size, days)
    for profile, name in enumerate(PROFILES):
        report.attempt(f"gurux {size}", f"{name} is read whole, by range and by entry", lambda at=profile: read_all(server, at))
    server.stop()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
