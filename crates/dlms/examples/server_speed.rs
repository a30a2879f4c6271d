//! What the server costs: `cargo run --release -p ferraris-dlms --example server_speed`, or `cargo xtask bench server`.
//!
//! One core, no socket. The same requests, made by the peer's own client (`dlms-cosem-rs`), go into our server and into
//! the peer's in turn, so that a slow machine is slow for both. Then what rows cost on the wire, what a line of 9600
//! bit/s carries in virtual time, and the octets that an association takes.

use std::time::Instant as Clock;

use aes_gcm::aead::consts::U12;
use aes_gcm::aes::Aes128;
use aes_gcm::{AeadInOut as _, AesGcm, KeyInit as _};
use base::{Instant, Micros};
use cosem::axdr::{Reader, Writer};
use cosem::buffer::{Pace, RowForm, put_description, put_row};
use cosem::{
    AccessError, ActionError, Attribute, ClockStatus, Cursor, DateTime, Method, Obis, Returned, Selection, Step,
};
use dlms_cosem_rs::acse::AuthMechanism;
use dlms_cosem_rs::axdr::Data;
use dlms_cosem_rs::client::{AssociationStep, ClientConfig, ClientSession};
use dlms_cosem_rs::codec::{Result as PeerResult, Writer as PeerWriter};
use dlms_cosem_rs::cosem::{AttributeAccess, MethodAccess};
use dlms_cosem_rs::obis::Obis as PeerObis;
use dlms_cosem_rs::security::{KeyRing, RandomSource, RustCryptoProvider, SecurityPolicy, SecuritySuite, SystemTitle};
use dlms_cosem_rs::server::{AuditEvent, ObjectStore, Server, ServerConfig, StoreResult};
use dlms_cosem_rs::xdlms::{ActionResult, AttributeDescriptor, DataAccessResult, SelectiveAccess};
use ferraris_dlms::acse::{Diagnostic, Mechanism};
use ferraris_dlms::apdu::Item;
use ferraris_dlms::client::{Client, Command, Framing, Outcome, Patience, Settings};
use ferraris_dlms::hdlc::{Address, Limits};
use ferraris_dlms::initiate::Conformance;
use ferraris_dlms::security::{Dialect, Key, KeySet, Keys, Policy, Suite, Title};
use ferraris_dlms::server::{
    Application, Caller, Exhausted, HdlcLink, HdlcSettings, PDU_MAX, Peer, Profile, Proposal, Replay, STEP_MAX,
    SecurityEvent, Session, WrapperLink,
};

const ROUNDS: u32 = 101;
/// Requests of a round: few enough to stay in the cache, so that the servers are measured and not the memory.
const GETS: u32 = 2_000;
/// Times the faster peer.
const GOAL: f64 = 5.0;
const KEY: [u8; 16] = [7; 16];
const METER: Title = *b"FER\0\0\0\0\x01";
const READER: Title = *b"CLI\0\0\0\0\x02";
/// Rows of a buffer that one PDU carries, and of one that takes many.
const SHORT: usize = 20;
const LONG: usize = 10_000;

/// A meter with a register and buffers of rows, already in the octets of the wire, as they lie in a flash.
struct Meter {
    key: Key,
    sent: u32,
    received: u32,
    short: Vec<u8>,
    long: Vec<u8>,
}

impl Meter {
    fn new() -> Self {
        Self {
            key: Key::new(&KEY).expect("16 octets"),
            sent: 0,
            received: 0,
            short: buffer(RowForm::Plain, &rows(SHORT)),
            long: buffer(RowForm::Plain, &rows(LONG)),
        }
    }
}

impl Application for Meter {
    fn admit(&self, proposal: Proposal) -> Result<Profile, Diagnostic> {
        let plain = proposal.mechanism == Mechanism::None;
        Ok(Profile {
            policy: if plain { Policy::NONE } else { Policy::BOTH },
            conformance: Conformance::from_octets([0xFF, 0xFF, 0xFF]),
            receive_max: 2_048,
            dialect: Dialect::STANDARD,
        })
    }

