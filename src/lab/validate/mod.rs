//! Agreement of a run with a recorded one of the same cluster: placements modulo equal nodes, waits,
//! lifetimes, allocation over time, and where the two part first.
//!
//! Pods are matched by name. Pods of controllers have random names; those that are left over are
//! matched with the pods of the same workload by the order in which they got their nodes.

pub mod recording;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use cluster::{Observer, Store};
use model::node::HOSTNAME_LABEL;
use model::{Event, Node, Pod};
use rng::agreement::kolmogorov;
use sim::EndCause;
use units::{Instant, SortedMap};

use crate::diff::Side;
use crate::run::{RunError, run_silently};
use recording::{PodLife, Recording};

/// Resources whose allocation is compared.
const RESOURCES: [&str; 2] = ["cpu", "memory"];

/// Distance between the distributions of a time in two runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Distance {
    /// Distance of Kolmogorov and Smirnov, from 0 to 1; `None` if a run has no such time.
    pub distance: Option<f64>,
    /// Number of recorded times.
    pub recorded: usize,
    /// Number of simulated times.
    pub simulated: usize,
    /// Mean recorded time in seconds.
    pub recorded_mean_secs: f64,
    /// Mean simulated time in seconds.
    pub simulated_mean_secs: f64,
}

/// Difference of the allocated share of a resource over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllocationError {
    /// The resource.
    pub resource: &'static str,
    /// Mean absolute difference over time, in percent of the cluster.
    pub mean_percent: f64,
    /// Largest absolute difference, in percent of the cluster.
    pub most_percent: f64,
}

/// First pod that got an unlike node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parting {
    /// Number of recorded bindings before it.
    pub equal_before: usize,
    /// Instant of the recorded binding, in nanoseconds.
    pub at_ns: i64,
    /// The pod as recorded.
    pub pod: String,
    /// The recorded node.
    pub recorded: String,
    /// The simulated node; `None` if the pod waits there.
    pub simulated: Option<String>,
}

/// Agreement of a run with a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Number of nodes of the cluster.
    pub nodes: usize,
    /// Number of recorded pods.
    pub recorded: usize,
    /// Number of simulated pods.
    pub simulated: usize,
    /// Number of pods that were matched.
    pub matched: usize,
    /// Number of these that were matched by their workload and order.
    pub by_order: usize,
    /// Number of matched pods with a node in the recording.
    pub placed: usize,
    /// Number of these on the very same node.
    pub same_node: usize,
    /// Number of these on a node equal to the recorded one, the same node included.
    pub equal_node: usize,
    /// Times from submission to the first node.
    pub waits: Distance,
    /// Times from the first node to the end.
    pub lifetimes: Distance,
    /// Errors of allocation over the time of the recording.
    pub allocation: Vec<AllocationError>,
    /// First pod that got an unlike node.
    pub parting: Option<Parting>,
}

impl Validation {
    /// Share of the placed pods on a node equal to the recorded one, in percent.
    pub fn agreement_percent(&self) -> f64 {
        match self.placed {
            0 => 0.0,
            placed => 100.0 * self.equal_node as f64 / placed as f64,
        }
    }
}

/// Simulated run.
#[derive(Default)]
struct Simulated {
    pods: Vec<SimulatedPod>,
    nodes: SortedMap<String, Arc<Node>>,
}

struct SimulatedPod {
    life: PodLife,
    amounts: [f64; RESOURCES.len()],
}

/// Simulates an experiment and compares it with a recording; `None` if it was interrupted.
///
/// # Errors
/// If the experiment can't be run.
pub fn validate(
    side: &Side<'_>,
    recording: &Recording,
    interrupted: &AtomicBool,
) -> Result<Option<Validation>, RunError> {
    let mut simulated = Simulated::default();
    let end = run_silently(side.forked(), side.prepare()?, &mut simulated, interrupted)?;
    if end.cause == EndCause::Interrupted {
        return Ok(None);
    }
    simulated.begin_at_zero();
    Ok(Some(compare(recording, &simulated)))
}

impl Simulated {
    fn begin_at_zero(&mut self) {
        let lives = self.pods.iter().map(|own| own.life.clone());
        let recording = Recording {
            pods: lives.collect(),
        };
        let moved = recording.counted_from_first().pods;
        for (pod, life) in self.pods.iter_mut().zip(moved) {
            pod.life = life;
        }
    }
}

/// A pair of a recorded and a simulated pod.
#[derive(Clone, Copy)]
struct Pair<'a> {
    recorded: &'a PodLife,
    simulated: &'a SimulatedPod,
}

