//! Speeds of a line, and how its octets look.

use base::Micros;

/// The speeds of modes C and E.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speed {
    /// 300 Bd: where every sign-on begins.
    B300,
    /// 600 Bd.
    B600,
    /// 1200 Bd.
    B1200,
    /// 2400 Bd.
    B2400,
    /// 4800 Bd.
    B4800,
    /// 9600 Bd.
    B9600,
    /// 19200 Bd.
    B19200,
}

impl Speed {
    const ALL: [(Self, u8, u32); 7] = [
        (Self::B300, b'0', 300),
        (Self::B600, b'1', 600),
        (Self::B1200, b'2', 1_200),
        (Self::B2400, b'3', 2_400),
        (Self::B4800, b'4', 4_800),
        (Self::B9600, b'5', 9_600),
        (Self::B19200, b'6', 19_200),
    ];

    /// The speed of the baud rate character Z; `None` for one of another mode.
    #[must_use]
    pub fn from_character(character: u8) -> Option<Self> {
        Self::ALL.iter().find(|it| it.1 == character).map(|it| it.0)
    }

    /// The baud rate character Z.
    #[must_use]
    pub fn character(self) -> u8 {
        Self::ALL.iter().find(|it| it.0 == self).map_or(b'0', |it| it.1)
    }

    /// Bits a second.
    #[must_use]
    pub fn baud(self) -> u32 {
        Self::ALL.iter().find(|it| it.0 == self).map_or(300, |it| it.2)
    }

    /// The number in the local port set-up (class 19), 0 for 300 Bd.
    #[must_use]
    pub fn code(self) -> u8 {
        self.character() - b'0'
    }
}

/// How the octets on a line look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineMode {
    /// How fast they follow each other.
    pub speed: Speed,
    /// True for seven bits with even parity (sign-on, read-out), false for eight without (HDLC).
    pub seven_even: bool,
}

impl LineMode {
    /// Where every sign-on begins.
    pub const START: Self = Self {
        speed: Speed::B300,
        seven_even: true,
    };

    /// How long `octets` take: ten bits each, in both forms.
    #[must_use]
    pub fn duration(self, octets: usize) -> Micros {
        let bits = u64::try_from(octets).unwrap_or(u64::MAX).saturating_mul(10);
        Micros::new(bits.saturating_mul(1_000_000).div_ceil(u64::from(self.speed.baud())))
    }
}
