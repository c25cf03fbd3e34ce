//! Fields of jobs that logs state and no run reads by default: the partition, the queue, the group, the executable
//! and the outcome. With the option `recorded` readers keep them as labels of the jobs' pods, so that they go
//! through edits and into what is written.

use model::{Labels, PARTITION_LABEL, Text};

/// A field of a job that is kept as a label.
#[derive(Debug, PartialEq, Eq)]
pub struct JobField {
    /// The column of the project's own table.
    pub column: &'static str,
    /// The label.
    pub label: &'static str,
}

/// The partition of a job.
pub(crate) static PARTITION: JobField = JobField {
    column: "partition",
    label: PARTITION_LABEL,
};

/// The queue that a job was submitted to.
pub(crate) static QUEUE: JobField = JobField {
    column: "queue",
    label: "windtunnel/queue",
};

/// The group of the user.
pub(crate) static GROUP: JobField = JobField {
    column: "group",
    label: "windtunnel/group",
};

/// The program that a job ran.
pub(crate) static EXECUTABLE: JobField = JobField {
    column: "executable",
    label: "windtunnel/executable",
};

/// The end of a job in the origin, in the words of [`Outcome`].
pub(crate) static OUTCOME: JobField = JobField {
    column: "outcome",
    label: "windtunnel/outcome",
};

impl JobField {
    /// Every field, in the order of the columns.
    pub const ALL: [&'static Self; 5] = [&PARTITION, &QUEUE, &GROUP, &EXECUTABLE, &OUTCOME];

    /// The value in a job's labels; empty if it is not stated.
    pub(crate) fn of<'l>(&self, labels: &'l Labels) -> &'l str {
        labels.get(self.label).map_or("", |own| own)
    }

    /// States a value; an empty one is none.
    pub(crate) fn state(&self, labels: &mut Labels, value: impl Into<Text>) {
        let value = value.into();
        if !value.is_empty() {
            labels.insert(self.label.into(), value);
        }
    }
}

/// The outcome of a job in its origin (spec: traces.md, section 0: complete, fail).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ended as it should.
    Completed,
    /// It ended otherwise.
    Failed,
    /// Someone ended it.
    Cancelled,
}

impl Outcome {
    /// The word of the outcome.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome of a word.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        let all = [Self::Completed, Self::Failed, Self::Cancelled];
        all.into_iter().find(|outcome| outcome.word() == word)
    }
}
