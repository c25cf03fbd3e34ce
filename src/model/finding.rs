//! Faults in the declaration of an autoscaler or a balancer: field, value, what was expected, and
//! what to write instead. The reader of a file adds file and line.

use std::fmt;

use thiserror::Error;

use crate::Text;

/// A finding about one field of a declared object.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{object}: {field}: {problem}")]
pub struct Finding {
    /// The object, as `kind namespace/name` or its name alone.
    pub object: String,
    /// The path of the field.
    pub field: String,
    /// The problem.
    pub problem: Problem,
}

/// A kind of problem.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// A number outside of its range.
    OutOfRange {
        /// The stated value.
        stated: String,
        /// The range, in words.
        expected: &'static str,
    },
    /// A lower bound above its upper one.
    MinAboveMax {
        /// The lower bound.
        min: i64,
        /// The upper bound.
        max: i64,
        /// The field of the upper one.
        max_field: &'static str,
    },
    /// A field that has to be there.
    Missing {
        /// The expected value.
        expected: &'static str,
    },
    /// A name that is not declared.
    Unknown {
        /// Kind of the missing object.
        kind: &'static str,
        /// The name.
        name: Text,
        /// A few names that there are.
        known: Vec<Text>,
    },
    /// Something that two objects claim.
    ClaimedTwice {
        /// The value that both claim.
        what: String,
        /// The other object.
        other: String,
    },
    /// A metric that never had a value.
    NeverArrived {
        /// Number of passes that waited for the node.
        passes: u64,
        /// Error of the last pass.
        last_error: String,
    },
    /// A pattern that can't be read.
    BadPattern {
        /// The pattern.
        pattern: String,
        /// Reason the text is no pattern.
        why: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { stated, expected } => {
                write!(f, "{stated} is out of range; expected {expected}")
            }
            Self::MinAboveMax {
                min,
                max,
                max_field,
            } => write!(
                f,
                "{min} is above {max_field} {max}; lower it, or raise {max_field}"
            ),
            Self::Missing { expected } => write!(f, "missing; expected {expected}"),
            Self::Unknown { kind, name, known } => {
                write!(f, "no {kind} is named `{name}`")?;
                if known.is_empty() {
                    return write!(f, "; none is declared");
                }
                write!(f, "; there are {}", known.join(", "))
            }
            Self::ClaimedTwice { what, other } => {
                write!(f, "{what} is claimed by {other} too; remove one of them")
            }
            Self::NeverArrived { passes, last_error } => write!(
                f,
                "no value in {passes} passes ({last_error}); check the metric's name and source"
            ),
            Self::BadPattern { pattern, why } => {
                write!(f, "`{pattern}` is not a pattern: {why}")
            }
        }
    }
}

/// Collects the findings of one object.
#[derive(Debug)]
pub struct Findings {
    object: String,
    /// The findings, in the order of the fields.
    pub list: Vec<Finding>,
}

impl Findings {
    /// No findings yet.
    pub fn new(object: impl Into<String>) -> Self {
        Self {
            object: object.into(),
            list: Vec::new(),
        }
    }

    /// Adds a finding about a field.
    pub fn add(&mut self, field: impl Into<String>, problem: Problem) {
        self.list.push(Finding {
            object: self.object.clone(),
            field: field.into(),
            problem,
        });
    }

    /// Adds a finding if a lower bound is above its upper one.
    pub fn expect_order(
        &mut self,
        field: impl Into<String>,
        min: i64,
        max: i64,
        max_field: &'static str,
    ) {
        if min > max {
            let problem = Problem::MinAboveMax {
                min,
                max,
                max_field,
            };
            self.add(field, problem);
        }
    }

    /// Adds a finding unless a value is in its range.
    pub fn expect(
        &mut self,
        is_fine: bool,
        field: impl Into<String>,
        stated: impl fmt::Display,
        expected: &'static str,
    ) {
        if !is_fine {
            let stated = stated.to_string();
            self.add(field, Problem::OutOfRange { stated, expected });
        }
    }
}
