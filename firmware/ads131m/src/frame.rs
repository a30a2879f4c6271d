//! One frame of the converter: status, codes, CRC.

use core::fmt;

use crc::{CRC_16_IBM_3740, Crc};

/// Octets of a word; the part is left at its default of 24 bits.
pub const WORD: usize = 3;

/// The octets of a frame of the largest member, ADS131M08: status, eight channels, CRC. Smaller members use the first
/// [`frame_length`] octets.
pub type RawFrame = [u8; 10 * WORD];

/// What the host sends while it only reads: the command NULL and its CRC. A DMA channel can send it for ever.
pub const NULL_FRAME: RawFrame = {
    let mut octets = [0; 10 * WORD];
    let [high, low] = CRC.checksum(&[0; WORD]).to_be_bytes();
    octets[WORD] = high;
    octets[WORD + 1] = low;
    octets
};

/// The CRC of both directions: CCITT, polynomial 0x1021, begun with 0xFFFF (the part's default).
pub(crate) const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);

/// Octets of a frame with `channels` channels.
#[must_use]
pub const fn frame_length(channels: usize) -> usize {
    (channels + 2) * WORD
}

/// The status word that begins every frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(u16);

/// A whole frame of a converter with `N` channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<const N: usize> {
    /// What the part says about itself.
    pub status: Status,
    /// The codes, channel 0 first: -8 388 608 ..= 8 388 607.
    pub codes: [i32; N],
}

/// Why a frame has no codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Not as many octets as a frame has.
    Length,
    /// The CRC does not fit the octets: something happened on the wire.
    Crc,
    /// The CRC fits, but the part was reset by itself (a dip of its supply): its registers have their defaults and gains are wrong.
    Reset,
    /// The register map changed since it was set up (REG_MAP), or the part runs with another word length.
    Registers,
}

impl Status {
    /// From the upper 16 bits of the status word.
    #[must_use]
    pub const fn of(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits as they are in the register STATUS.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether registers are locked against writes.
    #[must_use]
    pub const fn is_locked(self) -> bool {
        self.0 & 1 << 15 != 0
    }

    /// Whether the part resynchronised its filters.
    #[must_use]
    pub const fn was_resynchronised(self) -> bool {
        self.0 & 1 << 14 != 0
    }

    /// Whether the CRC over the register map differs from the last one.
    #[must_use]
    pub const fn register_map_changed(self) -> bool {
        self.0 & 1 << 13 != 0
    }

    /// Whether the part found the last command damaged, and ignored it.
    #[must_use]
    pub const fn command_was_damaged(self) -> bool {
        self.0 & 1 << 12 != 0
    }

    /// Whether a reset happened that nobody has acknowledged.
    #[must_use]
    pub const fn was_reset(self) -> bool {
        self.0 & 1 << 10 != 0
    }

    /// Whether words have 24 bits.
    #[must_use]
    pub const fn has_words_of_24_bits(self) -> bool {
        self.0 >> 8 & 0b11 == 0b01
    }

    /// Whether each of the first `channels` channels brings a conversion that was not read before. Otherwise the frame repeats
    /// an old one.
    #[must_use]
    pub const fn is_fresh(self, channels: usize) -> bool {
        let wanted = if channels < 8 { (1 << channels) - 1 } else { 0xFF };
        self.0 & wanted == wanted
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({:#06x})", self.0)
    }
}

impl<const N: usize> Frame<N> {
    /// Reads a frame: its CRC first, then what the part says about itself.
    ///
    /// # Errors
    /// [`Damage`] when the codes must not be used.
    pub fn parse(octets: &[u8]) -> Result<Self, Damage> {
        let octets = octets.get(..frame_length(N)).ok_or(Damage::Length)?;
        let (covered, check) = octets.split_at(frame_length(N) - WORD);
        let &[high, low, _padding] = check else {
            return Err(Damage::Length);
        };
        if CRC.checksum(covered) != u16::from_be_bytes([high, low]) {
            return Err(Damage::Crc);
        }
        let (head, words) = covered.split_at(WORD);
        let &[high, low, _padding] = head else {
            return Err(Damage::Length);
        };
        let status = Status(u16::from_be_bytes([high, low]));
        if status.was_reset() {
            return Err(Damage::Reset);
        }
        if status.register_map_changed() || !status.has_words_of_24_bits() {
            return Err(Damage::Registers);
        }
        let mut codes = [0; N];
        for (code, word) in codes.iter_mut().zip(words.chunks_exact(WORD)) {
            if let &[high, middle, low] = word {
                // Into the upper three octets and down again: the sign comes along.
                *code = i32::from_be_bytes([high, middle, low, 0]) >> 8;
            }
        }
        Ok(Self { status, codes })
    }
}

/// Writes the frame that a converter with `N` channels would send: for sources that stand in for a part. Codes are cut to 24 bits.
pub fn compose<const N: usize>(status: Status, codes: &[i32; N], into: &mut RawFrame) {
    *into = [0; 10 * WORD];
    let [high, low] = status.bits().to_be_bytes();
    let mut words = into.chunks_exact_mut(WORD);
    if let Some(word) = words.next() {
        word.copy_from_slice(&[high, low, 0]);
    }
    for (word, code) in words.by_ref().zip(codes) {
        let [_sign, high, middle, low] = code.to_be_bytes();
        word.copy_from_slice(&[high, middle, low]);
    }
    let covered = frame_length(N) - WORD;
    let check = into.get(..covered).map_or(0, |octets| CRC.checksum(octets));
    if let Some(place) = into.get_mut(covered..covered + 2) {
        place.copy_from_slice(&check.to_be_bytes());
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "the frame is too short",
            Self::Crc => "the frame's checksum is wrong",
            Self::Reset => "the converter was reset and must be set up again",
            Self::Registers => "the converter's registers changed",
        })
    }
}

impl core::error::Error for Damage {}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;

