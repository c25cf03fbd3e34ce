//! Files that a check may read: those of the repository and of folders of traces. Whoever changes a
//! scenario can't have the machine that checks it read, and show, anything else.

use std::path::{Path, PathBuf};

use lab::inside::FilesBelow;
use scenario::FileLookup as _;

use super::outputs::CheckFormat;
use super::{CheckArguments, Failure, Global};
use crate::source::repository;

/// Lookup of files below some folders, wherever links lead.
pub(super) struct Inside {
    /// The files.
    pub(super) files: FilesBelow,
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
        let folders = (!arguments.allow_outside).then(|| {
            let traces = global.traces_dirs();
            let traces = traces
                .iter()
                .filter_map(|folder| folder.canonicalize().ok());
            folder.into_iter().chain(traces).collect()
        });
        Self {
            files: folders.map_or_else(FilesBelow::anywhere, FilesBelow::new),
        }
    }

    /// Refuses a file that may not be read.
    pub(super) fn check(&self, path: &Path) -> Result<(), Failure> {
        if !self.files.is_barred(path) {
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
            if links.any(|link| self.files.is_barred(link)) {
                return Err(Failure::input(format!(
                    "{}: a link on the way leads outside of this repository; name the place that it leads to",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}
