#!/usr/bin/env python3
"""Writes the sample recordings of this folder and what is true of them, with nothing but Python's standard library.

Each wave is a sum of sines, so powers, rms values, angles and distortion follow from its coefficients in closed form. No code of the meter
takes part, and the expected files do not depend on how the meter chooses its measuring windows: `registers_per_hour` is the energy
that one hour of the wave has, so the energy of a span is that times (to_s - from_s) / 3600.

    python3 samples/generate.py            writes the files beside this script
    python3 samples/generate.py --check    exits with 1 unless they are there as they would be written
"""

import json
import math
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-5  # relative, of every energy and power; rms, angles and distortion as the test says

CHANNELS = ["v1", "v2", "v3", "i1", "i2", "i3", "in"]


class Wave:
    """A sum of sines: a list of (order, rms, phase in degrees)."""

    def __init__(self, parts):
        self.parts = parts

    @classmethod
    def of(cls, rms, angle_deg, harmonics=()):
        """Fundamental and harmonics as (order, percent of the fundamental, phase in degrees of the harmonic at time 0)."""
        return cls([(1, rms, angle_deg)] + [(order, rms * percent / 100, phase) for order, percent, phase in harmonics])

    def at(self, turns):
        return sum(math.sqrt(2) * rms * math.sin(math.tau * order * turns + math.radians(phase)) for order, rms, phase in self.parts)

    def phasors(self):
        sums = {}
        for order, rms, phase in self.parts:
            sums[order] = sums.get(order, 0) + complex(rms * math.cos(math.radians(phase)), rms * math.sin(math.radians(phase)))
        return sums

    def rms(self):
        return math.sqrt(sum(abs(phasor) ** 2 for phasor in self.phasors().values()))

    def thd_percent(self):
        phasors = self.phasors()
        return 100 * math.sqrt(sum(abs(phasor) ** 2 for order, phasor in phasors.items() if order > 1)) / abs(phasors[1])

    def __add__(self, other):
        return Wave(self.parts + other.parts)


class Supply:
    """What is recorded: waves by channel and one frequency."""

    def __init__(self, frequency_hz, waves):
        self.frequency_hz = frequency_hz
        self.waves = {name: waves[name] for name in CHANNELS if name in waves}

    def sets(self, rate_hz, seconds):
        """Sample sets: a list of values in the order of the channels."""
        for n in range(round(rate_hz * seconds)):
            turns = n / rate_hz * self.frequency_hz
            yield [wave.at(turns) for wave in self.waves.values()]

    def expected(self):
        """Quantities and energies per hour in closed form, by OBIS name."""
        registers, quantities = {}, {}
        totals = [0.0, 0.0, 0.0]
        n_phases = 3 if any(name in self.waves for name in ("v2", "v3", "i2", "i3")) else 1
        reference = self.waves["v1"].phasors()[1]
        for phase in range(1, n_phases + 1):
            voltage, current = self.waves.get(f"v{phase}"), self.waves.get(f"i{phase}")
            p = q = s = 0.0
            base = 20 * phase
            if voltage:
                quantities[f"1-0:{base + 12}.7.0"] = (voltage.rms(), "V")
                quantities[f"1-0:{base + 12}.7.124"] = (voltage.thd_percent(), "%")
                behind = math.degrees(cmath_angle(reference) - cmath_angle(voltage.phasors()[1])) % 360
                quantities[f"1-0:81.7.{phase - 1}"] = (behind, "°")
            if current:
                quantities[f"1-0:{base + 11}.7.0"] = (current.rms(), "A")
                quantities[f"1-0:{base + 11}.7.124"] = (current.thd_percent(), "%")
            if voltage and current:
                of_u, of_i = voltage.phasors(), current.phasors()
                p = sum((of_u[order] * of_i[order].conjugate()).real for order in of_u if order in of_i)
                q = (of_u[1] * of_i[1].conjugate()).imag
                s = voltage.rms() * current.rms()
                behind = (math.degrees(cmath_angle(of_u[1]) - cmath_angle(of_i[1])) + 180) % 360 - 180
                quantities[f"1-0:81.7.{(phase - 1) * 10 + phase + 3}"] = (behind, "°")
                quantities[f"1-0:{base + 13}.7.0"] = (p / s, "")
            book(registers, quantities, base, p, q, s)
            totals = [total + part for total, part in zip(totals, (p, q, s))]
        book(registers, quantities, 0, *totals)
        quantities["1-0:13.7.0"] = (totals[0] / totals[2], "")
        quantities["1-0:14.7.0"] = (self.frequency_hz, "Hz")
        if "in" in self.waves:
            quantities["1-0:91.7.0"] = (self.waves["in"].rms(), "A")
        named = lambda values: {name: {"value": value, "unit": unit} for name, (value, unit) in values.items()}
        return {"relative_tolerance": TOLERANCE, "registers_per_hour": named(registers), "quantities": named(quantities)}


def cmath_angle(phasor):
    return math.atan2(phasor.imag, phasor.real)


