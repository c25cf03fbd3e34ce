//! Errors of an input: file, line, column, value, rule.

use std::io;

use thiserror::Error;
use units::line::brief_found;

/// An input that can't be read on.
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
    #[error("{file}: {}", brief_found(.reason))]
    Format {
        /// The file as the user named it.
        file: String,
        /// The expected value, and the fix.
        reason: String,
    },
}

/// Error of the operating system about a file, with a fix.
pub fn read_error(name: &str, error: &io::Error) -> TraceError {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "no such file; check the path, or `--traces DIR`".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory; name the file in it".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read by you; check its mode".to_owned(),
        io::ErrorKind::OutOfMemory => {
            "there is not enough memory to read it; free some, raise the \
             limit (`ulimit -v`), or read a part of it"
                .to_owned()
        }
        io::ErrorKind::UnexpectedEof => "the compressed data ends too early: the file is \
             truncated; download or copy it again"
            .to_owned(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            format!("the compressed data is damaged ({error}); download or copy the file again")
        }
        _ => error.to_string(),
    };
    TraceError::Io {
        file: name.to_owned(),
        reason,
    }
}
