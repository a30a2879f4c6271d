//! Wires that lose, double, flip, cut and invent octets, in virtual time: thousands of conversations, each with a seed that is
//! printed when it fails.
//!
//! `FERRARIS_LOSSY_SEEDS=100000 cargo test --release -p ferraris-dlms --test lossy` walks more of them.

mod device;
mod pair;

use base::Instant;
use device::{ECHO, SERVICES, register};
use ferraris_dlms::client::{Client, ClientError, Command, Framing, Outcome, Patience, Settings};
use ferraris_dlms::hdlc::{Address, Limits};
use ferraris_dlms::server::{HdlcLink, HdlcSettings};
use pair::{Dice, Faults, PATIENCE, Pair, Secrets, Transport, whole};

fn seeds() -> u64 {
    let asked = std::env::var("FERRARIS_LOSSY_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok());
    asked.unwrap_or(3_000)
}

/// A value read, written, sent through a method, and the association released; what came must be what was there, and
/// nothing may happen twice.
fn talk(pair: &mut Pair<'_>, length: usize) -> Result<(), ClientError> {
    pair.run(Command::Associate)?;
    let value = pair.device.put_long(10, length);
    pair.run(Command::Get(whole(register(10))))?;
    assert_eq!(pair.client.outcome(), Some(Outcome::Value(Ok(&value))));
    pair.device.put_long(10, 3);
    pair.run(Command::Set(whole(register(10)), &value))?;
    assert_eq!(pair.client.outcome(), Some(Outcome::Written(Ok(()))));
    assert_eq!(pair.device.objects[&register(10)], value);
    pair.device.invoked.clear();
    pair.run(Command::Act(ECHO, Some(&value)))?;
    assert_eq!(pair.device.invoked.len(), 1, "invoked once");
    pair.run(Command::Release)
}

#[test]
fn thousands_of_faulty_lines_cost_time_and_nothing_else() {
    let secrets = Secrets::new();
    let associations = secrets.associations();
    let patience = Patience {
        retries: 60,
        ..PATIENCE
    };
    for seed in 1..=seeds() {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (name, settings) = &associations[dice.roll(8) as usize];
        let size = [32, 64, 128, 250, 1024, 2030][dice.roll(6) as usize];
        let window = u8::try_from(1 + dice.roll(7)).expect("small");
        let mut rate = |most: u32| dice.roll(3) / 2 * dice.roll(most);
        let faults = Faults {
            lost: rate(150),
            doubled: rate(100),
            flipped: rate(150),
            cut: rate(150),
            noise: rate(150),
        };
        let length = dice.roll(1400) as usize;
        let story = format!("seed {seed}: {name}, {length} octets in frames of {size}, window {window}, {faults:?}");
        let mut lent = vec![0; 4096];
        let mut pair = Pair::new(Transport::Hdlc(size, window), settings.clone(), patience, &mut lent);
        pair.dice = dice;
        pair.faults = faults;
        let told = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| talk(&mut pair, length)));
        assert!(matches!(told, Ok(Ok(()))), "{story}: {told:?}");
    }
}

/// Lets the client say `command` and carries octet by octet until `budget` octets were carried, in both directions; true
/// when the command finished.
fn carry(pair: &mut Pair<'_>, command: Command<'_>, budget: &mut usize) -> Result<bool, ClientError> {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    pair.client
        .start(pair.now, command, &mut |octets| up.extend_from_slice(octets))?;
    loop {
        for octet in core::mem::take(&mut up) {
            if *budget == 0 {
                return Ok(false);
            }
            *budget -= 1;
            let mut out = |octets: &[u8]| down.extend_from_slice(octets);
            let taken = pair.link.receive(pair.now, &[octet], &mut pair.device, &mut out);
            assert_eq!(taken, Ok(()));
        }
        for octet in core::mem::take(&mut down) {
            if *budget == 0 {
                return Ok(false);
            }
            *budget -= 1;
            let finished = pair
                .client
                .receive(pair.now, &[octet], &mut |octets| up.extend_from_slice(octets))?;
            if finished {
                return Ok(true);
            }
        }
        assert!(!up.is_empty(), "on a perfect line nobody waits");
    }
}

#[test]
fn a_connection_cut_at_each_octet_leaves_both_sides_whole() {
    let secrets = Secrets::new();
    let mut associations = secrets.associations();
    let chosen = [associations.remove(4), associations.remove(0)];
    for transport in [Transport::Wrapper, Transport::Hdlc(64, 3)] {
        for (name, settings) in &chosen {
            let settings = Settings {
                receive_max: 120,
                ..settings.clone()
            };
            let mut cut = 0;
            loop {
                let mut lent = vec![0; 4096];
                let mut pair = Pair::new(transport, settings.clone(), PATIENCE, &mut lent);
                let value = pair.device.put_long(10, 200);
                let mut budget = cut;
                let commands = [Command::Associate, Command::Get(whole(register(10))), Command::Release];
                let mut complete = true;
                for command in commands {
                    if !carry(&mut pair, command, &mut budget).expect("nothing wrong was carried") {
                        complete = false;
                        break;
                    }
                }
                // The connection goes; both sides see it, and begin anew.
                pair.link.lost(&mut pair.device);
                pair.client.lost();
                assert_eq!(pair.link.session().caller(), None, "{name} cut after {cut} octets");
                pair.run(Command::Associate).expect("the association is granted again");
                pair.run(Command::Get(whole(register(10)))).expect("it is read");
                assert_eq!(
                    pair.client.outcome(),
                    Some(Outcome::Value(Ok(&value))),
                    "{name} over {transport:?} cut after {cut} octets"
                );
                if complete {
                    assert!(100 < cut, "the whole conversation was walked");
                    break;
                }
                cut += 1;
            }
        }
    }
}

