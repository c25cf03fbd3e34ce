//! Quotas of top-level roles: what a role is sure to get, what it gets at most, and how much has to
//! be kept free for those that have not got it (spec: orchestrators-b.md section 1.5).

use thiserror::Error;

use model::Text;

use super::super::resources::{Limits, Quantities, Resources, is_at_or_above, is_plain};
use super::Allocator;
use units::SortedMap;

/// A quota.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Guaranteed amounts of the role.
    pub guarantee: Quantities,
    /// Limits of the role.
    pub limit: Limits,
}

/// Reason a quota can't be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuotaError {
    /// Guarantees are more than the cluster has.
    #[error(
        "quotas including that of `{role}` guarantee {asked} of `{resource}`, but the cluster has \
         {has}; lower the guarantee or add agents"
    )]
    AboveCluster {
        /// The role.
        role: String,
        /// The resource.
        resource: String,
        /// Sum of all guarantees, in thousandths made whole.
        asked: String,
        /// Amount that the cluster has.
        has: String,
    },
    /// A limit is less than the guarantee.
    #[error(
        "the quota of `{role}` guarantees {guarantee} of `{resource}` and limits it to {limit}"
    )]
    BelowGuarantee {
        /// The role.
        role: String,
        /// The resource.
        resource: String,
        /// Guaranteed amount.
        guarantee: String,
        /// Permitted amount.
        limit: String,
    },
    /// The role has one above it.
    #[error("the role `{role}` is not a top-level one, and only those have quotas")]
    Nested {
        /// The role.
        role: String,
    },
}

fn whole(thousandths: i64) -> String {
    (thousandths as f64 / 1_000.0).to_string()
}

impl Allocator {
    /// Refuses a quota that the cluster can't keep, as the master does unless it is forced.
    ///
    /// # Errors
    /// The role is not a top-level one, the limit is below the guarantee, or the guarantees of all
    /// roles are more than the cluster has.
    pub fn check_quota(&self, role: &str, quota: &Quota) -> Result<(), QuotaError> {
        if role.contains('/') {
            return Err(QuotaError::Nested {
                role: role.to_owned(),
            });
        }
        let total = self.total();
        for (name, guarantee) in quota.guarantee.iter() {
            if let Some(limit) = quota.limit.get(name).filter(|&limit| limit < guarantee) {
                return Err(QuotaError::BelowGuarantee {
                    role: role.to_owned(),
                    resource: name.to_string(),
                    guarantee: whole(guarantee),
                    limit: whole(limit),
                });
            }
            let others = self.quotas.iter().filter(|(other, _)| &***other != role);
            let others = others.map(|(_, quota)| quota.guarantee.get(name));
            let asked = others.fold(guarantee, i64::saturating_add);
            if asked > total.get(name) {
                return Err(QuotaError::AboveCluster {
                    role: role.to_owned(),
                    resource: name.to_string(),
                    asked: whole(asked),
                    has: whole(total.get(name)),
                });
            }
        }
        Ok(())
    }
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
