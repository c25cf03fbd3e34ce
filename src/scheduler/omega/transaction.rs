//! Transactions on their way through the store (spec: orchestrators-b.md section 6.1).
//!
//! A scheduler that sees the cluster as it is knows the store's answer beforehand and binds at once.
//! One that sees it late asks: it places a hold for each claim, and binds, or drops all of them, once
//! it knows which holds the store accepted.

use std::sync::Arc;

use smallvec::SmallVec;

use cluster::Store;
use control::Outbox;
use model::event::Hold;
use model::{Decision, DeviceSet, EndReason, Event, PodRef};
use units::{ComponentId, Instant, NodeId, Revision};

use super::commit::Transactions;
use super::{Scheduler, WaitingJob};
use crate::batch::job::Job;

/// Set in the numbers of holds for claims: those of offers are numbers of nodes.
const CLAIM: u64 = 1 << 63;

/// A claim with its devices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub(super) pod: PodRef,
    pub(super) node: NodeId,
    pub(super) devices: DeviceSet,
}

/// The claims of a decision that the cluster as its scheduler sees it has room for.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) job: WaitingJob,
    /// The instant of the copy.
    pub(super) began: Instant,
    /// Number of claims, those without room included.
    pub(super) claims: usize,
    /// Claims that nothing has refused so far, in the order of the tasks.
    pub(super) accepted: Vec<Placement>,
    pub(super) stage: Stage,
    /// Whether the store refused any of them, or an offer that they are based on.
    pub(super) is_refused: bool,
    /// The newest change by others that the scheduler knew of when it asked for what the store refused.
    pub(super) asked_on: Revision,
}

/// The last thing that the store was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Holds.
    Held,
    /// Bindings.
    Bound,
}

/// The number of the hold for a pod's claim.
fn number_of(pod: PodRef) -> u64 {
    CLAIM | u64::from(pod.id.0)
}

impl Transaction {
    /// Asks for a hold for each claim.
    pub(super) fn hold(&self, owner: ComponentId, store: &Store, out: &mut Outbox) {
        let class = store.class(self.job.job.class);
        for own in &self.accepted {
            let hold = Hold {
                owner,
                number: number_of(own.pod),
                node: own.node,
                resources: class.requests.clone(),
                devices: own.devices,
                milli_per_device: class.gpu.milli_per_device,
                until: None,
            };
            out.write(store, Event::HoldPlaced(Arc::new(hold)));
        }
    }

    /// Takes note that the store refused the hold of a number.
    pub(super) fn refuse_hold(&mut self, number: u64) {
        self.refuse(|own| number_of(own.pod) == number);
    }

    /// Takes note that the store refused the binding of a pod.
    pub(super) fn refuse_binding(&mut self, pod: PodRef) {
        self.refuse(|own| own.pod == pod);
    }

    fn refuse(&mut self, is_it: impl Fn(&Placement) -> bool) {
        let before = self.accepted.len();
        self.accepted.retain(|own| !is_it(own));
        self.is_refused |= self.accepted.len() < before;
    }

    /// Whether every claim is accepted so far.
    pub(super) fn is_whole(&self) -> bool {
        self.accepted.len() == self.claims
    }

    /// Releases a claim's hold.
    pub(super) fn release(owner: ComponentId, pod: PodRef, store: &Store, out: &mut Outbox) {
        let number = number_of(pod);
        out.write(store, Event::HoldReleased { owner, number });
    }

    /// Drops claims of pods that are gone by now, which no one has refused.
    pub(super) fn drop_gone(&mut self, owner: ComponentId, store: &Store, out: &mut Outbox) {
        let members = &self.job.job.members;
        let is_gone = |own: &mut Placement| !members.contains(&own.pod);
        for own in self.accepted.extract_if(.., is_gone) {
            self.claims -= 1;
            Self::release(owner, own.pod, store, out);
        }
    }
}

