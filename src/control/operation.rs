//! What users do to a cluster from outside, at a time of their own: create, change and delete objects,
//! scale, halt and take back rollouts, take nodes out of use. Pure: an operation and the cluster as it
//! is give the changes to be made.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::admission::Creation;
use super::controllers::disruption::{EvictionAnswer, evict};
use super::controllers::manager::observe;
use super::daemons::is_daemon;
use super::upgrade::UpgradePlan;
use cluster::{Conflict, Store};
use model::workload::{Deployment, PodDisruptionBudget};
use model::{
    EndReason, Event, EvictionCause, Namespace, Node, Object, ObjectChange, PodChange, PodRef, Text,
};
use units::{Duration, Instant, NodeId, ObjectId, plural};

/// After how long pods that must not be evicted yet are asked for again, as `kubectl drain` does.
const EVICTION_RETRY: Duration = Duration::from_secs(5);

/// An operation of a user.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Creates an object.
    Create(Object),
    /// Creates an object, or declares one that is there anew.
    Apply(Object),
    /// Wants another number of pods.
    Scale(Target, i32),
    /// Deletes an object, and with it what it controls.
    Delete(Target),
    /// Halts the rollouts of a deployment.
    Pause(Target),
    /// Lets the rollouts of a deployment go on.
    Resume(Target),
    /// Takes the last rollout of a deployment back.
    RollBack(Target),
    /// Lets no new pods on a node.
    Cordon(Text),
    /// Lets new pods on a node again.
    Uncordon(Text),
    /// Lets no new pods on a node and evicts those on it, but for daemons, as budgets allow.
    Drain(Text),
    /// Takes nodes out of use one after the other, and back.
    Upgrade(Arc<UpgradePlan>),
}

/// An object by kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// One of [`Object::KINDS`].
    pub kind: &'static str,
    /// The target's namespace.
    pub namespace: Text,
    /// The target's name.
    pub name: Text,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_identity(f, self.kind, &self.namespace, &self.name)
    }
}

/// `KIND/NAMESPACE/NAME`, or `KIND/NAME` of an object of the whole cluster.
fn write_identity(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    namespace: &str,
    name: &str,
) -> fmt::Result {
    if namespace.is_empty() {
        return write!(f, "{kind}/{name}");
    }
    write!(f, "{kind}/{namespace}/{name}")
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |f: &mut fmt::Formatter<'_>, verb: &str, object: &Object| {
            write!(f, "{verb} ")?;
            write_identity(f, object.kind(), object.namespace(), object.name())
        };
        match self {
            Self::Create(object) => named(f, "create", object),
            Self::Apply(object) => named(f, "apply", object),
            Self::Scale(target, replicas) => write!(f, "scale {target} to {replicas}"),
            Self::Delete(target) => write!(f, "delete {target}"),
            Self::Pause(target) => write!(f, "pause {target}"),
            Self::Resume(target) => write!(f, "resume {target}"),
            Self::RollBack(target) => write!(f, "rollBack {target}"),
            Self::Cordon(node) => write!(f, "cordon {node}"),
            Self::Uncordon(node) => write!(f, "uncordon {node}"),
            Self::Drain(node) => write!(f, "drain {node}"),
            Self::Upgrade(plan) => {
                write!(f, "upgrade of {}", plural::count(plan.nodes.len(), "node"))
            }
        }
    }
}

/// Changes of an operation.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// Changes, in order.
    pub events: Vec<Event>,
    /// Objects to create after the changes.
    pub creations: Vec<Creation>,
    /// When the operation is carried on, if it is not done.
    pub again: Option<Instant>,
}

/// Why an operation can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationError {
    /// There is no such object.
    NoObject(Target),
    /// There is no such node.
    NoNode(Text),
    /// Objects of the kind have nothing of the sort.
    Meaningless(Target),
    /// The API refused.
    Refused(Conflict),
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoObject(target) => write!(f, "{target} does not exist at that time"),
            Self::NoNode(node) => write!(f, "there is no node `{node}` at that time"),
            Self::Meaningless(target) => write!(
                f,
                "a {} does not support it: `scale` applies to Deployment, ReplicaSet, \
                 ReplicationController and StatefulSet, `pause`, `resume` and `rollBack` to \
                 Deployment",
                target.kind
            ),
            Self::Refused(conflict) => conflict.fmt(f),
        }
    }
}

