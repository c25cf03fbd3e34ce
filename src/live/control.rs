//! A control server's core: a driver whose answers leave only after their inputs are durable. What a
//! server that was killed had answered is in its journal, and its successor goes on from there.

use serde_json::Value;
use thiserror::Error;
use units::{Instant, NodeId, SortedMap};

use crate::driver::events::EventRow;
use crate::driver::input::{Answer, HeardNode, Input};
use crate::driver::snapshot::Snapshot;
use crate::driver::view::{NodeRow, PodRow};
use crate::driver::{Driver, DriverError, Plane};
use crate::journal::archive::Archive;
use crate::journal::{Journal, JournalError};
use crate::record::{self, Header, Record, RecordError};
use crate::runtime::fault_point;
use crate::wire::usage::{PodUsage, Top};
use crate::wire::wish::Wish;

/// Reason a control server can't start or go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ControlError {
    /// The storage failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log can't be replayed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The control plane failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The state is that of another experiment.
    #[error(
        "the state belongs to the experiment `{found}` ({found_hash}), not to `{given}`; give that \
         experiment, or another folder with `--state`"
    )]
    OtherExperiment {
        /// Experiment of the state.
        found: String,
        /// Hash of the experiment of the state.
        found_hash: String,
        /// Experiment of this server.
        given: String,
    },
    /// The state was begun at another pace.
    #[error("the time of the state passes at pace {found}, not at {given}; give `--pace {found}`")]
    OtherPace {
        /// Pace of the state.
        found: u32,
        /// Pace of this server.
        given: u32,
    },
    /// The storage failed before: what is in memory is ahead of what is durable.
    #[error("the storage failed before; start the control server again")]
    Halted,
}

/// The rule by which a log is made short.
#[derive(Clone, Debug)]
pub struct Compaction {
    /// Length in bytes from which on the records behind a snapshot are replaced by another one.
    pub after_bytes: u64,
    /// Times the length of the snapshot that these records reach at least.
    pub snapshots: u64,
    /// Place for what is replaced; without one it goes.
    pub archive: Option<Archive>,
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            // A few seconds of replaying.
            after_bytes: 16 << 20,
            // Taking snapshots costs a fraction of what the records cost.
            snapshots: 4,
            archive: None,
        }
    }
}

/// Number of terms that a restored server passes over: more than the servers that may have started since
/// its record.
const RESTORED_TERMS: u64 = 1_000;

/// Greatest number of wake-ups that are caught up with before a step. A server that comes later than that was
/// away, and goes on from now.
const LATE_STEPS_MAX: usize = 1_000;

/// Lengths of what is in a journal.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    snapshot: u64,
    records: u64,
}

/// A driver and its journal.
pub struct Control<J> {
    driver: Driver,
    journal: J,
    header: Header,
    /// Number of the next record.
    next: u64,
    compaction: Compaction,
    lengths: Lengths,
    /// Length of the records at which the next snapshot is tried after one that failed.
    put_off_until: u64,
    /// Reason why the last snapshot failed.
    put_off: Option<String>,
    is_halted: bool,
    /// Last heartbeats that said nothing else, by node. They need not outlive this server: its
    /// successor counts its nodes as heard when it begins.
    heard: SortedMap<NodeId, Instant>,
    /// Usage that nodes measured last.
    usage: SortedMap<NodeId, Vec<PodUsage>>,
}

/// The header of a state that was begun before.
///
/// # Errors
/// The storage can't be read, or the header is damaged.
pub fn stored_header(journal: &impl Journal) -> Result<Option<Header>, ControlError> {
    let first = journal.records()?.into_iter().next();
    let header = first.map(|first| record::checked(record::decode(0, &first)?));
    Ok(header.transpose()?)
}

