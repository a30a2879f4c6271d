#![no_std]
#![no_main]
//! The meter on bare metal: everything starts, the meter boots from its flash, and one loop hands it what happens.
//!
//! ```text
//! interrupts:  half a buffer of samples   octets on a UART   the alarm
//!                        |                       |               |
//! loop:        metering (chain, LEDs)     lines (links)      deadlines    --> Meter::step --> hardware (flash, switch, clock)
//!                        `-----------------------+---------------'
//!                                         sleep until the next deadline
//! ```
//!
//! A panic, a fault and a loop that hangs end in [`restart`]: the cause is recorded, the registers are saved, the board starts anew.

mod chance;
mod converter;
mod hardware;
mod line;
mod metering;
mod order;
mod place;
mod probe;
mod restart;
mod thermometer;
mod trace;

use base::{Instant, Micros, Utc};
use board::clock::Clock;
use board::say;
use board::uart::{Port, Uart};
use board::watchdog::Watchdog;
use cortex_m_rt::entry;
use meter::{BootReport, Input, Meter, Trouble};
use metrology::{SetupError, SupplyQuality};

use crate::hardware::Hardware;
use crate::line::Line;
use crate::metering::Metering;
use crate::place::Place;
use crate::probe::Probe;
use crate::restart::{LIVING, Living};
use crate::trace::Event;

static METER: Place<Option<Meter>> = Place::new();
static QUALITY: Place<SupplyQuality> = Place::new();
static METERING: Place<Metering> = Place::new();
static HDLC: Place<Line> = Place::new();
static WRAPPER: Place<Line> = Place::new();

#[entry]
fn main() -> ! {
    board::stack::paint();
    let mut clock = Clock::start();
    let probe = Probe::read();
    let last = restart::begin();
    trace::note(clock.now(), Event::Started(last.cause));
    say!(
        "start board={} cause={} restarts={} {last}",
        board::NAME,
        last.cause as u8,
        last.restarts
    );

    let order = begin_life(&mut clock, &probe, last.utc);
    let living = order.living;
    if order.damaged {
        living.step(clock.now(), Input::Trouble(Trouble::Memory));
    }
    if last.cause.is_fault() {
        living.step(clock.now(), Input::Trouble(Trouble::Program));
    }
    let quality = begin_quality(&mut clock, living);
    let metering = begin_metering(&mut clock, &probe, living, quality);
    let lines = [begin_hdlc(), begin_wrapper(clock.now())];
    board::alarm::start();
    let mut rooms = Rooms {
        clock,
        probe,
        first_life: last.restarts == 0,
        living,
        metering,
        lines,
    };
    rooms.run(Watchdog::start())
}

// Each value is made in a function of its own, so that the stack holds one of them at a time.

/// The meter boots.
#[inline(never)]
fn begin_life(clock: &mut Clock, probe: &Probe, last_utc: Option<Utc>) -> Begun {
    let Some(mut nvm) = board::nvm::Nvm::take() else {
        restart::give_up(clock, "the flash was taken twice")
    };
    if let Some(step) = probe.cut {
        nvm.cut_at(step, probe.chance);
    }
    let order = order::read(&nvm);
    let mut hardware = Hardware::new(nvm);
    let rtc = probe.rtc.map(Utc::from_unix).or(last_utc);
    let place = METER.put_with(|| None);
    match Meter::boot_in(place, &order.config, rtc, chance::seed(probe), &mut hardware) {
        Ok((meter, report)) => {
            let now = clock.now();
            say_booted(now, &report, &order);
            trace::note(
                now,
                Event::Booted {
                    loss: report.has_loss(),
                },
            );
            Begun {
                living: LIVING.put_with(|| Living { meter, hardware, now }),
                damaged: order.damaged,
            }
        }
        Err(fault) => {
            say!("fault {fault}");
            restart::give_up(clock, "the meter does not boot")
        }
    }
}

/// A meter that has booted, and whether its order was damaged.
struct Begun {
    living: &'static mut Living,
    damaged: bool,
}

#[inline(never)]
fn begin_quality(clock: &mut Clock, living: &Living) -> &'static mut SupplyQuality {
    QUALITY.put_with(|| match metering::quality(living) {
        Ok(quality) => quality,
        Err(error) => refuse_setup(clock, &error),
    })
}

