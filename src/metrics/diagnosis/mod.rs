//! Diagnosis of a workload, from the instant at which it lost strength, or could not gain it, until
//! all was well again: the cause, its beginning, and the cure (orchestrators-a.md 9.4). Pods that
//! users or rollouts take away are no fault.
//!
//! Causes are those of 9.4 (`cause.rs`), first match first: `signs.rs`. What is seen of pods that can't start,
//! `PodUnschedulable` and failed pulls, is in the log; what quotas refuse follows from what is wanted
//! (`refused.rs`), what is held back from what is measured (`throttled.rs`). Tests: `tests.rs`.

mod cause;
mod ended;
mod faults;
mod refused;
mod returned;
mod signs;
#[cfg(test)]
mod tests;
mod throttled;

use cluster::{Store, UsageNews};
use model::{EndReason, Event, EvictionCause, NodeContact, Pod, PodChange, PodRef, PullStep, Text};
use units::{Instant, NodeId, ObjectId, SortedMap, SortedSet};

pub use cause::Cause;
pub use ended::Exit;
use faults::{Reason, ServingChange};
use returned::NodeReturn;
pub use signs::Signs;
use throttled::Throttling;

/// A fault of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The workload, as `KIND/NAMESPACE/NAME`.
    pub object: Text,
    /// Cause of the fault; the first of several.
    pub cause: Cause,
    /// Last end of a container, where one ended.
    pub exit: Option<Exit>,
    /// The node, where one was at fault.
    pub node: Option<Text>,
    /// Instant of the beginning.
    pub since: Instant,
    /// End of the fault; `None` while it lasts.
    pub healed: Option<Instant>,
    /// Ready pods before; of one that never had them all, those that it wants.
    pub strength: u64,
    /// The fewest ready pods meanwhile.
    pub least: u64,
    /// Pods made anew meanwhile.
    pub made: u64,
    /// Containers restarted in place meanwhile.
    pub restarted: u64,
    /// Pods that found a node after one could not be placed.
    pub placed: u64,
    /// Nodes that joined meanwhile.
    pub joined: u64,
}

/// A pod of a workload.
#[derive(Clone, Debug)]
struct Member {
    pod: PodRef,
    /// Workload that the pod counts for, and its controller.
    owner: ObjectId,
    maker: ObjectId,
    node: Option<NodeId>,
    is_ready: bool,
    is_leaving: bool,
    /// Instants of recent failures.
    failures: Vec<Instant>,
    /// Last container killed for lack of memory, and the time.
    killed: Option<(Instant, usize)>,
    /// Cause given by the last end of a container that has not restarted yet.
    ended: Option<Cause>,
    /// Whether a container has done its work, so that the pod is no longer ready without fault.
    is_done: bool,
    /// Return of its node after it was down or not heard of, until the pod is ready or fails by itself.
    returned: Option<NodeReturn>,
}

#[derive(Clone, Debug, Default)]
struct Workload {
    /// Pods that serve.
    strength: u64,
    fault: Option<Diagnosis>,
    /// Pods that serve once the fault is over.
    floor: u64,
    /// Pods that something is wrong with.
    troubled: SortedMap<PodRef, Cause>,
    /// Whether a quota refuses pods of it.
    is_refused: bool,
}

impl Workload {
    /// A workload that has its strength, and nothing is wrong with its pods, is well.
    fn heals(&self) -> bool {
        self.strength >= self.floor && self.troubled.is_empty() && !self.is_refused
    }
}

/// Watches workloads.
#[derive(Clone, Debug, Default)]
pub struct Diagnostician {
    members: Vec<Option<Member>>,
    /// The pod that goes on as the next one, on another node.
    moving: Option<Member>,
    workloads: SortedMap<ObjectId, Workload>,
    /// Living pods by what made them.
    made: SortedMap<ObjectId, u64>,
    /// Namespaces with quotas, and since when they are to be looked at.
    quotas: SortedSet<Text>,
    unseen: SortedMap<Text, Instant>,
    /// Nodes that are lost or not heard of.
    silent: SortedMap<NodeId, Instant>,
    throttling: Throttling,
    /// Nodes that joined so far.
    joined: u64,
    healed: Vec<Diagnosis>,
}

