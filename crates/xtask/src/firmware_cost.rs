//! What the meter costs on bare metal: instructions counted by QEMU, stack, flash and RAM, by image and by crate, held to a budget.
//!
//! The image of the twin lives its script once more under `-icount`, in which every instruction takes the same time, and counts what each
//! part takes under the labels of the script. `firmware/budget.toml` says how much each may be; `UPDATE=1` writes it anew from what is
//! measured, with a fifth added.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SectionKind};

use crate::firmware::program;
use crate::firmware_twin::{BOARDS, PACKAGE, emulate, folder, host_program, record};
use crate::steps::{Failure, Passed};
use crate::workspace::Workspace;

/// What was counted under one label in one part.
struct Count {
    label: String,
    part: String,
    units: f64,
    instructions: f64,
    turns: f64,
}

/// The step: measures, prints, compares.
pub(crate) fn check(house: &Workspace) -> Result<Passed, Failure> {
    let folder = folder(house)?;
    let recording = record(&host_program(house)?, &folder)?;
    let (board, target_name) = *BOARDS.first().ok_or("there is no board")?;
    let twin = program(house, target_name, PACKAGE, "twin")?;
    let script = recording.script.to_str().ok_or("QEMU takes paths in UTF-8 only")?;
    let said = emulate(
        board,
        &twin,
        &folder,
        &["-icount", &format!("shift={SHIFT}")],
        &["count", script],
    )?;
    let mut measured = instructions(&counts(&said)?)?;
    let samples = program(house, target_name, "ferraris-firmware-samples", "samples")?;
    let said_of_samples = emulate(board, &samples, &folder, &["-icount", &format!("shift={SHIFT}")], &[])?;
    let mut goals = Vec::new();
    for (label, name, goal) in SAMPLE_PATH {
        let of_label: Vec<Count> = counts(&said_of_samples)?
            .into_iter()
            .filter(|count| count.label == *label)
            .collect();
        let count = of_label
            .first()
            .ok_or_else(|| format!("nothing was counted under `{label}`"))?;
        let value = whole(count.instructions / count.units);
        goals.push(Goal::new(name, value, *goal, "instructions"));
        measured.insert(format!("{name}, instructions"), value);
    }
    measured.insert(
        "stack of the twin, octets".to_owned(),
        stack(&said).ok_or("the image told no stack")?,
    );
    for (board, target_name) in BOARDS {
        let image = program(house, target_name, "ferraris-firmware-image", "meter-image")?;
        let sizes = sizes(&image)?;
        println!(
            "\n{board}: octets by crate, after inlining\n{:<28} {:>9} {:>9}",
            "crate", "flash", "RAM"
        );
        let mut by_flash: Vec<_> = sizes.crates.iter().collect();
        by_flash.sort_by_key(|(_, (flash, ram))| core::cmp::Reverse(flash + ram));
        for (name, (flash, ram)) in by_flash {
            println!("{name:<28} {flash:>9} {ram:>9}");
        }
        println!("{:<28} {:>9} {:>9}", "all of it", sizes.flash, sizes.ram);
        if goals.len() == SAMPLE_PATH.len() {
            goals.extend(sizes_beside_goals(&sizes, &said_of_samples)?);
            goals.extend(server_beside_goals(house, target_name, &sizes, &said_of_samples)?);
        }
        measured.insert(format!("flash of {board}, octets"), sizes.flash);
        measured.insert(format!("RAM of {board} without stack, octets"), sizes.ram);
    }
    println!("\n{:<52} {:>10} {:>10}", "", "measured", "goal");
    for goal in &goals {
        println!("{goal}");
    }
    compare(&house.root.join("firmware/budget.toml"), &measured)
}

/// A number beside what an issue asks for. A goal that is missed fails nothing: the budget does.
struct Goal {
    name: String,
    measured: u64,
    goal: u64,
}

impl Goal {
    fn new(name: &str, measured: u64, goal: u64, unit: &str) -> Self {
        Self {
            name: format!("{name}, {unit}"),
            measured,
            goal,
        }
    }
}

impl core::fmt::Display for Goal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { name, measured, goal } = self;
        let verdict = if measured <= goal { "kept" } else { "missed" };
        write!(f, "{name:<52} {measured:>10} {goal:>10} {verdict}")
    }
}

