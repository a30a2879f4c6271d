//! The thermometer that QEMU does not have: it shows what the probe says, behind the trait of a real one.

use base::Instant;
use frontend::Thermometer;

use crate::probe::Probe;

/// What it shows at an instant.
pub(crate) struct ProbedThermometer<'p> {
    pub(crate) probe: &'p Probe,
    pub(crate) now: Instant,
}

impl Thermometer for ProbedThermometer<'_> {
    fn millicelsius(&mut self) -> Option<i32> {
        let Probe {
            warm_at,
            later_millicelsius,
            millicelsius,
            ..
        } = self.probe;
        let is_later = warm_at.is_some_and(|at| at <= self.now);
        later_millicelsius
            .filter(|_| is_later)
            .or(*millicelsius)
            .or(Some(ROOM_MILLICELSIUS))
    }
}

/// QEMU stands in a room.
const ROOM_MILLICELSIUS: i32 = 23_000;
