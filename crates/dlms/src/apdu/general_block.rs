//! General block transfer: the octets of any APDU, protection included, in numbered blocks (IEC 62056-5-3, 7.3.13).

use cosem::axdr::{AxdrError, Full, Reader, Writer};

use super::tag;

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneralBlock<'a> {
    /// LB: the sender has no more data behind this block.
    pub last: bool,
    /// STR: more blocks follow without waiting for an answer.
    pub streaming: bool,
    /// How many blocks the sender can take in a row, 0 to 63.
    pub window: u8,
    /// BN: the number of this block, from 1.
    pub number: u16,
    /// BNA: the highest number that the sender has got without a gap; 0 for none.
    pub acknowledged: u16,
    /// A piece of the APDU; nothing in a block that only acknowledges.
    pub data: &'a [u8],
}

/// Octets before the length of a block's data.
pub(crate) const HEAD: usize = 6;

impl<'a> GeneralBlock<'a> {
    /// Reads a block that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::GENERAL_BLOCK, "a general block is expected")?;
        let control = reader.octet()?;
        let number = u16::from_be_bytes(reader.array_of()?);
        let acknowledged = u16::from_be_bytes(reader.array_of()?);
        let length = reader.length()?;
        let data = reader.take(length)?;
        reader.end()?;
        Ok(Self {
            last: control & 0x80 != 0,
            streaming: control & 0x40 != 0,
            window: control & 0x3F,
            number,
            acknowledged,
            data,
        })
    }

    /// Writes everything that stands before the data.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit_head(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let control = u8::from(self.last) << 7 | u8::from(self.streaming) << 6 | self.window & 0x3F;
        out.put(&[tag::GENERAL_BLOCK, control])?;
        out.put(&self.number.to_be_bytes())?;
        out.put(&self.acknowledged.to_be_bytes())?;
        out.length(self.data.len())
    }

    /// Writes the block.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        self.emit_head(out)?;
        out.put(self.data)
    }
}

/// The most data that a block has whose PDU is at most `pdu_max` octets; `None` when not even one octet fits.
pub(crate) fn data_room(pdu_max: usize) -> Option<usize> {
    let room = pdu_max.checked_sub(HEAD + 1)?;
    let room = match room {
        0..0x80 => room,
        0x80..0x101 => (room - 1).max(0x7F),
        _ => room - 2,
    };
    (0 < room).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// gbt/* of the vectors.
    #[test]
    fn published_blocks_are_read() {
        let cases: [(&[u8], GeneralBlock<'_>); 5] = [
            (
                &[0xE0, 0x05, 0, 1, 0, 0, 0x82, 0, 2, 0xC4, 2],
                GeneralBlock {
                    last: false,
                    streaming: false,
                    window: 5,
                    number: 1,
                    acknowledged: 0,
                    data: &[0xC4, 2],
                },
            ),
            (
                &[0xE0, 0x85, 0, 1, 0, 1, 0],
                GeneralBlock {
                    last: true,
                    streaming: false,
                    window: 5,
                    number: 1,
                    acknowledged: 1,
                    data: &[],
                },
            ),
            (
                &[0xE0, 0x45, 0, 2, 0, 1, 0x82, 0, 2, 1, 2],
                GeneralBlock {
                    last: false,
                    streaming: true,
                    window: 5,
                    number: 2,
                    acknowledged: 1,
                    data: &[1, 2],
                },
            ),
            (
                &[0xE0, 0x81, 0, 2, 0, 3, 0],
                GeneralBlock {
                    last: true,
                    streaming: false,
                    window: 1,
                    number: 2,
                    acknowledged: 3,
                    data: &[],
                },
            ),
            (
                &[0xE0, 0x01, 0, 4, 0, 2, 0x82, 0, 2, 5, 6],
                GeneralBlock {
                    last: false,
                    streaming: false,
                    window: 1,
                    number: 4,
                    acknowledged: 2,
                    data: &[5, 6],
                },
            ),
        ];
        for (octets, block) in cases {
            assert_eq!(GeneralBlock::parse(octets), Ok(block));
            let mut buffer = [0; 32];
            let mut out = Writer::new(&mut buffer);
            assert_eq!(block.emit(&mut out), Ok(()));
            assert_eq!(GeneralBlock::parse(out.written()), Ok(block));
            for length in 0..octets.len() {
                assert!(GeneralBlock::parse(octets.get(..length).unwrap_or(&[])).is_err());
            }
        }
    }

    #[test]
    fn a_block_with_all_the_room_fits_exactly() {
        let data = [0; 2048];
        for pdu_max in 8..=2048 {
            let room = data_room(pdu_max).expect("8 octets are enough");
            let length = |count: usize| {
                let mut buffer = [0; 4096];
                let mut out = Writer::new(&mut buffer);
                let block = GeneralBlock {
                    last: true,
                    streaming: false,
                    window: 1,
                    number: 1,
                    acknowledged: 0,
                    data: data.get(..count).unwrap_or(&[]),
                };
                block.emit(&mut out).map_or(usize::MAX, |()| out.len())
            };
            assert!(length(room) <= pdu_max, "{pdu_max}");
            assert!(pdu_max <= length(room + 1), "{pdu_max}");
        }
        assert_eq!(data_room(7), None);
    }
}
