//! Opens the page in the user's browser (`--open`). The address holds the token, and arguments of a program can be seen
//! by all users of a machine, so the browser gets a file that only this user can read and that leads to the address.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Program that opens a file with what the user has chosen for it.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// The folder of the file, which goes with this value.
#[derive(Debug)]
pub(crate) struct Lead(PathBuf);

impl Drop for Lead {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Has the browser open an address.
///
/// # Errors
/// If the file can't be written or nothing opens it.
pub(crate) fn open(address: &str) -> Result<Lead, String> {
    let folder = std::env::temp_dir().join(format!("windtunnel-serve-{}", std::process::id()));
    let refused = |error: std::io::Error| format!("{}: {error}", folder.display());
    DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(refused)?;
    let lead = Lead(folder.clone());
    let file = folder.join("page.html");
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0; url={address}\"><title>windtunnel</title>\n"
    );
    fs::write(&file, page).map_err(refused)?;
    let opener = Command::new(OPENER)
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut opener = opener.map_err(|error| format!("`{OPENER}`: {error}"))?;
    std::thread::spawn(move || opener.wait());
    Ok(lead)
}