impl<J: Journal> Control<J> {
    /// Opens a state: replays what is durable and begins a term. `header` is that of a new state.
    ///
    /// # Errors
    /// The state is of another experiment, is damaged, or this version would have decided otherwise.
    pub fn open(header: Header, plane: Plane, mut journal: J) -> Result<Self, ControlError> {
        let mut lines = journal.records()?.into_iter();
        let mut lengths = Lengths::default();
        let mut next = 1;
        let plane = plane.at_pace(header.pace);
        let (header, driver) = match lines.next() {
            None => {
                journal.append(record::encode(0, &header).as_bytes())?;
                (header, Driver::new(plane))
            }
            Some(first) => {
                let found: Header = record::checked(record::decode(0, &first)?)?;
                if found.hash != header.hash {
                    return Err(ControlError::OtherExperiment {
                        found: found.experiment,
                        found_hash: found.hash,
                        given: header.experiment,
                    });
                }
                if found.pace != header.pace {
                    return Err(ControlError::OtherPace {
                        found: found.pace,
                        given: header.pace,
                    });
                }
                let mut driver = if found.first() == 1 {
                    Driver::new(plane)
                } else {
                    let line = lines.next().unwrap_or_default();
                    lengths.snapshot = line.len() as u64;
                    let snapshot: Snapshot = record::decode(1, &line)?;
                    Driver::restored(plane, &snapshot)?
                };
                next = found.first();
                for line in lines {
                    let record: Record = record::decode(next, &line)?;
                    record::replay(&mut driver, next, &record)?;
                    lengths.records += line.len() as u64;
                    next += 1;
                }
                (found, driver)
            }
        };
        Ok(Self {
            driver,
            journal,
            header,
            next,
            compaction: Compaction::default(),
            lengths,
            put_off_until: 0,
            put_off: None,
            is_halted: false,
            heard: SortedMap::new(),
            usage: SortedMap::new(),
        })
    }

    /// The control server with another rule for making its log short.
    #[must_use]
    pub fn with_compaction(self, compaction: Compaction) -> Self {
        Self { compaction, ..self }
    }

    /// Begins a term of this server; until then nothing is decided.
    ///
    /// # Errors
    /// The storage or the control plane fails.
    pub fn begin(&mut self, now: Instant) -> Result<(), ControlError> {
        self.begin_after(now, 1)
    }

    /// Begins a term of a server whose state was restored from a record. Nodes may have seen terms that
    /// began after it, and ignore those and all before.
    ///
    /// # Errors
    /// The storage or the control plane fails.
    pub fn begin_restored(&mut self, now: Instant) -> Result<(), ControlError> {
        self.begin_after(now, RESTORED_TERMS)
    }

    fn begin_after(&mut self, now: Instant, terms: u64) -> Result<(), ControlError> {
        let epoch = self.driver.epoch() + terms;
        self.handle(now, vec![Input::Opened { epoch }]).map(drop)
    }

    /// Takes inputs in; the answers come once everything that led to them is durable.
    ///
    /// # Errors
    /// The storage or the control plane fails; then the server has to be started again.
    pub fn handle(
        &mut self,
        now: Instant,
        inputs: Vec<Input>,
    ) -> Result<Vec<Answer>, ControlError> {
        if self.is_halted {
            return Err(ControlError::Halted);
        }
        let mut answers = Vec::with_capacity(inputs.len());
        let mut recorded = Vec::new();
        for mut input in inputs {
            self.set_usage_aside(&mut input);
            let answer = self.answered_unrecorded(now, &input);
            if answer.is_none() {
                recorded.push(input);
            }
            answers.push(answer);
        }
        self.catch_up(now, &recorded)?;
        let is_due = self.driver.next_wake().is_some_and(|at| at <= now);
        let mut others = Vec::new();
        if !recorded.is_empty() || is_due {
            others = self.step(now, recorded)?;
            if self.is_long() {
                self.compact(now)?;
            }
        }
        let mut others = others.into_iter();
        let filled = answers
            .into_iter()
            .map(|answer| answer.or_else(|| others.next()).unwrap_or(Answer::None));
        Ok(filled.collect())
    }

