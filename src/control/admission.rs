//! Admission of requests to create objects: the API gives identities and names, fills in what was
//! left out, and refuses what is there already. Pure: a request and the cluster as it is give the
//! changes to be made.

pub mod bounds;
mod limits;
mod namespaces;
mod priority;
pub mod quota;
mod selectors;
pub mod size_bounds;
#[cfg(test)]
mod tests;
pub mod vertical;

use std::sync::Arc;

use cluster::ObjectRow;
use cluster::{Conflict, Store};
use model::canonical::{suffix_in_turn, suffix_of};
use model::{
    DeviceSet, EndReason, Event, Object, ObjectChange, PodChange, PodCreated, PodName, PodOwner,
    PodRef, PodSpec, Text,
};
use units::{ClassId, Duration, NodeId, ObjectId, TenantId};
use vertical::sized;

/// Something that is to be created; its identity is given where it is created.
#[derive(Clone, Debug)]
pub enum Creation {
    /// A pod.
    Pod(NewPod),
    /// A pod without a controller.
    BarePod(Arc<BarePod>),
    /// A pod in the place of one that ends with it: equal to it, of the same name and owner, from
    /// its start.
    Replacement {
        /// The pod that ends.
        pod: PodRef,
        /// Reason for the end.
        reason: EndReason,
    },
    /// A pod on another node in the place of one that ends with it: equal to it, of the same name and
    /// owner, and up at once with the rest of its work.
    Moved {
        /// The pod that ends.
        pod: PodRef,
        /// Node of the new pod.
        to: NodeId,
        /// Time for which the pod stands still before it goes on.
        downtime: Duration,
    },
    /// A pod of another class in the place of one that ends with it, of the same name and owner: it starts
    /// on another node, or on the same one, after a downtime.
    Rebuilt {
        /// The pod that ends.
        pod: PodRef,
        /// Node of the new pod.
        to: NodeId,
        /// Class of the new pod.
        class: ClassId,
        /// Reason for the end.
        reason: EndReason,
        /// Time after which the new pod starts.
        downtime: Duration,
    },
    /// Other requests and limits for a pod that runs, in its place; refused for want of room on its node
    /// (`pods/resize`).
    Resized {
        /// The pod.
        pod: PodRef,
        /// The pod's spec with them.
        spec: Arc<PodSpec>,
    },
    /// An object.
    Object {
        /// The object that controls the object.
        owner: Option<ObjectId>,
        /// The object as declared.
        object: Object,
    },
}

/// A pod to be created.
#[derive(Clone, Debug)]
pub struct NewPod {
    /// The object that controls the new pod.
    pub owner: PodOwner,
    /// Name of the new pod.
    pub name: NewName,
    /// Spec of the pod.
    pub spec: Arc<PodSpec>,
}

/// A pod as a user declares it, without a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarePod {
    /// The pod's name, unique in its namespace.
    pub name: Text,
    /// Spec of the pod.
    pub spec: Arc<PodSpec>,
}

/// Name of a new object.
#[derive(Clone, Debug)]
pub enum NewName {
    /// An exact name; no other pod of the owner has it.
    Exact(Text),
    /// This and a few letters that follow from its owner and its place among the owner's pods
    /// (`generateName`).
    Prefix(Text),
}

impl Creation {
    /// The object that the new one is to belong to.
    pub const fn owner(&self) -> Option<ObjectId> {
        match self {
            Self::Pod(pod) => Some(pod.owner.object),
            Self::BarePod(_)
            | Self::Replacement { .. }
            | Self::Moved { .. }
            | Self::Rebuilt { .. }
            | Self::Resized { .. } => None,
            Self::Object { owner, .. } => *owner,
        }
    }
}

