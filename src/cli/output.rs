//! Results as bytes on stdout, where all of them must arrive: a full disk is an error, a broken
//! pipe is not.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

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

/// Folder of a result whose place was not named. A link in the place of `results` may come from whoever wrote
/// the experiment, and is not followed.
pub fn default_folder(name: &str) -> Result<PathBuf, Failure> {
    let results = Path::new("results");
    if results.is_symlink() {
        return Err(Failure::input(
            "results: is a link, which is not followed unasked; name a folder with `--out`",
        ));
    }
    Ok(results.join(name))
}

fn judge(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::incomplete(format!(
            "can't write to stdout: {error}"
        ))),
        _ => Ok(()),
    }
}
