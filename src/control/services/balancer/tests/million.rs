//! A million requests: the deterministic algorithms against models of their own, request by request,
//! the others by chi-square tests and by the bound on the fullest endpoint.

use std::collections::VecDeque;

use super::*;
use crate::services::ingress::{Backend, split};
use rng::math;

const REQUESTS: u64 = 1_000_000;

/// Endpoints `00`, `01` … of some weights.
fn weighted(algorithm: Algorithm, weights: &[i64]) -> Balancer {
    let rng = Stream::new(11, "balancer", 0);
    let mut own = Balancer::new(algorithm, Limits::default(), rng);
    let list: Vec<(Text, i64)> = (weights.iter().enumerate())
        .map(|(place, &weight)| (name(place), weight))
        .collect();
    own.set_endpoints(&list);
    own
}

fn name(place: usize) -> Text {
    format!("{place:03}").into()
}

fn place(own: &mut Balancer, client: u64) -> usize {
    let id = own.pick(START, client, &[]).expect("an endpoint");
    id.parse().expect("a number")
}

/// Reference form of nginx's rule: current weights grow by the weights, the first of the greatest
/// is taken and pays for all.
struct Smooth {
    weights: Vec<i64>,
    current: Vec<i64>,
}

impl Smooth {
    fn step(&mut self, among: &[usize]) -> usize {
        let mut total = 0;
        for &place in among {
            self.current[place] += self.weights[place];
            total += self.weights[place];
        }
        let most = among.iter().map(|&place| self.current[place]).max();
        let mut first = among.iter().copied();
        let taken = first
            .find(|&place| Some(self.current[place]) == most)
            .expect("one is the greatest");
        self.current[taken] -= total;
        taken
    }
}

#[test]
fn turns_are_exact() {
    let mut own = weighted(Algorithm::RoundRobin, &[1; 17]);
    for request in 0..REQUESTS {
        assert_eq!(place(&mut own, request) as u64, request % 17);
    }
}

#[test]
fn weighted_turns_are_exact_and_come_back_to_nothing_after_each_period() {
    let weights = vec![7, 1, 4, 3, 5];
    let period: i64 = weights.iter().sum();
    let mut own = weighted(Algorithm::SmoothWeighted, &weights);
    let all: Vec<usize> = (0..weights.len()).collect();
    let current = vec![0; weights.len()];
    let mut model = Smooth { weights, current };
    let mut counts = vec![0_i64; all.len()];
    for request in 1..=REQUESTS as i64 {
        let taken = place(&mut own, 0);
        assert_eq!(taken, model.step(&all), "request {request}");
        counts[taken] += 1;
        if request % period == 0 {
            let turns = request / period;
            assert!(own.current_weights().iter().all(|(_, own)| *own == 0));
            let fair = counts.iter().zip(&model.weights);
            assert!(fair.clone().all(|(count, weight)| *count == turns * weight));
        }
    }
}

#[test]
fn fewest_connections_are_exact_with_ties_in_turn() {
    let weights = vec![1, 2, 1, 3, 2];
    let count = weights.len();
    let mut own = weighted(Algorithm::LeastConnections, &weights);
    let mut turns = Smooth {
        current: vec![0; count],
        weights,
    };
    let mut open = vec![0_i64; count];
    let mut closing: VecDeque<(u64, usize)> = VecDeque::new();
    for request in 0..REQUESTS {
        while let Some((_, place)) = closing.pop_front_if(|(at, _)| *at <= request) {
            own.finish(START, &name(place), RequestOutcome::Well);
            open[place] -= 1;
        }
        // Loads as fractions over a common denominator, 6 for these weights.
        let load = |place: usize| open[place] * 6 / turns.weights[place];
        let least = (0..count).map(load).min();
        let equals: Vec<usize> = (0..count)
            .filter(|&place| Some(load(place)) == least)
            .collect();
        let expected = match equals[..] {
            [only] => only,
            _ => turns.step(&equals),
        };
        assert_eq!(place(&mut own, 0), expected, "request {request}");
        open[expected] += 1;
        // Each goes on for 3 to 23 requests, in no pattern of the weights; they end in order.
        let until = request + 3 + hash64(request) % 21;
        let last = closing.back().map_or(0, |(at, _)| *at);
        closing.push_back((until.max(last), expected));
    }
    let connections = (0..count).map(|place| own.connections(&name(place)));
    assert_eq!(connections.collect::<Vec<_>>(), open);
}

