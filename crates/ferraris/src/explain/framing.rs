//! Finds frames in what a line carried, and explains them and what is in them (IEC 62056-46, IEC 62056-4-7).

use std::collections::BTreeMap;

use dlms::hdlc::{Address, Control, Frame, FrameError};
use dlms::wrapper::{HEADER_LENGTH, Header};

use super::conversation::{Conversation, End};
use super::keys::Keys;
use super::tree::{Node, Walk, Xml};
use crate::hex::hex;

/// The most octets that are kept while a frame waits for its end.
const WAITING_MAX: usize = 1 << 17;

/// How the octets of a line are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Framing {
    /// HDLC frames, perhaps behind a sign-on of IEC 62056-21.
    Hdlc,
    /// The wrapper of TCP and UDP.
    Wrapper,
    /// One APDU, perhaps behind LLC octets.
    Apdu,
}

impl Framing {
    /// What the first octets look like.
    pub(crate) fn guess(octets: &[u8]) -> Option<Self> {
        match *octets {
            [0x7E, ..] => Some(Self::Hdlc),
            // A sign-on or its answer.
            [b'/', next, ..] if next == b'?' || next.is_ascii_alphabetic() => Some(Self::Hdlc),
            [0x00, 0x01, _, _, _, _, _, _, ..] => Some(Self::Wrapper),
            _ => None,
        }
    }
}

/// One line between two ends, in both directions.
pub(crate) struct Line {
    framing: Framing,
    waiting: BTreeMap<End, Vec<u8>>,
    /// Conversations by the addresses of their ends, the smaller first.
    conversations: BTreeMap<(u16, u16), Conversation>,
    /// Pieces of a PDU in HDLC frames, by sender and receiver.
    pieces: BTreeMap<(u16, u16), Vec<u8>>,
}

/// A frame with its octets.
pub(crate) struct Framed {
    pub(crate) octets: Vec<u8>,
    pub(crate) node: Node,
}

impl Line {
    pub(crate) const fn new(framing: Framing) -> Self {
        Self {
            framing,
            waiting: BTreeMap::new(),
            conversations: BTreeMap::new(),
            pieces: BTreeMap::new(),
        }
    }

    /// Takes octets that `end` sent, and explains the frames that they complete.
    pub(crate) fn feed(&mut self, end: End, octets: &[u8], keys: &Keys) -> Vec<Framed> {
        let mut buffer = self.waiting.remove(&end).unwrap_or_default();
        buffer.extend_from_slice(octets);
        let mut framed = Vec::new();
        let mut at = 0;
        while let Some(rest) = buffer.get(at..).filter(|rest| !rest.is_empty()) {
            let step = match self.framing {
                Framing::Hdlc => self.hdlc(rest, keys),
                Framing::Wrapper => self.wrapper(rest, keys),
                Framing::Apdu => Some((rest.len(), Some(self.apdu(rest, end, keys)))),
            };
            let Some((taken, node)) = step else { break };
            if let Some(node) = node {
                let octets = rest.get(..node.at.end).unwrap_or(rest).to_vec();
                framed.push(Framed { octets, node });
            }
            at += taken;
        }
        let rest = buffer.get(at..).unwrap_or(&[]);
        if WAITING_MAX < rest.len() {
            framed.push(unfinished(rest));
        } else {
            self.waiting.insert(end, rest.to_vec());
        }
        framed
    }

    /// What is left when the line is closed: frames without an end.
    pub(crate) fn finish(&mut self) -> Vec<Framed> {
        let left = core::mem::take(&mut self.waiting);
        left.values()
            .filter(|octets| !octets.is_empty() && octets.as_slice() != [0x7E])
            .map(|octets| unfinished(octets))
            .collect()
    }

    fn conversation(&mut self, source: u16, destination: u16) -> (&mut Conversation, End) {
        let (key, end) = if source <= destination {
            ((source, destination), End::First)
        } else {
            ((destination, source), End::Second)
        };
        (self.conversations.entry(key).or_default(), end)
    }

