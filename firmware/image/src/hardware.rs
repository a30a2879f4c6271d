//! The meter's board: its flash, the switch, the backup clock.

use base::Utc;
use board::nvm::Nvm;
use flash::Nor;
use meter::Board;

/// What the meter acts on.
#[derive(Debug)]
pub(crate) struct Hardware {
    pub(crate) nvm: Nvm,
    /// The switch as it was last driven; the emulated board has none to drive.
    pub(crate) closed: Option<bool>,
}

impl Hardware {
    pub(crate) const fn new(nvm: Nvm) -> Self {
        Self { nvm, closed: None }
    }
}

impl Board for Hardware {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.nvm
    }

    fn drive_disconnector(&mut self, closed: bool) {
        self.closed = Some(closed);
    }

    fn set_rtc(&mut self, _utc: Utc) {
        // The emulated board has no clock of its own; the backup domain takes the meter's time every second (`restart::alive`).
    }
}
