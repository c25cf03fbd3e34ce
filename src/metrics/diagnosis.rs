//! What ailed a workload, from the instant at which it lost strength until it had it again: what was
//! wrong, since when, and what was done (orchestrators-a.md 9.4). Pods that users or rollouts take
//! away are no fault.

use std::collections::BTreeMap;

use crate::cluster::Store;
use crate::model::{EndReason, Event, NodeContact, Pod, PodChange, PodRef, Text};
use crate::units::{Duration, Instant, NodeId, ObjectId};

/// Restarts within [`LOOP_WITHIN`] that make a crash loop.
const LOOP_RESTARTS: usize = 5;

/// See [`LOOP_RESTARTS`].
const LOOP_WITHIN: Duration = Duration::from_secs(600);

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A node was lost or not heard of.
    NodeLost,
    /// Containers ended again and again.
    CrashLoop,
    /// Containers ended badly.
    ApplicationError,
    /// A pod ceased to be ready while it ran.
    ProbeFailed,
    /// A pod was evicted.
    Evicted,
}

impl Cause {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NodeLost => "NodeLost",
            Self::CrashLoop => "CrashLoop",
            Self::ApplicationError => "ApplicationError",
            Self::ProbeFailed => "ProbeFailed",
            Self::Evicted => "Evicted",
        }
    }
}

/// A fault of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The workload, as `KIND/NAMESPACE/NAME`.
    pub object: Text,
    /// What was wrong; of several the first.
    pub cause: Cause,
    /// The node, where one was at fault.
    pub node: Option<Text>,
    /// Since when.
    pub since: Instant,
    /// Until when; `None` while it lasts.
    pub healed: Option<Instant>,
    /// Ready pods before.
    pub strength: u64,
    /// The fewest ready pods meanwhile.
    pub least: u64,
    /// Pods made anew meanwhile.
    pub made: u64,
    /// Containers restarted in place meanwhile.
    pub restarted: u64,
}

/// A pod of a workload.
#[derive(Clone, Debug)]
struct Member {
    pod: PodRef,
    owner: ObjectId,
    node: Option<NodeId>,
    is_ready: bool,
    is_leaving: bool,
    restarts: Vec<Instant>,
}

#[derive(Clone, Debug, Default)]
struct Workload {
    /// Pods that serve.
    strength: u64,
    fault: Option<Diagnosis>,
}

/// Watches workloads.
#[derive(Clone, Debug, Default)]
pub struct Diagnostician {
    members: Vec<Option<Member>>,
    workloads: BTreeMap<ObjectId, Workload>,
    /// Nodes that are lost or not heard of.
    silent: BTreeMap<NodeId, Instant>,
    healed: Vec<Diagnosis>,
}

