//! A device that is to import only: when current flows the other way for long enough, that is an event of the fraud log (91, F1).
//!
//! The metrology finds the reversal, in total or of a phase, with its thresholds; here stands how long it must last. While it lasts it is
//! told once.

/// The agreement, and the reversal under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOnly {
    /// Seconds of reversal that are an event; 0 when export is agreed.
    pub patience_seconds: u16,
    lasted_millis: u32,
    told: bool,
}

impl ImportOnly {
    /// Takes a window of so many milliseconds; true when its reversal has become an event.
    pub fn observe(&mut self, is_reversed: bool, millis: u32) -> bool {
        if !is_reversed {
            (self.lasted_millis, self.told) = (0, false);
            return false;
        }
        self.lasted_millis = self.lasted_millis.saturating_add(millis);
        let patience_millis = 1_000 * u32::from(self.patience_seconds);
        let is_event = patience_millis != 0 && patience_millis <= self.lasted_millis && !self.told;
        self.told |= is_event;
        is_event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversal_is_told_once_when_it_has_lasted() {
        let mut it = ImportOnly {
            patience_seconds: 1,
            ..ImportOnly::default()
        };
        let mut windows = |is_reversed, n| (0..n).filter(|_| it.observe(is_reversed, 200)).count();
        assert_eq!(windows(true, 4), 0);
        assert_eq!(windows(false, 1), 0);
        assert_eq!(windows(true, 4), 0, "it began anew");
        assert_eq!(windows(true, 100), 1);
        assert_eq!((windows(false, 1), windows(true, 5)), (0, 1), "another one");
        // Where export is agreed there is none; a reversal that lasts already counts when it is agreed no more.
        let mut agreed = ImportOnly::default();
        assert!((0..1_000).all(|_| !agreed.observe(true, 200)));
        agreed.patience_seconds = 60;
        assert!(agreed.observe(true, 200) && !agreed.observe(true, 200));
        assert!(
            (0..30_000_000)
                .step_by(1_000_000)
                .all(|_| !agreed.observe(true, u32::MAX))
        );
    }
}
