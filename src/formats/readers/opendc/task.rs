//! A task of `OpenDC` with what its fragments cover, and the words of it that lie on disk where there are many tasks.

use crate::parts::measurements::ByTask;
use crate::parts::requests::whole_gpus;
use crate::readers::prelude::*;
use arrivals::usage_samples::{Steps, hundredths};

/// A task with its fragments.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    pub(super) line: u64,
    /// The number of its file.
    pub(super) file: u64,
    /// The place of its name.
    pub(super) name: u64,
    pub(super) submit: i64,
    pub(super) duration: i64,
    pub(super) cores_milli: i64,
    pub(super) capacity: f64,
    pub(super) memory: i64,
    pub(super) gpus: i64,
    /// Milliseconds from the begin of the task to the end of its last fragment, and those of its fragments in sum;
    /// `None` without fragments.
    pub(super) covered: Option<Covered>,
}

/// The time that the fragments of a task cover, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Covered {
    pub(super) end: i64,
    pub(super) sum: i64,
}

impl Task {
    /// The number of its words.
    pub(super) const WORDS: usize = 12;

    /// The task as words.
    pub(super) fn words(&self) -> [u64; Self::WORDS] {
        let covered = self.covered.unwrap_or_default();
        let numbers = [
            self.submit,
            self.duration,
            self.cores_milli,
            self.memory,
            self.gpus,
            covered.end,
            covered.sum,
        ];
        let [submit, duration, cores, memory, gpus, end, sum] = numbers.map(|own| own as u64);
        [
            self.line,
            self.file,
            self.name,
            submit,
            duration,
            cores,
            self.capacity.to_bits(),
            memory,
            gpus,
            u64::from(self.covered.is_some()),
            end,
            sum,
        ]
    }

    /// The task that words say.
    pub(super) fn of_words(words: [u64; Self::WORDS]) -> Self {
        let [
            line,
            file,
            name,
            submit,
            duration,
            cores,
            capacity,
            memory,
            gpus,
            is_covered,
            end,
            sum,
        ] = words;
        let covered = Covered {
            end: end as i64,
            sum: sum as i64,
        };
        Self {
            line,
            file,
            name,
            submit: submit as i64,
            duration: duration as i64,
            cores_milli: cores as i64,
            capacity: f64::from_bits(capacity),
            memory: memory as i64,
            gpus: gpus as i64,
            covered: (is_covered == 1).then_some(covered),
        }
    }

    /// Notes a task whose fragments, of which the trace has some, are not there or don't cover it.
    pub(super) fn check_fragments(
        &self,
        journal: &mut Journal,
        has_fragments: bool,
    ) -> Result<(), TraceError> {
        match self.covered {
            None if has_fragments => {
                journal.dirt("task without fragments", Action::Keep, self.line)?;
            }
            Some(covered) if covered.sum != self.duration => {
                let kind =
                    "fragments don't add up to the duration of their task; that of the task holds";
                journal.dirt(kind, Action::Keep, self.line)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The spec of the task of a number, which requests these bytes of memory.
    pub(super) fn spec(
        &self,
        memory: i64,
        number: u64,
        samples: &mut ByTask,
    ) -> Result<PodSpec, TraceError> {
        let mut steps = Steps::new(0, |used: &i64| hundredths(*used));
        samples.each([number, 0], |own| {
            if let Some(used) = own.value(0).filter(|_| own.at <= self.duration) {
                steps.push(own.at / 1_000, used);
            }
        })?;
        let behaviour = steps.finish().map(|usage| Behaviour {
            cpu_usage: Some(usage),
            ..Behaviour::default()
        });
        Ok(PodSpec {
            gpu: whole_gpus(self.gpus, ""),
            behaviour: behaviour.map(Into::into),
            ..PodSpec::with_requests(requests(Some(self.cores_milli), Some(memory)))
        })
    }
}