    use super::*;

    const GOOD: Status = Status::of(0x01FF);

    fn frame(codes: &[i32; 8]) -> RawFrame {
        let mut octets = [0; 30];
        compose(GOOD, codes, &mut octets);
        octets
    }

    #[test]
    fn the_checksum_is_ccitt_with_ones() {
        // The catalogue's check value of CRC-16/IBM-3740.
        assert_eq!(CRC.checksum(b"123456789"), 0x29B1);
        // NULL is three octets of zero.
        assert_eq!(NULL_FRAME[..5], [0, 0, 0, 0xCC, 0x9C]);
    }

    #[test]
    fn the_rails_keep_their_signs() {
        let codes = [0x7F_FFFF, -0x80_0000, 1, -1, 0, 0x12_3456, -0x12_3456, 42];
        assert_eq!(Frame::<8>::parse(&frame(&codes)).map(|frame| frame.codes), Ok(codes));
    }

    #[test]
    fn a_smaller_member_has_a_shorter_frame() {
        let mut octets = [0; 30];
        compose(GOOD, &[7, -7], &mut octets);
        assert_eq!(Frame::<2>::parse(&octets[..12]).map(|frame| frame.codes), Ok([7, -7]));
        assert_eq!(Frame::<2>::parse(&octets[..11]), Err(Damage::Length));
    }

    #[test]
    fn a_wire_that_is_stuck_is_no_frame() {
        assert_eq!(Frame::<8>::parse(&[0x00; 30]), Err(Damage::Crc));
        assert_eq!(Frame::<8>::parse(&[0xFF; 30]), Err(Damage::Crc));
    }

    #[test]
    fn what_the_part_says_about_itself_is_heard() {
        let with = |bits| {
            let mut octets = [0; 30];
            compose(Status::of(bits), &[1; 8], &mut octets);
            Frame::<8>::parse(&octets)
        };
        assert_eq!(with(0x05FF), Err(Damage::Reset));
        assert_eq!(with(0x21FF), Err(Damage::Registers));
        assert_eq!(with(0x00FF), Err(Damage::Registers), "words of 16 bits");
        assert!(with(0x01FF).is_ok_and(|frame| frame.status.is_fresh(8)));
        assert!(with(0x01FE).is_ok_and(|frame| !frame.status.is_fresh(8)));
        assert!(with(0x017F).is_ok_and(|frame| frame.status.is_fresh(7) && !frame.status.is_fresh(8)));
        assert!(with(0x41FF).is_ok_and(|frame| frame.status.was_resynchronised()));
        assert!(with(0x91FF).is_ok_and(|frame| frame.status.is_locked() && frame.status.command_was_damaged()));
    }

    #[test]
    fn a_frame_cut_at_any_length_is_no_frame() {
        let whole = frame(&[5; 8]);
        for length in 0..whole.len() {
            assert_eq!(Frame::<8>::parse(&whole[..length]), Err(Damage::Length));
        }
    }

    proptest! {
        #[test]
        fn codes_come_back(codes in prop::array::uniform8(-0x80_0000_i32..=0x7F_FFFF)) {
            prop_assert_eq!(Frame::<8>::parse(&frame(&codes)), Ok(Frame { status: GOOD, codes }));
        }

        #[test]
        fn any_burst_of_up_to_sixteen_bits_is_found(codes in prop::array::uniform8(-0x80_0000_i32..=0x7F_FFFF), pattern in 1_u16.., at in 0_usize..(29 * 8 - 16)) {
            let mut octets = frame(&codes);
            for bit in 0..16 {
                if pattern & 1 << bit != 0 {
                    octets[(at + bit) / 8] ^= 0x80 >> ((at + bit) % 8);
                }
            }
            prop_assert_eq!(Frame::<8>::parse(&octets), Err(Damage::Crc));
        }

        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            let _codes_or_damage = (Frame::<8>::parse(&octets), Frame::<4>::parse(&octets), Frame::<2>::parse(&octets));
        }
    }
}
