//! Pods that no node can take: why, kept by place and brought up to date with what changed. Verdicts
//! are those of the plain form, asked only about nodes that changed since they were asked last.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::plan::Plan;
use super::shape::Nodes;
use crate::kube::cycle::{Failure, Nomination};
use crate::kube::message::{counted_text, with_aftermath};
use crate::kube::queue::PluginMask;
use crate::kube::{Attempt, Code, KubeProfile, PodInfo, Status};

/// A node that was not asked yet.
const UNASKED: u32 = u32::MAX;

/// Reasons nodes can't take pods of a shape that no rule about other pods applies to.
#[derive(Default)]
pub(super) struct Why {
    /// Position up to which the log is taken in.
    position: u64,
    /// Position up to which the log of nodes is.
    node_version: u64,
    /// By place: the number of the node's verdict.
    of_place: Vec<u32>,
    /// Verdicts, and how many nodes have each.
    verdicts: IndexMap<Status, usize, FxBuildHasher>,
    /// Time at which the numbers of nodes changed last, on the clock of decisions.
    changed: u64,
}

impl Why {
    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.of_place.len() * size_of::<u32>()
    }

    /// Asks the nodes that changed; `None` if one can take the pod after all, and nothing is kept.
    fn follow(&mut self, nodes: Nodes<'_>, attempt: &Attempt<'_>, tick: u64) -> Option<()> {
        let followed = self.ask_changed(nodes, attempt, tick);
        if followed.is_none() {
            *self = Self::default();
        }
        followed
    }

    fn ask_changed(&mut self, nodes: Nodes<'_>, attempt: &Attempt<'_>, tick: u64) -> Option<()> {
        let log = nodes.cache.log();
        let changes = match log.since(self.position) {
            Some(changes)
                if self.of_place.len() == nodes.rows.len()
                    && self.node_version == nodes.node_version =>
            {
                changes
            }
            _ => {
                self.verdicts.clear();
                self.of_place.clear();
                self.of_place.resize(nodes.rows.len(), UNASKED);
                self.node_version = nodes.node_version;
                for place in 0..nodes.rows.len() {
                    self.ask(place, nodes, attempt, tick)?;
                }
                &[]
            }
        };
        for change in changes {
            if let Some(place) = nodes.place_of(change.slot) {
                self.ask(place, nodes, attempt, tick)?;
            }
        }
        self.position = log.end();
        Some(())
    }

    fn ask(
        &mut self,
        place: usize,
        nodes: Nodes<'_>,
        attempt: &Attempt<'_>,
        tick: u64,
    ) -> Option<()> {
        let Some(node) = nodes.sites.node(nodes.cache, place) else {
            return Some(());
        };
        let verdict = self.verdicts.entry(attempt.verdict(node)?);
        let (before, after) = (self.of_place[place], verdict.index() as u32);
        if before == after {
            return Some(());
        }
        self.of_place[place] = after;
        *verdict.or_insert(0) += 1;
        if before != UNASKED {
            self.verdicts[before as usize] -= 1;
        }
        self.changed = tick;
        Some(())
    }

    /// Number of nodes with a verdict that evictions may change.
    fn open_to_evictions(&self) -> usize {
        let verdicts = self.verdicts.iter();
        let open = verdicts.filter(|(status, _)| status.code == Code::Unschedulable);
        open.map(|(_, &nodes)| nodes).sum()
    }

    fn rejected_by(&self, profile: &KubeProfile) -> PluginMask {
        let met = self.verdicts.iter().filter(|&(_, &nodes)| nodes > 0);
        let plugins = met.filter_map(|(status, _)| {
            let mut plugins = profile.plugins.iter();
            plugins.position(|plugin| plugin.name() == status.plugin)
        });
        plugins.collect()
    }

    /// Report of an attempt in which no node has a pod of lower priority.
    fn tell(&self, attempt: &Attempt<'_>) -> Option<Failure> {
        let aftermath = attempt.make_room_of_nobody(self.open_to_evictions())?;
        if aftermath.is_success || aftermath.is_error {
            return None;
        }
        let nodes = attempt.ctx.cache.node_count();
        let verdicts = self.verdicts.iter().map(|(status, &count)| (status, count));
        let text = counted_text(nodes, verdicts, None);
        Some(Failure {
            rejected_by: self.rejected_by(attempt.profile),
            message: with_aftermath(text, &aftermath.text).into(),
            nomination: if aftermath.preemption.was_eligible {
                Nomination::Clear
            } else {
                Nomination::Keep
            },
        })
    }
}

/// Last report on pods of a class, and its time on the clock of decisions.
pub(super) struct Told {
    at: u64,
    failure: Failure,
}

/// Failure of a pod that no node can take; `None` leaves it to the plain form.
pub(super) fn fail(
    profile: &KubeProfile,
    pod: &PodInfo,
    plan: &mut Plan,
    why: &mut Why,
    nodes: Nodes<'_>,
    tick: u64,
) -> Option<Failure> {
    let lowest = nodes.cache.placements().lowest_priority();
    let has_victims = lowest.is_some_and(|lowest| lowest < pod.priority());
    if !plan.rules.is_empty() || has_victims {
        return None;
    }
    let is_same = |told: &&Told| told.at > why.changed && why.position == nodes.cache.log().end();
    if let Some(told) = plan.told.as_ref().filter(is_same) {
        return Some(told.failure.clone());
    }
    let attempt = Attempt::begin(profile, nodes.cache, pod);
    if attempt.refusal.is_some() || !attempt.limiting.is_empty() {
        return None;
    }
    why.follow(nodes, &attempt, tick)?;
    if let Some(told) = plan.told.as_ref().filter(|told| told.at > why.changed) {
        return Some(told.failure.clone());
    }
    let failure = why.tell(&attempt)?;
    plan.told = Some(Told {
        at: tick + 1,
        failure: failure.clone(),
    });
    Some(failure)
}
