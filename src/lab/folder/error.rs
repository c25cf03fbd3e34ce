//! Errors of result folders.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::SUMMARY_NAME;

/// Reason a result folder could not be written.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The output folder exists.
    #[error(
        "{}: the output folder exists; choose another with `--out`, remove it, \
         or replace it with `--force`",
        path.display()
    )]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file to be written exists.
    #[error("{}: exists; write into another folder with `--out`, or replace it with `--force`",
        path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// A file to be written is there, and is none: it is never replaced.
    #[error("{}: is a link, a pipe, a device or a folder, which is never replaced; name a file, or \
             remove it first", path.display())]
    NoFile {
        /// Path of the folder.
        path: PathBuf,
    },
    /// A folder that holds no result of windtunnel, so it is not replaced even if that was asked
    /// for.
    #[error(
        "{}: exists and is not a result folder (it holds no {SUMMARY_NAME}), so it is not \
         replaced; choose another folder with `--out`",
        path.display()
    )]
    NotOurs {
        /// Path of the folder.
        path: PathBuf,
    },
    /// The path can't be the name of a folder.
    #[error("{}: names no folder; give a path that ends in a name, as in `--out results/name`",
        path.display())]
    NoName {
        /// The path as given.
        path: PathBuf,
    },
    /// Another run writes to the same folder now.
    #[error("{}: another run is writing there; choose another folder with `--out`",
        path.display())]
    Busy {
        /// The partial folder of the other run.
        path: PathBuf,
    },
    /// The place does not allow writing.
    #[error("{}: can't be written ({source}); choose a folder you may write to with `--out`",
        path.display())]
    NotWritable {
        /// The file or folder.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// A file, link or device stands where a folder is to be.
    #[error("{}: a file, link or device stands where a folder is to be made; it is never replaced: \
             choose another folder with `--out`", path.display())]
    NoFolder {
        /// Path of the folder.
        path: PathBuf,
    },
    /// The disk, or the user's share of it, is full.
    #[error(
        "{}: the disk is full ({source}); free some space or choose another disk with `--out`, \
         then run it again: finished results are kept, unfinished ones are replaced",
        path.display()
    )]
    Full {
        /// The file that did not fit.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// A file can't be read.
    #[error("{}: can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// Anything else the system refused.
    #[error("{}: could not be written: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// A value can't be written as JSON or CSV: a defect of the program.
    #[error("{}: could not be encoded: {reason}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Error of the encoder.
        reason: String,
    },
}

impl FolderError {
    /// The exit code of this error: 2 where another folder helps, 101 where the run could not be
    /// completed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Exists { .. }
            | Self::FileExists { .. }
            | Self::NoFile { .. }
            | Self::NoFolder { .. }
            | Self::NotOurs { .. }
            | Self::NoName { .. }
            | Self::Busy { .. }
            | Self::Unreadable { .. }
            | Self::NotWritable { .. } => 2,
            Self::Full { .. } | Self::Io { .. } | Self::Encode { .. } => 101,
        }
    }

    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full { path, source }
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable { path, source }
            }
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => Self::NoFolder { path },
            _ => Self::Io { path, source },
        }
    }
}
