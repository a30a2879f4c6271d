//! The watch that counts: ticks of the board's counter for each part, under the label that the script gave last.
//!
//! Under `-icount shift=6` an instruction takes 64 ns of QEMU's time whatever it is, and the counter runs at 25 MHz (20 MHz on the
//! mps2-an505): more than one tick an instruction, so that single instructions are told apart.

use core::cell::{Cell, RefCell};

use board::say;
use twin::{Part, Watch};

/// Ticks by part.
pub(crate) struct Tally {
    part: Cell<Part>,
    since: Cell<u32>,
    ticks: [Cell<u64>; Part::WORK.len()],
    /// How often it was turned to each part.
    turns: [Cell<u32>; Part::WORK.len()],
    label: RefCell<heapless::String<48>>,
    units: Cell<u32>,
}

impl Tally {
    /// Lets the counter run as fast as it can.
    #[expect(unsafe_code, reason = "a register is an address")]
    pub(crate) fn start() -> Self {
        // SAFETY: the prescaler of the board's counter; nobody else uses the counter in this image.
        unsafe { register(PRESCALE).write_volatile(0) };
        Self {
            part: Cell::new(Part::Script),
            since: Cell::new(counter()),
            ticks: [const { Cell::new(0) }; Part::WORK.len()],
            turns: [const { Cell::new(0) }; Part::WORK.len()],
            label: RefCell::new(heapless::String::new()),
            units: Cell::new(0),
        }
    }

    /// Prints what was counted under the last label, and begins anew under this one.
    pub(crate) fn label(&self, units: u32, label: &str) {
        for ((ticks, turns), part) in self.ticks.iter().zip(&self.turns).zip(Part::WORK) {
            let (ticks, turns) = (ticks.take(), turns.take());
            let of = self.label.borrow();
            if ticks != 0 && !of.is_empty() {
                say!("cost|{of}|{}|{}|{ticks}|{turns}", self.units.get(), part.name());
            }
        }
        let mut of = self.label.borrow_mut();
        of.clear();
        // A label that is too long is cut where it still is one.
        for letter in label.chars() {
            let _full = of.push(letter);
        }
        self.units.set(units);
    }
}

impl Watch for Tally {
    const WRITES: bool = false;

    fn write(&self, _text: &str) {}

    fn turn_to(&self, part: Part) {
        let now = counter();
        let spent = now.wrapping_sub(self.since.get());
        let place = |part| Part::WORK.iter().position(|it| *it == part);
        if let Some(ticks) = place(self.part.replace(part)).and_then(|was| self.ticks.get(was)) {
            ticks.set(ticks.get().wrapping_add(u64::from(spent)));
        }
        if let Some(turns) = place(part).and_then(|is| self.turns.get(is)) {
            turns.set(turns.get().wrapping_add(1));
        }
        self.since.set(counter());
    }
}

#[expect(unsafe_code, reason = "a register is an address")]
fn counter() -> u32 {
    // SAFETY: the board's free-running counter; reading it changes nothing.
    unsafe { register(COUNTER).read_volatile() }
}

/// A register of the board's FPGA.
fn register(offset: usize) -> *mut u32 {
    let base = if board::NAME == "mps2-an386" {
        0x4002_8000
    } else {
        0x5030_2000
    };
    (base + offset) as *mut u32
}

const COUNTER: usize = 0x18;
const PRESCALE: usize = 0x1C;
