//! The reader's side of an HDLC line: the primary station in normal response mode (IEC 62056-46, 6.4), twin of
//! [`super::Station`].
//!
//! ```text
//!           SNRM -> UA                DISC -> UA, DM
//!   Apart -------------> Connected -----------------> Apart
//!                         |  ^   FRMR, DM unasked: Apart at once
//!                     RNR |  | RR, I
//!                         v  |
//!                        Holding: asks by RR, sends nothing
//! ```
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
    /// The station said RNR: it takes no frames until it says otherwise.
    holding: bool,
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
    /// The link is down: after our DISC, or because the station does not know of one.
    Disconnected,
    /// The station rejected a frame: the reason bits W, X, Y, Z of its FRMR. The link is down.
    Rejected(u8),
    /// The station cannot take frames now: wait, then ask.
    Wait,
    /// The frame's information belongs to the response.
    Take {
        /// It was the last piece of it.
        complete: bool,
        /// The station waits to be asked for more.
        turn: bool,
    },
    /// The station is ready and it is our turn: go on with the request, or ask for the response.
    Turn {
        /// The frame said something new: more of the request has arrived, or more of the response was sent than came.
        /// One that did not may have come twice, or the station has no response yet: whoever answers it at once
        /// doubles what flies with every frame that is doubled, and asks a slow station as fast as the line can.
        news: bool,
    },
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
            holding: false,
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

    /// Octets of the request that were not acknowledged.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.length.saturating_sub(self.done)
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
        if self.holding || self.limits.transmit_window <= flying {
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
            Control::Reject { .. } => {
                self.reset();
                Heard::Rejected(frame.information.get(2).copied().unwrap_or_default())
            }
            Control::Acknowledge { .. } | Control::Disconnected { .. } => {
                self.reset();
                Heard::Disconnected
            }
            Control::Information { send, receive, poll } if self.connected => {
                self.holding = false;
                let before = self.remaining();
                let all = self.acknowledge(receive);
                // While our request is not acknowledged as a whole this is a piece of an older response.
                if send != self.receive || !all {
                    let ahead = send.wrapping_sub(self.receive) & 7;
                    let gap = all && 0 < ahead && ahead < self.limits.receive_window;
                    let news = gap || self.remaining() < before;
                    return if poll { Heard::Turn { news } } else { Heard::Nothing };
                }
                self.receive = (self.receive + 1) & 7;
                Heard::Take {
                    complete: !frame.segmented,
                    turn: poll,
                }
            }
            Control::ReceiveReady { receive, .. } if self.connected => {
                let before = self.remaining();
                let news = self.holding;
                self.holding = false;
                let _all = self.acknowledge(receive);
                Heard::Turn {
                    news: news || self.remaining() < before,
                }
            }
            Control::ReceiveNotReady { receive, .. } if self.connected => {
                self.holding = true;
                let _all = self.acknowledge(receive);
                Heard::Wait
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

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::hdlc::Address;
    use core::fmt::Write as _;
    use std::string::String;

    fn frame(control: Control) -> Frame<'static> {
        Frame {
            destination: Address::One(16),
            source: Address::Four(1, 17),
            control,
            segmented: false,
            information: &[],
        }
    }

    const LIMITS: Limits = Limits {
        transmit: 100,
        receive: 100,
        transmit_window: 3,
        receive_window: 3,
    };

    fn connected() -> Primary {
        let mut primary = Primary::new(LIMITS);
        primary.request(180);
        let (octets, count) = LIMITS.octets();
        let heard = primary.on(&Frame {
            information: &octets[..count],
            ..frame(Control::Acknowledge { poll: true })
        });
        assert_eq!(heard, Heard::Connected);
        primary
    }

    /// Both frames of a request of 180 octets fly.
    fn sending() -> Primary {
        let mut primary = connected();
        while primary.cut().is_some() {}
        primary
    }

    #[test]
    fn every_state_meets_every_frame() {
        let mut table = String::new();
        let information = |send, receive, poll| frame(Control::Information { send, receive, poll });
        let frames = [
            ("UA", frame(Control::Acknowledge { poll: true })),
            (
                "UA with bad sizes",
                Frame {
                    information: &[1],
                    ..frame(Control::Acknowledge { poll: true })
                },
            ),
            ("DM", frame(Control::Disconnected { poll: true })),
            (
                "FRMR Z",
                Frame {
                    information: &[0x11, 0, 0x08],
                    ..frame(Control::Reject { poll: true })
                },
            ),
            ("I due, all taken, F", information(0, 2, true)),
            (
                "I due, all taken, S",
                Frame {
                    segmented: true,
                    ..information(0, 2, false)
                },
            ),
            ("I due, half taken, F", information(0, 1, true)),
            ("I again, F", information(7, 2, true)),
            ("I again", information(7, 2, false)),
            ("I beyond, F", information(0, 3, true)),
            ("RR none", frame(Control::ReceiveReady { receive: 0, poll: true })),
            ("RR half", frame(Control::ReceiveReady { receive: 1, poll: true })),
            ("RR all", frame(Control::ReceiveReady { receive: 2, poll: true })),
            ("RR beyond", frame(Control::ReceiveReady { receive: 3, poll: true })),
            ("RNR half", frame(Control::ReceiveNotReady { receive: 1, poll: true })),
            ("UI", frame(Control::Unnumbered { poll: false })),
            ("SNRM", frame(Control::SetNormal { poll: true })),
            ("DISC", frame(Control::Disconnect { poll: true })),
            ("SNRME", frame(Control::Unknown(0xDF))),
        ];
        let mut apart = Primary::new(LIMITS);
        apart.request(180);
        let mut waiting = sending();
        assert_eq!(
            waiting.on(&frame(Control::ReceiveReady { receive: 2, poll: true })),
            Heard::Turn { news: true }
        );
        let mut holding = sending();
        assert_eq!(
            holding.on(&frame(Control::ReceiveNotReady { receive: 0, poll: true })),
            Heard::Wait
        );
        let mut leaving = waiting.clone();
        leaving.leave();
        for (name, primary) in [
            ("apart", &apart),
            ("sending", &sending()),
            ("waiting", &waiting),
            ("holding", &holding),
            ("leaving", &leaving),
        ] {
            for (event, frame) in &frames {
                let mut primary = primary.clone();
                let heard = primary.on(frame);
                let Primary {
                    connected,
                    leaving,
                    holding,
                    send,
                    acknowledged,
                    receive,
                    length,
                    done,
                    ..
                } = primary;
                let state = match (connected, leaving, holding) {
                    (false, false, _) => "apart",
                    (true, false, false) => "connected",
                    (true, false, true) => "holding",
                    (_, true, _) => "leaving",
                };
                let state = std::format!("{state} V(S)={send} V(A)={acknowledged} V(R)={receive} {done}/{length}");
                let _fits = writeln!(table, "{name:8} {event:20} -> {state:42} {heard:?}");
            }
        }
        crate::golden::check("hdlc_primary.txt", &table);
    }

    #[test]
    fn a_station_that_is_not_ready_is_sent_nothing_until_it_is() {
        let mut primary = sending();
        assert_eq!(
            primary.on(&frame(Control::ReceiveNotReady { receive: 1, poll: true })),
            Heard::Wait
        );
        primary.rewind();
        assert_eq!(primary.cut(), None);
        assert_eq!(
            primary.on(&frame(Control::ReceiveReady { receive: 1, poll: true })),
            Heard::Turn { news: true }
        );
        let cut = primary.cut().expect("the second frame is due again");
        assert_eq!((cut.from, cut.to, cut.segmented), (100, 180, false));
    }
}
