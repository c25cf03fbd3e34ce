//! GPU devices: a node has k devices of 1,000 milli-GPU and one model; a pod asks for a part of one
//! device or for n whole ones, with a set of admissible models.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::Text;

/// One whole device, in milli-GPU.
pub const DEVICE_MILLI: u16 = 1_000;

/// The most devices a node may have: a [`DeviceSet`] is one machine word.
pub const MAX_DEVICES: usize = 64;

/// Extended resources whose units are whole GPU devices.
pub const GPU_RESOURCES: [&str; 5] = [
    "nvidia.com/gpu",
    "amd.com/gpu",
    "intel.com/gpu",
    "gpu.intel.com/i915",
    "gpu.intel.com/xe",
];

/// The devices of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GpuInventory {
    /// Number of devices, at most [`MAX_DEVICES`].
    pub devices: u8,
    /// Their model, such as `V100M32`; empty if unknown.
    pub model: Text,
}

/// GPU request of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GpuRequest {
    /// Number of devices; 0 asks for none.
    pub devices: u8,
    /// Milli-GPU asked of each device, 1–1,000; less than 1,000 only with one device.
    pub milli_per_device: u16,
    /// Admissible models as written; empty admits every model. The order has no meaning for
    /// placement, but workloads are grouped by this text (spec: published-results.md 1.7).
    pub models: Vec<Text>,
}

impl GpuRequest {
    /// Milli-GPU over all devices.
    pub fn total_milli(&self) -> i64 {
        i64::from(self.devices) * i64::from(self.milli_per_device)
    }

    /// Whether a part of one device is asked for.
    pub fn is_shared(&self) -> bool {
        self.devices == 1 && self.milli_per_device < DEVICE_MILLI
    }
}

/// A set of device indexes of one node.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct DeviceSet(pub u64);

impl DeviceSet {
    /// No device.
    pub const EMPTY: Self = Self(0);

    /// The set of one device.
    ///
    /// # Panics
    /// If `index` is not below [`MAX_DEVICES`].
    pub const fn of(index: usize) -> Self {
        assert!(index < MAX_DEVICES, "device index beyond a machine word");
        Self(1 << index)
    }

    /// Adds a device.
    pub const fn insert(&mut self, index: usize) {
        self.0 |= Self::of(index).0;
    }

    /// Whether a device is in the set.
    pub const fn contains(self, index: usize) -> bool {
        index < MAX_DEVICES && self.0 & (1 << index) != 0
    }

    /// Number of devices in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the set has no device.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The devices in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let lowest = left.trailing_zeros();
            // Without its lowest bit; nothing is left of an empty set.
            left &= left.wrapping_sub(1);
            (lowest < u64::BITS).then_some(lowest as usize)
        })
    }
}

impl fmt::Display for DeviceSet {
    /// Device indexes joined by `-`; empty if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, index) in self.iter().enumerate() {
            if position > 0 {
                f.write_str("-")?;
            }
            write!(f, "{index}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_sets_print_in_ascending_order() {
        let mut set = DeviceSet::of(5);
        set.insert(0);
        set.insert(63);
        assert_eq!(set.to_string(), "0-5-63");
        assert_eq!(set.len(), 3);
        assert!(set.contains(5) && !set.contains(4) && !set.contains(64));
        assert_eq!(DeviceSet::EMPTY.to_string(), "");
    }
}
