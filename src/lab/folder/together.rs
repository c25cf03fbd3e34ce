//! Files of a user's choice that are written together: all of them or none.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::{At, Existing, FolderError, Started, refuse_existing_file};

/// A file of text to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// Name in its folder.
    pub name: String,
    /// Whole content.
    pub text: String,
}

/// Refuses a folder in which one of the files is there, unless they may be replaced: before work of which nothing would
/// be left.
pub fn refuse_files<'a>(
    folder: &Path,
    names: impl IntoIterator<Item = &'a str>,
    existing: Existing,
) -> Result<(), FolderError> {
    let mut names = names.into_iter();
    names.try_for_each(|name| refuse_existing_file(&folder.join(name), existing))
}

/// Writes files into a folder, which is made. They get their names once all are whole.
pub fn write_files(
    folder: &Path,
    files: &[TextFile],
    existing: Existing,
) -> Result<(), FolderError> {
    let is_new = !folder.exists();
    let written = written(folder, files, existing);
    if written.is_err() && is_new {
        // Goes only if it is empty, and needn't be there at all.
        let _ = fs::remove_dir(folder);
    }
    written
}

fn written(folder: &Path, files: &[TextFile], existing: Existing) -> Result<(), FolderError> {
    refuse_files(
        folder,
        files.iter().map(|file| file.name.as_str()),
        existing,
    )?;
    let mut whole = Vec::with_capacity(files.len());
    for file in files {
        let path = folder.join(&file.name);
        let mut started = Started::begin(&path, existing)?;
        let text = file.text.as_bytes();
        started.output.write_all(text).at(&path)?;
        whole.push(started.closed()?);
    }
    whole.into_iter().try_for_each(super::Closed::name)
}

/// Removes files of a folder that a former report left; those that are not there are none.
///
/// # Errors
/// A file can't be removed.
pub fn remove_files<'a>(
    folder: &Path,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), FolderError> {
    for name in names {
        let path = folder.join(name);
        if path.is_file() {
            fs::remove_file(&path).at(&path)?;
        }
    }
    Ok(())
}
