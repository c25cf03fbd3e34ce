//! Constraints of pods in a cell: pods that belong to one machine, pods that only a handful of machines
//! could hold, and those of large jobs (spec: orchestrators-b.md 5.4, steps 1 and 2; Verma et al., 2015).

use std::sync::Arc;

use arrivals::Recorded;
use control::operation::Operation;
use model::{Node, NodeSelectorTerm, Object, Operator, Owner, PodSpec, Requirement, Text, rules};
use units::{Instant, SortedMap};

/// Number of machines up to which a pod that no other could hold is picky.
pub const HANDFUL: usize = 5;

/// Weight of a constraint that was made a wish; the greatest that Kubernetes knows.
const WEIGHT: i32 = 100;

/// Numbers of pods whose constraints are not those of the workload.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Eased {
    /// The pods that were left out, as each belongs to one machine.
    pub(super) pinned: u64,
    /// The pods whose constraints are wishes, as their job is large.
    pub(super) softened: u64,
}

/// The number of machines that could hold a pod if they were empty.
fn holders(spec: &PodSpec, nodes: &[Arc<Node>]) -> usize {
    let requests = spec.requests().unwrap_or_default();
    let holds = |node: &&Arc<Node>| {
        rules::admits(spec, node) && { requests.iter() }
            .all(|(name, amount)| amount <= node.allocatable.get(name))
    };
    nodes.iter().filter(holds).count()
}

/// Whether only a handful of machines could hold a pod.
pub(super) fn is_picky(spec: &PodSpec, nodes: &[Arc<Node>]) -> bool {
    holders(spec, nodes) <= HANDFUL
}

/// Whether constraints leave a pod one machine.
fn is_of_one(spec: &PodSpec, nodes: &[Arc<Node>]) -> bool {
    let admitting = nodes
        .iter()
        .filter(|node| rules::affinity::admits(spec, node));
    admitting.take(2).count() == 1
}

/// Whether a job is so large that its constraints on machines are made into wishes, and has any.
fn is_softened(spec: &PodSpec, size: u64, machines: usize) -> bool {
    let is_bound = !spec.node_selector.is_empty() || spec.affinity.node.required.is_some();
    is_bound && 2 * size > machines as u64
}

/// Number of pods that an object has at a time, if it states one.
fn size(object: &Object) -> u64 {
    let count = match object {
        Object::Job(own) => own.parallelism,
        own => own.replicas().map_or(0, |(count, _)| count),
    };
    u64::try_from(count).unwrap_or(0)
}

/// Does with the pods that objects are to make as with the others: drops objects whose pods belong to one
/// machine, and makes the constraints of large ones into wishes.
pub(super) fn ease_objects(
    operations: &mut Vec<(Instant, Operation)>,
    nodes: &[Arc<Node>],
) -> Eased {
    let mut eased = Eased::default();
    operations.retain_mut(|(_, operation)| {
        let (Operation::Create(object) | Operation::Apply(object)) = operation else {
            return true;
        };
        let pods = size(object);
        let spec = object.template().filter(|_| pods > 0);
        if spec.is_some_and(|spec| nodes.len() > 1 && is_of_one(spec, nodes)) {
            eased.pinned += pods;
            return false;
        }
        if spec.is_some_and(|spec| is_softened(spec, pods, nodes.len()))
            && let Some(spec) = object.template_mut()
        {
            *spec = wishing(spec);
            eased.softened += pods;
        }
        true
    });
    eased
}

/// Drops the pods that belong to one machine, such as daemons; returns their number.
pub(super) fn drop_pinned(recorded: &mut Recorded, nodes: &[Arc<Node>]) -> u64 {
    if nodes.len() < 2 {
        return 0;
    }
    let is_of_one = |spec: &Arc<PodSpec>| is_of_one(spec, nodes);
    let pinned: Vec<bool> = recorded.classes.iter().map(is_of_one).collect();
    let mut dropped = 0;
    recorded.arrivals.retain(|own| {
        let is_pinned = pinned.get(own.class as usize) == Some(&true);
        dropped += if is_pinned { u64::from(own.members) } else { 0 };
        !is_pinned
    });
    dropped
}

/// Makes the constraints on machines of jobs with more pods than half the machines into wishes;
/// returns the number of these pods.
pub(super) fn soften(recorded: &mut Recorded, machines: usize) -> u64 {
    let mut jobs: SortedMap<(Text, Owner), u64> = SortedMap::new();
    let job_of = |spec: &PodSpec| Some((spec.namespace.clone(), spec.owner.clone()?));
    for arrival in &recorded.arrivals {
        if let Some(job) = job_of(&recorded.classes[arrival.class as usize]) {
            *jobs.entry(job).or_default() += u64::from(arrival.members);
        }
    }
    let mut wished: SortedMap<u32, u32> = SortedMap::new();
    let mut softened = 0;
    for arrival in &mut recorded.arrivals {
        let spec = Arc::clone(&recorded.classes[arrival.class as usize]);
        let of_job = job_of(&spec).and_then(|job| jobs.get(&job).copied());
        let size = of_job.unwrap_or(u64::from(arrival.members));
        if !is_softened(&spec, size, machines) {
            continue;
        }
        softened += u64::from(arrival.members);
        arrival.class = *wished.entry(arrival.class).or_insert_with(|| {
            let class = recorded.classes.len();
            recorded.classes.push(Arc::new(wishing(&spec)));
            u32::try_from(class).unwrap_or(u32::MAX)
        });
    }
    softened
}

/// A spec that prefers the machines which another requires.
fn wishing(spec: &PodSpec) -> PodSpec {
    let mut spec = spec.clone();
    let labels = std::mem::take(&mut spec.node_selector);
    let wanted = |(key, value): (&Text, &Text)| Requirement {
        key: key.clone(),
        operator: Operator::In,
        values: vec![value.clone()],
    };
    let mut terms: Vec<NodeSelectorTerm> = Vec::new();
    if !labels.is_empty() {
        terms.push(NodeSelectorTerm {
            match_expressions: labels.iter().map(wanted).collect(),
            match_fields: Vec::new(),
        });
    }
    terms.extend({ spec.affinity.node.required.take().into_iter() }.flat_map(|own| own.terms));
    let wishes = terms.into_iter().map(|term| (WEIGHT, term));
    spec.affinity.node.preferred.extend(wishes);
    spec
}
