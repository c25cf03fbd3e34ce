//! Subjects of commits: at most 72 characters, so that one line shows them whole.

use std::process::Command;

use super::root;

/// The last commit before the rule.
const BASE: &str = "b4e8302";
const MAX_CHARACTERS: usize = 72;

#[test]
fn subjects_of_commits_fit_a_line() {
    let range = format!("{BASE}..HEAD");
    let log = Command::new("git")
        .args(["log", "--format=%h %s", &range])
        .current_dir(root())
        .output();
    let Some(log) = log.ok().filter(|log| log.status.success()) else {
        println!("skipped: needs a clone with the commit {BASE}");
        return;
    };
    let text = String::from_utf8_lossy(&log.stdout);
    let long: Vec<&str> = text
        .lines()
        .filter(|line| {
            line.split_once(' ')
                .is_some_and(|(_, subject)| is_long(subject))
        })
        .collect();
    assert!(
        long.is_empty(),
        "subjects of over {MAX_CHARACTERS} characters:\n{}",
        long.join("\n")
    );
}

fn is_long(subject: &str) -> bool {
    subject.chars().count() > MAX_CHARACTERS
}
