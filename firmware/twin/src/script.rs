//! The script: what happened to a meter, and when.
//!
//! Entries one behind the other: kind (1 octet), instant in microseconds (8), length (2), contents. Numbers are big-endian.

use base::Instant;
use frontend::RawFrame;
use meter::{Contact, Press};
use metrology::Tariff;

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When.
    pub at: Instant,
    /// What.
    pub event: Event<'a>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A block of the converter's frames, and the number of the first.
    Frames(u64, &'a [RawFrame]),
    /// The converter gave nothing for the samples before this one.
    Silence(u64),
    /// Octets came on a link.
    Octets(Port, &'a [u8]),
    /// A contact or the button.
    Contact(Contact),
    /// The thermometer was looked at: thousandths of a degree Celsius, none when it did not answer.
    Warmth(Option<i32>),
    /// The factory writes the parameters of sensors that drift, see [`rig::drifting`](crate::rig::drifting).
    Calibration,
    /// Nothing but time.
    Time,
    /// The supply fails.
    PowerFailing,
    /// What follows is counted under this name, and stands for so many units.
    Label(u32, &'a str),
}

/// The meter's links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The optical port.
    Hdlc = 0,
    /// The line to the communication module.
    Wrapper = 1,
}

/// What is not a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Octets before an entry's contents.
pub const HEAD: usize = 11;

/// The longest entry.
pub const LONGEST: usize = HEAD + 4_096;

impl Port {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Hdlc, Self::Wrapper];
}

impl<'a> Entry<'a> {
    /// The octets of the entry that `head` begins, without the head.
    #[must_use]
    pub const fn length(head: &[u8; HEAD]) -> usize {
        u16::from_be_bytes([head[9], head[10]]) as usize
    }

    /// Reads an entry of which `contents` are the octets behind the head.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(head: &[u8; HEAD], contents: &'a [u8]) -> Result<Self, Malformed> {
        let [kind, instant @ .., _, _] = head;
        let at = Instant::from_micros(u64::from_be_bytes(*instant));
        let number = || {
            contents
                .first_chunk()
                .map(|octets| u64::from_be_bytes(*octets))
                .ok_or(Malformed)
        };
        let event = match *kind {
            1 => {
                let (frames, []) = contents.get(8..).ok_or(Malformed)?.as_chunks() else {
                    return Err(Malformed);
                };
                Event::Frames(number()?, frames)
            }
            2 => Event::Silence(number()?),
            3 => {
                let (port, octets) = contents.split_first().ok_or(Malformed)?;
                let port = Port::ALL.get(usize::from(*port)).ok_or(Malformed)?;
                Event::Octets(*port, octets)
            }
            4 => Event::Contact(contact(contents).ok_or(Malformed)?),
            5 => Event::Time,
            6 => Event::PowerFailing,
            7 => {
                let (units, name) = contents.split_first_chunk().ok_or(Malformed)?;
                let name = core::str::from_utf8(name).map_err(|_| Malformed)?;
                Event::Label(u32::from_be_bytes(*units), name)
            }
            8 => Event::Warmth(match contents {
                [] => None,
                octets => Some(i32::from_be_bytes(octets.try_into().map_err(|_| Malformed)?)),
            }),
            9 => Event::Calibration,
            _ => return Err(Malformed),
        };
        Ok(Self { at, event })
    }

    /// Writes the entry, in pieces.
    ///
    /// # Errors
    /// [`Malformed`] when it is too long to be one.
    pub fn emit(&self, out: &mut dyn FnMut(&[u8])) -> Result<(), Malformed> {
        let (number, code, units, reading);
        let (kind, first, rest): (u8, &[u8], &[u8]) = match self.event {
            Event::Frames(first, frames) => {
                number = first.to_be_bytes();
                (1, &number, frames.as_flattened())
            }
            Event::Silence(due) => {
                number = due.to_be_bytes();
                (2, &number, &[])
            }
            Event::Octets(port, octets) => {
                code = [port as u8];
                (3, &code, octets)
            }
            Event::Contact(contact) => (4, contact_octets(contact), &[]),
            Event::Warmth(Some(millicelsius)) => {
                reading = millicelsius.to_be_bytes();
                (8, &reading, &[])
            }
            Event::Warmth(None) => (8, &[], &[]),
            Event::Calibration => (9, &[], &[]),
            Event::Time => (5, &[], &[]),
            Event::PowerFailing => (6, &[], &[]),
            Event::Label(count, name) => {
                units = count.to_be_bytes();
                (7, &units, name.as_bytes())
            }
        };
        let length = first.len() + rest.len();
        let length = u16::try_from(length)
            .ok()
            .filter(|_| HEAD + length <= LONGEST)
            .ok_or(Malformed)?;
        out(&[kind]);
        out(&self.at.as_micros().to_be_bytes());
        out(&length.to_be_bytes());
        out(first);
        out(rest);
        Ok(())
    }
}

