//! Plain English where users and contributors read: the README, the architecture, the manual and the
//! descriptions of the experiment file's fields, which editors show as tooltips.

use std::path::PathBuf;

use super::root;

/// Words and phrases that a native engineer would stumble over.
const BANNED: &[&str] = &[
    "is told",
    "are told",
    "told of",
    "somebody",
    "nobody",
    "whoever",
    "whom",
    "so many",
    "for ever",
    "is to be",
    "are to be",
    "heard of",
];

/// First words that leave a description without a subject.
const RIDDLES: &[&str] = &["What ", "Who ", "Whom ", "Whose ", "The same ", "Of its "];

#[test]
fn pages_avoid_the_banned_words() {
    let mut found = Vec::new();
    let mut pages = 0;
    for page in pages_of_prose() {
        let text = std::fs::read_to_string(&page).expect("a readable page");
        pages += 1;
        let mut is_code = false;
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
            } else if !is_code && let Some(phrase) = banned(line) {
                found.push(format!("{}:{}: {phrase}", page.display(), number + 1));
            }
        }
    }
    assert!(pages > 25, "only {pages} pages were read");
    assert!(found.is_empty(), "say it plainly:\n{}", found.join("\n"));
}

#[test]
fn descriptions_of_fields_stand_alone() {
    let file = root().join("tests/data/scenario/windtunnel.schema.json");
    let text = std::fs::read_to_string(file).expect("the stored schema");
    let schema = serde_json::from_str(&text).expect("a JSON Schema");
    let mut descriptions = Vec::new();
    collect(&schema, &mut descriptions);
    assert!(descriptions.len() > 500, "only {}", descriptions.len());
    let is_wrong = |text: &&String| {
        banned(text).is_some() || RIDDLES.iter().any(|riddle| text.starts_with(riddle))
    };
    let wrong: Vec<&String> = descriptions.iter().filter(is_wrong).collect();
    assert!(wrong.is_empty(), "name the subject with a noun: {wrong:#?}");
}

/// The README, the architecture, the manual and the pages beside it; `docs/results.md` repeats
/// descriptions of the sources, and the specification quotes its originals.
fn pages_of_prose() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    for folder in ["docs", "docs/manual"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let is_page = path.extension().is_some_and(|ending| ending == "md");
            if is_page && !path.ends_with("results.md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The first banned phrase of a line, as whole words.
fn banned(line: &str) -> Option<&'static str> {
    let words: String = line
        .chars()
        .map(|c| {
            if c.is_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                ' '
            }
        })
        .collect();
    let words = format!(
        " {} ",
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    let mut phrases = BANNED.iter().copied();
    phrases.find(|phrase| words.contains(&format!(" {phrase} ")))
}

fn collect(schema: &serde_json::Value, found: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    serde_json::Value::String(text) if name == "description" => {
                        found.push(text.clone());
                    }
                    _ => collect(value, found),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
