//! The meter's side of an HDLC line: the secondary station in normal response mode (IEC 62056-46, 6.4).
//!
//! ```text
//!                SNRM/UA                        rule broken/FRMR
//!   Silent ------------------> Connected ------------------------> Rejecting
//!     ^  ^                      |  ^  ^                             |    |
//!     |  +----- DISC/UA, -------+  +---------- SNRM/UA -------------+    |
//!     |         silence too long                                         |
//!     +----------------------------- DISC/UA ----------------------------+
//! ```
//!
//! The station keeps numbers, not frames. Of the response it knows the length and how much of it was acknowledged;
//! [`Station::cut`] says which octets of it the next frame carries, again after a loss. It never speaks unless it was
//! polled.

use super::{Address, Control, Frame, Limits};

/// The secondary station of one line.
#[derive(Clone, Debug)]
pub struct Station {
    /// The physical device address that is answered to.
    physical: u16,
    /// The logical devices that there are.
    logical: &'static [u16],
    /// What this device can do.
    own: Limits,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Normal disconnected mode.
    Silent,
    /// Normal response mode.
    Connected(Connection),
    /// Normal response mode after a frame against the rules: FRMR until the client connects anew.
    Rejecting(Connection, Rejection),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Connection {
    client: Address,
    /// The address the client used for us, with which we answer.
    own: Address,
    limits: Limits,
    /// V(S): the number of the next frame we send.
    send: u8,
    /// The oldest number that was not acknowledged.
    acknowledged: u8,
    /// V(R): the number of the next frame we take.
    receive: u8,
    response: Option<Response>,
}

/// The response under way: octets in the session's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Response {
    length: usize,
    /// Octets that were acknowledged.
    done: usize,
}

/// Why a frame was against the rules (the bits W, X, Y, Z of FRMR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// W: a control field that this mode does not have.
    Control(u8),
    /// W and X: information in a frame that has none.
    Information(u8),
    /// Y: more information than was agreed.
    TooLong(u8),
    /// Z: an acknowledgement of what was never sent.
    Number(u8),
}

/// The answer to one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// None; the frame changed nothing that the link must know.
    Silence,
    /// UA with sizes; the link is new, whatever was on it before is over.
    Connected(Limits),
    /// UA; the link is over.
    Released,
    /// DM: there is no link.
    NotConnected,
    /// RR: all is well, nothing to send.
    Ready,
    /// Frames of the response, as [`Station::cut`] says.
    Transmit,
    /// The frame's information belongs to a request.
    Take {
        /// It was the last piece of it.
        complete: bool,
        /// The client waits for an answer.
        poll: bool,
    },
    /// The frame's information is a request outside of the numbering.
    TakeUnnumbered,
    /// FRMR.
    Reject(Rejection),
}

/// Where the next frame's information lies in the response, and its control field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The first octet.
    pub from: usize,
    /// Behind the last octet.
    pub to: usize,
    /// The control field.
    pub control: Control,
    /// True when the response goes on in the next frame.
    pub segmented: bool,
}

/// Whom a frame was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// This device.
    Own,
    /// All devices: it is never answered.
    Everybody,
    /// Another device.
    Foreign,
}

impl Station {
    /// A station without a link that answers to the physical address `physical` for the logical devices `logical`.
    #[must_use]
    pub const fn new(physical: u16, logical: &'static [u16], own: Limits) -> Self {
        Self {
            physical,
            logical,
            own,
            state: State::Silent,
        }
    }