impl Scheduler {
    /// Asks for the bindings of the claims that are accepted.
    pub(super) fn bind(&mut self, own: &mut Transaction, store: &Store, out: &mut Outbox) {
        let job = &mut own.job.job;
        let mut sent = Job {
            members: SmallVec::new(),
            ..*job
        };
        for &Placement { pod, node, devices } in &own.accepted {
            if self.options.holds_first {
                Transaction::release(self.id, pod, store, out);
            }
            out.write(store, Event::PodBound { pod, node, devices });
            job.members.retain(|member| *member != pod);
            sent.members.push(pod);
        }
        own.stage = Stage::Bound;
        self.backlog -= sent.members.len();
        if !sent.members.is_empty() {
            self.sent.push(WaitingJob {
                job: sent,
                attempts: own.job.attempts + 1,
                ..own.job
            });
        }
    }

    /// Goes on with a transaction once the store has answered.
    pub(super) fn answered(&mut self, mut own: Transaction, store: &Store, out: &mut Outbox) {
        if own.stage == Stage::Bound {
            self.conclude(own, store, out);
            return;
        }
        own.drop_gone(self.id, store, out);
        let is_gang = self.options.transactions == Transactions::AllOrNothing;
        if is_gang && !own.is_whole() {
            for dropped in own.accepted.drain(..) {
                Transaction::release(self.id, dropped.pod, store, out);
            }
        }
        self.bind(&mut own, store, out);
        self.committing = Some(own);
    }

    /// Tells what became of a transaction, and queues what is left of its job.
    pub(super) fn conclude(&mut self, own: Transaction, store: &Store, out: &mut Outbox) {
        let placed = own.accepted.len();
        let mut job = own.job;
        let decision = Decision {
            scheduler: self.options.name.clone(),
            schedulers: self.options.schedulers,
            began: own.began,
            submitted: (job.attempts == 0).then_some(job.job.facts.submitted),
            claims: own.claims as u32,
            conflicts: (own.claims - placed) as u32,
            placed: placed as u32,
        };
        out.write(store, Event::Decided(Arc::new(decision)));
        job.attempts += 1;
        job.refused_on = own.is_refused.then_some(own.asked_on);
        if job.job.members.is_empty() {
            return;
        }
        if job.attempts >= self.options.attempts {
            self.backlog -= job.job.members.len();
            for &pod in &job.job.members {
                reject(pod, store, out);
            }
            return;
        }
        if job.attempts == 1 {
            let pod = job.job.members[0];
            out.write(store, Event::PodUnschedulable { pod });
        }
        self.queue.push_front(job);
    }

    /// Returns pods whose bindings the store refused to what is left of their jobs.
    pub(super) fn take_back_refused(&mut self, store: &Store, out: &mut Outbox) {
        for pod in std::mem::take(&mut self.refused) {
            let Some(position) = self.sent.iter().position(|own| own.has(pod)) else {
                continue;
            };
            let sent = &mut self.sent[position];
            sent.job.members.retain(|member| *member != pod);
            let mut alone = WaitingJob {
                job: Job {
                    members: SmallVec::from_slice(&[pod]),
                    ..sent.job
                },
                ..*sent
            };
            if sent.job.members.is_empty() {
                self.sent.remove(position);
            }
            if alone.attempts >= self.options.attempts {
                reject(pod, store, out);
                continue;
            }
            self.backlog += 1;
            let deciding = self.deciding.as_mut().map(|own| &mut own.job);
            let mut waiting = self.queue.iter_mut().chain(deciding);
            match waiting.find(|own| own.number == alone.number) {
                Some(rest) => {
                    rest.job.members.append(&mut alone.job.members);
                    rest.job.members.sort_unstable_by_key(|member| member.id);
                }
                None => self.queue.push_front(alone),
            }
        }
    }
}

/// Gives a pod up.
fn reject(pod: PodRef, store: &Store, out: &mut Outbox) {
    let reason = EndReason::Rejected;
    out.write(store, Event::PodEnded { pod, reason });
}
