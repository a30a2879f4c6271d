//! Reads captures: packets of pcap and pcapng files, the streams of TCP put in order, and what they carry.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};

use super::conversation::End;
use super::framing::{Framed, Framing, Line};
use super::keys::Keys;

/// Segments that may wait for one that is missing.
const WAITING_SEGMENTS: usize = 1024;

/// A message of a capture.
pub(crate) struct Captured {
    pub(crate) source: String,
    pub(crate) framed: Framed,
}

/// What was in a capture.
#[derive(Default)]
pub(crate) struct Capture {
    pub(crate) messages: usize,
    pub(crate) packets: usize,
    /// Packets of other protocols.
    pub(crate) others: usize,
}

/// Whether a file begins as captures do.
pub(crate) fn is_capture(octets: &[u8]) -> bool {
    matches!(
        octets,
        [0xD4, 0xC3, 0xB2, 0xA1, ..] | [0xA1, 0xB2, 0xC3, 0xD4, ..] // microseconds
            | [0x4D, 0x3C, 0xB2, 0xA1, ..] | [0xA1, 0xB2, 0x3C, 0x4D, ..] // nanoseconds
            | [0x0A, 0x0D, 0x0D, 0x0A, ..]
    )
}

/// Explains a capture, message by message: an explanation is many times as long as what it explains.
///
/// # Errors
/// When the file is no capture, or ends within a packet: what came before was told, too.
pub(crate) fn explain(
    octets: &[u8],
    keys: &Keys,
    framing: Option<Framing>,
    tell: &mut dyn FnMut(Captured),
) -> (Capture, Option<anyhow::Error>) {
    let mut lines = Lines {
        keys,
        framing,
        tell,
        flows: BTreeMap::new(),
        capture: Capture::default(),
    };
    let outcome = if octets.starts_with(&[0x0A, 0x0D, 0x0D, 0x0A]) {
        pcapng(octets, &mut lines)
    } else {
        pcap(octets, &mut lines)
    };
    (lines.finish(), outcome.err())
}

fn pcap(octets: &[u8], lines: &mut Lines<'_>) -> anyhow::Result<()> {
    let mut reader = PcapReader::new(octets).map_err(|why| anyhow!("not a pcap file: {why}"))?;
    let link = reader.header().datalink;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.with_context(|| format!("packet {}", lines.capture.packets + 1))?;
        lines.packet(link, packet.timestamp, &packet.data);
    }
    Ok(())
}

fn pcapng(octets: &[u8], lines: &mut Lines<'_>) -> anyhow::Result<()> {
    let mut reader = PcapNgReader::new(octets).map_err(|why| anyhow!("not a pcapng file: {why}"))?;
    let mut interfaces: Vec<(DataLink, u8)> = Vec::new();
    while let Some(block) = reader.next_block() {
        let block = block.with_context(|| format!("behind packet {}", lines.capture.packets))?;
        if let Block::SectionHeader(_) = &block {
            // Each section numbers its interfaces anew.
            interfaces.clear();
        } else if let Block::InterfaceDescription(interface) = &block {
            let resolution = interface.options.iter().find_map(|option| match option {
                InterfaceDescriptionOption::IfTsResol(resolution) => Some(*resolution),
                _ => None,
            });
            interfaces.push((interface.linktype, resolution.unwrap_or(6)));
        } else if let Block::EnhancedPacket(packet) = &block {
            let of = usize::try_from(packet.interface_id).unwrap_or(usize::MAX);
            let &(link, resolution) = interfaces.get(of).ok_or_else(|| {
                anyhow!(
                    "packet {} is of interface {of}, which is not described",
                    lines.capture.packets + 1
                )
            })?;
            // The reader takes the units for nanoseconds whatever they are.
            let units = u64::try_from(packet.timestamp.as_nanos()).unwrap_or(u64::MAX);
            lines.packet(link, since_epoch(units, resolution), &packet.data);
        } else if let Block::SimplePacket(packet) = &block {
            let link = interfaces.first().map_or(DataLink::ETHERNET, |interface| interface.0);
            lines.packet(link, Duration::ZERO, &packet.data);
        }
    }
    Ok(())
}

/// Time stamps in units of 10^-n seconds, or 2^-n when the highest bit is set.
fn since_epoch(units: u64, resolution: u8) -> Duration {
    let per_second = match resolution {
        binary @ 0x80.. => 1_u64.checked_shl(u32::from(binary & 0x7F)),
        decimal => 10_u64.checked_pow(u32::from(decimal)),
    };
    let per_second = per_second.filter(|&it| it != 0).unwrap_or(u64::MAX);
    let nanos = u128::from(units % per_second) * 1_000_000_000 / u128::from(per_second);
    Duration::new(units / per_second, u32::try_from(nanos).unwrap_or_default())
}

