//! `ferraris read`: reads a meter over TCP, UDP, HDLC, an optical head, and shows what it says. See docs/read.md.

mod counters;
mod deeds;
mod expectation;
mod failure;
mod haul;
mod keys_file;
mod meaning;
mod moment;
mod notation;
mod objects;
mod output;
mod profile;
mod progress;
mod secrets;
mod sign_on;
mod talk;
mod value;
mod wire;

use core::time::Duration;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use base::Micros;
use clap::Args;
use cosem::{Attribute, Obis, Selection};
use dlms::acse::Diagnostic;
use dlms::client::{Client, ClientError, Credentials, Framing, Patience, Settings};
use dlms::hdlc::{Address, Limits};
use dlms::iec62056_21::Goal;
use dlms::initiate::Conformance;

use counters::{Counters, Start};
use deeds::{AskedAction, AskedSet};
use expectation::{ASKED, Reply};
use failure::{Attempt, Failure};
use haul::{Haul, hint_at_credentials, unlisted};
use moment::{Moment, RangeDeviation};
use output::{Absent, Format, Report, listing, printable};
use progress::Progress;
use secrets::{Secrets, SecurityArgs};
use talk::{Broken, Talk};
use value::{DeviationSign, Value};
use wire::{LineMode, Place, Wire};

/// Read a meter: clock and registers, single attributes, or a profile; write attributes and invoke methods
#[derive(Args)]
pub(crate) struct ReadArgs {
    /// HOST:PORT, or a serial device such as /dev/ttyUSB0 (HDLC)
    #[arg(value_name = "HOST:PORT|DEVICE")]
    target: String,

    /// HDLC instead of the wrapper, as behind a serial server
    #[arg(long, conflicts_with = "udp")]
    hdlc: bool,

    /// The wrapper over UDP
    #[arg(long, conflicts_with = "mode_e")]
    udp: bool,

    /// Sign on as at an optical port (IEC 62056-21, mode E), then HDLC
    #[arg(long)]
    mode_e: bool,

    /// Sign on and print the read-out of plain text (IEC 62056-21, mode C); needs no association
    #[arg(long, conflicts_with_all = ["udp", "hdlc", "mode_e", "obis", "profile", "list", "all", "set", "action"])]
    mode_c: bool,

    /// Modes C and E: the address that the meter is called by [default: whoever is there]
    #[arg(long, value_name = "TEXT", default_value = "")]
    device_address: String,

    /// The logical device
    #[arg(long, value_name = "N", default_value_t = 1)]
    server: u16,

    /// HDLC: the physical address of the meter on its bus [default: whoever is there]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=0x3FFF))]
    physical: Option<u16>,

    /// HDLC: octets of the meter's address
    #[arg(long, value_name = "1|2|4", value_parser = ["1", "2", "4"])]
    address_octets: Option<String>,

    /// HDLC: longest information field, 32 to 2030
    #[arg(long, value_name = "OCTETS", default_value_t = 1024, value_parser = clap::value_parser!(u16).range(32..=2030))]
    information: u16,

    /// HDLC: frames in a row, 1 to 7
    #[arg(long, value_name = "FRAMES", default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..=7))]
    window: u8,

    /// A serial line's speed
    #[arg(long, value_name = "BAUD", default_value_t = 9600)]
    baud: u32,

    #[command(flatten)]
    security: SecurityArgs,

    /// The object whose value is the last counter that the meter accepted [default: 0-0:43.1.0]
    #[arg(long, value_name = "OBIS", value_parser = obis, default_value = "0-0:43.1.0")]
    counter: Obis,

    /// The first counter to use, where the public client does not tell the last one, or tells one that is far away. Those that were used
    /// here are passed over all the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    first_counter: Option<u32>,

    /// An attribute: OBIS, with /CLASS and :ATTRIBUTE where they are not as listed and 2; may be given many times
    #[arg(long, value_name = "OBIS[/CLASS][:ATTRIBUTE]", value_parser = asked_attribute)]
    obis: Vec<AskedAttribute>,

