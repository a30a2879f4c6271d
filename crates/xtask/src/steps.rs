//! Runs steps one after another, stops at the first that fails, and sums up in a table.

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::workspace::Workspace;

/// One thing that must hold.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Workspace) -> Result<Passed, Failure>,
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
    let mut rows: Vec<(&str, Duration, String)> = Vec::new();
    let (mut passed, mut failed) = (0, 0);
    let mut broken = None;
    for step in steps
        .iter()
        .filter(|step| names.is_empty() || names.iter().any(|name| name == step.name))
    {
        println!("\n== {}", step.name);
        let began = Instant::now();
        match (step.run)(house) {
            Ok(Passed(tests)) => {
                passed += tests.max(1);
                let said = if tests == 0 {
                    "ok".to_owned()
                } else {
                    format!("ok, {tests} tests")
                };
                rows.push((step.name, began.elapsed(), said));
            }
            Err(failure) => {
                passed += failure.passed;
                failed += failure.failed.max(1);
                rows.push((step.name, began.elapsed(), "FAILED".to_owned()));
                broken = Some((step.name, failure.why));
                break;
            }
        }
    }
    println!("\n{:<10} {:>9}  result", "step", "seconds");
    for (name, time, said) in &rows {
        println!("{name:<10} {:>9.1}  {said}", time.as_secs_f64());
    }
    let total: Duration = rows.iter().map(|row| row.1).sum();
    println!("{:<10} {:>9.1}", "total", total.as_secs_f64());
    if let Some((name, why)) = &broken {
        println!("\nfailed in {name}: {why}");
    }
    println!("\n{passed} passed, {failed} failed");
    if broken.is_some() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
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