/// The changes that create something, in order.
///
/// # Errors
/// It is there already, or its owner is gone.
pub fn admit(store: &Store, creation: &Creation) -> Result<Vec<Event>, Conflict> {
    match creation {
        Creation::Pod(pod) => admit_pod(store, pod),
        Creation::BarePod(pod) => admit_bare_pod(store, pod),
        Creation::Replacement { pod, reason } => admit_replacement(store, *pod, *reason),
        Creation::Moved { pod, to, .. } => admit_moved(store, *pod, EndReason::Moved, *to, None),
        Creation::Rebuilt {
            pod,
            to,
            class,
            reason,
            ..
        } => admit_moved(store, *pod, *reason, *to, Some(*class)),
        Creation::Resized { pod, spec } => admit_resize(store, *pod, spec),
        Creation::Object { owner, object } => {
            let what = || format!("{} {}", object.kind(), object.name());
            namespaces::is_open(store, object.namespace(), &what())?;
            let created = ObjectChange::Created {
                id: store.objects().next(),
                owner: *owner,
                object: object.clone(),
            };
            let mut events = quota::charged_object(store, object)?;
            events.push(Event::Object(created));
            Ok(events)
        }
    }
}

/// The changes that resize a pod where it runs.
fn admit_resize(store: &Store, pod: PodRef, spec: &Arc<PodSpec>) -> Result<Vec<Event>, Conflict> {
    let before = store.pods().get(pod).ok_or(Conflict::UnknownPod)?.class;
    if let Some(class) = store.class_of(spec) {
        let change = PodChange::Resized { before, class };
        return if store.can_resize(pod, class) {
            Ok(vec![Event::PodChanged { pod, change }])
        } else {
            Err(Conflict::NoRoom)
        };
    }
    let Some(Event::ClassAdded { class, object }) = store.class_added(spec) else {
        return Err(Conflict::UnknownClass);
    };
    // Whether there is room shows once the class is known.
    let change = PodChange::Resized { before, class };
    let added = Event::ClassAdded { class, object };
    Ok(vec![added, Event::PodChanged { pod, change }])
}

/// The changes that replace a pod by one on a node, of its own class or of another.
fn admit_moved(
    store: &Store,
    pod: PodRef,
    reason: EndReason,
    node: NodeId,
    class: Option<ClassId>,
) -> Result<Vec<Event>, Conflict> {
    let mut events = admit_replacement(store, pod, reason)?;
    let mut bound = None;
    for event in &mut events {
        if let Event::PodCreated(created) = event {
            created.class = class.unwrap_or(created.class);
            let devices = DeviceSet::EMPTY;
            let pod = created.pod;
            bound = Some(Event::PodBound { pod, node, devices });
        }
    }
    events.extend(bound);
    Ok(events)
}

fn admit_replacement(
    store: &Store,
    pod: PodRef,
    reason: EndReason,
) -> Result<Vec<Event>, Conflict> {
    let old = store.pods().get(pod).ok_or(Conflict::UnknownPod)?;
    let owner = store.pod_states().get(pod).and_then(|state| state.owner);
    let owner = owner.filter(|owner| store.objects().get(owner.object).is_some());
    // Its row is the first that is vacant once it has ended.
    let next = PodRef {
        id: store.pods().next().id,
        slot: pod.slot,
    };
    let created = PodCreated {
        pod: next,
        class: old.class,
        name: old.name.clone(),
        tenant: old.tenant,
        gang: old.gang(),
        time_limit: old.time_limit(),
        estimate: None,
        found: None,
        owner,
    };
    Ok(vec![
        Event::PodEnded { pod, reason },
        Event::PodCreated(created),
    ])
}

fn admit_pod(store: &Store, new: &NewPod) -> Result<Vec<Event>, Conflict> {
    let owner = store.objects().get(new.owner.object);
    let owner = owner.ok_or(Conflict::UnknownObject)?;
    let name = match &new.name {
        NewName::Prefix(prefix) => {
            let suffix = generated(store, owner, new.owner);
            PodName::Text(format!("{prefix}{suffix}").into())
        }
        NewName::Exact(name) => {
            let name = PodName::Text(name.clone());
            let living = owner.pods.iter().filter_map(|&pod| store.pods().get(pod));
            let finished = store.pod_states().finished(new.owner.object);
            let mut names = living.chain(finished.map(|finished| &finished.pod));
            if names.any(|pod| pod.name == name) {
                return Err(Conflict::DuplicateObject(format!("Pod {name}")));
            }
            name
        }
    };
    admit_named(store, name, &new.spec, Some(new.owner))
}

