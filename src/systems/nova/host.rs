//! Hypervisors as the scheduler sees them: inventories of processors, memory and disk, what is
//! consumed of them, and the operations under way (spec: orchestrators-a.md sections 6.1 and 6.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

use model::Text;

use super::aggregate::Metadata;
use super::weigher::{Multipliers, Weigher};

/// Amounts of the three classes of an inventory, or of a flavor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amounts {
    /// Virtual processors.
    pub vcpus: i64,
    /// Memory in MiB.
    pub memory: i64,
    /// Disk in MiB; flavors ask for whole GiB.
    pub disk: i64,
}

impl Amounts {
    /// The amounts by class, in the order of the fields.
    pub const fn classes(self) -> [i64; 3] {
        [self.vcpus, self.memory, self.disk]
    }

    /// Sum of two amounts, held at the ends of the range.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            vcpus: self.vcpus.saturating_add(other.vcpus),
            memory: self.memory.saturating_add(other.memory),
            disk: self.disk.saturating_add(other.disk),
        }
    }

    /// Difference of two amounts, held at the ends of the range.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            vcpus: self.vcpus.saturating_sub(other.vcpus),
            memory: self.memory.saturating_sub(other.memory),
            disk: self.disk.saturating_sub(other.disk),
        }
    }
}

/// Allocation ratios: promises for each unit of a host, above 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NovaRatios")]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ratios {
    /// Virtual processors for each processor (`initial_cpu_allocation_ratio`); default 4, and 16 up
    /// to the release Zed.
    #[schemars(range(min = 0.001, max = 1_000.0))]
    pub cpu: f64,
    /// Memory (`initial_ram_allocation_ratio`); default 1, and 1.5 up to the release Zed.
    #[schemars(range(min = 0.001, max = 1_000.0))]
    pub memory: f64,
    /// Disk (`initial_disk_allocation_ratio`); default 1.
    #[schemars(range(min = 0.001, max = 1_000.0))]
    pub disk: f64,
}

impl Ratios {
    /// Initial ratios of a host up to the release Zed.
    pub const UP_TO_ZED: Self = Self {
        cpu: 16.0,
        memory: 1.5,
        disk: 1.0,
    };
}

impl Default for Ratios {
    /// Initial ratios of a host since the release of October 2022.
    fn default() -> Self {
        Self {
            cpu: 4.0,
            memory: 1.0,
            disk: 1.0,
        }
    }
}

/// Traits of a host that some weighers look at; in a run all hosts have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// Version of the hypervisor, as a number.
    pub hypervisor_version: i64,
    /// Number of free PCI devices.
    pub free_devices: i64,
    /// 1 of a host in the cell of an instance that moves, -1 of one in another cell, 0 where nothing moves.
    pub cell: i64,
    /// Number of the image's properties that instances on the host have.
    pub image_properties: i64,
}

/// A hypervisor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// The host's name.
    pub name: Text,
    /// Amounts that the host has.
    pub total: Amounts,
    /// Amounts kept for the host itself.
    pub reserved: Amounts,
    /// Allocation ratios of the host.
    pub ratios: Ratios,
    /// Amounts of the instances on the host.
    pub used: Amounts,
    /// Number of the builds, migrations and other operations under way on the host.
    pub io_operations: i64,
    /// Builds that failed on the host since the last one that succeeded.
    pub failed_builds: i64,
    /// Number of instances on the host.
    pub instances: i64,
    /// Factors of weighers on the host, where one of its aggregates overrides some.
    pub factors: Option<Arc<Multipliers>>,
    /// Metadata of the host's aggregates, where they have some.
    pub metadata: Option<Arc<Metadata>>,
    /// Address of the host, where one is stated.
    pub address: Option<IpAddr>,
    /// Traits that some weighers look at.
    pub traits: Traits,
    /// `true` if the host is isolated.
    pub is_isolated: bool,
    /// `true` if the host's service is enabled.
    pub is_enabled: bool,
    /// `true` if the host's last report is recent enough.
    pub is_up: bool,
}

/// Amount that may be promised of a class: cut to a whole number, as inventories are.
fn promised(total: i64, reserved: i64, ratio: f64) -> i64 {
    // A cast holds at the ends of the range, and takes no number for zero.
    (total.saturating_sub(reserved) as f64 * ratio) as i64
}

impl Host {
    /// Amounts that the host's instances may have together.
    pub fn capacity(&self) -> Amounts {
        let (total, reserved, ratios) = (self.total, self.reserved, self.ratios);
        Amounts {
            vcpus: promised(total.vcpus, reserved.vcpus, ratios.cpu),
            memory: promised(total.memory, reserved.memory, ratios.memory),
            disk: promised(total.disk, reserved.disk, ratios.disk),
        }
    }

    /// Amounts that one more instance may ask for: those left of the capacity, and never more than the host has
    /// without any ratio (`max_unit` of its inventory).
    pub fn left(&self) -> Amounts {
        let left = self.capacity().minus(self.used);
        Amounts {
            vcpus: left.vcpus.min(self.total.vcpus),
            memory: left.memory.min(self.total.memory),
            disk: left.disk.min(self.total.disk),
        }
    }

    /// Whether a flavor's amounts are left of the host's capacity. A class that is not asked for is
    /// not looked at.
    pub fn has_room(&self, asked: Amounts) -> bool {
        let left = self.left().classes().into_iter();
        let mut classes = asked.classes().into_iter().zip(left);
        classes.all(|(asked, left)| asked == 0 || asked <= left)
    }

    /// Number of instances of a flavor that the host takes beside those that it has.
    pub fn most_instances(&self, asked: Amounts) -> i64 {
        let left = self.capacity().minus(self.used).classes().into_iter();
        let classes = asked.classes().into_iter().zip(left);
        let most = classes
            .filter(|&(asked, _)| asked > 0)
            .map(|(asked, left)| left.max(0) / asked);
        most.min().unwrap_or(i64::MAX)
    }

    /// Amounts that are free without any ratio; negative where more is promised than there is.
    pub fn free(&self) -> Amounts {
        self.total.minus(self.reserved).minus(self.used)
    }

    /// Factor by which a weigher counts on the host, where another is stated for all.
    pub fn factor(&self, weigher: Weigher, of_all: f64) -> f64 {
        let own = self.factors.as_ref();
        own.map_or(of_all, |own| own.of(weigher))
    }

    /// Virtual processors that are left of those promised.
    pub fn free_vcpus(&self) -> f64 {
        let used = self.reserved.vcpus.saturating_add(self.used.vcpus);
        self.total.vcpus as f64 * self.ratios.cpu - used as f64
    }

    /// Adds an instance that is being built, or one that runs.
    pub fn add(&mut self, asked: Amounts, is_building: bool) {
        self.used = self.used.plus(asked);
        self.instances += 1;
        self.io_operations += i64::from(is_building);
    }

    /// Takes an instance off.
    pub fn remove(&mut self, asked: Amounts, is_building: bool) {
        self.used = self.used.minus(asked);
        self.instances -= 1;
        self.io_operations -= i64::from(is_building);
    }
}
