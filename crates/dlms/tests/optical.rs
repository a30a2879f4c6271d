//! The optical port in virtual time: octets take as long as the line's speed says, a side that listens at another speed hears garbage,
//! and each side changes its line when what it sent has left.

mod device;
mod pair;

use base::{Instant, Micros};
use device::{Device, SERVICES, register};
use ferraris_dlms::client::{Client, Command, Framing, Outcome, Settings};
use ferraris_dlms::hdlc::{Address, Limits};
use ferraris_dlms::iec62056_21::{Goal, LineMode, Reader, ReaderError, Sign, Speed, StationSettings};
use ferraris_dlms::server::{DataLink, DatagramLink, HdlcSettings, OpticalLink, Standing};
use pair::{PATIENCE, whole};

/// An octet on the line: when it has arrived whole, how it was sent, by whom.
#[derive(Clone, Copy, Debug)]
struct Flying {
    at: Instant,
    octet: u8,
    mode: LineMode,
    from_meter: bool,
}

/// Both ends of an optical line.
struct Bench {
    link: OpticalLink<1>,
    device: Device,
    now: Instant,
    line: Vec<Flying>,
    /// When each side has sent all it had.
    meter_free: Instant,
    reader_free: Instant,
    /// The modes in which both sides listen.
    meter_mode: LineMode,
    reader_mode: LineMode,
    /// Whether the head gives back what the reader sends.
    echo: bool,
    /// Octets that somebody heard at the wrong speed.
    garbled: usize,
}

fn settings(change: impl FnOnce(&mut StationSettings)) -> StationSettings {
    let mut settings = StationSettings {
        manufacturer: *b"FRR",
        identification: heapless::String::try_from("ST402D").expect("short"),
        proposed: Speed::B9600,
        address: heapless::String::try_from("40200001").expect("short"),
        reaction: Micros::from_millis(200),
        confirms_at_new_speed: false,
        opening: Speed::B300,
        direct_hdlc: true,
        hdlc_alone: false,
    };
    change(&mut settings);
    settings
}

impl Bench {
    fn new(station: StationSettings) -> Self {
        let mut hdlc = HdlcSettings::standard(17);
        hdlc.octet_patience = Micros::from_millis(100);
        Self {
            link: OpticalLink::new(station, hdlc),
            device: Device::new(),
            now: Instant::START + Micros::from_secs(1),
            line: Vec::new(),
            meter_free: Instant::START,
            reader_free: Instant::START,
            meter_mode: LineMode::START,
            reader_mode: LineMode::START,
            echo: false,
            garbled: 0,
        }
    }

    fn send(&mut self, octets: &[u8], from_meter: bool) {
        let (free, mode) = match from_meter {
            true => (&mut self.meter_free, self.meter_mode),
            false => (&mut self.reader_free, self.reader_mode),
        };
        *free = (*free).max(self.now);
        for &octet in octets {
            *free = *free + mode.duration(1);
            self.line.push(Flying {
                at: *free,
                octet,
                mode,
                from_meter,
            });
        }
    }

    /// Moves to the next event before `until`; answers what the reader heard, if it heard something.
    fn step(&mut self, until: Instant) -> Option<u8> {
        // A side whose last octet has left sets its line.
        if self.meter_free <= self.now {
            self.meter_mode = self.link.line_mode();
        }
        let next = self.line.iter().map(|it| it.at).min().unwrap_or(Instant::FAR);
        let switch = if self.now < self.meter_free {
            self.meter_free
        } else {
            Instant::FAR
        };
        let due = self.link.deadline().max(self.now);
        let at = next.min(until).min(due).min(switch).max(self.now);
        let waited = at == due && next != at;
        self.now = at;
        if self.meter_free <= self.now {
            self.meter_mode = self.link.line_mode();
        }
        let index = self.line.iter().position(|it| it.at == next && it.at == at);
        let Some(index) = index else {
            if waited {
                let mut said = Vec::new();
                let taken = self
                    .link
                    .receive(self.now, &[], &mut self.device, &mut |it| said.extend_from_slice(it));
                assert_eq!(taken, Ok(()));
                self.send(&said, true);
            }
            return None;
        };
        let flying = self.line.remove(index);
        let mut heard = |listening: LineMode| match listening == flying.mode {
            true => flying.octet,
            false => {
                self.garbled += 1;
                flying.octet ^ 0x55
            }
        };
        if flying.from_meter {
            return Some(heard(self.reader_mode));
        }
        let octet = heard(self.meter_mode);
        let echoed = self.echo.then_some(flying.octet);
        let mut said = Vec::new();
        let taken = self.link.receive(self.now, &[octet], &mut self.device, &mut |it| {
            said.extend_from_slice(it)
        });
        assert_eq!(taken, Ok(()));
        self.send(&said, true);
        echoed
    }

