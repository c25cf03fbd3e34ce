//! Operations of users on pods without a controller, or on single pods of a controller.

use std::sync::Arc;

use super::{OperationError, Steps};
use crate::admission::{BarePod, Creation};
use cluster::{Conflict, Store};
use model::{EndReason, Event, Labels, PodChange, PodPhase, PodRef, PodSpec, Text};
use units::ClassId;
use units::nearest::nearest;

/// Pods to delete: one by its name, or those with labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodChoice {
    /// The pods' namespace.
    pub namespace: Text,
    /// The name of the only pod.
    pub name: Option<Text>,
    /// Labels that the pods have.
    pub labels: Labels,
    /// The greatest number of pods, oldest first; `None` is all.
    pub count: Option<u32>,
}

impl PodChoice {
    /// Whether a pod of a class may be among them.
    pub fn admits(&self, spec: &PodSpec) -> bool {
        let mut labels = self.labels.iter();
        spec.namespace == self.namespace
            && labels.all(|(key, value)| spec.labels.get(key) == Some(value))
    }
}

impl Steps {
    /// Tells pods to end within their grace.
    pub(super) fn delete_pods(
        &mut self,
        store: &Store,
        choice: &PodChoice,
    ) -> Result<(), OperationError> {
        let states = store.pod_states();
        let living = store.pods().iter().filter(|pod| {
            choice.admits(&store.class(pod.class).spec)
                && (choice.name.as_ref()).is_none_or(|name| pod.name.text() == *name)
        });
        let mut pods: Vec<PodRef> = living.map(|pod| pod.pod).collect();
        pods.sort_unstable();
        let ended = states.all_finished().filter(|ended| {
            choice.admits(&store.class(ended.pod.class).spec)
                && (choice.name.as_ref()).is_none_or(|name| ended.pod.name.text() == *name)
        });
        let ended: Vec<PodRef> = ended.map(|ended| ended.pod.pod).collect();
        if let Some(name) = choice
            .name
            .as_ref()
            .filter(|_| pods.is_empty() && ended.is_empty())
        {
            let others = store.pods().iter();
            let others = others.filter(|pod| choice.admits(&store.class(pod.class).spec));
            let others: Vec<Text> = others.map(|pod| pod.name.text()).collect();
            let near = nearest(name, others.iter().map(|other| &**other)).map(Text::from);
            let namespace = choice.namespace.clone();
            return Err(OperationError::NoPod(namespace, name.clone(), near));
        }
        let most = choice.count.map_or(usize::MAX, |count| count as usize);
        pods.retain(|&pod| !states.is_terminating(pod));
        for &pod in pods.iter().take(most) {
            let (grace, reason) = (store.grace_of(pod), EndReason::Cancelled);
            let change = PodChange::Terminating { grace, reason };
            self.events.push(Event::PodChanged { pod, change });
        }
        for &pod in ended.iter().take(most.saturating_sub(pods.len())) {
            let change = PodChange::Forgotten;
            self.events.push(Event::PodChanged { pod, change });
        }
        Ok(())
    }

    /// Creates a pod without a controller, or updates an existing one.
    pub(super) fn apply_pod(
        &mut self,
        store: &Store,
        declared: &Arc<BarePod>,
    ) -> Result<(), OperationError> {
        let known = store.pods().iter().find(|pod| {
            store.class(pod.class).spec.namespace == declared.spec.namespace
                && pod.name.text() == declared.name
        });
        let Some(known) = known else {
            self.creations.push(Creation::BarePod(Arc::clone(declared)));
            return Ok(());
        };
        let before = &store.class(known.class).spec;
        let after = &with_priority_of(before, &declared.spec);
        if before == after {
            return Ok(());
        }
        if !differ_in_open_fields(before, after) {
            return Err(OperationError::Refused(Conflict::Forbidden(format!(
                "Pod {}: pod updates may change labels, take schedulingGates away, add tolerations and, \
                 while there are gates, add to nodeSelector",
                declared.name
            ))));
        }
        let owner = store.pod_states().get(known.pod);
        if known.phase != PodPhase::Pending && owner.is_some_and(|owner| owner.owner.is_some()) {
            return Err(OperationError::Refused(Conflict::Forbidden(format!(
                "Pod {}: labels of a pod that a controller owns can't be changed here once it has a node: \
                 that the controller would release the pod is not modelled",
                declared.name
            ))));
        }
        let class = store.class_of(after);
        self.events.extend(store.class_added(after));
        let class = class.unwrap_or_else(|| ClassId::from_index(store.class_count()));
        let change = PodChange::Declared { class };
        self.events.push(Event::PodChanged {
            pod: known.pod,
            change,
        });
        Ok(())
    }
}

/// A declaration with the priority of the pod that it is about: that was filled in from its class when the pod was
/// created, and holds on.
fn with_priority_of(before: &PodSpec, declared: &Arc<PodSpec>) -> Arc<PodSpec> {
    let mut after = Arc::clone(declared);
    if (after.priority, after.preempts) != (before.priority, before.preempts) {
        let own = Arc::make_mut(&mut after);
        (own.priority, own.preempts) = (before.priority, before.preempts);
    }
    after
}

/// Whether nothing differs but what the API lets users change of a pod (`ValidatePodUpdate`): labels;
/// gates may go, and tolerations come; while there are gates, the node selector may ask for more.
fn differ_in_open_fields(before: &PodSpec, after: &PodSpec) -> bool {
    let plain = |spec: &PodSpec| PodSpec {
        scheduling_gates: Vec::new(),
        node_selector: Labels::default(),
        tolerations: Vec::new(),
        labels: Labels::default(),
        ..spec.clone()
    };
    let mut gates = after.scheduling_gates.iter();
    let mut tolerations = before.tolerations.iter();
    let mut wishes = before.node_selector.iter();
    let narrows = !before.scheduling_gates.is_empty()
        && wishes.all(|(key, value)| after.node_selector.get(key) == Some(value));
    gates.all(|gate| before.scheduling_gates.contains(gate))
        && tolerations.all(|toleration| after.tolerations.contains(toleration))
        && (before.node_selector == after.node_selector || narrows)
        && plain(before) == plain(after)
}