def book(registers, quantities, base, p, q, s):
    """Energies of an hour, and powers, of one phase or the total by direction and quadrant."""
    quadrant = {(False, False): 1, (True, False): 2, (True, True): 3, (False, True): 4}[(p < 0, q < 0)]
    values = {c: (0.0, unit) for c, unit in zip(range(1, 21), ["W", "W"] + ["var"] * 6 + ["VA"] * 2 + [None] * 4 + ["W"] * 6) if unit}
    values[1 if p >= 0 else 2] = (abs(p), "W")
    values[3 if q >= 0 else 4] = (abs(q), "var")
    values[4 + quadrant] = (abs(q), "var")
    values[9 if p >= 0 else 10] = (s, "VA")
    values[15] = (abs(p), "W")
    values[16] = (p, "W")
    values[16 + quadrant] = (abs(p), "W")
    for c, (value, unit) in values.items():
        registers[f"1-0:{base + c}.8.0"] = (value, unit + "h")
        quantities[f"1-0:{base + c}.7.0"] = (value, unit)


# What is recorded ---------------------------------------------------------------------------------------------------------

VOLTAGE_HARMONICS = [(3, 1.2, 40), (5, 3.5, 200), (7, 2.0, 310), (11, 0.8, 70)]


def household():
    """A flat with a rectifier on L1, a motor on L2 and an inverter feeding back on L3; the neutral carries the sum."""
    currents = [
        Wave.of(6.2, -12, [(3, 62, 170), (5, 35, -20), (7, 14, 150), (9, 6, 0)]),
        Wave.of(9.5, -120 - 38, [(5, 4, 0), (7, 2, 90)]),
        Wave.of(5.4, 120 + 180 + 6, [(5, 2.5, 20), (11, 1.0, 0)]),
    ]
    return Supply(
        50.02,
        {
            "v1": Wave.of(231.4, 0, VOLTAGE_HARMONICS),
            "v2": Wave.of(228.9, -120.3, VOLTAGE_HARMONICS),
            "v3": Wave.of(233.0, 119.8, VOLTAGE_HARMONICS),
            "i1": currents[0],
            "i2": currents[1],
            "i3": currents[2],
            "in": currents[0] + currents[1] + currents[2],
        },
    )


def solar():
    """A single-phase roof on a 60 Hz supply, feeding in, a little capacitive."""
    current = Wave.of(15.6, 180 + 9, [(3, 3, 30), (5, 1.5, 100)])
    return Supply(59.965, {"v1": Wave.of(121.7, 25, [(3, 1.0, 0), (5, 2.2, 180)]), "i1": Wave([(o, r, p + 25 * o) for o, r, p in current.parts])})


def factory():
    """A feeder behind transformers, seen on their secondary side: 100 V / sqrt 3 and 5 A, inductive, unbalanced."""
    harmonics = [(5, 18, 175), (7, 11, -10), (11, 6, 160), (13, 4, 0)]
    volts = 100 / math.sqrt(3)
    waves = {}
    for phase, (u, i, turn, lag) in enumerate([(1.01, 3.9, 0, 31), (0.99, 3.6, -120, 35), (1.0, 4.2, 120, 28)], 1):
        waves[f"v{phase}"] = Wave.of(volts * u, turn, [(5, 1.5, 5 * turn), (7, 1.0, 7 * turn)])
        waves[f"i{phase}"] = Wave.of(i, turn - lag, [(order, percent, angle + order * turn) for order, percent, angle in harmonics])
    return Supply(49.93, waves)


# How it is written --------------------------------------------------------------------------------------------------------


def raw(supply, rate_hz, seconds, volts_per_lsb, amps_per_lsb):
    steps = [volts_per_lsb if name.startswith("v") else amps_per_lsb for name in supply.waves]
    data = b"".join(struct.pack(f"<{len(steps)}i", *(round(v / s) for v, s in zip(values, steps))) for values in supply.sets(rate_hz, seconds))
    sidecar = {"rate_hz": rate_hz, "channels": list(supply.waves), "volts_per_lsb": volts_per_lsb, "amps_per_lsb": amps_per_lsb}
    return data, (json.dumps(sidecar) + "\n").encode()


def csv(supply, rate_hz, seconds):
    lines = ["t," + ",".join(supply.waves)]
    for n, values in enumerate(supply.sets(rate_hz, seconds)):
        lines.append(f"{n / rate_hz:.7f}," + ",".join(f"{value:.5f}" for value in values))
    return ("\n".join(lines) + "\n").encode()


