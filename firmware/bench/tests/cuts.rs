//! Power cuts in the real image: inside a step of the flash, and by SIGKILL at any time. What was acknowledged is there afterwards (B4).

use core::time::Duration;
use std::sync::mpsc::{self, Sender};
use std::time::Instant;

use bench::chance::Chance;
use bench::memory::Memory;
use bench::qemu::{Board, Pace, Qemu, words};
use bench::reader::{Identity, ReadError, Reader, Role, Transport, Wire};

/// Device identifications: six values that the meter keeps.
const VALUES: [&str; 6] = [
    "0-0:96.1.1",
    "0-0:96.1.2",
    "0-0:96.1.3",
    "0-0:96.1.4",
    "0-0:96.1.5",
    "0-0:96.1.6",
];

/// How the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// In this step of the flash.
    Step(u64),
    /// While so many values of this life are acknowledged and the next one is on its way, after this time.
    Kill { acknowledged: u64, after: Duration },
}

/// What the meter has promised.
#[derive(Clone, Debug, Default)]
struct Promises {
    /// For each value what was acknowledged last, and what was asked for after that without an answer.
    values: [(Vec<u8>, Option<Vec<u8>>); VALUES.len()],
    acknowledged: u64,
    /// The greatest invocation counter that the meter has shown.
    counter: u32,
}

#[test]
fn acknowledged_values_outlive_cuts_inside_a_step() {
    campaign(Board::An386, "steps", |chance| Cut::Step(1 + chance.below(500)));
}

#[test]
fn acknowledged_values_outlive_sigkill() {
    campaign(Board::An505, "kill", |chance| Cut::Kill {
        acknowledged: chance.below(6),
        after: Duration::from_micros(chance.below(30_000)),
    });
}

fn campaign(board: Board, name: &str, next: fn(&mut Chance) -> Cut) {
    let mut chance = Chance::begin(name);
    let cuts = std::env::var("FERRARIS_CUTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(150_u32);
    let memory = Memory::erased(&format!("cuts-{name}")).expect("a disk");
    let mut promises = Promises::default();
    let began = Instant::now();
    let mut in_boot = 0;
    for number in 0..cuts {
        let cut = next(&mut chance);
        in_boot += u32::from(life(board, &memory, &mut promises, Some(cut), &mut chance, number) == Reached::Boot);
    }
    life(board, &memory, &mut promises, None, &mut chance, cuts);
    println!(
        "{name}: {cuts} cuts in {:.1} s, {in_boot} of them while booting; {} values acknowledged, none lost",
        began.elapsed().as_secs_f64(),
        promises.acknowledged
    );
    assert!(
        u64::from(cuts) < promises.acknowledged,
        "only {} values were acknowledged",
        promises.acknowledged
    );
}

/// How far a life came before its cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    Boot,
    Work,
}

