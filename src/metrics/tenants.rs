//! What tenants hold and want, followed change by change, for the metrics of fairness.

use crate::cluster::Store;
use crate::model::{Event, Pod};
use crate::units::TenantId;

use super::integral::float;
use super::state::{Amounts, class_requests, requests};

/// What one tenant holds and wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tenant {
    /// Requests of its pods that hold a node.
    pub allocated: Amounts,
    /// Requests of all of its pods.
    pub demand: Amounts,
    /// Its pods, with and without a node.
    pub pods: u64,
}

impl Tenant {
    /// Whether it wants anything now.
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
}

impl Tenants {
    /// Follows a change; returns whether anybody holds or wants something else now.
    pub fn apply(&mut self, event: &Event, ended: Option<&Pod>, store: &Store) -> bool {
        match event {
            Event::PodCreated(created) => {
                let amounts = class_requests(store, created.spec);
                let known = self.get_mut(created.tenant);
                known.demand.add(&amounts, 1);
                known.pods += 1;
                if known.pods == 1 {
                    self.activate(created.tenant);
                }
            }
            Event::PodBound { pod, .. } => {
                let Some(pod) = store.pods().get(*pod) else {
                    return false;
                };
                let allocated = &mut self.get_mut(pod.tenant).allocated;
                allocated.add(&requests(store, pod), 1);
            }
            Event::PodEnded { .. } => {
                let Some(pod) = ended else { return false };
                let amounts = requests(store, pod);
                let known = self.get_mut(pod.tenant);
                if pod.phase.holds_node() {
                    known.allocated.add(&amounts, -1);
                }
                known.demand.add(&amounts, -1);
                known.pods -= 1;
                if known.pods == 0 {
                    self.deactivate(pod.tenant);
                }
            }
            _ => return false,
        }
        true
    }

    /// The tenants that want something now, with their positions.
    pub fn active(&self) -> impl Iterator<Item = (usize, &Tenant)> {
        let active = self.active.iter();
        active.map(|&position| (position as usize, &self.by_id[position as usize]))
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
    let shares = amounts.0.iter().zip(&capacity.0);
    shares
        .filter(|&(_, &capacity)| capacity > 0)
        .map(|(&amount, &capacity)| float(amount) / float(capacity))
        .max_by(f64::total_cmp)
}
