//! Choice of the endpoint for a request (spec: orchestrators-a.md 9.2; nginx's `round_robin` and
//! `least_conn`, `HAProxy`'s random of two).
//!
//! Deterministic algorithms use integers alone, so their sequences are exact. Tests by section:
//! 9.2 worked sequences `deterministic_sequences_are_those_of_the_examples` and
//! `least_connections_counts_weights_and_takes_turns_among_equals`; failures, time-outs and the next
//! endpoint `an_endpoint_that_fails_is_left_out_and_tried_once_later`; a million requests each,
//! sequences and distributions, in `tests/million.rs`.

use model::Text;
pub use model::service::Balancing as Algorithm;
use rng::Stream;
use units::{Duration, Instant};

/// Limits at which an endpoint that fails is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Number of failures that leave an endpoint out; 0 never.
    pub max_fails: i64,
    /// Time for which the endpoint is left out; then one request tries it.
    pub fail_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
        }
    }
}

/// Outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Well.
    Well,
    /// Badly: the endpoint counts as failing.
    Failed,
}

/// An endpoint as a balancer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Peer {
    id: Text,
    weight: i64,
    effective: i64,
    current: i64,
    connections: i64,
    fails: i64,
    /// Instant of the endpoint's last failure.
    accessed: Option<Instant>,
    /// Instant at which the endpoint last failed or was tried again.
    checked: Option<Instant>,
}

/// A balancer: one client's, one node's or one proxy's view of a service.
#[derive(Clone, Debug)]
pub struct Balancer {
    algorithm: Algorithm,
    limits: Limits,
    /// In the order of their names.
    peers: Vec<Peer>,
    /// The name of the endpoint that round-robin picked last.
    last: Option<Text>,
    /// Whether any endpoint may be left out: until one fails, none is.
    may_leave_out: bool,
    /// The endpoints that may be picked, as of the last request, and whether those are all.
    live: Vec<usize>,
    is_whole: bool,
    rng: Stream,
}

impl Balancer {
    /// A balancer without endpoints.
    pub fn new(algorithm: Algorithm, limits: Limits, rng: Stream) -> Self {
        Self {
            algorithm,
            limits,
            peers: Vec::new(),
            last: None,
            may_leave_out: false,
            live: Vec::new(),
            is_whole: false,
            rng,
        }
    }

    /// The endpoints from now on, with their weights; those known keep their state. Weights below
    /// 1 take an endpoint out of the rotation.
    pub fn set_endpoints(&mut self, endpoints: &[(Text, i64)]) {
        let mut peers: Vec<Peer> = Vec::with_capacity(endpoints.len());
        for (id, weight) in endpoints.iter().filter(|(_, weight)| *weight > 0) {
            let known = self.peer(id).map(|place| &self.peers[place]);
            peers.push(match known {
                Some(known) if known.weight == *weight => known.clone(),
                _ => Peer {
                    id: id.clone(),
                    weight: *weight,
                    effective: *weight,
                    current: 0,
                    connections: known.map_or(0, |known| known.connections),
                    fails: 0,
                    accessed: None,
                    checked: None,
                },
            });
        }
        peers.sort_by(|one, other| one.id.cmp(&other.id));
        self.may_leave_out = peers.iter().any(|peer| peer.fails > 0);
        self.is_whole = false;
        self.peers = peers;
    }

    /// The connections that are open to an endpoint.
    pub fn connections(&self, id: &str) -> i64 {
        self.peer(id)
            .map_or(0, |place| self.peers[place].connections)
    }

    /// The current weights of the smooth form, in the order of the names.
    pub fn current_weights(&self) -> Vec<(&str, i64)> {
        let peers = self.peers.iter();
        peers.map(|peer| (&*peer.id, peer.current)).collect()
    }

    /// Sends a request of a client to an endpoint, not to those that were tried; `None` if none is
    /// left. It counts as a connection until [`Balancer::finish`].
    pub fn pick(&mut self, now: Instant, client: u64, tried: &[Text]) -> Option<Text> {
        let live = self.live_at(now, tried);
        let place = self.choose(&live, client);
        self.live = live;
        let place = place?;
        let timeout = self.limits.fail_timeout;
        let peer = &mut self.peers[place];
        peer.connections += 1;
        // One request tries an endpoint whose time-out is over; others wait for what comes of it.
        if let Some(checked) = peer.checked
            && now.since(checked) > timeout
        {
            peer.checked = Some(now);
        }
        Some(peer.id.clone())
    }

