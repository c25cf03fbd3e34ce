//! Orders in which pods are placed: that of the dump, the largest first, and seeded ones. What fits in
//! one order may not fit in another.

use std::cmp::Reverse;

use super::bench::Bench;
use super::demand::{Demand, Largest};
use rng::Stream;

/// Number of orders in which all pods find nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrdersTried {
    /// Orders in which all pods find nodes.
    pub fits: u64,
    /// Orders that were tried.
    pub tried: u64,
}

/// The pods of an order, the largest first.
pub fn large_first(demand: &Demand, largest: Largest, given: &[usize]) -> Vec<usize> {
    let mut order = given.to_vec();
    let size = |place: &usize| largest.share(&demand.pods[*place].info.class.requests);
    order.sort_by_key(|place| Reverse(size(place)));
    order
}

/// All pods in a seeded order; higher priorities go first in every order.
pub fn shuffled(demand: &Demand, number: u64) -> Vec<usize> {
    let mut stream = Stream::new(0, "plan/orders", number);
    let mut order: Vec<usize> = (0..demand.pods.len()).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, stream.below(last as u64 + 1) as usize);
    }
    order.sort_by_key(|&place| Reverse(demand.pods[place].info.priority()));
    order
}

/// Takes all pods off their nodes and places them anew, in the order of the dump and in seeded ones.
pub fn replay(bench: &Bench<'_>, demand: &Demand, orders: u64) -> OrdersTried {
    let mut own = bench.clone();
    let nodes = bench.cache().nodes();
    for node in nodes {
        for place in demand.places(&node.pods) {
            own.displace(&demand.pods[place].info, node.name());
        }
    }
    let given = (0..demand.pods.len()).collect();
    let orders = std::iter::once(given).chain((0..orders).map(|number| shuffled(demand, number)));
    let mut tried = OrdersTried { fits: 0, tried: 0 };
    for order in orders {
        let mark = own.mark();
        // Pods that wait today take no part unless they have to run.
        let pods = order.iter().map(|&place| &demand.pods[place].info);
        let is_whole = own.place_all(pods).is_empty();
        own.roll_back(mark);
        tried.tried += 1;
        tried.fits += u64::from(is_whole);
    }
    tried
}
