//! Descheduling: a loop every so often that evicts pods whose place is not, or no longer, the right
//! one, through the eviction API like a drain; their controllers make others, the scheduler places
//! these. In the manner of kubernetes-sigs/descheduler (release 0.34): strategies of single pods go
//! first, those that balance follow; one file each. Where the original goes by the random order of
//! its caches, nodes and pods are taken in order of their ids.

mod duplicates;
mod evictor;
mod life_time;
mod node_affinity;
mod node_taints;
mod pod_anti_affinity;
mod restarts;
mod topology_spread;
mod utilization;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use duplicates::RemoveDuplicates;
pub use evictor::{EvictionLimits, EvictorOptions};
pub use life_time::{PodLifeTime, PodState};
pub use node_affinity::RemovePodsViolatingNodeAffinity;
pub use node_taints::RemovePodsViolatingNodeTaints;
pub use pod_anti_affinity::RemovePodsViolatingInterPodAntiAffinity;
pub use restarts::RemovePodsHavingTooManyRestarts;
pub use topology_spread::RemovePodsViolatingTopologySpread;
pub use utilization::{HighNodeUtilization, LowNodeUtilization, Shares};

use cluster::{Conflict, Store};
use control::{Component, Outbox, Program, Progress, Write};
use model::{Event, LabelSelector, Labels, PodSpec, Text};
use units::{Duration, Instant, Revision, SortedMap};

use evictor::Pass;

/// Options of a descheduler.
#[derive(Clone, Debug, Default)]
pub struct DeschedulerOptions {
    /// Time from one loop to the next.
    pub interval: Duration,
    /// Bounds on the pods that a loop evicts.
    pub limits: EvictionLimits,
    /// Pods that the descheduler may evict.
    pub evictor: EvictorOptions,
    /// Strategies, in order.
    pub strategies: Vec<Strategy>,
    /// Labels of namespaces, for terms that select by them.
    pub namespaces: Arc<SortedMap<Text, Labels>>,
}

/// A strategy of the descheduler.
#[derive(Clone, Debug)]
pub enum Strategy {
    /// Pods that don't tolerate the taints of their node.
    NodeTaints(RemovePodsViolatingNodeTaints),
    /// Pods whose node is not, or not the best, by their node affinity.
    NodeAffinity(RemovePodsViolatingNodeAffinity),
    /// Pods beside pods that they must not be beside.
    PodAntiAffinity(RemovePodsViolatingInterPodAntiAffinity),
    /// Pods whose containers were started again too often.
    Restarts(RemovePodsHavingTooManyRestarts),
    /// Pods that are too old.
    LifeTime(PodLifeTime),
    /// Several equal pods on one node.
    Duplicates(RemoveDuplicates),
    /// Domains with more pods than their spread allows.
    TopologySpread(RemovePodsViolatingTopologySpread),
    /// Nodes that are used much while others are used little.
    LowUtilization(LowNodeUtilization),
    /// Nodes that are used so little that others can take their pods.
    HighUtilization(HighNodeUtilization),
}

impl Strategy {
    fn run(&self, pass: &mut Pass<'_>) {
        match self {
            Self::NodeTaints(own) => own.run(pass),
            Self::NodeAffinity(own) => own.run(pass),
            Self::PodAntiAffinity(own) => own.run(pass),
            Self::Restarts(own) => own.run(pass),
            Self::LifeTime(own) => own.run(pass),
            Self::Duplicates(own) => own.run(pass),
            Self::TopologySpread(own) => own.run(pass),
            Self::LowUtilization(own) => own.run(pass),
            Self::HighUtilization(own) => own.run(pass),
        }
    }
}

/// Pods that a strategy looks at.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Only those of these namespaces, if there are any.
    pub include: Vec<Text>,
    /// None of these namespaces.
    pub exclude: Vec<Text>,
    /// Only those with such labels.
    pub selector: Option<LabelSelector>,
}

impl Scope {
    /// Whether a pod is looked at.
    fn takes(&self, spec: &PodSpec) -> bool {
        self.has_namespace(&spec.namespace)
            && (self.selector.as_ref()).is_none_or(|selector| selector.matches(&spec.labels))
    }

    fn has_namespace(&self, namespace: &Text) -> bool {
        (self.include.is_empty() || self.include.contains(namespace))
            && !self.exclude.contains(namespace)
    }
}

/// The component.
#[derive(Clone, Debug)]
pub struct Descheduler {
    options: Arc<DeschedulerOptions>,
    cursor: Revision,
    /// Instant from which the next loop may be made.
    due: Instant,
    /// Whether the next loop may find what the last one did not.
    has_news: bool,
}

impl Descheduler {
    /// A descheduler that has seen nothing yet.
    pub fn new(options: DeschedulerOptions) -> Self {
        Self {
            options: Arc::new(options),
            cursor: Revision::default(),
            due: Instant::ZERO,
            has_news: false,
        }
    }

    fn read(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            self.has_news |= !matches!(
                entry.event,
                Event::ClassAdded { .. }
                    | Event::NodeContact { .. }
                    | Event::HoldPlaced(_)
                    | Event::HoldReleased { .. }
            );
        }
        self.cursor = store.revision();
    }

    /// One loop.
    fn pass(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let options = Arc::clone(&self.options);
        let mut pass = Pass::new(now, store, &options);
        for strategy in &options.strategies {
            strategy.run(&mut pass);
        }
        // What was refused may be granted next time, and what goes by age comes by itself.
        let ages = options.evictor.min_pod_age.is_some()
            || (options.strategies.iter())
                .any(|strategy| matches!(strategy, Strategy::LifeTime(_)));
        self.has_news = ages || pass.was_held_back();
        pass.finish(out);
    }
}

impl Component for Descheduler {
    fn name(&self) -> &'static str {
        "descheduler"
    }

    fn program(&self) -> Program {
        Program::Descheduler
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(view);
        if now >= self.due {
            let period = self.options.interval.as_nanos().max(1);
            let passed = now.as_nanos().div_euclid(period);
            self.due = Instant::from_nanos((passed + 1).saturating_mul(period));
            if self.has_news {
                self.pass(now, view, out);
            }
        }
        if self.has_news {
            out.wake_at(self.due);
        }
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {
        self.has_news = true;
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