/// Carries out an operation in a cluster.
///
/// # Errors
/// The named object does not exist, or lacks the field to change.
pub fn carry_out(
    now: Instant,
    operation: &Operation,
    store: &Store,
) -> Result<Steps, OperationError> {
    let mut steps = Steps::default();
    match operation {
        Operation::Create(object) => steps.create(now, object.clone()),
        Operation::Apply(object) => {
            let objects = store.objects();
            match objects.find(object.kind(), object.namespace(), object.name()) {
                None => steps.create(now, object.clone()),
                Some(id) => {
                    let known = objects.get(id).map(|row| &row.object);
                    let object = known.map_or(object.clone(), |known| succeeding(object, known));
                    steps.update(id, object);
                }
            }
        }
        Operation::Scale(target, replicas) => {
            let (id, object) = find(store, target)?;
            let scaled = scaled(object, *replicas);
            steps.update(
                id,
                scaled.ok_or(OperationError::Meaningless(target.clone()))?,
            );
        }
        Operation::Delete(target) => {
            if target.kind == "Namespace" && Namespace::IMMORTAL.contains(&&*target.name) {
                let what = format!("namespace {} may not be deleted", target.name);
                return Err(OperationError::Refused(Conflict::Forbidden(what)));
            }
            let (id, object) = find(store, target)?;
            if let Object::Namespace(namespace) = object {
                return Ok(terminate(steps, id, namespace));
            }
            steps
                .events
                .push(Event::Object(ObjectChange::Deleted { id }));
        }
        Operation::Pause(target) => change(&mut steps, store, target, |one| one.paused = true)?,
        Operation::Resume(target) => change(&mut steps, store, target, |one| one.paused = false)?,
        Operation::RollBack(target) => {
            change(&mut steps, store, target, |one| one.rollback_to = Some(0))?;
        }
        Operation::Cordon(node) => steps.cordon(store, node, true).map(|_| ())?,
        Operation::Uncordon(node) => steps.cordon(store, node, false).map(|_| ())?,
        Operation::Drain(name) => {
            let node = steps.cordon(store, name, true)?;
            steps.evict_all(now, store, node);
        }
        // It goes on by itself: see [`super::upgrade`].
        Operation::Upgrade(_) => {}
    }
    Ok(steps)
}

/// Vacates a node: cordons it and evicts its pods as budgets allow.
///
/// # Errors
/// There is no such node.
pub fn vacate(now: Instant, store: &Store, name: &Text) -> Result<Steps, OperationError> {
    carry_out(now, &Operation::Drain(name.clone()), store)
}

fn find<'s>(store: &'s Store, target: &Target) -> Result<(ObjectId, &'s Object), OperationError> {
    let objects = store.objects();
    let id = objects.find(target.kind, &target.namespace, &target.name);
    let found = id.and_then(|id| Some((id, &objects.get(id)?.object)));
    found.ok_or_else(|| OperationError::NoObject(target.clone()))
}

/// A namespace is deleted: it takes nothing new, and goes once it is empty.
fn terminate(mut steps: Steps, id: ObjectId, namespace: &Namespace) -> Steps {
    if !namespace.is_terminating {
        let object = Namespace {
            is_terminating: true,
            ..namespace.clone()
        };
        steps.update(id, Object::Namespace(Arc::new(object)));
    }
    steps
}

fn change(
    steps: &mut Steps,
    store: &Store,
    target: &Target,
    change: impl FnOnce(&mut Deployment),
) -> Result<(), OperationError> {
    match find(store, target)? {
        (id, Object::Deployment(deployment)) => {
            let mut deployment = (**deployment).clone();
            change(&mut deployment);
            deployment.generation += 1;
            steps.update(id, Object::Deployment(Arc::new(deployment)));
            Ok(())
        }
        _ => Err(OperationError::Meaningless(target.clone())),
    }
}

