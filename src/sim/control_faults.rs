//! Faults of a control plane, as its components meet them: they are away, forget what they knew,
//! see late, and their requests are slow, refused or lost (spec: orchestrators-b.md 10.3).

use cluster::Store;
use control::{Component, Program, Write};
use model::Event;
use rng::Streams;
use units::{Duration, Identity, Instant, SortedMap};

/// A part of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Every program.
    All,
    /// A program.
    Of(Program),
}

impl Part {
    /// Whether a program is of the part.
    pub(super) fn has(self, program: Program) -> bool {
        match self {
            Self::All => program != Program::Outside,
            Self::Of(own) => own == program,
        }
    }

    pub(super) fn covers(self, component: &dyn Component) -> bool {
        self.has(component.program())
    }

    /// The name of the incident that the part has no leader.
    pub(super) const fn without_leader(self) -> &'static str {
        match self {
            Self::All => "no leader",
            Self::Of(program) => program.absence(),
        }
    }

    /// Identity of the part among random streams.
    pub(super) const fn entity(self) -> u64 {
        match self {
            Self::All => 0,
            Self::Of(program) => program as u64 + 1,
        }
    }
}

/// The changes that a part sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewFault {
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
    /// Time from one request to the next in the long run; zero without a limit.
    pub per_request: Duration,
    /// Requests at once after a pause, at least 1.
    pub burst: u32,
}

impl ApiLimit {
    /// The instants at which so many requests are sent that are ready at `from`, with the token of
    /// the last request sent before: a bucket of `burst` tokens, one of which is back every
    /// `per_request` (client-go `flowcontrol.NewTokenBucketRateLimiter`).
    fn sent(&self, from: Instant, last: &mut Instant, requests: usize) -> Vec<Instant> {
        let start = from.saturating_add(self.delay);
        let burst = i64::from(self.burst.max(1));
        let whole = self.per_request.checked_mul(burst).unwrap_or(Duration::MAX);
        let full = Instant::from_nanos(start.as_nanos().saturating_sub(whole.as_nanos()));
        let sent = (0..requests).map(|_| {
            *last = (*last).max(full).saturating_add(self.per_request);
            (*last).max(start)
        });
        sent.collect()
    }
}

/// The faults of a cell's control plane.
#[derive(Debug)]
pub(super) struct ControlFaults {
    binds: Option<BindFault>,
    api: Vec<(Part, ApiLimit)>,
    /// The token of the last request that a component sent under a limit, by its place.
    last: SortedMap<(Part, usize), Instant>,
    streams: Streams,
    /// Failed bindings of pods that are to be bound again.
    failed: SortedMap<Identity, u32>,
}

impl ControlFaults {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            binds: None,
            api: Vec::new(),
            last: SortedMap::new(),
            streams: Streams::new(seed, "bind-faults"),
            failed: SortedMap::new(),
        }
    }

    /// Bindings fail, or don't any more.
    pub(super) const fn fail_binds(&mut self, fault: Option<BindFault>) {
        self.binds = fault;
    }

    /// Requests of a part are slow, or no more.
    pub(super) fn limit(&mut self, part: Part, limit: Option<ApiLimit>) {
        self.api.retain(|(known, _)| *known != part);
        self.last.retain(|(known, _), _| *known != part);
        self.api.extend(limit.map(|limit| (part, limit)));
    }

    /// Instants at which a number of requests of the component at a place are sent that are ready at
    /// `from`, in order; empty where no limit holds them back.
    pub(super) fn sent(
        &mut self,
        from: Instant,
        place: usize,
        component: &dyn Component,
        requests: usize,
    ) -> Vec<Instant> {
        let mut sent = Vec::new();
        let limits = self.api.iter().filter(|(part, _)| part.covers(component));
        for &(part, limit) in limits {
            let first = Instant::from_nanos(i64::MIN / 2);
            let last = self.last.entry((part, place)).or_insert(first);
            let own = limit.sent(from, last, requests);
            if sent.is_empty() {
                sent = own;
            } else {
                let both = sent.iter_mut().zip(own);
                both.for_each(|(known, own)| *known = own.max(*known));
            }
        }
        sent
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_take_tokens_from_a_bucket() {
        let limit = ApiLimit {
            delay: Duration::ZERO,
            per_request: Duration::from_millis(50),
            burst: 30,
        };
        let at = |millis: i64| Instant::ZERO.saturating_add(Duration::from_millis(millis));
        let mut last = Instant::from_nanos(i64::MIN / 2);
        let sent = limit.sent(at(1_000), &mut last, 500);
        assert!(sent[..30].iter().all(|&sent| sent == at(1_000)));
        assert_eq!(sent[30..33], [1_050, 1_100, 1_150].map(at));
        assert_eq!(sent[499], at(1_000 + 470 * 50));
        // A pause of ten intervals brings ten tokens.
        let sent = limit.sent(at(25_000), &mut last, 12);
        assert_eq!(sent[9..], [25_000, 25_050, 25_100].map(at));
    }
}
