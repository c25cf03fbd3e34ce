//! Nodes that take new pods: up and not cordoned (spec: kubernetes.md 1.5, `NodeUnschedulable`). A
//! pod that tolerates the taint `node.kubernetes.io/unschedulable` may go to a cordoned node, but
//! not to one that is down; one that tolerates the marks of a node of which nothing is heard may go
//! there.

use crate::{Constructor, Entry, Point, PolicyInstance};
use model::Node;
use model::rules::{taints, unschedulable};
use scheduler::{ClassContext, Plugin, Points, Reason};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "node-schedulable",
    point: Point::Filter,
    summary: "Rejects nodes that are down or cordoned.",
    source: "kubernetes.md 1.5",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(NodeSchedulable)))),
};

/// The filter.
#[derive(Clone, Copy, Debug)]
pub struct NodeSchedulable;

impl Plugin for NodeSchedulable {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::FILTER
    }

    fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        let nodes = ctx.store.nodes();
        let open = nodes.schedulable()[node.index()];
        let is_tolerated = |object: &Node| {
            unschedulable::admits(&ctx.class.spec, object)
                && taints::admits(&ctx.class.spec, &object.taints)
        };
        let marked = nodes.object(node).filter(|object| object.is_marked_away());
        if open
            || (nodes.is_ready(node) && ctx.class.tolerates_cordon)
            || marked.is_some_and(|object| is_tolerated(object))
        {
            Ok(())
        } else {
            Err(Reason::Text("node(s) were unschedulable"))
        }
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};
    use model::{Event, Toleration};

    #[test]
    fn checks_cordon_and_readiness() {
        let mut world = World::default();
        let open = world.node(node("open", 1_000, 1, (0, "")));
        let cordoned = world.node(Node {
            unschedulable: true,
            ..node("cordoned", 1_000, 1, (0, ""))
        });
        let down = world.node(node("down", 1_000, 1, (0, "")));
        world.apply(Event::NodeReadiness {
            node: down,
            ready: false,
        });
        let plain = world.spec(pod(1, 1, (0, 0)));
        let mut object = pod(2, 1, (0, 0));
        object.tolerations.push(Toleration {
            key: None,
            value: None,
            effect: None,
            tolerates_for: None,
        });
        let tolerant = world.spec(object);
        for (spec, node, expected) in [
            (plain, open, true),
            (plain, cordoned, false),
            (plain, down, false),
            (tolerant, open, true),
            (tolerant, cordoned, true),
            (tolerant, down, false),
        ] {
            assert_eq!(
                world.filter(&mut NodeSchedulable, spec, node).is_ok(),
                expected
            );
        }
    }
}