    fn sign_on(&mut self, reader: &mut Reader<'_>, address: &str) -> Result<Sign, ReaderError> {
        let mut out = Vec::new();
        self.reader_mode = LineMode::START;
        reader.start(self.now, address, &mut |it| out.extend_from_slice(it));
        for _ in 0..100_000 {
            self.send(&core::mem::take(&mut out), false);
            if self.reader_free <= self.now {
                self.reader_mode = reader.line_mode();
            }
            let switch = if self.now < self.reader_free {
                self.reader_free
            } else {
                Instant::FAR
            };
            let heard = self.step(reader.deadline().min(switch));
            let sign = match heard {
                Some(octet) => reader.receive(self.now, &[octet], &mut |it| out.extend_from_slice(it))?,
                None => reader.elapse(self.now)?,
            };
            if sign != Sign::Waiting {
                self.reader_mode = reader.line_mode();
                return Ok(sign);
            }
        }
        panic!("the sign-on has no end");
    }

    fn talk(&mut self, client: &mut Client<'_>, command: Command<'_>) {
        let mut out = Vec::new();
        client
            .start(self.now, command, &mut |it| out.extend_from_slice(it))
            .expect("it is sent");
        for _ in 0..1_000_000 {
            self.send(&core::mem::take(&mut out), false);
            match self.step(client.deadline()) {
                Some(octet) => {
                    let finished = client.receive(self.now, &[octet], &mut |it| out.extend_from_slice(it));
                    if finished.expect("by the rules") {
                        self.send(&out, false);
                        return;
                    }
                }
                None => client
                    .elapse(self.now, &mut |it| out.extend_from_slice(it))
                    .expect("patience is not over"),
            }
        }
        panic!("the conversation has no end");
    }
}

fn read_over_hdlc(bench: &mut Bench) {
    let value = bench.device.put_long(10, 600);
    let mut lent = vec![0; 4096];
    let framing = Framing::Hdlc(Address::One(1), Limits::DEFAULT);
    let mut client = Client::new(Settings::public(16, 1, SERVICES), framing, PATIENCE, 1, &mut lent);
    bench.talk(&mut client, Command::Associate);
    bench.talk(&mut client, Command::Get(whole(register(10))));
    assert_eq!(client.outcome(), Some(Outcome::Value(Ok(&value))));
    bench.talk(&mut client, Command::Release);
}

#[test]
fn mode_e_changes_the_speed_and_hdlc_is_read_with_and_without_an_echo_and_with_both_forms_of_confirmation() {
    for speed in [Speed::B300, Speed::B2400, Speed::B9600, Speed::B19200] {
        for (at_new, echo) in [(false, false), (false, true), (true, false)] {
            let mut bench = Bench::new(settings(|it| {
                it.proposed = speed;
                it.confirms_at_new_speed = at_new;
            }));
            bench.echo = echo;
            for round in 0..2 {
                let mut lent = [0; 16];
                let mut reader = Reader::new(Goal::Hdlc, &mut lent);
                let began = bench.now;
                assert_eq!(
                    bench.sign_on(&mut reader, "40200001"),
                    Ok(Sign::Hdlc),
                    "{speed:?} {at_new} {echo} {round}"
                );
                let took = bench.now.since(began).as_millis();
                assert!(took < 4_500, "{took} ms for a sign-on");
                let hdlc = LineMode {
                    speed,
                    seven_even: false,
                };
                assert_eq!((bench.reader_mode, bench.link.line_mode()), (hdlc, hdlc));
                read_over_hdlc(&mut bench);
                // After DISC the port waits for the next sign-on.
                while bench.step(bench.now + Micros::from_millis(100)).is_some() || !bench.line.is_empty() {}
                assert_eq!(bench.link.line_mode(), LineMode::START);
            }
        }
    }
}

