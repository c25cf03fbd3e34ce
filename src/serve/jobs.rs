//! Runs that the page started: their progress, and their stop.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::Notify;

use super::program::{Program, of_page};
use super::refusal::Refusal;

/// Runs that are listed; the oldest go first.
const MOST_LISTED: usize = 50;
/// Lines that a run said last.
const MOST_LINES: usize = 60;
/// Most bytes of a line.
const MOST_LINE: usize = 2_000;
/// Time that a run has to stop by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// State of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    /// It goes on.
    Running,
    /// It was done.
    Done,
    /// It could not be done.
    Failed,
    /// It was stopped.
    Stopped,
}

/// A run that the page started.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    /// Number of the run.
    id: u64,
    /// Experiment, by its path below the root.
    experiment: String,
    /// Result folder, by its name.
    result: String,
    /// Its state.
    state: JobState,
    /// Share that is done.
    progress: f64,
    /// Simulated time, in nanoseconds.
    simulated_ns: i64,
    /// Events so far.
    events: u64,
    /// Time of its start, in seconds.
    started: u64,
    /// Last lines that it said.
    lines: VecDeque<String>,
    /// Told when it is to stop.
    #[serde(skip)]
    stop: Arc<Notify>,
    #[serde(skip)]
    is_to_stop: bool,
}

/// A line of progress.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    #[serde(rename = "progress")]
    share: f64,
    simulated_ns: i64,
    events: u64,
}

/// Runs of this page.
pub(crate) struct Jobs {
    most: usize,
    jobs: Arc<Mutex<Vec<Job>>>,
}

/// What to run, and where its results go.
pub(crate) struct Order {
    /// Experiment as it is shown.
    pub(crate) experiment: String,
    /// File of the experiment.
    pub(crate) file: PathBuf,
    /// Name of the result folder.
    pub(crate) result: String,
    /// Result folder.
    pub(crate) out: PathBuf,
    /// Fields to override.
    pub(crate) sets: Vec<String>,
}

impl Jobs {
    /// No runs yet; so many may go on at once.
    pub(crate) fn new(most: usize) -> Self {
        let jobs = Arc::default();
        Self { most, jobs }
    }

    /// The runs, the newest first.
    pub(crate) fn list(&self) -> Vec<Job> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().rev().cloned().collect()
    }

    /// Starts a run; its number.
    ///
    /// # Errors
    /// If too many go on, or the program can't be run.
    pub(crate) fn start(&self, program: &Program, order: Order) -> Result<u64, Refusal> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let going_on = jobs.iter().filter(|own| own.state == JobState::Running);
        if going_on.count() >= self.most {
            return Err(Refusal::busy(format!(
                "{} are under way already; wait for one or stop it, or start `serve --runs N`",
                self.most
            )));
        }
        let mut words: Vec<OsString> = vec!["run".into(), order.file.into()];
        words.extend(["--events", "--progress-lines", "--out"].map(OsString::from));
        words.push(order.out.into());
        for set in order.sets {
            words.push(format!("--set={set}").into());
        }
        let mut command = program.command(&words);
        command.stdout(std::process::Stdio::null());
        let child = command.spawn();
        let child = child.map_err(|error| Refusal::failed(format!("windtunnel: {error}")))?;
        let id = jobs.last().map_or(1, |last| last.id + 1);
        let stop = Arc::new(Notify::new());
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        jobs.push(Job {
            id,
            experiment: order.experiment,
            result: order.result,
            state: JobState::Running,
            progress: 0.0,
            simulated_ns: 0,
            events: 0,
            started: now.map_or(0, |since| since.as_secs()),
            lines: VecDeque::new(),
            stop: Arc::clone(&stop),
            is_to_stop: false,
        });
        let over = jobs.len().saturating_sub(MOST_LISTED);
        let mut left = over;
        jobs.retain(|own| {
            let goes = left > 0 && own.state != JobState::Running;
            left -= usize::from(goes);
            !goes
        });
        drop(jobs);
        tokio::spawn(watch(Arc::clone(&self.jobs), id, child, stop));
        Ok(id)
    }

    /// Stops a run, as Ctrl-C does.
    ///
    /// # Errors
    /// If there is no such run that goes on.
    pub(crate) fn stop(&self, id: u64) -> Result<(), Refusal> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let own = jobs.iter_mut().find(|own| own.id == id);
        let own = own.filter(|own| own.state == JobState::Running);
        let own = own.ok_or_else(|| Refusal::missing("no run of this number is under way"))?;
        own.is_to_stop = true;
        own.stop.notify_one();
        Ok(())
    }

    /// Stops all runs and waits until they have ended.
    pub(crate) async fn end(&self) {
        let deadline = tokio::time::sleep(PATIENCE);
        tokio::pin!(deadline);
        for id in self.going_on() {
            let _ = self.stop(id);
        }
        while !self.going_on().is_empty() {
            tokio::select! {
                () = &mut deadline => break,
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
        // Those that are left end with their handles, which the runtime drops.
    }

    fn going_on(&self) -> Vec<u64> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let own = jobs.iter().filter(|own| own.state == JobState::Running);
        own.map(|own| own.id).collect()
    }
}

/// Tells a process to stop, as Ctrl-C does.
fn interrupt(child: &Child) {
    let pid = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        // Nobody has waited for it yet, so that its number is nobody else's.
        let _ = kill_process(pid, Signal::INT);
    }
}

/// Follows a run to its end.
async fn watch(jobs: Arc<Mutex<Vec<Job>>>, id: u64, mut child: Child, stop: Arc<Notify>) {
    let change = |change: &dyn Fn(&mut Job)| {
        let mut jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = jobs.iter_mut().find(|own| own.id == id) {
            change(own);
        }
    };
    if let Some(noted) = child.stderr.take() {
        let mut lines = BufReader::new(noted).split(b'\n');
        loop {
            let line = tokio::select! {
                line = lines.next_segment() => line,
                () = stop.notified() => {
                    interrupt(&child);
                    continue;
                }
            };
            let Ok(Some(line)) = line else { break };
            let line = String::from_utf8_lossy(&line);
            if let Ok(told) = serde_json::from_str::<Progress>(&line) {
                change(&|own| {
                    own.progress = told.share;
                    own.simulated_ns = told.simulated_ns;
                    own.events = told.events;
                });
                continue;
            }
            let text: String = of_page(&line).chars().take(MOST_LINE).collect();
            change(&|own| {
                own.lines.push_back(text.clone());
                if own.lines.len() > MOST_LINES {
                    own.lines.pop_front();
                }
            });
        }
    }
    let ended = child.wait().await;
    let is_done = ended.is_ok_and(|status| status.success());
    change(&|own| {
        own.state = match (is_done, own.is_to_stop) {
            (true, _) => JobState::Done,
            (false, true) => JobState::Stopped,
            (false, false) => JobState::Failed,
        };
        if is_done {
            own.progress = 1.0;
        }
    });
}
