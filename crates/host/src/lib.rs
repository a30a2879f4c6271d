#![forbid(unsafe_code)]
//! Virtual meters on Linux: one meter with its world, its flash in a file, its DLMS ports on TCP, its face and control interface on HTTP.
//!
//! ```text
//!   world (grid) --samples--> metrology --> meter <--> flash file
//!        ^                                  |   ^
//!        +------------ switch --------------+   |  one lock: the bench
//!   pace, scenario ------------------------------+---- links (TCP), http (page, control interface)
//! ```
//!
//! Nothing here decides what a meter does; that is the crate `meter`. What is here has sockets, files, threads and clocks.
//! With a seed, a start and the highest speed, nothing depends on real time as long as no client comes.

mod backup_clock;
mod bench;
mod calibration;
mod change;
mod civil_text;
mod config;
mod conversation;
mod datagrams;
mod demo;
mod document;
mod flash_file;
mod http;
mod links;
mod mbus_devices;
mod pace;
mod packet_trace;
mod private_file;
mod scenario;
mod sensors;
mod state;
mod station;
mod supply_watch;
mod toml_file;
mod trail;
mod virtual_meter;
mod world_file;

#[cfg(test)]
mod scratch;

pub use backup_clock::{ClockOrder, Reserve, Timing};
pub use change::Speed;
pub use civil_text::{parse_span, parse_utc};
pub use config::Order;
pub use demo::KeyRing;
pub use mbus_devices::Device;
pub use scenario::Scenario;
pub use station::{Announcement, Farewell, Options, StartError, Station};
pub use toml_file::TomlFileError;
