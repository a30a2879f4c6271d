#![no_std]
#![forbid(unsafe_code)]
//! What the meter remembers: a contract for NOR flash and three shapes of memory on it that survive a power cut at any instant.
//!
//! | shape | for | promise |
//! | --- | --- | --- |
//! | [`Store`] | parameters | values by key; a value whose write was acknowledged is read back or reported lost, never replaced by an older one |
//! | [`Journal`] | profiles, billing, logs | a ring of rows of fixed width; an acknowledged row is never torn, doubled or moved |
//! | [`Checkpoint`] | counters that always move | numbered snapshots, the newest whole one wins; one small record at power failure overrides it |
//!
//! The shapes own no flash. They own a [`Region`] and are lent the one chip, `&mut dyn Nor`, call by call.
//! No call waits for an erase: sectors are erased ahead by `tend`, which the owner calls whenever it has time.
//! Only `format` and `settle` wait; they are for the boot.
//!
//! [`model`] is the flash that tests and virtual meters run on: it wears, takes time, and loses power on command.
//! The layouts are written down in `docs/flash.md`.

mod bank;
mod bytes;
mod checkpoint;
mod journal;
pub mod model;
mod nor;
mod partition;
mod ring;
mod store;

pub use bank::{Bank, BankError, BankMounted};
pub use checkpoint::{Checkpoint, CheckpointError, RECORD_BYTES, Restored};
pub use journal::{Cursor, Journal, JournalError, JournalMounted, Laying, Missing, Shape, Step};
pub use nor::{Blocking, Erase, Nor, NorError, PAGE_BYTES, Region, SECTOR_BYTES, erase_now};
pub use partition::{Partition, fits};
pub use ring::{Fault, Tended};
pub use store::{Key, Store, StoreError, StoreMounted, VALUE_BYTES};
