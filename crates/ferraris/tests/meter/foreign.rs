//! A client that we did not write: the crate `dlms-cosem-rs` over TCP.

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use dlms_cosem_rs::acse::AuthMechanism;
use dlms_cosem_rs::axdr::Data;
use dlms_cosem_rs::client::{AssociationStep, BlockCollector, ClientConfig, ClientSession, Response};
use dlms_cosem_rs::codec::Encode;
use dlms_cosem_rs::obis::Obis;
use dlms_cosem_rs::security::{
    KeyRing, RandomSource, RustCryptoProvider, Secret, SecurityPolicy, SecuritySuite, SystemTitle,
};
use dlms_cosem_rs::transport::wrapper::{StreamReassembler, Wpdu};
use dlms_cosem_rs::xdlms::{AttributeDescriptor, MethodDescriptor};
use serde_json::Value;

/// Its challenge; predictable, which is the test's own risk.
struct Counting;

impl RandomSource for Counting {
    fn fill(&self, out: &mut [u8]) -> dlms_cosem_rs::codec::Result<()> {
        for (octet, value) in out.iter_mut().zip(0xA0..) {
            *octet = value;
        }
        Ok(())
    }
}

/// A client on its connection.
pub(crate) struct ForeignClient {
    session: ClientSession<RustCryptoProvider<Counting>>,
    stream: TcpStream,
    buffered: Vec<u8>,
    client: u16,
}

impl ForeignClient {
    /// Client 16, without security.
    pub(crate) fn public(address: &str) -> Self {
        Self::new(
            address,
            ClientConfig {
                client_sap: 16,
                ..Default::default()
            },
            KeyRing::default(),
        )
    }

    /// Client 1 with a password.
    pub(crate) fn with_password(address: &str, password: &str) -> Self {
        let config = ClientConfig {
            client_sap: 1,
            mechanism: AuthMechanism::Low,
            password: Some(Secret::new(password.as_bytes()).expect("it fits")),
            ..Default::default()
        };
        Self::new(address, config, KeyRing::default())
    }

    /// Client 1 with keys: HLS-GMAC, suite 0, authenticated encryption. `used` is the last invocation counter that was used.
    pub(crate) fn with_keys(address: &str, keys: &Value, used: u32) -> Self {
        let key = |name: &str| {
            let text = keys[name].as_str().expect("a key");
            let octet = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hexadecimal");
            core::array::from_fn(octet)
        };
        let config = ClientConfig {
            client_sap: 1,
            mechanism: AuthMechanism::HighGmac,
            system_title: Some(SystemTitle::new(*b"MMM\x00\x00\x00\x00\x01")),
            security: SecurityPolicy::authenticated_encrypted(SecuritySuite::Suite0),
            invocation_counter: used,
            ..Default::default()
        };
        Self::new(
            address,
            config,
            KeyRing::new(key("encryption_key"), key("authentication_key")),
        )
    }

