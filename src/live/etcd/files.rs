//! Files of a control server's folder that all servers of a cluster have in common: the authority's
//! keys, the roster of tokens and certificates, the secrets of plain text.

use std::io;
use std::path::Path;

use super::EtcdError;
use super::election::{Entry, Office, Term};
use crate::security::place::Mirror;
use crate::security::{read_text, write_text};

/// Beginning of their keys.
const FOLDER: &str = "files/";

/// File in which parties keep what they trust: there it is more than the authority's own certificate.
const TRUSTED: &str = "ca.crt";

/// The files of a cluster, as its leader keeps them.
#[derive(Clone, Debug)]
pub struct Files {
    office: Office,
}

impl Files {
    /// The files as a leader keeps them.
    pub fn of(term: &Term) -> Self {
        let office = term.office.clone();
        Self { office }
    }

    /// Shares the files of a folder that the others lack.
    ///
    /// # Errors
    /// etcd does not answer, or the folder can't be read.
    pub fn share(&self, folder: &Path) -> Result<(), EtcdError> {
        let unread = |error: io::Error| EtcdError::File {
            path: folder.to_owned(),
            why: error.to_string(),
        };
        let known = self.office.keys.list(FOLDER)?;
        for entry in std::fs::read_dir(folder).map_err(unread)? {
            let name = entry.map_err(unread)?.file_name();
            let name = name.to_string_lossy().into_owned();
            let key = format!("{FOLDER}{name}");
            if !is_shared(&name) || known.iter().any(|entry| entry.key == key) {
                continue;
            }
            let text = read_text(&folder.join(&name)).map_err(|error| EtcdError::File {
                path: folder.join(&name),
                why: error.to_string(),
            })?;
            let value = text.into_bytes();
            self.office.set(&Entry { key, value })?;
        }
        Ok(())
    }

    /// Brings the files to a folder.
    ///
    /// # Errors
    /// etcd does not answer, or the folder can't be written.
    pub fn fetch(&self, folder: &Path) -> Result<(), EtcdError> {
        for entry in self.office.keys.list(FOLDER)? {
            let Some(name) = entry.key.strip_prefix(FOLDER) else {
                continue;
            };
            let path = folder.join(name);
            if name == TRUSTED && path.exists() {
                continue;
            }
            let text = String::from_utf8_lossy(&entry.value);
            write_text(&path, &text).map_err(|error| EtcdError::File {
                path,
                why: error.to_string(),
            })?;
        }
        Ok(())
    }
}

/// Files that all have in common.
fn is_shared(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|known| known.to_str());
    let is_of_authority = name.starts_with("ca") && matches!(extension, Some("key" | "crt"));
    is_of_authority || matches!(name, "access.json" | "admin.token" | "node.token")
}

impl Mirror for Files {
    fn keep(&self, file: &str, text: &str) -> io::Result<()> {
        let entry = Entry {
            key: format!("{FOLDER}{file}"),
            value: text.as_bytes().to_vec(),
        };
        self.office.set(&entry).map_err(io::Error::other)
    }

    fn forget(&self, file: &str) -> io::Result<()> {
        let key = format!("{FOLDER}{file}");
        self.office.remove(&key).map_err(io::Error::other)
    }
}
