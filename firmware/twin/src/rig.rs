//! The whole meter of a script: front end, metrology, LEDs, links, memory, display.

use core::fmt::{self, Write as _};

use base::{Instant, Micros, Utc};
use dlms::security::{Key, Secret};
use dlms::server::{HdlcLink, HdlcSettings, Link, WrapperLink};
use flash::Nor;
use frontend::{AMPS_PER_LSB, Assembler, Measuring, News, RATE_HZ, Told, VOLTS_PER_LSB, Warmth, supply_quality};
use meter::{Board, Config, Input, Meter, Secrets, Trouble, Variant, display};
use metrology::{
    N_CHANNELS, N_TEMPERATURES, Parameters, QualityFinding, SampleSet, SealedStore, Setup, SupplyQuality,
    TemperatureCurve, TemperaturePoint,
};

use crate::memory::Memory;
use crate::script::{Entry, Event, Port};
use crate::{Part, Watch};

/// Where the large parts of a rig stand: 50 kB that no stack has to hold at once.
#[derive(Default)]
pub struct Rooms {
    meter: Option<Meter>,
    quality: Option<SupplyQuality>,
    measuring: Option<Measuring>,
    hdlc: Option<Link>,
    wrapper: Option<Link>,
}

impl Rooms {
    /// Empty ones.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            meter: None,
            quality: None,
            measuring: None,
            hdlc: None,
            wrapper: None,
        }
    }
}

/// A meter with all that feeds it.
pub struct Rig<'a, W> {
    meter: &'a mut Meter,
    board: Bench<'a, W>,
    assembler: Assembler,
    sampler: Sampler<'a>,
    links: [&'a mut Link; 2],
    shown: Option<display::Shown>,
    /// The second whose display was taken down.
    second: Option<u64>,
    watch: &'a W,
}

/// What makes measurements of samples.
struct Sampler<'a> {
    /// Of the sealed parameters that it measures with.
    checksum: u32,
    warmth: Warmth,
    measuring: &'a mut Measuring,
    quality: &'a mut SupplyQuality,
}

/// The meter's board.
struct Bench<'a, W> {
    memory: Memory<'a, W>,
    watch: &'a W,
}

impl<W: Watch> Board for Bench<'_, W> {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.memory
    }

    fn drive_disconnector(&mut self, closed: bool) {
        Line::new(self.watch).put(format_args!("switch {}", if closed { "closed" } else { "open" }));
    }

    fn set_rtc(&mut self, utc: Utc) {
        Line::new(self.watch).put(format_args!("rtc {}", utc.unix()));
    }
}

impl<'a, W: Watch> Rig<'a, W> {
    /// A meter on blank or used flash, which must have as many sectors as the order says.
    ///
    /// # Panics
    /// When the meter does not boot: then there is nothing to compare.
    #[must_use]
    pub fn boot(rooms: &'a mut Rooms, cells: &'a mut [u8], watch: &'a W) -> Self {
        let mut board = Bench {
            memory: Memory::new(cells, watch),
            watch,
        };
        let Rooms {
            meter,
            quality,
            measuring,
            hdlc,
            wrapper,
        } = rooms;
        let meter = begin(meter, &mut board);
        let quality = begin_quality(quality, meter, &board.memory);
        let measuring = begin_measuring(measuring, quality, meter, &board.memory);
        let sampler = Sampler {
            checksum: checksum(meter),
            warmth: Warmth::ROOM,
            measuring,
            quality,
        };
        hdlc_link(hdlc);
        wrapper_link(wrapper, Instant::START);
        let (Some(hdlc), Some(wrapper)) = (hdlc, wrapper) else {
            unreachable!("both were just put there")
        };
        Self {
            meter,
            board,
            assembler: Assembler::new(0),
            sampler,
            links: [hdlc, wrapper],
            shown: None,
            second: None,
            watch,
        }
    }

    /// The meter.
    #[must_use]
    pub const fn meter(&self) -> &Meter {
        self.meter
    }

