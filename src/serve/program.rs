//! The program that simulates: questions to it, each a process with bounds on its time and on what it says.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::Arguments;
use super::places::Places;
use super::refusal::Refusal;

/// Most bytes of an answer.
const MOST_ANSWER: usize = 32 << 20;
/// Most bytes of what is said beside it.
const MOST_NOTES: usize = 1 << 16;

/// The program, and the words that every call of it gets.
pub(crate) struct Program {
    path: PathBuf,
    /// Program of live clusters.
    pub(crate) live: PathBuf,
    words: Vec<OsString>,
    root: PathBuf,
    limit: Duration,
    /// Whether programs, libraries, sockets and extenders of experiments may run.
    pub(crate) allows_external: bool,
}

/// What a process said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Standard output.
    pub(crate) said: String,
    /// Standard error.
    pub(crate) noted: String,
    /// Exit code, if it ended by itself.
    pub(crate) code: Option<i32>,
}

impl Answer {
    /// What went wrong, in the program's words.
    pub(crate) fn complaint(&self) -> String {
        let noted = self.noted.lines().filter(|line| !line.starts_with("exit "));
        let noted: Vec<&str> = noted.collect();
        let text = if noted.is_empty() {
            self.said.trim().to_owned()
        } else {
            noted.join("\n")
        };
        of_page(&text)
    }
}

/// Words of the program as they hold on the page.
pub(crate) fn of_page(text: &str) -> String {
    text.replace(
        "`--allow-outside` allows it; `--traces DIR` adds a folder",
        "`serve --root DIR` shows more, `serve --traces DIR` adds a folder",
    )
    .replace(
        "neither in this repository nor in a folder of traces",
        "neither below the folder of `serve --root` nor in a folder of traces",
    )
}

impl Program {
    /// The program beside this one, or that on the search path.
    pub(crate) fn new(arguments: &Arguments, places: &Places) -> Self {
        let mut words: Vec<OsString> = Vec::new();
        let mut option = |name: &str, value: OsString| words.extend([OsString::from(name), value]);
        option("--within", places.root.clone().into());
        option("--within", places.results.clone().into());
        for folder in &arguments.traces {
            option(
                "--traces",
                std::path::absolute(folder)
                    .unwrap_or_else(|_| folder.clone())
                    .into(),
            );
        }
        for kind in &arguments.ignore {
            option("--ignore", kind.into());
        }
        if let Some(threads) = arguments.threads {
            option("--threads", threads.to_string().into());
        }
        if arguments.no_trace_cache {
            words.push("--no-trace-cache".into());
        }
        if arguments.allow_external {
            words.push("--allow-external".into());
        }
        Self {
            path: beside("windtunnel"),
            live: beside("windtunnel-live"),
            words,
            root: places.root.clone(),
            limit: Duration::from_secs(arguments.time_limit),
            allows_external: arguments.allow_external,
        }
    }

    /// A call of the program, which ends with the one who asks.
    pub(crate) fn command(&self, words: &[OsString]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(words)
            .args(&self.words)
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Asks the program and waits for what it says.
    ///
    /// # Errors
    /// If it can't be run, or takes too long.
    pub(crate) async fn ask(&self, words: &[OsString]) -> Result<Answer, Refusal> {
        self.answer(self.command(words), "").await
    }

    /// Asks the program about a text, in a folder.
    ///
    /// # Errors
    /// If it can't be run, or takes too long.
    pub(crate) async fn ask_about(
        &self,
        words: &[OsString],
        text: &str,
        folder: &Path,
    ) -> Result<Answer, Refusal> {
        let mut command = self.command(words);
        command.current_dir(folder).stdin(Stdio::piped());
        self.answer(command, text).await
    }

    /// Runs a command and waits for what it says.
    ///
    /// # Errors
    /// If it can't be run, or takes too long.
    pub(crate) async fn answer(&self, mut command: Command, text: &str) -> Result<Answer, Refusal> {
        let mut child = command.spawn().map_err(|error| {
            let program = self.path.display();
            Refusal::failed(format!(
                "{program}: {error}; install it beside `windtunnel-serve`"
            ))
        })?;
        let input = child.stdin.take();
        let feed = async {
            if let Some(mut input) = input {
                // A program that ends before it has read everything says why itself.
                let _ = input.write_all(text.as_bytes()).await;
            }
        };
        let said = output(child.stdout.take(), MOST_ANSWER);
        let noted = output(child.stderr.take(), MOST_NOTES);
        let all = async { tokio::join!(feed, said, noted, child.wait()) };
        let Ok(((), said, noted, ended)) = tokio::time::timeout(self.limit, all).await else {
            return Err(Refusal::failed(format!(
                "ended after {} s; `serve --time-limit` allows more",
                self.limit.as_secs()
            )));
        };
        Ok(Answer {
            said,
            noted,
            code: ended.ok().and_then(|status| status.code()),
        })
    }
}

/// A program beside this one, else that on the search path.
fn beside(name: &str) -> PathBuf {
    let own = std::env::current_exe().ok();
    let beside = own.and_then(|own| Some(own.parent()?.join(name)));
    let found = beside.filter(|path| path.is_file());
    found.unwrap_or_else(|| PathBuf::from(name))
}

/// Output of a process up to some bytes; the rest is read and dropped.
async fn output(from: Option<impl AsyncRead + Unpin>, most: usize) -> String {
    let mut kept = Vec::new();
    let Some(mut from) = from else {
        return String::new();
    };
    let mut piece = vec![0; 1 << 14];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let room = most.saturating_sub(kept.len());
        kept.extend_from_slice(&piece[..count.min(room)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
