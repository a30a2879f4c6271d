//! What the flash said at boot, and why it refuses.

use base::Utc;
use cosem::AccessError;
use flash::{CheckpointError, Fault, JournalError, NorError, StoreError};

use super::partitions::LAYOUT_VERSION;

/// What the flash said at boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BootReport {
    /// Nothing was there: the meter comes from the factory.
    pub first_boot: bool,
    /// The parameters could not be read at all and are those of the factory.
    pub parameters_lost: bool,
    /// Parameters that were damaged or are not valid any more.
    pub lost_values: u32,
    /// The energies could not be read and begin at zero.
    pub registers_lost: bool,
    /// Rows of profiles and logs that were damaged.
    pub lost_rows: u32,
    /// Profiles and logs that could not be read at all and are empty.
    pub lost_journals: u32,
    /// Profiles that were captured by another list or period than is set now, and begin anew: the power went before that was done.
    pub cleared_journals: u32,
    /// The newest snapshots of the energies were damaged, and an older one counts.
    pub registers_aged: bool,
    /// A sector of the flash is worn out.
    pub worn: bool,
    /// The supply was cut without a warning that could be used.
    pub unclean: bool,
    /// When the registers were last saved.
    pub last_alive: Option<Utc>,
}

impl core::fmt::Display for BootReport {
    /// What was lost, in words.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut said = false;
        let mut say = |f: &mut core::fmt::Formatter<'_>, what: core::fmt::Arguments<'_>| {
            let comma = if core::mem::replace(&mut said, true) { ", " } else { "" };
            write!(f, "{comma}{what}")
        };
        if self.parameters_lost {
            say(f, format_args!("all parameters"))?;
        }
        if self.lost_values != 0 {
            say(f, format_args!("{} parameters", self.lost_values))?;
        }
        if self.registers_lost {
            say(f, format_args!("all energies"))?;
        }
        if self.registers_aged {
            say(f, format_args!("the newest energies, older ones count"))?;
        }
        if self.lost_rows != 0 {
            say(f, format_args!("{} rows of profiles and logs", self.lost_rows))?;
        }
        if self.lost_journals != 0 {
            say(f, format_args!("{} whole profiles or logs", self.lost_journals))?;
        }
        if said { Ok(()) } else { f.write_str("nothing") }
    }
}

impl BootReport {
    /// Whether something that was acknowledged is gone.
    #[must_use]
    pub const fn has_loss(&self) -> bool {
        self.parameters_lost
            || self.registers_lost
            || self.registers_aged
            || self.lost_values != 0
            || self.lost_rows != 0
            || self.lost_journals != 0
    }
}

/// Why the memory could not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryError {
    /// The flash or a sector of it.
    Fault(Fault),
    /// The value does not fit or cannot be encoded: a bound of the program is wrong.
    Bound,
    /// The rows that a cursor stands before are gone.
    Gone,
    /// The flash was laid out by another meter.
    Foreign,
    /// The flash was laid out by a firmware with this version of the layout, which this one does not read.
    Layout(u8),
}

impl core::fmt::Display for MemoryError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::Bound => f.write_str("a value does not fit its place in flash"),
            Self::Gone => f.write_str("the rows are not there any more"),
            Self::Foreign => {
                f.write_str("the flash belongs to a meter of another variant, serial number or size of the flash")
            }
            Self::Layout(version) => write!(
                f,
                "the flash has layout version {version}, this firmware reads version {LAYOUT_VERSION}"
            ),
        }
    }
}

impl core::error::Error for MemoryError {}

impl From<NorError> for MemoryError {
    fn from(error: NorError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<StoreError> for MemoryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Fault(fault) => Self::Fault(fault),
            _ => Self::Bound,
        }
    }
}

impl From<CheckpointError> for MemoryError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Fault(fault) => Self::Fault(fault),
            _ => Self::Bound,
        }
    }
}

impl From<JournalError> for MemoryError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Fault(fault) => Self::Fault(fault),
            JournalError::Cleared => Self::Gone,
            JournalError::Width | JournalError::Exhausted => Self::Bound,
        }
    }
}

impl From<MemoryError> for AccessError {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Fault(Fault::Busy) => Self::TemporaryFailure,
            MemoryError::Fault(_) => Self::HardwareFault,
            MemoryError::Bound | MemoryError::Foreign | MemoryError::Layout(_) => Self::OtherReason,
            MemoryError::Gone => Self::LongGetAborted,
        }
    }
}
