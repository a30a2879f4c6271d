"""What every independent client must find in our meter, whatever its language and its transport.

A peer is driven through a small adapter, `Peer`; all that it reads is decoded by the peer's own code. The checks know
neither transport nor library.
"""

import os
import struct
import sys
import time
import traceback
from datetime import datetime, timedelta, timezone

ASSOCIATION = (15, "0-0:40.0.0")
CLOCK = (8, "0-0:1.0.0")
DISCONNECTOR = (70, "0-0:96.3.10")
LOAD_PROFILE = (7, "1-0:99.1.0")
ROWS_WANTED = 8
# Rows of docs/interop.md that several scripts name.
BLOCKS = "blocks of a service"
LINKS = {"wrapper": "wrapper", "hdlc": "HDLC"}

# Units of the Blue Book (class 3, scaler_unit) as the control interface writes them.
UNITS = {
    8: "deg", 9: "°C", 27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh", 32: "varh", 33: "A", 35: "V", 44: "Hz",
    56: "%", 255: "",
}


class Peer:
    """What the checks ask of a client library. Names are OBIS codes like `1-0:1.8.0`; values are plain Python."""

    def associate(self):
        """Connects and associates; raises when the meter refuses."""
        raise NotImplementedError

    def release(self):
        """Releases the association and closes the link."""
        raise NotImplementedError

    def read(self, class_id, name, attribute, selection=None):
        """An attribute. `selection` is `("entries", from, to, first_column, last_column)` or `("range", from, to)`
        with date-times of 12 octets. Raises `Refused` for a data-access-result."""
        raise NotImplementedError

    def read_list(self, wanted):
        """Several attributes, given as `(class, name, attribute)`, in one request."""
        raise NotImplementedError

    def write(self, class_id, name, attribute, kind, value):
        """Sets an attribute; `kind` is `date-time` or `double-long-unsigned`."""
        raise NotImplementedError

    def invoke(self, class_id, name, method):
        """Calls a method with the parameter integer 0."""
        raise NotImplementedError


class Refused(Exception):
    """The meter answered, and the answer is a refusal."""


class Report:
    """A table of checks, printed as it grows, with a closing line that counts them.

    A check may prove a cell of a table in docs/interop.md: `table` and `peer` say which table and which column, `rows`
    of a check which rows. What was proved goes to the file that FERRARIS_CELLS names, and is compared with the tables
    when all scripts have run (crates/xtask/src/interop/matrix.rs)."""

    def __init__(self, table=None, peer=None):
        self.passed = 0
        self.failures = []
        self.column = (table, peer)

    def check(self, where, what, good, detail="", rows=()):
        """One line of the table."""
        self.passed += bool(good)
        if good:
            self.prove(rows)
        if not good:
            self.failures.append((where, what, detail))
        detail = " ".join(detail.split())
        say(f"{'ok    ' if good else 'FAILED'} {where:<28} {what:<46} {detail}")
        return good

    def prove(self, rows):
        """Notes the cells that a check has proved."""
        if rows and "FERRARIS_CELLS" in os.environ:
            table, peer = self.column
            with open(os.environ["FERRARIS_CELLS"], "a", encoding="utf-8") as proved:
                proved.writelines(f"{table} | {row} | {peer}\n" for row in rows)

    def attempt(self, where, what, act, rows=()):
        """A check that may raise; its detail is what it returns."""
        try:
            detail = act()
        except Exception as why:  # Whatever a foreign library raises is a failure of the check, not of this script.
            if "VERBOSE" in os.environ:
                traceback.print_exc()
            return self.check(where, what, False, f"{type(why).__name__}: {why}")
        return self.check(where, what, True, "" if detail is None else str(detail), rows)

    def close(self):
        """The closing line; the exit code of the script."""
        say(f"\n{self.passed} passed, {len(self.failures)} failed")
        return 1 if self.failures else 0


def say(line):
    """The table goes to the real standard output; a peer that prints there is sent elsewhere."""
    print(line, file=sys.__stdout__, flush=True)


