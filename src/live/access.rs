//! Access to a control server: two secrets in the folder of its state, one for users and one for
//! daemons. Connections are plain text on the loopback interface, so the secrets keep out the other
//! users of the machine.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Name of the file with the secret of users.
pub const ADMIN_FILE: &str = "admin.token";

/// Name of the file with the secret of daemons.
pub const NODE_FILE: &str = "node.token";

/// Name of the file with the address at which the server listens.
const ADDRESS_FILE: &str = "address";

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// Party that a secret belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// User of the cluster; every request is allowed.
    Admin,
    /// A daemon, which may register nodes and speak for them.
    Node,
}

/// The secrets of a control server, as hashes.
#[derive(Clone, Debug)]
pub struct Access {
    admin: blake3::Hash,
    node: blake3::Hash,
}

impl Access {
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
    pub fn role(&self, secret: &str) -> Option<Role> {
        let given = blake3::hash(secret.as_bytes());
        if given == self.admin {
            Some(Role::Admin)
        } else {
            (given == self.node).then_some(Role::Node)
        }
    }
}

/// A short name that follows from a text, such as the secret of a control server's daemons: it tells
/// containers of different control servers apart and gives nothing away.
pub fn cluster(secret: &str) -> String {
    blake3::hash(secret.as_bytes())
        .to_hex()
        .chars()
        .take(8)
        .collect()
}

/// Writes the address at which the server listens into the folder of its state.
///
/// # Errors
/// The folder can't be written.
pub fn announce(folder: &Path, address: SocketAddr) -> io::Result<()> {
    write(&folder.join(ADDRESS_FILE), &address.to_string())
}

/// The address in the folder of a server's state.
///
/// # Errors
/// The folder has none: no server was ever started in it.
pub fn address(folder: &Path) -> io::Result<SocketAddr> {
    let text = secret(&folder.join(ADDRESS_FILE))?;
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    text.parse().map_err(invalid)
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

/// Draws a secret and writes it.
fn create(path: &Path) -> io::Result<()> {
    let mut bytes = [0; SECRET_BYTES];
    OpenOptions::new()
        .read(true)
        .open("/dev/urandom")?
        .read_exact(&mut bytes)?;
    write(path, &blake3::hash(&bytes).to_hex())
}

/// Writes a line to a file that its owner alone can read; under a temporary name first, so that none
/// is ever cut off.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let partial = PathBuf::from(format!("{}.partial", path.display()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}
