//! A test that hangs ends the run and says what it waited for, instead of holding up whoever started it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use live::runtime::{Identity, procfs};

use crate::sweep::run_folder;
use crate::wait::{kill, seconds};

/// Exit code of a run with failures.
const FAILURE: i32 = 101;

/// Most bytes of a file of notes that are shown.
const MOST_NOTES: usize = 4_000;

/// Longest time that a command of a user may take before it is ended.
const LONGEST_COMMAND: Duration = seconds(60);

/// A watch over a test; it ends when it is dropped.
pub(crate) struct Watch {
    _is_over: Sender<()>,
}

impl Watch {
    /// Ends this process, with the test's name and what lives and was noted, if the watch lasts longer
    /// than `limit`. What the test started is removed by the next run.
    pub(crate) fn over(name: &'static str, limit: Duration) -> Self {
        let (is_over, waits) = channel();
        thread::spawn(move || {
            if waits.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(report(name, limit).as_bytes());
                let _ = out.flush();
                std::process::exit(FAILURE);
            }
        });
        Self { _is_over: is_over }
    }
}

/// Runs a command to its end, which must come.
#[track_caller]
pub(crate) fn output(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program");
    // None of one that has ended already.
    let program = Identity::of(child.id()).ok().flatten();
    let (is_over, waits) = channel::<()>();
    let ends = thread::spawn(move || {
        let is_late = waits.recv_timeout(LONGEST_COMMAND) == Err(RecvTimeoutError::Timeout);
        if is_late {
            program.iter().for_each(kill);
        }
        is_late
    });
    let output = child.wait_with_output().expect("the program");
    drop(is_over);
    let is_late = ends.join().expect("a thread");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !is_late,
        "not within {LONGEST_COMMAND:?}: {command:?}: {said}"
    );
    output
}

fn report(name: &str, limit: Duration) -> String {
    let mut text = format!("{name}: FAILED: still runs after {} s\n", limit.as_secs());
    text.push_str("processes of the test:\n");
    for pid in procfs::descendants(std::process::id()) {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let _ = writeln!(text, "  {pid} {words}");
    }
    for folder in fs::read_dir(run_folder()).into_iter().flatten().flatten() {
        text.push_str(&tail_of_notes(&folder.path()));
    }
    text
}

/// The last notes of the programs of a cluster.
fn tail_of_notes(folder: &Path) -> String {
    let Ok(notes) = fs::read(folder.join("notes")) else {
        return String::new();
    };
    let tail = &notes[notes.len().saturating_sub(MOST_NOTES)..];
    let name = folder.file_name().unwrap_or_default().display();
    format!("notes of {name}:\n{}\n", String::from_utf8_lossy(tail))
}
