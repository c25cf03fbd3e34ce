//! Attribution of differences to switches: each switch that differs between the releases is turned
//! alone, forth in the earlier release and back in the later one. A switch is a cause if it makes the
//! whole difference by itself, or if the difference vanishes without it.

use super::combination;
use super::landing::{Subject, land};
use super::relevance::{can_matter, concerns, relevant};
use super::{Cause, Difference, Differing, Landing, Side, UpgradePlan, profiles};
use crate::snapshot::SnapshotError;
use model::{Change, Changes};

/// Switches on which the amounts of pods rest.
pub(super) const COUNTING: &[Change] = &[
    Change::PodLevelResources,
    Change::SidecarHostPorts,
    Change::SidecarDefaults,
    Change::InPlaceResize,
];

/// Finds the causes of the differences.
pub(super) fn attribute(
    plan: &UpgradePlan<'_>,
    from: &mut Side,
    to: &mut Side,
    differing: &mut [(&Subject, Differing)],
) -> Result<(), SnapshotError> {
    let (before, after) = (plan.before(), plan.after());
    let relevant = relevant(plan);
    for (_, group) in differing.iter_mut() {
        let own = relevant.iter();
        let mut own = own.filter(|entry| can_matter(entry, &group.from, &group.to));
        // With the only switch turned, a release is the other one as far as the pod goes.
        if let (Some(only), None) = (own.next(), own.next()) {
            group.cause = Cause {
                needed: vec![only.change],
                enough: vec![only.change],
                ..Cause::default()
            };
        }
    }
    for &entry in &relevant {
        let change = entry.change;
        let mut asked: Vec<&mut (&Subject, Differing)> = { differing.iter_mut() }
            .filter(|(_, group)| can_matter(entry, &group.from, &group.to))
            .filter(|(_, group)| !group.cause.is_of(change))
            .collect();
        if asked.is_empty() {
            continue;
        }
        let subjects: Vec<&Subject> = asked.iter().map(|(subject, _)| *subject).collect();
        let forth = before.with(change, after.has(change));
        let back = after.with(change, before.has(change));
        let (forth, back) = rayon::join(
            || landings(plan, from, forth, &subjects),
            || landings(plan, to, back, &subjects),
        );
        let turned = forth?.into_iter().zip(back?);
        for ((_, group), (forth, back)) in asked.iter_mut().map(|own| &mut **own).zip(turned) {
            if group.is_made_by(&forth) {
                group.cause.enough.push(change);
            }
            let whole = group.difference;
            if Difference::between(&back, &group.to) == Some(whole)
                && !is_told_apart(whole, &back, &group.from)
            {
                group.cause.needed.push(change);
            }
        }
    }
    combination::combine(plan, from, to, differing)
}

impl Differing {
    /// Returns whether a landing makes the whole difference to the earlier release.
    pub(super) fn is_made_by(&self, landing: &Landing) -> bool {
        Difference::between(&self.from, landing) == Some(self.difference)
            && !is_told_apart(self.difference, landing, &self.to)
    }
}

/// Returns whether two landings are not the same as far as a difference goes: messages count only where they
/// are what differs, and nodes that tie only where one set of them has none of the other.
fn is_told_apart(difference: Difference, one: &Landing, other: &Landing) -> bool {
    match Difference::between(one, other) {
        None => false,
        Some(Difference::Message) => difference == Difference::Message,
        Some(Difference::MayMove) => difference == Difference::MayMove,
        Some(_) => true,
    }
}

/// Landings with other switches. The cluster is read anew only if pods count otherwise.
pub(super) fn landings(
    plan: &UpgradePlan<'_>,
    side: &mut Side,
    changes: Changes,
    subjects: &[&Subject],
) -> Result<Vec<Landing>, SnapshotError> {
    if !counts_alike(plan, side.snapshot.cache.changes(), changes) {
        return land(&mut Side::new(plan, changes)?, subjects);
    }
    let usual = std::mem::replace(&mut side.profiles, profiles(plan.config, changes)?);
    let landed = land(side, subjects);
    side.profiles = usual;
    landed
}

/// Returns whether the pods of a dump count alike with two sets of switches.
pub(super) fn counts_alike(plan: &UpgradePlan<'_>, one: Changes, other: Changes) -> bool {
    let differing = one.differing(other).map(|entry| entry.change);
    let mut counting = differing.filter(|change| COUNTING.contains(change));
    !counting.any(|change| concerns(change, plan))
}
