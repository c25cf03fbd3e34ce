//! The controller of daemon sets at work (spec: kubernetes.md 2.3). A pod is pinned to its node by
//! required node affinity and bound by the scheduler.

use std::sync::Arc;

use super::entry::ControllerEntry;
use super::observe::{self, PodObservation};
use super::replica_set::next_available;
use super::template::{REVISION_LABEL, revision_of};
use super::{Change, Controller, Sync};
use crate::admission::{NewName, NewPod};
use crate::controllers::daemon_set::{
    DaemonNode, DaemonPod, Eligibility, FailureBackoff, add_tolerations, eligibility, sync,
};
use cluster::Store;
use model::workload::daemon_set::DaemonStatus;
use model::workload::{DaemonHistory, DaemonSet, TemplateRevision};
use model::{
    Event, Node, NodeSelector, NodeSelectorTerm, Object, ObjectChange, Operator, Owner, PodOwner,
    PodSpec, Requirement, Text,
};
use units::{Instant, NodeId, ObjectId, SortedMap, SortedSet};

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "daemon-set",
    summary: "Keeps one pod of a DaemonSet on every eligible node.",
    build: |_| Box::new(DaemonSets::default()),
};

const KINDS: &[&str] = &["DaemonSet"];

/// The controller.
#[derive(Clone, Default)]
struct DaemonSets {
    sets: SortedSet<ObjectId>,
    known: SortedMap<ObjectId, SetState>,
}

/// Remembered state of a set.
#[derive(Clone, Default)]
struct SetState {
    backoff: FailureBackoff,
    template: Arc<PodSpec>,
    hash: Text,
    /// By node, as long as both declarations stay as they are.
    eligible: Vec<Option<(Arc<Node>, Eligibility)>>,
}

