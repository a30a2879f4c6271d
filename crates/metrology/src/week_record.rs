//! The week that runs as octets, so that a power cut does not end it: counts of all quantities, and the classes of the voltages, in as fine
//! steps as there is room for. What the power was away for is in no count, which is what EN 50160 wants: intervals that are not whole
//! are flagged by [`SupplyQuality`](crate::SupplyQuality), and none stands for those without supply.

use crate::week::{Statistic, Week};

/// Octets of a record at the most.
pub const WEEK_RECORD_OCTETS: usize = 520;

/// Version of the form.
const VERSION: u8 = 1;
/// Octets in which the classes of one voltage are counted: pairs of a class and its count.
const STEPS: [u8; 6] = [1, 2, 4, 8, 16, 32];

/// Writes octets one after the other, as long as there is room.
struct Out<'a> {
    octets: &'a mut [u8],
    length: usize,
}

impl Out<'_> {
    fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.length.checked_add(octets.len())?;
        self.octets.get_mut(self.length..end)?.copy_from_slice(octets);
        self.length = end;
        Some(())
    }

    /// A count in one octet, or 255 and two more.
    fn put_count(&mut self, count: u16) -> Option<()> {
        match u8::try_from(count) {
            Ok(small) if small != u8::MAX => self.put(&[small]),
            _ => {
                self.put(&[u8::MAX])?;
                self.put(&count.to_le_bytes())
            }
        }
    }
}

/// Takes octets one after the other.
struct In<'a>(&'a [u8]);

impl In<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (octets, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*octets)
    }

    fn count(&mut self) -> Option<u16> {
        let [small] = self.take()?;
        if small == u8::MAX {
            self.take().map(u16::from_le_bytes)
        } else {
            Some(u16::from(small))
        }
    }

    fn word(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }
}

