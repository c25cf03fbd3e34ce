//! Locations of the files that an experiment names.
//!
//! A relative path is looked up beside the experiment file, then in each traces folder. This layer
//! reads nothing: the caller tells whether a path exists. For a missing well-known public trace,
//! the message names the publisher and the hash of the file.

use std::path::{Component, Path, PathBuf};

use super::diagnostic::{Code, Finding};
use super::known_traces;
use super::tree::Span;
use units::SortedMap;

/// Questions to the file system, or to a substitute for it.
///
/// A lookup in a list of paths, as a test may have it:
///
/// ```
/// use std::path::{Path, PathBuf};
///
/// use scenario::{FileLookup, SearchPath};
///
/// struct Listed(&'static [&'static str]);
///
/// impl FileLookup for Listed {
///     fn exists(&self, path: &Path) -> bool {
///         self.0.iter().any(|known| Path::new(known) == path)
///     }
/// }
///
/// let search = SearchPath {
///     base_dir: "experiments".into(),
///     traces_dirs: vec!["traces".into()],
///     built_in: None,
/// };
/// let found = search.find("pods.csv", &Listed(&["traces/pods.csv"]));
/// assert_eq!(found, Some(PathBuf::from("traces/pods.csv")));
/// ```
pub trait FileLookup {
    /// Returns whether a file exists at this path.
    fn exists(&self, path: &Path) -> bool;

    /// Returns whether a path leads to where nothing may be read.
    fn is_barred(&self, path: &Path) -> bool {
        let _ = path;
        false
    }

    /// Noun for what stands at a path that is no file, such as `a folder`; `None` if nothing does.
    fn kind_of_other(&self, path: &Path) -> Option<&'static str> {
        let _ = path;
        None
    }

    /// Names of the files in a folder, in order; empty if the folder does not exist.
    fn names_in(&self, folder: &Path) -> Vec<String> {
        let _ = folder;
        Vec::new()
    }

    /// Returns whether a folder holds a file, at whatever depth.
    fn has_files(&self, folder: &Path) -> bool {
        !self.names_in(folder).is_empty()
    }
}

/// Folders in which files are searched.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    /// Folder of the experiment file.
    pub base_dir: PathBuf,
    /// Folders of traces: `--traces`, then `WINDTUNNEL_TRACES`.
    pub traces_dirs: Vec<PathBuf>,
    /// Folder that stands for files inside the program, searched last; messages do not name it.
    pub built_in: Option<PathBuf>,
}

/// Files that an experiment names, as written, with the path of each.
pub type Files = SortedMap<String, PathBuf>;

/// The part of a written path that can lie inside of another folder, such as an archive: without a root and without
/// steps up. `../jobs.csv` is `jobs.csv` there.
pub fn inside_of_folder(written: &str) -> PathBuf {
    let parts = Path::new(written).components();
    let is_name = |part: &Component<'_>| matches!(part, Component::Normal(_));
    parts.filter(is_name).collect()
}

impl SearchPath {
    /// First location that has the file.
    pub fn find(&self, written: &str, lookup: &dyn FileLookup) -> Option<PathBuf> {
        self.places(written).find(|path| lookup.exists(path))
    }

    /// Files in the first location that is a folder of this name: each as it would be written, with
    /// its path.
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

    /// First location that is a folder of this name with a file in it, at whatever depth.
    pub fn find_folder(&self, written: &str, lookup: &dyn FileLookup) -> Option<PathBuf> {
        self.places(written).find(|folder| lookup.has_files(folder))
    }

    fn places<'a>(&'a self, written: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        std::iter::once(&self.base_dir)
            .chain(&self.traces_dirs)
            .chain(&self.built_in)
            // An absolute path replaces the folder.
            .map(move |folder| folder.join(written))
            .chain(self.traces_dirs.iter().filter_map(move |folder| {
                let inside = inside_of_folder(written);
                (inside != Path::new(written)).then(|| folder.join(inside))
            }))
    }

    /// Finding for a file that is missing everywhere.
    pub fn missing(&self, written: &str, span: Span, lookup: &dyn FileLookup) -> Finding {
        if self.places(written).any(|path| lookup.is_barred(&path)) {
            let message = format!("`{written}` is outside of what may be read");
            return Finding::new(Code::MissingFile, message, span)
                .label("neither in this repository nor in a folder of traces")
                .help("`--allow-outside` allows it; `--traces DIR` adds a folder");
        }
        if let Some(kind) = self
            .places(written)
            .find_map(|path| lookup.kind_of_other(&path))
        {
            let message = format!("`{written}` is {kind}, not a file");
            return Finding::new(Code::MissingFile, message, span)
                .label("name a file that can be read");
        }
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
                "paths are relative to this file; --traces DIR or WINDTUNNEL_TRACES adds a folder \
                 of traces to search",
            ),
            None => finding.help("paths are relative to this file, or to a folder of traces"),
        }
    }
}
