//! Answers of an API server that are errors: `kubectl` writes them where objects were expected, and
//! a dump that holds one lacks whatever was asked for.

use serde_json::Value;

use super::source::Source;

/// Beginnings of the lines by which `kubectl` reports a failure.
const LINES: [&str; 5] = [
    "Error from server",
    "error: ",
    "Unable to connect to the server",
    "The connection to the server",
    "You must be logged in to the server",
];

/// Number of bytes of the longest object that is looked into: the check must not cost what reading
/// costs.
const LONGEST_OBJECT: usize = 1 << 12;

/// Spellings of the kind of an answer that is an error.
const KINDS: [&str; 3] = [
    "\"kind\": \"Status\"",
    "\"kind\":\"Status\"",
    "kind: Status",
];

/// The advice at the end of each message.
const FIX: &str = "what was asked for is missing in the dump: take it again with an account that \
                   may list these objects";

/// Number of bytes in which an error message of `kubectl` is looked for.
const LONGEST_MESSAGE: usize = 400;

/// Words about a text whose first line is one in which `kubectl` reports a failure; `None` of any
/// other.
pub(super) fn in_text(text: &[u8]) -> Option<String> {
    let first = String::from_utf8_lossy(&text[..text.len().min(LONGEST_MESSAGE)]);
    in_line(first.lines().next()?)
}

/// Words about a line of text in which `kubectl` reports a failure; `None` of any other.
fn in_line(line: &str) -> Option<String> {
    let line = line.trim();
    let is_one = LINES.iter().any(|own| line.starts_with(own));
    is_one.then(|| format!("`kubectl` failed here (`{line}`); {FIX}"))
}

/// Words about an object by which an API server reports a failure; `None` of any other.
pub(super) fn in_object(source: &Source<'_>) -> Option<String> {
    if source.text.len() > LONGEST_OBJECT {
        return None;
    }
    let text = std::str::from_utf8(source.text).ok()?;
    if !KINDS.iter().any(|kind| text.contains(kind)) {
        return None;
    }
    let value: Value = source.read(std::marker::PhantomData).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if text("kind") != Some("Status") || text("status") != Some("Failure") {
        return None;
    }
    let message = text("message").unwrap_or("it gives no message");
    let reason = text("reason").unwrap_or("a failure");
    Some(format!(
        "the API server answered with an error instead of objects ({reason}: {message}); {FIX}"
    ))
}