    /// True while a client is connected.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        !matches!(self.state, State::Silent)
    }

    /// The client that is connected.
    #[must_use]
    pub const fn client(&self) -> Option<Address> {
        match self.state {
            State::Silent => None,
            State::Connected(connection) | State::Rejecting(connection, _) => Some(connection.client),
        }
    }

    /// The logical device that a frame to `destination` is for: of a frame to all of them the one that the client is
    /// connected to, else the first.
    #[must_use]
    pub fn called(&self, destination: Address) -> u16 {
        match self.state {
            _ if !destination.is_all_stations() => destination.upper(),
            State::Silent => self.logical.first().copied().unwrap_or_default(),
            State::Connected(connection) | State::Rejecting(connection, _) => connection.own.upper(),
        }
    }

    /// True when `source` is the client that is connected, to the logical device it calls as `destination` now: a client
    /// may have a link to each logical device.
    #[must_use]
    pub fn serves(&self, source: Address, destination: Address) -> bool {
        match self.state {
            State::Silent => false,
            State::Connected(connection) | State::Rejecting(connection, _) => {
                connection.client == source && connection.own.upper() == destination.upper()
            }
        }
    }

    /// The agreed limits, or this device's own while there is no link.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        match self.state {
            State::Silent => self.own,
            State::Connected(connection) | State::Rejecting(connection, _) => connection.limits,
        }
    }

    /// Whether a frame from `source` to `destination` is for this device. One-octet addresses have no physical part and
    /// meet every device that has the logical one.
    ///
    /// On a shared line a station also hears what the others answer: a client has an address of one octet, so a longer
    /// source is another meter, and an upper address that is no logical device here is a client.
    #[must_use]
    pub fn offer(&self, destination: Address, source: Address) -> Offer {
        if !matches!(source, Address::One(_)) {
            return Offer::Foreign;
        }
        if destination.is_all_stations() || destination.is_all_devices() {
            return Offer::Everybody;
        }
        let here = match destination.lower() {
            Some(lower) => lower == self.physical || destination.is_calling(),
            None => true,
        };
        if here && self.logical.contains(&destination.upper()) {
            Offer::Own
        } else {
            Offer::Foreign
        }
    }

    /// The address this device answers with when it was called as `called`.
    #[must_use]
    pub fn answering(&self, called: Address) -> Address {
        if called.is_calling() {
            called.with_lower(self.physical)
        } else {
            called
        }
    }

    /// Forgets the link; answers whether there was one.
    pub fn disconnect(&mut self) -> bool {
        let connected = self.is_connected();
        self.state = State::Silent;
        connected
    }

    /// A response of `length` octets waits in the session's buffer.
    pub fn respond(&mut self, length: usize) {
        if let State::Connected(connection) = &mut self.state {
            connection.response = (0 < length).then_some(Response { length, done: 0 });
        }
    }

    /// What to answer to a poll now: frames while something waits, else RR.
    #[must_use]
    pub const fn answer_poll(&self) -> Reply {
        match self.state {
            State::Connected(Connection { response: Some(_), .. }) => Reply::Transmit,
            _ => Reply::Ready,
        }
    }

    /// V(R) for an RR.
    #[must_use]
    pub const fn receive_number(&self) -> u8 {
        match self.state {
            State::Silent => 0,
            State::Connected(connection) | State::Rejecting(connection, _) => connection.receive,
        }
    }

    /// The information of an FRMR: the control field, our numbers, the reason.
    #[must_use]
    pub const fn rejection_octets(&self, rejection: Rejection) -> [u8; 3] {
        let (send, receive) = match self.state {
            State::Silent => (0, 0),
            State::Connected(connection) | State::Rejecting(connection, _) => (connection.send, connection.receive),
        };
        let (control, reason) = match rejection {
            Rejection::Control(control) => (control, 0x01),
            Rejection::Information(control) => (control, 0x03),
            Rejection::TooLong(control) => (control, 0x04),
            Rejection::Number(control) => (control, 0x08),
        };
        [control, receive << 5 | send << 1, reason]
    }

    /// Takes a frame that was [offered](Station::offer) to this device itself.
    pub fn on(&mut self, frame: &Frame<'_>) -> Reply {
        let own = self.answering(frame.destination);
        let (state, reply) = self.state.on(frame, own, self.own);
        self.state = state;
        reply
    }

    /// The next frame of the response: `None` when the window is full, all is sent, or there is nothing to send.
    pub fn cut(&mut self) -> Option<Cut> {
        let State::Connected(connection) = &mut self.state else {
            return None;
        };
        let response = connection.response?;
        let flying = connection.flying();
        if connection.limits.transmit_window <= flying {
            return None;
        }
        let size = usize::from(connection.limits.transmit);
        let from = response.done + usize::from(flying) * size;
        if response.length <= from {
            return None;
        }
        let to = response.length.min(from + size);
        let last = to == response.length;
        let control = Control::Information {
            send: connection.send,
            receive: connection.receive,
            poll: last || flying + 1 == connection.limits.transmit_window,
        };
        connection.send = (connection.send + 1) & 7;
        Some(Cut {
            from,
            to,
            control,
            segmented: !last,
        })
    }
}

