//! QEMU with one of the boards: started, listened to, talked to over its UARTs, killed.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use crate::memory::Memory;

/// One of the boards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Board {
    /// mps2-an386, Cortex-M4F.
    An386,
    /// mps2-an505, Cortex-M33.
    An505,
}

/// How its time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As ours.
    Real,
    /// 16 ns an instruction, a core of the 64 MHz class; time in which nothing happens is passed over.
    Counted,
    /// 16 ns an instruction, and time goes on while nothing happens, so that a client has its time.
    CountedWithLines,
}

/// A running board. Dropping it kills it, as a power cut does.
#[derive(Debug)]
pub struct Qemu {
    process: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    /// Where HDLC and wrapper are; not at [`Pace::Counted`].
    ports: Option<(SocketAddr, SocketAddr)>,
}

/// How a run ended, and every line it said.
#[derive(Debug)]
pub struct Ended {
    /// The exit code.
    pub code: Option<i32>,
    /// All lines.
    pub said: Vec<String>,
}

impl Board {
    /// Both.
    pub const ALL: [Self; 2] = [Self::An386, Self::An505];

    /// As QEMU calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::An386 => "mps2-an386",
            Self::An505 => "mps2-an505",
        }
    }

    /// Its image, as `cargo xtask firmware build` leaves it.
    fn image(self) -> PathBuf {
        let folder =
            std::env::var_os("FERRARIS_IMAGES").expect("`cargo xtask firmware test` says where the images are");
        PathBuf::from(folder).join(self.name())
    }
}

impl Qemu {
    /// Starts a board on a flash, with the words that its probe understands.
    ///
    /// # Panics
    /// When QEMU does not start.
    #[must_use]
    pub fn start(board: Board, memory: &Memory, pace: Pace, words: &[&str]) -> Self {
        let mut command = Command::new("qemu-system-arm");
        let arguments: String = words.iter().map(|word| format!(",arg={word}")).collect();
        command
            .args([
                "-display",
                "none",
                "-monitor",
                "none",
                "-M",
                &format!("{},memory-backend=nvm", board.name()),
            ])
            .arg("-object")
            .arg(format!(
                "memory-backend-file,id=nvm,size=16M,share=on,mem-path={}",
                memory.path().display()
            ))
            .arg("-semihosting-config")
            .arg(format!("enable=on,target=native,arg=meter{arguments}"))
            .arg("-kernel")
            .arg(board.image());
        let ports = match pace {
            Pace::Real | Pace::CountedWithLines => {
                // A port that is only looked up may be another's before QEMU takes it, so QEMU gets the sockets that listen already: as its
                // standard input and output, which it needs for nothing else. Without nodelay each round trip waits 40 ms for Nagle.
                let (hdlc, wrapper) = (listen(), listen());
                let ports = (port(&hdlc), port(&wrapper));
                command.stdin(OwnedFd::from(hdlc)).stdout(OwnedFd::from(wrapper));
                for (line, descriptor) in [("hdlc", 0), ("wrapper", 1)] {
                    command
                        .arg("-chardev")
                        .arg(format!(
                            "socket,id={line},fd={descriptor},server=on,wait=off,nodelay=on"
                        ))
                        .arg("-serial")
                        .arg(format!("chardev:{line}"));
                }
                if pace == Pace::CountedWithLines {
                    command.args(["-icount", "shift=4"]);
                }
                Some(ports)
            }
            Pace::Counted => {
                command.stdin(Stdio::null()).stdout(Stdio::null()).args([
                    "-serial",
                    "null",
                    "-serial",
                    "null",
                    "-icount",
                    "shift=4,sleep=off",
                ]);
                None
            }
        };
        let mut process = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("qemu-system-arm is installed; scripts/setup.sh emulator does it");
        let output = process.stderr.take().expect("it was asked for");
        let (line_to_us, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line_to_us.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            process,
            lines,
            said: Vec::new(),
            ports,
        }
    }

