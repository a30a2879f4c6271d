//! Makes the script: a life with everything in it, led by clients that answer what the meter really says.

use base::{Instant, Micros};
use cosem::{Attribute, Method, Obis, Selection};
use dlms::apdu::Item;
use dlms::client::{Client, Command, Credentials, Framing, Outcome, Patience, Settings};
use dlms::hdlc::{Address, Limits};
use dlms::initiate::Conformance;
use dlms::security::{Challenge, Key, Keys, Protection, Suite};
use frontend::{Faults, Source, Waveform};
use meter::{Contact, Press};
use twin::rig::{AUTHENTICATION_KEY, ENCRYPTION_KEY, Rig, Rooms};
use twin::script::{Entry, Event, Port};

use crate::host::{Trace, blank};

/// The script, and the trace that the host left while it was recorded.
pub(crate) fn record() -> (Vec<u8>, String) {
    let trace = Trace::default();
    let mut cells = blank();
    let mut rooms = Rooms::new();
    let rig = Rig::boot(&mut rooms, &mut cells, &trace);
    let mut recorder = Recorder {
        rig,
        script: Vec::new(),
        now: Instant::START,
        sample: 0,
    };
    recorder.live();
    let script = recorder.script;
    (script, trace.text())
}

struct Recorder<'a> {
    rig: Rig<'a, Trace>,
    script: Vec<u8>,
    now: Instant,
    /// Number of the next sample.
    sample: u64,
}

