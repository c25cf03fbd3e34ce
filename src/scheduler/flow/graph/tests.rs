//! Tasks, and when waiting becomes dearer than a place.

use super::*;
use crate::flow::UNIT;
use crate::flow::network::Cost;
use units::Duration;

/// Waiting costs a unit a second, a node of rack 1 five units, any other node ten.
#[derive(Clone)]
struct Patient;

impl CostModel for Patient {
    fn name(&self) -> &'static str {
        "patient"
    }

    fn waiting(&self, task: &TaskFacts, now: Instant) -> Cost {
        now.since(task.submitted).as_nanos() / (1_000_000_000 / UNIT)
    }

    fn dearer_than(&self, task: &TaskFacts, cost: Cost) -> Option<Instant> {
        let seconds = Duration::from_secs(cost / UNIT + 1);
        Some(task.submitted.saturating_add(seconds))
    }

    fn anywhere(&self, _: &TaskFacts, _: &Racks) -> Cost {
        10 * UNIT
    }

    fn preferred(&self, _: &TaskFacts, _: &Racks) -> Vec<(Goal, Cost)> {
        vec![(Goal::Rack(1), 5 * UNIT)]
    }

    fn clone_model(&self) -> Box<dyn CostModel> {
        Box::new(self.clone())
    }
}

#[test]
fn a_task_is_due_whenever_waiting_becomes_dearer_than_one_of_its_places() {
    let mut graph = Graph::new(Box::new(Patient));
    let (class, node) = (ClassId(0), NodeId(0));
    graph.open_class(class);
    graph.set_machine(node, 1, 1);
    graph.set_room(class, node, 1);
    for number in 0..2 {
        let facts = TaskFacts {
            submitted: Instant::ZERO,
            requested: Duration::MAX,
            input: Vec::new(),
        };
        graph.add_task(number, class, facts, Instant::ZERO);
    }
    let at = Instant::from_secs;
    assert_eq!(graph.next_due(0, at(0)), Some(at(6)));
    assert_eq!(graph.solve(at(5)), Ok(Vec::new()));
    let placed = graph.solve(at(6)).expect("a flow");
    assert_eq!(placed.len(), 1);
    let (number, _) = placed[0];
    graph.put(number, node);
    // The other one has its dearer way left, and none that grows dearer after that.
    assert_eq!(graph.next_due(1 - number, at(6)), Some(at(11)));
    assert_eq!(graph.next_due(1 - number, at(11)), None);
    assert_eq!(graph.next_due(number, at(6)), None);
}
