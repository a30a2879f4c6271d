//! Frame sizes and windows, and how two stations agree on them (IEC 62056-46, 6.4.4.4.3.2).

use core::fmt;

/// The longest information field of a frame (IEC 62056-46, 6.4.4.4.3.2); stations here take and send it whole.
pub const INFO_MAX: usize = 2030;

/// Sizes of information fields in octets and windows in frames, as one side sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest information field that this side sends, 32..=2030.
    pub transmit: u16,
    /// The longest information field that this side takes, 32..=2030.
    pub receive: u16,
    /// How many frames this side sends before it wants an answer, 1..=7.
    pub transmit_window: u8,
    /// How many frames this side takes in a row, 1..=7.
    pub receive_window: u8,
}

/// The information field of an SNRM or UA that says no sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsError {
    /// The offset in the information field.
    pub at: usize,
}

impl fmt::Display for LimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HDLC parameters at octet {}: not the form of the standard", self.at)
    }
}

impl core::error::Error for LimitsError {}

impl Limits {
    /// What holds when nothing was said: 128 octets, one frame.
    pub const DEFAULT: Self = Self {
        transmit: 128,
        receive: 128,
        transmit_window: 1,
        receive_window: 1,
    };

    /// Reads the information field of an SNRM or UA; what it does not mention is as in [`Limits::DEFAULT`].
    ///
    /// # Errors
    /// When it is not format 81, group 80, or a value is outside of its range or its octets.
    pub fn parse(information: &[u8]) -> Result<Self, LimitsError> {
        let mut limits = Self::DEFAULT;
        let (mut rest, mut at) = match *information {
            [] => return Ok(limits),
            [0x81, 0x80, length, ref rest @ ..] if usize::from(length) == rest.len() => (rest, 3),
            _ => return Err(LimitsError { at: 0 }),
        };
        while let [item, length, ref tail @ ..] = *rest {
            let error = LimitsError { at };
            let (value, after) = tail.split_at_checked(usize::from(length)).ok_or(error)?;
            if value.is_empty() || 4 < value.len() {
                return Err(error);
            }
            let value = value.iter().fold(0_u32, |value, &octet| value << 8 | u32::from(octet));
            let size = u16::try_from(value).ok().filter(|size| (32..=2030).contains(size));
            let window = u8::try_from(value).ok().filter(|window| (1..=7).contains(window));
            match item {
                0x05 => limits.transmit = size.ok_or(error)?,
                0x06 => limits.receive = size.ok_or(error)?,
                0x07 => limits.transmit_window = window.ok_or(error)?,
                0x08 => limits.receive_window = window.ok_or(error)?,
                // Items of later editions are passed over.
                _ => {}
            }
            at += 2 + usize::from(length);
            rest = after;
        }
        if rest.is_empty() {
            Ok(limits)
        } else {
            Err(LimitsError { at })
        }
    }

    /// The information field for an SNRM or UA and how many of its octets count: sizes in one octet where they fit,
    /// else in two.
    #[must_use]
    pub fn octets(self) -> ([u8; 23], usize) {
        let size = |item, size: u16| match size.to_be_bytes() {
            [0, low] => ([item, 1, low, 0], 3),
            [high, low] => ([item, 2, high, low], 4),
        };
        let (transmit, transmit_count) = size(0x05, self.transmit);
        let (receive, receive_count) = size(0x06, self.receive);
        let windows = [
            0x07,
            4,
            0,
            0,
            0,
            self.transmit_window,
            0x08,
            4,
            0,
            0,
            0,
            self.receive_window,
        ];
        let head = [0x81, 0x80, 12 + transmit_count + receive_count];
        let (mut octets, mut count) = ([0; 23], 0);
        let parts = head.iter().chain(transmit.iter().take(usize::from(transmit_count)));
        let parts = parts
            .chain(receive.iter().take(usize::from(receive_count)))
            .chain(&windows);
        for (place, &octet) in octets.iter_mut().zip(parts) {
            *place = octet;
            count += 1;
        }
        (octets, count)
    }

    /// What holds on this side after the peer said `peer`: the smaller of what one sends and the other takes.
    #[must_use]
    pub fn agreed(self, peer: Self) -> Self {
        Self {
            transmit: self.transmit.min(peer.receive),
            receive: self.receive.min(peer.transmit),
            transmit_window: self.transmit_window.min(peer.receive_window),
            receive_window: self.receive_window.min(peer.transmit_window),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_in_one_octet_and_in_two() {
        let one = [
            0x81, 0x80, 0x12, 5, 1, 0x9A, 6, 1, 0x9A, 7, 4, 0, 0, 0, 1, 8, 4, 0, 0, 0, 1,
        ];
        let two = [
            0x81, 0x80, 0x14, 5, 2, 0, 0x80, 6, 2, 0, 0x3E, 7, 4, 0, 0, 0, 2, 8, 4, 0, 0, 0, 3,
        ];
        let limits = Limits {
            transmit: 0x9A,
            receive: 0x9A,
            transmit_window: 1,
            receive_window: 1,
        };
        assert_eq!(Limits::parse(&one), Ok(limits));
        let (octets, count) = limits.octets();
        assert_eq!(octets[..count], one);
        assert_eq!(
            Limits::parse(&two),
            Ok(Limits {
                transmit: 128,
                receive: 62,
                transmit_window: 2,
                receive_window: 3
            })
        );
        assert_eq!(Limits::parse(&[]), Ok(Limits::DEFAULT));
    }

    #[test]
    fn every_size_survives_the_round_trip() {
        for size in 32..=2030 {
            let limits = Limits {
                transmit: size,
                receive: 2062 - size,
                transmit_window: 7,
                receive_window: 1,
            };
            let (octets, count) = limits.octets();
            assert_eq!(Limits::parse(&octets[..count]), Ok(limits));
        }
    }

    #[test]
    fn a_cut_field_is_refused_at_each_length() {
        let (octets, count) = Limits::DEFAULT.octets();
        for cut in 1..count {
            assert!(Limits::parse(&octets[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn values_outside_of_their_ranges_are_refused() {
        for item in [[5, 1, 31], [6, 1, 0], [7, 1, 0], [7, 1, 8], [8, 1, 0xFF]] {
            assert_eq!(
                Limits::parse(&[&[0x81, 0x80, 3], &item[..]].concat()),
                Err(LimitsError { at: 3 })
            );
        }
    }

    #[test]
    fn each_side_sends_no_more_than_the_other_takes() {
        let own = Limits {
            transmit: 1024,
            receive: 512,
            transmit_window: 7,
            receive_window: 2,
        };
        let peer = Limits {
            transmit: 256,
            receive: 2030,
            transmit_window: 1,
            receive_window: 3,
        };
        let agreed = Limits {
            transmit: 1024,
            receive: 256,
            transmit_window: 3,
            receive_window: 1,
        };
        assert_eq!(own.agreed(peer), agreed);
    }
}
