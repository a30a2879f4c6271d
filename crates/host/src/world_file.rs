//! What the world remembers between two runs: its time, the meter's battery-backed clock, how often power came.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::Utc;
use metrology::Tariff;
use serde_json::{Value, json};

use crate::backup_clock::{Reserve, drift_micros};
use crate::civil_text::{parse_utc, utc_text};

/// The memory of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// Civil time of the world.
    pub utc: Utc,
    /// By how many microseconds the meter's own clock is ahead of it.
    pub rtc_ahead_micros: i64,
    /// Whether the meter's own clock is set, and its reserve has lasted.
    pub clock_valid: bool,
    /// Seconds that the clock's battery has carried it.
    pub reserve_used_seconds: u64,
    /// Seconds of the present cut that are counted already.
    pub cut_seconds: u64,
    /// Seconds without power that passed before this process; they are counted when it begins.
    pub away_seconds: u64,
    /// How often the meter got power.
    pub boots: u64,
    /// Whether the meter cover is open.
    pub meter_cover_open: bool,
    /// Whether the terminal cover is open.
    pub terminal_cover_open: bool,
    /// Whether a strong magnetic field is near.
    pub magnet_near: bool,
    /// The tariff that the contacts of the tariff input ask for.
    pub tariff_input: Tariff,
}

/// The file that holds it.
#[derive(Debug)]
pub(crate) struct WorldFile {
    path: PathBuf,
}

impl WorldFile {
    /// The file in the state folder.
    #[must_use]
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join("world.json"),
        }
    }

    /// What was remembered; none when there is nothing, or nothing that can be read: then a message says so, and the world begins anew.
    #[must_use]
    pub(crate) fn read(&self) -> Option<Remembered> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!("{}: {error}; the world begins anew", self.path.display());
                return None;
            }
        };
        let remembered = serde_json::from_str(&text)
            .ok()
            .and_then(|value: Value| Remembered::from_json(&value));
        if remembered.is_none() {
            tracing::warn!("{} is damaged; the world begins anew", self.path.display());
        }
        remembered
    }

    /// Replaces what was remembered, all of it or nothing; the death of the process cannot tear it.
    ///
    /// # Errors
    /// What the operating system said.
    pub(crate) fn write(&self, remembered: &Remembered) -> io::Result<()> {
        let new = self.path.with_extension("json.new");
        let mut file = File::create(&new)?;
        file.write_all(remembered.json().to_string().as_bytes())?;
        file.write_all(b"\n")?;
        std::fs::rename(&new, &self.path)
    }
}

impl Remembered {
    /// So many seconds pass without power: the crystal goes on, and what carries it is used.
    pub(crate) fn spend(&mut self, seconds: u64, reserve: Reserve, fast_ppb: i32) {
        self.rtc_ahead_micros = self.rtc_ahead_micros.saturating_add(drift_micros(seconds, fast_ppb));
        self.reserve_used_seconds = self.reserve_used_seconds.saturating_add(seconds);
        self.cut_seconds = self.cut_seconds.saturating_add(seconds);
        self.clock_valid &= reserve.carries(self.cut_seconds, self.reserve_used_seconds);
    }

    /// What the meter reads of its own clock at `world_micros`, to the nearest second; none when it has lost its time.
    pub(crate) fn reading(&self, world_micros: i64) -> Option<Utc> {
        let micros = world_micros
            .saturating_add(self.rtc_ahead_micros)
            .saturating_add(500_000);
        self.clock_valid.then(|| Utc::from_unix(micros.div_euclid(1_000_000)))
    }

    fn json(&self) -> Value {
        json!({
            "utc": utc_text(self.utc),
            "rtc_ahead_us": self.rtc_ahead_micros,
            "clock_valid": self.clock_valid,
            "reserve_used_s": self.reserve_used_seconds,
            "cut_s": self.cut_seconds,
            "boots": self.boots,
            "meter_cover_open": self.meter_cover_open,
            "terminal_cover_open": self.terminal_cover_open,
            "magnet_near": self.magnet_near,
            "tariff_input": self.tariff_input.number(),
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        // Files of the first releases have whole seconds, and no reserve.
        let ahead = match (value.get("rtc_ahead_us"), value.get("rtc_ahead_s")) {
            (Some(micros), _) => micros.as_i64()?,
            (None, seconds) => seconds?.as_i64()?.checked_mul(1_000_000)?,
        };
        if 1 << 60 < ahead.abs() {
            return None;
        }
        Some(Self {
            utc: parse_utc(value.get("utc")?.as_str()?)?,
            rtc_ahead_micros: ahead,
            clock_valid: value.get("clock_valid").is_none_or(|it| it.as_bool() != Some(false)),
            reserve_used_seconds: value.get("reserve_used_s").and_then(Value::as_u64).unwrap_or(0),
            cut_seconds: value.get("cut_s").and_then(Value::as_u64).unwrap_or(0),
            away_seconds: 0,
            boots: value.get("boots")?.as_u64()?,
            meter_cover_open: value.get("meter_cover_open")?.as_bool()?,
            terminal_cover_open: value.get("terminal_cover_open")?.as_bool()?,
            magnet_near: value.get("magnet_near")?.as_bool()?,
            // Files of earlier releases do not name it.
            tariff_input: match value.get("tariff_input") {
                None => Tariff::FIRST,
                Some(number) => Tariff::new(u8::try_from(number.as_u64()?).ok()?)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn what_was_written_is_remembered_and_what_is_damaged_is_not() {
        let scratch = Scratch::new("world");
        let file = WorldFile::new(scratch.path());
        assert_eq!(file.read(), None);
        let utc = parse_utc("2026-01-05T11:00:07Z").expect("a time");
        let remembered = Remembered {
            utc,
            rtc_ahead_micros: -3_000_001,
            clock_valid: false,
            reserve_used_seconds: 99,
            cut_seconds: 0,
            away_seconds: 0,
            boots: 7,
            meter_cover_open: true,
            terminal_cover_open: false,
            magnet_near: true,
            tariff_input: Tariff::new(6).expect("1 to 8"),
        };
        file.write(&remembered).expect("a disk");
        assert_eq!(file.read(), Some(remembered));
        for damaged in ["", "{", "{\"utc\":\"then\",\"rtc_ahead_s\":0,\"boots\":1}", "[]"] {
            std::fs::write(scratch.join("world.json"), damaged).expect("a disk");
            assert_eq!(file.read(), None, "{damaged}");
        }
    }
}