impl State {
    /// The machine: one frame in, the next state and the answer out.
    fn on(self, frame: &Frame<'_>, own: Address, limits: Limits) -> (Self, Reply) {
        let control = frame.control;
        let poll = control.is_polling();
        match (control, self) {
            (Control::SetNormal { .. }, _) => match Limits::parse(frame.information) {
                // A client that connects takes the line over: the one before may be gone without a word.
                Ok(peer) => {
                    let limits = limits.agreed(peer);
                    let connection = Connection {
                        client: frame.source,
                        own,
                        limits,
                        send: 0,
                        acknowledged: 0,
                        receive: 0,
                        response: None,
                    };
                    (Self::Connected(connection), Reply::Connected(limits))
                }
                Err(_) => (self, Reply::NotConnected),
            },
            // UA, DM and FRMR are responses: our own echo, or another station's answer.
            (Control::Acknowledge { .. } | Control::Disconnected { .. } | Control::Reject { .. }, _) => {
                (self, Reply::Silence)
            }
            (Control::Disconnect { .. }, Self::Connected(connection) | Self::Rejecting(connection, _))
                if connection.client == frame.source =>
            {
                (Self::Silent, Reply::Released)
            }
            (Control::Disconnect { .. }, _) => (self, Reply::NotConnected),
            (Control::Unnumbered { .. }, Self::Connected(connection)) if connection.client == frame.source => {
                (self, Reply::TakeUnnumbered)
            }
            (_, Self::Connected(connection)) if connection.client == frame.source => connection.on(frame),
            (_, Self::Rejecting(connection, rejection)) if connection.client == frame.source && poll => {
                (self, Reply::Reject(rejection))
            }
            (Control::Unnumbered { .. }, _) => (self, Reply::Silence),
            // Another client, or none connected.
            _ if poll && !matches!(self, Self::Rejecting(connection, _) if connection.client == frame.source) => {
                (self, Reply::NotConnected)
            }
            _ => (self, Reply::Silence),
        }
    }
}

impl Connection {
    /// Frames sent and not acknowledged.
    const fn flying(&self) -> u8 {
        self.send.wrapping_sub(self.acknowledged) & 7
    }

    fn on(mut self, frame: &Frame<'_>) -> (State, Reply) {
        let octet = frame.control.octet();
        let (Control::Information { receive, poll, .. }
        | Control::ReceiveReady { receive, poll }
        | Control::ReceiveNotReady { receive, poll }) = frame.control
        else {
            return self.reject(Rejection::Control(octet));
        };
        if !frame.information.is_empty() && !matches!(frame.control, Control::Information { .. }) {
            return self.reject(Rejection::Information(octet));
        }
        if usize::from(self.limits.receive) < frame.information.len() {
            return self.reject(Rejection::TooLong(octet));
        }
        if !self.acknowledge(receive) {
            return self.reject(Rejection::Number(octet));
        }
        match frame.control {
            Control::Information { send, .. } if send == self.receive => {
                self.receive = (self.receive + 1) & 7;
                // A new request while a response is under way: the client has given that one up.
                self.send = self.acknowledged;
                self.response = None;
                (
                    State::Connected(self),
                    Reply::Take {
                        complete: !frame.segmented,
                        poll,
                    },
                )
            }
            Control::ReceiveNotReady { .. } if poll => (State::Connected(self), Reply::Ready),
            _ if poll && self.response.is_some() => {
                // Polled before all was acknowledged: what flew is lost, it is sent again from there.
                self.send = self.acknowledged;
                (State::Connected(self), Reply::Transmit)
            }
            _ if poll => (State::Connected(self), Reply::Ready),
            _ => (State::Connected(self), Reply::Silence),
        }
    }

    /// Takes N(R); false when it acknowledges what was never sent.
    fn acknowledge(&mut self, receive: u8) -> bool {
        let arrived = receive.wrapping_sub(self.acknowledged) & 7;
        if self.flying() < arrived {
            return false;
        }
        self.acknowledged = receive;
        if let Some(response) = &mut self.response {
            response.done += usize::from(arrived) * usize::from(self.limits.transmit);
            if response.length <= response.done {
                self.response = None;
            }
        }
        true
    }

    const fn reject(self, rejection: Rejection) -> (State, Reply) {
        (State::Rejecting(self, rejection), Reply::Reject(rejection))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::fmt::Write as _;
    use std::string::String;
    use std::vec::Vec;

    const CLIENT: Address = Address::One(16);
    const METER: Address = Address::Four(1, 17);

    fn frame(control: Control) -> Frame<'static> {
        Frame {
            destination: METER,
            source: CLIENT,
            control,
            segmented: false,
            information: &[],
        }
    }

    fn station() -> Station {
        Station::new(
            17,
            &[1],
            Limits {
                transmit: 128,
                receive: 128,
                transmit_window: 3,
                receive_window: 3,
            },
        )
    }

