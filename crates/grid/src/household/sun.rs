//! The sun over the roof: its height by day and hour, and clouds by seed.

use core::f64::consts::PI;

use crate::chance;
use crate::daytime::DayTime;

/// The sun on the roof as a share of its full strength, 0 to 1, for a house at 50 degrees north.
pub(crate) fn irradiance(seed: u64, now: DayTime) -> f64 {
    let height = height(now);
    if height <= 0.0 {
        return 0.0;
    }
    // Haurwitz' clear sky, 1098 W/m2 in the zenith, on a roof that gains a little by its tilt.
    let clear = 1.1 * height * libm::exp(-0.057 / height);
    (clear * sky(seed, now)).min(1.0)
}

/// Sine of the sun's height above the horizon.
fn height(now: DayTime) -> f64 {
    let latitude = 50.0 * PI / 180.0;
    let year = libm::fmod(now.day() as f64, 365.2425) / 365.2425;
    let tilt = -0.4091 * libm::cos(2.0 * PI * (year + 10.0 / 365.2425));
    let hour = 2.0 * PI * (f64::from(now.second()) / 86_400.0 - 0.5);
    libm::sin(latitude) * libm::sin(tilt) + libm::cos(latitude) * libm::cos(tilt) * libm::cos(hour)
}

/// What the clouds let through, 0.2 to 1: the weather of the hours, and single clouds of minutes under a broken sky.
fn sky(seed: u64, now: DayTime) -> f64 {
    let weather = smooth(seed, WEATHER, now, 10_800);
    let cloud = smooth(seed, CLOUD, now, 300);
    let cover = (1.6 * weather - 0.3 + 0.8 * (cloud - 0.5)).clamp(0.0, 1.0);
    1.0 - 0.8 * cover
}

/// Chance that moves smoothly from knot to knot, `period` seconds apart (a divisor of the day), 0 to 1.
fn smooth(seed: u64, purpose: u64, now: DayTime, period: u32) -> f64 {
    let knot = now
        .day()
        .cast_unsigned()
        .wrapping_mul(u64::from(86_400 / period))
        .wrapping_add(u64::from(now.second() / period));
    let way = f64::from(now.second() % period) / f64::from(period);
    let eased = way * way * (3.0 - 2.0 * way);
    let from = chance::share(seed, purpose, knot);
    let to = chance::share(seed, purpose, knot.wrapping_add(1));
    from + (to - from) * eased
}

const WEATHER: u64 = 101;

const CLOUD: u64 = 102;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, hour: i64) -> DayTime {
        DayTime::from_local_seconds(day * 86_400 + hour * 3600)
    }

    /// 2026-06-21 and 2026-12-21 as days since 1970.
    const SUMMER: i64 = 20_625;
    const WINTER: i64 = 20_808;

    #[test]
    fn the_sun_is_high_at_noon_in_summer_low_in_winter_and_gone_at_night() {
        assert!((height(at(SUMMER, 12)) - libm::sin(63.4 * PI / 180.0)).abs() < 0.01);
        assert!((height(at(WINTER, 12)) - libm::sin(16.6 * PI / 180.0)).abs() < 0.01);
        for day in [SUMMER, WINTER] {
            assert_eq!(irradiance(1, at(day, 0)), 0.0);
        }
    }

    #[test]
    fn irradiance_is_a_share_and_differs_by_seed() {
        let mut differ = false;
        for hour in 0..24 {
            let one = irradiance(1, at(SUMMER, hour));
            assert!((0.0..=1.0).contains(&one));
            differ |= one != irradiance(2, at(SUMMER, hour));
        }
        assert!(differ);
    }

    #[test]
    fn clouds_pass_without_jumps() {
        let mut now = at(SUMMER, 9);
        let mut last = irradiance(3, now);
        for _ in 0..20_000 {
            now = now.next_second();
            let next = irradiance(3, now);
            assert!((next - last).abs() < 0.02);
            last = next;
        }
    }
}
