//! The course of a run: every placement, compactly; and where two courses part.

use std::sync::Arc;

use super::Name;
use cluster::{Observer, Store};
use model::{DeviceSet, EndReason, Event, Node, Pod, PodName, PodRef, PodSpec};
use units::{ClassId, Identity, Instant, NodeId, Revision, SortedMap};

/// Outcome of a pod in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was submitted.
    Created,
    /// It got a node.
    Bound,
    /// An attempt failed, and the one before did not.
    Unschedulable,
    /// It was refused for good.
    Rejected,
    /// It was evicted.
    Evicted,
    /// It ended otherwise: no decision.
    Ended,
}

impl Outcome {
    /// Name of the outcome in decisions.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Bound => "bound",
            Self::Unschedulable => "unschedulable",
            Self::Rejected => "rejected",
            Self::Evicted => "evicted",
            Self::Ended => "ended",
        }
    }

    const fn is_decision(self) -> bool {
        !matches!(self, Self::Created | Self::Ended)
    }
}

/// One step in the life of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    /// Instant of the decision.
    pub(super) at: Instant,
    /// Revision of the change.
    pub(super) revision: Revision,
    /// The pod: the n-th created.
    pub(super) pod: u32,
    /// Outcome of the pod.
    pub(super) outcome: Outcome,
    /// The node it got.
    pub(super) node: Option<NodeId>,
    /// The devices it takes there.
    pub(super) devices: DeviceSet,
}

/// The course of a run.
#[derive(Default)]
pub(crate) struct Course {
    /// Name, class and stable identity of every pod, by number.
    pods: Vec<(PodName, ClassId, Option<Identity>)>,
    /// Every class.
    pub(super) specs: Vec<Arc<PodSpec>>,
    /// Every node.
    pub(super) nodes: Vec<Arc<Node>>,
    /// Every step, in order.
    pub(super) steps: Vec<Decided>,
    /// Instant of the run's end.
    pub(super) end: Instant,
    /// Whether the last attempt of a pod failed.
    has_failed: Vec<bool>,
}

impl Course {
    /// The decisions, in order.
    pub(super) fn decisions(&self) -> impl Iterator<Item = &Decided> {
        self.steps.iter().filter(|step| step.outcome.is_decision())
    }

    /// The name of a pod.
    pub(super) fn pod_name(&self, pod: u32) -> String {
        self.pods
            .get(pod as usize)
            .map_or_else(String::new, |(name, ..)| name.to_string())
    }

    /// The class of a pod.
    pub(super) fn class(&self, pod: u32) -> ClassId {
        self.pods[pod as usize].1
    }

    /// Number of pods.
    pub(super) fn pod_count(&self) -> usize {
        self.pods.len()
    }

    /// The name of a node.
    pub(super) fn node_name(&self, node: NodeId) -> Option<Name> {
        let node = self.nodes.get(node.index())?;
        Some(Name::from(node.name.to_string()))
    }

    fn step(&mut self, at: Instant, store: &Store, pod: PodRef, outcome: Outcome) -> &mut Decided {
        self.steps.push(Decided {
            at,
            revision: store.revision(),
            pod: pod.id.0,
            outcome,
            node: None,
            devices: DeviceSet::EMPTY,
        });
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }
}

impl Observer for Course {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        match event {
            Event::ClassAdded { object, .. } => self.specs.push(Arc::clone(object)),
            Event::NodeAdded { object, .. } => self.nodes.push(Arc::clone(object)),
            Event::PodCreated(created) => {
                let who = store.identity_of(created.pod);
                self.pods.push((created.name.clone(), created.class, who));
                self.has_failed.push(false);
                self.step(at, store, created.pod, Outcome::Created);
            }
            Event::PodUnschedulable { pod } => {
                // Schedulers try again at different moments; only a new failure is a decision.
                let failed = &mut self.has_failed[pod.id.0 as usize];
                if !std::mem::replace(failed, true) {
                    self.step(at, store, *pod, Outcome::Unschedulable);
                }
            }
            Event::PodBound { pod, node, devices } => {
                self.has_failed[pod.id.0 as usize] = false;
                let step = self.step(at, store, *pod, Outcome::Bound);
                step.node = Some(*node);
                step.devices = *devices;
            }
            Event::PodEnded { pod, reason } => {
                let outcome = match reason {
                    EndReason::Rejected | EndReason::Refused(_) => Outcome::Rejected,
                    EndReason::Evicted(_) => Outcome::Evicted,
                    _ => Outcome::Ended,
                };
                self.step(at, store, *pod, outcome);
            }
            _ => {}
        }
    }
}