    /// The endpoints that may be picked. As long as nothing failed these are all, and the list is kept.
    fn live_at(&mut self, now: Instant, tried: &[Text]) -> Vec<usize> {
        let mut live = std::mem::take(&mut self.live);
        let is_whole = tried.is_empty() && !self.may_leave_out;
        if is_whole && self.is_whole {
            return live;
        }
        live.clear();
        live.extend((0..self.peers.len()).filter(|&place| {
            is_whole || (self.is_live(place, now) && !tried.contains(&self.peers[place].id))
        }));
        self.is_whole = is_whole;
        live
    }

    fn choose(&mut self, live: &[usize], client: u64) -> Option<usize> {
        if live.is_empty() {
            return None;
        }
        Some(match self.algorithm {
            Algorithm::RoundRobin => self.next_in_turn(live),
            Algorithm::SmoothWeighted => self.smooth(live),
            Algorithm::LeastConnections => self.least_connections(live),
            Algorithm::Random => live[self.rng.below(live.len() as u64) as usize],
            Algorithm::TwoChoices => self.two_choices(live),
            Algorithm::Source => self.by_source(live, client),
        })
    }

    /// A request to an endpoint ended.
    pub fn finish(&mut self, now: Instant, id: &str, served: RequestOutcome) {
        let Some(place) = self.peer(id) else {
            return;
        };
        let max_fails = self.limits.max_fails;
        let peer = &mut self.peers[place];
        peer.connections = (peer.connections - 1).max(0);
        match served {
            RequestOutcome::Well => {
                if peer.accessed < peer.checked {
                    peer.fails = 0;
                }
            }
            RequestOutcome::Failed => {
                peer.fails += 1;
                (peer.accessed, peer.checked) = (Some(now), Some(now));
                if max_fails > 0 {
                    self.may_leave_out = true;
                    peer.effective = (peer.effective - peer.weight / max_fails).max(0);
                }
            }
        }
    }

    fn peer(&self, id: &str) -> Option<usize> {
        let found = self.peers.binary_search_by(|peer| (*peer.id).cmp(id));
        found.ok()
    }

    fn is_live(&self, place: usize, now: Instant) -> bool {
        let peer = &self.peers[place];
        let Limits {
            max_fails,
            fail_timeout,
        } = self.limits;
        let is_out = max_fails > 0 && peer.fails >= max_fails;
        !(is_out && peer.checked.is_some_and(|at| now.since(at) <= fail_timeout))
    }

    fn next_in_turn(&mut self, live: &[usize]) -> usize {
        let after = self.last.as_ref().map_or(0, |last| {
            live.partition_point(|&place| self.peers[place].id <= *last)
        });
        let place = live.get(after).copied().unwrap_or(live[0]);
        self.last = Some(self.peers[place].id.clone());
        place
    }

    /// One step of the smooth form over some endpoints; the first of equals wins.
    fn smooth(&mut self, live: &[usize]) -> usize {
        let mut total = 0;
        let mut best = live[0];
        for (index, &place) in live.iter().enumerate() {
            let peer = &mut self.peers[place];
            peer.current += peer.effective;
            total += peer.effective;
            if peer.effective < peer.weight {
                peer.effective += 1;
            }
            let current = peer.current;
            if index == 0 || current > self.peers[best].current {
                best = place;
            }
        }
        self.peers[best].current -= total;
        best
    }

    fn least_connections(&mut self, live: &[usize]) -> usize {
        let load = |place: usize, other: usize| {
            self.peers[place]
                .connections
                .saturating_mul(self.peers[other].weight)
        };
        let mut best = live[0];
        for &place in live {
            if load(place, best) < load(best, place) {
                best = place;
            }
        }
        let equal = |place: &usize| load(*place, best) == load(best, *place);
        let equals: Vec<usize> = live.iter().copied().filter(equal).collect();
        match equals.as_slice() {
            [only] => *only,
            several => self.smooth(several),
        }
    }

    fn two_choices(&mut self, live: &[usize]) -> usize {
        let count = live.len() as u64;
        let first = self.rng.below(count) as usize;
        if count == 1 {
            return live[first];
        }
        let drawn = self.rng.below(count - 1) as usize;
        let second = drawn + usize::from(drawn >= first);
        let (first, second) = (live[first], live[second]);
        if self.peers[second].connections < self.peers[first].connections {
            second
        } else {
            first
        }
    }

    fn by_source(&self, live: &[usize], client: u64) -> usize {
        let total: i64 = live.iter().map(|&place| self.peers[place].weight).sum();
        let mut point = (hash64(client) % total.unsigned_abs().max(1)) as i64;
        for &place in live {
            point -= self.peers[place].weight;
            if point < 0 {
                return place;
            }
        }
        live[0]
    }
}

/// A hash of a client: the finisher of `SplitMix64`, whose every output bit depends on every
/// input bit.
pub fn hash64(client: u64) -> u64 {
    let mut bits = client.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests;
