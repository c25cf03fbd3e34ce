//! The state in which a story begins that a snapshot stands before: machines, objects and pods that are
//! there. Instants are counted from the story's beginning.

use std::sync::Arc;

use cluster::PodState;
use model::{
    DeviceSet, IndexFailures, InitialEnd, Node, Object, Pod, PodName, PodOwner, PodPhase, PodSpec,
};
use units::{Duration, Instant, ObjectId, PodId, SortedMap, SortedSet};

use crate::driver::Driver;
use crate::wire::Registration;
use crate::wire::pressure::PressureKind;

/// The state in which a story begins.
#[derive(Clone, Debug, Default)]
pub struct Beginning {
    /// Machines that are there.
    pub machines: Vec<Registration>,
    /// Their nodes as the cluster has them, by name.
    pub nodes: SortedMap<String, Arc<Node>>,
    /// Objects, each after the one that controls it.
    pub objects: Vec<StandingObject>,
    /// Pods, in the order of their creation.
    pub pods: Vec<StandingPod>,
}

/// An object that is there.
#[derive(Clone, Debug)]
pub struct StandingObject {
    /// The object.
    pub object: Object,
    /// Place of the object that controls it.
    pub owner: Option<usize>,
}

/// A pod that is there.
#[derive(Clone, Debug)]
pub struct StandingPod {
    /// Name of the pod.
    pub name: PodName,
    /// Spec of the pod.
    pub spec: Arc<PodSpec>,
    /// Longest run time that the pod declares.
    pub time_limit: Option<Duration>,
    /// Node of the pod, if it has one.
    pub node: Option<String>,
    /// The GPU devices that it holds.
    pub devices: DeviceSet,
    /// Instant at which it began to run, if it runs.
    pub started: Option<Instant>,
    /// `true` of a pod that was told to end.
    pub is_terminating: bool,
    /// End of a pod that had ended and whose object is there still.
    pub end: Option<InitialEnd>,
    /// The object that controls it.
    pub owner: Option<OwnerPlace>,
}

/// The object that controls a pod that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerPlace {
    /// Place of the object among those that are there.
    pub object: usize,
    /// The pod's place in the object ([`PodOwner`]).
    pub index: i32,
    /// Earlier failures of a job's index.
    pub failures: IndexFailures,
}

impl Beginning {
    /// The state of a control plane at an instant.
    pub(super) fn of(driver: &Driver, origin: Instant) -> Self {
        let store = driver.store();
        let machines = driver.registrations();
        let nodes = store.nodes();
        let objects = nodes.present().filter_map(|node| {
            let object = nodes.object(node)?;
            Some((nodes.name(node).to_owned(), Arc::clone(object)))
        });
        let mut beginning = Self {
            machines,
            nodes: objects.collect(),
            ..Self::default()
        };
        let mut places: SortedMap<ObjectId, usize> = SortedMap::new();
        for (id, row) in store.objects().iter() {
            let owner = row.owner.and_then(|owner| places.get(&owner).copied());
            places.insert(id, beginning.objects.len());
            let object = since(&row.object, origin);
            beginning.objects.push(StandingObject { object, owner });
        }
        let standing = |pod: &Pod, state: Option<&PodState>, end: Option<InitialEnd>| {
            let owner = state.and_then(|state| state.owner);
            let standing = StandingPod {
                name: pod.name.clone(),
                spec: Arc::clone(&store.class(pod.class).spec),
                time_limit: pod.time_limit(),
                node: pod.node().map(|node| nodes.name(node).to_owned()),
                devices: pod.devices(),
                started: (pod.phase == PodPhase::Running).then(|| moved(pod.started, origin)),
                is_terminating: state.is_some_and(|state| state.terminating.is_some()),
                end,
                owner: owner.and_then(|owner| place_of_owner(&places, owner)),
            };
            (pod.pod.id, standing)
        };
        let living = store.pods().iter();
        let living = living.map(|pod| standing(pod, store.pod_states().get(pod.pod), None));
        let ended = store.pod_states().all_finished().map(|own| {
            let end = InitialEnd {
                at: Some(moved(own.at, origin)),
                reason: own.reason,
                codes: Vec::new(),
            };
            standing(&own.pod, Some(&own.state), Some(end))
        });
        let mut pods: Vec<(PodId, StandingPod)> = living.chain(ended).collect();
        pods.sort_by_key(|(id, _)| *id);
        beginning.pods = pods.into_iter().map(|(_, pod)| pod).collect();
        beginning
    }
}

impl Beginning {
    /// Shortages of nodes, as their taints say.
    pub(super) fn shortages(&self) -> SortedSet<(String, PressureKind)> {
        let nodes = self.nodes.iter();
        let shortages = nodes.flat_map(|(name, node)| {
            let kinds = PressureKind::ALL.into_iter();
            let holds = |kind: &PressureKind| {
                let mut taints = node.taints.iter();
                taints.any(|taint| *taint.key == *kind.taint())
            };
            kinds.filter(holds).map(|kind| (name.clone(), kind))
        });
        shortages.collect()
    }
}

/// The owner of a pod by its place; `None` if it is gone.
fn place_of_owner(places: &SortedMap<ObjectId, usize>, owner: PodOwner) -> Option<OwnerPlace> {
    Some(OwnerPlace {
        object: places.get(&owner.object).copied()?,
        index: owner.index,
        failures: owner.failures,
    })
}

/// An instant, counted from another one.
fn moved(at: Instant, origin: Instant) -> Instant {
    Instant::ZERO.saturating_add(at.since(origin))
}

/// An object whose instants are counted from another one.
fn since(object: &Object, origin: Instant) -> Object {
    let move_some = |at: &mut Option<Instant>| *at = at.map(|at| moved(at, origin));
    let mut object = object.clone();
    match &mut object {
        Object::ReplicaSet(set) => {
            let set = Arc::make_mut(set);
            set.created = moved(set.created, origin);
        }
        Object::Deployment(deployment) => {
            for condition in &mut Arc::make_mut(deployment).status.conditions {
                condition.updated = moved(condition.updated, origin);
                condition.changed = moved(condition.changed, origin);
            }
        }
        Object::Job(job) => {
            let status = &mut Arc::make_mut(job).status;
            move_some(&mut status.start);
            move_some(&mut status.completion);
            for condition in &mut status.conditions {
                condition.changed = moved(condition.changed, origin);
            }
        }
        Object::CronJob(own) => {
            let status = &mut Arc::make_mut(own).status;
            move_some(&mut status.last_schedule);
            move_some(&mut status.last_success);
        }
        Object::HorizontalPodAutoscaler(own) => {
            move_some(&mut Arc::make_mut(own).status.last_scale);
        }
        Object::PodDisruptionBudget(own) => {
            let disrupted = &mut Arc::make_mut(own).status.disrupted;
            for at in disrupted.values_mut() {
                *at = moved(*at, origin);
            }
        }
        _ => {}
    }
    object
}
