//! The server read by a client that we did not write, without a socket: the crate `dlms-cosem-rs`.

mod device;

use cosem::Method;
use device::{AUTHENTICATION, CLIENT_TITLE, Device, ECHO, ENCRYPTION, PASSWORD, register};
use dlms_cosem_rs::acse::AuthMechanism;
use dlms_cosem_rs::axdr::Data;
use dlms_cosem_rs::client::{AssociationStep, BlockCollector, ClientConfig, ClientSession, Response};
use dlms_cosem_rs::codec::{Decode, Result as PeerResult};
use dlms_cosem_rs::obis::Obis as PeerObis;
use dlms_cosem_rs::security::{
    KeyRing, RandomSource, RustCryptoProvider, Secret, SecurityPolicy, SecuritySuite, SystemTitle,
};
use dlms_cosem_rs::xdlms::{
    AttributeDescriptor, AttributeDescriptorWithSelection, Conformance, DataAccessResult, MethodDescriptor,
};
use ferraris_dlms::server::{Peer, SecurityEvent, Session};

struct Chance;

impl RandomSource for Chance {
    fn fill(&self, out: &mut [u8]) -> PeerResult<()> {
        out.fill(0x5A);
        Ok(())
    }
}

/// The peer's client joined to our session.
struct Pair {
    client: ClientSession<RustCryptoProvider<Chance>>,
    peer: Peer,
    session: Session,
    device: Device,
}

fn attribute(number: u8) -> AttributeDescriptor {
    AttributeDescriptor::new(3, PeerObis::new(1, 0, number, 8, 0, 255), 2)
}

fn method(method: Method) -> MethodDescriptor {
    let [a, b, c, d, e, f] = method.name.octets();
    MethodDescriptor::new(method.class_id, PeerObis::new(a, b, c, d, e, f), method.index)
}

impl Pair {
    fn new(mechanism: AuthMechanism, ciphered: bool, max_pdu_size: u16) -> Self {
        let client_sap = if mechanism == AuthMechanism::None { 16 } else { 1 };
        let config = ClientConfig {
            client_sap,
            system_title: ciphered.then_some(SystemTitle::new(CLIENT_TITLE)),
            mechanism,
            password: (mechanism == AuthMechanism::Low).then(|| Secret::new(PASSWORD).expect("short")),
            security: if ciphered {
                SecurityPolicy::authenticated_encrypted(SecuritySuite::Suite0)
            } else {
                SecurityPolicy::NONE
            },
            max_pdu_size,
            conformance: Conformance::CLIENT_DEFAULT
                | Conformance::BLOCK_TRANSFER_WITH_SET_OR_WRITE
                | Conformance::BLOCK_TRANSFER_WITH_ACTION
                | Conformance::MULTIPLE_REFERENCES,
            ..Default::default()
        };
        let provider = RustCryptoProvider::with_rng(KeyRing::new(ENCRYPTION, AUTHENTICATION), Chance);
        let peer = Peer {
            client: u16::from(client_sap),
            server: 1,
        };
        Self {
            client: ClientSession::new(config, provider),
            peer,
            session: Session::new(),
            device: Device::new(),
        }
    }

    fn ask(&mut self, pdu: &[u8]) -> Vec<u8> {
        self.session.inbox()[..pdu.len()].copy_from_slice(pdu);
        assert!(
            self.session.serve(self.peer, pdu.len(), &mut self.device),
            "it is answered"
        );
        self.session.answer().to_vec()
    }

    fn associate(&mut self) {
        let mut request = [0; 1024];
        let length = self.client.associate_request(&mut request).expect("it fits");
        let answer = self.ask(&request[..length]);
        match self.client.handle_associate_response(&answer).expect("an AARE") {
            AssociationStep::Established => {}
            AssociationStep::HlsReplyRequired => {
                let length = self.client.hls_reply_request(&mut request).expect("it fits");
                let answer = self.ask(&request[..length]);
                let step = self.client.handle_hls_reply_response(&answer).expect("an answer");
                assert_eq!(step, AssociationStep::Established);
            }
            other => panic!("refused: {other:?} {}", device::hex(&answer)),
        }
    }

    /// What an attribute holds, put together from blocks when it is long.
    fn get(&mut self, number: u8) -> Result<Vec<u8>, DataAccessResult> {
        let mut request = [0; 1024];
        let length = self
            .client
            .get_request(attribute(number), None, &mut request)
            .expect("it fits");
        let answer = self.ask(&request[..length]);
        self.gather(answer, |client, number, request| {
            client.get_next_block_request(number, request).expect("it fits")
        })
    }

