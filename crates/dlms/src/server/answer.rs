//! How an answer is protected, and how much fits into it.

use super::buffers::PDU_MAX;
use crate::apdu::data_room;
use crate::security::{Envelope, Protection, overhead};

/// The protection of one answer and the length it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    /// The ciphered form, unless the answer is plain.
    pub(super) sealed: Option<(Envelope, Protection)>,
    /// Octets around the ciphered form: titles and key of general-ciphering, and general-signing.
    pub(super) around: usize,
    /// The longest PDU.
    pub(super) pdu_max: usize,
    /// Whether an answer that is longer goes out in general blocks.
    pub(super) general_blocks: bool,
}

/// Octets of a Get-Response-Normal or Action-Response before its data or stream.
pub(super) const NORMAL_HEAD: usize = 4;
/// The same of the forms whose stream starts with a count or a result.
pub(super) const LIST_HEAD: usize = 3;

impl Cover {
    /// Whether nobody else can read it.
    pub(super) fn is_encrypted(self) -> bool {
        self.sealed.is_some_and(|(_, by)| by.covers(Protection::ENCRYPTED))
    }

    /// The longest APDU whose PDU, protection included, is not too long.
    pub(super) fn room(self) -> usize {
        self.room_in(self.pdu_max)
    }

    /// The longest APDU that is sent whole, in one PDU or in general blocks: these are cut out of the outbox.
    pub(super) fn whole_room(self) -> usize {
        if self.general_blocks {
            self.room_in(PDU_MAX)
        } else {
            self.room()
        }
    }

    fn room_in(self, pdu_max: usize) -> usize {
        let Some((envelope, protection)) = self.sealed else {
            return pdu_max;
        };
        let pdu_max = pdu_max.saturating_sub(self.around);
        let longest = pdu_max.saturating_sub(overhead(envelope, protection, pdu_max));
        // A shorter APDU may need a shorter length field.
        let fits = |apdu: usize| apdu + overhead(envelope, protection, apdu) <= pdu_max;
        (longest..longest + 3).rev().find(|&apdu| fits(apdu)).unwrap_or(longest)
    }

    /// The most data in a general block; `None` when they may not be used.
    pub(super) fn general_room(self) -> Option<usize> {
        data_room(self.pdu_max).filter(|_| self.general_blocks)
    }

    /// The longest piece of raw data in a block with `head` octets before its length; `None` when not even one octet
    /// fits.
    pub(super) fn block_room(self, head: usize) -> Option<usize> {
        let room = self.room().checked_sub(head + 1)?;
        let room = match room {
            0..0x80 => room,
            0x80..0x101 => (room - 1).max(0x7F),
            _ => room - 2,
        };
        (0 < room).then_some(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COVERS: [Option<(Envelope, Protection)>; 4] = [
        None,
        Some((Envelope::Global, Protection::BOTH)),
        Some((Envelope::Dedicated, Protection::AUTHENTICATED)),
        Some((Envelope::GeneralGlobal, Protection::BOTH)),
    ];

    const fn cover(sealed: Option<(Envelope, Protection)>, pdu_max: usize) -> Cover {
        Cover {
            sealed,
            around: 0,
            pdu_max,
            general_blocks: false,
        }
    }

    #[test]
    fn the_longest_apdu_fits_and_one_octet_more_does_not() {
        for sealed in COVERS {
            for pdu_max in 64..=2048 {
                let room = cover(sealed, pdu_max).room();
                let length = |apdu| {
                    sealed.map_or(apdu, |(envelope, protection)| {
                        apdu + overhead(envelope, protection, apdu)
                    })
                };
                assert!(length(room) <= pdu_max, "{sealed:?} {pdu_max}");
                assert!(pdu_max < length(room + 1), "{sealed:?} {pdu_max}");
            }
        }
    }

    #[test]
    fn the_longest_block_fits_and_wastes_at_most_one_octet() {
        for sealed in COVERS {
            for pdu_max in 64..=2048 {
                let cover = cover(sealed, pdu_max);
                let raw = cover.block_room(9).expect("64 octets are enough");
                let length_field = if raw < 0x80 {
                    1
                } else if raw < 0x100 {
                    2
                } else {
                    3
                };
                assert!(9 + length_field + raw <= cover.room(), "{sealed:?} {pdu_max}");
                assert!(cover.room() <= 9 + length_field + raw + 1, "{sealed:?} {pdu_max}");
            }
        }
        assert_eq!(cover(None, 10).block_room(9), None);
    }
}
