//! Classes of pods by their labels, so that a count over those with a label visits no other.

use rustc_hash::FxHashMap;

use crate::kube::Cache;
use crate::kube::cacheable::{ClassLabel, ClassScope};

/// The known classes by label. It is filled only as far as it is asked.
#[derive(Default)]
pub(super) struct ClassIndex {
    /// Numbers of classes in ascending order; looked up, never iterated over.
    by_label: FxHashMap<ClassLabel, Vec<u32>>,
    /// Number of classes that were taken in.
    met: usize,
}

impl ClassIndex {
    /// The numbers of the classes that may contribute to a count, in ascending order.
    pub(super) fn candidates(&mut self, among: &ClassScope, cache: &Cache) -> Vec<u32> {
        let ClassScope::Some { labels, meaning } = among else {
            return (0..cache.placements().known_count() as u32).collect();
        };
        self.meet(cache);
        let mut numbers: Vec<u32> = { labels.iter() }
            .filter_map(|label| self.by_label.get(label))
            .flatten()
            .copied()
            .collect();
        if let Some(labels) = meaning {
            let placements = cache.placements();
            let numbered = placements.that_may_mean(labels).into_iter();
            numbers.extend(numbered.map(|number| number as u32));
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn meet(&mut self, cache: &Cache) {
        let placements = cache.placements();
        while let Some(class) = placements.class(self.met) {
            let number = self.met as u32;
            for (key, value) in &class.spec.labels {
                let label = ClassLabel {
                    namespace: class.spec.namespace.clone(),
                    key: key.clone(),
                    value: value.clone(),
                };
                self.by_label.entry(label).or_default().push(number);
            }
            self.met += 1;
        }
    }
}
