//! The random model: every node has a cost that is drawn once
//! (spec: orchestrators-b.md section 6.4).

use super::CostModelEntry;
use super::flat::Flat;
use rng::Stream;
use scheduler::flow::UNIT;
use scheduler::flow::network::Cost;
use units::NodeId;

/// The registry's entry.
pub const ENTRY: CostModelEntry = CostModelEntry {
    name: "random",
    summary: "Every node has a cost at random: tasks fill nodes in a random order.",
    reads_input: false,
    uses_estimates: false,
    build: |options| {
        Box::new(Flat {
            seed: options.seed,
            of_node: drawn,
            ..Flat::new("random")
        })
    },
};

fn drawn(seed: u64, node: NodeId) -> Cost {
    let mut stream = Stream::new(seed, "flow/random", u64::from(node.0));
    stream.below(UNIT as u64) as Cost
}
