//! Access to a control server: its address in the folder of its state, and for plain text on the
//! loopback interface two secrets, one for users and one for agents, which keep out the other users of
//! the machine. `security` holds what stands in their place when connections are encrypted.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::security::gate::Gate;
use crate::security::secrets::{create, secret};
use crate::security::write_text;

/// Name of the file with the secret of users.
pub const ADMIN_FILE: &str = "admin.token";

/// Name of the file with the secret of agents.
pub const NODE_FILE: &str = "node.token";

/// Name of the file with the address at which the server listens.
const ADDRESS_FILE: &str = "address";

/// Means by which parties prove who they are.
#[derive(Clone)]
pub enum Access {
    /// Secrets over plain text, on this machine alone.
    Plain(Secrets),
    /// Certificates over TLS.
    Mutual(Arc<Gate>),
}

/// Party that a secret belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// User of the cluster; every request is allowed.
    User,
    /// An agent, which may register nodes and speak for them.
    Agent,
}

/// The secrets of a control server, as hashes.
#[derive(Clone, Debug)]
pub struct Secrets {
    admin: blake3::Hash,
    node: blake3::Hash,
}

impl Secrets {
    /// The secrets of a folder; those that are missing are drawn and written, readable for their owner
    /// alone.
    ///
    /// # Errors
    /// The folder can't be read or written.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let hash = |file: &str| -> io::Result<blake3::Hash> {
            let path = folder.join(file);
            if !path.exists() {
                create(&path)?;
            }
            Ok(blake3::hash(secret(&path)?.as_bytes()))
        };
        Ok(Self {
            admin: hash(ADMIN_FILE)?,
            node: hash(NODE_FILE)?,
        })
    }

    /// The party that a secret belongs to; comparing takes equally long for any secret.
    pub(crate) fn holder(&self, secret: &str) -> Option<Holder> {
        let given = blake3::hash(secret.as_bytes());
        if given == self.admin {
            Some(Holder::User)
        } else {
            (given == self.node).then_some(Holder::Agent)
        }
    }
}

/// Place of a control server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Address at which the server listens.
    pub address: SocketAddr,
    /// `true` if connections are plain text.
    pub is_plain: bool,
}

/// Writes the place of a server into the folder of its state, or of a party that uses it.
///
/// # Errors
/// The folder can't be written.
pub fn announce(folder: &Path, location: Location) -> io::Result<()> {
    let scheme = if location.is_plain { "http" } else { "https" };
    let text = format!("{scheme}://{}\n", location.address);
    std::fs::create_dir_all(folder)?;
    write_text(&folder.join(ADDRESS_FILE), &text)
}

/// The place of the server in a folder.
///
/// # Errors
/// The folder has none: no server was ever started in it.
pub fn location(folder: &Path) -> io::Result<Location> {
    let text = secret(&folder.join(ADDRESS_FILE))?;
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    let (scheme, address) = text.split_once("://").unwrap_or(("http", &text));
    Ok(Location {
        address: address.parse().map_err(invalid)?,
        is_plain: scheme == "http",
    })
}