    /// Every attribute that this client may read
    #[arg(long, conflicts_with_all = ["obis", "profile"])]
    all: bool,

    /// The object list
    #[arg(long, conflicts_with_all = ["obis", "profile", "all"])]
    list: bool,

    /// Write an attribute before anything is read: a value with its type, such as unsigned:5, or as it is shown; @FILE has it
    /// from a file. May be given many times
    #[arg(long, value_name = "OBIS[/CLASS][:ATTRIBUTE]=VALUE", value_parser = AskedSet::parse, conflicts_with = "list")]
    set: Vec<AskedSet>,

    /// Invoke a method, after what is written and before what is read; without a value with integer:0, with =none without any
    #[arg(long, value_name = "OBIS[/CLASS]:METHOD[=VALUE]", value_parser = AskedAction::parse, conflicts_with = "list")]
    action: Vec<AskedAction>,

    /// A profile: 1, 2, .. for the load profiles, or its OBIS
    #[arg(long, value_name = "N|OBIS", value_parser = profile_name)]
    profile: Option<Obis>,

    /// Rows from here on: 2026-01-05, 2026-01-05T12:00, with Z or +01:00 where it is not the meter's own time
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "profile")]
    from: Option<Moment>,

    /// Rows up to here, with it
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "profile")]
    to: Option<Moment>,

    /// The last N entries
    #[arg(long, value_name = "N", requires = "profile", conflicts_with_all = ["from", "to"], value_parser = clap::value_parser!(u32).range(1..))]
    last: Option<u32>,

    /// Whether the bounds of a range carry a deviation
    #[arg(long, value_enum, default_value = "as-written")]
    range_deviation: RangeDeviation,

    /// How the meter's deviations are to be read
    #[arg(long, value_enum, default_value = "standard")]
    deviation_sign: DeviationSign,

    /// The form of the output
    #[arg(long, value_enum, default_value = "table")]
    format: Format,

    /// Seconds to wait for each answer
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,

    /// How often a frame is sent again, and a broken transfer taken up again
    #[arg(long, value_name = "TIMES", default_value_t = 3)]
    retries: u8,

    /// Services and encodings that are used where the meter grants them
    #[arg(long = "use", value_enum, value_delimiter = ',', value_name = "WHAT,..")]
    uses: Vec<Use>,

    /// The longest PDU that is taken; 0 for any
    #[arg(long, value_name = "OCTETS", default_value_t = 0)]
    pdu: u16,

    /// Read the object list even if it is known
    #[arg(long)]
    refresh: bool,

    /// The folder of counters and object lists [default: ~/.local/state/ferraris]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// No progress on standard error
    #[arg(long)]
    quiet: bool,
}

/// What not every meter has, and not every meter that says so can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Use {
    /// Several attributes in one ACCESS
    Access,
    /// General block transfer
    GeneralBlocks,
    /// Rows as differences to the row before
    Deltas,
}

/// An attribute as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AskedAttribute {
    name: Obis,
    class: Option<u16>,
    index: i8,
}

/// A reader of one meter.
struct Reader<'a> {
    args: &'a ReadArgs,
    place: Place,
    secrets: Secrets,
    state: PathBuf,
    counters: Option<Counters>,
    lent: Vec<u8>,
    progress: Progress,
}

/// Where long values are put together.
const LONGEST_VALUE: usize = 32 << 20;

pub(crate) fn run(args: &ReadArgs) -> ExitCode {
    match read(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ferraris: {}", printable(&failure.to_string()));
            failure.exit_code()
        }
    }
}