    fn apdu(&mut self, octets: &[u8], end: End, keys: &Keys) -> Node {
        let mut root = Node::new("octets", 0..octets.len());
        let inside = llc(octets, &mut root);
        let pdu = octets.get(inside..).unwrap_or(&[]);
        let (conversation, _) = self.conversation(0, 0);
        push_apdu(&mut root, inside, pdu, conversation, end, keys);
        root
    }

    /// One wrapped PDU; `None`: more octets are needed.
    fn wrapper(&mut self, octets: &[u8], keys: &Keys) -> Option<(usize, Option<Node>)> {
        let header = match Header::parse(octets) {
            Ok(None) => return None,
            Ok(Some(header)) => header,
            Err(error) => {
                let mut node = Node::new("octets that are no wrapper", 0..octets.len());
                node.fault = Some(error.to_string());
                return Some((octets.len(), Some(node)));
            }
        };
        let end = HEADER_LENGTH + usize::from(header.length);
        let pdu = octets.get(HEADER_LENGTH..end)?;
        let mut walk = Walk::new(octets.get(..end)?, "wrapper");
        for (name, value) in [
            ("version", 1),
            ("source", header.source),
            ("destination", header.destination),
            ("length", header.length),
        ] {
            let from = walk.at();
            // The header was parsed, so its octets are there.
            let _there = walk.take(2);
            walk.leaf(name, from, value.to_string(), Xml::Hidden);
        }
        let _there = walk.take(pdu.len());
        let mut node = walk.finish(Ok(()));
        node.value = Some(format!(
            "{} to {}, {} octets",
            port(header.source),
            port(header.destination),
            header.length
        ));
        let (conversation, end) = self.conversation(header.source, header.destination);
        push_apdu(&mut node, HEADER_LENGTH, pdu, conversation, end, keys);
        Some((node.at.end, Some(node)))
    }

    /// One HDLC frame, or what stands before it; `None`: more octets are needed.
    fn hdlc(&mut self, octets: &[u8], keys: &Keys) -> Option<(usize, Option<Node>)> {
        if octets.first() != Some(&0x7E) {
            let end = octets.iter().position(|&octet| octet == 0x7E).unwrap_or(octets.len());
            let noise = octets.get(..end)?;
            return Some((end, Some(between_frames(noise))));
        }
        if octets.get(1) == Some(&0x7E) {
            // Flags may follow each other.
            return Some((1, None));
        }
        match Frame::parse(octets) {
            Ok(None) => None,
            Ok(Some((frame, length))) => {
                let whole = octets.get(..length)?;
                let node = self.frame(whole, &frame, keys);
                // The closing flag may open the next frame.
                Some((length - 1, Some(node)))
            }
            Err(error) => {
                let end = 1 + octets.iter().skip(1).position(|&octet| octet == 0x7E)?;
                if end == 1 {
                    return Some((1, None));
                }
                let node = broken_frame(octets.get(..=end)?, &error);
                Some((end, Some(node)))
            }
        }
    }

    fn frame(&mut self, whole: &[u8], frame: &Frame<'_>, keys: &Keys) -> Node {
        let mut walk = Walk::new(whole, "HDLC frame");
        let header = fields(&mut walk, frame);
        let mut node = walk.finish(Ok(()));
        node.value = Some(format!(
            "{}, {} to {}{}",
            control(frame.control),
            address(frame.source),
            address(frame.destination),
            if frame.segmented { ", more segments follow" } else { "" }
        ));
        match frame.control {
            Control::Information { .. } | Control::Unnumbered { .. } if !frame.information.is_empty() => {
                let ends = (frame.source.upper(), frame.destination.upper());
                let mut pdu = self.pieces.remove(&ends).unwrap_or_default();
                let first = pdu.is_empty();
                pdu.extend_from_slice(frame.information);
                if frame.segmented {
                    if pdu.len() <= WAITING_MAX {
                        self.pieces.insert(ends, pdu);
                    }
                    return node;
                }
                let (conversation, end) = self.conversation(ends.0, ends.1);
                let information = node.children.iter_mut().find(|child| child.name == "information");
                let Some(node) = information else { return node };
                if first {
                    for (from, to) in apdus(frame.information) {
                        let part = frame.information.get(from..to).unwrap_or(&[]);
                        let inside = llc_at(part, header + from, node);
                        let apdu = part.get(inside..).unwrap_or(&[]);
                        push_apdu(node, header + from + inside, apdu, conversation, end, keys);
                    }
                } else {
                    let mut root = Node::new("PDU put together", 0..pdu.len());
                    let inside = llc(&pdu, &mut root);
                    let apdu = pdu.get(inside..).unwrap_or(&[]).to_vec();
                    push_apdu(&mut root, inside, &apdu, conversation, end, keys);
                    root.value = Some(format!("{} octets from the segments", pdu.len()));
                    root.octets = Some(pdu);
                    node.children.push(root);
                }
            }
            _ => {}
        }
        node
    }
}

