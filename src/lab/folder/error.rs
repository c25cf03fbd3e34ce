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
        .0.display()
    )]
    Exists(PathBuf),
    /// A file to be written exists.
    #[error("{}: exists; write into another folder with `--out`, or replace it with `--force`",
        .0.display())]
    FileExists(PathBuf),
    /// A file to be written is there, and is none: it is never replaced.
    #[error("{}: is a link, a pipe, a device or a folder, which is never replaced; name a file, or \
             remove it first", .0.display())]
    NoFile(PathBuf),
    /// A folder that holds no result of windtunnel, so it is not replaced even if that was asked
    /// for.
    #[error(
        "{}: exists and is not a result folder (it holds no {SUMMARY_NAME}), so it is not \
         replaced; choose another folder with `--out`",
        .0.display()
    )]
    NotOurs(PathBuf),
    /// The path can't be the name of a folder.
    #[error("{}: names no folder; give a path that ends in a name, as in `--out results/name`",
        .0.display())]
    NoName(PathBuf),
    /// Another run writes to the same folder now.
    #[error("{}: another run is writing there; choose another folder with `--out`",
        .0.display())]
    Busy(PathBuf),
    /// The place does not allow writing.
    #[error("{path}: can't be written ({1}); choose a place that you may write to",
        path = .0.display())]
    NotWritable(PathBuf, #[source] io::Error),
    /// A file, link or device stands where a folder is to be.
    #[error("{}: a file, link or device stands in the place of the folder and is never replaced; choose \
             another folder with `--out`", .0.display())]
    NoFolder(PathBuf),
    /// The disk, or the user's share of it, is full.
    #[error(
        "{path}: the disk is full ({1}); free some space or choose another disk with `--out`, \
         then run it again: finished results are kept, unfinished ones are replaced",
        path = .0.display()
    )]
    Full(PathBuf, #[source] io::Error),
    /// A file can't be read.
    #[error("{path}: can't be read: {1}", path = .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// Anything else the system refused.
    #[error("{path}: could not be written: {1}", path = .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// A value can't be written as JSON or CSV: a defect of the program.
    #[error("{path}: could not be encoded: {1}", path = .0.display())]
    Encode(PathBuf, String),
}

impl FolderError {
    /// The exit code of this error: 2 where another folder helps, 101 where the run could not be
    /// completed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Exists(..)
            | Self::FileExists(..)
            | Self::NoFile(..)
            | Self::NoFolder(..)
            | Self::NotOurs(..)
            | Self::NoName(..)
            | Self::Busy(..)
            | Self::Unreadable(..)
            | Self::NotWritable(..) => 2,
            Self::Full(..) | Self::Io(..) | Self::Encode(..) => 101,
        }
    }

    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full(path, source)
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable(path, source)
            }
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => Self::NoFolder(path),
            _ => Self::Io(path, source),
        }
    }
}
