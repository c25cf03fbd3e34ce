//! First in, first out: pods go in the order of their creation.

use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::Class;
use model::Pod;
use scheduler::QueueOrder;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "fifo",
    point: Point::QueueOrder,
    summary: "First in, first out: pods in the order of their creation.",
    source: "windtunnel",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Order(Box::new(Fifo)))),
};

/// The order.
#[derive(Clone, Copy, Debug)]
pub struct Fifo;

impl QueueOrder for Fifo {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn key(&self, _pod: &Pod, _class: &Class) -> i64 {
        0
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
    fn every_pod_has_the_same_key() {
        let mut world = World::default();
        let home = world.node(node("a", 1_000, 16, (0, "")));
        let mut urgent = pod(2, 1, (0, 0));
        urgent.priority = 7;
        for object in [pod(1, 1, (0, 0)), urgent] {
            let spec = world.spec(object);
            let bound = world.bind(spec, home, &[]);
            let record = world.store.pods().get(bound).expect("the pod lives");
            assert_eq!(Fifo.key(record, world.store.class(spec)), 0);
        }
    }
}
