//! Clients that we did not write read a running meter, each as a process in its own Python environment.

use std::process::Command;

use crate::steps::{Failure, Passed, watch};
use crate::trace;
use crate::virtual_meter::{TRACE, VirtualMeter, binary};
use crate::workspace::Workspace;

/// The environment under `.venv/` and the script under `interop/` that drives the peer.
const PEERS: &[(&str, &str)] = &[("gurux", "read_gurux.py"), ("dlms-cosem", "read_dlms_cosem.py")];

/// Every peer reads a meter of its own, which starts empty and has lived some days before it is read.
pub(crate) fn check(house: &Workspace) -> Result<Passed, Failure> {
    let mut passed = 0;
    for (peer, script) in PEERS {
        let python = house.root.join(".venv").join(peer).join("bin/python");
        if !python.is_file() {
            return Err(format!("{peer} is not installed; run scripts/setup.sh peers").into());
        }
        let folder = house.target.join("interop").join(peer);
        let meter = VirtualMeter::start(house, &folder, "1")?;
        let description = meter.describe(&folder)?;
        let counted = watch(
            Command::new(python)
                .arg(house.root.join("interop").join(script))
                .arg(&description)
                .current_dir(&house.root),
        );
        match counted {
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
        passed += 1 + trace::check(house, &folder.join(TRACE), &says)?;
    }
    let Passed(compared) = compare_xml(house)?;
    let Passed(read) = read_capacity(house)?;
    Ok(Passed(passed + compared + read))
}

/// A meter whose profiles are full is read completely: the 4 MB flash, or with `FERRARIS_CAPACITY=full` 400 days in each profile of the 16 MB one.
fn read_capacity(house: &Workspace) -> Result<Passed, Failure> {
    watch(
        Command::new("cargo")
            .args(["build", "--quiet", "--release", "--locked", "-p", "ferraris-meter"])
            .args(["--example", "capacity_server"])
            .current_dir(&house.root),
    )?;
    let full = std::env::var("FERRARIS_CAPACITY").is_ok_and(|form| form == "full");
    watch(
        Command::new(house.root.join(".venv/gurux/bin/python"))
            .arg(house.root.join("interop/read_capacity.py"))
            .arg(house.target.join("release/examples/capacity_server"))
            .args(if full { ["16MB", "410"] } else { ["4MB", "60"] })
            .current_dir(&house.root),
    )
}

/// The XML form of `ferraris explain` against that of Gurux' translator.
fn compare_xml(house: &Workspace) -> Result<Passed, Failure> {
    watch(
        Command::new(house.root.join(".venv/gurux/bin/python"))
            .arg(house.root.join("interop/explain_gurux.py"))
            .arg(binary(house))
            .current_dir(&house.root),
    )
}
