//! The answer to the question about a job.

use model::Text;
use units::{Quantity, plural};

use super::obstacle::Obstacle;
use super::start::Start;

/// Fate of a job that is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It gets quota at once, or as soon as those that make room have stopped.
    Admitted,
    /// It waits.
    Queued,
    /// It would wait even if nothing else ran.
    Never,
}

impl Verdict {
    /// The verdict as programs read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Queued => "queued",
            Self::Never => "never",
        }
    }
}

/// A workload that makes room.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Victim {
    /// Name of the workload.
    pub name: Text,
    /// Name of its `ClusterQueue`.
    pub queue: Text,
    /// Reason of the preemption, as Kueue writes it.
    pub reason: &'static str,
}

impl Victim {
    /// The victims of a change in words.
    pub fn words(victims: &[Self]) -> String {
        let names: Vec<&str> = victims.iter().map(|own| &*own.name).collect();
        match names.as_slice() {
            [] => "nothing stops".to_owned(),
            [one] => format!("`{one}` stops"),
            all => format!(
                "{} stop: {}",
                plural::count(all.len(), "workload"),
                all.join(", ")
            ),
        }
    }
}

/// A higher quota or limit of one resource in one flavor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    /// The flavor.
    pub flavor: Text,
    /// The resource.
    pub resource: Text,
    /// The amount as it is.
    pub from: Quantity,
    /// The amount that admits the job.
    pub to: Quantity,
}

/// A change that would admit the job, each the smallest of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Fewer pods at once.
    Pods {
        /// Pod set that has fewer, if the workload has several.
        set: Option<Text>,
        /// Number that it asks for.
        from: i64,
        /// Number that fits.
        to: i64,
    },
    /// A higher priority.
    Priority {
        /// The priority.
        to: i32,
        /// Workloads that make room then.
        victims: Vec<Victim>,
    },
    /// More nominal quota of the `ClusterQueue`.
    Quota {
        /// The amounts.
        raises: Vec<Raise>,
    },
    /// Higher borrowing limits of the `ClusterQueue`.
    Limit {
        /// The limits.
        raises: Vec<Raise>,
    },
    /// A wider level of the topology for pods that wish to be together.
    Level {
        /// The level that they wish for.
        from: Text,
        /// The nearest level that admits the job; `None` is any place.
        to: Option<Text>,
    },
    /// Another flavor, which the job's node selector, node affinity or missing tolerations exclude.
    Flavor {
        /// The flavors that it gets then.
        flavors: Vec<Text>,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The job, `NAMESPACE/NAME`.
    pub job: String,
    /// Name of the `LocalQueue`.
    pub local_queue: Text,
    /// The `ClusterQueue` that this leads to, if there is one.
    pub queue: Option<Text>,
    /// Priority of the workload.
    pub priority: i32,
    /// Number of pods at once.
    pub pods: i64,
    /// Requests of all pods, by resource.
    pub requests: Vec<(Text, Quantity)>,
    /// Fate of the job.
    pub verdict: Verdict,
    /// Number of pods that are admitted.
    pub admitted_pods: i64,
    /// Flavors by resource, if it is admitted.
    pub flavors: Vec<(Text, Text)>,
    /// Domains of its pods, if it gets places: values of the labels, outermost first, and number of pods.
    pub places: Vec<(String, i64)>,
    /// Names of the admission checks that it waits for then.
    pub checks: Vec<Text>,
    /// Workloads that stop for it; in vain, if it is not admitted: what they give back goes to others, or the
    /// job is given other flavors afterwards, which lack room.
    pub victims: Vec<Victim>,
    /// Number of workloads of its queue that go before it.
    pub ahead: usize,
    /// Reasons that it is not admitted, in Kueue's words.
    pub reasons: Vec<String>,
    /// Obstacles: the quotas, limits, flavors, levels, checks and the order that keep it waiting.
    pub obstacles: Vec<Obstacle>,
    /// Changes that would admit it.
    pub changes: Vec<Change>,
    /// Kinds of changes that were not tried to the end, as the cluster is too large for it.
    pub untried_kinds: Vec<&'static str>,
    /// Number of choices of flavors for which more quota was not tried, as there are too many.
    pub untried_choices: usize,
    /// The time at which it starts, if it waits and run times are known.
    pub start: Option<Start>,
}
