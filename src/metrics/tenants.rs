//! What tenants hold and want, followed change by change, for the metrics of fairness.

use crate::cluster::Store;
use crate::model::{Event, Pod};
use crate::units::TenantId;

use super::integral::float;
use super::state::{Amounts, RESOURCES, Row, class_requests, requests};

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
                self.change(created.tenant, [&Row::default(), &amounts], 1, 1);
            }
            Event::PodBound { pod, .. } => {
                let Some(pod) = store.pods().get(*pod) else {
                    return false;
                };
                let amounts = requests(store, pod);
                self.change(pod.tenant, [&amounts, &Row::default()], 1, 0);
            }
            Event::PodEnded { .. } => {
                let Some(pod) = ended else { return false };
                let amounts = requests(store, pod);
                let held = if pod.phase.holds_node() {
                    amounts
                } else {
                    Row::default()
                };
                self.change(pod.tenant, [&held, &amounts], -1, -1);
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

    fn change(
        &mut self,
        tenant: TenantId,
        [held, wanted]: [&[i64; RESOURCES]; 2],
        sign: i64,
        pods: i64,
    ) {
        if self.by_id.len() <= tenant.index() {
            self.by_id.resize(tenant.index() + 1, Tenant::default());
        }
        let known = &mut self.by_id[tenant.index()];
        let was = known.is_active();
        known.allocated.add(held, sign);
        known.demand.add(wanted, sign);
        known.pods = known.pods.wrapping_add_signed(pods);
        if was != known.is_active() {
            match self.active.binary_search(&tenant.0) {
                Ok(position) => {
                    self.active.remove(position);
                }
                Err(position) => self.active.insert(position, tenant.0),
            }
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
