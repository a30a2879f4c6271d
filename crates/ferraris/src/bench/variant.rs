//! The three variants as they are ordered for a type test: currents, voltage, constant and the classes that they are held to.

use grid::Connection;
use metrology::Pulses;

use super::limits::Table;

/// A variant of the meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
pub(super) enum Variant {
    /// Single-phase, direct connected
    #[value(name = "SM402D", alias = "sm402d")]
    #[serde(rename = "SM402D")]
    Sm402d,
    /// Three-phase, direct connected
    #[value(name = "ST402D", alias = "st402d")]
    #[serde(rename = "ST402D")]
    St402d,
    /// Three-phase behind current transformers
    #[value(name = "ST402C", alias = "st402c")]
    #[serde(rename = "ST402C")]
    St402c,
}

/// The currents of a meter in amperes, by the names of EN 50470-1 and IEC 62052-11.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(super) struct Currents {
    /// Whether the meter is connected directly; otherwise behind transformers.
    pub(super) direct: bool,
    /// Ist: from here on it must count.
    pub(super) starting: f64,
    /// Itr: from here on the class' full accuracy is asked.
    pub(super) transitional: f64,
    /// Ib of a direct meter, In behind transformers.
    pub(super) basic: f64,
    /// Imax.
    pub(super) maximum: f64,
}

impl Variant {
    pub(super) const ALL: [Self; 3] = [Self::Sm402d, Self::St402d, Self::St402c];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sm402d => "SM402D",
            Self::St402d => "ST402D",
            Self::St402c => "ST402C",
        }
    }

    pub(super) const fn n_phases(self) -> usize {
        match self {
            Self::Sm402d => 1,
            Self::St402d | Self::St402c => 3,
        }
    }

    pub(super) const fn connection(self) -> Connection {
        match self {
            Self::Sm402d => Connection::SinglePhase,
            Self::St402d => Connection::ThreePhase,
            Self::St402c => Connection::Transformers { ratio: 1.0 },
        }
    }

    /// 5(100) A direct, 5(6) A behind transformers, with the starting current of the best class.
    pub(super) const fn currents(self) -> Currents {
        match self {
            Self::Sm402d | Self::St402d => Currents {
                direct: true,
                starting: 0.02,
                transitional: 0.5,
                basic: 5.0,
                maximum: 100.0,
            },
            Self::St402c => Currents {
                direct: false,
                starting: 0.005,
                transitional: 0.25,
                basic: 5.0,
                maximum: 6.0,
            },
        }
    }

    /// Pulses per kWh as delivered (M5).
    pub(super) const fn constant(self) -> u32 {
        match self {
            Self::Sm402d | Self::St402d => Pulses::DIRECT_CONSTANT,
            Self::St402c => Pulses::CT_CONSTANT,
        }
    }

    /// The tables that the variant is held to. IEC 62053-22 and -24 are for meters behind transformers.
    pub(super) const fn tables(self) -> &'static [Table] {
        match self {
            Self::Sm402d | Self::St402d => &[
                Table::En50470A,
                Table::En50470B,
                Table::En50470C,
                Table::Iec21Class1,
                Table::Iec21Class2,
                Table::Iec23Class2,
                Table::Iec23Class3,
            ],
            Self::St402c => &[
                Table::En50470A,
                Table::En50470B,
                Table::En50470C,
                Table::Iec21Class1,
                Table::Iec21Class2,
                Table::Iec22Class02S,
                Table::Iec22Class05S,
                Table::Iec23Class2,
                Table::Iec23Class3,
                Table::Iec24Class05S,
                Table::Iec24Class1S,
            ],
        }
    }
}
