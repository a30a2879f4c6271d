//! U2: twenty years of a meter at full load, accelerated: every profile captures as often as it can, every log is written to all day, the supply
//! fails each day. At the end the registers hold every microjoule, and the most worn sector is printed.
//!
//! `cargo xtask twenty-years [YEARS | DAYSd]`; a window of measurement is a minute long here instead of a fifth of a second. A shorter life must wear
//! no faster than twenty years allow; the tests live such a one.

use std::time::Instant as Stopwatch;

use base::{Civil, Instant, Micros, Utc};
use dlms::security::{Key, Secret};
use dlms::server::{Link, WrapperLink};
use ferraris_meter::profile::JournalId;
use ferraris_meter::{Board, Config, Contact, FlashSize, Input, Meter, Model, Secrets, Variant, partitions};
use flash::Nor;
use flash::model::{Model as Flash, Timing};
use metrology::{Apparent, Element, Measurement, PhaseReading, Position, Quantity};

const MINUTE: Micros = Micros::from_secs(60);
const MINUTES_OF_A_DAY: u64 = 24 * 60;
/// Erases that the part's maker warrants for each sector, and what twenty years may take of them.
const WARRANTED: u32 = 100_000;
const ALLOWED: u32 = WARRANTED / 10;
const LIFETIME: u64 = days_of(20);

struct Bench {
    flash: Flash<Vec<u8>, Vec<u32>>,
    rtc: Utc,
}

impl Board for Bench {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.flash
    }

    fn drive_disconnector(&mut self, _closed: bool) {}

    fn set_rtc(&mut self, utc: Utc) {
        self.rtc = utc;
    }
}

struct Life {
    bench: Bench,
    meter: Meter,
    link: Link,
    now: Instant,
    answer: Vec<u8>,
}

fn main() {
    let Some(days) = std::env::args().nth(1).map_or(Some(LIFETIME), |word| span(&word)) else {
        eprintln!("twenty_years [YEARS | DAYSd]: as 20 or 60d");
        std::process::exit(2);
    };
    let mut failed = false;
    for size in [FlashSize::Megabytes16, FlashSize::Megabytes4] {
        failed |= !live(size, days);
    }
    if failed {
        std::process::exit(1);
    }
}

const fn days_of(years: u64) -> u64 {
    years * 365 + years / 4
}

/// Days of a span as it is said: `20` are years, `60d` are days. None when it is neither, or nothing.
fn span(word: &str) -> Option<u64> {
    let days = match word.strip_suffix('d') {
        Some(days) => days.parse().ok()?,
        None => days_of(u64::from(word.parse::<u16>().ok()?)),
    };
    (days > 0).then_some(days)
}

/// Lives so many days on a part of this size; false when it wears too much for twenty years, or when energy is lost.
fn live(size: FlashSize, days: u64) -> bool {
    let watch = Stopwatch::now();
    let sectors = size.sectors() as usize;
    let cells = vec![0xFF; sectors * flash::SECTOR_BYTES as usize];
    let config = order(size);
    let rtc = Civil::new(2026, 1, 1, 0, 0, 0).expect("the calendar has it").utc();
    let mut life = Life::boot(
        Bench {
            flash: Flash::new(cells, vec![0; sectors], Timing::TYPICAL, 1),
            rtc,
        },
        &config,
    );
    life.set_up();
    let mut booked = 0_i128;
    let mut minutes = 0_u64;
    let (mut boots, mut losses) = (1_u64, 0_u64);
    for day in 0..days {
        for minute in 0..MINUTES_OF_A_DAY {
            // Loads of every size, import and export, so that every register moves.
            let watts = i64::try_from((day * 7 + minute * 13) % 23_000).expect("a load") - 3_000;
            booked += life.measure(watts);
            minutes += 1;
            // Events of every log that the rules write, once in ten minutes.
            if minute % 10 == 0 {
                let open = minute % 20 == 0;
                life.step(Input::Contact(Contact::MeterCover { open }));
            }
            if minute % 60 == 30 {
                let [octet, ..] = day.to_le_bytes();
                let hour = u8::try_from(minute / 60).expect("an hour");
                life.talk(&[&hex("C101C1 0001 0000600101FF 02 00 0902")[..], &[octet, hour]].concat());
            }
            if minute % 720 == 100 {
                let method = if minute < 720 { "01" } else { "02" };
                life.talk(&hex(&format!("C301C1 0046 000060030AFF {method} 01 0F00")));
            }
        }
        // The clock is a few seconds off and is put right, which is two events and a new alignment of the profiles.
        let utc = life.meter.model().utc().plus(if day % 2 == 0 { 45 } else { -45 });
        life.step(Input::Time(utc));
        life.step(Input::PowerFailing);
        let Life { mut bench, meter, .. } = life;
        bench.rtc = meter.model().utc().plus(240);
        bench.flash.lose_power();
        bench.flash.power_up();
        life = Life::boot(bench, &config);
        losses += u64::from(life.meter.model().error_register & ferraris_meter::error_bit::NV_MEMORY != 0);
        boots += 1;
        life.associate();
    }
    let imported = micro(life.meter.model());
    let seconds = watch.elapsed().as_secs_f64();
    println!("{days} days on {size:?}: {minutes} minutes, {boots} boots, {losses} with a loss, in {seconds:.0} s");
    println!(
        "  net energy booked {booked} uJ, in the registers {imported} uJ, difference {}",
        booked - imported
    );
    let mut rows = 0_u64;
    for id in JournalId::ALL {
        rows += u64::from(life.meter.model().journals[id.index()].written);
    }
    let writes = life.bench.flash.writes();
    println!(
        "  {rows} rows, {} programs of {} MB, {} erases, bytes programmed twice: {}",
        writes.programs,
        writes.bytes / 1_000_000,
        writes.erases,
        writes.twice
    );
    let (_, wear) = life.bench.flash.into_parts();
    println!("  most worn sector of each partition, in erases (allowed {ALLOWED} of {WARRANTED}):");
    let mut worst = 0;
    for partition in partitions(size) {
        let range = partition.first as usize..partition.end() as usize;
        let most = wear[range].iter().copied().max().unwrap_or(0);
        worst = worst.max(most);
        if most != 0 {
            println!("    {:24} {most:6}", partition.name);
        }
    }
    let percent = f64::from(worst) * 100.0 / f64::from(WARRANTED);
    println!("  worst {worst}: {percent:.2} % of a part of {WARRANTED} cycles");
    let lasts = u64::from(worst) * LIFETIME <= u64::from(ALLOWED) * days.min(LIFETIME);
    lasts && booked == imported && losses == 0 && writes.twice == 0
}

