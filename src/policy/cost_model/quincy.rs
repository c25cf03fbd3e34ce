//! Quincy: a place costs what has to be fetched there, and waiting costs more the longer it lasts
//! (camsas/firmament, `quincy_cost_model.cc`; spec: orchestrators-b.md section 6.4).
//!
//! A task prefers nodes and racks that have at least a share of its input, and pays for any other
//! node as if all of the input came over the core. It is placed once waiting is dearer than that.
//! A task that may lose its node pays there what it had to fetch, less the seconds that it has run.

use super::{CostModelEntry, CostOptions};
use scheduler::flow::network::Cost;
use scheduler::flow::{Block, CostModel, Goal, Racks, TaskFacts, UNIT};
use units::{Duration, Instant, NodeId, SortedMap};

/// The registry's entry.
pub const ENTRY: CostModelEntry = CostModelEntry {
    name: "quincy",
    summary: "Quincy: weighs the input that a task would fetch against the time that it has waited.",
    reads_input: true,
    uses_estimates: false,
    build: |options| Box::new(Quincy { options: *options }),
};

/// Bytes of a gigabyte.
const GIGABYTE: f64 = 1e9;

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Quincy {
    options: CostOptions,
}

impl Quincy {
    /// A model with options.
    pub const fn new(options: CostOptions) -> Self {
        Self { options }
    }

    /// The cost of fetching a task's input to a node.
    pub fn transfer(&self, input: &[Block], node: NodeId, racks: &Racks) -> Cost {
        let rack = racks.of(node);
        let fetch = |block: &Block| {
            if block.nodes.contains(&node) {
                0
            } else if block.nodes.iter().any(|&other| racks.of(other) == rack) {
                amount(block.bytes, self.options.rack_cost)
            } else {
                amount(block.bytes, self.options.core_cost)
            }
        };
        input.iter().map(fetch).sum()
    }

    /// The cost of fetching a task's input to the worst node of a rack.
    fn cost_to_rack(&self, input: &[Block], rack: u32, racks: &Racks) -> Cost {
        let fetch = |block: &Block| {
            let is_near = block.nodes.iter().any(|&node| racks.of(node) == rack);
            let (near, far) = (self.options.rack_cost, self.options.core_cost);
            amount(block.bytes, if is_near { near } else { far })
        };
        input.iter().map(fetch).sum()
    }
}

/// The cost of bytes at a price for a gigabyte.
fn amount(bytes: i64, price: f64) -> Cost {
    (bytes as f64 / GIGABYTE * price * UNIT as f64).round() as Cost
}

impl CostModel for Quincy {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    /// A millionth less than the time waited says: at equal costs a task waits.
    fn waiting(&self, task: &TaskFacts, now: Instant) -> Cost {
        let waited = now.since(task.submitted).as_secs_f64();
        (self.options.wait_factor * waited * UNIT as f64).round() as Cost - 1
    }

    fn dearer_than(&self, task: &TaskFacts, cost: Cost) -> Option<Instant> {
        let seconds = (cost as f64 + 2.0) / UNIT as f64 / self.options.wait_factor;
        let wait = Duration::checked_from_secs_f64(seconds)?;
        Some(task.submitted.saturating_add(wait))
    }

    fn anywhere(&self, task: &TaskFacts, _: &Racks) -> Cost {
        let bytes = task.input.iter().map(|block| block.bytes).sum();
        amount(bytes, self.options.core_cost.max(self.options.rack_cost))
    }

    fn preferred(&self, task: &TaskFacts, racks: &Racks) -> Vec<(Goal, Cost)> {
        let mut here: SortedMap<Goal, i64> = SortedMap::new();
        for block in &task.input {
            let mut near: Vec<Goal> = block
                .nodes
                .iter()
                .flat_map(|&node| [Goal::Node(node), Goal::Rack(racks.of(node))])
                .collect();
            near.sort_unstable();
            near.dedup();
            for goal in near {
                *here.entry(goal).or_default() += block.bytes;
            }
        }
        let total: i64 = task.input.iter().map(|block| block.bytes).sum();
        let least = self.options.preferred_share * total as f64;
        let goals = here.into_iter().filter(|&(_, bytes)| bytes as f64 >= least);
        let cost = |(goal, _)| match goal {
            Goal::Node(node) => (goal, self.transfer(&task.input, node, racks)),
            Goal::Rack(rack) => (goal, self.cost_to_rack(&task.input, rack, racks)),
        };
        goals.map(cost).collect()
    }

    fn staying(&self, task: &TaskFacts, node: NodeId, racks: &Racks) -> Cost {
        self.transfer(&task.input, node, racks)
    }

    fn worth(&self, ran: Duration) -> Cost {
        ran.as_nanos() / (1_000_000_000 / UNIT)
    }

    fn outgrows_runs(&self) -> bool {
        self.options.wait_factor > 1.0
    }

    fn clone_model(&self) -> Box<dyn CostModel> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_of_the_specification() {
        let (near, other, far) = (NodeId(0), NodeId(1), NodeId(2));
        let mut racks = Racks::default();
        racks.put(far, 1);
        let block = |gigabytes: i64, node| Block {
            bytes: gigabytes * 1_000_000_000,
            nodes: smallvec::smallvec![node],
        };
        let task = TaskFacts {
            submitted: Instant::ZERO,
            requested: Duration::MAX,
            ran: Duration::ZERO,
            input: vec![block(6, near), block(4, other)],
        };
        let model = Quincy::new(CostOptions::default());
        let to = |node| model.transfer(&task.input, node, &racks);
        assert_eq!(
            [to(near), to(other), to(far)],
            [4 * UNIT, 6 * UNIT, 20 * UNIT]
        );
        let preferred = [
            (Goal::Node(near), 4 * UNIT),
            (Goal::Node(other), 6 * UNIT),
            (Goal::Rack(0), 10 * UNIT),
        ];
        assert_eq!(model.preferred(&task, &racks), preferred);
        assert_eq!(model.anywhere(&task, &racks), 20 * UNIT);
        // Waiting is dearer than any node from the fortieth second on.
        assert!(model.waiting(&task, Instant::from_secs(40)) < to(far));
        let due = model.dearer_than(&task, to(far)).expect("an instant");
        assert!(due > Instant::from_secs(40) && due < Instant::from_secs(41));
        assert!(model.waiting(&task, due) > to(far));
    }
}
