//! Examples in doc comments run: a crate with examples leaves its documentation tests on.

use super::{root, sources};

#[test]
fn crates_with_examples_run_them() {
    for source in sources(&["src"]) {
        if code_blocks(&source.text).is_empty() {
            continue;
        }
        let layer = source.path.split('/').nth(1).unwrap_or_default();
        let manifest = root().join("src").join(layer).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap_or_default();
        assert!(
            !text.contains("doctest = false"),
            "{}: an example that nothing runs",
            source.path
        );
    }
}

#[test]
fn code_blocks_are_found() {
    assert_eq!(code_blocks("/// ```\n/// let x = 1;\n/// ```"), [1]);
    assert_eq!(code_blocks("//! ```no_run\n//! ```\n"), [1]);
    assert!(code_blocks("//! ```text\n//! a picture\n//! ```").is_empty());
}

/// The lines at which a doc comment opens a block that rustdoc takes for Rust.
fn code_blocks(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut is_open = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let comment = line.strip_prefix("///").or(line.strip_prefix("//!"));
        let Some(kind) = comment.and_then(|line| line.trim_start().strip_prefix("```")) else {
            continue;
        };
        if !is_open && kind.trim() != "text" {
            found.push(number + 1);
        }
        is_open = !is_open;
    }
    found
}
