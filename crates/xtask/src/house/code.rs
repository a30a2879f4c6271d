//! Rules about Rust code, checked on its tokens, so that comments and strings may say what they like.
//!
//! Clippy's `disallowed_methods` would need a `clippy.toml` in every room; the rooms below floor 5 have no `std` to begin
//! with, so the names are looked for here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Finding;
use super::rooms::ROOMS;
use crate::workspace::Workspace;

/// Names of clocks, chance, sockets, files, threads and of the crates that bring them.
const OUTSIDE_WORLD: &[&str] = &[
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "OpenOptions",
    "JoinHandle",
    "OsRng",
    "thread_rng",
    "thread_local",
    "getrandom",
    "chrono",
    "jiff",
    "libc",
    "mio",
    "rustix",
    "socket2",
    "tokio",
];

/// `lib.rs` seals a portable room, and no code in it outside tests reaches out.
pub(super) fn portable(house: &Workspace) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for room in ROOMS.iter().filter(|room| room.portable) {
        let source = house.root.join("crates").join(room.name).join("src");
        if !source.is_dir() {
            continue;
        }
        let library = source.join("lib.rs");
        findings.extend(sealed(&place(house, &library), &read(&library)?)?);
        for (path, words) in sources(&source)? {
            findings.extend(reaching_out(&place(house, &path), &words));
        }
    }
    Ok(findings)
}

/// No `todo!`, `unimplemented!`, `dbg!`, `.unwrap()` or glob import outside tests, in any room.
pub(super) fn finished(house: &Workspace) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for room in ROOMS {
        let source = house.root.join("crates").join(room.name).join("src");
        if source.is_dir() {
            for (path, words) in sources(&source)? {
                findings.extend(careless(&place(house, &path), &words));
            }
        }
    }
    Ok(findings)
}

fn place(house: &Workspace, path: &Path) -> String {
    path.strip_prefix(&house.root).unwrap_or(path).display().to_string()
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))
}

/// All files under a room's `src` with their words, without what is compiled for tests only.
fn sources(source: &Path) -> Result<Vec<(PathBuf, Vec<Word>)>, String> {
    let mut files = Vec::new();
    collect(source, &mut files)?;
    files.sort();
    let mut spoken = Vec::new();
    let mut tests: BTreeSet<PathBuf> = BTreeSet::new();
    for path in files {
        let code = Code::read(&read(&path)?).map_err(|why| format!("{}: {why}", path.display()))?;
        // `mod name;` in `lib.rs`, `main.rs` or `mod.rs` lies beside the file, else in a folder of the file's name.
        let is_root = path
            .file_stem()
            .is_some_and(|stem| stem == "lib" || stem == "main" || stem == "mod");
        let folder = if is_root {
            path.parent().map(Path::to_path_buf)
        } else {
            Some(path.with_extension(""))
        };
        for module in code.test_modules {
            tests.extend(folder.iter().map(|folder| folder.join(&module)));
        }
        spoken.push((path, code.words));
    }
    let is_test = |path: &PathBuf| {
        tests
            .iter()
            .any(|module| *path == module.with_extension("rs") || path.starts_with(module))
    };
    spoken.retain(|(path, _)| !is_test(path));
    Ok(spoken)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    for entry in std::fs::read_dir(folder).map_err(|why| format!("{}: {why}", folder.display()))? {
        let path = entry.map_err(|why| format!("{}: {why}", folder.display()))?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

// --------------------------------------------------------------------------------------------------------------------

/// A token, or one side of a pair of brackets.
#[derive(Debug)]
struct Word {
    text: String,
    line: usize,
}

#[derive(Default)]
struct Code {
    words: Vec<Word>,
    /// Modules declared by `#[cfg(test)] mod name;`.
    test_modules: Vec<String>,
}

impl Code {
    fn read(source: &str) -> Result<Self, String> {
        let tokens: TokenStream = source.parse().map_err(|why| format!("is not Rust: {why}"))?;
        let mut code = Self::default();
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let whole_file_is_a_test = tokens.windows(3).any(|window| {
            matches!(window, [TokenTree::Punct(hash), TokenTree::Punct(bang), attribute]
                if hash.as_char() == '#' && bang.as_char() == '!' && is_test_attribute(attribute))
        });
        if !whole_file_is_a_test {
            code.flatten(&tokens);
        }
        Ok(code)
    }

    fn flatten(&mut self, tokens: &[TokenTree]) {
        let mut rest = tokens;
        while let [first, tail @ ..] = rest {
            if let ([attribute, item @ ..], TokenTree::Punct(hash)) = (tail, first)
                && hash.as_char() == '#'
                && is_test_attribute(attribute)
            {
                rest = self.skip_item(item);
                continue;
            }
            self.push(first);
            rest = tail;
        }
    }

    fn push(&mut self, token: &TokenTree) {
        let line = token.span().start().line;
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                self.words.push(Word {
                    text: open.to_owned(),
                    line,
                });
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                self.flatten(&inside);
                self.words.push(Word {
                    text: close.to_owned(),
                    line: group.span_close().start().line,
                });
            }
            TokenTree::Literal(_) => self.words.push(Word {
                text: "literal".to_owned(),
                line,
            }),
            other => self.words.push(Word {
                text: other.to_string(),
                line,
            }),
        }
    }

    /// Passes over the item that a test attribute stands on, and remembers a module that it declares.
    fn skip_item<'a>(&mut self, mut item: &'a [TokenTree]) -> &'a [TokenTree] {
        while let [TokenTree::Punct(hash), TokenTree::Group(_), rest @ ..] = item
            && hash.as_char() == '#'
        {
            item = rest;
        }
        let mut ends_at_a_brace = false;
        let mut before = String::new();
        for (index, token) in item.iter().enumerate() {
            match token {
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    if before == "mod" {
                        let declared =
                            matches!(item.get(index + 1), Some(TokenTree::Punct(end)) if end.as_char() == ';');
                        if declared {
                            self.test_modules.push(word.clone());
                        }
                    }
                    let has_body = ["fn", "mod", "impl", "struct", "enum", "union", "trait", "macro_rules"]
                        .contains(&word.as_str());
                    ends_at_a_brace |= has_body;
                    before = word;
                }
                TokenTree::Group(body) if ends_at_a_brace && body.delimiter() == Delimiter::Brace => {
                    return &item[index + 1..];
                }
                TokenTree::Punct(end) if end.as_char() == ';' => return &item[index + 1..],
                // A field, a variant or an arm.
                TokenTree::Punct(end) if end.as_char() == ',' && !ends_at_a_brace && before != "use" => {
                    return &item[index + 1..];
                }
                _ => {}
            }
        }
        &[]
    }
}

