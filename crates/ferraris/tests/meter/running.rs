//! A running `ferraris meter`, started as its users start it, and a plain HTTP client for its control interface.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

/// A folder for one test, gone when the test ends.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ferraris-meter-{}-{number}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// The command with free ports and its state in `scratch`.
pub(crate) fn command(scratch: &Scratch, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferraris"));
    command.args([
        "meter",
        "--wrapper",
        "127.0.0.1:0",
        "--hdlc",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--state",
    ]);
    command.arg(scratch.join("state")).args(args);
    command
}

/// What the command says when it does not start; its standard error.
pub(crate) fn refusal(scratch: &Scratch, args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, stdout } = command(scratch, args).output().expect("the command is built");
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

/// A meter that runs.
pub(crate) struct Running {
    process: Child,
    output: BufReader<ChildStdout>,
    /// The first line of `--json`.
    pub(crate) says: Value,
}

/// An answer of the control interface.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Running {
    pub(crate) fn start(scratch: &Scratch, args: &[&str]) -> Self {
        let mut process = command(scratch, args)
            .args(["--json"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command is built");
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let says = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { process, output, says }
    }

    /// An address that it says.
    pub(crate) fn address(&self, name: &str) -> &str {
        self.says[name].as_str().expect("an address")
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.request("GET", path, &[], b"");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub(crate) fn state(&self) -> Value {
        self.get("/api/v1/state")
    }

    pub(crate) fn put(&self, path: &str, document: &Value) -> Value {
        let answer = self.try_put(path, document);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub(crate) fn try_put(&self, path: &str, document: &Value) -> Answer {
        self.request(
            "PUT",
            path,
            &["Content-Type: application/json"],
            document.to_string().as_bytes(),
        )
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let host = self.address("http");
        let mut stream = TcpStream::connect(host).expect("the control interface listens");
        let own_host = headers.iter().any(|header| header.starts_with("Host:"));
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        if !own_host {
            head.push_str(&format!("Host: {host}\r\n"));
        }
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).expect("it reads");
        // It may refuse before it has read all.
        let _refused_early = stream.write_all(body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(answer[..end].to_vec()).expect("text");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status");
        Answer {
            status,
            head,
            body: answer[end + 4..].to_vec(),
        }
    }

    /// Waits until the state is as wanted; real time, but no measure of it.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let state = self.state();
            if wanted(&state) {
                return state;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "never: {what}\n{state:#}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    pub(crate) fn pause(&self) {
        self.put("/api/v1/time", &json!({ "speed": 0 }));
    }

    /// Asks it to end, as Ctrl-C or systemd do, and gives back what else it said.
    pub(crate) fn stop(mut self, signal: &str) -> String {
        let asked = Command::new("kill")
            .args([signal, &self.process.id().to_string()])
            .status();
        assert!(asked.is_ok_and(|status| status.success()), "it runs");
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("text");
        let status = self.process.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "a clean end");
        rest
    }

    /// Ends it as a power cut of the computer would.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it runs");
        let _killed = self.process.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `stop` and `kill` both answer that it has ended already.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A number of the state.
pub(crate) fn quantity(state: &Value, name: &str) -> f64 {
    state["quantities"][name]["value"].as_f64().unwrap_or(f64::NAN)
}

/// A register of the state.
pub(crate) fn register(state: &Value, name: &str) -> f64 {
    state["registers"][name]["value"].as_f64().unwrap_or(f64::NAN)
}

/// The codes of a log, the newest first.
pub(crate) fn codes(state: &Value, log: &str) -> Vec<u64> {
    let entries = state["logs"][log].as_array().expect("a log");
    entries.iter().filter_map(|entry| entry["code"].as_u64()).collect()
}
