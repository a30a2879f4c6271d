//! The image: counts and prints one line for each, `cost|label|sets|metrology|ticks|1`.

use core::panic::PanicInfo;

use board::{console, say};
use cortex_m_rt::entry;
use frontend::{AMPS_PER_LSB, RATE_HZ, Samples as _, VOLTS_PER_LSB, Waveform};
use metrology::{Chain, Core, SampleSet, Setup};
use static_cell::StaticCell;

static CORE: StaticCell<Core> = StaticCell::new();
static CHAIN: StaticCell<Chain> = StaticCell::new();

/// Sets of one hand-over, as the front end's halves.
const BLOCK: usize = 32;
/// Hand-overs of one second.
const BLOCKS: u64 = 250;

#[entry]
fn main() -> ! {
    start_counter();
    let setup = Setup::three_phase(f64::from(RATE_HZ), VOLTS_PER_LSB, AMPS_PER_LSB);
    let (Ok(core), Ok(chain)) = (Core::new(&setup), Chain::new(&setup)) else {
        say!("samples: the setup is refused");
        console::exit(1)
    };
    let (core, chain) = (CORE.init(core), CHAIN.init(chain));
    run("core", |block| core.push_block(block, |_window| {}));
    run("everything", |block| chain.push_block(block, |_window| {}));
    console::exit(0)
}

/// Counts three seconds after one second to settle.
fn run(label: &str, mut push: impl FnMut(&[SampleSet])) {
    let mut waveform = Waveform::ORDINARY;
    let (mut ticks, mut sets) = (0_u64, 0_usize);
    for block in 0..4 * BLOCKS {
        let mut samples = [SampleSet::default(); BLOCK];
        for (place, set) in (0..).zip(&mut samples) {
            *set = waveform.set(block * (BLOCK as u64) + place);
        }
        let since = counter();
        push(&samples);
        let spent = counter().wrapping_sub(since);
        if BLOCKS <= block {
            ticks += u64::from(spent);
            sets += BLOCK;
        }
    }
    say!("cost|{label}|{sets}|metrology|{ticks}|1");
}

/// Lets the counter run as fast as it can.
#[expect(unsafe_code, reason = "a register is an address")]
fn start_counter() {
    // SAFETY: the prescaler of the board's counter; nobody else uses the counter in this image.
    unsafe { register(PRESCALE).write_volatile(0) };
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

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("samples: {info}");
    console::exit(101)
}