/// Where the APDUs of an information field stand: usually one, but some meters put several behind each other, each with its LLC octets.
fn apdus(information: &[u8]) -> Vec<(usize, usize)> {
    let starts: Vec<usize> = information
        .windows(3)
        .enumerate()
        .filter(|(_, window)| matches!(window, [0xE6, 0xE6 | 0xE7, 0x00]))
        .map(|(at, _)| at)
        .collect();
    let mut parts = vec![(0, information.len())];
    for start in starts.into_iter().filter(|&start| start != 0) {
        let Some(last) = parts.last_mut() else { break };
        let before = information.get(last.0 + 3..start).unwrap_or(&[]);
        let mut walk = Walk::new(before, "");
        let whole = super::apdu::apdu(&mut walk).is_ok() && walk.is_at_end();
        if whole {
            last.1 = start;
            parts.push((start, information.len()));
        }
    }
    parts
}

fn push_apdu(node: &mut Node, at: usize, apdu: &[u8], conversation: &mut Conversation, end: End, keys: &Keys) {
    if apdu.is_empty() {
        return;
    }
    let mut child = conversation.explain(apdu, end, keys);
    shift(&mut child, at);
    node.children.push(child);
}

/// Counts a tree's places from `by` octets further ahead; those below octets of their own count in these.
fn shift(node: &mut Node, by: usize) {
    node.at = node.at.start + by..node.at.end + by;
    if node.octets.is_none() {
        for child in &mut node.children {
            shift(child, by);
        }
    }
}

/// Notes the LLC octets at the front, if they are there, and answers where what is behind them starts.
fn llc(octets: &[u8], node: &mut Node) -> usize {
    llc_at(octets, 0, node)
}

fn llc_at(octets: &[u8], at: usize, node: &mut Node) -> usize {
    let (length, text) = match octets {
        [0xE6, 0xE6, 0x00, ..] => (3, "command"),
        [0xE6, 0xE7, 0x00, ..] => (3, "response"),
        _ => return 0,
    };
    let mut leaf = Node::new("LLC", at..at + length);
    leaf.value = Some(text.into());
    leaf.xml = Xml::Hidden;
    node.children.push(leaf);
    length
}

/// The fields around the information; answers where it starts.
fn fields(walk: &mut Walk<'_>, frame: &Frame<'_>) -> usize {
    let field = |walk: &mut Walk<'_>, name: &str, count: usize, value: String| {
        let from = walk.at();
        // The frame was parsed, so its octets are there.
        let _there = walk.take(count);
        walk.leaf(name, from, value, Xml::Hidden);
    };
    let (_, to) = frame.destination.octets();
    let (_, from) = frame.source.octets();
    field(walk, "flag", 1, String::new());
    let length = walk.rest().len() - 1;
    let segmented = if frame.segmented { ", segmented" } else { "" };
    field(walk, "format", 2, format!("type 3, {length} octets{segmented}"));
    field(walk, "destination", to, address(frame.destination));
    field(walk, "source", from, address(frame.source));
    field(walk, "control", 1, control(frame.control));
    let mut start = walk.at();
    if !frame.information.is_empty() {
        field(walk, "header check", 2, "right".into());
        start = walk.at();
        match frame.control {
            Control::SetNormal { .. } | Control::Acknowledge { .. } => negotiation(walk, frame.information.len()),
            _ => field(
                walk,
                "information",
                frame.information.len(),
                format!("{} octets", frame.information.len()),
            ),
        }
    }
    field(walk, "frame check", 2, "right".into());
    field(walk, "flag", 1, String::new());
    start
}

