//! Replicated services: slots 1 to R, the lowest free ones filled, the most crowded nodes relieved
//! first (spec: orchestrators-a.md section 2.4; swarmkit
//! `manager/orchestrator/replicated/{services,slot}.go`).

use model::Text;
use units::{SortedMap, SortedSet};

/// A slot that holds something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The slot's number, from 1.
    pub number: u64,
    /// The node of its task; `None` if it has none yet.
    pub node: Option<Text>,
    /// Whether a task of it runs.
    pub is_running: bool,
    /// Number of the slot's tasks that are to run.
    pub tasks: u32,
}

/// Changes that bring a service to its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scaling {
    /// Slots that get a new task.
    pub create: Vec<u64>,
    /// Slots whose tasks are removed.
    pub remove: Vec<u64>,
}

/// Computes the changes for a service with these live slots to have `replicas` of them. Slots whose
/// tasks are all past running and may restart are dead: they are not among `slots` and their
/// numbers are free.
pub fn reconcile(slots: &[Slot], replicas: u64) -> Scaling {
    let have = slots.len() as u64;
    if have > replicas {
        let order = keep_order(slots);
        let mut remove: Vec<u64> = order[replicas as usize..].to_vec();
        remove.sort_unstable();
        return Scaling {
            remove,
            create: Vec::new(),
        };
    }
    let taken: SortedSet<u64> = slots.iter().map(|slot| slot.number).collect();
    let free = (1..).filter(|number| !taken.contains(number));
    Scaling {
        create: free.take((replicas - have) as usize).collect(),
        remove: Vec::new(),
    }
}

/// The slots in the order in which they are kept: running ones first, then by number; among them
/// first whoever is the first of the service on its node, then the second ones, and last those
/// without a node or with more than one task.
pub fn keep_order(slots: &[Slot]) -> Vec<u64> {
    let mut ordered: Vec<&Slot> = slots.iter().collect();
    ordered.sort_by_key(|slot| (!slot.is_running, slot.number));
    let mut on_node: SortedMap<&Text, u64> = SortedMap::new();
    let mut indexed: Vec<(u64, u64)> = Vec::with_capacity(slots.len());
    for slot in ordered {
        let index = match &slot.node {
            Some(node) if slot.tasks <= 1 => {
                let next = on_node.entry(node).or_default();
                *next += 1;
                *next
            }
            _ => u64::MAX,
        };
        indexed.push((index, slot.number));
    }
    indexed.sort_by_key(|&(index, _)| index);
    indexed.into_iter().map(|(_, number)| number).collect()
}