#[test]
fn the_read_out_comes_whole_at_the_new_speed_and_at_300_baud_when_nothing_was_chosen() {
    let mut lent = vec![0; 2048];
    let mut times = Vec::new();
    for speed in [Speed::B300, Speed::B9600] {
        let mut bench = Bench::new(settings(|it| it.proposed = speed));
        let mut reader = Reader::new(Goal::ReadOut, &mut lent);
        let began = bench.now;
        let Ok(Sign::ReadOut(length)) = bench.sign_on(&mut reader, "") else {
            panic!("a read-out")
        };
        times.push(bench.now.since(began).as_millis());
        let text = String::from_utf8(reader.read_out(length).to_vec()).expect("text");
        assert_eq!(text, "1.8.0(00005009*kWh)\r\n32.7.0(230*V)\r\n");
    }
    assert!(times[1] + 1_000 < times[0], "9600 Bd is faster than 300: {times:?} ms");
    // A reader that only calls, as those of mode A: the read-out follows at 300 Bd.
    let mut bench = Bench::new(settings(|_| {}));
    bench.send(b"/?!\r\n", false);
    let mut heard = Vec::new();
    let end = bench.now + Micros::from_secs(20);
    while bench.now < end {
        heard.extend(bench.step(end));
    }
    let text = String::from_utf8_lossy(&heard).into_owned();
    assert!(text.starts_with("/FRR5\\2ST402D\r\n\u{2}1.8.0("), "{text:?}");
    assert_eq!(bench.garbled, 0);
}

#[test]
fn the_wrong_meter_is_silent_and_a_damaged_read_out_is_noticed() {
    let mut lent = vec![0; 2048];
    let mut bench = Bench::new(settings(|_| {}));
    let mut reader = Reader::new(Goal::Hdlc, &mut lent);
    assert_eq!(bench.sign_on(&mut reader, "40200002"), Err(ReaderError::NoAnswer));
    // Every octet of the read-out damaged, one after the other.
    let data = b"\x021.8.0(00005009*kWh)\r\n!\r\n\x03";
    let check = ferraris_dlms::iec62056_21::block_check(&data[1..]);
    let whole = [&b"/FRR5ST\r\n"[..], data, &[check]].concat();
    let hear = |octets: &[u8]| {
        let mut lent = [0; 128];
        let mut reader = Reader::new(Goal::ReadOut, &mut lent);
        let mut now = Instant::START;
        reader.start(now, "", &mut |_| {});
        match reader.receive(now, octets, &mut |_| {}) {
            Ok(Sign::Waiting) => {
                now = reader.deadline();
                reader.elapse(now)
            }
            other => other,
        }
    };
    assert_eq!(hear(&whole), Ok(Sign::ReadOut(21)));
    for at in 10..whole.len() {
        let mut octets = whole.clone();
        octets[at] ^= 0x04;
        let heard = hear(&octets);
        assert!(
            matches!(heard, Err(ReaderError::Check | ReaderError::Cut)),
            "octet {at}: {heard:?}"
        );
        assert_eq!(hear(&whole[..at]), Err(ReaderError::Cut), "cut at {at}");
    }
    assert_eq!(hear(b"/FRRXST\r\n"), Err(ReaderError::Cut));
    let mut lent = [0; 8];
    let mut reader = Reader::new(Goal::Hdlc, &mut lent);
    reader.start(Instant::START, "", &mut |_| {});
    assert_eq!(
        reader.receive(Instant::START, b"/FRR5ST\r\n", &mut |_| {}),
        Err(ReaderError::NoMode)
    );
}

