//! Attribution of differences to switches: each switch that differs between the releases is turned
//! alone, forth in the earlier release and back in the later one. A switch is a cause if it makes the
//! whole difference by itself, or if the difference vanishes without it.

use super::landing::{Subject, land};
use super::{Difference, Differing, Landing, Side, UpgradePlan, profiles};
use crate::snapshot::SnapshotError;
use model::{Bearing, Change, ChangeEntry, Changes};

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
    if differing.is_empty() {
        return Ok(());
    }
    let subjects: Vec<&Subject> = differing.iter().map(|(subject, _)| *subject).collect();
    let (before, after) = (plan.before(), plan.after());
    let bears = |entry: &&ChangeEntry| {
        entry.is_settable() && matches!(entry.bearing, Bearing::Placement | Bearing::Message)
    };
    for entry in before.differing(after).filter(bears) {
        let change = entry.change;
        let forth = before.with(change, after.has(change));
        let back = after.with(change, before.has(change));
        let (forth, back) = rayon::join(
            || landings(plan, from, forth, change, &subjects),
            || landings(plan, to, back, change, &subjects),
        );
        for ((_, group), (forth, back)) in differing.iter_mut().zip(forth?.into_iter().zip(back?)) {
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
