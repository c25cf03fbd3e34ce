//! Libraries that are asked by calls of C, in this process and without copies of columns.
//!
//! `windtunnel.h` beside this file is the interface, of which the types here are the other side. All that
//! is unsafe about libraries of others stands in this file:
//!
//! - A library runs its own code when it is loaded, and later at each call; whoever allows it trusts it.
//! - Pointers that it gets are valid for the length that stands beside them, during the call alone.
//! - It writes to buffers of the stated length alone; a guard behind them finds writes just beyond.
//! - Each start has a state of its own, which one thread at a time uses.

#![expect(
    unsafe_code,
    reason = "functions of a library of others can't be called otherwise; this module alone does"
)]
#![expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a thread waits to tell a hang, as code of this process can't be stopped otherwise"
)]

use std::ffi::{c_char, c_void};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{ptr, slice, thread};

use control::exchange::question::{OrderRequest, Request};
use control::{Answer, Exchange, ExchangeError, Question};

use super::ANSWER_MAX;
use super::columns::{ClassRow, JobColumns, NodeColumns};

/// Version of the interface, which `windtunnel_abi` returns.
const ABI: i64 = 1;

/// Items behind a buffer that no library writes to.
const GUARD: usize = 8;
const GUARD_NUMBER: i64 = 0x7745_b1f0_0dd0_5a5a;
const GUARD_FLAG: u8 = 0xa5;

/// Exit code of a run that can't be completed.
const INCOMPLETE: i32 = 101;

/// `windtunnel_question`.
#[repr(C)]
struct QuestionView {
    now: i64,
    class_id: i64,
    class_priority: i64,
    class_gpu_devices: i64,
    class_requests: *const i64,
    class_json: *const c_char,
    class_json_length: i64,
    nodes: i64,
    stride: i64,
    free: *const i64,
    allocatable: *const i64,
    ready: *const u8,
    schedulable: *const u8,
    devices: *const i64,
    device_stride: i64,
    device_free: *const i64,
    changed: *const i64,
    changed_length: i64,
    candidates: *const i64,
    candidates_length: i64,
}

/// `windtunnel_jobs`.
#[repr(C)]
struct JobsView {
    now: i64,
    jobs: i64,
    columns: [*const i64; JobColumns::COUNT],
}

type Version = unsafe extern "C" fn() -> i64;
type Start = unsafe extern "C" fn(u64) -> *mut c_void;
type End = unsafe extern "C" fn(*mut c_void);
type Node = unsafe extern "C" fn(*mut c_void, *const c_char, i64) -> i64;
type Filter = unsafe extern "C" fn(*mut c_void, *const QuestionView, *mut u8) -> i64;
type Score = unsafe extern "C" fn(*mut c_void, *const QuestionView, *mut i64) -> i64;
type Order = unsafe extern "C" fn(*mut c_void, *const JobsView, *mut i64) -> i64;
type Schedule = unsafe extern "C" fn(*mut c_void, *const c_char, i64, *mut *const c_char) -> i64;

/// A library, which is loaded once it is asked something.
pub(crate) struct Library {
    path: PathBuf,
    folder: PathBuf,
    answer_limit: Duration,
    running: Option<Running>,
}

/// A start of a library.
struct Running {
    state: *mut c_void,
    calls: Calls,
    nodes: NodeColumns,
    classes: Vec<Option<ClassRow>>,
    jobs: JobColumns,
    watch: Watch,
    /// Last, so that the functions above stay valid until it is closed.
    _library: libloading::Library,
}

// SAFETY: the state is the library's own, which promises that any one thread at a time may use it; the rest
// is owned.
unsafe impl Send for Running {}

/// Functions of a library.
struct Calls {
    end: Option<End>,
    node: Option<Node>,
    filter: Option<Filter>,
    score: Option<Score>,
    order: Option<Order>,
    schedule: Option<Schedule>,
}

/// Count of entries into the library and returns from it, which a thread looks at to tell a hang: it is odd
/// while the library has control.
struct Watch(Arc<AtomicU64>);

