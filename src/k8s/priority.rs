//! The priority of pods that name a priority class instead of stating a number, as the API
//! server's admission fills it in. Classes may stand anywhere in the file, so pods are settled at
//! its end.

use super::runtime_class::RuntimeClasses;
use units::SortedMap;

/// Values that a priority class gives its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PriorityClass {
    pub(super) value: i32,
    pub(super) preempts: bool,
}

/// The priority classes of files, and the two that every cluster has; with them go the runtime classes, by
/// which the same admission fills in pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriorityClasses {
    by_name: SortedMap<String, PriorityClass>,
    default: Option<PriorityClass>,
    pub(super) runtimes: RuntimeClasses,
}

impl Default for PriorityClasses {
    fn default() -> Self {
        let built_in = [
            ("system-cluster-critical", 2_000_000_000),
            ("system-node-critical", 2_000_001_000),
        ];
        let class = |(name, value): (&str, i32)| {
            let preempts = true;
            (name.to_owned(), PriorityClass { value, preempts })
        };
        Self {
            by_name: built_in.into_iter().map(class).collect(),
            default: None,
            runtimes: RuntimeClasses::new(),
        }
    }
}

impl PriorityClasses {
    /// Adds a class that the file declares.
    pub(super) fn insert(&mut self, name: String, class: PriorityClass) {
        self.by_name.insert(name, class);
    }

    /// Makes a class that of pods without one; of several the lowest counts, as in Kubernetes.
    pub(super) fn offer_default(&mut self, class: PriorityClass) {
        if self.default.is_none_or(|known| class.value < known.value) {
            self.default = Some(class);
        }
    }

    /// Adds the classes of other files; of two of one name theirs counts.
    pub fn merge(&mut self, others: Self) {
        self.by_name.extend(others.by_name);
        self.runtimes.extend(others.runtimes);
        if let Some(class) = others.default {
            self.offer_default(class);
        }
    }

    /// The class of this name.
    pub(super) fn get(&self, name: &str) -> Option<PriorityClass> {
        self.by_name.get(name).copied()
    }

    /// The class of pods that name none.
    pub(super) fn default_class(&self) -> Option<PriorityClass> {
        self.default
    }
}