fn contact(octets: &[u8]) -> Option<Contact> {
    Some(match octets {
        [0, open] => Contact::MeterCover { open: *open != 0 },
        [1, open] => Contact::TerminalCover { open: *open != 0 },
        [2, near] => Contact::Magnet { near: *near != 0 },
        [3, 0] => Contact::Button(Press::Short),
        [3, 1] => Contact::Button(Press::Long),
        [4, 0] => Contact::BillingButton,
        [5, tariff] => Contact::TariffInput(Tariff::new(*tariff)?),
        _ => return None,
    })
}

const fn contact_octets(contact: Contact) -> &'static [u8] {
    match contact {
        Contact::MeterCover { open: false } => &[0, 0],
        Contact::MeterCover { open: true } => &[0, 1],
        Contact::TerminalCover { open: false } => &[1, 0],
        Contact::TerminalCover { open: true } => &[1, 1],
        Contact::Magnet { near: false } => &[2, 0],
        Contact::Magnet { near: true } => &[2, 1],
        Contact::Button(Press::Short) => &[3, 0],
        Contact::Button(Press::Long) => &[3, 1],
        Contact::BillingButton => &[4, 0],
        Contact::TariffInput(tariff) => match tariff.number() {
            1 => &[5, 1],
            2 => &[5, 2],
            3 => &[5, 3],
            4 => &[5, 4],
            5 => &[5, 5],
            6 => &[5, 6],
            7 => &[5, 7],
            _ => &[5, 8],
        },
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    fn octets(entry: &Entry<'_>) -> Vec<u8> {
        let mut octets = Vec::new();
        entry
            .emit(&mut |piece| octets.extend_from_slice(piece))
            .expect("it is short");
        octets
    }

    #[test]
    fn every_entry_comes_back() {
        let frames = [[7; 30], [8; 30]];
        let events = [
            Event::Frames(123_456_789_012, &frames),
            Event::Silence(9),
            Event::Octets(Port::Hdlc, &[0x7E, 0xA0]),
            Event::Octets(Port::Wrapper, &[]),
            Event::Contact(Contact::MeterCover { open: true }),
            Event::Contact(Contact::TerminalCover { open: false }),
            Event::Contact(Contact::Magnet { near: true }),
            Event::Contact(Contact::Button(Press::Short)),
            Event::Contact(Contact::Button(Press::Long)),
            Event::Warmth(Some(-40_125)),
            Event::Warmth(None),
            Event::Calibration,
            Event::Time,
            Event::PowerFailing,
            Event::Label(3, "GET of a register"),
        ];
        for event in events {
            let entry = Entry {
                at: Instant::from_micros(0x0102_0304_0506),
                event,
            };
            let octets = octets(&entry);
            let (head, contents) = octets.split_first_chunk().expect("a head");
            assert_eq!(Entry::length(head), contents.len());
            assert_eq!(Entry::parse(head, contents), Ok(entry));
        }
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let head = |kind| [kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for (kind, contents) in [
            (0, &[][..]),
            (1, &[0; 9]),
            (2, &[1]),
            (3, &[2]),
            (3, &[]),
            (4, &[3, 2]),
            (7, &[0; 3]),
            (8, &[0; 3]),
            (8, &[0; 5]),
            (10, &[]),
        ] {
            assert_eq!(Entry::parse(&head(kind), contents), Err(Malformed), "kind {kind}");
        }
    }
}