/// Flash and RAM of the metrology.
fn sizes_beside_goals(sizes: &Sizes, said: &str) -> Result<Vec<Goal>, String> {
    let ram = |name: &str| size_told(said, name);
    let gapless = ram("supply quality")? + ram("gapless harmonics")?;
    let in_turn = ram("supply quality")? + ram("chain")? - ram("core")?;
    Ok([
        ("metrology and its functions, flash", flash(sizes, METROLOGY), 40),
        ("core of the metrology, RAM", ram("core")?, 8),
        ("supply quality channel by channel, RAM", in_turn, 40),
        ("supply quality gapless, RAM", gapless, 96),
    ]
    .map(|(name, octets, kib)| Goal::new(name, octets, kib << 10, "octets"))
    .into())
}

/// Flash and RAM of the server. The image has suite 0; what the others add is the difference of two images that lend a board its
/// algorithms and do nothing else.
fn server_beside_goals(house: &Workspace, target_name: &str, sizes: &Sizes, said: &str) -> Result<Vec<Goal>, Failure> {
    let lent = |binary| -> Result<u64, Failure> {
        let image = program(house, target_name, "ferraris-firmware-samples", binary)?;
        Ok(self::sizes(&image)?.flash)
    };
    let more = lent("suites")?.saturating_sub(lent("suite")?);
    let server = flash(sizes, SERVER);
    Ok([
        ("DLMS server with suite 0, flash", server, 128),
        ("DLMS server with suites 0 to 2, flash", server + more, 128),
        ("one more open association, RAM", size_told(said, "association")?, 8),
    ]
    .map(|(name, octets, kib)| Goal::new(name, octets, kib << 10, "octets"))
    .into())
}

/// Flash of some crates.
fn flash(sizes: &Sizes, crates: &[&str]) -> u64 {
    let of = |name: &&str| sizes.crates.get(*name).map_or(0, |(flash, _ram)| *flash);
    crates.iter().map(of).sum()
}

/// A line `size|name|octets` of the image.
fn size_told(said: &str, name: &str) -> Result<u64, String> {
    let prefix = format!("size|{name}|");
    let told = said
        .lines()
        .find_map(|line| line.strip_prefix(&prefix)?.trim().parse().ok());
    told.ok_or_else(|| format!("the image told no size of {name}"))
}

/// The lines `cost|label|units|part|ticks|turns` of the image.
fn counts(said: &str) -> Result<Vec<Count>, String> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("cost|"));
    let counts: Vec<Count> = lines
        .map(|line| {
            let mut fields = line.split('|');
            let mut next = || fields.next().ok_or_else(|| format!("the image said: {line}"));
            let (label, units, part) = (next()?.to_owned(), number(next()?)?, next()?.to_owned());
            let (ticks, turns) = (number(next()?)?, number(next()?)?);
            let instructions = ticks * NANOS_PER_TICK / f64::from(1 << SHIFT);
            Ok(Count {
                label,
                part,
                units,
                instructions,
                turns,
            })
        })
        .collect::<Result<_, String>>()?;
    if counts.is_empty() {
        return Err(format!("the image counted nothing: {said}"));
    }
    Ok(counts)
}

/// Instructions of everything that has a budget.
fn instructions(counts: &[Count]) -> Result<BTreeMap<String, u64>, String> {
    let sum = |label: &str, parts: &[&str]| {
        let mut sum = (0.0, 0.0, 0.0);
        // A label that the script gives twice has its units twice, but once for all parts.
        let mut first: Option<&str> = None;
        for count in counts
            .iter()
            .filter(|it| it.label == label && (parts.is_empty() || parts.contains(&it.part.as_str())))
        {
            let units = if *first.get_or_insert(&count.part) == count.part {
                count.units
            } else {
                0.0
            };
            sum = (sum.0 + count.instructions, sum.1 + units, sum.2 + count.turns);
        }
        (0.0 < sum.1 && 0.0 < sum.2)
            .then_some(sum)
            .ok_or_else(|| format!("nothing was counted under `{label}`"))
    };
    let by_unit = |label, parts: &[&str]| sum(label, parts).map(|(all, units, _)| whole(all / units));
    let by_turn = |label, parts: &[&str]| sum(label, parts).map(|(all, _, turns)| whole(all / turns));
    let mut table = BTreeMap::new();
    let mut put = |name: &str, value: u64| table.insert(format!("{name}, instructions"), value);
    put("sample set, front end", by_unit("sample set", &["front-end"])?);
    put("sample set, metrology", by_unit("sample set", &["metrology"])?);
    put(
        "second of metering (idle power)",
        whole(sum("sample set", &[]).map(|(all, units, _)| all / units * SAMPLES_A_SECOND)?),
    );
    put("step with a measurement", by_turn("sample set", &["booking"])?);
    put("step without one", by_turn("second without samples", &["stepping"])?);
    put(
        "second without samples",
        by_unit("second without samples", &["stepping"])?,
    );
    put("display", by_turn("sample set", &["display"])?);
    for label in [
        "HDLC: public association",
        "HDLC: GET of a register",
        "wrapper: GET of a register",
        "wrapper: HLS association",
        "wrapper: sealed GET of a register",
        "wrapper: sealed object list",
        "wrapper: sealed profile row",
    ] {
        put(label, by_unit(label, &["serving"])?);
    }
    put("power-fail snapshot", by_unit("power-fail snapshot", &["stepping"])?);
    Ok(table)
}

