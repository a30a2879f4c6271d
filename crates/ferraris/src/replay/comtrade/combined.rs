//! Combined COMTRADE files `.cff` (IEEE C37.111-2013, clause "CFF file format"): sections with headings such as `--- file type: CFG ---`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::super::lines::{LONGEST_LINE, Lines};
use super::super::recording::{Fault, shown};
use super::config::{Config, Encoding};
use super::data::DataFile;

/// Reads the configuration and finds the data. Information (INF) and header (HDR) sections are stepped over.
pub(super) fn open(file: &Path) -> Result<(Config, DataFile), Fault> {
    let io = |error: std::io::Error| Fault::io(file, &error);
    let mut reader = BufReader::new(File::open(file).map_err(io)?);
    let n_bytes = reader.get_ref().metadata().map_err(io)?.len();
    let mut config: Option<Config> = None;
    // The configuration's first byte and the lines before it, while its end is not known.
    let mut started: Option<(u64, u64)> = None;
    let mut at_byte = 0;
    let mut line_number = 0;
    let mut data: Option<(Encoding, DataFile)> = None;
    let mut is_first = true;
    while data.is_none() {
        let mut line = Vec::new();
        (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(io)?;
        if line.is_empty() {
            break;
        }
        let line_from = at_byte;
        at_byte += line.len() as u64;
        line_number += u64::from(line.ends_with(b"\n"));
        let text = String::from_utf8_lossy(&line);
        let Some(heading) =
            Heading::parse(text.trim_start_matches('\u{feff}')).map_err(|what| Fault::line(file, line_number, what))?
        else {
            if is_first && !text.trim().is_empty() {
                return Err(Fault::line(
                    file,
                    line_number.max(1),
                    "a combined file begins with --- file type: CFG ---",
                ));
            }
            continue;
        };
        is_first = false;
        if let Some((from, lines_before)) = started.take() {
            config = Some(read_config(file, from, line_from - from, lines_before)?);
        }
        match heading {
            Heading::Config if config.is_some() => return Err(Fault::line(file, line_number, "a second CFG section")),
            Heading::Config => started = Some((at_byte, line_number)),
            Heading::Other => {}
            Heading::Data {
                encoding: Encoding::Ascii,
                ..
            } => {
                let length = text_length(file, at_byte)?;
                data = Some((Encoding::Ascii, DataFile::section(file, at_byte, length, line_number)));
            }
            Heading::Data {
                encoding,
                n_bytes: stated,
            } => {
                let there = n_bytes - at_byte;
                let length = stated.unwrap_or(there);
                if length > there {
                    let what = format!("the DAT section should have {length} bytes, but the file ends after {there}");
                    return Err(Fault::line(file, line_number, what));
                }
                data = Some((encoding, DataFile::section(file, at_byte, length, line_number)));
            }
        }
    }
    let config = config.ok_or_else(|| Fault::whole(file, "has no CFG section before its DAT section"))?;
    let (encoding, data) = data.ok_or_else(|| Fault::whole(file, "has no DAT section"))?;
    if encoding != config.encoding {
        let what = format!(
            "the DAT section is {}, but the configuration says {}",
            encoding.name(),
            config.encoding.name()
        );
        return Err(Fault::line(file, line_number, what));
    }
    Ok((config, data))
}

/// The heading of a section.
enum Heading {
    Config,
    Data { encoding: Encoding, n_bytes: Option<u64> },
    Other,
}

impl Heading {
    /// `Ok(None)` when the line is no heading.
    fn parse(line: &str) -> Result<Option<Self>, String> {
        let line = line.trim();
        let Some(inner) = line.strip_prefix("---").and_then(|rest| rest.strip_suffix("---")) else {
            return Ok(None);
        };
        let inner = inner.trim().to_ascii_uppercase();
        let Some((key, value)) = inner.split_once(':') else {
            return Ok(None);
        };
        if key.split_whitespace().ne(["FILE", "TYPE"]) {
            return Ok(None);
        }
        let (what, size) = match value.split_once(':') {
            Some((what, size)) => (what, Some(size.trim())),
            None => (value, None),
        };
        let words: Vec<&str> = what.split_whitespace().collect();
        match words.as_slice() {
            ["CFG"] => Ok(Some(Self::Config)),
            ["INF" | "HDR"] => Ok(Some(Self::Other)),
            ["DAT", encoding] => {
                let encoding = Encoding::from_name(encoding).ok_or_else(|| {
                    format!(
                        "DAT sections are ASCII, BINARY, BINARY32 or FLOAT32, not \"{}\"",
                        shown(encoding)
                    )
                })?;
                let n_bytes = match size {
                    None | Some("") => None,
                    Some(size) => Some(
                        size.parse()
                            .map_err(|_| format!("\"{}\" is not a number of bytes", shown(size)))?,
                    ),
                };
                Ok(Some(Self::Data { encoding, n_bytes }))
            }
            _ => Err(format!(
                "there are no sections \"{}\"; allowed are CFG, INF, HDR and DAT with its format",
                shown(value.trim())
            )),
        }
    }
}

fn read_config(file: &Path, from_byte: u64, n_bytes: u64, lines_before: u64) -> Result<Config, Fault> {
    let io = |error: std::io::Error| Fault::io(file, &error);
    let mut opened = File::open(file).map_err(io)?;
    opened.seek(SeekFrom::Start(from_byte)).map_err(io)?;
    Config::read(&mut Lines::new(
        BufReader::new(opened.take(n_bytes)),
        file,
        lines_before,
    ))
}

/// How far ASCII data reach: to the next heading or the end of the file.
fn text_length(file: &Path, from_byte: u64) -> Result<u64, Fault> {
    let io = |error: std::io::Error| Fault::io(file, &error);
    let mut opened = File::open(file).map_err(io)?;
    opened.seek(SeekFrom::Start(from_byte)).map_err(io)?;
    let mut reader = BufReader::new(opened);
    let mut length = 0;
    loop {
        let mut line = Vec::new();
        (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(io)?;
        if line.is_empty() || line.starts_with(b"---") {
            return Ok(length);
        }
        length += line.len() as u64;
    }
}
