//! Arrivals of requests: every group draws by streams of its own.

use rng::Stream;
use units::{Duration, Instant};

use super::super::fluid::Shared;
use super::super::plan::{Load, TrafficPlan};
use super::super::rate::MICRO;
use super::{Happening, Request, Requests, World};

/// The random streams of a group.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    pub(super) arrivals: Stream,
    pub(super) clients: Stream,
    pub(super) routes: Stream,
    pub(super) service: Stream,
    pub(super) errors: Stream,
    pub(super) entries: Stream,
    pub(super) cold_starts: Stream,
}

impl Draws {
    pub(super) fn new(seed: u64, group: usize) -> Self {
        let stream = |purpose| Stream::new(seed, purpose, group as u64);
        Self {
            arrivals: stream("traffic/arrivals"),
            clients: stream("traffic/clients"),
            routes: stream("traffic/routes"),
            service: stream("traffic/service"),
            errors: stream("traffic/errors"),
            entries: stream("traffic/entries"),
            cold_starts: stream("traffic/cold-starts"),
        }
    }
}

impl Requests {
    /// Draws when the next request of an open loop comes, as long as the rate stays.
    pub(super) fn draw_next(&mut self, plan: &TrafficPlan, group: usize, now: Instant) {
        let Load::Open(rate) = &plan.groups[group].load else {
            return;
        };
        let (draws, count) = &mut self.groups[group];
        *count += 1;
        let draw = *count;
        let mut from = now;
        loop {
            let piece = rate.piece(from);
            let at = if piece.micro == 0 {
                None
            } else {
                let mean = 1e9 * MICRO as f64 / piece.micro as f64;
                let pause = draws.arrivals.exponential(mean).min(9e18);
                Some(from.saturating_add(Duration::from_nanos(pause as i64)))
            };
            match (at, piece.until) {
                (Some(at), until) if until.is_none_or(|until| at < until) => {
                    self.push(at, Happening::Ask { group, draw });
                    return;
                }
                // The process has no memory: it is drawn anew where the rate changes.
                (_, Some(until)) => from = until,
                (_, None) => return,
            }
        }
    }

    pub(super) fn think(&mut self, group: usize, now: Instant, think: Duration) {
        let draws = &mut self.groups[group].0;
        let pause = draws
            .arrivals
            .exponential(think.as_nanos().max(1) as f64)
            .min(9e18);
        let at = now.saturating_add(Duration::from_nanos(pause as i64));
        self.push(at, Happening::Ask { group, draw: 0 });
    }

    pub(super) fn ask(
        &mut self,
        now: Instant,
        group: usize,
        world: &mut World<'_>,
        shared: &mut Shared<'_>,
    ) {
        let draws = &mut self.groups[group].0;
        let client = draws
            .clients
            .below(shared.plan.groups[group].clients.max(1));
        let routes = &world.routes[group];
        let total: u64 = routes.iter().map(|(_, _, weight)| weight).sum();
        let mut point = draws.routes.below(total.max(1));
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
