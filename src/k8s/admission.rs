//! Objects of any file by which others are settled that name them: classes of priority, of run time and of storage,
//! as the API server's admission fills them in, claims, and groups of pods. They may stand anywhere, so objects are settled
//! at the end of their file.

use super::group_part::GroupPart;
use super::runtime_class::{RuntimeClass, RuntimeClasses};
use model::volume::{PersistentVolumeClaim, StorageClass};
use model::{ClusterObjects, Text};
use units::SortedMap;

/// Values that a priority class gives its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PriorityClass {
    pub(super) value: i32,
    pub(super) preempts: bool,
}

/// The priority classes of files, and the two that every cluster has; the runtime classes, by which the same
/// admission fills in pods; and the storage classes and claims that volumes of pods come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionClasses {
    by_name: SortedMap<String, PriorityClass>,
    default: Option<PriorityClass>,
    /// Whether the classes are objects of a run, which admits each pod by those that are there then.
    is_of_run: bool,
    pub(super) runtimes: RuntimeClasses,
    pub(super) storage_classes: SortedMap<Text, StorageClass>,
    /// Storage class of claims that name none.
    pub(super) default_storage: Option<Text>,
    pub(super) claims: SortedMap<(Text, Text), PersistentVolumeClaim>,
    /// Parts of groups of pods that wait for quota, by namespace and name.
    pub(super) pod_groups: SortedMap<(Text, Text), Vec<GroupPart>>,
}

impl Default for AdmissionClasses {
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
            is_of_run: false,
            runtimes: RuntimeClasses::new(),
            storage_classes: SortedMap::new(),
            default_storage: None,
            claims: SortedMap::new(),
            pod_groups: SortedMap::new(),
        }
    }
}

impl AdmissionClasses {
    /// Classes that are objects of a run: submitted pods get the value of a class when they are made.
    #[must_use]
    pub fn of_run(self) -> Self {
        Self {
            is_of_run: true,
            ..self
        }
    }

    /// Whether a run admits submitted pods by the classes that are there then.
    pub(super) fn is_of_run(&self) -> bool {
        self.is_of_run
    }

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
        self.storage_classes.extend(others.storage_classes);
        self.default_storage = others.default_storage.or(self.default_storage.take());
        self.claims.extend(others.claims);
        for (group, parts) in others.pod_groups {
            GroupPart::extend(self.pod_groups.entry(group).or_default(), parts);
        }
        if let Some(class) = others.default {
            self.offer_default(class);
        }
    }

    /// Names of classes that a file applied later has and these lack or have otherwise: a run settles pods and
    /// claims by them from its start.
    pub fn later_classes(&self, applied: &Self) -> Vec<String> {
        let is_new = |own: &(&String, &RuntimeClass)| self.runtimes.get(own.0) != Some(own.1);
        let runtimes = applied.runtimes.iter().filter(is_new);
        let runtimes = runtimes.map(|(name, _)| format!("RuntimeClass `{name}`"));
        let default = applied.default_storage.as_ref();
        let default = default.filter(|own| self.default_storage.as_ref() != Some(own));
        let default = default.map(|name| format!("StorageClass `{name}`, the default one"));
        runtimes.chain(default).collect()
    }

    /// Adds the storage classes and claims of the file.
    pub(super) fn take_storage(&mut self, objects: &ClusterObjects) {
        let classes = objects.storage_classes.iter();
        let classes = classes.map(|(name, own)| (name.clone(), own.clone()));
        self.storage_classes.extend(classes);
        let claims = objects.claims.iter();
        self.claims
            .extend(claims.map(|(name, own)| (name.clone(), own.clone())));
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