/// An object that wants another number of pods; `None` where there is no such number.
pub fn scaled(object: &Object, replicas: i32) -> Option<Object> {
    Some(match object {
        Object::Deployment(known) => {
            let mut new = (**known).clone();
            new.replicas = replicas;
            new.generation += 1;
            Object::Deployment(Arc::new(new))
        }
        Object::ReplicaSet(known) => {
            let mut new = (**known).clone();
            new.replicas = replicas;
            Object::ReplicaSet(Arc::new(new))
        }
        Object::ReplicationController(known) => {
            let mut new = (**known).clone();
            new.replicas = replicas;
            Object::ReplicationController(Arc::new(new))
        }
        Object::StatefulSet(known) => {
            let mut new = (**known).clone();
            new.replicas = replicas;
            Object::StatefulSet(Arc::new(new))
        }
        _ => return None,
    })
}

/// A new declaration of a known object: what was reported of it stays.
fn succeeding(new: &Object, known: &Object) -> Object {
    match (new, known) {
        (Object::Deployment(new), Object::Deployment(known)) => {
            let mut new = (**new).clone();
            // The same content is kept once, so that it is told from others at a glance.
            if new.template == known.template {
                new.template = known.template.clone();
            }
            new.status = known.status.clone();
            new.generation = known.generation + 1;
            Object::Deployment(Arc::new(new))
        }
        (Object::ReplicaSet(new), Object::ReplicaSet(known)) => {
            let mut new = (**new).clone();
            (new.status, new.rollout) = (known.status, known.rollout);
            new.created = known.created;
            Object::ReplicaSet(Arc::new(new))
        }
        (Object::ReplicationController(new), Object::ReplicationController(known)) => {
            let mut new = (**new).clone();
            (new.status, new.created) = (known.status, known.created);
            Object::ReplicationController(Arc::new(new))
        }
        (Object::StatefulSet(new), Object::StatefulSet(known)) => {
            let mut new = (**new).clone();
            new.revisions.clone_from(&known.revisions);
            new.status = known.status.clone();
            Object::StatefulSet(Arc::new(new))
        }
        (Object::DaemonSet(new), Object::DaemonSet(known)) => {
            let mut new = (**new).clone();
            new.status = known.status;
            Object::DaemonSet(Arc::new(new))
        }
        (Object::Job(new), Object::Job(known)) => {
            let mut new = (**new).clone();
            new.status = known.status.clone();
            Object::Job(Arc::new(new))
        }
        (Object::CronJob(new), Object::CronJob(known)) => {
            let mut new = (**new).clone();
            new.status = known.status.clone();
            Object::CronJob(Arc::new(new))
        }
        (Object::PodDisruptionBudget(new), Object::PodDisruptionBudget(known)) => {
            let mut new = (**new).clone();
            new.status = known.status.clone();
            new.status.is_current = false;
            Object::PodDisruptionBudget(Arc::new(new))
        }
        (Object::HorizontalPodAutoscaler(new), Object::HorizontalPodAutoscaler(known)) => {
            let mut new = (**new).clone();
            new.status = known.status.clone();
            Object::HorizontalPodAutoscaler(Arc::new(new))
        }
        (Object::VerticalPodAutoscaler(new), Object::VerticalPodAutoscaler(known)) => {
            let mut new = (**new).clone();
            new.recommended.clone_from(&known.recommended);
            Object::VerticalPodAutoscaler(Arc::new(new))
        }
        (Object::Namespace(new), Object::Namespace(known)) => {
            let mut new = (**new).clone();
            new.is_terminating = known.is_terminating;
            Object::Namespace(Arc::new(new))
        }
        (Object::ResourceQuota(new), Object::ResourceQuota(_)) => {
            let mut new = (**new).clone();
            new.status.is_counted = false;
            Object::ResourceQuota(Arc::new(new))
        }
        _ => new.clone(),
    }
}

