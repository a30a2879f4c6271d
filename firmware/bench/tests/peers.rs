//! Clients that we did not write read the image over its UARTs, each as a process in its own Python environment.

use core::time::Duration;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use bench::desk;
use bench::memory::Memory;
use bench::qemu::{Board, Qemu};
use bench::reader::{Identity, Role, Transport, Wire};
use meter::Variant;

#[test]
fn gurux_reads_the_image() {
    reads(Board::An386, "gurux");
}

#[test]
fn dlms_cosem_reads_the_image() {
    reads(Board::An505, "dlms-cosem");
}

/// Rows of the load profile that the checks want, and one.
const ROWS: u8 = 13;

fn reads(board: Board, peer: &str) {
    let root =
        PathBuf::from(std::env::var_os("FERRARIS_ROOT").expect("`cargo xtask firmware test` says where the house is"));
    let python = root.join(".venv").join(peer).join("bin/python");
    assert!(python.is_file(), "{peer} is not installed; run scripts/setup.sh peers");
    let memory = Memory::erased(&format!("peer-{peer}")).expect("a disk");
    // 2026-01-01 00:00:00 UTC, 01:00 in Central Europe.
    let qemu = Qemu::boot(board, &memory, &["rtc=1767225600"]);
    live_some_periods(&qemu);
    let description = memory.path().with_extension("json");
    std::fs::write(&description, describe(&qemu)).expect("a disk");
    let read = Command::new(python)
        .arg(root.join("firmware/bench/peers/read_image.py"))
        .args([peer.as_ref(), description.as_os_str()])
        .env("FERRARIS_ROOT", &root)
        .status();
    // The file may stay behind when the temporary folder is odd; it is small.
    let _deleted = std::fs::remove_file(&description);
    assert!(read.expect("Python starts").success(), "{peer} found faults");
}

/// Lets the quarters of hours end: the clock is set to a second before each. Nobody has to wait for more than that.
fn live_some_periods(qemu: &Qemu) {
    let mut identity = Identity::new(Role::Password);
    let wire = Wire::to(qemu.wrapper()).expect("QEMU listens");
    let mut reader = identity.associate(Transport::Wrapper, wire).expect("it associates");
    for quarter in 1..=ROWS {
        let (hour, minute) = (1 + (quarter - 1) / 4, 14 + (quarter - 1) % 4 * 15);
        // Octet-string of 12: Thursday, the first of January 2026, an hour before UTC.
        let time = [9, 12, 0x07, 0xEA, 1, 1, 4, hour, minute, 59, 0, 0xFF, 0xC4, 0];
        reader.write(8, "0-0:1.0.0", 2, &time).expect("the clock is set");
        // A machine with other work to do lets its time pass later than ours.
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let entries = reader.read(7, "1-0:99.1.0", 7).expect("it is read");
            if matches!(entries[..], [6, 0, 0, 0, count] if quarter <= count) {
                break;
            }
            assert!(Instant::now() < until, "{entries:02x?} rows after quarter {quarter}");
        }
    }
    reader.release().expect("it is released");
}

/// The line that `ferraris meter --json` would print.
fn describe(qemu: &Qemu) -> String {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02X}")).collect::<String>();
    let title = hex(&desk::config(Variant::St402d, desk::SERIAL).system_title());
    let keys = format!(
        r#""encryption_key": "{}", "authentication_key": "{}""#,
        hex(&desk::ENCRYPTION_KEY),
        hex(&desk::AUTHENTICATION_KEY)
    );
    format!(
        r#"{{"wrapper": "{}", "hdlc": "{}", "system_title": "{title}", "clients": [
            {{"client": 16, "authentication": "none"}},
            {{"client": 1, "authentication": "lls", "password": "demo-password"}},
            {{"client": 1, "authentication": "hls-gmac", {keys}}}]}}"#,
        qemu.wrapper(),
        qemu.hdlc()
    )
}
