//! One layout of modules: a module with submodules stands in its folder, as `NAME/mod.rs`.

use super::sources;

/// Crates that keep to the layout.
const CRATES: &[&str] = &[
    "src/autoscale",
    "src/cli",
    "src/intake",
    "src/k8s",
    "src/lab",
    "src/report",
    "src/verify",
    "src/world",
];

#[test]
fn modules_with_submodules_stand_in_their_folder() {
    let sources = sources(CRATES);
    let is_beside_its_folder = |path: &str| {
        let folder = format!("{}/", path.trim_end_matches(".rs"));
        sources.iter().any(|other| other.path.starts_with(&folder))
    };
    let wrong: Vec<&str> = sources
        .iter()
        .map(|source| source.path.as_str())
        .filter(|path| is_beside_its_folder(path))
        .collect();
    assert!(
        wrong.is_empty(),
        "move each into its folder as mod.rs: {wrong:?}"
    );
}
