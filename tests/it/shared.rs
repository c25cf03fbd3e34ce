//! Where reference data is, if it is there.

use std::path::{Path, PathBuf};

/// A file or folder of the reference data beside the project; where it is missing, says so and
/// returns `None`, and the test is skipped.
pub(crate) fn reference(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(path);
    if found.exists() {
        Some(found)
    } else {
        println!("skipped: needs ../shared/{path}");
        None
    }
}
