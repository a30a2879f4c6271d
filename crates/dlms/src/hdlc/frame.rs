//! One HDLC frame of format type 3: what is on the wire and what it says.

use core::fmt;

use crc::{CRC_16_IBM_SDLC, Crc};

use super::Address;

/// The check of header and frame (ISO/IEC 13239: x16 + x12 + x5 + 1), sent low octet first.
const CHECK: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_SDLC);

/// The octet that opens and closes a frame.
pub(crate) const FLAG: u8 = 0x7E;

/// Format type 3 in the high bits of the format field.
const FORMAT_TYPE_3: u16 = 0xA000;
/// The segmentation bit of the format field.
const SEGMENTED: u16 = 0x0800;
/// The length in the format field.
const LENGTH: u16 = 0x07FF;

/// A frame. It borrows its information field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Whom it is for.
    pub destination: Address,
    /// Who sent it.
    pub source: Address,
    /// What it does.
    pub control: Control,
    /// True when further frames belong to the same PDU.
    pub segmented: bool,
    /// The information field, empty when there is none.
    pub information: &'a [u8],
}

/// The control field. `poll` is the P/F bit: the sender wants an answer, or ends its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// I: a numbered piece of a PDU; `receive` acknowledges everything before that number.
    Information {
        /// N(S), 0..=7.
        send: u8,
        /// N(R), 0..=7.
        receive: u8,
        /// P/F.
        poll: bool,
    },
    /// RR: ready for number `receive`.
    ReceiveReady {
        /// N(R), 0..=7.
        receive: u8,
        /// P/F.
        poll: bool,
    },
    /// RNR: number `receive` is due, but not now.
    ReceiveNotReady {
        /// N(R), 0..=7.
        receive: u8,
        /// P/F.
        poll: bool,
    },
    /// SNRM: connect.
    SetNormal {
        /// P/F.
        poll: bool,
    },
    /// DISC: disconnect.
    Disconnect {
        /// P/F.
        poll: bool,
    },
    /// UA: done.
    Acknowledge {
        /// P/F.
        poll: bool,
    },
    /// DM: not connected.
    Disconnected {
        /// P/F.
        poll: bool,
    },
    /// FRMR: the frame was against the rules.
    Reject {
        /// P/F.
        poll: bool,
    },
    /// UI: a PDU outside of the numbering.
    Unnumbered {
        /// P/F.
        poll: bool,
    },
    /// A control field that this mode does not have.
    Unknown(u8),
}

/// What was wrong with octets that claimed to be a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// The offset from the opening flag at which it was noticed.
    pub at: usize,
    /// What it was.
    pub fault: FrameFault,
}

/// The ways in which octets fail to be a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// No flag where one must stand.
    Flag,
    /// Not format type 3.
    Format,
    /// The length has no room for the fields, or a form that does not exist.
    Length,
    /// An address of a form that does not exist.
    Address,
    /// The header check is wrong.
    HeaderCheck,
    /// The frame check is wrong.
    FrameCheck,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            FrameFault::Flag => "no flag where one must stand",
            FrameFault::Format => "not format type 3",
            FrameFault::Length => "the length does not fit the fields",
            FrameFault::Address => "an address of a form that does not exist",
            FrameFault::HeaderCheck => "the header check is wrong",
            FrameFault::FrameCheck => "the frame check is wrong",
        };
        write!(f, "HDLC frame at octet {}: {fault}", self.at)
    }
}

impl core::error::Error for FrameError {}

