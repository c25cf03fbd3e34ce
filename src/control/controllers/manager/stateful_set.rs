//! The controller of stateful sets at work (spec: kubernetes.md 2.4). A revision is named after its
//! template; the set keeps those that it may need again.

use std::sync::Arc;

use super::entry::ControllerEntry;
use super::observe::{self, PodObservation};
use super::replica_set::next_available;
use super::template::{REVISION_LABEL, revision_of};
use super::{Change, Controller, Sync};
use crate::admission::{NewName, NewPod};
use crate::controllers::stateful_set::{StatefulPod, StatefulSetView, sync};
use cluster::Store;
use model::canonical::short_name;
use model::workload::StatefulSet;
use model::workload::revision::{TemplateRevision, raise};
use model::workload::stateful_set::StatefulStatus;
use model::{Change as Release, Changes, Object, Owner, PodOwner, PodSpec, PodVolume, Text};
use units::ObjectId;

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "stateful-set",
    summary: "Creates, replaces and removes the pods of a StatefulSet in ordinal order.",
    build: |options| {
        Box::new(StatefulSets {
            changes: options.changes,
        })
    },
};

const KINDS: &[&str] = &["StatefulSet"];

/// On a pod: its name, so that a service can select it alone.
const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";

/// On a pod: its ordinal.
const POD_INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// The controller; it remembers nothing.
#[derive(Clone)]
struct StatefulSets {
    /// Switches of the release.
    changes: Changes,
}

impl Controller for StatefulSets {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
        look_at.extend(change.concerns(KINDS));
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let Some(Object::StatefulSet(set)) = step.object() else {
            return;
        };
        let living = observe::living(step.store, step.key);
        let finished = observe::finished(step.store, step.key);
        let seen: Vec<PodObservation> = living.into_iter().chain(finished).collect();
        let pods: Vec<StatefulPod> = seen
            .iter()
            .map(|pod| StatefulPod {
                ordinal: pod.index,
                revision: revision_of(step.store, pod.class),
                pod: pod.observed.clone(),
            })
            .collect();
        let update_revision = update_revision(set);
        let view = StatefulSetView {
            set,
            pods: &pods,
            update_revision: update_revision.clone(),
            status: &set.status,
            has_max_unavailable: self.changes.has(Release::StatefulMaxUnavailable),
            waits_for_available: self.changes.has(Release::ParallelUpdateWaits),
            is_terminating: false,
        };
        let writes = sync(step.now, &view);
        for (ordinal, revision) in &writes.create {
            let template = if *revision == update_revision {
                Some(&set.template)
            } else {
                let mut known = set.revisions.iter();
                known
                    .find(|known| known.name == *revision)
                    .map(|known| &known.template)
            };
            if let Some(template) = template {
                create(step, set, *ordinal, revision, template);
            }
        }
        for ordinal in &writes.delete {
            for pod in seen.iter().filter(|pod| pod.index == *ordinal) {
                step.delete_pod(pod.pod);
            }
        }
        let revisions = revisions(set, &writes.status, &pods);
        if writes.status != set.status || revisions != set.revisions {
            let set = StatefulSet {
                status: writes.status,
                revisions,
                ..(**set).clone()
            };
            step.update(step.key, Object::StatefulSet(Arc::new(set)));
        }
        if let Some(at) = next_available(&seen, set.min_ready, step.now) {
            step.look_again_at(at);
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

/// The name of the present template: one that was there before has the name that it had.
fn update_revision(set: &StatefulSet) -> Text {
    let mut known = set.revisions.iter().rev();
    let known = known.find(|known| known.template == set.template);
    known.map_or_else(
        || format!("{}-{}", set.name, short_name(&*set.template)).into(),
        |known| known.name.clone(),
    )
}

fn create(
    step: &mut Sync<'_>,
    set: &StatefulSet,
    ordinal: i32,
    revision: &Text,
    template: &PodSpec,
) {
    let name: Text = format!("{}-{ordinal}", set.name).into();
    let mut spec = PodSpec {
        namespace: set.namespace.clone(),
        owner: Some(Owner {
            kind: "StatefulSet".into(),
            name: set.name.clone(),
        }),
        ..template.clone()
    };
    let claims = set.claims.of_pod(&name);
    spec.volumes.extend(claims.map(PodVolume::Claim));
    for (label, value) in [
        (POD_NAME_LABEL, name.clone()),
        (POD_INDEX_LABEL, ordinal.to_string().into()),
        (REVISION_LABEL, revision.clone()),
    ] {
        spec.labels.insert(label.into(), value);
    }
    let owner = PodOwner::new(step.key, ordinal);
    step.create_pod(NewPod {
        owner,
        name: NewName::Exact(name),
        spec: Arc::new(spec),
    });
}

/// The revisions to be kept: those in use, and of the others as many as the limit says, the newest.
fn revisions(
    set: &StatefulSet,
    status: &StatefulStatus,
    pods: &[StatefulPod],
) -> Vec<TemplateRevision> {
    let mut revisions = set.revisions.clone();
    if revisions
        .iter()
        .all(|known| known.name != status.update_revision)
    {
        revisions.push(TemplateRevision {
            name: status.update_revision.clone(),
            template: set.template.clone(),
        });
    }
    raise(&mut revisions, &set.template);
    let is_used = |known: &TemplateRevision| {
        [&status.update_revision, &status.current_revision].contains(&&known.name)
            || pods.iter().any(|pod| pod.revision == known.name)
    };
    let unused = revisions.iter().filter(|known| !is_used(known)).count();
    let limit = set.revision_history_limit.max(0) as usize;
    let mut surplus = unused.saturating_sub(limit);
    revisions.retain(|known| {
        let goes = surplus > 0 && !is_used(known);
        surplus -= usize::from(goes);
        !goes
    });
    revisions
}
