//! Observations of a run, in the kinds of change of recordings.

use std::sync::Arc;

use super::pools::Pools;
use super::recorded::taints_change;
use super::rows::Rows;
use cluster::{Observer, Store};
use model::workload::deployment::{ConditionKind, ConditionReason};
use model::workload::{CompletionMode, CronJob};
use model::{
    EndReason, Event, Node, NodeContact, Object, ObjectChange, Pod, PodChange, PodCreated, PodRef,
};
use units::{Instant, NodeId, ObjectId, PodId, SortedMap, SortedSet};

/// What a run has shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) rows: Rows,
    /// The last renewals of leases of nodes that fell silent, in milliseconds.
    pub(super) silent_since: Vec<i64>,
    /// The nodes of pods, by the names of pods.
    nodes: SortedMap<String, String>,
}

impl Seen {
    /// The node of a pod at the end of the run.
    pub(super) fn node_of(&self, pod: &str) -> Option<String> {
        self.nodes.get(pod).cloned()
    }
}

/// Watches a run.
pub(super) struct Watch<'a> {
    pools: &'a Pools,
    /// When the recording begins, in milliseconds of the run.
    zero: i64,
    seen: Seen,
    objects: SortedMap<ObjectId, Known>,
    pods: SortedMap<PodId, Follow>,
    /// How many objects an owner has made.
    children: SortedMap<ObjectId, u32>,
    /// Pods that ended by themselves and whose objects their owner still keeps.
    kept: SortedMap<ObjectId, Vec<String>>,
    conditions: SortedSet<(String, String)>,
    nodes: SortedMap<NodeId, Arc<Node>>,
    /// The names that recordings give to jobs, by their own.
    jobs: SortedMap<String, String>,
    actives: Vec<Active>,
}

/// The active jobs of a cron job from an instant on.
struct Active {
    at: Instant,
    what: String,
    names: Vec<String>,
}

/// An object.
struct Known {
    /// Its kind and the name that recordings give it.
    what: String,
    object: Object,
    active: Vec<String>,
}

/// A living pod.
struct Follow {
    /// What it is judged as.
    label: String,
    owner: Option<ObjectId>,
    is_told: bool,
    is_unschedulable: bool,
}

impl<'a> Watch<'a> {
    /// Nothing is seen yet; the recording begins at `zero`, in milliseconds.
    pub(super) fn new(pools: &'a Pools, zero: i64) -> Self {
        Self {
            pools,
            zero,
            seen: Seen::default(),
            objects: SortedMap::new(),
            pods: SortedMap::new(),
            children: SortedMap::new(),
            kept: SortedMap::new(),
            conditions: SortedSet::new(),
            nodes: SortedMap::new(),
            jobs: SortedMap::new(),
            actives: Vec::new(),
        }
    }

    /// What was seen.
    pub(super) fn finish(mut self) -> Seen {
        // A job is active before it is there.
        for Active { at, what, names } in std::mem::take(&mut self.actives) {
            let names = names
                .iter()
                .map(|name| self.jobs.get(name).unwrap_or(name).as_str());
            let active = names.collect::<Vec<_>>().join(",");
            self.add(at, &what, &format!("active={active}"));
        }
        self.seen.rows.sort();
        self.seen
    }

    fn add(&mut self, at: Instant, what: &str, change: &str) {
        let millis = at.as_nanos() / 1_000_000 - self.zero;
        self.seen.rows.add(millis, what, change);
    }

    fn pod(&mut self, at: Instant, pod: PodRef, change: &str) {
        if let Some(label) = self.pods.get(&pod.id).map(|own| own.label.clone()) {
            self.add(at, &label, change);
        }
    }

    fn object(&mut self, at: Instant, change: &ObjectChange) {
        match change {
            ObjectChange::Created { id, owner, object } => {
                self.created(at, *id, *owner, object);
            }
            ObjectChange::Updated { id, object } => self.updated(at, *id, object),
            ObjectChange::Terminating { id } => {
                self.on_object(at, *id, "terminating");
                self.forget_kept(at, *id);
            }
            ObjectChange::Orphaned { .. } => {}
            ObjectChange::Deleted { id } => {
                self.on_object(at, *id, "deleted");
                self.forget_kept(at, *id);
                self.objects.remove(id);
            }
        }
    }

    fn on_object(&mut self, at: Instant, id: ObjectId, change: &str) {
        if let Some(what) = self.objects.get(&id).map(|known| known.what.clone()) {
            self.add(at, &what, change);
        }
    }

