//! Runs steps one after another, stops at the first that fails, and sums up in a table. A step that leaves a core idle may run beside the others.

use core::time::Duration;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use crate::workspace::Workspace;

/// One thing that must hold.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Workspace) -> Result<Passed, Failure>,
    /// In its turn among others it is started as a process of its own, and ends beside those behind it.
    pub(crate) beside: bool,
}

impl Step {
    /// A step that has the machine for itself.
    pub(crate) const fn new(name: &'static str, run: fn(&Workspace) -> Result<Passed, Failure>) -> Self {
        Self {
            name,
            run,
            beside: false,
        }
    }

    /// A step that runs beside those behind it.
    pub(crate) const fn beside(name: &'static str, run: fn(&Workspace) -> Result<Passed, Failure>) -> Self {
        Self {
            name,
            run,
            beside: true,
        }
    }
}

/// How many tests a step ran; 0 for a step that is one test itself.
pub(crate) struct Passed(pub(crate) u64);

/// What failed, in words that say where to look, and how many tests passed and failed before.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) why: String,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self {
            why,
            passed: 0,
            failed: 1,
        }
    }
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        Self::from(why.to_owned())
    }
}

/// Runs the named steps, or all when no name is given, and prints the table and the closing line.
pub(crate) fn run(house: &Workspace, steps: &[Step], names: &[String]) -> ExitCode {
    if let Some(unknown) = names.iter().find(|name| !steps.iter().any(|step| step.name == *name)) {
        eprintln!("xtask: there is no step called {unknown}");
        return ExitCode::from(2);
    }
    let chosen: Vec<&Step> = steps
        .iter()
        .filter(|step| names.is_empty() || names.iter().any(|name| name == step.name))
        .collect();
    let began = Instant::now();
    let mut table = Table::default();
    let mut others = Vec::new();
    for step in &chosen {
        if step.beside && 1 < chosen.len() {
            println!("\n== {} (begins, and goes on beside the next)", step.name);
            match Beside::start(house, step.name) {
                Ok(other) => others.push(other),
                Err(failure) => table.add(step.name, Duration::ZERO, Err(failure)),
            }
        } else {
            println!("\n== {}", step.name);
            let began = Instant::now();
            let outcome = (step.run)(house);
            table.add(step.name, began.elapsed(), outcome);
        }
        if table.broken.is_some() {
            break;
        }
    }
    for other in others {
        println!("\n== {} (ends)", other.name);
        let (name, began) = (other.name, other.began);
        let outcome = other.finish();
        table.add(name, began.elapsed(), outcome);
    }
    table.print(began.elapsed())
}

