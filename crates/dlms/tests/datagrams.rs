//! UDP that loses datagrams, and delivers them twice or too late, in virtual time (IEC 62056-4-7; issue 5, 3).
//!
//! DLMS repeats nothing over UDP: what is lost costs the association at most. A client that begins anew gets everything, and
//! never a value that is not there.

mod device;
mod pair;

use base::{Instant, Micros};
use device::{Device, register};
use ferraris_dlms::client::{Client, ClientError, Command, Framing, Outcome, Settings};
use ferraris_dlms::server::{DataLink, DatagramLink};
use pair::{Dice, PATIENCE, Secrets, whole};

const SEEDS: u64 = 400;

/// Client and server with a network between them.
struct Network<'b> {
    client: Client<'b>,
    link: DatagramLink,
    device: Device,
    now: Instant,
    dice: Dice,
    /// Datagrams of 1000 that are lost.
    lost: u32,
    /// Datagrams of 1000 that come twice, the second time later.
    doubled: u32,
    /// What comes later: to the server (true) or the client.
    late: Vec<(bool, Vec<u8>)>,
}

impl<'b> Network<'b> {
    fn new(settings: Settings<'b>, dice: Dice, lent: &'b mut [u8]) -> Self {
        Self {
            client: Client::new(settings, Framing::Wrapper, PATIENCE, 1, lent),
            link: DatagramLink::new(Instant::START, Micros::from_secs(3600)),
            device: Device::new(),
            now: Instant::START,
            dice,
            lost: 0,
            doubled: 0,
            late: Vec::new(),
        }
    }

    /// Runs a command to its end.
    fn run(&mut self, command: Command<'_>) -> Result<(), ClientError> {
        let mut sent = core::mem::take(&mut self.late);
        self.client
            .start(self.now, command, &mut |octets| sent.push((true, octets.to_vec())))?;
        for _ in 0..100_000 {
            if sent.is_empty() {
                self.now = self.client.deadline().max(self.now);
                self.client
                    .elapse(self.now, &mut |octets| sent.push((true, octets.to_vec())))?;
            }
            for (to_server, datagram) in core::mem::take(&mut sent) {
                if self.dice.roll(1000) < self.doubled {
                    self.late.push((to_server, datagram.clone()));
                }
                if self.dice.roll(1000) < self.lost {
                    continue;
                }
                if to_server {
                    let mut out = |octets: &[u8]| sent.push((false, octets.to_vec()));
                    let closed = self.link.receive(self.now, &datagram, &mut self.device, &mut out);
                    assert_eq!(closed, Ok(()), "a datagram closes nothing");
                } else if self
                    .client
                    .receive(self.now, &datagram, &mut |octets| sent.push((true, octets.to_vec())))?
                {
                    self.late.append(&mut sent);
                    return Ok(());
                }
            }
            self.now = self.now + Micros::from_millis(1);
        }
        panic!("the conversation has no end");
    }

    /// Reads and writes; false when the meter gave a transfer up, as it must when a block comes twice.
    fn talk(&mut self, value: &[u8]) -> Result<bool, ClientError> {
        let _other = self.device.put_long(11, 3);
        self.run(Command::Associate)?;
        self.run(Command::Get(whole(register(10))))?;
        match self.client.outcome() {
            Some(Outcome::Value(Ok(read))) => assert_eq!(read, value, "the value that is there"),
            Some(Outcome::Value(Err(_given_up))) => return Ok(false),
            other => panic!("{other:?} is no answer to GET"),
        }
        self.run(Command::Set(whole(register(11)), value))?;
        match self.client.outcome() {
            Some(Outcome::Written(Ok(()))) => {
                assert_eq!(
                    self.device.objects[&register(11)],
                    value,
                    "what was said to be written is"
                );
            }
            Some(Outcome::Written(Err(_given_up))) => return Ok(false),
            other => panic!("{other:?} is no answer to SET"),
        }
        self.run(Command::Release)?;
        Ok(true)
    }
}

#[test]
fn losses_and_doubles_over_udp_cost_the_association_and_no_value() {
    let secrets = Secrets::new();
    let associations = secrets.associations();
    let (mut broken, mut whole_at_once) = (0, 0);
    for seed in 1..=SEEDS {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (name, settings) = &associations[dice.roll(8) as usize];
        let (lost, doubled, length) = (dice.roll(60), dice.roll(100), dice.roll(1400) as usize);
        let story = format!("seed {seed}: {name}, {length} octets, of 1000 {lost} lost, {doubled} doubled");
        let mut lent = vec![0; 8192];
        let mut network = Network::new(settings.clone(), dice, &mut lent);
        let value = network.device.put_long(10, length);
        let _same = network.device.put_long(11, 3);
        (network.lost, network.doubled) = (lost, doubled);
        let told = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            for attempt in 0..1000 {
                match network.talk(&value) {
                    Ok(true) => return attempt,
                    Ok(false) | Err(_) => network.client.lost(),
                }
            }
            panic!("no attempt went through")
        }));
        let attempts = told.unwrap_or_else(|_| panic!("{story}"));
        broken += attempts;
        whole_at_once += u32::from(attempts == 0);
    }
    assert!(
        0 < broken && 0 < whole_at_once,
        "{broken} broken, {whole_at_once} whole at once"
    );
}
