//! GETs a second over TCP on loopback, one association: the virtual meter beside the server of `dlms-cosem-rs`, in the same run; GETs with
//! many associations at once; and the time for 10 000 rows of a load profile.
//!
//! `cargo bench -p ferraris --bench speed`. Both servers get the same request from the same loop, in turn, so that a slow machine is slow
//! for both. Each is a process of its own. The peer serves its engine as its own example does: blocking sockets, one register in its store.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use dlms_cosem_rs::acse::AuthMechanism;
use dlms_cosem_rs::axdr::Data;
use dlms_cosem_rs::codec::{Encode, Writer};
use dlms_cosem_rs::cosem::{AttributeAccess, MethodAccess};
use dlms_cosem_rs::obis::Obis;
use dlms_cosem_rs::security::{KeyRing, RandomSource, RustCryptoProvider, SecurityPolicy};
use dlms_cosem_rs::server::{AuditEvent, ObjectStore, Server, ServerConfig, StoreResult};
use dlms_cosem_rs::transport::wrapper::{StreamReassembler, Wpdu};
use dlms_cosem_rs::xdlms::{ActionResult, DataAccessResult, SelectiveAccess};

const ROUNDS: usize = 7;
const GETS: u32 = 20_000;
/// GETs a second that the issue asks for, and seconds for all rows.
const GOAL_GETS: f64 = 50_000.0;
const GOAL_SECONDS: f64 = 0.1;
const ROWS: u32 = 10_000;

/// AARQ without security, for the peer.
const AARQ_NONE: &[u8] = &[
    0x60, 0x1D, 0xA1, 0x09, 0x06, 0x07, 0x60, 0x85, 0x74, 0x05, 0x08, 0x01, 0x01, 0xBE, 0x10, 0x04, 0x0E, 0x01, 0x00,
    0x00, 0x00, 0x06, 0x5F, 0x1F, 0x04, 0x00, 0x00, 0x7E, 0x1F, 0x04, 0xB0,
];

/// GET of a register's value.
fn get_energy() -> Vec<u8> {
    vec![0xC0, 0x01, 0xC1, 0x00, 0x03, 1, 0, 1, 8, 0, 255, 0x02, 0x00]
}

/// AARQ with a password.
fn aarq_lls(password: &str) -> Vec<u8> {
    let octets = password.as_bytes();
    let length = |plus: usize| u8::try_from(octets.len() + plus).expect("a short password");
    let mut apdu = vec![
        0x60,
        length(0x2E),
        0xA1,
        0x09,
        0x06,
        0x07,
        0x60,
        0x85,
        0x74,
        0x05,
        0x08,
        0x01,
        0x01,
        0x8A,
        0x02,
        0x07,
        0x80,
    ];
    apdu.extend([
        0x8B,
        0x07,
        0x60,
        0x85,
        0x74,
        0x05,
        0x08,
        0x02,
        0x01,
        0xAC,
        length(2),
        0x80,
        length(0),
    ]);
    apdu.extend(octets);
    apdu.extend(&AARQ_NONE[13..]);
    apdu
}

fn main() {
    if std::env::var_os(PEER).is_some() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        println!("{}", listener.local_addr().expect("it is bound"));
        return serve(&listener);
    }
    let (mut meter, wrapper, password) = our_meter();
    let mut ours = our_association(&wrapper, &password);
    let (mut peer, mut theirs) = their_server();
    let (mut our_best, mut their_best) = (f64::MAX, f64::MAX);
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let our = gets(&mut ours, 1);
        let their = gets(&mut theirs, 16);
        our_best = our_best.min(our);
        their_best = their_best.min(their);
        ratios.push(their / our);
    }
    ratios.sort_by(f64::total_cmp);
    let rate = |seconds: f64| f64::from(GETS) / seconds;
    println!("GET of one register over TCP on loopback, one association, {ROUNDS} rounds of {GETS} in turn");
    println!(
        "  ferraris meter   best {:8.0} GET/s (goal {GOAL_GETS:.0})",
        rate(our_best)
    );
    println!("  dlms-cosem-rs    best {:8.0} GET/s", rate(their_best));
    println!(
        "  ratio ours to theirs, median of the rounds {:.2} (goal: not below 1)",
        ratios[ROUNDS / 2]
    );
    rows(&wrapper, &password);
    println!("many associations at once, each on a connection of its own, all to one meter");
    let mut alone = None;
    for associations in [1, 2, 4, 8, 16] {
        let mut streams: Vec<TcpStream> = (1..associations)
            .map(|_| our_association(&wrapper, &password))
            .collect();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for stream in &mut streams {
                scope.spawn(|| gets(stream, 1));
            }
            gets(&mut ours, 1);
        });
        let all = f64::from(GETS) * f64::from(associations) / begun.elapsed().as_secs_f64();
        let growth = all / *alone.get_or_insert(all);
        println!("  {associations:>2} associations   {all:8.0} GET/s, {growth:5.2} times that of one");
    }
    for process in [&mut meter, &mut peer] {
        process.kill().expect("it can be killed");
        let _status = process.wait();
    }
}

