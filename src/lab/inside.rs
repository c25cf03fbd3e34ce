//! Files that may be read: those below some folders. Whoever changes an experiment can't have the machine that
//! reads it read, and show, anything else.

use std::path::{Path, PathBuf};

use scenario::FileLookup;
use world::inputs::{DiskAndEmbedded, embedded_folder};

/// Folders of the system that hold no files of anybody.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Lookup of files below some folders, wherever links lead.
#[derive(Clone, Debug)]
pub struct FilesBelow {
    /// The folders; none where all may be read.
    folders: Option<Vec<PathBuf>>,
}

impl FilesBelow {
    /// Files below folders, whose paths are real.
    pub const fn new(folders: Vec<PathBuf>) -> Self {
        Self {
            folders: Some(folders),
        }
    }

    /// Files wherever they are.
    pub const fn anywhere() -> Self {
        Self { folders: None }
    }
}

impl FilesBelow {
    /// Whether a link in a folder, at whatever depth, leads to where nothing may be read.
    fn has_barred_links(&self, folder: &Path) -> bool {
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let shown = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        let mut paths = shown.map(|entry| entry.path());
        paths.any(|path| {
            if path.is_symlink() {
                path.is_file() && self.is_barred(&path)
            } else {
                path.is_dir() && self.has_barred_links(&path)
            }
        })
    }
}

impl FileLookup for FilesBelow {
    fn exists(&self, path: &Path) -> bool {
        !self.is_barred(path) && DiskAndEmbedded.exists(path)
    }

    fn is_barred(&self, path: &Path) -> bool {
        let Some(folders) = &self.folders else {
            return false;
        };
        // What does not exist is missing, and told so.
        let Ok(real) = path.canonicalize() else {
            return false;
        };
        let is_below = |folder: &Path| real.starts_with(folder);
        // What git keeps for itself may hold the job's credentials.
        let is_of_git = |folder: &PathBuf| {
            let own = real.strip_prefix(folder);
            own.is_ok_and(|own| own.components().any(|part| part.as_os_str() == ".git"))
        };
        !path.starts_with(embedded_folder())
            && (SYSTEM.iter().any(|folder| is_below(Path::new(folder)))
                || !folders.iter().any(|folder| is_below(folder))
                || folders.iter().any(is_of_git)
                || self.has_barred_links(&real))
    }

    fn kind_of_other(&self, path: &Path) -> Option<&'static str> {
        DiskAndEmbedded.kind_of_other(path)
    }

    fn names_in(&self, folder: &Path) -> Vec<String> {
        let mut names = DiskAndEmbedded.names_in(folder);
        names.retain(|name| !self.is_barred(&folder.join(name)));
        names
    }

    fn has_files(&self, folder: &Path) -> bool {
        !self.is_barred(folder) && DiskAndEmbedded.has_files(folder)
    }
}
