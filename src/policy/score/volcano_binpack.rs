//! Volcano's binpack plugin (spec: orchestrators-b.md section 7.6): the node that would be fullest in the
//! resources that the pod asks for, by weight. Points are millionths of the score.

use crate::allocation::{Allocation, RESOURCES};
use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::pipeline::plugin::PreFilter;
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "volcano-binpack",
    point: Point::Score,
    summary: "Volcano's binpack: prefers the node fullest in what the pod asks for.",
    source: "orchestrators-b.md 7.6",
    parameters: &[RESOURCES],
    constructor: Constructor::Policy(|_, arguments| {
        Ok(PolicyInstance::Plugin(Box::new(VolcanoBinpack {
            allocation: Allocation::as_requested(RESOURCES.weights(arguments)?),
        })))
    }),
};

/// A weighted resource of a node, in any one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinpackResource {
    /// Weight of the resource.
    pub weight: f64,
    /// Amount in use.
    pub used: f64,
    /// Amount that the task asks for; a resource that it does not ask for has no say.
    pub request: f64,
    /// Amount that the node offers.
    pub allocatable: f64,
}

/// The score of a node for a task, 0 to 100: the mean use with the task, by weight; 0 where a resource
/// overflows.
pub fn score(resources: impl IntoIterator<Item = BinpackResource>) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for own in resources {
        // What is not asked for, or has no weight, has no say, even where it overflows.
        if own.request <= 0.0 || own.weight <= 0.0 {
            continue;
        }
        let used = own.used + own.request;
        if used > own.allocatable {
            return 0.0;
        }
        sum += own.weight * used / own.allocatable;
        weights += own.weight;
    }
    if weights > 0.0 {
        100.0 * sum / weights
    } else {
        0.0
    }
}

/// The score.
#[derive(Clone, Debug)]
pub struct VolcanoBinpack {
    allocation: Allocation,
}

impl Plugin for VolcanoBinpack {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::SCORE)
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        self.allocation.learn(ctx.store);
        PreFilter::Run
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let amounts = self.allocation.amounts(ctx, node);
        let score = score(amounts.map(|own| BinpackResource {
            weight: own.weight as f64,
            used: own.used as f64,
            request: own.incoming as f64,
            allocatable: own.offered as f64,
        }));
        (score * 1e6).round() as i64
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};
    use crate::{Arguments, Setup};

    #[test]
    fn what_is_asked_for_counts_by_weight() {
        let packed = |weight, used, request, allocatable| BinpackResource {
            weight,
            used,
            request,
            allocatable,
        };
        let check = |all: &[BinpackResource], expected: f64| {
            let found = score(all.iter().copied());
            assert!((found - expected).abs() < 1e-9, "{found}");
        };
        let two = [packed(1.0, 2.0, 1.0, 4.0), packed(1.0, 4.0, 4.0, 16.0)];
        check(&two, 62.5);
        check(&[two[0], packed(9.0, 16.0, 0.0, 16.0)], 75.0);
        check(&[two[0], packed(1.0, 16.0, 1.0, 16.0)], 0.0);
        check(&[packed(0.0, 1.0, 1.0, 4.0)], 0.0);
        check(&[two[0], packed(0.0, 16.0, 1.0, 16.0)], 75.0);
    }

    #[test]
    fn the_fuller_node_is_preferred_and_silent_containers_count_for_nothing() {
        let mut world = World::default();
        let full = world.node(node("full", 4_000, 16 << 10, (0, "")));
        let empty = world.node(node("empty", 4_000, 16 << 10, (0, "")));
        let taken = world.spec(pod(2_000, 4 << 10, (0, 0)));
        world.bind(taken, full, &[]);
        let coming = world.spec(pod(1_000, 4 << 10, (0, 0)));
        let mut silent = pod(0, 0, (0, 0));
        silent.containers[0].requests.clear();
        let silent = world.spec(silent);
        let built = ENTRY.build(&Setup::default(), &Arguments::new());
        let Ok(PolicyInstance::Plugin(mut plugin)) = built else {
            panic!("a plugin without arguments");
        };
        for (spec, node, expected) in [
            (coming, full, 62_500_000),
            (coming, empty, 25_000_000),
            (silent, full, 0),
        ] {
            let ctx = world.ctx(spec);
            plugin.pre_filter(&ctx);
            assert_eq!(plugin.score(&ctx, node), expected);
        }
    }
}
