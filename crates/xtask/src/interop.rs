//! Clients that we did not write read a running meter, each as a process in its own Python environment.

mod matrix;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Failure, Passed, watch};
use crate::trace;
use crate::virtual_meter::{TRACE, VirtualMeter, binary};
use crate::workspace::Workspace;

/// The environment under `.venv/` and the script under `interop/` that drives the peer.
const PEERS: &[(&str, &str)] = &[("gurux", "read_gurux.py"), ("dlms-cosem", "read_dlms_cosem.py")];

/// Those that hear what our server pushes.
const LISTENERS: &[&str] = &["gurux", "dlms-cosem", "pydlms"];

/// Everything, and at the end the tables of docs/interop.md against what was proved.
pub(crate) fn check(house: &Workspace) -> Result<Passed, Failure> {
    let cells = house.target.join("interop/cells.txt");
    std::fs::create_dir_all(house.target.join("interop"))
        .and_then(|()| std::fs::write(&cells, ""))
        .map_err(|why| format!("{}: {why}", cells.display()))?;
    let interop = Interop { house, cells };
    // The longest part leaves a core idle.
    let (others, capacity) = std::thread::scope(|scope| {
        let capacity = scope.spawn(|| interop.read_capacity());
        (interop.others(), capacity.join())
    });
    let capacity = capacity.map_err(|_| "the part that reads a full meter panicked")?;
    let (Passed(read), Passed(other)) = match (capacity, others) {
        (Ok(read), Ok(other)) => (read, other),
        (Err(failure), Ok(Passed(more)) | Err(Failure { passed: more, .. })) | (Ok(Passed(more)), Err(failure)) => {
            return Err(Failure {
                passed: more + failure.passed,
                ..failure
            });
        }
    };
    let mut passed = read + other;
    passed += matrix::check(house, &interop.cells)?;
    Ok(Passed(passed))
}

/// The scripts and where they note what they have proved.
struct Interop<'h> {
    house: &'h Workspace,
    cells: PathBuf,
}

impl Interop<'_> {
    /// A script under `interop/`, in the environment of a peer.
    fn script(&self, peer: &str, script: &str) -> Result<Command, Failure> {
        let python = self.house.root.join(".venv").join(peer).join("bin/python");
        if !python.is_file() {
            return Err(format!("{peer} is not installed; run scripts/setup.sh peers").into());
        }
        let mut command = Command::new(python);
        command
            .arg(self.house.root.join("interop").join(script))
            .env("FERRARIS_CELLS", &self.cells)
            .current_dir(&self.house.root);
        Ok(command)
    }

    /// All parts but the one at a full meter.
    fn others(&self) -> Result<Passed, Failure> {
        let mut passed = 0;
        for part in [
            Self::hear_notifications,
            Self::read_meters,
            Self::compare_xml,
            Self::check_suites,
            Self::read_foreign_meters,
        ] {
            match part(self) {
                Ok(Passed(tests)) => passed += tests,
                Err(failure) => {
                    return Err(Failure {
                        passed: passed + failure.passed,
                        ..failure
                    });
                }
            }
        }
        Ok(Passed(passed))
    }

    /// What our server pushes, decoded by others.
    fn hear_notifications(&self) -> Result<Passed, Failure> {
        let mut passed = 0;
        for peer in LISTENERS {
            let Passed(tests) = watch(self.script(peer, "hear_notifications.py")?.arg(peer))?;
            passed += tests;
        }
        Ok(Passed(passed))
    }

    /// Every peer reads a meter of its own, which starts empty and has lived some days before it is read.
    fn read_meters(&self) -> Result<Passed, Failure> {
        let mut passed = 0;
        for (peer, script) in PEERS {
            let folder = self.house.target.join("interop").join(peer);
            let meter = VirtualMeter::start(self.house, &folder, "1")?;
            let description = meter.describe(&folder)?;
            match watch(self.script(peer, script)?.arg(&description)) {
                Ok(Passed(0)) => return Err(format!("{script} ran no test").into()),
                Ok(Passed(tests)) => passed += tests,
                Err(failure) => {
                    return Err(Failure {
                        passed: passed + failure.passed,
                        ..failure
                    });
                }
            }
            let says = meter.says.clone();
            meter.stop()?;
            passed += 1 + trace::check(self.house, &folder.join(TRACE), &says)?;
        }
        Ok(Passed(passed))
    }

    /// A meter at every capacity is read completely: 400 days in each profile of the 16 MB flash, or with `FERRARIS_CAPACITY=4MB` the small part.
    fn read_capacity(&self) -> Result<Passed, Failure> {
        watch(
            Command::new("cargo")
                // As the tests have built it: the client is what takes the time.
                .args(["build", "--quiet", "--locked", "--workspace"])
                .args(["--example", "capacity_server"])
                .current_dir(&self.house.root),
        )?;
        let small = std::env::var("FERRARIS_CAPACITY").is_ok_and(|part| part == "4MB");
        watch(
            self.script("gurux", "read_capacity.py")?
                .arg(self.house.target.join("debug/examples/capacity_server"))
                .args(if small { ["4MB", "60"] } else { ["16MB", "410"] }),
        )
    }

    /// The strictest of the peers, with a meter of each suite that it has ordered itself.
    fn check_suites(&self) -> Result<Passed, Failure> {
        let mut passed = 0;
        for suite in ["0", "1", "2"] {
            let folder = self.house.target.join("interop/pydlms").join(suite);
            let script = |what: &str| {
                let mut command = self.script("pydlms", "read_pydlms.py")?;
                command.args([what, suite]).arg(&folder);
                Ok::<_, Failure>(command)
            };
            std::fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
            let ordered = script("order")?
                .status()
                .map_err(|why| format!("read_pydlms.py: {why}"))?;
            if !ordered.success() {
                return Err(format!("read_pydlms.py could not order a meter of suite {suite}").into());
            }
            let meter = VirtualMeter::start_ordered(self.house, &folder, "1", Some(&folder.join("meter.toml")))?;
            let description = meter.describe(&folder)?;
            // Before the keys change.
            let Passed(others) = self.short_forms(&description)?;
            let Passed(mechanisms) = watch(
                self.script("gurux", "read_gurux_suites.py")?
                    .arg(suite)
                    .args([&folder, &description]),
            )?;
            passed += others + mechanisms;
            let Passed(tests) = watch(script("read")?.arg(&description)).map_err(|failure| Failure {
                passed: passed + failure.passed,
                ..failure
            })?;
            meter.stop()?;
            passed += tests + 1;
        }
        Ok(Passed(passed))
    }

    /// The other clients with the suite of this meter.
    fn short_forms(&self, description: &Path) -> Result<Passed, Failure> {
        let mut passed = 0;
        for (peer, script) in PEERS {
            let Passed(tests) = watch(self.script(peer, script)?.arg(description).arg("short"))?;
            passed += tests;
        }
        Ok(Passed(passed))
    }

    /// `ferraris read` at a meter that we did not write.
    fn read_foreign_meters(&self) -> Result<Passed, Failure> {
        watch(
            self.script("pydlms", "serve_pydlms.py")?
                .arg(binary(self.house))
                .arg(self.house.target.join("interop/served")),
        )
    }

    /// The XML form of `ferraris explain` against that of Gurux' translator.
    fn compare_xml(&self) -> Result<Passed, Failure> {
        watch(self.script("gurux", "explain_gurux.py")?.arg(binary(self.house)))
    }
}