/// An end of a flow.
type Endpoint = (IpAddr, u16);

struct Lines<'k> {
    keys: &'k Keys,
    framing: Option<Framing>,
    tell: &'k mut dyn FnMut(Captured),
    flows: BTreeMap<(Endpoint, Endpoint, bool), Flow>,
    capture: Capture,
}

/// One TCP connection or UDP pair, or a serial line.
#[derive(Default)]
struct Flow {
    name: String,
    line: Option<Line>,
    /// It is of another protocol.
    foreign: bool,
    directions: BTreeMap<End, Direction>,
}

/// One direction of a TCP connection.
#[derive(Default)]
struct Direction {
    next: Option<u32>,
    waiting: BTreeMap<u32, Vec<u8>>,
}

impl Direction {
    /// Takes a segment; answers the octets that are in order now.
    fn take(&mut self, sequence: u32, octets: &[u8]) -> Vec<u8> {
        let next = *self.next.get_or_insert(sequence);
        let mut ready = Vec::new();
        // Sequence numbers wrap: the difference says which is ahead.
        match ahead(sequence, next) {
            0.. => {
                self.waiting.insert(sequence, octets.to_vec());
            }
            behind => {
                // Sent again; what reaches beyond is new.
                let known = usize::try_from(behind.unsigned_abs()).unwrap_or(usize::MAX);
                if let Some(fresh) = octets.get(known..).filter(|fresh| !fresh.is_empty()) {
                    self.waiting.insert(next, fresh.to_vec());
                }
            }
        }
        let mut due = next;
        loop {
            let Some((&at, _)) = self.waiting.iter().find(|(at, _)| ahead(**at, due) <= 0) else {
                // A segment that never comes must not hold up all that follow.
                if WAITING_SEGMENTS < self.waiting.len()
                    && let Some(&at) = self.waiting.keys().next()
                {
                    due = at;
                    continue;
                }
                break;
            };
            let segment = self.waiting.remove(&at).unwrap_or_default();
            let known = usize::try_from(ahead(at, due).unsigned_abs()).unwrap_or(usize::MAX);
            let fresh = segment.get(known..).unwrap_or(&[]);
            ready.extend_from_slice(fresh);
            due = due.wrapping_add(u32::try_from(fresh.len()).unwrap_or_default());
        }
        self.next = Some(due);
        ready
    }
}

/// How far `a` is ahead of `b`, in numbers that wrap.
const fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

