//! States without an input: a variant that code matches, and that tests alone make, stands for something
//! that no file of a user can bring about.

use super::{Source, ratchet, sources, word};
use windtunnel::units::{SortedMap, SortedSet};

/// Crates whose enums are states, answers and rules of what is simulated.
const CRATES: &[&str] = &[
    "src/autoscale/",
    "src/control/",
    "src/kueue/",
    "src/policy/",
    "src/scheduler/",
    "src/sim/",
    "src/systems/",
];

#[test]
fn every_variant_is_made_by_more_than_tests() {
    let sources = sources(&["src"]);
    let is_test = |path: &str| path.contains("/tests/") || path.ends_with("/tests.rs");
    let mut made = SortedSet::new();
    for source in sources.iter().filter(|source| !is_test(&source.path)) {
        makers(place(source), &without_tests(&source.code), &mut made);
    }
    let (mut seen, mut orphans) = (0, SortedMap::new());
    let of_crates = sources.iter().filter(|source| {
        let is_one = CRATES.iter().any(|own| source.path.starts_with(own));
        is_one && !is_test(&source.path)
    });
    for source in of_crates {
        for (name, variants) in enums(source) {
            seen += variants.len();
            let own = place(source);
            let missing = variants.iter().filter(|variant| {
                !made.contains(&format!("{name}::{variant}"))
                    && !made.contains(&format!("{own}{name}::{variant}"))
            });
            for variant in missing {
                orphans.insert(format!("{}:{name}::{variant}", source.path), 1);
            }
        }
    }
    assert!(seen > 800, "only {seen} variants were read");
    ratchet(
        "variants-of-tests.txt",
        &orphans,
        "no input makes it: read it from one, or take it away",
    );
}

/// The crate of a file, in which the `impl` of an enum stands.
fn place(source: &Source) -> &str {
    let inner = source.path.match_indices('/').nth(1);
    inner.map_or("src/", |(end, _)| &source.path[..=end])
}

/// Public enums with the names of their variants but the default ones. Those that files are read into have an
/// input; those of errors are made of other errors.
fn enums(source: &Source) -> Vec<(&str, Vec<&str>)> {
    let code = source.code.as_str();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("pub enum ") {
        let attributes = code[..at].rsplit("\n\n").next().unwrap_or_default();
        let name = word(&code[at + "pub enum ".len()..]);
        if attributes.contains("Deserialize") || name.ends_with("Error") {
            continue;
        }
        let Some(open) = code[at..].find('{').map(|open| at + open) else {
            continue;
        };
        let body = &code[open + 1..end_of_group(code, open) - 1];
        let (mut variants, mut is_default) = (Vec::new(), false);
        for line in body.lines().filter_map(|line| line.strip_prefix("    ")) {
            let variant = word(line);
            if variant.starts_with(char::is_uppercase) && !is_default {
                variants.push(variant);
            }
            is_default = line == "#[default]";
        }
        found.push((name, variants));
    }
    found
}

/// Adds each `Name::Variant` that stands where a value does, and each variant that stands alone. `Self` is the
/// name whose `impl` it stands in, a name of this crate alone.
fn makers(own_crate: &str, code: &str, made: &mut SortedSet<String>) {
    for (at, _) in code.match_indices("::") {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = code[..at]
            .rsplit(|c| !is_name(c))
            .next()
            .unwrap_or_default();
        let variant = word(&code[at + 2..]);
        let is_path =
            name.starts_with(char::is_uppercase) && variant.starts_with(char::is_uppercase);
        if is_path && !is_pattern(code, at + 2 + variant.len()) {
            made.insert(if name == "Self" {
                format!("{own_crate}{}::{variant}", owner(&code[..at]))
            } else {
                format!("{name}::{variant}")
            });
        }
    }
    // Variants that are imported stand alone.
    for import in code.split("\nuse ").skip(1) {
        let import = import.split(';').next().unwrap_or_default();
        for (at, _) in import.match_indices("::{") {
            let name = import[..at].rsplit("::").next().unwrap_or_default();
            let members = import[at + 3..].split('}').next().unwrap_or_default();
            for member in members.split(',').map(|own| word(own.trim())) {
                let is_made = { code.match_indices(member) }.any(|(at, _)| {
                    let end = at + member.len();
                    let is_whole = word(&code[at..]) == member && !code[end..].starts_with("::");
                    is_whole && !is_pattern(code, end)
                });
                if is_made {
                    made.insert(format!("{name}::{member}"));
                }
            }
        }
    }
}

/// The name of the type whose `impl` ends `code`: the last word, without what is generic, between `impl` (or
/// `for`) and the bracket that opens it.
fn owner(code: &str) -> &str {
    let head = { code.lines().rev() }.find_map(|line| {
        let line = line.trim_start();
        let is_head = line.starts_with("impl ") || line.starts_with("impl<");
        is_head.then_some(line)
    });
    let head = head.unwrap_or_default();
    let own = match head.split_once(" for ") {
        Some((_, own)) => own,
        None if head.starts_with("impl<") => head.split_once("> ").map_or("", |(_, own)| own),
        None => head.trim_start_matches("impl "),
    };
    let path = own.split(['<', ' ', '{']).next().unwrap_or_default();
    path.rsplit("::").next().unwrap_or_default()
}

/// Whether what ends here, with the group behind it, is a pattern.
fn is_pattern(code: &str, end: usize) -> bool {
    let blank = |from: usize| from + (code[from..].len() - code[from..].trim_start().len());
    let mut next = blank(end);
    if code[next..].starts_with(['(', '{']) {
        next = blank(end_of_group(code, next));
    }
    let rest = &code[next..];
    let is_bar = rest.starts_with('|') && !rest.starts_with("||");
    let is_binding = rest.starts_with('=') && !rest.starts_with("==");
    is_bar || is_binding || rest.starts_with("if ") || rest.starts_with(") =>")
}

/// The place behind the bracket that closes the one that stands here.
fn end_of_group(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, letter) in code[open..].char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    code.len()
}

/// The code in front of a module of tests.
fn without_tests(code: &str) -> String {
    let parts = code.split("#[cfg(test)]\nmod tests {");
    parts.take(1).collect()
}