    /// Starts a board and waits until its meter has booted.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn boot(board: Board, memory: &Memory, words: &[&str]) -> Self {
        Self::boot_at(board, memory, Pace::Real, words)
    }

    /// The same at another pace.
    ///
    /// # Panics
    /// When it does not boot.
    #[must_use]
    pub fn boot_at(board: Board, memory: &Memory, pace: Pace, words: &[&str]) -> Self {
        let mut qemu = Self::start(board, memory, pace, words);
        assert!(
            qemu.wait_for("booted").is_some(),
            "the meter has not booted: {:#?}",
            qemu.said
        );
        qemu
    }

    /// Waits for a line that begins like this; none when the board ends first, or says nothing for a minute.
    pub fn wait_for(&mut self, beginning: &str) -> Option<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).ok()?;
            self.said.push(line.clone());
            if line.starts_with(beginning) {
                return Some(line);
            }
        }
    }

    /// Where the HDLC line is.
    ///
    /// # Panics
    /// At counted pace.
    #[must_use]
    pub fn hdlc(&self) -> SocketAddr {
        self.ports.expect("lines need real pace").0
    }

    /// Where the wrapper's line is.
    ///
    /// # Panics
    /// At counted pace.
    #[must_use]
    pub fn wrapper(&self) -> SocketAddr {
        self.ports.expect("lines need real pace").1
    }

    /// Waits until it ends by itself; kills it after a minute.
    #[must_use]
    pub fn end(mut self) -> Ended {
        while self.wait_for("\u{0}").is_some() {}
        let until = Instant::now() + PATIENCE;
        let code = loop {
            match self.process.try_wait() {
                Ok(Some(status)) => break status.code(),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                _ => break None,
            }
        };
        Ended {
            code,
            said: core::mem::take(&mut self.said),
        }
    }

    /// Every line that was waited for.
    #[must_use]
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// Whether it has ended by itself, and how.
    pub fn has_ended(&mut self) -> Option<i32> {
        self.process.try_wait().ok().flatten().and_then(|status| status.code())
    }

    /// Kills it at once (SIGKILL): a power cut.
    pub fn kill(&mut self) {
        // Both fail when it has ended already.
        let _killed = self.process.kill();
        let _waited = self.process.wait();
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ended {
    /// The numbers behind the word that begins a line of the summary.
    ///
    /// # Panics
    /// When there is no such line.
    #[must_use]
    pub fn numbers(&self, beginning: &str) -> Vec<u64> {
        let line = self.said.iter().find(|line| line.split(' ').next() == Some(beginning));
        let line = line.unwrap_or_else(|| panic!("no line {beginning}: {:#?}", self.said));
        line.split(' ').filter_map(|word| word.parse().ok()).collect()
    }

    /// The first number of a line.
    ///
    /// # Panics
    /// When there is no such line.
    #[must_use]
    pub fn number(&self, beginning: &str) -> u64 {
        *self.numbers(beginning).first().expect("the line has a number")
    }

    /// The error register at the end.
    ///
    /// # Panics
    /// When it was not said.
    #[must_use]
    pub fn error_register(&self) -> u32 {
        let line = self.said.iter().find_map(|line| line.strip_prefix("error_register "));
        u32::from_str_radix(line.expect("it is said"), 16).expect("eight digits")
    }

    /// The last line that begins like this, as its words `key=value`.
    ///
    /// # Panics
    /// When there is no such line.
    #[must_use]
    pub fn words(&self, beginning: &str) -> HashMap<String, String> {
        let line = self.said.iter().rev().find(|line| line.starts_with(beginning));
        words(line.unwrap_or_else(|| panic!("no line {beginning}: {:#?}", self.said)))
    }

    /// Whether a line of the trace names this event.
    #[must_use]
    pub fn traced(&self, event: &str) -> bool {
        self.said
            .iter()
            .any(|line| line.starts_with("trace ") && line.split(' ').any(|word| word == event))
    }
}

/// The words `key=value` of a line.
#[must_use]
pub fn words(line: &str) -> HashMap<String, String> {
    let pairs = line.split(' ').filter_map(|word| word.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("loopback has free ports")
}

fn port(socket: &TcpListener) -> SocketAddr {
    socket.local_addr().expect("a bound socket has an address")
}

const PATIENCE: Duration = Duration::from_secs(60);