/// The parameters of SNRM and UA.
fn negotiation(walk: &mut Walk<'_>, length: usize) {
    let end = walk.at() + length;
    walk.begin("parameters", Xml::Hidden);
    let head = walk.at();
    if let Ok([0x81, 0x80, count]) = walk.array() {
        walk.leaf(
            "format and group",
            head,
            format!("{count} octets of parameters"),
            Xml::Hidden,
        );
        while walk.at() < end {
            let from = walk.at();
            let (Ok(id), Ok(size)) = (walk.u8(), walk.u8()) else {
                break;
            };
            let size = usize::from(size).min(end.saturating_sub(walk.at()));
            let Ok(octets) = walk.take(size) else { break };
            let value = octets.iter().fold(0_u64, |value, &octet| value << 8 | u64::from(octet));
            let name = match id {
                5 => "maximum information length, transmit",
                6 => "maximum information length, receive",
                7 => "window size, transmit",
                8 => "window size, receive",
                _ => "unknown parameter",
            };
            walk.leaf(name, from, value.to_string(), Xml::Hidden);
        }
    }
    let rest = end.saturating_sub(walk.at());
    // The frame was parsed, so its octets are there.
    let _there = walk.take(rest);
    walk.end();
}

fn between_frames(noise: &[u8]) -> Node {
    let readable = noise
        .iter()
        .map(|octet| octet & 0x7F)
        .all(|octet| matches!(octet, b'\r' | b'\n' | 2 | 3 | 6 | 0x15 | 0x20..=0x7E));
    let mut node = if readable {
        let mut node = Node::new("IEC 62056-21 message", 0..noise.len());
        let text: Vec<u8> = noise.iter().map(|octet| octet & 0x7F).collect();
        node.value = Some(format!("{:?}", String::from_utf8_lossy(&text)));
        node
    } else {
        let mut node = Node::new("octets between frames", 0..noise.len());
        node.fault = Some("no flag where one must stand".into());
        node
    };
    node.xml = Xml::Hidden;
    node
}

fn broken_frame(octets: &[u8], error: &FrameError) -> Node {
    let mut node = Node::new("broken HDLC frame", 0..octets.len());
    node.fault = Some(error.to_string());
    node
}

fn unfinished(octets: &[u8]) -> Framed {
    let mut node = Node::new("unfinished frame", 0..octets.len());
    let shown = octets.get(..octets.len().min(64)).unwrap_or(octets);
    node.value = Some(hex(shown));
    node.fault = Some(match *octets {
        [0x7E, high, low, ..] if high & 0xF0 == 0xA0 => {
            let due = usize::from(u16::from_be_bytes([high & 0x07, low])) + 2;
            match octets.get(due - 1) {
                Some(last) => format!("{last:02X} where the flag 7E must close its {due} octets"),
                None => format!("{due} octets are due, but only {} are there", octets.len()),
            }
        }
        [0, 1, _, _, _, _, high, low, ..] => {
            let due = usize::from(u16::from_be_bytes([high, low])) + HEADER_LENGTH;
            format!("{due} octets are due, but only {} are there", octets.len())
        }
        _ => "it ends before its end".into(),
    });
    Framed {
        octets: octets.to_vec(),
        node,
    }
}

/// A wrapper port with what it usually stands for.
fn port(port: u16) -> String {
    match port {
        1 => "1 (management)".into(),
        16 => "16 (public client)".into(),
        102 => "102 (pre-established client)".into(),
        port => port.to_string(),
    }
}

fn address(address: Address) -> String {
    match address.lower() {
        Some(lower) => format!("{}/{lower}", address.upper()),
        None => address.upper().to_string(),
    }
}