    fn system_title(&self) -> Title {
        METER
    }

    fn secret(&self, _: u16, _: Mechanism) -> Option<&[u8]> {
        None
    }

    fn keys(&self, _: u16, _: KeySet) -> Option<Keys<'_>> {
        Some(Keys {
            suite: Suite::Zero,
            encryption: &self.key,
            authentication: &self.key,
        })
    }

    fn expects_title(&self, _: u16, _: &Title) -> bool {
        true
    }

    fn next_counter(&mut self, _: u16) -> Result<u32, Exhausted> {
        self.sent = self.sent.checked_add(1).ok_or(Exhausted)?;
        Ok(self.sent)
    }

    fn last_counter(&self, _: u16, _: KeySet) -> Option<u32> {
        Some(self.received)
    }

    fn accept_counter(&mut self, _: u16, _: KeySet, received: u32) -> Result<(), Replay> {
        if received <= self.received {
            return Err(Replay);
        }
        self.received = received;
        Ok(())
    }

    fn entropy(&mut self, out: &mut [u8]) {
        out.fill(9);
    }

    fn observe(&mut self, _: u16, _: SecurityEvent) {}

    fn get(
        &mut self,
        _: &Caller,
        what: Attribute,
        _: Selection<'_>,
        cursor: &mut Cursor,
        out: &mut Writer<'_>,
    ) -> Result<Step, AccessError> {
        let [_, _, c, ..] = what.name.octets();
        let value = match (what.class_id, c) {
            (3, _) => {
                out.value(12_345_678_u32)?;
                return Ok(Step::Done);
            }
            (7, 1) => &self.short,
            (7, _) => &self.long,
            _ => return Err(AccessError::ObjectUndefined),
        };
        let from = cursor.words[0] as usize;
        let to = value.len().min(from + STEP_MAX);
        out.put(&value[from..to])?;
        cursor.words[0] = u32::try_from(to).map_err(|_| AccessError::OtherReason)?;
        Ok(if to == value.len() { Step::Done } else { Step::More })
    }

    fn set(&mut self, _: &Caller, _: Attribute, _: Selection<'_>, _: &[u8]) -> Result<(), AccessError> {
        Err(AccessError::ReadWriteDenied)
    }

    fn invoke(&mut self, _: &Caller, _: Method, _: Option<&[u8]>, _: &mut Writer<'_>) -> Result<Returned, ActionError> {
        Err(ActionError::ReadWriteDenied)
    }
}

/// Rows of clock, status and four registers, each in plain A-XDR.
fn rows(count: usize) -> Vec<Vec<u8>> {
    let row = |at: u32| {
        let mut octets = [0; 64];
        let mut out = Writer::new(&mut octets);
        let time = base::Utc::from_unix(1_767_225_600 + 900 * i64::from(at));
        let put = out
            .value(DateTime::from_utc(time, -60, ClockStatus::default()))
            .and_then(|()| out.value(0_u8))
            .and_then(|()| out.value(5_000_000 + at * 37 + at % 7))
            .and_then(|()| out.value(12_000_u32))
            .and_then(|()| out.value(800_000 + at * 5))
            .and_then(|()| out.value(30_000 + at));
        put.expect("there is room");
        out.written().to_vec()
    };
    (0..count).map(|at| row(u32::try_from(at).expect("few"))).collect()
}

fn buffer(form: RowForm, rows: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = vec![0; rows.len() * 40 + 64];
    let mut out = Writer::new(&mut octets);
    let pace = Some(Pace {
        column: 0,
        seconds: 900,
    });
    if form == RowForm::CompactArray {
        let width = put_description(&rows[0], 6, &mut out)
            .expect("it fits")
            .expect("numbers");
        out.length(width * rows.len()).expect("it fits");
    } else {
        out.array(rows.len()).expect("it fits");
    }
    let mut before = None;
    for row in rows {
        if form != RowForm::CompactArray {
            out.structure(6).expect("it fits");
        }
        put_row(form, row, before, pace, &mut out).expect("it fits");
        before = Some(row.as_slice());
    }
    out.written().to_vec()
}