class Comtrade:
    """A COMTRADE recording of IEEE C37.111 in any of its editions and encodings."""

    def __init__(self, supply, rate_hz, seconds, year, encoding, greatest, names=None, ratios=None, n_status=0):
        self.supply, self.rate_hz, self.seconds = supply, rate_hz, seconds
        self.year, self.encoding, self.greatest = year, encoding, greatest
        self.names = names or {}
        self.ratios = ratios or {"V": (1, 1), "A": (1, 1)}
        self.n_status = n_status
        self.n_samples = round(rate_hz * seconds)
        # A step is a round number that holds the peaks with room to spare.
        peaks = {name: math.sqrt(2) * sum(abs(p) for p in wave.phasors().values()) for name, wave in supply.waves.items()}
        self.steps = {name: 1.0 if encoding == "FLOAT32" else float(f"{peak / greatest:.2e}") * 1.05 for name, peak in peaks.items()}

    def cfg(self):
        lines = ["Ferraris samples,generated" + ("" if self.year == 1991 else f",{self.year}")]
        n_analog = len(self.supply.waves)
        lines.append(f"{n_analog + self.n_status},{n_analog}A,{self.n_status}D")
        for number, (name, step) in enumerate(self.steps.items(), 1):
            unit = "V" if name.startswith("v") else "A"
            shown, phase = self.names.get(name, (name, ""))
            line = f"{number},{shown},{phase},,{unit},{step!r},0,0,{-self.greatest},{self.greatest}"
            if self.year != 1991:
                primary, secondary = self.ratios[unit]
                line += f",{primary},{secondary},S"
            lines.append(line)
        for number in range(1, self.n_status + 1):
            lines.append(f"{number},TRIP{number}" + (",0" if self.year == 1991 else ",,,0"))
        lines += [f"{round(self.supply.frequency_hz / 10) * 10}", "1", f"{self.rate_hz},{self.n_samples}"]
        date = "11/22/2026" if self.year == 1991 else "22/11/2026"
        lines += [f"{date},10:00:00.000000"] * 2 + [self.encoding]
        if self.year != 1991:
            lines.append("1")
        if self.year == 2013:
            lines += ["0,0", "B,3"]
        return "\r\n".join(lines) + "\r\n"

    def dat(self):
        status = [0] * self.n_status
        rows = []
        for n, values in enumerate(self.supply.sets(self.rate_hz, self.seconds)):
            stamp = round(n / self.rate_hz * 1e6)
            counts = [value / step for value, step in zip(values, self.steps.values())]
            if self.encoding == "ASCII":
                row = ",".join(str(round(count)) for count in counts)
                rows.append((f"{n + 1},{stamp},{row}" + "".join(f",{bit}" for bit in status) + "\r\n").encode())
                continue
            letter = {"BINARY": "h", "BINARY32": "i", "FLOAT32": "f"}[self.encoding]
            if letter != "f":
                counts = [round(count) for count in counts]
            words = (self.n_status + 15) // 16
            rows.append(struct.pack(f"<II{len(counts)}{letter}{words}H", n + 1, stamp, *counts, *([0] * words)))
        return b"".join(rows)

    def cff(self):
        data = self.dat()
        head = f"--- file type: CFG ---\r\n{self.cfg()}--- file type: INF ---\r\n\r\n--- file type: HDR ---\r\nGenerated.\r\n"
        size = "" if self.encoding == "ASCII" else f": {len(data)}"
        return head.encode() + f"--- file type: DAT {self.encoding}{size} ---\r\n".encode() + data


def files():
    """Everything this folder holds, by name."""
    written = {}

    def expect(stem, supply):
        text = json.dumps(supply.expected(), indent=1, ensure_ascii=False)
        written[stem + ".expected.json"] = (text + "\n").encode()

    written["household.raw"], written["household.raw.json"] = raw(household(), 3200, 3, 5e-5, 3e-6)
    expect("household", household())
    written["solar.csv"] = csv(solar(), 2560, 3)
    expect("solar", solar())

    ascii_1991 = Comtrade(household(), 2400, 2, 1991, "ASCII", 99998, n_status=1)
    written["household_1991.cfg"], written["household_1991.dat"] = ascii_1991.cfg().encode(), ascii_1991.dat()
    expect("household_1991", household())

    names = {f"{q}{k}": (f"{'U' if q == 'v' else 'I'}_{letter}", letter) for q in "vi" for k, letter in zip("123", "ABC")}
    ratios = {"V": (20000, 100), "A": (300, 5)}
    binary_1999 = Comtrade(factory(), 5000, 2, 1999, "BINARY", 32766, names, ratios, n_status=17)
    written["factory_1999.cfg"], written["factory_1999.dat"] = binary_1999.cfg().encode(), binary_1999.dat()
    expect("factory_1999", factory())

    float_2013 = Comtrade(factory(), 3600, 2, 2013, "FLOAT32", 1000, names, ratios)
    written["factory_2013.cfg"], written["factory_2013.dat"] = float_2013.cfg().encode(), float_2013.dat()
    expect("factory_2013", factory())

    binary32_2013 = Comtrade(solar(), 6400, 2, 2013, "BINARY32", 2**31 - 2)
    written["solar_2013.cff"] = binary32_2013.cff()
    expect("solar_2013", solar())
    return written


def main():
    stale = []
    for name, content in files().items():
        path = HERE / name
        if "--check" in sys.argv[1:]:
            if not path.is_file() or path.read_bytes() != content:
                stale.append(name)
        else:
            path.write_bytes(content)
    if stale:
        sys.exit("not as generated: " + ", ".join(stale))


if __name__ == "__main__":
    main()
