//! A meter whose eight profiles are full, for independent clients to read: it fills itself, says so in one line of JSON, and serves one DLMS
//! wrapper connection after the other on TCP until its standard input ends.
//!
//! `cargo run --release -p ferraris-meter --example capacity_server -- 16MB 410`

#[path = "../tests/capacity/life.rs"]
mod life;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use base::{Instant, Micros};
use dlms::server::{Link, WrapperLink};
use ferraris_meter::{FlashSize, Input};

use life::{Life, PROFILES, QUARTER, WH_A_QUARTER};

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
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _ended = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(0);
    });
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        life.link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::MAX));
        let mut octets = [0; 4_096];
        loop {
            let length = stream.read(&mut octets).unwrap_or(0);
            if length == 0 {
                break;
            }
            let mut answer = Vec::new();
            let mut take = |octets: &[u8]| answer.extend_from_slice(octets);
            let received = Input::Received {
                link: &mut life.link,
                at: life.now,
                octets: octets.get(..length).unwrap_or(&[]),
                answer: &mut take,
            };
            if life.meter.step(life.now, received, &mut life.bench).is_err() || stream.write_all(&answer).is_err() {
                break;
            }
        }
    }
    Ok(())
}
