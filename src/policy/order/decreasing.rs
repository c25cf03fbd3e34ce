//! Large pods first, by cpu, equal ones in the order of their creation: the order of the decreasing
//! rules of bin packing (spec: orchestrators-b.md section 9).

use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::Class;
use model::Pod;
use scheduler::QueueOrder;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "decreasing",
    point: Point::QueueOrder,
    summary: "Pods that request more cpu first; equal requests in the order of creation.",
    source: "orchestrators-b.md 9",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Order(Box::new(Decreasing)))),
};

/// The order.
#[derive(Clone, Copy, Debug)]
pub struct Decreasing;

impl QueueOrder for Decreasing {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn key(&self, _pod: &Pod, class: &Class) -> i64 {
        -class.requests.cpu_milli
    }

    fn clone_order(&self) -> Box<dyn QueueOrder> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};

    #[test]
    fn the_key_falls_with_the_request() {
        let mut world = World::default();
        let home = world.node(node("a", 1_000, 16, (0, "")));
        let spec = world.spec(pod(700, 1, (0, 0)));
        let bound = world.bind(spec, home, &[]);
        let record = world.store.pods().get(bound).expect("the pod lives");
        assert_eq!(Decreasing.key(record, world.store.class(spec)), -700);
    }
}