impl Control {
    /// The control field `octet` as it reads.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        let poll = octet & 0x10 != 0;
        let receive = octet >> 5;
        if octet & 1 == 0 {
            return Self::Information {
                send: octet >> 1 & 7,
                receive,
                poll,
            };
        }
        match octet & 0x0F {
            0x01 => return Self::ReceiveReady { receive, poll },
            0x05 => return Self::ReceiveNotReady { receive, poll },
            _ => {}
        }
        match octet & 0xEF {
            0x83 => Self::SetNormal { poll },
            0x43 => Self::Disconnect { poll },
            0x63 => Self::Acknowledge { poll },
            0x0F => Self::Disconnected { poll },
            0x87 => Self::Reject { poll },
            0x03 => Self::Unnumbered { poll },
            _ => Self::Unknown(octet),
        }
    }

    /// The control field on the wire.
    #[must_use]
    pub const fn octet(self) -> u8 {
        let (base, poll) = match self {
            Self::Information { send, receive, poll } => ((receive & 7) << 5 | (send & 7) << 1, poll),
            Self::ReceiveReady { receive, poll } => ((receive & 7) << 5 | 0x01, poll),
            Self::ReceiveNotReady { receive, poll } => ((receive & 7) << 5 | 0x05, poll),
            Self::SetNormal { poll } => (0x83, poll),
            Self::Disconnect { poll } => (0x43, poll),
            Self::Acknowledge { poll } => (0x63, poll),
            Self::Disconnected { poll } => (0x0F, poll),
            Self::Reject { poll } => (0x87, poll),
            Self::Unnumbered { poll } => (0x03, poll),
            Self::Unknown(octet) => (octet, false),
        };
        if poll { base | 0x10 } else { base }
    }

    /// True when the sender asks for an answer now.
    #[must_use]
    pub const fn is_polling(self) -> bool {
        self.octet() & 0x10 != 0
    }
}

impl<'a> Frame<'a> {
    /// The frame at the start of `octets`, which begin with its opening flag, and how many octets it takes, both flags
    /// counted. `Ok(None)` means that more octets are needed.
    ///
    /// # Errors
    /// When the octets cannot become a frame however many follow.
    pub fn parse(octets: &'a [u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let error = |at, fault| Err(FrameError { at, fault });
        match octets.first() {
            None => return Ok(None),
            Some(&FLAG) => {}
            Some(_) => return error(0, FrameFault::Flag),
        }
        let Some(length) = Self::length(octets)? else {
            return Ok(None);
        };
        let (Some(body), Some(&closing)) = (octets.get(1..=length), octets.get(length + 1)) else {
            return Ok(None);
        };
        if closing != FLAG {
            return error(length + 1, FrameFault::Flag);
        }

        let Some((destination, to)) = Address::parse(body.get(2..).unwrap_or(&[])) else {
            return error(3, FrameFault::Address);
        };
        let Some((source, from)) = Address::parse(body.get(2 + to..).unwrap_or(&[])) else {
            return error(3 + to, FrameFault::Address);
        };
        let header = 2 + to + from + 1;
        let (Some(&control), Some(checked)) = (body.get(header - 1), length.checked_sub(2)) else {
            return error(1, FrameFault::Length);
        };
        if !ends_in_check(body) {
            return error(length - 1, FrameFault::FrameCheck);
        }
        // Without information the header check is left out and the frame check covers the header alone.
        let information = if checked == header {
            &[]
        } else {
            let Some(head) = body.get(..header + 2).filter(|_| header + 2 < checked) else {
                return error(1, FrameFault::Length);
            };
            if !ends_in_check(head) {
                return error(header + 1, FrameFault::HeaderCheck);
            }
            body.get(header + 2..checked).unwrap_or(&[])
        };
        let segmented = body.first().is_some_and(|format| format & 0x08 != 0);
        let frame = Self {
            destination,
            source,
            control: Control::from_octet(control),
            segmented,
            information,
        };
        Ok(Some((frame, length + 2)))
    }