    /// Makes a step at each instant before now for which a wake-up was asked: the simulator wakes components
    /// at the very instant, and some decide at instants of a grid alone.
    ///
    /// Example: Mesos makes offers at 1 s, 2 s, …, and the clock shows 2.003 s. The step at 2 s comes first.
    fn catch_up(&mut self, now: Instant, inputs: &[Input]) -> Result<(), ControlError> {
        let begins = |input: &Input| matches!(input, Input::Opened { .. });
        if inputs.iter().any(begins) {
            // Nobody was there to decide.
            return Ok(());
        }
        // Who is heard now was not silent at an instant before.
        for input in inputs {
            if let Input::Update { message } = input
                && let Some(node) = self.driver.node_of(message)
            {
                self.heard.insert(node, now);
            }
        }
        for _ in 0..LATE_STEPS_MAX {
            match self.driver.next_wake().filter(|&at| at < now) {
                Some(at) => drop(self.step(at, Vec::new())?),
                None => break,
            }
        }
        Ok(())
    }

    /// The answer to a heartbeat that says nothing else, which is not recorded by itself.
    fn answered_unrecorded(&mut self, now: Instant, input: &Input) -> Option<Answer> {
        let Input::Update { message } = input else {
            return None;
        };
        let sign = self.driver.sign_of_life(message)?;
        self.heard.insert(sign.node, now);
        Some(Answer::Node(sign.answer))
    }

    /// Takes the measurements out of a heartbeat. A node speaks for its own pods alone.
    fn set_usage_aside(&mut self, input: &mut Input) {
        let Input::Update { message } = input else {
            return;
        };
        let mut usage = std::mem::take(&mut message.usage);
        if usage.is_empty() {
            // Reports between two heartbeats come without measurements.
            return;
        }
        let store = self.driver.store();
        if let Some(node) = self.driver.node_of(message) {
            let pods = control::node_api::pods_on(store, node);
            usage.retain(|usage| pods.iter().any(|pod| pod.id.0 == usage.pod));
            self.usage.insert(node, usage);
        }
    }

    /// The usage that was measured last, of nodes and pods that are there.
    pub fn top(&self) -> Top {
        self.driver.top(&self.usage)
    }

    /// The pods with their instants in nanoseconds since 1970, and the last ones that ended by themselves.
    pub fn pods(&self) -> Vec<PodRow> {
        let mut rows = self.driver.pod_rows();
        rows.extend(self.driver.ended_rows());
        rows.sort_by_key(|row| row.pod);
        for row in &mut rows {
            row.created_ns = self.wall_ns(row.created_ns);
            row.ended_ns = row.ended_ns.map(|at| self.wall_ns(at));
        }
        rows
    }

    /// The nodes with their instants in nanoseconds since 1970.
    pub fn nodes(&self) -> Vec<NodeRow> {
        let mut rows = self.driver.node_rows();
        let nodes = self.driver.store().nodes();
        for row in &mut rows {
            row.created_ns = row.created_ns.map(|at| self.wall_ns(at));
            let heard = nodes.by_name(&row.name);
            let heard = heard.and_then(|node| self.heard.get(&node)).copied();
            for condition in &mut row.conditions {
                // Heartbeats that say nothing else are recorded later.
                let heard = heard.map(Instant::as_nanos).max(condition.heard_ns);
                condition.heard_ns = heard.map(|at| self.wall_ns(at));
                condition.changed_ns = condition.changed_ns.map(|at| self.wall_ns(at));
            }
        }
        rows
    }

    /// The objects of a kind.
    pub(crate) fn objects(&self, kind: &str) -> Vec<Value> {
        let wall = |at| self.header.wall_ns(at);
        self.driver.object_values(kind, &wall)
    }

    /// Wall clock at a time of the run.
    fn wall_ns(&self, at_ns: i64) -> i64 {
        self.header.wall_ns(Instant::from_nanos(at_ns))
    }

    /// The last events after a number, with their instants in nanoseconds since 1970.
    pub fn events(&self, after: u64) -> Vec<EventRow> {
        let mut rows = self.driver.events_after(after);
        for row in &mut rows {
            row.at_ns = self.wall_ns(row.at_ns);
        }
        rows
    }