impl Week {
    /// Writes the week as it stood at the 10-minute tick `unix_seconds`; gives the octets that were written, at most
    /// [`WEEK_RECORD_OCTETS`]. None when `out` is shorter and too short.
    pub fn save<'o>(&self, unix_seconds: u64, out: &'o mut [u8]) -> Option<&'o [u8]> {
        let length = STEPS
            .into_iter()
            .find_map(|step| self.save_in_steps(unix_seconds, step, out))?;
        out.get(..length)
    }

    fn save_in_steps(&self, unix_seconds: u64, step: u8, octets: &mut [u8]) -> Option<usize> {
        let mut out = Out { octets, length: 0 };
        out.put(&[VERSION, step])?;
        out.put(&unix_seconds.to_le_bytes())?;
        for statistic in self.statistics() {
            for count in [
                statistic.values,
                statistic.flagged,
                statistic.within,
                statistic.within_always,
            ] {
                out.put(&u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes())?;
            }
            out.put(&statistic.least_millionths.to_le_bytes())?;
            out.put(&statistic.greatest_millionths.to_le_bytes())?;
        }
        for (within, all) in self.harmonics_within.iter().zip(self.harmonics) {
            out.put(&all.to_le_bytes())?;
            // How many were beyond: mostly none.
            for within in within {
                out.put_count(all.saturating_sub(*within))?;
            }
        }
        for statistic in &self.voltage {
            let classes = statistic.classes.chunks(usize::from(step));
            let counts = || {
                (0..=u8::MAX).zip(
                    classes
                        .clone()
                        .map(|chunk| chunk.iter().fold(0_u16, |sum, count| sum.saturating_add(*count))),
                )
            };
            let counted = || counts().filter(|(_class, count)| *count != 0);
            out.put_count(u16::try_from(counted().count()).ok()?)?;
            for (class, count) in counted() {
                out.put(&[class])?;
                out.put_count(count)?;
            }
        }
        Some(out.length)
    }

    /// The week that [`Self::save`] wrote, with these limits, and the tick of that moment; none when it is cut or of another form.
    pub(crate) fn restored(&self, record: &[u8]) -> Option<(Self, u64)> {
        let mut from = In(record);
        let [version, step] = from.take()?;
        if version != VERSION || !STEPS.contains(&step) {
            return None;
        }
        let unix_seconds = u64::from_le_bytes(from.take()?);
        let mut week = Self::new(self.limits()).ok()?;
        for statistic in week.statistics_mut() {
            let counts = [from.word()?, from.word()?, from.word()?, from.word()?];
            let [values, flagged, within, within_always] = counts.map(u32::from);
            if values < within || values < within_always {
                return None;
            }
            *statistic = Statistic {
                values,
                flagged,
                within,
                within_always,
                least_millionths: u32::from_le_bytes(from.take()?),
                greatest_millionths: u32::from_le_bytes(from.take()?),
                ..*statistic
            };
        }
        for (within, all) in week.harmonics_within.iter_mut().zip(&mut week.harmonics) {
            *all = from.word()?;
            for within in within {
                *within = all.checked_sub(from.count()?)?;
            }
        }
        for statistic in &mut week.voltage {
            for _ in 0..from.count()? {
                let [class] = from.take()?;
                let count = from.count()?;
                // At the end of the step: a percentile is not said to be better than it was.
                let last = (usize::from(class) + 1) * usize::from(step) - 1;
                *statistic.classes.get_mut(last)? = count;
            }
        }
        from.0.is_empty().then_some((week, unix_seconds))
    }

    fn statistics(&self) -> impl Iterator<Item = &Statistic> {
        let single = [&self.frequency, &self.unbalance];
        self.voltage.iter().chain(single).chain(&self.thd).chain(&self.plt)
    }

    fn statistics_mut(&mut self) -> impl Iterator<Item = &mut Statistic> {
        let single = [&mut self.frequency, &mut self.unbalance];
        self.voltage
            .iter_mut()
            .chain(single)
            .chain(&mut self.thd)
            .chain(&mut self.plt)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::harmonic_means::HarmonicSums;
    use crate::week::{Scale, WeekLimits};

    /// A week of voltages that wander over `classes` classes.
    fn week(classes: u32) -> Week {
        let scale = Scale {
            nominal_volts: 230.0,
            phases: [true; 3],
        };
        let sums = HarmonicSums::new();
        let mut week = Week::new(&WeekLimits::EN_50160).expect("good limits");
        for n in 0..900 {
            let volts = 230.0 * (1.0 - f64::from(n % classes) * 0.001 - 0.000_5);
            let microvolts = crate::rounding::nearest_u64(volts * 1e6);
            week.ten_minutes(&scale, &[microvolts; 3], Some(n * 30), sums.means(), n % 100 == 7);
            for _ in 0..60 {
                week.ten_seconds(1.0 + f64::from(n % 5) * 0.004, false);
            }
        }
        week.two_hours(&[Some(700), Some(1_200), None], false);
        week
    }

    #[test]
    fn a_week_comes_back_as_it_was() {
        let mut octets = [0; WEEK_RECORD_OCTETS];
        for classes in [1, 7, 40, 256] {
            let before = week(classes);
            let record = before.save(1_785_715_200, &mut octets).expect("room for all").to_vec();
            std::println!("{classes} classes: {} octets, steps of {}", record.len(), record[1]);
            let empty = Week::new(&WeekLimits::EN_50160).expect("good limits");
            let (after, tick) = empty.restored(&record).expect("whole");
            assert_eq!(tick, 1_785_715_200);
            assert_eq!(after.is_kept(), before.is_kept());
            for (a, b) in after.statistics().zip(before.statistics()) {
                assert_eq!(
                    (
                        a.values,
                        a.flagged,
                        a.within,
                        a.within_always,
                        a.least_millionths,
                        a.greatest_millionths
                    ),
                    (
                        b.values,
                        b.flagged,
                        b.within,
                        b.within_always,
                        b.least_millionths,
                        b.greatest_millionths
                    )
                );
            }
            let step = u16::from(record[1]);
            for percent in [50.0, 95.0, 99.0] {
                let [was, is] = [&before, &after].map(|week| week.voltage[1].percentile_hundredths(percent));
                let (was, is) = (was.expect("values"), is.expect("values"));
                assert!((was..was + step).contains(&is), "{percent}: {was} {is}");
            }
            for length in 0..record.len() {
                assert!(empty.restored(&record[..length]).is_none(), "cut at {length}");
            }
        }
    }
}