// ---- the peer --------------------------------------------------------------------------------------------------------------

struct Chance;

impl RandomSource for Chance {
    fn fill(&self, out: &mut [u8]) -> PeerResult<()> {
        for (octet, value) in out.iter_mut().zip(0xA0..) {
            *octet = value;
        }
        Ok(())
    }
}

struct Store(Vec<u8>);

impl ObjectStore for Store {
    fn get_attribute(
        &self,
        class_id: u16,
        _: PeerObis,
        _: i8,
        _: Option<SelectiveAccess<'_>>,
        out: &mut dyn PeerWriter,
    ) -> StoreResult<()> {
        use dlms_cosem_rs::codec::Encode as _;
        let done = match class_id {
            3 => Data::DoubleLongUnsigned(12_345_678).encode(out),
            7 => out.write_bytes(&self.0),
            _ => return Err(DataAccessResult::ObjectUndefined),
        };
        done.map_err(|_| DataAccessResult::OtherReason)
    }

    fn set_attribute(
        &mut self,
        _: u16,
        _: PeerObis,
        _: i8,
        _: Option<SelectiveAccess<'_>>,
        _: Data<'_>,
    ) -> StoreResult<()> {
        Err(DataAccessResult::ReadWriteDenied)
    }

    fn invoke_method(
        &mut self,
        _: u16,
        _: PeerObis,
        _: i8,
        _: Option<Data<'_>>,
        _: &mut dyn PeerWriter,
    ) -> Result<bool, ActionResult> {
        Err(ActionResult::ObjectUndefined)
    }

    fn attribute_access(&self, _: u16, _: PeerObis, _: i8) -> AttributeAccess {
        AttributeAccess::READ
    }

    fn method_access(&self, _: u16, _: PeerObis, _: i8) -> MethodAccess {
        MethodAccess::empty()
    }

    fn audit(&mut self, _: AuditEvent) {}
}

type PeerServer = Server<Store, RustCryptoProvider<Chance>, 2_048>;
type PeerClient = ClientSession<RustCryptoProvider<Chance>>;

fn provider() -> RustCryptoProvider<Chance> {
    RustCryptoProvider::with_rng(KeyRing::new(KEY, KEY), Chance)
}

fn policy(sealed: bool) -> SecurityPolicy {
    if sealed {
        SecurityPolicy::authenticated_encrypted(SecuritySuite::Suite0)
    } else {
        SecurityPolicy::NONE
    }
}

fn mechanism(sealed: bool) -> AuthMechanism {
    if sealed {
        AuthMechanism::HighGmac
    } else {
        AuthMechanism::None
    }
}

fn peer_client(sealed: bool) -> PeerClient {
    let config = ClientConfig {
        client_sap: if sealed { 1 } else { 16 },
        system_title: sealed.then_some(SystemTitle::new(READER)),
        mechanism: mechanism(sealed),
        security: policy(sealed),
        max_pdu_size: 1_024,
        ..Default::default()
    };
    ClientSession::new(config, provider())
}

fn peer_server(sealed: bool) -> PeerServer {
    let config = ServerConfig {
        mechanism: mechanism(sealed),
        security: policy(sealed),
        system_title: Some(SystemTitle::new(METER)),
        max_pdu_size: 1_024,
        ..ServerConfig::default()
    };
    Server::new(config, Store(buffer(RowForm::Plain, &rows(SHORT))), provider())
}