fn read(args: &ReadArgs) -> Result<(), Failure> {
    let state = match &args.state {
        Some(state) => state.clone(),
        None => usual_state()?,
    };
    let place = if wire::is_device(&args.target) {
        Place::Serial(PathBuf::from(&args.target))
    } else if !args.target.contains(':') {
        let why = match args.target.starts_with('/') {
            true => format!("there is no device {}", args.target),
            false => format!(
                "the port is missing: {0}:4059 is the usual one of the wrapper",
                args.target
            ),
        };
        return Err(Failure::Usage(why));
    } else if args.udp {
        Place::Udp(args.target.clone())
    } else {
        Place::Tcp(args.target.clone())
    };
    if args.mode_c {
        let mut wire = Wire::open(&place, sign_on::START, Duration::from_secs(args.timeout))?;
        let text = sign_on::sign_on(&mut wire, &place.text(), &args.device_address, Goal::ReadOut)?;
        let mut out = std::io::stdout().lock();
        // Whoever closes the pipe has seen enough.
        for line in text.split_inclusive('\n') {
            let (line, end) = line.split_at(line.trim_end_matches(['\r', '\n']).len());
            let _reader_gone = out
                .write_all(printable(line).as_bytes())
                .and_then(|()| out.write_all(end.as_bytes()));
        }
        let _reader_gone = out.flush();
        return Ok(());
    }
    let secrets = Secrets::gather(&args.security, &state)?;
    let counters = match secrets.uses_counter() {
        true => Some(Counters::open(&state, &secrets.fingerprint)?),
        false => None,
    };
    let mut reader = Reader {
        args,
        place,
        secrets,
        state,
        counters,
        lent: vec![0; LONGEST_VALUE],
        progress: Progress::new(args.quiet),
    };
    let mut haul = Haul::default();
    let ended = reader.haul(&mut haul);
    reader.progress.end();
    reader.show(&haul, ended)
}

