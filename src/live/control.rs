//! A control server's core: a driver whose answers leave only after their inputs are durable. What a
//! server that was killed had answered is in its journal, and its successor goes on from there.

use thiserror::Error;
use units::Instant;

use crate::driver::input::{Answer, Input};
use crate::driver::{Driver, DriverError, Plane};
use crate::journal::{Journal, JournalError};
use crate::record::{self, Header, Record, RecordError};

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
}

impl<J: Journal> Control<J> {
    /// Opens a state: replays what is durable and begins a term. `header` is that of a new state.
    ///
    /// # Errors
    /// The state is of another experiment, is damaged, or this version would have decided otherwise.
    pub fn open(header: Header, plane: Plane, mut journal: J) -> Result<Self, ControlError> {
        let lines = journal.records()?;
        let mut driver = Driver::new(plane);
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
        let is_due = self.driver.next_wake().is_some_and(|at| at <= now);
        if inputs.is_empty() && !is_due {
            return Ok(Vec::new());
        }
        // Until the record is durable, the memory is ahead of it.
        self.is_halted = true;
        let answers = self.driver.step(now, &inputs)?;
        let record = record::of_step(&self.driver, inputs);
        let line = record::encode(self.next, &record);
        self.journal.append(line.as_bytes())?;
        self.next += 1;
        self.is_halted = false;
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
