//! `ferraris explain`: what stands in octets of DLMS, layer by layer, deciphered with whichever key fits.

mod acse;
mod agreement;
mod apdu;
mod capture;
mod conversation;
mod data;
mod decipher;
mod framing;
mod json;
mod keys;
mod names;
mod text;
mod tree;
mod xml;

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

use self::conversation::End;
use self::framing::{Framing, Line};
use self::keys::Keys;
use self::tree::Node;
use crate::hex::from_hex;
use crate::meter_command::Failure;

/// The longest input that is read.
const INPUT_MAX: u64 = 1 << 30;

/// Decode, decipher and explain frames: HDLC, wrapper or bare APDUs, from the command line, a file or a capture
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExplainArgs {
    /// Octets in hexadecimal digits, or the name of a file with such lines, or of a pcap or pcapng capture; - for standard input
    #[arg(required = true)]
    input: Vec<String>,

    /// A key file (TOML): which keys and system titles to try
    #[arg(long)]
    keys: Option<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// How the octets are framed, where a guess would be wrong
    #[arg(long, value_enum)]
    framing: Option<Framing>,
}

/// Forms of the explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each piece, with offsets
    Text,
    /// The same tree for programs
    Json,
    /// The DLMS UA's XML form of the APDUs
    Xml,
}

/// Prints message by message.
struct Printer {
    format: Format,
    out: String,
    messages: usize,
    /// Those that could not be explained to their end.
    wrong: usize,
    /// The first message in XML: whether it is the only one is not known yet.
    first: String,
    /// Why no more is printed.
    stopped: Option<anyhow::Result<()>>,
}

/// Explains what it is given.
///
/// # Errors
/// Wrong usage, an input that cannot be read or is no octets, a key file that is none. Octets that are wrong are explained as such; the
/// command fails after that.
pub(crate) fn run(args: ExplainArgs) -> Result<(), Failure> {
    let keys = match &args.keys {
        None => Keys::demo(),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let text = zeroize::Zeroizing::new(text);
            Keys::parse(&text).with_context(|| path.display().to_string())?
        }
    };
    let mut printer = Printer::new(args.format);
    let mut is_whole = true;
    match input(&args.input)? {
        Input::Capture(octets) => {
            let mut tell = |it: capture::Captured| printer.take(&it.source, &it.framed.octets, &it.framed.node);
            let (capture, cut) = capture::explain(&octets, &keys, args.framing, &mut tell);
            printer.end()?;
            is_whole = cut.is_none();
            let cut = cut.map(|why| format!("; the capture is cut or damaged: {why:#}"));
            eprintln!(
                "ferraris explain: {} packets, {} messages, {} packets of other protocols{}",
                capture.packets,
                capture.messages,
                capture.others,
                cut.unwrap_or_default()
            );
        }
        Input::Lines(lines) => {
            of_lines(&lines, args.framing, &keys, &mut printer);
            printer.end()?;
        }
    }
    let Printer { messages, wrong, .. } = printer;
    if messages == 0 {
        return Err(anyhow::anyhow!("nothing in it looks like DLMS; --framing says how to take it").into());
    }
    if wrong != 0 {
        return Err(anyhow::anyhow!("{wrong} of {messages} messages could not be explained to the end").into());
    }
    if !is_whole {
        return Err(anyhow::anyhow!("the capture is not whole").into());
    }
    Ok(())
}

enum Input {
    Capture(Vec<u8>),
    Lines(Vec<Vec<u8>>),
}

/// Digits, or a file of digits or packets.
fn input(words: &[String]) -> Result<Input, Failure> {
    let octets = match words {
        [only] if only == "-" => {
            let mut octets = Vec::new();
            std::io::stdin()
                .take(INPUT_MAX)
                .read_to_end(&mut octets)
                .context("standard input")?;
            octets
        }
        [only] if Path::new(only).is_file() => {
            let file = std::fs::File::open(only).with_context(|| only.clone())?;
            let mut octets = Vec::new();
            file.take(INPUT_MAX)
                .read_to_end(&mut octets)
                .with_context(|| only.clone())?;
            octets
        }
        words => {
            let text = words.concat();
            return match from_hex(&text) {
                Ok(octets) => Ok(Input::Lines(vec![octets])),
                Err(why) => {
                    let what = if let [only] = words { only.as_str() } else { "the input" };
                    Err(Failure::Usage(format!(
                        "{what} is neither a file nor hexadecimal digits: {why:#}"
                    )))
                }
            };
        }
    };
    if capture::is_capture(&octets) {
        return Ok(Input::Capture(octets));
    }
    let Ok(text) = core::str::from_utf8(&octets) else {
        // Octets as they were on the line.
        return Ok(Input::Lines(vec![octets]));
    };
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let digits = line.split('#').next().unwrap_or_default().trim();
        if !digits.is_empty() {
            lines.push(from_hex(digits).with_context(|| format!("line {}", at + 1))?);
        }
    }
    Ok(Input::Lines(lines))
}

