//! Fields of jobs that logs state and no run reads by default: the partition, the queue, the group, the executable
//! and the outcome; the placement, which batch planners heed, and the batch size, by which jobs have a goodput. With
//! the option `recorded` readers keep them as labels of the jobs' pods, so that they go through edits and into what is
//! written. Who counts outcomes alone asks for these with `outcomes`.

use crate::read_options::ReadOptions;
use model::{BATCH_SIZE_LABEL, Labels, ONE_PER_NODE, PARTITION_LABEL, PLACEMENT_LABEL, Text};

/// A field of a job that is kept as a label.
#[derive(Debug, PartialEq, Eq)]
pub struct JobField {
    /// The column of the project's own table.
    pub column: &'static str,
    /// The label.
    pub label: &'static str,
}

/// The partition of a job.
pub static PARTITION: JobField = JobField {
    column: "partition",
    label: PARTITION_LABEL,
};

/// The queue that a job was submitted to.
pub static QUEUE: JobField = JobField {
    column: "queue",
    label: "windtunnel/queue",
};

/// The group of the user.
pub static GROUP: JobField = JobField {
    column: "group",
    label: "windtunnel/group",
};

/// The program that a job ran.
pub static EXECUTABLE: JobField = JobField {
    column: "executable",
    label: "windtunnel/executable",
};

/// The end of a job in the origin, in the words of [`Outcome`].
pub static OUTCOME: JobField = JobField {
    column: "outcome",
    label: "windtunnel/outcome",
};

/// The way in which the members of a job stand on nodes: [`ONE_PER_NODE`], or wherever there is room.
pub static PLACEMENT: JobField = JobField {
    column: "placement",
    label: PLACEMENT_LABEL,
};

/// The batch size that a training job keeps.
pub static BATCH_SIZE: JobField = JobField {
    column: "batch_size",
    label: BATCH_SIZE_LABEL,
};

/// States that the members of a job stand on a node of their own each.
pub fn state_one_per_node(labels: &mut Labels) {
    PLACEMENT.state(labels, ONE_PER_NODE);
}

impl JobField {
    /// Every field, in the order of the columns.
    pub const ALL: [&'static Self; 7] = [
        &PARTITION,
        &QUEUE,
        &GROUP,
        &EXECUTABLE,
        &OUTCOME,
        &PLACEMENT,
        &BATCH_SIZE,
    ];

    /// The fields that no run reads by default, in the order of the columns.
    pub fn recorded() -> Vec<&'static Self> {
        let all = Self::ALL.into_iter();
        let is_read = |own: &&Self| [&PLACEMENT, &BATCH_SIZE].contains(own);
        all.filter(|own| !is_read(own)).collect()
    }

    /// The value in a job's labels; empty if it is not stated.
    pub fn of<'l>(&self, labels: &'l Labels) -> &'l str {
        labels.get(self.label).map_or("", |own| own)
    }

    /// States a value; an empty one is none.
    pub fn state(&self, labels: &mut Labels, value: impl Into<Text>) {
        let value = value.into();
        if !value.is_empty() {
            labels.insert(self.label.into(), value);
        }
    }
}

/// The fields of jobs in a format that states their outcomes and nothing else that no run reads, as the options ask.
pub fn outcome_alone(options: &ReadOptions) -> Vec<&'static JobField> {
    let is_kept = options.keeps_outcomes();
    is_kept.then_some(&OUTCOME).into_iter().collect()
}

/// The outcome of a job in its origin (spec: traces.md, section 0: complete, fail).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It ended as it should.
    Completed,
    /// It ended otherwise.
    Failed,
    /// Someone ended it.
    Cancelled,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Completed, Self::Failed, Self::Cancelled];

    /// The word of the outcome.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The labels of a job with an outcome, or without a known one, as the options ask.
    pub fn labels(own: Option<Self>, options: &ReadOptions) -> Labels {
        let mut labels = Labels::new();
        if options.keeps_outcomes() {
            Self::state(own, &mut labels);
        }
        labels
    }

    /// States an outcome in a job's labels, if it is known.
    pub fn state(own: Option<Self>, labels: &mut Labels) {
        OUTCOME.state(labels, own.map_or("", Self::word));
    }

    /// The outcome that a log's own word stands for, in capitals or not.
    pub fn of_text(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "completed" | "complete" | "succeeded" | "success" | "finished" | "done" => {
                Self::Completed
            }
            "failed" | "fail" | "failure" | "error" | "timeout" | "node_fail" | "out_of_memory" => {
                Self::Failed
            }
            "cancelled" | "canceled" | "killed" => Self::Cancelled,
            _ => return None,
        })
    }

    /// The outcome of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}
