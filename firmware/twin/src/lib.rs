#![no_std]
#![forbid(unsafe_code)]
//! The twin test: one recorded script of inputs, lived by a host and by an image in QEMU; what comes out must be equal octet by octet.
//!
//! ```text
//!   recorder (host, with real clients) --> script --+--> Rig on the host ---> trace --+
//!                                                   |                                 +--> equal?
//!                                                   +--> Rig in the image --> trace --+
//! ```
//!
//! A [`Rig`] is a whole meter: front end, metrology, LEDs, links, memory, display. A [`Script`](script) holds what happened to it and when;
//! a [`Watch`] takes down what it did. The same rig and script serve the cost image, whose watch counts instructions instead.

pub mod rig;
pub mod script;

mod memory;

/// Who looks on while a rig lives.
pub trait Watch {
    /// Whether [`Watch::write`] is wanted at all; otherwise nothing is made for it.
    const WRITES: bool;

    /// A piece of the trace.
    fn write(&self, text: &str);

    /// From now on the rig works at this.
    fn turn_to(&self, part: Part);
}

/// What a rig works at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Reading the script; not the meter's work.
    Script,
    /// Checking frames and putting them on the time line.
    FrontEnd,
    /// Windows, LEDs, spectra and the quality of the supply.
    Metrology,
    /// `Meter::step` with a finished window.
    Booking,
    /// `Meter::step` with octets of a client.
    Serving,
    /// `Meter::step` with anything else.
    Stepping,
    /// What the display shows.
    Display,
}

impl Part {
    /// All parts but the script.
    pub const WORK: [Self; 6] = [
        Self::FrontEnd,
        Self::Metrology,
        Self::Booking,
        Self::Serving,
        Self::Stepping,
        Self::Display,
    ];

    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::FrontEnd => "front-end",
            Self::Metrology => "metrology",
            Self::Booking => "booking",
            Self::Serving => "serving",
            Self::Stepping => "stepping",
            Self::Display => "display",
        }
    }
}
