//! Start-up and the loop. Large parts stand in statics, built where they stay.

use core::panic::PanicInfo;

use base::{Instant, Micros};
use cortex_m_rt::{ExceptionFrame, entry, exception};
use dlms::security::Key;
use dlms::server::{HdlcLink, HdlcSettings, Link};
use embedded_hal_02::blocking::rng::Read as _;
use embedded_hal_bus::spi::ExclusiveDevice;
use frontend::{AMPS_PER_LSB, Assembler, Measuring, News, RATE_HZ, Told, VOLTS_PER_LSB, Warmth, supply_quality};
use meter::{Config, Input, Meter, Secrets, Trouble, Variant};
use metrology::{Parameters, SampleSet, SealedStore, Setup, SupplyQuality};
use stm32f4xx_hal::gpio::{Edge, ExtiPin as _};
use stm32f4xx_hal::pac::{self, NVIC, Peripherals};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Config as Clocks;
use stm32f4xx_hal::rtc::Rtc;
use stm32f4xx_hal::spi::{Mode, Phase, Polarity};
use stm32f4xx_hal::watchdog::IndependentWatchdog;

use crate::board::{Stm32, backup_time};
use crate::serial_nor::SerialNor;
use crate::thermometer::DieThermometer;
use crate::{converter, serial_line};

#[entry]
fn main() -> ! {
    let peripherals = Peripherals::take().expect("the program takes them once");
    let mut rcc = peripherals
        .RCC
        .freeze(Clocks::hse(8.MHz()).sysclk(168.MHz()).require_pll48clk());
    let gpio_a = peripherals.GPIOA.split(&mut rcc);
    let gpio_b = peripherals.GPIOB.split(&mut rcc);
    let gpio_c = peripherals.GPIOC.split(&mut rcc);
    let mut syscfg = peripherals.SYSCFG.constrain(&mut rcc);
    let mut exti = peripherals.EXTI;
    let mut pwr = peripherals.PWR;
    let mut delay = peripherals.TIM2.delay_us(&mut rcc);
    let mut ticks = peripherals.TIM5.counter_us(&mut rcc);
    ticks
        .start(u32::MAX.micros())
        .expect("the longest span is one that the timer has");

    // The meter's memory.
    let bus = peripherals.SPI2.spi(
        (Some(gpio_b.pb13), Some(gpio_b.pb14), Some(gpio_b.pb15)),
        MODE_0,
        21.MHz(),
        &mut rcc,
    );
    let select = gpio_b.pb12.into_push_pull_output();
    let flash = SerialNor::new(ExclusiveDevice::new_no_delay(bus, select).expect("a pin of this part cannot fail"));
    let mut rtc = Rtc::new(peripherals.RTC, &mut rcc, &mut pwr);
    let backup = backup_time(&mut rtc);
    let mut board = Stm32 {
        flash,
        switch: gpio_c.pc0.into_push_pull_output(),
        rtc,
    };

    // The meter.
    let mut entropy = [0; 32];
    let mut chance = peripherals.RNG.constrain(&mut rcc);
    chance.read(&mut entropy).expect("the generator of a sound part works");
    static METER: static_cell::StaticCell<Option<Meter>> = static_cell::StaticCell::new();
    let place = METER.init_with(|| None);
    let meter = match Meter::boot_in(place, &order(), backup, entropy, &mut board) {
        Ok((meter, _report_is_in_the_log)) => meter,
        Err(fault) => panic!("{fault}"),
    };
    // With the sealed parameters. `firmware/image` goes on with the week of the supply's quality too.
    static QUALITY: static_cell::StaticCell<SupplyQuality> = static_cell::StaticCell::new();
    static MEASURING: static_cell::StaticCell<Measuring> = static_cell::StaticCell::new();
    let setup = Setup::three_phase(f64::from(RATE_HZ), VOLTS_PER_LSB, AMPS_PER_LSB);
    let parameters = parameters_of(meter, &board);
    let mut checksum = checksum_of(meter);
    let mut constant = meter.model().led_constant();
    let quality = QUALITY.init_with(|| supply_quality(&setup, &parameters).expect("the setup is an ordinary one"));
    let measuring = MEASURING.init_with(|| {
        let model = meter.model();
        Measuring::new(quality, &setup, &parameters, model.led_constant(), &model.registers)
            .expect("the setup is an ordinary one")
    });
    let mut thermometer = DieThermometer::start(peripherals.ADC1, &mut rcc);
    let mut warmth = Warmth::ROOM;
    static LINK: static_cell::StaticCell<Link> = static_cell::StaticCell::new();
    let link = LINK.init_with(|| Link::Hdlc(HdlcLink::new(HdlcSettings::standard(17))));

    // The optical port.
    let serial = peripherals
        .USART1
        .serial((gpio_a.pa9, gpio_a.pa10), 115_200.bps(), &mut rcc);
    let (mut transmitter, receiver) = serial.expect("the speed is one that the port has").split();
    serial_line::start(receiver);

    // The converter, last: from here on samples come.
    let bus = peripherals.SPI1.spi(
        (Some(gpio_a.pa5), Some(gpio_a.pa6), Some(gpio_a.pa7)),
        MODE_1,
        10.MHz(),
        &mut rcc,
    );
    let select = gpio_a.pa4.into_push_pull_output();
    let bus = ExclusiveDevice::new_no_delay(bus, select).expect("a pin of this part cannot fail");
    let mut data_ready = gpio_b.pb0.into_input();
    data_ready.make_interrupt_source(&mut syscfg);
    data_ready.trigger_on_edge(&mut exti, Edge::Falling);
    data_ready.enable_interrupt(&mut exti);
    let mut converter_works = converter::start(bus, data_ready, &mut delay);
    unmask();

    let mut watchdog = IndependentWatchdog::new(peripherals.IWDG);
    watchdog.start(4.secs());
    let mut assembler = Assembler::new(0);
    let mut now = Instant::START;
    let mut last_tick = 0;
    loop {
        watchdog.feed();
        // Microseconds that wrap after 71 minutes, widened: the loop comes round far more often.
        let tick = ticks.now().ticks();
        now = now + Micros::new(u64::from(tick.wrapping_sub(last_tick)));
        last_tick = tick;

        if let Some(look) = warmth.look(now, &mut thermometer) {
            if look.changed {
                measuring.warm(quality, &parameters_of(meter, &board), warmth.celsius());
            }
            match look.news {
                Some(News::Shows(celsius)) => note(meter.step(now, Input::Temperature(celsius), &mut board)),
                Some(News::Fails) => note(meter.step(now, Input::Trouble(Trouble::Thermometer), &mut board)),
                None => {}
            }
        }
        if constant != meter.model().led_constant() {
            constant = meter.model().led_constant();
            // No meter has a constant that no LED can have.
            let _taken = measuring.pulse(&parameters_of(meter, &board), constant, &meter.model().registers);
        }
        if checksum != checksum_of(meter) {
            checksum = checksum_of(meter);
            let model = meter.model();
            // What came out of the sealed memory was checked there.
            let _taken = measuring.adjust(
                quality,
                &parameters_of(meter, &board),
                model.led_constant(),
                &model.registers,
            );
        }

        let unix_millis = u64::try_from(meter.model().clock.micros(now) / 1_000).unwrap_or(0);
        let mut push = |sets: &[SampleSet]| {
            measuring.take(quality, sets, unix_millis, |told| {
                let input = match told {
                    Told::Window(measurement) => Input::Measured(measurement),
                    // A product hands the sample at which an LED is switched on to a timer.
                    Told::Pulse(_sample) => return,
                    Told::Finding(finding) => Input::Quality {
                        finding,
                        rate_hz: RATE_HZ,
                    },
                    Told::Spectrum(spectrum) => Input::Spectrum(spectrum),
                    Told::Distortion(distortion) => Input::Distortion(distortion),
                };
                note(meter.step(now, input, &mut board));
            });
        };
        let came = converter::take(&mut |first, frames| {
            let _counted_in_its_health = assembler.block(first, frames, &mut push);
        });
        if !came {
            // What is 20 ms late will not come: its samples are filled up.
            let due = now.as_micros().saturating_sub(20_000) / 125;
            let _counted_in_its_health = assembler.catch_up(due, &mut push);
        }
        let health = assembler.health();
        if converter_works && (health.stopped || health.needs_setup) {
            note(meter.step(now, Input::Trouble(Trouble::Measurement), &mut board));
            converter_works = false;
        }
        if health.needs_setup && converter::restart(&mut delay) {
            assembler.was_set_up();
        }
        converter_works |= !health.stopped && !health.needs_setup;

        let mut octets = [0; 64];
        let count = serial_line::take(&mut octets);
        if let Some(octets @ [_, ..]) = octets.get(..count) {
            let mut answer = |octets: &[u8]| serial_line::send(&mut transmitter, octets);
            note(meter.step(
                now,
                Input::Received {
                    link,
                    at: now,
                    octets,
                    answer: &mut answer,
                },
                &mut board,
            ));
        }
        if link.deadline() <= now {
            note(meter.step(now, Input::Elapsed { link, at: now }, &mut board));
        }
        if meter.deadline() <= now {
            note(meter.step(now, Input::Tick, &mut board));
        }
        cortex_m::asm::wfi();
    }
}

