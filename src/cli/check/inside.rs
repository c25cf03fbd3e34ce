//! Files that a check may read: those of the repository and of folders of traces. Whoever changes a
//! scenario can't have the machine that checks it read, and show, anything else.

use std::path::{Path, PathBuf};

use scenario::FileLookup;
use world::inputs::{DiskAndEmbedded, embedded_folder};

use super::outputs::CheckFormat;
use super::{CheckArguments, Failure, Global};
use crate::source::repository;

/// Folders of the system that hold no files of anybody.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Lookup of files below some folders, wherever links lead.
pub(super) struct Inside {
    /// The folders; none where all may be read.
    roots: Option<Vec<PathBuf>>,
}

impl Inside {
    /// Folders that a check may read.
    pub(super) fn of(global: &Global, arguments: &CheckArguments) -> Self {
        let folder = arguments.file.parent().unwrap_or(Path::new(""));
        let folder = Path::new(".").join(folder).canonicalize();
        let repository = folder.ok().map(|folder| repository(&folder));
        Self::below(global, arguments, repository)
    }

    /// A folder that a check may read, and those of traces.
    pub(super) fn below(
        global: &Global,
        arguments: &CheckArguments,
        folder: Option<PathBuf>,
    ) -> Self {
        let roots = (!arguments.allow_outside).then(|| {
            let traces = global.traces_dirs();
            let traces = traces
                .iter()
                .filter_map(|folder| folder.canonicalize().ok());
            folder.into_iter().chain(traces).collect()
        });
        Self { roots }
    }

    /// Refuses a file that may not be read.
    pub(super) fn check(&self, path: &Path) -> Result<(), Failure> {
        if !self.is_barred(path) {
            return Ok(());
        }
        Err(Failure::input(format!(
            "{}: outside of this repository and of folders of traces; `--allow-outside` allows it",
            path.display()
        )))
    }

    /// Refuses to write through a link that leads to where nothing may be read.
    pub(super) fn check_targets(&self, targets: &[(CheckFormat, PathBuf)]) -> Result<(), Failure> {
        for (_, path) in targets {
            let above = path.ancestors().skip(1);
            let mut links = above.filter(|folder| path.is_relative() && folder.is_symlink());
            if links.any(|link| self.is_barred(link)) {
                return Err(Failure::input(format!(
                    "{}: a link on the way leads outside of this repository; name the place that it leads to",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

impl Inside {
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

impl FileLookup for Inside {
    fn exists(&self, path: &Path) -> bool {
        !self.is_barred(path) && DiskAndEmbedded.exists(path)
    }

    fn is_barred(&self, path: &Path) -> bool {
        let Some(roots) = &self.roots else {
            return false;
        };
        // What does not exist is missing, and told so.
        let Ok(real) = path.canonicalize() else {
            return false;
        };
        let is_below = |root: &Path| real.starts_with(root);
        // What git keeps for itself may hold the job's credentials.
        let is_of_git = |root: &PathBuf| {
            let own = real.strip_prefix(root);
            own.is_ok_and(|own| own.components().any(|part| part.as_os_str() == ".git"))
        };
        !path.starts_with(embedded_folder())
            && (SYSTEM.iter().any(|root| is_below(Path::new(root)))
                || !roots.iter().any(|root| is_below(root))
                || roots.iter().any(is_of_git)
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
