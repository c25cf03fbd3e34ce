//! Pods of higher priority go first, equal ones in the order of their creation
//! (spec: kubernetes.md 1.2, `PrioritySort`).

use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::Class;
use model::Pod;
use scheduler::QueueOrder;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "priority",
    point: Point::QueueOrder,
    summary: "Pods of higher priority first; equal priorities in the order of creation.",
    source: "kubernetes.md 1.2",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Order(Box::new(Priority)))),
};

/// The order.
#[derive(Clone, Copy, Debug)]
pub struct Priority;

impl QueueOrder for Priority {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn key(&self, _pod: &Pod, class: &Class) -> i64 {
        -i64::from(class.spec.priority)
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
    fn the_key_falls_with_priority() {
        let mut world = World::default();
        let home = world.node(node("a", 1_000, 16, (0, "")));
        for (priority, expected) in [(0, 0), (7, -7), (i32::MIN, 1 << 31)] {
            let mut object = pod(1, 1, (0, 0));
            object.priority = priority;
            let spec = world.spec(object);
            let bound = world.bind(spec, home, &[]);
            let record = world.store.pods().get(bound).expect("the pod lives");
            assert_eq!(Priority.key(record, world.store.class(spec)), expected);
        }
    }
}
