//! The incremental form against the plain one, on networks that change at random.

use proptest::prelude::*;

use super::reference::{PlainArc, cheapest};
use super::*;

/// A change of a scheduling network.
#[derive(Clone, Debug)]
enum Change {
    /// A task arrives, with its cost of waiting, of any machine, and of two machines.
    Arrive(Cost, Cost, Vec<(usize, Cost)>),
    /// A task leaves.
    Leave(usize),
    /// A task's cost of waiting changes.
    Wait(usize, Cost),
    /// A machine's slots change.
    Slots(usize, i64),
    /// What a further task costs on a machine changes.
    Load(usize, Cost),
    /// A task that has a machine by a way of its own leaves the network with its slot.
    Settle(usize),
}

const MACHINES: usize = 4;

fn change() -> impl Strategy<Value = Change> {
    let preferred = prop::collection::vec((0..MACHINES, -20_i64..60), 0..3);
    prop_oneof![
        4 => (0_i64..100, -5_i64..80, preferred)
            .prop_map(|(wait, any, preferred)| Change::Arrive(wait, any, preferred)),
        2 => any::<usize>().prop_map(Change::Leave),
        2 => (any::<usize>(), 0_i64..150).prop_map(|(task, wait)| Change::Wait(task, wait)),
        1 => (0..MACHINES, 0_i64..4).prop_map(|(machine, slots)| Change::Slots(machine, slots)),
        1 => (0..MACHINES, -30_i64..30).prop_map(|(machine, load)| Change::Load(machine, load)),
        2 => any::<usize>().prop_map(Change::Settle),
    ]
}

struct Task {
    node: Vertex,
    waiting: ArcId,
    /// As the plain form has it.
    wait: Cost,
    any: Cost,
    preferred: Vec<(usize, Cost)>,
    /// Arcs to the preferred machines.
    ways: Vec<ArcId>,
}

/// A scheduling network in both forms.
struct World {
    network: Network,
    aggregator: Vertex,
    /// Machines with their arcs to the sink, their slots, and the cost of each.
    machines: Vec<(Vertex, ArcId, i64, Cost)>,
    tasks: Vec<Task>,
}

impl World {
    fn new() -> Self {
        let mut network = Network::new();
        let aggregator = network.add_node(0);
        let machines = (0..MACHINES).map(|index| {
            let machine = network.add_node(0);
            network.add_arc(aggregator, machine, 2, index as i64);
            let slots = network.add_arc(machine, network.sink(), 2, 0);
            (machine, slots, 2, 0)
        });
        let machines = machines.collect();
        Self {
            network,
            aggregator,
            machines,
            tasks: Vec::new(),
        }
    }

    fn apply(&mut self, change: Change) {
        let network = &mut self.network;
        let tasks = self.tasks.len();
        match change {
            Change::Arrive(wait, any, preferred) => {
                let node = network.add_node(1);
                let waiting = network.add_arc(node, network.sink(), 1, wait);
                network.add_arc(node, self.aggregator, 1, any);
                let way = |&(machine, cost): &(usize, Cost)| {
                    network.add_arc(node, self.machines[machine].0, 1, cost)
                };
                let ways = preferred.iter().map(way).collect();
                self.tasks.push(Task {
                    node,
                    waiting,
                    wait,
                    any,
                    preferred,
                    ways,
                });
            }
            Change::Leave(task) if tasks > 0 => {
                let gone = self.tasks.remove(task % tasks);
                network.remove_node(gone.node);
            }
            Change::Wait(task, wait) if tasks > 0 => {
                let task = &mut self.tasks[task % tasks];
                task.wait = wait;
                network.set_cost(task.waiting, wait);
            }
            Change::Slots(machine, slots) => {
                self.machines[machine].2 = slots;
                network.set_capacity(self.machines[machine].1, slots);
            }
            Change::Load(machine, load) => {
                self.machines[machine].3 = load;
                network.set_cost(self.machines[machine].1, load);
            }
            Change::Settle(task) if tasks > 0 => {
                let task = &self.tasks[task % tasks];
                let used = task.ways.iter().position(|&way| network.flow(way) > 0);
                let Some(used) = used else { return };
                let (machine, _) = task.preferred[used];
                let slots = &mut self.machines[machine];
                // A change in this round may have taken the slot.
                if network.flow(slots.1) == 0 {
                    return;
                }
                network.finish(task.node, &[task.ways[used], slots.1]);
                network.remove_node(task.node);
                slots.2 -= 1;
                network.set_capacity(slots.1, slots.2);
                let gone = task.node;
                self.tasks.retain(|task| task.node != gone);
            }
            Change::Leave(_) | Change::Wait(..) | Change::Settle(_) => {}
        }
    }

