//! Damaged memories, wrong orders and a converter that fails: the meter says so, goes on, and recovers.

use bench::chance::Chance;
use bench::desk;
use bench::memory::Memory;
use bench::qemu::{Board, Ended, Pace, Qemu};
use meter::{FlashSize, Variant, partitions};

/// Bits of the error register (`meter::error_bit`).
const NV_MEMORY: u32 = 1 << 10;
const MEASUREMENT_SYSTEM: u32 = 1 << 11;
const SECTOR: u32 = flash::SECTOR_BYTES;

fn run(memory: &Memory, words: &[&str]) -> Ended {
    let ended = Qemu::start(Board::An386, memory, Pace::Counted, words).end();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.said);
    assert!(0 < ended.number("windows"), "it measures: {:#?}", ended.said);
    ended
}

/// A memory that has lived.
fn lived(name: &str) -> Memory {
    let memory = Memory::erased(name).expect("a disk");
    run(&memory, &["rtc=1767225600", "power-fail-at=2500"]);
    memory
}

/// A damaged partition is a loss, said in the report and in the error register; afterwards the meter lives as ever.
#[test]
fn a_damaged_partition_is_said_and_lived_with() {
    let mut chance = Chance::begin("damaged partitions");
    const LIVED_IN: [&str; 8] = [
        "parameters",
        "registers, side 0",
        "registers, side 1",
        "registers, reserve",
        "load profile 1",
        "standard log",
        "fraud log",
        "disconnect log",
    ];
    let table = partitions(FlashSize::Megabytes16).iter();
    for partition in table.filter(|it| LIVED_IN.contains(&it.name)) {
        let memory = lived("partition");
        for sector in 0..partition.sectors.min(16) {
            let garbage = chance.octets(SECTOR as usize);
            memory
                .overwrite((partition.first + sector) * SECTOR, &garbage)
                .expect("a disk");
        }
        let ended = run(&memory, &["rtc=1767225700", "power-fail-at=2500"]);
        let booted = ended.words("booted");
        println!("{}: {booted:?}", partition.name);
        assert_eq!(
            booted["loss"] == "1",
            ended.error_register() & NV_MEMORY != 0,
            "{}: {:#?}",
            partition.name,
            ended.said
        );
        let after = run(&memory, &["rtc=1767225800", "power-fail-at=2500"]).words("booted");
        assert_eq!(
            (after["loss"].as_str(), after["first"].as_str()),
            ("0", "0"),
            "{}: {after:?}",
            partition.name
        );
    }
}

/// Parameters and both sides of the registers at once, and garbage everywhere.
#[test]
fn a_flash_full_of_garbage_becomes_a_memory_again() {
    let mut chance = Chance::begin("garbage everywhere");
    let memory = lived("garbage");
    for at in (16 * SECTOR..4_081 * SECTOR).step_by(SECTOR as usize) {
        memory.overwrite(at, &chance.octets(SECTOR as usize)).expect("a disk");
    }
    let ended = run(&memory, &["rtc=1767225700", "power-fail-at=60000"]);
    assert_eq!(ended.words("booted")["loss"], "1", "{:#?}", ended.said);
    assert_eq!(ended.error_register() & NV_MEMORY, NV_MEMORY);
    let after = run(&memory, &["rtc=1767225800", "power-fail-at=2500"]).words("booted");
    assert_eq!(
        (after["loss"].as_str(), after["first"].as_str()),
        ("0", "0"),
        "{after:?}"
    );
}

/// One damaged copy of the order is replaced by the other, two by the board's own; both are said.
#[test]
fn a_damaged_order_is_replaced_and_said() {
    let order = desk::order(&desk::config(Variant::Sm402d, 4_711));
    let mut broken = order.clone();
    if let Some(octet) = broken.last_mut() {
        *octet ^= 1;
    }
    let mut impossible = desk::config(Variant::St402c, 1);
    impossible.nominal_volts = 400;
    let impossible = desk::order(&impossible);
    for (first, second, source, damaged) in [
        (&order, &order, "order=first", false),
        (&broken, &order, "order=second", true),
        (&order, &broken, "order=first", true),
        (&broken, &broken, "order=desk", true),
        (&impossible, &impossible, "order=desk", true),
    ] {
        let memory = Memory::erased("order").expect("a disk");
        memory.overwrite(0, first).expect("a disk");
        memory.overwrite(SECTOR, second).expect("a disk");
        let ended = run(&memory, &["rtc=1767225600", "exit-at=2500"]);
        let booted = ended
            .said
            .iter()
            .find(|line| line.starts_with("booted"))
            .expect("it has");
        assert!(booted.contains(source), "{booted}");
        assert_eq!(booted.ends_with("(damaged)"), damaged, "{booted}");
        assert_eq!(ended.error_register() & NV_MEMORY != 0, damaged, "{:#?}", ended.said);
    }
}

/// A converter that stops is said; windows go on with nothing in them, and with samples when they come again.
#[test]
fn a_converter_that_stops_is_said_and_taken_up_again() {
    let memory = Memory::erased("converter").expect("a disk");
    // The first life lays the memory out, which takes its time: it is no measure for another.
    let _first = run(&memory, &["rtc=1767225500", "exit-at=3000"]);
    let whole = run(&memory, &["rtc=1767225600", "exit-at=5000"]);
    let ended = run(
        &memory,
        &["rtc=1767225700", "stop-from=1000", "stop-to=2500", "exit-at=5000"],
    );
    assert_eq!(whole.error_register() & MEASUREMENT_SYSTEM, 0);
    assert_eq!(ended.error_register() & MEASUREMENT_SYSTEM, MEASUREMENT_SYSTEM);
    assert!(
        ended.traced("converter-stopped") && ended.traced("converter-resumed"),
        "{:#?}",
        ended.said
    );
    assert!(
        ended.number("windows") + 2 >= whole.number("windows"),
        "{:#?}",
        ended.said
    );
    assert!(ended.number("pulses") < whole.number("pulses"), "{:#?}", ended.said);
}

/// A frame with a wrong checksum now and then is bridged; many of them are said.
#[test]
fn damaged_frames_are_bridged_and_many_are_said() {
    let memory = Memory::erased("frames").expect("a disk");
    let few = run(&memory, &["rtc=1767225600", "damage-every=1000", "exit-at=3000"]);
    assert!(few.numbers("halves")[2] > 0, "{:#?}", few.said);
    assert_eq!(few.error_register() & MEASUREMENT_SYSTEM, 0);
    let many = run(&memory, &["rtc=1767225600", "damage-every=4", "exit-at=3000"]);
    assert_eq!(many.error_register() & MEASUREMENT_SYSTEM, MEASUREMENT_SYSTEM);
}
