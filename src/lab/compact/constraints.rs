//! Constraints of pods in a cell: pods that belong to one machine, pods that only a handful of machines
//! could hold, and those of large jobs (spec: orchestrators-b.md 5.4, steps 1 and 2; Verma et al., 2015).

use std::sync::Arc;

use model::{Node, NodeSelectorTerm, Operator, Owner, PodSpec, Requirement, Text, rules};
use trace::Recorded;
use units::SortedMap;

/// Number of machines up to which a pod that no other could hold is picky.
pub const HANDFUL: usize = 5;

/// Weight of a constraint that was made a wish; the greatest that Kubernetes knows.
const WEIGHT: i32 = 100;

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

/// Drops the pods that belong to one machine, such as daemons; returns their number.
pub(super) fn drop_pinned(recorded: &mut Recorded, nodes: &[Arc<Node>]) -> u64 {
    if nodes.len() < 2 {
        return 0;
    }
    let of_one = |spec: &Arc<PodSpec>| {
        let admitting = nodes
            .iter()
            .filter(|node| rules::affinity::admits(spec, node));
        admitting.take(2).count() == 1
    };
    let pinned: Vec<bool> = recorded.classes.iter().map(of_one).collect();
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
        let is_bound = !spec.node_selector.is_empty() || spec.affinity.node.required.is_some();
        if !is_bound || 2 * size <= machines as u64 {
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
