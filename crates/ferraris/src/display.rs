//! `ferraris display`: the glass of a running virtual meter as text, and presses of its buttons (C9).
//!
//! It asks the control interface as the page does. A whole list is read as somebody before the meter would: led there by long presses, stepped
//! by short ones.

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};

/// Show the glass of a running virtual meter as text, and press its buttons
#[derive(clap::Args)]
pub(crate) struct DisplayArgs {
    /// The control interface of the meter, HOST:PORT
    #[arg(default_value = "127.0.0.1:8080")]
    meter: String,

    /// A button to press first; may be given several times, pressed in this order
    #[arg(long, value_enum)]
    press: Vec<Button>,

    /// Lead the display to this list and print each of its pages
    #[arg(long, value_enum)]
    list: Option<List>,

    /// Print the pages as JSON, one a line
    #[arg(long)]
    json: bool,
}

/// What can be pressed.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Button {
    /// Steps the list
    Short,
    /// Automatic list, manual list, service mode, and round; closes a switch that is ready for reconnection
    Long,
    /// The button under the seal that ends a billing period
    Billing,
}

/// The lists of the display.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum List {
    /// Rolls by itself
    #[value(alias = "auto")]
    Automatic,
    /// Led by the button
    Manual,
    /// The service mode behind the manual list
    Service,
    /// Rolls in place of the automatic list in the verification mode
    Verification,
}

/// Presses what is to be pressed, and prints the page or every page of the list.
///
/// # Errors
/// When nobody answers there, when it is no virtual meter, or when its mains is off and pages were asked for.
pub(crate) fn run(args: &DisplayArgs) -> anyhow::Result<()> {
    let glass = Glass { address: &args.meter };
    for button in &args.press {
        glass.press(*button)?;
    }
    let pages = match args.list {
        None => vec![glass.shown()?],
        Some(list) => glass.pages(list)?,
    };
    let mut text = String::new();
    for page in &pages {
        if args.json {
            writeln!(text, "{page}")?;
        } else {
            writeln!(text, "{}", line(page))?;
        }
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// The glass of one meter.
struct Glass<'a> {
    address: &'a str,
}

/// More presses than any way between two lists takes, or the pages of the longest list.
const MOST_PRESSES: usize = 32;

impl Glass<'_> {
    /// What it shows now.
    fn shown(&self) -> anyhow::Result<Value> {
        let mut state = self.ask("GET", "/api/v1/state", None)?;
        match state.get_mut("display").map(Value::take) {
            Some(display) if display.is_object() => Ok(display),
            _ => Err(anyhow!(
                "{}: this is not the control interface of a meter",
                self.address
            )),
        }
    }

    fn press(&self, button: Button) -> anyhow::Result<()> {
        let button = match button {
            Button::Short => "short",
            Button::Long => "long",
            Button::Billing => "billing",
        };
        self.ask("PUT", "/api/v1/world/contacts", Some(&json!({ "button": button })))?;
        Ok(())
    }

    /// Every page of a list, in the order of the list.
    fn pages(&self, list: List) -> anyhow::Result<Vec<Value>> {
        let name = match list {
            List::Automatic => "automatic",
            List::Manual => "manual",
            List::Service => "service",
            List::Verification => "verification",
        };
        let mut shown = self.shown()?;
        let mut presses = 0;
        while text(&shown, "list") != name {
            if presses == MOST_PRESSES {
                bail!("the display does not come to its {name} list");
            }
            self.press(Button::Long)?;
            shown = self.shown()?;
            presses += 1;
        }
        let count = number(&shown, "pages");
        if count == 0 {
            bail!("the mains of this meter is off, its display is blank");
        }
        let mut pages: Vec<Value> = Vec::new();
        // The automatic list rolls meanwhile: a page that was missed comes again in the next round.
        for _ in 0..8 * MOST_PRESSES {
            let seen = |page: &Value| number(page, "page") == number(&shown, "page");
            if text(&shown, "list") == name && shown["segments_test"] == json!(false) && !pages.iter().any(seen) {
                pages.push(shown);
            }
            if pages.len() as u64 == count {
                pages.sort_by_key(|page| number(page, "page"));
                return Ok(pages);
            }
            self.press(Button::Short)?;
            shown = self.shown()?;
        }
        bail!("the {name} list has {count} pages, only {} were seen", pages.len())
    }

    /// One request of the control interface, and the JSON of its answer.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let address = self.address;
        let answer = exchange(
            address,
            &format!(
                "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        )
        .with_context(|| format!("{address}: no answer from the control interface of a meter"))?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .with_context(|| format!("{address}: this does not speak HTTP"))?;
        let status = head.split(' ').nth(1).unwrap_or("");
        if status != "200" {
            bail!("{address}: {method} {path}: {status} {body}");
        }
        serde_json::from_str(body).with_context(|| format!("{address}: the answer is not JSON"))
    }
}

/// Sends a request and reads until the other side closes.
fn exchange(address: &str, request: &str) -> std::io::Result<String> {
    let patience = Duration::from_secs(10);
    let found = address.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&found, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(MOST_OCTETS).read_to_string(&mut answer)?;
    Ok(answer)
}

/// A state is far shorter; what is longer is no meter.
const MOST_OCTETS: u64 = 16 << 20;

/// One page as a line: code, value, unit, and the symbols that are lit.
fn line(page: &Value) -> String {
    if number(page, "pages") == 0 {
        return "(blank: the mains is off)".to_owned();
    }
    let symbols: Vec<&str> = page["symbols"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let test = if page["segments_test"] == json!(true) {
        "  all segments lit"
    } else {
        ""
    };
    let arrow = |name: &str, sign| if symbols.contains(&name) { sign } else { "" };
    let others: Vec<&str> = symbols
        .iter()
        .copied()
        .filter(|name| !matches!(*name, "import" | "export"))
        .collect();
    format!(
        "{:<14} {:>10} {:<6} {}{}{}  [{} {}/{}]{test}",
        text(page, "obis"),
        text(page, "text"),
        text(page, "unit"),
        arrow("import", "→ "),
        arrow("export", "← "),
        others.join(" "),
        text(page, "list"),
        number(page, "page"),
        number(page, "pages"),
    )
}

fn text<'a>(page: &'a Value, field: &str) -> &'a str {
    page.get(field).and_then(Value::as_str).unwrap_or("")
}

fn number(page: &Value, field: &str) -> u64 {
    page.get(field).and_then(Value::as_u64).unwrap_or(0)
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  ferraris display                                what the glass shows now
  ferraris display 127.0.0.1:8081 --list manual   every page of the manual list
  ferraris display --press long --press short     the second page of the manual list
  ferraris display --press billing                end the billing period by the sealed button

A line: OBIS code, value, unit, arrows (→ import, ← export) and symbols, [list page/pages].";