#[test]
fn garbage_in_a_wrapped_stream_ends_the_connection_and_the_next_one_is_served() {
    let secrets = Secrets::new();
    let associations = secrets.associations();
    let mut ended = 0;
    for seed in 1..=seeds() {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (name, settings) = &associations[dice.roll(8) as usize];
        let mut lent = vec![0; 4096];
        let mut pair = Pair::new(Transport::Wrapper, settings.clone(), PATIENCE, &mut lent);
        let value = pair.device.put_long(10, 300);
        pair.run(Command::Associate).expect("the association is granted");
        // Octets that nobody sent, to either side.
        let length = dice.roll(40);
        let noise: Vec<u8> = (0..length)
            .map(|_| u8::try_from(dice.roll(256)).expect("an octet"))
            .collect();
        let (server_hears, mut answers) = (dice.roll(2) == 0, 0);
        if server_hears {
            let taken = pair
                .link
                .receive(pair.now, &noise, &mut pair.device, &mut |_| answers += 1);
            if taken.is_err() {
                ended += 1;
                assert_eq!(
                    pair.link.session().caller(),
                    None,
                    "seed {seed}: a closed link has no association"
                );
            }
        } else {
            let _wrong = pair.client.receive(pair.now, &noise, &mut |_| answers += 1);
        }
        assert!(answers <= 1, "seed {seed}");
        pair.link.lost(&mut pair.device);
        pair.client.lost();
        pair.run(Command::Associate).expect("the association is granted again");
        pair.run(Command::Get(whole(register(10)))).expect("it is read");
        assert_eq!(
            pair.client.outcome(),
            Some(Outcome::Value(Ok(&value))),
            "seed {seed}: {name}, {noise:02X?}"
        );
    }
    assert!(seeds() / 4 < ended, "{ended} connections were closed");
}

#[test]
fn thirty_one_meters_on_one_faulty_bus_are_read_one_after_the_other() {
    // C4: physical addresses for 31 stations; every station hears everything, its own frames and the others' too.
    const METERS: u16 = 31;
    for seed in 1..=6_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut stations: Vec<_> = (0..METERS)
            .map(|number| {
                let link = HdlcLink::<1>::new(HdlcSettings::standard(16 + number));
                let mut device = device::Device::new();
                let value = device.put_long(10, 300 + usize::from(number));
                (link, device, value)
            })
            .collect();
        for number in 0..METERS {
            let meter = match number % 3 {
                0 => Address::Two(1, u8::try_from(16 + number).expect("small")),
                _ => Address::Four(1, 16 + number),
            };
            let patience = Patience {
                retries: 60,
                ..PATIENCE
            };
            let framing = Framing::Hdlc(meter, Limits::DEFAULT);
            let mut lent = vec![0; 4096];
            let settings = Settings::public(16, 1, SERVICES);
            let mut client = Client::new(settings, framing, patience, 1, &mut lent);
            let mut now = Instant::START;
            for command in [Command::Associate, Command::Get(whole(register(10))), Command::Release] {
                let mut up = Vec::new();
                client
                    .start(now, command, &mut |it| up.push(it.to_vec()))
                    .expect("it is sent");
                'command: loop {
                    if up.is_empty() {
                        now = client.deadline().max(now);
                        client
                            .elapse(now, &mut |it| up.push(it.to_vec()))
                            .expect("patience is not over");
                    }
                    let mut bus = core::mem::take(&mut up);
                    let mut from_client = bus.len();
                    let mut said = Vec::new();
                    while !bus.is_empty() {
                        let mut frame = bus.remove(0);
                        let ours = 0 < from_client;
                        from_client = from_client.saturating_sub(1);
                        if dice.roll(100) < 5 {
                            let at = dice.roll(u32::try_from(frame.len()).expect("short")) as usize;
                            frame[at] ^= 0x10;
                        }
                        for (who, (link, device, _)) in stations.iter_mut().enumerate() {
                            let mut answers = 0;
                            link.receive(now, &frame, device, &mut |it| {
                                answers += 1;
                                bus.push(it.to_vec());
                            });
                            let addressed = usize::from(number) == who;
                            assert!(
                                answers == 0 || (ours && addressed),
                                "seed {seed}: meter {who} spoke for {number}"
                            );
                        }
                        if !ours {
                            said.push(frame);
                        }
                    }
                    for frame in said {
                        if client
                            .receive(now, &frame, &mut |it| up.push(it.to_vec()))
                            .expect("by the rules")
                        {
                            break 'command;
                        }
                    }
                }
                if let Command::Get(_) = command {
                    let value = &stations[usize::from(number)].2;
                    assert_eq!(
                        client.outcome(),
                        Some(Outcome::Value(Ok(value))),
                        "seed {seed}: meter {number}"
                    );
                }
            }
        }
    }
}
