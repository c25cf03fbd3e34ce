//! Reasons a baseline can't be used.

use std::path::PathBuf;

use thiserror::Error;

/// Reason a baseline can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaselineError {
    /// It is no baseline.
    #[error(
        "{}:{line}:{column}: {reason}; correct it, or write it again with `--accept`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// The problem.
        reason: String,
    },
    /// An entry is not what was accepted.
    #[error(
        "{}: `{entry}`: `{field}`: {reason}; restore the file from its history, or write the baseline \
         again with `--accept`", path.display()
    )]
    Edited {
        /// The file.
        path: PathBuf,
        /// The entry.
        entry: String,
        /// Field that does not fit.
        field: String,
        /// The problem.
        reason: String,
    },
    /// It was written by a newer program, or for other definitions.
    #[error(
        "{}: {what} {found}, but this program supports {known}; use the program that wrote it, or \
         accept a new baseline with `--accept`", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Part that differs.
        what: &'static str,
        /// Version found.
        found: u32,
        /// Version known.
        known: u32,
    },
    /// A newer program wrote it, or its version can't be read.
    #[error(
        "{}: windtunnel {found} wrote the baseline, but this program is windtunnel {own}; use that \
         program, or accept a new baseline with `--accept`", path.display()
    )]
    Program {
        /// The file.
        path: PathBuf,
        /// The version that stands there.
        found: String,
        /// The version of this program.
        own: &'static str,
    },
    /// It is of another suite.
    #[error(
        "{}: the baseline of the suite `{found}`, not of `{expected}`; give the right one with \
         `--baseline FILE`, or accept a new one with `--accept`", path.display()
    )]
    OtherSuite {
        /// The file.
        path: PathBuf,
        /// Suite that the baseline belongs to.
        found: String,
        /// Suite that it should belong to.
        expected: String,
    },
    /// An acknowledgement lacks what makes it one.
    #[error(
        "{}: acknowledgement {number} (`{entry}` `{metric}`): {reason}; expected a reason, a \
         share and an expiry, such as \"allow\": 0.1, \"expires\": \"2026-12-31\"", path.display()
    )]
    Acknowledgement {
        /// The file.
        path: PathBuf,
        /// Number of the acknowledgement, from 1.
        number: usize,
        /// Entry of the acknowledgement.
        entry: String,
        /// Metric of the acknowledgement.
        metric: String,
        /// The problem.
        reason: String,
    },
}

impl BaselineError {
    /// The exit code: 3 where it is sound but of something else.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Version { .. } | Self::Program { .. } | Self::OtherSuite { .. } => 3,
            Self::Damaged { .. } | Self::Edited { .. } | Self::Acknowledgement { .. } => 2,
        }
    }
}
