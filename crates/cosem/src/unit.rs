//! Units and scalers of register values (IEC 62056-6-2, scaler_unit).

use crate::axdr::{Encode, Enumerated, Full, Writer};

/// The physical units of COSEM that a meter shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Unit {
    /// Hours.
    Hour = 5,
    /// Minutes.
    Minute = 6,
    /// Seconds.
    Second = 7,
    /// Degrees of phase angle.
    Degree = 8,
    /// Degrees Celsius.
    Celsius = 9,
    /// Active power.
    Watt = 27,
    /// Apparent power.
    VoltAmpere = 28,
    /// Reactive power.
    Var = 29,
    /// Active energy.
    WattHour = 30,
    /// Apparent energy.
    VoltAmpereHour = 31,
    /// Reactive energy.
    VarHour = 32,
    /// Current.
    Ampere = 33,
    /// Voltage.
    Volt = 35,
    /// Frequency.
    Hertz = 44,
    /// Pulses per watt-hour scaled, the active meter constant.
    PerWattHour = 45,
    /// The reactive meter constant.
    PerVarHour = 46,
    /// The apparent meter constant.
    PerVoltAmpereHour = 47,
    /// Percent.
    Percent = 56,
    /// A count, or no unit.
    Count = 255,
}

impl Unit {
    /// The number of the unit on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The unit as people write it; empty for a count.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Hour => "h",
            Self::Minute => "min",
            Self::Second => "s",
            Self::Degree => "°",
            Self::Celsius => "°C",
            Self::Watt => "W",
            Self::VoltAmpere => "VA",
            Self::Var => "var",
            Self::WattHour => "Wh",
            Self::VoltAmpereHour => "VAh",
            Self::VarHour => "varh",
            Self::Ampere => "A",
            Self::Volt => "V",
            Self::Hertz => "Hz",
            Self::PerWattHour => "1/Wh",
            Self::PerVarHour => "1/varh",
            Self::PerVoltAmpereHour => "1/VAh",
            Self::Percent => "%",
            Self::Count => "",
        }
    }
}

/// The scaler and unit of a register: the quantity is value x 10^scaler in unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScalerUnit {
    /// The power of ten.
    pub scaler: i8,
    /// The unit.
    pub unit: Unit,
}

impl ScalerUnit {
    /// The scaler and unit of values that count in 10^`scaler` `unit`.
    #[must_use]
    pub const fn new(scaler: i8, unit: Unit) -> Self {
        Self { scaler, unit }
    }
}

impl Encode for ScalerUnit {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.structure(2)?;
        out.value(self.scaler)?;
        out.value(Enumerated(self.unit.code()))
    }
}
