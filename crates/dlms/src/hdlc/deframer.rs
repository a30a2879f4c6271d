//! Finds frames in a stream of octets.

use super::frame::FLAG;
use super::{FRAME_MAX, Frame, FrameError};

/// Collects octets until a frame is whole.
///
/// It trusts the length field and then wants the closing flag at its place; when that is missing it looks for the next
/// flag among the octets it already holds. A flag octet in the data or in a check sequence therefore never ends a
/// frame, and noise before a frame costs nothing but itself. The closing flag of one frame may open the next.
pub struct Deframer {
    octets: [u8; FRAME_MAX],
    held: usize,
    /// The frame at the front was given out and is to be dropped before more is taken.
    given: bool,
}

impl Default for Deframer {
    fn default() -> Self {
        Self::new()
    }
}

impl Deframer {
    /// A deframer that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            octets: [0; FRAME_MAX],
            held: 0,
            given: false,
        }
    }

    /// Takes one octet; answers the frame that it completes, or why the octets held so far were no frame. After an
    /// error the octets behind the bad flag are looked at again, so one octet may end one frame and an error before it.
    pub fn take(&mut self, octet: u8) -> Option<Result<Frame<'_>, FrameError>> {
        if self.given {
            // The closing flag stays: it may be the opening one of the next frame.
            self.octets[0] = FLAG;
            self.held = 1;
            self.given = false;
        }
        if self.held == 0 && octet != FLAG {
            return None;
        }
        // Several flags in a row are idle line.
        if self.held == 1 && octet == FLAG {
            return None;
        }
        let place = self.octets.get_mut(self.held)?;
        *place = octet;
        self.held += 1;

        let mut fault = None;
        while 0 < self.held {
            match self.whole() {
                Ok(true) => {
                    self.given = true;
                    return match Frame::parse(self.octets.get(..self.held)?) {
                        Ok(found) => found.map(|(frame, _)| Ok(frame)),
                        Err(error) => Some(Err(error)),
                    };
                }
                Ok(false) => break,
                Err(error) => {
                    fault = Some(error);
                    self.skip_to_next_flag();
                }
            }
        }
        fault.map(Err)
    }

    /// Forgets an unfinished frame.
    pub fn reset(&mut self) {
        self.held = 0;
        self.given = false;
    }

    /// True while a frame is under way.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        !self.given && 1 < self.held
    }

    /// Lends the buffer to build outgoing frames in: the line is half duplex, so what was given out is answered and
    /// nothing else has come yet. An unfinished frame is forgotten; the closing flag of a finished one may still open
    /// the next.
    pub fn lend(&mut self) -> &mut [u8] {
        if !self.given {
            self.reset();
        }
        &mut self.octets
    }

    /// True when the octets held are a whole frame with its closing flag in place and its checks right.
    fn whole(&self) -> Result<bool, FrameError> {
        let held = self.octets.get(..self.held).unwrap_or(&[]);
        let Some(length) = Frame::length(held)? else {
            return Ok(false);
        };
        if FRAME_MAX < length + 2 {
            return Err(FrameError {
                at: 1,
                fault: super::FrameFault::Length,
            });
        }
        if self.held < length + 2 {
            return Ok(false);
        }
        Frame::parse(held).map(|found| found.is_some())
    }

    /// Drops the flag at the front and everything up to the next one.
    fn skip_to_next_flag(&mut self) {
        let held = self.octets.get(1..self.held).unwrap_or(&[]);
        match held.iter().position(|&octet| octet == FLAG) {
            Some(flag) => {
                self.octets.copy_within(1 + flag..self.held, 0);
                self.held -= 1 + flag;
            }
            None => self.held = 0,
        }
        // Idle flags at the front.
        while self.octets.get(1).is_some_and(|&octet| octet == FLAG) && 1 < self.held {
            self.octets.copy_within(1..self.held, 0);
            self.held -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::hdlc::{Address, Control, FrameFault};
    use std::vec::Vec;

    fn frames(octets: &[u8]) -> (Vec<u8>, usize) {
        let (mut controls, mut faults) = (Vec::new(), 0);
        let mut deframer = Deframer::new();
        for &octet in octets {
            match deframer.take(octet) {
                Some(Ok(frame)) => controls.push(frame.control.octet()),
                Some(Err(_)) => faults += 1,
                None => {}
            }
        }
        (controls, faults)
    }

    const SNRM: &[u8] = &[0x7E, 0xA0, 0x07, 0x03, 0x21, 0x93, 0x0F, 0x01, 0x7E];

    #[test]
    fn frames_are_found_between_noise_and_with_one_flag_between_them() {
        assert_eq!(frames(SNRM), ([0x93].to_vec(), 0));
        assert_eq!(frames(&[SNRM, SNRM].concat()).0, [0x93, 0x93]);
        assert_eq!(frames(&[SNRM, &SNRM[1..]].concat()).0, [0x93, 0x93]);
        assert_eq!(frames(&[&[0x7E, 0x7E, 0x7E], SNRM].concat()).0, [0x93]);
        assert_eq!(frames(&[&[0x55, 0xAA, 0x7E, 0x12], SNRM].concat()).0, [0x93]);
        assert_eq!(frames(&[&SNRM[..5], SNRM, SNRM].concat()).0.last(), Some(&0x93));
    }

    #[test]
    fn a_flag_octet_inside_the_check_does_not_end_the_frame() {
        // Defect of a peer (u9n/dlms-cosem issue 97): the low octet of the FCS is 7E.
        let octets = [
            0x7E, 0xA0, 0x1B, 0x03, 0x00, 0x02, 0x3C, 0x47, 0x52, 0xD5, 0x51, 0xE6, 0xE7, 0x00, 0xC4, 0x01, 0xC1, 0x00,
            0x09, 0x06, 0x01, 0x00, 0x20, 0x20, 0x00, 0xFF, 0x7E, 0x8C, 0x7E,
        ];
        let mut deframer = Deframer::new();
        let mut found = 0;
        for octet in octets {
            if let Some(frame) = deframer.take(octet) {
                assert_eq!(frame.map(|frame| frame.information.len()), Ok(15));
                found += 1;
            }
        }
        assert_eq!(found, 1);
    }

    #[test]
    fn a_length_that_no_frame_of_ours_has_does_not_swallow_the_next_frame() {
        let lie = [0x7E, 0xA7, 0xFF, 0x03];
        assert_eq!(frames(&[&lie[..], SNRM].concat()), ([0x93].to_vec(), 1));
    }

    #[test]
    fn a_wrong_check_is_named_and_the_next_frame_is_found() {
        let mut wrong = SNRM.to_vec();
        wrong[6] ^= 1;
        let mut deframer = Deframer::new();
        let faults: Vec<_> = wrong
            .iter()
            .filter_map(|&octet| deframer.take(octet).map(|it| it.map(|_| ())))
            .collect();
        assert_eq!(
            faults,
            [Err(FrameError {
                at: 6,
                fault: FrameFault::FrameCheck
            })]
        );
        assert_eq!(frames(&[&wrong, SNRM].concat()).0, [0x93]);
    }

    #[test]
    fn the_longest_frame_fits() {
        let information = [0x7E; crate::hdlc::INFO_MAX];
        let frame = Frame {
            destination: Address::Four(1, 17),
            source: Address::One(1),
            control: Control::Information {
                send: 0,
                receive: 0,
                poll: true,
            },
            segmented: true,
            information: &information,
        };
        let mut out = [0; FRAME_MAX];
        let octets = frame.emit(&mut out).expect("it is the longest that fits").to_vec();
        assert_eq!(frames(&octets), ([0x10].to_vec(), 0));
    }
}
