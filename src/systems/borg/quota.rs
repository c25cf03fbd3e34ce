//! Quota (spec: orchestrators-b.md section 5.1): what the admitted jobs of a user in a tier may ask for
//! together. It is checked at admission and never at scheduling; every user has infinite quota at
//! priority 0 and below.

use model::{Text, Tier};
use units::{SortedMap, TenantId};

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
}

impl Asked {
    /// The amounts of a number of equal tasks; ones beyond counting are as large as can be counted.
    #[must_use]
    pub const fn times(self, tasks: i64) -> Self {
        Self {
            cpu_milli: self.cpu_milli.saturating_mul(tasks),
            memory_bytes: self.memory_bytes.saturating_mul(tasks),
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
    /// let (tier, cpu_milli) = (Tier::Production, Some(1_000));
    /// let mut ledger = Ledger::new(vec![Quota { tier, cpu_milli, memory_bytes: None }]);
    /// let user = User { tenant: TenantId(0), namespace: "web".into() };
    /// let asked = Asked { cpu_milli: 600, memory_bytes: 1 << 40 };
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
        let mut used = self.used.get(&key).copied().unwrap_or_default();
        used.cpu_milli = used.cpu_milli.saturating_add(asked.cpu_milli);
        used.memory_bytes = used.memory_bytes.saturating_add(asked.memory_bytes);
        let is_within = |used: i64, most: Option<i64>| most.is_none_or(|most| used <= most);
        let fits = is_within(used.cpu_milli, quota.cpu_milli)
            && is_within(used.memory_bytes, quota.memory_bytes);
        if fits {
            self.used.insert(key, used);
        }
        fits
    }

    /// Gives back what an admitted job, or a task of one, asked for.
    pub fn release(&mut self, user: &User, priority: i32, asked: Asked) {
        let Some(quota) = self.quota(priority) else {
            return;
        };
        if let Some(used) = self.used.get_mut(&(user.clone(), quota.tier)) {
            used.cpu_milli = used.cpu_milli.saturating_sub(asked.cpu_milli);
            used.memory_bytes = used.memory_bytes.saturating_sub(asked.memory_bytes);
        }
    }
}
