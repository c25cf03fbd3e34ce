//! Tasks that may lose their nodes: rounds against the plain form, and states that stay as they are.

use proptest::prelude::*;

use super::super::{Graph, Place};
use crate::flow::network::Cost;
use crate::flow::{Block, CostModel, Goal, Racks, TaskFacts, UNIT};
use units::{ClassId, Duration, Instant, NodeId};

/// Waiting costs a unit or two a second, a node that has a task's input nothing, its rack three, any other
/// seven; a node costs more the more tasks it has, and a run is worth a unit a second.
#[derive(Clone)]
struct StickyModel {
    wait_factor: i64,
}

const NANOS_PER_MILLIONTH: i64 = 1_000_000_000 / UNIT;

impl CostModel for StickyModel {
    fn name(&self) -> &'static str {
        "attached"
    }

    fn waiting(&self, task: &TaskFacts, now: Instant) -> Cost {
        self.wait_factor * now.since(task.submitted).as_nanos() / NANOS_PER_MILLIONTH
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

    fn worth(&self, ran: Duration) -> Cost {
        ran.as_nanos() / NANOS_PER_MILLIONTH
    }

    fn clone_model(&self) -> Box<dyn CostModel> {
        Box::new(self.clone())
    }
}

const NODES: usize = 5;
const CLASSES: usize = 2;

/// Tasks on nodes, with the room that they leave.
struct World {
    graph: Graph,
    /// Room for further tasks, by class and node.
    rooms: [[u32; NODES]; CLASSES],
    classes: Vec<ClassId>,
}

impl World {
    fn new(wait_factor: i64) -> Self {
        let model = Box::new(StickyModel { wait_factor });
        let mut world = Self {
            graph: Graph::new(model).with_preemption(true),
            rooms: [[2; NODES]; CLASSES],
            classes: Vec::new(),
        };
        for class in 0..CLASSES {
            world.graph.open_class(ClassId::from_index(class));
        }
        for index in 0..NODES {
            let node = NodeId::from_index(index);
            world.graph.set_machine(node, index as u32 % 2, 2);
            for class in 0..CLASSES {
                world.count_room(ClassId::from_index(class), node, |room| room);
            }
        }
        world
    }

    fn count_room(&mut self, class: ClassId, node: NodeId, count: impl Fn(u32) -> u32) {
        let room = &mut self.rooms[class.index()][node.index()];
        *room = count(*room);
        self.graph.set_room(class, node, *room);
    }

    fn arrive(&mut self, class: usize, node: usize, now: Instant) {
        let facts = TaskFacts {
            submitted: now,
            requested: Duration::MAX,
            ran: Duration::ZERO,
            input: vec![Block {
                bytes: 1,
                nodes: smallvec::smallvec![NodeId::from_index(node)],
            }],
        };
        let class = ClassId::from_index(class);
        let number = self.classes.len() as u64;
        self.classes.push(class);
        self.graph.add_task(number, class, facts, now);
    }

    fn leave(&mut self, number: u64) {
        let node = self.graph.node_of(number);
        self.graph.remove_task(number);
        if let Some(node) = node {
            self.count_room(self.classes[number as usize], node, |room| room + 1);
        }
    }

    /// Takes tasks off their nodes, and puts them where the flow leads them; returns how many went.
    fn follow(&mut self, now: Instant) -> usize {
        let found = self.graph.solve(now).expect("every task can wait");
        let preempted = self.graph.preempted();
        let losers = found
            .iter()
            .map(|&(number, _)| number)
            .chain(preempted.clone());
        for number in losers {
            if self.graph.may_lose(number).is_some() {
                let facts = self.graph.facts_at(number, now).expect("a task");
                self.leave(number);
                self.graph
                    .add_task(number, self.classes[number as usize], facts, now);
            }
        }
        for &(number, node) in &found {
            self.graph.put(number, node, now);
            self.count_room(self.classes[number as usize], node, |room| room - 1);
        }
        found.len() + preempted.len()
    }

