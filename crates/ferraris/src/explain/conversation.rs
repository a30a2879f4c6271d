//! What two ends have said so far: enough of it to open and put together what they say next.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::apdu::{Carried, Stream, apdu};
use super::data::data;
use super::decipher::{Known, decipher};
use super::keys::{Keys, Title};
use super::tree::{Node, Stop, Walk, Xml};

/// Protection within protection within a block within a block ends here.
const NESTED_MAX: usize = 8;

/// The most octets of one value or APDU that are put together from blocks.
const ASSEMBLED_MAX: usize = 16 << 20;

/// Which of the two ends speaks. Who is client and who is meter is not always known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum End {
    First,
    Second,
}

impl End {
    const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// One conversation.
#[derive(Default)]
pub(crate) struct Conversation {
    client: Option<Title>,
    meter: Option<Title>,
    dedicated: Option<Vec<u8>>,
    /// The keys that general-ciphering messages of either end said.
    said: BTreeMap<End, Zeroizing<Vec<u8>>>,
    blocks: BTreeMap<Stream, Blocks>,
    general: BTreeMap<End, Blocks>,
}

/// Blocks that came so far, all in their order.
#[derive(Default)]
struct Blocks {
    next: u32,
    octets: Vec<u8>,
}

impl Blocks {
    /// Takes block `number`; answers what is whole now, or words about where it stands.
    fn take(&mut self, number: u32, last: bool, raw: &[u8]) -> Result<Option<Vec<u8>>, String> {
        if number == 1 {
            *self = Self::default();
        } else if self.next == 0 {
            return Err(format!("block {number}, but the first was not seen"));
        } else if number + 1 == self.next {
            return Ok(None);
        } else if number != self.next {
            let due = self.next;
            return Err(format!("block {number}, but {due} is due"));
        }
        self.next = number.saturating_add(1);
        if ASSEMBLED_MAX < self.octets.len() + raw.len() {
            *self = Self::default();
            return Err("more octets than any value has".into());
        }
        self.octets.extend_from_slice(raw);
        if last {
            let whole = core::mem::take(self).octets;
            return Ok(Some(whole));
        }
        Ok(None)
    }
}

impl Conversation {
    /// Explains an APDU that is all of `octets`, said by `end`.
    pub(crate) fn explain(&mut self, octets: &[u8], end: End, keys: &Keys) -> Node {
        self.nested("APDU", octets, end, keys, 0)
    }

    fn nested(&mut self, name: &str, octets: &[u8], end: End, keys: &Keys, depth: usize) -> Node {
        let mut walk = Walk::new(octets, name);
        let outcome = apdu(&mut walk);
        let (carried, outcome) = match outcome {
            Ok(carried) => (carried, Ok(())),
            Err(stop) => (Carried::Nothing, Err(stop)),
        };
        let mut node = walk.finish(outcome);
        if NESTED_MAX < depth {
            node.fault = Some("APDUs within APDUs are nested too deep".into());
            return node;
        }
        let found = self.follow(carried, octets, end, keys, depth);
        match found {
            Ok(None) => {}
            Ok(Some(inside)) => attach(&mut node, inside),
            Err(why) => attach(&mut node, remark(&why)),
        }
        node
    }

