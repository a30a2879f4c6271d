//! A link over an optical port or local bus: sign-on (IEC 62056-21), then HDLC or a read-out.

use base::{Instant, Micros};

use super::{Application, Closed, DataLink, HdlcLink, HdlcSettings, Standing};
use crate::iec62056_21::{LineMode, Station, StationSettings};

/// An optical port.
///
/// Unlike other links it speaks when time has passed, too: at [`DataLink::deadline`] its owner calls
/// [`DataLink::receive`] without octets. After each call the line is set as [`OpticalLink::line_mode`] says, once what
/// was sent has left.
pub struct OpticalLink<const CLIENTS: usize = 1> {
    station: Station,
    hdlc: HdlcLink<CLIENTS>,
    /// When HDLC began, or its last octet came.
    last_octet: Instant,
    /// How long it may be silent before the port begins anew.
    patience: Micros,
    was_connected: bool,
}

impl<const CLIENTS: usize> OpticalLink<CLIENTS> {
    /// A port that nobody uses.
    #[must_use]
    pub fn new(station: StationSettings, hdlc: HdlcSettings) -> Self {
        Self {
            station: Station::new(station),
            patience: hdlc.silence_patience,
            hdlc: HdlcLink::new(hdlc),
            last_octet: Instant::START,
            was_connected: false,
        }
    }

    /// How the line must be set.
    #[must_use]
    pub const fn line_mode(&self) -> LineMode {
        self.station.line_mode()
    }

    /// The HDLC line behind the sign-on.
    #[must_use]
    pub const fn hdlc(&self) -> &HdlcLink<CLIENTS> {
        &self.hdlc
    }

    /// HDLC is over when its client has gone, or nobody came.
    fn settle(&mut self, now: Instant, app: &mut dyn Application) {
        if !self.station.is_hdlc() {
            return;
        }
        let connected = self.hdlc.is_connected();
        if !connected && (self.was_connected || self.last_octet + self.patience <= now) {
            self.hdlc.lost(app);
            self.station.reset();
        }
        self.was_connected = connected;
    }
}

impl<const CLIENTS: usize> DataLink for OpticalLink<CLIENTS> {
    fn receive(
        &mut self,
        now: Instant,
        octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed> {
        self.elapse(now, app)?;
        for (at, octet) in octets.iter().enumerate() {
            if !self.station.is_hdlc() {
                self.station.take(now, *octet);
                if !self.station.is_hdlc() {
                    continue;
                }
            }
            self.last_octet = now;
            self.hdlc.receive(now, octets.get(at..).unwrap_or(&[]), app, out);
            self.settle(now, app);
            break;
        }
        let waited = self.station.is_hdlc();
        self.station
            .speak(now, &mut |number, text| app.read_out(number, text), out);
        if self.station.is_hdlc() && !waited {
            (self.last_octet, self.was_connected) = (now, false);
        }
        Ok(())
    }

    fn deadline(&self) -> Instant {
        if !self.station.is_hdlc() {
            return self.station.deadline();
        }
        let silence = if self.hdlc.is_connected() {
            Instant::FAR
        } else {
            self.last_octet + self.patience
        };
        self.hdlc.deadline().min(silence)
    }

    fn elapse(&mut self, now: Instant, app: &mut dyn Application) -> Result<(), Closed> {
        if self.station.is_hdlc() {
            self.hdlc.elapse(now, app);
            self.settle(now, app);
        }
        Ok(())
    }

    fn lost(&mut self, app: &mut dyn Application) {
        self.hdlc.lost(app);
        self.station.reset();
        self.was_connected = false;
    }

    fn standing(&self) -> Standing {
        self.hdlc.standing()
    }
}
