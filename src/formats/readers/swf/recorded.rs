//! Fields of a log that runs don't read, for what is written of it: numbers and outcomes of jobs as labels, with the
//! option `recorded`, and the header. What the uniform stream has no place for is told in the ledger.

use super::row::{CANCELLED, SwfJob};
use super::{MISSING, SwfReader, SwfSource};
use crate::readers::prelude::*;
use arrivals::header_record::{HeaderEntry, HeaderRecord, UNIX_START_TIME};
use arrivals::job_fields::{EXECUTABLE, GROUP, JobField, OUTCOME, PARTITION, QUEUE};

/// The name of the user that a log doesn't state.
pub(crate) const UNKNOWN_USER: &str = "unknown";

/// The fields of a job that become labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct JobNumbers {
    partition: i64,
    queue: i64,
    group: i64,
    executable: i64,
    status: i64,
}

impl JobNumbers {
    /// The numbers of a job without any.
    pub(super) const NONE: Self = Self {
        partition: -1,
        queue: -1,
        group: -1,
        executable: -1,
        status: -1,
    };

    /// All numbers of a job.
    pub(super) fn of(job: &SwfJob) -> Self {
        Self {
            partition: job.partition,
            queue: job.queue,
            group: job.group,
            executable: job.executable,
            status: job.status,
        }
    }

    /// The numbers of a job that has a partition alone.
    pub(super) fn of_partition(partition: i64) -> Self {
        Self {
            partition,
            ..Self::NONE
        }
    }

    /// The numbers of a job that has an outcome alone.
    pub(super) fn of_status(status: i64) -> Self {
        Self {
            status,
            ..Self::NONE
        }
    }

    /// The labels; `name` is that of a number.
    pub(super) fn labels(self, name: impl Fn(i64) -> Text) -> Labels {
        let mut labels = Labels::new();
        let fields: [(&JobField, i64); 4] = [
            (&PARTITION, self.partition),
            (&QUEUE, self.queue),
            (&GROUP, self.group),
            (&EXECUTABLE, self.executable),
        ];
        for (field, number) in fields {
            if number >= 0 {
                field.state(&mut labels, name(number));
            }
        }
        OUTCOME.state(&mut labels, outcome_of(self.status));
        labels
    }
}

/// The outcome of a status (spec: traces.md, section 1); that of executions that go on is not known.
pub(crate) fn outcome_of(status: i64) -> Text {
    match status {
        1 | 3 => Outcome::Completed.word().into(),
        0 | 4 => Outcome::Failed.word().into(),
        CANCELLED => Outcome::Cancelled.word().into(),
        ..0 | 2 => Text::default(),
        other => other.to_string().as_str().into(),
    }
}

/// The status of an outcome; -1 if it is not known.
pub(crate) fn status_of(outcome: &str) -> i64 {
    match Outcome::of_word(outcome) {
        Some(Outcome::Completed) => 1,
        Some(Outcome::Failed) => 0,
        Some(Outcome::Cancelled) => CANCELLED,
        None => outcome.parse().unwrap_or(-1),
    }
}

/// The header record of a log: its entries, and the zero of one whose times count from 1970.
pub(super) fn header_record(
    reader: &SwfReader,
    zero: Option<Duration>,
    options: &ReadOptions,
) -> HeaderRecord {
    let entries = reader.header.entries.iter();
    let mut entries: Vec<HeaderEntry> = entries
        .map(|(key, value)| HeaderEntry {
            key: key.clone(),
            value: value.clone(),
        })
        .collect();
    if let Some(zero) = zero {
        entries.retain(|entry| !entry.key.eq_ignore_ascii_case(UNIX_START_TIME));
        let seconds = zero.as_nanos() / units::time::NANOS_PER_SECOND;
        entries.push(HeaderEntry {
            key: UNIX_START_TIME.to_owned(),
            value: seconds.to_string(),
        });
    }
    let fields = if options.recorded {
        JobField::recorded()
    } else {
        outcome_alone(options)
    };
    HeaderRecord {
        entries,
        fields,
        left_out: 0,
    }
}

impl SwfSource {
    /// Tells what a job states that the stream has no place for; to a run, what it asks for and does not get.
    pub(super) fn tell_unkept(&mut self, job: &SwfJob) -> Result<(), TraceError> {
        let options = &self.options;
        let (requested, allocated) = (job.requested_processors, job.allocated_processors);
        let has_memory = job.requested_memory_kb > 0;
        if !options.recorded {
            // It is no dirt, which strict reading refuses.
            if options.rows.strict {
                return Ok(());
            }
            if has_memory && !options.memory {
                let kind =
                    "memory (field 10) that jobs request, not asked of nodes; `memory: true` does";
                self.dirt(kind, Action::Waive, job)?;
            }
            if requested > 0 && allocated > 0 && requested != allocated {
                let kind = "processors that jobs request (field 8) other than those allocated (field 5); \
                            those requested count";
                self.dirt(kind, Action::Keep, job)?;
            }
            return Ok(());
        }
        let (has_used, takes_usage) = (job.used_memory_kb > 0, options.usage);
        let told = [
            (
                "allocated processors other than those requested; not kept",
                requested > 0 && allocated > 0 && requested != allocated,
            ),
            (
                "no requested processors; those allocated stand in",
                requested <= 0,
            ),
            (
                "requested processors without allocated ones; they stand in",
                requested > 0 && allocated <= 0,
            ),
            (
                "no requested time; the run time stands in",
                job.requested_time <= Duration::ZERO,
            ),
            (
                "average CPU time; not kept without `models.usage: trace` or `--usage`",
                job.cpu_time > MISSING && !takes_usage,
            ),
            (
                "requested memory; not kept without `memory`",
                has_memory && !options.memory,
            ),
            (
                "no requested memory; that used stands in",
                !has_memory && has_used && options.memory,
            ),
            (
                "used memory; not kept without `models.usage: trace` or `--usage`",
                has_used && !takes_usage && (has_memory || !options.memory),
            ),
            (
                "think time without a preceding job; not kept",
                job.preceding_job < 0 && job.think_time > Duration::ZERO,
            ),
        ];
        for (kind, is_so) in told {
            if is_so {
                self.dirt(kind, Action::Keep, job)?;
            }
        }
        Ok(())
    }
}
