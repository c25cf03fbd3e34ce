//! Access to a control server: its address in the folder of its state, or of a party that uses it, and
//! the configuration by which `kubectl` finds it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;

use crate::security::certs::{SERVER_NAME, USER};
use crate::security::secrets::secret;
use crate::security::write_text;

/// Name of the file with the address at which the server listens.
const ADDRESS_FILE: &str = "address";

/// Name of the file with the configuration of `kubectl`.
pub const KUBECONFIG_FILE: &str = "kubeconfig";

/// Writes the place of a server into the folder of its state, or of a party that uses it.
///
/// # Errors
/// The folder can't be written.
pub fn announce(folder: &Path, address: SocketAddr) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // Files are named as they lie beside it.
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "windtunnel",
        "clusters": [{"name": "windtunnel", "cluster": {
            "server": format!("https://{address}"), "certificate-authority": "ca.crt",
            "tls-server-name": SERVER_NAME,
        }}],
        "users": [{"name": USER, "user": {
            "client-certificate": format!("{USER}.crt"), "client-key": format!("{USER}.key"),
        }}],
        "contexts": [{"name": "windtunnel", "context": {"cluster": "windtunnel", "user": USER}}],
    });
    write_text(&folder.join(KUBECONFIG_FILE), &format!("{config:#}\n"))?;
    write_text(&folder.join(ADDRESS_FILE), &format!("https://{address}\n"))
}

/// The place of the server in a folder.
///
/// # Errors
/// The folder has none: no server was ever started in it.
pub fn location(folder: &Path) -> io::Result<SocketAddr> {
    let text = secret(&folder.join(ADDRESS_FILE))?;
    let address = text.strip_prefix("https://").unwrap_or(&text);
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    address.parse().map_err(invalid)
}
