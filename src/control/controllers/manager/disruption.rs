//! The controller of disruption budgets at work: it keeps their status (spec: kubernetes.md 2.9).
//! Which pods a budget selects is followed by class, so that a pod costs what its budgets cost.

use std::sync::Arc;

use super::entry::ControllerEntry;
use super::observe;
use super::{Change, Controller, Sync};
use crate::controllers::disruption::{BudgetPod, recheck, sync};
use cluster::Store;
use model::workload::PodDisruptionBudget;
use model::{Event, LabelSelector, Object, ObjectChange, PodRef, Text};
use units::{ClassId, ObjectId, SortedMap, SortedSet};

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "disruption",
    summary: "Tracks how many pods of a PodDisruptionBudget may be disrupted.",
    build: |_| Box::new(Disruption::default()),
};

/// The controller.
#[derive(Clone, Default)]
struct Disruption {
    budgets: SortedMap<ObjectId, Budget>,
    /// The budgets of a class, as long as budgets stay as they are.
    of_class: SortedMap<ClassId, Vec<ObjectId>>,
    /// The class of each pod that a budget selects.
    classes: SortedMap<PodRef, ClassId>,
}

#[derive(Clone)]
struct Budget {
    namespace: Text,
    selector: Option<LabelSelector>,
    pods: SortedSet<PodRef>,
}

impl Budget {
    fn selects(&self, store: &Store, class: ClassId) -> bool {
        let class = &store.class(class).spec;
        let selector = self.selector.as_ref();
        class.namespace == self.namespace
            && selector.is_some_and(|selector| selector.matches(&class.labels))
    }
}

impl Controller for Disruption {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, store: &Store, look_at: &mut Vec<ObjectId>) {
        match change.event {
            Event::Object(
                ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object },
            ) => {
                if let Object::PodDisruptionBudget(budget) = object {
                    self.declare(*id, budget, store);
                    look_at.push(*id);
                }
            }
            Event::Object(ObjectChange::Deleted { id }) => {
                let was_known = self.budgets.remove(id).is_some();
                self.of_class.retain(|_, _| !was_known);
            }
            _ if self.budgets.is_empty() => {}
            Event::PodCreated(created) => {
                let own = self.budgets_of(created.class, store);
                for id in &own {
                    if let Some(budget) = self.budgets.get_mut(id) {
                        budget.pods.insert(created.pod);
                    }
                }
                if !own.is_empty() {
                    self.classes.insert(created.pod, created.class);
                }
                look_at.extend(own);
            }
            Event::PodEnded { pod, .. } => {
                let Some(class) = self.classes.remove(pod) else {
                    return;
                };
                let own = self.budgets_of(class, store);
                for id in &own {
                    if let Some(budget) = self.budgets.get_mut(id) {
                        budget.pods.remove(pod);
                    }
                }
                look_at.extend(own);
            }
            Event::PodChanged { pod, .. } => {
                if let Some(&class) = self.classes.get(pod) {
                    look_at.extend(self.budgets_of(class, store));
                }
            }
            _ => {}
        }
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let Some(Object::PodDisruptionBudget(budget)) = step.object() else {
            return;
        };
        let Some(known) = self.budgets.get(&step.key) else {
            return;
        };
        let mut scales = SortedMap::new();
        let pods: Vec<BudgetPod> = known
            .pods
            .iter()
            .filter_map(|&pod| {
                Some(BudgetPod {
                    pod: observe::seen(step.store, pod)?.observed,
                    controller: controller(step.store, pod, &mut scales),
                })
            })
            .collect();
        let status = sync(step.now, budget, &pods, &scales);
        if let Some(at) = recheck(&status) {
            step.look_again_at(at.max(step.now));
        }
        if status != budget.status {
            let budget = PodDisruptionBudget {
                status,
                ..(**budget).clone()
            };
            step.update(step.key, Object::PodDisruptionBudget(Arc::new(budget)));
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

impl Disruption {
    /// A budget came, or was declared anew; if it selects otherwise, all pods are gone through.
    fn declare(&mut self, id: ObjectId, budget: &PodDisruptionBudget, store: &Store) {
        let known = self.budgets.get(&id);
        if known.is_some_and(|known| known.selector == budget.selector) {
            return;
        }
        let mut new = Budget {
            namespace: budget.namespace.clone(),
            selector: budget.selector.clone(),
            pods: SortedSet::new(),
        };
        for pod in store.pods().iter() {
            if new.selects(store, pod.class) {
                new.pods.insert(pod.pod);
                self.classes.insert(pod.pod, pod.class);
            }
        }
        self.of_class.clear();
        self.budgets.insert(id, new);
    }

    fn budgets_of(&mut self, class: ClassId, store: &Store) -> Vec<ObjectId> {
        let budgets = &self.budgets;
        let of_class = self.of_class.entry(class).or_insert_with(|| {
            let own = budgets.iter();
            let own = own.filter(|(_, budget)| budget.selects(store, class));
            own.map(|(&id, _)| id).collect()
        });
        of_class.clone()
    }
}

/// The object at the top that controls a pod; how many pods it wants is noted.
fn controller(store: &Store, pod: PodRef, scales: &mut SortedMap<Text, i32>) -> Option<Text> {
    let owner = store.pod_states().get(pod)?.owner?;
    let objects = store.objects();
    let own = objects.get(owner.object)?;
    let row = own
        .owner
        .and_then(|owner| objects.get(owner))
        .filter(|row| matches!(row.object, Object::Deployment(_)))
        .unwrap_or(own);
    let name: Text = format!("{}/{}", row.object.kind(), row.object.name()).into();
    let scale = match &row.object {
        Object::Deployment(object) => Some(object.replicas),
        Object::ReplicaSet(object) | Object::ReplicationController(object) => Some(object.replicas),
        Object::StatefulSet(object) => Some(object.replicas),
        _ => None,
    };
    if let Some(scale) = scale {
        scales.insert(name.clone(), scale);
    }
    Some(name)
}
