//! Golden files of the tests: `UPDATE=1 cargo test` rewrites them, otherwise they must be what is printed.

extern crate std;

use std::path::Path;

/// Compares `text` with the golden file `name` of this crate.
pub(crate) fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    check_file(&path, text);
}

/// Compares `text` with the file at `path`.
pub(crate) fn check_file(path: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a golden file has a folder")).expect("the folder can be made");
        std::fs::write(path, text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        golden == text,
        "{} is not what the code prints; run with UPDATE=1 and look at the difference",
        path.display()
    );
}
