//! As much of DER (ITU-T X.690) as certificates need: a reader that borrows, and a writer that goes from the back to the
//! front, so that every length is known when it is written.

/// Universal tags.
pub(super) mod tag {
    pub(in super::super) const BOOLEAN: u8 = 0x01;
    pub(in super::super) const INTEGER: u8 = 0x02;
    pub(in super::super) const BITS: u8 = 0x03;
    pub(in super::super) const OCTETS: u8 = 0x04;
    pub(in super::super) const OBJECT: u8 = 0x06;
    pub(in super::super) const UTF8: u8 = 0x0C;
    pub(in super::super) const PRINTABLE: u8 = 0x13;
    pub(in super::super) const UTC_TIME: u8 = 0x17;
    pub(in super::super) const GENERAL_TIME: u8 = 0x18;
    pub(in super::super) const SEQUENCE: u8 = 0x30;
    pub(in super::super) const SET: u8 = 0x31;
}

/// What is left to read.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    pub(super) const fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element: its tag, its content, and all its octets. Lengths are definite, minimal and below 65 536.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let whole = self.0;
        let (&tag, rest) = whole.split_first()?;
        // Tags of more than one octet do not occur.
        if tag & 0x1F == 0x1F {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            ..=0x7F => (usize::from(first), rest),
            0x81 => {
                let (&low, rest) = rest.split_first()?;
                (usize::from(low), rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        let shortest = match length {
            0..0x80 => first < 0x80,
            0x80..0x100 => first == 0x81,
            _ => first == 0x82,
        };
        if !shortest {
            return None;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content, whole.get(..whole.len() - rest.len())?))
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content, _) = self.next()?;
        (found == tag).then_some(content)
    }

    /// The same as something to read.
    pub(super) fn open(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }
}

/// Octets that grow to the front.
pub(super) struct Backwards<'b> {
    octets: &'b mut [u8],
    start: usize,
    fits: bool,
}

impl<'b> Backwards<'b> {
    pub(super) fn new(octets: &'b mut [u8]) -> Self {
        let start = octets.len();
        Self {
            octets,
            start,
            fits: true,
        }
    }

    /// Where the next octet goes before; [`Backwards::wrap`] wraps everything from there back to a mark.
    pub(super) const fn mark(&self) -> usize {
        self.start
    }

    pub(super) fn put(&mut self, octets: &[u8]) {
        let place = self
            .start
            .checked_sub(octets.len())
            .and_then(|start| Some((start, self.octets.get_mut(start..self.start)?)));
        match place {
            Some((start, place)) => {
                place.copy_from_slice(octets);
                self.start = start;
            }
            None => self.fits = false,
        }
    }

    /// Puts tag and length before what was written since `end` was the mark.
    pub(super) fn wrap(&mut self, tag: u8, end: usize) {
        let length = end - self.start;
        match u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes() {
            [0, low] if low < 0x80 => self.put(&[tag, low]),
            [0, low] => self.put(&[tag, 0x81, low]),
            [high, low] => self.put(&[tag, 0x82, high, low]),
        }
    }

    /// An element of this tag and content.
    pub(super) fn element(&mut self, tag: u8, content: &[u8]) {
        let end = self.mark();
        self.put(content);
        self.wrap(tag, end);
    }

    /// A positive integer.
    pub(super) fn integer(&mut self, number: &[u8]) {
        let end = self.mark();
        let zeros = number.iter().take_while(|&&octet| octet == 0).count();
        let number = number.get(zeros.min(number.len().saturating_sub(1))..).unwrap_or(&[0]);
        self.put(number);
        if number.first().is_some_and(|&first| 0x80 <= first) {
            self.put(&[0]);
        }
        self.wrap(tag::INTEGER, end);
    }

    /// What was written since the mark.
    pub(super) fn since(&self, end: usize) -> &[u8] {
        self.octets.get(self.start..end).unwrap_or(&[])
    }

    /// Moves everything to the front of the buffer; answers how many octets, or `None` when it did not fit.
    pub(super) fn finish(self) -> Option<usize> {
        let length = self.octets.len() - self.start;
        self.octets.copy_within(self.start.., 0);
        self.fits.then_some(length)
    }
}
