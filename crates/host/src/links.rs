//! The DLMS servers: a TCP port with the wrapper, and one with HDLC as a serial server would give it.
//!
//! A connection is a thread with a link of its own. What it reads it hands to the meter under the bench's lock, and writes the answer
//! back. A port has [`MOST_CONNECTIONS`] places; when they are taken, the connection whose client has shown least gives way,
//! the oldest of these first: nothing, an association that is not finished, one without authentication. Whoever has proved who it is stays.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use dlms::server::Standing;
use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::conversation::{Conversation, Served};
use crate::datagrams;
use crate::http::Connections;
use crate::packet_trace::{PacketTrace, TracedConnection};
use crate::virtual_meter::VirtualMeter;

/// Connections that one port serves at once.
pub(crate) const MOST_CONNECTIONS: usize = 16;

/// The framing of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// TCP-UDP wrapper (IEC 62056-4-7).
    Wrapper,
    /// HDLC (IEC 62056-46).
    Hdlc,
    /// The wrapper in datagrams over UDP.
    Datagrams,
    /// An optical port: sign-on (IEC 62056-21), then HDLC or a read-out.
    Optical,
}

/// The sockets of a meter, bound.
pub(crate) struct Sockets {
    pub(crate) wrapper: TcpListener,
    pub(crate) hdlc: TcpListener,
    pub(crate) optical: Option<TcpListener>,
    pub(crate) udp: Option<UdpSocket>,
}

/// The DLMS ports of a meter.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    wrapper: Arc<Port>,
    hdlc: Arc<Port>,
    optical: Option<Arc<Port>>,
    udp: Option<SocketAddr>,
}

/// The addresses of a meter, and who is connected.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    links: Links,
    http: (SocketAddr, Connections),
}

#[derive(Debug)]
struct Port {
    framing: Framing,
    address: SocketAddr,
    places: Mutex<Vec<Place>>,
    next: AtomicU64,
    trace: Option<PacketTrace>,
}

/// One connection of a port.
#[derive(Debug)]
struct Place {
    number: u64,
    shown: Arc<Shown>,
    stream: TcpStream,
}

/// What a connection's thread shows to the port.
#[derive(Debug)]
struct Shown {
    /// The [`Standing`] of its client as a number.
    standing: AtomicU8,
    /// The life of the meter that it talks to; [`NO_LIFE`] before it does.
    life: AtomicU64,
}

const NO_LIFE: u64 = u64::MAX;

impl Links {
    /// Serves bound sockets, each in a thread of its own, until the process ends.
    ///
    /// # Errors
    /// When a socket has no address or a thread cannot be started.
    pub(crate) fn serve(bench: &Arc<Bench>, sockets: Sockets, trace: Option<&PacketTrace>) -> io::Result<Self> {
        let Sockets {
            wrapper,
            hdlc,
            optical,
            udp,
        } = sockets;
        Ok(Self {
            wrapper: Port::serve(Framing::Wrapper, bench, wrapper, trace)?,
            hdlc: Port::serve(Framing::Hdlc, bench, hdlc, trace)?,
            optical: optical
                .map(|socket| Port::serve(Framing::Optical, bench, socket, trace))
                .transpose()?,
            udp: udp
                .map(|socket| datagrams::serve(bench, socket, trace.cloned()))
                .transpose()?,
        })
    }

    /// Ends every connection with a life of the meter before this one.
    pub(crate) fn hang_up_before(&self, life: u64) {
        for port in [&self.wrapper, &self.hdlc].into_iter().chain(&self.optical) {
            port.hang_up_before(life);
        }
    }
}

impl Ports {
    pub(crate) const fn new(links: Links, http: SocketAddr, connections: Connections) -> Self {
        Self {
            links,
            http: (http, connections),
        }
    }

    /// As the control interface shows them.
    pub(crate) fn json(&self) -> Value {
        let port = |port: &Port| json!({ "address": port.address.to_string(), "open": port.places.lock().len() });
        let (http, connections) = &self.http;
        let Links { optical, udp, .. } = &self.links;
        let mut ports = json!({
            "wrapper": port(&self.links.wrapper),
            "hdlc": port(&self.links.hdlc),
            "http": { "address": http.to_string(), "open": connections.open() },
        });
        if let Some(optical) = optical {
            ports["optical"] = port(optical);
        }
        if let Some(udp) = udp {
            ports["udp"] = json!({ "address": udp.to_string() });
        }
        ports
    }
}

