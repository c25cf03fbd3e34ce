//! The one place where manifests meet the YAML parser: splits a text into documents, so that a
//! problem in one is reported with its number and no document's limits count against another's, and
//! sets the parser's options.

use std::marker::PhantomData;

use serde::de::DeserializeSeed;
use serde_json::Value;
use serde_saphyr::{MessageFormatter as _, UserMessageFormatter};

use super::as_json;
use super::fault::Fault;

/// One document of a text.
pub(super) struct Document<'a> {
    pub(super) text: &'a str,
    /// Number of lines of the text that precede the document.
    pub(super) lines_before: u64,
}

/// Whether a file's name says that it holds YAML.
pub(super) fn is_yaml_name(name: &str) -> bool {
    let extension = std::path::Path::new(name).extension();
    extension
        .is_some_and(|text| text.eq_ignore_ascii_case("yaml") || text.eq_ignore_ascii_case("yml"))
}

/// The documents of a text. A line that begins with `---` always begins a document (YAML allows
/// it nowhere else), except after nothing but comments and directives.
pub(super) fn documents(text: &str) -> impl Iterator<Item = Document<'_>> {
    let mut rest = text;
    let mut line_number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let lines_before = line_number;
        let mut has_content = false;
        let mut end = 0;
        for line in rest.split_inclusive('\n') {
            let is_marker = is_document_marker(line);
            if is_marker && has_content {
                break;
            }
            let is_preamble = line.trim().is_empty() || line.starts_with(['#', '%']);
            has_content |= is_marker || !is_preamble;
            end += line.len();
            line_number += 1;
        }
        let (text, tail) = rest.split_at(end);
        rest = tail;
        Some(Document { text, lines_before })
    })
}

pub(super) fn is_document_marker(line: &str) -> bool {
    let tail = line.strip_prefix("---");
    tail.is_some_and(|tail| tail.is_empty() || tail.starts_with([' ', '\t', '\r', '\n']))
}

/// The plain text of a field of the outermost mapping, in block style; found by its line.
pub(super) fn top_level_text<'t>(document: &'t str, wanted: &str) -> Option<&'t str> {
    let content = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with(['#', '%']) && !is_document_marker(line)
    };
    let first = document.lines().find(content)?;
    let indent = first.len() - first.trim_start_matches(' ').len();
    document.lines().find_map(|line| {
        let rest = line.get(indent..)?;
        if !line.as_bytes()[..indent].iter().all(|&byte| byte == b' ') {
            return None;
        }
        let value = rest.strip_prefix(wanted)?.strip_prefix(':')?;
        let value = value.split(" #").next().unwrap_or_default().trim();
        Some(value.trim_matches(['"', '\'']))
    })
}

/// The line of a field in an object in block style (YAML, or JSON as it is printed), from 1; of a
/// field that is not found the line of the one around it that is.
pub(super) fn line_of(document: &str, field: &str) -> u64 {
    let lines = document.lines().enumerate().filter_map(|(number, line)| {
        let content = line.trim_start_matches([' ', '\t', '-']);
        let is_content = !content.is_empty() && !content.starts_with(['#', '{', '}', ']']);
        is_content.then(|| (number as u64 + 1, line.len() - content.len(), content))
    });
    let lines: Vec<(u64, usize, &str)> = lines.collect();
    let (mut place, mut depth, mut found) = (0, None, 1);
    for step in field.split('.') {
        let name = step.split('[').next().unwrap_or_default();
        let Some(&(_, indent, _)) = lines.get(place) else {
            break;
        };
        if depth.is_some_and(|depth| indent <= depth) {
            break;
        }
        let inside = lines[place..]
            .iter()
            .enumerate()
            .take_while(|(_, line)| depth.is_none_or(|depth| line.1 > depth));
        let named = inside.into_iter().find(|(_, line)| {
            let rest = line.2.trim_start_matches(['"', '\'']).strip_prefix(name);
            let rest = rest.map(|rest| rest.trim_start_matches(['"', '\'', ' ']));
            line.1 == indent && rest.is_some_and(|rest| rest.starts_with(':'))
        });
        let Some((ahead, line)) = named else { break };
        (found, depth) = (line.0, Some(line.1));
        place += ahead + 1;
    }
    found
}

/// The lines of the values of a document in their order, from 1.
pub(super) fn lines_of(document: &str) -> Vec<u64> {
    let places = as_json::places(document, options()).unwrap_or_default();
    places.iter().map(serde_saphyr::Location::line).collect()
}

/// Reads one document.
pub(super) fn deserialize<T, S>(text: &str, seed: S) -> Result<T, Fault>
where
    S: for<'json> DeserializeSeed<'json, Value = T>,
{
    let json = as_json::of_yaml(text, options()).map_err(|error| {
        let location = error.location();
        Fault {
            message: UserMessageFormatter.format_message(&error).into_owned(),
            line: location.map_or(0, |location| location.line()),
            column: location.map_or(0, |location| location.column()),
        }
    })?;
    let outcome = seed.deserialize(&mut serde_json::Deserializer::from_slice(&json));
    outcome.map_err(|error| {
        let place = as_json::place_of(text, options(), error.line());
        Fault {
            line: place.map_or(0, |place| place.line()),
            column: place.map_or(0, |place| place.column()),
            ..Fault::from(&error)
        }
    })
}

/// Reads the documents of a text as plain values, for tools that look at manifests themselves.
///
/// # Errors
/// A document is no YAML; the message has its line.
pub fn read_values(text: &str) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    for document in documents(text) {
        let value = deserialize(document.text, PhantomData::<Value>).map_err(|fault| {
            let line = document.lines_before + fault.line;
            format!("line {line}: {}", fault.message)
        })?;
        if !value.is_null() {
            values.push(value);
        }
    }
    Ok(values)
}

/// The parser's limits guard against nesting without end and aliases that multiply; the plain
/// size of a dump is no danger and is not limited.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: usize::MAX,
            max_nodes: usize::MAX,
            max_total_scalar_bytes: usize::MAX,
            max_total_comment_bytes: usize::MAX,
            max_depth: 128,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
        },
        // `no` and `off` are booleans, as they are for kubectl.
        strict_booleans: false,
        with_snippet: false,
    }
}
