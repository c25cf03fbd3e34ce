//! Roles of the Mesos allocator: which stand above which, and the weights and quotas that can't be (spec:
//! orchestrators-b.md sections 1.2 and 1.5).

use model::Text;
use thiserror::Error;
use units::SortedMap;

use super::section::{MesosAmount, MesosRole};

/// A weight that is no weight.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the weight of `{role}` is {weight}, expected a number above 0")]
pub struct WeightError {
    /// The role.
    pub role: String,
    /// The requested weight.
    pub weight: String,
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
        role: Text,
        /// The resource.
        resource: &'static str,
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
        role: Text,
        /// The resource.
        resource: &'static str,
        /// Guaranteed amount.
        guarantee: String,
        /// Permitted amount.
        limit: String,
    },
}

impl QuotaError {
    /// The role whose quota can't be.
    pub const fn role(&self) -> &Text {
        match self {
            Self::AboveCluster { role, .. } | Self::BelowGuarantee { role, .. } => role,
        }
    }
}

/// Refuses a weight that is not above 0.
///
/// # Errors
/// It is not.
pub fn check_weight(role: &str, weight: f64) -> Result<(), WeightError> {
    if weight > 0.0 && weight.is_finite() {
        return Ok(());
    }
    Err(WeightError {
        role: role.to_owned(),
        weight: weight.to_string(),
    })
}

/// Refuses quotas that a cluster with so much in total can't keep, as the master does unless it is
/// forced.
///
/// # Errors
/// A limit is below its guarantee, or the guarantees of the roles up to one are more than the cluster
/// has.
pub fn check_quotas(
    roles: &SortedMap<String, MesosRole>,
    total: &MesosAmount,
) -> Result<(), QuotaError> {
    let total = thousandths(total).map(|(_, has)| has.unwrap_or(0));
    let mut asked = [0_i64; 3];
    for (role, quota) in roles {
        let limits = thousandths(&quota.limit);
        let both = thousandths(&quota.guarantee).into_iter().zip(limits);
        for (column, ((resource, guarantee), (_, limit))) in both.enumerate() {
            let Some(guarantee) = guarantee.filter(|&amount| amount > 0) else {
                continue;
            };
            if let Some(limit) = limit.filter(|&limit| limit < guarantee) {
                return Err(QuotaError::BelowGuarantee {
                    role: role.as_str().into(),
                    resource,
                    guarantee: whole(guarantee),
                    limit: whole(limit),
                });
            }
            asked[column] = guarantee.saturating_add(asked[column]);
            if asked[column] > total[column] {
                return Err(QuotaError::AboveCluster {
                    role: role.as_str().into(),
                    resource,
                    asked: whole(asked[column]),
                    has: whole(total[column]),
                });
            }
        }
    }
    Ok(())
}

/// Amounts by the names that Mesos has for them, in thousandths of its units: memory counts in MB.
fn thousandths(of: &MesosAmount) -> [(&'static str, Option<i64>); 3] {
    [
        ("cpus", of.cpu_milli()),
        ("gpus", of.gpus.map(|gpus| gpus.saturating_mul(1_000))),
        ("mem", of.memory_bytes().map(|bytes| bytes / 1_000)),
    ]
}

fn whole(thousandths: i64) -> String {
    (thousandths as f64 / 1_000.0).to_string()
}

/// Whether a role is another one or stands above it in the tree of roles.
pub fn is_at_or_above(upper: &str, lower: &str) -> bool {
    let rest = lower.strip_prefix(upper);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
