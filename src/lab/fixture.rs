//! Folders and experiments for tests.
#![expect(clippy::disallowed_methods, reason = "tests write files of their own")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::names::Registered;
use scenario::{Experiment, LoadOptions, SearchPath, load};
use world::inputs::DiskAndEmbedded;

/// Fresh folder of a test, removed when it ends.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("windtunnel-lab-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The experiment of a text, with values of `--set`.
pub(crate) fn experiment(text: &str, name: &str, sets: &[String]) -> Experiment {
    let options = LoadOptions {
        sets,
        search: &SearchPath::default(),
        lookup: &DiskAndEmbedded,
        names: &Registered,
    };
    load(text, name, options).expect("an experiment")
}
