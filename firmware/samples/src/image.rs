//! The image: counts and prints one line for each, `cost|label|sets|metrology|ticks|1`, then sizes, `size|name|octets`.

use core::panic::PanicInfo;

use board::{console, say};
use cortex_m_rt::entry;
use dlms::server::HdlcLink;
use frontend::{AMPS_PER_LSB, Measuring, RATE_HZ, Samples as _, VOLTS_PER_LSB, Waveform, supply_quality};
use metrology::{Chain, Core, Direction, GaplessHarmonics, Parameters, Registers, SampleSet, Setup, SupplyQuality};
use static_cell::StaticCell;

static CORE: StaticCell<Core> = StaticCell::new();
static CHAIN: StaticCell<Chain> = StaticCell::new();
static QUALITY: StaticCell<SupplyQuality> = StaticCell::new();
static MEASURING: StaticCell<Measuring> = StaticCell::new();

/// Sets of one hand-over, as the front end's halves.
const BLOCK: usize = 32;
/// Hand-overs of one second.
const BLOCKS: u64 = 250;
const MILLIS_OF_BLOCK: u64 = 4;

#[entry]
fn main() -> ! {
    start_counter();
    // Each in a function of its own, so that the stack holds one of them at a time.
    count_core();
    count_chain();
    count_everything(begin_quality());
    say!("size|core|{}", size_of::<Core>());
    say!("size|chain|{}", size_of::<Chain>());
    say!("size|supply quality|{}", size_of::<SupplyQuality>());
    say!("size|gapless harmonics|{}", size_of::<GaplessHarmonics>());
    say!(
        "size|association|{}",
        size_of::<HdlcLink<2>>() - size_of::<HdlcLink<1>>()
    );
    console::exit(0)
}

fn setup() -> Setup {
    Setup::three_phase(f64::from(RATE_HZ), VOLTS_PER_LSB, AMPS_PER_LSB)
}

#[inline(never)]
fn count_core() {
    let core = CORE.init_with(|| Core::new(&setup()).expect("the setup is an ordinary one"));
    run("core", |block| core.push_block(block, |_window| {}));
}

#[inline(never)]
fn count_chain() {
    let chain = CHAIN.init_with(|| Chain::new(&setup()).expect("the setup is an ordinary one"));
    run("harmonics", |block| chain.push_block(block, |_window| {}));
}

#[inline(never)]
fn begin_quality() -> &'static mut SupplyQuality {
    QUALITY.init_with(|| supply_quality(&setup(), &Parameters::IDEAL).expect("the setup is an ordinary one"))
}

#[inline(never)]
fn count_everything(quality: &'static mut SupplyQuality) {
    let registers = Registers::new(Direction::SumOfPhases);
    let measuring = MEASURING.init_with(|| {
        Measuring::new(quality, &setup(), &Parameters::IDEAL, 1_000, &registers).expect("the setup is an ordinary one")
    });
    let mut millis = 1_767_614_400_000;
    run("everything", |block| {
        millis += MILLIS_OF_BLOCK;
        measuring.take(quality, block, millis, |_told| {});
    });
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
