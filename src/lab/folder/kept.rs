//! A folder that grows: files are added one by one, each whole or absent, and what is there stays.
//!
//! Result folders are made at once; a sweep is made over days, by several processes, and goes on
//! where it was stopped. Every file is written under a temporary name and renamed, so a kill at any
//! moment leaves finished files whole and unfinished ones absent.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::lock::Lock;
use super::{At, CsvWriter, FolderError, OutputFile, Sink};

/// Held open and locked while a process writes.
const LOCK_NAME: &str = ".lock";

/// A folder that grows.
#[derive(Debug)]
pub struct KeptFolder {
    path: PathBuf,
    /// Goes into temporary names, so that two processes never write into one file.
    writer: String,
    /// Locks, given back when the folder is closed.
    _locks: Vec<Lock>,
}

impl KeptFolder {
    /// Opens a folder and makes it where it is missing. `writer` tells who writes: writers of
    /// different names write side by side, two of one name don't; the empty name writes alone.
    ///
    /// # Errors
    /// If another process of that name writes there, or the place can't be written.
    pub fn open(path: &Path, writer: &str) -> Result<Self, FolderError> {
        fs::create_dir_all(path).at(path)?;
        let file = |name: &str| {
            let path = path.join(name);
            let file = File::options().create(true).append(true).open(&path);
            file.at(&path)
        };
        let whole = file(LOCK_NAME)?;
        let locks = if writer.is_empty() {
            vec![Lock::alone(whole, path)?]
        } else {
            let own = file(&format!("{LOCK_NAME}-{writer}"))?;
            vec![Lock::shared(whole, path)?, Lock::alone(own, path)?]
        };
        Ok(Self {
            path: path.to_path_buf(),
            writer: writer.to_owned(),
            _locks: locks,
        })
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it; `name` is relative, with `/` between folders.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Starts a file, which replaces one of that name when it is finished.
    ///
    /// # Errors
    /// If the place can't be written.
    pub fn start(&self, name: &str) -> Result<OutputFile, FolderError> {
        let path = self.file(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).at(parent)?;
        }
        let mut temporary = path.clone().into_os_string();
        if !self.writer.is_empty() {
            temporary.push(".");
            temporary.push(&self.writer);
        }
        temporary.push(".partial");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).at(&temporary)?;
        Ok(OutputFile {
            sink: Sink::Plain(BufWriter::new(file)),
            temporary,
            path,
        })
    }

    /// Starts a CSV file with its header.
    ///
    /// # Errors
    /// If the place can't be written.
    pub fn csv(&self, name: &str, header: &[&str]) -> Result<CsvWriter, FolderError> {
        CsvWriter::start(self.start(name)?, header)
    }

    /// Writes a whole file, which replaces one of that name.
    ///
    /// # Errors
    /// If the place can't be written or is full; the file is then as it was.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let mut file = self.start(name)?;
        let path = file.path().to_path_buf();
        file.write_all(bytes).at(&path)?;
        file.finish()
    }

    /// Adds bytes to the end of a file, which is made where it is missing. A kill in the midst leaves a part of
    /// them.
    ///
    /// # Errors
    /// If the place can't be written or is full.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.file(name);
        let file = File::options().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(bytes)).at(&path)
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.at(&path),
        }
    }

    /// Reads a whole file; `None` where it is missing.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FolderError> {
        read_file(&self.file(name))
    }
}

/// Reads a whole file; `None` where it is missing.
///
/// # Errors
/// If the system refuses.
pub fn read_file(path: &Path) -> Result<Option<Vec<u8>>, FolderError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderError::Unreadable(path.to_path_buf(), source)),
    }
}
