//! What is told on standard error of a long reading.

use core::time::Duration;
use std::io::IsTerminal as _;
use std::time::Instant;

/// What is told so, and when it last was.
pub(super) struct Progress {
    quiet: bool,
    terminal: bool,
    begun: Instant,
    told: Instant,
    shown: bool,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            terminal: std::io::stderr().is_terminal(),
            begun: Instant::now(),
            told: Instant::now(),
            shown: false,
        }
    }

    /// Octets have come: said twice a second on a terminal, once in ten elsewhere.
    pub(super) fn octets(&mut self, received: u64) {
        let pause = Duration::from_millis(if self.terminal { 500 } else { 10_000 });
        if self.quiet || self.told.elapsed() < pause {
            return;
        }
        self.told = Instant::now();
        self.shown = true;
        let seconds = self.begun.elapsed().as_secs();
        if self.terminal {
            eprint!("\r{} kB in {seconds} s ", received / 1000);
        } else {
            eprintln!("{} kB in {seconds} s", received / 1000);
        }
    }

    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("ferraris: {text}");
        }
    }

    pub(super) fn end(&self) {
        if self.terminal && self.shown {
            eprintln!();
        }
    }
}
