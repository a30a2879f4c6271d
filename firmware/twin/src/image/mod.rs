//! The image: the same rig on bare metal, in QEMU. `twin replay SCRIPT TRACE` writes the trace, `twin count SCRIPT` counts instructions.

mod tally;
mod trace;

use core::panic::PanicInfo;

use board::{console, say};
use cortex_m_rt::{ExceptionFrame, entry, exception};
use flash::SECTOR_BYTES;
use static_cell::StaticCell;
use twin::Watch;
use twin::rig::{Rig, Rooms};
use twin::script::{Entry, Event, HEAD, LONGEST};

use crate::host_file::HostFile;
use tally::Tally;
use trace::Trace;

static TRACE: StaticCell<Trace> = StaticCell::new();
static TALLY: StaticCell<Tally> = StaticCell::new();
static ROOMS: StaticCell<Rooms> = StaticCell::new();
static ENTRY: StaticCell<[u8; LONGEST]> = StaticCell::new();

#[entry]
fn main() -> ! {
    board::stack::paint();
    let mut buffer = [0; 512];
    let words = console::arguments(&mut buffer);
    let mut words = words.split(' ').skip(1).filter(|word| !word.is_empty());
    let whole = match (words.next(), words.next(), words.next()) {
        (Some("replay"), Some(script), Some(file)) => {
            let Some(file) = HostFile::create(file) else {
                give_up("the trace cannot be made")
            };
            let trace = TRACE.init_with(|| Trace::new(file));
            live(script, trace, |_, _| {});
            trace.flush()
        }
        (Some("count"), Some(script), None) => {
            let tally = TALLY.init_with(Tally::start);
            live(script, tally, |units, label| tally.label(units, label));
            tally.label(0, "");
            true
        }
        _ => give_up("usage: twin replay SCRIPT TRACE | twin count SCRIPT"),
    };
    say!("stack {} of {}", board::stack::high_water(), board::stack::capacity());
    if !whole {
        give_up("the trace could not be written");
    }
    console::exit(0)
}

/// Lives the script from its beginning to its end.
#[inline(never)]
fn live<W: Watch>(script: &str, watch: &'static W, mut label: impl FnMut(u32, &str)) {
    let Some(script) = HostFile::open(script) else {
        give_up("the script cannot be opened")
    };
    let mut rig = Rig::boot(ROOMS.init_with(Rooms::new), memory(), watch);
    let entry = ENTRY.init([0; LONGEST]);
    while let Some(entry) = next(&script, entry) {
        if let Event::Label(units, name) = entry.event {
            label(units, name);
        }
        rig.apply(&entry, &mut |_, _| {});
    }
}

/// The next entry of the script, none at its end.
fn next<'e>(script: &HostFile, octets: &'e mut [u8; LONGEST]) -> Option<Entry<'e>> {
    let (head, rest) = octets.split_first_chunk_mut::<HEAD>()?;
    match script.read(head) {
        0 => return None,
        HEAD => {}
        _ => give_up("the script is cut"),
    }
    let Some(contents) = rest.get_mut(..Entry::length(head)) else {
        give_up("the script has too long an entry")
    };
    if script.read(contents) < contents.len() {
        give_up("the script is cut");
    }
    match Entry::parse(head, contents) {
        Ok(entry) => Some(entry),
        Err(_) => give_up("the script is malformed"),
    }
}

/// The board's memory that stands for flash; whoever starts QEMU hands it a blank one.
#[expect(unsafe_code, reason = "the memory is an address range")]
fn memory() -> &'static mut [u8] {
    let start = if board::NAME == "mps2-an386" {
        0x2100_0000
    } else {
        0x8000_0000_usize
    };
    // SAFETY: the board has 16 MB of RAM here, the linker script leaves it alone, and this is called once: the rooms are taken first.
    unsafe {
        core::slice::from_raw_parts_mut(
            start as *mut u8,
            meter::FlashSize::Megabytes16.sectors() as usize * SECTOR_BYTES as usize,
        )
    }
}

fn give_up(why: &str) -> ! {
    say!("twin: {why}");
    console::exit(1)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("twin: {info}");
    console::exit(101)
}

#[allow(
    unsafe_code,
    reason = "the attribute asks for an unsafe function and takes the expectation away"
)]
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    say!("twin: fault at {:#x}", frame.pc());
    console::exit(102)
}