def expect(condition, otherwise):
    """Ends a check that does not find what it should."""
    if not condition:
        raise AssertionError(otherwise)


def short(report, where, peer, rows=()):
    """A sealed association on a meter of another suite: single values, the object list in blocks, a refusal."""

    def act():
        peer.associate()
        name = peer.read(1, "0-0:42.0.0", 2)
        expect(len(name) == 16, f"a logical device name of {len(name)} octets")
        scaler_unit = peer.read(3, "1-0:1.8.0", 3)
        expect(list(scaler_unit) == [0, 30], f"scaler and unit {scaler_unit}")
        objects = peer.read(*ASSOCIATION, 2)
        expect(300 < len(objects), f"only {len(objects)} objects")
        try:
            peer.read(3, "1-0:250.250.250", 2)
            raise AssertionError("an object that is not there was read")
        except Refused:
            pass
        peer.release()
        return f"{len(objects)} objects"

    report.attempt(where, "a sealed association", act, rows)


def prepare(meter, management):
    """Lets the meter live until its load profile has rows, then stops the world so that all clients see the same.

    `management` is an associated peer that may shorten the capture period, which keeps the wait short.
    """
    management.associate()
    try:
        management.write(*LOAD_PROFILE, 4, "double-long-unsigned", 60)
    except Refused as refusal:
        say(f"the capture period stays as it is ({refusal})")
    begun = entries(management)
    meter.speed("max")
    end = time.monotonic() + 120
    while entries(management) < begun + ROWS_WANTED and time.monotonic() < end:
        time.sleep(0.2)
    meter.speed(0)
    time.sleep(0.5)
    count = entries(management)
    management.release()
    say(f"the load profile has {count} rows; the world stands still")
    return count


def entries(peer):
    """entries_in_use of the load profile."""
    return peer.read(*LOAD_PROFILE, 7)


