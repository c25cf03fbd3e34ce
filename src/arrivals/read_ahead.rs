//! Reading ahead: a source read in a thread of its own, a few chunks ahead of whoever takes its
//! arrivals. What is delivered is what the source delivers, in its order, with its error at its
//! place; the ledger stands at every arrival as it stood in the source. So a run does not depend on
//! how fast the thread is. Dropping the reader stops the thread.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::cache::cached;
use crate::read_options::ReadOptions;
use crate::renumbering::Renumbered;
use crate::stream::{Arrival, ArrivalSource, ClassTotal, Classes};
use intake::ledger::{Ledger, LedgerMark};
use intake::{Input, TraceError};
use model::Text;

/// Arrivals handed over at once: handing over costs some microseconds.
pub const CHUNK_ARRIVALS: usize = 8_192;
/// Chunks that wait at most; with the two in work some 7 MB.
const CHUNKS_WAITING: usize = 4;

/// Files from this size on are read ahead; a smaller one is through before that pays.
const AHEAD_FROM_BYTES: u64 = 1 << 18;

/// A source of a file, read ahead if the file is large enough for that to pay, and from its cache
/// where that does. Rows may be late, so classes and tenants are numbered by submission.
pub fn streamed(
    source: impl ArrivalSource + 'static,
    input: &Input,
    options: &ReadOptions,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let source: Box<dyn ArrivalSource> = Box::new(source);
    if input.stored_bytes()? < AHEAD_FROM_BYTES {
        return Ok(Box::new(Renumbered::new(source)));
    }
    let numbered = Renumbered::new(cached(source, input, options)?);
    Ok(Box::new(Ahead::new(Box::new(numbered))))
}

/// A source read ahead.
pub struct Ahead {
    /// The source as it was when nothing of it had been taken.
    pristine: Box<dyn ArrivalSource>,
    reading: Option<Reading>,
    delivered: u64,
    classes: Classes,
    tenants: Vec<Text>,
    ledger: Ledger,
    progress: Option<(u64, u64)>,
}

impl Ahead {
    /// Reads a source ahead, from its present place on; the thread is started with the first
    /// arrival that is taken.
    pub fn new(source: Box<dyn ArrivalSource>) -> Self {
        Self {
            classes: source.classes().clone(),
            tenants: source.tenants().to_vec(),
            ledger: source.ledger().clone(),
            progress: source.progress(),
            pristine: source,
            reading: None,
            delivered: 0,
        }
    }

    /// Takes over the next chunk; `None` after the last.
    fn take_chunk(&mut self) -> Result<Option<()>, TraceError> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            none => none.insert(Reading::start(self.pristine.fork()?)?),
        };
        let spent = std::mem::take(&mut reading.chunk);
        if let Some(end) = spent.end {
            reading.chunk.end = Some(end.clone());
            return end.map(|()| None);
        }
        let _ = reading.spent.send(spent.arrivals);
        let Some(chunk) = reading.receive() else {
            return Ok(None);
        };
        reading.chunk = chunk;
        reading.taken = 0;
        if let Some(classes) = reading.chunk.classes.take() {
            self.classes = classes;
        }
        self.tenants.append(&mut reading.chunk.tenants);
        self.progress = reading.chunk.progress;
        Ok(Some(()))
    }
}

impl ArrivalSource for Ahead {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        loop {
            if let Some(reading) = &mut self.reading {
                let chunk = &mut reading.chunk;
                if let Some(arrival) = chunk.arrivals.pop_front() {
                    chunk.marks.advance(&mut self.ledger, reading.taken);
                    reading.taken += 1;
                    self.delivered += 1;
                    return Ok(Some(arrival));
                }
                // What was found behind the last arrival.
                chunk.marks.advance(&mut self.ledger, reading.taken);
            }
            if self.take_chunk()?.is_none() {
                return Ok(None);
            }
        }
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.pristine)
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn class_totals(&self) -> Option<Vec<ClassTotal>> {
        self.pristine.class_totals()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut fork = Self::new(self.pristine.fork()?);
        for _ in 0..self.delivered {
            fork.next()?;
        }
        Ok(Box::new(fork))
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.progress
    }

    fn tenants(&self) -> &[Text] {
        &self.tenants
    }
}