    fn new(address: &str, config: ClientConfig, keys: KeyRing) -> Self {
        let stream = TcpStream::connect(address).expect("the meter listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(180)))
            .expect("a socket");
        let client = u16::from(config.client_sap);
        let session = ClientSession::new(config, RustCryptoProvider::with_rng(keys, Counting));
        Self {
            session,
            stream,
            buffered: Vec::new(),
            client,
        }
    }

    /// Sends an APDU and waits for one; none when the meter hangs up.
    fn exchange(&mut self, apdu: &[u8]) -> Option<Vec<u8>> {
        let mut framed = Vec::new();
        Wpdu::new(self.client, 1, apdu)
            .expect("it fits")
            .encode(&mut framed)
            .expect("a vector takes all");
        self.stream.write_all(&framed).ok()?;
        let reassembler = StreamReassembler::new(4_096);
        let mut piece = [0; 4_096];
        loop {
            if let Some((wrapped, used)) = reassembler.next_pdu(&self.buffered).expect("a wrapper") {
                let answer = wrapped.apdu.to_vec();
                self.buffered.drain(..used);
                return Some(answer);
            }
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("the meter does not answer: {error}")
                }
                Err(_) => return None,
                Ok(count) => self.buffered.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// Associates, or says why not.
    pub(crate) fn try_associate(&mut self) -> Result<(), String> {
        let mut request = [0; 1_024];
        let count = self
            .session
            .associate_request(&mut request)
            .map_err(|error| format!("{error:?}"))?;
        let answer = self.exchange(&request[..count]).ok_or("hung up")?;
        match self
            .session
            .handle_associate_response(&answer)
            .map_err(|error| format!("{error:?}"))?
        {
            AssociationStep::Established => Ok(()),
            AssociationStep::HlsReplyRequired => {
                let count = self
                    .session
                    .hls_reply_request(&mut request)
                    .map_err(|error| format!("{error:?}"))?;
                let answer = self.exchange(&request[..count]).ok_or("hung up")?;
                match self
                    .session
                    .handle_hls_reply_response(&answer)
                    .map_err(|error| format!("{error:?}"))?
                {
                    AssociationStep::Established => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            }
            other => Err(format!("{other:?}")),
        }
    }

    pub(crate) fn associate(&mut self) {
        self.try_associate().expect("an association");
    }

    /// Reads an attribute, in blocks if need be, and hands it to `look`.
    pub(crate) fn get<T>(
        &mut self,
        class: u16,
        name: &str,
        attribute: i8,
        look: impl FnOnce(Data<'_>) -> T,
    ) -> Result<T, String> {
        let mut request = [0; 1_024];
        let mut plain = vec![0; 4_096];
        let what = AttributeDescriptor::new(class, obis(name), attribute);
        let count = self.session.get_request(what, None, &mut request).expect("a request");
        let answer = self.exchange(&request[..count]).ok_or("hung up")?;
        let mut storage = vec![0; 256 << 10];
        let mut blocks = BlockCollector::new(&mut storage);
        let mut response = self.session.handle_response(&answer, &mut plain).expect("an answer");
        loop {
            match response {
                Response::Data(value) => return Ok(look(value)),
                Response::Block { last, number, data } => {
                    blocks.push(number, data).expect("in order");
                    if last {
                        return Ok(look(blocks.value().expect("a whole value")));
                    }
                    let count = self
                        .session
                        .get_next_block_request(number, &mut request)
                        .expect("a request");
                    let answer = self.exchange(&request[..count]).ok_or("hung up")?;
                    response = self.session.handle_response(&answer, &mut plain).expect("an answer");
                }
                other => return Err(format!("{other:?}")),
            }
        }
    }

    /// Invokes a method with `integer 0`.
    pub(crate) fn act(&mut self, class: u16, name: &str, method: i8) -> String {
        self.act_with(class, name, method, Data::Integer(0))
    }

    /// Invokes a method.
    pub(crate) fn act_with(&mut self, class: u16, name: &str, method: i8, parameter: Data<'_>) -> String {
        let mut request = [0; 1_024];
        let mut plain = vec![0; 1_024];
        let what = MethodDescriptor::new(class, obis(name), method);
        let count = self
            .session
            .action_request(what, Some(parameter), &mut request)
            .expect("a request");
        let answer = self.exchange(&request[..count]).expect("an answer");
        format!(
            "{:?}",
            self.session.handle_response(&answer, &mut plain).expect("an answer")
        )
    }

    /// Writes an attribute.
    pub(crate) fn set(&mut self, class: u16, name: &str, attribute: i8, value: Data<'_>) -> String {
        let mut request = [0; 1_024];
        let mut plain = vec![0; 1_024];
        let what = AttributeDescriptor::new(class, obis(name), attribute);
        let count = self
            .session
            .set_request(what, None, value, &mut request)
            .expect("a request");
        let answer = self.exchange(&request[..count]).expect("an answer");
        format!(
            "{:?}",
            self.session.handle_response(&answer, &mut plain).expect("an answer")
        )
    }

    /// The last invocation counter that the meter has accepted, as the public client reads it.
    pub(crate) fn last_counter(address: &str) -> u32 {
        let mut public = Self::public(address);
        public.associate();
        let counter = public.number(1, "0-0:43.1.0", 2);
        counter
            .and_then(|counter| u32::try_from(counter).ok())
            .expect("the public may read it")
    }

    /// 0-0:42.0.0.
    pub(crate) fn logical_device_name(&mut self) -> Vec<u8> {
        self.get(1, "0-0:42.0.0", 2, |value| {
            value.as_bytes().unwrap_or_default().to_vec()
        })
        .expect("the public may read it")
    }

    /// A number.
    pub(crate) fn number(&mut self, class: u16, name: &str, attribute: i8) -> Option<i64> {
        self.get(class, name, attribute, |value| value.as_i64())
            .expect("it can be read")
    }
}

fn obis(name: &str) -> Obis {
    let mut groups = [255; 6];
    for (group, text) in groups.iter_mut().zip(name.split(['-', ':', '.'])) {
        *group = text.parse().expect("a number");
    }
    let [a, b, c, d, e, f] = groups;
    Obis::new(a, b, c, d, e, f)
}