    /// The cost of all tasks where they are, at an instant.
    fn cost(&self, now: Instant) -> i128 {
        let mut loads = [0; NODES];
        let mut cost = 0;
        for number in 0..self.classes.len() as u64 {
            let Some(task) = self.graph.task(number) else {
                continue;
            };
            cost += i128::from(match &task.place {
                Place::Waiting(_) => self.graph.model.waiting(&task.facts, now),
                Place::Running(_, stay) => {
                    loads[stay.node.index()] += 1;
                    self.graph.cost_of_stay(&task.facts, stay, now)
                }
                Place::On(_) => unreachable!("all tasks may lose their nodes"),
            });
        }
        let slots = loads.into_iter().flat_map(|tasks| 0..tasks);
        let slots = slots.map(|tasks| i128::from(self.graph.model.one_more(tasks)));
        cost + slots.sum::<i128>()
    }
}

/// A change between rounds.
#[derive(Clone, Debug)]
enum Change {
    /// A task of one of the classes arrives, with input on a node.
    Arrive(usize, usize),
    /// A task leaves, whether it waits or has a node.
    Leave(u64),
    /// A node moves to another rack.
    Rack(usize, u32),
    /// A node has room for one task more of a class.
    Room(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => (0..CLASSES, 0..NODES).prop_map(|(class, node)| Change::Arrive(class, node)),
        3 => (0..40_u64).prop_map(Change::Leave),
        1 => (0..NODES, 0..2_u32).prop_map(|(node, rack)| Change::Rack(node, rack)),
        1 => (0..CLASSES, 0..NODES).prop_map(|(class, node)| Change::Room(class, node)),
    ]
}

proptest! {
    #[test]
    fn moves_save_cost_and_end_in_states_that_stay(
        rounds in prop::collection::vec(
            (prop::collection::vec(change(), 0..8), 0..6_i64),
            1..12,
        ),
        wait_factor in 1..4_i64,
    ) {
        let mut world = World::new(wait_factor);
        let mut now = Instant::ZERO;
        // A task's ways are those that it had when it came: one that moves has others then.
        let mut has_old_ways = false;
        for (changes, seconds) in rounds {
            for change in changes {
                match change {
                    Change::Arrive(class, node) => world.arrive(class, node, now),
                    Change::Leave(number) if (number as usize) < world.classes.len() => {
                        world.leave(number);
                    }
                    Change::Leave(_) => {}
                    Change::Rack(node, rack) => {
                        world.graph.set_machine(NodeId::from_index(node), rack, 2);
                        has_old_ways = true;
                    }
                    Change::Room(class, node) => {
                        let class = ClassId::from_index(class);
                        world.count_room(class, NodeId::from_index(node), |room| room + 1);
                    }
                }
            }
            world.graph.solve(now).expect("every task can wait");
            prop_assert_eq!(world.graph.check(now), Ok(()));
            let before = world.cost(now);
            let moved = world.follow(now);
            let after = world.cost(now);
            if moved == 0 {
                prop_assert_eq!(after, before);
            } else if !has_old_ways {
                prop_assert!(after < before, "{} after {}", after, before);
            }
            let again = world.graph.solve(now);
            prop_assert_eq!(world.graph.check(now), Ok(()));
            if !has_old_ways {
                // Nothing has changed since, so nothing moves.
                prop_assert_eq!(again, Ok(Vec::new()));
                prop_assert_eq!(world.graph.preempted(), Vec::<u64>::new());
                prop_assert_eq!(world.graph.cost(), Ok(after));
            }
            now = now.saturating_add(Duration::from_secs(seconds));
        }
    }
}

#[test]
fn a_task_loses_its_node_once_another_has_waited_for_longer_than_it_ran() {
    let mut world = World::new(2);
    for node in 0..NODES {
        world
            .graph
            .set_machine(NodeId::from_index(node), 0, u32::from(node == 0));
    }
    let at = Instant::from_secs;
    world.arrive(0, 0, at(0));
    assert_eq!(world.follow(at(1)), 1);
    world.arrive(0, 0, at(10));
    // Eleven seconds of waiting cost 22, as much as the second that the first task waited and the twenty
    // that it ran.
    assert_eq!(world.follow(at(21)), 0);
    assert_eq!(world.follow(at(22)), 2);
    assert_eq!(world.graph.node_of(1), Some(NodeId(0)));
    // What it waited and ran counts on.
    let facts = world.graph.facts_at(0, at(50)).expect("a task");
    assert_eq!(facts.submitted, at(21));
    assert_eq!(facts.ran, Duration::from_secs(21));
}