impl Controller for DaemonSets {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
        match change.event {
            Event::NodeAdded { .. } | Event::NodeUpdated { .. } | Event::NodeRemoved { .. } => {
                look_at.extend(&self.sets);
            }
            Event::Object(ObjectChange::Created { id, object, .. })
                if object.kind() == "DaemonSet" =>
            {
                self.sets.insert(*id);
            }
            Event::Object(ObjectChange::Deleted { id }) => {
                self.sets.remove(id);
                self.known.remove(id);
            }
            _ => {}
        }
        look_at.extend(change.concerns(KINDS));
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let Some(Object::DaemonSet(set)) = step.object() else {
            return;
        };
        let known = self.known.entry(step.key).or_default();
        known.follow(set);
        let living = observe::living(step.store, step.key);
        let finished = observe::finished(step.store, step.key);
        let seen: Vec<PodObservation> = living.into_iter().chain(finished).collect();
        let (ids, nodes) = known.nodes(step.store, set, &seen);
        if !step.is_waiting {
            let writes = sync(step.now, set, &nodes, &mut known.backoff);
            for name in &writes.create_on {
                if let Some(place) = nodes.iter().position(|node| node.name == *name) {
                    create(step, set, ids[place], name, &known.hash);
                }
            }
            for name in &writes.delete {
                for pod in seen.iter().filter(|pod| pod.observed.name == *name) {
                    step.delete_pod(pod.pod);
                }
            }
            if let Some(at) = writes.wake {
                step.look_again_at(at);
            }
        }
        let status = status(step.now, set, &nodes[..ids.len()]);
        let revisions = kept(set, &known.hash, step.store, &seen);
        if status != set.status || revisions.len() != set.history.revisions.len() {
            let history = DaemonHistory {
                revisions,
                ..set.history.clone()
            };
            let set = DaemonSet {
                status,
                history,
                ..(**set).clone()
            };
            step.update(step.key, Object::DaemonSet(Arc::new(set)));
        }
        if let Some(at) = next_available(&seen, set.min_ready, step.now) {
            step.look_again_at(at);
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

impl SetState {
    /// Takes the set's present template.
    fn follow(&mut self, set: &DaemonSet) {
        if self.hash.is_empty() || !Arc::ptr_eq(&self.template, &set.template) {
            self.template = set.template.clone();
            self.hash = set.history.name_of(&set.template);
            self.eligible.clear();
        }
    }

    /// The nodes with the set's pods on them; after those that are present, absent ones for which pods
    /// still wait: no other controller deletes these (`daemon_controller.go`, `getUnscheduledPodsWithoutNode`).
    fn nodes(
        &mut self,
        store: &Store,
        set: &DaemonSet,
        pods: &[PodObservation],
    ) -> (Vec<NodeId>, Vec<DaemonNode>) {
        let mut on: SortedMap<NodeId, Vec<DaemonPod>> = SortedMap::new();
        let mut absent: SortedMap<Text, Vec<DaemonPod>> = SortedMap::new();
        for pod in pods {
            let daemon = DaemonPod {
                pod: pod.observed.clone(),
                is_updated: revision_of(store, pod.class) == self.hash,
            };
            let node = NodeId(pod.index as u32);
            if store.nodes().object(node).is_some() {
                on.entry(node).or_default().push(daemon);
                continue;
            }
            // What names its node finds another one of that name.
            let name = store.nodes().name(node);
            if let Some(other) = store.nodes().by_name(name) {
                on.entry(other).or_default().push(daemon);
            } else if is_unscheduled(store, pod) {
                absent.entry(name.into()).or_default().push(daemon);
            }
        }
        self.eligible.resize(store.nodes().len(), None);
        let present = store.nodes().present();
        let declared = present.filter_map(|node| Some((node, store.nodes().object(node)?)));
        let nodes = declared.map(|(id, node)| {
            let known = &mut self.eligible[id.index()];
            let eligibility = match known {
                Some((of, eligible)) if Arc::ptr_eq(of, node) => *eligible,
                _ => {
                    let eligible = eligibility(set, node);
                    *known = Some((node.clone(), eligible));
                    eligible
                }
            };
            let node = DaemonNode {
                name: node.name.clone(),
                eligibility,
                pods: on.remove(&id).unwrap_or_default(),
            };
            (id, node)
        });
        let (ids, mut nodes): (Vec<_>, Vec<_>) = nodes.unzip();
        nodes.extend(absent.into_iter().map(|(name, pods)| DaemonNode {
            name,
            pods,
            ..DaemonNode::default()
        }));
        (ids, nodes)
    }
}

/// Whether a pod lives and has no node.
fn is_unscheduled(store: &Store, pod: &PodObservation) -> bool {
    let record = store.pods().get(pod.pod);
    record.is_some_and(|record| record.node().is_none())
}

fn create(step: &mut Sync<'_>, set: &DaemonSet, node: NodeId, name: &Text, hash: &Text) {
    let mut spec = PodSpec {
        namespace: set.namespace.clone(),
        owner: Some(Owner {
            kind: "DaemonSet".into(),
            name: set.name.clone(),
        }),
        ..(*set.template).clone()
    };
    spec.labels.insert(REVISION_LABEL.into(), hash.clone());
    add_tolerations(&mut spec.tolerations, set.host_network);
    let term = NodeSelectorTerm {
        match_expressions: Vec::new(),
        match_fields: vec![Requirement {
            key: "metadata.name".into(),
            operator: Operator::In,
            values: vec![name.clone()],
        }],
    };
    spec.affinity.node.required = Some(NodeSelector { terms: vec![term] });
    let owner = PodOwner::new(step.key, node.0 as i32);
    step.create_pod(NewPod {
        owner,
        name: NewName::Prefix(format!("{}-", set.name).into()),
        spec: Arc::new(spec),
    });
}

/// The revisions that a set keeps: the present one, those of its pods, and of the others the newest, as many
/// as its limit leaves beside those of its pods (`cleanupHistory`).
fn kept(
    set: &DaemonSet,
    hash: &Text,
    store: &Store,
    pods: &[PodObservation],
) -> Vec<TemplateRevision> {
    let mut revisions = set.history.revisions.clone();
    let former = revisions
        .iter()
        .filter(|revision| revision.name != *hash)
        .count();
    let limit = usize::try_from(set.history.limit).unwrap_or(0);
    let mut surplus = former.saturating_sub(limit);
    revisions.retain(|revision| {
        let is_live = || {
            pods.iter()
                .any(|pod| revision_of(store, pod.class) == revision.name)
        };
        let goes = surplus > 0 && revision.name != *hash && !is_live();
        surplus -= usize::from(goes);
        !goes
    });
    revisions
}

fn status(now: Instant, set: &DaemonSet, nodes: &[DaemonNode]) -> DaemonStatus {
    let mut status = DaemonStatus::default();
    for node in nodes {
        let oldest = node.pods.iter().min_by_key(|pod| pod.pod.created);
        if !node.eligibility.should_run {
            status.misplaced += i32::from(oldest.is_some());
            continue;
        }
        status.desired += 1;
        let Some(pod) = oldest else { continue };
        status.current += 1;
        status.ready += i32::from(pod.pod.is_ready());
        status.available += i32::from(pod.pod.is_available(set.min_ready, now));
        status.updated += i32::from(pod.is_updated);
    }
    status
}
