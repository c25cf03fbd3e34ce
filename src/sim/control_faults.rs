//! Faults of a control plane, as its components meet them: they are away, forget what they knew,
//! see late, and their requests are slow, refused or lost (spec: orchestrators-b.md 10.3).

use std::collections::BTreeMap;

use cluster::Store;
use control::{Component, Write};
use model::Event;
use rng::Streams;
use units::{Duration, Identity};

/// A part of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every component.
    All,
    /// The components that place pods.
    Scheduler,
    /// Everything else.
    Controllers,
}

impl Part {
    pub(super) fn covers(self, component: &dyn Component) -> bool {
        match self {
            Self::All => true,
            Self::Scheduler => component.places_pods(),
            Self::Controllers => !component.places_pods(),
        }
    }

    /// The name of the incident that the part has no leader.
    pub(super) const fn without_leader(self) -> &'static str {
        match self {
            Self::All => "no leader",
            Self::Scheduler => "no scheduler",
            Self::Controllers => "no controllers",
        }
    }
}

/// The changes that a part sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it, so much later.
    Late(Duration),
    /// Nothing new.
    Stale,
}

/// Bindings that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindFault {
    /// Probability, in millionths.
    pub millionths: u32,
    /// If requests are lost and not refused, after how long the scheduler gives up.
    pub timeout: Option<Duration>,
}

/// Delays of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApiLimit {
    /// Time for which each step of a component has to wait for its answers.
    pub delay: Duration,
    /// Time of every single request, one after the other.
    pub per_request: Duration,
}

/// The faults of a cell's control plane.
#[derive(Debug)]
pub(super) struct ControlFaults {
    binds: Option<BindFault>,
    api: Vec<(Part, ApiLimit)>,
    streams: Streams,
    /// Failed bindings of pods that are to be bound again.
    failed: BTreeMap<Identity, u32>,
}

impl ControlFaults {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            binds: None,
            api: Vec::new(),
            streams: Streams::new(seed, "bind-faults"),
            failed: BTreeMap::new(),
        }
    }

    /// Bindings fail, or don't any more.
    pub(super) const fn fail_binds(&mut self, fault: Option<BindFault>) {
        self.binds = fault;
    }

    /// Requests of a part are slow, or no more.
    pub(super) fn limit(&mut self, part: Part, limit: Option<ApiLimit>) {
        self.api.retain(|(known, _)| *known != part);
        self.api.extend(limit.map(|limit| (part, limit)));
    }

    /// Time that a number of requests of a component takes.
    pub(super) fn charge(&self, component: &dyn Component, requests: usize) -> Duration {
        if self.api.is_empty() || requests == 0 {
            return Duration::ZERO;
        }
        let limits = self.api.iter().filter(|(part, _)| part.covers(component));
        let spans = limits.map(|(_, limit)| {
            let each = limit.per_request.checked_mul(requests as i64);
            each.and_then(|each| each.checked_add(limit.delay))
                .unwrap_or(Duration::MAX)
        });
        spans.max().unwrap_or(Duration::ZERO)
    }

    /// The fault that stops a write; `None` if nothing does.
    pub(super) fn hinders(&mut self, write: &Write, store: &Store) -> Option<BindFault> {
        let fault = self.binds?;
        let Event::PodBound { pod, .. } = write.event else {
            return None;
        };
        let who = store.identity_of(pod)?;
        let failed = self.failed.get(&who).copied().unwrap_or(0);
        let mut stream = self.streams.of(who.nth(u64::from(failed)));
        if stream.below(1_000_000) < u64::from(fault.millionths) {
            self.failed.insert(who, failed.saturating_add(1));
            return Some(fault);
        }
        self.failed.remove(&who);
        None
    }
}
