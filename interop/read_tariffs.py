"""Sets a meter's tariffs, demands, billing and display to all that they hold with gurux-dlms (PyPI), lets it live for more than 36 billing
periods, and compares all that it says with a model of its own.

    .venv/gurux/bin/python interop/read_tariffs.py CAPACITY_SERVER [16MB|4MB] [DAYS]

`read_capacity.py` does the same with the meter whose profiles are full.
"""

import os
import sys
from datetime import timedelta

from gurux_dlms import GXByteBuffer, GXDLMSClient
from gurux_dlms.enums import DataType
from gurux_dlms.internal._GXCommon import _GXCommon
from gurux_dlms.objects.GXDLMSObjectDefinition import GXDLMSObjectDefinition
from gurux_dlms.objects import (
    GXDLMSActivityCalendar, GXDLMSCaptureObject, GXDLMSDayProfile, GXDLMSDayProfileAction,
    GXDLMSProfileGeneric, GXDLMSRegisterActivation, GXDLMSSeasonProfile, GXDLMSSpecialDay,
    GXDLMSSpecialDaysTable, GXDLMSWeekProfile,
)

from capacity_meter import CLIENT, MODULUS, Server, stamp
from checks import Refused, Report, expect, name_octets
from read_gurux import Gurux

CALENDAR = (20, "0-0:13.0.0")
SPECIAL = (11, "0-0:11.0.0")
SCRIPTS = name_octets("0-0:10.0.100")
ACTIVATIONS = ["0-0:14.0.1", "0-0:14.0.2"]
BILLING = (7, "0-0:98.1.0")
SCHEDULE = (22, "0-0:15.0.0")
AUTOMATIC_LIST = (7, "0-0:21.0.1")
STANDARD_LOG = (7, "0-0:99.98.0")
NEVER = bytes([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0x00, 0xFF])
OTHER_REASON = 250
TEMPORARY_FAILURE = 2
RATES = range(9)
# Demand periods and their number, by group C; the first stays a block of a quarter hour, which the model follows.
DEMANDS = {1: (900, 1), 2: (60, 15), 3: (300, 12), 4: (600, 6), 9: (1800, 2), 10: (3600, 1), 15: (900, 4)}
DAYS = 41


class Calendar:
    """A full calendar: 8 seasons, 8 weeks, 24 day types of 48 switchings. Which tariffs and times, that is a matter of its seed."""

    def __init__(self, seed, today):
        self.name = f"FULL {seed}"
        self.days = {day: [self.switching(seed, day, at) for at in range(48)] for day in range(1, 25)}
        self.weeks = {f"WEEK {week}": [1 + (7 * week + at + seed) % 24 for at in range(7)] for week in range(8)}
        starts = [today + timedelta(days=1 + 5 * season) for season in range(8)]
        self.seasons = [
            (f"SEASON{number}", (start.month, start.day), f"WEEK {(3 * number + seed) % 8}")
            for number, start in enumerate(starts)
        ]

    @staticmethod
    def switching(seed, day, at):
        """A second of the day and a script. Times lie on quarter hours, which the energies of the model do too; 0 goes on as before."""
        quarter = 2 * at + (at * day + seed) % 2 * (at != 0)
        script = 1 + (at * (1 + day % 5) + day + seed) % 8
        return 900 * quarter, 0 if at % 11 == 10 else script

    def day_type(self, special, moment):
        """The day type that holds on the date of a moment."""
        for _, (year, month, day), day_type in special:
            if (month, day) == (moment.month, moment.day) and year in (None, moment.year):
                return day_type
        # The season that began last, this year or the year before.
        began = [
            ((moment.year - ((month, day) > (moment.month, moment.day)), month, day), week)
            for _, (month, day), week in self.seasons
        ]
        return self.weeks[max(began)[1]][moment.weekday()]

    def tariff(self, special, moment):
        """The tariff that holds at a moment."""
        second = 3600 * moment.hour + 60 * moment.minute + moment.second
        past = [script for at, script in self.days[self.day_type(special, moment)] if at <= second and script]
        return past[-1]

    def attributes(self):
        """Attributes 2 to 5, or 6 to 9, as they are read."""
        return [
            self.name.encode(),
            [[name.encode(), bytes(season_start(*start)), week.encode()] for name, start, week in self.seasons],
            [[name.encode(), *days] for name, days in self.weeks.items()],
            [[day, [[time(at), SCRIPTS, script] for at, script in switchings]] for day, switchings in self.days.items()],
        ]

    def gurux(self):
        """The calendar as Gurux' own object."""
        it = GXDLMSActivityCalendar("0.0.13.0.0.255")
        it.calendarNamePassive = self.name
        it.seasonProfilePassive = [
            season(name, season_start(*start), week) for name, start, week in self.seasons
        ]
        it.weekProfileTablePassive = [week(name, days) for name, days in self.weeks.items()]
        it.dayProfileTablePassive = [day(number, switchings) for number, switchings in self.days.items()]
        return it