    /// The objects of pods that ended go with the object that kept them.
    fn forget_kept(&mut self, at: Instant, id: ObjectId) {
        for label in self.kept.remove(&id).unwrap_or_default() {
            self.add(at, &label, "terminating");
            self.add(at, &label, "gone");
        }
    }

    fn created(&mut self, at: Instant, id: ObjectId, owner: Option<ObjectId>, object: &Object) {
        let kind = object.kind();
        let mut name = object.name().to_string();
        if let Some(above) = owner.and_then(|owner| Some((owner, self.objects.get(&owner)?))) {
            let (owner, above) = above;
            let stem = above.what.split(' ').nth(1).unwrap_or_default();
            let number = self.children.entry(owner).or_default();
            *number += 1;
            match kind {
                "ReplicaSet" => name = format!("{stem}-rs{number}"),
                "Job" => {
                    let label = format!("{stem}-j{number}");
                    self.jobs.insert(name, label.clone());
                    name = label;
                }
                _ => {}
            }
        }
        let what = format!("{kind} {name}");
        self.add(at, &what, "created");
        if kind == "ReplicaSet" {
            self.add(at, &what, "scaled");
        }
        let known = Known {
            what,
            object: object.clone(),
            active: Vec::new(),
        };
        self.objects.insert(id, known);
        self.report(at, id);
    }

    fn updated(&mut self, at: Instant, id: ObjectId, object: &Object) {
        let Some(known) = self.objects.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut known.object, object.clone());
        if let (Object::ReplicaSet(before), Object::ReplicaSet(after)) = (&before, object)
            && before.replicas != after.replicas
        {
            self.on_object(at, id, "scaled");
        }
        self.report(at, id);
    }

    /// What the status of an object says.
    fn report(&mut self, at: Instant, id: ObjectId) {
        let Some(known) = self.objects.get(&id) else {
            return;
        };
        let what = known.what.clone();
        let active = match &known.object {
            Object::CronJob(cron_job) => active(cron_job),
            _ => Vec::new(),
        };
        let is_news = active != known.active;
        let changes = conditions(&known.object);
        for change in changes {
            if self.conditions.insert((what.clone(), change.clone())) {
                self.add(at, &what, &change);
            }
        }
        if is_news {
            self.actives.push(Active {
                at,
                what,
                names: active.clone(),
            });
            if let Some(known) = self.objects.get_mut(&id) {
                known.active = active;
            }
        }
    }

    fn pod_created(&mut self, at: Instant, created: &PodCreated, store: &Store) {
        let name = created.name.text();
        let owner = created.owner.map(|owner| owner.object);
        let label = match created
            .owner
            .and_then(|own| Some((own, self.objects.get(&own.object)?)))
        {
            None => self.pools.pod(&name),
            Some((own, known)) => {
                let stem = known.what.split(' ').nth(1).unwrap_or_default();
                match &known.object {
                    Object::StatefulSet(_) => format!("Pod {name}"),
                    Object::Job(job) if job.mode == CompletionMode::Indexed => {
                        format!("Pod {stem}-{}", own.index)
                    }
                    _ => format!("Pod {stem}"),
                }
            }
        };
        let spec = &store.class(created.class).spec;
        let follow = Follow {
            label,
            owner,
            is_told: false,
            is_unschedulable: !spec.scheduling_gates.is_empty(),
        };
        let is_gated = follow.is_unschedulable;
        self.pods.insert(created.pod.id, follow);
        self.pod(at, created.pod, "created");
        if is_gated {
            self.pod(at, created.pod, "unschedulable");
        }
    }

    fn pod_ended(&mut self, at: Instant, pod: PodRef, reason: EndReason) {
        let Some(follow) = self.pods.remove(&pod.id) else {
            return;
        };
        let label = follow.label;
        let by_itself = !follow.is_told && reason.leaves_object();
        if !by_itself {
            self.add(at, &label, "ended");
            self.add(at, &label, "gone");
            return;
        }
        let has_succeeded = reason == EndReason::Completed;
        self.add(
            at,
            &label,
            if has_succeeded { "succeeded" } else { "failed" },
        );
        if let Some(owner) = follow.owner {
            self.kept.entry(owner).or_default().push(label);
        }
    }

    fn pod_changed(&mut self, at: Instant, pod: PodRef, change: PodChange) {
        match change {
            PodChange::Ready(true) => self.pod(at, pod, "ready"),
            PodChange::Ready(false) => self.pod(at, pod, "unready"),
            PodChange::Terminating { .. } => {
                let follow = self.pods.get_mut(&pod.id);
                if follow.is_some_and(|own| !std::mem::replace(&mut own.is_told, true)) {
                    self.pod(at, pod, "terminating");
                }
            }
            _ => {}
        }
    }

    fn node_changed(&mut self, at: Instant, node: NodeId, object: &Arc<Node>) {
        let before = self.nodes.insert(node, Arc::clone(object));
        let is_first = before.is_none();
        // How nodes are before anything is asked of the cluster was settled before the recording.
        if at.as_nanos() / 1_000_000 < self.zero {
            return;
        }
        let what = self.pools.node(&object.name);
        if is_first {
            self.add(at, &what, "created");
            self.add(at, &what, "ready=True:KubeletReady");
        }
        if before.is_none_or(|before| before.taints != object.taints) {
            let taints: Vec<String> = object.taints.iter().map(taint_text).collect();
            let taints: Vec<&str> = taints.iter().map(String::as_str).collect();
            self.add(at, &what, &taints_change(&taints));
        }
    }

    fn on_node(&mut self, at: Instant, node: NodeId, change: &str) {
        if let Some(name) = self.nodes.get(&node).map(|own| own.name.clone()) {
            let what = self.pools.node(&name);
            self.add(at, &what, change);
        }
    }
}