class Association:
    """All checks over one association. `rows` says which rows of docs/interop.md it proves beside those of its services."""

    def __init__(self, report, meter, where, peer, rows=()):
        self.report = report
        self.meter = meter
        self.where = where
        self.peer = peer
        self.rows = [*rows]
        self.objects = []
        self.values = {}

    def check(self, what, act, rows=()):
        """One check of this association."""
        return self.report.attempt(self.where, what, act, rows)

    def run(self, is_management):
        """Reads everything, compares it, and releases."""
        if not self.check("associates", self.peer.associate):
            return
        if self.check("reads the object list", lambda: self.read_objects(is_management), [BLOCKS] if is_management else []):
            self.check("reads every readable attribute", self.read_attributes, self.rows)
            self.check("is refused what it may not read", self.read_forbidden)
            self.check("finds what is not there missing", self.read_missing)
            self.check("reads several attributes at once", self.read_several, ["lists"])
            self.check("reads the values that the meter shows", lambda: self.compare_values(is_management))
            if any((class_id, name) == LOAD_PROFILE for class_id, name, _, _ in self.objects):
                self.check("reads the load profile", self.read_profile, ["profile whole"])
                self.check("reads it by entry", self.read_by_entry, ["profile by entry"])
                self.check("reads it by range", self.read_by_range, ["profile by range"])
            elif is_management:
                self.report.check(self.where, "reads the load profile", False, "no load profile in the object list")
        self.check("releases", self.peer.release)

    def read_objects(self, is_management):
        """The object list, as `(class, name, {attribute: mode}, {method: mode})`."""
        listed = self.peer.read(*ASSOCIATION, 2)
        # The rights are written in the form of the association's version.
        version = next(entry[1] for entry in listed if (entry[0], obis(entry[2])) == ASSOCIATION)
        for class_id, _, name, rights in listed:
            attributes = {right[0]: is_readable(right[1], version) for right in rights[0]}
            methods = {right[0]: right[1] for right in rights[1]}
            self.objects.append((class_id, obis(name), attributes, methods))
        names = {(class_id, name) for class_id, name, _, _ in self.objects}
        expect(len(names) == len(self.objects), "an object is listed twice")
        expect(not is_management or len(names) >= 100, f"only {len(names)} objects")
        return f"{len(names)} objects"

    def read_attributes(self):
        """Every attribute that the rights call readable, 0 failures."""
        failures = []
        for class_id, name, attributes, _ in self.objects:
            for attribute, readable in attributes.items():
                if not readable:
                    continue
                try:
                    self.values[class_id, name, attribute] = self.peer.read(class_id, name, attribute)
                except Exception as why:  # A foreign library raises what it likes.
                    failures.append(f"{class_id} {name} {attribute}: {type(why).__name__} {why}")
                else:
                    if attribute == 1 and obis(self.values[class_id, name, 1]) != name:
                        failures.append(f"{class_id} {name} calls itself {self.values[class_id, name, 1]}")
        expect(self.values or failures, "nothing is readable")
        expect(not failures, f"{len(failures)} of {len(failures) + len(self.values)}: " + "; ".join(failures[:8]))
        notes = getattr(self.peer, "notes", None)
        return f"{len(self.values)} attributes" + (f"; {notes()}" if notes else "")

    def read_forbidden(self):
        """Attributes without the right to read are refused."""
        refused = 0
        for class_id, name, attributes, _ in self.objects:
            for attribute, readable in attributes.items():
                if readable:
                    continue
                try:
                    value = self.peer.read(class_id, name, attribute)
                except Refused:
                    refused += 1
                else:
                    raise AssertionError(f"{class_id} {name} {attribute} gave {value}")
        return f"{refused} refusals"

    def read_missing(self):
        """An object, an attribute and a class that are not there."""
        for class_id, name, attribute in [(3, "1-0:250.250.250", 2), (*CLOCK, 99), (3, CLOCK[1], 2)]:
            try:
                value = self.peer.read(class_id, name, attribute)
            except Refused:
                continue
            raise AssertionError(f"{class_id} {name} {attribute} gave {value}")

    def read_several(self):
        """GET with list, against the same attributes read one by one."""
        wanted = [key for key, value in self.values.items() if key[2] in (1, 2, 3) and key[0] in (1, 3, 15, 64, 70)]
        wanted = [key for key in wanted if len(repr(self.values[key])) < 60][:8]
        expect(len(wanted) > 4, f"only {wanted} to read")
        values = self.peer.read_list(wanted)
        expected = [self.values[key] for key in wanted]
        expect(values == expected, f"{values} instead of {expected}")
        return f"{len(wanted)} attributes"

    def compare_values(self, is_management):
        """Registers and quantities against the control interface, while the world stands still."""
        state = self.meter.state()
        shown = {**state["registers"], **state["quantities"]}
        listed = {name: class_id for class_id, name, _, _ in self.objects if class_id in (3, 4)}
        compared, wrong = 0, []
        for name, reading in shown.items():
            if name not in listed:
                if is_management:
                    wrong.append(f"{name} has no object")
                continue
            key = (listed[name], name)
            if (*key, 2) not in self.values or (*key, 3) not in self.values:
                continue
            scaler, unit = self.values[*key, 3]
            value = self.values[*key, 2] * 10.0**scaler
            # Half a step of the object's own resolution, since the interface may show more digits; and the float's own.
            if abs(value - reading["value"]) > 0.5 * 10.0**scaler + 1e-9 * abs(value):
                wrong.append(f"{name} is {value}, shown as {reading['value']}")
            elif unit in UNITS and reading["unit"] not in (UNITS[unit], "1" if unit == 255 else UNITS[unit]):
                wrong.append(f"{name} is in {UNITS[unit]}, shown in {reading['unit']}")
            compared += 1
        expect(not wrong, f"{len(wrong)} of {compared}: " + "; ".join(wrong[:8]))
        expect(compared > 0 or not is_management, "nothing to compare")
        return f"{compared} values"

    def read_profile(self):
        """The whole buffer: as many rows as the meter says, each with a time, in order."""
        self.profile = self.peer.read(*LOAD_PROFILE, 2)
        columns = self.peer.read(*LOAD_PROFILE, 3)
        count = entries(self.peer)
        expect(len(self.profile) == count, f"{len(self.profile)} rows, entries_in_use is {count}")
        expect(count >= ROWS_WANTED, f"only {count} rows")
        expect(all(len(row) == len(columns) for row in self.profile), "a row has not one value for each column")
        expect((columns[0][0], obis(columns[0][1])) == CLOCK, "the first column is not the clock")
        times = [moment(row[0]) for row in self.profile]
        expect(times == sorted(times), f"the rows are not in order of time: {times}")
        expect(len(set(times)) == len(times), "a time is there twice")
        return f"{len(self.profile)} rows of {len(columns)} columns"

    def read_by_entry(self):
        """Entries count from 1; 0 means up to the last; columns likewise."""
        count, width = len(self.profile), len(self.profile[0])
        for first, last, left, right in [
            (1, 1, 1, 0), (1, 0, 1, 0), (2, 5, 1, 0), (count, count, 1, 0), (3, count, 1, 0), (count - 1, 0, 1, 0),
            (1, 4, 1, 1), (2, 6, 2, width), (1, 0, width, width),
        ]:
            rows = self.peer.read(*LOAD_PROFILE, 2, ("entries", first, last, left, right))
            wanted = [row[left - 1:right or width] for row in self.profile[first - 1:last or count]]
            expect(rows == wanted, f"entries {first} to {last}, columns {left} to {right}: {rows} instead of {wanted}")
        beyond = self.peer.read(*LOAD_PROFILE, 2, ("entries", count + 1, count + 5, 1, 0))
        expect(beyond == [], f"entries beyond the last: {beyond}")
        return "9 selections"

    def read_by_range(self):
        """Both ends of a range belong to it."""
        count = len(self.profile)
        times = [row[0] for row in self.profile]
        for first, last in [(0, 0), (0, count - 1), (2, 5), (count - 3, count - 1)]:
            rows = self.peer.read(*LOAD_PROFILE, 2, ("range", times[first], times[last]))
            wanted = self.profile[first:last + 1]
            expect(rows == wanted, f"rows {first} to {last}: {len(rows)} instead of {len(wanted)}: {rows}")
        # Between rows, before the first and after the last.
        shifted = [octets(moment(time) + timedelta(seconds=1), time) for time in times]
        rows = self.peer.read(*LOAD_PROFILE, 2, ("range", shifted[1], shifted[4]))
        expect(rows == self.profile[2:5], f"a range between rows gave {len(rows)} rows instead of 3")
        rows = self.peer.read(*LOAD_PROFILE, 2, ("range", shifted[-1], octets(moment(times[-1]) + timedelta(days=9), times[-1])))
        expect(rows == [], f"a range after the last row gave {rows}")
        return "6 ranges"


