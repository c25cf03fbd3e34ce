//! A cluster in which the scheduler places pods for a question, and which then is as it was before.

use std::sync::Arc;

use super::turns::Turn;
use crate::sandbox::Sandbox;
use crate::snapshot::profile::{profile_of, profile_or_default, without_preemption};
use model::Text;
use scheduler::kube::cycle::{Nomination, Outcome, Round};
use scheduler::kube::{Attempt, Cache, KubeProfile, PodInfo, TieBreak};
use scheduler::pipeline::evaluate::Form;

/// Right of pods to evict others of lower priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preemption {
    /// Nobody is evicted.
    #[default]
    Off,
    /// Pods evict others as the scheduler's preemption has it.
    On,
}

/// Node of a pod, with the pods that were evicted for it.
pub(super) struct Landed {
    pub(super) node: Text,
    pub(super) victims: Vec<Arc<PodInfo>>,
}

/// Decisions for which every node is looked at; of equally good ones they take the first by name, or the last.
#[derive(Clone)]
pub(crate) struct Decisions {
    pub(crate) round: Round,
    takes_last: bool,
}

impl Decisions {
    /// No decision yet.
    pub(crate) fn new() -> Self {
        let ties = TieBreak::Every(Vec::new());
        Self {
            round: Round::new(ties, Form::Incremental),
            takes_last: false,
        }
    }

    /// Takes the first node in the scheduler's order from now on, or nodes by their names as a way has it.
    pub(crate) fn break_ties(&mut self, turn: Option<Turn>) {
        self.takes_last = turn.is_some_and(|own| own.takes_last);
        self.round.ties = match turn {
            Some(_) => TieBreak::Every(Vec::new()),
            None => TieBreak::First,
        };
    }

    /// A profile by which every node is looked at.
    pub(crate) fn profile(profile: &KubeProfile) -> KubeProfile {
        KubeProfile {
            percentage_of_nodes_to_score: 100,
            ..profile.clone()
        }
    }

    /// Decides on a pod, by a profile by which every node is looked at.
    pub(crate) fn decide(
        &mut self,
        profile: &KubeProfile,
        cache: &Cache,
        pod: &PodInfo,
    ) -> Outcome {
        if let TieBreak::Every(places) = &mut self.round.ties {
            places.clear();
            self.round.start = 0;
        }
        match self.round.decide(profile, cache, pod) {
            Outcome::Placed(slot) => Outcome::Placed(self.by_name(cache, slot)),
            failed @ Outcome::Failed(_) => failed,
        }
    }

    /// Whether all decisions, of this number, were taken by the scheduler's fast form.
    pub(super) fn are_fast(&self, count: u64) -> bool {
        self.round.taken_fast() == count
    }

    /// The first or last by name of the nodes that tie with the one in a slot.
    fn by_name(&self, cache: &Cache, slot: usize) -> usize {
        let TieBreak::Every(places) = &self.round.ties else {
            return slot;
        };
        let tied = places.iter().filter_map(|&place| cache.slot_at(place));
        let named = tied.filter_map(|slot| Some((cache.node_in(slot)?.name(), slot)));
        let found = if self.takes_last {
            named.max()
        } else {
            named.min()
        };
        found.map_or(slot, |(_, slot)| slot)
    }
}

/// A cluster under trial.
#[derive(Clone)]
pub(super) struct Trial {
    sandbox: Sandbox,
    decisions: Decisions,
    profiles: Vec<KubeProfile>,
    /// The profiles without preemption: they decide where nobody is evicted, as most of the work about a pod
    /// that waits is to look for pods to evict.
    calm: Vec<KubeProfile>,
    preemption: Preemption,
}

impl Trial {
    /// A cluster in which every node is asked about every pod.
    pub(super) fn new(cache: Cache, profiles: &[KubeProfile], preemption: Preemption) -> Self {
        let profiles: Vec<KubeProfile> = profiles.iter().map(Decisions::profile).collect();
        let mut decisions = Decisions::new();
        decisions.round.tell_why(false);
        Self {
            sandbox: Sandbox::new(cache),
            decisions,
            calm: without_preemption(&profiles),
            profiles,
            preemption,
        }
    }

    pub(super) fn preemption(&self) -> Preemption {
        self.preemption
    }

    /// Takes nodes as a way has it from now on.
    pub(super) fn turn(&mut self, turn: Turn) {
        self.decisions.break_ties(Some(turn));
    }

    /// Number of changes so far, for [`Trial::roll_back`].
    pub(super) fn mark(&self) -> usize {
        self.sandbox.mark()
    }

    /// Takes back all changes since a mark.
    pub(super) fn roll_back(&mut self, mark: usize) {
        self.sandbox.roll_back(mark);
    }

    /// Takes a pod off its node.
    pub(super) fn displace(&mut self, pod: &Arc<PodInfo>, node: &str) {
        if let Some(slot) = self.sandbox.cache.slot_of(node) {
            self.sandbox.displace(pod, slot);
        }
    }

    /// The scheduler's view of the cluster as it is now.
    pub(super) fn into_cache(self) -> Cache {
        self.sandbox.cache
    }

    /// Takes nodes out with their pods.
    pub(super) fn take_nodes(&mut self, names: &[Text]) {
        self.decisions.round.look(&self.sandbox.cache);
        self.sandbox.take_nodes(names);
    }

    /// Has the scheduler place a pod: of equally good nodes on the first by name.
    ///
    /// # Errors
    /// It finds no node; in words if why is told.
    pub(super) fn place(&mut self, pod: &Arc<PodInfo>, tells: bool) -> Result<Landed, String> {
        let sandbox = &mut self.sandbox;
        sandbox.make_claims(pod);
        let whole = profile_of(&self.profiles, pod).map_err(|error| error.to_string())?;
        Attempt::gate(whole, pod, &sandbox.cache.objects).map_err(|status| status.text())?;
        let evicts = self.preemption == Preemption::On;
        let calm = profile_or_default(&self.calm, pod);
        let deciding = if evicts { whole } else { calm };
        let mut outcome = self.decisions.decide(deciding, &sandbox.cache, pod);
        if tells && !evicts && matches!(outcome, Outcome::Failed(_)) {
            self.decisions.round.tell_why(true);
            outcome = self.decisions.decide(whole, &sandbox.cache, pod);
            self.decisions.round.tell_why(false);
        }
        let (slot, victims) = match outcome {
            Outcome::Placed(slot) => (slot, Vec::new()),
            Outcome::Failed(failure) => match failure.nomination {
                Nomination::Make(candidate) if evicts => {
                    let slot = sandbox.cache.slot_of(&candidate.node);
                    let slot = slot.ok_or_else(|| failure.message.to_string())?;
                    (slot, candidate.victims)
                }
                _ => return Err(failure.message.to_string()),
            },
        };
        let profile = whole;
        for victim in &victims {
            sandbox.displace(victim, slot);
        }
        sandbox.put(profile, pod, slot);
        Ok(Landed {
            node: sandbox.name_of(slot),
            victims,
        })
    }
}