/// Explains lines of octets as one conversation: a file may hold the frames of a session, one a line.
fn of_lines(lines: &[Vec<u8>], framing: Option<Framing>, keys: &Keys, printer: &mut Printer) {
    let guess = |octets: &Vec<u8>| Framing::guess(octets).unwrap_or(Framing::Apdu);
    let Some(framing) = framing.or_else(|| lines.first().map(guess)) else {
        return;
    };
    let mut line = Line::new(framing);
    for (at, octets) in lines.iter().enumerate() {
        let source = if lines.len() == 1 {
            String::new()
        } else {
            format!("line {}", at + 1)
        };
        for framed in line.feed(End::First, octets, keys) {
            printer.take(&source, &framed.octets, &framed.node);
        }
    }
    for framed in line.finish() {
        printer.take("the end", &framed.octets, &framed.node);
    }
}

/// Octets of text that wait at most before they are written.
const WRITTEN_AT_ONCE: usize = 1 << 16;

impl Printer {
    const fn new(format: Format) -> Self {
        Self {
            format,
            out: String::new(),
            messages: 0,
            wrong: 0,
            first: String::new(),
            stopped: None,
        }
    }

    fn take(&mut self, source: &str, octets: &[u8], node: &Node) {
        self.messages += 1;
        self.wrong += usize::from(node.first_fault().is_some());
        if self.stopped.is_some() {
            return;
        }
        match self.format {
            Format::Text => text::print(&mut self.out, source, octets, node),
            Format::Json => match serde_json::to_string_pretty(&json::message(source, octets, node)) {
                Ok(message) => {
                    self.out.push_str(if self.messages == 1 { "[\n  " } else { ",\n  " });
                    self.out.push_str(&message.replace('\n', "\n  "));
                }
                Err(error) => self.stopped = Some(Err(error.into())),
            },
            Format::Xml if self.messages == 1 => xml::print(&mut self.first, source, node),
            Format::Xml => {
                if self.messages == 2 {
                    self.out.push_str(xml::HEAD);
                    self.out.push_str("<messages>\n");
                    self.out.push_str(&self.first);
                }
                xml::print(&mut self.out, source, node);
            }
        }
        if WRITTEN_AT_ONCE < self.out.len() {
            self.write();
        }
    }

    /// Prints what stands behind the last message.
    fn end(&mut self) -> anyhow::Result<()> {
        match (self.format, self.messages) {
            (Format::Text, _) => {}
            (Format::Json, 0) => self.out.push_str("[]\n"),
            (Format::Json, _) => self.out.push_str("\n]\n"),
            (Format::Xml, 0 | 1) => {
                self.out.push_str(xml::HEAD);
                self.out.push_str(&self.first);
            }
            (Format::Xml, _) => self.out.push_str("</messages>\n"),
        }
        self.write();
        self.stopped.take().unwrap_or(Ok(()))
    }

    fn write(&mut self) {
        if self.stopped.is_some() {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(self.out.as_bytes()) {
            Ok(()) => {}
            // A reader that has seen enough, such as `head`.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe && !stdout.is_terminal() => {
                self.stopped = Some(Ok(()));
            }
            Err(error) => self.stopped = Some(Err(error).context("standard output")),
        }
        self.out.clear();
    }
}

const EXAMPLES: &str = "\
Examples:
  ferraris explain 7EA00802232193BD647E                    one frame
  ferraris explain C001C100010000800000FF0200 --format xml  one APDU in the DLMS UA's XML form
  ferraris meter --pcap trace.pcapng                        let a meter write down what it hears and says ...
  ferraris explain trace.pcapng                             ... and explain it; the demo meter's keys are known
  ferraris explain trace.pcapng --keys keys.toml            with keys of your own

A key file has an entry for each meter; everything in it may be left out:
  [[keys]]
  name = \"the meter in the cellar\"
  meter_title = \"4652526712656741\"
  client_title = \"4D4D4D0000BC614E\"
  encryption_key = \"000102030405060708090A0B0C0D0E0F\"
  authentication_key = \"D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF\"
  broadcast_key, dedicated_key, master_key

Exit codes: 0 all explained, 1 something is wrong with the octets or a file, 2 wrong usage";