    /// Goes on with what an APDU carries.
    fn follow(
        &mut self,
        carried: Carried,
        octets: &[u8],
        end: End,
        keys: &Keys,
        depth: usize,
    ) -> Result<Option<Node>, String> {
        match carried {
            Carried::Nothing => Ok(None),
            Carried::Information { title, client, at } => {
                if client {
                    self.client = title.or(self.client);
                    self.dedicated = None;
                } else {
                    self.meter = title.or(self.meter);
                }
                Ok(at.and_then(|at| octets.get(at)).map(|inside| {
                    let mut node = self.nested("user information", inside, end, keys, depth + 1);
                    node.octets = Some(inside.to_vec());
                    hide(&mut node);
                    node
                }))
            }
            Carried::Dedicated(key) => {
                self.dedicated = Some(key);
                Ok(None)
            }
            Carried::Plain(at) => Ok(octets.get(at).map(|inside| {
                let mut node = self.nested("APDU inside", inside, end, keys, depth + 1);
                node.octets = Some(inside.to_vec());
                hide(&mut node);
                node
            })),
            Carried::Ciphered(ciphered) => {
                let known = Known {
                    keys,
                    client: self.client,
                    meter: self.meter,
                    dedicated: self.dedicated.as_deref(),
                    said: [end, end.other()].map(|end| self.said.get(&end).map(|key| key.as_slice())),
                };
                let opened = decipher(octets, &ciphered, &known)?;
                if let Some(key) = opened.said {
                    self.said.insert(end, key);
                }
                if ciphered.control & 0x80 != 0 {
                    let mut node = Node::new("deciphered", 0..opened.plain.len());
                    node.value = Some(format!(
                        "{}; compressed with ITU-T V.44, which is not undone here and which a Ferraris meter refuses",
                        opened.how
                    ));
                    node.octets = Some(opened.plain);
                    hide(&mut node);
                    return Ok(Some(node));
                }
                let mut node = self.nested("deciphered", &opened.plain, end, keys, depth + 1);
                node.value = Some(opened.how);
                node.octets = Some(opened.plain);
                Ok(Some(node))
            }
            Carried::Block {
                stream,
                number,
                last,
                raw,
            } => {
                let raw = octets.get(raw).unwrap_or(&[]);
                let whole = self.blocks.entry(stream).or_default().take(number, last, raw)?;
                Ok(whole.map(|octets| value_of_blocks(&octets)))
            }
            Carried::GeneralBlock { number, last, raw } => {
                let raw = octets.get(raw).unwrap_or(&[]);
                if raw.is_empty() {
                    return Ok(None);
                }
                let whole = self
                    .general
                    .entry(end)
                    .or_default()
                    .take(u32::from(number), last, raw)?;
                Ok(whole.map(|octets| {
                    let mut node = self.nested("APDU put together", &octets, end, keys, depth + 1);
                    node.octets = Some(octets);
                    hide(&mut node);
                    node
                }))
            }
        }
    }
}

/// Puts what was inside under the piece that hid it: the service's own element.
fn attach(node: &mut Node, inside: Node) {
    match node.children.last_mut() {
        Some(place) => place.children.push(inside),
        None => node.children.push(inside),
    }
}

/// What could not be gone into, though nothing is wrong with the octets: a key is missing, or a block.
fn remark(why: &str) -> Node {
    let mut node = Node::new("not gone into", 0..0);
    node.value = Some(why.into());
    hide(&mut node);
    node
}

/// The XML form shows these octets already, as text in the element that holds them.
fn hide(node: &mut Node) {
    node.xml = Xml::Hidden;
}

/// What the octets of all blocks say: one value, the parts of a response, or a list.
fn value_of_blocks(octets: &[u8]) -> Node {
    let forms: [fn(&mut Walk<'_>) -> Result<(), Stop>; 3] = [data, optional_results, results];
    let mut nodes = forms.iter().map(|form| {
        let mut walk = Walk::new(octets, "value put together");
        let outcome = form(&mut walk);
        walk.finish(outcome)
    });
    let first = nodes.next();
    let mut node = first
        .filter(|node| node.first_fault().is_none())
        .or_else(|| nodes.find(|node| node.first_fault().is_none()))
        .unwrap_or_else(|| {
            let mut walk = Walk::new(octets, "value put together");
            let outcome = data(&mut walk);
            walk.finish(outcome)
        });
    node.value = Some(format!("{} octets from all blocks", octets.len()));
    node.octets = Some(octets.to_vec());
    hide(&mut node);
    node
}

/// A counted list of values, or of values and results.
fn results(walk: &mut Walk<'_>) -> Result<(), Stop> {
    let count = walk.length()?;
    for _ in 0..count {
        result(walk)?;
    }
    Ok(())
}

/// 00 and a value, or 01 and a result.
fn result(walk: &mut Walk<'_>) -> Result<(), Stop> {
    let from = walk.at();
    match walk.u8()? {
        0 => data(walk),
        1 => {
            let code = walk.u8()?;
            let text = super::names::access_result(code).unwrap_or("no such result");
            walk.leaf("data-access-result", from, format!("{code}: {text}"), Xml::Hidden);
            Ok(())
        }
        other => Err(Stop::new(format!("{other:02X} where 00 or 01 must stand"))),
    }
}

/// A counted list of values.
fn optional_results(walk: &mut Walk<'_>) -> Result<(), Stop> {
    let count = walk.length()?;
    for _ in 0..count {
        data(walk)?;
    }
    Ok(())
}
