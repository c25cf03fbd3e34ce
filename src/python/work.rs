//! Work that takes its time, on a thread of its own, while the thread of the interpreter answers what policies are
//! asked, tells how far it is, and looks for Ctrl-C.
//!
//! Policies are called on the caller's thread, where debuggers, learned models and signals expect them, and so Ctrl-C ends
//! one that hangs.

#![expect(
    clippy::disallowed_types,
    reason = "progress is shown a few times a second; no decision depends on it"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use control::Answer;
use lab::folder::{Existing, ResultFolder, default_folder};
use units::SortedMap;

use super::fault::Fault;
use super::question::ColumnQuestion;

/// Stack of the work, as of the program.
pub(crate) const STACK_BYTES: usize = 16 << 20;

/// Time between two looks for signals.
const LOOK: Duration = Duration::from_millis(50);

/// Time between two reports of progress.
const TELL: Duration = Duration::from_millis(200);

/// Parts of the whole in which progress is told.
pub(crate) const WHOLE: u64 = 1_000;

/// Message to the interpreter's thread.
pub(crate) enum Message {
    /// A question to a copy of a policy.
    Ask {
        /// Number of the copy.
        copy: u64,
        /// Place of the policy among those that were given.
        policy: usize,
        /// Question.
        question: ColumnQuestion,
        /// Way back of the answer, or of why there is none.
        answer: SyncSender<Result<Answer, String>>,
    },
    /// A copy is not asked again.
    Ended(u64),
    /// The work is over.
    Over,
}

/// Policy as the interpreter's thread knows it.
pub(crate) struct Policy {
    /// Name in messages.
    pub(crate) name: String,
    /// Function without arguments that returns one from questions to answers, each a text.
    pub(crate) start: Py<PyAny>,
}

/// Course of the work, seen from both sides.
#[derive(Default)]
pub(crate) struct Watch {
    /// Set to stop it.
    pub(crate) interrupted: Arc<AtomicBool>,
    done: AtomicU64,
    words: Mutex<String>,
}

impl Watch {
    /// Tells how much is done, in parts of [`WHOLE`], with words about it.
    pub(crate) fn at(&self, done: u64, words: String) {
        self.done.store(done, Ordering::Relaxed);
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }

    /// Tells how many runs of how many are done.
    pub(crate) fn runs(&self, done: usize, all: usize) {
        let share = done as u64 * WHOLE / (all as u64).max(1);
        self.at(
            share,
            format!("{done} of {}", units::plural::count(all, "run")),
        );
    }

    fn told(&self) -> (f64, String) {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.done.load(Ordering::Relaxed);
        (done as f64 / WHOLE as f64, words.clone())
    }
}

/// Both ends of the way to the interpreter's thread.
pub(crate) struct Host {
    /// Sender for whoever asks.
    pub(crate) sender: Sender<Message>,
    messages: Receiver<Message>,
    policies: Vec<Policy>,
    copies: SortedMap<u64, Py<PyAny>>,
    progress: Option<Py<PyAny>>,
    raised: Option<PyErr>,
}

/// Tells the end of the work, however it ends.
struct End(Sender<Message>);

impl Drop for End {
    fn drop(&mut self) {
        // Nobody waits where the interpreter's thread is gone.
        let _ = self.0.send(Message::Over);
    }
}

impl Host {
    /// Host of policies; `progress` is called with a share and words.
    pub(crate) fn new(policies: Vec<Policy>, progress: Option<Py<PyAny>>) -> Self {
        let (sender, messages) = channel();
        Self {
            sender,
            messages,
            policies,
            copies: SortedMap::new(),
            progress,
            raised: None,
        }
    }

