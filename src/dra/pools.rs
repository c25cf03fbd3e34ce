//! Pools of devices as a node sees them (spec: batch-on-kubernetes.md 2.3, 2.7).

use model::Text;
use model::dra::{ResourceSlice, SliceNodes};
use units::SortedMap;

use super::inventory::Offers;
use super::outcome::{Place, Variant};

/// State of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its devices can be had.
    Whole,
    /// Some of its slices are not there (yet).
    Incomplete,
    /// Two of its devices have the same name.
    Invalid,
}

/// A pool of devices as a node sees it.
#[derive(Clone, Debug)]
pub struct Pool {
    pub(crate) driver: Text,
    pub(crate) name: Text,
    pub(crate) state: State,
    /// Places of the slices that count, in order.
    pub(crate) slices: Vec<usize>,
}

/// Whether a node can use the devices of a slice.
fn serves(slice: &ResourceSlice, node: &Place<'_>) -> bool {
    match &slice.nodes {
        SliceNodes::Named(name) => **name == *node.name,
        SliceNodes::Selected(selector) => selector.matches(node.name, node.labels),
        SliceNodes::All => true,
        // Devices with nodes of their own take a feature that is off.
        SliceNodes::ByDevice => false,
    }
}

/// The pools with slices for a node, in the order of driver and name; in 1.36, those with devices whose
/// binding waits for conditions come last.
pub(crate) fn gather(variant: Variant, offers: &Offers, node: &Place<'_>) -> Vec<Pool> {
    let slices: &[ResourceSlice] = &offers.slices;
    let mut by_pool: SortedMap<(Text, Text), Vec<usize>> = SortedMap::new();
    for place in offers.slices_for(node.name) {
        let slice = &slices[place];
        if !serves(slice, node) {
            continue;
        }
        let key = (slice.driver.clone(), slice.pool.clone());
        let known = by_pool.entry(key).or_default();
        match known.first().map(|&first| slices[first].generation) {
            Some(newest) if slice.generation < newest => {}
            Some(newest) if slice.generation > newest => *known = vec![place],
            _ => known.push(place),
        }
    }
    let pools = by_pool.into_iter().filter_map(|((driver, name), own)| {
        let pool = Pool {
            driver,
            name,
            state: State::Whole,
            slices: own,
        };
        match variant {
            Variant::V1_34 => Some(as_of_1_34(pool, slices)),
            Variant::V1_36 => as_of_1_36(pool, slices),
        }
    });
    let mut pools: Vec<Pool> = pools.collect();
    if variant == Variant::V1_36 {
        let waits = |place: &usize| {
            let mut devices = slices[*place].devices.iter();
            devices.any(|device| device.has_binding_conditions)
        };
        pools.sort_by_key(|pool| pool.slices.iter().any(waits));
    }
    pools
}

/// The pool in 1.34: what the node sees has to be all of it, and two devices of one name spoil it.
fn as_of_1_34(mut pool: Pool, slices: &[ResourceSlice]) -> Pool {
    pool.state = if has_twins(&pool, slices) {
        State::Invalid
    } else if is_whole(pool.slices.len(), &slices[pool.slices[0]]) {
        State::Whole
    } else {
        State::Incomplete
    };
    pool
}

/// The pool in 1.36: slices of other nodes count for whether it is complete, a newer generation anywhere
/// makes it obsolete, and a pool that is not whole shows no devices.
fn as_of_1_36(mut pool: Pool, slices: &[ResourceSlice]) -> Option<Pool> {
    let first = &slices[pool.slices[0]];
    if !is_whole(pool.slices.len(), first) {
        let is_own =
            |slice: &&ResourceSlice| slice.driver == pool.driver && slice.pool == pool.name;
        let own = || slices.iter().filter(is_own);
        if own().any(|slice| slice.generation > first.generation) {
            return None;
        }
        let present = own().filter(|slice| slice.generation == first.generation);
        if !is_whole(present.count(), first) {
            pool.state = State::Incomplete;
            pool.slices.clear();
            return Some(pool);
        }
    }
    if has_twins(&pool, slices) {
        pool.state = State::Invalid;
        pool.slices.clear();
    }
    pool.slices
        .sort_by(|&one, &other| slices[one].name.cmp(&slices[other].name));
    Some(pool)
}

fn is_whole(count: usize, slice: &ResourceSlice) -> bool {
    i64::try_from(count) == Ok(slice.slice_count)
}

fn has_twins(pool: &Pool, slices: &[ResourceSlice]) -> bool {
    let devices = pool.slices.iter().flat_map(|&place| &slices[place].devices);
    let mut names: Vec<&Text> = devices.map(|device| &device.name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}
