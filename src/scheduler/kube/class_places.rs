//! Places of the pods of each class: what terms and rules about other pods count over, a class at a
//! time and not a pod at a time.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::pod_counts::NodePodCounts;
use super::term_index::TermIndex;
use super::{PodClass, PodInfo};
use model::Labels;
use units::SortedMap;

/// The pods of a class by node.
#[derive(Clone, Debug)]
pub struct ClassPlaces {
    /// The class.
    pub class: Arc<PodClass>,
    /// The class's number among all classes that ever had pods on nodes.
    pub number: usize,
    /// Number of pods on each node.
    pub nodes: NodePodCounts,
}

/// All classes that have pods on nodes.
#[derive(Clone, Debug, Default)]
pub struct Placements {
    /// By where the class lies in memory: the class that is held there keeps the place taken.
    places: IndexMap<usize, ClassPlaces, FxBuildHasher>,
    /// All classes that ever had pods on nodes, by the same key.
    known: IndexMap<usize, Arc<PodClass>, FxBuildHasher>,
    /// Those among them that have terms about other pods.
    with_terms: TermIndex,
    /// Number of classes by priority, among those that have pods.
    priorities: SortedMap<i32, usize>,
}

/// Lookup key of a class, valid while the class is held.
pub fn key(class: &Arc<PodClass>) -> usize {
    Arc::as_ptr(class).addr()
}

impl Placements {
    /// A pod took its place; the number of its class comes back.
    pub fn add(&mut self, pod: &PodInfo, slot: usize) -> usize {
        let (known, priorities) = (&mut self.known, &mut self.priorities);
        let with_terms = &mut self.with_terms;
        let places = self.places.entry(key(&pod.class)).or_insert_with(|| {
            *priorities.entry(pod.priority()).or_insert(0) += 1;
            let entry = known.entry(key(&pod.class));
            let number = entry.index();
            entry.or_insert_with(|| {
                with_terms.take_in(number, &pod.class);
                pod.class.clone()
            });
            ClassPlaces {
                class: pod.class.clone(),
                number,
                nodes: NodePodCounts::default(),
            }
        });
        places.nodes.add(slot, !pod.is_terminating);
        places.number
    }

    /// A pod left; the number of its class comes back.
    pub fn remove(&mut self, pod: &PodInfo, slot: usize) -> Option<usize> {
        let places = self.places.get_mut(&key(&pod.class))?;
        let number = places.number;
        places.nodes.remove(slot, !pod.is_terminating);
        if places.nodes.is_empty() {
            self.places.swap_remove(&key(&pod.class));
            if let Some(classes) = self.priorities.get_mut(&pod.priority()) {
                *classes -= 1;
                if *classes == 0 {
                    self.priorities.remove(&pod.priority());
                }
            }
        }
        Some(number)
    }

    /// The lowest priority that a pod on a node has.
    pub fn lowest_priority(&self) -> Option<i32> {
        Some(*self.priorities.first_key_value()?.0)
    }

    /// Every class that has pods on nodes.
    pub fn iter(&self) -> impl Iterator<Item = &ClassPlaces> {
        self.places.values()
    }

    /// Places of the pods of a class, if it has any.
    pub fn of(&self, class: &Arc<PodClass>) -> Option<&ClassPlaces> {
        self.places.get(&key(class))
    }

    /// The classes that ever had pods on nodes, by number.
    pub fn known(&self) -> impl ExactSizeIterator<Item = &Arc<PodClass>> {
        self.known.values()
    }

    /// The numbers of the known classes with terms about other pods that may mean a pod with some labels,
    /// in ascending order. All that do are among them.
    pub fn that_may_mean(&self, labels: &Labels) -> Vec<usize> {
        self.with_terms.that_may_mean(labels)
    }

    /// Number of known classes.
    pub fn known_count(&self) -> usize {
        self.known.len()
    }

    /// A class by its number.
    pub fn class(&self, number: usize) -> Option<&Arc<PodClass>> {
        self.known.get_index(number).map(|(_, class)| class)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pod_counts::PodCounts;
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
        let held = |all, staying| PodCounts { all, staying };
        let nodes: Vec<(usize, PodCounts)> = places.nodes.iter().collect();
        assert_eq!(nodes, [(3, held(2, 1)), (5, held(1, 1))]);
        assert_eq!(placements.lowest_priority(), Some(0));
        placements.remove(&pod(false), 3);
        placements.remove(&pod(true), 3);
        placements.remove(&pod(false), 5);
        assert_eq!(placements.iter().count(), 0);
        assert_eq!(placements.lowest_priority(), None);
    }
}
