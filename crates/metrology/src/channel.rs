//! The seven channels of the converter, their order in a sample set, and sets of channels.

use core::fmt;

/// Channels of one sample set.
pub const N_CHANNELS: usize = 7;

/// Phases of the supply.
pub const N_PHASES: usize = 3;

/// One simultaneous sample of all channels: signed codes of at most 24 bits, in the order of [`Channel`]
/// (v1 v2 v3 i1 i2 i3 in). A channel that the meter does not have is 0.
pub type SampleSet = [i32; N_CHANNELS];

/// A phase of the supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The first phase; the only one of a single-phase meter.
    L1 = 0,
    /// The second phase.
    L2 = 1,
    /// The third phase.
    L3 = 2,
}

/// A channel of the converter; the discriminant is its place in a [`SampleSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Voltage L1 to neutral.
    V1 = 0,
    /// Voltage L2 to neutral.
    V2 = 1,
    /// Voltage L3 to neutral.
    V3 = 2,
    /// Current L1.
    I1 = 3,
    /// Current L2.
    I2 = 4,
    /// Current L3.
    I3 = 5,
    /// Current in the neutral conductor.
    In = 6,
}

/// A set of channels, such as the ones that a meter has or the ones that clipped.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ChannelSet(u8);

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; N_PHASES] = [Self::L1, Self::L2, Self::L3];

    /// 0, 1 or 2.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The phase's voltage channel.
    #[must_use]
    pub const fn voltage(self) -> Channel {
        match self {
            Self::L1 => Channel::V1,
            Self::L2 => Channel::V2,
            Self::L3 => Channel::V3,
        }
    }

    /// The phase's current channel.
    #[must_use]
    pub const fn current(self) -> Channel {
        match self {
            Self::L1 => Channel::I1,
            Self::L2 => Channel::I2,
            Self::L3 => Channel::I3,
        }
    }
}

impl Channel {
    /// All channels in the order of a [`SampleSet`].
    pub const ALL: [Self; N_CHANNELS] = [Self::V1, Self::V2, Self::V3, Self::I1, Self::I2, Self::I3, Self::In];

    /// The place in a [`SampleSet`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether this is a voltage; the others are currents.
    #[must_use]
    pub const fn is_voltage(self) -> bool {
        matches!(self, Self::V1 | Self::V2 | Self::V3)
    }

    /// The name used in recordings: `v1` .. `in`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::I1 => "i1",
            Self::I2 => "i2",
            Self::I3 => "i3",
            Self::In => "in",
        }
    }
}

impl ChannelSet {
    /// No channel.
    pub const NONE: Self = Self(0);
    /// All seven: a three-phase four-wire meter with its neutral measured.
    pub const THREE_PHASE: Self = Self(0x7F);
    /// v1, i1 and in: a single-phase meter.
    pub const SINGLE_PHASE: Self = Self::NONE.with(Channel::V1).with(Channel::I1).with(Channel::In);

    /// This set and `channel`.
    #[must_use]
    pub const fn with(self, channel: Channel) -> Self {
        Self(self.0 | 1 << channel.index())
    }

    /// This set without `channel`.
    #[must_use]
    pub const fn without(self, channel: Channel) -> Self {
        Self(self.0 & !(1 << channel.index()))
    }

    /// Whether `channel` is in the set.
    #[must_use]
    pub const fn contains(self, channel: Channel) -> bool {
        self.0 & 1 << channel.index() != 0
    }

    /// Whether no channel is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One bit per channel, V1 in bit 0 .. In in bit 6.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The channels in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The channels in the set, in order.
    pub fn iter(self) -> impl Iterator<Item = Channel> {
        Channel::ALL.into_iter().filter(move |channel| self.contains(*channel))
    }
}

impl fmt::Debug for ChannelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_stand_in_the_order_of_a_sample_set() {
        for (index, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(channel.index(), index);
        }
        for phase in Phase::ALL {
            assert_eq!(phase.current().index(), phase.voltage().index() + N_PHASES);
        }
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set = ChannelSet::SINGLE_PHASE;
        assert!(set.contains(Channel::V1) && set.contains(Channel::In) && !set.contains(Channel::V2));
        assert_eq!(set.iter().count(), 3);
        assert!(
            set.without(Channel::V1)
                .without(Channel::I1)
                .without(Channel::In)
                .is_empty()
        );
        let all = Channel::ALL.into_iter().fold(ChannelSet::NONE, ChannelSet::with);
        assert_eq!(all, ChannelSet::THREE_PHASE);
    }
}
