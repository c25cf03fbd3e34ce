//! Amounts: what is left on the node covers what the pod reserves, resource by resource, and there
//! is a pod slot (spec: kubernetes.md 1.7). GPU devices are [`super::gpu_fit`]'s.

use crate::{Constructor, Entry, Point, PolicyInstance};
use model::rules::room;
use scheduler::{ClassContext, Plugin, Points, Reason};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "node-resources-fit",
    point: Point::Filter,
    summary: "Rejects nodes with too little cpu, memory, storage, pod slots or extended resources.",
    source: "kubernetes.md 1.7",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(NodeResourcesFit)))),
};

/// The filter.
#[derive(Clone, Copy, Debug)]
pub struct NodeResourcesFit;

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::FILTER
    }

    fn needs_room(&self) -> bool {
        true
    }

    fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        let (nodes, requests) = (ctx.store.nodes(), &ctx.class.requests);
        if nodes.has_room(node, requests) {
            return Ok(());
        }
        let (free, row) = (nodes.free(), node.index());
        let lacks = |request: i64, left: i64| !room::fits(request, left);
        if lacks(requests.pods, free.pods[row]) {
            return Err(Reason::Text("Too many pods"));
        }
        if lacks(requests.cpu_milli, free.cpu_milli[row]) {
            return Err(Reason::Text("Insufficient cpu"));
        }
        if lacks(requests.memory_bytes, free.memory_bytes[row]) {
            return Err(Reason::Text("Insufficient memory"));
        }
        if lacks(requests.storage_bytes, free.storage_bytes[row]) {
            return Err(Reason::Text("Insufficient ephemeral-storage"));
        }
        let mut extended = requests.extended.iter();
        let lacking = extended.find(|&&(id, amount)| lacks(amount, free.extended_amount(id, node)));
        lacking.map_or(Ok(()), |&(id, _)| Err(Reason::Insufficient(id)))
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};
    use model::ResourceList;
    use units::Quantity;

    #[test]
    fn names_the_first_resource_that_lacks() {
        let amount = Quantity::from_units;
        let mut world = World::default();
        let mut object = node("a", 4_000, 1_024, (0, ""));
        object.allocatable.set("example.com/fpga", amount(2));
        object.allocatable.set("pods", amount(2));
        let target = world.node(object);
        let first = world.spec(pod(1_000, 512, (0, 0)));
        world.bind(first, target, &[]);
        let check = |pairs: &[(&str, Quantity)], expected: Result<(), &str>| {
            let mut world = world.clone();
            let mut list = ResourceList::default();
            for &(name, amount) in pairs {
                list.set(name, amount);
            }
            let spec = world.spec(model::PodSpec::with_requests(list));
            let found = world.filter(&mut NodeResourcesFit, spec, target);
            assert_eq!(found, expected.map_err(str::to_owned), "{pairs:?}");
        };
        check(&[], Ok(()));
        check(&[("cpu", amount(3)), ("memory", amount(512 << 20))], Ok(()));
        check(
            &[("cpu", Quantity::from_milli(3_001))],
            Err("Insufficient cpu"),
        );
        check(
            &[("memory", amount((512 << 20) + 1))],
            Err("Insufficient memory"),
        );
        check(
            &[("ephemeral-storage", amount(1))],
            Err("Insufficient ephemeral-storage"),
        );
        check(&[("example.com/fpga", amount(2))], Ok(()));
        check(
            &[("example.com/fpga", amount(3))],
            Err("Insufficient resource#0"),
        );
        check(
            &[("example.com/other", amount(1))],
            Err("Insufficient resource#1"),
        );
        world.bind(first, target, &[]);
        let found = world.filter(&mut NodeResourcesFit, first, target);
        assert_eq!(found, Err("Too many pods".to_owned()));
    }
}
