//! Results as bytes on stdout, where all of them must arrive: a full disk is an error, a broken
//! pipe is not.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use super::Failure;
use super::visible::Visible;

/// Writes a result to stdout: text with the marks in it shown (`Visible`), other bytes unchanged.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if std::str::from_utf8(bytes).is_err() {
        return judge(out.write_all(bytes).and_then(|()| out.flush()));
    }
    let mut out = Visible::new(out);
    judge(out.write_all(bytes).and_then(|()| out.finish()))
}

/// Writes a result to stdout while it is produced; colors only on a terminal.
pub fn print_with(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = Visible::new(anstream::stdout().lock());
    judge(write(&mut out).and_then(|()| out.finish()))
}

/// Folder of a result whose place was not named.
pub fn default_folder(name: &str) -> Result<PathBuf, Failure> {
    lab::folder::default_folder(name).map_err(Failure::input)
}

fn judge(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::incomplete(format!(
            "can't write to stdout: {error}"
        ))),
        _ => Ok(()),
    }
}
