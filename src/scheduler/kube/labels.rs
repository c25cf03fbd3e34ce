//! Labels of a scheduler's work, for `windtunnel run --profile`: by what it does, as plugins do
//! theirs together in the fast form.

use control::probe::{Part, Probe};

/// Kind of work; anything else counts as the scheduler's own.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Applying the log to the cache.
    Cache,
    /// Pods put into the queue, taken out and moved by events.
    Queue,
    /// Preparation of an attempt; in the fast form, updating cached answers.
    PreFilter,
    /// The search among the nodes.
    Filter,
    /// Points of the nodes found.
    Score,
    /// Explaining an unschedulable pod, and preemption for it.
    PostFilter,
}

const NAMES: [&str; 6] = [
    "cache",
    "queue",
    "PreFilter",
    "Filter",
    "Score",
    "PostFilter",
];

/// The labels of a scheduler. They are off without a profiler.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    probe: Probe,
    parts: [Part; NAMES.len()],
}

impl Labels {
    /// Labels of a scheduler of this name.
    pub fn new(probe: &Probe, scheduler: &str) -> Self {
        Self {
            probe: probe.clone(),
            parts: NAMES.map(|name| probe.part(&format!("scheduler {scheduler} / {name}"))),
        }
    }

    /// Goes over to some work; hands back what was being done.
    #[inline]
    pub fn enter(&self, work: Work) -> Part {
        self.probe.enter(self.parts[work as usize])
    }

    /// Goes back to what was being done.
    #[inline]
    pub fn leave(&self, before: Part) {
        self.probe.enter(before);
    }

    /// Does some work.
    #[inline]
    pub fn within<T>(&self, work: Work, call: impl FnOnce() -> T) -> T {
        self.probe.within(self.parts[work as usize], call)
    }
}
