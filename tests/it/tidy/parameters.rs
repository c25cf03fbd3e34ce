//! Tuple parameters: a pattern such as `(node, pod): (NodeId, PodRef)` hides two arguments from the
//! argument lint. A struct with named fields says what they are.

use super::{ratchet, sources};
use windtunnel::units::SortedMap;

#[test]
fn functions_take_no_tuple_parameters() {
    let mut counts = SortedMap::new();
    let mut functions = 0;
    for source in sources(&["src"]) {
        for (at, _) in source.code.match_indices("fn ") {
            let Some(parameters) = parameters(&source.code[at..]) else {
                continue;
            };
            functions += 1;
            let tuples = split(parameters)
                .filter(|parameter| parameter.trim_start().starts_with('('))
                .count();
            if tuples > 0 {
                *counts.entry(source.path.clone()).or_insert(0) += tuples;
            }
        }
    }
    assert!(functions > 5_000, "only {functions} functions were read");
    ratchet(
        "tuple-parameters.txt",
        &counts,
        "give the arguments a struct",
    );
}

#[test]
fn tuple_patterns_are_found_among_parameters() {
    let tuples = |text| {
        split(parameters(text).expect("a function"))
            .filter(|parameter| parameter.trim_start().starts_with('('))
            .count()
    };
    assert_eq!(tuples("fn f(&self, (a, b): (u8, u8), c: (u8, u8)) {"), 1);
    assert_eq!(tuples("fn f<F: Fn(u8) -> u8>(f: F, (a,): (u8,)) {"), 1);
    assert_eq!(tuples("fn f(f: impl Fn((u8, u8), (u8, u8))) {"), 0);
}

/// The text between the parentheses of a function's parameters; `None` of a function pointer.
fn parameters(text: &str) -> Option<&str> {
    let name = text.strip_prefix("fn ")?;
    if !name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        return None;
    }
    let mut angle = 0_i32;
    let mut before = ' ';
    for (at, c) in name.char_indices() {
        match c {
            '<' => angle += 1,
            '>' if before != '-' => angle -= 1,
            '(' if angle == 0 => return closed(&name[at + 1..]),
            '{' | ';' if angle == 0 => return None,
            _ => {}
        }
        before = c;
    }
    None
}

/// The text up to the parenthesis that closes it.
fn closed(text: &str) -> Option<&str> {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(&text[..at]),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The parameters of a list, split at commas outside of brackets.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    let mut before = ' ';
    list.split(move |c: char| {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        before = c;
        c == ',' && depth == 0
    })
}