impl Recorder<'_> {
    /// The life.
    fn live(&mut self) {
        let encryption = Key::new(&ENCRYPTION_KEY).expect("16 octets");
        let authentication = Key::new(&AUTHENTICATION_KEY).expect("16 octets");
        let keys = Keys {
            suite: Suite::Zero,
            encryption: &encryption,
            authentication: &authentication,
        };

        self.label("sample set", 3 * 8_000);
        self.samples(3 * 8_000, Faults::NONE);
        self.label("", 0);

        let mut lent = vec![0; 65_536];
        let framing = Framing::Hdlc(Address::Two(1, 17), Limits::DEFAULT);
        let mut public = Client::new(Settings::public(16, 1, SERVICES), framing, PATIENCE, 1, &mut lent);
        self.label("HDLC: public association", 1);
        self.talk(Port::Hdlc, &mut public, Command::Associate);
        self.label("HDLC: GET of a register", 20);
        for _ in 0..20 {
            self.talk(Port::Hdlc, &mut public, get(1, "0-0:96.1.0"));
        }
        self.label("", 0);
        self.talk(Port::Hdlc, &mut public, get(8, "0-0:1.0.0"));
        self.talk(Port::Hdlc, &mut public, get(1, "0-0:43.1.0"));
        self.talk(Port::Hdlc, &mut public, Command::Release);

        let mut short = vec![0; 65_536];
        let mut public = Client::new(
            Settings::public(16, 1, SERVICES),
            Framing::Wrapper,
            PATIENCE,
            1,
            &mut short,
        );
        self.talk(Port::Wrapper, &mut public, Command::Associate);
        self.label("wrapper: GET of a register", 20);
        for _ in 0..20 {
            self.talk(Port::Wrapper, &mut public, get(1, "0-0:96.1.0"));
        }
        self.label("", 0);
        self.talk(Port::Wrapper, &mut public, Command::Release);

        let mut lent = vec![0; 1 << 20];
        let challenge = Challenge::new(b"twins' challenge").expect("16 octets");
        let settings = Settings {
            credentials: Credentials::Gmac(challenge),
            ..Settings::public(1, 1, SERVICES).ciphered(*b"TWI\0\0\0\0\x01", keys, Protection::BOTH)
        };
        let mut manager = Client::new(settings, Framing::Wrapper, PATIENCE, 1, &mut lent);
        self.label("wrapper: HLS association", 1);
        self.talk(Port::Wrapper, &mut manager, Command::Associate);
        self.label("wrapper: sealed GET of a register", 20);
        for _ in 0..20 {
            self.talk(Port::Wrapper, &mut manager, get(3, "1-0:1.8.0"));
        }
        self.label("wrapper: sealed object list", 1);
        self.talk(Port::Wrapper, &mut manager, get(15, "0-0:40.0.0"));
        self.label("", 0);
        for name in ["1-0:32.7.0", "1-0:31.7.0", "1-0:14.7.0", "1-0:1.7.0", "1-0:33.7.0"] {
            self.talk(Port::Wrapper, &mut manager, get(3, name));
        }
        self.talk(Port::Wrapper, &mut manager, act("0-0:96.3.10", 1));
        self.samples(800, Faults::NONE);
        self.talk(Port::Wrapper, &mut manager, act("0-0:96.3.10", 2));

        for contact in [
            Contact::MeterCover { open: true },
            Contact::MeterCover { open: false },
            Contact::TerminalCover { open: true },
            Contact::Magnet { near: true },
            Contact::Magnet { near: false },
            Contact::Button(Press::Short),
            Contact::Button(Press::Long),
        ] {
            self.happen(Event::Contact(contact));
            self.samples(800, Faults::NONE);
        }

        self.warm();

        // A converter that is damaged, then stops, then comes back.
        self.samples(
            3_200,
            Faults {
                damage_every: 37,
                ..Faults::NONE
            },
        );
        self.samples(
            4_800,
            Faults {
                stopped: self.sample..self.sample + 4_800,
                ..Faults::NONE
            },
        );
        self.samples(8_000, Faults::NONE);

        // A dip of one phase, a swell and an interruption, 0.3 s each: the quality of the supply.
        let [full, ..] = Waveform::ORDINARY.volts_peak;
        for volts_peak in [[full / 2, full, full], [full + full / 4; 3], [0; 3]] {
            let disturbed = Waveform {
                volts_peak,
                ..Waveform::ORDINARY
            };
            self.samples_of(disturbed, 2_400, Faults::NONE);
            self.samples(4_000, Faults::NONE);
        }

        // Noise on both lines, from a generator of one line.
        let mut chance = 0x2026_u32;
        for port in Port::ALL {
            for _ in 0..50 {
                let noise: Vec<u8> = core::iter::repeat_with(|| roll(&mut chance)).take(97).collect();
                self.receive(port, &noise);
            }
        }

        // Minutes without samples between seconds with them: rows of the profile, checkpoints, links that fall asleep.
        // The first of them ends at a tick of the clock, where windows begin anew and ten minutes of the supply end.
        for seconds in [599, 1_000, 2_000, 3_000] {
            let without = u32::try_from(seconds - self.now.as_micros() / 1_000_000).expect("minutes");
            self.label("second without samples", without);
            self.now = Instant::START + Micros::from_secs(seconds);
            self.happen(Event::Time);
            self.label("", 0);
            self.sample = self.now.as_micros() / 125;
            self.samples(16_000, Faults::NONE);
        }
        self.samples(8_000, Faults::NONE);

        let challenge = Challenge::new(b"another challenge").expect("17 octets");
        let settings = Settings {
            credentials: Credentials::Gmac(challenge),
            ..Settings::public(1, 1, SERVICES).ciphered(*b"TWI\0\0\0\0\x01", keys, Protection::BOTH)
        };
        let mut manager = Client::new(settings, Framing::Wrapper, PATIENCE, 1_000, &mut lent);
        self.talk(Port::Wrapper, &mut manager, Command::Associate);
        self.label("wrapper: sealed profile row", 3);
        self.talk(Port::Wrapper, &mut manager, get(7, "1-0:99.1.0"));
        self.label("", 0);
        self.talk(Port::Wrapper, &mut manager, get(7, "0-0:99.98.0"));
        self.talk(Port::Wrapper, &mut manager, get(7, "0-0:99.98.4"));
        self.talk(Port::Wrapper, &mut manager, Command::Release);
        self.label("power-fail snapshot", 1);
        self.happen(Event::PowerFailing);
    }

    /// Calibrated sensors in the cold and in the heat, and a thermometer that fails: the last good reading holds, and it is said.
    fn warm(&mut self) {
        let volts = |recorder: &Self| {
            recorder
                .rig
                .meter()
                .model()
                .reading
                .map(|it| it.phases[0].voltage_microvolts as f64)
        };
        let before = volts(self).expect("a window is over");
        self.happen(Event::Calibration);
        for (reading, celsius) in [
            (Some(20_000), 20.0),
            (Some(-40_000), -40.0),
            (Some(70_000), 70.0),
            (Some(999_999), 70.0),
            (None, 70.0),
            (Some(i32::MIN), 70.0),
            (Some(20_125), 70.0 - 49.875),
        ] {
            self.happen(Event::Warmth(reading));
            self.samples(4_000, Faults::NONE);
            let gain = volts(self).expect("a window is over") / before;
            // The voltage is that of the window; the hundred ppm of a degree are what counts.
            assert!(
                (gain - 1.0 - (celsius - 20.0) * 1e-4).abs() < 1e-5,
                "{reading:?}: {gain}"
            );
        }
        let register = self.rig.meter().model().error_register;
        assert_ne!(register & meter::error_bit::MEASUREMENT_SYSTEM, 0, "{register:08x}");
        assert_eq!(self.rig.meter().model().celsius, Some(20));
    }

    fn label(&mut self, name: &str, units: u32) {
        self.happen(Event::Label(units, name));
    }

    /// Lets one thing happen, and gives the octets that the meter sends.
    fn happen(&mut self, event: Event<'_>) -> Vec<u8> {
        let entry = Entry { at: self.now, event };
        entry
            .emit(&mut |octets| self.script.extend_from_slice(octets))
            .expect("entries of this life are short");
        let mut sent = Vec::new();
        self.rig
            .apply(&entry, &mut |_port, octets| sent.extend_from_slice(octets));
        sent
    }

    /// Samples of the ordinary household.
    fn samples(&mut self, count: u64, faults: Faults) {
        self.samples_of(Waveform::ORDINARY, count, faults);
    }

    /// Samples, 16 frames at a time; what never comes is noticed after 32 ms.
    fn samples_of(&mut self, waveform: Waveform, count: u64, faults: Faults) {
        let mut source = Source::new(waveform, faults);
        let mut frames = [[0; 30]; 16];
        let end = self.sample + count;
        while self.sample < end {
            let first = self.sample;
            self.sample += 16;
            self.now = self.now.max(Instant::START + Micros::new(self.sample * 125));
            if source.frames(first, &mut frames) {
                self.happen(Event::Frames(first, &frames));
            } else if self.sample.is_multiple_of(256) {
                self.happen(Event::Silence(self.sample));
            }
        }
    }

    fn receive(&mut self, port: Port, octets: &[u8]) -> Vec<u8> {
        self.now = self.now + Micros::from_millis(1);
        self.happen(Event::Octets(port, octets))
    }

    /// A command and all that it takes; it must go well.
    fn talk(&mut self, port: Port, client: &mut Client<'_>, command: Command<'_>) {
        let mut wire = Vec::new();
        client
            .start(self.now, command, &mut |octets| wire.extend_from_slice(octets))
            .expect("the command can be given");
        loop {
            let sent = core::mem::take(&mut wire);
            assert!(!sent.is_empty(), "{command:?}: nobody has anything to say");
            let answer = self.receive(port, &sent);
            let finished = client.receive(self.now, &answer, &mut |octets| wire.extend_from_slice(octets));
            match finished {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => panic!("{command:?}: {error}"),
            }
        }
        match client.outcome() {
            Some(Outcome::Value(Err(refused))) => panic!("{command:?}: {refused:?}"),
            Some(Outcome::Done(done)) if done.result.is_err() => panic!("{command:?}: {done:?}"),
            _ => {}
        }
    }
}

fn get(class_id: u16, name: &str) -> Command<'static> {
    let attribute = Attribute::new(class_id, Obis::new(name), 2);
    Command::Get(Item {
        attribute,
        selection: Selection::Whole,
    })
}

fn act(name: &str, method: i8) -> Command<'static> {
    // Both methods of class 70 take the integer 0.
    Command::Act(Method::new(70, Obis::new(name), method), Some(&[0x0F, 0]))
}

/// The next octet of a linear congruential generator.
fn roll(chance: &mut u32) -> u8 {
    *chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    chance.to_be_bytes()[0]
}

const SERVICES: Conformance = Conformance::GET
    .with(Conformance::SET)
    .with(Conformance::ACTION)
    .with(Conformance::BLOCKS_WITH_GET)
    .with(Conformance::SELECTIVE_ACCESS);
const PATIENCE: Patience = Patience {
    answer: Micros::from_secs(2),
    retries: 0,
};