    fn connected() -> Station {
        let mut station = station();
        let limits = Limits {
            transmit: 128,
            receive: 100,
            transmit_window: 7,
            receive_window: 7,
        };
        let (octets, count) = limits.octets();
        let reply = station.on(&Frame {
            information: &octets[..count],
            ..frame(Control::SetNormal { poll: true })
        });
        assert_eq!(
            reply,
            Reply::Connected(Limits {
                transmit: 100,
                receive: 128,
                transmit_window: 3,
                receive_window: 3
            })
        );
        station
    }

    fn cuts(station: &mut Station) -> Vec<(usize, usize, u8, bool)> {
        core::iter::from_fn(|| station.cut())
            .map(|cut| (cut.from, cut.to, cut.control.octet(), cut.segmented))
            .collect()
    }

    #[test]
    fn every_state_meets_every_frame() {
        let mut table = String::new();
        let long = [0; 129];
        let frames = [
            ("SNRM", frame(Control::SetNormal { poll: true })),
            (
                "SNRM with bad sizes",
                Frame {
                    information: &[0x81, 0x80, 3, 7, 1, 9],
                    ..frame(Control::SetNormal { poll: true })
                },
            ),
            (
                "SNRM other client",
                Frame {
                    source: Address::One(1),
                    ..frame(Control::SetNormal { poll: true })
                },
            ),
            ("DISC", frame(Control::Disconnect { poll: true })),
            (
                "DISC other client",
                Frame {
                    source: Address::One(1),
                    ..frame(Control::Disconnect { poll: true })
                },
            ),
            (
                "I due, P",
                frame(Control::Information {
                    send: 1,
                    receive: 2,
                    poll: true,
                }),
            ),
            (
                "I due",
                frame(Control::Information {
                    send: 1,
                    receive: 2,
                    poll: false,
                }),
            ),
            (
                "I due, S",
                Frame {
                    segmented: true,
                    ..frame(Control::Information {
                        send: 1,
                        receive: 2,
                        poll: true,
                    })
                },
            ),
            (
                "I again, P",
                frame(Control::Information {
                    send: 0,
                    receive: 0,
                    poll: true,
                }),
            ),
            (
                "I again",
                frame(Control::Information {
                    send: 0,
                    receive: 0,
                    poll: false,
                }),
            ),
            (
                "I too long",
                Frame {
                    information: &long,
                    ..frame(Control::Information {
                        send: 1,
                        receive: 2,
                        poll: true,
                    })
                },
            ),
            (
                "I other client, P",
                Frame {
                    source: Address::One(1),
                    ..frame(Control::Information {
                        send: 0,
                        receive: 0,
                        poll: true,
                    })
                },
            ),
            ("RR none, P", frame(Control::ReceiveReady { receive: 0, poll: true })),
            ("RR some, P", frame(Control::ReceiveReady { receive: 1, poll: true })),
            ("RR all, P", frame(Control::ReceiveReady { receive: 2, poll: true })),
            (
                "RR all",
                frame(Control::ReceiveReady {
                    receive: 2,
                    poll: false,
                }),
            ),
            ("RR beyond, P", frame(Control::ReceiveReady { receive: 3, poll: true })),
            ("RNR all, P", frame(Control::ReceiveNotReady { receive: 2, poll: true })),
            (
                "RNR",
                frame(Control::ReceiveNotReady {
                    receive: 2,
                    poll: false,
                }),
            ),
            (
                "RR with information",
                Frame {
                    information: &[1],
                    ..frame(Control::ReceiveReady { receive: 2, poll: true })
                },
            ),
            ("UI", frame(Control::Unnumbered { poll: false })),
            ("UA", frame(Control::Acknowledge { poll: true })),
            ("DM", frame(Control::Disconnected { poll: true })),
            ("FRMR", frame(Control::Reject { poll: true })),
            ("SNRME, P", frame(Control::Unknown(0xDF))),
            ("SNRME", frame(Control::Unknown(0xCF))),
        ];
        // Two frames of a response of 250 octets fly in the busy state.
        let mut busy = connected();
        assert_eq!(
            busy.on(&frame(Control::Information {
                send: 0,
                receive: 0,
                poll: true
            })),
            Reply::Take {
                complete: true,
                poll: true
            }
        );
        busy.respond(180);
        assert_eq!(cuts(&mut busy), [(0, 100, 0x20, true), (100, 180, 0x32, false)]);
        let mut idle = busy.clone();
        assert_eq!(
            idle.on(&frame(Control::ReceiveReady { receive: 2, poll: true })),
            Reply::Ready
        );
        let mut rejecting = busy.clone();
        let _frmr = rejecting.on(&frame(Control::ReceiveReady { receive: 3, poll: true }));
        for (name, station) in [
            ("silent", &station()),
            ("idle", &idle),
            ("busy", &busy),
            ("rejecting", &rejecting),
        ] {
            for (event, frame) in &frames {
                let mut station = station.clone();
                let reply = station.on(frame);
                let state = match station.state {
                    State::Silent => String::from("silent"),
                    State::Connected(it) => {
                        let response = it
                            .response
                            .map_or_else(String::new, |it| std::format!(" {}/{}", it.done, it.length));
                        std::format!(
                            "connected V(S)={} V(A)={} V(R)={}{response}",
                            it.send,
                            it.acknowledged,
                            it.receive
                        )
                    }
                    State::Rejecting(..) => String::from("rejecting"),
                };
                let _fits = writeln!(table, "{name:10} {event:20} -> {state:38} {reply:?}");
            }
        }
        crate::golden::check("hdlc_station.txt", &table);
    }

