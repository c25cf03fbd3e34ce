//! Expressions of constraints and affinities: globs and regular expressions over labels, hard or
//! soft (spec: orchestrators-a.md section 1.4; classicswarm `scheduler/filter/expr.go`).

use std::fmt;

use thiserror::Error;

use crate::parts::expression::{Comparison, ExpressionError, is_value, parse};
use crate::parts::pattern::Pattern;
use model::Text;

/// An expression over the values that a key has somewhere.
#[derive(Clone, Debug)]
pub struct Expression {
    /// Key to compare: `node`, `container`, `image` or a label.
    pub key: Text,
    /// Comparison of the value.
    pub comparison: Comparison,
    /// Value of the expression, without the mark of a soft one.
    pub value: Text,
    /// `true` if the expression is given up when it can't be met.
    pub is_soft: bool,
    pattern: Pattern,
}

/// Reason a text is no expression of Swarm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SwarmExpressionError {
    /// The mark of a soft expression stands in the operator.
    #[error(
        "`{text}` has no operator; a soft expression is written `key==~value` or `key!=~value`"
    )]
    SoftOperator {
        /// Text as written.
        text: String,
    },
    /// It is wrong in another way.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
}

impl Expression {
    /// Reads `key==value` or `key!=value`. A value that begins with `~` is soft, `/…/` is a regular
    /// expression, anything else a glob in which `*` is any run of characters and the rest keeps
    /// the meaning that it has in regular expressions, as in the original.
    ///
    /// # Errors
    /// The text is no expression.
    pub fn parse(text: &str) -> Result<Self, SwarmExpressionError> {
        let parts = match parse(text) {
            Err(ExpressionError::Operator { text })
                if text.contains("=~") || text.contains("!~") =>
            {
                return Err(SwarmExpressionError::SoftOperator { text });
            }
            other => other?,
        };
        let bare = parts.value.strip_prefix(['=', '!', '/']);
        let marked = |rest: &str| rest.strip_prefix('~').is_some_and(is_value);
        if !is_value(parts.value)
            && !marked(parts.value)
            && !bare.is_some_and(|rest| is_value(rest) || marked(rest))
        {
            return Err(SwarmExpressionError::Expression(ExpressionError::Value {
                text: text.to_owned(),
                value: parts.value.to_owned(),
            }));
        }
        let value = parts.value.trim_start_matches('~');
        Ok(Self {
            key: parts.key.into(),
            comparison: parts.comparison,
            value: value.into(),
            is_soft: parts.value.starts_with('~'),
            pattern: pattern(value),
        })
    }

    /// `true` if the expression holds over these values: `==` wants one that matches, `!=` wants
    /// none.
    pub fn holds<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> bool {
        let any = values.into_iter().any(|value| self.pattern.matches(value));
        self.comparison.holds(any)
    }
}

fn pattern(value: &str) -> Pattern {
    match value
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'))
    {
        Some(regular) => Pattern::anywhere(regular),
        None => Pattern::anywhere(&format!("^{}$", value.replace('*', ".*"))),
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let soft = if self.is_soft { "~" } else { "" };
        let operator = self.comparison.operator();
        write!(f, "{}{operator}{soft}{}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_values_and_marks_are_those_of_the_original() {
        for (text, is_valid) in [
            ("1node==x", false),
            ("node ==node1", false),
            ("NoDe==node1", true),
            ("no.de==node1", true),
            ("_node==_node1", true),
            ("node==node 1", true),
            ("node==", false),
            ("node==~", false),
            ("a==b", false),
            ("ab==b", true),
            ("name=node0", false),
            ("name=!node0", false),
            ("group==~2", true),
        ] {
            assert_eq!(Expression::parse(text).is_ok(), is_valid, "{text}");
        }
        let soft = Expression::parse("region!=~us*").expect("an expression");
        assert!(soft.is_soft && soft.to_string() == "region!=~us*");
    }

    #[test]
    fn globs_are_anchored_and_regular_expressions_are_not() {
        for (text, value, expected) in [
            ("region==us*", "us-west", true),
            ("region==us", "us-west", false),
            ("region==/us/", "the-us-west", true),
            ("region==/US/", "us", false),
            ("region==/(?i)US/", "us", true),
            ("region==u.", "us", true),
            ("region!=us*", "", true),
            ("region==/(/", "(", false),
            ("region!=/(/", "(", true),
        ] {
            let expression = Expression::parse(text).expect("an expression");
            assert_eq!(expression.holds([value]), expected, "{text} {value}");
        }
        let any = Expression::parse("image==x").expect("an expression");
        let none = Expression::parse("image!=x").expect("an expression");
        assert!(!any.holds([]) && none.holds([]));
    }

    #[test]
    fn a_soft_mark_in_the_operator_is_told() {
        for text in ["region=~us", "region!~us"] {
            let told = Expression::parse(text).map_err(|error| error.to_string());
            let told = told.expect_err("no expression");
            assert!(told.contains("`key==~value`"), "{told}");
        }
    }
}
