//! Operations of users on a cluster from outside, each at a time of its own: create, change and
//! delete objects, scale, halt and take back rollouts, take nodes out of use. Pure: an operation
//! and the cluster as it is give the changes to be made.

mod error;
mod eviction;
mod fixed_fields;
mod nodes;
mod pods;
mod relocation;
mod succession;

use std::fmt;
use std::sync::Arc;

use super::admission::{BarePod, Creation};
use super::upgrade::UpgradePlan;
use cluster::{Conflict, Store};
use fixed_fields::broken_rule;
use model::workload::Deployment;
use model::workload::revision::before;
use model::{
    Delivery, DeliveryStep, Disk, Event, Namespace, Node, Object, ObjectChange, Push, RolloutStep,
    Taint, Text, VolumeNews, VolumeStep,
};
use succession::succeeding;
use units::{Duration, Instant, ObjectId, plural};

pub use error::{OperationError, meant};
pub use eviction::{
    BlockedEviction, EvictionRequests, PendingEviction, blocked_eviction, eviction,
};
pub use nodes::TaintChoice;
pub use pods::PodChoice;
pub use relocation::{InstanceChoice, RelocationRequest};

/// An operation of a user.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Creates an object.
    Create(Object),
    /// Creates an object, or declares one that is there anew.
    Apply(Object),
    /// Wants another number of pods.
    Scale(Target, i32),
    /// Creates a pod without a controller, or updates an existing one.
    ApplyPod(Arc<BarePod>),
    /// Lets a node join, or declares one that is there anew.
    ApplyNode(Arc<Node>),
    /// Deletes an object; its dependents go with it, before it, or stay.
    Delete(Target, Propagation),
    /// Deletes pods, each within its grace.
    DeletePods(PodChoice),
    /// Deletes the object of a node; its pods stay until they are collected.
    DeleteNode(Text),
    /// Puts a taint on a node.
    Taint(Text, Taint),
    /// Takes taints off a node.
    Untaint(Text, TaintChoice),
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
    Drain(Text, EvictionRequests),
    /// Evicts pods as budgets allow: the rest of a drain, whatever has become of its node.
    Evict(Vec<PendingEviction>, EvictionRequests),
    /// Takes nodes out of use one after the other, and back.
    Upgrade(Arc<UpgradePlan>),
    /// Lets a disk fail for good.
    FailDisk(Disk),
    /// Deletes or overwrites the data of a volume by mistake, which is noticed after a while.
    Corrupt(Text, Duration),
    /// Asks for the cold migration or the resize of instances.
    Relocate(RelocationRequest),
    /// Pushes an image to the registry, or source code that it is built from.
    Push(Push),
}

/// Fate of the dependents of a deleted object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted after it.
    #[default]
    Background,
    /// They are deleted first, and it stays until they are gone.
    Foreground,
    /// They stay, and belong to nothing.
    Orphan,
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

