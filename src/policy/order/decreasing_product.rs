//! Large pods first, by the product of cpu and memory, equal ones in the order of their creation: the
//! order of first fit decreasing for vectors (Panigrahy and others 2011; spec: orchestrators-b.md section 9).

use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::Class;
use model::Pod;
use scheduler::QueueOrder;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "decreasing-product",
    point: Point::QueueOrder,
    summary: "Pods with a larger product of cpu and memory first; equal ones in the order of creation.",
    source: "orchestrators-b.md 9",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Order(Box::new(DecreasingProduct)))),
};

/// Bytes that a product counts, so that it stays within 64 bits.
const UNIT_BYTES: i128 = 1 << 20;

/// The order.
#[derive(Clone, Copy, Debug)]
pub struct DecreasingProduct;

impl QueueOrder for DecreasingProduct {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn key(&self, _pod: &Pod, class: &Class) -> i64 {
        let (cpu, memory) = (class.requests.cpu_milli, class.requests.memory_bytes);
        let product = i128::from(cpu) * i128::from(memory) / UNIT_BYTES;
        i64::try_from(-product).unwrap_or(i64::MIN)
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
    fn the_key_falls_with_the_product() {
        let mut world = World::default();
        let home = world.node(node("a", 9_000, 64 << 10, (0, "")));
        let mut key = |cpu, memory| {
            let spec = world.spec(pod(cpu, memory, (0, 0)));
            let bound = world.bind(spec, home, &[]);
            let record = world.store.pods().get(bound).expect("the pod lives");
            DecreasingProduct.key(record, world.store.class(spec))
        };
        assert_eq!(key(700, 2), -1_400);
        assert!(key(2_000, 4 << 10) < key(4_000, 1 << 10));
    }
}
