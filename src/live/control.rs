//! A control server's core: a driver whose answers leave only after their inputs are durable. What a
//! server that was killed had answered is in its journal, and its successor goes on from there.

use thiserror::Error;
use units::{Instant, NodeId, SortedMap};

use crate::driver::events::EventRow;
use crate::driver::input::{Answer, HeardNode, Input};
use crate::driver::{Driver, DriverError, Plane};
use crate::journal::{Journal, JournalError};
use crate::record::{self, Header, Record, RecordError};
use crate::runtime::fault_point;
use crate::wire::usage::{PodUsage, Top};

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

/// A driver and its journal.
pub struct Control<J> {
    driver: Driver,
    journal: J,
    header: Header,
    /// Number of the next record.
    next: u64,
    is_halted: bool,
    /// Last heartbeats that said nothing else, by node. They need not outlive this server: its
    /// successor counts its nodes as heard when it begins.
    heard: SortedMap<NodeId, Instant>,
    /// Usage that nodes measured last.
    usage: SortedMap<NodeId, Vec<PodUsage>>,
}

impl<J: Journal> Control<J> {
    /// Opens a state: replays what is durable and begins a term. `header` is that of a new state.
    ///
    /// # Errors
    /// The state is of another experiment, is damaged, or this version would have decided otherwise.
    pub fn open(header: Header, plane: Plane, mut journal: J) -> Result<Self, ControlError> {
        let lines = journal.records()?;
        let mut driver = Driver::new(plane.at_pace(header.pace));
        let header = match lines.split_first() {
            None => {
                journal.append(record::encode(0, &header).as_bytes())?;
                header
            }
            Some((first, lines)) => {
                let found: Header = record::checked(record::decode(0, first)?)?;
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
                for (number, line) in (1..).zip(lines) {
                    let record: Record = record::decode(number, line)?;
                    record::replay(&mut driver, number, &record)?;
                }
                found
            }
        };
        Ok(Self {
            driver,
            journal,
            header,
            next: lines.len().max(1) as u64,
            is_halted: false,
            heard: SortedMap::new(),
            usage: SortedMap::new(),
        })
    }

    /// Begins a term of this server; until then nothing is decided.
    ///
    /// # Errors
    /// The storage or the control plane fails.
    pub fn begin(&mut self, now: Instant) -> Result<(), ControlError> {
        let epoch = self.driver.epoch() + 1;
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
        let is_due = self.driver.next_wake().is_some_and(|at| at <= now);
        let mut others = Vec::new();
        if !recorded.is_empty() || is_due {
            others = self.step(now, recorded)?;
        }
        let mut others = others.into_iter();
        let filled = answers
            .into_iter()
            .map(|answer| answer.or_else(|| others.next()).unwrap_or(Answer::None));
        Ok(filled.collect())
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

    /// The last events after a number, with their instants in nanoseconds since 1970.
    pub fn events(&self, after: u64) -> Vec<EventRow> {
        let mut rows = self.driver.events_after(after);
        for row in &mut rows {
            row.at_ns = self.header.wall_ns(Instant::from_nanos(row.at_ns));
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
