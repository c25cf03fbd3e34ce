//! The newest term of a control server that a node has seen, in a file of the node's folder. It outlives
//! the daemon, so one that starts again refuses a server that was replaced, too.

use std::io;
use std::path::{Path, PathBuf};

use crate::security::secrets::secret;
use crate::security::write_text;

/// Name of the file.
const FILE: &str = ".term";

/// The newest term.
pub(super) struct Term {
    path: PathBuf,
    /// Name of the cluster; the terms of another one say nothing.
    cluster: String,
    epoch: u64,
}

impl Term {
    /// The newest term of a cluster in a folder, 0 if none was seen.
    pub(super) fn of_folder(folder: &Path, cluster: &str) -> Self {
        let path = folder.join(FILE);
        let text = secret(&path).unwrap_or_default();
        let seen = match text.split_once(' ') {
            Some((known, epoch)) if known == cluster => epoch.parse().unwrap_or(0),
            _ => 0,
        };
        Self {
            path,
            cluster: cluster.to_owned(),
            epoch: seen,
        }
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Takes note of a term; it is durable when this returns.
    ///
    /// # Errors
    /// The folder can't be written.
    pub(super) fn see(&mut self, epoch: u64) -> io::Result<()> {
        if epoch > self.epoch {
            write_text(&self.path, &format!("{} {epoch}\n", self.cluster))?;
            self.epoch = epoch;
        }
        Ok(())
    }
}