/// `[test]`, `[cfg(test)]` or `[cfg(all(test, ..))]`.
fn is_test_attribute(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    let inside: String = group.stream().to_string().split_whitespace().collect();
    group.delimiter() == Delimiter::Bracket
        && (inside == "test" || inside == "cfg(test)" || inside.starts_with("cfg(all(test,"))
}

// --------------------------------------------------------------------------------------------------------------------

fn sealed(place: &str, source: &str) -> Result<Vec<Finding>, String> {
    let code = Code::read(source).map_err(|why| format!("{place}: {why}"))?;
    let mut findings = Vec::new();
    for (attribute, words) in [
        ("#![no_std]", &["#", "!", "[", "no_std", "]"][..]),
        (
            "#![forbid(unsafe_code)]",
            &["#", "!", "[", "forbid", "(", "unsafe_code", ")", "]"][..],
        ),
    ] {
        let has_it = code
            .words
            .windows(words.len())
            .any(|window| window.iter().map(|word| &word.text).eq(words));
        if !has_it {
            findings.push(Finding::new(place, format!("lacks {attribute}")));
        }
    }
    Ok(findings)
}

fn reaching_out(place: &str, words: &[Word]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let text = |index: usize| words.get(index).map_or("", |word| word.text.as_str());
    for (index, word) in words.iter().enumerate() {
        let name = word.text.as_str();
        let before = |back: usize| index.checked_sub(back).map_or("", text);
        let is_path_inside = before(1) == ":" && before(2) == ":";
        let is_root = !is_path_inside
            || !before(3)
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_');
        let what = match name {
            "std" | "alloc"
                if before(1) == "crate" && before(2) == "extern"
                    || before(1) == "use" && text(index + 1) == ";"
                    || text(index + 1) == ":" && text(index + 2) == ":" && is_root =>
            {
                format!("names {name}")
            }
            "now" if is_path_inside && before(3) == "Instant" => "reads a clock".to_owned(),
            _ if OUTSIDE_WORLD.contains(&name) => format!("names {name}"),
            _ => continue,
        };
        findings.push(Finding::new(format!("{place}:{}", word.line), what));
    }
    findings
}

