//! Revisions of sets by the names of a run: a dump names them by hashes that the original computes.

use std::sync::Arc;

use k8s::{DeclaredRevision, DeclaredWorkload, ManifestPod, ReportedStatus};
use model::canonical::short_name;
use model::workload::{DaemonSet, StatefulSet, TemplateRevision};
use model::{Object, PodSpec, PodVolume, Text, Toleration};
use units::{Duration, SortedMap};

use super::state::ordinal;

/// On a pod: the revision of its template.
const REVISION_LABEL: &str = "controller-revision-hash";
/// On a pod of a daemon set: the number of its template.
const GENERATION_LABEL: &str = "pod-template-generation";
/// On a pod of a stateful set: its name, and its ordinal.
const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// Label of a pod's revision.
fn revision_of(pod: &ManifestPod) -> Option<&Text> {
    pod.spec.labels.get(REVISION_LABEL)
}

/// Name that the controller gives to the present template of a stateful set.
fn present_revision(set: &StatefulSet) -> Text {
    format!("{}-{}", set.name, short_name(&*set.template)).into()
}

/// The revision by which the dump knows the present template: the one that it reports, or that of
/// the pod with the highest ordinal, where updates begin.
fn reported_update<'p>(
    set: &StatefulSet,
    reported: &'p ReportedStatus,
    pods: &[&'p ManifestPod],
    known: &[&'p DeclaredRevision],
) -> Option<&'p Text> {
    let highest = pods.iter().max_by_key(|pod| ordinal(&set.name, &pod.name));
    let of_highest = highest.and_then(|pod| revision_of(pod));
    let newest = newest(known).map(|own| &own.mark);
    reported.update_revision.as_ref().or(newest).or(of_highest)
}

/// The revision of the present template, among those that a dump has of a set.
fn newest<'k>(known: &[&'k DeclaredRevision]) -> Option<&'k DeclaredRevision> {
    known.iter().copied().max_by_key(|own| own.number)
}

/// The revisions of a dump but for one, oldest first.
fn former(known: &[&DeclaredRevision], present: Option<&Text>) -> Vec<TemplateRevision> {
    let mut known = known.to_vec();
    known.sort_by_key(|own| own.number);
    let others = known.into_iter().filter(|own| Some(&own.mark) != present);
    let revisions = others.filter_map(|own| {
        let template = match own.set() {
            Object::StatefulSet(set) => set.template.clone(),
            Object::DaemonSet(set) => set.template.clone(),
            _ => return None,
        };
        Some(TemplateRevision {
            name: own.mark.clone(),
            template,
        })
    });
    revisions.collect()
}

/// The template that a pod of a stateful set was made from: the pod without what was added to it.
fn template_of(set: &StatefulSet, pod: &ManifestPod) -> PodSpec {
    let mut spec = (*pod.spec).clone();
    for label in [REVISION_LABEL, POD_NAME_LABEL, POD_INDEX_LABEL] {
        spec.labels.remove(label);
    }
    spec.owner.clone_from(&set.template.owner);
    let of_set = set.claims.0.iter().map(|claim| &claim.name);
    let claims = set.claim_templates.iter().chain(of_set);
    let claims: Vec<String> = claims.map(|name| format!("{name}-{}", pod.name)).collect();
    spec.volumes.retain(|volume| match volume {
        PodVolume::Claim(claim) => claims.iter().all(|own| **own != **claim),
        _ => true,
    });
    // Admission gives these to every pod.
    let is_added = |toleration: &Toleration| {
        let key = toleration.key.as_deref().unwrap_or_default();
        [
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable",
        ]
        .contains(&key)
            && toleration.tolerates_for == Some(Duration::from_secs(300))
            && !set.template.tolerations.contains(toleration)
    };
    spec.tolerations.retain(|own| !is_added(own));
    spec
}