fn associate(client: &mut PeerClient, ask: &mut dyn FnMut(&[u8]) -> Vec<u8>) {
    let mut request = [0; 1_024];
    let length = client.associate_request(&mut request).expect("it fits");
    let answer = ask(&request[..length]);
    match client.handle_associate_response(&answer).expect("an AARE") {
        AssociationStep::Established => {}
        AssociationStep::HlsReplyRequired => {
            let length = client.hls_reply_request(&mut request).expect("it fits");
            let answer = ask(&request[..length]);
            client.handle_hls_reply_response(&answer).expect("an answer");
        }
        other => panic!("refused: {other:?}"),
    }
}

/// The same GET again and again, each sealed with its own number.
fn requests(client: &mut PeerClient, what: AttributeDescriptor, count: u32) -> Vec<Vec<u8>> {
    let mut request = [0; 256];
    (0..count)
        .map(|_| {
            let length = client.get_request(what, None, &mut request).expect("it fits");
            request[..length].to_vec()
        })
        .collect()
}

/// Nanoseconds for each request, ours and the peer's, the best of the rounds and the median of their ratio.
fn race(name: &str, unit: &str, per_request: f64, what: AttributeDescriptor, sealed: bool, count: u32) {
    let (mut meter, mut session) = (Meter::new(), Session::new());
    let peer = Peer {
        client: if sealed { 1 } else { 16 },
        server: 1,
    };
    let mut our_client = peer_client(sealed);
    let (mut server, mut out) = (peer_server(sealed), vec![0; 4_096]);
    let mut their_client = peer_client(sealed);
    let say = |session: &mut Session, meter: &mut Meter, pdu: &[u8]| {
        session.inbox()[..pdu.len()].copy_from_slice(pdu);
        assert!(session.serve(peer, pdu.len(), meter), "it is answered");
        session.answer().to_vec()
    };
    associate(&mut our_client, &mut |pdu| say(&mut session, &mut meter, pdu));
    associate(&mut their_client, &mut |pdu| {
        let length = server.handle(pdu, &mut out).expect("a good request");
        out[..length].to_vec()
    });
    let (mut best, mut their_best, mut ratios) = (f64::MAX, f64::MAX, Vec::new());
    for _ in 0..ROUNDS {
        let asked = requests(&mut our_client, what, count);
        let begun = Clock::now();
        let mut octets = 0;
        for pdu in &asked {
            session.inbox()[..pdu.len()].copy_from_slice(pdu);
            assert!(session.serve(peer, pdu.len(), &mut meter), "it is answered");
            octets += session.answer().len();
        }
        let our = begun.elapsed().as_secs_f64() / f64::from(count);
        assert!(9 * count as usize <= octets, "values, not refusals");
        let asked = requests(&mut their_client, what, count);
        let begun = Clock::now();
        let mut octets = 0;
        for pdu in &asked {
            octets += server.handle(pdu, &mut out).expect("a good request");
        }
        let their = begun.elapsed().as_secs_f64() / f64::from(count);
        assert!(9 * count as usize <= octets, "values, not refusals");
        best = best.min(our);
        their_best = their_best.min(their);
        ratios.push(their / our);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "{name:<34} ours {:>10.0} {unit}/s   dlms-cosem-rs {:>10.0} {unit}/s   ratio, median {:.2} (goal {GOAL:.0})",
        per_request / best,
        per_request / their_best,
        ratios[ROUNDS as usize / 2]
    );
    if sealed {
        let request = requests(&mut our_client, what, 1).concat();
        let cipher = cipher_alone(request.len(), session.answer().len(), count);
        println!(
            "{:<34} AES-GCM {:>7.0} {unit}/s: alone it takes {:.0} % of ours; a server of nothing else has ratio {:.2}",
            "  its cipher alone, key expanded",
            per_request / cipher,
            100.0 * cipher / best,
            their_best / cipher
        );
    }
}