impl Target {
    /// The object by its names.
    pub fn of(object: &Object) -> Self {
        Self {
            kind: object.kind(),
            namespace: object.namespace().clone(),
            name: object.name().clone(),
        }
    }
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
            Self::ApplyPod(pod) => write!(f, "apply Pod/{}/{}", pod.spec.namespace, pod.name),
            Self::ApplyNode(node) => write!(f, "apply Node/{}", node.name),
            Self::Delete(target, Propagation::Background) => write!(f, "delete {target}"),
            Self::Delete(target, Propagation::Foreground) => {
                write!(f, "delete {target} after its dependents")
            }
            Self::Delete(target, Propagation::Orphan) => {
                write!(f, "delete {target} without its dependents")
            }
            Self::DeletePods(choice) => match &choice.name {
                Some(name) => write!(f, "delete Pod/{}/{name}", choice.namespace),
                None => write!(f, "delete pods of {}", choice.namespace),
            },
            Self::DeleteNode(node) => write!(f, "delete Node/{node}"),
            Self::Taint(node, taint) => write!(f, "taint {node} with {}", taint.key),
            Self::Untaint(node, choice) => write!(f, "untaint {node} of {}", choice.key),
            Self::Pause(target) => write!(f, "pause {target}"),
            Self::Resume(target) => write!(f, "resume {target}"),
            Self::RollBack(target) => write!(f, "rollBack {target}"),
            Self::Cordon(node) => write!(f, "cordon {node}"),
            Self::Uncordon(node) => write!(f, "uncordon {node}"),
            Self::Drain(node, _) => write!(f, "drain {node}"),
            Self::Evict(pods, _) => write!(f, "evict {}", plural::count(pods.len(), "pod")),
            Self::FailDisk(Disk::Node(name)) => write!(f, "fail the disk of {name}"),
            Self::FailDisk(Disk::Volume(name)) => write!(f, "fail the disks of volume {name}"),
            Self::Corrupt(volume, _) => write!(f, "corrupt the data of volume {volume}"),
            Self::Relocate(wish) => {
                let verb = if wish.requests.is_empty() {
                    "migrate"
                } else {
                    "resize"
                };
                match &wish.choice {
                    InstanceChoice::OfNode(node) => write!(f, "{verb} what runs on {node}"),
                    InstanceChoice::Pods(own) => write!(f, "{verb} in {}", own.namespace),
                }
            }
            Self::Push(push) => write!(f, "push {}", push.resolved()),
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
    /// Rest of the operation, if it is not done.
    pub rest: Option<Remainder>,
}

/// Rest of an operation that could not be done at once.
#[derive(Clone, Debug)]
pub struct Remainder {
    /// Instant at which it is to be carried out.
    pub at: Instant,
    /// The operation that is left.
    pub operation: Operation,
}

/// Creates an object, or makes it what is declared now.
fn apply(
    steps: &mut Steps,
    now: Instant,
    store: &Store,
    object: &Object,
) -> Result<(), OperationError> {
    let objects = store.objects();
    match objects.find(object.kind(), object.namespace(), object.name()) {
        None => steps.create(now, object.clone()),
        Some(id) => {
            let known = objects.get(id).map(|row| &row.object);
            if let Some(rule) = known.and_then(|known| broken_rule(object, known)) {
                let (kind, name) = (object.kind(), object.name());
                let what = format!("{kind} {name}: {rule}");
                return Err(OperationError::Refused(Conflict::Forbidden(what)));
            }
            let object = known.map_or(object.clone(), |known| succeeding(object, known));
            steps.update(id, object);
        }
    }
    Ok(())
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
        Operation::Apply(object) => apply(&mut steps, now, store, object)?,
        Operation::Scale(target, replicas) => {
            let (id, object) = find(store, target)?;
            let scaled = scaled(object, *replicas);
            steps.update(
                id,
                scaled.ok_or(OperationError::Meaningless(target.clone()))?,
            );
        }
        Operation::ApplyPod(pod) => steps.apply_pod(store, pod)?,
        Operation::ApplyNode(node) => steps.apply_node(store, node),
        Operation::DeletePods(choice) => steps.delete_pods(store, choice)?,
        Operation::DeleteNode(node) => steps.remove_node(store, node)?,
        Operation::Taint(node, taint) => steps.taint(store, node, taint)?,
        Operation::Untaint(node, choice) => steps.untaint(store, node, choice)?,
        Operation::Delete(target, propagation) => {
            if target.kind == "Namespace" && Namespace::IMMORTAL.contains(&&*target.name) {
                let what = format!("namespace {} may not be deleted", target.name);
                return Err(OperationError::Refused(Conflict::Forbidden(what)));
            }
            let (id, object) = find(store, target)?;
            if let Object::Namespace(namespace) = object {
                return Ok(terminate(steps, id, namespace));
            }
            steps.delete(id, *propagation);
        }
        Operation::Pause(target) => change(&mut steps, store, target, |one| one.paused = true)?,
        Operation::Resume(target) => change(&mut steps, store, target, |one| one.paused = false)?,
        Operation::RollBack(target) => {
            roll_back(&mut steps, store, target)?;
        }
        Operation::Cordon(node) => steps.cordon(store, node, true).map(|_| ())?,
        Operation::Uncordon(node) => steps.cordon(store, node, false).map(|_| ())?,
        Operation::Drain(name, requests) => steps.drain(now, store, name, *requests)?,
        Operation::Evict(pods, requests) => steps.evict(now, store, pods, *requests),
        Operation::FailDisk(disk) => {
            let (Disk::Node(name) | Disk::Volume(name)) = disk;
            steps.volume(name, VolumeStep::DiskFailed(disk.clone()));
        }
        Operation::Relocate(wish) => steps.relocate(store, wish)?,
        Operation::Corrupt(volume, noticed) => steps.corrupt(volume, *noticed),
        Operation::Push(push) => {
            let delivery = Delivery {
                push: push.clone(),
                pushed: now,
                workload: Text::default(),
                step: DeliveryStep::Pushed,
            };
            steps.events.push(Event::Delivery(Arc::new(delivery)));
        }
        // It goes on by itself: see [`super::upgrade`].
        Operation::Upgrade(_) => {}
    }
    Ok(steps)
}

