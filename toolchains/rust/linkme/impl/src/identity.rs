//! Names that no other crate of the program has, and that are the same in every build.
//!
//! Two versions of one crate, or a library and a program of one package, may have the same module paths. rustc tells crates apart by their
//! names, by the `-C metadata` that cargo passes, and by whether they are programs; it refuses to link two that are alike in all of that
//! (<https://doc.rust-lang.org/rustc/codegen-options/index.html#metadata>). A procedural macro runs inside rustc, so it can
//! see the same words on the command line. No path of the machine is in them: cargo hashes the paths of packages relative to the workspace. (Of packages
//! outside of it, it hashes them as they are, and then rustc's own symbols differ from machine to machine as well.)

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};
use std::{env, fs};

/// What the section of a slice is called behind the slice's name: 12 characters that are fit for a section of any object format.
pub fn hash_of_slice(name: &str, occurrence: usize) -> String {
    in_base_36(Fnv::new().with(&crate_hash().to_le_bytes()).with(name.as_bytes()).with(&occurrence.to_le_bytes()).0)
}

/// A name for an element that is its own in its module; the platform puts the module's path in front.
pub fn unique_name_of_element(name: &str) -> String {
    let hash = in_base_36(crate_hash());
    match count("element", name) {
        0 => format!("{name}.{hash}"),
        occurrence => format!("{name}.{occurrence}.{hash}"),
    }
}

/// How many items of that kind and name this crate had before. Modules can have the same names, and so can the bodies of functions,
/// whose paths macros do not see.
pub fn count(kind: &'static str, name: &str) -> usize {
    static COUNTS: OnceLock<Mutex<HashMap<(&str, String), usize>>> = OnceLock::new();
    let mut counts = COUNTS.get_or_init(Mutex::default).lock().unwrap();
    let counter = counts.entry((kind, name.to_owned())).or_default();
    *counter += 1;
    *counter - 1
}

fn crate_hash() -> u64 {
    static HASH: OnceLock<u64> = OnceLock::new();
    *HASH.get_or_init(|| {
        let mut parts = identity(arguments());
        if !parts.iter().any(|part| part.starts_with("metadata=")) {
            // Not called by cargo or a build system like it; or not in rustc, but in an editor.
            for name in ["CARGO_CRATE_NAME", "CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_BIN_NAME"] {
                parts.push(env::var(name).unwrap_or_default());
            }
        }
        parts.iter().fold(Fnv::new(), |hash, part| hash.with(part.as_bytes()).with(b"\0")).0
    })
}

/// The words of rustc's command line. A word `@file` stands for the file's lines.
fn arguments() -> Vec<String> {
    let words = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let expand = |word: String| match word.strip_prefix('@').map(fs::read_to_string) {
        Some(Ok(lines)) => lines.lines().map(str::to_owned).collect(),
        _ => vec![word],
    };
    words.flat_map(expand).collect()
}

/// What in the command line tells this crate from others.
fn identity(words: Vec<String>) -> Vec<String> {
    let mut parts = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let option = match word.as_str() {
            "-C" | "--codegen" | "--crate-name" | "--crate-type" => format!("{word}={}", words.next().unwrap_or_default()),
            _ => word,
        };
        let codegen = ["--codegen=", "-C=", "-C"].iter().find_map(|prefix| option.strip_prefix(prefix));
        match codegen {
            Some(setting) if setting.starts_with("metadata=") => parts.push(setting.to_owned()),
            None if option == "--test" || option.starts_with("--crate-") => parts.push(option),
            _ => {}
        }
    }
    // rustc takes them in any order.
    parts.sort_unstable();
    parts
}

/// FNV-1a of 64 bits: the standard library's hashes may be others in its next version.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn with(self, bytes: &[u8]) -> Self {
        Fnv(bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }
}

/// The lower 62 bits as 12 characters of `0-9a-z`.
fn in_base_36(mut value: u64) -> String {
    let digits = (0..12).map(|_| {
        let digit = value % 36;
        value /= 36;
        char::from_digit(digit as u32, 36).unwrap()
    });
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn every_way_to_write_metadata_is_seen() {
        for line in ["-C metadata=x", "-Cmetadata=x", "--codegen metadata=x", "--codegen=metadata=x"] {
            assert_eq!(identity(words(line)), ["metadata=x"], "{line}");
        }
    }

    #[test]
    fn other_words_do_not_count() {
        let line = "--crate-name a src/lib.rs -C opt-level=3 --out-dir /tmp/b -C extra-filename=-c --crate-type lib";
        assert_eq!(identity(words(line)), ["--crate-name=a", "--crate-type=lib"]);
    }

    #[test]
    fn a_hash_is_fit_for_a_section_name() {
        for value in [0, 1, u64::MAX] {
            assert_eq!(in_base_36(value).len(), 12);
        }
        assert_ne!(hash_of_slice("A", 0), hash_of_slice("A", 1));
    }
}
