//! The meter's side of the sign-on.
//!
//! ```text
//!          /?..! for us           no option in 2.2 s: read-out at 300 Bd
//!   Idle ----------------> Named -------------------------------------> Idle
//!    | ^                     | ACK 0 Z 0: read-out at Z ------------------^
//!    | |                     | ACK 0 Z 1: break (programming is refused) -^
//!    | +------- silence, DISC --------+
//!    | 7E (direct HDLC)      | ACK 2 Z 2, confirmed
//!    v                       v
//!   Hdlc <-------------------+
//! ```

use base::{Instant, Micros};
use heapless::{String, Vec};

use super::{ACK, ETX, LineMode, SOH, STX, Speed, block_check};

/// A line of a read-out, or an identification.
pub type Text = String<96>;

/// The longest free part of an identification.
pub const IDENTIFICATION_MAX: usize = 16;

/// What a port is set to (class 19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationSettings {
    /// The three letters of the manufacturer; a lower-case third letter promises a reaction within 20 ms.
    pub manufacturer: [u8; 3],
    /// What follows them: model and version.
    pub identification: String<IDENTIFICATION_MAX>,
    /// The fastest speed that is offered.
    pub proposed: Speed,
    /// The address that a reader may call, up to 32 characters; leading zeros do not count. A call without address is
    /// always meant.
    pub address: String<32>,
    /// How long the meter waits before it answers: 200 ms, or 20.
    pub reaction: Micros,
    /// Whether the confirmation of mode E is sent at 300 Bd, as a rule, or already at the new speed: sources differ.
    pub confirms_at_new_speed: bool,
    /// The speed of the opening sequence (class 19, default_baud): 300 Bd for a sign-on, as a rule.
    pub opening: Speed,
    /// Whether an HDLC flag opens HDLC without a sign-on.
    pub direct_hdlc: bool,
    /// Whether there is no sign-on at all: HDLC at the opening speed (class 19, default_mode 1).
    pub hdlc_alone: bool,
}

/// The meter's machine.
#[derive(Clone, Debug)]
pub struct Station {
    settings: StationSettings,
    state: State,
    mode: LineMode,
    /// What came of the line under way.
    heard: Vec<u8, HEARD_MAX>,
    last_octet: Instant,
    due: Option<(Instant, Due)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// The identification is on its way, or an option is awaited until then.
    Named(Instant),
    Hdlc,
}

/// What is to be sent when the reaction time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Identification,
    Confirmation(Speed),
    ReadOut(Speed),
    Break(Speed),
}

/// `/?`, 32 characters, `!`, CR, LF, and some.
const HEARD_MAX: usize = 40;
/// The longest pause between two characters.
const CHARACTER_PATIENCE: Micros = Micros::from_millis(1_500);
/// How long an option is awaited.
const OPTION_PATIENCE: Micros = Micros::from_millis(2_200);

impl StationSettings {
    /// The line before anybody has spoken.
    const fn beginning(&self) -> LineMode {
        LineMode {
            speed: self.opening,
            seven_even: !self.hdlc_alone,
        }
    }
}

impl Station {
    /// A port that nobody uses.
    #[must_use]
    pub const fn new(settings: StationSettings) -> Self {
        let mode = settings.beginning();
        Self {
            settings,
            state: State::Idle,
            mode,
            heard: Vec::new(),
            last_octet: Instant::START,
            due: None,
        }
    }

    /// How the line must be set, once everything that was sent has left.
    #[must_use]
    pub const fn line_mode(&self) -> LineMode {
        self.mode
    }

    /// True while octets are HDLC's.
    #[must_use]
    pub fn is_hdlc(&self) -> bool {
        self.state == State::Hdlc && self.due.is_none()
    }

