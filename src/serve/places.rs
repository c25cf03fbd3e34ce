//! The folders that are shown, and paths below them: nothing else is read or written.

use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::Arguments;
use super::logs::files;
use super::refusal::Refusal;

/// Depth to which folders are searched.
const MOST_DEPTH: usize = 3;
/// Most result folders and experiments that are listed.
const MOST_ENTRIES: usize = 500;
/// Most entries of a folder that are looked at.
const MOST_LOOKS: usize = 5_000;
/// Most bytes of an experiment in the editor.
pub(crate) const MOST_BYTES: u64 = 1 << 20;
/// Bytes by which an experiment is known.
const HEAD_BYTES: usize = 4_096;

/// Folders that are shown.
pub(crate) struct Places {
    /// Folder of experiments.
    pub(crate) root: PathBuf,
    /// Folder of results.
    pub(crate) results: PathBuf,
    /// Result folder that is shown first, by its name.
    pub(crate) first: Option<String>,
    /// Experiment that is shown first, by its path below the root.
    pub(crate) experiment: Option<String>,
}

/// A result folder in the list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResultEntry {
    /// Path below the folder of results.
    pub(crate) path: String,
    /// Time of its last change, in seconds.
    pub(crate) changed: u64,
    /// Whether its run has ended.
    pub(crate) is_complete: bool,
    /// Whether it has the log of the cluster.
    pub(crate) has_events: bool,
    /// Whether it has a report.
    pub(crate) has_report: bool,
}

/// An experiment in the list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ExperimentEntry {
    /// Path below the root.
    pub(crate) path: String,
    /// Time of its last change, in seconds.
    pub(crate) changed: u64,
}

impl Places {
    /// The folders that the arguments name.
    ///
    /// # Errors
    /// If one of them isn't there.
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, String> {
        let real = |path: &Path| {
            let found = path.canonicalize();
            found.map_err(|error| format!("{}: {error}", path.display()))
        };
        let root = real(&arguments.root)?;
        if !root.is_dir() {
            return Err(format!("--root {}: not a folder", arguments.root.display()));
        }
        let given = if let Some(given) = &arguments.results {
            real(given)?
        } else {
            let own = root.join("results");
            fs::create_dir_all(&own).map_err(|error| format!("{}: {error}", own.display()))?;
            real(&own)?
        };
        if !given.is_dir() {
            return Err(format!(
                "{}: not a folder; the second word is the experiment",
                given.display()
            ));
        }
        let is_result = is_result(&given);
        let (results, first) = match given.parent().filter(|_| is_result) {
            Some(above) => (above.to_path_buf(), given.file_name()),
            None => (given.clone(), None),
        };
        let first = first.map(|name| name.to_string_lossy().into_owned());
        let experiment = match &arguments.experiment {
            None => None,
            Some(path) => {
                let real = real(path)?;
                let inner = real
                    .strip_prefix(&root)
                    .map_err(|_| format!("{}: not below the folder of --root", path.display()))?;
                Some(inner.to_string_lossy().into_owned())
            }
        };
        Ok(Self {
            root,
            results,
            first,
            experiment,
        })
    }

    /// A result folder by its path below the folder of results.
    ///
    /// # Errors
    /// If there is none of that name, or it lies outside.
    pub(crate) fn result(&self, path: &str) -> Result<PathBuf, Refusal> {
        // With a single result folder, the others beside it are not shown.
        if self
            .first
            .as_deref()
            .is_some_and(|first| !path_is(path, first))
        {
            return Err(Refusal::missing(format!("{path}: no such result folder")));
        }
        let found = inside(&self.results, path)?;
        if is_result(&found) {
            Ok(found)
        } else {
            Err(Refusal::missing(format!("{path}: not a result folder")))
        }
    }

    /// A file of a result folder.
    ///
    /// # Errors
    /// If there is none of that name, or it lies outside.
    pub(crate) fn file_of(&self, result: &str, name: &str) -> Result<PathBuf, Refusal> {
        inside(&self.result(result)?, name)
    }

