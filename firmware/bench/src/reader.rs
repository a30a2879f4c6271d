//! Our own client on a line of a board, or on a meter of the host.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;

use base::{Instant, Micros};
use cosem::{Attribute, Obis, Selection};
use dlms::apdu::Item;
use dlms::client::{Client, ClientError, Command, Credentials, Framing, Outcome, Patience, Settings};
use dlms::hdlc::{Address, Limits};
use dlms::initiate::Conformance;
use dlms::security::{Challenge, Key, Keys, Protection, Suite};
use dlms::server::{Link, WrapperLink};

use crate::desk::{self, HostMeter};

/// As whom it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The public client.
    Public,
    /// The management client with its password.
    Password,
    /// The management client with GMAC; everything sealed. The counter is the first that it uses.
    Sealed(u32),
}

/// How the octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HDLC.
    Hdlc,
    /// The wrapper.
    Wrapper,
}

/// Why a command came to nothing.
#[derive(Debug)]
pub enum ReadError {
    /// The client says why.
    Client(ClientError),
    /// The line says why.
    Line(std::io::Error),
    /// The meter refused with a data-access-result.
    Access(cosem::AccessError),
    /// Something else came back.
    Outcome,
}

/// The other end of the line.
pub enum Wire<'w> {
    /// A board in QEMU.
    Board(TcpStream),
    /// A meter of the host.
    Host(&'w mut HostMeter, Box<Link>),
}

/// What a client is made of; it outlives the client.
pub struct Identity {
    role: Role,
    encryption: Key,
    authentication: Key,
    lent: Vec<u8>,
}

/// A client with its line.
pub struct Reader<'i, 'w> {
    client: Client<'i>,
    wire: Wire<'w>,
}

impl Identity {
    /// The client of a meter on a desk.
    ///
    /// # Panics
    /// Never: the keys fit.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            role,
            encryption: Key::new(&desk::ENCRYPTION_KEY).expect("16 octets are a key"),
            authentication: Key::new(&desk::AUTHENTICATION_KEY).expect("16 octets are a key"),
            lent: vec![0; 128 * 1024],
        }
    }

    /// Connects and associates.
    ///
    /// # Errors
    /// What stood in the way.
    pub fn associate<'i, 'w>(&'i mut self, transport: Transport, wire: Wire<'w>) -> Result<Reader<'i, 'w>, ReadError> {
        let public = Settings::public(if self.role == Role::Public { 16 } else { 1 }, 1, SERVICES);
        let keys = Keys {
            suite: Suite::Zero,
            encryption: &self.encryption,
            authentication: &self.authentication,
        };
        let (settings, counter) = match self.role {
            Role::Public => (public, 0),
            Role::Password => (public.with_password(desk::PASSWORD), 0),
            Role::Sealed(counter) => {
                let challenge = Challenge::new(&[0x5A; 16]).ok_or(ReadError::Outcome)?;
                let sealed = public.ciphered(*b"FRC\x00\x00\x00\x00\x01", keys, Protection::BOTH);
                (
                    Settings {
                        credentials: Credentials::Gmac(challenge),
                        ..sealed
                    },
                    counter,
                )
            }
        };
        let framing = match transport {
            Transport::Wrapper => Framing::Wrapper,
            Transport::Hdlc => Framing::Hdlc(Address::Two(1, 17), limits()),
        };
        let patience = Patience {
            answer: Micros::from_secs(20),
            retries: 0,
        };
        let client = Client::new(settings, framing, patience, counter, &mut self.lent);
        let mut reader = Reader { client, wire };
        match reader.run(Command::Associate)? {
            Outcome::Associated => Ok(reader),
            _ => Err(ReadError::Outcome),
        }
    }
}

impl Wire<'_> {
    /// A line of a board.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn to(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self::Board(stream))
    }
}

impl<'w> Wire<'w> {
    /// A new connection with a meter of the host.
    #[must_use]
    pub fn host(meter: &'w mut HostMeter) -> Self {
        Self::Host(
            meter,
            Box::new(Link::Wrapper(WrapperLink::new(Instant::START, Micros::MAX))),
        )
    }
}

impl Reader<'_, '_> {
    /// Reads an attribute: its A-XDR.
    ///
    /// # Errors
    /// What stood in the way, the meter's refusal among it.
    pub fn read(&mut self, class_id: u16, name: &'static str, attribute: i8) -> Result<Vec<u8>, ReadError> {
        match self.run(Command::Get(item(class_id, name, attribute)))? {
            Outcome::Value(Ok(value)) => Ok(value.to_vec()),
            Outcome::Value(Err(refusal)) => Err(ReadError::Access(refusal)),
            _ => Err(ReadError::Outcome),
        }
    }

    /// Writes an attribute; once this answers, it is acknowledged.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn write(&mut self, class_id: u16, name: &'static str, attribute: i8, value: &[u8]) -> Result<(), ReadError> {
        match self.run(Command::Set(item(class_id, name, attribute), value))? {
            Outcome::Written(Ok(())) => Ok(()),
            Outcome::Written(Err(refusal)) => Err(ReadError::Access(refusal)),
            _ => Err(ReadError::Outcome),
        }
    }

    /// Ends the association.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn release(mut self) -> Result<(), ReadError> {
        self.run(Command::Release).map(|_| ())
    }

    /// The number that the next sealed message will have.
    #[must_use]
    pub const fn next_counter(&self) -> u32 {
        self.client.next_counter()
    }

    fn run(&mut self, command: Command<'_>) -> Result<Outcome<'_>, ReadError> {
        let Self { client, wire } = self;
        let mut asked = Vec::new();
        client
            .start(Instant::START, command, &mut |octets| asked.extend_from_slice(octets))
            .map_err(ReadError::Client)?;
        loop {
            let answer = wire.exchange(&asked).map_err(ReadError::Line)?;
            asked.clear();
            let finished = client.receive(Instant::START, &answer, &mut |octets| asked.extend_from_slice(octets));
            if finished.map_err(ReadError::Client)? {
                return self.client.outcome().ok_or(ReadError::Outcome);
            }
        }
    }
}

impl Wire<'_> {
    /// Sends octets and answers some that come.
    fn exchange(&mut self, asked: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Board(stream) => {
                stream.write_all(asked)?;
                let mut piece = [0; 4_096];
                let count = stream.read(&mut piece)?;
                if count == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                Ok(piece.get(..count).unwrap_or(&[]).to_vec())
            }
            Self::Host(meter, link) => {
                let answer = meter.receive(link, asked);
                if answer.is_empty() {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                Ok(answer)
            }
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => write!(f, "{error}"),
            Self::Line(error) => write!(f, "line: {error}"),
            Self::Access(refusal) => write!(f, "refused: {refusal}"),
            Self::Outcome => f.write_str("not the answer that was due"),
        }
    }
}

impl core::error::Error for ReadError {}

const fn item(class_id: u16, name: &'static str, attribute: i8) -> Item<'static> {
    Item {
        attribute: Attribute::new(class_id, Obis::new(name), attribute),
        selection: Selection::Whole,
    }
}

fn limits() -> Limits {
    let mut limits = Limits::DEFAULT;
    (limits.transmit, limits.receive) = (1_024, 1_024);
    limits
}

const SERVICES: Conformance = Conformance::GET
    .with(Conformance::SET)
    .with(Conformance::ACTION)
    .with(Conformance::SELECTIVE_ACCESS)
    .with(Conformance::BLOCKS_WITH_GET)
    .with(Conformance::BLOCKS_WITH_SET);