/// Fills load profile 1 with rows of clock and energy, each captured by the method of its class, and reads all of them block by block.
fn rows(wrapper: &str, password: &str) {
    const PROFILE_1: [u8; 8] = [0, 7, 1, 0, 99, 1, 0, 255];
    let mut stream = our_association(wrapper, password);
    let mut answer = vec![0; 4_096];
    let mut ask = |apdu: &[u8]| {
        stream.write_all(&framed(1, apdu)).expect("the meter listens");
        let length = receive(&mut stream, &mut answer);
        answer[..length].to_vec()
    };
    let column =
        |class, name: [u8; 6]| [&[0x02, 4, 0x12, 0, class, 0x09, 6][..], &name, &[0x0F, 2, 0x12, 0, 0]].concat();
    let columns = [
        &[0xC1, 0x01, 0xC1][..],
        &PROFILE_1,
        &[3, 0, 0x01, 2],
        &column(8, [0, 0, 1, 0, 0, 255]),
        &column(3, [1, 0, 1, 8, 0, 255]),
    ];
    assert_eq!(ask(&columns.concat()), [0xC5, 0x01, 0xC1, 0], "two columns are taken");
    let capture = [&[0xC3, 0x01, 0xC1][..], &PROFILE_1, &[2, 1, 0x0F, 0]].concat();
    for _ in 0..ROWS {
        assert_eq!(ask(&capture)[..4], [0xC7, 0x01, 0xC1, 0], "a row is captured");
    }
    let whole = [&[0xC0, 0x01, 0xC1][..], &PROFILE_1, &[2, 0]].concat();
    let (mut best, mut read) = (f64::MAX, Vec::new());
    for _ in 0..ROUNDS {
        read.clear();
        let begun = Instant::now();
        let mut block = ask(&whole);
        loop {
            assert_eq!(block[..3], [0xC4, 0x02, 0xC1], "a block is expected");
            let long = block[9] & 0x80;
            let skipped = 10 + if long == 0 { 0 } else { usize::from(block[9] & 0x7F) };
            read.extend_from_slice(&block[skipped..]);
            if block[3] == 1 {
                break;
            }
            block = ask(&[&[0xC0, 0x02, 0xC1][..], &block[4..8]].concat());
        }
        best = best.min(begun.elapsed().as_secs_f64());
    }
    assert_eq!(read[..2], [0x01, 0x82], "an array of some thousand");
    let count = u16::from_be_bytes([read[2], read[3]]);
    assert!(ROWS <= u32::from(count), "all rows are there");
    assert_eq!(
        (read.len() - 4) % usize::from(count),
        0,
        "rows of clock and energy have one length"
    );
    println!(
        "{count} rows of 2 columns ({} octets) of load profile 1, block by block\n  ferraris meter   best {best:8.3} s (goal {GOAL_SECONDS})",
        read.len()
    );
}

/// Set for the process that is the peer's server.
const PEER: &str = "FERRARIS_SPEED_PEER";

/// Seconds for all GETs of a round.
fn gets(stream: &mut TcpStream, client: u16) -> f64 {
    let request = framed(client, &get_energy());
    let mut answer = [0; 64];
    let begun = Instant::now();
    for _ in 0..GETS {
        stream.write_all(&request).expect("the server listens");
        let length = receive(stream, &mut answer);
        assert_eq!(answer[..4], [0xC4, 0x01, 0xC1, 0x00], "success is expected");
        assert!(4 < length, "a value is expected");
    }
    begun.elapsed().as_secs_f64()
}

fn framed(client: u16, apdu: &[u8]) -> Vec<u8> {
    let length = u16::try_from(apdu.len()).expect("a short request");
    let head = [1_u16, client, 1, length].map(u16::to_be_bytes);
    [head.concat(), apdu.to_vec()].concat()
}

/// One wrapped PDU into `into`; answers its length.
fn receive(stream: &mut TcpStream, into: &mut [u8]) -> usize {
    let mut head = [0; 8];
    stream.read_exact(&mut head).expect("an answer comes");
    let length = usize::from(u16::from_be_bytes([head[6], head[7]]));
    stream.read_exact(&mut into[..length]).expect("all of it comes");
    length
}

