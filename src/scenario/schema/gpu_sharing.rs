//! `system.gpuSharing:` of the experiment file: options of the sharing of GPUs over time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

/// Options of the sharing of GPUs over time; used with `name: gpu-sharing`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GpuSharing {
    /// Rule that says whose turn it is; default `tiresias`.
    pub rule: SharingRule,
    /// Length of a round; default `6m`.
    pub round: Duration,
    /// Time on one device after which a job leaves each queue of `tiresias`, ascending; default
    /// `[1h, 10h]`.
    pub thresholds: Vec<Duration>,
    /// Promotion with `tiresias`: a job that waits longer than this many times its last run goes to the
    /// first queue again, and its service counts from then on; default 0, which never promotes one.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub promote: f64,
    /// Jobs move to other nodes at the beginning of a round so that a job finds room on the nodes that it
    /// needs, if enough GPUs are free, scattered over several nodes; default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub migrate: bool,
    /// A job that finds no GPUs shares those of another that has as many, if their speeds together are
    /// more than that of one by `models.throughputs.packed`; default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pack: bool,
    /// A job takes GPUs of its nodes that are idle beside its own, if it is faster with them by
    /// `models.throughputs.scaled`, and gives them back at the beginning of the round in which others want
    /// them; default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub grow: bool,
}

impl Default for GpuSharing {
    fn default() -> Self {
        Self {
            rule: SharingRule::default(),
            round: Duration::from_secs(360),
            thresholds: vec![Duration::from_secs(3_600), Duration::from_secs(36_000)],
            promote: 0.0,
            migrate: false,
            pack: false,
            grow: false,
        }
    }
}

/// Rule that says whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SharingRule {
    /// Jobs that used fewer device-hours first, in queues (Tiresias).
    #[default]
    Tiresias,
    /// Jobs take turns, a round each (Gandiva).
    TimeSlice,
    /// The job first that received least time; with `models.throughputs` the least throughput as
    /// great as can be (Gavel).
    MaxMin,
    /// The job first that sharing delays most; with `models.throughputs` the greatest delay as
    /// small as can be (Themis, Gavel).
    FinishTime,
}

impl SharingRule {
    /// Name of the rule.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiresias => "tiresias",
            Self::TimeSlice => "time-slice",
            Self::MaxMin => "max-min",
            Self::FinishTime => "finish-time",
        }
    }
}
