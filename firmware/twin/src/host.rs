//! The host's twin.

use core::cell::RefCell;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use flash::SECTOR_BYTES;
use twin::rig::{Rig, Rooms};
use twin::script::{Entry, HEAD};
use twin::{Part, Watch};

use crate::recorder::record;

/// Keeps the trace in memory.
#[derive(Default)]
pub(crate) struct Trace(RefCell<String>);

impl Watch for Trace {
    const WRITES: bool = true;

    fn write(&self, text: &str) {
        self.0.borrow_mut().push_str(text);
    }

    fn turn_to(&self, _part: Part) {}
}

impl Trace {
    pub(crate) fn text(&self) -> String {
        self.0.borrow().clone()
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["record", script, trace] => {
            let (recorded, text) = record();
            std::fs::write(script, recorded).and_then(|()| std::fs::write(trace, text))
        }
        ["replay", script, trace] => std::fs::read(script)
            .and_then(|script| replay(&script))
            .and_then(|text| std::fs::write(trace, text)),
        _ => Err(io::Error::other("usage: twin record|replay SCRIPT TRACE")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_listens = writeln!(io::stderr(), "twin: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Blank flash of the size that the meter wants.
pub(crate) fn blank() -> Vec<u8> {
    vec![0xFF; meter::FlashSize::Megabytes16.sectors() as usize * SECTOR_BYTES as usize]
}

fn replay(mut script: &[u8]) -> io::Result<String> {
    let trace = Trace::default();
    let mut cells = blank();
    let mut rooms = Rooms::new();
    let mut rig = Rig::boot(&mut rooms, &mut cells, &trace);
    while !script.is_empty() {
        let mut head = [0; HEAD];
        script.read_exact(&mut head)?;
        let mut contents = vec![0; Entry::length(&head)];
        script.read_exact(&mut contents)?;
        let entry = Entry::parse(&head, &contents).map_err(|_| io::Error::other("the script is malformed"))?;
        rig.apply(&entry, &mut |_, _| {});
    }
    Ok(trace.text())
}
