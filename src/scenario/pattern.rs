//! Text patterns over an index: `worker-{:04}`, `z{index % 3}`.
//!
//! Braces contain `index` (or nothing, which is equivalent), then any number of `% N`, `/ N` or `+
//! N` applied from left to right, then optionally `:0W` for a number padded with zeros to W digits.
//! `{{` and `}}` are literal braces.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use thiserror::Error;

/// Text pattern with placeholders for an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Index { steps: Vec<Step>, width: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Modulo(u64),
    Divide(u64),
    Add(u64),
}

/// Maximum number of digits after padding.
const MAX_WIDTH: usize = 20;

/// Reason why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Unmatched brace in the text.
    #[error("an unmatched brace; write `{{{{` or `}}}}` for a brace itself")]
    Brace,
    /// Braces around something that is not an index expression.
    #[error("`{{{0}}}` is not an index expression such as `{{:04}}` or `{{index % 3}}`")]
    Expression(String),
}

impl Pattern {
    /// Renders the text for one index, counted from 0.
    pub fn render(&self, index: u64) -> String {
        let mut text = String::with_capacity(self.text.len() + 8);
        for piece in &self.pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Index { steps, width } => {
                    let value = steps.iter().fold(index, |value, step| match *step {
                        Step::Modulo(by) => value % by,
                        Step::Divide(by) => value / by,
                        Step::Add(by) => value.saturating_add(by),
                    });
                    let width = *width;
                    write!(text, "{value:0width$}").expect("invariant: a String takes any text");
                }
            }
        }
        text
    }

    /// Returns whether every index gives a different text.
    pub fn is_unique(&self) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Text(_) => false,
            Piece::Index { steps, .. } => steps
                .iter()
                .all(|step| matches!(step, Step::Add(_) | Step::Divide(1))),
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut characters = text.char_indices().peekable();
        while let Some((position, character)) = characters.next() {
            match character {
                '{' | '}' if characters.next_if(|&(_, next)| next == character).is_some() => {
                    literal.push(character);
                }
                '{' => {
                    let rest = &text[position + 1..];
                    let length = rest.find('}').ok_or(PatternError::Brace)?;
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(expression(&rest[..length])?);
                    while characters.next().is_some_and(|(_, next)| next != '}') {}
                }
                '}' => return Err(PatternError::Brace),
                _ => literal.push(character),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self {
            text: text.to_owned(),
            pieces,
        })
    }
}

fn expression(text: &str) -> Result<Piece, PatternError> {
    read_expression(text).ok_or_else(|| PatternError::Expression(text.to_owned()))
}

fn read_expression(text: &str) -> Option<Piece> {
    let (formula, width) = match text.split_once(':') {
        Some((formula, width)) => (formula, width.trim().strip_prefix('0')?.parse().ok()?),
        None => (text, 0),
    };
    if width > MAX_WIDTH {
        return None;
    }
    let formula = formula.trim();
    let mut rest = formula
        .strip_prefix("index")
        .unwrap_or(formula)
        .trim_start();
    let mut steps = Vec::new();
    while let Some(operator) = rest.chars().next() {
        let operand = rest[operator.len_utf8()..].trim_start();
        let end = operand
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(operand.len());
        let value: u64 = operand[..end].parse().ok()?;
        steps.push(match operator {
            '%' if value > 0 => Step::Modulo(value),
            '/' if value > 0 => Step::Divide(value),
            '+' => Step::Add(value),
            _ => return None,
        });
        rest = operand[end..].trim_start();
    }
    Some(Piece::Index { steps, width })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_render_every_form() {
        for (pattern, index, expected, unique) in [
            ("worker", 7, "worker", false),
            ("worker-{:04}", 7, "worker-0007", true),
            ("worker-{}", 7, "worker-7", true),
            ("z{index % 3}", 7, "z1", false),
            ("rack{index / 4}-{index%4:02}", 7, "rack1-03", false),
            ("n{index + 1}", 0, "n1", true),
            ("{{{index}}}", 5, "{5}", true),
            ("ä{:03}ö", 12, "ä012ö", true),
        ] {
            let read: Pattern = pattern.parse().expect(pattern);
            assert_eq!(read.render(index), expected, "{pattern}");
            assert_eq!(read.is_unique(), unique, "{pattern}");
            assert_eq!(read.to_string(), pattern);
        }
    }

    #[test]
    fn wrong_patterns_say_what_is_wrong() {
        for (pattern, message) in [
            (
                "a{",
                "an unmatched brace; write `{{` or `}}` for a brace itself",
            ),
            (
                "a}",
                "an unmatched brace; write `{{` or `}}` for a brace itself",
            ),
            (
                "a{idx}",
                "`{idx}` is not an index expression such as `{:04}` or `{index % 3}`",
            ),
            (
                "a{index % 0}",
                "`{index % 0}` is not an index expression such as `{:04}` or `{index % 3}`",
            ),
            (
                "a{:99}",
                "`{:99}` is not an index expression such as `{:04}` or `{index % 3}`",
            ),
            (
                "a{:099}",
                "`{:099}` is not an index expression such as `{:04}` or `{index % 3}`",
            ),
        ] {
            let error = pattern.parse::<Pattern>().expect_err(pattern);
            assert_eq!(error.to_string(), message, "{pattern}");
        }
    }
}