/// Count of a library that is not used any more.
const OVER: u64 = u64::MAX;

impl Watch {
    fn new(path: PathBuf, limit: Duration) -> Self {
        let count = Arc::new(AtomicU64::new(0));
        let watched = Arc::clone(&count);
        thread::spawn(move || watch(&watched, &path, limit));
        Self(count)
    }

    /// Calls the library, and returns its answer.
    fn call(&self, library: impl FnOnce() -> i64) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed);
        let answer = library();
        self.0.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.store(OVER, Ordering::Relaxed);
    }
}

/// Ends the program where one call takes longer than its limit: code of the same process can't be stopped
/// otherwise. What there is of results stays in partial folders.
fn watch(count: &AtomicU64, path: &Path, limit: Duration) {
    let look = (limit / 8).clamp(Duration::from_millis(1), Duration::from_secs(1));
    let (mut last, mut same) = (0, Duration::ZERO);
    loop {
        thread::sleep(look);
        let now = count.load(Ordering::Relaxed);
        if now == OVER {
            return;
        }
        same = if now == last {
            same + look
        } else {
            Duration::ZERO
        };
        last = now;
        if !now.is_multiple_of(2) && same > limit {
            let path = path.display();
            let _ = writeln!(
                std::io::stderr(),
                "error: the external library `{path}` gave no answer within {limit:?}"
            );
            std::process::exit(INCOMPLETE);
        }
    }
}

impl Library {
    /// A library that isn't loaded yet, from a path that is relative to `folder`.
    pub(crate) const fn new(path: PathBuf, folder: PathBuf, answer_limit: Duration) -> Self {
        Self {
            path,
            folder,
            answer_limit,
            running: None,
        }
    }

    fn failure(&self, what: &str) -> ExchangeError {
        ExchangeError(format!("{} {what}", self.name()))
    }

    fn load(&self, seed: u64) -> Result<Running, String> {
        let path = Path::new(".").join(&self.folder).join(&self.path);
        // SAFETY: the user allowed this library, whose initialisation may do anything.
        let library = unsafe { libloading::Library::new(&path) };
        let library = library.map_err(|error| format!("can't be loaded: {}", in_words(&error)))?;
        // SAFETY: the types are those of `windtunnel.h`, which a library with these names promises.
        let (version, start, calls) = unsafe {
            (
                symbol::<Version>(&library, "abi"),
                symbol::<Start>(&library, "start"),
                Calls {
                    end: symbol(&library, "end"),
                    node: symbol(&library, "node"),
                    filter: symbol(&library, "filter"),
                    score: symbol(&library, "score"),
                    order: symbol(&library, "order"),
                    schedule: symbol(&library, "schedule"),
                },
            )
        };
        let Some(version) = version else {
            return Err(lacks("abi"));
        };
        // SAFETY: a function without arguments.
        let version = unsafe { version() };
        if version != ABI {
            return Err(format!(
                "is of version {version} of the interface, expected {ABI}: `windtunnel_abi` returns it"
            ));
        }
        // SAFETY: a function of a number; what it returns is only given back.
        let state = start.map_or(ptr::null_mut(), |start| unsafe { start(seed) });
        Ok(Running {
            state,
            calls,
            nodes: NodeColumns::default(),
            classes: Vec::new(),
            jobs: JobColumns::default(),
            watch: Watch::new(self.path.clone(), self.answer_limit),
            _library: library,
        })
    }
}

/// The function `windtunnel_NAME` of a library, if it has one.
///
/// # Safety
/// The library's function has the type `T`.
unsafe fn symbol<T: Copy>(library: &libloading::Library, name: &str) -> Option<T> {
    // SAFETY: as the caller promises.
    let found = unsafe { library.get::<T>(format!("windtunnel_{name}\0")) };
    found.ok().map(|own| *own)
}

fn lacks(name: &str) -> String {
    format!("has no function `windtunnel_{name}`")
}

/// An error with its cause, which says what the system's loader found.
fn in_words(error: &libloading::Error) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}

