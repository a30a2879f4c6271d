//! A meter for independent clients to read in all its capacities: it fills its eight profiles, says so in one line of JSON, and serves one
//! DLMS wrapper connection after the other on TCP until its standard input ends. Commands on standard input let its life go on, each
//! answered with a line of JSON:
//!
//! ```text
//! live N          N quarter hours, in which each phase imports 400, 800, .. 7600 W and again, by the number of the quarter
//! logs N          N seconds, in each of which every log gets an event that is always news
//! failures N      L1 fails N times, for a second and for two in turn, a second apart
//! reboot          the power goes and comes back; quarter hours cannot follow
//! ```
//!
//! `cargo run --release -p ferraris-meter --example capacity_server -- 16MB 410`

#[path = "../tests/capacity/life.rs"]
mod life;

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Instant, Micros};
use dlms::server::{Link, WrapperLink};
use ferraris_meter::event_log::Log;
use ferraris_meter::{Fault, FlashSize, Input};
use metrology::PhaseReading;

use life::{Life, PROFILES, QUARTER, WH_A_QUARTER};

/// For each log two codes that are always news, written in turn.
const EVENTS: [(Log, [u8; 2]); 10] = [
    (Log::Standard, [20, 17]),
    (Log::Fraud, [91, 46]),
    (Log::Disconnect, [61, 60]),
    (Log::Quality, [93, 92]),
    (Log::Communication, [150, 140]),
    (Log::Security, [48, 223]),
    (Log::MBus1, [105, 104]),
    (Log::MBus2, [115, 114]),
    (Log::MBus3, [125, 124]),
    (Log::MBus4, [135, 134]),
];

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let size = match arguments.next().as_deref() {
        Some("4MB") => FlashSize::Megabytes4,
        _ => FlashSize::Megabytes16,
    };
    let days: u32 = arguments.next().and_then(|days| days.parse().ok()).unwrap_or(410);
    let mut life = Life::begin(size);
    life.set_up();
    for number in 1..=days * 96 {
        life.quarter(number);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let depths = PROFILES.map(|(journal, _)| life.meter.model().depth(journal));
    println!(
        r#"{{"wrapper": "{}", "start": {}, "quarter_s": {QUARTER}, "wh_a_quarter": {WH_A_QUARTER}, "rows": {}, "depths": {depths:?}}}"#,
        listener.local_addr()?,
        life.start.unix(),
        days * 96,
    );
    std::io::stdout().flush()?;
    let life = Arc::new(Mutex::new(life));
    let lived = Arc::clone(&life);
    std::thread::spawn(move || {
        let mut quarters = days * 96;
        for command in std::io::stdin().lock().lines().map_while(Result::ok) {
            let mut life = lived.lock().unwrap_or_else(PoisonError::into_inner);
            obey(&mut life, &command, &mut quarters);
            let _reader_is_gone = std::io::stdout().flush();
        }
        std::process::exit(0);
    });
    for stream in listener.incoming() {
        serve(stream?, &life)?;
    }
    Ok(())
}

/// Lets the life go on as a command says.
fn obey(life: &mut Life, command: &str, quarters: &mut u32) {
    let (what, count) = command.split_once(' ').unwrap_or((command, ""));
    let count: u32 = count.parse().unwrap_or(0);
    let from = life.meter.model().utc().unix();
    match what {
        "live" => {
            for number in *quarters + 1..=*quarters + count {
                life.quarter_at(number, 400 * (1 + i64::from(number % 19)));
            }
            *quarters += count;
        }
        "logs" => {
            for second in 0..count {
                for (log, codes) in EVENTS {
                    let [even, odd] = codes;
                    life.step(Input::Noted(log, if second % 2 == 0 { even } else { odd }));
                }
                life.breathe(1);
            }
        }
        "failures" => {
            for number in 0..count {
                life.watch([false, true, true]);
                life.breathe(1 + number % 2);
                life.watch([true; 3]);
                life.breathe(1);
            }
        }
        "reboot" => life.reboot(),
        _ => {}
    }
    let to = life.meter.model().utc().unix();
    println!(r#"{{"quarters": {quarters}, "from": {from}, "to": {to}}}"#);
}

impl Life {
    /// Whole seconds in which the flash gets its time.
    fn breathe(&mut self, seconds: u32) {
        for _ in 0..20 * seconds {
            self.pass(Micros::from_millis(50));
        }
    }

    /// Shows the meter which phases have voltage, without a current.
    fn watch(&mut self, present: [bool; 3]) {
        self.window(present.map(|present| PhaseReading::steady(if present { 230_000_000 } else { 0 }, 0, 0, 0, 0)));
    }
}

/// Serves one connection.
fn serve(mut stream: TcpStream, life: &Mutex<Life>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let locked = || life.lock().unwrap_or_else(PoisonError::into_inner);
    locked().link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::MAX));
    let mut octets = [0; 4_096];
    loop {
        let length = stream.read(&mut octets).unwrap_or(0);
        if length == 0 {
            return Ok(());
        }
        let mut answer = Vec::new();
        let mut take = |octets: &[u8]| answer.extend_from_slice(octets);
        let mut life = locked();
        let Life {
            bench,
            meter,
            link,
            now,
            ..
        } = &mut *life;
        let received = Input::Received {
            link,
            at: *now,
            octets: octets.get(..length).unwrap_or(&[]),
            answer: &mut take,
        };
        // A step may say that the memory did not take a row at once; the client has its answer.
        let stepped = meter.step(*now, received, bench);
        // What was written wants its time in the flash.
        life.pass(Micros::from_millis(10));
        drop(life);
        let is_closed = stepped == Err(Fault::Closed);
        if is_closed || stream.write_all(&answer).is_err() {
            return Ok(());
        }
    }
}
