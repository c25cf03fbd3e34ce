//! A cluster in which the scheduler places pods for a question, and which then is as it was before.

use std::sync::Arc;

use crate::snapshot::profile::profile_of;
use model::Text;
use model::dra::DeviceObjects;
use scheduler::kube::cycle::{Nomination, Outcome, Round};
use scheduler::kube::{Attempt, Cache, KubeProfile, PodInfo, RemovedNodes, TieBreak};
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

/// Change of the cluster, to be taken back.
#[derive(Clone)]
enum Change {
    Placed {
        pod: Arc<PodInfo>,
        slot: usize,
    },
    Evicted {
        pod: Arc<PodInfo>,
        slot: usize,
    },
    Gone(RemovedNodes),
    /// Claims had other devices before.
    Claims(Box<DeviceObjects>),
}

/// Node of a pod, with the pods that were evicted for it.
pub(super) struct Landed {
    pub(super) node: Text,
    pub(super) victims: Vec<Arc<PodInfo>>,
}

/// Decisions for which every node is looked at; of equally good ones they take the first by name.
#[derive(Clone)]
pub(super) struct Decisions {
    round: Round,
}

impl Decisions {
    /// No decision yet.
    pub(super) fn new() -> Self {
        let ties = TieBreak::Every(Vec::new());
        Self {
            round: Round::new(ties, Form::Incremental),
        }
    }

    /// A profile by which every node is looked at.
    pub(super) fn profile(profile: &KubeProfile) -> KubeProfile {
        KubeProfile {
            percentage_of_nodes_to_score: 100,
            ..profile.clone()
        }
    }

    /// Decides on a pod, by a profile by which every node is looked at.
    pub(super) fn decide(
        &mut self,
        profile: &KubeProfile,
        cache: &Cache,
        pod: &PodInfo,
    ) -> Outcome {
        self.round.start = 0;
        if let TieBreak::Every(places) = &mut self.round.ties {
            places.clear();
        }
        match self.round.decide(profile, cache, pod) {
            Outcome::Placed(slot) => Outcome::Placed(self.first_by_name(cache, slot)),
            failed @ Outcome::Failed(_) => failed,
        }
    }

    /// Whether all decisions, of this number, were taken by the scheduler's fast form.
    pub(super) fn are_fast(&self, count: u64) -> bool {
        self.round.taken_fast() == count
    }

    /// The first by name of the nodes that tie with the one in a slot.
    fn first_by_name(&self, cache: &Cache, slot: usize) -> usize {
        let TieBreak::Every(places) = &self.round.ties else {
            return slot;
        };
        let tied = places.iter().filter_map(|&place| cache.slot_at(place));
        let named = tied.filter_map(|slot| Some((cache.node_in(slot)?.name(), slot)));
        named.min().map_or(slot, |(_, slot)| slot)
    }
}

/// A cluster under trial.
#[derive(Clone)]
pub(super) struct Trial {
    cache: Cache,
    decisions: Decisions,
    profiles: Vec<KubeProfile>,
    preemption: Preemption,
    changes: Vec<Change>,
}

impl Trial {
    /// A cluster in which every node is asked about every pod.
    pub(super) fn new(cache: Cache, profiles: &[KubeProfile], preemption: Preemption) -> Self {
        Self {
            cache,
            decisions: Decisions::new(),
            profiles: profiles.iter().map(Decisions::profile).collect(),
            preemption,
            changes: Vec::new(),
        }
    }

    pub(super) fn preemption(&self) -> Preemption {
        self.preemption
    }

    /// Number of changes so far, for [`Trial::roll_back`].
    pub(super) fn mark(&self) -> usize {
        self.changes.len()
    }

    /// Takes back all changes since a mark.
    pub(super) fn roll_back(&mut self, mark: usize) {
        while self.changes.len() > mark {
            match self.changes.pop() {
                Some(Change::Placed { pod, slot }) => self.cache.remove_pod_in(&pod, slot),
                Some(Change::Evicted { pod, slot }) => self.cache.add_pod_in(pod, slot),
                Some(Change::Gone(nodes)) => self.cache.put_back(nodes),
                Some(Change::Claims(before)) => self.cache.objects.devices = *before,
                None => {}
            }
        }
    }

    /// Takes nodes out with their pods.
    pub(super) fn take_nodes(&mut self, names: &[Text]) {
        self.decisions.round.look(&self.cache);
        let nodes = self.cache.take_nodes(names);
        let pods = nodes.nodes().flat_map(|node| node.pods.iter().cloned());
        let pods: Vec<Arc<PodInfo>> = pods.filter(|own| own.has_device_claims()).collect();
        self.changes.push(Change::Gone(nodes));
        for pod in &pods {
            self.keep_claims(pod);
            self.cache.take_devices_back(pod);
        }
    }

    /// Has the scheduler place a pod: of equally good nodes on the first by name.
    ///
    /// # Errors
    /// It finds no node; in words.
    pub(super) fn place(&mut self, pod: &Arc<PodInfo>) -> Result<Landed, String> {
        if self.keep_claims(pod) {
            self.cache.make_claims(pod);
        }
        let profile = profile_of(&self.profiles, pod).map_err(|error| error.to_string())?;
        Attempt::gate(profile, pod, &self.cache.objects).map_err(|status| status.text())?;
        let (slot, victims) = match self.decisions.decide(profile, &self.cache, pod) {
            Outcome::Placed(slot) => (slot, Vec::new()),
            Outcome::Failed(failure) => match failure.nomination {
                Nomination::Make(candidate) if self.preemption == Preemption::On => {
                    let slot = self.cache.slot_of(&candidate.node);
                    let slot = slot.ok_or_else(|| failure.message.to_string())?;
                    (slot, candidate.victims)
                }
                _ => return Err(failure.message.to_string()),
            },
        };
        for victim in &victims {
            self.cache.remove_pod_in(victim, slot);
            self.cache.take_devices_back(victim);
            let pod = victim.clone();
            self.changes.push(Change::Evicted { pod, slot });
        }
        self.cache.give_devices(profile, pod, slot);
        self.cache.add_pod_in(pod.clone(), slot);
        let pod = pod.clone();
        self.changes.push(Change::Placed { pod, slot });
        Ok(Landed {
            node: self.name_of(slot),
            victims,
        })
    }

    /// Keeps the claims as they are for the way back, if a pod has any.
    fn keep_claims(&mut self, pod: &PodInfo) -> bool {
        let has_claims = pod.has_device_claims();
        if has_claims {
            let before = Box::new(self.cache.objects.devices.clone());
            self.changes.push(Change::Claims(before));
        }
        has_claims
    }

    fn name_of(&self, slot: usize) -> Text {
        let node = self.cache.node_in(slot);
        node.map(|node| node.name().clone()).unwrap_or_default()
    }
}
