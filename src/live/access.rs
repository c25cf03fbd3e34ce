//! Access to a control server: its address in the folder of its state, and for plain text on the
//! loopback interface two secrets, one for users and one for agents, which keep out the other users of
//! the machine. `security` holds what stands in their place when connections are encrypted.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::security::gate::Gate;
use crate::security::{random_bytes, write_text};

/// Name of the file with the secret of users.
pub const ADMIN_FILE: &str = "admin.token";

/// Name of the file with the secret of agents.
pub const NODE_FILE: &str = "node.token";

/// Name of the file with the address at which the server listens.
const ADDRESS_FILE: &str = "address";

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

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

/// A short name that follows from a text, such as the pin of an authority: it tells containers of
/// different control servers apart and gives nothing away.
pub fn cluster(text: &str) -> String {
    blake3::hash(text.as_bytes())
        .to_hex()
        .chars()
        .take(8)
        .collect()
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

/// The secret in a file.
///
/// # Errors
/// The file can't be read.
pub fn secret(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    OpenOptions::new()
        .read(true)
        .open(path)?
        .take(1024)
        .read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// The name in a file, drawn and written if there is none: a machine has it as long as its folder.
///
/// # Errors
/// The folder can't be read or written.
pub fn machine(folder: &Path) -> io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(".machine");
    if !path.exists() {
        create(&path)?;
    }
    Ok(cluster(&secret(&path)?))
}

/// Draws a secret and writes it.
fn create(path: &Path) -> io::Result<()> {
    let bytes = random_bytes::<SECRET_BYTES>()?;
    write_text(path, &format!("{}\n", blake3::hash(&bytes).to_hex()))
}
