//! Paths of an experiment seen from its result folder, so that `scenario.yaml` runs from there.

use std::path::{Component, Path, PathBuf};

use scenario::Experiment;

use world::inputs;

/// Path to write in the scenario of the result folder `out`.
///
/// Files found beside the experiment file are named from `out`: by the way between them where
/// both are relative or both absolute, else by their absolute path. What is absolute already, is
/// found under a folder of traces or is embedded in the program stays as written.
pub(super) fn seen_from(experiment: &Experiment, written: &str, out: &Path) -> String {
    let Some(found) = experiment.files.get(written) else {
        return written.to_owned();
    };
    let is_beside = *found == experiment.base_dir.join(written);
    if !is_beside || Path::new(written).is_absolute() || inputs::is_embedded(found) {
        return written.to_owned();
    }
    let path = way(out, found).or_else(|| std::path::absolute(found).ok());
    let text = path.as_ref().and_then(|path| path.to_str());
    text.unwrap_or(written).to_owned()
}

/// Path of a folder from another: the way between them where both are relative or both absolute,
/// else the absolute path.
pub(super) fn folder_seen_from(folder: &Path, from: &Path) -> Option<PathBuf> {
    way(from, folder).or_else(|| std::path::absolute(folder).ok())
}

/// A folder named from another, as seen from where that is named.
pub(super) fn joined(from: &Path, folder: &Path) -> PathBuf {
    plain(&from.join(folder))
}

/// The relative path from a folder to a file, by their names alone; `None` where those don't tell.
fn way(folder: &Path, file: &Path) -> Option<PathBuf> {
    if folder.is_absolute() != file.is_absolute() {
        return None;
    }
    let (folder, file) = (plain(folder), plain(file));
    let shared = (folder.components().zip(file.components()))
        .take_while(|(left, right)| left == right)
        .count();
    let mut way = PathBuf::new();
    for part in folder.components().skip(shared) {
        // The way back out of `..` is the name of a folder that the path doesn't tell.
        if part == Component::ParentDir {
            return None;
        }
        way.push("..");
    }
    way.extend(file.components().skip(shared));
    Some(way)
}

/// A path without `.`, and without `..` after a name.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let last = plain.components().next_back();
        match (part, last) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                plain.pop();
            }
            _ => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_from_a_folder_to_a_file_is_told_by_their_names() {
        let check = |folder: &str, file: &str, expected: Option<&str>| {
            let way = way(Path::new(folder), Path::new(file));
            assert_eq!(way.as_deref(), expected.map(Path::new), "{folder} {file}");
        };
        check("results/a", "trace.csv", Some("../../trace.csv"));
        let two_up = Some("../../traces/a.gz");
        check("results/a", "scenarios/../traces/a.gz", two_up);
        check("./results/./a/", "./traces/a.gz", two_up);
        check("in/out", "in/trace.csv", Some("../trace.csv"));
        check("a", "../trace.csv", Some("../../trace.csv"));
        check("../a", "../trace.csv", Some("../trace.csv"));
        check("../a", "trace.csv", None);
        check("../../a", "../trace.csv", None);
        check("/tmp/a", "/data/../home/t.csv", Some("../../home/t.csv"));
        check("/a", "/../t.csv", Some("../t.csv"));
        check("/tmp/a", "t.csv", None);
        check("a", "/t.csv", None);
    }
}