impl Port {
    fn serve(
        framing: Framing,
        bench: &Arc<Bench>,
        socket: TcpListener,
        trace: Option<&PacketTrace>,
    ) -> io::Result<Arc<Self>> {
        let address = socket.local_addr()?;
        let port = Arc::new(Self {
            framing,
            address,
            places: Mutex::new(Vec::new()),
            next: AtomicU64::new(0),
            trace: trace.cloned(),
        });
        let (accepting, bench) = (Arc::clone(&port), Arc::clone(bench));
        let name = match framing {
            Framing::Wrapper => "wrapper",
            Framing::Hdlc => "hdlc",
            Framing::Datagrams => "datagrams",
            Framing::Optical => "optical",
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || accepting.accept(&bench, &socket))?;
        Ok(port)
    }

    fn accept(self: &Arc<Self>, bench: &Arc<Bench>, socket: &TcpListener) {
        loop {
            let taken = socket.accept().and_then(|(stream, _)| self.take(bench, stream));
            if let Err(error) = taken {
                tracing::warn!(%error, port = %self.address, "a connection was not taken");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// Gives a connection a place and a thread.
    fn take(self: &Arc<Self>, bench: &Arc<Bench>, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(SLOWEST_READER))?;
        let shown = Arc::new(Shown {
            standing: AtomicU8::new(0),
            life: AtomicU64::new(NO_LIFE),
        });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            number,
            shown: Arc::clone(&shown),
            stream: stream.try_clone()?,
        };
        let (taken, crowded) = self.seat(place);
        if crowded {
            bench.with(VirtualMeter::crowded);
        }
        if !taken {
            tracing::warn!(port = %self.address, "all places are taken by clients that proved who they are; a connection was refused");
            return Ok(());
        }
        let (port, bench) = (Arc::clone(self), Arc::clone(bench));
        let thread = std::thread::Builder::new()
            .name(format!("client {number}"))
            .stack_size(STACK_BYTES);
        let begun = thread.spawn(move || {
            if let Err(error) = port.talk(&bench, &stream, &shown) {
                tracing::debug!(%error, port = %port.address, "a connection ended");
            }
            port.leave(number);
        });
        if begun.is_err() {
            self.leave(number);
        }
        begun.map(|_thread| ())
    }

    /// Gives a connection a place, that of the one that has shown least when all are taken, the oldest of those. Answers whether it has one, and
    /// whether there were too many.
    fn seat(&self, place: Place) -> (bool, bool) {
        let mut places = self.places.lock();
        let crowded = MOST_CONNECTIONS <= places.len();
        if crowded {
            let standings = places
                .iter()
                .map(|it| it.shown.standing.load(Ordering::Acquire))
                .enumerate();
            let unproven = standings.filter(|(_, standing)| *standing < Standing::Proven as u8);
            let Some((least, _)) = unproven.min_by_key(|(_, standing)| *standing) else {
                return (false, true);
            };
            places.remove(least).hang_up();
        }
        places.push(place);
        (true, crowded)
    }

    /// A client of the next life is not meant: it may be here before this is called.
    fn hang_up_before(&self, life: u64) {
        let places = self.places.lock();
        for place in places.iter() {
            let talks_to = place.shown.life.load(Ordering::Acquire);
            if talks_to < life {
                place.hang_up();
            }
        }
    }

    fn leave(&self, number: u64) {
        self.places.lock().retain(|place| place.number != number);
    }

    /// Serves one connection until either side ends it.
    fn talk(&self, bench: &Bench, stream: &TcpStream, shown: &Shown) -> io::Result<()> {
        let mut traced = match &self.trace {
            Some(trace) => Some(trace.tcp(stream.peer_addr()?, stream.local_addr()?)),
            None => None,
        };
        let opened = bench.with(|meter| {
            let talk = meter.open_link(self.framing)?;
            // Before anybody else has the meter, and so before it can lose its power.
            shown.life.store(talk.boots, Ordering::Release);
            Some(talk)
        });
        let Some(mut talk) = opened else {
            return Ok(());
        };
        let ended = converse(bench, stream, &mut talk, &shown.standing, &mut traced);
        bench.with(|meter| meter.lose_link(&mut talk));
        ended
    }
}

/// Reads, asks the meter, answers, until either side has enough.
fn converse(
    bench: &Bench,
    stream: &TcpStream,
    talk: &mut Conversation,
    standing: &AtomicU8,
    traced: &mut Option<TracedConnection>,
) -> io::Result<()> {
    let mut octets = [0; READ_OCTETS];
    let mut answer = Vec::with_capacity(READ_OCTETS);
    let mut patience = None;
    let mut ear = Ear::default();
    loop {
        let wanted = talk.patience();
        if wanted != patience {
            stream.set_read_timeout(wanted)?;
            patience = wanted;
        }
        answer.clear();
        let served = match ear.hear(stream, &mut octets) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let heard = octets.get(..count).unwrap_or_default();
                if let Some(traced) = traced {
                    traced.heard(heard);
                }
                bench.with(|meter| meter.receive(talk, heard, &mut answer))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                bench.with(|meter| match talk.speaks_first() {
                    true => meter.receive(talk, &[], &mut answer),
                    false => meter.elapse_link(talk),
                })
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Served::Open,
            Err(error) => return Err(error),
        };
        // Before the client knows that it is associated: from then on its place is its own.
        standing.store(talk.standing() as u8, Ordering::Release);
        if !answer.is_empty() {
            if let Some(traced) = traced {
                traced.said(&answer);
            }
            if let Err(error) = give(stream, &answer) {
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                    // Who asks and does not take the answers only holds the place.
                    bench.with(VirtualMeter::crowded);
                }
                return Err(error);
            }
        }
        if served == Served::Closed {
            return Ok(());
        }
    }
}

