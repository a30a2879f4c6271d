//! CSV recordings: a header `t,v1,v2,v3,i1,i2,i3,in`, then seconds, volts and amperes; columns that are absent are absent inputs.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use metrology::{Channel, N_CHANNELS};

use super::lines::{LONGEST_FIELD, Lines};
use super::recording::{Fault, Origin, Recording, Samples, Values, input_named, shown};
use super::timebase::{Grid, Timebase};

/// A CSV file whose header and times have been read.
#[derive(Debug)]
pub(super) struct Csv {
    file: PathBuf,
    columns: Vec<Column>,
    origins: [Option<Origin>; N_CHANNELS],
    grid: Grid,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    Of(Channel),
}

impl Csv {
    /// Reads the header and every time, so that the rate is known before the first sample is handed out.
    pub(super) fn open(file: &Path) -> Result<Self, Fault> {
        let mut lines = lines_of(file)?;
        let columns = match lines.next()? {
            None => {
                return Err(Fault::whole(
                    file,
                    format!("is empty; the first line must be a header such as {HEADER}"),
                ));
            }
            Some(header) => columns_of(header),
        }
        .map_err(|what| lines.fault(what))?;

        let mut base = Timebase::default();
        let mut row = Row::new(&columns);
        while let Some(line) = lines.next()? {
            if line.trim().is_empty() {
                only_blank_from_here(&mut lines)?;
                break;
            }
            let seen = row.read(line).and_then(|()| base.observe(row.time));
            seen.map_err(|what| lines.fault(what))?;
        }
        let grid = base
            .grid()
            .ok_or_else(|| Fault::whole(file, "holds fewer than 3 samples"))?
            .checked(file)?;

        let mut origins = [const { None }; N_CHANNELS];
        for (input, origin) in Channel::ALL.into_iter().zip(&mut origins) {
            *origin = columns.contains(&Column::Of(input)).then(|| Origin {
                name: input.name().to_owned(),
                step: None,
                side: None,
                skew_s: 0.0,
            });
        }
        Ok(Self {
            file: file.to_owned(),
            columns,
            origins,
            grid,
        })
    }
}

impl Recording for Csv {
    fn format(&self) -> &'static str {
        "CSV"
    }

    fn rate_hz(&self) -> f64 {
        self.grid.rate_hz
    }

    fn start_s(&self) -> f64 {
        self.grid.start_s
    }

    fn origins(&self) -> &[Option<Origin>; N_CHANNELS] {
        &self.origins
    }

    fn samples(&self) -> Result<Box<dyn Samples + '_>, Fault> {
        let mut lines = lines_of(&self.file)?;
        lines.next()?; // the header, understood by `open`
        Ok(Box::new(Walk {
            lines,
            row: Row::new(&self.columns),
            grid: self.grid,
            index: 0,
        }))
    }
}

/// One walk over the lines behind the header.
struct Walk<'a> {
    lines: Lines<BufReader<File>>,
    row: Row<'a>,
    grid: Grid,
    index: u64,
}

impl Samples for Walk<'_> {
    fn next(&mut self, values: &mut Values) -> Result<bool, Fault> {
        if self.index == self.grid.count {
            return Ok(false);
        }
        let Some(line) = self.lines.next()? else {
            return Err(self.lines.fault("the file became shorter while it was read"));
        };
        let seen = self
            .row
            .read(line)
            .and_then(|()| self.grid.check(self.index, self.row.time));
        seen.map_err(|what| self.lines.fault(what))?;
        *values = self.row.values;
        self.index += 1;
        Ok(true)
    }
}

/// The numbers of one line.
struct Row<'a> {
    columns: &'a [Column],
    time: f64,
    values: Values,
}

impl<'a> Row<'a> {
    const fn new(columns: &'a [Column]) -> Self {
        Self {
            columns,
            time: 0.0,
            values: [0.0; N_CHANNELS],
        }
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        let mut fields = line.split(',');
        for column in self.columns {
            let Some(field) = fields.next() else {
                let expected = self.columns.len();
                return Err(format!(
                    "{} values, but the header has {expected} columns",
                    line.split(',').count()
                ));
            };
            let (name, place) = match column {
                Column::Time => ("t", &mut self.time),
                Column::Of(input) => {
                    let name = input.name();
                    match self.values.get_mut(input.index()) {
                        Some(place) => (name, place),
                        None => continue,
                    }
                }
            };
            *place = number(field).map_err(|why| format!("{name} is {why}"))?;
        }
        if fields.next().is_some() {
            let expected = self.columns.len();
            return Err(format!(
                "{} values, but the header has {expected} columns",
                line.split(',').count()
            ));
        }
        Ok(())
    }
}

/// A finite number; the text says what stands there instead.
fn number(field: &str) -> Result<f64, String> {
    let field = field.trim();
    if field.is_empty() {
        return Err("empty; every line needs a number in every column".to_owned());
    }
    if field.len() > LONGEST_FIELD {
        return Err(format!(
            "{} characters long; up to {LONGEST_FIELD} are allowed",
            field.len()
        ));
    }
    match field.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(value) => Err(format!("{value}; only finite numbers are allowed")),
        Err(_) => Err(format!(
            "\"{}\", which is not a number (decimal point, no unit)",
            shown(field)
        )),
    }
}

fn columns_of(header: &str) -> Result<Vec<Column>, String> {
    if !header.contains(',') {
        return Err(format!(
            "the header is \"{}\"; columns are separated by commas, such as {HEADER}",
            shown(header)
        ));
    }
    let mut columns = Vec::new();
    for name in header.split(',').map(str::trim) {
        let column = if name.eq_ignore_ascii_case("t") {
            Column::Time
        } else {
            let input = input_named(name);
            Column::Of(input.map_err(|_| format!("no column is called \"{}\"; allowed are {HEADER}", shown(name)))?)
        };
        if columns.contains(&column) {
            return Err(format!("the column {name} stands twice in the header"));
        }
        columns.push(column);
    }
    if !columns.contains(&Column::Time) {
        return Err("the column t (seconds) is missing".to_owned());
    }
    if columns.len() == 1 {
        return Err(format!("there is no column beside t; allowed are {HEADER}"));
    }
    Ok(columns)
}

/// Empty lines may end a file, but not divide it: a hole would shift all later samples.
fn only_blank_from_here(lines: &mut Lines<BufReader<File>>) -> Result<(), Fault> {
    let blank = lines.number();
    while let Some(line) = lines.next()? {
        if !line.trim().is_empty() {
            return Err(lines.fault(format!(
                "follows the empty line {blank}; empty lines may only stand at the end"
            )));
        }
    }
    Ok(())
}

fn lines_of(file: &Path) -> Result<Lines<BufReader<File>>, Fault> {
    let opened = File::open(file).map_err(|error| Fault::io(file, &error))?;
    Ok(Lines::new(BufReader::with_capacity(1 << 16, opened), file, 0))
}

/// The whole header, for messages.
const HEADER: &str = "t,v1,v2,v3,i1,i2,i3,in";