/// The sealed parameters; ideal ones when they cannot be read, which the meter has told as an error of the measuring system.
fn parameters_of(meter: &Meter, board: &Stm32) -> Parameters {
    meter.parameters(&board.flash).unwrap_or(Parameters::IDEAL)
}

/// Tells a change of the sealed parameters.
fn checksum_of(meter: &Meter) -> u32 {
    meter.model().legal.store().map_or(0, SealedStore::checksum)
}

/// The meter lives on after each fault, and has logged those of its memory; a line is never closed by what comes over it.
const fn note(_outcome: Result<(), meter::Fault>) {}

/// The order. A product reads it from the flash; `firmware/image` shows how.
fn order() -> Config {
    let key = |first| {
        Key::new(&core::array::from_fn::<u8, 16, _>(|place| {
            first + place.to_le_bytes()[0]
        }))
        .expect("16 octets are a key")
    };
    let secrets = Secrets {
        lls_password: None,
        ..Secrets::new(key(0), key(0xD0))
    };
    Config::new(Variant::St402d, 1, secrets)
}

/// Lets the interrupts through.
#[expect(unsafe_code, reason = "the controller's way to unmask a line")]
fn unmask() {
    // SAFETY: what handlers and the loop share is behind critical sections; none of them relies on a line being masked.
    unsafe {
        NVIC::unmask(pac::Interrupt::EXTI0);
        NVIC::unmask(pac::Interrupt::USART1);
    }
}

/// The watchdog starts the board anew within four seconds, and the meter goes on from its last checkpoint.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    loop {
        cortex_m::asm::wfi();
    }
}

#[allow(
    unsafe_code,
    reason = "the attribute asks for an unsafe function and takes the expectation away"
)]
#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}

const MODE_0: Mode = Mode {
    polarity: Polarity::IdleLow,
    phase: Phase::CaptureOnFirstTransition,
};
const MODE_1: Mode = Mode {
    polarity: Polarity::IdleLow,
    phase: Phase::CaptureOnSecondTransition,
};
