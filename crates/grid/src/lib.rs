#![no_std]
#![forbid(unsafe_code)]
//! The world outside the meter case: supply, loads, generation, sensors and converter, seen as sample codes.
//!
//! ```text
//! Supply --> Fixed currents (closed form)                        --> Sensors --> Converter --> SampleSet
//!        `-> source impedance -> Household (appliances, PV) -> decimation --^
//! ```
//!
//! A [`World`] is made once from a [`WorldSetting`] and then asked for samples. Everything about it can be changed between
//! two samples; a change never makes the running angle jump. Same setting, same calls: same codes, bit by bit, on every
//! machine, because every function comes from `libm`, nothing is fused, and chance comes from a seed.
//!
//! Not here: clocks, files, threads, JSON; finished measurements for fleets; covers, magnets and buttons.
//!
//! ```
//! use ferraris_grid::{Connection, World, WorldSetting};
//!
//! let mut world = World::new(&WorldSetting::household(Connection::ThreePhase, 7)).expect("the setting is in range");
//! let [v1, _v2, _v3, _i1, _i2, _i3, _neutral] = world.sample();
//! assert!(f64::from(v1).abs() * world.volts_per_lsb() < 400.0);
//! ```

mod bursts;
mod chance;
mod channel_fault;
mod converter;
mod crystal;
mod daytime;
mod decimator;
mod household;
mod load;
mod oscillator;
mod sensor;
mod sensor_set;
mod setting;
mod supply;
mod truth;
mod world;

pub use channel_fault::ChannelFault;
pub use converter::{ConverterSetting, Noise, SampleSet};
pub use crystal::Crystal;
pub use daytime::DayTime;
pub use household::Activity;
pub use load::{FixedLoad, HouseholdSetting, LoadSetting, PhaseLoad};
pub use sensor::SensorError;
pub use sensor_set::{Bend, Drift, REFERENCE_CELSIUS, SensorSet};
pub use setting::{Allowed, Field, Harmonic, Harmonics, MAX_HARMONICS, SettingError};
pub use supply::{PhaseSupply, SupplySetting};
pub use truth::{PhaseTruth, Truth};
pub use world::{Connection, World, WorldSetting};
