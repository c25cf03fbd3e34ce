//! Where the pods of each class are: what terms and rules about other pods count over, a class at
//! a time and not a pod at a time.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{PodClass, PodInfo};

/// How many pods of a class a node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// All.
    pub all: i64,
    /// Those that have not been told to end.
    pub staying: i64,
}

/// The pods of a class by node.
#[derive(Clone, Debug)]
pub struct ClassPlaces {
    /// The class.
    pub class: Arc<PodClass>,
    /// By the node's slot; nodes without any are not there.
    pub nodes: IndexMap<usize, Held, FxBuildHasher>,
}

/// All classes that have pods on nodes.
#[derive(Clone, Debug, Default)]
pub struct Placements(
    /// By where the class lies in memory: the class that is held there keeps the place taken.
    IndexMap<usize, ClassPlaces, FxBuildHasher>,
);

fn key(pod: &PodInfo) -> usize {
    Arc::as_ptr(&pod.class).addr()
}

impl Placements {
    /// A pod took its place.
    pub fn add(&mut self, pod: &PodInfo, slot: usize) {
        let places = self.0.entry(key(pod)).or_insert_with(|| ClassPlaces {
            class: pod.class.clone(),
            nodes: IndexMap::default(),
        });
        let held = places.nodes.entry(slot).or_default();
        held.all += 1;
        held.staying += i64::from(!pod.is_terminating);
    }

    /// A pod left.
    pub fn remove(&mut self, pod: &PodInfo, slot: usize) {
        let Some(places) = self.0.get_mut(&key(pod)) else {
            return;
        };
        if let Some(held) = places.nodes.get_mut(&slot) {
            held.all -= 1;
            held.staying -= i64::from(!pod.is_terminating);
            if held.all == 0 {
                places.nodes.swap_remove(&slot);
            }
        }
        if places.nodes.is_empty() {
            self.0.swap_remove(&key(pod));
        }
    }

    /// Every class that has pods on nodes.
    pub fn iter(&self) -> impl Iterator<Item = &ClassPlaces> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_counted_by_class_and_node() {
        let class = Arc::new(PodClass::default());
        let pod = |is_terminating| PodInfo {
            class: class.clone(),
            is_terminating,
            ..PodInfo::default()
        };
        let mut placements = Placements::default();
        placements.add(&pod(false), 3);
        placements.add(&pod(true), 3);
        placements.add(&pod(false), 5);
        let places = placements.iter().next().expect("a class");
        let held = |all, staying| Held { all, staying };
        assert_eq!(places.nodes[&3], held(2, 1));
        assert_eq!(places.nodes[&5], held(1, 1));
        placements.remove(&pod(false), 3);
        placements.remove(&pod(true), 3);
        placements.remove(&pod(false), 5);
        assert_eq!(placements.iter().count(), 0);
    }
}
