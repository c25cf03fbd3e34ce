//! The allocator: what drivers offer, what is in use, and the devices that claims get on a node.

use std::sync::Arc;

use model::dra::{DeviceClass, RequestedDevices, ResourceClaim, ResourceSlice};
use units::SortedSet;

use super::error::AllocationError;
use super::inventory::{Inventory, Offers};
use super::outcome::{Allocated, DeviceId, Place, Variant};
use super::pools::{self, Pool};
use super::requests::prepare;
use super::search::{Search, Walk};

/// The device allocator of kube-scheduler over what drivers offer and what is in use.
#[derive(Clone, Debug)]
pub struct Allocator {
    inventory: Inventory,
    walk: Walk,
}

impl Allocator {
    /// An allocator over slices in the order of the lister. A class that is there twice counts as last
    /// stated; devices in use that no slice has do not matter.
    pub fn new(
        variant: Variant,
        slices: Vec<ResourceSlice>,
        classes: &[DeviceClass],
        in_use: &SortedSet<DeviceId>,
    ) -> Self {
        let offers = Arc::new(Offers::new(Arc::new(slices), classes));
        Self::of(variant, offers, in_use.iter())
    }

    /// An allocator over what is offered and what of it is in use.
    pub fn of<'d>(
        variant: Variant,
        offers: Arc<Offers>,
        in_use: impl Iterator<Item = &'d DeviceId>,
    ) -> Self {
        Self {
            inventory: Inventory::new(variant, offers, in_use),
            walk: Walk::Sets,
        }
    }

    /// An allocator that has compiled the selectors of claims, once for all nodes.
    #[must_use]
    pub fn with_selectors_of<'c>(
        mut self,
        claims: impl IntoIterator<Item = &'c ResourceClaim>,
    ) -> Self {
        let requests = claims.into_iter().flat_map(|claim| &claim.requests);
        for request in requests {
            match &request.devices {
                RequestedDevices::Exactly(own) => self.inventory.compile(own.selectors.iter()),
                RequestedDevices::FirstAvailable(all) => {
                    let own = all.iter().flat_map(|(_, own)| &own.selectors);
                    self.inventory.compile(own);
                }
            }
        }
        self
    }

    /// A copy that goes another way through the choices and decides alike.
    #[must_use]
    pub const fn with_walk(mut self, walk: Walk) -> Self {
        self.walk = walk;
        self
    }

    pub(crate) const fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The offers that devices are chosen from.
    pub const fn offers(&self) -> &Arc<Offers> {
        self.inventory.offers()
    }

    /// Whether each device that a node may see is in use, in a fixed order.
    pub fn used(&self, node: &Place<'_>) -> Vec<bool> {
        let slices = self.inventory.slices_for(node.name);
        let devices = self.inventory.devices_of(&slices);
        let numbers = devices.map(|device| self.inventory.devices[device].identity);
        numbers
            .map(|number| self.inventory.in_use[number])
            .collect()
    }

    /// The pools that a node sees, by driver and name.
    pub fn pools(&self, node: &Place<'_>) -> Vec<Pool> {
        pools::gather(self.inventory.variant, &self.inventory, node)
    }

    /// The devices that claims get on a node, all of them together; `None` if there is no solution.
    ///
    /// # Errors
    /// A claim, a class or a pool is such that the attempt ends.
    pub fn allocate(
        &self,
        node: &Place<'_>,
        claims: &[ResourceClaim],
    ) -> Result<Option<Vec<Allocated>>, AllocationError> {
        self.allocate_from(&self.pools(node), claims)
    }

    /// The devices that claims get from pools in a given order, which is random in 1.34.
    ///
    /// # Errors
    /// A claim, a class or a pool is such that the attempt ends.
    pub fn allocate_from(
        &self,
        pools: &[Pool],
        claims: &[ResourceClaim],
    ) -> Result<Option<Vec<Allocated>>, AllocationError> {
        let inventory = &self.inventory;
        let mut requests = Vec::new();
        for claim in claims {
            requests.push(prepare(inventory, pools, claim)?);
        }
        let search = Search::new(inventory, pools, claims, requests);
        let Some(chosen) = search.run(self.walk)? else {
            return Ok(None);
        };
        let allocated = chosen.into_iter().map(|devices| Allocated {
            nodes: inventory.nodes_of(devices.iter().map(|&(device, _)| device)),
            devices: devices.into_iter().map(|(_, own)| own).collect(),
        });
        Ok(Some(allocated.collect()))
    }
}
