//! Quotas of top-level roles: what a role is sure to get, what it gets at most, and how much has to
//! be kept free for those that have not got it (spec: orchestrators-b.md section 1.5).

use model::Text;

use super::super::roles::is_at_or_above;
use super::Allocator;
use super::resources::{Limits, Quantities, Resources, is_plain};
use units::SortedMap;

/// A quota.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::mesos) struct Quota {
    /// Guaranteed amounts of the role.
    pub(in crate::mesos) guarantee: Quantities,
    /// Limits of the role.
    pub(in crate::mesos) limit: Limits,
}

/// The book that one run keeps on quotas.
pub(super) struct QuotaBook {
    /// Amounts that top-level roles with a quota have used of it.
    pub(super) consumed: SortedMap<Text, Quantities>,
    /// Amounts that have to stay free for guarantees that are not met yet.
    pub(super) required: Quantities,
    /// Amounts free for any role.
    pub(super) available: Quantities,
}

impl QuotaBook {
    /// The book at the beginning of a run.
    pub(super) fn open(allocator: &Allocator) -> Self {
        let mut book = Self {
            consumed: SortedMap::new(),
            required: Quantities::default(),
            available: Quantities::default(),
        };
        for (role, quota) in &allocator.quotas {
            let consumed = consumed(allocator, role);
            book.required.add(&quota.guarantee.minus(&consumed));
            book.consumed.insert(role.clone(), consumed);
        }
        if !allocator.quotas.is_empty() {
            for agent in allocator.agents.values() {
                book.available.add(&agent.free().quantities_of(is_plain));
            }
        }
        book
    }

    /// Part of a guarantee that a role has not got yet.
    pub(super) fn unsatisfied(&self, role: &str, quota: &Quota) -> Quantities {
        match self.consumed.get(role) {
            Some(consumed) => quota.guarantee.minus(consumed),
            None => quota.guarantee.clone(),
        }
    }

    /// Cuts unreserved scalars to what the role's limit leaves beyond `besides`, then to what is
    /// free beyond everybody's guarantees.
    pub(super) fn cut(
        &self,
        scalars: &Resources,
        role: &str,
        quota: Option<&Quota>,
        besides: &Quantities,
    ) -> Resources {
        let mut used = self.consumed.get(role).cloned().unwrap_or_default();
        used.add(besides);
        let limits = quota.map(|quota| quota.limit.minus(&used));
        let limited = scalars.cut(|name| limits.as_ref().and_then(|limits| limits.get(name)));
        if self.required.is_empty() {
            return limited;
        }
        let surplus = self.available.minus(&self.required);
        limited.cut(|name| Some(surplus.get(name)))
    }

    /// A role is offered unreserved scalars, of which `guaranteed` were its guarantee's.
    pub(super) fn enter(&mut self, role: &str, offered: &Resources, guaranteed: &Quantities) {
        let plain = offered.quantities_of(is_plain);
        let top = role.split('/').next().unwrap_or(role);
        if let Some(consumed) = self.consumed.get_mut(top) {
            consumed.add(&plain);
        }
        self.required.subtract(guaranteed);
        self.available.subtract(&plain);
    }
}

/// Amounts that a role has used of its quota: everything reserved for it and below, allocated or
/// not, and what is allocated to it and below unreserved.
fn consumed(allocator: &Allocator, role: &str) -> Quantities {
    let mut sum = Quantities::default();
    for agent in allocator.agents.values() {
        let reserved = |owner: &Option<Text>| {
            owner
                .as_ref()
                .is_some_and(|owner| is_at_or_above(role, owner))
        };
        sum.add(&agent.total.quantities_of(|kind| reserved(&kind.role)));
        for ((_, holder), held) in &agent.held {
            if is_at_or_above(role, holder) {
                sum.add(&held.quantities_of(is_plain));
            }
        }
    }
    sum
}