/// Seconds that AES-GCM takes to open a request and to seal an answer of these lengths, with the key expanded: the best of the rounds.
fn cipher_alone(request: usize, answer: usize, count: u32) -> f64 {
    // Tag and length, security control, counter and the tag of 12 octets are not encrypted.
    const AROUND: usize = 19;
    let cipher: AesGcm<Aes128, U12, U12> = AesGcm::new(&KEY.into());
    let associated = [0x30; 17];
    let mut asked = vec![1; request.saturating_sub(AROUND)];
    let mut answered = vec![2; answer.saturating_sub(AROUND)];
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let begun = Clock::now();
        for number in 0..count {
            let mut nonce = [0; 12];
            nonce[8..].copy_from_slice(&number.to_be_bytes());
            for data in [&mut asked, &mut answered] {
                let tag = cipher.encrypt_inout_detached(&nonce.into(), &associated, data.as_mut_slice().into());
                core::hint::black_box(tag.expect("it is short"));
            }
        }
        best = best.min(begun.elapsed().as_secs_f64() / f64::from(count));
    }
    best
}

/// 10 000 rows block by block through the wrapper, in PDUs of 2 kB.
fn stream() {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let mut meter = Meter::new();
        let mut link: WrapperLink = WrapperLink::new(Instant::START, Micros::MAX);
        let mut lent = vec![0; LONG * 40];
        let settings = Settings::public(16, 1, blocks());
        let mut client = Client::new(settings, Framing::Wrapper, PATIENCE, 1, &mut lent);
        let mut run = |command: Command<'_>| {
            let (mut up, mut down, mut server) = (Vec::new(), Vec::new(), 0.0);
            client
                .start(Instant::START, command, &mut |it| up.extend_from_slice(it))
                .expect("it can");
            loop {
                let begun = Clock::now();
                link.receive(Instant::START, &up, &mut meter, &mut |it| down.extend_from_slice(it))
                    .expect("the link stays");
                server += begun.elapsed().as_secs_f64();
                up.clear();
                let done = client.receive(Instant::START, &down, &mut |it| up.extend_from_slice(it));
                down.clear();
                if done.expect("answers") {
                    return server;
                }
            }
        };
        run(Command::Associate);
        best = best.min(run(Command::Get(long_buffer())));
    }
    println!(
        "10 000 rows of 38 octets, 2 kB PDUs      ours {:>10.0} rows/s (server alone)",
        LONG as f64 / best
    );
}

const PATIENCE: Patience = Patience {
    answer: Micros::from_secs(3_600),
    retries: 3,
};

fn blocks() -> Conformance {
    Conformance::GET.with(Conformance::BLOCKS_WITH_GET)
}

fn long_buffer() -> Item<'static> {
    Item {
        attribute: Attribute::new(7, Obis::new("1-0:99.1.0"), 2),
        selection: Selection::Whole,
    }
}

/// Reads 10 000 rows over a line of 9600 bit/s (ten bits an octet, half duplex, nobody thinks) and says how much of the
/// time the rows themselves took.
fn line(name: &str, conformance: Conformance, receive_max: u16, frame: u16, window: u8) {
    let limits = Limits {
        transmit: frame,
        receive: frame,
        transmit_window: window,
        receive_window: window,
    };
    let mut meter = Meter::new();
    let settings = HdlcSettings {
        limits,
        octet_patience: Micros::MAX,
        ..HdlcSettings::standard(17)
    };
    let mut link: HdlcLink = HdlcLink::new(settings);
    let mut lent = vec![0; LONG * 40];
    let settings = Settings {
        receive_max,
        ..Settings::public(16, 1, conformance)
    };
    let framing = Framing::Hdlc(Address::Four(1, 17), limits);
    let mut client = Client::new(settings, framing, PATIENCE, 1, &mut lent);
    let mut sent = 0;
    let mut run = |command: Command<'_>, sent: &mut usize| {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        client
            .start(Instant::START, command, &mut |it| up.extend_from_slice(it))
            .expect("it can");
        loop {
            *sent += up.len();
            link.receive(Instant::START, &up, &mut meter, &mut |it| down.extend_from_slice(it));
            up.clear();
            *sent += down.len();
            let done = client.receive(Instant::START, &down, &mut |it| up.extend_from_slice(it));
            down.clear();
            if done.expect("answers") {
                let Some(Outcome::Value(Ok(value))) = client.outcome() else {
                    return 0;
                };
                return value.len();
            }
        }
    };
    run(Command::Associate, &mut sent);
    sent = 0;
    let payload = run(Command::Get(long_buffer()), &mut sent);
    println!(
        "  {name:<46} {:>5.1} % of the line, {:>7.1} s",
        100.0 * payload as f64 / sent as f64,
        sent as f64 * 10.0 / 9_600.0
    );
}

