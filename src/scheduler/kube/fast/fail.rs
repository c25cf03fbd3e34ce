//! Pods that no node can take: why, kept by place and brought up to date with what changed. Verdicts
//! are those of the plain form, asked only about nodes that changed since they were asked last.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bits::Set;
use super::plan::Plan;
use super::shape::Nodes;
use crate::kube::cycle::{Failure, Nomination};
use crate::kube::message::{counted_text, with_aftermath};
use crate::kube::queue::PluginMask;
use crate::kube::{Attempt, Code, KubeProfile, PodInfo, Status};

/// A node that was not asked yet.
const UNASKED: u32 = u32::MAX;

/// Reasons nodes can't take pods of a shape to which no rules about more than single nodes apply but
/// that the nodes are within some sets.
pub(super) struct ReasonEntry {
    /// The sets.
    within: Vec<Arc<Set>>,
    /// Position up to which the log is taken in.
    position: u64,
    /// By place: the number of the node's verdict.
    of_place: Vec<u32>,
    /// Verdicts, and how many nodes have each.
    verdicts: IndexMap<Status, usize, FxBuildHasher>,
    /// Time at which the numbers of nodes changed last, on the clock of decisions.
    changed: u64,
    /// Report on pods that may evict none: it is the same for all of them.
    told: Option<LastReport>,
}

/// Reasons by the sets that pods are kept within, those asked for last at the end.
#[derive(Default)]
pub(super) struct ReasonCache(Vec<ReasonEntry>);

/// Number of sets of sets for which a shape keeps reasons.
const MOST_WHYS: usize = 8;

impl ReasonCache {
    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let places = self.0.iter().map(|why| size_of_val(&*why.of_place));
        places.sum()
    }

    /// The reasons for pods that are kept within some sets.
    fn within(&mut self, sets: Vec<Arc<Set>>) -> &mut ReasonEntry {
        let is_same = |why: &ReasonEntry| {
            let mut both = why.within.iter().zip(&sets);
            why.within.len() == sets.len() && both.all(|(one, other)| Arc::ptr_eq(one, other))
        };
        let why = match self.0.iter().position(is_same) {
            Some(known) => self.0.remove(known),
            None => ReasonEntry::new(sets),
        };
        if self.0.len() == MOST_WHYS {
            self.0.remove(0);
        }
        let last = self.0.len();
        self.0.push(why);
        &mut self.0[last]
    }
}

impl ReasonEntry {
    fn new(within: Vec<Arc<Set>>) -> Self {
        Self {
            within,
            position: 0,
            of_place: Vec::new(),
            verdicts: IndexMap::default(),
            changed: 0,
            told: None,
        }
    }

    /// Asks the nodes that changed; `None` if one can take the pod after all, and nothing is kept.
    fn follow(&mut self, nodes: Nodes<'_>, attempt: &Attempt<'_>, tick: u64) -> Option<()> {
        let followed = self.ask_changed(nodes, attempt, tick);
        if followed.is_none() {
            *self = Self::new(std::mem::take(&mut self.within));
        }
        followed
    }

    fn ask_changed(&mut self, nodes: Nodes<'_>, attempt: &Attempt<'_>, tick: u64) -> Option<()> {
        let log = nodes.cache.log();
        let places = nodes.rows.len();
        // Nodes that leave and come back are in the log, too.
        let changes = log.since(self.position);
        let changes = changes.filter(|own| self.of_place.len() == places && own.len() <= places);
        if let Some(changes) = changes {
            for change in changes {
                if let Some(place) = nodes.place_of(change.slot) {
                    self.ask(place, nodes, attempt, tick)?;
                }
            }
        } else {
            self.verdicts.clear();
            self.of_place.clear();
            self.of_place.resize(places, UNASKED);
            self.changed = tick;
            for place in 0..places {
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
        let before = self.of_place[place];
        let after = match nodes.sites.node(nodes.cache, place) {
            Some(node) => {
                let verdict = self.verdicts.entry(attempt.verdict(node)?);
                let after = verdict.index() as u32;
                if before != after {
                    *verdict.or_insert(0) += 1;
                }
                after
            }
            None => UNASKED,
        };
        if before == after {
            return Some(());
        }
        self.of_place[place] = after;
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
            deallocated: None,
        })
    }
}

/// Last report on pods of a class, and its time on the clock of decisions.
pub(super) struct LastReport {
    at: u64,
    failure: Failure,
}

/// Failure of a pod that no node can take; `None` leaves it to the plain form.
pub(super) fn fail(
    profile: &KubeProfile,
    pod: &PodInfo,
    plan: &mut Plan,
    whys: &mut ReasonCache,
    nodes: Nodes<'_>,
    tick: u64,
) -> Option<Failure> {
    let evicts = !profile.post_filter.is_empty();
    let lowest = nodes.cache.placements().lowest_priority();
    if evicts && lowest.is_some_and(|lowest| lowest < pod.priority()) {
        return None;
    }
    let why = whys.within(plan.within()?);
    let end = nodes.cache.log().end();
    let told = if evicts { &plan.told } else { &why.told };
    let is_same = |told: &&LastReport| told.at > why.changed && why.position == end;
    if let Some(told) = told.as_ref().filter(is_same) {
        return Some(told.failure.clone());
    }
    let attempt = Attempt::begin(profile, nodes.cache, pod);
    if attempt.refusal.is_some() || !attempt.limiting.is_empty() {
        return None;
    }
    why.follow(nodes, &attempt, tick)?;
    let told = if evicts { &plan.told } else { &why.told };
    if let Some(told) = told.as_ref().filter(|told| told.at > why.changed) {
        return Some(told.failure.clone());
    }
    let failure = why.tell(&attempt)?;
    let told = Some(LastReport {
        at: tick + 1,
        failure: failure.clone(),
    });
    if evicts {
        plan.told = told;
    } else {
        why.told = told;
    }
    Some(failure)
}