    /// Lets one thing happen, after everything that was due before it. What the meter answers goes to `answer` too.
    pub fn apply(&mut self, entry: &Entry<'_>, answer: &mut dyn FnMut(Port, &[u8])) {
        let now = entry.at;
        self.elapse(now);
        match entry.event {
            Event::Frames(first, frames) => self.measure(now, |assembler, take| {
                let _counted_in_its_health = assembler.block(first, frames, take);
            }),
            Event::Silence(due) => self.measure(now, |assembler, take| {
                let _counted_in_its_health = assembler.catch_up(due, take);
            }),
            Event::Octets(port, octets) => self.serve(now, port, octets, answer),
            Event::Contact(contact) => self.step(now, Input::Contact(contact)),
            Event::Warmth(reading) => self.feel(now, reading),
            Event::Calibration => self.calibrate(now),
            Event::Time => self.step(now, Input::Tick),
            Event::PowerFailing => self.step(now, Input::PowerFailing),
            Event::Label(..) => {}
        }
        self.follow_parameters();
        self.show(now);
        self.watch.turn_to(Part::Script);
    }

    /// The meter's and the links' own deadlines before `now`, each at its time.
    fn elapse(&mut self, now: Instant) {
        loop {
            let [hdlc, wrapper] = &self.links;
            let due = self.meter.deadline().min(hdlc.deadline()).min(wrapper.deadline());
            if now <= due {
                return;
            }
            for port in Port::ALL {
                let [hdlc, wrapper] = &mut self.links;
                let link = if port == Port::Hdlc {
                    &mut **hdlc
                } else {
                    &mut **wrapper
                };
                if link.deadline() <= due {
                    self.watch.turn_to(Part::Stepping);
                    let outcome = self.meter.step(due, Input::Elapsed { link, at: due }, &mut self.board);
                    say_fault(self.watch, outcome);
                }
            }
            if self.meter.deadline() <= due {
                self.step(due, Input::Tick);
            }
        }
    }

    fn step(&mut self, now: Instant, input: Input<'_>) {
        self.watch.turn_to(Part::Stepping);
        let outcome = self.meter.step(now, input, &mut self.board);
        say_fault(self.watch, outcome);
    }

    fn measure(&mut self, now: Instant, feed: impl FnOnce(&mut Assembler, &mut dyn FnMut(&[SampleSet]))) {
        let Self {
            meter,
            board,
            assembler,
            sampler,
            watch,
            ..
        } = self;
        let health = assembler.health();
        watch.turn_to(Part::FrontEnd);
        feed(assembler, &mut |sets| {
            watch.turn_to(Part::Metrology);
            sampler.take(now, sets, meter, board, *watch);
            watch.turn_to(Part::FrontEnd);
        });
        if health != assembler.health() {
            Line::new(*watch).put(format_args!("{} converter {:?}", now.as_micros(), assembler.health()));
        }
    }

    /// Follows the thermometer, and tells the meter of it.
    fn feel(&mut self, now: Instant, reading: Option<i32>) {
        let Sampler {
            warmth,
            measuring,
            quality,
            ..
        } = &mut self.sampler;
        let look = warmth.observe(reading);
        if look.changed {
            let parameters = self.meter.parameters(&self.board.memory).expect("the memory is sound");
            measuring.warm(quality, &parameters, warmth.celsius());
        }
        match look.news {
            Some(News::Shows(celsius)) => self.step(now, Input::Temperature(celsius)),
            Some(News::Fails) => self.step(now, Input::Trouble(Trouble::Thermometer)),
            None => {}
        }
    }

    /// What the production line does: the meter gets its calibration.
    #[inline(never)]
    fn calibrate(&mut self, now: Instant) {
        let parameters = drifting();
        self.step(now, Input::Bench(meter::Bench::Manufacture(&parameters)));
    }

    /// When the sealed parameters have changed, the metrology measures on with the new ones.
    fn follow_parameters(&mut self) {
        let checksum = checksum(self.meter);
        if checksum != self.sampler.checksum {
            self.sampler.checksum = checksum;
            let parameters = self.meter.parameters(&self.board.memory).expect("the memory is sound");
            let model = self.meter.model();
            self.sampler
                .measuring
                .adjust(
                    self.sampler.quality,
                    &parameters,
                    model.led_constant(),
                    &model.registers,
                )
                .expect("what came out of the sealed memory was checked there");
        }
    }

