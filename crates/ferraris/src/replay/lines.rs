//! Lines of a text file, one at a time: bounded, numbered, UTF-8, with either line end.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use super::recording::Fault;

/// No line of any text format here needs more bytes.
pub(super) const LONGEST_LINE: u64 = 65_536;

/// No field needs more characters: names have at most 128, numbers at most 32.
pub(super) const LONGEST_FIELD: usize = 256;

/// What DOS put behind the last byte of a text; COMTRADE files of 1991 still have it.
const END_OF_TEXT: char = '\u{1a}';

/// Reads numbered lines.
pub(super) struct Lines<R> {
    reader: R,
    file: PathBuf,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `reader`, which is `file` from the line after `before` on.
    pub(super) fn new(reader: R, file: &Path, before: u64) -> Self {
        Self {
            reader,
            file: file.to_owned(),
            buffer: Vec::new(),
            number: before,
        }
    }

    /// The number of the last line that was read, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The next line without its end, or `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<&str>, Fault> {
        self.buffer.clear();
        let taken = (&mut self.reader)
            .take(LONGEST_LINE + 1)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| Fault::io(&self.file, &error))?;
        if taken == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            if self.buffer.last() == Some(&b'\r') {
                self.buffer.pop();
            }
        } else if self.buffer.len() as u64 > LONGEST_LINE {
            let what = format!("the line is longer than the {LONGEST_LINE} bytes that are allowed");
            return Err(Fault::line(&self.file, self.number, what));
        }
        let text = core::str::from_utf8(&self.buffer).map_err(|error| {
            let what = format!("byte {} of the line is not UTF-8 text", error.valid_up_to() + 1);
            Fault::line(&self.file, self.number, what)
        })?;
        let text = if self.number == 1 {
            text.strip_prefix('\u{feff}').unwrap_or(text)
        } else {
            text
        };
        Ok(Some(text.trim_end_matches(END_OF_TEXT)))
    }

    /// A fault in the line that was read last.
    pub(super) fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::line(&self.file, self.number, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut lines = Lines::new(bytes, Path::new("x"), 0);
        let mut all = Vec::new();
        while let Some(line) = lines.next().map_err(|fault| fault.to_string())? {
            all.push(line.to_owned());
        }
        Ok(all)
    }

    #[test]
    fn either_line_end_and_the_mark_of_windows_are_taken() {
        assert_eq!(read(b"\xef\xbb\xbfa,b\r\nc\nd").unwrap(), ["a,b", "c", "d"]);
        assert_eq!(read(b"a\r\n\x1a").unwrap(), ["a", ""]);
        assert!(read(b"").unwrap().is_empty());
    }

    #[test]
    fn a_byte_that_is_no_text_is_named_with_its_line() {
        assert_eq!(
            read(b"fine\nM\xfcller\n").unwrap_err(),
            "x: line 2: byte 2 of the line is not UTF-8 text"
        );
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let long = vec![b'7'; 200_000];
        assert_eq!(
            read(&long).unwrap_err(),
            "x: line 1: the line is longer than the 65536 bytes that are allowed"
        );
    }
}