/// Name of a pod without its namespace.
fn plain(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

/// Name of the workload of a pod: what stands before the last parts of its name that are random.
fn workload(name: &str) -> &str {
    let is_random = |part: &str| {
        let is_short = (5..=10).contains(&part.len());
        is_short
            && part
                .bytes()
                .all(|own| own.is_ascii_lowercase() || own.is_ascii_digit())
    };
    let mut stem = plain(name);
    for _ in 0..2 {
        match stem.rsplit_once('-') {
            Some((rest, part)) if is_random(part) => stem = rest,
            _ => break,
        }
    }
    stem
}

/// Pods of one workload in the order of their bindings.
type Queues<'a, T> = SortedMap<&'a str, Vec<T>>;

fn by_order<'a, T: Copy>(
    pods: impl Iterator<Item = T>,
    life: impl Fn(T) -> &'a PodLife,
) -> Queues<'a, T> {
    let mut queues: Queues<'a, T> = SortedMap::new();
    for pod in pods {
        queues
            .entry(workload(&life(pod).name))
            .or_default()
            .push(pod);
    }
    for queue in queues.values_mut() {
        queue.sort_by_key(|&pod| {
            let life = life(pod);
            (life.bound.unwrap_or(i64::MAX), life.submitted)
        });
    }
    queues
}

/// Matches pods by name, and those that are left by workload and order.
fn matched<'a>(recording: &'a Recording, simulated: &'a Simulated) -> [Vec<Pair<'a>>; 2] {
    let by_name: SortedMap<&str, &SimulatedPod> = { simulated.pods.iter() }
        .map(|pod| (plain(&pod.life.name), pod))
        .collect();
    let mut named = Vec::new();
    let mut left: Vec<&PodLife> = Vec::new();
    for recorded in &recording.pods {
        match by_name.get(plain(&recorded.name)) {
            Some(simulated) => named.push(Pair {
                recorded,
                simulated,
            }),
            None => left.push(recorded),
        }
    }
    let known: SortedMap<&str, ()> = { named.iter() }
        .map(|pair| (plain(&pair.recorded.name), ()))
        .collect();
    let others = simulated.pods.iter();
    let others = others.filter(|pod| !known.contains_key(plain(&pod.life.name)));
    let queues = by_order(others, |pod| &pod.life);
    let mut ordered = Vec::new();
    for (name, recorded) in by_order(left.into_iter(), |life| life) {
        if let Some(simulated) = queues.get(name) {
            let pairs = recorded.into_iter().zip(simulated);
            ordered.extend(pairs.map(|(recorded, &simulated)| Pair {
                recorded,
                simulated,
            }));
        }
    }
    [named, ordered]
}

fn compare(recording: &Recording, simulated: &Simulated) -> Validation {
    let [named, ordered] = matched(recording, simulated);
    let by_order = ordered.len();
    let mut pairs = named;
    pairs.extend(ordered);
    pairs.sort_by_key(|pair| (pair.recorded.bound.unwrap_or(i64::MAX), &pair.recorded.name));
    let kinds = kinds(simulated);
    let mut validation = Validation {
        nodes: simulated.nodes.len(),
        recorded: recording.pods.len(),
        simulated: simulated.pods.len(),
        matched: pairs.len(),
        by_order,
        placed: 0,
        same_node: 0,
        equal_node: 0,
        waits: times(&pairs, |life| Some(life.bound? - life.submitted?)),
        lifetimes: times(&pairs, |life| Some(life.ended? - life.bound?)),
        allocation: allocation(&pairs, simulated),
        parting: None,
    };
    for pair in &pairs {
        let Some(node) = &pair.recorded.node else {
            continue;
        };
        let other = pair.simulated.life.node.as_ref();
        let kind = |name: &String| kinds.get(name.as_str());
        let is_same = other == Some(node);
        let is_equal = is_same
            || other.is_some_and(|other| kind(other).is_some() && kind(other) == kind(node));
        if !is_equal && validation.parting.is_none() {
            validation.parting = Some(Parting {
                equal_before: validation.placed,
                at_ns: pair.recorded.bound.unwrap_or(0),
                pod: pair.recorded.name.clone(),
                recorded: node.clone(),
                simulated: other.cloned(),
            });
        }
        validation.placed += 1;
        validation.same_node += usize::from(is_same);
        validation.equal_node += usize::from(is_equal);
    }
    validation
}

/// Kind of each node: nodes of one kind offer the same, and have the same labels but for their names,
/// and the same taints.
fn kinds(simulated: &Simulated) -> SortedMap<&str, String> {
    let kind = |node: &Node| {
        let labels = node.labels.iter();
        let labels: Vec<_> = labels
            .filter(|(key, _)| &***key != HOSTNAME_LABEL)
            .collect();
        format!("{:?} {labels:?} {:?}", node.allocatable, node.taints)
    };
    let nodes = simulated.nodes.iter();
    nodes
        .map(|(name, node)| (name.as_str(), kind(node)))
        .collect()
}