/// Octets of the painted stack that were used.
fn stack(said: &str) -> Option<u64> {
    let words = said.lines().find_map(|line| line.strip_prefix("stack "))?;
    words.split(' ').next()?.parse().ok()
}

/// What an image takes.
struct Sizes {
    flash: u64,
    ram: u64,
    crates: BTreeMap<String, (u64, u64)>,
}

fn sizes(image: &Path) -> Result<Sizes, String> {
    let octets = fs::read(image).map_err(|why| format!("{}: {why}", image.display()))?;
    let elf = object::File::parse(octets.as_slice()).map_err(|why| format!("{}: {why}", image.display()))?;
    let mut sizes = Sizes {
        flash: 0,
        ram: 0,
        crates: BTreeMap::new(),
    };
    let mut kinds = BTreeMap::new();
    for section in elf.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
            continue;
        };
        if sh_flags.0 & ALLOCATED == 0 {
            continue;
        }
        let is_loaded = !matches!(section.kind(), SectionKind::UninitializedData);
        let is_written = sh_flags.0 & WRITABLE != 0;
        sizes.flash += if is_loaded { section.size() } else { 0 };
        sizes.ram += if is_written { section.size() } else { 0 };
        kinds.insert(section.index().0, (is_loaded, is_written));
    }
    // Functions that are equal were folded: several names stand at one address.
    let mut seen = std::collections::BTreeSet::new();
    for symbol in elf.symbols() {
        let Some((is_loaded, is_written)) = symbol.section_index().and_then(|index| kinds.get(&index.0)) else {
            continue;
        };
        if symbol.size() == 0 || !seen.insert(symbol.address() & !1) {
            continue;
        }
        let entry = sizes.crates.entry(crate_of(symbol.name().unwrap_or(""))).or_default();
        entry.0 += if *is_loaded { symbol.size() } else { 0 };
        entry.1 += if *is_written { symbol.size() } else { 0 };
    }
    let named = sizes
        .crates
        .values()
        .fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    let rest = (sizes.flash.saturating_sub(named.0), sizes.ram.saturating_sub(named.1));
    sizes.crates.insert("(constants without a name)".to_owned(), rest);
    Ok(sizes)
}

/// The crate that a symbol is named after: that of the type for methods of traits.
fn crate_of(symbol: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let path = name.trim_start_matches(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let path = path
        .strip_prefix("dyn ")
        .or_else(|| path.strip_prefix("mut "))
        .unwrap_or(path);
    match path.split_once("::") {
        Some((first, _)) if first.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') => first.to_owned(),
        _ => "compiler and start-up".to_owned(),
    }
}

/// Holds what was measured to the budget; exceeded by 1 is exceeded.
fn compare(budget: &Path, measured: &BTreeMap<String, u64>) -> Result<Passed, Failure> {
    if std::env::var_os("UPDATE").is_some() {
        let mut text = HEAD.to_owned();
        for (name, value) in measured {
            text += &format!("{name:?} = {}\n", value + value.div_ceil(5));
        }
        fs::write(budget, text).map_err(|why| format!("{}: {why}", budget.display()))?;
        println!("\n{} is written anew", budget.display());
    }
    let text = fs::read_to_string(budget).map_err(|why| format!("{}: {why}", budget.display()))?;
    let allowed: toml::Table = text.parse().map_err(|why| format!("{}: {why}", budget.display()))?;
    let mut wrong = Vec::new();
    println!("\n{:<52} {:>10} {:>10}", "", "measured", "allowed");
    for (name, value) in measured {
        let limit = allowed
            .get(name)
            .and_then(toml::Value::as_integer)
            .and_then(|it| u64::try_from(it).ok());
        println!(
            "{name:<52} {value:>10} {:>10}",
            limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string())
        );
        if limit.is_none_or(|limit| limit < *value) {
            wrong.push(format!(
                "{name}: {value}, allowed {}",
                limit.map_or_else(|| "nothing yet".to_owned(), |it| it.to_string())
            ));
        }
    }
    wrong.extend(
        allowed
            .keys()
            .filter(|name| !measured.contains_key(*name))
            .map(|name| format!("{name}: not measured any more")),
    );
    if wrong.is_empty() {
        Ok(Passed(measured.len() as u64))
    } else {
        Err(format!("firmware/budget.toml: {}", wrong.join("; ")).into())
    }
}

