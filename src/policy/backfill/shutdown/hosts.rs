//! Sets of hosts.

use fixedbitset::FixedBitSet;
use smallvec::SmallVec;

/// The hosts of a job, ascending.
pub(super) type Hosts = SmallVec<[usize; 2]>;

/// The lowest hosts of a set, up to a number.
pub(super) fn lowest(hosts: &FixedBitSet, most: usize) -> FixedBitSet {
    let mut some = FixedBitSet::with_capacity(hosts.len());
    some.extend(hosts.ones().take(most));
    some
}

/// The number of hosts.
pub(super) fn size(hosts: &FixedBitSet) -> usize {
    hosts.count_ones(..)
}

/// The hosts of a set that are not in another one.
pub(super) fn without(hosts: &FixedBitSet, others: &FixedBitSet) -> FixedBitSet {
    let mut rest = hosts.clone();
    rest.difference_with(others);
    rest
}

/// The hosts that are in both sets.
pub(super) fn both(hosts: &FixedBitSet, others: &FixedBitSet) -> FixedBitSet {
    let mut common = hosts.clone();
    common.intersect_with(others);
    common
}

/// The hosts that are in either set.
pub(super) fn either(hosts: &FixedBitSet, others: &FixedBitSet) -> FixedBitSet {
    let mut all = hosts.clone();
    all.union_with(others);
    all
}

/// A set of the hosts of a list.
pub(super) fn set(hosts: &[usize]) -> FixedBitSet {
    hosts.iter().copied().collect()
}
