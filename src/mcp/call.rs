//! One call: the program in a process of its own, with bounds on its time and on what it says.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// Bounds of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Time after which the process is ended.
    pub(crate) time: Duration,
    /// Bytes kept of what it says.
    pub(crate) bytes: usize,
}

/// Outcome of a call.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Output of the program: results first, then notes and errors.
    pub(crate) text: String,
    /// Whether there is a result; a check that failed or an inconclusive verdict is one.
    pub(crate) is_done: bool,
}

/// Runs the program in a folder. The process is ended with the call, should the client give up.
pub(crate) async fn call(program: &Path, words: &[String], root: &Path, limits: Limits) -> Answer {
    let failed = |text: String| Answer {
        text,
        is_done: false,
    };
    let started = Command::new(program)
        .args(words)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return failed(format!("{}: {error}", program.display())),
    };
    let said = output(child.stdout.take(), limits.bytes);
    let noted = output(child.stderr.take(), limits.bytes / 4);
    let all = async { tokio::join!(said, noted, child.wait()) };
    match tokio::time::timeout(limits.time, all).await {
        Err(_) => failed(format!(
            "ended after {} s; ask for less, or start the server with a greater --time-limit",
            limits.time.as_secs()
        )),
        Ok((said, noted, ended)) => {
            let code = ended.ok().and_then(|status| status.code());
            Answer {
                text: if noted.trim().is_empty() {
                    said
                } else {
                    format!("{said}\n{noted}")
                },
                is_done: matches!(code, Some(0 | 10 | 100)),
            }
        }
    }
}

/// Output of a process up to `most` bytes; the rest is read and dropped.
async fn output(from: Option<impl AsyncRead + Unpin>, most: usize) -> String {
    let (kept, length) = read(from, most).await;
    let mut text = String::from_utf8_lossy(&kept).into_owned();
    if length > kept.len() as u64 {
        let _ = write!(text, "\n… cut at {} of {length} B\n", kept.len());
    }
    text
}

async fn read(from: Option<impl AsyncRead + Unpin>, most: usize) -> (Vec<u8>, u64) {
    let (mut kept, mut length) = (Vec::new(), 0);
    let Some(mut from) = from else {
        return (kept, length);
    };
    let mut piece = vec![0; 1 << 14];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let room = most.saturating_sub(kept.len());
        kept.extend_from_slice(&piece[..count.min(room)]);
        length += count as u64;
    }
    (kept, length)
}