fn number(word: &str) -> Result<f64, String> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

/// Instructions are counted by the million at most; what is cut is a fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are positive and below 2^53"
)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

/// An instruction takes 2^6 ns of QEMU's time, a tick of the board's counter 40.
const SHIFT: u32 = 6;
/// Labels of the sample path, their names in the budget, and the goals of issue 4.
const SAMPLE_PATH: &[(&str, &str, u64)] = &[
    ("core", "sample set, core of the metrology", 200),
    ("harmonics", "sample set, core and harmonics", 1_600),
    ("everything", "sample set, everything", 1_600),
];
/// The crates whose code only the metrology brings.
const METROLOGY: &[&str] = &["ferraris_metrology", "libm", "microfft"];
/// The crates of the server with suite 0.
const SERVER: &[&str] = &[
    "ferraris_dlms",
    "ferraris_cosem",
    "aes",
    "aes_gcm",
    "aes_kw",
    "cipher",
    "ctr",
    "ghash",
    "polyval",
    "universal_hash",
    "md5",
    "sha1",
    "sha2",
];
const NANOS_PER_TICK: f64 = 40.0;
const SAMPLES_A_SECOND: f64 = 8_000.0;
const WRITABLE: u64 = 1;
const ALLOCATED: u64 = 2;
const HEAD: &str = "\
# What the meter may cost on bare metal. `cargo xtask firmware cost` fails when anything takes more than is written here.
# Instructions are those of mps2-an386 (Cortex-M4F), counted by QEMU; a real core needs more cycles than instructions.
# `UPDATE=1 cargo xtask firmware cost` writes what is measured and a fifth more: the diff is the review.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_counted_for_the_crate_they_are_named_after() {
        for (symbol, expected) in [
            ("_ZN14ferraris_meter4step17h0123456789abcdefE", "ferraris_meter"),
            (
                "_ZN60_$LT$ferraris_dlms..Link$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
                "ferraris_dlms",
            ),
            ("_RNvNtCs1234_7mycrate3foo3bar", "mycrate"),
            ("__aeabi_dadd", "compiler and start-up"),
            ("memcpy", "compiler and start-up"),
        ] {
            assert_eq!(crate_of(symbol), expected, "{symbol}");
        }
    }

    #[test]
    fn lines_of_the_image_become_instructions() {
        let counts = counts("noise\ncost|sample set|24000|metrology|1600|2\nstack 40 of 50\n").expect("a line");
        assert_eq!((counts.len(), whole(counts[0].instructions)), (1, 1_000));
        assert!(super::counts("nothing").is_err() && super::counts("cost|a|b").is_err());
        assert_eq!(stack("a\nstack 40824 of 49152\n"), Some(40_824));
    }

    #[test]
    fn a_size_is_told_by_its_name() {
        let said = "size|core|3456\r\nsize|chain|14000\n";
        assert_eq!(
            (size_told(said, "core"), size_told(said, "chain")),
            (Ok(3_456), Ok(14_000))
        );
        assert!(size_told(said, "cor").is_err());
        assert!(Goal::new("a", 10, 10, "octets").to_string().ends_with("kept"));
        assert!(Goal::new("a", 11, 10, "octets").to_string().ends_with("missed"));
    }

    #[test]
    fn a_budget_is_exceeded_by_one() {
        let path = std::env::temp_dir().join(format!("ferraris-budget-{}.toml", std::process::id()));
        fs::write(&path, "\"a\" = 10\n").expect("a file");
        let measured = |value| BTreeMap::from([("a".to_owned(), value)]);
        assert!(compare(&path, &measured(10)).is_ok());
        assert!(compare(&path, &measured(11)).is_err());
        assert!(compare(&path, &BTreeMap::from([("b".to_owned(), 1)])).is_err());
        fs::remove_file(&path).expect("it was there");
    }
}