impl Reader<'_> {
    /// Reads what was asked for, in as many associations as it takes.
    fn haul(&mut self, haul: &mut Haul) -> Result<(), Failure> {
        let mut left = self.args.retries;
        loop {
            let before = haul.weight();
            match self.associate_and_haul(haul) {
                Ok(()) => return Ok(()),
                Err(Broken { failure, .. }) if haul.deeds.is_undecided() => return Err(failure),
                Err(Broken { failure, again, .. }) => {
                    if before < haul.weight() {
                        left = self.args.retries;
                    }
                    left = match left.checked_sub(1) {
                        Some(left) if again => left,
                        _ => return Err(failure),
                    };
                    // What to try is said at the end.
                    self.progress.say(&format!("{}; once more", failure.what()));
                }
            }
        }
    }

    fn associate_and_haul(&mut self, haul: &mut Haul) -> Result<(), Broken> {
        let patience = Duration::from_secs(self.args.timeout);
        let (counter, is_told) = self.first_counter()?;
        let mut wire = self.open(patience)?;
        let (framing, patience) = (self.framing(), self.patience());
        let fresh = self.secrets.fresh()?;
        let settings = self
            .secrets
            .settings(&fresh, self.args.server, self.wanted(), self.args.pdu)?;
        let attempted = Attempt {
            untold: (!is_told).then_some(counter),
            ..self.attempt()
        };
        let progress = &mut self.progress;
        let mut tell = |received| progress.octets(received);
        let client = Client::new(settings, framing, patience, counter, &mut self.lent);
        let attempt = attempted.clone();
        let mut talk = Talk::new(client, &mut wire, self.counters.as_mut(), attempt, &mut tell);
        talk.by_access = self.args.uses.contains(&Use::Access);
        let associated = talk.associate();
        let refusal = associated.as_ref().err().and_then(|broken| broken.error);
        let hauled = associated.and_then(|()| haul.take(&mut talk, self.args, &self.state, &self.secrets));
        if talk.client.is_associated() {
            talk.release();
        }
        let next = talk.client.next_counter();
        if let Some(counters) = &mut self.counters {
            counters.settle(next)?;
        }
        let Some(ClientError::Refused {
            outcome,
            diagnostic,
            initiate,
        }) = refusal
        else {
            return hauled;
        };
        let expected = self.expected(diagnostic);
        let refusal = failure::Refusal {
            outcome,
            diagnostic,
            initiate,
            expected: expected.as_deref(),
        };
        Err(failure::refused(&attempted, refusal).into())
    }

    fn attempt(&self) -> Attempt {
        Attempt {
            place: self.place.text(),
            server: self.args.server,
            hdlc: self.framing() != Framing::Wrapper,
            client: self.secrets.client,
            means: self.secrets.means(),
            suite: self.secrets.suite(),
            associating: true,
            untold: None,
        }
    }

    /// What is asked for beyond [`secrets::WANTED`].
    fn wanted(&self) -> Conformance {
        let uses = self.args.uses.iter();
        let mut wanted = secrets::WANTED;
        if !self.args.set.is_empty() {
            wanted = wanted.with(Conformance::SET).with(Conformance::BLOCKS_WITH_SET);
        }
        if !self.args.action.is_empty() {
            wanted = wanted.with(Conformance::BLOCKS_WITH_ACTION);
        }
        uses.fold(wanted, |wanted, it| {
            wanted.with(match it {
                Use::Access => Conformance::ACCESS,
                Use::GeneralBlocks => Conformance::GENERAL_BLOCK_TRANSFER,
                Use::Deltas => Conformance::DELTA_VALUES,
            })
        })
    }

    /// What a meter that refused expects of this client, as far as it says so without a secret.
    fn expected(&mut self, diagnostic: Diagnostic) -> Option<String> {
        // A sign-on for each question would take longer than it is worth.
        if self.args.mode_e || !expectation::is_worth_asking(diagnostic) {
            return None;
        }
        let mut replies = Vec::with_capacity(ASKED.len());
        for mechanism in ASKED {
            let mut wire = self.open(Duration::from_secs(self.args.timeout)).ok()?;
            let settings = Settings {
                credentials: Credentials::Probe(mechanism.mechanism(), secrets::challenge().ok()?),
                ..Settings::public(self.secrets.client, self.args.server, secrets::WANTED)
            };
            let attempt = self.attempt();
            let client = Client::new(settings, self.framing(), self.patience(), 1, &mut self.lent);
            let mut nothing = |_| {};
            let mut talk = Talk::new(client, &mut wire, None, attempt, &mut nothing);
            let error = talk.associate().err()?.error?;
            replies.push(Reply::of(&error));
        }
        expectation::text(&replies)
    }

    /// The first number for what this association protects, and whether the meter told where they begin.
    fn first_counter(&mut self) -> Result<(u32, bool), Broken> {
        let is_new = match &self.counters {
            None => return Ok((1, true)),
            Some(counters) => counters.is_new(),
        };
        let start = match self.args.first_counter {
            Some(first) => Start::Ordered(first),
            None => match self.accepted_counter() {
                Ok(accepted) => Start::Told(accepted),
                // Perhaps nobody is there, and a number would be of no use.
                Err(mut broken) if is_new && matches!(broken.failure, Failure::Unreachable(_)) => {
                    let hint = ". Asked was its public client (16), for the last counter: if the meter has none, say --first-counter";
                    broken.failure = broken.failure.with(hint);
                    return Err(broken);
                }
                Err(Broken { failure, .. }) => Start::Unknown(failure.what()),
            },
        };
        let first = match &mut self.counters {
            Some(counters) => counters.reserve(&start)?,
            None => 1,
        };
        Ok((first, matches!(start, Start::Told(_))))
    }

    /// The greatest counter that the meter has accepted, as its public client tells.
    fn accepted_counter(&mut self) -> Result<u32, Broken> {
        let mut wire = self.open(Duration::from_secs(self.args.timeout))?;
        let settings = Settings::public(16, self.args.server, secrets::WANTED);
        let attempt = Attempt {
            client: 16,
            means: "no authentication",
            suite: None,
            ..self.attempt()
        };
        let client = Client::new(settings, self.framing(), self.patience(), 1, &mut self.lent);
        let mut nothing = |_| {};
        let mut talk = Talk::new(client, &mut wire, None, attempt, &mut nothing);
        talk.associate()?;
        let attribute = Attribute::new(1, self.args.counter, 2);
        let answer = talk.get(attribute, Selection::Whole)?;
        talk.release();
        let value = answer.map_err(|error| Failure::Refused(format!("{}: {error}", attribute.name)))?;
        let number = Value::parse(&value)
            .ok()
            .and_then(|it| u32::try_from(it.integer()?).ok());
        Ok(number.ok_or_else(|| Failure::Failed(format!("{} is no counter", attribute.name)))?)
    }

    fn open(&self, patience: Duration) -> Result<Wire, Failure> {
        if self.args.mode_e {
            let mut wire = Wire::open(&self.place, sign_on::START, patience)?;
            sign_on::sign_on(&mut wire, &self.place.text(), &self.args.device_address, Goal::Hdlc)?;
            return Ok(wire);
        }
        let mode = LineMode {
            baud: self.args.baud,
            seven_even: false,
        };
        Wire::open(&self.place, mode, patience)
    }

    fn patience(&self) -> Patience {
        Patience {
            answer: Micros::from_secs(self.args.timeout),
            retries: self.args.retries,
        }
    }

    fn framing(&self) -> Framing {
        let args = self.args;
        if !args.hdlc && !args.mode_e && !matches!(self.place, Place::Serial(_)) {
            return Framing::Wrapper;
        }
        let octets = match (args.address_octets.as_deref(), args.physical) {
            (Some("1"), _) => 1,
            (Some("2"), _) => 2,
            (Some(_), _) => 4,
            // Without a physical address one octet is understood by every meter that is alone on its line.
            (None, None) if args.server < 0x80 => 1,
            (None, Some(physical)) if physical < 0x80 && args.server < 0x80 => 2,
            (None, _) => 4,
        };
        let short = |number: u16| u8::try_from(number & 0x7F).unwrap_or_default();
        let meter = match octets {
            1 => Address::One(short(args.server)),
            2 => Address::Two(short(args.server), args.physical.map_or(0x7E, short)),
            _ => Address::Four(args.server & 0x3FFF, args.physical.unwrap_or(0x3FFE)),
        };
        let limits = Limits {
            transmit: args.information,
            receive: args.information,
            transmit_window: args.window,
            receive_window: args.window,
        };
        Framing::Hdlc(meter, limits)
    }

    /// Prints what has come, whole or not.
    fn show(&self, haul: &Haul, ended: Result<(), Failure>) -> Result<(), Failure> {
        let Some((logical_device_name, firmware)) = &haul.identity else {
            return ended;
        };
        let place = self.place.text();
        let profile = self.args.profile.as_ref().zip(haul.reading.as_ref());
        let report = Report {
            place: &place,
            logical_device_name,
            firmware,
            client: self.secrets.client,
            deeds: &haul.deeds,
            replies: &haul.replies,
            profile: profile.filter(|(_, reading)| !reading.columns.is_empty()),
            sign: self.args.deviation_sign,
        };
        let ended = ended.map_err(|failure| haul.deeds.told(failure));
        let something = 0 < haul.deeds.done()
            || haul.replies.iter().any(|reply| reply.value.is_ok())
            || report.profile.is_some_and(|(_, it)| !it.rows.is_empty());
        if !something && ended.is_err() {
            return ended;
        }
        let text = match self.args.list {
            true => listing(&haul.list, self.args.format),
            false => report.text(self.args.format),
        };
        let mut out = std::io::stdout().lock();
        // Whoever closes the pipe has seen enough.
        let _reader_gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Some((name, reading)) = report.profile {
            if let Some(remark) = &reading.remark {
                self.progress.say(&format!("profile {name}: {remark}"));
            }
            let missing: i64 = reading.gaps.iter().map(|gap| gap.rows).sum();
            if 0 < reading.refilled {
                self.progress
                    .say(&format!("profile {name}: {} rows were read again", reading.refilled));
            }
            if 0 < missing {
                let holes = reading.gaps.len();
                self.progress.say(&format!(
                    "profile {name}: {missing} rows in {holes} gaps are not in the meter"
                ));
            }
        }
        if let Err(failure) = ended {
            let what = if 0 < haul.deeds.done() { "done and read" } else { "read" };
            return Err(Failure::Partial(format!("not everything was {what}: {failure}")));
        }
        let asked = haul.replies.len() + haul.deeds.done();
        let refused = haul.replies.iter().filter(|reply| reply.value.is_err()).count() + haul.deeds.refused();
        let lacking = haul.replies.iter().filter(|reply| reply.value == Err(Absent::Unlisted));
        let lacking: Vec<_> = lacking.map(|reply| reply.attribute.name).collect();
        let lacking = match lacking.as_slice() {
            [] => None,
            names => Some(format!(". {}", unlisted(names, &self.secrets))),
        };
        match refused {
            0 => Ok(()),
            _ if refused == asked && report.profile.is_none() => Err(Failure::Refused(format!(
                "{place}: the meter gives client {} none of what was asked for; see the reason beside each name{}",
                self.secrets.client,
                lacking.unwrap_or_else(|| format!(".{}", hint_at_credentials(&self.secrets))),
            ))),
            _ => Err(Failure::Partial(format!(
                "{place}: {refused} of {asked} {} were refused; see the reason beside each name{}",
                if 0 < haul.deeds.done() { "things" } else { "attributes" },
                lacking.unwrap_or_default(),
            ))),
        }
    }
}

