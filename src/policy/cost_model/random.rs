//! The random model: every node has a cost that is drawn once
//! (spec: orchestrators-b.md section 6.4).

use super::CostModelEntry;
use super::octopus::{ANYWHERE, WAITING};
use rng::Stream;
use scheduler::flow::network::Cost;
use scheduler::flow::{CostModel, Racks, TaskFacts, UNIT};
use units::{Instant, NodeId};

/// The registry's entry.
pub const ENTRY: CostModelEntry = CostModelEntry {
    name: "random",
    summary: "Every node has a cost at random: tasks fill nodes in a random order.",
    reads_input: false,
    build: |options| Box::new(Random { seed: options.seed }),
};

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    seed: u64,
}

impl CostModel for Random {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn waiting(&self, _: &TaskFacts, _: Instant) -> Cost {
        WAITING
    }

    fn anywhere(&self, _: &TaskFacts, _: &Racks) -> Cost {
        ANYWHERE
    }

    fn node(&self, node: NodeId) -> Cost {
        let mut stream = Stream::new(self.seed, "flow/random", u64::from(node.0));
        stream.below(UNIT as u64) as Cost
    }

    fn clone_model(&self) -> Box<dyn CostModel> {
        Box::new(*self)
    }
}
