//! Pods that get their places: jobs with places make pods with a scheduling gate; each pod loses it for a
//! node selector that names its domain (spec: batch-on-kubernetes.md 1.9).

use crate::parts::turn::Turn;
use std::sync::Arc;

use cluster::{ObjectRow, Store};
use model::queueing::TopologyAssignment;
use model::workload::job::CompletionMode;
use model::{Event, Object, Pod, PodChange, PodRef, PodSpec, Text};
use units::{ClassId, ObjectId, PodId, SortedMap, SortedSet};

use super::job::GATE;

/// Pods with places, and jobs whose pods want some.
#[derive(Clone, Debug, Default)]
pub(super) struct Ungater {
    /// Domain of each pod that has lost its gate, and its job.
    placed: SortedMap<PodId, (ObjectId, Vec<Text>)>,
    touched: SortedSet<ObjectId>,
}

impl Ungater {
    /// A job has changed, or one of its pods.
    pub(super) fn touch(&mut self, job: ObjectId) {
        self.touched.insert(job);
    }

    /// A pod has ended, or has kept its gate: another one may have its place. The value names the domain.
    pub(super) fn ended(&mut self, pod: PodId) -> Option<Vec<Text>> {
        let (job, values) = self.placed.remove(&pod)?;
        self.touched.insert(job);
        Some(values)
    }

    /// Jobs to look at.
    pub(super) fn take_touched(&mut self) -> SortedSet<ObjectId> {
        std::mem::take(&mut self.touched)
    }

    /// Gives the gated pods of jobs their places; each job begins at a number of the places.
    pub(super) fn ungate(
        &mut self,
        jobs: &[(ObjectId, i64)],
        assignment: &TopologyAssignment,
        classes: &mut Classes,
        turn: &mut Turn<'_>,
    ) {
        let rows = jobs.iter().filter_map(|(id, offset)| {
            let row = turn.store.objects().get(*id)?;
            Some((*id, *offset, row))
        });
        let pods = rows.flat_map(|(id, offset, row)| {
            let pods = row
                .pods
                .iter()
                .filter_map(|pod| turn.store.pods().get(*pod));
            pods.map(move |pod| Member {
                pod,
                job: id,
                offset: is_indexed(row).then_some(offset),
            })
        });
        let (gated, placed): (Vec<Member<'_>>, Vec<Member<'_>>) = pods.partition(|own| {
            let is_placed = self.placed.contains_key(&own.pod.pod.id);
            !is_placed && is_gated(turn.store, own.pod)
        });
        let taken = placed
            .iter()
            .map(|own| match self.placed.get(&own.pod.pod.id) {
                Some((_, values)) => values.clone(),
                None => domain(turn.store.class(own.pod.class).spec.as_ref(), assignment),
            });
        let taken: Vec<Vec<Text>> = taken.collect();
        let chosen = by_index(&gated, assignment, turn.store);
        let chosen = chosen.filter(|own| have_room(own, &taken, assignment));
        let chosen = chosen.unwrap_or_else(|| in_order(&gated, &taken, assignment));
        for (pod, id, values) in chosen {
            let Some(record) = turn.store.pods().get(pod) else {
                continue;
            };
            let spec = placed_spec(&turn.store.class(record.class).spec, assignment, &values);
            let Some(class) = classes.of(spec, turn) else {
                self.touched.insert(id);
                continue;
            };
            let change = PodChange::Declared { class };
            turn.write(Event::PodChanged { pod, change });
            self.placed.insert(pod.id, (id, values));
        }
    }
}

pub(super) fn is_gated(store: &Store, pod: &Pod) -> bool {
    let gates = &store.class(pod.class).spec.scheduling_gates;
    gates.iter().any(|gate| **gate == *GATE)
}

/// Values of the domain that a pod's selector names.
fn domain(spec: &PodSpec, assignment: &TopologyAssignment) -> Vec<Text> {
    let values = assignment.levels.iter();
    values
        .filter_map(|key| spec.node_selector.get(key).cloned())
        .collect()
}

/// A pod of a job.
struct Member<'s> {
    pod: &'s Pod,
    job: ObjectId,
    /// Number of the first place of the job, if its pods have indexes.
    offset: Option<i64>,
}

fn is_indexed(row: &ObjectRow) -> bool {
    matches!(&row.object, Object::Job(job) if job.mode == CompletionMode::Indexed)
}

/// A pod, its job, and the domain that it gets.
type Chosen = (PodRef, ObjectId, Vec<Text>);

/// Places of the pods of indexed jobs by their index; `None` if they don't have one each.
fn by_index(
    gated: &[Member<'_>],
    assignment: &TopologyAssignment,
    store: &Store,
) -> Option<Vec<Chosen>> {
    let domains = assignment.domains.iter();
    let places = domains.flat_map(|(values, count)| (0..*count).map(move |_| values));
    let places: Vec<&Vec<Text>> = places.collect();
    let chosen = gated.iter().map(|own| {
        let index = store.pod_states().get(own.pod.pod)?.owner?.index;
        let number = own.offset?.checked_add(i64::from(index))?;
        let place = places.get(usize::try_from(number).ok()?)?;
        Some((own.pod.pod, own.job, (*place).clone()))
    });
    chosen.collect()
}

/// Whether no domain gets more pods than it has places: once a lost node was replaced, places by index are
/// others than those that pods have.
fn have_room(chosen: &[Chosen], taken: &[Vec<Text>], assignment: &TopologyAssignment) -> bool {
    let own = chosen.iter().map(|(_, _, values)| values);
    let all: Vec<&Vec<Text>> = own.chain(taken).collect();
    let mut domains = assignment.domains.iter();
    domains.all(|(values, count)| {
        let used = all.iter().filter(|own| ***own == *values).count();
        i64::try_from(used).is_ok_and(|used| used <= *count)
    })
}

/// Places of pods in order: the first domain with room first.
fn in_order(
    gated: &[Member<'_>],
    taken: &[Vec<Text>],
    assignment: &TopologyAssignment,
) -> Vec<Chosen> {
    let mut left = gated.iter();
    let mut chosen = Vec::new();
    for (values, count) in &assignment.domains {
        let used = taken.iter().filter(|own| *own == values).count();
        let free = usize::try_from(*count).unwrap_or(0).saturating_sub(used);
        let own = left.by_ref().take(free);
        chosen.extend(own.map(|own| (own.pod.pod, own.job, values.clone())));
    }
    chosen
}

/// The pod without its gate, in its domain.
fn placed_spec(spec: &PodSpec, assignment: &TopologyAssignment, values: &[Text]) -> Arc<PodSpec> {
    let mut spec = spec.clone();
    spec.scheduling_gates.retain(|gate| **gate != *GATE);
    for (key, value) in assignment.levels.iter().zip(values) {
        spec.node_selector.insert(key.clone(), value.clone());
    }
    Arc::new(spec)
}

/// Classes of pods that are asked for in one step.
#[derive(Default)]
pub(super) struct Classes {
    added: Vec<Arc<PodSpec>>,
}

impl Classes {
    /// The class of a pod; one that is not known is asked for, and is there in a later step: between
    /// the two others may add classes, too.
    fn of(&mut self, spec: Arc<PodSpec>, turn: &mut Turn<'_>) -> Option<ClassId> {
        let known = turn.store.class_of(&spec);
        if known.is_none() && !self.added.contains(&spec) {
            let class = ClassId::from_index(turn.store.class_count() + self.added.len());
            let object = Arc::clone(&spec);
            turn.write(Event::ClassAdded { class, object });
            self.added.push(spec);
        }
        known
    }
}