    /// When [`Station::speak`] must be called.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match (self.due, self.state) {
            (Some((at, _)), _) => at,
            (None, State::Named(until)) => until,
            (None, _) => Instant::FAR,
        }
    }

    /// Back to the beginning: HDLC is over, or nobody speaks any more.
    pub fn reset(&mut self) {
        self.state = State::Idle;
        self.mode = self.settings.beginning();
        self.heard.clear();
        self.due = None;
    }

    /// Takes an octet of the sign-on. After it [`Station::is_hdlc`] tells whether it was HDLC's first.
    pub fn take(&mut self, now: Instant, octet: u8) {
        if self.last_octet + CHARACTER_PATIENCE < now {
            self.heard.clear();
        }
        self.last_octet = now;
        // Half duplex: what comes while an answer is due is noise, or our reader has given up.
        if self.due.is_some() {
            return;
        }
        let StationSettings {
            direct_hdlc,
            hdlc_alone,
            opening,
            proposed,
            ..
        } = self.settings;
        if octet == 0x7E && self.state == State::Idle && (direct_hdlc || hdlc_alone) {
            self.heard.clear();
            self.state = State::Hdlc;
            self.mode = LineMode {
                speed: if hdlc_alone { opening } else { proposed },
                seven_even: false,
            };
            return;
        }
        // Nobody signs on where HDLC is spoken at once.
        if hdlc_alone {
            return;
        }
        let octet = octet & 0x7F;
        match octet {
            // A call may come at any time, after noise or in the middle of another.
            b'/' => self.heard.clear(),
            ACK if matches!(self.state, State::Named(_)) => self.heard.clear(),
            // Battery meters are woken by these.
            0 => return,
            _ => {}
        }
        if self.heard.push(octet).is_err() {
            self.heard.clear();
        }
        if octet != b'\n' {
            return;
        }
        let line = core::mem::take(&mut self.heard);
        match (self.state, line.as_slice()) {
            (State::Idle | State::Named(_), [b'/', b'?', address @ .., b'!', b'\r', b'\n']) => {
                self.reset();
                if self.is_called(address) {
                    self.answer(now, Due::Identification);
                    self.state = State::Named(Instant::FAR);
                }
            }
            (State::Named(_), &[ACK, protocol, speed, option, b'\r', b'\n']) => {
                let speed = Speed::from_character(speed).filter(|speed| *speed <= self.settings.proposed);
                match (protocol, speed, option) {
                    (b'2', Some(speed), b'2') => self.answer(now, Due::Confirmation(speed)),
                    (b'0' | b'1', Some(speed), b'0') => self.answer(now, Due::ReadOut(speed)),
                    (b'0' | b'1', Some(speed), b'1') => self.answer(now, Due::Break(speed)),
                    // An option that is not understood is none: the read-out at 300 Bd follows.
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, now: Instant, due: Due) {
        self.due = Some((now + self.settings.reaction, due));
        // Confirmation, read-out and break may be sent at the new speed: the line is changed before.
        let speed = match due {
            Due::Confirmation(speed) if self.settings.confirms_at_new_speed => speed,
            Due::ReadOut(speed) | Due::Break(speed) => speed,
            Due::Confirmation(_) | Due::Identification => return,
        };
        self.mode = LineMode {
            speed,
            seven_even: true,
        };
    }

    fn is_called(&self, address: &[u8]) -> bool {
        let bare = |address: &[u8]| {
            let zeros = address.iter().take_while(|octet| **octet == b'0').count();
            address.len().min(zeros)
        };
        let own = self.settings.address.as_bytes();
        let (called, own_bare) = (address.get(bare(address)..), own.get(bare(own)..));
        address.is_empty() || called == own_bare
    }

    /// Says what is due. `line` writes the read-out's line of this number, without CR LF; it answers false when there are
    /// no more.
    pub fn speak(&mut self, now: Instant, line: &mut dyn FnMut(usize, &mut Text) -> bool, out: &mut dyn FnMut(&[u8])) {
        match (self.due, self.state) {
            (Some((at, due)), _) if at <= now => {
                self.due = None;
                self.send(now, due, line, out);
            }
            (None, State::Named(until)) if until <= now => {
                // Mode A: a reader that chooses nothing gets everything, slowly.
                self.read_out(line, out);
                self.reset();
            }
            _ => {}
        }
    }

    fn send(
        &mut self,
        now: Instant,
        due: Due,
        line: &mut dyn FnMut(usize, &mut Text) -> bool,
        out: &mut dyn FnMut(&[u8]),
    ) {
        match due {
            Due::Identification => {
                let mut text: Vec<u8, 32> = Vec::new();
                let StationSettings {
                    manufacturer,
                    identification,
                    proposed,
                    ..
                } = &self.settings;
                let parts: [&[u8]; 5] = [
                    b"/",
                    manufacturer,
                    &[proposed.character()],
                    b"\\2",
                    identification.as_bytes(),
                ];
                let fits = parts.iter().try_for_each(|part| text.extend_from_slice(part));
                let fits = fits.and_then(|()| text.extend_from_slice(b"\r\n"));
                debug_assert!(fits.is_ok(), "24 octets fit into 32");
                out(&text);
                let took = self.settings.beginning().duration(text.len());
                self.state = State::Named(now + took + OPTION_PATIENCE);
            }
            Due::Confirmation(speed) => {
                out(&[ACK, b'2', speed.character(), b'2', b'\r', b'\n']);
                self.state = State::Hdlc;
                self.mode = LineMode {
                    speed,
                    seven_even: false,
                };
            }
            Due::ReadOut(_) => {
                self.read_out(line, out);
                self.reset();
            }
            Due::Break(_) => {
                let text = [SOH, b'B', b'0', ETX];
                out(&text);
                out(&[block_check(text.get(1..).unwrap_or(&[]))]);
                self.reset();
            }
        }
    }

    fn read_out(&self, line: &mut dyn FnMut(usize, &mut Text) -> bool, out: &mut dyn FnMut(&[u8])) {
        let mut check = 0;
        let mut put = |octets: &[u8]| {
            check ^= block_check(octets);
            out(octets);
        };
        put(&[STX]);
        let mut text = Text::new();
        for number in 0.. {
            text.clear();
            if !line(number, &mut text) {
                break;
            }
            put(text.as_bytes());
            put(b"\r\n");
        }
        put(b"!\r\n");
        put(&[ETX]);
        // STX itself does not count.
        out(&[check ^ STX]);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::fmt::Write as _;
    use std::vec::Vec as Octets;

    fn station(change: impl FnOnce(&mut StationSettings)) -> Station {
        let mut settings = StationSettings {
            manufacturer: *b"FRR",
            identification: String::try_from("ST402D").expect("short"),
            proposed: Speed::B9600,
            address: String::try_from("40200001").expect("short"),
            reaction: Micros::from_millis(200),
            confirms_at_new_speed: false,
            opening: Speed::B300,
            direct_hdlc: true,
            hdlc_alone: false,
        };
        change(&mut settings);
        Station::new(settings)
    }

    fn lines(number: usize, text: &mut Text) -> bool {
        let line = ["1.8.0(00000001.500*kWh)", "F.F(00)"].get(number);
        line.is_some_and(|line| text.push_str(line).is_ok())
    }

    /// Hands in octets and answers what is said within the next five seconds, and when.
    fn ask(station: &mut Station, now: &mut Instant, octets: &[u8]) -> Octets<u8> {
        for &octet in octets {
            station.take(*now, octet);
        }
        let mut said = Octets::new();
        let end = *now + Micros::from_secs(5);
        while station.deadline() <= end {
            *now = station.deadline();
            station.speak(*now, &mut lines, &mut |octets| said.extend_from_slice(octets));
        }
        said
    }

    const NAME: &[u8] = b"/FRR5\\2ST402D\r\n";
    const TABLE: &[u8] = b"\x021.8.0(00000001.500*kWh)\r\nF.F(00)\r\n!\r\n\x03";

    #[test]
    fn mode_e_changes_to_hdlc_after_the_confirmation() {
        for at_new in [false, true] {
            let mut station = station(|it| it.confirms_at_new_speed = at_new);
            let mut now = Instant::START + Micros::from_secs(1);
            for octet in b"/?!\r\n" {
                station.take(now, *octet);
            }
            assert_eq!(station.deadline(), now + Micros::from_millis(200), "the reaction time");
            now = station.deadline();
            let mut said = Octets::new();
            station.speak(now, &mut lines, &mut |octets| said.extend_from_slice(octets));
            assert_eq!((said.as_slice(), station.line_mode()), (NAME, LineMode::START));
            for octet in b"\x06252\r\n" {
                station.take(now, *octet);
            }
            let at_confirmation = if at_new { Speed::B9600 } else { Speed::B300 };
            assert_eq!(
                station.line_mode(),
                LineMode {
                    speed: at_confirmation,
                    seven_even: true
                }
            );
            assert!(!station.is_hdlc());
            said.clear();
            station.speak(station.deadline(), &mut lines, &mut |octets| {
                said.extend_from_slice(octets)
            });
            assert_eq!(said, b"\x06252\r\n");
            assert!(station.is_hdlc());
            assert_eq!(
                station.line_mode(),
                LineMode {
                    speed: Speed::B9600,
                    seven_even: false
                }
            );
            station.reset();
            assert_eq!(station.line_mode(), LineMode::START);
        }
    }

    #[test]
    fn mode_c_reads_out_at_the_speed_that_was_chosen_and_mode_a_when_nothing_was() {
        let check = [TABLE, &[block_check(&TABLE[1..])]].concat();
        for speed in b'0'..=b'5' {
            let mut station = station(|_| {});
            let mut now = Instant::START + Micros::from_secs(1);
            for octet in b"/?!\r\n" {
                station.take(now, *octet);
            }
            now = station.deadline();
            station.speak(now, &mut lines, &mut |_| {});
            for octet in [ACK, b'0', speed, b'0', b'\r', b'\n'] {
                station.take(now, octet);
            }
            assert_eq!(station.line_mode().speed.character(), speed);
            assert_eq!(ask(&mut station, &mut now, b""), check);
            assert_eq!(station.line_mode(), LineMode::START);
        }
        let mut station = station(|_| {});
        let mut now = Instant::START + Micros::from_secs(1);
        assert_eq!(ask(&mut station, &mut now, b"/?!\r\n"), [NAME, &check].concat());
        // The identification takes half a second, and an option is awaited for 2.2 more.
        let waited = now.since(Instant::START).as_millis();
        assert!((3_800..4_000).contains(&waited), "{waited} ms");
    }

    #[test]
    fn programming_is_refused_with_a_break() {
        let mut station = station(|_| {});
        let mut now = Instant::START;
        for octet in b"/?!\r\n" {
            station.take(now, *octet);
        }
        now = station.deadline();
        station.speak(now, &mut lines, &mut |_| {});
        assert_eq!(ask(&mut station, &mut now, b"\x06051\r\n"), b"\x01B0\x03\x71");
        assert_eq!(ask(&mut station, &mut now, b"/?!\r\n")[..NAME.len()], *NAME);
    }

    #[test]
    fn only_the_meter_that_is_called_answers() {
        for (call, answers) in [
            (&b"/?!\r\n"[..], true),
            (b"/?40200001!\r\n", true),
            (b"/?000040200001!\r\n", true),
            (b"/?40200002!\r\n", false),
            (b"/?4020000!\r\n", false),
            (b"/?0!\r\n", false),
            (b"\0\0\0\0noise/?40200001!\r\n", true),
            (b"/?/?!\r\n", true),
            (b"/!\r\n", false),
            (b"/?12345678901234567890123456789012345678901234567890!\r\n", false),
            // A raw view of 7E1: bit 7 is the parity.
            (&[b'/' | 0x80, b'?', b'!', b'\r' | 0x80, b'\n'], true),
        ] {
            let mut station = station(|_| {});
            let mut now = Instant::START;
            assert_eq!(!ask(&mut station, &mut now, call).is_empty(), answers, "{call:02X?}");
        }
    }

    #[test]
    fn characters_too_far_apart_are_no_call() {
        for (pause, answers) in [(1_400, true), (1_600, false)] {
            let mut station = station(|_| {});
            let mut now = Instant::START;
            for octet in b"/?!\r" {
                station.take(now, *octet);
            }
            now = now + Micros::from_millis(pause);
            assert_eq!(!ask(&mut station, &mut now, b"\n").is_empty(), answers, "{pause} ms");
        }
    }

    #[test]
    fn every_state_meets_every_line() {
        let mut table = std::string::String::new();
        let mut named = station(|_| {});
        let mut now = Instant::START;
        for octet in b"/?!\r\n" {
            named.take(now, *octet);
        }
        let answering = named.clone();
        now = named.deadline();
        named.speak(now, &mut lines, &mut |_| {});
        let mut confirming = named.clone();
        for octet in b"\x06252\r\n" {
            confirming.take(now, *octet);
        }
        let mut hdlc = confirming.clone();
        hdlc.speak(hdlc.deadline(), &mut lines, &mut |_| {});
        for (name, state) in [
            ("idle", &station(|_| {})),
            ("answering", &answering),
            ("named", &named),
            ("confirming", &confirming),
        ] {
            for (event, octets) in [
                ("call", &b"/?!\r\n"[..]),
                ("call of another", b"/?1!\r\n"),
                ("ACK 0 5 0", b"\x06050\r\n"),
                ("ACK 0 5 1", b"\x06051\r\n"),
                ("ACK 2 5 2", b"\x06252\r\n"),
                ("ACK 2 0 2", b"\x06202\r\n"),
                ("ACK 2 6 2", b"\x06262\r\n"),
                ("ACK 9 5 9", b"\x06959\r\n"),
                ("flag", &[0x7E]),
                ("noise", b"abc\r\n"),
                ("nothing", b""),
            ] {
                let mut station = state.clone();
                let at = now;
                for &octet in octets {
                    station.take(at, octet);
                }
                let mut said = Octets::new();
                let end = at + Micros::from_secs(5);
                while station.deadline() <= end && station.deadline() != Instant::FAR {
                    station.speak(station.deadline(), &mut lines, &mut |octets| {
                        said.extend_from_slice(octets)
                    });
                }
                let mode = station.line_mode();
                let said = std::string::String::from_utf8_lossy(&said)
                    .escape_debug()
                    .collect::<std::string::String>();
                let _fits = writeln!(
                    table,
                    "{name:10} {event:16} -> {:6} {:5} {} \"{said}\"",
                    if station.is_hdlc() { "hdlc" } else { "signed" },
                    mode.speed.baud(),
                    if mode.seven_even { "7E1" } else { "8N1" },
                );
            }
        }
        crate::golden::check("iec62056_21_station.txt", &table);
    }
}
