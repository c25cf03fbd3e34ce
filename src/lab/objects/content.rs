//! Inputs without what means nothing: files by their content, objects without names and marks.

use serde_json::Value as Json;

use crate::summary::InputSummary;

/// The place of the one file that is part of the system.
pub const SYSTEM_FILE: &str = "system.scheduler.config";
/// Keys of names and marks, which mean nothing unless something refers to them.
const NAMES: [&str; 3] = ["labels", "annotations", "name"];

/// Puts the hash of a file in the place of its path; of a folder, the hash over all its files.
pub(crate) fn by_content(path: &mut String, files: &[InputSummary]) {
    let inside = format!("{}/", path.trim_end_matches('/'));
    let within: Vec<&InputSummary> = (files.iter())
        .filter(|file| file.path.starts_with(&inside))
        .collect();
    if !within.is_empty() {
        let mut hasher = blake3::Hasher::new();
        for file in within {
            hasher.update(&file.path.as_bytes()[inside.len()..]);
            hasher.update(file.blake3.as_bytes());
        }
        *path = format!("blake3:{}", hasher.finalize().to_hex());
        return;
    }
    let whole = files.iter().find(|file| file.path == *path);
    // Seen from a result folder, a path begins with other folders and ends with the same.
    let shared = |file: &InputSummary| {
        let (one, other) = (file.path.rsplit('/'), path.rsplit('/'));
        one.zip(other)
            .take_while(|(one, other)| one == other)
            .count()
    };
    let alike = || {
        let best = files.iter().max_by_key(|file| shared(file));
        best.filter(|file| shared(file) > 0)
    };
    if let Some(file) = whole.or_else(alike) {
        *path = format!("blake3:{}", file.blake3);
    }
}

/// Takes names, labels and annotations out of a value.
pub(crate) fn without_names(value: &mut Json) {
    match value {
        Json::Object(map) => {
            map.retain(|key, _| !NAMES.contains(&key.as_str()));
            map.values_mut().for_each(without_names);
        }
        Json::Array(items) => items.iter_mut().for_each(without_names),
        _ => {}
    }
}
