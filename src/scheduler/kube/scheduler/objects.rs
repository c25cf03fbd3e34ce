//! Owners and budgets, as the API reports them: plugins spread pods by the selectors of their
//! owners, preemption respects budgets (spec: kubernetes.md 1.9, 1.11).

use super::KubeScheduler;
use model::ClusterObjects;
use model::objects::{DisruptionBudget, Workload};
use model::workload::PodDisruptionBudget;
use model::{LabelSelector, Namespace, Object, ObjectChange, Text};
use units::ObjectId;

/// An object that placements look at: its kind, namespace and name.
pub(super) type ObjectKey = (&'static str, Text, Text);

impl KubeScheduler {
    /// An object came, changed or went.
    pub(super) fn object_changed(&mut self, change: &ObjectChange) {
        match change {
            ObjectChange::Created { id, object, .. } => match object {
                Object::ReplicaSet(set) | Object::ReplicationController(set) => {
                    self.add_owner(*id, object, &set.selector);
                }
                Object::StatefulSet(set) => self.add_owner(*id, object, &set.selector),
                Object::PodDisruptionBudget(budget) => {
                    self.named.insert(*id, named(object));
                    self.cache.objects.budgets.push(budget_of(budget));
                }
                Object::Namespace(namespace) => self.label_namespace(*id, object, namespace),
                _ => {}
            },
            ObjectChange::Updated { id, object } => {
                if let Object::Namespace(namespace) = object {
                    self.label_namespace(*id, object, namespace);
                }
                if let Object::PodDisruptionBudget(budget) = object {
                    let mut known = self.cache.objects.budgets.iter_mut();
                    let is_own = |known: &&mut DisruptionBudget| {
                        known.namespace == budget.namespace && known.name == budget.name
                    };
                    if let Some(known) = known.find(is_own) {
                        *known = budget_of(budget);
                    }
                }
            }
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => {}
            ObjectChange::Deleted { id } => {
                if let Some((kind, namespace, name)) = self.named.remove(id) {
                    let objects = &mut *self.cache.objects;
                    let is_other = |own: (&Text, &Text)| own != (&namespace, &name);
                    if kind == "Namespace" {
                        objects.namespaces.remove(&name);
                    } else if kind == "PodDisruptionBudget" {
                        let budgets = &mut objects.budgets;
                        budgets.retain(|budget| is_other((&budget.namespace, &budget.name)));
                    } else {
                        objects.workloads.retain(|workload| {
                            *workload.kind != *kind
                                || is_other((&workload.namespace, &workload.name))
                        });
                    }
                }
            }
        }
    }

    /// Terms about other pods may select namespaces by their labels.
    fn label_namespace(&mut self, id: ObjectId, object: &Object, own: &Namespace) {
        self.named.insert(id, named(object));
        let known = self.cache.objects.namespaces.get(&own.name);
        if known != Some(&own.labels) {
            let (name, labels) = (own.name.clone(), own.labels.clone());
            self.cache.objects.namespaces.insert(name, labels);
        }
    }

    fn add_owner(&mut self, id: ObjectId, object: &Object, selector: &LabelSelector) {
        self.named.insert(id, named(object));
        self.cache.objects.workloads.push(Workload {
            kind: object.kind().into(),
            namespace: object.namespace().clone(),
            name: object.name().clone(),
            selector: Some(selector.clone()),
        });
    }
}

/// Whether pods whose storage was not to be had may find it now.
pub(super) fn differ_in_storage(one: &ClusterObjects, other: &ClusterObjects) -> bool {
    one.volumes != other.volumes
        || one.claims != other.claims
        || one.storage_classes != other.storage_classes
        || one.csi_nodes != other.csi_nodes
        || one.csi_drivers != other.csi_drivers
        || one.capacities != other.capacities
        || one.attachments != other.attachments
}

fn named(object: &Object) -> ObjectKey {
    let (namespace, name) = (object.namespace().clone(), object.name().clone());
    (object.kind(), namespace, name)
}

fn budget_of(budget: &PodDisruptionBudget) -> DisruptionBudget {
    let status = &budget.status;
    DisruptionBudget {
        namespace: budget.namespace.clone(),
        name: budget.name.clone(),
        selector: budget.selector.clone(),
        allowed: i64::from(status.disruptions_allowed),
        disrupted: status.disrupted.keys().cloned().collect(),
    }
}