/// Pods and nodes of two runs that correspond: pods that are their owner's n-th, whatever their names, others
/// and nodes of one name. The n-th pod of a name is that of the other run.
pub(crate) struct Matched {
    /// By side and number: the number in the other run.
    pods: [Vec<Option<u32>>; 2],
    nodes: [Vec<Option<NodeId>>; 2],
}

impl Matched {
    pub(crate) fn new(courses: [&Course; 2]) -> Self {
        let names = |side: usize| -> SortedMap<(Option<Identity>, u32), u32> {
            let mut counts: SortedMap<Option<Identity>, u32> = SortedMap::new();
            let pods = courses[side].pods.iter().zip(0..).map(|((.., who), pod)| {
                let count = counts.entry(*who).or_default();
                *count += 1;
                ((*who, *count), pod)
            });
            pods.collect()
        };
        let (one, other) = (names(0), names(1));
        let mut pods = [0, 1].map(|side: usize| vec![None; courses[side].pod_count()]);
        for (name, &pod) in &one {
            if let Some(&twin) = other.get(name) {
                pods[0][pod as usize] = Some(twin);
                pods[1][twin as usize] = Some(pod);
            }
        }
        let twins = |side: usize| {
            let others = courses[1 - side].nodes.iter().enumerate();
            let others = others.map(|(index, node)| (&node.name, NodeId::from_index(index)));
            let others: SortedMap<_, NodeId> = others.collect();
            let nodes = courses[side].nodes.iter();
            nodes.map(|node| others.get(&node.name).copied()).collect()
        };
        Self {
            pods,
            nodes: [twins(0), twins(1)],
        }
    }

    /// The pod of the other run.
    pub(super) fn twin(&self, side: usize, pod: u32) -> Option<u32> {
        self.pods[side].get(pod as usize).copied().flatten()
    }

    /// The node of the other run.
    pub(super) fn node_twin(&self, side: usize, node: NodeId) -> Option<NodeId> {
        self.nodes[side].get(node.index()).copied().flatten()
    }

    /// The pods that only one run has.
    pub(super) fn alone(&self, side: usize) -> impl Iterator<Item = u32> {
        let pods = self.pods[side].iter().enumerate();
        pods.filter(|(_, twin)| twin.is_none())
            .map(|(pod, _)| pod as u32)
    }

    /// Number of nodes that only one run has.
    pub(super) fn nodes_alone(&self, side: usize) -> usize {
        self.nodes[side]
            .iter()
            .filter(|twin| twin.is_none())
            .count()
    }

    /// Whether two decisions are the same one.
    fn is_same(&self, one: &Decided, other: &Decided) -> bool {
        let node = one.node.map(|node| self.node_twin(0, node));
        one.at == other.at
            && self.twin(0, one.pod) == Some(other.pod)
            && one.outcome == other.outcome
            && one.devices == other.devices
            && node == other.node.map(Some)
    }
}

/// Whether every step of every pod has its like in the other run: what differs is what things are called.
pub(super) fn is_in_names(courses: [&Course; 2], matched: &Matched) -> bool {
    let [one, other] = courses.map(|course| &course.steps);
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(here, there)| matched.is_same(here, there))
}

/// The first decisions on common pods that differ, and how many are equal before.
pub(super) fn first_difference(
    courses: [&Course; 2],
    matched: &Matched,
) -> Option<(usize, [Option<Decided>; 2])> {
    let common = |side: usize| {
        let decisions = courses[side].decisions();
        decisions.filter(move |decision| matched.twin(side, decision.pod).is_some())
    };
    let (mut one, mut other) = (common(0), common(1));
    let mut equal = 0;
    loop {
        match (one.next(), other.next()) {
            (None, None) => return None,
            (Some(here), Some(there)) if matched.is_same(here, there) => equal += 1,
            (here, there) => return Some((equal, [here.copied(), there.copied()])),
        }
    }
}