impl Running {
    /// Takes over what changed, and describes new nodes to the library.
    fn advance(&mut self, request: &Request) -> Result<(), String> {
        self.nodes.advance(request);
        if let Some(class) = ClassRow::of(&request.class) {
            let row = request.class.id as usize;
            if self.classes.len() <= row {
                self.classes.resize_with(row + 1, || None);
            }
            self.classes[row] = Some(class);
        }
        let Some(describe) = self.calls.node else {
            return Ok(());
        };
        for node in request.nodes.iter().filter(|own| own.declared.is_some()) {
            let mut json = serde_json::to_vec(node).map_err(|error| error.to_string())?;
            let length = json.len() as i64;
            json.push(0);
            let state = self.state;
            // SAFETY: `length` bytes and a zero are there.
            let code =
                (self.watch).call(|| unsafe { describe(state, json.as_ptr().cast(), length) });
            success("node", code)?;
        }
        Ok(())
    }

    /// Calls a function about candidates.
    fn about(
        &mut self,
        request: &Request,
        call: impl FnOnce(*mut c_void, *const QuestionView) -> i64,
    ) -> Result<i64, String> {
        self.advance(request)?;
        let row = self.classes.get(request.class.id as usize);
        let class = row.and_then(Option::as_ref);
        let class = class.ok_or("was asked about a class that no question described")?;
        let nodes = &self.nodes;
        let view = QuestionView {
            now: request.now,
            class_id: class.id,
            class_priority: class.priority,
            class_gpu_devices: class.gpu_devices,
            class_requests: class.requests.as_ptr(),
            class_json: class.json.as_ptr().cast(),
            class_json_length: class.json.len() as i64 - 1,
            nodes: nodes.count() as i64,
            stride: nodes.stride() as i64,
            free: nodes.free().as_ptr(),
            allocatable: nodes.allocatable().as_ptr(),
            ready: nodes.ready().as_ptr(),
            schedulable: nodes.schedulable().as_ptr(),
            devices: nodes.devices().as_ptr(),
            device_stride: nodes.device_stride() as i64,
            device_free: nodes.device_free().as_ptr(),
            changed: nodes.changed().as_ptr(),
            changed_length: nodes.changed().len() as i64,
            candidates: nodes.candidates().as_ptr(),
            candidates_length: nodes.candidates().len() as i64,
        };
        let state = self.state;
        Ok(self.watch.call(|| call(state, &raw const view)))
    }

    fn filter(&mut self, request: &Request) -> Result<Answer, String> {
        let filter = self.calls.filter.ok_or_else(|| lacks("filter"))?;
        let mut flags = guarded(request.candidates.len(), GUARD_FLAG);
        let accept = flags.as_mut_ptr();
        // SAFETY: the view is whole, and `accept` has a byte for each candidate.
        let code = self.about(request, |state, view| unsafe {
            filter(state, view, accept)
        })?;
        let flags = checked("filter", code, flags, GUARD_FLAG)?;
        match flags.iter().position(|&own| own > 1) {
            Some(at) => Err(format!(
                "answered `filter` with {} about candidate {at}, expected 0 or 1",
                flags[at]
            )),
            None => Ok(Answer::Flags(flags.iter().map(|&own| own == 1).collect())),
        }
    }

    fn score(&mut self, request: &Request) -> Result<Answer, String> {
        let score = self.calls.score.ok_or_else(|| lacks("score"))?;
        let mut numbers = guarded(request.candidates.len(), GUARD_NUMBER);
        let points = numbers.as_mut_ptr();
        // SAFETY: the view is whole, and `points` has an item for each candidate.
        let code = self.about(request, |state, view| unsafe { score(state, view, points) })?;
        checked("score", code, numbers, GUARD_NUMBER).map(Answer::Numbers)
    }

