//! Integrals of the cluster's totals over the measured time, kept once for all metrics that divide
//! by them. Each is added up when its amount changes, so what hardly ever does costs nothing.

use crate::record::state::{Amounts, RESOURCES, Resource};
use crate::statistics::integral::{Integral, Level};

/// A level of every resource.
pub(crate) type Levels = [Level; RESOURCES];

/// Sets a level of every resource.
#[inline]
pub(crate) fn set(levels: &mut Levels, amounts: &Amounts, clock: i64) {
    for (index, level) in levels.iter_mut().enumerate() {
        level.set(amounts.0[index], clock);
    }
}

/// The totals of a cluster as integrals, as of the last span of measured time.
#[derive(Clone, Debug, Default)]
pub struct Areas {
    clock: i64,
    pub(crate) allocated: Levels,
    pub(crate) starting: Levels,
    pub(crate) wanted: Levels,
    pub(crate) room: Levels,
    pub(crate) nominal: Levels,
    pub(crate) allocatable: Levels,
    pub(crate) capacity: Levels,
    pub(crate) schedulable: Levels,
    pub(crate) pending: Level,
    pub(crate) holding: Level,
    pub(crate) nodes_present: Level,
    pub(crate) nodes_up: Level,
}

impl Areas {
    /// Measured time that has passed, in nanoseconds.
    pub const fn clock(&self) -> i64 {
        self.clock
    }

    /// Measured time passes.
    pub(crate) fn pass(&mut self, nanos: i64) {
        self.clock += nanos;
    }

    /// `∫ amount dt` of a level.
    pub(crate) fn of(&self, level: &Level) -> Integral {
        level.area(self.clock)
    }

    /// `∫ allocated dt`: what pods reserve.
    pub fn allocated(&self, resource: Resource) -> Integral {
        self.of(&self.allocated[resource as usize])
    }

    /// `∫ capacity dt`: what the nodes that are up offer.
    pub fn capacity(&self, resource: Resource) -> Integral {
        self.of(&self.capacity[resource as usize])
    }

    /// `∫ allocatable dt`: what the nodes that exist offer, up or not.
    pub fn allocatable(&self, resource: Resource) -> Integral {
        self.of(&self.allocatable[resource as usize])
    }

    /// `∫ allocated + wanted dt`: what all pods want to have.
    pub fn demand(&self, resource: Resource) -> Integral {
        let mut demand = self.allocated(resource);
        demand.join(&self.of(&self.wanted[resource as usize]));
        demand
    }

    /// `∫ room dt`: what new pods could take.
    pub fn room(&self, resource: Resource) -> Integral {
        self.of(&self.room[resource as usize])
    }
}
