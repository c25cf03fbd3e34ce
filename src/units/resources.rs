//! Integer resource vectors: what a node offers, what a pod asks for, what is left.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::ResourceId;

/// Amounts of every resource, as integers: cpu in milli-cores, memory and storage in bytes, GPU in
/// milli-devices summed over devices, pod slots, and extended resources by dense index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Resources {
    /// Milli-cores.
    pub cpu_milli: i64,
    /// Bytes of memory.
    pub memory_bytes: i64,
    /// Bytes of ephemeral storage.
    pub storage_bytes: i64,
    /// Thousandths of a GPU device, over all devices.
    pub gpu_milli: i64,
    /// Pod slots.
    pub pods: i64,
    /// Extended resources in whole units, sorted by id, without zero amounts.
    pub extended: SmallVec<[(ResourceId, i64); 2]>,
}

impl Resources {
    /// The amount of an extended resource; 0 if it is not listed.
    pub fn extended_amount(&self, id: ResourceId) -> i64 {
        self.extended
            .binary_search_by_key(&id, |&(known, _)| known)
            .map_or(0, |position| self.extended[position].1)
    }

    /// Adds `other` to this vector.
    ///
    /// # Panics
    /// On overflow: amounts are checked against 2^62 when they are read.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, 1);
    }

    /// Takes `other` from this vector; amounts may become negative (overcommit).
    ///
    /// # Panics
    /// On overflow: amounts are checked against 2^62 when they are read.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, -1);
    }

    /// Whether every amount is at most that of `room`.
    pub fn fits_in(&self, room: &Self) -> bool {
        self.cpu_milli <= room.cpu_milli
            && self.memory_bytes <= room.memory_bytes
            && self.storage_bytes <= room.storage_bytes
            && self.gpu_milli <= room.gpu_milli
            && self.pods <= room.pods
            && self
                .extended
                .iter()
                .all(|&(id, amount)| amount <= room.extended_amount(id))
    }

    fn combine(&mut self, other: &Self, sign: i64) {
        self.cpu_milli += sign * other.cpu_milli;
        self.memory_bytes += sign * other.memory_bytes;
        self.storage_bytes += sign * other.storage_bytes;
        self.gpu_milli += sign * other.gpu_milli;
        self.pods += sign * other.pods;
        for &(id, amount) in &other.extended {
            match self.extended.binary_search_by_key(&id, |&(known, _)| known) {
                Ok(position) => self.extended[position].1 += sign * amount,
                Err(position) => self.extended.insert(position, (id, sign * amount)),
            }
        }
        self.extended.retain(|&mut (_, amount)| amount != 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_and_subtracting_extended_amounts_keeps_them_sorted_and_without_zeros() {
        let mut total = Resources::default();
        let one = Resources {
            cpu_milli: 5,
            extended: [(ResourceId(3), 2)].into_iter().collect(),
            ..Resources::default()
        };
        let other = Resources {
            extended: [(ResourceId(1), 1)].into_iter().collect(),
            ..Resources::default()
        };
        total.add(&one);
        total.add(&other);
        assert_eq!(
            total.extended.as_slice(),
            &[(ResourceId(1), 1), (ResourceId(3), 2)]
        );
        total.subtract(&one);
        assert_eq!(total, other);
        assert!(!one.fits_in(&total));
        assert!(other.fits_in(&total));
    }
}
