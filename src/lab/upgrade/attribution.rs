//! Attribution of differences to switches: each switch that differs between the releases is turned
//! alone, forth in the earlier release and back in the later one. A switch is a cause if it makes the
//! whole difference by itself, or if the difference vanishes without it.

use super::landing::{Subject, land};
use super::relevance::{can_matter, relevant};
use super::{Cause, Difference, Differing, Landing, Side, UpgradePlan, profiles};
use crate::snapshot::SnapshotError;
use model::{Change, Changes};

/// Switches on which the amounts of pods rest.
const COUNTING: &[Change] = &[
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
            };
        }
    }
    for entry in relevant {
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
            || landings(plan, from, forth, change, &subjects),
            || landings(plan, to, back, change, &subjects),
        );
        let turned = forth?.into_iter().zip(back?);
        for ((_, group), (forth, back)) in asked.iter_mut().map(|own| &mut **own).zip(turned) {
            let whole = group.difference;
            if Difference::between(&group.from, &forth) == Some(whole)
                && !is_told_apart(whole, &forth, &group.to)
            {
                group.cause.enough.push(change);
            }
            if Difference::between(&back, &group.to) == Some(whole)
                && !is_told_apart(whole, &back, &group.from)
            {
                group.cause.needed.push(change);
            }
        }
    }
    Ok(())
}

/// Whether two landings are not the same as far as a difference goes: messages count only where they
/// are what differs, and nodes that tie only where one set of them has none of the other.
fn is_told_apart(difference: Difference, one: &Landing, other: &Landing) -> bool {
    match Difference::between(one, other) {
        None => false,
        Some(Difference::Message) => difference == Difference::Message,
        Some(Difference::MayMove) => difference == Difference::MayMove,
        Some(_) => true,
    }
}

/// Landings with one switch turned. The cluster is read anew only if pods count otherwise.
fn landings(
    plan: &UpgradePlan<'_>,
    side: &mut Side,
    changes: Changes,
    turned: Change,
    subjects: &[&Subject],
) -> Result<Vec<Landing>, SnapshotError> {
    if COUNTING.contains(&turned) {
        return land(&mut Side::new(plan, changes)?, subjects);
    }
    let usual = std::mem::replace(&mut side.profiles, profiles(plan.config, changes)?);
    let landed = land(side, subjects);
    side.profiles = usual;
    landed
}
