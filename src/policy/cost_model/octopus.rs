//! Octopus: the more tasks a node has, the more the next one costs, so that all have equally many
//! (camsas/firmament, `octopus_cost_model.cc`; spec: orchestrators-b.md section 6.4).

use super::CostModelEntry;
use super::flat::Flat;
use scheduler::flow::UNIT;

/// The registry's entry.
pub const ENTRY: CostModelEntry = CostModelEntry {
    name: "octopus",
    summary: "Octopus: spreads tasks so that all nodes have equally many.",
    reads_input: false,
    uses_estimates: false,
    build: |_| Box::new(MODEL),
};

/// The model.
const MODEL: Flat = Flat {
    of_load: |tasks| i64::from(tasks) * UNIT,
    ..Flat::new("octopus")
};

#[cfg(test)]
mod tests {
    use super::*;
    use scheduler::flow::TaskFacts;
    use scheduler::flow::graph::Graph;
    use units::{ClassId, Duration, Instant, NodeId};

    #[test]
    fn tasks_that_may_move_do_so_until_their_nodes_differ_by_two() {
        let (class, now) = (ClassId(0), Instant::ZERO);
        let (old, new) = (NodeId(0), NodeId(1));
        let facts = TaskFacts {
            submitted: now,
            requested: Duration::MAX,
            ran: Duration::ZERO,
            input: Vec::new(),
        };
        let mut graph = Graph::new(Box::new(MODEL)).with_preemption(true);
        graph.open_class(class);
        graph.set_machine(old, 0, 8);
        for number in 0..6 {
            graph.add_task(number, class, facts.clone(), now);
            graph.put(number, old, now);
        }
        assert_eq!(graph.solve(now), Ok(Vec::new()));
        graph.set_machine(new, 0, 8);
        graph.set_room(class, new, 8);
        // A place costs a task one more than it costs to stay.
        let moved = graph.solve(now).expect("every task can wait");
        assert_eq!(moved.len(), 2);
        for (number, node) in moved {
            assert_eq!(node, new);
            graph.remove_task(number);
            graph.add_task(number, class, facts.clone(), now);
            graph.put(number, node, now);
        }
        graph.set_room(class, old, 2);
        graph.set_room(class, new, 6);
        assert_eq!(graph.solve(now), Ok(Vec::new()));
        assert_eq!(graph.preempted(), Vec::<u64>::new());
    }
}
