//! The fixed buffers of a session.

use core::ops::Range;

use cosem::axdr::Writer;

use crate::security::HEADROOM;

/// The longest PDU in either direction, protection included. With it a session takes about 6.5 kB, an HDLC link 1 kB
/// more.
pub const PDU_MAX: usize = 2048;

/// Octets of a long request that is assembled, or of the references and the remainder of a long answer.
pub const STORE_MAX: usize = 2048;

/// An APDU that grows to both sides, with room for heads before it.
pub(super) struct Outbox {
    octets: [u8; HEADROOM + PDU_MAX],
    start: usize,
    end: usize,
    /// What is shown piece by piece.
    whole: Range<usize>,
    /// The octets that the heads of the piece that is shown may cover, and where they end.
    covered: [u8; COVERED],
    covered_to: usize,
}

/// Octets before a piece that heads may cover: that of a general block (9) and that of a link (8).
const COVERED: usize = 24;

impl Outbox {
    pub(super) const fn new() -> Self {
        Self {
            octets: [0; HEADROOM + PDU_MAX],
            start: HEADROOM,
            end: HEADROOM,
            whole: HEADROOM..HEADROOM,
            covered: [0; COVERED],
            covered_to: 0,
        }
    }

    /// What stands in it now is shown piece by piece from here on.
    pub(super) fn fix(&mut self) {
        self.whole = self.start..self.end;
        self.covered_to = 0;
    }

    /// Makes the octets `from..to` of the whole the APDU, as they were before heads of pieces behind them were written.
    pub(super) fn show(&mut self, from: usize, to: usize) {
        let piece = |start: usize, count: usize| start.checked_sub(count).map(|from| from..start);
        if let Some(place) = piece(self.covered_to, COVERED).and_then(|range| self.octets.get_mut(range)) {
            place.copy_from_slice(&self.covered);
        }
        self.start = self.whole.end.min(self.whole.start + from);
        self.end = self.whole.end.min(self.whole.start + to).max(self.start);
        self.covered_to = 0;
        if let Some(octets) = piece(self.start, COVERED).and_then(|range| self.octets.get(range)) {
            self.covered.copy_from_slice(octets);
            self.covered_to = self.start;
        }
    }

    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (HEADROOM, HEADROOM);
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(self.start..self.end).unwrap_or(&[])
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// The whole buffer and where the APDU is, for sealing in place.
    pub(super) fn parts(&mut self) -> (&mut [u8], Range<usize>) {
        (&mut self.octets, self.start..self.end)
    }