/// What each step took and said, and the sum of it.
#[derive(Default)]
struct Table {
    rows: Vec<(&'static str, Duration, String)>,
    passed: u64,
    failed: u64,
    broken: Option<(&'static str, String)>,
}

impl Table {
    fn add(&mut self, name: &'static str, time: Duration, outcome: Result<Passed, Failure>) {
        let said = match outcome {
            Ok(Passed(tests)) => {
                self.passed += tests.max(1);
                if tests == 0 {
                    "ok".to_owned()
                } else {
                    format!("ok, {tests} tests")
                }
            }
            Err(failure) => {
                self.passed += failure.passed;
                self.failed += failure.failed.max(1);
                self.broken.get_or_insert((name, failure.why));
                "FAILED".to_owned()
            }
        };
        self.rows.push((name, time, said));
    }

    fn print(&self, total: Duration) -> ExitCode {
        println!("\n{:<10} {:>9}  result", "step", "seconds");
        for (name, time, said) in &self.rows {
            println!("{name:<10} {:>9.1}  {said}", time.as_secs_f64());
        }
        println!("{:<10} {:>9.1}", "total", total.as_secs_f64());
        if let Some((name, why)) = &self.broken {
            println!("\nfailed in {name}: {why}");
        }
        println!("\n{} passed, {} failed", self.passed, self.failed);
        if self.broken.is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// A step at work in a process of its own. What it says goes to a file and is shown when it has ended.
struct Beside {
    name: &'static str,
    began: Instant,
    log: PathBuf,
    process: Child,
}

impl Beside {
    fn start(house: &Workspace, name: &'static str) -> Result<Self, Failure> {
        let log = house.target.join(format!("{name}.log"));
        let output = File::create(&log).and_then(|output| Ok((output.try_clone()?, output)));
        let (errors, output) = output.map_err(|why| format!("{}: {why}", log.display()))?;
        let process = std::env::current_exe()
            .and_then(|program| {
                Command::new(program)
                    .args(["test", name])
                    .current_dir(&house.root)
                    .stdin(Stdio::null())
                    .stdout(output)
                    .stderr(errors)
                    .spawn()
            })
            .map_err(|why| format!("{name} does not start: {why}"))?;
        Ok(Self {
            name,
            began: Instant::now(),
            log,
            process,
        })
    }

    /// Waits for its end, shows what it said, and takes over its count: its last line.
    fn finish(mut self) -> Result<Passed, Failure> {
        let status = self.process.wait().map_err(|why| format!("{}: {why}", self.name))?;
        let said = std::fs::read(&self.log).map_err(|why| format!("{}: {why}", self.log.display()))?;
        let said = String::from_utf8_lossy(&said);
        let (before, last) = said.trim_end().rsplit_once('\n').unwrap_or_default();
        println!("{before}");
        match tally(last) {
            Some((passed, 0)) if status.success() => Ok(Passed(passed)),
            counted => {
                let (passed, failed) = counted.unwrap_or_default();
                Err(Failure {
                    why: format!("it ended with {status}; what it said stands above"),
                    passed,
                    failed: failed.max(1),
                })
            }
        }
    }
}

/// A command in the root folder, its output shown as it comes, its tests counted.
pub(crate) fn command(house: &Workspace, program: &str, arguments: &[&str]) -> Result<Passed, Failure> {
    watch(Command::new(program).args(arguments).current_dir(&house.root))
}

/// Runs a prepared command, shows its output and counts the tests that it reports.
pub(crate) fn watch(command: &mut Command) -> Result<Passed, Failure> {
    let line = words(command);
    println!("$ {line}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|why| format!("`{line}` does not start: {why}"))?;
    let (mut passed, mut failed) = (0, 0);
    if let Some(output) = child.stdout.take() {
        for said in BufReader::new(output).split(b'\n') {
            let said = said.map_err(|why| format!("`{line}`: {why}"))?;
            let said = String::from_utf8_lossy(&said);
            println!("{said}");
            if let Some(count) = tally(&said) {
                passed += count.0;
                failed += count.1;
            }
        }
    }
    let status = child.wait().map_err(|why| format!("`{line}`: {why}"))?;
    if status.success() && failed == 0 {
        Ok(Passed(passed))
    } else {
        Err(Failure {
            why: format!("`{line}` ended with {status}"),
            passed,
            failed: failed.max(1),
        })
    }
}

fn words(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// The numbers of a closing line: `test result: ok. 3 passed; 0 failed; ..` of cargo's tests, `# pass 3` and `# fail 0` of
/// node's, or `3 passed, 0 failed`.
fn tally(line: &str) -> Option<(u64, u64)> {
    let line = line.trim();
    if let Some(count) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
        return match count.split_once(' ')? {
            ("pass", passed) => Some((passed.parse().ok()?, 0)),
            ("fail", failed) => Some((0, failed.parse().ok()?)),
            _ => None,
        };
    }
    let counts = match line.strip_prefix("test result: ") {
        Some(rest) => rest.split_once(". ")?.1,
        None => line,
    };
    let mut parts = counts.split([',', ';']).map(str::trim);
    let passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

#[cfg(test)]
mod tests {
    use super::{Command, tally, watch};

    fn check(line: &str, expected: Option<(u64, u64)>) {
        assert_eq!(tally(line), expected, "{line}");
    }

    #[test]
    fn closing_lines_are_counted_and_nothing_else() {
        check(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            Some((12, 0)),
        );
        check(
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            Some((3, 2)),
        );
        check("17 passed, 1 failed", Some((17, 1)));
        check("17 passed, 1 failed, 2 skipped", Some((17, 1)));
        check("# pass 4", Some((4, 0)));
        check("# fail 1", Some((0, 1)));
        check("ℹ pass 12", Some((12, 0)));
        check("ℹ tests 12", None);
        check("# pass", None);
        check("17 passed", None);
        check("test a_limit_was passed; 1 failed", None);
        check("", None);
    }

    #[test]
    fn a_command_fails_by_its_exit_code_and_by_its_count() {
        let count = |script: &str| watch(Command::new("sh").args(["-c", script]));
        assert_eq!(
            count("echo 2 passed, 0 failed; echo 3 passed, 0 failed")
                .map(|passed| passed.0)
                .ok(),
            Some(5)
        );
        assert_eq!(count("true").map(|passed| passed.0).ok(), Some(0));
        assert!(count("false").is_err());
        let counted = count("echo 2 passed, 1 failed")
            .err()
            .map(|failure| (failure.passed, failure.failed));
        assert_eq!(counted, Some((2, 1)));
        let missing = watch(&mut Command::new("a-program-that-nobody-has"))
            .err()
            .map(|failure| failure.why);
        assert!(missing.is_some_and(|why| why.contains("does not start")));
    }
}
