//! `ferraris meter`: starts a virtual meter, says how to reach it, and works until it is stopped.

use core::net::SocketAddr;
use std::io::Write as _;
use std::path::PathBuf;

use base::{Micros, Utc};
use clap::Args;
use host::{Announcement, Farewell, KeyRing, Options, Order, Scenario, Speed, Station, parse_span, parse_utc};
use meter::Variant;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use crate::hex::hex;

/// Start a virtual meter on a virtual supply: page, DLMS over TCP and HDLC
#[derive(Args)]
pub(crate) struct MeterArgs {
    /// The meter: SM402D single-phase, ST402D three-phase, ST402C three-phase behind current transformers [default: ST402D]
    #[arg(long, value_parser = variant, value_name = "SM402D|ST402D|ST402C")]
    variant: Option<Variant>,

    /// The meter's order as a TOML file: serial number, time zone, options, keys (see examples/meter.toml)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The folder that keeps the meter's flash and the world's clock
    #[arg(long, value_name = "DIR", default_value = "ferraris-state")]
    state: PathBuf,

    /// Make chance repeatable: equal seeds, starts and scenarios give equal bytes; only on this machine
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Seconds of the world per second: 1 real time, 60, max as fast as possible, 0 paused
    #[arg(long, value_parser = speed, default_value = "1", value_name = "X|max")]
    speed: Speed,

    /// Civil time at the start, such as 2026-01-05T12:00:00Z [default: the system's clock; with --seed as the state says]
    #[arg(long, value_parser = time, value_name = "TIME")]
    start: Option<Utc>,

    /// Stop after so much time of the world, such as 90s, 2h or 1d12h, and print the registers
    #[arg(long = "for", value_parser = span, value_name = "DURATION")]
    duration: Option<Micros>,

    /// Where DLMS over TCP (wrapper) listens; port 0 is any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4059")]
    wrapper: SocketAddr,

    /// Where DLMS over HDLC listens, as behind a serial server
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4060")]
    hdlc: SocketAddr,

    /// Where the optical port listens: sign-on of IEC 62056-21, then HDLC or a read-out [default: nowhere]
    #[arg(long, value_name = "ADDR:PORT")]
    optical: Option<SocketAddr>,

    /// Where the wrapper over UDP listens [default: nowhere]
    #[arg(long, value_name = "ADDR:PORT")]
    udp: Option<SocketAddr>,

    /// Where page and control interface listen
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    http: SocketAddr,

    /// What happens when, as a TOML file (see docs/scenario.md)
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,

    /// Write what the DLMS ports hear and say to this file, as a pcapng capture for Wireshark and `ferraris explain`
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,

    /// Print one JSON object about addresses and clients as the first line
    #[arg(long)]
    json: bool,

    /// Listen beyond this machine although the keys are known to everybody
    #[arg(long)]
    allow_demo_keys: bool,

    /// Let page and control interface, which ask for no login, listen beyond this machine
    #[arg(long)]
    allow_open_control: bool,
}

