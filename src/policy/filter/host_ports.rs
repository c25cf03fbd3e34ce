//! Host ports: those that a pod takes on its node are free there
//! (spec: kubernetes.md 1.5, `NodePorts`).

use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::pipeline::plugin::PreFilter;
use scheduler::{ClassContext, Plugin, Points, Reason};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "host-ports",
    point: Point::Filter,
    summary: "Rejects nodes on which a host port of the pod is taken.",
    source: "kubernetes.md 1.5",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(HostPorts)))),
};

/// The filter. It looks through the pods of a node, and only for pods that take ports.
#[derive(Clone, Copy, Debug)]
pub struct HostPorts;

impl Plugin for HostPorts {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::FILTER)
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        if ctx.class.takes_ports {
            PreFilter::Run
        } else {
            PreFilter::Skip
        }
    }

    fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        if ctx.class.lacks_ports(ctx.store, node) {
            return Err(Reason::Text(
                "node(s) didn't have free ports for the requested pod ports",
            ));
        }
        Ok(())
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};
    use model::{Container, HostPort, PodSpec};

    fn on_port(port: u16) -> PodSpec {
        let mut spec = pod(1, 1, (0, 0));
        spec.containers.push(Container {
            host_ports: vec![HostPort {
                host_ip: "".into(),
                protocol: "TCP".into(),
                port,
            }],
            ..Container::default()
        });
        spec
    }

    #[test]
    fn a_port_is_taken_until_its_pod_ends() {
        let mut world = World::default();
        let taken = world.node(node("a", 64_000, 1024, (0, "")));
        let free = world.node(node("b", 64_000, 1024, (0, "")));
        let (web, other) = (world.spec(on_port(80)), world.spec(on_port(81)));
        let plain = world.spec(pod(1, 1, (0, 0)));
        let first = world.bind(web, taken, &[]);
        for (class, node, expected) in [
            (web, taken, false),
            (web, free, true),
            (other, taken, true),
            (plain, taken, true),
        ] {
            let found = world.filter(&mut HostPorts, class, node);
            assert_eq!(found.is_ok(), expected, "{class:?} on {node:?}");
        }
        world.end(first);
        assert!(world.filter(&mut HostPorts, web, taken).is_ok());
    }
}
