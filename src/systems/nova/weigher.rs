//! Weighers: the raw value of a host by each of them, the scale that raw values are put on, and the
//! factors by which they count (spec: orchestrators-a.md section 6.2; `nova/weights.py`,
//! `scheduler/weights/*`).

use super::host::Host;

/// A weigher, in the order in which weights are added up. The weighers of hypervisor versions, PCI devices,
/// cells and image properties see no difference between the hosts of a run, which leaves them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weigher {
    /// Free memory, without the ratio.
    Memory,
    /// Free virtual processors, with the ratio.
    Cpu,
    /// Free disk.
    Disk,
    /// Operations under way.
    IoOperations,
    /// Members of the request's server group on the host.
    SoftAffinity,
    /// Members of the request's server group on the host, the fewer the better.
    SoftAntiAffinity,
    /// Failed builds.
    BuildFailure,
    /// Instances on the host.
    Instances,
    /// Version of the hypervisor.
    HypervisorVersion,
    /// Free PCI devices, the fewer the better.
    PciDevices,
    /// Cell of the host against that of an instance that moves.
    CrossCell,
    /// Properties of the image that those of instances on the host share.
    ImageProperties,
}

/// Free PCI devices from which on hosts weigh alike (`MAX_DEVS`).
const MOST_DEVICES: i64 = 100;

impl Weigher {
    /// Every weigher, in order.
    pub const ALL: [Self; 12] = [
        Self::Memory,
        Self::Cpu,
        Self::Disk,
        Self::IoOperations,
        Self::SoftAffinity,
        Self::SoftAntiAffinity,
        Self::BuildFailure,
        Self::Instances,
        Self::HypervisorVersion,
        Self::PciDevices,
        Self::CrossCell,
        Self::ImageProperties,
    ];

    /// The weigher's name in options and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "ram",
            Self::Cpu => "cpu",
            Self::Disk => "disk",
            Self::IoOperations => "io",
            Self::SoftAffinity => "soft_affinity",
            Self::SoftAntiAffinity => "soft_anti_affinity",
            Self::BuildFailure => "build_failure",
            Self::Instances => "num_instances",
            Self::HypervisorVersion => "hypervisor_version",
            Self::PciDevices => "pci",
            Self::CrossCell => "cross_cell",
            Self::ImageProperties => "image_props",
        }
    }

    /// Key of an aggregate's metadata that overrides the weigher's factor on the aggregate's hosts.
    pub const fn override_key(self) -> &'static str {
        match self {
            Self::Memory => "ram_weight_multiplier",
            Self::Cpu => "cpu_weight_multiplier",
            Self::Disk => "disk_weight_multiplier",
            Self::IoOperations => "io_ops_weight_multiplier",
            Self::SoftAffinity => "soft_affinity_weight_multiplier",
            Self::SoftAntiAffinity => "soft_anti_affinity_weight_multiplier",
            Self::BuildFailure => "build_failure_weight_multiplier",
            Self::Instances => "num_instances_weight_multiplier",
            Self::HypervisorVersion => "hypervisor_version_weight_multiplier",
            Self::PciDevices => "pci_weight_multiplier",
            Self::CrossCell => "cross_cell_move_weight_multiplier",
            Self::ImageProperties => "image_props_weight_multiplier",
        }
    }

    /// The weigher of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|weigher| weigher.name() == name)
    }

    /// The factor of Nova's own configuration.
    const fn default_multiplier(self) -> f64 {
        match self {
            Self::Memory
            | Self::Cpu
            | Self::Disk
            | Self::SoftAffinity
            | Self::SoftAntiAffinity
            | Self::HypervisorVersion
            | Self::PciDevices => 1.0,
            Self::IoOperations => -1.0,
            Self::BuildFailure => -1_000_000.0,
            Self::CrossCell => 1_000_000.0,
            Self::Instances | Self::ImageProperties => 0.0,
        }
    }

    /// Lower end of the weigher's scale, below which raw values are cut; without one the smallest
    /// value of the hosts is the end.
    pub(super) const fn least(self) -> Option<f64> {
        match self {
            Self::Memory | Self::Cpu | Self::Disk | Self::IoOperations => Some(0.0),
            _ => None,
        }
    }

    /// Raw value of a host with so many members of the request's server group.
    pub(super) fn raw(self, host: &Host, members: Members) -> f64 {
        match self {
            Self::Memory => host.free().memory as f64,
            Self::Cpu => host.free_vcpus(),
            Self::Disk => host.free().disk as f64,
            Self::IoOperations => host.io_operations as f64,
            Self::SoftAffinity => members.together as f64,
            Self::SoftAntiAffinity => -(members.apart as f64),
            Self::BuildFailure => host.failed_builds as f64,
            Self::Instances => host.instances as f64,
            Self::HypervisorVersion => host.traits.hypervisor_version as f64,
            Self::PciDevices => {
                (MOST_DEVICES - host.traits.free_devices.min(MOST_DEVICES - 1)) as f64
            }
            Self::CrossCell => host.traits.cell as f64,
            Self::ImageProperties => host.traits.image_properties as f64,
        }
    }
}

/// Members of a request's server group on a host, by the policy under which they count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Members that the request is drawn to.
    pub together: i64,
    /// Members that the request avoids.
    pub apart: i64,
}

/// Factors of the weighers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multipliers([f64; Weigher::ALL.len()]);

impl Default for Multipliers {
    fn default() -> Self {
        Self(Weigher::ALL.map(Weigher::default_multiplier))
    }
}

impl Multipliers {
    /// Factors of zero, under which all hosts weigh alike.
    pub const NONE: Self = Self([0.0; Weigher::ALL.len()]);

    /// The factor of a weigher.
    pub const fn of(&self, weigher: Weigher) -> f64 {
        self.0[weigher as usize]
    }

    /// Sets the factor of a weigher.
    pub const fn set(&mut self, weigher: Weigher, factor: f64) {
        self.0[weigher as usize] = factor;
    }

    /// Weighers that count, with their factors, in order: those with a factor, and those that some hosts
    /// have another factor of.
    pub fn counted(&self, overridden: &[Weigher]) -> impl Iterator<Item = (Weigher, f64)> {
        let all = Weigher::ALL.into_iter().zip(self.0);
        all.filter(|(weigher, factor)| *factor != 0.0 || overridden.contains(weigher))
    }
}

/// Scale of a weigher over the hosts of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    least: f64,
    range: f64,
}

impl Scale {
    /// The scale between the smallest and the greatest value, the smallest one replaced by the
    /// weigher's own end.
    pub(super) fn new(weigher: Weigher, smallest: f64, greatest: f64) -> Self {
        let least = weigher.least();
        Self {
            least: least.unwrap_or(smallest),
            range: least.map_or(greatest - smallest, |least| greatest.max(least) - least),
        }
    }

    /// Whether all values are equal, and every position is 0.
    pub(super) fn is_flat(self) -> bool {
        self.range == 0.0
    }

    /// Position of a raw value on the scale, from 0 to 1; 0 where all values are equal.
    pub(super) fn position(self, raw: f64) -> f64 {
        if self.is_flat() {
            0.0
        } else {
            (raw.max(self.least) - self.least) / self.range
        }
    }
}