fn find<'s>(store: &'s Store, target: &Target) -> Result<(ObjectId, &'s Object), OperationError> {
    let objects = store.objects();
    let id = objects.find(target.kind, &target.namespace, &target.name);
    let found = id.and_then(|id| Some((id, &objects.get(id)?.object)));
    found.ok_or_else(|| {
        let known = objects.iter();
        let known: Vec<Target> = known.map(|(_, own)| Target::of(&own.object)).collect();
        OperationError::NoObject(target.clone(), meant(&target.to_string(), &known))
    })
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

/// Takes the last rollout back: of a deployment its controller does so, of other sets the client
/// (kubectl's `rollback.go`), which refuses to take back one that is paused.
fn roll_back(steps: &mut Steps, store: &Store, target: &Target) -> Result<(), OperationError> {
    let nothing = || OperationError::NoRevision(target.clone());
    let (id, object) = find(store, target)?;
    let object = match object {
        Object::StatefulSet(known) => {
            let mut new = (**known).clone();
            let former = before(&known.revisions, &known.template).ok_or_else(nothing)?;
            new.template = former.clone();
            Object::StatefulSet(Arc::new(new))
        }
        Object::DaemonSet(known) => {
            let mut new = (**known).clone();
            let former = before(&known.history.revisions, &known.template).ok_or_else(nothing)?;
            new.template = former.clone();
            new.history.revisions = known.history.after(&known.template, &new.template);
            Object::DaemonSet(Arc::new(new))
        }
        Object::Deployment(known) if known.paused => {
            let (workload, step) = (id, RolloutStep::BackRefused);
            steps.events.push(Event::Rollout { workload, step });
            return Ok(());
        }
        _ => return change(steps, store, target, |one| one.rollback_to = Some(0)),
    };
    steps.update(id, object);
    Ok(())
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

impl Steps {
    fn corrupt(&mut self, volume: &Text, detected_after: Duration) {
        self.volume(volume, VolumeStep::Corrupted { detected_after });
    }

    fn volume(&mut self, name: &Text, step: VolumeStep) {
        let name = name.clone();
        let news = VolumeNews { name, step };
        self.events.push(Event::Volume(Arc::new(news)));
    }

    fn create(&mut self, now: Instant, mut object: Object) {
        if let Object::ReplicaSet(set) | Object::ReplicationController(set) = &mut object {
            Arc::make_mut(set).created = now;
        }
        self.creations.push(Creation::Object {
            owner: None,
            object,
        });
    }

    /// Deletes an object.
    fn delete(&mut self, id: ObjectId, propagation: Propagation) {
        let changes: &[ObjectChange] = match propagation {
            Propagation::Background => &[ObjectChange::Deleted { id }],
            Propagation::Foreground => &[ObjectChange::Terminating { id }],
            // The garbage collector takes the owner off the dependents before it lets it go.
            Propagation::Orphan => &[
                ObjectChange::Terminating { id },
                ObjectChange::Orphaned { id },
                ObjectChange::Deleted { id },
            ],
        };
        self.events
            .extend(changes.iter().cloned().map(Event::Object));
    }

    fn update(&mut self, id: ObjectId, object: Object) {
        self.events
            .push(Event::Object(ObjectChange::Updated { id, object }));
    }
}
