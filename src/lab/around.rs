//! Surroundings of a question about a cluster.

use std::path::PathBuf;

/// Surroundings of a question: where files are searched, what is left out of them, and who is told of doubts.
pub struct Around<'a> {
    /// Folders of traces.
    pub traces_dirs: &'a [PathBuf],
    /// Kinds of objects that are left out.
    pub ignored: &'a [&'static str],
    /// Told of warnings as they come up.
    pub tell: &'a mut dyn FnMut(&[String]),
}