    /// The APDU is now there.
    pub(super) fn moved(&mut self, range: Range<usize>) {
        (self.start, self.end) = (range.start, range.end);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.start + len);
    }

    /// Takes the first `count` octets off.
    pub(super) fn skip(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Octets that fit behind.
    pub(super) fn room(&self) -> usize {
        self.octets.len() - self.end
    }

    /// Puts octets behind; false when they do not fit.
    #[must_use]
    pub(super) fn put(&mut self, octets: &[u8]) -> bool {
        self.write(octets.len(), |out| out.put(octets).is_ok())
    }

    /// Puts octets before; false when they do not fit.
    #[must_use]
    pub(super) fn prepend(&mut self, octets: &[u8]) -> bool {
        let Some(start) = self.start.checked_sub(octets.len()) else {
            return false;
        };
        let Some(place) = self.octets.get_mut(start..self.start) else {
            return false;
        };
        place.copy_from_slice(octets);
        self.start = start;
        true
    }

    /// Lets `write` append at most `room` octets.
    pub(super) fn write<T>(&mut self, room: usize, write: impl FnOnce(&mut Writer<'_>) -> T) -> T {
        let to = self.octets.len().min(self.end.saturating_add(room));
        let mut out = Writer::new(self.octets.get_mut(self.end..to).unwrap_or_default());
        let result = write(&mut out);
        self.end += out.len();
        result
    }

    /// Lets `write` fill at most `room` octets `gap` octets behind the end, and answers how many it filled. They are
    /// not part of the APDU until [`Outbox::extend`] says so.
    pub(super) fn write_behind<T>(
        &mut self,
        gap: usize,
        room: usize,
        write: impl FnOnce(&mut Writer<'_>) -> T,
    ) -> (T, usize) {
        let from = self.octets.len().min(self.end + gap);
        let to = self.octets.len().min(from.saturating_add(room));
        let mut out = Writer::new(self.octets.get_mut(from..to).unwrap_or_default());
        let result = write(&mut out);
        (result, out.len())
    }

    /// Takes the next `count` octets of the buffer as part of the APDU.
    pub(super) fn extend(&mut self, count: usize) {
        self.end = self.octets.len().min(self.end + count);
    }
}

/// Octets before the remainder, so that a few can be put back before it.
const GAP: usize = 16;

/// What a transfer keeps between its requests: at the front what was kept of the first request, behind it the octets
/// that wait.
pub(super) struct Store {
    octets: [u8; STORE_MAX],
    kept: usize,
    from: usize,
    to: usize,
    /// How often it was used for something new.
    uses: u32,
}

impl Store {
    pub(super) const fn new() -> Self {
        Self {
            octets: [0; STORE_MAX],
            kept: 0,
            from: 0,
            to: 0,
            uses: 0,
        }
    }

    /// Forgets everything and keeps `octets`; false when they do not fit with `reserve` octets behind them.
    #[must_use]
    pub(super) fn keep(&mut self, octets: &[u8], reserve: usize) -> bool {
        self.kept = 0;
        self.uses = self.uses.wrapping_add(1);
        let fits = octets
            .len()
            .checked_add(GAP + reserve)
            .is_some_and(|it| it <= STORE_MAX);
        if let Some(place) = self.octets.get_mut(..octets.len()).filter(|_| fits) {
            place.copy_from_slice(octets);
            self.kept = octets.len();
        }
        (self.from, self.to) = (self.kept + GAP, self.kept + GAP);
        fits
    }

    /// How often it was used for something new: when the number is the same, what was kept is still there.
    pub(super) const fn uses(&self) -> u32 {
        self.uses
    }

    pub(super) fn kept(&self) -> &[u8] {
        self.octets.get(..self.kept).unwrap_or(&[])
    }

    pub(super) fn waiting(&self) -> &[u8] {
        self.octets.get(self.from..self.to).unwrap_or(&[])
    }

    /// What was kept, and what waits, together.
    pub(super) fn both(&self) -> (&[u8], &[u8]) {
        (self.kept(), self.waiting())
    }

    pub(super) fn truncate_waiting(&mut self, len: usize) {
        self.to = self.to.min(self.from + len);
    }

    /// Appends to what waits; false when it does not fit.
    #[must_use]
    pub(super) fn put(&mut self, octets: &[u8]) -> bool {
        self.write(octets.len(), |_, out| out.put(octets).is_ok())
    }

    /// Puts octets before those that wait; false when they do not fit.
    #[must_use]
    pub(super) fn put_back(&mut self, octets: &[u8]) -> bool {
        let Some(from) = self.from.checked_sub(octets.len()).filter(|&from| self.kept <= from) else {
            return false;
        };
        let Some(place) = self.octets.get_mut(from..self.from) else {
            return false;
        };
        place.copy_from_slice(octets);
        self.from = from;
        true
    }

    /// Lets `write` see what was kept and append at most `room` octets to what waits.
    pub(super) fn write<T>(&mut self, room: usize, write: impl FnOnce(&[u8], &mut Writer<'_>) -> T) -> T {
        self.settle();
        let (kept, behind) = self.octets.split_at_mut(self.kept);
        let from = self.to - self.kept;
        let to = behind.len().min(from.saturating_add(room));
        let mut out = Writer::new(behind.get_mut(from..to).unwrap_or_default());
        let result = write(kept, &mut out);
        self.to += out.len();
        result
    }

    /// Moves as many waiting octets to the end of `outbox` as `limit` allows there.
    pub(super) fn pour(&mut self, outbox: &mut Outbox, limit: usize) {
        let count = limit.saturating_sub(outbox.len()).min(self.to - self.from);
        let poured = self.octets.get(self.from..self.from + count).unwrap_or(&[]);
        if outbox.put(poured) {
            self.from += count;
        }
    }

    /// Everything, as room to build something else in. What was kept is lost.
    pub(super) fn lend(&mut self) -> &mut [u8; STORE_MAX] {
        (self.kept, self.from, self.to) = (0, GAP, GAP);
        self.uses = self.uses.wrapping_add(1);
        &mut self.octets
    }

    /// Moves what waits to the front again.
    fn settle(&mut self) {
        let home = self.kept + GAP;
        if self.from != home {
            self.octets.copy_within(self.from..self.to, home);
            self.to = home + (self.to - self.from);
            self.from = home;
        }
    }
}