impl Steps {
    fn create(&mut self, now: Instant, mut object: Object) {
        if let Object::ReplicaSet(set) | Object::ReplicationController(set) = &mut object {
            Arc::make_mut(set).created = now;
        }
        self.creations.push(Creation::Object {
            owner: None,
            object,
        });
    }

    fn update(&mut self, id: ObjectId, object: Object) {
        self.events
            .push(Event::Object(ObjectChange::Updated { id, object }));
    }

    fn cordon(
        &mut self,
        store: &Store,
        name: &Text,
        unschedulable: bool,
    ) -> Result<NodeId, OperationError> {
        let missing = || OperationError::NoNode(name.clone());
        let node = store.nodes().by_name(name).ok_or_else(missing)?;
        let known = store.nodes().object(node).ok_or_else(missing)?;
        if known.unschedulable != unschedulable {
            let object = Arc::new(Node {
                unschedulable,
                ..(**known).clone()
            });
            self.events.push(Event::NodeUpdated { node, object });
        }
        Ok(node)
    }

    /// Evicts every pod of a node that is no daemon; those whose budget is used up later.
    fn evict_all(&mut self, now: Instant, store: &Store, node: NodeId) {
        let slots = store.nodes().pods(node).iter();
        let mut pods: Vec<PodRef> = slots
            .filter_map(|&slot| Some(store.pods().at(slot)?.pod))
            .filter(|&pod| !is_daemon(store, pod))
            .collect();
        pods.sort_unstable();
        let mut charged = BTreeMap::new();
        for pod in pods {
            if store.pod_states().is_terminating(pod) {
                continue;
            }
            match eviction(now, store, pod, &mut charged, EvictionCause::Drain) {
                Some(Some(event)) => {
                    self.events.push(event);
                }
                Some(None) => self.again = Some(now.saturating_add(EVICTION_RETRY)),
                None => {}
            }
        }
        for (id, budget) in charged {
            self.update(id, Object::PodDisruptionBudget(Arc::new(budget)));
        }
    }
}

/// Asks the eviction API for a pod, budgets charged before included: the order to end it for the
/// cause, or `None` if it has to wait (spec: kubernetes.md 2.9).
pub fn eviction(
    now: Instant,
    store: &Store,
    pod: PodRef,
    charged: &mut BTreeMap<ObjectId, PodDisruptionBudget>,
    cause: EvictionCause,
) -> Option<Option<Event>> {
    let seen = observe::seen(store, pod)?;
    let spec = &store.class(seen.class).object;
    let mut ids = Vec::new();
    for (id, row) in store
        .objects()
        .of_kind("PodDisruptionBudget", &spec.namespace)
    {
        let Object::PodDisruptionBudget(budget) = &row.object else {
            continue;
        };
        let selector = budget.selector.as_ref();
        if selector.is_some_and(|selector| selector.matches(&spec.labels)) {
            ids.push(id);
            charged.entry(id).or_insert_with(|| (**budget).clone());
        }
    }
    let budgets: Vec<&PodDisruptionBudget> = ids.iter().filter_map(|id| charged.get(id)).collect();
    match evict(now, &seen.observed, &budgets) {
        EvictionAnswer::Deleted => {}
        EvictionAnswer::Charged(status) => {
            for id in ids {
                if let Some(budget) = charged.get_mut(&id) {
                    budget.status = status.clone();
                }
            }
        }
        EvictionAnswer::TooManyRequests | EvictionAnswer::SeveralBudgets => {
            // A budget that refuses is as it was.
            charged.retain(|&id, budget| {
                let known = store.objects().get(id).map(|row| &row.object);
                !matches!(known, Some(Object::PodDisruptionBudget(known)) if **known == *budget)
            });
            return Some(None);
        }
    }
    Some(Some(Event::PodChanged {
        pod,
        change: PodChange::Terminating {
            grace: spec.grace(),
            reason: EndReason::Evicted(cause),
        },
    }))
}
