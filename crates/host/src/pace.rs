//! Lets the world run as fast as it is told: real time, sixty times that, as fast as the machine can, or not at all.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::time::Instant;

use base::Micros;

use crate::bench::Bench;
use crate::change::Speed;
use crate::links::Links;

/// The longest stretch for which the pace keeps others from the meter.
const STRETCH: Duration = Duration::from_millis(2);
/// The longest sleep, so that a stop is noticed.
const NAP: Duration = Duration::from_millis(250);
/// A world that is further behind than this much real time gives the rest up.
const FORGIVEN: Duration = Duration::from_secs(1);
/// The achieved speed is measured over this much real time.
const GAUGE: Duration = Duration::from_secs(1);

/// Where the world should be by now.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    speed: Speed,
    since: Instant,
    from: Micros,
}

/// Runs until `stop`, the end of the world's time, or a fault of the meter.
pub(crate) fn run(bench: &Bench, links: &Links, stop: &AtomicBool) {
    bench.be_pacer();
    let mut schedule = None;
    let mut gauge = (Instant::now(), bench.with(|meter| meter.elapsed()));
    let mut life = bench.with(|meter| meter.oldest_life());
    while !stop.load(Ordering::Acquire) {
        let begun = Instant::now();
        let mut meter = bench.hold();
        let plan = Schedule::now(schedule, meter.speed(), meter.elapsed(), begun);
        schedule = Some(plan);
        let goal = plan.goal(begun);
        while meter.elapsed() < goal && !meter.is_over() {
            meter.advance();
            // A scenario may change the pace from within.
            if meter.speed() != plan.speed || bench.is_wanted() || STRETCH < begun.elapsed() {
                break;
            }
        }
        let (seconds, since) = (gauge.0.elapsed(), meter.elapsed() - gauge.1);
        if GAUGE < seconds {
            meter.achieved(since.as_micros() as f64 / 1e6 / seconds.as_secs_f64());
            gauge = (Instant::now(), meter.elapsed());
        }
        let (elapsed, over, oldest_life) = (meter.elapsed(), meter.is_over(), meter.oldest_life());
        bench.let_go(meter);
        // Whoever had a connection to a meter that lost its power has one no more.
        if oldest_life != life {
            links.hang_up_before(oldest_life);
            life = oldest_life;
        }
        if over {
            break;
        }
        if goal <= elapsed {
            std::thread::park_timeout(plan.pause(elapsed).min(NAP));
        }
    }
}

impl Schedule {
    /// The schedule that holds now: a new one when the speed changed or the world is hopelessly late.
    fn now(before: Option<Self>, speed: Speed, elapsed: Micros, now: Instant) -> Self {
        let fresh = Self {
            speed,
            since: now,
            from: elapsed,
        };
        let Some(before) = before.filter(|before| before.speed == speed) else {
            return fresh;
        };
        if elapsed + before.world(FORGIVEN) < before.goal(now) {
            fresh
        } else {
            before
        }
    }

    /// Where the world should be at `now`.
    fn goal(self, now: Instant) -> Micros {
        match self.speed {
            Speed::Max => Micros::MAX,
            Speed::Times(_) => self.from + self.world(now.saturating_duration_since(self.since)),
        }
    }

    /// How far the world moves in so much real time.
    fn world(self, real: Duration) -> Micros {
        match self.speed {
            Speed::Max => Micros::MAX,
            Speed::Times(factor) => micros(real.as_secs_f64() * factor),
        }
    }

    /// How long until the world should go on from `elapsed`.
    fn pause(self, elapsed: Micros) -> Duration {
        match self.speed {
            Speed::Max => Duration::ZERO,
            Speed::Times(0.0) => NAP,
            Speed::Times(factor) => {
                let due = (elapsed - self.from).as_micros() as f64 / 1e6 / factor;
                let due = Duration::try_from_secs_f64(due).unwrap_or(NAP);
                // A little later than exactly then, so that the goal has passed.
                due.saturating_sub(self.since.elapsed()) + Duration::from_micros(50)
            }
        }
    }
}

fn micros(seconds: f64) -> Micros {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "real time since the start times at most 100 000, never negative, fits 64 bits for ages"
    )]
    Micros::new((seconds * 1e6) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Micros = Micros::from_secs(100);

    #[test]
    fn the_goal_follows_the_speed() {
        let since = Instant::now();
        let after = |speed, seconds| {
            let plan = Schedule::now(None, speed, START, since);
            plan.goal(since + Duration::from_secs(seconds))
        };
        assert_eq!(after(Speed::Times(1.0), 2), Micros::from_secs(102));
        assert_eq!(after(Speed::Times(60.0), 2), Micros::from_secs(220));
        assert_eq!(after(Speed::Times(0.0), 2), START);
        assert_eq!(after(Speed::Max, 0), Micros::MAX);
    }

    /// GuruxDLMS.c's meter takes most of a core while nothing happens.
    #[test]
    fn a_world_at_its_goal_sleeps_until_its_next_step() {
        let since = Instant::now();
        let plan = |speed| Schedule::now(None, speed, START, since);
        let step = START + Micros::from_millis(200);
        // Less than the step takes only by what has passed since.
        let pause = plan(Speed::Times(1.0)).pause(step) + since.elapsed();
        assert!(Duration::from_millis(200) <= pause, "{pause:?}");
        let pause = plan(Speed::Times(10.0)).pause(step) + since.elapsed();
        assert!(Duration::from_millis(20) <= pause, "{pause:?}");
        assert_eq!(plan(Speed::Times(0.0)).pause(step), NAP);
        assert_eq!(plan(Speed::Max).pause(step), Duration::ZERO);
    }

    #[test]
    fn a_late_world_gives_up_what_it_cannot_reach() {
        let since = Instant::now();
        let plan = Schedule::now(None, Speed::Times(60.0), START, since);
        let later = since + Duration::from_secs(10);
        let kept = Schedule::now(Some(plan), Speed::Times(60.0), Micros::from_secs(650), later);
        assert_eq!(kept.goal(later), Micros::from_secs(700));
        let forgiven = Schedule::now(Some(plan), Speed::Times(60.0), Micros::from_secs(200), later);
        assert_eq!(forgiven.goal(later), Micros::from_secs(200));
    }

    #[test]
    fn a_new_speed_begins_where_the_world_is() {
        let since = Instant::now();
        let plan = Schedule::now(None, Speed::Times(60.0), START, since);
        let later = since + Duration::from_secs(1);
        let slower = Schedule::now(Some(plan), Speed::Times(1.0), Micros::from_secs(160), later);
        assert_eq!(slower.goal(later + Duration::from_secs(1)), Micros::from_secs(161));
    }
}
