//! The whole meter behind a wrapper: associated as its management client, asked for anything its directory has.

use base::{Civil, Instant, Micros, Utc};
use ferraris_dlms::security::{Key, Secret};
use ferraris_dlms::server::{Link, WrapperLink};
use ferraris_dlms::wrapper::Header;
use flash::model::{Model, Timing};
use flash::{Nor, SECTOR_BYTES};
use meter::{Board, Config, FlashSize, Input, Meter, Secrets, Variant};

use crate::conversations::pieces;
use crate::device::octets as digits;

type Part = Model<Vec<u8>, Vec<u32>>;

struct Desk {
    flash: Part,
}

impl Board for Desk {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.flash
    }

    fn drive_disconnector(&mut self, _closed: bool) {}

    fn set_rtc(&mut self, _utc: Utc) {}
}

/// AARQ of client 1 with its password.
const ASSOCIATE: &str =
    "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F040060FEDF04B0";
/// GET of the total active energy.
const READ: &str = "C001C1 0003 0100010800FF 02 00";

struct Life {
    meter: Meter,
    desk: Desk,
    now: Instant,
}

impl Life {
    /// Hands the meter a request and answers its answer; the link is closed when the meter wants that.
    fn ask(&mut self, link: &mut Link, apdu: &[u8]) -> Vec<u8> {
        let header = Header {
            source: 1,
            destination: 1,
            length: u16::try_from(apdu.len()).unwrap_or(u16::MAX),
        };
        let line = [&header.octets()[..], apdu].concat();
        let mut answer = Vec::new();
        self.now = self.now + Micros::from_millis(50);
        self.desk.flash.pass(Micros::from_millis(50));
        let input = Input::Received {
            link,
            at: self.now,
            octets: &line,
            answer: &mut |octets| answer.extend_from_slice(octets),
        };
        // A refusal is an answer too.
        let _refused = self.meter.step(self.now, input, &mut self.desk);
        answer
    }

    /// What a client reads of the total active energy.
    fn reads(&mut self) {
        let mut link = Link::Wrapper(WrapperLink::new(self.now, Micros::from_secs(120)));
        self.ask(&mut link, &digits(ASSOCIATE));
        let answer = self.ask(&mut link, &digits(READ));
        assert!(
            answer.len() > 12 && answer[8..12] == [0xC4, 0x01, 0xC1, 0x00],
            "the next client reads: {answer:02X?}"
        );
    }
}

fn config() -> Config {
    let key = || Key::new(&[0; 16]).expect("16 octets");
    let password = Secret::new(b"12345678").expect("it fits");
    let secrets = Secrets {
        lls_password: Some(password),
        ..Secrets::new(key(), key())
    };
    let mut config = Config::new(Variant::St402d, 1, secrets);
    config.flash = FlashSize::Megabytes4;
    config
}

fn boot(desk: &mut Desk) -> (Meter, bool) {
    let rtc = Civil::new(2026, 1, 1, 0, 0, 0).expect("the calendar has it").utc();
    let (meter, report) = Meter::boot(&config(), Some(rtc), [1; 32], desk).expect("a good flash boots");
    (meter, report.has_loss())
}

thread_local! {
    /// The flash of a meter that was switched on once: laying it out takes longer than most conversations, and each begins on a copy.
    static LAID_OUT: Part = laid_out();
}

fn laid_out() -> Part {
    let sectors = FlashSize::Megabytes4.sectors();
    let cells = vec![0xFF; usize::try_from(sectors * SECTOR_BYTES).expect("it fits this machine")];
    let wear = vec![0; usize::try_from(sectors).expect("it fits this machine")];
    let mut desk = Desk {
        flash: Model::new(cells, wear, Timing::TYPICAL, 1),
    };
    let (_meter, lost) = boot(&mut desk);
    assert!(!lost, "there was nothing to lose");
    desk.flash.lose_power();
    desk.flash.power_up();
    desk.flash
}

/// Requests of an associated client; then the next client, and the next boot.
pub fn whole_meter(octets: &[u8]) {
    let mut desk = Desk {
        flash: LAID_OUT.with(Clone::clone),
    };
    let (meter, _) = boot(&mut desk);
    let mut life = Life {
        meter,
        desk,
        now: Instant::START,
    };
    let mut link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(120)));
    life.ask(&mut link, &digits(ASSOCIATE));
    for piece in pieces(octets) {
        life.ask(&mut link, piece);
    }
    life.reads();
    // The power goes without a warning: nothing that was acknowledged is lost.
    life.desk.flash.lose_power();
    life.desk.flash.power_up();
    let (meter, lost) = boot(&mut life.desk);
    assert!(!lost, "a boot after what clients did finds everything");
    life.meter = meter;
    life.now = Instant::START;
    life.reads();
}