def control(report, meter, where, peer):
    """What changes the meter: the disconnector and the clock. The world runs at its own pace again."""
    if not report.attempt(where, "associates", peer.associate):
        return
    report.attempt(where, "disconnects and reconnects", lambda: switch(meter, peer))
    report.attempt(where, "sets the clock", lambda: set_clock(peer))
    report.attempt(where, "releases", peer.release)


def switch(meter, peer):
    """Class 70: the load really stops and starts again."""
    def current(state):
        return sum(abs(state["quantities"][name]["value"]) for name in ("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0"))

    meter.put("/api/v1/world/load", {"phases": [{"amps": 5, "angle_deg": 0, "harmonics": []}] * 3})
    meter.speed(20)
    before = meter.wait(lambda state: current(state) > 1, 20)
    expect(current(before) > 1, "there is no load to disconnect")
    peer.invoke(*DISCONNECTOR, 1)
    expect(peer.read(*DISCONNECTOR, 2) is False, "output_state is not false after remote_disconnect")
    expect(peer.read(*DISCONNECTOR, 3) == 0, "control_state is not 0 (disconnected) after remote_disconnect")
    off = meter.wait(lambda state: current(state) < 0.01, 20)
    expect(current(off) < 0.01, f"the load goes on: {current(off)} A")
    expect(off["disconnector"]["output_state"] is False, "the control interface shows it connected")
    mode = peer.read(*DISCONNECTOR, 4)
    expect(mode in (2, 4), f"control_mode {mode} cannot be reconnected remotely in one step")
    peer.invoke(*DISCONNECTOR, 2)
    expect(peer.read(*DISCONNECTOR, 2) is True, "output_state is not true after remote_reconnect")
    expect(peer.read(*DISCONNECTOR, 3) == 1, "control_state is not 1 (connected) after remote_reconnect")
    on = meter.wait(lambda state: current(state) > 1, 20)
    expect(current(on) > 1, "the load does not come back")
    meter.speed(0)
    time.sleep(0.3)
    return f"{current(before):.1f} A, {current(off):.1f} A, {current(on):.1f} A"


