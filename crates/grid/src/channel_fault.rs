//! A channel of the converter that is broken: codes that no sound converter gives.

/// What is wrong with a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelFault {
    /// Nothing.
    #[default]
    Sound,
    /// Its code never changes: a converter, a wire or a bus that is dead.
    Dead,
    /// Its amplifier drives it into the rails.
    Clipped,
    /// A bit of its codes is always one.
    Stuck,
    /// Now and then a code beyond 24 bits, as a float's NaN looks as an integer.
    Invalid,
    /// A direct part of an eighth of full scale.
    Direct,
}

impl ChannelFault {
    /// What becomes of sample number `sample`.
    pub(crate) fn spoil(self, sample: u64, code: i32) -> i32 {
        match self {
            Self::Sound => code,
            Self::Dead => DEAD_CODE,
            Self::Clipped => code.saturating_mul(1_000).clamp(LEAST_CODE, MOST_CODE),
            Self::Stuck => code | STUCK_BIT,
            Self::Invalid if sample.is_multiple_of(50) => NOT_A_NUMBER,
            Self::Invalid => code,
            Self::Direct => code.saturating_add(DIRECT_CODES).clamp(LEAST_CODE, MOST_CODE),
        }
    }
}

const DEAD_CODE: i32 = 4_711;
const STUCK_BIT: i32 = 1 << 11;
const NOT_A_NUMBER: i32 = 0x7FC0_0000;
const DIRECT_CODES: i32 = 1 << 20;
const LEAST_CODE: i32 = -(1 << 23);
const MOST_CODE: i32 = (1 << 23) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_spoils_in_its_own_way() {
        assert_eq!(ChannelFault::Sound.spoil(0, -5), -5);
        assert_eq!(ChannelFault::Dead.spoil(1, -5), ChannelFault::Dead.spoil(2, 77));
        assert_eq!(ChannelFault::Clipped.spoil(0, -9_000), -8_388_608);
        assert_eq!(ChannelFault::Clipped.spoil(0, 9_000), 8_388_607);
        assert_eq!(ChannelFault::Stuck.spoil(0, 0), 2_048);
        assert_eq!(ChannelFault::Invalid.spoil(50, 7), 0x7FC0_0000);
        assert_eq!(ChannelFault::Invalid.spoil(51, 7), 7);
        assert_eq!(ChannelFault::Direct.spoil(0, 7), 1_048_583);
    }
}
