//! Supply of a node for each request of claims, for explanations: the devices that its selectors admit,
//! and those of them that are free.

use model::Text;
use model::dra::ResourceClaim;
use units::SortedMap;

use super::allocate::Allocator;
use super::error::AllocationError;
use super::outcome::{Place, Variant};
use super::pools::State;
use super::requests::prepare;

/// Devices of a node for a request, or for one alternative of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Name of the claim.
    pub claim: Text,
    /// Name of the request, with that of the alternative.
    pub request: Text,
    /// Number of devices that it asks for; `None` is all that match.
    pub wanted: Option<usize>,
    /// Whether administrators ask, who share devices.
    pub admin_access: bool,
    /// Devices that match, by the number of their id, and whether no claim has them.
    pub matching: SortedMap<usize, bool>,
}

impl Supply {
    /// Whether the devices suffice for this request, taken alone.
    pub fn suffices(&self) -> bool {
        let matching = self.matching.len();
        let usable = if self.admin_access {
            matching
        } else {
            self.free()
        };
        match self.wanted {
            Some(wanted) => usable >= wanted,
            None => matching > 0 && usable == matching,
        }
    }

    /// Number of devices that match and that no claim has.
    pub fn free(&self) -> usize {
        self.matching.values().filter(|free| **free).count()
    }
}

impl Allocator {
    /// Devices of a node for each request of claims, in order.
    ///
    /// # Errors
    /// A claim, a class or a pool is such that no devices can be chosen.
    pub fn supplies(
        &self,
        node: &Place<'_>,
        claims: &[ResourceClaim],
    ) -> Result<Vec<Supply>, AllocationError> {
        let (inventory, pools) = (self.inventory(), self.pools(node));
        let mut supplies = Vec::new();
        for claim in claims {
            for mut request in prepare(inventory, &pools, claim)? {
                for alternative in 0..request.wanted.len() {
                    let own = &request.wanted[alternative];
                    let mut supply = Supply {
                        claim: claim.name.clone(),
                        request: own.whole.clone(),
                        wanted: own.all.is_none().then_some(own.number),
                        admin_access: own.admin_access,
                        matching: SortedMap::new(),
                    };
                    let is_old = inventory.variant == Variant::V1_34;
                    let usable = pools.iter().filter(|pool| match pool.state {
                        State::Whole => true,
                        State::Incomplete => is_old,
                        State::Invalid => false,
                    });
                    for device in usable.flat_map(|pool| inventory.devices_of(&pool.slices)) {
                        if request.selects(inventory, alternative, device)? {
                            let identity = inventory.devices[device].identity;
                            supply
                                .matching
                                .insert(identity, !inventory.in_use[identity]);
                        }
                    }
                    supplies.push(supply);
                }
            }
        }
        Ok(supplies)
    }
}
