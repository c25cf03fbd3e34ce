//! Folders, kinds and listeners of a question about a cluster.

use std::path::PathBuf;

/// Folders of files, kinds to leave out, and the listener to warnings, for a question about a cluster.
pub struct Around<'a> {
    /// Folders of traces.
    pub traces_dirs: &'a [PathBuf],
    /// Kinds of objects that are left out.
    pub ignored: &'a [&'static str],
    /// Listener to warnings as they come up.
    pub tell: &'a mut dyn FnMut(&[String]),
}
