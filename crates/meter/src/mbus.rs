//! What the devices on the four M-Bus channels delivered: the values that M-Bus profiles capture (L1). The master that reads them comes
//! later; until then they come in as [`Input::MBus`](crate::Input::MBus).

use base::Utc;
use cosem::axdr::{Full, Reader, Writer};

/// M-Bus channels.
pub const N_CHANNELS: usize = 4;
/// Values of a channel (0-b:24.2.1 to 0-b:24.2.4).
pub const N_VALUES: usize = 4;

/// One value of a device, as its telegram gives it: the quantity is `value` x 10^`scaler` in the unit with this code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The number.
    pub value: u32,
    /// The power of ten.
    pub scaler: i8,
    /// Code of the unit (IEC 62056-6-2): 13 m3, 14 corrected m3, 30 Wh, 9 degrees Celsius ...; 0 while nothing came.
    pub unit: u8,
    /// Status octet of the telegram (EN 13757-3).
    pub status: u8,
}

/// Where a reading comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    channel: u8,
    value: u8,
}

/// A value and when it was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The value.
    pub reading: Reading,
    /// When it came, in seconds since 1970; 0 while nothing came.
    at: u32,
}

/// All channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    values: [[Delivered; N_VALUES]; N_CHANNELS],
    /// Channels that delivered something since their profile last looked, a bit each.
    fresh: u8,
}

impl Source {
    /// Value 1 to 4 of channel 1 to 4.
    #[must_use]
    pub fn new(channel: u8, value: u8) -> Option<Self> {
        let exists = (1..=4).contains(&channel) && (1..=4).contains(&value);
        exists.then_some(Self { channel, value })
    }

    /// The channel, 1 to 4.
    #[must_use]
    pub const fn channel(self) -> u8 {
        self.channel
    }
}

impl Delivered {
    /// When it came; none while nothing came.
    #[must_use]
    pub fn at(self) -> Option<Utc> {
        (self.at != 0).then(|| Utc::from_unix(i64::from(self.at)))
    }
}

impl Channels {
    /// Takes a reading at `utc`; true when it is the first of its channel ever.
    pub fn take(&mut self, source: Source, reading: Reading, utc: Utc) -> bool {
        let is_new = !self.is_installed(source.channel);
        let values = self.values.get_mut(usize::from(source.channel - 1));
        if let Some(place) = values.and_then(|values| values.get_mut(usize::from(source.value - 1))) {
            *place = Delivered {
                reading,
                at: u32::try_from(utc.unix()).unwrap_or(u32::MAX).max(1),
            };
            self.fresh |= 1 << (source.channel - 1);
        }
        is_new
    }

    /// A value of a channel, both from 1.
    #[must_use]
    pub fn value(&self, channel: u8, value: u8) -> Delivered {
        let at = |number: u8| usize::from(number).wrapping_sub(1);
        let values = self.values.get(at(channel));
        values
            .and_then(|values| values.get(at(value)))
            .copied()
            .unwrap_or_default()
    }

    /// Whether a device ever delivered something on a channel, from 1.
    #[must_use]
    pub fn is_installed(&self, channel: u8) -> bool {
        (1..=4).any(|value| self.value(channel, value).at != 0)
    }

    /// Whether a channel, from 1, delivered something since the last call.
    pub fn take_fresh(&mut self, channel: u8) -> bool {
        let bit = 1_u8.checked_shl(u32::from(channel).wrapping_sub(1)).unwrap_or(0);
        let was = self.fresh & bit != 0;
        self.fresh &= !bit;
        was
    }

    /// Octets that [`Channels::save`] makes.
    pub const OCTETS: usize = N_CHANNELS * N_VALUES * 11;

    /// Appends all values.
    ///
    /// # Errors
    /// When `out` is full.
    pub fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        for Delivered { reading, at } in self.values.iter().flatten() {
            out.put(&reading.value.to_be_bytes())?;
            out.put(&[reading.scaler.cast_unsigned(), reading.unit, reading.status])?;
            out.put(&at.to_be_bytes())?;
        }
        Ok(())
    }

    /// Takes back what [`Channels::save`] made; `None`, and nothing changed, when it is not that.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let mut values = self.values;
        for place in values.iter_mut().flatten() {
            let value = u32::from_be_bytes(from.array_of().ok()?);
            let [scaler, unit, status] = from.array_of().ok()?;
            *place = Delivered {
                reading: Reading {
                    value,
                    scaler: scaler.cast_signed(),
                    unit,
                    status,
                },
                at: u32::from_be_bytes(from.array_of().ok()?),
            };
        }
        self.values = values;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_installed_by_its_first_value_and_outlives_a_save() {
        let mut channels = Channels::default();
        let gas = Reading {
            value: 12_345,
            scaler: -2,
            unit: 13,
            status: 0,
        };
        let source = Source::new(2, 1).expect("it exists");
        assert!(Source::new(5, 1).is_none() && Source::new(1, 0).is_none());
        assert!(!channels.is_installed(2));
        assert!(channels.take(source, gas, Utc::from_unix(1_800_000_000)));
        assert!(!channels.take(source, gas, Utc::from_unix(1_800_003_600)));
        assert!(channels.take_fresh(2) && !channels.take_fresh(2) && !channels.take_fresh(1));
        let mut buffer = [0; Channels::OCTETS];
        let mut out = Writer::new(&mut buffer);
        channels.save(&mut out).expect("it fits");
        let mut other = Channels::default();
        assert_eq!(other.restore(&mut Reader::new(out.written())), Some(()));
        assert_eq!(other.value(2, 1).reading, gas);
        assert_eq!(other.value(2, 1).at(), Some(Utc::from_unix(1_800_003_600)));
        assert_eq!(other.value(2, 2).at(), None);
    }
}