    /// The cost of the plain form's flow.
    fn plain(&self) -> Option<i128> {
        let (aggregator, first) = (1, 2);
        let arc = |from, to, capacity, cost| PlainArc {
            from,
            to,
            capacity,
            cost,
        };
        let mut arcs = Vec::new();
        for (index, &(_, _, slots, load)) in self.machines.iter().enumerate() {
            arcs.push(arc(aggregator, first + index, 2, index as i64));
            arcs.push(arc(first + index, 0, slots, load));
        }
        let mut supplies = vec![0; first + MACHINES];
        for task in &self.tasks {
            let node = supplies.len();
            supplies.push(1);
            arcs.push(arc(node, 0, 1, task.wait));
            arcs.push(arc(node, aggregator, 1, task.any));
            for &(machine, cost) in &task.preferred {
                arcs.push(arc(node, first + machine, 1, cost));
            }
        }
        let flows = cheapest(&supplies, &arcs)?;
        let costs = arcs.iter().zip(&flows);
        Some(costs.map(|(arc, &flow)| i128::from(arc.cost * flow)).sum())
    }
}

proptest! {
    #[test]
    fn flows_that_follow_changes_cost_what_new_ones_cost(
        rounds in prop::collection::vec(prop::collection::vec(change(), 1..6), 1..12),
    ) {
        let mut world = World::new();
        for changes in rounds {
            for change in changes {
                world.apply(change);
            }
            prop_assert_eq!(world.network.solve(), Ok(()));
            prop_assert_eq!(world.network.audit(), Ok(()));
            prop_assert_eq!(Some(world.network.cost()), world.plain());
        }
    }
}

#[test]
fn units_without_a_way_are_named_and_find_one_later() {
    let mut network = Network::new();
    let machine = network.add_node(0);
    let slots = network.add_arc(machine, network.sink(), 1, 0);
    let tasks = network.add_node(2);
    network.add_arc(tasks, machine, 2, 3);
    let stuck = Flaw::Stuck { node: 2, units: 1 };
    assert_eq!(network.solve(), Err(stuck.clone()));
    assert_eq!(network.audit(), Err(stuck));
    network.set_capacity(slots, 2);
    assert_eq!(network.solve(), Ok(()));
    assert_eq!((network.audit(), network.cost()), (Ok(()), 6));
    // What is stuck may leave, too.
    network.set_supply(tasks, 3);
    assert!(network.solve().is_err());
    network.set_supply(tasks, 1);
    assert_eq!(network.solve(), Ok(()));
    assert_eq!((network.audit(), network.cost()), (Ok(()), 3));
}

#[test]
fn a_flow_that_is_not_the_cheapest_is_found_out() {
    let mut network = Network::new();
    let task = network.add_node(1);
    let cheap = network.add_arc(task, network.sink(), 1, 4);
    let dear = network.add_arc(task, network.sink(), 1, 9);
    network.solve().expect("a way");
    network.push_back(cheap.0);
    network.push_along(dear.0);
    let saved = network.audit().expect_err("a dearer way");
    assert!(matches!(saved, Flaw::Saving { .. }), "{saved}");
    network.changed.extend([cheap.0, dear.0]);
    network.solve().expect("a way");
    assert_eq!((network.audit(), network.cost()), (Ok(()), 4));
}

#[test]
fn a_unit_that_leaves_with_its_way_changes_nothing_else() {
    let mut network = Network::new();
    let machine = network.add_node(0);
    let slots = network.add_arc(machine, network.sink(), 2, 1);
    let tasks: Vec<(Vertex, ArcId)> = [5, 6]
        .map(|cost| {
            let task = network.add_node(1);
            network.add_arc(task, network.sink(), 1, 100);
            (task, network.add_arc(task, machine, 1, cost))
        })
        .into();
    network.solve().expect("a way");
    assert_eq!(network.cost(), 5 + 6 + 2);
    let (task, way) = tasks[0];
    network.finish(task, &[way, slots]);
    network.remove_node(task);
    network.set_capacity(slots, 1);
    assert_eq!(network.solve(), Ok(()));
    assert_eq!((network.audit(), network.cost()), (Ok(()), 6 + 1));
}
