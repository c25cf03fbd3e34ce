//! The course of a fault: from the first trouble, or the first loss of strength, until the workload is
//! well again.

use cluster::Store;
use model::{PodRef, Text};
use units::{Instant, ObjectId};

use super::{Cause, Diagnosis, Diagnostician, refused};

/// The reason of a fault, and the node where one is at fault.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    pub(super) cause: Cause,
    pub(super) node: Option<Text>,
}

impl From<Cause> for Reason {
    fn from(cause: Cause) -> Self {
        Self { cause, node: None }
    }
}

/// Whether a pod of a workload served before a change, and after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServingChange {
    pub(super) owner: ObjectId,
    pub(super) pod: PodRef,
    pub(super) served: bool,
    pub(super) serves: bool,
}

impl Diagnostician {
    /// Something is wrong with a pod.
    pub(super) fn trouble(&mut self, at: Instant, pod: PodRef, reason: Reason, store: &Store) {
        let Some(owner) = self.member(pod).map(|own| own.owner) else {
            return;
        };
        let own = self.workload(owner);
        let cause = reason.cause;
        let known = own.troubled.entry(pod).or_insert(cause);
        *known = known.refined(cause);
        match &mut own.fault {
            Some(fault) => fault.cause = fault.cause.refined(cause),
            None => self.begin(at, owner, reason, store),
        }
    }

    /// A pod is well again, as far as causes of a kind are concerned.
    pub(super) fn relieve(
        &mut self,
        at: Instant,
        owner: ObjectId,
        pod: PodRef,
        of: fn(Cause) -> bool,
    ) {
        let own = self.workload(owner);
        if own.troubled.get(&pod).is_some_and(|cause| of(*cause)) {
            own.troubled.remove(&pod);
            self.heal(at, owner);
        }
    }

    /// A fault begins while nothing has been lost yet.
    pub(super) fn begin(&mut self, at: Instant, owner: ObjectId, reason: Reason, store: &Store) {
        let joined = self.joined;
        let own = self.workload(owner);
        own.floor = own.strength;
        own.fault = Some(Diagnosis {
            object: title(owner, store),
            cause: reason.cause,
            exit: None,
            node: reason.node,
            since: at,
            healed: None,
            strength: refused::wanted(owner, store).unwrap_or(own.strength),
            least: own.strength,
            made: 0,
            restarted: 0,
            placed: 0,
            joined,
        });
    }

    /// A pod was taken away on purpose: less is expected.
    pub(super) fn taken(&mut self, owner: ObjectId) {
        let own = self.workload(owner);
        if let Some(fault) = &mut own.fault {
            fault.strength = fault.strength.saturating_sub(1);
            own.floor = own.floor.saturating_sub(1);
        }
    }

    /// A pod serves that did not, or does not any longer, and why.
    pub(super) fn count(
        &mut self,
        at: Instant,
        turn: ServingChange,
        reason: Option<Reason>,
        store: &Store,
    ) {
        let (owner, pod) = (turn.owner, turn.pod);
        match (turn.served, turn.serves) {
            (false, true) => self.gain(at, owner),
            (true, false) => {
                let own = self.workload(owner);
                let strength = own.strength;
                own.strength = strength.saturating_sub(1);
                if let Some(reason) = reason {
                    // What was wrong with the pod before is why it does not serve.
                    let known = own.troubled.get(&pod).copied();
                    let cause = known.map_or(reason.cause, |known| known.refined(reason.cause));
                    if own.fault.is_none() {
                        let node = reason.node;
                        self.begin(at, owner, Reason { cause, node }, store);
                        let own = self.workload(owner);
                        if let Some(fault) = &mut own.fault {
                            fault.strength = strength;
                        }
                    }
                    let own = self.workload(owner);
                    own.floor = own.floor.max(strength);
                }
                let own = self.workload(owner);
                if let Some(fault) = &mut own.fault {
                    fault.least = fault.least.min(own.strength);
                }
                self.heal(at, owner);
            }
            _ => {}
        }
    }

    pub(super) fn gain(&mut self, at: Instant, owner: ObjectId) {
        self.workload(owner).strength += 1;
        self.heal(at, owner);
    }

    pub(super) fn heal(&mut self, at: Instant, owner: ObjectId) {
        let joined = self.joined;
        let own = self.workload(owner);
        if !own.heals() {
            return;
        }
        if let Some(mut fault) = own.fault.take() {
            fault.healed = Some(at);
            fault.joined = joined - fault.joined;
            self.healed.push(fault);
        }
    }
}

pub(super) fn title(object: ObjectId, store: &Store) -> Text {
    store.objects().get(object).map_or_else(
        || "an object that is gone".into(),
        |row| {
            let own = &row.object;
            format!("{}/{}/{}", own.kind(), own.namespace(), own.name()).into()
        },
    )
}
