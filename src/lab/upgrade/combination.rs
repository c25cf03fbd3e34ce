//! Differences that no single switch makes: the fewest switches that make them together. The search
//! begins with all switches of the later release turned and takes away one after the other, as long
//! as the difference stays; what is left makes it, and does not without any one of its switches.

use super::attribution::{COUNTING, counts_alike, landings};
use super::landing::Subject;
use super::relevance::{can_matter, relevant};
use super::{Differing, Landing, Side, UpgradePlan};
use crate::snapshot::SnapshotError;
use model::{Change, ChangeEntry, Changes};

/// Pods for which the same switches are left.
struct Part {
    left: Vec<Change>,
    /// Positions of the pods among those that differ.
    members: Vec<usize>,
}

/// Search for the switches that make differences together.
struct Search<'a> {
    plan: &'a UpgradePlan<'a>,
    from: &'a mut Side,
    to: &'a mut Side,
}

impl Search<'_> {
    /// Landings of pods in the earlier release with some switches as in the later one.
    fn landings(
        &mut self,
        turned: &[Change],
        subjects: &[&Subject],
    ) -> Result<Vec<Landing>, SnapshotError> {
        let (before, after) = (self.plan.before(), self.plan.after());
        let turned = turned.iter();
        let changes = turned.fold(before, |changes, &change| {
            changes.with(change, after.has(change))
        });
        let is_as_later = |changes: Changes| counts_alike(self.plan, after, changes);
        let side = if is_as_later(changes) {
            &mut *self.to
        } else {
            &mut *self.from
        };
        landings(self.plan, side, changes, subjects)
    }

    /// Parts of the members that keep their difference with these switches, and that lose it.
    fn split(
        &mut self,
        turned: &[Change],
        members: &[usize],
        differing: &[(&Subject, Differing)],
    ) -> Result<[Vec<usize>; 2], SnapshotError> {
        let subjects: Vec<&Subject> = { members.iter() }
            .map(|&member| differing[member].0)
            .collect();
        let landed = self.landings(turned, &subjects)?;
        let mut parts = [Vec::new(), Vec::new()];
        for (&member, landing) in members.iter().zip(&landed) {
            let is_lost = !differing[member].1.is_made_by(landing);
            parts[usize::from(is_lost)].push(member);
        }
        Ok(parts)
    }
}

/// Finds the switches that make the differences together which no switch makes alone.
pub(super) fn combine(
    plan: &UpgradePlan<'_>,
    from: &mut Side,
    to: &mut Side,
    differing: &mut [(&Subject, Differing)],
) -> Result<(), SnapshotError> {
    let mut entries = relevant(plan);
    // Pods count anew with each of these, so they are settled first.
    entries.sort_by_key(|entry| !COUNTING.contains(&entry.change));
    let mut search = Search { plan, from, to };
    let mut parts = Vec::new();
    for part in begin(&entries, differing) {
        let [kept, _] = search.split(&part.left, &part.members, differing)?;
        parts.push(Part {
            members: kept,
            ..part
        });
    }
    let mut is_smaller = true;
    while is_smaller {
        is_smaller = false;
        for entry in &entries {
            let mut next = Vec::new();
            for part in parts {
                if part.members.is_empty() || !part.left.contains(&entry.change) {
                    next.push(part);
                    continue;
                }
                let left = part.left.iter().copied();
                let fewer: Vec<Change> = left.filter(|own| *own != entry.change).collect();
                let [kept, lost] = search.split(&fewer, &part.members, differing)?;
                is_smaller |= !kept.is_empty();
                next.push(Part {
                    left: fewer,
                    members: kept,
                });
                next.push(Part {
                    left: part.left,
                    members: lost,
                });
            }
            next.retain(|part| !part.members.is_empty());
            parts = next;
        }
    }
    for part in parts {
        for member in part.members {
            let together = &mut differing[member].1.cause.together;
            together.clone_from(&part.left);
            together.sort_unstable();
        }
    }
    Ok(())
}

/// Pods whose difference no switch makes alone, with all the switches that bear on them.
fn begin(entries: &[&'static ChangeEntry], differing: &[(&Subject, Differing)]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (member, (_, group)) in differing.iter().enumerate() {
        if !group.cause.enough.is_empty() {
            continue;
        }
        let own = { entries.iter() }.filter(|entry| can_matter(entry, &group.from, &group.to));
        let left: Vec<Change> = own.map(|entry| entry.change).collect();
        match parts.iter_mut().find(|part| part.left == left) {
            Some(part) => part.members.push(member),
            None => parts.push(Part {
                left,
                members: vec![member],
            }),
        }
    }
    parts
}
