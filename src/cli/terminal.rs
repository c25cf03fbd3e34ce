//! What goes to the terminal: results on stdout, everything else on stderr. A broken pipe is no
//! error.

use std::io::Write;

/// Prints a result to stdout.
pub(super) fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    // The reader went away: nobody is left to tell.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a line for people to stderr.
pub(super) fn complain(text: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{text}");
}