#[inline(never)]
fn begin_metering(
    clock: &mut Clock,
    probe: &Probe,
    living: &Living,
    quality: &'static mut SupplyQuality,
) -> &'static mut Metering {
    let now = clock.now();
    METERING.put_with(|| match Metering::begin(living, quality, probe, now) {
        Ok(metering) => metering,
        Err(error) => refuse_setup(clock, &error),
    })
}

fn refuse_setup(clock: &mut Clock, error: &SetupError) -> ! {
    // The numbers would bring the printing of floating point into the image.
    let what = match error {
        SetupError::OutOfRange { field, .. } => field,
        SetupError::NoChannel => "no channel",
    };
    say!("fault setup: {what}");
    restart::give_up(clock, "the metrology refuses its setup")
}

#[inline(never)]
fn begin_hdlc() -> &'static mut Line {
    HDLC.put_with(|| Line::hdlc(Uart::start(Port::Hdlc, BAUD)))
}

#[inline(never)]
fn begin_wrapper(now: Instant) -> &'static mut Line {
    WRAPPER.put_with(|| Line::wrapper(Uart::start(Port::Wrapper, BAUD), now))
}

/// What the loop works with.
struct Rooms {
    clock: Clock,
    probe: Probe,
    /// The board was not started anew by a fault: only then the probe asks for one.
    first_life: bool,
    living: &'static mut Living,
    metering: &'static mut Metering,
    lines: [&'static mut Line; 2],
}

impl Rooms {
    fn run(&mut self, mut watchdog: Watchdog) -> ! {
        let mut slept = Micros::ZERO;
        loop {
            watchdog.feed();
            let now = self.clock.now();
            self.living.now = now;
            restart::alive(now, self.living.meter);
            self.metering.run(now, &self.probe, self.living);
            for line in &mut self.lines {
                line.serve(&mut self.clock, now, self.living);
            }
            if self.living.meter.deadline() <= now {
                self.living.step(now, Input::Tick);
            }
            self.obey(now, slept);
            let before = self.clock.now();
            board::alarm::sleep(self.next(before).since(before));
            slept += self.clock.now().since(before);
        }
    }

    /// When something is due at the latest.
    fn next(&self, now: Instant) -> Instant {
        let [hdlc, wrapper] = &self.lines;
        let due = self
            .living
            .meter
            .deadline()
            .min(hdlc.deadline())
            .min(wrapper.deadline());
        due.min(self.metering.next(now)).min(self.probe.next(now)).max(now)
    }

    /// What a test asks of the program.
    fn obey(&mut self, now: Instant, slept: Micros) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if self.first_life {
            assert!(!due(self.probe.panic_at), "the probe asked for a panic");
            if due(self.probe.hang_at) {
                say!("hangs");
                loop {
                    cortex_m::asm::nop();
                }
            }
            if due(self.probe.fault_at) {
                say!("faults");
                cortex_m::asm::udf();
            }
        }
        let failing = due(self.probe.power_fail_at);
        if failing {
            self.living.step(now, Input::PowerFailing);
        }
        if failing || due(self.probe.exit_at) {
            self.say_all(now, slept);
            board::console::exit(0);
        }
    }

    fn say_all(&self, now: Instant, slept: Micros) {
        let [hdlc, wrapper] = &self.lines;
        say!("now_us {}", now.as_micros());
        say!("slept_us {}", slept.as_micros());
        self.metering.say();
        say!("uart_lost {} {}", hdlc.lost(), wrapper.lost());
        say!("answers_lost {} {}", hdlc.answers_lost(), wrapper.answers_lost());
        let longest = hdlc.longest().max(wrapper.longest());
        say!("longest_answer_us {}", longest.as_micros());
        say!("nvm_steps {}", self.living.hardware.nvm.steps());
        say!("error_register {:08x}", self.living.meter.model().error_register);
        say!(
            "stack_bytes {} of {}",
            board::stack::high_water(),
            board::stack::capacity()
        );
        trace::say();
    }
}

fn say_booted(now: Instant, report: &BootReport, order: &order::Order) {
    say!(
        "booted us={} first={} loss={} unclean={} values={} rows={} journals={} registers={} parameters={} order={}{}",
        now.as_micros(),
        u8::from(report.first_boot),
        u8::from(report.has_loss()),
        u8::from(report.unclean),
        report.lost_values,
        report.lost_rows,
        report.lost_journals,
        u8::from(report.registers_lost),
        u8::from(report.parameters_lost),
        order.source,
        if order.damaged { " (damaged)" } else { "" },
    );
}

/// What both lines are set to.
const BAUD: u32 = 115_200;
