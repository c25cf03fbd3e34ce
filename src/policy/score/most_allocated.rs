//! Most allocated: mean over the weighted resources of
//! min(requested, allocatable) × 100 / allocatable,
//! in integers, with the pod counted in (spec: kubernetes.md 1.7).

use crate::allocation::{AllocationScore, RESOURCES};
use crate::score::scaled;
use crate::{Constructor, Entry, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "most-allocated",
    point: Point::Score,
    summary: "Prefers nodes with the largest share of their resources allocated, as Kubernetes counts.",
    source: "kubernetes.md 1.7",
    parameters: &[RESOURCES],
    constructor: Constructor::Policy(|_, arguments| {
        AllocationScore::build("most-allocated", points, arguments)
    }),
};

/// Points of a resource: the share that would be allocated.
fn points(requested: i64, allocatable: i64) -> i64 {
    scaled(requested.min(allocatable), 100, allocatable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocation::check_examples;

    #[test]
    fn examples_of_the_specification() {
        check_examples(&ENTRY, 33, 2);
        assert_eq!(points(5, 4), 100);
    }
}
