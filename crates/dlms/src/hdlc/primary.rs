//! The reader's side of an HDLC line: the primary station in normal response mode (IEC 62056-46, 6.4), twin of
//! [`super::Station`].
//!
//! The primary speaks, the station answers; what is not answered in time is asked again. Like its twin it keeps
//! numbers, not frames: the request stays in the client's buffer and is cut again when it was lost.

use super::{Control, Cut, Frame, Limits};

/// The primary station of one line.
#[derive(Clone, Debug)]
pub struct Primary {
    own: Limits,
    limits: Limits,
    connected: bool,
    /// DISC was sent; UA or DM will end the link.
    leaving: bool,
    send: u8,
    acknowledged: u8,
    receive: u8,
    /// Octets of the request under way, and how many of them were acknowledged.
    length: usize,
    done: usize,
}

/// What a frame from the station meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing new.
    Nothing,
    /// The link is up.
    Connected,
    /// The link is down: after our DISC, or because the station does not know of one, or rejected a frame.
    Disconnected,
    /// The frame's information belongs to the response.
    Take {
        /// It was the last piece of it.
        complete: bool,
        /// The station waits to be asked for more.
        turn: bool,
    },
    /// The station is ready and it is our turn: go on with the request, or ask for the response.
    Turn,
}

impl Primary {
    /// A primary without a link.
    #[must_use]
    pub const fn new(own: Limits) -> Self {
        Self {
            own,
            limits: own,
            connected: false,
            leaving: false,
            send: 0,
            acknowledged: 0,
            receive: 0,
            length: 0,
            done: 0,
        }
    }

    /// True while the link is up.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.connected
    }

    /// Forgets the link.
    pub fn reset(&mut self) {
        *self = Self::new(self.own);
    }

    /// DISC is sent: the next UA or DM ends the link.
    pub fn leave(&mut self) {
        self.leaving = true;
    }

    /// What this side proposes in its SNRM.
    #[must_use]
    pub const fn proposal(&self) -> Limits {
        self.own
    }

    /// A request of `length` octets is to be sent.
    pub fn request(&mut self, length: usize) {
        self.length = length;
        self.done = 0;
    }

    /// True while some of the request was not acknowledged.
    #[must_use]
    pub const fn is_sending(&self) -> bool {
        self.done < self.length
    }

    /// The control field that asks the station to go on.
    #[must_use]
    pub const fn poll(&self) -> Control {
        Control::ReceiveReady {
            receive: self.receive,
            poll: true,
        }
    }

    /// After silence: everything that flew is to be sent again.
    pub fn rewind(&mut self) {
        self.send = self.acknowledged;
    }

    /// The next frame of the request; `None` when the window is full or all is sent.
    pub fn cut(&mut self) -> Option<Cut> {
        let flying = self.send.wrapping_sub(self.acknowledged) & 7;
        if self.limits.transmit_window <= flying {
            return None;
        }
        let size = usize::from(self.limits.transmit);
        let from = self.done + usize::from(flying) * size;
        if self.length <= from {
            return None;
        }
        let to = self.length.min(from + size);
        let last = to == self.length;
        let poll = last || flying + 1 == self.limits.transmit_window;
        let control = Control::Information {
            send: self.send,
            receive: self.receive,
            poll,
        };
        self.send = (self.send + 1) & 7;
        Some(Cut {
            from,
            to,
            control,
            segmented: !last,
        })
    }

    /// Takes a frame of the station.
    pub fn on(&mut self, frame: &Frame<'_>) -> Heard {
        match frame.control {
            Control::Acknowledge { .. } if !self.connected && !self.leaving => match Limits::parse(frame.information) {
                Ok(peer) => {
                    // The request that made us connect still waits.
                    let length = self.length;
                    *self = Self {
                        limits: self.own.agreed(peer),
                        connected: true,
                        length,
                        ..Self::new(self.own)
                    };
                    Heard::Connected
                }
                Err(_) => Heard::Nothing,
            },
            // The second answer to an SNRM that was sent twice.
            Control::Acknowledge { .. } if !self.leaving => Heard::Nothing,
            Control::Acknowledge { .. } | Control::Disconnected { .. } | Control::Reject { .. } => {
                self.reset();
                Heard::Disconnected
            }
            Control::Information { send, receive, poll } if self.connected => {
                let all = self.acknowledge(receive);
                // While our request is not acknowledged as a whole this is a piece of an older response.
                if send != self.receive || !all {
                    return if poll { Heard::Turn } else { Heard::Nothing };
                }
                self.receive = (self.receive + 1) & 7;
                Heard::Take {
                    complete: !frame.segmented,
                    turn: poll,
                }
            }
            Control::ReceiveReady { receive, .. } | Control::ReceiveNotReady { receive, .. } if self.connected => {
                let _all = self.acknowledge(receive);
                Heard::Turn
            }
            _ => Heard::Nothing,
        }
    }

    /// Takes N(R); answers whether the whole request has arrived.
    fn acknowledge(&mut self, receive: u8) -> bool {
        let arrived = receive.wrapping_sub(self.acknowledged) & 7;
        let flying = self.send.wrapping_sub(self.acknowledged) & 7;
        if arrived <= flying {
            self.acknowledged = receive;
            self.done = self
                .length
                .min(self.done + usize::from(arrived) * usize::from(self.limits.transmit));
        }
        !self.is_sending()
    }
}