fn main() {
    let register = AttributeDescriptor::new(3, PeerObis::new(1, 0, 1, 8, 0, 255), 2);
    let profile = AttributeDescriptor::new(7, PeerObis::new(1, 0, 1, 1, 0, 255), 2);
    println!("octets in, octets out, one core, no socket; {ROUNDS} rounds in turn");
    race("GET, plain", "GET", 1.0, register, false, GETS);
    race("GET, sealed (suite 0)", "GET", 1.0, register, true, GETS / 2);
    race(
        "20 rows of 38 octets, plain",
        "row",
        SHORT as f64,
        profile,
        false,
        GETS / 4,
    );
    race(
        "20 rows of 38 octets, sealed",
        "row",
        SHORT as f64,
        profile,
        true,
        GETS / 16,
    );
    stream();

    println!("octets of a row of clock, status and 4 x u32 on the wire, 1 000 rows");
    let thousand = rows(1_000);
    for form in [RowForm::Plain, RowForm::NullData, RowForm::CompactArray, RowForm::Delta] {
        let octets = buffer(form, &thousand);
        let whole = Reader::new(&octets).skip_value().map(<[u8]>::len);
        assert_eq!(whole, Ok(octets.len()), "one whole value");
        let goal = if form == RowForm::Delta { " (goal 14)" } else { "" };
        let octets_a_row = octets.len() as f64 / 1_000.0;
        println!("  {:<14} {octets_a_row:>6.2}{goal}", format!("{form:?}"));
    }

    println!(
        "rows of a buffer of 380 kB over HDLC at 9600 bit/s, 8N1, suite none (goal 95 % with PDUs of 2 kB or general blocks)"
    );
    let general = Conformance::GET.with(Conformance::GENERAL_BLOCK_TRANSFER);
    line("PDUs of 2 kB, frames of 2030, window 1", blocks(), 2_048, 2_030, 1);
    line("PDUs of 2 kB, frames of 2030, window 7", blocks(), 2_048, 2_030, 7);
    line(
        "general blocks of 1 kB, frames of 2030, window 7",
        general,
        1_024,
        2_030,
        7,
    );
    line(
        "general blocks of 2 kB, frames of 2030, window 7",
        general,
        2_048,
        2_030,
        7,
    );
    line("PDUs of 1024, frames of 128, window 1", blocks(), 1_024, 128, 1);
    line("PDUs of 1024, frames of 1024, window 1", blocks(), 1_024, 1_024, 1);

    println!("octets of RAM, buffers for PDUs of 2048 included");
    println!("  session, which is one association    {:>6}", size_of::<Session>());
    println!("  TCP link with one place              {:>6}", size_of::<WrapperLink>());
    let more = size_of::<WrapperLink<2>>() - size_of::<WrapperLink>();
    println!("  each further association on it       {more:>6}");
    println!("  HDLC line with one place             {:>6}", size_of::<HdlcLink>());
    // Each session has a buffer for each direction; a line has one for a frame of 2030 octets of information beside them.
    let shorter = size_of::<HdlcLink>() - 2 * (PDU_MAX - 1_024);
    println!("  the same line, were PDUs 1024 long   {shorter:>6} (goal 8192)");
}
