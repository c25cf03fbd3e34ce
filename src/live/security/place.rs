//! The place of keys and rosters: a folder, and what several control servers of a cluster share.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::write_text;

/// Name of the user whose certificate is in the server's state.
const LOCAL: &str = "local";

/// Storage that has a copy of each file, for the control servers on other machines.
pub trait Mirror: fmt::Debug + Send + Sync {
    /// Keeps a file; it is durable once this returns.
    ///
    /// # Errors
    /// The storage can't be written.
    fn keep(&self, file: &str, text: &str) -> io::Result<()>;

    /// Forgets a file.
    ///
    /// # Errors
    /// The storage can't be written.
    fn forget(&self, file: &str) -> io::Result<()>;
}

/// A place.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
    mirror: Option<Arc<dyn Mirror>>,
}

impl Place {
    /// A folder that one control server has.
    pub fn own(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            mirror: None,
        }
    }

    /// A folder whose files several control servers have.
    pub fn shared(folder: &Path, mirror: Arc<dyn Mirror>) -> Self {
        Self {
            folder: folder.to_owned(),
            mirror: Some(mirror),
        }
    }

    /// Name of the user of this machine: each of several servers has one of its own.
    pub(super) fn local_user(&self) -> io::Result<String> {
        if self.mirror.is_none() {
            return Ok(LOCAL.to_owned());
        }
        let machine = super::secrets::machine(&self.folder)?;
        Ok(format!("{LOCAL}-{machine}"))
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file. The others have it before this server does, so that none of them lacks what this
    /// one has told to anybody.
    pub(super) fn write(&self, file: &str, text: &str) -> io::Result<()> {
        if let Some(mirror) = &self.mirror {
            mirror.keep(file, text)?;
        }
        write_text(&self.folder.join(file), text)
    }

    /// Removes a file, as far as that can be done.
    pub(super) fn remove(&self, file: &str) {
        if let Some(mirror) = &self.mirror {
            let _ = mirror.forget(file);
        }
        let _ = std::fs::remove_file(self.folder.join(file));
    }
}
