//! Pods as servers: kinds that differ in what they are, and how long requests take at one, as
//! profiles that are made once for alike loads.

use std::sync::Arc;

use model::service::{Balancing, ServerSpec};
use model::traffic::{LatencyProfile, TrafficNames};
use rng::{Distribution, math};

use super::plan::ServerDefaults;
use super::queueing::{self, Pods, Wait};
use units::SortedMap;

/// A kind of server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Settings of the server.
    pub own: ServerDefaults,
    /// The server's weight where requests are balanced by weight.
    pub weight: f64,
    /// Mean service time in nanoseconds, at least one.
    pub service: f64,
    /// Squared coefficient of variation of it.
    pub variation: f64,
    /// The service time as a few values in nanoseconds, ascending, with their parts.
    times: Vec<(f64, f64)>,
}

impl Server {
    fn new(own: ServerDefaults, weight: f64) -> Self {
        let law = &own.service_time;
        let times = discretized(law);
        let mean: f64 = times.iter().map(|(value, part)| value * part).sum();
        let square: f64 = times.iter().map(|(value, part)| value * value * part).sum();
        let variation = if mean > 0.0 {
            (square / (mean * mean) - 1.0).max(0.0)
        } else {
            0.0
        };
        let variation = match law.law() {
            rng::Law::Exponential { .. } => 1.0,
            _ => variation,
        };
        Self {
            own,
            weight,
            service: mean.max(1.0),
            variation,
            times,
        }
    }

    /// Requests a second that one pod can work on.
    pub(super) fn capacity(&self) -> f64 {
        f64::from(self.own.concurrency) * 1e9 / self.service
    }

    /// The part of requests that take longer than some nanoseconds, waiting included.
    pub(super) fn tail(&self, wait: Wait, base: f64, nanos: f64) -> f64 {
        let longest = self.times.last().map_or(0.0, |(value, _)| *value);
        if nanos > base + longest + 40.0 * wait.mean {
            return 0.0;
        }
        let parts = self.times.iter().map(|(value, part)| {
            let left = nanos - base - value;
            if left < 0.0 {
                *part
            } else if wait.mean > 0.0 {
                part * wait.share * math::exp(-left / wait.mean)
            } else {
                0.0
            }
        });
        parts.sum::<f64>().min(1.0)
    }
}

/// A law as values with parts: 40 equal parts below nine tenths, then ever smaller ones, so that the
/// tail is there; scaled to the law's mean.
fn discretized(law: &Distribution) -> Vec<(f64, f64)> {
    let (first, last) = (law.value_at(0.25), law.value_at(0.999_999));
    if first.to_bits() == last.to_bits() && law.value_at(0.000_001).to_bits() == last.to_bits() {
        return vec![(first, 1.0)];
    }
    let mut times = Vec::new();
    for bin in 0..40 {
        let part = 0.9 / 40.0;
        times.push((law.value_at((f64::from(bin) + 0.5) * part), part));
    }
    let mut left = 0.1;
    while left > 1e-6 {
        let part = left * 0.3;
        times.push((law.value_at(1.0 - left + part / 2.0), part));
        left -= part;
    }
    times.push((law.value_at(1.0 - left / 2.0), left));
    let mean: f64 = times.iter().map(|(value, part)| value * part).sum();
    if let Some(exact) = law.mean().map(|mean| mean.as_nanos() as f64)
        && mean > 0.0
    {
        for (value, _) in &mut times {
            *value *= exact / mean;
        }
    }
    times
}

/// Kinds of servers by what pods state, and profiles of how long requests take at them.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    defaults: ServerDefaults,
    known: SortedMap<Option<Arc<ServerSpec>>, u16>,
    list: Vec<Server>,
    profiles: SortedMap<ProfileKey, u32>,
    /// Waits at loads of a grid, by kind, number of pods, balancing and step.
    waits: SortedMap<(u16, u32, Balancing, u32), Wait>,
}

/// Steps of the grid of loads: between two of them waits are straight lines.
const LOAD_STEPS: f64 = 1024.0;

/// Loads that are taken as alike: within a hundredth of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ProfileKey {
    /// The kind of server; of single values `u16::MAX`.
    server: u16,
    share: i32,
    mean: i32,
    base: i32,
}

/// Hundredths of the logarithm; of nothing the least there is.
fn step(value: f64) -> i32 {
    if value > 0.0 {
        math::round_half_even(math::ln(value) * 100.0) as i32
    } else {
        i32::MIN
    }
}

fn value(step: i32) -> f64 {
    if step == i32::MIN {
        0.0
    } else {
        math::exp(f64::from(step) / 100.0)
    }
}

impl Servers {
    pub(super) fn new(defaults: ServerDefaults) -> Self {
        Self {
            defaults,
            known: SortedMap::new(),
            list: Vec::new(),
            profiles: SortedMap::new(),
            waits: SortedMap::new(),
        }
    }

