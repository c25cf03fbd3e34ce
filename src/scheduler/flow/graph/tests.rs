//! Tasks, when waiting becomes dearer than a place, and rounds against the plain form.

use proptest::prelude::*;

use super::*;
use crate::flow::network::Cost;
use crate::flow::{Block, UNIT};
use units::Duration;

/// Waiting costs a unit a second, a node of rack 1 five units, any other node ten.
#[derive(Clone)]
struct PatientModel;

impl CostModel for PatientModel {
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
    let mut graph = Graph::new(Box::new(PatientModel));
    let (class, node) = (ClassId(0), NodeId(0));
    graph.open_class(class);
    graph.set_machine(node, 1, 1);
    graph.set_room(class, node, 1);
    for number in 0..2 {
        let facts = TaskFacts {
            submitted: Instant::ZERO,
            requested: Duration::MAX,
            ran: Duration::ZERO,
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
    graph.put(number, node, at(6));
    // The other one has its dearer way left, and none that grows dearer after that.
    assert_eq!(graph.next_due(1 - number, at(6)), Some(at(11)));
    assert_eq!(graph.next_due(1 - number, at(11)), None);
    assert_eq!(graph.next_due(number, at(6)), None);
}

/// Waiting costs a unit a second, a node that has a task's input nothing, its rack three, any other seven;
/// and a node costs more the more tasks it has.
#[derive(Clone)]
struct LocalityModel;

impl CostModel for LocalityModel {
    fn name(&self) -> &'static str {
        "fond"
    }

    fn waiting(&self, task: &TaskFacts, now: Instant) -> Cost {
        PatientModel.waiting(task, now)
    }

    fn anywhere(&self, _: &TaskFacts, _: &Racks) -> Cost {
        7 * UNIT
    }

    fn preferred(&self, task: &TaskFacts, racks: &Racks) -> Vec<(Goal, Cost)> {
        let nodes = task.input.iter().flat_map(|block| &block.nodes);
        nodes
            .flat_map(|&node| {
                let rack = (Goal::Rack(racks.of(node)), 3 * UNIT);
                [(Goal::Node(node), 0), rack]
            })
            .collect()
    }

    fn node(&self, node: NodeId) -> Cost {
        i64::from(node.0 % 3) * UNIT / 2
    }

    fn one_more(&self, tasks: u32) -> Cost {
        i64::from(tasks / 2) * UNIT
    }

    fn clone_model(&self) -> Box<dyn CostModel> {
        Box::new(self.clone())
    }
}

/// A change between rounds.
#[derive(Clone, Debug)]
enum Change {
    /// A task of one of two classes arrives, with input on a node.
    Arrive(u32, u32),
    /// A task leaves, whether it waits or has a node.
    Leave(u64),
    /// A node's slots and rack change.
    Machine(u32, u32, u32),
    /// A node's room for a class changes.
    Room(u32, u32, u32),
}

const NODES: u32 = 5;

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0..2_u32, 0..NODES).prop_map(|(class, node)| Change::Arrive(class, node)),
        2 => (0..30_u64).prop_map(Change::Leave),
        1 => (0..NODES, 0..5_u32, 0..3_u32)
            .prop_map(|(node, rack, slots)| Change::Machine(node, rack % 2, slots)),
        2 => (0..2_u32, 0..NODES, 0..4_u32)
            .prop_map(|(class, node, room)| Change::Room(class, node, room)),
    ]
}

fn fond(class: u32, now: Instant, node: u32, number: u64, graph: &mut Graph) {
    let facts = TaskFacts {
        submitted: now,
        requested: Duration::MAX,
        ran: Duration::ZERO,
        input: vec![Block {
            bytes: 1,
            nodes: smallvec::smallvec![NodeId(node)],
        }],
    };
    graph.add_task(number, ClassId(class), facts, now);
}

/// Two classes, nodes in two racks with room for two tasks of each.
fn cluster() -> Graph {
    let mut graph = Graph::new(Box::new(LocalityModel));
    for class in 0..2 {
        graph.open_class(ClassId(class));
    }
    for node in 0..NODES {
        graph.set_machine(NodeId(node), node % 2, 2);
        for class in 0..2 {
            graph.set_room(ClassId(class), NodeId(node), 2);
        }
    }
    graph
}

proptest! {
    #[test]
    fn rounds_cost_what_they_cost_from_nothing(
        rounds in prop::collection::vec(
            (prop::collection::vec(change(), 1..8), any::<u8>(), 0..6_i64),
            1..10,
        ),
    ) {
        let mut graph = cluster();
        let (mut now, mut next) = (Instant::ZERO, 0);
        for (changes, kept, seconds) in rounds {
            for change in changes {
                match change {
                    Change::Arrive(class, node) => {
                        fond(class, now, node, next, &mut graph);
                        next += 1;
                    }
                    Change::Leave(number) => graph.remove_task(number),
                    Change::Machine(node, rack, slots) => {
                        graph.set_machine(NodeId(node), rack, slots);
                    }
                    Change::Room(class, node, room) => {
                        graph.set_room(ClassId(class), NodeId(node), room);
                    }
                }
            }
            let placed = graph.solve(now).expect("every task can wait");
            prop_assert_eq!(graph.check(now), Ok(()));
            // Some of the tasks get their nodes.
            for (index, (number, node)) in placed.into_iter().enumerate() {
                if kept >> (index % 8) & 1 == 1 {
                    graph.put(number, node, now);
                }
            }
            now = now.saturating_add(Duration::from_secs(seconds));
        }
    }
}

#[test]
fn a_round_that_costs_something_else_is_found_out() {
    let mut graph = cluster();
    for node in 0..NODES {
        graph.set_room(ClassId(0), NodeId(node), 0);
    }
    fond(0, Instant::ZERO, 1, 0, &mut graph);
    let at = Instant::from_secs;
    assert_eq!(graph.solve(at(1)), Ok(Vec::new()));
    assert_eq!(graph.check(at(1)), Ok(()));
    // A second later waiting costs more, and the kept flow does not know.
    let difference = Difference::Costs {
        kept: i128::from(UNIT),
        plain: Some(i128::from(2 * UNIT)),
    };
    assert_eq!(graph.check(at(2)), Err(difference));
}
