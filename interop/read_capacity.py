"""Reads a meter whose profiles, calendars, billing periods and logs are all full with gurux-dlms (PyPI), and compares all of it with a model
of its own.

    .venv/gurux/bin/python interop/read_capacity.py CAPACITY_SERVER [16MB|4MB] [DAYS]

CAPACITY_SERVER is the example of crates/meter that `cargo build --release --example capacity_server` leaves. It fills itself with quarter
hours: three phases import 4 kW each, and four M-Bus devices count in steps of their own. What a row must hold is worked out here, from the
number of its quarter hour.
"""

import os
import sys
import time

import read_logs
import read_tariffs
from capacity_meter import CLIENT, MODULUS, Server, stamp
from checks import Report, expect
from read_gurux import Gurux

PROFILES = ["1-0:99.1.0", "1-0:99.2.0", "1-0:99.1.1", "1-0:99.1.2"] + [f"0-{b}:24.3.0" for b in (1, 2, 3, 4)]


def model(server, profile, number):
    """The row of quarter hour `number`: time, status, eight values."""
    energy = number * server.watt_hours % MODULUS
    third = energy // 3
    if profile < 4:
        values = [energy, energy, third, third, third, energy, 0, 0]
    else:
        channel = profile - 3
        delivered = [number * (value + 1) + 1_000_000 * channel for value in (1, 2, 3, 4)]
        values = delivered + [energy, 0, third, energy]
    return [stamp(server.moment(number)), 0] + values


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


def still_full(server, tariffs):
    """At the end the meter holds all of it at once, after a power failure too."""
    server.command("reboot", 1)
    peer = Gurux(server, "wrapper", CLIENT)
    peer.associate()
    rows = 0
    for name in [*PROFILES, *read_logs.LOGS, read_logs.FAILURES, read_logs.CHANGES]:
        in_use, depth = peer.read(7, name, 7), peer.read(7, name, 8)
        # The short form does not fill the deepest profiles.
        wanted = min(depth, server.rows) if name in PROFILES else depth
        expect(wanted <= in_use <= depth, f"{name}: {in_use} entries in use of {depth}")
        rows += in_use
    periods = peer.read(*read_tariffs.BILLING, 2)
    expect(periods == tariffs.rows[-len(periods):] and 36 <= len(periods), f"{len(periods)} billing periods")
    for at, wanted in enumerate(tariffs.second.attributes()):
        for attribute in (2 + at, 6 + at):
            expect(peer.read(*read_tariffs.CALENDAR, attribute) == wanted, f"attribute {attribute} of the calendar")
    columns = len(peer.read(*read_tariffs.BILLING, 3)), len(peer.read(*read_tariffs.AUTOMATIC_LIST, 3))
    expect(columns == (32, 24), f"billing and display have {columns} columns")
    # The program, the RAM, the memory, the metrology, the watchdog.
    errors = peer.read(1, "0-0:97.97.0", 2)
    expect(errors & 0x1F00 == 0, f"error register {errors:08X}")
    peer.release()
    return f"{rows} rows and entries, {len(periods)} billing periods, 1152 switchings"


def main():
    """All capacities of one meter."""
    program, size, days = sys.argv[1], (sys.argv[2:] or ["4MB"])[0], int((sys.argv[3:] or ["60"])[0])
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    report = Report()
    server = Server(program, size, days)
    where = f"gurux {size}"
    for profile, name in enumerate(PROFILES):
        report.attempt(where, f"{name} is read whole, by range and by entry", lambda at=profile: read_all(server, at))
    tariffs = read_tariffs.run(report, server, where)
    read_logs.run(report, server, where)
    report.attempt(where, "all of it is there at once", lambda: still_full(server, tariffs))
    server.stop()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