impl Observer for Watch<'_> {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        match event {
            Event::Object(change) => self.object(at, change),
            Event::PodCreated(created) => self.pod_created(at, created, store),
            Event::PodUnschedulable { pod } => {
                self.pod(at, *pod, "attempt");
                let follow = self.pods.get_mut(&pod.id);
                if follow.is_some_and(|own| !std::mem::replace(&mut own.is_unschedulable, true)) {
                    self.pod(at, *pod, "unschedulable");
                }
            }
            Event::PodBound { pod, node, .. } => {
                self.pod(at, *pod, "attempt");
                self.pod(at, *pod, "bound");
                if let Some(record) = store.pods().get(*pod) {
                    let node = store.nodes().name(*node).to_owned();
                    self.seen.nodes.insert(record.name.text().to_string(), node);
                }
            }
            Event::PodRunning { pod } => self.pod(at, *pod, "running"),
            Event::PodEnded { pod, reason } => self.pod_ended(at, *pod, *reason),
            Event::PodChanged { pod, change } => self.pod_changed(at, *pod, *change),
            Event::NodeAdded { node, object } | Event::NodeUpdated { node, object } => {
                self.node_changed(at, *node, object);
            }
            Event::NodeRemoved { node } => self.on_node(at, *node, "deleted"),
            Event::NodeReadiness { node, ready: true } => {
                self.on_node(at, *node, "ready=True:KubeletReady");
            }
            Event::NodeReadiness { node, .. } => {
                self.on_node(at, *node, "ready=Unknown:NodeStatusUnknown");
            }
            Event::NodeContact {
                contact: NodeContact::Silent { last_heartbeat },
                ..
            } => {
                let millis = last_heartbeat.as_nanos() / 1_000_000 - self.zero;
                self.seen.silent_since.push(millis);
            }
            _ => {}
        }
    }
}

/// The conditions that an object's status shows.
fn conditions(object: &Object) -> Vec<String> {
    match object {
        Object::Deployment(deployment) => {
            let known = deployment.status.conditions.iter();
            let progressing = known.filter(|own| own.kind == ConditionKind::Progressing);
            let words = progressing.filter_map(|own| match own.reason {
                ConditionReason::NewReplicaSetAvailable => {
                    Some("condition Progressing=True:NewReplicaSetAvailable")
                }
                ConditionReason::ProgressDeadlineExceeded => {
                    Some("condition Progressing=False:ProgressDeadlineExceeded")
                }
                _ => None,
            });
            words.map(str::to_owned).collect()
        }
        Object::Job(job) => {
            let known = job.status.conditions.iter();
            let words = known.map(|own| {
                let status = if own.holds { "True" } else { "False" };
                format!("condition {:?}={status}:{:?}", own.kind, own.reason)
            });
            words.collect()
        }
        _ => Vec::new(),
    }
}

fn taint_text(taint: &model::Taint) -> String {
    let model::Taint { key, value, effect } = taint;
    if value.is_empty() {
        format!("{key}:{effect:?}")
    } else {
        format!("{key}={value}:{effect:?}")
    }
}

/// The names of the active jobs of a cron job.
fn active(cron_job: &CronJob) -> Vec<String> {
    let names = cron_job.status.active.iter();
    names.map(ToString::to_string).collect()
}
