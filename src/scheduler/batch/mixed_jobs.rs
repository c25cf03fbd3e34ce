//! Jobs whose members are of several classes, which all have their places at once or none has.
//!
//! The classes that ask for most go first: GPUs before processors before memory, equal ones in the order of the
//! members. Each member gets the lowest node with room beside those before it, which does not find every
//! arrangement that there is: a job of few classes on many nodes is found a place, one that would fill the last gap
//! may be not.

use std::cmp::Reverse;

use smallvec::SmallVec;

use cluster::Store;
use units::{ClassId, NodeId, SortedMap};

use super::free_amounts::FreeAmounts;
use super::job::Job;
use super::room::{Places, admits, of_one_job, push_places, slots_in};

/// The members of a job that are of one class, by their positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) class: ClassId,
    pub(super) members: SmallVec<[usize; 4]>,
}

/// The members of a job by class, in the order in which they get their places.
pub(super) fn kinds(store: &Store, job: &Job) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for position in 0..job.members.len() {
        let class = job.class_of(store, position);
        match kinds.iter_mut().find(|kind| kind.class == class) {
            Some(kind) => kind.members.push(position),
            None => kinds.push(Kind {
                class,
                members: SmallVec::from_slice(&[position]),
            }),
        }
    }
    kinds.sort_by_key(|kind| {
        let requests = &store.class(kind.class).requests;
        Reverse((
            requests.gpu_milli,
            requests.cpu_milli,
            requests.memory_bytes,
        ))
    });
    kinds
}

/// Places for all members in what is free on nodes, in the order of the members; `None` if one finds none. A node
/// without free amounts takes none.
pub(super) fn place(
    store: &Store,
    kinds: &[Kind],
    members: usize,
    free: impl Fn(NodeId) -> Option<FreeAmounts>,
) -> Option<Places> {
    let mut taken: SortedMap<NodeId, FreeAmounts> = SortedMap::new();
    let mut places = vec![None; members];
    for kind in kinds {
        let class = store.class(kind.class);
        let mut left = &kind.members[..];
        for node in store.nodes().ids() {
            if left.is_empty() {
                break;
            }
            if !admits(store, class, node) {
                continue;
            }
            let known = taken.get(&node).cloned();
            if known.is_some() && class.is_one_per_node() {
                continue;
            }
            let Some(mut own) = known.or_else(|| free(node)) else {
                continue;
            };
            let slots = of_one_job(class, slots_in(class, &own.row, &own.devices));
            let here = (slots as usize).min(left.len());
            if here == 0 {
                continue;
            }
            let mut found = Places::new();
            push_places(&mut found, class, node, &own.devices, here);
            let (those, others) = left.split_at(here);
            for (&member, place) in those.iter().zip(found) {
                own.take(class, place.1);
                places[member] = Some(place);
            }
            left = others;
            taken.insert(node, own);
        }
        if !left.is_empty() {
            return None;
        }
    }
    places.into_iter().collect()
}
