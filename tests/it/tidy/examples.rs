//! Examples in doc comments: none are run, as each crate's `Cargo.toml` says `doctest = false`, which
//! spares its tests a second build of the crate. Behaviour is shown by tests and by the manual, whose
//! console blocks are run.

use super::{root, sources};

#[test]
fn doc_comments_hold_no_code_that_no_test_runs() {
    let mut found = Vec::new();
    for source in sources(&["src"]) {
        for number in code_blocks(&source.text) {
            found.push(format!("{}:{number}", source.path));
        }
    }
    assert!(
        found.is_empty(),
        "examples that nothing runs; make them tests, or `text` blocks:\n{}",
        found.join("\n")
    );
}

#[test]
fn crates_turn_documentation_tests_off() {
    let folders = std::fs::read_dir(root().join("src")).expect("a readable folder");
    let manifests = folders.map(|entry| entry.expect("a readable entry").path().join("Cargo.toml"));
    for manifest in manifests.chain([root().join("Cargo.toml")]) {
        let Ok(text) = std::fs::read_to_string(&manifest) else {
            continue;
        };
        assert!(
            text.contains("\ndoctest = false\n"),
            "{}: add `doctest = false` below [lib]",
            manifest.display()
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
