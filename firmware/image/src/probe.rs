//! What a test asks of the image, as words on QEMU's command line: `meter rtc=1767225600 exit-at=5000`. Times are milliseconds.

use base::{Instant, Micros};
use board::say;

/// Everything that can be asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Probe {
    /// Seconds since 1970 that the backup clock shows.
    pub(crate) rtc: Option<i64>,
    /// Instead of entropy.
    pub(crate) seed: Option<u64>,
    /// The step of the flash in which the power is cut.
    pub(crate) cut: Option<u32>,
    /// What the cut leaves behind.
    pub(crate) chance: u32,
    /// End with a summary.
    pub(crate) exit_at: Option<Instant>,
    /// Warn the meter that its supply fails, then end.
    pub(crate) power_fail_at: Option<Instant>,
    /// Panic, hang, or execute what is no instruction; in a first life only.
    pub(crate) panic_at: Option<Instant>,
    pub(crate) hang_at: Option<Instant>,
    pub(crate) fault_at: Option<Instant>,
    /// The converter gives nothing from one to the other.
    pub(crate) stop_from: Option<Instant>,
    pub(crate) stop_to: Option<Instant>,
    /// Frames whose number this divides are damaged.
    pub(crate) damage_every: u64,
    /// What the thermometer shows in thousandths of a degree, and what it shows from an instant on; a room unless it is said.
    pub(crate) millicelsius: Option<i32>,
    pub(crate) later_millicelsius: Option<i32>,
    pub(crate) warm_at: Option<Instant>,
}

impl Probe {
    /// Reads the words.
    pub(crate) fn read() -> Self {
        let mut buffer = [0; 256];
        let mut probe = Self::default();
        let words = board::console::arguments(&mut buffer);
        for word in words.split(' ').skip(1).filter(|word| !word.is_empty()) {
            let known = word.split_once('=').and_then(|(key, value)| probe.take(key, value));
            if known.is_none() {
                say!("fault the word {word} is not known here");
                board::console::exit(NOT_UNDERSTOOD);
            }
        }
        probe
    }

    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        let at = || Some(Instant::START + Micros::from_millis(value.parse().ok()?));
        match key {
            "rtc" => self.rtc = Some(value.parse().ok()?),
            "seed" => self.seed = Some(value.parse().ok()?),
            "cut" => self.cut = Some(value.parse().ok()?),
            "chance" => self.chance = value.parse().ok()?,
            "exit-at" => self.exit_at = Some(at()?),
            "power-fail-at" => self.power_fail_at = Some(at()?),
            "panic-at" => self.panic_at = Some(at()?),
            "hang-at" => self.hang_at = Some(at()?),
            "fault-at" => self.fault_at = Some(at()?),
            "stop-from" => self.stop_from = Some(at()?),
            "stop-to" => self.stop_to = Some(at()?),
            "millicelsius" => self.millicelsius = Some(value.parse().ok()?),
            "later-millicelsius" => self.later_millicelsius = Some(value.parse().ok()?),
            "warm-at" => self.warm_at = Some(at()?),
            "damage-every" => self.damage_every = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }

    /// The next instant at which something was asked for, after `now`.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        [
            self.exit_at,
            self.power_fail_at,
            self.panic_at,
            self.hang_at,
            self.fault_at,
        ]
        .into_iter()
        .flatten()
        .filter(|at| now < *at)
        .min()
        .unwrap_or(Instant::FAR)
    }
}

/// The exit code of an image that does not know what it was asked.
const NOT_UNDERSTOOD: u8 = 104;