fn times(pairs: &[Pair<'_>], time: impl Fn(&PodLife) -> Option<i64>) -> Distance {
    let sorted = |times: Vec<i64>| {
        let mut times = times;
        times.sort_unstable();
        times
    };
    let recorded = pairs.iter().filter_map(|pair| time(pair.recorded));
    let recorded = sorted(recorded.collect());
    let simulated = pairs.iter().filter_map(|pair| time(&pair.simulated.life));
    let simulated = sorted(simulated.collect());
    let mean = |times: &[i64]| {
        // The sum of no numbers is the negative zero.
        let sum: f64 = times.iter().map(|&time| time as f64 / 1e9).sum::<f64>() + 0.0;
        sum / times.len().max(1) as f64
    };
    Distance {
        distance: kolmogorov(&recorded, &simulated),
        recorded: recorded.len(),
        simulated: simulated.len(),
        recorded_mean_secs: mean(&recorded),
        simulated_mean_secs: mean(&simulated),
    }
}

/// Change of the allocated share at an instant.
struct Step {
    at: i64,
    recorded: f64,
    simulated: f64,
}

/// Errors of the allocated shares over the time of the recording. A pod counts with what it requests
/// in the experiment, in both runs.
fn allocation(pairs: &[Pair<'_>], simulated: &Simulated) -> Vec<AllocationError> {
    let lives = pairs.iter().map(|pair| pair.recorded);
    let last = lives
        .flat_map(|life| [life.bound, life.ended])
        .flatten()
        .max();
    let last = last.unwrap_or(0);
    let whole = |resource: &str| -> f64 {
        let nodes = simulated.nodes.values();
        nodes.map(|node| amount(&node.allocatable, resource)).sum()
    };
    let errors = RESOURCES.iter().enumerate().map(|(place, resource)| {
        let whole = whole(resource);
        let mut steps = Vec::new();
        for pair in pairs {
            let share = if whole > 0.0 {
                100.0 * pair.simulated.amounts[place] / whole
            } else {
                0.0
            };
            steps.extend(steps_of(pair.recorded).map(|(at, sign)| Step {
                at,
                recorded: sign * share,
                simulated: 0.0,
            }));
            steps.extend(steps_of(&pair.simulated.life).map(|(at, sign)| Step {
                at,
                recorded: 0.0,
                simulated: sign * share,
            }));
        }
        steps.sort_by_key(|step| step.at);
        error_of(&steps, last, resource)
    });
    errors.collect()
}

/// Instants at which a pod takes and gives back its share.
fn steps_of(life: &PodLife) -> impl Iterator<Item = (i64, f64)> {
    let begin = life.bound.map(|at| (at, 1.0));
    let end = life.ended.filter(|_| life.bound.is_some());
    begin.into_iter().chain(end.map(|at| (at, -1.0)))
}

fn error_of(steps: &[Step], last: i64, resource: &'static str) -> AllocationError {
    let (mut recorded, mut simulated) = (0.0_f64, 0.0_f64);
    let (mut area, mut most, mut before) = (0.0_f64, 0.0_f64, 0_i64);
    let mut steps = steps.iter().peekable();
    while let Some(step) = steps.next() {
        if step.at > last {
            break;
        }
        area += (recorded - simulated).abs() * (step.at - before) as f64;
        before = step.at;
        recorded += step.recorded;
        simulated += step.simulated;
        // All that happens at one instant counts together.
        if steps.peek().is_none_or(|next| next.at > step.at) {
            most = most.max((recorded - simulated).abs());
        }
    }
    area += (recorded - simulated).abs() * (last - before).max(0) as f64;
    AllocationError {
        resource,
        mean_percent: area / (last as f64).max(1.0),
        most_percent: most,
    }
}

fn amount(list: &model::ResourceList, resource: &str) -> f64 {
    let amount = list.get(resource);
    amount
        .milli_ceil()
        .map_or(0.0, |milli| milli as f64 / 1000.0)
}

impl Observer for Simulated {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        match event {
            Event::NodeAdded { object, .. } => {
                self.nodes
                    .insert(object.name.to_string(), Arc::clone(object));
            }
            Event::PodCreated(created) => {
                let spec = &store.class(created.class).spec;
                let requests = spec.requests().unwrap_or_default();
                let name = match &*spec.namespace {
                    "" => created.name.to_string(),
                    namespace => format!("{namespace}/{}", created.name),
                };
                self.pods.push(SimulatedPod {
                    life: PodLife {
                        name,
                        submitted: Some(at.as_nanos()),
                        ..PodLife::default()
                    },
                    amounts: RESOURCES.map(|resource| amount(&requests, resource)),
                });
            }
            Event::PodBound { pod, node, .. } => {
                let node = store.nodes().name(*node).to_owned();
                if let Some(own) = self.pods.get_mut(pod.id.0 as usize)
                    && own.life.bound.is_none()
                {
                    own.life.bound = Some(at.as_nanos());
                    own.life.node = Some(node);
                }
            }
            Event::PodEnded { pod, .. } => {
                if let Some(own) = self.pods.get_mut(pod.id.0 as usize) {
                    own.life.ended.get_or_insert(at.as_nanos());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