    #[test]
    fn what_was_lost_is_cut_again_from_the_response() {
        let mut station = connected();
        let _request = station.on(&frame(Control::Information {
            send: 0,
            receive: 0,
            poll: true,
        }));
        station.respond(450);
        assert_eq!(
            cuts(&mut station),
            [(0, 100, 0x20, true), (100, 200, 0x22, true), (200, 300, 0x34, true)]
        );
        // The third frame was lost.
        assert_eq!(
            station.on(&frame(Control::ReceiveReady { receive: 2, poll: true })),
            Reply::Transmit
        );
        assert_eq!(
            cuts(&mut station),
            [(200, 300, 0x24, true), (300, 400, 0x26, true), (400, 450, 0x38, false)]
        );
        // All of them were.
        assert_eq!(
            station.on(&frame(Control::ReceiveReady { receive: 2, poll: true })),
            Reply::Transmit
        );
        assert_eq!(cuts(&mut station).len(), 3);
        assert_eq!(
            station.on(&frame(Control::ReceiveReady { receive: 5, poll: true })),
            Reply::Ready
        );
        assert_eq!(cuts(&mut station), []);
    }

    #[test]
    fn a_repeated_request_brings_the_same_response_again_and_is_not_taken_twice() {
        let mut station = connected();
        let request = frame(Control::Information {
            send: 0,
            receive: 0,
            poll: true,
        });
        assert_eq!(
            station.on(&request),
            Reply::Take {
                complete: true,
                poll: true
            }
        );
        station.respond(10);
        assert_eq!(cuts(&mut station), [(0, 10, 0x30, false)]);
        assert_eq!(station.on(&request), Reply::Transmit);
        assert_eq!(cuts(&mut station), [(0, 10, 0x30, false)]);
    }

    #[test]
    fn numbers_wrap_after_seven() {
        let mut station = connected();
        for turn in 0..40_u8 {
            let request = frame(Control::Information {
                send: turn & 7,
                receive: turn & 7,
                poll: true,
            });
            assert_eq!(
                station.on(&request),
                Reply::Take {
                    complete: true,
                    poll: true
                }
            );
            station.respond(5);
            assert_eq!(cuts(&mut station).len(), 1);
        }
    }

    #[test]
    fn addresses_are_sorted_into_own_everybody_and_foreign() {
        let station = station();
        for (address, offer) in [
            (Address::One(1), Offer::Own),
            (Address::Two(1, 17), Offer::Own),
            (Address::Four(1, 17), Offer::Own),
            (Address::Four(1, 0x3FFE), Offer::Own),
            (Address::Two(1, 0x7E), Offer::Own),
            (Address::Two(1, 18), Offer::Foreign),
            (Address::Four(1, 0), Offer::Foreign),
            (Address::Four(2, 17), Offer::Foreign),
            (Address::One(16), Offer::Foreign),
            (Address::Two(1, 0x7F), Offer::Everybody),
            (Address::Four(0x3FFF, 17), Offer::Everybody),
            (Address::One(0x7F), Offer::Everybody),
        ] {
            assert_eq!(station.offer(address, CLIENT), offer, "{address:?}");
            assert_eq!(
                station.offer(address, Address::Four(1, 18)),
                Offer::Foreign,
                "an answer of another meter"
            );
        }
        assert_eq!(station.answering(Address::Two(1, 0x7E)), Address::Two(1, 17));
    }
}