fn control(control: Control) -> String {
    let (text, poll) = match control {
        Control::Information { send, receive, poll } => (format!("I, N(S) {send}, N(R) {receive}"), poll),
        Control::ReceiveReady { receive, poll } => (format!("RR, N(R) {receive}"), poll),
        Control::ReceiveNotReady { receive, poll } => (format!("RNR, N(R) {receive}"), poll),
        Control::SetNormal { poll } => ("SNRM, connect".into(), poll),
        Control::Disconnect { poll } => ("DISC, disconnect".into(), poll),
        Control::Acknowledge { poll } => ("UA, done".into(), poll),
        Control::Disconnected { poll } => ("DM, not connected".into(), poll),
        Control::Reject { poll } => ("FRMR, frame rejected".into(), poll),
        Control::Unnumbered { poll } => ("UI, unnumbered information".into(), poll),
        Control::Unknown(octet) => (format!("unknown control field {octet:02X}"), false),
    };
    if poll { format!("{text}, P/F") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAMINGS: [Framing; 3] = [Framing::Hdlc, Framing::Wrapper, Framing::Apdu];

    /// Explains octets in every framing; answers all trees.
    fn explained(octets: &[u8]) -> Vec<Node> {
        let keys = Keys::demo();
        let mut nodes = Vec::new();
        for framing in FRAMINGS {
            let mut line = Line::new(framing);
            nodes.extend(
                line.feed(End::First, octets, &keys)
                    .into_iter()
                    .map(|framed| framed.node),
            );
            nodes.extend(line.finish().into_iter().map(|framed| framed.node));
        }
        nodes
    }

    /// Pieces stand within the octets that they count in.
    fn is_within(node: &Node, octets: usize) -> bool {
        let inside = node.octets.as_ref().map_or(octets, Vec::len);
        node.at.start <= node.at.end
            && (node.octets.is_some() || node.at.end <= octets)
            && node.children.iter().all(|child| is_within(child, inside))
    }

    proptest! {
        /// Whatever comes, an explanation ends and points at octets that are there.
        #[test]
        fn nothing_is_too_broken_to_be_explained(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            for node in explained(&octets) {
                prop_assert!(is_within(&node, octets.len()), "{node:?}");
            }
        }

        /// A real session with some octets changed, cut and fed in pieces.
        #[test]
        fn a_damaged_session_is_explained(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let text = include_str!("../../tests/explain/session.txt");
            let digits: String = text.lines().filter(|line| !line.starts_with('#')).collect();
            let mut octets = crate::hex::from_hex(&digits).expect("digits");
            for (at, value) in changes {
                let at = at.index(octets.len());
                octets[at] = value;
            }
            let cut = cut.index(octets.len());
            let keys = Keys::demo();
            let mut line = Line::new(Framing::Hdlc);
            let mut framed = line.feed(End::First, &octets[..cut], &keys);
            framed.extend(line.feed(End::First, &octets[cut..], &keys));
            framed.extend(line.finish());
            for framed in framed {
                prop_assert!(is_within(&framed.node, framed.octets.len()), "{:?}", framed.node);
            }
        }
    }

    #[test]
    fn small_octets_that_claim_much_are_refused_at_once() {
        let check = |octets: &[u8], says: &str| {
            let nodes = explained(octets);
            let said: Vec<_> = nodes.iter().filter_map(Node::first_fault).collect();
            assert!(said.iter().any(|fault| fault.contains(says)), "{said:?}");
        };
        let response = |data: &[u8]| [&[0xC4, 0x01, 0xC1, 0x00], data].concat();
        check(&response(&[0x01, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x00]), "should follow");
        check(&response(&[0x02, 0x01].repeat(100)), "nested too deep");
        check(&response(&[0x09, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]), "should follow");
        // a compact array of arrays of nothing
        check(
            &response(&[0x13, 0x01, 0xFF, 0xFF, 0x01, 0xFF, 0xFF, 0x00, 0x01, 0x00]),
            "no octets",
        );
    }
}
