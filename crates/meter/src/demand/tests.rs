//! Demand against energies that are known to the microjoule.

extern crate std;

use std::vec;

use base::{Civil, Instant, Utc};
use cosem::axdr::{Reader, Writer};
use metrology::Tariff;

use super::*;
use crate::clock::Clock;

fn utc(hour: u8, minute: u8, second: u8) -> Utc {
    Civil::new(2026, 7, 1, hour, minute, second)
        .expect("the calendar has it")
        .utc()
}

/// A demand that runs from `begin`, its clock set to UTC.
fn running(begin: Utc, period: u32, number: u16) -> (Demand, Clock) {
    let clock = Clock::new(Instant::START, Some(begin), 0, false);
    let mut demand = Demand::new();
    for which in 0..QUANTITIES.len() {
        demand
            .set_period(which, (period, number), &clock, begin)
            .expect("an allowed period");
    }
    demand.begin(&clock, begin, 0);
    (demand, clock)
}

/// Books `watts` of every quantity second by second from `from` up to `to`.
fn use_power(demand: &mut Demand, clock: &Clock, from: Utc, to: Utc, watts: u64, tariff: Tariff) {
    let mut at = from;
    while at < to {
        at = at.plus(1);
        demand.book(&[watts * MICRO; QUANTITIES.len()]);
        demand.elapse(clock, at, tariff);
    }
}

fn tariff(number: u8) -> Tariff {
    Tariff::new(number).expect("1 to 8")
}

/// M6: the average of a block is its energy over its length, whatever the power did meanwhile, for every allowed length.
#[test]
fn a_block_is_its_energy_over_its_length() {
    for minutes in [1_u8, 5, 10, 15, 30, 60] {
        let (mut demand, clock) = running(utc(10, 0, 0), 60 * u32::from(minutes), 1);
        let half = utc(10, 0, 0).plus(30 * i64::from(minutes));
        let end = utc(10, 0, 0).plus(60 * i64::from(minutes));
        use_power(&mut demand, &clock, utc(10, 0, 0), half, 1_000, tariff(1));
        assert_eq!(demand.average(0).map(Average::current), Some(500), "{minutes} min");
        use_power(&mut demand, &clock, half, end, 3_001, tariff(1));
        let last = demand.average(0).expect("there are seven").last();
        assert_eq!(
            (last.value, last.at(), last.status),
            (2_000, Some(end), 0),
            "{minutes} min"
        ); // 2000.5, towards zero
        assert_eq!(demand.average(0).map(Average::current), Some(0));
    }
}

/// M6: a sliding period is renewed with every step and knows the steps before, which reset forgets.
#[test]
fn a_sliding_period_finds_the_peak_between_the_blocks() {
    let (mut demand, clock) = running(utc(10, 0, 0), 60, 15);
    use_power(&mut demand, &clock, utc(10, 0, 0), utc(10, 7, 0), 0, tariff(1));
    use_power(&mut demand, &clock, utc(10, 7, 0), utc(10, 22, 0), 3_000, tariff(1));
    use_power(&mut demand, &clock, utc(10, 22, 0), utc(11, 0, 0), 0, tariff(1));
    let peak = demand.maximum(0, 0);
    assert_eq!((peak.value, peak.at(), peak.status), (3_000, Some(utc(10, 22, 0)), 0));
    let (mut block, clock) = running(utc(10, 0, 0), 900, 1);
    use_power(&mut block, &clock, utc(10, 0, 0), utc(10, 7, 0), 0, tariff(1));
    use_power(&mut block, &clock, utc(10, 7, 0), utc(10, 22, 0), 3_000, tariff(1));
    use_power(&mut block, &clock, utc(10, 22, 0), utc(11, 0, 0), 0, tariff(1));
    let peak = block.maximum(0, 0);
    assert_eq!((peak.value, peak.at()), (1_600, Some(utc(10, 15, 0)))); // 8 of 15 minutes
}

/// The first averages of a sliding period lack steps and say so.
#[test]
fn a_sliding_period_that_is_not_full_yet_is_flagged() {
    let (mut demand, clock) = running(utc(10, 0, 0), 300, 3);
    let mut statuses = vec![];
    for step in 1..=4 {
        use_power(
            &mut demand,
            &clock,
            utc(10, 5 * (step - 1), 0),
            utc(10, 5 * step, 0),
            900,
            tariff(1),
        );
        let last = demand.average(0).expect("there are seven").last();
        statuses.push((last.value, last.status));
    }
    let flagged = status::DATA_NOT_VALID;
    assert_eq!(statuses, [(300, flagged), (600, flagged), (900, 0), (900, 0)]);
}

