//! Clients that we did not write read a running meter, each as a process in its own Python environment.

use std::path::Path;
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
    let Passed(suites) = check_suites(house)?;
    let Passed(foreign) = read_foreign_meters(house)?;
    Ok(Passed(passed + compared + read + suites + foreign))
}

/// A meter at every capacity is read completely: 400 days in each profile of the 16 MB flash, or with `FERRARIS_CAPACITY=4MB` the small part.
fn read_capacity(house: &Workspace) -> Result<Passed, Failure> {
    watch(
        Command::new("cargo")
            .args(["build", "--quiet", "--release", "--locked", "-p", "ferraris-meter"])
            .args(["--example", "capacity_server"])
            .current_dir(&house.root),
    )?;
    let small = std::env::var("FERRARIS_CAPACITY").is_ok_and(|part| part == "4MB");
    watch(
        Command::new(house.root.join(".venv/gurux/bin/python"))
            .arg(house.root.join("interop/read_capacity.py"))
            .arg(house.target.join("release/examples/capacity_server"))
            .args(if small { ["4MB", "60"] } else { ["16MB", "410"] })
            .current_dir(&house.root),
    )
}

/// The strictest of the peers, with a meter of each suite that it has ordered itself.
fn check_suites(house: &Workspace) -> Result<Passed, Failure> {
    let python = house.root.join(".venv/pydlms/bin/python");
    if !python.is_file() {
        return Err("pydlms is not installed; run scripts/setup.sh peers".to_owned().into());
    }
    let mut passed = 0;
    for suite in ["0", "1", "2"] {
        let folder = house.target.join("interop/pydlms").join(suite);
        let script = |what: &str| {
            let mut command = Command::new(&python);
            command
                .arg(house.root.join("interop/read_pydlms.py"))
                .args([what, suite])
                .arg(&folder)
                .current_dir(&house.root);
            command
        };
        std::fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        let ordered = script("order")
            .status()
            .map_err(|why| format!("read_pydlms.py: {why}"))?;
        if !ordered.success() {
            return Err(format!("read_pydlms.py could not order a meter of suite {suite}").into());
        }
        let meter = VirtualMeter::start_ordered(house, &folder, "1", Some(&folder.join("meter.toml")))?;
        let description = meter.describe(&folder)?;
        // Before the keys change.
        let Passed(others) = short_forms(house, &description)?;
        let Passed(mechanisms) = watch(
            Command::new(house.root.join(".venv/gurux/bin/python"))
                .arg(house.root.join("interop/read_gurux_suites.py"))
                .arg(suite)
                .args([&folder, &description])
                .current_dir(&house.root),
        )?;
        passed += others + mechanisms;
        let Passed(tests) = watch(script("read").arg(&description)).map_err(|failure| Failure {
            passed: passed + failure.passed,
            ..failure
        })?;
        meter.stop()?;
        passed += tests + 1;
    }
    Ok(Passed(passed))
}

/// The other clients with the suite of this meter.
fn short_forms(house: &Workspace, description: &Path) -> Result<Passed, Failure> {
    let mut passed = 0;
    for (peer, script) in PEERS {
        let Passed(tests) = watch(
            Command::new(house.root.join(".venv").join(peer).join("bin/python"))
                .arg(house.root.join("interop").join(script))
                .arg(description)
                .arg("short")
                .current_dir(&house.root),
        )?;
        passed += tests;
    }
    Ok(Passed(passed))
}

/// `ferraris read` at a meter that we did not write.
fn read_foreign_meters(house: &Workspace) -> Result<Passed, Failure> {
    watch(
        Command::new(house.root.join(".venv/pydlms/bin/python"))
            .arg(house.root.join("interop/serve_pydlms.py"))
            .arg(binary(house))
            .arg(house.target.join("interop/served"))
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
