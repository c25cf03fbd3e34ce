//! Options of the sharing of GPUs over time.

use std::sync::Arc;

use options::{Rules, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use model::Throughputs;
use units::Duration;

/// Options of the sharing of GPUs over time; used with `name: gpu-sharing`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "GpuSharing")]
pub struct GpuSharingOptions {
    /// Rule that says whose turn it is; default `tiresias`.
    pub rule: SharingRule,
    /// Length of a round; 0 begins one with every event (`tiresias`, `tiresias-gittins`, `shortest`, `shortest-gpu`); default `6m`.
    pub round: Duration,
    /// Time on one device after which a job leaves each queue of `tiresias`, ascending; default
    /// `[1h, 10h]`.
    pub thresholds: Vec<Duration>,
    /// Promotion with `tiresias`: a job that waits longer than this many times its last run goes to the
    /// first queue again, and its service counts from then on; default 0, which never promotes one.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub promote: f64,
    /// Services of past jobs (GPUs × run time, in time of one GPU), by which `tiresias-gittins` tells how
    /// likely a job ends soon.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Duration>,
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
    /// Time that `pollux` takes a restart of a job for; default 30 s.
    #[serde(skip_serializing_if = "is_usual_restart")]
    pub restart: Duration,
    /// Throughputs of jobs by GPU model; `None` takes every model for equally fast.
    #[serde(skip)]
    pub throughputs: Option<Arc<Throughputs>>,
}

impl Default for GpuSharingOptions {
    fn default() -> Self {
        Self {
            rule: SharingRule::default(),
            round: Duration::from_secs(360),
            thresholds: vec![Duration::from_secs(3_600), Duration::from_secs(36_000)],
            promote: 0.0,
            services: Vec::new(),
            migrate: false,
            pack: false,
            grow: false,
            restart: USUAL_RESTART,
            throughputs: None,
        }
    }
}

const USUAL_RESTART: Duration = Duration::from_secs(30);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_usual_restart(restart: &Duration) -> bool {
    *restart == USUAL_RESTART
}

/// Rule that says whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SharingRule {
    /// Jobs that used fewer device-hours first, in queues (Tiresias).
    #[default]
    Tiresias,
    /// Queues of Tiresias, in each the job first that most likely ends soon by the services of past jobs
    /// (its Gittins index).
    TiresiasGittins,
    /// The job first with the least run time left (SRTF, which Tiresias is compared with).
    Shortest,
    /// The job first with the least run time left times its devices (SRSF).
    ShortestGpu,
    /// Jobs take turns, a round each (Gandiva).
    TimeSlice,
    /// The job first that received least time; with `models.throughputs` the least throughput as
    /// great as can be (Gavel).
    MaxMin,
    /// The job first that sharing delays most; with `models.throughputs` the greatest delay as
    /// small as can be (Themis, Gavel).
    FinishTime,
    /// As many GPUs for each job, and on such nodes, that the harmonic mean of the jobs' speedups is as great
    /// as a genetic search finds it, by `models.throughputs.goodput` (Pollux).
    Pollux,
    /// The next GPU for the job whose remaining time it shortens most, by `models.throughputs.goodput`
    /// (Optimus).
    Optimus,
    /// Queues of Tiresias as the authors of Pollux have them, for jobs with a goodput: a job that runs is taken
    /// off for an earlier one of its queue, and jobs start at the beginning of a round.
    TiresiasFifo,
}

impl SharingRule {
    /// Returns whether jobs go down queues with their service.
    const fn has_queues(self) -> bool {
        matches!(
            self,
            Self::Tiresias | Self::TiresiasGittins | Self::TiresiasFifo
        )
    }

    /// Whether the rule plans all jobs anew in each round.
    pub const fn is_elastic(self) -> bool {
        matches!(self, Self::Pollux | Self::Optimus | Self::TiresiasFifo)
    }

    /// Name of the rule.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiresias => "tiresias",
            Self::TiresiasGittins => "tiresias-gittins",
            Self::Shortest => "shortest",
            Self::ShortestGpu => "shortest-gpu",
            Self::TimeSlice => "time-slice",
            Self::MaxMin => "max-min",
            Self::FinishTime => "finish-time",
            Self::Pollux => "pollux",
            Self::Optimus => "optimus",
            Self::TiresiasFifo => "tiresias-fifo",
        }
    }
}

impl SystemSection for GpuSharingOptions {
    const SYSTEM: &'static str = "gpu-sharing";
    const FIELD: &'static str = "gpuSharing";
    const MEANING: &'static str =
        "Options of the sharing of GPUs over time, for `name: gpu-sharing`.";

    fn check(&self, rules: &mut Rules<'_>) {
        if !self.rule.has_queues() {
            rules.only_with("rule: tiresias", &["thresholds", "promote"]);
        }
        if self.rule != SharingRule::Pollux {
            rules.only_with("rule: pollux", &["restart"]);
        }
        if self.rule.is_elastic() {
            let reason = "the rule chooses the GPUs of all jobs in each round";
            rules.idle(
                reason,
                "another `rule`",
                &["promote", "migrate", "pack", "grow"],
            );
        }
        if self.rule != SharingRule::TiresiasGittins {
            rules.only_with("rule: tiresias-gittins", &["services"]);
        }
    }

    fn limits(&self) -> Result<(), String> {
        let is_over = |own: &Duration| *own > Duration::ZERO;
        let has_events = (self.rule.has_queues() && !self.rule.is_elastic())
            || matches!(self.rule, SharingRule::Shortest | SharingRule::ShortestGpu);
        if self.rule == SharingRule::TiresiasGittins && self.services.is_empty() {
            return Err(
                "services: `tiresias-gittins` needs the services of past jobs, such as [20m, 1h, 9h]"
                    .to_owned(),
            );
        }
        let is_at_events = has_events && self.round == Duration::ZERO;
        if !(is_over(&self.round) || is_at_events) {
            return Err(
                "round: expected more than 0s, such as 6m; 0s, a round at every event, is for `tiresias`, \
                 `tiresias-gittins`, `shortest` and `shortest-gpu`"
                    .to_owned(),
            );
        }
        if !self.thresholds.is_sorted_by(|one, next| one < next) {
            return Err("thresholds: expected ascending durations, such as [1h, 10h]".to_owned());
        }
        if !self.thresholds.iter().all(is_over) {
            return Err("thresholds: expected durations of more than 0s".to_owned());
        }
        Ok(())
    }

    fn placement(&self) -> Option<&'static str> {
        Some(self.rule.name())
    }
}
