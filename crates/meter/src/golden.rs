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

/// Compares `text` with what stands between the comment that begins with `<!-- printed by {file}` and the next `<!-- end -->` of a page of docs/.
pub(crate) fn check_section(page: &str, file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let whole = std::fs::read_to_string(&path).expect("the page is there");
    let mark = std::format!("<!-- printed by {file}");
    let begin = whole.find(&mark).expect("the page has the section");
    let (head, rest) = whole.split_at(begin);
    let (comment, rest) = rest.split_once('\n').expect("the comment is a line");
    let (_, tail) = rest.split_once("<!-- end -->").expect("the section ends");
    check_file(&path, &std::format!("{head}{comment}\n{text}<!-- end -->{tail}"));
}
