//! What a meter says unasked: DataNotification and its confirmation, EventNotification (IEC 62056-5-3, 7.3.10 and 7.3.8).

use cosem::Attribute;
use cosem::axdr::{AxdrError, Full, Reader, Writer};

use super::access::take_time;
use super::descriptor::take_attribute;
use super::{LongInvoke, put_attribute, tag};

/// A notification that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notification<'a> {
    /// DataNotification: values that the meter was set up to push.
    Data {
        /// Which one it is, and whether it is to be confirmed.
        invoke: LongInvoke,
        /// When it was made: a date-time of 12 octets, or none.
        time: &'a [u8],
        /// One whole value.
        body: &'a [u8],
    },
    /// EventNotification: the value that an attribute took.
    Event {
        /// When: a date-time of 12 octets, or none.
        time: &'a [u8],
        /// The attribute.
        attribute: Attribute,
        /// Its value.
        value: &'a [u8],
    },
}

/// DataNotificationConfirm: the client has got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationConfirm<'a> {
    /// Which one.
    pub invoke: LongInvoke,
    /// When: a date-time of 12 octets, or none.
    pub time: &'a [u8],
}

impl<'a> Notification<'a> {
    /// True for the tags that [`Notification::parse`] knows.
    #[must_use]
    pub const fn is_tag(tag: u8) -> bool {
        matches!(tag, tag::DATA_NOTIFICATION | tag::EVENT_NOTIFICATION)
    }

    /// Reads a notification that is all of `octets`, its value included.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        let notification = Self::take(&mut reader)?;
        reader.end()?;
        Ok(notification)
    }

    /// Takes a notification; others may follow.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn take(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        let error = reader.error("a notification is expected");
        Ok(match reader.octet()? {
            tag::DATA_NOTIFICATION => Self::Data {
                invoke: LongInvoke::take(reader)?,
                time: take_time(reader)?,
                body: reader.skip_value()?,
            },
            tag::EVENT_NOTIFICATION => Self::Event {
                time: match reader.octet()? {
                    0 => &[],
                    1 => take_time(reader)?,
                    _ => return Err(reader.error("a time (01) or none (00) is expected")),
                },
                attribute: take_attribute(reader)?,
                value: reader.skip_value()?,
            },
            _ => return Err(error),
        })
    }

    /// Writes everything that stands before the value.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit_head(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match *self {
            Self::Data { invoke, time, .. } => {
                out.octet(tag::DATA_NOTIFICATION)?;
                out.put(&invoke.0.to_be_bytes())?;
                out.length(time.len())?;
                out.put(time)
            }
            Self::Event { time, attribute, .. } => {
                out.octet(tag::EVENT_NOTIFICATION)?;
                if time.is_empty() {
                    out.octet(0)?;
                } else {
                    out.octet(1)?;
                    out.length(time.len())?;
                    out.put(time)?;
                }
                put_attribute(out, attribute)
            }
        }
    }

    /// The value: the body of a DataNotification, or that of the attribute.
    #[must_use]
    pub const fn value(&self) -> &'a [u8] {
        match *self {
            Self::Data { body: value, .. } | Self::Event { value, .. } => value,
        }
    }

    /// Writes the notification.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        self.emit_head(out)?;
        out.put(self.value())
    }

    /// The confirmation that it wants, if it wants one.
    #[must_use]
    pub const fn confirmation(&self) -> Option<NotificationConfirm<'static>> {
        match *self {
            Self::Data { invoke, .. } if invoke.is_confirmed() => Some(NotificationConfirm { invoke, time: &[] }),
            _ => None,
        }
    }
}

impl<'a> NotificationConfirm<'a> {
    /// Reads a DataNotificationConfirm that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::NOTIFICATION_CONFIRM, "a DataNotificationConfirm is expected")?;
        let confirm = Self {
            invoke: LongInvoke::take(&mut reader)?,
            time: take_time(&mut reader)?,
        };
        reader.end()?;
        Ok(confirm)
    }

    /// Writes the DataNotificationConfirm.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.octet(tag::NOTIFICATION_CONFIRM)?;
        out.put(&self.invoke.0.to_be_bytes())?;
        out.length(self.time.len())?;
        out.put(self.time)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use cosem::Obis;
    use std::vec::Vec;

    /// xdlms/data-notification of the vectors: no date-time, an octet-string.
    const PUBLISHED: [u8; 42] = [
        0x0F, 0x00, 0x00, 0x01, 0xDB, 0x00, 0x09, 0x22, 0x12, 0x5A, 0x85, 0x91, 0x36, 0, 0, 0, 0, 0x49, 0, 0, 0, 0x11,
        0, 0, 0, 0x0A, 0x5A, 0x85, 0x13, 0xD0, 0x14, 0x80, 0, 0, 0, 0x0D, 0, 0, 0, 0x0A, 0x01, 0x00,
    ];

    fn written(notification: &Notification<'_>) -> Vec<u8> {
        let mut buffer = [0; 128];
        let mut out = Writer::new(&mut buffer);
        notification.emit(&mut out).expect("there is room");
        out.written().to_vec()
    }

    #[test]
    fn the_published_notification_is_read_and_written() {
        let read = Notification::parse(&PUBLISHED).expect("it is one");
        let Notification::Data { invoke, time, body } = read else {
            panic!("not {read:?}")
        };
        assert_eq!((invoke.id(), time.len(), body.len()), (0x1DB, 0, 36));
        assert_eq!(read.confirmation(), None);
        assert_eq!(written(&read), PUBLISHED);
    }

    #[test]
    fn events_and_times_read_back_and_cuts_are_refused() {
        let time = [7, 0xEA, 11, 28, 6, 13, 0, 0, 0, 0xFF, 0xC4, 0];
        let samples = [
            Notification::Event {
                time: &[],
                attribute: Attribute::new(1, Obis::new("0-0:96.11.0"), 2),
                value: &[0x11, 7],
            },
            Notification::Event {
                time: &time,
                attribute: Attribute::new(1, Obis::new("0-0:96.11.0"), 2),
                value: &[0x11, 7],
            },
            Notification::Data {
                invoke: LongInvoke::confirmed(9),
                time: &time,
                body: &[2, 1, 0x11, 7],
            },
        ];
        for sample in samples {
            let octets = written(&sample);
            assert_eq!(Notification::parse(&octets), Ok(sample));
            for length in 0..octets.len() {
                assert!(Notification::parse(&octets[..length]).is_err());
            }
        }
        let confirm = samples[2].confirmation().expect("it wants one");
        let mut buffer = [0; 16];
        let mut out = Writer::new(&mut buffer);
        assert_eq!(confirm.emit(&mut out), Ok(()));
        assert_eq!(out.written(), [0x10, 0xC0, 0, 0, 9, 0]);
        assert_eq!(NotificationConfirm::parse(out.written()), Ok(confirm));
    }
}