/// The virtual meter in a process of its own, in real time, its address and its password.
fn our_meter() -> (Child, String, String) {
    let state = std::env::temp_dir().join(format!("ferraris-speed-{}", std::process::id()));
    let mut meter = Command::new(env!("CARGO_BIN_EXE_ferraris"))
        .args([
            "meter",
            "--json",
            "--seed",
            "1",
            "--wrapper",
            "127.0.0.1:0",
            "--hdlc",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
        ])
        .arg("--state")
        .arg(state)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the meter starts");
    let mut line = String::new();
    let stdout = meter.stdout.take().expect("it was piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("it says where it is");
    let said: serde_json::Value = serde_json::from_str(&line).expect("one JSON object");
    let password = said["clients"]
        .as_array()
        .and_then(|clients| clients.iter().find_map(|client| client["password"].as_str()))
        .expect("a client with a password");
    let wrapper = said["wrapper"].as_str().expect("an address").to_owned();
    (meter, wrapper, password.to_owned())
}

/// An association with it.
fn our_association(wrapper: &str, password: &str) -> TcpStream {
    let mut stream = TcpStream::connect(wrapper).expect("it listens");
    stream.set_nodelay(true).expect("a TCP socket");
    stream.write_all(&framed(1, &aarq_lls(password))).expect("it listens");
    let mut answer = [0; 256];
    receive(&mut stream, &mut answer);
    stream
}

/// The peer's engine behind a socket, in this program started once more, and an association with it.
fn their_server() -> (Child, TcpStream) {
    let this = std::env::current_exe().expect("a program knows where it is");
    let mut peer = Command::new(this)
        .env(PEER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut address = String::new();
    BufReader::new(peer.stdout.take().expect("it was piped"))
        .read_line(&mut address)
        .expect("it says where it is");
    let mut stream = TcpStream::connect(address.trim()).expect("it listens");
    stream.set_nodelay(true).expect("a TCP socket");
    stream.write_all(&framed(16, AARQ_NONE)).expect("it listens");
    let mut answer = [0; 256];
    receive(&mut stream, &mut answer);
    (peer, stream)
}

/// The loop of the peer's own example, without its printing.
fn serve(listener: &TcpListener) {
    let (mut stream, _) = listener.accept().expect("a client comes");
    stream.set_nodelay(true).expect("a TCP socket");
    let config = ServerConfig {
        mechanism: AuthMechanism::None,
        security: SecurityPolicy::NONE,
        max_pdu_size: 1_024,
        ..ServerConfig::default()
    };
    let provider = RustCryptoProvider::with_rng(KeyRing::default(), NoChance);
    let mut server: Server<OneRegister, RustCryptoProvider<NoChance>, 2_048> =
        Server::new(config, OneRegister, provider);
    let reassembler = StreamReassembler::new(2_048);
    let (mut buffered, mut chunk, mut out) = (Vec::new(), [0; 512], [0; 2_048]);
    loop {
        let count = stream.read(&mut chunk).unwrap_or(0);
        if count == 0 {
            return;
        }
        buffered.extend_from_slice(&chunk[..count]);
        while let Ok(Some((wpdu, used))) = reassembler.next_pdu(&buffered) {
            let (source, destination) = (wpdu.header.source, wpdu.header.destination);
            let length = server.handle(wpdu.apdu, &mut out).expect("a good request");
            let mut reply = Vec::new();
            Wpdu::new(destination, source, &out[..length])
                .expect("it fits")
                .encode(&mut reply)
                .expect("a vector takes all");
            stream.write_all(&reply).expect("the client listens");
            buffered.drain(..used);
        }
    }
}

struct OneRegister;

impl ObjectStore for OneRegister {
    fn get_attribute(
        &self,
        class_id: u16,
        name: Obis,
        attribute: i8,
        _: Option<SelectiveAccess<'_>>,
        out: &mut dyn Writer,
    ) -> StoreResult<()> {
        const ENERGY: Obis = Obis::new(1, 0, 1, 8, 0, 255);
        match (class_id, name, attribute) {
            (3, ENERGY, 2) => Data::DoubleLongUnsigned(12_345_678)
                .encode(out)
                .map_err(|_| DataAccessResult::OtherReason),
            _ => Err(DataAccessResult::ObjectUndefined),
        }
    }

    fn set_attribute(
        &mut self,
        _: u16,
        _: Obis,
        _: i8,
        _: Option<SelectiveAccess<'_>>,
        _: Data<'_>,
    ) -> StoreResult<()> {
        Err(DataAccessResult::ReadWriteDenied)
    }

    fn invoke_method(
        &mut self,
        _: u16,
        _: Obis,
        _: i8,
        _: Option<Data<'_>>,
        _: &mut dyn Writer,
    ) -> Result<bool, ActionResult> {
        Err(ActionResult::ObjectUndefined)
    }

    fn attribute_access(&self, _: u16, _: Obis, _: i8) -> AttributeAccess {
        AttributeAccess::READ
    }

    fn method_access(&self, _: u16, _: Obis, _: i8) -> MethodAccess {
        MethodAccess::empty()
    }

    fn audit(&mut self, _: AuditEvent) {}
}

/// Challenges are not drawn without security.
struct NoChance;

impl RandomSource for NoChance {
    fn fill(&self, out: &mut [u8]) -> dlms_cosem_rs::codec::Result<()> {
        out.fill(0);
        Ok(())
    }
}
