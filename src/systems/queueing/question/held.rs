//! Amounts of resources in a cluster, which bound and grade the changes that are tried.

use model::queueing::{QueuedWorkload, ResourceGroup};
use model::{ClusterObjects, Text};
use units::{Quantity, SortedMap};

use super::Question;
use kueue::Names;

/// Amounts of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Amount of all workloads that have not ended.
    pub(super) sum: i64,
    /// The largest amount that divides all quotas, limits and requests; 0 without any.
    unit: i64,
}

impl Held {
    /// Amounts of a cluster, by resource.
    pub(super) fn of(objects: &ClusterObjects) -> SortedMap<Text, Self> {
        let mut all: SortedMap<Text, Self> = SortedMap::new();
        let queueing = &objects.queueing;
        for own in &queueing.workloads {
            if own.holding("Finished").is_none() {
                note_workload(&mut all, own);
            }
        }
        let groups = queueing.queues.iter().flat_map(|own| &own.groups);
        for group in groups.chain(queueing.cohorts.iter().flat_map(|own| &own.groups)) {
            note_group(&mut all, group);
        }
        all
    }

    /// Step by which an amount is tried, with a job of this amount.
    pub(super) fn step(self, amount: i64) -> i64 {
        common_divisor(self.unit, amount).max(1)
    }

    fn note(&mut self, amount: i64) {
        self.unit = common_divisor(self.unit, amount);
    }
}

fn note_workload(all: &mut SortedMap<Text, Held>, workload: &QueuedWorkload) {
    for (name, amount) in Question::amounts(workload) {
        let own = all.entry(name).or_default();
        own.sum = own.sum.saturating_add(amount);
    }
    for set in &workload.pod_sets {
        let single = set.spec.requests().unwrap_or_default();
        for (name, amount) in single.iter() {
            let amount = Names::amount(name, amount).max(0);
            all.entry(name.into()).or_default().note(amount);
        }
    }
    let sets = workload.admission.iter().flat_map(|own| &own.pod_sets);
    for set in sets {
        for (name, amount) in &set.usage {
            let own = all.entry(name.clone()).or_default();
            let amount = Names::amount(name, *amount);
            own.note(amount);
            own.note(amount.checked_div(set.count).unwrap_or(0));
        }
    }
}

fn note_group(all: &mut SortedMap<Text, Held>, group: &ResourceGroup) {
    for quota in group.flavors.iter().flat_map(|own| &own.resources) {
        let own = all.entry(quota.resource.clone()).or_default();
        let limits = [quota.borrowing_limit, quota.lending_limit];
        let amounts = limits.into_iter().flatten().chain([quota.nominal]);
        amounts.for_each(|amount: Quantity| own.note(Names::amount(&quota.resource, amount)));
    }
}

/// The largest number that divides both; the other one where one is 0.
pub(super) fn common_divisor(one: i64, other: i64) -> i64 {
    let (mut large, mut small) = (one.saturating_abs(), other.saturating_abs());
    while small != 0 {
        (large, small) = (small, large % small);
    }
    large
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_divides_all_amounts() {
        assert_eq!(common_divisor(0, 12), 12);
        assert_eq!(common_divisor(18, 12), 6);
        assert_eq!(common_divisor(7, 12), 1);
        let held = Held { sum: 40, unit: 8 };
        assert_eq!((held.step(16), held.step(12)), (8, 4));
        assert_eq!(Held::default().step(0), 1);
    }
}