fn admit_bare_pod(store: &Store, new: &BarePod) -> Result<Vec<Event>, Conflict> {
    let name = PodName::Text(new.name.clone());
    let is_taken = |pod: &model::Pod| {
        pod.name == name && store.class(pod.class).spec.namespace == new.spec.namespace
    };
    if store.pods().iter().any(is_taken) {
        return Err(Conflict::DuplicateObject(format!("Pod {name}")));
    }
    admit_named(store, name, &new.spec, None)
}

/// A pod of the workload that is admitted.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// The changes that charge the pod to quotas.
    pub charges: Vec<Event>,
    /// The spec with what classes and limit ranges fill in; `None` where they fill in nothing.
    pub spec: Option<Arc<PodSpec>>,
}

/// Admits a pod that arrives with the workload, by the priority classes of the cluster and the limit ranges and
/// quotas of its namespace. Pods that no Kubernetes object describes keep their priority.
///
/// # Errors
/// There is no such class, or a limit is broken.
pub fn admit_arrival(store: &Store, spec: &Arc<PodSpec>) -> Result<Admission, Conflict> {
    let prioritized = match spec.behaviour {
        Some(_) => priority::prioritized(store, spec)?,
        None => None,
    };
    let filled = limits::filled(store, prioritized.as_ref().unwrap_or(spec));
    let admitted = filled.or(prioritized);
    let new_spec = admitted.as_ref().unwrap_or(spec);
    limits::checked(store, new_spec)?;
    let charges = quota::charged(store, new_spec)?;
    Ok(Admission {
        charges,
        spec: admitted,
    })
}

/// The changes that create a pod of a name.
fn admit_named(
    store: &Store,
    name: PodName,
    spec: &Arc<PodSpec>,
    owner: Option<PodOwner>,
) -> Result<Vec<Event>, Conflict> {
    namespaces::is_open(store, &spec.namespace, "Pod")?;
    selectors::agrees(store, spec)?;
    let prioritized = priority::prioritized(store, spec)?;
    let new_spec = prioritized.as_ref().unwrap_or(spec);
    let filled = limits::filled(store, new_spec);
    let new_spec = filled.as_ref().unwrap_or(new_spec);
    // What sizes pods vertically gives new ones what it recommends: a webhook, which is called after the plugins that
    // fill in and before those that refuse.
    let sized = owner.and_then(|owner| sized(store, owner.object, new_spec));
    let new_spec = sized.as_ref().unwrap_or(new_spec);
    limits::checked(store, new_spec)?;
    let charges = quota::charged(store, new_spec)?;
    let added = store.class_added(new_spec);
    let next = ClassId::from_index(store.class_count());
    let class = store.class_of(new_spec).unwrap_or(next);
    let created = PodCreated {
        pod: store.pods().next(),
        class,
        name,
        tenant: TenantId(0),
        gang: None,
        time_limit: (new_spec.behaviour.as_ref()).and_then(|behaviour| behaviour.active_deadline),
        estimate: None,
        found: None,
        owner,
    };
    Ok(charges
        .into_iter()
        .chain(added)
        .chain([Event::PodCreated(created)])
        .collect())
}

/// Suffix of the generated name of an owner's next pod.
fn generated(store: &Store, owner: &ObjectRow, new: PodOwner) -> String {
    let turn = owner.turn(new.index);
    if let Object::DaemonSet(_) = owner.object {
        // Nodes that join are numbered by age; their names are stable.
        let node = store.nodes().name(NodeId(new.index as u32));
        return suffix_of(owner.identity.with(node).nth(u64::from(turn)));
    }
    suffix_in_turn(owner.identity, turn)
}
