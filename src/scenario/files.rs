//! Where the files that an experiment names are.
//!
//! A relative path is looked up beside the experiment file, then in each traces folder. This
//! layer reads nothing: the caller says whether a path exists. For well-known public traces a
//! miss says who publishes the file and how to know the right one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::diagnostic::{Code, Finding};
use super::known_traces;
use super::tree::Span;

/// What this layer asks of the file system (or of what stands in for one).
pub trait FileLookup {
    /// Whether there is a file at this path.
    fn exists(&self, path: &Path) -> bool;

    /// The names of the files in a folder, in order; none where there is no such folder.
    fn names_in(&self, folder: &Path) -> Vec<String> {
        let _ = folder;
        Vec::new()
    }
}

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    /// The folder of the experiment file.
    pub base_dir: PathBuf,
    /// Folders of traces: `--traces`, then `WINDTUNNEL_TRACES`.
    pub traces_dirs: Vec<PathBuf>,
    /// The folder that stands for files inside the program, looked in last; messages don't name it.
    pub built_in: Option<PathBuf>,
}

/// The files an experiment names, as written, and where each was found.
pub type Files = BTreeMap<String, PathBuf>;

impl SearchPath {
    /// The first place that has the file.
    pub fn find(&self, written: &str, lookup: &dyn FileLookup) -> Option<PathBuf> {
        self.places(written).find(|path| lookup.exists(path))
    }

    /// The files in the first place that is a folder of this name: each as it would be written, and
    /// where it is.
    pub fn find_in(&self, written: &str, lookup: &dyn FileLookup) -> Vec<(String, PathBuf)> {
        let found = self.places(written).find_map(|folder| {
            let names = lookup.names_in(&folder);
            (!names.is_empty()).then_some((folder, names))
        });
        let Some((folder, names)) = found else {
            return Vec::new();
        };
        let written = written.trim_end_matches('/');
        let all = names.into_iter();
        all.map(|name| (format!("{written}/{name}"), folder.join(name)))
            .collect()
    }

    fn places<'a>(&'a self, written: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        std::iter::once(&self.base_dir)
            .chain(&self.traces_dirs)
            .chain(&self.built_in)
            // An absolute path replaces the folder.
            .map(move |folder| folder.join(written))
    }

    /// What to say when it is nowhere.
    pub fn missing(&self, written: &str, span: Span) -> Finding {
        let looked: Vec<String> = std::iter::once(&self.base_dir)
            .chain(&self.traces_dirs)
            .map(|folder| {
                if folder.as_os_str().is_empty() {
                    "the current folder".to_owned()
                } else {
                    format!("`{}`", folder.display())
                }
            })
            .collect();
        let label = if Path::new(written).is_absolute() {
            "no such file".to_owned()
        } else {
            format!("not in {}", looked.join(", not in "))
        };
        let finding = Finding::new(
            Code::MissingFile,
            format!("`{written}` was not found"),
            span,
        )
        .label(label);
        match known_traces::find(written) {
            Some(known) => finding.help(format!(
                "`{}` is published by {} ({}); unpacked, its blake3 hash is {}. Keep it under a \
                 folder given by --traces DIR or WINDTUNNEL_TRACES",
                known.file, known.publisher, known.source, known.blake3,
            )),
            None if self.traces_dirs.is_empty() => finding.help(
                "paths are relative to this file; --traces DIR or WINDTUNNEL_TRACES names a \
                 folder of traces to look in as well",
            ),
            None => finding.help("paths are relative to this file, or to a folder of traces"),
        }
    }
}