    /// An experiment by its path below the root.
    ///
    /// # Errors
    /// If there is none of that name, or it lies outside.
    pub(crate) fn experiment(&self, path: &str) -> Result<PathBuf, Refusal> {
        check_name(path)?;
        inside(&self.root, path)
    }

    /// A new result folder of a name.
    ///
    /// # Errors
    /// If the name leads elsewhere, or there is something already.
    pub(crate) fn new_result(&self, name: &str) -> Result<PathBuf, Refusal> {
        let is_plain = !name.is_empty()
            && name.len() <= 100
            && !name.starts_with(['.', '-'])
            && name
                .chars()
                .all(|own| own.is_ascii_alphanumeric() || matches!(own, '.' | '-' | '_'));
        if !is_plain {
            return Err(Refusal::wrong(format!(
                "`{name}`: a result folder is named by letters, digits, `-`, `_` and `.`"
            )));
        }
        let path = self.results.join(name);
        let partial = self.results.join(format!("{name}.partial"));
        if path.exists() || partial.exists() {
            return Err(Refusal::conflict(format!(
                "{name}: there is a result of that name"
            )));
        }
        Ok(path)
    }

    /// The first free name for a result that begins so.
    pub(crate) fn free_name(&self, stem: &str) -> String {
        let stem: String = { stem.chars() }
            .map(|own| {
                if own.is_ascii_alphanumeric() || matches!(own, '-' | '_' | '.') {
                    own
                } else {
                    '-'
                }
            })
            .take(80)
            .collect();
        let stem = stem.trim_start_matches(['.', '-']);
        let stem = if stem.is_empty() { "run" } else { stem };
        let names = std::iter::once(stem.to_owned())
            .chain((2_u32..).map(|number| format!("{stem}-{number}")));
        let mut free = names.filter(|name| self.new_result(name).is_ok());
        free.next().unwrap_or_else(|| stem.to_owned())
    }

    /// The result folders, newest first.
    pub(crate) fn results(&self) -> Vec<ResultEntry> {
        let mut found = Vec::new();
        if let Some(first) = &self.first {
            found.extend(result_entry(&self.results.join(first), &self.results));
            return found;
        }
        walk(&self.results, 0, &mut MOST_LOOKS.clone(), &mut |path| {
            if path.is_dir() && is_result(path) {
                found.extend(result_entry(path, &self.results));
                return false;
            }
            true
        });
        found.sort_by(|one, other| {
            other
                .changed
                .cmp(&one.changed)
                .then(one.path.cmp(&other.path))
        });
        found.truncate(MOST_ENTRIES);
        found
    }

    /// The experiments below the root.
    pub(crate) fn experiments(&self) -> Vec<ExperimentEntry> {
        let mut found = Vec::new();
        walk(&self.root, 0, &mut MOST_LOOKS.clone(), &mut |path| {
            if path.is_dir() {
                return !is_result(path);
            }
            if let Some(inner) = path.strip_prefix(&self.root).ok().and_then(Path::to_str)
                && check_name(inner).is_ok()
                && is_experiment(path)
            {
                let changed = changed(path);
                let path = inner.to_owned();
                found.push(ExperimentEntry { path, changed });
            }
            false
        });
        found.sort_by(|one, other| one.path.cmp(&other.path));
        found.truncate(MOST_ENTRIES);
        found
    }

    /// Writes an experiment, whole or not at all. `known` is the text that it replaces, none for a new file.
    ///
    /// # Errors
    /// If the name leads elsewhere, or the file is another one by now.
    pub(crate) fn write(&self, path: &str, text: &str, known: Option<&str>) -> Result<(), Refusal> {
        check_name(path)?;
        let target = self.root.join(path);
        let folder = target.parent().unwrap_or(&self.root);
        let real = folder.canonicalize();
        let real = real.map_err(|error| Refusal::missing(format!("{path}: {error}")))?;
        if !real.starts_with(&self.root) || target.is_symlink() {
            return Err(Refusal::forbidden(format!("{path}: leads elsewhere")));
        }
        let found = fs::read_to_string(&target).ok();
        if found.as_deref() != known {
            return Err(Refusal::conflict(match found {
                Some(_) => format!("{path}: changed or made by others meanwhile; open it again"),
                None => format!("{path}: is gone; save it under a new name"),
            }));
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let draft = real.join(format!(".{name}.{}.draft", std::process::id()));
        let written = fs::File::create(&draft)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())
                    .and_then(|()| file.sync_all())
            })
            .and_then(|()| fs::rename(&draft, real.join(&*name)));
        written.map_err(|error| {
            let _ = fs::remove_file(&draft);
            Refusal::failed(format!("{path}: {error}"))
        })
    }
}

