//! Alloc sets (spec: orchestrators-b.md section 5.1): slots that are reserved on machines whether they are
//! used or not. Tasks of a set run in its allocs alone, and their resources are the alloc's.
//!
//! An alloc is placed as a task is, and takes its tasks with it: when it is killed for another one, or its
//! machine is down, it looks for a new machine.

use std::sync::Arc;

use model::{PodRef, PodSpec};
use units::{ClassId, NodeId, Resources, SortedSet};

use super::machine::{AllocRef, Demand, JobKey};
use super::options::AllocSet;

/// An alloc.
#[derive(Clone, Debug)]
struct Alloc {
    /// The machine; `None` while the alloc waits for one.
    node: Option<NodeId>,
    free: Resources,
    tasks: Vec<(PodRef, Resources)>,
}

/// A set with its allocs.
#[derive(Clone, Debug)]
struct Set {
    options: AllocSet,
    demand: Demand,
    allocs: Vec<Alloc>,
}

/// The alloc sets of a cell.
#[derive(Clone, Debug, Default)]
pub struct Allocs {
    sets: Vec<Set>,
}

/// Demand of the allocs of a set. Its class is none of the tasks': these count from zero up.
fn demand(number: usize, options: &AllocSet) -> Demand {
    Demand {
        class: ClassId(u32::MAX - number as u32),
        spec: Arc::new(PodSpec {
            priority: options.priority,
            node_selector: options.nodes.clone(),
            ..PodSpec::default()
        }),
        limit: Resources {
            cpu_milli: options.cpu_milli,
            memory_bytes: options.memory_bytes,
            storage_bytes: options.storage_bytes,
            pods: options.tasks,
            ..Resources::default()
        },
        set: None,
        job: Some(JobKey::Allocs(number as u16)),
    }
}

impl Allocs {
    /// Sets of allocs without machines.
    pub fn new(sets: &[AllocSet]) -> Self {
        let set = |(number, options): (usize, &AllocSet)| {
            let demand = demand(number, options);
            let alloc = Alloc {
                node: None,
                free: demand.limit.clone(),
                tasks: Vec::new(),
            };
            Set {
                options: options.clone(),
                allocs: vec![alloc; options.count as usize],
                demand,
            }
        };
        Self {
            sets: sets.iter().enumerate().map(set).collect(),
        }
    }

    /// All allocs, in order.
    pub fn all(&self) -> impl Iterator<Item = AllocRef> {
        self.sets.iter().enumerate().flat_map(|(set, own)| {
            let alloc = move |index| AllocRef {
                set: set as u16,
                index,
            };
            (0..own.options.count).map(alloc)
        })
    }

    /// The set that tasks of a spec run in: the first that they belong to.
    pub fn set_of(&self, spec: &PodSpec) -> Option<u16> {
        let is_of = |set: &Set| {
            let own = &set.options;
            let mut labels = own.labels.iter();
            own.namespace
                .as_ref()
                .is_none_or(|own| *own == spec.namespace)
                && labels.all(|(name, value)| spec.labels.get(name) == Some(value))
        };
        self.sets.iter().position(is_of).map(|set| set as u16)
    }

    /// The name of a set.
    pub fn name(&self, set: u16) -> &str {
        &self.sets[usize::from(set)].options.name
    }

    /// The demand of an alloc.
    pub fn demand(&self, alloc: AllocRef) -> &Demand {
        &self.sets[usize::from(alloc.set)].demand
    }

    /// The first alloc of a set that has room for a task and a machine that is not barred to it, with the
    /// machine.
    pub fn find(
        &self,
        set: u16,
        limit: &Resources,
        barred: &SortedSet<NodeId>,
    ) -> Option<(AllocRef, NodeId)> {
        let allocs = &self.sets[usize::from(set)].allocs;
        allocs.iter().zip(0..).find_map(|(own, index)| {
            let node = own.node.filter(|_| limit.fits_in(&own.free))?;
            if barred.contains(&node) {
                return None;
            }
            Some((AllocRef { set, index }, node))
        })
    }

    fn at(&mut self, alloc: AllocRef) -> &mut Alloc {
        &mut self.sets[usize::from(alloc.set)].allocs[alloc.index as usize]
    }

    /// An alloc has a machine, or none.
    pub fn put(&mut self, alloc: AllocRef, node: Option<NodeId>) {
        self.at(alloc).node = node;
    }

    /// A task takes its room in an alloc.
    pub fn enter(&mut self, alloc: AllocRef, pod: PodRef, limit: &Resources) {
        let own = self.at(alloc);
        own.free.subtract(limit);
        own.tasks.push((pod, limit.clone()));
    }

    /// A task gives its room in an alloc back.
    pub fn leave(&mut self, alloc: AllocRef, pod: PodRef) {
        let own = self.at(alloc);
        if let Some(place) = own.tasks.iter().position(|task| task.0 == pod) {
            let (_, limit) = own.tasks.remove(place);
            own.free.add(&limit);
        }
    }

    /// The tasks in an alloc, in the order in which they came.
    pub fn tasks(&self, alloc: AllocRef) -> Vec<PodRef> {
        let own = &self.sets[usize::from(alloc.set)].allocs[alloc.index as usize];
        own.tasks.iter().map(|task| task.0).collect()
    }

    /// The amounts that are free in an alloc.
    pub fn free(&self, alloc: AllocRef) -> &Resources {
        &self.sets[usize::from(alloc.set)].allocs[alloc.index as usize].free
    }
}