/// M6: a maximum belongs to the tariff at the end of its period; a reset adds it to the cumulative register.
#[test]
fn maxima_stand_by_tariff_and_are_cumulated() {
    let (mut demand, clock) = running(utc(10, 0, 0), 900, 1);
    use_power(&mut demand, &clock, utc(10, 0, 0), utc(10, 15, 0), 500, tariff(1));
    use_power(&mut demand, &clock, utc(10, 15, 0), utc(10, 30, 0), 800, tariff(8));
    use_power(&mut demand, &clock, utc(10, 30, 0), utc(10, 45, 0), 800, tariff(8)); // no more than before: the first time stands
    use_power(&mut demand, &clock, utc(10, 45, 0), utc(11, 0, 0), 100, tariff(1));
    for which in 0..QUANTITIES.len() {
        let maxima: [u32; 9] = core::array::from_fn(|rate| demand.maximum(which, rate).value);
        assert_eq!(maxima, [800, 500, 0, 0, 0, 0, 0, 0, 800]);
        assert_eq!(demand.maximum(which, 8).at(), Some(utc(10, 30, 0)));
        assert_eq!(demand.minimum(which).value, 100);
    }
    demand.reset_maxima();
    assert_eq!(demand.maximum(0, 8), Peak::default());
    use_power(&mut demand, &clock, utc(11, 0, 0), utc(11, 15, 0), 300, tariff(8));
    demand.reset_maxima();
    assert_eq!([0, 1, 8].map(|rate| demand.cumulative(3, rate)), [1_100, 500, 1_100]);
}

/// M6: a period that begins inside is short, flagged, and no minimum.
#[test]
fn a_period_that_was_cut_short_is_flagged_and_is_no_minimum() {
    let (mut demand, clock) = running(utc(10, 7, 30), 900, 1);
    use_power(&mut demand, &clock, utc(10, 7, 30), utc(10, 15, 0), 1_000, tariff(1));
    let last = demand.average(0).expect("there are seven").last();
    assert_eq!((last.value, last.status), (500, status::DATA_NOT_VALID));
    assert_eq!(demand.minimum(0), Peak::default());
}

/// T1, M6: setting the clock ends the period with what was measured, and no energy is counted twice or lost.
#[test]
fn setting_the_clock_breaks_a_period_off_and_never_overstates() {
    for to in [utc(10, 22, 0), utc(9, 50, 0), utc(10, 9, 0)] {
        let (mut demand, mut clock) = running(utc(10, 0, 0), 900, 1);
        use_power(&mut demand, &clock, utc(10, 0, 0), utc(10, 7, 30), 1_000, tariff(1));
        let shift = clock.set(Instant::START, to).expect("in range");
        assert!(shift.is_event);
        demand.break_off(&clock, utc(10, 7, 30), to, tariff(1));
        let cut = demand.average(0).expect("there are seven").last();
        assert_eq!(
            (cut.value, cut.status),
            (500, status::CLOCK_ADJUSTED | status::DATA_NOT_VALID)
        );
        let end = clock.next_boundary(to, 900);
        use_power(&mut demand, &clock, to, end, 1_000, tariff(1));
        let rest = demand.average(0).expect("there are seven").last();
        assert_eq!(rest.at(), Some(end));
        assert_eq!(i64::from(rest.value), 1_000 * end.seconds_since(to) / 900);
        assert_ne!(rest.status & status::CLOCK_ADJUSTED, 0);
        use_power(&mut demand, &clock, end, end.plus(900), 1_000, tariff(1));
        assert_eq!(
            demand.average(0).map(|it| (it.last().value, it.last().status)),
            Some((1_000, 0))
        );
    }
}

