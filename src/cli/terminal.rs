//! Output to the terminal, and settings from the environment: results on stdout, everything else on
//! stderr. A broken pipe is no error.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use super::Global;
use super::visible::{Visible, visible};
use arrivals::cache::CacheFolder;
use units::line;

/// The first error of stdout, for the exit code.
static LOST: OnceLock<String> = OnceLock::new();

/// Prints a result to stdout.
pub fn print(text: &str) {
    print_with(|out| out.write_all(text.as_bytes()));
}

/// Prints a result to stdout while it is produced.
pub(super) fn print_with(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
    let mut out = Visible::new(anstream::stdout().lock());
    let printed = write(&mut out).and_then(|()| out.finish());
    // A reader that went away is no error: nobody is left to tell.
    if let Err(error) = printed
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = LOST.set(format!("can't write to stdout: {error}"));
    }
}

/// The first error of stdout: a part of the result did not arrive.
pub(super) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Prints a line for people to stderr.
pub fn complain(text: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{}", without_commands(&visible(text)));
}

/// A text none of whose lines a CI system takes for a command: what is quoted of a file may look like
/// one.
fn without_commands(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let is_command = line.trim_start().starts_with("::");
        let line = line::without_commands(line);
        if is_command {
            format!("· {line}")
        } else {
            line
        }
    });
    lines.collect()
}

/// Clears the terminal that stdout is.
pub fn clear() {
    // One that went away needs no clearing.
    let _ = std::io::stdout().lock().write_all(b"\x1b[H\x1b[J");
}

/// Returns whether messages may be colored.
pub(super) fn color() -> bool {
    let is_plain = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() && !is_plain
}

/// Width of the terminal in columns; `None` if stdout is no terminal.
pub fn width() -> Option<usize> {
    const USUAL: usize = 100;
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    let measured = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns.or(measured).or(Some(USUAL))
}

/// Cache folder of decoded traces, unless disabled: below `XDG_CACHE_HOME`, or `.cache` in the home
/// folder. The program is identified by its version, size and modification time.
pub(super) fn trace_cache(global: &Global) -> Option<CacheFolder> {
    if global.no_trace_cache {
        return None;
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let absolute = |path: &PathBuf| path.is_absolute();
    let caches = variable("XDG_CACHE_HOME")
        .filter(absolute)
        .or_else(|| Some(variable("HOME").filter(absolute)?.join(".cache")))?;
    let program = std::env::current_exe().and_then(std::fs::metadata).ok()?;
    let written = program.modified().ok()?;
    let written = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(CacheFolder {
        path: caches.join("windtunnel").join("traces"),
        program: format!(
            "windtunnel {} {} {}",
            env!("CARGO_PKG_VERSION"),
            program.len(),
            written.as_nanos()
        ),
    })
}

/// Wall-clock time in words.
pub(super) fn seconds(elapsed: std::time::Duration) -> String {
    format!("{:.2} s", elapsed.as_secs_f64())
}