    /// Makes a step and records it.
    fn step(&mut self, now: Instant, mut inputs: Vec<Input>) -> Result<Vec<Answer>, ControlError> {
        let with_heartbeats = self.driver.awaits_heartbeats(now) && !self.heard.is_empty();
        if with_heartbeats {
            let heard = std::mem::take(&mut self.heard).into_iter();
            let nodes = heard.map(|(node, at)| HeardNode {
                node: node.0,
                at_ns: at.as_nanos(),
            });
            let nodes = nodes.collect();
            inputs.insert(0, Input::Heard { nodes });
        }
        let with_usage = self.driver.reads_usage(now);
        if with_usage {
            // What a lost node said is not known to be so any more.
            let nodes = self.driver.store().nodes();
            self.usage.retain(|&node, _| nodes.is_ready(node));
            let pods = self.usage.values().flatten().cloned().collect();
            inputs.insert(0, Input::Measured { pods });
        }
        // Until the record is durable, the memory is ahead of it.
        self.is_halted = true;
        let mut answers = self.driver.step(now, &inputs)?;
        let record = record::of_step(&self.driver, inputs);
        let line = record::encode(self.next, &record);
        self.journal.append(line.as_bytes())?;
        self.lengths.records += line.len() as u64;
        self.next += 1;
        if record
            .inputs
            .iter()
            .any(|input| matches!(input, Input::Ask { .. }))
        {
            fault_point::reached("after-commit");
        }
        self.is_halted = false;
        // Those two have no sender.
        answers.drain(..usize::from(with_heartbeats) + usize::from(with_usage));
        Ok(answers)
    }

    /// Whether the log is due to be made short.
    fn is_long(&self) -> bool {
        let least = self.compaction.after_bytes;
        let least = least.max(self.compaction.snapshots * self.lengths.snapshot);
        self.lengths.records >= least.max(self.put_off_until)
    }

    /// Makes the log short: from here on the control plane, and whoever opens the journal later, go on
    /// from what is stored alone.
    fn compact(&mut self, now: Instant) -> Result<(), ControlError> {
        let steps = self.header.compacted + self.next - self.header.first();
        self.put_off = None;
        let snapshot = match self.driver.compacted(now) {
            Ok(snapshot) => snapshot,
            Err(why) => {
                // Nothing has changed, so the server goes on with its long log.
                self.put_off_until = 2 * self.lengths.records;
                self.put_off = Some(why.to_string());
                return Ok(());
            }
        };
        // From here on the memory is ahead of the journal until that is replaced.
        self.is_halted = true;
        if let Some(archive) = &self.compaction.archive {
            let mut lines = self.journal.records()?;
            let last = record::of_step(&self.driver, vec![Input::Compacted {}]);
            lines.push(record::encode(self.next, &last).into_bytes());
            archive.keep(self.header.compacted + 1, steps + 1, &lines)?;
        }
        let header = self.header.compacted(steps + 1);
        let state = record::encode(1, &snapshot);
        fault_point::reached("before-compaction");
        let head = record::encode(0, &header);
        self.journal.replace(&[head.as_bytes(), state.as_bytes()])?;
        fault_point::reached("after-compaction");
        self.next = header.first();
        self.header = header;
        self.lengths = Lengths {
            snapshot: state.len() as u64,
            records: 0,
        };
        self.is_halted = false;
        // The components begin at once.
        self.step(now, Vec::new()).map(drop)
    }

    /// Wishes for the API of a cluster that is mirrored, and doubts about what could not be read of it.
    pub fn take_wishes(&mut self) -> (Vec<Wish>, Vec<String>) {
        (self.driver.take_wishes(), self.driver.take_doubts())
    }

    /// Reason why the log could not be made short when it was due, if that is news.
    pub fn take_put_off(&mut self) -> Option<String> {
        self.put_off.take()
    }

    /// Whether the storage or the control plane failed, so that the server has to be started again.
    pub const fn is_halted(&self) -> bool {
        self.is_halted
    }

    /// The driver, to look at.
    pub const fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Header of the state.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The log so far, as a text that replays.
    ///
    /// # Errors
    /// The storage can't be read.
    pub fn log(&self) -> Result<Vec<u8>, ControlError> {
        let mut text = Vec::new();
        for line in self.journal.records()? {
            text.extend_from_slice(&line);
            text.push(b'\n');
        }
        Ok(text)
    }
}