/// U2, M6: a period goes on over a short cut, and ends with its own stamp after a long one.
#[test]
fn a_period_outlives_a_power_cut() {
    let save = |demand: &Demand| {
        let mut buffer = vec![0; Demand::LENGTH];
        let mut out = Writer::new(&mut buffer);
        demand.save(&mut out).expect("it fits");
        assert_eq!(out.len(), Demand::LENGTH);
        buffer
    };
    let (mut demand, clock) = running(utc(10, 0, 0), 900, 1);
    use_power(&mut demand, &clock, utc(10, 0, 0), utc(10, 20, 0), 900, tariff(2));
    let saved = save(&demand);

    let (mut short, clock) = running(utc(9, 0, 0), 900, 1);
    assert_eq!(short.restore(&mut Reader::new(&saved)), Some(()));
    short.resume(&clock, utc(10, 25, 0), tariff(2));
    use_power(&mut short, &clock, utc(10, 25, 0), utc(10, 30, 0), 900, tariff(2));
    let last = short.average(0).expect("there are seven").last();
    assert_eq!(
        (last.value, last.at(), last.status),
        (600, Some(utc(10, 30, 0)), status::POWER_DOWN)
    );

    let (mut long, clock) = running(utc(9, 0, 0), 900, 1);
    assert_eq!(long.restore(&mut Reader::new(&saved)), Some(()));
    let mut ends = vec![];
    for (average, peaks) in long.averages.iter_mut().zip(&mut long.peaks).take(1) {
        average.marks |= status::POWER_DOWN;
        average.elapse(&clock, utc(15, 7, 0), 0, |peak| {
            ends.push((peak.value, peak.at()));
            peaks.offer(peak, tariff(2));
        });
    }
    assert_eq!(ends[0], (300, Some(utc(10, 30, 0))));
    assert!(
        ends[1..].iter().all(|(value, _)| *value == 0) && ends.len() <= 3,
        "{ends:?}"
    );
    assert_eq!(long.average(0).map(Average::start_time), Some(utc(15, 0, 0)));
    assert_eq!(long.maximum(0, 2).value, 900);

    // too few octets: nothing changed
    let (mut whole, _) = running(utc(9, 0, 0), 900, 1);
    assert_eq!(whole.restore(&mut Reader::new(&saved[..saved.len() - 1])), None);
    assert_eq!(whole.maximum(0, 0), Peak::default());
}

/// A clock that lost its time says nothing of the length of the cut.
#[test]
fn without_the_time_every_period_begins_anew() {
    let (mut demand, _) = running(utc(10, 0, 0), 900, 1);
    demand.book(&[MICRO; QUANTITIES.len()]);
    let lost = Clock::new(Instant::START, None, 0, false);
    demand.resume(&lost, lost.utc(Instant::START), tariff(1));
    let average = demand.average(0).expect("there are seven");
    assert_eq!((average.running, average.start), (0, lost.utc(Instant::START)));
    demand.elapse(&lost, average_due(&demand), tariff(1));
    let status = demand.average(0).map_or(0, |it| it.last().status);
    assert_eq!(
        status,
        status::POWER_DOWN | status::CLOCK_INVALID | status::DATA_NOT_VALID
    );
}

fn average_due(demand: &Demand) -> Utc {
    demand.due().expect("it runs")
}

#[test]
fn only_the_periods_of_the_requirement_are_taken() {
    let (mut demand, clock) = running(utc(10, 0, 0), 900, 1);
    for (period, number, taken) in [
        (60, 15, true),
        (300, 12, true),
        (900, 4, true),
        (3_600, 1, true),
        (3_600, 2, false),
        (60, 16, false),
        (60, 0, false),
        (120, 1, false),
        (0, 1, false),
        (86_400, 1, false),
        (900, 7_000, false),
    ] {
        let before = demand.average(2).map(|it| (it.period(), it.number()));
        let outcome = demand.set_period(2, (period, number), &clock, utc(10, 0, 0));
        assert_eq!(outcome.is_ok(), taken, "{number} x {period}");
        let after = demand.average(2).map(|it| (it.period(), it.number()));
        assert_eq!(before == after, !taken, "{number} x {period}");
    }
}

/// An hour of sixty periods: the sum of the averages is the energy, to the unit, however the power moves.
#[test]
fn the_averages_add_up_to_the_energy() {
    let (mut demand, clock) = running(utc(10, 0, 0), 60, 1);
    let mut seed = 0x5EED_u64;
    let (mut energy, mut averages) = (0_u64, 0_u64);
    for second in 1..=3_600 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let micro = seed >> 24;
        energy += micro;
        demand.book(&[micro; QUANTITIES.len()]);
        demand.elapse(&clock, utc(10, 0, 0).plus(second), tariff(1));
        if second % 60 == 0 {
            averages += 60 * MICRO * u64::from(demand.average(6).map_or(0, |it| it.last().value));
        }
    }
    assert!(
        averages <= energy && energy < averages + 60 * 60 * MICRO,
        "{averages} {energy}"
    );
}
