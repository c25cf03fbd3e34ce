//! Pods of each node that are counted for their spread: those of the first service that selects a new pod, and
//! those that any service, replication controller, replica set or stateful set selects which selects it
//! (Kubernetes 1.11 `priorities/selector_spreading.go`, `metadata.go`).

use cluster::Store;
use model::{LabelSelector, Object, PodSpec};
use units::{ClassId, ObjectId, SortedMap};

use crate::parts::services::selecting;

/// Kinds of controllers whose selectors count.
const CONTROLLERS: [&str; 3] = ["ReplicationController", "ReplicaSet", "StatefulSet"];

/// Objects that select the pods of a class, by id.
#[derive(Clone, Debug, Default)]
struct Selecting {
    /// Services; the first is the one that places the pods.
    services: Vec<ObjectId>,
    /// Services and controllers.
    all: Vec<ObjectId>,
}

/// The counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    /// Whether the policy counts pods of controllers.
    has_controllers: bool,
    nodes: usize,
    /// By class.
    classes: Vec<Selecting>,
    /// Number of pods of each service by node.
    of_service: SortedMap<ObjectId, Vec<i64>>,
    /// Number of pods by node that any of some objects selects, without those that are asked to end.
    of_selectors: SortedMap<Vec<ObjectId>, Vec<i64>>,
    /// Selectors of controllers.
    selectors: SortedMap<ObjectId, LabelSelector>,
}

impl Spread {
    /// No counts yet.
    pub(super) fn new(has_controllers: bool) -> Self {
        Self {
            has_controllers,
            ..Self::default()
        }
    }

    /// A node joins.
    pub(super) fn add_node(&mut self) {
        self.nodes += 1;
        let counts = self.of_service.values_mut();
        for own in counts.chain(self.of_selectors.values_mut()) {
            own.push(0);
        }
    }

    /// A class of pods appears, the next by number. Returns whether pods of other classes may be there that the
    /// same objects select and that nobody has counted for it yet.
    pub(super) fn add_class(&mut self, spec: &PodSpec, store: &Store) -> bool {
        let own = self.selecting(spec, store);
        let known = self.of_selectors.len();
        self.prepare(&own);
        self.classes.push(own);
        self.of_selectors.len() > known
    }

    fn prepare(&mut self, own: &Selecting) {
        let none = || vec![0; self.nodes];
        for &service in &own.services {
            self.of_service.entry(service).or_insert_with(none);
        }
        if self.has_controllers && !own.all.is_empty() {
            self.of_selectors
                .entry(own.all.clone())
                .or_insert_with(none);
        }
    }

    fn selecting(&self, spec: &PodSpec, store: &Store) -> Selecting {
        let mut services: Vec<ObjectId> = selecting(spec, store).collect();
        services.sort_unstable();
        let mut all = services.clone();
        if self.has_controllers {
            for kind in CONTROLLERS {
                let known = store.objects().of_kind(kind, &spec.namespace);
                let own = known.filter(|(_, row)| {
                    selector_of(&row.object).is_some_and(|own| own.matches(&spec.labels))
                });
                all.extend(own.map(|(id, _)| id));
            }
            all.sort_unstable();
        }
        Selecting { services, all }
    }

    /// Whether other pods are selected since an object was declared, declared anew or deleted.
    pub(super) fn changes(&mut self, id: ObjectId, store: &Store) -> bool {
        let object = store.objects().get(id).map(|row| &row.object);
        if matches!(object, Some(Object::Service(_))) || self.of_service.contains_key(&id) {
            return true;
        }
        match object
            .and_then(selector_of)
            .filter(|_| self.has_controllers)
        {
            Some(new) if self.selectors.get(&id) == Some(new) => false,
            Some(new) => {
                self.selectors.insert(id, new.clone());
                true
            }
            None => self.selectors.remove(&id).is_some(),
        }
    }

    /// Counts begin at none again.
    pub(super) fn clear(&mut self) {
        let counts = self.of_service.values_mut();
        for own in counts.chain(self.of_selectors.values_mut()) {
            own.fill(0);
        }
    }

    /// Sees anew what selects the pods of each class.
    pub(super) fn select(&mut self, store: &Store) {
        self.of_service.clear();
        self.of_selectors.clear();
        for class in 0..self.classes.len() {
            let spec = &store.class(ClassId::from_index(class)).spec;
            let own = self.selecting(spec, store);
            self.prepare(&own);
            self.classes[class] = own;
        }
    }

    /// Counts a pod on a node, or takes it from the counts.
    pub(super) fn count(&mut self, class: ClassId, node: usize, sign: i64, is_ending: bool) {
        for service in &self.classes[class.index()].services {
            if let Some(counts) = self.of_service.get_mut(service) {
                counts[node] += sign;
            }
        }
        if !is_ending {
            self.count_selected(class, node, sign);
        }
    }

    /// A pod that was counted was asked to end.
    pub(super) fn ends(&mut self, class: ClassId, node: usize) {
        self.count_selected(class, node, -1);
    }

    fn count_selected(&mut self, class: ClassId, node: usize, sign: i64) {
        let own = &self.classes[class.index()].all;
        for (of, counts) in &mut self.of_selectors {
            if of.iter().any(|id| own.contains(id)) {
                counts[node] += sign;
            }
        }
    }

    /// Number of pods on a node that belong to the service of a class.
    pub(super) fn of_service(&self, class: ClassId, node: usize) -> i64 {
        let first = self.classes[class.index()].services.first();
        let counts = first.and_then(|service| self.of_service.get(service));
        counts.map_or(0, |counts| counts[node])
    }

    /// Number of pods on a node that any object selects which selects the pods of a class.
    pub(super) fn of_selectors(&self, class: ClassId, node: usize) -> i64 {
        let counts = self.of_selectors.get(&self.classes[class.index()].all);
        counts.map_or(0, |counts| counts[node])
    }
}

fn selector_of(object: &Object) -> Option<&LabelSelector> {
    match object {
        Object::ReplicationController(own) | Object::ReplicaSet(own) => Some(&own.selector),
        Object::StatefulSet(own) => Some(&own.selector),
        _ => None,
    }
}
