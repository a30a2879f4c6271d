//! What a meter takes of RAM, printed.

extern crate std;
use std::println;

use flash::{Bank, Checkpoint, Journal, Store};
use metrology::Registers;

use crate::limits::KEYS;
use crate::memory::Memory;
use crate::step::Core;
use crate::{Config, Meter, Model};

/// L1, U2: a profile that nobody reads costs a few hundred octets, whatever it holds, and the meter with all 22 journals stays small.
#[test]
fn a_meter_is_small() {
    println!("octets of RAM on this machine (pointers of 8):");
    for (name, octets) in [
        ("meter", size_of::<Meter>()),
        ("  of it model", size_of::<Model>()),
        ("    registers", size_of::<Registers>()),
        ("    order", size_of::<Config>()),
        ("  of it memories", size_of::<Memory>()),
        ("    store of parameters", size_of::<Store<KEYS>>()),
        ("    snapshots", size_of::<Checkpoint>() + size_of::<Journal>()),
        ("    large values", size_of::<Bank>()),
        ("    a journal, of which there are 22", size_of::<Option<Journal>>()),
    ] {
        println!("{name:40} {octets:6}");
    }
    assert!(size_of::<Option<Journal>>() <= 160, "RAM of a profile");
    assert_eq!(size_of::<Meter>(), size_of::<Core>());
}
