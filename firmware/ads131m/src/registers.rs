//! The registers that a meter sets, and what they must read afterwards.

/// A register's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(pub u8);

impl Register {
    /// Family and number of channels.
    pub const ID: Self = Self(0x00);
    /// What the part says about itself.
    pub const STATUS: Self = Self(0x01);
    /// CRCs, word length, data-ready pin.
    pub const MODE: Self = Self(0x02);
    /// Channels that run, oversampling, power.
    pub const CLOCK: Self = Self(0x03);
    /// Gains of channels 0 to 3.
    pub const GAIN1: Self = Self(0x04);
    /// Gains of channels 4 to 7.
    pub const GAIN2: Self = Self(0x05);
    /// Chopping and current detection.
    pub const CFG: Self = Self(0x06);

    /// Phase delay and input of a channel, 0 to 7.
    #[must_use]
    pub const fn channel_config(channel: u8) -> Self {
        Self(0x09 + 5 * channel)
    }
}

/// Modulator cycles to a sample. The modulator runs at half the clock: 512 of 8.192 MHz give 8 000 samples a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the number that it names")]
pub enum Oversampling {
    By128 = 0,
    By256 = 1,
    By512 = 2,
    By1024 = 3,
    By2048 = 4,
    By4096 = 5,
    By8192 = 6,
    By16256 = 7,
}

/// What the part may draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// For clocks up to 2.048 MHz.
    VeryLow = 0,
    /// For clocks up to 4.096 MHz.
    Low = 1,
    /// For clocks up to 8.192 MHz.
    HighResolution = 2,
}

/// Gain of a channel's amplifier; full scale is 1.2 V through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the number that it names")]
pub enum Gain {
    By1 = 0,
    By2 = 1,
    By4 = 2,
    By8 = 3,
    By16 = 4,
    By32 = 5,
    By64 = 6,
    By128 = 7,
}

/// Oversampling and power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Modulator cycles to a sample.
    pub oversampling: Oversampling,
    /// What the part may draw.
    pub power: Power,
}

/// How a converter with `N` channels is set up. Everything not named here keeps its value after reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup<const N: usize> {
    /// Oversampling and power.
    pub clock: Clock,
    /// A gain for each channel.
    pub gains: [Gain; N],
    /// Delay of each channel's samples in modulator cycles, -512 to 511: moves a current against its voltage.
    pub delays: [i16; N],
}

impl<const N: usize> Setup<N> {
    /// 8 000 samples a second from a clock of 8.192 MHz, all gains 1, no delays.
    pub const EIGHT_KILOHERTZ: Self = Self {
        clock: Clock {
            oversampling: Oversampling::By512,
            power: Power::HighResolution,
        },
        gains: [Gain::By1; N],
        delays: [0; N],
    };

    /// Every register that is written, in order, with its value.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (Register, u16)> {
        let channels = self.delays.iter().zip(0_u8..).map(|(delay, channel)| {
            let delay = u16::from_ne_bytes(delay.to_ne_bytes()) << 6; // ten bits of two's complement in bits 15..6
            (Register::channel_config(channel), delay)
        });
        [
            (Register::MODE, MODE),
            (Register::CLOCK, self.clock_value()),
            (Register::GAIN1, self.gain_value(0)),
            (Register::GAIN2, self.gain_value(4)),
        ]
        .into_iter()
        // Members with up to four channels have no GAIN2.
        .filter(|(register, _value)| 4 < N || *register != Register::GAIN2)
        .chain(channels)
    }

    fn clock_value(&self) -> u16 {
        let enabled = if N < 8 { (1_u16 << N) - 1 } else { 0xFF };
        enabled << 8 | (self.clock.oversampling as u16) << 2 | self.clock.power as u16
    }

    fn gain_value(&self, first: usize) -> u16 {
        let gains = self.gains.iter().skip(first).take(4).rev();
        gains.fold(0, |value, gain| value << 4 | *gain as u16)
    }
}

/// CRC of commands wanted, CRC over the register map on, CCITT, 24 bits, reset acknowledged, frames time out, data-ready low until read.
const MODE: u16 = 0x3110;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    #[test]
    fn registers_hold_what_the_setup_says() {
        let mut setup = Setup::<8>::EIGHT_KILOHERTZ;
        setup.gains = [
            Gain::By1,
            Gain::By2,
            Gain::By4,
            Gain::By8,
            Gain::By16,
            Gain::By32,
            Gain::By64,
            Gain::By128,
        ];
        setup.delays = [0, 1, -1, 511, -512, 0, 0, 0];
        let writes: Vec<(u8, u16)> = setup.writes().map(|(register, value)| (register.0, value)).collect();
        assert_eq!(
            writes,
            [
                (0x02, 0x3110),
                (0x03, 0xFF0A),
                (0x04, 0x3210),
                (0x05, 0x7654),
                (0x09, 0x0000),
                (0x0E, 0x0040),
                (0x13, 0xFFC0),
                (0x18, 0x7FC0),
                (0x1D, 0x8000),
                (0x22, 0),
                (0x27, 0),
                (0x2C, 0),
            ]
        );
    }

    #[test]
    fn a_part_with_four_channels_has_one_gain_register() {
        let writes: Vec<u8> = Setup::<4>::EIGHT_KILOHERTZ
            .writes()
            .map(|(register, _)| register.0)
            .collect();
        assert_eq!(writes, [0x02, 0x03, 0x04, 0x09, 0x0E, 0x13, 0x18]);
    }
}