    fn gather(
        &mut self,
        mut answer: Vec<u8>,
        next: impl Fn(&mut ClientSession<RustCryptoProvider<Chance>>, u32, &mut [u8]) -> usize,
    ) -> Result<Vec<u8>, DataAccessResult> {
        let mut request = [0; 1024];
        let mut storage = vec![0; 65536];
        let mut blocks = BlockCollector::new(&mut storage);
        let mut plain = [0; 4096];
        loop {
            let last_number = match self.client.handle_response(&answer, &mut plain).expect("an answer") {
                Response::Block { last, number, data } => {
                    blocks.push(number, data).expect("the block that is due");
                    if last {
                        return Ok(blocks.bytes().to_vec());
                    }
                    number
                }
                Response::Data(value) | Response::ActionResult { value: Some(value), .. } => {
                    return Ok(octets_of(&value).to_vec());
                }
                Response::DataError(error) => return Err(error),
                other => panic!("not a value: {other:?}"),
            };
            let length = next(&mut self.client, last_number, &mut request);
            answer = self.ask(&request[..length]);
        }
    }
}

/// The octets of an octet-string, with or without its tag.
fn octets_of<'a>(value: &Data<'a>) -> &'a [u8] {
    value.as_bytes().expect("an octet-string")
}

// interop: our meter | no mechanism | dlms-cosem-rs
// interop: our meter | lists | dlms-cosem-rs
#[test]
fn a_foreign_rust_client_reads_writes_and_invokes_in_every_association() {
    for (mechanism, ciphered) in [
        (AuthMechanism::None, false),
        (AuthMechanism::Low, false),
        (AuthMechanism::Low, true),
        (AuthMechanism::HighGmac, true),
    ] {
        for size in [128, 300, 1024] {
            println!("{mechanism:?}, ciphered {ciphered}, PDUs of {size}");
            let mut pair = Pair::new(mechanism, ciphered, size);
            pair.device.receive_max = size;
            pair.device.step = 100;
            pair.associate();

            // A short value, a long one, none at all.
            let value = pair.device.put_long(10, 20);
            assert_eq!(pair.get(10), Ok(value[2..].to_vec()));
            let value = pair.device.put_long(10, 3000);
            assert_eq!(pair.get(10), Ok(value));
            assert_eq!(pair.get(99), Err(DataAccessResult::ObjectUndefined));

            // Several at once.
            let mut request = [0; 1024];
            let mut plain = [0; 4096];
            let items = [1, 99, 2].map(|it| AttributeDescriptorWithSelection {
                descriptor: attribute(it),
                access: None,
            });
            let length = pair
                .client
                .get_request_with_list(&items, &mut request)
                .expect("it fits");
            let answer = pair.ask(&request[..length]);
            let Response::DataList(results) = pair.client.handle_response(&answer, &mut plain).expect("an answer")
            else {
                panic!("a list")
            };
            let results: Vec<_> = results
                .iter()
                .map(|result| result.expect("whole").value().map(|value| value.as_u64()))
                .collect();
            assert_eq!(
                results,
                [Ok(Some(5009)), Err(DataAccessResult::ObjectUndefined), Ok(Some(0x1234))]
            );

            // A long SET, block by block.
            let value = pair.device.put_long(10, 1500);
            pair.device.put_long(10, 1);
            let mut sender = pair
                .client
                .set_transfer(attribute(10), None, &value)
                .expect("negotiated");
            while !sender.is_done() {
                let length = pair
                    .client
                    .next_block_request(&mut sender, &mut request)
                    .expect("it fits");
                let answer = pair.ask(&request[..length]);
                match pair.client.handle_response(&answer, &mut plain).expect("an answer") {
                    Response::BlockAccepted { .. } => assert!(!sender.is_done()),
                    Response::Ok => assert!(sender.is_done()),
                    other => panic!("not taken: {other:?}"),
                }
            }
            assert_eq!(pair.device.objects.get(&register(10)), Some(&value));

            // A long ACTION there and back.
            let mut sender = pair.client.action_transfer(method(ECHO), &value).expect("negotiated");
            let mut answer = Vec::new();
            while !sender.is_done() {
                let length = pair
                    .client
                    .next_block_request(&mut sender, &mut request)
                    .expect("it fits");
                answer = pair.ask(&request[..length]);
                if !sender.is_done() {
                    let taken = pair.client.handle_response(&answer, &mut plain).expect("an answer");
                    assert!(matches!(taken, Response::BlockAccepted { .. }), "{taken:?}");
                }
            }
            let returned = pair.gather(answer, |client, number, request| {
                client.action_next_block_request(number, request).expect("it fits")
            });
            assert_eq!(returned.as_deref(), Ok(&value[..]));
            Data::from_bytes(&value).expect("the peer reads it as a value");

            let length = pair.client.release_request(&mut request).expect("it fits");
            let answer = pair.ask(&request[..length]);
            pair.client.handle_response(&answer, &mut plain).expect("an RLRE");
            assert_eq!(
                pair.device.events.last().map(|(_, event)| *event),
                Some(SecurityEvent::Released)
            );
        }
    }
}
