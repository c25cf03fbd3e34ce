//! Plain English where users and contributors read: the README, the architecture, the manual, the
//! descriptions of the experiment file's fields, which editors show as tooltips, the texts that the
//! program prints, and the doc comments of public items.

use std::path::PathBuf;

use super::{root, sources};

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

/// Further words that no printed text needs.
const BANNED_IN_PRINT: &[&str] = &[
    "told",
    "anybody",
    "anew",
    "comes to",
    "came to",
    "goes on",
    "looked at",
    "passed over",
    "put right",
    "at the least",
];

/// First words that leave a description without a subject.
const RIDDLES: &[&str] = &["What ", "Who ", "Whom ", "Whose ", "The same ", "Of its "];

/// First words that leave the doc comment of a public item or of a module without a subject.
const RIDDLES_OF_ITEMS: &[&str] = &[
    "What",
    "Who",
    "Whom",
    "Whose",
    "Why",
    "How",
    "Its",
    "The same",
    "Of its",
    "Whether it",
    "Whether its",
];

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
            } else if !is_code && let Some(phrase) = banned(&without_spans(line)) {
                found.push(format!("{}:{}: {phrase}", page.display(), number + 1));
            }
        }
    }
    assert!(pages > 25, "only {pages} pages were read");
    assert!(found.is_empty(), "say it plainly:\n{}", found.join("\n"));
}

/// A line without its spans of code.
fn without_spans(line: &str) -> String {
    line.split('`').step_by(2).collect()
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

#[test]
fn printed_texts_avoid_the_banned_words() {
    let mut found = Vec::new();
    let mut texts = 0;
    for source in sources(&["src"]) {
        if is_test(&source.path) {
            continue;
        }
        let code = source.code.split("#[cfg(test)]").next();
        for text in literals(code.expect("a split has a first part")) {
            texts += 1;
            // A name, such as that of the user `nobody`, is no text.
            if !text.contains(' ') {
                continue;
            }
            let text = without_placeholders(&text);
            if let Some(phrase) = banned(&text).or_else(|| contained(&text, BANNED_IN_PRINT)) {
                found.push(format!("{}: {phrase}: {text}", source.path));
            }
        }
    }
    assert!(texts > 5_000, "only {texts} texts were read");
    assert!(found.is_empty(), "say it plainly:\n{}", found.join("\n"));
}

#[test]
fn doc_comments_of_public_items_stand_alone() {
    let mut found = Vec::new();
    let mut items = 0;
    for source in sources(&["src"]) {
        if is_test(&source.path) {
            continue;
        }
        let module = source.text.lines().next();
        let module = module.and_then(|line| line.strip_prefix("//!"));
        for comment in module.into_iter().chain(comments_of_items(&source.text)) {
            items += 1;
            let comment = comment.trim_start();
            if RIDDLES_OF_ITEMS
                .iter()
                .any(|riddle| opens_with(comment, riddle))
            {
                found.push(format!("{}: {comment}", source.path));
            }
        }
    }
    assert!(items > 5_000, "only {items} items were read");
    assert!(
        found.is_empty(),
        "name the subject with a noun:\n{}",
        found.join("\n")
    );
}

#[test]
fn riddles_are_found_at_the_beginning_alone() {
    assert!(opens_with("Why.", "Why"));
    assert!(opens_with("Whether it is up.", "Whether it"));
    assert!(!opens_with("Whether items are left.", "Whether it"));
    assert!(!opens_with("Howitzers.", "How"));
    let text = "/// How many.\n#[inline]\npub fn a() {}\n/// Why.\nfn b() {}\n";
    assert_eq!(comments_of_items(text), [" How many."]);
}

/// The first lines of the doc comments of public items.
fn comments_of_items(text: &str) -> Vec<&str> {
    let mut comments = Vec::new();
    let mut first: Option<&str> = None;
    for line in text.lines().map(str::trim_start) {
        if let Some(comment) = line.strip_prefix("///") {
            first.get_or_insert(comment);
        } else if !line.starts_with("#[") {
            comments.extend(first.take().filter(|_| line.starts_with("pub ")));
        }
    }
    comments
}

/// Whether a comment begins with a phrase, as whole words.
fn opens_with(comment: &str, phrase: &str) -> bool {
    comment
        .strip_prefix(phrase)
        .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs")
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

/// The contents of the string literals of a source, raw ones and characters left out.
fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    let mut previous = ' ';
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match &mut open {
            Some(_) if c == '"' => found.extend(open.take()),
            // An escaped character, or a line that continues on the next one.
            Some(text) if c == '\\' => {
                chars.next();
                text.push(' ');
            }
            Some(text) => text.push(c),
            None if c == '"' && previous != '\'' && previous != '\\' => open = Some(String::new()),
            None => {}
        }
        previous = c;
    }
    found
}

/// A text without the parts in braces, which are names of variables.
fn without_placeholders(text: &str) -> String {
    let mut depth = 0_u32;
    let kept = text.chars().filter(|c| match c {
        '{' => {
            depth += 1;
            false
        }
        '}' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    });
    kept.collect()
}

/// The first banned phrase of a line, as whole words.
fn banned(line: &str) -> Option<&'static str> {
    contained(line, BANNED)
}

/// The first of the phrases in a line, as whole words.
fn contained(line: &str, phrases: &[&'static str]) -> Option<&'static str> {
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
    let mut phrases = phrases.iter().copied();
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