#[test]
fn silence_after_the_sign_on_or_in_hdlc_brings_the_port_back_to_its_beginning() {
    let mut bench = Bench::new(settings(|_| {}));
    let mut lent = [0; 16];
    let mut reader = Reader::new(Goal::Hdlc, &mut lent);
    assert_eq!(bench.sign_on(&mut reader, ""), Ok(Sign::Hdlc));
    for connected in [false, true] {
        if connected {
            let mut reader = Reader::new(Goal::Hdlc, &mut lent);
            bench.reader_mode = LineMode::START;
            assert_eq!(bench.sign_on(&mut reader, ""), Ok(Sign::Hdlc));
            let mut lent = vec![0; 1024];
            let framing = Framing::Hdlc(Address::One(1), Limits::DEFAULT);
            let mut client = Client::new(Settings::public(16, 1, SERVICES), framing, PATIENCE, 1, &mut lent);
            bench.talk(&mut client, Command::Associate);
            assert_ne!(bench.link.standing(), Standing::Stranger);
        }
        let end = bench.now + Micros::from_secs(119);
        while bench.now < end {
            bench.step(end);
        }
        assert!(!bench.link.line_mode().seven_even);
        let end = bench.now + Micros::from_secs(5);
        while bench.now < end {
            bench.step(end);
        }
        assert_eq!(bench.link.line_mode(), LineMode::START, "connected {connected}");
        assert_eq!(bench.link.standing(), Standing::Stranger);
    }
}

/// Class 19, default_mode 1: HDLC at default_baud, and nobody signs on.
#[test]
fn a_port_of_hdlc_alone_reads_at_its_own_speed_and_answers_no_call() {
    let mut bench = Bench::new(settings(|it| (it.opening, it.hdlc_alone) = (Speed::B2400, true)));
    let hdlc = LineMode {
        speed: Speed::B2400,
        seven_even: false,
    };
    assert_eq!(bench.link.line_mode(), hdlc);
    for _ in 0..2 {
        // Even a call that is heard as it was sent is not answered.
        bench.reader_mode = hdlc;
        bench.send(b"/?!\r\n", false);
        let end = bench.now + Micros::from_secs(5);
        while bench.now < end {
            assert_eq!(bench.step(end), None, "the port is silent");
        }
        read_over_hdlc(&mut bench);
        while bench.step(bench.now + Micros::from_millis(100)).is_some() || !bench.line.is_empty() {}
        assert_eq!(bench.link.line_mode(), hdlc, "after DISC as at the beginning");
    }
    let mut lent = [0; 16];
    let mut reader = Reader::new(Goal::Hdlc, &mut lent);
    assert_eq!(bench.sign_on(&mut reader, ""), Err(ReaderError::NoAnswer));
}

#[test]
fn datagrams_hold_several_pdus_or_are_passed_over() {
    let mut device = Device::new();
    let mut link = DatagramLink::new(Instant::START, Micros::from_secs(180));
    let aarq = device::octets("0001 0010 0001 001F 601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0");
    let get = device::octets("0001 0010 0001 000D C001C1 0003 0100010800FF 02 00");
    let answer = device::octets("0001 0001 0010 0009 C401C1 00 0600001391");
    let mut ask = |link: &mut DatagramLink, datagram: &[u8]| {
        let mut said = Vec::new();
        let taken = link.receive(Instant::START, datagram, &mut device, &mut |it| said.push(it.to_vec()));
        assert_eq!(taken, Ok(()));
        said
    };
    assert_eq!(ask(&mut link, &aarq).len(), 1);
    assert_ne!(link.standing(), Standing::Stranger);
    assert_eq!(
        ask(&mut link, &[&get[..], &get, &get].concat()),
        vec![answer.clone(); 3]
    );
    // A datagram is whole or nothing: what was cut does not go on in the next one.
    for cut in 0..get.len() {
        assert_eq!(ask(&mut link, &get[..cut]), Vec::<Vec<u8>>::new(), "cut at {cut}");
        assert_eq!(ask(&mut link, &[&get[..], &get[..cut]].concat()), vec![answer.clone()]);
    }
    // Nobody ends another's association by garbage.
    let mut dice = pair::Dice(7);
    for _ in 0..2_000 {
        let length = dice.roll(60);
        let noise: Vec<u8> = (0..length)
            .map(|_| u8::try_from(dice.roll(256)).expect("an octet"))
            .collect();
        ask(&mut link, &noise);
    }
    assert_eq!(ask(&mut link, &get), vec![answer]);
    assert!(link.elapse(link.deadline(), &mut Device::new()).is_err());
    assert_eq!(link.standing(), Standing::Stranger);
}
