//! Plurals: a count that is printed beside a noun in the plural reads `1 nodes` one day. Messages
//! take `units::plural`.

use std::fmt::Write as _;

use super::sources;

/// Nouns that messages count.
const NOUNS: &[&str] = &[
    "agents",
    "alerts",
    "attempts",
    "bytes",
    "candidates",
    "cases",
    "changes",
    "classes",
    "columns",
    "containers",
    "days",
    "decisions",
    "devices",
    "engines",
    "entries",
    "events",
    "failures",
    "fields",
    "files",
    "frameworks",
    "gates",
    "images",
    "instances",
    "jobs",
    "machines",
    "managers",
    "masters",
    "metrics",
    "nodes",
    "numbers",
    "objects",
    "pairs",
    "points",
    "pods",
    "records",
    "replicas",
    "requests",
    "rows",
    "runs",
    "seeds",
    "services",
    "shards",
    "tasks",
    "threads",
    "types",
    "units",
    "values",
    "variants",
    "workloads",
];

/// Files whose words are given from outside.
const EXEMPT: &[(&str, &str)] = &[
    (
        "src/scheduler/kube/message.rs",
        "kube-scheduler's own words",
    ),
    ("src/lab/explain/pipeline.rs", "kube-scheduler's own words"),
    (
        "src/workloads/generate/lublin99.rs",
        "the header of a file, not a message",
    ),
    (
        "src/cli/run_count.rs",
        "the template of a progress bar, not a text",
    ),
    (
        "src/metrics/families/run/saturation.rs",
        "a rate, `pods/h`, not a count",
    ),
];

#[test]
fn counts_and_nouns_agree() {
    let mut found = String::new();
    for source in sources(&["src"]) {
        let is_test = source.path.contains("tests") || source.path.ends_with("testing.rs");
        let is_exempt = EXEMPT.iter().any(|(path, _)| *path == source.path);
        if is_test || is_exempt {
            continue;
        }
        let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            if let Some(noun) = counted(line) {
                let _ = writeln!(found, "{}:{}: {noun}", source.path, number + 1);
            }
        }
    }
    assert!(
        found.is_empty(),
        "take `units::plural::count(number, \"noun\")`:\n{found}"
    );
}

#[test]
fn nouns_after_placeholders_are_found() {
    assert_eq!(counted(r#"format!("{count} nodes have")"#), Some("nodes"));
    assert_eq!(counted(r#"format!("of {} pods;")"#), Some("pods"));
    assert_eq!(counted(r#"format!("{MAX} nodes at most")"#), None);
    assert_eq!(counted(r#"format!("{name} podsy")"#), None);
    assert_eq!(counted("if x {} runs"), None);
}

/// A noun in the plural that follows a placeholder of a text, unless that is a constant.
fn counted(line: &str) -> Option<&str> {
    line.match_indices("} ").find_map(|(at, _)| {
        let (before, rest) = (&line[..at], &line[at + 2..]);
        let name = before.rsplit_once('{')?;
        let is_constant = name.1.chars().any(|c| c.is_ascii_uppercase());
        let is_text = before.contains('"') || line.trim_start().starts_with(['{', '|']);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
        let noun = &rest[..end.unwrap_or(rest.len())];
        (is_text && !is_constant && NOUNS.contains(&noun)).then_some(noun)
    })
}