def season_start(month, day_of_month):
    """Midnight of a day of each year."""
    return bytes([0xFF, 0xFF, month, day_of_month, 0xFF, 0, 0, 0, 0, 0x80, 0, 0xFF])


def time(second):
    """A time of the day in 4 octets."""
    return bytes([second // 3600, second // 60 % 60, second % 60, 0])


def season(name, start, of_week):
    """A season of Gurux' calendar."""
    it = GXDLMSSeasonProfile()
    it.name, it.start, it.weekName = name.encode(), start, of_week.encode()
    return it


def week(name, days):
    """A week of Gurux' calendar."""
    it = GXDLMSWeekProfile()
    it.name = name.encode()
    it.monday, it.tuesday, it.wednesday, it.thursday, it.friday, it.saturday, it.sunday = days
    return it


def day(number, switchings):
    """A day type of Gurux' calendar."""
    it = GXDLMSDayProfile()
    it.dayId, it.daySchedules = number, []
    for at, script in switchings:
        action = GXDLMSDayProfileAction()
        action.startTime, action.scriptLogicalName, action.scriptSelector = time(at), "0.0.10.0.100.255", script
        it.daySchedules.append(action)
    return it


def special_days(days):
    """A table of special days as Gurux' own object."""
    it = GXDLMSSpecialDaysTable("0.0.11.0.0.255")
    for number, date, day_type in days:
        entry = GXDLMSSpecialDay()
        entry.index, entry.date, entry.dayId = number, special_date(*date), day_type
        it.entries.append(entry)
    return it


def special_date(year, month, day_of_month):
    """A date of 5 octets, of each year when there is none."""
    return (year or 0xFFFF).to_bytes(2, "big") + bytes([month, day_of_month, 0xFF])


def dotted(name):
    """A name as Gurux writes it."""
    return ".".join(str(octet) for octet in name_octets(name))


def capture_list(name, columns):
    """A list of columns or display entries as Gurux' own object."""
    it = GXDLMSProfileGeneric(dotted(name))
    for class_id, of_object, attribute in columns:
        item = GXDLMSClient.createObject(class_id)
        item.logicalName = dotted(of_object)
        it.captureObjects.append((item, GXDLMSCaptureObject(attribute, 0)))
    return it


def encoded(kind, *items):
    """An array or a structure of values given as `(type, value)`."""
    out = GXByteBuffer()
    out.setUInt8(kind)
    out.setUInt8(len(items))
    for item_kind, item in items:
        if item_kind in (DataType.ARRAY, DataType.STRUCTURE):
            out.set(item)
        else:
            _GXCommon.setData(None, out, item_kind, item)
    return out.array()


class Tariffs:
    """The peer, the meter, and what the model knows."""

    def __init__(self, server):
        self.server = server
        self.peer = Gurux(server, "wrapper", CLIENT)
        today = server.moment(server.rows)
        self.first, self.second = Calendar(0, today), Calendar(1, today)
        # Some of each year, some of one; the first of two on a date counts.
        dates = [today + timedelta(days=3 * at) for at in range(30)]
        self.special = [
            (at, (None if at % 3 == 0 else date.year, date.month, date.day), 1 + 5 * at % 24)
            for at, date in enumerate(dates)
        ]
        self.special.append((30, self.special[1][1], 24))
        self.switch_over = today + timedelta(days=20, hours=12, minutes=15)
        self.columns = (
            [(8, "0-0:1.0.0", 2), (1, "0-0:96.10.8", 2)]
            + [(3, f"1-0:1.8.{rate}", 2) for rate in RATES]
            + [(4, f"1-0:1.6.{rate}", 2) for rate in RATES]
            + [(4, "1-0:1.6.0", 5)]
            + [(3, f"1-0:1.2.{rate}", 2) for rate in RATES]
            + [(3, "1-0:15.8.0", 2), (3, "1-0:2.8.0", 2)]
        )
        self.rows = []

    def set(self, what, attribute, kind, value):
        """Writes an attribute; while the flash prepares for it the meter asks for patience."""
        patient(lambda: self.peer.write(*what, attribute, kind, value))

    def refused(self, act, result=OTHER_REASON):
        """Something that the meter must refuse so."""
        try:
            act() if result == TEMPORARY_FAILURE else patient(act)
        except Refused as refusal:
            expect(refusal.result == result, f"refused with {refusal.result} instead of {result}")
            return 1
        raise AssertionError("it was not refused")

    def write_calendar(self, calendar):
        """All parts of the passive calendar, read back one by one."""
        target = calendar.gurux()
        for attribute in (9, 8, 7, 6):
            patient(lambda attribute=attribute: self.peer.write_object(target, attribute))
        self.same(6, calendar)

    def same(self, first, calendar):
        """The active calendar (from attribute 2) or the passive one (from 6), exactly."""
        for attribute, wanted in enumerate(calendar.attributes(), first):
            read = self.peer.read(*CALENDAR, attribute)
            expect(read == wanted, f"attribute {attribute}: {str(read)[:200]} instead of {str(wanted)[:200]}")

    def fill_calendar(self):
        """The whole calendar, activated by method, then another one that waits for its time."""
        self.peer.associate()
        self.write_calendar(self.first)
        table = special_days(self.special)
        patient(lambda: self.peer.write_object(table, 2))
        wanted = [[at, special_date(*date), day_type] for at, date, day_type in self.special]
        read = self.peer.read(*SPECIAL, 2)
        expect(read == wanted, f"special days {read} instead of {wanted}")
        patient(lambda: self.peer.invoke(*CALENDAR, 1))
        self.same(2, self.first)
        self.write_calendar(self.second)
        self.set(CALENDAR, 10, "date-time", stamp(self.switch_over))
        read = self.peer.read(*CALENDAR, 10)
        expect(read == stamp(self.switch_over), f"activation {read.hex()}")
        self.same(2, self.first)
        switchings = sum(len(day) for day in self.first.days.values())
        return f"8 seasons, 8 weeks, 24 day types, {switchings} switchings, {len(self.special)} special days, twice"

    def refuse_calendars(self):
        """What is no calendar leaves both as they are."""
        refusals = 0

        def refuse(attribute, **parts):
            nonlocal refusals
            target = self.second.gurux()
            for name, value in parts.items():
                setattr(target, name, value)
            refusals += self.refused(lambda: self.peer.write_object(target, attribute))
            self.same(2, self.first)
            self.same(6, self.second)

        switchings = self.second.days[1]
        unsorted = [*switchings[:5], switchings[6], switchings[5], *switchings[7:]]
        double = [*switchings[:6], *switchings[5:47]]
        others = self.second.gurux().dayProfileTablePassive[1:]
        for wrong in (unsorted, double, switchings[1:], [*switchings, (86_340, 1)], [(0, 9)], []):
            refuse(9, dayProfileTablePassive=[day(1, wrong), *others])
        refuse(9, dayProfileTablePassive=[*self.second.gurux().dayProfileTablePassive, day(99, switchings)])
        refuse(9, dayProfileTablePassive=[others[0], *others])
        refuse(8, weekProfileTablePassive=[*self.second.gurux().weekProfileTablePassive, week("WEEK 9", [1] * 7)])
        seasons = self.second.gurux().seasonProfilePassive
        refuse(7, seasonProfilePassive=[*seasons, season("NINTH", season_start(12, 24), "WEEK 1")])
        refuse(7, seasonProfilePassive=[season("NEVER", season_start(2, 30), "WEEK 1")])
        # Two of the same start, with different names.
        refuse(7, seasonProfilePassive=[*seasons[:6], season("AGAIN", seasons[0].start, "WEEK 1")])
        for table in ([*self.special, (31, (None, 12, 24), 1)], [(0, (None, 12, 24), 99)]):
            refusals += self.refused(lambda table=table: self.peer.write_object(special_days(table), 2))
        read = self.peer.read(*SPECIAL, 2)
        expect(len(read) == 31 and read[30][2] == 24, f"special days {read}")
        return f"{refusals} refusals"

    def refuse_contradiction(self):
        """A passive calendar with a week of unknown days is written as it is, but never becomes active; an event says so."""
        target = self.first.gurux()
        target.weekProfileTablePassive = [week(name, [1, 2, 3, 99, 4, 5, 6]) for name in self.first.weeks]
        for attribute in (9, 8, 7):
            patient(lambda attribute=attribute: self.peer.write_object(target, attribute))
        before = self.count_events(200)
        self.refused(lambda: self.peer.invoke(*CALENDAR, 1))
        self.same(2, self.second)
        said = self.count_events(200)
        expect(said == before + 1, f"event 200 came {said - before} times")
        # By time neither.
        self.set(CALENDAR, 10, "date-time", stamp(self.server.command("live", 0)[0] + timedelta(seconds=5)))
        self.server.command("live", 96)
        self.rows[1:] = self.model(DAYS + 1)
        said = self.count_events(200)
        expect(said == before + 2, f"event 200 came {said - before - 1} times by time")
        self.same(2, self.second)
        expect(self.peer.read(*CALENDAR, 10) == NEVER, "the time is tried again")
        # The meter is left with full calendars.
        self.write_calendar(self.second)

    def count_events(self, code):
        """How often the standard log has a code."""
        return sum(row[1] == code for row in self.peer.read(*STANDARD_LOG, 2))

    def activate_registers(self):
        """Class 6: assignments and masks of all tariffs; a mask that is set by hand holds, a ninth is refused."""
        for name, (class_id, d) in zip(ACTIVATIONS, ((3, 8), (4, 6))):
            assigned = self.peer.read(6, name, 2)
            wanted = [[class_id, name_octets(f"1-0:{c}.{d}.{e}")] for c in (1, 2, 3, 4) for e in range(1, 9)]
            expect(assigned == wanted, f"{name}: assigned {assigned}")
            masks = self.peer.read(6, name, 3)
            wanted = [[bytes([e]), [8 * at + e for at in range(4)]] for e in range(1, 9)]
            expect(masks == wanted, f"{name}: masks {masks}")
            was = self.peer.read(6, name, 4)
            for tariff in range(1, 9):
                self.set((6, name), 4, "octet-string", bytes([tariff]))
                expect(self.peer.read(6, name, 4) == bytes([tariff]), f"{name}: mask {tariff} is not active")
                shown = self.peer.read(1, "0-0:96.14.0" if d == 8 else "0-0:96.14.1", 2)
                expect(shown == f"000{tariff}".encode(), f"tariff {tariff} is shown as {shown}")
            self.refused(lambda name=name: self.set((6, name), 4, "octet-string", b"\x09"))
            expect(self.peer.read(6, name, 4) == b"\x08", f"{name}: the ninth mask changed something")
            self.set((6, name), 4, "octet-string", was)
            self.assign_registers(name, class_id, d, was)
        return "8 masks of 4 registers, twice; written in another order, extended, refused, written back"

    def assign_registers(self, name, class_id, d, active):
        """Other registers in other places, by both attributes and all methods; what is wrong changes nothing."""
        activation = GXDLMSRegisterActivation(dotted(name))

        def assigned(*registers):
            activation.registerAssignment = []
            for c, e in registers:
                item = GXDLMSObjectDefinition()
                item.objectType = class_id
                item.logicalName = f"1.0.{c}.{d}.{e}.255"
                activation.registerAssignment.append(item)
            return [[class_id, name_octets(f"1-0:{c}.{d}.{e}")] for c, e in registers]

        def write(attribute):
            patient(lambda: self.peer.write_object(activation, attribute))

        def method(requests):
            patient(lambda: self.peer.answer(requests()))

        own = active[0]
        before = [self.peer.read(6, name, attribute) for attribute in (2, 3)]
        factory = [(c, e) for c in (1, 2, 3, 4) for e in range(1, 9)]
        other = [(c, e) for e in range(8, 0, -1) for c in (15, 10, 9, 1)]
        assigned(*other)
        self.refused(lambda: write(2))
        expect(self.peer.read(6, name, 2) == before[0], f"{name}: half of an assignment was taken over")
        activation.maskList = [(active, [own])]
        write(3)
        wanted = assigned(*other[:-1] if own != 1 else other[1:])
        write(2)
        expect(self.peer.read(6, name, 2) == wanted, f"{name}: another assignment is not there")
        register = self.peer.client.createObject(class_id)
        register.logicalName = f"1.0.4.{d}.1.255"
        method(lambda: activation.addRegister(self.peer.client, register))
        self.refused(lambda: method(lambda: activation.addRegister(self.peer.client, register)))
        mask = bytes([own % 8 + 1])
        places = [at for at, (_, e) in enumerate(other[:-1] if own != 1 else other[1:], 1) if e == mask[0]]
        method(lambda: activation.addMask(self.peer.client, mask, places))
        expect([mask, places] in self.peer.read(6, name, 3), f"{name}: the new mask is not there")
        self.refused(lambda: method(lambda: activation.removeMask(self.peer.client, active)))
        method(lambda: activation.removeMask(self.peer.client, mask))
        assigned(*factory)
        write(2)
        activation.maskList = [(bytes([e]), [8 * at + e for at in range(4)]) for e in range(1, 9)]
        write(3)
        after = [self.peer.read(6, name, attribute) for attribute in (2, 3)]
        expect(after == before, f"{name}: {after} instead of {before}")

    def set_demands(self):
        """Class 5: a period and a number of periods for each energy."""
        for c, (period, number) in DEMANDS.items():
            what = (5, f"1-0:{c}.4.0")
            # A number that fits the period before need not fit the new one.
            self.set(what, 9, "long-unsigned", 1)
            self.set(what, 8, "double-long-unsigned", period)
            self.set(what, 9, "long-unsigned", number)
        what = (5, "1-0:15.4.0")
        for attribute, kind, value in ((8, "double-long-unsigned", 120), (9, "long-unsigned", 5), (9, "long-unsigned", 0)):
            self.refused(lambda it=(attribute, kind, value): self.set(what, *it))
        for c, wanted in DEMANDS.items():
            read = tuple(self.peer.read(5, f"1-0:{c}.4.0", attribute) for attribute in (8, 9))
            expect(read == wanted, f"1-0:{c}.4.0 has {read} instead of {wanted}")
        return f"{len(DEMANDS)} energies"

    def set_billing(self):
        """32 columns, a period that ends each midnight; 33 columns and a schedule of no script are refused."""
        columns = [[class_id, name_octets(name), attribute, 0] for class_id, name, attribute in self.columns]
        expect(len(columns) == 32, f"{len(columns)} columns")
        patient(lambda: self.peer.write_object(capture_list(BILLING[1], self.columns), 3))
        for wrong in (
            [*self.columns, (3, "1-0:3.8.0", 2)], [*self.columns[:31], self.columns[0]],
            [*self.columns[:31], (3, "1-0:250.8.0", 2)],
        ):
            self.refused(lambda wrong=wrong: self.peer.write_object(capture_list(BILLING[1], wrong), 3))
        read = self.peer.read(*BILLING, 3)
        expect(read == columns, f"columns {read}")
        script = name_octets("0-0:10.0.1")

        def set_script(selector):
            pair = encoded(DataType.STRUCTURE, (DataType.OCTET_STRING, script), (DataType.UINT16, selector))
            self.set(SCHEDULE, 2, "structure", pair)

        set_script(1)
        self.refused(lambda: set_script(3))
        expect(self.peer.read(*SCHEDULE, 2) == [script, 1], "another script")
        midnight = (bytes([0, 0, 0, 0]), bytes([0xFF] * 5))
        self.set(SCHEDULE, 4, "array", times(midnight))
        # A schedule of type 1 has one time; no day has 24:00.
        self.refused(lambda: self.set(SCHEDULE, 4, "array", times(midnight, midnight)))
        self.refused(lambda: self.set(SCHEDULE, 4, "array", times((bytes([24, 0, 0, 0]), midnight[1]))))
        expect(self.peer.read(*SCHEDULE, 4) == [list(midnight)], "another time")
        # A new list clears; a close by hand begins all maxima anew.
        self.peer.invoke(*BILLING, 2)
        self.refused(lambda: self.peer.invoke(*BILLING, 2), TEMPORARY_FAILURE)
        self.rows = [self.peer.read(*BILLING, 2)[-1]]
        number = self.server.rows
        energy = number * self.server.watt_hours % MODULUS
        expect(self.rows[0][2:5] == [energy, energy, 0], f"the row before the calendar is {self.rows[0]}")
        return f"32 columns, {self.peer.read(*BILLING, 8)} rows at most"

    def set_display(self):
        """A list of 24 entries; one more, and the same twice, is refused."""
        entries = [(3, f"1-0:{c}.8.{e}", 2) for c in (1, 2, 3) for e in range(8)]
        patient(lambda: self.peer.write_object(capture_list(AUTOMATIC_LIST[1], entries), 3))
        for wrong in ([*entries, (3, "1-0:4.8.0", 2)], [*entries[:23], entries[0]], [(7, "1-0:99.1.0", 2)], []):
            self.refused(lambda wrong=wrong: self.peer.write_object(capture_list(AUTOMATIC_LIST[1], wrong), 3))
        read = self.peer.read(*AUTOMATIC_LIST, 3)
        expect(read == [[c, name_octets(name), a, 0] for c, name, a in entries], f"{read}")
        row = self.peer.read(*AUTOMATIC_LIST, 2)
        shown = [self.peer.read(*entry) for entry in entries]
        expect(row == [shown], f"{row} instead of {shown}")
        return f"{len(entries)} entries"

    def model(self, periods):
        """The rows of so many days, from the row before them."""
        server, before = self.server, self.rows[0]
        energies, cumulated = before[2:11], [sum(pair) for pair in zip(before[21:30], before[11:20])]
        rows, number = [], server.rows
        for _ in range(periods):
            maxima, at = [0] * 9, NEVER
            for number in range(number + 1, number + 97):
                begin = server.moment(number - 1)
                calendar = self.first if begin < self.switch_over else self.second
                tariff = calendar.tariff(self.special, begin)
                step = 1 + number % 19
                for rate in (0, tariff):
                    energies[rate] = (energies[rate] + 300 * step) % MODULUS
                if maxima[0] < 1200 * step:
                    at = stamp(server.moment(number))
                for rate in (0, tariff):
                    maxima[rate] = max(maxima[rate], 1200 * step)
            end = stamp(server.moment(number))
            rows.append([end, 0, *energies, *maxima, at, *cumulated, energies[0], 0])
            cumulated = [sum(pair) for pair in zip(cumulated, maxima)]
        return rows

    def live(self):
        """More than 36 periods, and what the registers say after them."""
        self.server.command("live", 96 * DAYS)
        wanted = self.model(DAYS)
        self.same(2, self.second)
        self.same(6, self.second)
        expect(self.peer.read(*CALENDAR, 10) == NEVER, "the calendar is to become active again")
        last = wanted[-1]
        read = [self.peer.read(3, f"1-0:1.8.{rate}", 2) for rate in RATES]
        expect(read == last[2:11], f"registers {read} instead of {last[2:11]}")
        expect(0 not in last[2:11], f"a tariff was never active: {last[2:11]}")
        self.rows += wanted
        return f"{DAYS} days, 8 tariffs of 2 calendars"

    def read_billing(self):
        """The rows whole, by range, by entry and by column; and the rules that hold in each of them."""
        in_use, depth = self.peer.read(*BILLING, 7), self.peer.read(*BILLING, 8)
        expect(36 <= depth, f"{depth} periods")
        expect(in_use == min(depth, len(self.rows)), f"{in_use} entries in use of {depth}, {len(self.rows)} periods")
        kept = self.rows[-in_use:]
        rows = self.peer.read(*BILLING, 2)
        expect(len(rows) == len(kept), f"{len(rows)} rows instead of {len(kept)}")
        for number, (row, wanted) in enumerate(zip(rows, kept)):
            expect(row == wanted, f"period {number}: {differences(row, wanted)}")
            expect(sum(row[3:11]) % MODULUS == row[2], f"period {number}: tariffs add up to {sum(row[3:11])}")
            expect(max(row[12:20]) == row[11], f"period {number}: maxima {row[11:20]}")
        part = self.peer.read(*BILLING, 2, ("range", kept[-30][0], kept[-11][0]))
        expect(part == kept[-30:-10], f"{len(part)} rows by range")
        part = self.peer.read(*BILLING, 2, ("entries", 3, 30, 1, 0))
        expect(part == kept[2:30], f"{len(part)} rows by entry")
        part = self.peer.read(*BILLING, 2, ("entries", 5, 0, 3, 11))
        expect(part == [row[2:11] for row in kept[4:]], f"{len(part)} rows by column")
        closed = self.peer.read(1, "1-0:0.1.2", 2)
        expect(closed == kept[-1][0], f"closed at {closed.hex()}")
        available = self.peer.read(1, "1-0:0.1.1", 2)
        expect(available == in_use, f"{available} periods available")
        return f"{in_use} rows of 32 columns"


def differences(row, wanted):
    """Where a row is not what it should be."""
    return [(at + 1, read, should) for at, (read, should) in enumerate(zip(row, wanted)) if read != should]


def times(*pairs):
    """Execution times of a schedule."""
    entries = [encoded(DataType.STRUCTURE, *((DataType.OCTET_STRING, part) for part in pair)) for pair in pairs]
    return encoded(DataType.ARRAY, *((DataType.STRUCTURE, entry) for entry in entries))


def patient(act):
    """Does it again while the flash prepares for it, which the meter says by a temporary failure."""
    for _ in range(500):
        try:
            return act()
        except Refused as refusal:
            if refusal.result != TEMPORARY_FAILURE:
                raise
            last = refusal
    raise last


def run(report, server, where):
    """Everything, in its order, with the meter that has lived until its profiles are full."""
    tariffs = Tariffs(server)
    for what, act in (
        ("a full calendar is written, read, activated", tariffs.fill_calendar),
        ("calendars that are none are refused", tariffs.refuse_calendars),
        ("register activations", tariffs.activate_registers),
        ("demand periods", tariffs.set_demands),
        ("billing with 32 columns, each day", tariffs.set_billing),
        ("a display list of 24 entries", tariffs.set_display),
        ("periods of 8 tariffs, the calendar changes", tariffs.live),
        ("all billing periods are read", tariffs.read_billing),
        ("a contradiction never becomes active", tariffs.refuse_contradiction),
    ):
        report.attempt(where, what, act)
    report.attempt(where, "releases", tariffs.peer.release)
    return tariffs


def main():
    """A meter of its own."""
    program, size, days = sys.argv[1], (sys.argv[2:] or ["4MB"])[0], int((sys.argv[3:] or ["1"])[0])
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    report = Report()
    server = Server(program, size, days)
    run(report, server, f"gurux {size}")
    server.stop()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