impl Diagnostician {
    /// A change was applied.
    pub fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        match event {
            Event::PodCreated(created) => {
                if let Some(owner) = created.owner {
                    self.created(created.pod, owner.object, store);
                }
            }
            Event::PodBound { pod, node, .. } => {
                if let Some(member) = self.member(*pod) {
                    member.node = Some(*node);
                }
            }
            Event::PodChanged { pod, change } => self.changed(at, *pod, *change, store),
            Event::PodEnded { pod, reason } => {
                let _ = ended;
                self.ended(at, *pod, *reason, store);
            }
            Event::NodeContact { node, contact } => match contact {
                NodeContact::Silent { .. } => self.lose(at, *node, store),
                NodeContact::Steady | NodeContact::Heard => self.hear(at, *node),
            },
            Event::NodeReadiness { node, ready: false } => self.lose(at, *node, store),
            Event::NodeReadiness { node, ready: true } => self.hear(at, *node),
            _ => {}
        }
    }

    /// Faults that are over, and those that last.
    pub fn finish(mut self) -> Vec<Diagnosis> {
        let open = self.workloads.values_mut();
        let open: Vec<Diagnosis> = open.filter_map(|own| own.fault.take()).collect();
        self.healed.extend(open);
        self.healed
            .sort_by(|one, other| (one.since, &one.object).cmp(&(other.since, &other.object)));
        self.healed
    }

    fn member(&mut self, pod: PodRef) -> Option<&mut Member> {
        let member = self.members.get_mut(pod.slot.index())?.as_mut();
        member.filter(|own| own.pod == pod)
    }

    fn created(&mut self, pod: PodRef, owner: ObjectId, store: &Store) {
        // A replica set stands for its deployment: rollouts change the one, not the other.
        let above = store.objects().get(owner).and_then(|row| row.owner);
        let owner = above.unwrap_or(owner);
        if self.members.len() <= pod.slot.index() {
            self.members.resize(pod.slot.index() + 1, None);
        }
        self.members[pod.slot.index()] = Some(Member {
            pod,
            owner,
            node: None,
            is_ready: false,
            is_leaving: false,
            restarts: Vec::new(),
        });
        let own = self.workloads.entry(owner).or_default();
        if let Some(fault) = &mut own.fault {
            fault.made += 1;
        }
    }

    fn serves(&self, member: &Member) -> bool {
        let is_heard = member
            .node
            .is_none_or(|node| !self.silent.contains_key(&node));
        member.is_ready && !member.is_leaving && is_heard
    }

    fn changed(&mut self, at: Instant, pod: PodRef, change: PodChange, store: &Store) {
        let Some(before) = self.member(pod).cloned() else {
            return;
        };
        let served = self.serves(&before);
        let mut member = before;
        let mut cause = Cause::ProbeFailed;
        match change {
            PodChange::Ready(ready) => member.is_ready = ready,
            PodChange::Restarted(_) => {
                member.restarts.push(at);
                let recent = member
                    .restarts
                    .iter()
                    .filter(|&&then| at.since(then) <= LOOP_WITHIN);
                let loops = recent.count() >= LOOP_RESTARTS;
                let own = self.workloads.entry(member.owner).or_default();
                if let Some(fault) = &mut own.fault {
                    fault.restarted += 1;
                    if loops {
                        fault.cause = Cause::CrashLoop;
                    } else if fault.cause == Cause::ProbeFailed {
                        fault.cause = Cause::ApplicationError;
                    }
                }
            }
            PodChange::Terminating { reason, .. } => {
                if reason == EndReason::Cancelled && served {
                    self.taken(member.owner);
                }
                cause = Cause::Evicted;
                member.is_leaving = true;
                if reason == EndReason::Cancelled {
                    let serves = self.serves(&member);
                    let owner = member.owner;
                    self.put(pod, member);
                    return self.count(at, owner, served, serves, None, store);
                }
            }
            _ => {}
        }
        let serves = self.serves(&member);
        let owner = member.owner;
        self.put(pod, member);
        self.count(at, owner, served, serves, Some((cause, None)), store);
    }

    fn put(&mut self, pod: PodRef, member: Member) {
        self.members[pod.slot.index()] = Some(member);
    }

    fn ended(&mut self, at: Instant, pod: PodRef, reason: EndReason, store: &Store) {
        let Some(member) = self.member(pod).cloned() else {
            return;
        };
        let served = self.serves(&member);
        self.members[pod.slot.index()] = None;
        let cause = match reason {
            EndReason::NodeLost => Some(Cause::NodeLost),
            EndReason::Evicted(_) => Some(Cause::Evicted),
            EndReason::Error | EndReason::TimeLimit => Some(Cause::ApplicationError),
            EndReason::Completed | EndReason::Rejected | EndReason::Cancelled => None,
        };
        if cause.is_none() && served {
            self.taken(member.owner);
        }
        let node = member.node.filter(|_| reason == EndReason::NodeLost);
        let node = node.map(|node| Text::from(store.nodes().name(node)));
        self.count(
            at,
            member.owner,
            served,
            false,
            cause.map(|cause| (cause, node)),
            store,
        );
    }

    /// A pod was taken away on purpose: less is expected.
    fn taken(&mut self, owner: ObjectId) {
        let own = self.workloads.entry(owner).or_default();
        if let Some(fault) = &mut own.fault {
            fault.strength = fault.strength.saturating_sub(1);
        }
    }

    fn lose(&mut self, at: Instant, node: NodeId, store: &Store) {
        if self.silent.contains_key(&node) {
            return;
        }
        let there = self.serving_on(node);
        self.silent.insert(node, at);
        let name = Text::from(store.nodes().name(node));
        for owner in there {
            let cause = Some((Cause::NodeLost, Some(name.clone())));
            self.count(at, owner, true, false, cause, store);
        }
    }

    fn hear(&mut self, at: Instant, node: NodeId) {
        if self.silent.remove(&node).is_some() {
            for owner in self.serving_on(node) {
                self.gain(at, owner);
            }
        }
    }

    /// The workloads of pods that serve on a node, one for each pod.
    fn serving_on(&self, node: NodeId) -> Vec<ObjectId> {
        let members = self.members.iter().flatten();
        let there = members.filter(|own| own.node == Some(node) && self.serves(own));
        there.map(|own| own.owner).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "what became of a pod, and why")]
    fn count(
        &mut self,
        at: Instant,
        owner: ObjectId,
        served: bool,
        serves: bool,
        cause: Option<(Cause, Option<Text>)>,
        store: &Store,
    ) {
        match (served, serves) {
            (false, true) => self.gain(at, owner),
            (true, false) => {
                let own = self.workloads.entry(owner).or_default();
                let strength = own.strength;
                own.strength = strength.saturating_sub(1);
                if own.fault.is_none()
                    && let Some((cause, node)) = cause
                {
                    own.fault = Some(Diagnosis {
                        object: title(owner, store),
                        cause,
                        node,
                        since: at,
                        healed: None,
                        strength,
                        least: own.strength,
                        made: 0,
                        restarted: 0,
                    });
                }
                if let Some(fault) = &mut own.fault {
                    fault.least = fault.least.min(own.strength);
                }
                self.heal(at, owner);
            }
            _ => {}
        }
    }

    fn gain(&mut self, at: Instant, owner: ObjectId) {
        self.workloads.entry(owner).or_default().strength += 1;
        self.heal(at, owner);
    }

    /// A workload that has its strength again is well.
    fn heal(&mut self, at: Instant, owner: ObjectId) {
        let own = self.workloads.entry(owner).or_default();
        let strength = own.strength;
        if let Some(mut fault) = own.fault.take_if(|fault| strength >= fault.strength) {
            fault.healed = Some(at);
            self.healed.push(fault);
        }
    }
}

fn title(object: ObjectId, store: &Store) -> Text {
    store.objects().get(object).map_or_else(
        || "an object that is gone".into(),
        |row| {
            let own = &row.object;
            format!("{}/{}/{}", own.kind(), own.namespace(), own.name()).into()
        },
    )
}
