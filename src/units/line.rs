//! Text on one line.

/// A text without line breaks: what is quoted of a file begins no line of its own.
///
/// ```
/// assert_eq!(units::line::one_line("a\n::error::b"), "a\u{fffd}::error::b");
/// ```
pub fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], "\u{fffd}")
}