/// Why the command did not do what it was asked for.
pub(crate) enum Failure {
    /// It was asked for what makes no sense.
    Usage(String),
    /// Something went wrong.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

pub(crate) fn run(args: MeterArgs) -> Result<(), Failure> {
    say_what_happens();
    let order = match &args.config {
        Some(path) => Order::read(path, args.variant)?,
        None => Order::usual(args.variant.unwrap_or(Variant::St402d)),
    };
    refuse_exposure(&args, &order.keys)?;
    let scenario = match &args.scenario {
        Some(path) => Scenario::read(path, if order.config.variant.is_three_phase() { 3 } else { 1 })?,
        None => Scenario::default(),
    };
    let keys = order.keys.clone();
    let name = format!("{} {:08}", order.config.variant.name(), order.config.serial);
    let station = Station::start(Options {
        order,
        state: args.state,
        seed: args.seed,
        speed: args.speed,
        start: args.start,
        wrapper: args.wrapper,
        hdlc: args.hdlc,
        optical: args.optical,
        udp: args.udp,
        http: args.http,
        scenario,
        duration: args.duration,
        pcap: args.pcap,
    })?;
    let announcement = station.announcement();
    if args.json {
        print(&format!("{}\n", announcement.json(&clients(&keys))));
    } else {
        print(&greeting(&name, announcement, &keys));
    }
    let farewell = station.run()?;
    if args.json {
        print(&format!("{}\n", farewell.json()));
    } else if farewell.time_is_over {
        print(&registers(&farewell));
    }
    Ok(())
}

/// Demo keys and predictable challenges are for this machine only.
fn refuse_exposure(args: &MeterArgs, keys: &KeyRing) -> Result<(), Failure> {
    let addresses = [
        ("--wrapper", args.wrapper),
        ("--hdlc", args.hdlc),
        ("--http", args.http),
    ];
    let more = [("--optical", args.optical), ("--udp", args.udp)];
    let more = more
        .into_iter()
        .filter_map(|(option, address)| Some((option, address?)));
    let Some((option, address)) = addresses
        .into_iter()
        .chain(more)
        .find(|(_, address)| !address.ip().is_loopback())
    else {
        return Ok(());
    };
    if args.seed.is_some() {
        return Err(Failure::Usage(format!(
            "{option} {address} reaches beyond this machine, but --seed makes the meter's challenges predictable; leave one of them out"
        )));
    }
    if keys.is_demo() && !args.allow_demo_keys {
        return Err(Failure::Usage(format!(
            "{option} {address} reaches beyond this machine, but the meter has demo keys that everybody knows; \
             give it keys with --config (see examples/meter.toml), or accept it with --allow-demo-keys"
        )));
    }
    if !args.http.ip().is_loopback() && !args.allow_demo_keys && !args.allow_open_control {
        return Err(Failure::Usage(format!(
            "--http {} reaches beyond this machine, but page and control interface ask for no login: whoever reaches them switches the mains \
             and moves the clock; accept it with --allow-open-control",
            args.http
        )));
    }
    Ok(())
}

/// The clients and what they need, for scripts.
fn clients(keys: &KeyRing) -> Value {
    let mut clients = vec![json!({ "client": 16, "authentication": "none" })];
    if let Some(password) = &keys.password {
        clients.push(json!({ "client": 1, "authentication": "lls", "password": password }));
    }
    for client in [1, 2] {
        clients.push(json!({
            "client": client,
            "authentication": "hls-gmac",
            "suite": keys.suite,
            "encryption_key": hex(&keys.encryption_key),
            "authentication_key": hex(&keys.authentication_key),
            "master_key": keys.master_key.as_deref().map(hex),
        }));
    }
    if let Some(secret) = &keys.hls_secret {
        clients.push(json!({ "client": 1, "authentication": "hls-sha256", "secret": secret }));
    }
    if let Some(broadcast_key) = &keys.broadcast_key {
        clients.push(json!({
            "client": 102,
            "authentication": "pre-established",
            "suite": keys.suite,
            "broadcast_key": hex(broadcast_key),
            "authentication_key": hex(&keys.authentication_key),
        }));
    }
    Value::Array(clients)
}

/// How to reach the meter, for people.
fn greeting(name: &str, announcement: &Announcement, keys: &KeyRing) -> String {
    let Announcement {
        wrapper,
        hdlc,
        optical,
        udp,
        http,
        state,
        system_title,
        logical_device_name,
    } = announcement;
    let secrets = if keys.is_demo() {
        let password = keys.password.as_ref().map_or_else(String::new, |password| {
            format!("  client 1    management, LLS, password \"{password}\"   DEMO: known to everybody\n")
        });
        format!(
            "{password}  client 1    management, HLS-GMAC, suite 0   DEMO: known to everybody
              encryption key      {}
              authentication key  {}",
            hex(&keys.encryption_key),
            hex(&keys.authentication_key),
        )
    } else {
        // Secrets of somebody's own are not for a screen; --json says them to scripts.
        let password = keys
            .password
            .as_ref()
            .map_or("", |_| "  client 1    management, LLS, password as in --config\n");
        format!(
            "{password}  client 1    management, HLS-GMAC, suite {}, keys as in --config",
            keys.suite
        )
    };
    let more = [
        (
            "optical",
            optical,
            "optical port: sign-on (IEC 62056-21), then HDLC or a read-out",
        ),
        ("UDP", udp, "DLMS over UDP"),
    ];
    let more: String = more
        .iter()
        .filter_map(|(name, address, what)| Some(format!("  {name:<10}  {}  {what}\n", address.as_ref()?)))
        .collect();
    format!(
        "{name} is running: {logical_device_name}, system title {system_title}

  page        http://{http}/
  wrapper     {wrapper}  DLMS over TCP, logical device 1
  HDLC        {hdlc}  DLMS over HDLC as behind a serial server, logical device 1, physical device {physical}
{more}  state       {state}

  client 16   public, no security
{secrets}

Try  curl -s http://{http}/api/v1/state
     curl -s -X PUT -H 'Content-Type: application/json' -d '{{\"speed\": 60}}' http://{http}/api/v1/time

Ctrl-C saves and stops.
",
        physical = meter::local_ports::PHYSICAL_ADDRESS,
        state = state.display(),
    )
}

/// The registers at the end, for people.
fn registers(farewell: &Farewell) -> String {
    let time = farewell.time.get("local").and_then(Value::as_str).unwrap_or_default();
    let mut text = format!("{time}\n");
    for (name, reading) in farewell.registers.as_object().into_iter().flatten() {
        let value = reading.get("value").map(ToString::to_string).unwrap_or_default();
        let unit = reading.get("unit").and_then(Value::as_str).unwrap_or_default();
        text.push_str(&format!("{name:<16} {value:>12} {unit}\n"));
    }
    text
}

/// Prints at once; a reader that has gone away is no reason to stop a meter.
fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let _reader_gone = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Messages go to standard error; FERRARIS_LOG says how many: error, warn, info, debug, trace, off.
fn say_what_happens() {
    let level = std::env::var("FERRARIS_LOG")
        .ok()
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // Another subscriber would be somebody else's choice.
    let _already_set = subscriber.try_init();
}

fn variant(text: &str) -> Result<Variant, String> {
    let known = [Variant::Sm402d, Variant::St402d, Variant::St402c];
    known
        .into_iter()
        .find(|variant| variant.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| "allowed are SM402D, ST402D, ST402C".to_owned())
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let factor = text.parse().ok().and_then(Speed::times);
    factor.ok_or_else(|| "allowed are 0 (paused), 0.1 to 100000, and max".to_owned())
}

fn time(text: &str) -> Result<Utc, String> {
    parse_utc(text).ok_or_else(|| "allowed are times as in RFC 3339, such as 2026-01-05T12:00:00Z".to_owned())
}

fn span(text: &str) -> Result<Micros, String> {
    let span = parse_span(text).filter(|span| *span != Micros::ZERO);
    span.ok_or_else(|| "allowed are spans such as 90s, 2h30m, 1d or 00:05:00".to_owned())
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  ferraris meter                                     a three-phase meter in real time; Ctrl-C saves and stops
  ferraris meter --speed 60 --state /tmp/lab         an hour a minute, its memory somewhere else
  ferraris meter --variant SM402D --http 127.0.0.1:0 a single-phase meter, its page on any free port
  ferraris meter --config meter.toml --wrapper 0.0.0.0:4059
                                                     keys of its own, open to the network
  ferraris meter --seed 1 --start 2026-01-05T12:00:00Z --speed max --for 1d
                                                     a day in a minute or two, repeatable to the bit

Messages go to standard error; FERRARIS_LOG=debug says more.
Exit codes: 0 done, 1 failed, 2 wrong usage";