/// Whether a path below the results is one folder, or that of its unfinished run.
fn path_is(path: &str, name: &str) -> bool {
    path == name || path.strip_suffix(".partial") == Some(name)
}

/// A path below a folder, links followed.
///
/// # Errors
/// If it leads out of the folder, or nowhere.
fn inside(folder: &Path, path: &str) -> Result<PathBuf, Refusal> {
    let missing = || Refusal::missing(format!("{path}: not below the folders that are shown"));
    let is_plain = { Path::new(path).components() }
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if path.is_empty() || path.contains('\0') || !is_plain {
        return Err(missing());
    }
    let found = folder.join(path).canonicalize().map_err(|_| missing())?;
    if found.starts_with(folder) {
        Ok(found)
    } else {
        Err(missing())
    }
}

/// Refuses names that are not those of experiments.
fn check_name(path: &str) -> Result<(), Refusal> {
    let parts = Path::new(path).components();
    let mut parts = parts.map(|part| match part {
        Component::Normal(name) => name.to_str().is_some_and(|name| !name.starts_with('.')),
        _ => false,
    });
    let ending = Path::new(path).extension().and_then(|own| own.to_str());
    let is_known = ending.is_some_and(|own| matches!(own, "yaml" | "yml" | "json"));
    if path.len() > 512 || !parts.all(|is_plain| is_plain) || !is_known {
        return Err(Refusal::wrong(format!(
            "`{path}`: an experiment is a file below the root that ends in .yaml, .yml or .json"
        )));
    }
    Ok(())
}

/// Whether a folder is that of a run.
fn is_result(path: &Path) -> bool {
    path.join("summary.json").is_file()
        || path.join("events.jsonl.zst").is_file()
        || (path.extension().is_some_and(|own| own == "partial") && path.is_dir())
}

fn result_entry(path: &Path, results: &Path) -> Option<ResultEntry> {
    let inner = path.strip_prefix(results).ok()?.to_str()?.to_owned();
    let summary = path.join("summary.json");
    let is_complete = summary.is_file() && path.extension().is_none_or(|own| own != "partial");
    Some(ResultEntry {
        path: inner,
        changed: changed(if is_complete { &summary } else { path }),
        is_complete,
        has_events: !files(path).is_empty(),
        has_report: path.join("report.html").is_file(),
    })
}

fn is_experiment(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(HEAD_BYTES as u64).read_to_end(&mut head));
    read.is_ok() && {
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.lines();
        lines.any(|line| line.starts_with("windtunnel:") || line.contains("\"windtunnel\":"))
    }
}

fn changed(path: &Path) -> u64 {
    let changed = path.metadata().and_then(|own| own.modified());
    let changed = changed.unwrap_or(SystemTime::UNIX_EPOCH);
    changed
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Visits what is below a folder, links not followed; `visit` says whether to go deeper.
fn walk(folder: &Path, depth: usize, looks: &mut usize, visit: &mut dyn FnMut(&Path) -> bool) {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
        .map(|entry| entry.path())
        .take(*looks)
        .collect();
    paths.sort_unstable();
    for path in paths {
        let skipped = ["target", "node_modules"].map(std::ffi::OsStr::new);
        if *looks == 0 || path.file_name().is_some_and(|own| skipped.contains(&own)) {
            continue;
        }
        *looks -= 1;
        if visit(&path) && path.is_dir() && depth < MOST_DEPTH {
            walk(&path, depth + 1, looks, visit);
        }
    }
}