    /// Carries out work on a thread of its own. What a policy raised is kept for [`Host::raised`].
    pub(crate) fn carry_out<T: Send>(
        &mut self,
        py: Python<'_>,
        work: impl FnOnce(&Watch) -> T + Send,
    ) -> PyResult<T> {
        let watch = Watch::default();
        thread::scope(|scope| {
            let end = End(self.sender.clone());
            let watch = &watch;
            let worker = thread::Builder::new()
                .name("windtunnel".to_owned())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, move || {
                    let _end = end;
                    work(watch)
                })
                .map_err(|error| Fault::Incomplete(format!("can't start a thread: {error}")))?;
            self.attend(py, watch);
            let joined = py.detach(|| worker.join());
            Ok(joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// Carries out work whose result is lost where the interpreter's thread raised an exception meanwhile.
    pub(crate) fn result<T: Send>(
        &mut self,
        py: Python<'_>,
        work: impl FnOnce(&Watch) -> Result<T, Fault> + Send,
    ) -> PyResult<T> {
        let done = self.carry_out(py, work)?;
        match self.raised() {
            Some(raised) => Err(raised),
            None => Ok(done?),
        }
    }

    /// Exception that was raised on the interpreter's thread while the work went on.
    pub(crate) fn raised(&mut self) -> Option<PyErr> {
        self.raised.take()
    }

    /// Answers, tells and looks for signals until the work is over.
    fn attend(&mut self, py: Python<'_>, watch: &Watch) {
        let mut told = Instant::now();
        loop {
            // By an exclusive reference, which may leave this thread: there is one receiver.
            let messages = &mut self.messages;
            match py.detach(move || messages.recv_timeout(LOOK)) {
                Ok(Message::Ask {
                    copy,
                    policy,
                    question,
                    answer,
                }) => {
                    let given = self.answer(py, copy, policy, &question);
                    if self.raised.is_some() {
                        self.stop_if_interrupted(py, watch);
                    }
                    // Who asked may be gone.
                    let _ = answer.send(given);
                }
                Ok(Message::Ended(copy)) => {
                    self.copies.remove(&copy);
                }
                Ok(Message::Over) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(signal) = py.check_signals() {
                self.raised.get_or_insert(signal);
                self.stop_if_interrupted(py, watch);
            }
            if told.elapsed() > TELL && !watch.interrupted.load(Ordering::Relaxed) {
                told = Instant::now();
                if let Err(error) = self.tell(py, watch) {
                    self.raised.get_or_insert(error);
                    watch.interrupted.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    fn tell(&self, py: Python<'_>, watch: &Watch) -> PyResult<()> {
        if let Some(progress) = &self.progress {
            progress.call1(py, watch.told())?;
        }
        Ok(())
    }

    /// Stops the work where what was raised is no failure of a policy.
    fn stop_if_interrupted(&self, py: Python<'_>, watch: &Watch) {
        let raised = self.raised.as_ref();
        let is_exception = |own: &PyErr| own.is_instance_of::<pyo3::exceptions::PyException>(py);
        if raised.is_some_and(|own| !is_exception(own)) {
            watch.interrupted.store(true, Ordering::Relaxed);
        }
    }

    /// Answer of a copy of a policy, which starts with its first question.
    fn answer(
        &mut self,
        py: Python<'_>,
        copy: u64,
        place: usize,
        question: &ColumnQuestion,
    ) -> Result<Answer, String> {
        let policy = &self.policies[place];
        if self.raised.is_some() {
            return Err(format!("the policy `{}` was stopped", policy.name));
        }
        let mut ask = || -> PyResult<Answer> {
            if !self.copies.contains_key(&copy) {
                let started = policy.start.call0(py)?;
                self.copies.insert(copy, started);
            }
            let candidates = question.candidates.as_ref();
            let candidates = candidates.map(|own| PyBytes::new(py, own));
            let answer = self.copies[&copy].call1(py, (&*question.text, candidates))?;
            answer_of(answer.bind(py))
        };
        ask().map_err(|error| {
            let words = if error.is_instance_of::<PyKeyboardInterrupt>(py) {
                format!("the policy `{}` was interrupted", policy.name)
            } else {
                format!("the policy `{}` raised {error}", policy.name)
            };
            self.raised = Some(error);
            words
        })
    }
}

/// An answer: bytes that are whole numbers of eight bytes or booleans of one, by the name beside them, or text.
fn answer_of(answer: &Bound<'_, PyAny>) -> PyResult<Answer> {
    let Ok((kind, column)) = answer.extract::<(String, Bound<'_, PyBytes>)>() else {
        return Ok(Answer::Text(answer.extract()?));
    };
    let bytes = column.as_bytes();
    Ok(if kind == "flags" {
        Answer::Flags(bytes.iter().map(|&own| own != 0).collect())
    } else {
        let (numbers, _) = bytes.as_chunks();
        Answer::Numbers(numbers.iter().map(|&own| i64::from_ne_bytes(own)).collect())
    })
}

/// Folder of a result: the one that is named, or `results/NAME`, which a later call replaces.
pub(crate) fn result_folder(
    out: Option<&Path>,
    force: bool,
    name: &str,
) -> Result<ResultFolder, Fault> {
    let default = || default_folder(name).map_err(Fault::Input);
    let folder = out.map_or_else(default, |out| Ok(out.to_path_buf()))?;
    let existing = Existing::forced(force || out.is_none());
    Ok(ResultFolder::create(&folder, existing)?)
}