/// A stateful set that knows the templates of all its pods: from its revisions, or else from the pods.
pub(super) fn of_stateful_set(
    set: &StatefulSet,
    reported: &ReportedStatus,
    pods: &[&ManifestPod],
    known: &[&DeclaredRevision],
) -> StatefulSet {
    let update = reported_update(set, reported, pods, known);
    let mut own = set.clone();
    let declared = former(known, update);
    let mut of_pods: SortedMap<Text, &ManifestPod> = SortedMap::new();
    for pod in pods {
        if let Some(revision) = revision_of(pod).filter(|own| Some(*own) != update)
            && declared.iter().all(|own| own.name != *revision)
        {
            of_pods.entry(revision.clone()).or_insert(pod);
        }
    }
    own.revisions
        .extend(of_pods.iter().map(|(name, pod)| TemplateRevision {
            name: name.clone(),
            template: Arc::new(template_of(set, pod)),
        }));
    let newest_former = of_pods.keys().next().cloned();
    let newest_former = newest_former.or_else(|| {
        let mut used = declared.iter().rev();
        let is_used =
            |own: &&TemplateRevision| pods.iter().any(|pod| revision_of(pod) == Some(&own.name));
        used.find(is_used).map(|own| own.name.clone())
    });
    own.revisions.extend(declared);
    // Users may change the template before the controller looks at it.
    own.revisions.push(TemplateRevision {
        name: present_revision(set),
        template: set.template.clone(),
    });
    own.status.update_revision = present_revision(set);
    let current = match &reported.current_revision {
        Some(name) => Some(name).filter(|name| Some(*name) != update).cloned(),
        None => newest_former,
    };
    let current = current.unwrap_or_else(|| own.status.update_revision.clone());
    if own.revisions.iter().all(|known| known.name != current) {
        // Its pods are gone, and with them what told of their template: without any, none would come.
        own.revisions.insert(
            0,
            TemplateRevision {
                name: current.clone(),
                template: set.template.clone(),
            },
        );
    }
    own.status.current_revision = current;
    own
}

/// A daemon set with the templates that it had before, as far as a dump has them.
pub(super) fn of_daemon_set(set: &DaemonSet, known: &[&DeclaredRevision]) -> DaemonSet {
    let mut own = set.clone();
    own.history.revisions = former(known, newest(known).map(|own| &own.mark));
    if !own.history.revisions.is_empty() {
        own.history.revisions.push(TemplateRevision {
            name: hash_of(set),
            template: set.template.clone(),
        });
    }
    own
}

/// Whether a set is half rolled out and its former template is in no revision of the dump.
pub(super) fn lacks_former(
    declared: &DeclaredWorkload,
    pods: &[&ManifestPod],
    known: &[&DeclaredRevision],
) -> bool {
    let reported = &declared.reported;
    let is_known = |mark: &Text| known.iter().any(|own| own.mark == *mark);
    match &declared.object {
        Object::StatefulSet(set) => {
            let update = reported_update(set, reported, pods, known);
            let marks = pods.iter().filter_map(|pod| revision_of(pod));
            let mut marks = marks.chain(&reported.current_revision);
            update.is_some() && marks.any(|own| Some(own) != update && !is_known(own))
        }
        Object::DaemonSet(_) => pods.iter().any(|pod| {
            let mark = revision_of(pod);
            mark.is_some_and(|own| !is_known(own))
                && !is_of_present_template(reported, pod, pods, known)
        }),
        _ => false,
    }
}

/// Spec of a pod with its revision by the names of the run; `None` where it stays as it is.
pub(super) fn revised(
    object: &Object,
    reported: &ReportedStatus,
    pod: &ManifestPod,
    pods: &[&ManifestPod],
    known: &[&DeclaredRevision],
) -> Option<Arc<PodSpec>> {
    let present: Text = match object {
        Object::StatefulSet(set) => {
            let is_present = match reported_update(set, reported, pods, known) {
                Some(update) => revision_of(pod).is_none_or(|own| own == update),
                None => true,
            };
            is_present.then(|| present_revision(set))?
        }
        Object::DaemonSet(set) => {
            is_of_present_template(reported, pod, pods, known).then(|| hash_of(set))?
        }
        _ => return None,
    };
    let spec = pod.accounted.as_ref().unwrap_or(&pod.spec);
    let mut spec = (**spec).clone();
    spec.labels.insert(REVISION_LABEL.into(), present);
    Some(Arc::new(spec))
}

fn hash_of(set: &DaemonSet) -> Text {
    short_name(&*set.template).into()
}

/// Whether a pod of a daemon set was made from the present template: by the revisions of the dump, by the
/// number of the template where both state it, else by the revision of the youngest pod.
fn is_of_present_template(
    reported: &ReportedStatus,
    pod: &ManifestPod,
    pods: &[&ManifestPod],
    known: &[&DeclaredRevision],
) -> bool {
    if let (Some(own), Some(newest)) = (revision_of(pod), newest(known))
        && known.iter().any(|known| known.mark == *own)
    {
        return *own == newest.mark;
    }
    let generation = pod.spec.labels.get(GENERATION_LABEL);
    if let (Some(own), Some(present)) = (generation, &reported.template_generation) {
        return own == present;
    }
    let youngest = pods.iter().max_by_key(|pod| pod.created_unix_secs);
    let youngest = youngest.and_then(|pod| revision_of(pod));
    youngest.is_none_or(|youngest| revision_of(pod) == Some(youngest))
}
