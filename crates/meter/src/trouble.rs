//! What the board finds failing beside the meter's own rules: a bit of the error register, and an event when the bit is news.

use crate::event_log::standard;
use crate::model::error_bit;

/// A part of the meter that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The converter gives no samples, or damaged ones.
    Measurement,
    /// The thermometer does not answer, or says what no meter has: the sensors are corrected for what it last showed.
    Thermometer,
    /// A memory that the board reads by itself, such as the factory's order, is damaged.
    Memory,
    /// The program broke a promise of its own and was started again.
    Program,
}

impl Trouble {
    /// Its bit in the error register.
    pub(crate) const fn bit(self) -> u32 {
        match self {
            Self::Measurement | Self::Thermometer => error_bit::MEASUREMENT_SYSTEM,
            Self::Memory => error_bit::NV_MEMORY,
            Self::Program => error_bit::PROGRAM,
        }
    }

    /// Whether what is measured meanwhile is no good: sensors without their correction stay within the limits of temperature that their class has.
    pub(crate) const fn spoils_values(self) -> bool {
        !matches!(self, Self::Thermometer)
    }

    /// Its code in the standard log.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Measurement | Self::Thermometer => standard::MEASUREMENT_SYSTEM_ERROR,
            Self::Memory => standard::NV_MEMORY_ERROR,
            Self::Program => standard::WATCHDOG_ERROR,
        }
    }
}
