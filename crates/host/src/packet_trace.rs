//! Writes what a meter hears and says to a pcapng file, as packets that Wireshark and `ferraris explain` read.
//!
//! The octets are those of the sockets; the IP and TCP headers around them are made up, with right checksums and sequence numbers, so
//! that the streams can be followed. A trace that cannot be written any more says so once and ends; the meter goes on.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep};
use parking_lot::Mutex;
use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};

use crate::private_file;

/// A trace file that many connections write to.
#[derive(Clone)]
pub(crate) struct PacketTrace {
    /// None after the file could not be written.
    file: Arc<Mutex<Option<PcapNgWriter<BufWriter<File>>>>>,
}

/// One connection of a traced meter.
pub(crate) struct TracedConnection {
    trace: PacketTrace,
    client: SocketAddr,
    meter: SocketAddr,
    /// The next sequence numbers of client and meter.
    sequence: (u32, u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Meter,
}

impl core::fmt::Debug for PacketTrace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PacketTrace")
    }
}

impl PacketTrace {
    /// Begins a trace in the file `path`, which is emptied. Passwords may be said in it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(private_file::options().truncate(true).open(path)?);
        let mut writer = PcapNgWriter::new(file).map_err(io::Error::other)?;
        // Packets begin with their IP header; time stamps count nanoseconds.
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::RAW,
            snaplen: 0,
            options: vec![
                InterfaceDescriptionOption::IfName("meter".into()),
                InterfaceDescriptionOption::IfTsResol(9),
            ],
        };
        writer.write_pcapng_block(interface).map_err(io::Error::other)?;
        writer.get_mut().flush()?;
        Ok(Self {
            file: Arc::new(Mutex::new(Some(writer))),
        })
    }

    /// A TCP connection that a client made to the meter.
    pub(crate) fn tcp(&self, client: SocketAddr, meter: SocketAddr) -> TracedConnection {
        let mut connection = TracedConnection {
            trace: self.clone(),
            client,
            meter,
            sequence: (0, 0),
        };
        connection.handshake();
        connection
    }

    /// A datagram from one address to another.
    pub(crate) fn datagram(&self, source: SocketAddr, destination: SocketAddr, octets: &[u8]) {
        let mut packet = Vec::with_capacity(octets.len() + 64);
        let udp = ip(source, destination).udp(source.port(), destination.port());
        // What came in a datagram fits one.
        if udp.write(&mut packet, octets).is_ok() {
            self.write(packet);
        }
    }

    fn write(&self, packet: Vec<u8>) {
        let mut file = self.file.lock();
        let Some(writer) = file.as_mut() else { return };
        let timestamp = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp,
            original_len: u32::try_from(packet.len()).unwrap_or(u32::MAX),
            data: packet.into(),
            options: Vec::new(),
        };
        let written = writer
            .write_pcapng_block(block)
            .map_err(io::Error::other)
            .and_then(|_octets| writer.get_mut().flush());
        if let Err(error) = written {
            tracing::warn!(%error, "the packet trace cannot be written and ends here");
            *file = None;
        }
    }
}

impl TracedConnection {
    /// Octets came from the client.
    pub(crate) fn heard(&mut self, octets: &[u8]) {
        self.carried(From::Client, octets);
    }

    /// Octets went to the client.
    pub(crate) fn said(&mut self, octets: &[u8]) {
        self.carried(From::Meter, octets);
    }

    fn carried(&mut self, from: From, octets: &[u8]) {
        // A segment must fit an IP packet.
        for segment in octets.chunks(SEGMENT_OCTETS) {
            let packet = self.packet(from, Flags::Data, segment);
            self.trace.write(packet);
            let sent = u32::try_from(segment.len()).unwrap_or_default();
            let sequence = match from {
                From::Client => &mut self.sequence.0,
                From::Meter => &mut self.sequence.1,
            };
            *sequence = sequence.wrapping_add(sent);
        }
    }

