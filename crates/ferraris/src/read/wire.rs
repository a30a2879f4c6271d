//! The way to the meter: TCP, UDP, or a serial line, as octets out and octets in with a time to wait.

use core::time::Duration;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};

use rustix::termios::{ControlModes, OptionalActions, SpecialCodeIndex, Termios};

use super::failure::Failure;

/// Where the meter is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Over TCP, wrapped or as behind a serial server.
    Tcp(String),
    /// Over UDP.
    Udp(String),
    /// A serial device of this machine.
    Serial(PathBuf),
}

/// Parity and speed of a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineMode {
    /// Bits a second.
    pub(crate) baud: u32,
    /// True for 7 data bits with even parity, false for 8 without.
    pub(crate) seven_even: bool,
}

/// An open way.
#[derive(Debug)]
pub(crate) enum Wire {
    Tcp(TcpStream),
    Udp(UdpSocket),
    Serial(File),
}

impl Place {
    /// For messages.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Tcp(address) => address.clone(),
            Self::Udp(address) => format!("udp {address}"),
            Self::Serial(path) => path.display().to_string(),
        }
    }
}

impl Wire {
    /// Opens the way within `patience`.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] with the reason of the operating system.
    pub(crate) fn open(place: &Place, mode: LineMode, patience: Duration) -> Result<Self, Failure> {
        let unreachable = |error: &dyn core::fmt::Display| {
            Failure::Unreachable(format!(
                "{}: {error}. Is the meter on, and is this its address?",
                place.text()
            ))
        };
        match place {
            Place::Tcp(address) => {
                let mut last = None;
                for address in address.to_socket_addrs().map_err(|error| unreachable(&error))? {
                    match TcpStream::connect_timeout(&address, patience) {
                        Ok(stream) => {
                            stream.set_nodelay(true).map_err(|error| unreachable(&error))?;
                            return Ok(Self::Tcp(stream));
                        }
                        Err(error) => last = Some(error),
                    }
                }
                Err(last.map_or_else(|| unreachable(&"the name has no address"), |error| unreachable(&error)))
            }
            Place::Udp(address) => {
                let address = address
                    .to_socket_addrs()
                    .map_err(|error| unreachable(&error))?
                    .next()
                    .ok_or_else(|| unreachable(&"the name has no address"))?;
                let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(own).map_err(|error| unreachable(&error))?;
                socket.connect(address).map_err(|error| unreachable(&error))?;
                Ok(Self::Udp(socket))
            }
            Place::Serial(path) => {
                let file = File::options()
                    .read(true)
                    .write(true)
                    .open(path)
                    .map_err(|error| unreachable(&error))?;
                let wire = Self::Serial(file);
                let not_serial = |failure| unreachable_line(failure, &place.text());
                wire.set_mode(mode).map_err(not_serial)?;
                Ok(wire)
            }
        }
    }

    /// Sets speed and parity of a serial line; elsewhere nothing is to be set. What is still to be sent goes out first.
    ///
    /// # Errors
    /// When the device is no terminal, or does not know the speed.
    pub(crate) fn set_mode(&self, mode: LineMode) -> Result<(), Failure> {
        let Self::Serial(file) = self else { return Ok(()) };
        let failed =
            |error: rustix::io::Errno| Failure::Unreachable(format!("the serial line cannot be set up: {error}"));
        let mut line: Termios = rustix::termios::tcgetattr(file).map_err(failed)?;
        line.make_raw();
        line.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
        line.control_modes -= ControlModes::CSIZE | ControlModes::PARENB | ControlModes::PARODD | ControlModes::CSTOPB;
        line.control_modes |= match mode.seven_even {
            true => ControlModes::CS7 | ControlModes::PARENB,
            false => ControlModes::CS8,
        };
        line.special_codes[SpecialCodeIndex::VMIN] = 0;
        line.special_codes[SpecialCodeIndex::VTIME] = 1;
        line.set_speed(mode.baud).map_err(failed)?;
        rustix::termios::tcsetattr(file, OptionalActions::Drain, &line).map_err(failed)
    }

    /// Sends octets.
    ///
    /// # Errors
    /// When the way is gone.
    pub(crate) fn send(&mut self, octets: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(octets),
            // A datagram that cannot be delivered is lost, as any may be.
            Self::Udp(socket) => match socket.send(octets) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
                sent => sent.map(drop),
            },
            Self::Serial(file) => file.write_all(octets),
        }
    }

    /// Waits up to `patience` for octets; 0 when none came, none at all when the other side has closed.
    ///
    /// # Errors
    /// When the way is gone.
    pub(crate) fn receive(&mut self, octets: &mut [u8], patience: Duration) -> std::io::Result<Option<usize>> {
        let patience = patience.max(Duration::from_millis(1));
        let got = match self {
            Self::Tcp(stream) => {
                stream.set_read_timeout(Some(patience))?;
                match stream.read(octets) {
                    Ok(0) => return Ok(None),
                    got => got,
                }
            }
            Self::Udp(socket) => {
                socket.set_read_timeout(Some(patience))?;
                socket.recv(octets)
            }
            Self::Serial(file) => {
                // The line answers within a tenth of a second, with or without octets.
                file.read(octets)
            }
        };
        match got {
            Ok(count) => Ok(Some(count)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::ConnectionRefused => {
                    Ok(Some(0))
                }
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Throws away what has come and nobody waits for: datagrams that are late.
    pub(crate) fn drain(&mut self) {
        if let Self::Udp(socket) = self {
            let mut late = [0; 64];
            if socket.set_nonblocking(true).is_ok() {
                while socket.recv(&mut late).is_ok() {}
            }
            let _blocking = socket.set_nonblocking(false);
        }
    }
}

/// Whether a target names a device of this machine rather than an address.
pub(crate) fn is_device(target: &str) -> bool {
    target.starts_with('/') && Path::new(target).exists()
}
/// A device that cannot be set as a line.
fn unreachable_line(failure: Failure, device: &str) -> Failure {
    Failure::Unreachable(format!(
        "{device}: {failure}. Is it a serial device, and does it know this --baud?"
    ))
}
