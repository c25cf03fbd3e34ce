//! Resizes of pods in place, which an API server takes at `pods/resize`. A run has them in the first container of a pod, which
//! then stands for all of them. Source: the documentation of Kubernetes, "Resize CPU and Memory Resources assigned to Containers".

use super::acts::{Act, Place, instant_of, word_of};
use super::lives::Rank;
use super::{Records, sort};
use crate::parts::recorded_pod::bad_row;
use crate::parts::resizes::{Changed, Resizes, Standing};
use crate::readers::prelude::*;
use arrivals::spill::{FixedSort, FixedSorted};
use model::resource_list::{CPU, MEMORY};

/// Words of a resize: the rank of its pod, its time, its number, its spec and its place.
const WORDS: usize = 9;

/// The resources of which a pod that runs may have another amount.
const RESOURCES: [&str; 2] = [CPU, MEMORY];

/// A resize of a pod.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    rank: Rank,
    at: Instant,
    /// The place of a spec that has what is changed.
    spec: u32,
    place: Place,
}

/// Resizes of pods, in any order.
pub(super) struct Log(FixedSort<WORDS>);

impl Log {
    /// No resizes yet.
    pub(super) fn new(most_held: Option<usize>) -> Self {
        Self(sort(most_held))
    }

    /// Adds a resize of the pod of a rank.
    pub(super) fn push(&mut self, rank: Rank, act: &Act, spec: u32) {
        let mut words = [0; WORDS];
        words[..5].copy_from_slice(&rank);
        let own = [word_of(act.at), act.number, spec.into(), act.place.word()];
        words[5..].copy_from_slice(&own);
        self.0.push(words);
    }

    /// The resizes in the order of their pods and of time.
    pub(super) fn sorted(self) -> Sorted {
        Sorted {
            all: self.0.sorted(),
            next: None,
        }
    }
}

/// Resizes in order, which are read once.
pub(super) struct Sorted {
    all: FixedSorted<WORDS>,
    next: Option<Asked>,
}

impl Sorted {
    /// The resizes of the pod of a rank; pods are asked for in order.
    pub(super) fn of(&mut self, rank: Rank) -> Result<Vec<Asked>, TraceError> {
        let mut found = Vec::new();
        loop {
            let next = match self.next.take() {
                Some(next) => Some(next),
                None => self.all.next()?.map(Asked::of_words),
            };
            match next {
                Some(next) if next.rank == rank => found.push(next),
                next => {
                    self.next = next;
                    return Ok(found);
                }
            }
        }
    }
}

impl Asked {
    fn of_words(words: [u64; WORDS]) -> Self {
        let [first, second, third, fourth, fifth, at, _, spec, place] = words;
        Self {
            rank: [first, second, third, fourth, fifth],
            at: instant_of(at),
            spec: spec as u32,
            place: Place::of_word(place),
        }
    }
}

/// The amounts that a request for a resize states, or the pod of its answer, by container; `None` if none are recorded.
pub(super) fn asked(event: &Element) -> Result<Option<PodSpec>, BadRow> {
    for path in ["/responseObject/spec", "/requestObject/spec"] {
        let Some(spec) = event.at(path) else {
            continue;
        };
        let asked = k8s::read_resize(spec).map_err(|broken| bad_row(event.line, broken))?;
        if asked != PodSpec::default() {
            return Ok(Some(asked));
        }
    }
    Ok(None)
}

/// Gives a pod the resizes of its life, or counts what they change.
pub(super) fn resize(
    records: &Records,
    journal: &mut Journal,
    demand: &mut Demand,
    all: &[Asked],
    options: &ReadOptions,
) -> Result<(), TraceError> {
    if all.is_empty() {
        return Ok(());
    }
    let stands = Standing::of(options);
    let from = demand.historic_start.unwrap_or(demand.submit);
    let first = demand.spec.clone();
    let (mut latest, mut shown) = (first.clone(), first.clone());
    let mut resizes = Resizes::default();
    for own in all {
        journal.file = records.files[own.place.file].clone();
        let line = own.place.line;
        let asked = records.specs.classes().get(own.spec)?;
        let kind = "resize of a container that is not recorded; its request stands";
        journal.waive_if(!apply(&mut latest, &asked), kind, line)?;
        let Some(now) = in_first(&first, &latest) else {
            let kind =
                "resize that the first container of a pod can't stand for; its request stands";
            journal.dirt(kind, Action::Waive, line)?;
            continue;
        };
        let waits = own.at < from;
        let changed = Changed {
            before: &shown,
            after: &now,
            when: if waits {
                "while it waited"
            } else {
                "while it ran"
            },
            stands: match stands {
                Standing::Latest if waits => Standing::First,
                stands => stands,
            },
        };
        changed.note(journal, line)?;
        match stands {
            Standing::Largest => {
                enlarge(&mut shown, &now);
                demand.spec.clone_from(&shown);
            }
            Standing::Latest if !waits => {
                resizes.add(own.at.since(from), &first, &now);
                shown = now;
            }
            Standing::First | Standing::Latest => shown = now,
        }
    }
    if let Some(spec) = resizes.spec(&first, demand.run_time) {
        demand.spec = spec;
    }
    Ok(())
}

/// Changes the containers of a spec to what others of their names state; whether it has all of these.
fn apply(spec: &mut PodSpec, asked: &PodSpec) -> bool {
    let mut has_all = true;
    for (own, asked) in [
        (&mut spec.containers, &asked.containers),
        (&mut spec.init_containers, &asked.init_containers),
    ] {
        for stated in asked {
            let Some(own) = own.iter_mut().find(|own| own.name == stated.name) else {
                has_all = false;
                continue;
            };
            for (name, amount) in stated.requests.named() {
                own.requests.set(name, amount);
            }
            for (name, amount) in stated.limits.named() {
                own.limits.set(name, amount);
            }
        }
    }
    for (name, amount) in asked.pod_requests.named() {
        spec.pod_requests.set(name, amount);
    }
    has_all
}

/// The spec of a pod of which the first container alone has other amounts, and which requests as much as the other one; `None`
/// if there is none.
fn in_first(first: &PodSpec, other: &PodSpec) -> Option<PodSpec> {
    let mut spec = first.clone();
    let main = other.containers.first()?;
    let container = spec.containers.first_mut()?;
    container.limits = main.limits.clone();
    let others = other.containers.iter().zip(&first.containers).skip(1);
    for resource in RESOURCES {
        let mut amount = main.requests.get(resource);
        for (now, before) in others.clone() {
            let more = now.requests.get(resource);
            amount = amount.checked_add(more).ok()?;
            amount = amount.checked_sub(before.requests.get(resource)).ok()?;
        }
        if amount < Quantity::ZERO {
            return None;
        }
        if amount != container.requests.get(resource) {
            container.requests.set(resource, amount);
        }
    }
    let [own, total] = [&spec, other].map(PodSpec::requests);
    let (own, total) = (own.ok()?, total.ok()?);
    let mut resources = RESOURCES.into_iter();
    let is_alike = resources.all(|resource| own.get(resource) == total.get(resource));
    is_alike.then_some(spec)
}

/// Raises what the first container of a pod requests to what that of another one does.
fn enlarge(spec: &mut PodSpec, other: &PodSpec) {
    let (Some(own), Some(other)) = (spec.containers.first_mut(), other.containers.first()) else {
        return;
    };
    for resource in RESOURCES {
        let amount = other.requests.get(resource);
        if amount > own.requests.get(resource) {
            own.requests.set(resource, amount);
        }
    }
}
