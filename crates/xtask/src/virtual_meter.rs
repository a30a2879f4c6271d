//! A meter that runs for a test: started by the command that users start, asked where it listens, stopped as they stop it.

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use serde_json::Value;

use crate::workspace::Workspace;

/// How long a meter may take until it says where it listens.
const PATIENCE: Duration = Duration::from_secs(60);

/// The capture of what a meter heard and said, in its folder.
pub(crate) const TRACE: &str = "trace.pcapng";

/// A running `ferraris meter`. Dropping it kills the process; [`VirtualMeter::stop`] asks it to end.
pub(crate) struct VirtualMeter {
    process: Child,
    /// The JSON line with its addresses and clients.
    pub(crate) says: Value,
}

impl VirtualMeter {
    /// Starts a meter with a fresh memory in `folder`, on free ports of loopback.
    pub(crate) fn start(house: &Workspace, folder: &Path, speed: &str) -> Result<Self, String> {
        Self::start_ordered(house, folder, speed, None)
    }

    /// The same of a meter that is as the file `order` says.
    pub(crate) fn start_ordered(
        house: &Workspace,
        folder: &Path,
        speed: &str,
        order: Option<&Path>,
    ) -> Result<Self, String> {
        let binary = binary(house);
        if !binary.is_file() {
            return Err(format!(
                "{} is not built; run `cargo build --release`",
                binary.display()
            ));
        }
        let state = folder.join("state");
        if state.exists() {
            std::fs::remove_dir_all(&state).map_err(|why| format!("{}: {why}", state.display()))?;
        }
        std::fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        let mut process = Command::new(&binary)
            .args(["meter", "--json", "--seed", "1", "--speed", speed, "--state"])
            .arg(&state)
            .args(order.into_iter().flat_map(|order| [Path::new("--config"), order]))
            .arg("--pcap")
            .arg(folder.join(TRACE))
            .args([
                "--wrapper",
                "127.0.0.1:0",
                "--hdlc",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| format!("{}: {why}", binary.display()))?;
        let said = process
            .stdout
            .take()
            .map(first_line)
            .ok_or("the meter has no standard output")?;
        let says = said.and_then(|line| {
            serde_json::from_str(&line).map_err(|why| format!("the meter's first line is no JSON ({why}): {line}"))
        });
        match says {
            Ok(says) => Ok(Self { process, says }),
            Err(why) => {
                // It may have ended by itself; then there is nothing to kill.
                let _ended = process.kill();
                let _status = process.wait();
                Err(why)
            }
        }
    }

    /// Writes what the meter said of itself for a script to go on from.
    pub(crate) fn describe(&self, folder: &Path) -> Result<PathBuf, String> {
        let path = folder.join("meter.json");
        std::fs::write(&path, self.says.to_string()).map_err(|why| format!("{}: {why}", path.display()))?;
        Ok(path)
    }

    /// Asks the meter to end (SIGTERM) and says so if it does not end cleanly.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        let asked = Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            return Err("the meter ended before it was asked to".to_owned());
        }
        for _ in 0..100 {
            match self.process.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("the meter, asked to end, ended with {status}")),
                Ok(None) => std::thread::sleep(Duration::from_millis(100)),
                Err(why) => return Err(format!("the meter: {why}")),
            }
        }
        Err("the meter did not end within 10 seconds of SIGTERM".to_owned())
    }
}

impl Drop for VirtualMeter {
    fn drop(&mut self) {
        // After `stop` both answer that it has ended already.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// The binary that `cargo build --release` leaves.
pub(crate) fn binary(house: &Workspace) -> PathBuf {
    house.target.join("release").join("ferraris")
}

/// The first line of the meter's output; the rest is read and dropped, so that the pipe never fills.
fn first_line(output: std::process::ChildStdout) -> Result<String, String> {
    let (line_to_us, line) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines();
        let _gone = line_to_us.send(lines.next());
        for _rest in lines {}
    });
    match line.recv_timeout(PATIENCE) {
        Ok(Some(Ok(line))) => Ok(line),
        Ok(Some(Err(why))) => Err(format!("the meter's output: {why}")),
        Ok(None) => Err("the meter ended without saying where it listens".to_owned()),
        Err(_) => Err(format!("the meter said nothing for {} seconds", PATIENCE.as_secs())),
    }
}
