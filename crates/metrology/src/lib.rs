#![no_std]
#![forbid(unsafe_code)]
//! The legally relevant part of the meter (WELMEC 7.2): samples of voltage and current become measurements and energies.
//!
//! ```text
//! SampleSet --> Chain --> Measurement (every 10/12 cycles) --> Registers (energies), Pulses (LED),
//!          |       |             |                                ConnectionWatch (neutral, sequence, reversal: fraud)
//!          |       |             |
//!          |       `-> Spectrum  |         (harmonics and THD, one channel after the other)
//!          |             |       |
//!          |             v       v
//!          |----------> SupplyQuality      (dips, swells, interruptions, rapid changes, flicker, frequency, aggregates, weeks)
//!          |             ^
//!          `-> GaplessHarmonics            (spectra of all channels without gaps, where there is memory)
//! ```
//!
//! No heap, no clock, no chance, no panic: what comes in is sample codes and a checked [`Setup`]; what goes out is integers.
//! Floating point stays inside, with `libm` for every function and no fused multiply-add, so that a host, an emulator and a
//! target give the same bits. The variants of the meter differ in their `Setup` only.

mod adjustment;
mod aggregation;
mod calibration;
mod chain;
mod channel;
mod connection_watch;
mod crossing;
mod edge;
mod flicker;
mod gapless;
mod half_cycle;
mod harmonic_means;
mod kernel;
mod legal_log;
mod linearity;
mod measurement;
mod no_load;
mod non_volatile;
mod oscillator;
mod parameters;
mod position;
mod presence;
mod pulses;
mod rapid_change;
mod registers;
mod resampler;
mod resynchronisation;
mod rounding;
mod sample_path;
mod sealed_store;
mod setup;
mod signal;
mod solver;
mod spectrum;
mod sums;
mod supply_quality;
mod temperature;
mod tracker;
mod unbalance;
mod voltage_watch;
mod week;
mod week_record;

pub use adjustment::{Comparison, Reading, adjusted, drifted, linearised};
pub use aggregation::{Aggregate, Aggregation, MeanFrequency, Ticked};
pub use calibration::Calibration;
pub use chain::Chain;
pub use channel::{Channel, ChannelSet, N_CHANNELS, N_PHASES, Phase, SampleSet};
pub use connection_watch::{
    Condition, ConditionAggregate, ConditionSet, ConnectionFindings, ConnectionThresholds, ConnectionWatch, Hysteresis,
    N_CONDITIONS,
};
pub use flicker::{Flicker, Lamp};
pub use gapless::GaplessHarmonics;
pub use half_cycle::HalfCycle;
pub use harmonic_means::{HarmonicMeans, HarmonicSums};
pub use legal_log::{Actor, LegalEntry, LegalKind};
pub use linearity::{LEAST_LINEARITY_POINTS, LinearityCurve, LinearityPoint, MOST_LINEARITY_POINTS};
pub use measurement::{
    Apparent, Direction, Event, EventKind, Events, Flow, Flows, MAX_EVENTS, Measurement, PhaseReading, Quadrant,
    Sequence, TotalReading,
};
pub use non_volatile::{NonVolatile, NonVolatileFault, NonVolatileRead, SECTOR_OCTETS};
pub use parameters::{Parameters, ParametersError};
pub use position::Position;
pub use pulses::{PulseQuantity, PulseTrain, Pulses};
pub use rapid_change::{RapidChange, RapidChangeThresholds, RapidChanges};
pub use registers::{Element, N_TARIFFS, Quantity, Registers, RegistersError, Tariff};
pub use resynchronisation::Part;
pub use sample_path::Core;
pub use sealed_store::{Access, Refusal, SealedStore, Source};
pub use setup::{DirectCurrent, NominalFrequency, Setup, SetupError};
pub use signal::SignalFaults;
pub use spectrum::{MAX_ORDER, Spectrum};
pub use supply_quality::{QualityFinding, QualitySetup, SupplyQuality, TenMinutes, TwoHours};
pub use temperature::{N_TEMPERATURES, TemperatureCurve, TemperaturePoint};
pub use unbalance::Unbalance;
pub use voltage_watch::{VoltageEvent, VoltageEventKind, VoltageFinding, VoltageThresholds, VoltageWatch};
pub use week::{Share, Statistic, Week, WeekLimits};
pub use week_record::WEEK_RECORD_OCTETS;
