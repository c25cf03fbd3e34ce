//! The files an experiment reads: on disk, or embedded in the program (the bundled experiment works
//! outside a clone too).

use std::path::{Path, PathBuf};

use intake::Input;
use scenario::FileLookup;

/// The folder under which embedded files are found; no real folder is called so.
pub const EMBEDDED: &str = "<embedded>";

/// An embedded file: its path in the project and its bytes.
type EmbeddedFile = (&'static str, &'static [u8]);

/// The bundled traces.
const FILES: &[EmbeddedFile] = &[
    (
        "gpu-cluster-nodes.csv.gz",
        include_bytes!("../../traces/gpu-cluster-nodes.csv.gz"),
    ),
    (
        "gpu-cluster-pods.csv.gz",
        include_bytes!("../../traces/gpu-cluster-pods.csv.gz"),
    ),
];

/// The bundled experiment: its name and text.
pub const BUNDLED: (&str, &str) = (
    "gpu-packing.yaml",
    include_str!("../../scenarios/gpu-packing.yaml"),
);

/// Looks files up on disk and among the embedded ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskAndEmbedded;

impl FileLookup for DiskAndEmbedded {
    fn exists(&self, path: &Path) -> bool {
        embedded(path).is_some() || path.is_file()
    }

    fn kind_of_other(&self, path: &Path) -> Option<&'static str> {
        match path.metadata() {
            Ok(found) if found.is_dir() => Some("a folder"),
            Ok(found) if !found.is_file() => Some("a device, pipe or socket"),
            _ => None,
        }
    }

    fn names_in(&self, folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.path().is_file());
        let names = files.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort_unstable();
        names
    }

    fn has_files(&self, folder: &Path) -> bool {
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let mut shown =
            entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        // A link to a folder is followed no further, as those of a trace are not.
        shown.any(|entry| {
            entry.path().is_file()
                || entry.file_type().is_ok_and(|kind| kind.is_dir())
                    && self.has_files(&entry.path())
        })
    }
}

/// The folder to add to a search path, so that embedded files are found last.
pub fn embedded_folder() -> PathBuf {
    PathBuf::from(EMBEDDED)
}

/// A file that a lookup found.
pub fn open(path: &Path) -> Input {
    let text = path.to_str().and_then(|path| path.strip_prefix(INLINE));
    match (embedded(path), text) {
        (Some((name, bytes)), _) => Input::bytes(name, bytes),
        (None, Some(text)) => Input::bytes("inline", text.as_bytes()),
        (None, None) => Input::path(path),
    }
}

/// Beginning of paths whose rest is the file's text.
const INLINE: &str = "data:,";

/// The path of a file that holds this text and is nowhere else.
pub fn inline(text: &str) -> PathBuf {
    PathBuf::from(format!("{INLINE}{text}"))
}

fn embedded(path: &Path) -> Option<EmbeddedFile> {
    let inside = path.strip_prefix(EMBEDDED).ok()?;
    let name = inside.file_name()?.to_str()?;
    FILES.iter().find(|(known, _)| *known == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a folder for the test alone needs no temporary names"
    )]
    fn a_folder_has_the_files_of_those_in_it() {
        let folder = std::env::temp_dir().join(format!("windtunnel-inputs-{}", std::process::id()));
        let inner = folder.join("task_events");
        std::fs::create_dir_all(&inner).expect("a folder");
        let has_files = || DiskAndEmbedded.has_files(&folder);
        std::fs::write(inner.join(".hidden"), "").expect("a file");
        assert!(!has_files());
        std::fs::write(inner.join("part-00000-of-00500.csv"), "").expect("a file");
        assert!(has_files());
        std::fs::remove_dir_all(&folder).expect("a folder that can be removed");
    }
}
