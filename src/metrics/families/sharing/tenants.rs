//! Holdings and wants of tenants, followed instant by instant, for the metrics of fairness.

use units::TenantId;

use crate::record::deeds::{Deeds, Kind};
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

/// All tenants of a cell.
#[derive(Clone, Debug, Default)]
pub struct Tenants {
    by_id: Vec<Tenant>,
    /// Positions of the active ones, ascending.
    active: Vec<u32>,
    /// Requests of all pods of all of them.
    demand: Amounts,
    /// Positions of those that something happened to since they were looked at.
    touched: Vec<u32>,
}

impl Tenants {
    /// Follows what alike pods did.
    pub fn take_in(&mut self, kind: Kind, deeds: &Deeds) {
        let (holding, living) = (deeds.holding(), deeds.living());
        if living != 0 {
            self.demand.add(&deeds.requests, living);
        }
        if self.touched.last() != Some(&kind.tenant.0) {
            self.touched.push(kind.tenant.0);
        }
        let known = self.get_mut(kind.tenant);
        let was_active = known.is_active();
        if holding != 0 {
            known.allocated.add(&deeds.requests, holding);
        }
        if living != 0 {
            known.demand.add(&deeds.requests, living);
            known.pods = known.pods.wrapping_add_signed(living);
        }
        match (was_active, known.is_active()) {
            (false, true) => self.activate(kind.tenant),
            (true, false) => self.deactivate(kind.tenant),
            _ => {}
        }
    }

    /// The tenants that want something now, with their positions.
    pub fn active(&self) -> impl Iterator<Item = (usize, &Tenant)> {
        let active = self.active.iter();
        active.map(|&position| (position as usize, &self.by_id[position as usize]))
    }

    /// Requests of all pods of all tenants.
    pub const fn demand(&self) -> &Amounts {
        &self.demand
    }

    /// A tenant by its position, and what it is if nothing is known of it.
    pub fn get(&self, position: u32) -> Tenant {
        let known = self.by_id.get(position as usize);
        known.copied().unwrap_or_default()
    }

    /// Number of known tenants; their positions are below.
    pub fn known(&self) -> usize {
        self.by_id.len()
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

    fn get_mut(&mut self, tenant: TenantId) -> &mut Tenant {
        if self.by_id.len() <= tenant.index() {
            self.by_id.resize(tenant.index() + 1, Tenant::default());
        }
        &mut self.by_id[tenant.index()]
    }

    fn activate(&mut self, tenant: TenantId) {
        if let Err(position) = self.active.binary_search(&tenant.0) {
            self.active.insert(position, tenant.0);
        }
    }

    fn deactivate(&mut self, tenant: TenantId) {
        if let Ok(position) = self.active.binary_search(&tenant.0) {
            self.active.remove(position);
        }
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