impl Diagnostician {
    /// A change was applied.
    pub fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        self.look_at_quotas(at, store);
        self.held_back(at, store);
        match event {
            Event::PodCreated(created) => match (self.moving.take(), created.owner) {
                (Some(member), _) => self.arrived(member, created.pod),
                (None, Some(owner)) => self.created(created.pod, owner.object, store),
                (None, None) => {}
            },
            Event::PodUnschedulable { pod } => self.unschedulable(at, *pod, store),
            Event::PodBound { pod, node, .. } => {
                if let Some(member) = self.member(*pod) {
                    member.node = Some(*node);
                    let owner = member.owner;
                    self.placed(owner, *pod);
                }
            }
            Event::PodChanged { pod, change } => self.changed(at, *pod, *change, store),
            Event::PodEnded { pod, reason } => self.ended(at, *pod, *reason, store),
            Event::NodeContact { node, contact } => match contact {
                NodeContact::Silent { .. } => self.lose(at, *node, store),
                NodeContact::Steady | NodeContact::Heard => self.hear(at, *node),
            },
            Event::NodeReadiness { node, ready: false } => self.lose(at, *node, store),
            Event::NodeReadiness { node, ready: true } => self.hear(at, *node),
            Event::NodeAdded { .. } => self.joined += 1,
            Event::Object(change) => self.object(at, change, store),
            _ => {}
        }
    }

    /// Reads what pods use for throttled ones.
    pub fn usage(&mut self, at: Instant, store: &Store, news: UsageNews<'_>) {
        self.held_back(at, store);
        let mut throttling = std::mem::take(&mut self.throttling);
        for pod in throttling.look(at, store, news) {
            if let Some(owner) = self.member(pod).map(|own| own.owner) {
                self.relieve(at, owner, pod, Cause::is_throttling);
            }
        }
        self.throttling = throttling;
    }

    /// Takes up the pods that have been throttled for long enough by now.
    #[inline]
    fn held_back(&mut self, now: Instant, store: &Store) {
        while let Some(held) = self.throttling.next(now) {
            let node = Some(Text::from(store.nodes().name(held.node)));
            let cause = held.cause;
            self.trouble(held.from, held.pod, Reason { cause, node }, store);
        }
    }

    /// Follows nodes whose processors are short, too.
    #[must_use]
    pub fn with_contention(mut self, is_modelled: bool) -> Self {
        self.throttling.shares_cores = is_modelled;
        self
    }

    /// Faults that are over, and those that last.
    pub fn finish(mut self) -> Vec<Diagnosis> {
        let open = self.workloads.values_mut();
        let joined = self.joined;
        let open: Vec<Diagnosis> = open
            .filter_map(|own| {
                let mut fault = own.fault.take()?;
                fault.joined = joined - fault.joined;
                Some(fault)
            })
            .collect();
        self.healed.extend(open);
        self.healed
            .sort_by(|one, other| (one.since, &one.object).cmp(&(other.since, &other.object)));
        self.healed
    }

    fn workload(&mut self, owner: ObjectId) -> &mut Workload {
        self.workloads.entry(owner).or_default()
    }

    fn member(&mut self, pod: PodRef) -> Option<&mut Member> {
        let member = self.members.get_mut(pod.slot.index())?.as_mut();
        member.filter(|own| own.pod == pod)
    }

    fn created(&mut self, pod: PodRef, owner: ObjectId, store: &Store) {
        // A replica set stands for its deployment: rollouts change the one, not the other.
        let maker = owner;
        let owner = answers_for(maker, store);
        *self.made.entry(maker).or_default() += 1;
        if self.members.len() <= pod.slot.index() {
            self.members.resize(pod.slot.index() + 1, None);
        }
        self.members[pod.slot.index()] = Some(Member {
            pod,
            owner,
            maker,
            node: None,
            is_ready: false,
            is_leaving: false,
            failures: Vec::new(),
            killed: None,
            ended: None,
            is_done: false,
            returned: None,
        });
        let own = self.workload(owner);
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
        let cause;
        match change {
            PodChange::Ready(ready) => {
                member.is_ready = ready;
                cause = self.of_readiness(at, &mut member, store);
            }
            PodChange::Restarted(_) => return self.restarted(at, pod, store),
            PodChange::Exited { container, code } => {
                return self.exited(at, pod, usize::from(container), code, store);
            }
            PodChange::OomKilled { container } => {
                member.killed = Some((at, usize::from(container)));
                self.put(pod, member);
                return self.trouble(at, pod, Cause::OutOfMemory.into(), store);
            }
            PodChange::Pull {
                step: PullStep::Failed { .. },
                ..
            } => return self.trouble(at, pod, Cause::ImageUnavailable.into(), store),
            PodChange::Terminating { reason, .. } => {
                if reason == EndReason::Cancelled && served {
                    self.taken(member.owner);
                }
                cause = Cause::Evicted;
                member.is_leaving = true;
                if reason == EndReason::Cancelled || is_planned(reason) {
                    let serves = self.serves(&member);
                    let owner = member.owner;
                    self.put(pod, member);
                    let turn = ServingChange {
                        owner,
                        pod,
                        served,
                        serves,
                    };
                    return self.count(at, turn, None, store);
                }
            }
            _ => return,
        }
        let serves = self.serves(&member);
        let owner = member.owner;
        let is_fault = !(member.is_done && cause == Cause::ProbeFailed);
        self.put(pod, member);
        if serves {
            self.relieve(at, owner, pod, |cause| !cause.is_throttling());
        }
        let turn = ServingChange {
            owner,
            pod,
            served,
            serves,
        };
        self.count(at, turn, is_fault.then(|| cause.into()), store);
    }

    /// A pod goes on as another, which serves as it did: the moment for which it stands still is no fault.
    fn arrived(&mut self, member: Member, pod: PodRef) {
        let before = member.pod;
        let troubled = &mut self.workload(member.owner).troubled;
        if let Some(cause) = troubled.remove(&before) {
            troubled.insert(pod, cause);
        }
        self.put(pod, Member { pod, ..member });
    }

    /// A container was started again: what was wrong with its pod is known better.
    fn restarted(&mut self, at: Instant, pod: PodRef, store: &Store) {
        let cause = if self.started_over(at, pod, store) {
            Cause::NodeLost
        } else {
            self.of_restart(at, pod)
        };
        self.trouble(at, pod, cause.into(), store);
        let Some(owner) = self.member(pod).map(|own| own.owner) else {
            return;
        };
        let own = self.workload(owner);
        if let Some(fault) = &mut own.fault {
            fault.restarted += 1;
        }
        // It serves again already.
        let serves = self
            .member(pod)
            .cloned()
            .is_some_and(|own| self.serves(&own));
        if serves {
            self.relieve(at, owner, pod, |cause| !cause.is_throttling());
        }
    }

    /// No node takes a pod.
    fn unschedulable(&mut self, at: Instant, pod: PodRef, store: &Store) {
        let Some(member) = self.member(pod).cloned() else {
            return;
        };
        let own = self.workloads.entry(member.owner).or_default();
        if own.troubled.contains_key(&pod) {
            return;
        }
        let known = own.troubled.values().find(|cause| cause.is_pending());
        let cause = match known {
            Some(known) => *known,
            None => Cause::of_pending(pod, store),
        };
        self.trouble(at, pod, cause.into(), store);
    }

    fn placed(&mut self, owner: ObjectId, pod: PodRef) {
        let own = self.workload(owner);
        let was_pending = own
            .troubled
            .get(&pod)
            .is_some_and(|cause| cause.is_pending());
        if let Some(fault) = own.fault.as_mut().filter(|_| was_pending) {
            fault.placed += 1;
        }
    }

    fn put(&mut self, pod: PodRef, member: Member) {
        self.members[pod.slot.index()] = Some(member);
    }

    fn ended(&mut self, at: Instant, pod: PodRef, reason: EndReason, store: &Store) {
        let Some(member) = self.member(pod).cloned() else {
            return;
        };
        if reason == EndReason::Moved {
            self.members[pod.slot.index()] = None;
            self.moving = Some(member);
            return;
        }
        let served = self.serves(&member);
        self.members[pod.slot.index()] = None;
        let cause = match reason {
            EndReason::NodeLost => Some(Cause::NodeLost),
            EndReason::Evicted(_) => Some(Cause::Evicted),
            EndReason::Error | EndReason::TimeLimit => Some(Cause::ApplicationError),
            EndReason::Completed
            | EndReason::Rejected
            | EndReason::Refused(_)
            | EndReason::Moved
            | EndReason::Cancelled => None,
        };
        if cause.is_none() && served {
            self.taken(member.owner);
        }
        let node = member.node.filter(|_| reason == EndReason::NodeLost);
        let node = node.map(|node| Text::from(store.nodes().name(node)));
        let reason = cause.map(|cause| Reason { cause, node });
        if let Some(made) = self.made.get_mut(&member.maker) {
            *made = made.saturating_sub(1);
        }
        let turn = ServingChange {
            owner: member.owner,
            pod,
            served,
            serves: false,
        };
        self.count(at, turn, reason, store);
        self.relieve(at, member.owner, pod, |_| true);
    }

    fn lose(&mut self, at: Instant, node: NodeId, store: &Store) {
        if self.silent.contains_key(&node) {
            return;
        }
        let there = self.serving_on(node);
        self.silent.insert(node, at);
        let name = Text::from(store.nodes().name(node));
        for (owner, pod) in there {
            let turn = ServingChange {
                owner,
                pod,
                served: true,
                serves: false,
            };
            let reason = Reason {
                cause: Cause::NodeLost,
                node: Some(name.clone()),
            };
            self.count(at, turn, Some(reason), store);
        }
    }

    fn hear(&mut self, at: Instant, node: NodeId) {
        if self.silent.remove(&node).is_some() {
            for (owner, _) in self.serving_on(node) {
                self.gain(at, owner);
            }
            self.returned(at, node);
        }
    }

    /// The pods that serve on a node, each with its workload.
    fn serving_on(&self, node: NodeId) -> Vec<(ObjectId, PodRef)> {
        let members = self.members.iter().flatten();
        let there = members.filter(|own| own.node == Some(node) && self.serves(own));
        there.map(|own| (own.owner, own.pod)).collect()
    }
}

/// A replica set stands for its deployment, a job for what made it: rollouts change the one, not the
/// other.
fn answers_for(maker: ObjectId, store: &Store) -> ObjectId {
    let above = store.objects().get(maker).and_then(|row| row.owner);
    above.unwrap_or(maker)
}

/// Whether a pod is evicted as planned: a drain or a move wants another one in its place.
const fn is_planned(reason: EndReason) -> bool {
    use EvictionCause::{Consolidation, Descheduling, Drain, Resizing};
    let EndReason::Evicted(cause) = reason else {
        return false;
    };
    matches!(cause, Consolidation | Descheduling | Drain | Resizing)
}
