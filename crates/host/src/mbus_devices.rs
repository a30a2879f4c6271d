//! The devices on the meter's M-Bus channels in the virtual world: what they show at a moment, without any state of their own.
//!
//! Until the meter has an M-Bus master, the world hands their values over each hour.

use base::Utc;
use meter::mbus::{Reading, Source};

/// What is connected to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Gas in m3.
    Gas,
    /// Cold water in m3.
    Water,
    /// Heat in kWh, and its volume in m3.
    Heat,
}

/// Seconds from 1970 to 2020, when all devices showed nothing.
const ZERO: i64 = 1_577_836_800;
const HOUR: i64 = 3_600;

/// Parts of a day's consumption in each hour, in percent.
const GAS_HOURS: [u32; 24] = [1, 1, 1, 1, 2, 6, 9, 8, 6, 4, 3, 3, 3, 3, 3, 4, 5, 7, 8, 8, 6, 4, 3, 1];
const WATER_HOURS: [u32; 24] = [0, 0, 0, 0, 1, 4, 12, 11, 6, 4, 4, 4, 5, 4, 3, 3, 4, 6, 8, 8, 6, 4, 2, 1];

/// Consumption of a day, by month: gas in 0.01 m3, heat in kWh.
const GAS_DAYS: [u32; 12] = [1_200, 1_100, 900, 500, 250, 120, 100, 100, 200, 500, 900, 1_150];
const HEAT_DAYS: [u32; 12] = [110, 100, 80, 45, 20, 8, 7, 7, 15, 45, 80, 105];
/// Water of a day, in 0.001 m3.
const WATER_DAY: u32 = 380;

/// The devices in the order of their channels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Devices {
    devices: [Option<Device>; 4],
    /// The hour whose values the meter has.
    delivered: Option<i64>,
}

impl Devices {
    pub(crate) const fn new(devices: [Option<Device>; 4]) -> Self {
        Self {
            devices,
            delivered: None,
        }
    }

    /// The meter has lost power: it asks again when it is back.
    pub(crate) const fn forget(&mut self) {
        self.delivered = None;
    }

    /// What is to be handed over at `utc`: once an hour, ten minutes before it is over, and when the meter comes to life.
    pub(crate) fn due(&mut self, utc: Utc) -> Vec<(Source, Reading)> {
        let hour = (utc.unix() - ZERO + HOUR / 6).div_euclid(HOUR);
        if self.devices == [None; 4] || self.delivered == Some(hour) {
            return Vec::new();
        }
        self.delivered = Some(hour);
        let channels = (1..).zip(self.devices);
        let readings = channels.flat_map(|(channel, device)| {
            let values = (1..).zip(device.map(|device| device.values(hour)).unwrap_or_default());
            values.filter_map(move |(value, reading)| Some((Source::new(channel, value)?, reading)))
        });
        readings.collect()
    }
}

impl Device {
    /// What the device shows at the end of hour `hour` since 2020.
    fn values(self, hour: i64) -> Vec<Reading> {
        let reading = |value, scaler, unit| Reading {
            value,
            scaler,
            unit,
            status: 0,
        };
        match self {
            Self::Gas => vec![reading(shown(hour, GAS_DAYS, GAS_HOURS), -2, CUBIC_METRE)],
            Self::Water => vec![reading(shown(hour, [WATER_DAY; 12], WATER_HOURS), -3, CUBIC_METRE)],
            Self::Heat => {
                let energy = shown(hour, HEAT_DAYS, GAS_HOURS);
                // 30 K of difference: 29 kWh a cubic metre.
                vec![reading(energy, 3, WATT_HOUR), reading(energy / 29, 0, CUBIC_METRE)]
            }
        }
    }
}

/// The sum of all days before, and of the hours of this one.
fn shown(hour: i64, days: [u32; 12], hours: [u32; 24]) -> u32 {
    let of_month = |day: i64| -> u64 {
        let month = Utc::from_unix(ZERO + day * 24 * HOUR).civil().month();
        days.get(usize::from(month) - 1).copied().map_or(0, u64::from)
    };
    let (today, now) = (hour.div_euclid(24), hour.rem_euclid(24));
    let before: u64 = (0..today).map(of_month).sum();
    let percent: u32 = hours.iter().take(usize::try_from(now).unwrap_or(0)).sum();
    let shown = before + of_month(today.max(0)) * u64::from(percent) / 100;
    // Meters of eight digits.
    u32::try_from(shown % 100_000_000).unwrap_or(0)
}

const CUBIC_METRE: u8 = 13;
const WATT_HOUR: u8 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_count_on_whatever_the_moment_they_are_asked() {
        assert_eq!(GAS_HOURS.iter().sum::<u32>(), 100);
        assert_eq!(WATER_HOURS.iter().sum::<u32>(), 100);
        let mut before = 0;
        for hour in 50_000..50_100 {
            let now = shown(hour, GAS_DAYS, GAS_HOURS);
            assert!(before <= now);
            before = now;
        }
        assert_eq!(shown(24, GAS_DAYS, GAS_HOURS), 1_200);
    }

    #[test]
    fn values_come_once_an_hour_and_after_power_up() {
        let mut devices = Devices::new([Some(Device::Gas), None, Some(Device::Heat), None]);
        let at = |seconds| Utc::from_unix(ZERO + 100 * HOUR + seconds);
        assert_eq!(devices.due(at(0)).len(), 3);
        assert!(devices.due(at(10)).is_empty());
        assert_eq!(devices.due(at(3_000)).len(), 3);
        assert!(devices.due(at(3_600)).is_empty());
        devices.forget();
        assert_eq!(devices.due(at(3_601)).len(), 3);
        assert!(Devices::default().due(at(0)).is_empty());
    }
}
