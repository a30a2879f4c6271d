//! The converter: every data-ready edge reads a frame into the block under way; a full block goes to the double buffer.
//!
//! A frame of 240 bits takes 23 us of 125 at 10.5 MHz, which leaves four fifths of the processor. A product moves it by DMA: the interrupt
//! "half complete" then does what the 16th edge does here. It must have the highest priority either way.

use core::cell::RefCell;

use ads131m::{Ads131m, NULL_FRAME, RawFrame};
use critical_section::Mutex;
use embedded_hal::delay::DelayNs;
use embedded_hal::spi::SpiDevice as _;
use embedded_hal_bus::spi::{ExclusiveDevice, NoDelay};
use frontend::{CONVERTER_CHANNELS, DoubleBuffer, Frames as _};
use stm32f4xx_hal::gpio::{ExtiPin as _, Output, PA4, PB0};
use stm32f4xx_hal::pac::{SPI1, interrupt};
use stm32f4xx_hal::spi::Spi;

/// The bus with the converter alone on it.
pub(crate) type Bus = ExclusiveDevice<Spi<SPI1>, PA4<Output>, NoDelay>;

/// Frames in half a buffer: 2 ms.
const HALF: usize = 16;

/// What the interrupt works with.
struct Sampler {
    bus: Bus,
    data_ready: PB0,
    block: [RawFrame; HALF],
    /// Edges since the start: the numbers of the frames.
    edges: u64,
}

static SAMPLER: Mutex<RefCell<Option<Sampler>>> = Mutex::new(RefCell::new(None));
static BLOCKS: Mutex<RefCell<DoubleBuffer<HALF>>> = Mutex::new(RefCell::new(DoubleBuffer::new()));

/// Sets the converter up and hands it to the interrupt. False when it does not answer as it should; the meter runs without it then,
/// and says so.
pub(crate) fn start(bus: Bus, data_ready: PB0, delay: &mut impl DelayNs) -> bool {
    let mut converter = Ads131m::<_, CONVERTER_CHANNELS>::new(bus);
    let is_set_up = converter.setup(&ads131m::Setup::EIGHT_KILOHERTZ, delay).is_ok();
    let sampler = Sampler {
        bus: converter.release(),
        data_ready,
        block: [[0; 30]; HALF],
        edges: 0,
    };
    critical_section::with(|cs| SAMPLER.borrow_ref_mut(cs).replace(sampler));
    is_set_up
}

/// Sets it up again, after it was reset by itself.
pub(crate) fn restart(delay: &mut impl DelayNs) -> bool {
    let Some(sampler) = critical_section::with(|cs| SAMPLER.borrow_ref_mut(cs).take()) else {
        return false;
    };
    let Sampler {
        bus,
        data_ready,
        block,
        edges,
    } = sampler;
    let mut converter = Ads131m::<_, CONVERTER_CHANNELS>::new(bus);
    let is_set_up = converter.setup(&ads131m::Setup::EIGHT_KILOHERTZ, delay).is_ok();
    let sampler = Sampler {
        bus: converter.release(),
        data_ready,
        block,
        edges,
    };
    critical_section::with(|cs| SAMPLER.borrow_ref_mut(cs).replace(sampler));
    is_set_up
}

/// Hands out the oldest full block. It is copied, so that the interrupt waits for the copy only.
pub(crate) fn take(taker: &mut dyn FnMut(u64, &[RawFrame])) -> bool {
    let mut taken = None;
    critical_section::with(|cs| {
        BLOCKS.borrow_ref_mut(cs).take(&mut |first, frames| {
            taken = frames.first_chunk::<HALF>().map(|frames| (first, *frames));
        })
    });
    let Some((first, frames)) = &taken else { return false };
    taker(*first, frames);
    true
}

#[interrupt]
fn EXTI0() {
    critical_section::with(|cs| {
        let mut sampler = SAMPLER.borrow_ref_mut(cs);
        let Some(sampler) = sampler.as_mut() else { return };
        sampler.data_ready.clear_interrupt_pending_bit();
        let mut frame = NULL_FRAME;
        // A bus that fails leaves the question where the answer should be: its checksum is wrong as an answer, and the frame counts as damaged.
        let _damaged = sampler.bus.transfer_in_place(&mut frame);
        let place = sampler.edges % HALF as u64;
        if let Some(slot) = usize::try_from(place)
            .ok()
            .and_then(|place| sampler.block.get_mut(place))
        {
            *slot = frame;
        }
        sampler.edges += 1;
        if place + 1 == HALF as u64 {
            // A dropped block is missing in the numbers, and counted by the buffer.
            let _kept = BLOCKS
                .borrow_ref_mut(cs)
                .fill(sampler.edges - HALF as u64, |frames| *frames = sampler.block);
        }
    });
}