    fn serve(&mut self, now: Instant, port: Port, octets: &[u8], answer: &mut dyn FnMut(Port, &[u8])) {
        let Self {
            meter,
            board,
            links: [hdlc, wrapper],
            watch,
            ..
        } = self;
        let link = if port == Port::Hdlc {
            &mut **hdlc
        } else {
            &mut **wrapper
        };
        watch.turn_to(Part::Serving);
        let mut send = |octets: &[u8]| {
            Line::new(*watch).put(format_args!("{} frame {port:?} {}", now.as_micros(), Hex(octets)));
            answer(port, octets);
        };
        let input = Input::Received {
            link,
            at: now,
            octets,
            answer: &mut send,
        };
        let outcome = meter.step(now, input, board);
        say_fault(*watch, outcome);
        if outcome == Err(meter::Fault::Closed) && port == Port::Wrapper {
            // A module that was sent nonsense connects anew.
            **wrapper = Link::Wrapper(WrapperLink::new(now, Micros::MAX));
        }
    }

    /// Once a second, what the glass shows.
    fn show(&mut self, now: Instant) {
        let second = now.as_micros() / 1_000_000;
        if self.second == Some(second) {
            return;
        }
        self.second = Some(second);
        self.watch.turn_to(Part::Display);
        let shown = self.meter.display(now);
        if self.shown.as_ref() != Some(&shown) {
            Line::new(self.watch).put(format_args!("{} display {shown:?}", now.as_micros()));
            self.shown = Some(shown);
        }
    }
}

/// Boots the meter in its room.
#[inline(never)]
fn begin<'m, W: Watch>(room: &'m mut Option<Meter>, board: &mut Bench<'_, W>) -> &'m mut Meter {
    let booted = Meter::boot_in(room, &config(), Some(Utc::from_unix(FIRST_SECOND)), [0x5A; 32], board);
    let (meter, report) = booted.expect("the memory is sound and the order is right");
    Line::new(board.watch).put(format_args!("booted {report:?}"));
    meter
}

#[inline(never)]
fn hdlc_link(room: &mut Option<Link>) {
    *room = Some(Link::Hdlc(HdlcLink::new(HdlcSettings::standard(17))));
}

#[inline(never)]
fn wrapper_link(room: &mut Option<Link>, now: Instant) {
    *room = Some(Link::Wrapper(WrapperLink::new(now, Micros::MAX)));
}

#[inline(never)]
fn begin_quality<'m>(room: &'m mut Option<SupplyQuality>, meter: &Meter, nor: &dyn Nor) -> &'m mut SupplyQuality {
    let parameters = meter.parameters(nor).expect("the memory is sound");
    room.insert(supply_quality(&setup(), &parameters).expect("the setup is an ordinary one"))
}

#[inline(never)]
fn begin_measuring<'m>(
    room: &'m mut Option<Measuring>,
    quality: &mut SupplyQuality,
    meter: &Meter,
    nor: &dyn Nor,
) -> &'m mut Measuring {
    let model = meter.model();
    let parameters = meter.parameters(nor).expect("the memory is sound");
    let measuring = Measuring::new(quality, &setup(), &parameters, model.led_constant(), &model.registers);
    room.insert(measuring.expect("the setup is an ordinary one"))
}

/// Of the sealed parameters that count.
fn checksum(meter: &Meter) -> u32 {
    meter.model().legal.store().map_or(0, SealedStore::checksum)
}

fn setup() -> Setup {
    Setup::three_phase(f64::from(RATE_HZ), VOLTS_PER_LSB, AMPS_PER_LSB)
}

impl Sampler<'_> {
    fn take<W: Watch>(
        &mut self,
        now: Instant,
        sets: &[SampleSet],
        meter: &mut Meter,
        board: &mut Bench<'_, W>,
        watch: &W,
    ) {
        let unix_millis = u64::try_from(meter.model().clock.micros(now) / 1_000).unwrap_or(0);
        self.measuring.take(self.quality, sets, unix_millis, |told| {
            trace(now, &told, watch);
            let (part, input) = match told {
                Told::Window(measurement) => (Part::Booking, Input::Measured(measurement)),
                Told::Pulse(_sample) => return,
                Told::Finding(finding) => {
                    let rate_hz = RATE_HZ;
                    (Part::Stepping, Input::Quality { finding, rate_hz })
                }
                Told::Spectrum(spectrum) => (Part::Stepping, Input::Spectrum(spectrum)),
                Told::Distortion(distortion) => (Part::Stepping, Input::Distortion(distortion)),
            };
            watch.turn_to(part);
            let outcome = meter.step(now, input, board);
            say_fault(watch, outcome);
            watch.turn_to(Part::Metrology);
        });
    }
}

