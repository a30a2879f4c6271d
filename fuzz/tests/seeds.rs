//! Every target over its seeds and over what once broke it, without a fuzzer.

use std::path::Path;

fn digits(line: &str) -> Vec<u8> {
    (0..line.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&line[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}

#[test]
fn seeds_break_no_target() {
    for (name, target) in ferraris_fuzz::TARGETS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("seeds")
            .join(name)
            .with_extension("txt");
        let seeds = std::fs::read_to_string(&path).expect("every target has seeds");
        let mut count = 0;
        for line in seeds.lines().filter(|line| !line.starts_with('#')) {
            target(&digits(line));
            count += 1;
        }
        assert!(0 < count, "{name} has no seeds");
    }
}