/// Between which values chi-square lies but for one time in a million on either side, by Wilson and
/// Hilferty.
fn bounds(degrees: f64) -> (f64, f64) {
    let spread = 4.753 * math::sqrt(2.0 / (9.0 * degrees));
    let at = |z: f64| degrees * math::pow(1.0 - 2.0 / (9.0 * degrees) + z, 3.0);
    (at(-spread), at(spread))
}

/// Counts are those of the weights, neither further away nor nearer than chance brings them.
fn is_by_chance(counts: &[u64], weights: &[i64]) {
    let all: u64 = counts.iter().sum();
    let total: i64 = weights.iter().sum();
    let parts = counts.iter().zip(weights).map(|(&count, &weight)| {
        let expected = all as f64 * weight as f64 / total as f64;
        let error = count as f64 - expected;
        error * error / expected
    });
    let found: f64 = parts.sum();
    let (low, high) = bounds(counts.len() as f64 - 1.0);
    assert!((low..high).contains(&found), "{low} {found} {high}");
}

#[test]
fn any_endpoint_is_as_likely_as_any_other_whatever_came_before() {
    let mut own = weighted(Algorithm::Random, &[1; 12]);
    let (mut counts, mut pairs) = ([0_u64; 12], [0_u64; 144]);
    let mut before = place(&mut own, 0);
    for request in 1..=REQUESTS {
        let now = place(&mut own, request);
        counts[now] += 1;
        // Pairs that do not overlap are drawn anew.
        if request % 2 == 0 {
            pairs[before * 12 + now] += 1;
        }
        before = now;
    }
    is_by_chance(&counts, &[1; 12]);
    is_by_chance(&pairs, &[1; 144]);
}

#[test]
fn weights_are_kept_by_draws_and_by_hashes_of_clients() {
    let weights: Vec<i64> = (1..=10).collect();
    let backends: Vec<Backend> = (weights.iter().enumerate())
        .map(|(place, &weight)| Backend {
            service: name(place),
            weight,
        })
        .collect();
    let mut rng = Stream::new(11, "routes", 0);
    let mut own = weighted(Algorithm::Source, &weights);
    let (mut drawn, mut hashed) = ([0_u64; 10], [0_u64; 10]);
    for request in 0..REQUESTS {
        let backend = split(&backends, &mut rng).expect("a weight");
        drawn[backend.service.parse::<usize>().expect("a number")] += 1;
        hashed[place(&mut own, request)] += 1;
    }
    is_by_chance(&drawn, &weights);
    is_by_chance(&hashed, &weights);
}

#[test]
fn of_two_choices_the_fullest_endpoint_has_hardly_more_than_its_share() {
    const ENDPOINTS: usize = 100;
    let gap = |algorithm| {
        let mut own = weighted(algorithm, &[1; ENDPOINTS]);
        let mut counts = [0_u64; ENDPOINTS];
        for request in 0..REQUESTS {
            counts[place(&mut own, request)] += 1;
        }
        let most = counts.iter().max().copied().unwrap_or(0);
        most - REQUESTS / ENDPOINTS as u64
    };
    // ln ln n / ln 2 and a constant, however many requests there are (Berenbrink, Czumaj, Steger and
    // Vöcking 2000); with one choice √(2 m/n ln n) = 303.
    let bound = math::ln(math::ln(ENDPOINTS as f64)) / math::ln(2.0) + 2.0;
    let (two, one) = (gap(Algorithm::TwoChoices), gap(Algorithm::Random));
    assert!(two as f64 <= bound, "{two} {bound}");
    assert!((150..450).contains(&one), "{one}");
}
