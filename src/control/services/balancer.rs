//! Which endpoint a request goes to (spec: orchestrators-a.md 9.2; nginx's `round_robin` and
//! `least_conn`, `HAProxy`'s random of two).
//!
//! Deterministic algorithms use integers alone, so their sequences are exact.

use crate::control::autoscale::finding::{Finding, Findings, Problem};
use crate::model::Text;
pub use crate::model::service::Balancing as Algorithm;
use crate::rng::Stream;
use crate::units::{Duration, Instant};

/// When an endpoint that fails is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// After so many failures; 0 never.
    pub max_fails: i64,
    /// For so long; then one request tries it.
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

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
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
    /// When it last failed.
    accessed: Option<Instant>,
    /// When it last failed or was tried again.
    checked: Option<Instant>,
}

/// A balancer: one client's, one node's or one proxy's view of a service.
#[derive(Clone, Debug)]
pub struct Balancer {
    algorithm: Algorithm,
    limits: Limits,
    peers: Vec<Peer>,
    /// The name of the endpoint that round-robin picked last.
    last: Option<Text>,
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
            rng,
        }
    }

    /// What is wrong with a list of weights.
    pub fn findings(object: &str, endpoints: &[(Text, i64)]) -> Vec<Finding> {
        let mut found = Findings::new(object);
        for (id, weight) in endpoints {
            let field = format!("endpoints.{id}.weight");
            found.expect(*weight >= 0, field, weight, "0 or more");
        }
        let sum: i64 = endpoints.iter().map(|(_, weight)| (*weight).max(0)).sum();
        if sum == 0 && !endpoints.is_empty() {
            found.add("endpoints", Problem::NoWeight);
        }
        found.list
    }

    /// The endpoints from now on, with their weights; those known keep their state. Weights below
    /// 1 take an endpoint out of the rotation.
    pub fn set_endpoints(&mut self, endpoints: &[(Text, i64)]) {
        let mut peers: Vec<Peer> = Vec::with_capacity(endpoints.len());
        for (id, weight) in endpoints.iter().filter(|(_, weight)| *weight > 0) {
            let known = self.peers.iter().find(|peer| peer.id == *id);
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
        let live: Vec<usize> = (0..self.peers.len())
            .filter(|&place| self.is_live(place, now) && !tried.contains(&self.peers[place].id))
            .collect();
        if live.is_empty() {
            return None;
        }
        let place = match self.algorithm {
            Algorithm::RoundRobin => self.next_in_turn(&live),
            Algorithm::SmoothWeighted => self.smooth(&live),
            Algorithm::LeastConnections => self.least_connections(&live),
            Algorithm::Random => live[self.rng.below(live.len() as u64) as usize],
            Algorithm::TwoChoices => self.two_choices(&live),
            Algorithm::Source => self.by_source(&live, client),
        };
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

    /// A request to an endpoint ended.
    pub fn finish(&mut self, now: Instant, id: &str, served: Served) {
        let Some(place) = self.peer(id) else {
            return;
        };
        let max_fails = self.limits.max_fails;
        let peer = &mut self.peers[place];
        peer.connections = (peer.connections - 1).max(0);
        match served {
            Served::Well => {
                if peer.accessed < peer.checked {
                    peer.fails = 0;
                }
            }
            Served::Failed => {
                peer.fails += 1;
                (peer.accessed, peer.checked) = (Some(now), Some(now));
                if max_fails > 0 {
                    peer.effective = (peer.effective - peer.weight / max_fails).max(0);
                }
            }
        }
    }

    fn peer(&self, id: &str) -> Option<usize> {
        self.peers.iter().position(|peer| *peer.id == *id)
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
        let after = |last: &Text| {
            let mut later = live.iter().copied();
            later.find(|&place| self.peers[place].id > *last)
        };
        let place = self.last.as_ref().and_then(after).unwrap_or(live[0]);
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
mod tests {
    use super::*;

    const START: Instant = Instant::from_secs(1000);

    fn balancer(algorithm: Algorithm, weights: &[(&str, i64)]) -> Balancer {
        let rng = Stream::new(7, "balancer", 0);
        let mut own = Balancer::new(algorithm, Limits::default(), rng);
        let list: Vec<(Text, i64)> = weights.iter().map(|&(id, w)| (id.into(), w)).collect();
        own.set_endpoints(&list);
        own
    }

    fn sequence(own: &mut Balancer, requests: usize) -> String {
        let picks = (0..requests).map(|_| own.pick(START, 0, &[]).expect("an endpoint"));
        picks.collect::<Vec<_>>().concat()
    }

    #[test]
    fn deterministic_sequences_are_those_of_the_examples() {
        for (algorithm, weights, expected) in [
            (
                Algorithm::SmoothWeighted,
                &[("a", 5), ("b", 1), ("c", 1)][..],
                "aabacaa",
            ),
            (
                Algorithm::SmoothWeighted,
                &[("a", 3), ("b", 2)],
                "ababaababa",
            ),
            (
                Algorithm::RoundRobin,
                &[("b", 1), ("a", 1), ("c", 1)],
                "abcabca",
            ),
        ] {
            let mut own = balancer(algorithm, weights);
            assert_eq!(
                sequence(&mut own, expected.len()),
                expected,
                "{algorithm:?}"
            );
        }
        let mut own = balancer(Algorithm::SmoothWeighted, &[("a", 5), ("b", 1), ("c", 1)]);
        sequence(&mut own, 7);
        assert_eq!(own.current_weights(), [("a", 0), ("b", 0), ("c", 0)]);
    }

    #[test]
    fn least_connections_counts_weights_and_takes_turns_among_equals() {
        let weights = [("a", 1), ("b", 1), ("c", 2)];
        let mut own = balancer(Algorithm::LeastConnections, &weights);
        own.peers[0].connections = 2;
        own.peers[2].connections = 1;
        assert_eq!(sequence(&mut own, 6), "bccbcb");
        let open: Vec<i64> = ["a", "b", "c"]
            .iter()
            .map(|id| own.connections(id))
            .collect();
        assert_eq!(open, [2, 3, 4]);
    }

    #[test]
    fn an_endpoint_that_fails_is_left_out_and_tried_once_later() {
        let mut own = balancer(Algorithm::RoundRobin, &[("a", 1), ("b", 1)]);
        let at = |secs| START + Duration::from_secs(secs);
        assert_eq!(own.pick(at(0), 0, &[]).as_deref(), Some("a"));
        own.finish(at(0), "a", Served::Failed);
        assert_eq!(own.pick(at(0), 0, &["a".into()]).as_deref(), Some("b"));
        assert_eq!(own.pick(at(10), 0, &[]).as_deref(), Some("b"));
        assert_eq!(own.pick(at(11), 0, &["b".into()]).as_deref(), Some("a"));
        // While it is being tried, no other request goes there.
        assert_eq!(own.pick(at(12), 0, &["b".into()]), None);
        own.finish(at(12), "a", Served::Well);
        assert_eq!(own.pick(at(12), 0, &["b".into()]).as_deref(), Some("a"));
    }

    #[test]
    fn a_million_requests_are_spread_as_each_algorithm_says() {
        const REQUESTS: i64 = 1_000_000;
        let weights = [("a", 1), ("b", 1), ("c", 1), ("d", 1)];
        for algorithm in [
            Algorithm::RoundRobin,
            Algorithm::SmoothWeighted,
            Algorithm::LeastConnections,
            Algorithm::TwoChoices,
            Algorithm::Random,
        ] {
            let mut own = balancer(algorithm, &weights);
            for client in 0..REQUESTS {
                own.pick(START, client as u64, &[]);
            }
            let share = REQUESTS / 4;
            // Five standard deviations of a binomial where requests are drawn.
            let tolerance = match algorithm {
                Algorithm::Random => 5 * 433,
                Algorithm::TwoChoices => 10,
                _ => 0,
            };
            for (id, _) in weights {
                let error = (own.connections(id) - share).abs();
                assert!(error <= tolerance, "{algorithm:?} {id}: {error}");
            }
        }
    }

    #[test]
    fn a_source_stays_with_its_endpoint_and_weights_share_sources() {
        let mut own = balancer(Algorithm::Source, &[("a", 1), ("b", 3)]);
        let mut counts = [0_i64; 2];
        for client in 0..40_000 {
            let one = own.pick(START, client, &[]).expect("an endpoint");
            assert_eq!(own.pick(START, client, &[]), Some(one.clone()));
            counts[usize::from(&*one == "b")] += 1;
        }
        assert!((counts[0] - 10_000).abs() < 450, "{counts:?}");
    }

    #[test]
    fn weights_without_a_sum_are_told() {
        let told = Balancer::findings("service web", &[("a".into(), 0), ("b".into(), -1)]);
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "service web: endpoints.b.weight: -1 is out of range; expected 0 or more",
                "service web: endpoints: all weights are 0, so nothing could be picked; give one \
                 a weight",
            ]
        );
    }
}