    /// The length field of the frame that starts with the flag `octets[0]`: its octets without the flags. `None`: more
    /// are needed.
    pub(crate) fn length(octets: &[u8]) -> Result<Option<usize>, FrameError> {
        let Some(&high) = octets.get(1) else { return Ok(None) };
        if high & 0xF0 != 0xA0 {
            return Err(FrameError {
                at: 1,
                fault: FrameFault::Format,
            });
        }
        let Some(&low) = octets.get(2) else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]) & LENGTH);
        // Format, two addresses, control and frame check.
        if length < 7 {
            Err(FrameError {
                at: 1,
                fault: FrameFault::Length,
            })
        } else {
            Ok(Some(length))
        }
    }

    /// Writes the frame with its flags into `out` and answers its octets; `None` when it does not fit, or is longer
    /// than a frame can be.
    #[must_use]
    pub fn emit<'o>(&self, out: &'o mut [u8]) -> Option<&'o [u8]> {
        let (destination, to) = self.destination.octets();
        let (source, from) = self.source.octets();
        let header = 2 + to + from + 1;
        let length = if self.information.is_empty() {
            header + 2
        } else {
            header + 2 + self.information.len() + 2
        };
        let length_field = u16::try_from(length).ok().filter(|&length| length <= LENGTH)?;
        let format = FORMAT_TYPE_3 | length_field | if self.segmented { SEGMENTED } else { 0 };

        let frame = out.get_mut(..length + 2)?;
        let mut at = 0;
        let mut put = |frame: &mut [u8], octets: &[u8]| {
            if let Some(place) = frame.get_mut(at..at + octets.len()) {
                place.copy_from_slice(octets);
            }
            at += octets.len();
        };
        put(frame, &[FLAG]);
        put(frame, &format.to_be_bytes());
        put(frame, destination.get(..to)?);
        put(frame, source.get(..from)?);
        put(frame, &[self.control.octet()]);
        if !self.information.is_empty() {
            let check = CHECK.checksum(frame.get(1..=header)?);
            put(frame, &check.to_le_bytes());
            put(frame, self.information);
        }
        let check = CHECK.checksum(frame.get(1..=length - 2)?);
        put(frame, &check.to_le_bytes());
        put(frame, &[FLAG]);
        Some(frame)
    }
}

/// True when the last two octets are the check of those before them.
fn ends_in_check(octets: &[u8]) -> bool {
    octets
        .split_last_chunk::<2>()
        .is_some_and(|(checked, check)| CHECK.checksum(checked).to_le_bytes() == *check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_is_crc_16_x_25() {
        assert_eq!(CHECK.checksum(b"123456789"), 0x906E);
    }

    #[test]
    fn every_control_octet_reads_back() {
        for octet in 0..=u8::MAX {
            assert_eq!(Control::from_octet(octet).octet(), octet, "{octet:02X}");
        }
        assert_eq!(Control::from_octet(0x93), Control::SetNormal { poll: true });
        assert_eq!(Control::from_octet(0x73), Control::Acknowledge { poll: true });
        assert_eq!(Control::from_octet(0x53), Control::Disconnect { poll: true });
        assert_eq!(Control::from_octet(0x1F), Control::Disconnected { poll: true });
        assert_eq!(Control::from_octet(0x97), Control::Reject { poll: true });
        assert_eq!(
            Control::from_octet(0x10),
            Control::Information {
                send: 0,
                receive: 0,
                poll: true
            }
        );
        assert_eq!(
            Control::from_octet(0x31),
            Control::ReceiveReady { receive: 1, poll: true }
        );
    }

    #[test]
    fn a_frame_longer_than_its_length_field_is_not_written() {
        let information = [0; 2048];
        let frame = Frame {
            destination: Address::One(16),
            source: Address::One(1),
            control: Control::Unnumbered { poll: false },
            segmented: false,
            information: &information,
        };
        assert_eq!(frame.emit(&mut [0; 4096]), None);
    }

    #[test]
    fn a_length_without_room_for_the_fields_is_refused() {
        for length in 0..7 {
            let octets = [FLAG, 0xA0, length, 0x03, 0x21, 0x93, 0x00, 0x00, FLAG];
            assert_eq!(
                Frame::parse(&octets),
                Err(FrameError {
                    at: 1,
                    fault: FrameFault::Length
                })
            );
        }
    }
}
