//! Holdings and wants of tenants, followed instant by instant, for the metrics of fairness.

use units::SortedMap;

use crate::record::change_batch::{ChangeBatch, Kind};
use crate::record::state::{Amounts, RESOURCES};
use crate::statistics::integral::float;

/// Allocation and demand of one tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tenant {
    /// Requests of its pods that hold a node.
    pub allocated: Amounts,
    /// Requests of all of its pods.
    pub demand: Amounts,
    /// The tenant's pods, with and without a node.
    pub pods: u64,
}

impl Tenant {
    /// `true` if the tenant wants anything now.
    pub const fn is_active(&self) -> bool {
        self.pods > 0
    }
}

/// The tenants of a cell. Of one that wants nothing and holds nothing, nothing is kept.
#[derive(Clone, Debug, Default)]
pub struct Tenants {
    /// Those with pods, by position.
    known: SortedMap<u32, Tenant>,
    /// Requests of all pods of all of them.
    demand: Amounts,
    /// Positions of those that something happened to since they were looked at.
    touched: Vec<u32>,
}

impl Tenants {
    /// Follows what alike pods did.
    pub fn take_in(&mut self, kind: Kind, deeds: &ChangeBatch) {
        let (holding, living) = (deeds.holding(), deeds.living());
        if living != 0 {
            self.demand.add(&deeds.requests, living);
        }
        if self.touched.last() != Some(&kind.tenant.0) {
            self.touched.push(kind.tenant.0);
        }
        let known = self.known.entry(kind.tenant.0).or_default();
        if holding != 0 {
            known.allocated.add(&deeds.requests, holding);
        }
        if living != 0 {
            known.demand.add(&deeds.requests, living);
            known.pods = known.pods.wrapping_add_signed(living);
        }
        if *known == Tenant::default() {
            self.known.remove(&kind.tenant.0);
        }
    }

    /// The tenants that want something now, in the order of their positions.
    pub fn active(&self) -> impl Iterator<Item = &Tenant> {
        self.known.values().filter(|tenant| tenant.is_active())
    }

    /// Requests of all pods of all tenants.
    pub const fn demand(&self) -> &Amounts {
        &self.demand
    }

    /// A tenant by its position, and what it is if nothing is known of it.
    pub fn get(&self, position: u32) -> Tenant {
        self.known.get(&position).copied().unwrap_or_default()
    }

    /// Positions of the tenants with pods.
    pub fn known(&self) -> impl Iterator<Item = u32> {
        self.known.keys().copied()
    }

    /// Takes the positions of tenants that something happened to since it was called last; one may
    /// be there twice. They are handed back to be used again by [`Tenants::looked_at`].
    pub fn take_touched(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.touched)
    }

    /// Gives the list of [`Tenants::take_touched`] back.
    pub fn looked_at(&mut self, mut touched: Vec<u32>) {
        touched.clear();
        self.touched = touched;
    }
}

/// The largest share that amounts take of any resource that there is; `None` without any.
pub fn dominant_share(amounts: &Amounts, capacity: &Amounts) -> Option<f64> {
    let mut largest: Option<f64> = None;
    for index in 0..RESOURCES {
        let (amount, capacity) = (amounts.0[index], capacity.0[index]);
        if capacity > 0 {
            let share = float(amount) / float(capacity);
            largest = Some(match largest {
                Some(known) if known > share => known,
                _ => share,
            });
        }
    }
    largest
}
