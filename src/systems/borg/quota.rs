//! Quota (spec: orchestrators-b.md section 5.1): what the admitted jobs of a user in a tier may ask for
//! together. It is checked at admission and never at scheduling; every user has infinite quota at
//! priority 0 and below.

use model::{Text, Tier};
use units::{Quantity, Resources, SortedMap, SuffixFamily, TenantId};

use super::options::Quota;

/// A user: a tenant of a trace, or a namespace of objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    /// The tenant.
    pub tenant: TenantId,
    /// The namespace.
    pub namespace: Text,
}

/// The amounts that a job asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Milli-cores.
    pub cpu_milli: i64,
    /// Bytes of memory.
    pub memory_bytes: i64,
    /// Bytes of ephemeral storage.
    pub storage_bytes: i64,
}

impl Asked {
    /// The amounts that one task asks for.
    #[must_use]
    pub const fn of(requests: &Resources) -> Self {
        Self {
            cpu_milli: requests.cpu_milli,
            memory_bytes: requests.memory_bytes,
            storage_bytes: requests.storage_bytes,
        }
    }

    /// The sum of these amounts and others.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            cpu_milli: self.cpu_milli.saturating_add(other.cpu_milli),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            storage_bytes: self.storage_bytes.saturating_add(other.storage_bytes),
        }
    }

    /// The amounts of a number of equal tasks; ones beyond counting are as large as can be counted.
    #[must_use]
    pub const fn times(self, tasks: i64) -> Self {
        Self {
            cpu_milli: self.cpu_milli.saturating_mul(tasks),
            memory_bytes: self.memory_bytes.saturating_mul(tasks),
            storage_bytes: self.storage_bytes.saturating_mul(tasks),
        }
    }
}

/// The quotas, and what is used of them.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    quotas: Vec<Quota>,
    used: SortedMap<(User, Tier), Asked>,
}

impl Ledger {
    /// A ledger in which nothing is used.
    pub fn new(quotas: Vec<Quota>) -> Self {
        Self {
            quotas,
            used: SortedMap::new(),
        }
    }

    fn quota(&self, priority: i32) -> Option<Quota> {
        let tier = Tier::of(priority);
        let mut quotas = self.quotas.iter().filter(|own| own.tier == tier);
        quotas.next().copied().filter(|_| priority > 0)
    }

    /// Admits a job if it is within its user's quota; `false` leaves everything as it was.
    ///
    /// ```
    /// use model::Tier;
    /// use systems::borg::options::Quota;
    /// use systems::borg::quota::{Asked, Ledger, User};
    /// use units::TenantId;
    ///
    /// let mut quota = Quota::new(Tier::Production);
    /// quota.cpu_milli = Some(1_000);
    /// let mut ledger = Ledger::new(vec![quota]);
    /// let user = User { tenant: TenantId(0), namespace: "web".into() };
    /// let asked = Asked { cpu_milli: 600, memory_bytes: 1 << 40, storage_bytes: 0 };
    /// assert!(ledger.admit(&user, 200, asked));
    /// assert!(!ledger.admit(&user, 200, asked));
    /// // At priority 0 there is no bound.
    /// assert!(ledger.admit(&user, 0, asked));
    /// ledger.release(&user, 200, asked);
    /// assert!(ledger.admit(&user, 200, asked));
    /// ```
    pub fn admit(&mut self, user: &User, priority: i32, asked: Asked) -> bool {
        let Some(quota) = self.quota(priority) else {
            return true;
        };
        let key = (user.clone(), quota.tier);
        let used = self.used.get(&key).copied().unwrap_or_default();
        let used = used.plus(asked);
        let is_within = |used: i64, most: Option<i64>| most.is_none_or(|most| used <= most);
        let fits = is_within(used.cpu_milli, quota.cpu_milli)
            && is_within(used.memory_bytes, quota.memory_bytes)
            && is_within(used.storage_bytes, quota.storage_bytes);
        if fits {
            self.used.insert(key, used);
        }
        fits
    }

    /// Words for the part of a job's request that is beyond its user's quota; `None` if it is within the quota.
    pub fn lack(&self, user: &User, priority: i32, asked: Asked) -> Option<String> {
        let quota = self.quota(priority)?;
        let used = self.used.get(&(user.clone(), quota.tier));
        let used = used.copied().unwrap_or_default();
        let bytes = |amount| Quantity::from_units(amount).with_family(SuffixFamily::Binary);
        let cores: fn(i64) -> Quantity = Quantity::from_milli;
        let kinds = [
            (
                "cpu",
                asked.cpu_milli,
                used.cpu_milli,
                quota.cpu_milli,
                cores,
            ),
            (
                "memory",
                asked.memory_bytes,
                used.memory_bytes,
                quota.memory_bytes,
                bytes,
            ),
            (
                "ephemeral storage",
                asked.storage_bytes,
                used.storage_bytes,
                quota.storage_bytes,
                bytes,
            ),
        ];
        kinds
            .into_iter()
            .find_map(|(what, asked, used, most, amount)| {
                let most = most.filter(|&most| used.saturating_add(asked) > most)?;
                let of_it = match used {
                    0 => String::new(),
                    used => format!(", of which others hold {}", amount(used)),
                };
                Some(format!(
                    "asks for {} {what}, quota of tier `{}` for its user is {} {what}{of_it}",
                    amount(asked),
                    quota.tier.name(),
                    amount(most)
                ))
            })
    }

    /// Gives back what an admitted job, or a task of one, asked for.
    pub fn release(&mut self, user: &User, priority: i32, asked: Asked) {
        let Some(quota) = self.quota(priority) else {
            return;
        };
        if let Some(used) = self.used.get_mut(&(user.clone(), quota.tier)) {
            used.cpu_milli = used.cpu_milli.saturating_sub(asked.cpu_milli);
            used.memory_bytes = used.memory_bytes.saturating_sub(asked.memory_bytes);
            used.storage_bytes = used.storage_bytes.saturating_sub(asked.storage_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_a_quota_is_said_in_words() {
        let mut quota = Quota::new(Tier::Free);
        (quota.cpu_milli, quota.storage_bytes) = (Some(2_000), Some(8 << 30));
        let mut ledger = Ledger::new(vec![quota]);
        let user = User {
            tenant: TenantId(0),
            namespace: "web".into(),
        };
        let asked = |cpu_milli, storage_bytes| Asked {
            cpu_milli,
            memory_bytes: 1 << 40,
            storage_bytes,
        };
        assert_eq!(
            ledger.lack(&user, 50, asked(4_000, 0)).as_deref(),
            Some("asks for 4 cpu, quota of tier `free` for its user is 2 cpu")
        );
        assert!(ledger.admit(&user, 50, asked(1_000, 6 << 30)));
        assert_eq!(
            ledger.lack(&user, 50, asked(1_000, 4 << 30)).as_deref(),
            Some(
                "asks for 4Gi ephemeral storage, quota of tier `free` for its user is 8Gi ephemeral \
                 storage, of which others hold 6Gi"
            )
        );
        assert_eq!(ledger.lack(&user, 50, asked(1_000, 2 << 30)), None);
    }
}
