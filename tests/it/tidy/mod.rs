//! Hygiene of the sources, in the manner of `TigerBeetle`'s `tidy.zig`: what a reviewer would have to
//! say again and again is said by a test. Where today's tree breaks a rule, a list below
//! `tests/data/tidy` names each place with its count. A list may only shrink: a new place fails, and
//! so does an entry that no longer holds.

mod circles;
mod commands;
mod examples;
mod layout;
mod opened_files;
mod parameters;
mod plurals;
mod public_items;
mod subjects;
mod variants;
mod words;

use std::path::{Path, PathBuf};

use windtunnel::units::SortedMap;

/// The longest file, in lines: one cohesive type may take as many.
const MAX_LINES: usize = 800;

/// The mean of all files, in lines.
const MEAN_LINES: usize = 200;

/// A source file of the project.
pub(crate) struct Source {
    /// The path from the root of the project.
    pub(crate) path: String,
    /// The text as it stands.
    pub(crate) text: String,
    /// The text with whole-line comments blanked, line for line.
    pub(crate) code: String,
}

#[test]
fn files_are_at_most_800_lines_and_200_in_the_mean() {
    let sources = sources(&["src", "tests", "benches"]);
    let counts: SortedMap<String, usize> = sources
        .iter()
        .map(|source| (source.path.clone(), source.text.lines().count()))
        .collect();
    let total: usize = counts.values().sum();
    assert!(
        total <= MEAN_LINES * counts.len(),
        "{total} lines in {} files",
        counts.len()
    );
    let long = counts.into_iter().filter(|&(_, lines)| lines > MAX_LINES);
    ratchet(
        "long-files.txt",
        &long.collect(),
        "split the file by concern",
    );
}

/// Every Rust file below the folders, sorted by path.
pub(crate) fn sources(folders: &[&str]) -> Vec<Source> {
    let root = root();
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable source");
                let code = blank_comments(&text);
                let path = path.strip_prefix(root).expect("below the root");
                let path = path.display().to_string();
                files.push(Source { path, text, code });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!files.is_empty(), "no source below {folders:?}");
    files
}

/// Holds counts by place to a list that may only shrink.
pub(crate) fn ratchet(list: &str, counts: &SortedMap<String, usize>, fix: &str) {
    let file = root().join("tests/data/tidy").join(list);
    let known = read_list(&std::fs::read_to_string(&file).unwrap_or_default());
    let mut wrong = Vec::new();
    for (place, &count) in counts {
        match known.get(place) {
            Some(&allowed) if count <= allowed => {}
            Some(&allowed) => wrong.push(format!("{place}: {count}, {allowed} at most; {fix}")),
            None => wrong.push(format!("{place}: {count}; {fix}")),
        }
    }
    for (place, &allowed) in &known {
        let count = counts.get(place).copied().unwrap_or(0);
        if count < allowed {
            wrong.push(format!(
                "{place}: {count} now, {allowed} listed; lower it in tests/data/tidy/{list}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{list}:\n{}", wrong.join("\n"));
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The word at the start of a text; empty where it starts with something else.
pub(crate) fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The entries of a list: a count and a place on each line, `#` before comments.
fn read_list(text: &str) -> SortedMap<String, usize> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(count, place)| (place.to_owned(), count.parse().expect("a count")))
        .collect()
}

fn blank_comments(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if line.trim_start().starts_with("//") {
            ""
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