/// A stretch of a source.
#[derive(Default)]
struct Chunk {
    arrivals: VecDeque<Arrival>,
    /// All classes up to its end, if there are new ones.
    classes: Option<Classes>,
    /// Tenants met first in it.
    tenants: Vec<Text>,
    marks: Marks,
    progress: Option<(u64, u64)>,
    /// Result of the source's end, if reached.
    end: Option<Result<(), TraceError>>,
}

/// Changes of a ledger within a chunk.
#[derive(Default)]
struct Marks {
    /// The ledger after the chunk, if it changed at all.
    ledger: Ledger,
    /// Before which arrival of the chunk it stood how.
    marks: VecDeque<(usize, LedgerMark)>,
}

impl Marks {
    /// Brings a ledger to how it stood when an arrival of the chunk was delivered.
    fn advance(&mut self, ledger: &mut Ledger, arrival: usize) {
        while let Some((_, mark)) = self.marks.pop_front_if(|(at, _)| *at <= arrival) {
            ledger.advance(&self.ledger, &mark);
        }
    }
}

/// A thread that reads.
struct Reading {
    chunks: Option<Receiver<Chunk>>,
    /// Emptied buffers go back to be filled again.
    spent: Sender<VecDeque<Arrival>>,
    thread: Option<JoinHandle<()>>,
    chunk: Chunk,
    /// Arrivals taken out of the chunk.
    taken: usize,
}

impl Reading {
    fn start(source: Box<dyn ArrivalSource>) -> Result<Self, TraceError> {
        let (sender, chunks) = sync_channel(CHUNKS_WAITING);
        let (spent, buffers) = channel();
        let thread = Builder::new()
            .name("trace reader".to_owned())
            .spawn(move || read(source, &sender, &buffers))
            .map_err(|error| TraceError::Io {
                file: "a thread for reading traces".to_owned(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            chunks: Some(chunks),
            spent,
            thread: Some(thread),
            chunk: Chunk::default(),
            taken: 0,
        })
    }

    /// The next chunk; `None` is impossible but for a thread that panicked, whose panic goes on
    /// here.
    fn receive(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.as_ref()?.recv().ok();
        if chunk.is_none()
            && let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            resume_unwind(panic);
        }
        chunk
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Without a receiver the thread's next sending fails, and it ends.
        self.chunks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads a source to its end, or until nobody listens any more.
fn read(
    mut source: Box<dyn ArrivalSource>,
    chunks: &SyncSender<Chunk>,
    buffers: &Receiver<VecDeque<Arrival>>,
) {
    let (mut classes, mut tenants) = (source.classes().len(), source.tenants().len());
    let mut noted = source.ledger().total();
    loop {
        let mut chunk = Chunk {
            arrivals: buffers.try_recv().unwrap_or_default(),
            ..Chunk::default()
        };
        chunk.arrivals.reserve(CHUNK_ARRIVALS);
        while chunk.arrivals.len() < CHUNK_ARRIVALS && chunk.end.is_none() {
            let outcome = source.append_to(&mut chunk.arrivals, CHUNK_ARRIVALS);
            let ledger = source.ledger();
            if ledger.total() != noted {
                noted = ledger.total();
                // The ledger stood so before the last arrival, or after all of them at the end.
                let has_appended = matches!(outcome, Ok(true));
                let arrival = chunk.arrivals.len() - usize::from(has_appended);
                chunk.marks.marks.push_back((arrival, ledger.mark()));
            }
            match outcome {
                Ok(true) => {}
                Ok(false) => chunk.end = Some(Ok(())),
                Err(error) => chunk.end = Some(Err(error)),
            }
        }
        if !chunk.marks.marks.is_empty() {
            chunk.marks.ledger = source.ledger().clone();
        }
        let has_new = source.classes().len() > classes;
        chunk.classes = has_new.then(|| source.classes().clone());
        chunk.tenants = source.tenants()[tenants..].to_vec();
        classes = source.classes().len();
        tenants = source.tenants().len();
        chunk.progress = source.progress();
        let is_last = chunk.end.is_some();
        if chunks.send(chunk).is_err() || is_last {
            return;
        }
    }
}