/// Writes an answer, all of it in its time: who takes an octet now and then does not keep the place by it.
fn give(mut stream: &TcpStream, mut octets: &[u8]) -> io::Result<()> {
    let begun = Instant::now();
    while !octets.is_empty() {
        match stream.write(octets) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => octets = octets.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if !octets.is_empty() && SLOWEST_READER <= begun.elapsed() {
            return Err(ErrorKind::TimedOut.into());
        }
    }
    Ok(())
}

/// Listens to one connection. A client that asks again at once is awaited awake, since falling asleep and waking up costs more than
/// answering a GET. Anybody else is awaited asleep, and so is everybody for a while when waiting awake was in vain: on a busy machine
/// it keeps the client from asking.
#[derive(Debug, Default)]
struct Ear {
    awake: bool,
    /// Requests until waiting awake is tried again.
    tired: u32,
}

impl Ear {
    fn hear(&mut self, mut stream: &TcpStream, octets: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        if self.awake {
            while begun.elapsed() < AWAKE {
                match rustix::net::recv(stream, &mut *octets, RecvFlags::DONTWAIT) {
                    Ok((count, _)) => return Ok(count),
                    Err(Errno::AGAIN) => core::hint::spin_loop(),
                    Err(error) => return Err(error.into()),
                }
            }
            self.awake = false;
            self.tired = REST_REQUESTS;
        }
        let heard = stream.read(octets);
        self.tired = self.tired.saturating_sub(1);
        self.awake = self.tired == 0 && begun.elapsed() < AWAKE;
        heard
    }
}

impl Place {
    fn hang_up(&self) {
        // An error says that the connection is gone, which is what is wanted.
        let _gone = self.stream.shutdown(Shutdown::Both);
    }
}

/// How soon a client must ask again to be awaited awake.
const AWAKE: Duration = Duration::from_micros(150);
/// How many requests are awaited asleep after one that was awaited awake in vain.
const REST_REQUESTS: u32 = 500;
/// A client that takes its answer slower than this is given up.
const SLOWEST_READER: Duration = Duration::from_secs(5);
const STACK_BYTES: usize = 256 << 10;
const READ_OCTETS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that connects as soon as power is back may be there before the one of the last life is hung up.
    #[test]
    fn a_power_cut_ends_the_connections_of_the_life_before_it_and_no_others() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = socket.local_addr().expect("it is bound");
        let port = Port {
            framing: Framing::Wrapper,
            address,
            places: Mutex::new(Vec::new()),
            next: AtomicU64::new(0),
            trace: None,
        };
        let mut clients = [6, 7, 8, NO_LIFE].map(|life| {
            let client = TcpStream::connect(address).expect("it listens");
            let (stream, _) = socket.accept().expect("somebody connects");
            let shown = Arc::new(Shown {
                standing: AtomicU8::new(0),
                life: AtomicU64::new(life),
            });
            let place = Place {
                number: life,
                shown,
                stream,
            };
            assert_eq!(port.seat(place), (true, false));
            client
        });
        port.hang_up_before(8);
        for place in port.places.lock().iter() {
            // Whoever was hung up cannot be told anything.
            let _told = (&place.stream).write_all(b"!");
        }
        let ended = clients
            .each_mut()
            .map(|client| client.read(&mut [0]).expect("loopback") == 0);
        assert_eq!(ended, [true, true, false, false]);
    }
}
