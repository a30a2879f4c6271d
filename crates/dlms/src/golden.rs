//! Golden files of the tests: what a machine or a session does, as text. `UPDATE=1 cargo test` rewrites them.

extern crate std;

/// Compares `text` with the golden file `name`, or rewrites it.
pub(crate) fn check(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("the file has a folder")).expect("the folder can be made");
        std::fs::write(&path, text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{name} is not what it was; UPDATE=1 rewrites it. Now:\n{text}"
    );
}
