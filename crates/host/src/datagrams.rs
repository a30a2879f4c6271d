//! The wrapper over UDP: one socket, a link for each client address that has sent a PDU.
//!
//! Links are bounded; when all are taken, the one whose client has shown least and was silent for longest gives way. Whoever has proved
//! who it is keeps its link: when all have, the newcomer is not heard. A datagram that is no wrapper makes no link.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Instant;

use dlms::server::Standing;

use crate::bench::Bench;
use crate::conversation::{Conversation, Served};
use crate::links::{Framing, MOST_CONNECTIONS};
use crate::packet_trace::PacketTrace;
use crate::virtual_meter::VirtualMeter;

/// One client.
struct Peer {
    address: SocketAddr,
    talk: Conversation,
    heard: Instant,
}

/// Serves a bound socket in a thread of its own until the process ends; answers its address.
///
/// # Errors
/// When the socket has no address or the thread cannot be started.
pub(crate) fn serve(bench: &Arc<Bench>, socket: UdpSocket, trace: Option<PacketTrace>) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let bench = Arc::clone(bench);
    std::thread::Builder::new()
        .name("datagrams".to_owned())
        .spawn(move || listen(&bench, &socket, address, trace.as_ref()))?;
    Ok(address)
}

fn listen(bench: &Bench, socket: &UdpSocket, own: SocketAddr, trace: Option<&PacketTrace>) {
    let mut peers: Vec<Peer> = Vec::new();
    let mut octets = vec![0; LONGEST_DATAGRAM];
    let mut answer = Vec::new();
    loop {
        match socket.recv_from(&mut octets) {
            Ok((count, from)) => {
                let heard = octets.get(..count).unwrap_or_default();
                if let Some(trace) = trace {
                    trace.datagram(from, own, heard);
                }
                // A header tells who speaks this protocol at all.
                if !matches!(dlms::wrapper::Header::parse(heard), Ok(Some(_))) {
                    continue;
                }
                let Some(peer) = peer_of(&mut peers, from, bench) else {
                    continue;
                };
                peer.heard = Instant::now();
                answer.clear();
                let served = bench.with(|meter| meter.receive(&mut peer.talk, heard, &mut answer));
                let told = |pdu: &[u8]| {
                    if let Some(trace) = trace {
                        trace.datagram(own, from, pdu);
                    }
                };
                if let Err(error) = send(socket, &answer, from, told) {
                    tracing::debug!(%error, %from, "a datagram was not sent");
                }
                if served == Served::Closed {
                    forget(&mut peers, bench, |peer| peer.address == from);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => {
                tracing::debug!(%error, "a datagram was not received");
                std::thread::sleep(PATIENCE);
            }
        }
        let silent = |peer: &Peer| peer.talk.patience().is_some_and(|patience| patience <= SOON);
        for peer in peers.iter_mut().filter(|peer| silent(peer)) {
            let _elapsed = bench.with(|meter| meter.elapse_link(&mut peer.talk));
        }
        forget(&mut peers, bench, |peer| {
            peer.talk.standing() == Standing::Stranger && FORGOTTEN < peer.heard.elapsed()
        });
    }
}

/// Each PDU of the answer is a datagram of its own. It is told before it leaves, as on the other ports: who has it finds it in the trace.
fn send(socket: &UdpSocket, mut answer: &[u8], to: SocketAddr, told: impl Fn(&[u8])) -> io::Result<()> {
    while let Ok(Some(header)) = dlms::wrapper::Header::parse(answer) {
        let length = dlms::wrapper::HEADER_LENGTH + usize::from(header.length);
        let (pdu, rest) = answer.split_at_checked(length).unwrap_or((answer, &[]));
        told(pdu);
        socket.send_to(pdu, to)?;
        answer = rest;
    }
    Ok(())
}

/// The link of this address; a new one where there is room.
fn peer_of<'p>(peers: &'p mut Vec<Peer>, from: SocketAddr, bench: &Bench) -> Option<&'p mut Peer> {
    if !peers.iter().any(|peer| peer.address == from) {
        if MOST_CONNECTIONS <= peers.len() {
            bench.with(VirtualMeter::crowded);
            let unproven = peers.iter().filter(|peer| peer.talk.standing() != Standing::Proven);
            let oldest = unproven.min_by_key(|peer| (peer.talk.standing(), peer.heard))?.address;
            forget(peers, bench, |peer| peer.address == oldest);
        }
        let talk = bench.with(|meter| meter.open_link(Framing::Datagrams))?;
        peers.push(Peer {
            address: from,
            talk,
            heard: Instant::now(),
        });
    }
    peers.iter_mut().find(|peer| peer.address == from)
}

fn forget(peers: &mut Vec<Peer>, bench: &Bench, gone: impl Fn(&Peer) -> bool) {
    peers.retain_mut(|peer| {
        let leaves = gone(peer);
        if leaves {
            bench.with(|meter| meter.lose_link(&mut peer.talk));
        }
        !leaves
    });
}

/// How long a datagram is awaited before timers are looked at.
const PATIENCE: Duration = Duration::from_millis(500);
/// A deadline that is nearer than this has come, as far as a socket's timeout can tell.
const SOON: Duration = Duration::from_millis(100);
/// A client without association is forgotten after this.
const FORGOTTEN: Duration = Duration::from_secs(30);
const LONGEST_DATAGRAM: usize = 65_536;
