//! Start of an experiment's paths, as its result folder tells it, so that `scenario.yaml` runs from
//! there, wherever the folder or the whole project is moved.

use std::path::{Component, Path, PathBuf};

use scenario::Experiment;

use world::inputs;

/// The words of a scenario's first line, before the folder at which its paths start.
const LEAD: &str = "# The paths below start at ";

/// The line of a scenario in the result folder `out` that tells at which folder its paths start: the
/// way there, which says nothing of where both are; empty if its files are in the program, or it has none.
pub(super) fn base_line(experiment: &Experiment, out: &Path) -> String {
    let base = &experiment.base_dir;
    if experiment.files.is_empty() || *base == inputs::embedded_folder() {
        return String::new();
    }
    let Ok(whole) = std::path::absolute(if base.as_os_str().is_empty() {
        Path::new(".")
    } else {
        base
    }) else {
        return String::new();
    };
    let way = folder_seen_from(base, out).unwrap_or_else(|| plain(&whole));
    let way = if way.as_os_str().is_empty() {
        ".".into()
    } else {
        way.to_string_lossy()
    };
    format!("{LEAD}{way}\n")
}

/// The folders at which the paths of a scenario may start, the likeliest first, as its first line tells, seen
/// from the folder that it is in; none if it tells none. Earlier releases named the folder itself behind the way there, which
/// counts where there is one.
pub fn bases(scenario: &str, folder: &Path) -> Vec<PathBuf> {
    let told = |line: &str| {
        let rest = line.strip_prefix(LEAD)?.trim_end();
        let (way, whole) = match rest.strip_suffix(')').and_then(|own| own.split_once(" (")) {
            Some((way, whole)) => (way, Some(PathBuf::from(whole))),
            None => (rest, None),
        };
        let way = joined(folder, Path::new(way));
        Some(whole.into_iter().chain([way]).collect())
    };
    scenario.lines().next().and_then(told).unwrap_or_default()
}

/// Path of a folder from another, however both are named: the way between them, or the absolute
/// path where there is none.
pub(super) fn folder_seen_from(folder: &Path, from: &Path) -> Option<PathBuf> {
    let whole = |path: &Path| {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        std::path::absolute(path).ok()
    };
    let (folder, from) = (whole(folder)?, whole(from)?);
    way(&from, &folder).or(Some(folder))
}

/// Path named from a folder, as seen from where that is named, without `.` and `..`.
pub fn joined(from: &Path, folder: &Path) -> PathBuf {
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
    fn the_first_line_tells_where_paths_start() {
        let check = |text: &str, expected: &[&str]| {
            let found = bases(text, Path::new("moved/a"));
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(found, expected, "{text}");
        };
        check(&format!("{LEAD}../..\nname: a\n"), &[""]);
        check(&format!("{LEAD}../.. (/p)\nname: a\n"), &["/p", ""]);
        check(
            &format!("{LEAD}../../s (/p/s (old))\n"),
            &["/p/s (old)", "s"],
        );
        check("windtunnel: v1\n", &[]);
    }

    #[test]
    fn how_a_folder_is_typed_does_not_matter() {
        let here = std::env::current_dir().expect("a current folder");
        let seen = |base: &Path, out: &Path| folder_seen_from(base, out);
        let expected = Some(PathBuf::from("../.."));
        for base in [Path::new(""), Path::new("."), &*here] {
            for out in ["results/a", "./results/a", "x/../results/a"] {
                assert_eq!(seen(base, Path::new(out)), expected);
                assert_eq!(seen(base, &here.join(out)), expected);
            }
        }
    }

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