impl Lines<'_> {
    fn packet(&mut self, link: DataLink, at: Duration, octets: &[u8]) {
        self.capture.packets += 1;
        let number = self.capture.packets;
        // Links that users define for themselves: frames as they are on a serial line.
        if matches!(u32::from(link), 147..=162) {
            let nowhere = (IpAddr::from([0, 0, 0, 0]), 0);
            self.feed((nowhere, nowhere, false), "line", End::First, octets, number, at);
            return;
        }
        let Some(packet) = sliced(link, octets) else {
            self.capture.others += 1;
            return;
        };
        let ends = match &packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => Some((
                IpAddr::from(ip.header().source()),
                IpAddr::from(ip.header().destination()),
            )),
            Some(LaxNetSlice::Ipv6(ip)) => Some((
                IpAddr::from(ip.header().source()),
                IpAddr::from(ip.header().destination()),
            )),
            _ => None,
        };
        let (Some((from, to)), Some(transport)) = (ends, &packet.transport) else {
            self.capture.others += 1;
            return;
        };
        match transport {
            TransportSlice::Tcp(tcp) => {
                let (key, end) = flow((from, tcp.source_port()), (to, tcp.destination_port()), true);
                let first = tcp.sequence_number();
                let flow = self.flows.entry(key).or_default();
                if tcp.syn() {
                    // A new connection between the same ends.
                    if !tcp.ack() {
                        *flow = Flow::default();
                    }
                    flow.directions.insert(
                        end,
                        Direction {
                            next: Some(first.wrapping_add(1)),
                            waiting: BTreeMap::new(),
                        },
                    );
                    return;
                }
                let payload = tcp.payload();
                if payload.is_empty() {
                    return;
                }
                let ready = flow.directions.entry(end).or_default().take(first, payload);
                if !ready.is_empty() {
                    self.feed(key, "TCP", end, &ready, number, at);
                }
            }
            TransportSlice::Udp(udp) => {
                let (key, end) = flow((from, udp.source_port()), (to, udp.destination_port()), false);
                self.feed(key, "UDP", end, udp.payload(), number, at);
            }
            _ => self.capture.others += 1,
        }
    }

    fn feed(
        &mut self,
        key: (Endpoint, Endpoint, bool),
        transport: &str,
        end: End,
        octets: &[u8],
        number: usize,
        at: Duration,
    ) {
        let flow = self.flows.entry(key).or_default();
        if flow.line.is_none() && !flow.foreign {
            match self.framing.or_else(|| Framing::guess(octets)) {
                Some(framing) => flow.line = Some(Line::new(framing)),
                None => flow.foreign = true,
            }
            let ((a, a_port), (b, b_port), _) = key;
            flow.name = match end {
                _ if transport == "line" => "line".into(),
                End::First => format!("{transport} {} > {}", endpoint(a, a_port), endpoint(b, b_port)),
                End::Second => format!("{transport} {} > {}", endpoint(b, b_port), endpoint(a, a_port)),
            };
        }
        let Some(line) = &mut flow.line else {
            self.capture.others += 1;
            return;
        };
        let ((a, a_port), (b, b_port), _) = key;
        let way = match end {
            _ if transport == "line" => String::new(),
            End::First => format!(", {transport} {} > {}", endpoint(a, a_port), endpoint(b, b_port)),
            End::Second => format!(", {transport} {} > {}", endpoint(b, b_port), endpoint(a, a_port)),
        };
        for framed in line.feed(end, octets, self.keys) {
            self.capture.messages += 1;
            (self.tell)(Captured {
                source: format!("packet {number}, {}{way}", moment(at)),
                framed,
            });
        }
    }

    fn finish(mut self) -> Capture {
        for flow in self.flows.values_mut() {
            if let Some(line) = &mut flow.line {
                for framed in line.finish() {
                    self.capture.messages += 1;
                    (self.tell)(Captured {
                        source: format!("end of {}", flow.name),
                        framed,
                    });
                }
            }
        }
        self.capture
    }
}

fn sliced(link: DataLink, octets: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    match link {
        DataLink::ETHERNET => LaxSlicedPacket::from_ethernet(octets).ok(),
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => LaxSlicedPacket::from_ip(octets).ok(),
        // Four octets of address family.
        DataLink::NULL | DataLink::LOOP => LaxSlicedPacket::from_ip(octets.get(4..)?).ok(),
        DataLink::LINUX_SLL => LaxSlicedPacket::from_ip(octets.get(16..)?).ok(),
        DataLink::Unknown(276) => LaxSlicedPacket::from_ip(octets.get(20..)?).ok(),
        _ => None,
    }
}

fn flow(from: Endpoint, to: Endpoint, tcp: bool) -> ((Endpoint, Endpoint, bool), End) {
    if from <= to {
        ((from, to, tcp), End::First)
    } else {
        ((to, from, tcp), End::Second)
    }
}

fn endpoint(address: IpAddr, port: u16) -> String {
    core::net::SocketAddr::new(address, port).to_string()
}

/// A time stamp in UTC, to the microsecond.
fn moment(at: Duration) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or_default();
    let civil = base::Utc::from_unix(seconds).civil();
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        at.subsec_micros()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_come_out_in_order_and_once() {
        let mut direction = Direction::default();
        assert_eq!(direction.take(u32::MAX - 1, b"ab"), b"ab");
        assert_eq!(direction.take(2, b"ef"), b"", "two octets are missing");
        assert_eq!(direction.take(u32::MAX - 1, b"ab"), b"", "sent again");
        assert_eq!(direction.take(0, b"cd"), b"cdef", "numbers wrap");
        assert_eq!(direction.take(2, b"efgh"), b"gh", "sent again, and more");
    }

    #[test]
    fn time_stamps_have_the_resolution_of_their_interface() {
        assert_eq!(since_epoch(1_500_000, 6), Duration::from_millis(1_500));
        assert_eq!(since_epoch(1_500_000_000, 9), Duration::from_millis(1_500));
        assert_eq!(since_epoch(3 << 9, 0x80 | 10), Duration::from_millis(1_500));
        assert_eq!(since_epoch(1, 0xFF), Duration::ZERO, "no division by nothing");
    }
}