def set_clock(peer):
    """A new time is taken as it is; the world stands still, so it can be read back."""
    now = peer.read(*CLOCK, 2)
    wanted = octets(moment(now) + timedelta(seconds=3600), now)
    peer.write(*CLOCK, 2, "date-time", wanted)
    read = peer.read(*CLOCK, 2)
    expect(abs(moment(read) - moment(wanted)) <= timedelta(seconds=1), f"{read.hex()} instead of {wanted.hex()}")
    peer.write(*CLOCK, 2, "date-time", now)
    read = peer.read(*CLOCK, 2)
    expect(abs(moment(read) - moment(now)) <= timedelta(seconds=1), f"{read.hex()} instead of {now.hex()}")
    return f"an hour on, and back to {moment(now):%Y-%m-%d %H:%M:%S}Z"


def refuses(report, where, what, peer):
    """An association with a wrong secret must not come about."""
    try:
        peer.associate()
    except Exception as why:  # How the refusal looks is the library's choice.
        # A meter that is gone or silent has refused nothing.
        answered = not isinstance(why, OSError)
        report.check(where, what, answered, f"{type(why).__name__}: {why}"[:80])
        try:
            peer.abandon()
        except OSError:
            pass
        return
    report.check(where, what, False, "the association was accepted")
    peer.release()


# ----------------------------------------------------------------------------------------------------------------------


def is_readable(mode, version):
    """Association LN up to version 2 lists an enumeration, version 3 a set of bits (Blue Book, class 15)."""
    return mode in (1, 3, 4, 6) if version < 3 else bool(mode & 1)


def obis(octets_of_name):
    """`1-0:1.8.0`, with the last group only when it is not 255."""
    a, b, c, d, e, f = octets_of_name
    return f"{a}-{b}:{c}.{d}.{e}" + ("" if f == 255 else f".{f}")


def name_octets(name):
    """The six octets of an OBIS code written as `obis` writes it."""
    media, rest = name.split("-")
    channel, rest = rest.split(":")
    groups = [int(part) for part in rest.split(".")]
    return bytes([int(media), int(channel), *groups, *([255] if len(groups) == 3 else [])])


def moment(date_time):
    """A COSEM date-time of 12 octets as an instant; its deviation is from local time to UTC (Blue Book 4.1.6.1)."""
    year, month, day, _, hour, minute, second, hundredths, deviation, _ = struct.unpack(">HBBBBBBBhB", date_time)
    expect(deviation != -0x8000, f"{date_time.hex()} does not say its deviation")
    local = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    if hundredths != 0xFF:
        local += timedelta(milliseconds=10 * hundredths)
    return local + timedelta(minutes=deviation)


def octets(instant, like):
    """The instant as 12 octets, with the deviation and status of another date-time."""
    deviation, status = struct.unpack(">hB", like[9:])
    local = instant - timedelta(minutes=deviation)
    return struct.pack(
        ">HBBBBBBBhB", local.year, local.month, local.day, local.isoweekday(), local.hour, local.minute, local.second,
        local.microsecond // 10_000, deviation, status,
    )
