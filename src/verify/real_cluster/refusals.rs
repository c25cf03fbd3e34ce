//! Creations that a quota refused. A replica set tries them again after a pause that doubles with
//! every failed sync, and freed room does not wake it: how many syncs failed depends on which changes
//! of pods fell together, so the time of the next attempt is chance. Up to the step that frees room
//! everything is compared; after it, what follows from the next attempt may come at any time.

use super::rows::Row;
use units::SortedMap;

/// Replica sets whose creations were refused, with the milliseconds of the first refusal.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals(SortedMap<String, i64>);

impl Refusals {
    /// Notes an event of an object, such as `ReplicaSet/web-rs1`.
    pub(super) fn note(&mut self, at: i64, object: &str, reason: &str) {
        if reason == "FailedCreate"
            && let Some(name) = object.strip_prefix("ReplicaSet/")
        {
            let first = self.0.entry(name.to_owned()).or_insert(at);
            *first = at.min(*first);
        }
    }

    /// Takes over those of another repeat.
    pub(super) fn join(&mut self, other: Self) {
        for (name, at) in other.0 {
            let first = self.0.entry(name).or_insert(at);
            *first = at.min(*first);
        }
    }

    /// The step, of these in order of time, from which the times of a kind of change are chance.
    pub(super) fn free_from(&self, row: &Row, steps: &[i64]) -> Option<i64> {
        let (kind, name) = row.what.split_once(' ')?;
        let is_concerned = |set: &str| match kind {
            "Pod" => name == set,
            "Deployment" => {
                let owner = set.rsplit_once("-rs").map(|(owner, _)| owner);
                row.change.starts_with("condition") && owner == Some(name)
            }
            _ => false,
        };
        let (_, &refused) = self.0.iter().find(|(set, _)| is_concerned(set))?;
        steps.iter().copied().find(|&step| step > refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_refused_creation_is_chance_from_the_next_step_on() {
        let mut refusals = Refusals::default();
        refusals.note(300, "ReplicaSet/web-rs1", "FailedCreate");
        refusals.note(200, "ReplicaSet/other-rs1", "SuccessfulCreate");
        let of = |what: &str, change: &str| {
            let row = Row {
                what: what.to_owned(),
                change: change.to_owned(),
            };
            refusals.free_from(&row, &[0, 60_000])
        };
        assert_eq!(of("Pod web-rs1", "bound"), Some(60_000));
        assert_eq!(
            of("Deployment web", "condition Available=True"),
            Some(60_000)
        );
        assert_eq!(of("Deployment web", "created"), None);
        assert_eq!(of("Pod other-rs1", "bound"), None);
    }
}