    pub(super) fn get(&self, number: u16) -> &Server {
        &self.list[usize::from(number)]
    }

    /// The kind of what a pod states.
    pub(super) fn of(&mut self, stated: Option<&Arc<ServerSpec>>) -> u16 {
        let key = stated.cloned();
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let number = self.list.len() as u16;
        let own = self.defaults.with(stated.map(|stated| &**stated));
        let weight = stated.and_then(|stated| stated.weight).unwrap_or(1);
        self.list.push(Server::new(own, f64::from(weight)));
        self.known.insert(key, number);
        number
    }

    /// Wait of requests in a number of pods of a kind, of a load below 1: between computed points.
    pub(super) fn wait(
        &mut self,
        number: u16,
        count: u32,
        balancing: Balancing,
        load: f64,
    ) -> Wait {
        let place = load.max(0.0) * LOAD_STEPS;
        let (below, part) = (place as u32, place - place.floor());
        let low = self.wait_at(number, count, balancing, below);
        let high = self.wait_at(number, count, balancing, below + 1);
        let between = |low: f64, high: f64| low + (high - low) * part;
        let share = between(low.share, high.share);
        let average = between(low.average(), high.average());
        Wait {
            share,
            mean: if share > 0.0 { average / share } else { 0.0 },
        }
    }

    fn wait_at(&mut self, number: u16, count: u32, balancing: Balancing, step: u32) -> Wait {
        let key = (number, count, balancing, step);
        if let Some(known) = self.waits.get(&key) {
            return *known;
        }
        let server = self.get(number);
        let pods = Pods {
            count,
            slots: server.own.concurrency,
            service: server.service,
            variation: server.variation,
        };
        let load = f64::from(step).min(LOAD_STEPS - 1.0) / LOAD_STEPS;
        let rate = load * f64::from(pods.slots) / pods.service;
        let wait = queueing::wait(&pods, balancing, rate);
        self.waits.insert(key, wait);
        wait
    }

    /// The profile of requests at a kind of server: those that `base` nanoseconds have passed for
    /// before, and that wait.
    pub(super) fn profile(
        &mut self,
        names: &mut TrafficNames,
        server: u16,
        wait: Wait,
        base: f64,
    ) -> u32 {
        let key = ProfileKey {
            server,
            share: math::round_half_even(wait.share * 200.0) as i32,
            mean: step(wait.mean),
            base: step(base),
        };
        if let Some(known) = self.profiles.get(&key) {
            return *known;
        }
        let wait = Wait {
            share: f64::from(key.share) / 200.0,
            mean: value(key.mean),
        };
        let points = spread(self.get(server), wait, value(key.base));
        self.add(names, key, points)
    }

    /// The profile of one latency, to a 128th of it.
    pub(super) fn single(&mut self, names: &mut TrafficNames, nanos: i64) -> u32 {
        let size = nanos.max(1).unsigned_abs();
        let dropped = (size.ilog2() as i32 - 7).max(0);
        let leading = (size >> dropped) as i32;
        let key = ProfileKey {
            server: u16::MAX,
            share: 0,
            mean: leading,
            base: dropped,
        };
        if let Some(known) = self.profiles.get(&key) {
            return *known;
        }
        let half = if dropped > 0 {
            1_i64 << (dropped - 1)
        } else {
            0
        };
        let middle = (i64::from(leading) << dropped) + half;
        self.add(names, key, vec![(middle, 1.0)])
    }

    fn add(&mut self, names: &mut TrafficNames, key: ProfileKey, points: Vec<(i64, f64)>) -> u32 {
        let number = names.profiles.len() as u32;
        names.profiles.push(LatencyProfile {
            points: points.into(),
        });
        self.profiles.insert(key, number);
        number
    }
}

/// Latency of requests: 256 ranges of equal ratio, each by its middle.
fn spread(server: &Server, wait: Wait, base: f64) -> Vec<(i64, f64)> {
    let times = &server.times;
    let ends = times.first().zip(times.last());
    let (least, most) = ends.map_or((1.0, 1.0), |(first, last)| (first.0, last.0));
    let least = (base + least).max(1.0);
    let most = (base + most + 12.0 * wait.mean).max(least);
    let within = |nanos: f64| 1.0 - server.tail(wait, base, nanos);
    let mut points = Vec::new();
    let mut below = within(least);
    if below > 0.0 {
        points.push((least as i64, below));
    }
    let ratio = math::pow(most / least, 1.0 / 256.0);
    let mut edge = least;
    for range in 0..256 {
        let next = if range == 255 { most } else { edge * ratio };
        let part = if range == 255 { 1.0 } else { within(next) } - below;
        if part > 0.0 {
            points.push((math::sqrt(edge * next) as i64, part));
            below += part;
        }
        edge = next;
    }
    points
}