fn usual_state() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let folder = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    folder
        .map(|folder| folder.join("ferraris"))
        .ok_or_else(|| Failure::Usage("there is no home folder: say with --state where counters are kept".to_owned()))
}

fn obis(text: &str) -> Result<Obis, String> {
    Obis::parse(text).ok_or_else(|| "allowed are names such as 1-0:1.8.0 or 1-0:1.8.0.255".to_owned())
}

fn asked_attribute(text: &str) -> Result<AskedAttribute, String> {
    let wrong =
        || "allowed are names such as 1-0:1.8.0, 1-0:1.8.0/3 with a class, 1-0:1.8.0:3 with an attribute".to_owned();
    // The name has a colon of its own.
    let colon = text.find(':').ok_or_else(wrong)? + 1;
    let (head, tail) = text.split_at(colon);
    let (rest, index) = match tail.split_once(':') {
        Some((rest, index)) => (rest, index.parse().map_err(|_| wrong())?),
        None => (tail, 2),
    };
    let (rest, class) = match rest.split_once('/') {
        Some((rest, class)) => (rest, Some(class.parse().map_err(|_| wrong())?)),
        None => (rest, None),
    };
    let name = Obis::parse(&format!("{head}{rest}")).ok_or_else(wrong)?;
    Ok(AskedAttribute { name, class, index })
}

