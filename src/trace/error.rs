//! What can be wrong with a trace: file, line, column, value, rule.

use thiserror::Error;

/// A trace that can't be read on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TraceError {
    /// The file can't be opened or read.
    #[error("{file}: {reason}")]
    Io {
        /// The file as the user named it.
        file: String,
        /// Message of the operating system, and the fix.
        reason: String,
    },
    /// A row breaks a rule of its format.
    #[error("{file}:{line}: column `{column}`: {rule}, found `{value}`")]
    BadRow {
        /// The file as the user named it.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// The value found.
        value: String,
        /// The rule that it breaks, saying what was expected.
        rule: String,
    },
    /// The file as a whole is not of its format.
    #[error("{file}: {reason}")]
    Format {
        /// The file as the user named it.
        file: String,
        /// The expected value, and the fix.
        reason: String,
    },
}