fn micro(model: &Model) -> i128 {
    model.registers.micro(Quantity::ActiveNet, Element::Total)
}

fn order(size: FlashSize) -> Config {
    let key = || Key::new(&[0; 16]).expect("16 octets");
    let secrets = Secrets {
        lls_password: Secret::new(b"12345678"),
        ..Secrets::new(key(), key())
    };
    Config {
        flash: size,
        ..Config::new(Variant::St402d, 1, secrets)
    }
}

impl Life {
    fn boot(bench: Bench, config: &Config) -> Self {
        let mut bench = bench;
        let rtc = bench.rtc;
        let (meter, report) = Meter::boot(config, Some(rtc), [1; 32], &mut bench).expect("this flash works");
        assert!(!report.has_loss(), "{report:?}");
        Self {
            bench,
            meter,
            link: Link::Wrapper(WrapperLink::new(Instant::START, Micros::MAX)),
            now: Instant::START,
            answer: Vec::new(),
        }
    }

    fn associate(&mut self) {
        self.talk(&hex("6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400007E1FFFFF"));
    }

    /// Every load profile captures each minute.
    fn set_up(&mut self) {
        self.associate();
        for name in ["0100630100FF", "0100630200FF", "0100630101FF", "0100630102FF"] {
            self.talk(&hex(&format!("C101C1 0007 {name} 04 00 060000003C")));
            assert_eq!(self.answer.get(8..), Some(&hex("C501C100")[..]), "{name}");
        }
    }

    fn step(&mut self, input: Input<'_>) {
        self.meter.step(self.now, input, &mut self.bench).expect("a good step");
    }

    /// One window of a minute; answers the energy in it.
    fn measure(&mut self, watts: i64) -> i128 {
        let nanos = MINUTE.as_micros() * 1_000;
        self.now = self.now + MINUTE;
        self.bench.flash.pass(MINUTE);
        let reading = PhaseReading::steady(230_000_000, 10_000_000, watts * 1_000_001, 1_000_000, nanos);
        let (from, to) = (Position::START, Position::of_sample(480_000));
        let window = Measurement::of_phases(from, to, nanos, 50_000_000, [reading; 3], Apparent::Arithmetic);
        self.step(Input::Measured(&window));
        // The flash prepares what comes next while nothing else happens.
        for _ in 0..4 {
            self.bench.flash.pass(Micros::from_millis(50));
            self.step(Input::Tick);
        }
        i128::from(watts) * 1_000_001 * 3 * 60
    }

    fn talk(&mut self, apdu: &[u8]) {
        let length = u16::try_from(apdu.len()).expect("a short request").to_be_bytes();
        let frame = [&[0, 1, 0, 1, 0, 1][..], &length, apdu].concat();
        let Self {
            bench,
            meter,
            link,
            now,
            answer,
        } = self;
        answer.clear();
        let mut take = |octets: &[u8]| answer.extend_from_slice(octets);
        let received = Input::Received {
            link,
            at: *now,
            octets: &frame,
            answer: &mut take,
        };
        meter.step(*now, received, bench).expect("a good step");
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |pair: &[u8]| {
        core::str::from_utf8(pair)
            .ok()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    digits.chunks(2).filter_map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::{FlashSize, live};

    /// Two ends of a month, and sixty cuts of the supply.
    const DAYS: u64 = 60;

    #[test]
    fn sixty_days_on_16_mb_wear_no_faster_than_twenty_years_allow_and_lose_no_microjoule() {
        assert!(
            live(FlashSize::Megabytes16, DAYS),
            "what was lost or worn is printed above"
        );
    }

    #[test]
    fn sixty_days_on_4_mb_wear_no_faster_than_twenty_years_allow_and_lose_no_microjoule() {
        assert!(
            live(FlashSize::Megabytes4, DAYS),
            "what was lost or worn is printed above"
        );
    }
}