/// Writes down what the metrology told, long things as their hash.
fn trace<W: Watch>(now: Instant, told: &Told<'_>, watch: &W) {
    if !W::WRITES {
        return;
    }
    let line = Line::new(watch);
    match told {
        Told::Window(measurement) => {
            let hash = Hash::of(format_args!("{measurement:?}"));
            line.put(format_args!("{} measured {hash:016x}", now.as_micros()));
        }
        Told::Pulse(sample) => line.put(format_args!("pulse {sample}")),
        Told::Finding(
            finding @ (QualityFinding::Began(_) | QualityFinding::Ended(_) | QualityFinding::RapidChange(_)),
        ) => {
            line.put(format_args!("{} {finding:?}", now.as_micros()));
        }
        Told::Finding(finding) => {
            let hash = Hash::of(format_args!("{finding:?}"));
            line.put(format_args!("{} aggregate {hash:016x}", now.as_micros()));
        }
        Told::Spectrum(spectrum) => {
            let hash = Hash::of(format_args!("{spectrum:?}"));
            line.put(format_args!("{} spectrum {hash:016x}", now.as_micros()));
        }
        Told::Distortion(distortion) => line.put(format_args!("{} distortion {distortion:?}", now.as_micros())),
    }
}

/// The parameters of sensors whose gains drift by 100 ppm/K: the curves that undo it, from -40 degrees in steps of 20.
///
/// # Panics
/// Never: the temperatures rise.
#[must_use]
pub fn drifting() -> Parameters {
    let mut celsius = -60.0;
    let points = [(); N_TEMPERATURES].map(|()| {
        celsius += 20.0;
        TemperaturePoint {
            celsius,
            gain: 1.0 + (celsius - 20.0) * 1e-4,
            lead_degrees: (celsius - 20.0) * 1e-3,
        }
    });
    let curve = TemperatureCurve::new(points).expect("the temperatures rise");
    Parameters {
        temperature: [curve; N_CHANNELS],
        ..Parameters::IDEAL
    }
}

fn say_fault<W: Watch>(watch: &W, outcome: Result<(), meter::Fault>) {
    if let Err(fault) = outcome {
        Line::new(watch).put(format_args!("fault {fault}"));
    }
}

/// The meter of every script.
///
/// # Panics
/// Never: its keys have the right length.
#[must_use]
pub fn config() -> Config {
    let key = |octets: [u8; 16]| Key::new(&octets).expect("16 octets are a key");
    let secrets = Secrets {
        lls_password: Secret::new(PASSWORD),
        ..Secrets::new(key(ENCRYPTION_KEY), key(AUTHENTICATION_KEY))
    };
    Config::new(Variant::St402d, 40_200_077, secrets)
}

/// The key that scripts are encrypted with.
pub const ENCRYPTION_KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// The key that scripts are authenticated with.
pub const AUTHENTICATION_KEY: [u8; 16] = [
    0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF,
];
const PASSWORD: &[u8] = b"demo-password";
/// 2026-01-05T12:00:00Z.
const FIRST_SECOND: i64 = 1_767_614_400;

/// A line of the trace.
pub(crate) struct Line<'w, W>(&'w W);

impl<'w, W: Watch> Line<'w, W> {
    pub(crate) const fn new(watch: &'w W) -> Self {
        Self(watch)
    }

    pub(crate) fn put(mut self, text: fmt::Arguments<'_>) {
        if W::WRITES {
            // A watch takes everything.
            let _written = self.write_fmt(text).and_then(|()| self.write_char('\n'));
        }
    }
}

impl<W: Watch> fmt::Write for Line<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text);
        Ok(())
    }
}

/// FNV-1a with 64 bits: enough to tell two machines apart that mean well.
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn of_octets(octets: &[u8]) -> u64 {
        octets
            .iter()
            .fold(BASIS, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(PRIME))
    }

    fn of(text: fmt::Arguments<'_>) -> u64 {
        let mut hash = Self(BASIS);
        // A hash takes everything.
        let _written = hash.write_fmt(text);
        hash.0
    }
}

impl fmt::Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = text
            .bytes()
            .fold(self.0, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(PRIME));
        Ok(())
    }
}

const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0100_0000_01B3;

struct Hex<'o>(&'o [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
