//! The sign-on at an optical head (IEC 62056-21), in real time.

use core::time::Duration;
use std::time::Instant as RealInstant;

use base::{Instant, Micros};
use dlms::iec62056_21::{Goal, LineMode as Mode, Reader, Sign};

use super::failure::Failure;
use super::wire::{LineMode, Wire};

/// The longest read-out that is taken.
const READ_OUT_MOST: usize = 256 << 10;

/// How a serial line begins a sign-on.
pub(crate) const START: LineMode = LineMode {
    baud: 300,
    seven_even: true,
};

/// Signs on. In mode E the line is ready for HDLC afterwards; in mode C the lines of the read-out are answered.
///
/// # Errors
/// Why the meter, or what came from it, is of no use.
pub(crate) fn sign_on(wire: &mut Wire, place: &str, address: &str, goal: Goal) -> Result<String, Failure> {
    let mut lent = vec![0; READ_OUT_MOST];
    let mut reader = Reader::new(goal, &mut lent);
    let begun = RealInstant::now();
    let now = || Instant::from_micros(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
    let mut out = Vec::new();
    let mut mode = Mode::START;
    reader.start(now(), address, &mut |octets| out.extend_from_slice(octets));
    let mut buffer = [0; 512];
    loop {
        let gone = |error: std::io::Error| Failure::Unreachable(format!("{place}: {error}"));
        if !out.is_empty() {
            wire.send(&out).map_err(gone)?;
            out.clear();
        }
        if reader.line_mode() != mode {
            // What was sent leaves first: the device waits for it.
            mode = reader.line_mode();
            wire.set_mode(LineMode {
                baud: mode.speed.baud(),
                seven_even: mode.seven_even,
            })?;
        }
        let patience = reader.deadline().since(now());
        let patience = if reader.deadline() == Instant::FAR {
            Micros::ZERO
        } else {
            patience
        };
        let got = wire
            .receive(&mut buffer, Duration::from_micros(patience.as_micros()))
            .map_err(gone)?;
        let sign = match got {
            None => {
                return Err(Failure::Unreachable(format!(
                    "{place}: the connection was closed during the sign-on"
                )));
            }
            Some(0) => reader.elapse(now()),
            Some(count) => {
                let heard = buffer.get(..count).unwrap_or_default();
                reader.receive(now(), heard, &mut |octets| out.extend_from_slice(octets))
            }
        };
        let sign = sign.map_err(|error| {
            Failure::Unreachable(format!(
                "{place}: {error}. Is the head on the port, and --device-address the meter's own?"
            ))
        })?;
        match sign {
            Sign::Waiting => {}
            Sign::Hdlc => return Ok(String::new()),
            Sign::ReadOut(length) => return Ok(String::from_utf8_lossy(reader.read_out(length)).into_owned()),
        }
    }
}