    fn handshake(&mut self) {
        for (from, flags) in [(From::Client, Flags::Open), (From::Meter, Flags::OpenToo)] {
            let packet = self.packet(from, flags, &[]);
            self.trace.write(packet);
        }
        self.sequence = (1, 1);
        let packet = self.packet(From::Client, Flags::Data, &[]);
        self.trace.write(packet);
    }

    fn packet(&self, from: From, flags: Flags, octets: &[u8]) -> Vec<u8> {
        let (source, destination) = match from {
            From::Client => (self.client, self.meter),
            From::Meter => (self.meter, self.client),
        };
        let mut packet = Vec::with_capacity(octets.len() + 64);
        let (client, meter) = self.sequence;
        let (sequence, acknowledged) = match from {
            From::Client => (client, meter),
            From::Meter => (meter, client),
        };
        let tcp = ip(source, destination).tcp(source.port(), destination.port(), sequence, WINDOW);
        let built = match flags {
            Flags::Open => tcp.syn().write(&mut packet, octets),
            Flags::OpenToo => tcp.syn().ack(1).write(&mut packet, octets),
            Flags::Data => tcp.psh().ack(acknowledged).write(&mut packet, octets),
        };
        debug_assert!(built.is_ok(), "a segment fits a packet");
        packet
    }
}

enum Flags {
    Open,
    OpenToo,
    Data,
}

fn ip(source: SocketAddr, destination: SocketAddr) -> PacketBuilderStep<IpHeaders> {
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            PacketBuilder::ipv4(source.octets(), destination.octets(), HOPS)
        }
        (source, destination) => PacketBuilder::ipv6(v6(source), v6(destination), HOPS),
    }
}

const fn v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
    }
}

const SEGMENT_OCTETS: usize = 32_000;
const HOPS: u8 = 64;
const WINDOW: u16 = u16::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    /// Both directions of a connection come back from the file, in order and whole.
    #[test]
    fn what_was_said_stands_in_the_file() {
        let folder = Scratch::new("packet-trace");
        let path = folder.path().join("trace.pcapng");
        let trace = PacketTrace::create(&path).expect("the folder takes files");
        let (client, meter) = (
            SocketAddr::from(([127, 0, 0, 1], 5_000)),
            SocketAddr::from(([127, 0, 0, 1], 4_059)),
        );
        let mut tcp = trace.tcp(client, meter);
        tcp.heard(b"request");
        tcp.said(&[7; SEGMENT_OCTETS + 1]);
        trace.datagram(client, meter, b"asked");
        trace.datagram(meter, client, b"answered");
        drop((tcp, trace));

        let octets = std::fs::read(&path).expect("the trace is there");
        let mut reader = pcap_file::pcapng::PcapNgReader::new(octets.as_slice()).expect("a pcapng file");
        let mut payloads = Vec::new();
        while let Some(block) = reader.next_block() {
            if let pcap_file::pcapng::Block::EnhancedPacket(packet) = block.expect("whole blocks") {
                let sliced = etherparse::SlicedPacket::from_ip(&packet.data).expect("an IP packet");
                payloads.push(match sliced.transport.expect("TCP or UDP") {
                    etherparse::TransportSlice::Tcp(tcp) => (tcp.sequence_number(), tcp.payload().to_vec()),
                    etherparse::TransportSlice::Udp(udp) => (u32::from(udp.source_port()), udp.payload().to_vec()),
                    _ => panic!("neither TCP nor UDP"),
                });
            }
        }
        let expected = vec![
            (0, vec![]),
            (0, vec![]),
            (1, vec![]),
            (1, b"request".to_vec()),
            (1, vec![7; SEGMENT_OCTETS]),
            (32_001, vec![7]),
            (5_000, b"asked".to_vec()),
            (4_059, b"answered".to_vec()),
        ];
        assert_eq!(payloads, expected);
    }
}