fn profile_name(text: &str) -> Result<Obis, String> {
    match text.parse::<u8>() {
        Ok(number @ 1..=2) => Ok(Obis::from_octets([1, 0, 99, number, 0, 255])),
        Ok(_) => Err("allowed are 1 and 2 for the load profiles; others by their name, such as 1-0:98.1.0".to_owned()),
        Err(_) => obis(text),
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::parse(text)
        .ok_or_else(|| "allowed are times such as 2026-01-05, 2026-01-05T12:00, 2026-01-05T12:00:00+01:00".to_owned())
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  ferraris read 192.0.2.7:4059                             what is public: clock and counters
  ferraris read 192.0.2.7:4059 --password 12345678         clock and registers as client 1
  ferraris read 192.0.2.7:4059 --keys meter.toml --obis 1-0:1.8.0 --obis 1-0:32.7.0 --format json
  ferraris read 192.0.2.7:4060 --hdlc --physical 17 --keys meter.toml --profile 1 --from 2026-01-05 --to 2026-01-06 --format csv
  ferraris read 192.0.2.7:4059 --keys meter.toml --set 0-0:1.0.0=2026-01-05T12:00:00+01:00 --obis 0-0:1.0.0
  ferraris read 192.0.2.7:4059 --keys meter.toml --action 0-0:96.3.10:1            disconnect
  ferraris read /dev/ttyUSB0 --mode-e                      through an optical head
  ferraris read /dev/ttyUSB0 --mode-c                      the read-out of plain text

Exit codes: 0 all was done, 1 failed, 2 wrong usage, 3 nobody answers there, 4 the meter refuses, 5 some was done and some was not";
