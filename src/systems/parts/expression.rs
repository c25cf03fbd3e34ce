//! Expressions `key==value` and `key!=value` over labels, as Swarm classic and `SwarmKit` write
//! them (spec: orchestrators-a.md sections 1.4 and 2.2). How a value is compared is each system's
//! own; what is an expression is decided here.

use thiserror::Error;

/// Comparison of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
}

impl Comparison {
    /// Result of the comparison, given whether the values are equal.
    pub fn holds(self, is_equal: bool) -> bool {
        is_equal == (self == Self::Equal)
    }

    /// The operator as it is written.
    pub fn operator(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }
}

/// An expression, taken apart and not yet interpreted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The compared key.
    pub key: &'a str,
    /// Comparison of the value.
    pub comparison: Comparison,
    /// Value of the expression.
    pub value: &'a str,
}

/// Reason a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExpressionError {
    /// There is no operator in it.
    #[error("`{text}` has no operator, expected `key==value` or `key!=value`")]
    Operator {
        /// Text as written.
        text: String,
    },
    /// The text's key is none.
    #[error(
        "the key `{key}` of `{text}` is not valid, expected at least two of letters, digits, \
         `-`, `_` and `.`, a letter or `_` first"
    )]
    Key {
        /// Text as written.
        text: String,
        /// Text before the operator.
        key: String,
    },
    /// The text's value is none.
    #[error(
        "the value `{value}` of `{text}` is not valid, expected letters, digits, blanks and \
         `:-_.*/()?+[]\\^$|`"
    )]
    Value {
        /// Text as written.
        text: String,
        /// Text after the operator.
        value: String,
    },
}

/// The operators, in the order in which they are looked for.
const COMPARISONS: [Comparison; 2] = [Comparison::Equal, Comparison::NotEqual];

/// Takes an expression apart at its first operator, `==` before `!=`.
///
/// # Errors
/// There is no operator, or the key is not valid.
pub fn parse(text: &str) -> Result<Parts<'_>, ExpressionError> {
    let found = COMPARISONS.into_iter().find_map(|comparison| {
        let (key, value) = text.split_once(comparison.operator())?;
        Some(Parts {
            key,
            comparison,
            value,
        })
    });
    let parts = found.ok_or_else(|| ExpressionError::Operator {
        text: text.to_owned(),
    })?;
    if is_key(parts.key) {
        Ok(parts)
    } else {
        Err(ExpressionError::Key {
            text: text.to_owned(),
            key: parts.key.to_owned(),
        })
    }
}

/// `^[a-z_][a-z0-9\-_.]+$` without case: at least two characters.
fn is_key(key: &str) -> bool {
    let mut characters = key.chars();
    let first = characters.next();
    let rest = characters.as_str();
    first.is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && !rest.is_empty()
        && rest
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.'))
}

/// Whether a text has only characters of a value and at least one.
pub fn is_value(value: &str) -> bool {
    let is_allowed = |one: char| {
        one.is_ascii_alphanumeric()
            || one.is_ascii_whitespace()
            || r":-_.*/()?+[]\^$|".contains(one)
    };
    !value.is_empty() && value.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_taken_apart_at_the_first_operator() {
        for (text, expected) in [
            ("region==us", Some(("region", Comparison::Equal, "us"))),
            ("region!=us", Some(("region", Comparison::NotEqual, "us"))),
            ("ab==x!=y", Some(("ab", Comparison::Equal, "x!=y"))),
            ("a==b", None),
            ("ab=b", None),
            ("a b==c", None),
            ("1a==c", None),
            ("ab!=x==y", None),
        ] {
            let parts = parse(text).ok();
            let found = parts.map(|parts| (parts.key, parts.comparison, parts.value));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn values_have_only_their_characters() {
        for (value, expected) in [("us*", true), ("a b", true), ("", false), ("a=b", false)] {
            assert_eq!(is_value(value), expected, "{value}");
        }
    }
}
