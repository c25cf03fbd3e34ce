//! Arrivals of requests: every group draws by a stream of its own, and so does every request.

use rng::{Stream, Streams};
use units::{Duration, Identity, Instant};

use super::super::fluid::SharedState;
use super::super::plan::{Load, TrafficPlan};
use super::super::rate::MICRO;
use super::{NextEvent, Request, Requests, World};

/// The random streams of requests, each request and each try at its own.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    pub(super) thinks: Streams,
    pub(super) clients: Streams,
    pub(super) routes: Streams,
    pub(super) service: Streams,
    pub(super) errors: Streams,
    pub(super) entries: Streams,
    pub(super) cold_starts: Streams,
}

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        let streams = |purpose| Streams::new(seed, purpose);
        Self {
            thinks: streams("traffic/thinks"),
            clients: streams("traffic/clients"),
            routes: streams("traffic/routes"),
            service: streams("traffic/service"),
            errors: streams("traffic/errors"),
            entries: streams("traffic/entries"),
            cold_starts: streams("traffic/cold-starts"),
        }
    }
}

/// An asker of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientKey {
    pub(super) group: usize,
    pub(super) asker: u32,
}

/// The askers of a group: its clients in a loop, or one for all that ask at a rate.
#[derive(Clone, Debug)]
pub(super) struct ClientGroup {
    /// Stable identity of the group.
    pub(super) who: Identity,
    arrivals: Stream,
    /// Number of draws of the time of the next request at a rate.
    pub(super) drawn: u64,
    /// Requests of each asker so far.
    asked: Vec<u64>,
}

impl ClientGroup {
    /// Stable identity of the next request of an asker.
    fn next(&self, asker: u32) -> Identity {
        let asked = self.asked.get(asker as usize).copied().unwrap_or(0);
        self.who.nth(u64::from(asker)).nth(asked)
    }

    fn count(&mut self, asker: u32) {
        let asker = asker as usize;
        if self.asked.len() <= asker {
            self.asked.resize(asker + 1, 0);
        }
        self.asked[asker] += 1;
    }
}

/// The askers of every group of a plan; groups of one name are distinguished by their order.
pub(super) fn askers(plan: &TrafficPlan, seed: u64) -> Vec<ClientGroup> {
    let groups = plan.groups.iter().enumerate();
    let askers = groups.map(|(place, group)| {
        let earlier = plan.groups[..place].iter();
        let same = earlier.filter(|other| other.name == group.name).count();
        let who = Identity::of(&group.name).nth(same as u64);
        ClientGroup {
            who,
            arrivals: Stream::of(seed, "traffic/arrivals", who),
            drawn: 0,
            asked: Vec::new(),
        }
    });
    askers.collect()
}

impl Requests {
    /// Draws when the next request of an open loop comes, as long as the rate stays.
    pub(super) fn draw_next(&mut self, plan: &TrafficPlan, group: usize, now: Instant) {
        let Load::Open(rate) = &plan.groups[group].load else {
            return;
        };
        let askers = &mut self.askers[group];
        askers.drawn += 1;
        let draw = askers.drawn;
        let mut from = now;
        loop {
            let piece = rate.piece(from);
            let at = if piece.micro == 0 {
                None
            } else {
                let mean = 1e9 * MICRO as f64 / piece.micro as f64;
                let pause = askers.arrivals.exponential(mean).min(9e18);
                Some(from.saturating_add(Duration::from_nanos(pause as i64)))
            };
            match (at, piece.until) {
                (Some(at), until) if until.is_none_or(|until| at < until) => {
                    let asker = 0;
                    self.push(at, NextEvent::Ask { group, draw, asker });
                    return;
                }
                // The process has no memory: it is drawn anew where the rate changes.
                (_, Some(until)) => from = until,
                (_, None) => return,
            }
        }
    }

    /// A client that asks in a loop thinks before its next request.
    pub(super) fn think(&mut self, group: usize, asker: u32, now: Instant, think: Duration) {
        let mut stream = self.draws.thinks.of(self.askers[group].next(asker));
        let mean = think.as_nanos().max(1) as f64;
        let pause = stream.exponential(mean).min(9e18);
        let at = now.saturating_add(Duration::from_nanos(pause as i64));
        let draw = 0;
        self.push(at, NextEvent::Ask { group, draw, asker });
    }

    pub(super) fn ask(
        &mut self,
        now: Instant,
        from: ClientKey,
        world: &mut World<'_>,
        shared: &mut SharedState<'_>,
    ) {
        let ClientKey { group, asker } = from;
        let who = self.askers[group].next(asker);
        self.askers[group].count(asker);
        let clients = shared.plan.groups[group].clients.max(1);
        let client = self.draws.clients.of(who).below(clients);
        let routes = &world.routes[group];
        let total: u64 = routes.iter().map(|(_, _, weight)| weight).sum();
        let mut point = self.draws.routes.of(who).below(total.max(1));
        let mut chosen = routes[0];
        for &route in routes {
            chosen = route;
            if point < route.2 {
                break;
            }
            point -= route.2;
        }
        let (service, flow, _) = chosen;
        let request = Request {
            group,
            asker,
            who,
            service,
            flow,
            client: client ^ (group as u64) << 40,
            first: now,
            tries: 0,
            serial: 0,
            at: None,
        };
        let budget = shared.plan.groups[group].retries.budget;
        if budget.is_finite() {
            let tokens = self.tokens.entry(flow).or_default();
            *tokens = (*tokens + budget).min(100.0_f64.max(budget));
        }
        self.counts(service, flow).offered += 1;
        let place = if let Some(place) = self.vacant.pop() {
            self.open[place] = Some(request);
            place
        } else {
            self.open.push(Some(request));
            self.open.len() - 1
        };
        self.attempt(now, place, world, shared);
    }
}