    fn order(&mut self, request: &OrderRequest) -> Result<Answer, String> {
        let order = self.calls.order.ok_or_else(|| lacks("order"))?;
        self.jobs.advance(&request.jobs);
        let count = request.jobs.len();
        let mut numbers = guarded(count, GUARD_NUMBER);
        let view = JobsView {
            now: request.now,
            jobs: count as i64,
            columns: self.jobs.columns().each_ref().map(Vec::as_ptr),
        };
        let (state, keys) = (self.state, numbers.as_mut_ptr());
        // SAFETY: each column and `keys` have an item for each job.
        let code = (self.watch).call(|| unsafe { order(state, &raw const view, keys) });
        checked("order", code, numbers, GUARD_NUMBER).map(Answer::Numbers)
    }

    /// Asks a whole scheduler by text.
    fn step(&self, question: &Question) -> Result<Answer, String> {
        let schedule = self.calls.schedule.ok_or_else(|| lacks("schedule"))?;
        let mut text = question
            .text()
            .map_err(|error| error.to_string())?
            .into_bytes();
        let length = text.len() as i64;
        text.push(0);
        let (state, mut answer) = (self.state, ptr::null());
        // SAFETY: `length` bytes and a zero are there, and room for a pointer.
        let answered = (self.watch)
            .call(|| unsafe { schedule(state, text.as_ptr().cast(), length, &raw mut answer) });
        if answered < 0 || answer.is_null() {
            return Err(format!("answered `schedule` with the error {answered}"));
        }
        if answered as u64 > ANSWER_MAX {
            return Err("gave an answer of more than 64 MiB".to_owned());
        }
        // SAFETY: the library promises so many bytes there until its next call.
        let bytes = unsafe { slice::from_raw_parts(answer.cast::<u8>(), answered as usize) };
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|_| "gave an answer that is no UTF-8".to_owned())?;
        Ok(Answer::Text(text.to_owned()))
    }
}

/// Buffer of `count` items with the guard behind them.
fn guarded<T: Copy + Default>(count: usize, guard: T) -> Vec<T> {
    let mut buffer = vec![T::default(); count];
    buffer.resize(count + GUARD, guard);
    buffer
}

/// Items that a library wrote, without the guard; an error if it reports one or wrote beyond them.
fn checked<T: Copy + PartialEq>(
    call: &str,
    code: i64,
    mut buffer: Vec<T>,
    guard: T,
) -> Result<Vec<T>, String> {
    success(call, code)?;
    let count = buffer.len() - GUARD;
    if buffer[count..].iter().all(|item| *item == guard) {
        buffer.truncate(count);
        return Ok(buffer);
    }
    Err(format!(
        "wrote beyond the {} of `{call}`",
        units::plural::count(count as u64, "item")
    ))
}

fn success(call: &str, code: i64) -> Result<(), String> {
    match code {
        0 => Ok(()),
        code => Err(format!("answered `{call}` with the error {code}")),
    }
}

impl Exchange for Library {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        if let Question::Hello(greeting) = question {
            let running = self
                .load(greeting.seed)
                .map_err(|what| self.failure(&what))?;
            self.running = Some(running);
            let protocol = greeting.protocol;
            return Ok(Answer::Text(format!("{{\"protocol\":{protocol}}}")));
        }
        let Some(running) = &mut self.running else {
            return Err(self.failure("was asked before its greeting"));
        };
        let answer = match question {
            Question::Filter(request) => running.filter(request),
            Question::Score(request) => running.score(request),
            Question::Order(request) => running.order(request),
            Question::Step(_) => running.step(question),
            Question::Hello(_) | Question::Post(_) => Err("isn't asked that".to_owned()),
        };
        answer.map_err(|what| self.failure(&what))
    }

    fn name(&self) -> String {
        format!("the external library `{}`", self.path.display())
    }

    fn again(&self) -> Box<dyn Exchange> {
        let (path, folder) = (self.path.clone(), self.folder.clone());
        Box::new(Self::new(path, folder, self.answer_limit))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(end) = self.calls.end {
            let state = self.state;
            // SAFETY: the state is that of its start, and isn't used again.
            self.watch.call(|| {
                unsafe { end(state) };
                0
            });
        }
    }
}