/// One life: boot, look whether every promise is kept, make new ones until the power goes.
fn life(
    board: Board,
    memory: &Memory,
    promises: &mut Promises,
    cut: Option<Cut>,
    chance: &mut Chance,
    number: u32,
) -> Reached {
    let mut arguments = vec!["rtc=1767225600".to_owned()];
    if let Some(Cut::Step(step)) = cut {
        arguments.push(format!("cut={step}"));
        arguments.push(format!("chance={}", chance.below(u64::from(u32::MAX))));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut qemu = Qemu::start(board, memory, Pace::Real, &arguments);
    let Some(booted) = qemu.wait_for("booted") else {
        assert_cut(&mut qemu, cut, number);
        return Reached::Boot;
    };
    let booted = words(&booted);
    assert_eq!(booted["loss"], "0", "cut {number} {cut:?}: {booted:?}");
    let transport = if number.is_multiple_of(2) {
        Transport::Wrapper
    } else {
        Transport::Hdlc
    };
    let address = if transport == Transport::Wrapper {
        qemu.wrapper()
    } else {
        qemu.hdlc()
    };
    let (killed_from, wait) = mpsc::channel();
    let worked = std::thread::scope(|scope| {
        if let Some(Cut::Kill { after, .. }) = cut {
            let qemu = &mut qemu;
            scope.spawn(move || {
                // It fails when the work has ended before.
                let _reached = wait.recv();
                std::thread::sleep(after);
                qemu.kill();
            });
        }
        let worked = Wire::to(address).map_err(ReadError::Line).and_then(|wire| {
            let mut identity = Identity::new(Role::Password);
            let mut reader = identity.associate(transport, wire)?;
            check(&mut reader, promises, number)?;
            work(&mut reader, promises, chance, cut, &killed_from)
        });
        // Who kills waits no longer.
        drop(killed_from);
        worked
    });
    match (cut, worked) {
        (Some(Cut::Kill { .. }), Err(ReadError::Line(_))) | (None, Ok(())) => {}
        (Some(Cut::Step(_)), Err(ReadError::Line(_))) => assert_cut(&mut qemu, cut, number),
        (_, worked) => panic!("cut {number} {cut:?}: {worked:?}"),
    }
    Reached::Work
}

/// It ended because its power was cut, and not by itself.
fn assert_cut(qemu: &mut Qemu, cut: Option<Cut>, number: u32) {
    let until = Instant::now() + Duration::from_secs(10);
    let code = loop {
        if let Some(code) = qemu.has_ended() {
            break Some(code);
        }
        if until < Instant::now() {
            break None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let said = qemu.said();
    assert_eq!(code, Some(99), "cut {number} {cut:?}: it ended otherwise: {said:#?}");
}

/// Every acknowledged value is there, or the one that was asked for after it; no counter goes back.
fn check(reader: &mut Reader<'_, '_>, promises: &mut Promises, number: u32) -> Result<(), ReadError> {
    for (name, (acknowledged, asked)) in VALUES.into_iter().zip(&mut promises.values) {
        let found = reader.read(1, name, 2)?;
        let kept = found == *acknowledged || asked.as_ref() == Some(&found) || acknowledged.is_empty();
        assert!(
            kept,
            "cut {number}: {name} is {found:02x?}, acknowledged was {acknowledged:02x?}, asked for {asked:02x?}"
        );
        // What was found once stays.
        (*acknowledged, *asked) = (found, None);
    }
    let counter = reader.read(1, "0-0:43.1.0", 2)?;
    if let [6, rest @ ..] = counter.as_slice()
        && let Ok(octets) = <[u8; 4]>::try_from(rest)
    {
        let counter = u32::from_be_bytes(octets);
        assert!(
            promises.counter <= counter,
            "cut {number}: the counter went back from {} to {counter}",
            promises.counter
        );
        promises.counter = counter;
    }
    Ok(())
}

/// Writes values until the power goes, or a few when it will not.
fn work(
    reader: &mut Reader<'_, '_>,
    promises: &mut Promises,
    chance: &mut Chance,
    cut: Option<Cut>,
    killed_from: &Sender<()>,
) -> Result<(), ReadError> {
    for round in 0.. {
        if cut.is_none() && round == 20 {
            return Ok(());
        }
        if matches!(cut, Some(Cut::Kill { acknowledged, .. }) if acknowledged == round) {
            killed_from.send(()).expect("who kills waits for this");
        }
        let index = usize::try_from(chance.below(6)).unwrap_or(0);
        let length = usize::try_from(1 + chance.below(40)).unwrap_or(1);
        let mut value = vec![9, u8::try_from(length).unwrap_or(1)];
        value.extend(chance.octets(length));
        let (Some(name), Some(promise)) = (VALUES.get(index).copied(), promises.values.get_mut(index)) else {
            continue;
        };
        promise.1 = Some(value.clone());
        reader.write(1, name, 2, &value)?;
        *promise = (value, None);
        promises.acknowledged += 1;
    }
    Ok(())
}