fn careless(place: &str, words: &[Word]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let text = |index: usize| words.get(index).map_or("", |word| word.text.as_str());
    let mut importing = false;
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).map_or("", text);
        let what = match word.text.as_str() {
            name @ ("todo" | "unimplemented" | "dbg") if text(index + 1) == "!" => format!("says {name}!"),
            "unwrap" if before == "." && text(index + 1) == "(" && text(index + 2) == ")" => {
                "unwraps without saying why it may".to_owned()
            }
            "use" => {
                // `use<'a>` in a return type is no import.
                importing = text(index + 1) != "<";
                continue;
            }
            ";" => {
                importing = false;
                continue;
            }
            "*" if importing => "imports by glob".to_owned(),
            _ => continue,
        };
        findings.push(Finding::new(format!("{place}:{}", word.line), what));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Code, careless, reaching_out, sealed, sources};

    fn said(findings: Vec<super::Finding>) -> Vec<String> {
        findings
            .into_iter()
            .map(|finding| format!("{} {}", finding.place, finding.what))
            .collect()
    }

    fn reaches(source: &str, expected: &[&str]) {
        let code = Code::read(source).expect("the fixture is Rust");
        assert_eq!(said(reaching_out("f", &code.words)), expected, "{source}");
    }

    fn is_careless(source: &str, expected: &[&str]) {
        let code = Code::read(source).expect("the fixture is Rust");
        assert_eq!(said(careless("f", &code.words)), expected, "{source}");
    }

    #[test]
    fn std_and_the_heap_are_found_wherever_they_are_named() {
        reaches("use std::fmt;", &["f:1 names std"]);
        reaches("\nextern crate alloc;", &["f:2 names alloc"]);
        reaches("extern crate std as other;", &["f:1 names std"]);
        reaches("fn f() -> ::std::string::String { g() }", &["f:1 names std"]);
        reaches("fn f() { m!(std::process::exit(1)) }", &["f:1 names std"]);
        reaches("use heapless::Vec; fn f() -> Vec<u8, 4> { Vec::new() }", &[]);
        reaches(
            "use core::alloc::Layout; mod std_words {} use crate::std_words::A;",
            &[],
        );
    }

    #[test]
    fn clocks_chance_and_sockets_are_found() {
        reaches("fn f() { let t = Instant::now(); }", &["f:1 reads a clock"]);
        reaches("fn f(now: Instant) { g(now) }", &[]);
        reaches(
            "use tokio::net::TcpStream;",
            &["f:1 names tokio", "f:1 names TcpStream"],
        );
        reaches("fn f() { getrandom::fill(&mut a) }", &["f:1 names getrandom"]);
    }

    #[test]
    fn comments_strings_and_tests_may_say_what_they_like() {
        reaches(
            "//! Unlike std::time::Instant::now.\n/// use std::fs;\nconst A: &str = \"std::fs\"; // std::io",
            &[],
        );
        reaches("#[cfg(test)]\nmod tests { extern crate std; use std::vec::Vec; }", &[]);
        reaches("#[cfg(test)] extern crate std; #[test] fn f() { std::println!() }", &[]);
        reaches("#![cfg(test)]\nextern crate std;", &[]);
        reaches("#[cfg(all(test, unix))] use std::{fs, io}; fn f() {}", &[]);
        reaches(
            "struct A { #[cfg(test)] seen: std::vec::Vec<u8>, b: std::io::Error }",
            &["f:1 names std"],
        );
        reaches("#[cfg(not(test))] use std::fs;", &["f:1 names std"]);
        reaches(
            "#[cfg(test)] #[allow(x)] fn f() { std::f() } use std::fs;",
            &["f:1 names std"],
        );
    }

    #[test]
    fn unfinished_and_careless_code_is_found() {
        is_careless("fn f() { todo!() }", &["f:1 says todo!"]);
        is_careless("fn f() {\n unimplemented!(\"later\") }", &["f:2 says unimplemented!"]);
        is_careless(
            "fn f() { a.unwrap(); a.unwrap_or(1); unwrap(a) }",
            &["f:1 unwraps without saying why it may"],
        );
        is_careless("use a::*;", &["f:1 imports by glob"]);
        is_careless("use a::{b, c::*}; fn f() -> u8 { 2 * 3 }", &["f:1 imports by glob"]);
        is_careless("fn f(a: &u8) -> impl Fn() + use<'_> { *a * 2 }", &[]);
        is_careless("#[cfg(test)] mod tests { use super::*; fn f() { a.unwrap() } }", &[]);
    }

    #[test]
    fn a_library_that_is_not_sealed_is_found() {
        let missing = |source: &str| sealed("f", source).map(|findings| findings.len());
        assert_eq!(missing("#![no_std]\n#![forbid(unsafe_code)]\n//! A room."), Ok(0));
        assert_eq!(
            missing("#![cfg_attr(not(test), no_std)]\n#![forbid(unsafe_code)]"),
            Ok(1)
        );
        assert_eq!(missing("#![no_std]\n#![deny(unsafe_code)]"), Ok(1));
        assert_eq!(missing("// #![no_std] #![forbid(unsafe_code)]"), Ok(2));
    }

    #[test]
    fn files_of_test_modules_are_not_judged() {
        let folder = std::env::temp_dir().join(format!("ferraris-house-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("store")).expect("a folder for the fixture");
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file of the fixture");
        write("lib.rs", "mod store;\n#[cfg(test)]\nmod mock;");
        write("mock.rs", "use std::vec::Vec;");
        write("store.rs", "#[cfg(test)] mod tests;\nmod cell;");
        write("store/tests.rs", "use std::vec::Vec;");
        write("store/cell.rs", "struct A;");
        let names: Vec<String> = sources(&folder)
            .expect("the fixture is Rust")
            .into_iter()
            .filter_map(|(path, _)| path.file_name().map(|name| name.to_string_lossy().into_owned()))
            .collect();
        std::fs::remove_dir_all(&folder).expect("the fixture goes away");
        assert_eq!(names, ["lib.rs", "cell.rs", "store.rs"]);
    }
}
