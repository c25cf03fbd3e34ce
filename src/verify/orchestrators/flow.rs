//! Cases of schedulers over the cheapest flow: Quincy's costs, any flow, and Octopus (spec:
//! orchestrators-b.md section 6.4).

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Forms, Trouble, read};
use policy::cost_model::flat::WAITING;
use policy::cost_model::quincy::Quincy;
use policy::cost_model::{CostOptions, octopus};
use scheduler::flow::graph::Graph;
use scheduler::flow::network::reference::{PlainArc, cheapest};
use scheduler::flow::network::{ArcId, Flaw, Network};
use scheduler::flow::{Block, CostModel, Racks, TaskFacts, UNIT};
use units::{ClassId, Duration, Instant, NodeId};

/// The judge of a kind.
pub(super) fn forms(kind: &str) -> Option<Forms> {
    match kind {
        "quincy" => Some(Forms::One(quincy)),
        "min-cost-flow" => Some(Forms::Both {
            plain: |case| min_cost_flow(case, plain),
            fast: |case| min_cost_flow(case, incremental),
        }),
        "octopus" => Some(Forms::One(octopus)),
        _ => None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an error is handed over")]
fn flawed(flaw: Flaw) -> Trouble {
    Trouble::Malformed(flaw.to_string())
}

/// A cost of a case in millionths.
fn millionths(cost: f64) -> i64 {
    (cost * UNIT as f64).round() as i64
}

/// A cost in the unit of cases.
fn units(millionths: i128) -> f64 {
    millionths as f64 / UNIT as f64
}

#[derive(Deserialize)]
struct Transfer {
    input_gb: IndexMap<String, f64>,
    tor: f64,
    core: f64,
    waited_s: f64,
    wait_factor: f64,
}

fn quincy(case: &Case) -> Result<Value, Trouble> {
    let machines: IndexMap<String, String> = read(&case.nodes)?;
    let given: Transfer = read(&case.request)?;
    let mut racks = Racks::default();
    let mut known: Vec<&String> = Vec::new();
    for (index, rack) in machines.values().enumerate() {
        let number = known.iter().position(|own| *own == rack);
        racks.put(
            NodeId::from_index(index),
            number.unwrap_or(known.len()) as u32,
        );
        if number.is_none() {
            known.push(rack);
        }
    }
    let mut input = Vec::new();
    for (machine, &gigabytes) in &given.input_gb {
        let index = machines.get_index_of(machine);
        let index = index.ok_or_else(|| Trouble::Malformed(format!("no machine `{machine}`")))?;
        input.push(Block {
            bytes: (gigabytes * 1e9).round() as i64,
            nodes: [NodeId::from_index(index)].into_iter().collect(),
        });
    }
    let model = Quincy::new(CostOptions {
        rack_cost: given.tor,
        core_cost: given.core,
        wait_factor: given.wait_factor,
        ..CostOptions::default()
    });
    let task = TaskFacts {
        submitted: Instant::ZERO,
        requested: Duration::MAX,
        ran: Duration::ZERO,
        input,
    };
    let now =
        Instant::ZERO.saturating_add(Duration::from_nanos((given.waited_s * 1e9).round() as i64));
    let waiting = model.waiting(&task, now);
    let mut costs = Map::new();
    // The best of all machines, and whether the flow leads there: a task and arcs to all of them.
    let mut network = Network::new();
    let (sink, start) = (network.sink(), network.add_node(1));
    network.add_arc(start, sink, 1, waiting);
    let mut ways: Vec<ArcId> = Vec::new();
    let mut best: Option<(i64, &String)> = None;
    for (index, name) in machines.keys().enumerate() {
        let cost = model.transfer(&task.input, NodeId::from_index(index), &racks);
        costs.insert(name.clone(), json!(units(i128::from(cost))));
        let machine = network.add_node(0);
        network.add_arc(machine, sink, 1, 0);
        ways.push(network.add_arc(start, machine, 1, cost));
        if best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, name));
        }
    }
    network.solve().map_err(flawed)?;
    network.audit().map_err(flawed)?;
    Ok(json!({
        "cost": costs,
        // At equal costs a task waits: the model says so by a millionth.
        "unscheduled_cost": units(i128::from(waiting) + 1),
        "best": best.map(|(_, name)| name),
        "places": ways.iter().any(|&way| network.flow(way) > 0),
    }))
}

#[derive(Deserialize)]
struct Slots {
    slots: IndexMap<String, i64>,
}

#[derive(Deserialize)]
struct Costs {
    cost: IndexMap<String, IndexMap<String, f64>>,
    unscheduled: IndexMap<String, f64>,
}

/// Units on each arc of a flow from tasks past machines to the sink, node 0.
type Solve = fn(&[i64], &[PlainArc]) -> Result<Vec<i64>, Trouble>;

fn plain(supplies: &[i64], arcs: &[PlainArc]) -> Result<Vec<i64>, Trouble> {
    let flows = cheapest(supplies, arcs);
    flows.ok_or_else(|| Trouble::Malformed("a task has no way".to_owned()))
}

fn incremental(supplies: &[i64], arcs: &[PlainArc]) -> Result<Vec<i64>, Trouble> {
    let mut network = Network::new();
    let mut nodes = vec![network.sink()];
    nodes.extend(
        supplies
            .iter()
            .skip(1)
            .map(|&supply| network.add_node(supply)),
    );
    let mut made = Vec::new();
    // One task after the other, as they come in a run.
    for arc in arcs {
        let (from, to) = (nodes[arc.from], nodes[arc.to]);
        made.push(network.add_arc(from, to, arc.capacity, arc.cost));
        if arc.to == 0 {
            network.solve().ok();
        }
    }
    network.solve().map_err(flawed)?;
    network.audit().map_err(flawed)?;
    Ok(made.into_iter().map(|arc| network.flow(arc)).collect())
}

fn min_cost_flow(case: &Case, solve: Solve) -> Result<Value, Trouble> {
    let Slots { slots } = read(&case.nodes)?;
    let given: Costs = read(&case.request)?;
    let arc = |from, to, capacity, cost| PlainArc {
        from,
        to,
        capacity,
        cost,
    };
    let mut supplies = vec![0; slots.len() + 1];
    let mut arcs = Vec::new();
    for (index, &slots) in slots.values().enumerate() {
        arcs.push(arc(index + 1, 0, slots, 0));
    }
    let mut ways: Vec<(&String, Option<&String>)> = Vec::new();
    let first = arcs.len();
    for (task, waiting) in &given.unscheduled {
        let from = supplies.len();
        supplies.push(1);
        for (machine, &cost) in given.cost.get(task).into_iter().flatten() {
            let to = slots.get_index_of(machine);
            let to = to.ok_or_else(|| Trouble::Malformed(format!("no machine `{machine}`")))?;
            arcs.push(arc(from, to + 1, 1, millionths(cost)));
            ways.push((task, Some(machine)));
        }
        arcs.push(arc(from, 0, 1, millionths(*waiting)));
        ways.push((task, None));
    }
    let flows = solve(&supplies, &arcs)?;
    let costs = arcs.iter().zip(&flows);
    let total: i128 = costs
        .map(|(arc, &flow)| i128::from(arc.cost) * i128::from(flow))
        .sum();
    let taken = ways
        .iter()
        .zip(&flows[first..])
        .filter(|(_, flow)| **flow > 0);
    let assign: Map<String, Value> = taken
        .map(|((task, machine), _)| ((*task).clone(), json!(machine)))
        .collect();
    Ok(json!({ "total_cost": units(total), "assign": assign }))
}

#[derive(Deserialize)]
struct Running {
    running: IndexMap<String, u32>,
}

#[derive(Deserialize)]
struct NewTasks {
    new_tasks: u64,
}

fn octopus(case: &Case) -> Result<Value, Trouble> {
    let Slots { slots } = read(&case.nodes)?;
    let Running { running } = read(&case.existing)?;
    let NewTasks { new_tasks } = read(&case.request)?;
    let class = ClassId(0);
    let mut graph = Graph::new((octopus::ENTRY.build)(&CostOptions::default()));
    graph.open_class(class);
    let facts = TaskFacts {
        submitted: Instant::ZERO,
        requested: Duration::MAX,
        ran: Duration::ZERO,
        input: Vec::new(),
    };
    let mut next = 0;
    for (index, (name, &slots)) in slots.iter().enumerate() {
        let node = NodeId::from_index(index);
        let slots = u32::try_from(slots).unwrap_or(0);
        graph.set_machine(node, 0, slots);
        graph.set_room(class, node, slots);
        for _ in 0..running.get(name).copied().unwrap_or(0) {
            graph.add_task(next, class, facts.clone(), Instant::ZERO);
            graph.put(next, node, Instant::ZERO);
            next += 1;
        }
    }
    graph.solve(Instant::ZERO).map_err(flawed)?;
    let before = graph.cost().map_err(flawed)?;
    let first = next;
    for _ in 0..new_tasks {
        graph.add_task(next, class, facts.clone(), Instant::ZERO);
        next += 1;
    }
    for (number, node) in graph.solve(Instant::ZERO).map_err(flawed)? {
        graph.put(number, node, Instant::ZERO);
    }
    graph.solve(Instant::ZERO).map_err(flawed)?;
    let mut counts = vec![0_u64; slots.len()];
    let mut placed = 0;
    for number in 0..next {
        if let Some(node) = graph.node_of(number) {
            counts[node.index()] += 1;
            placed += u64::from(number >= first);
        }
    }
    counts.sort_unstable_by(|one, other| other.cmp(one));
    let unscheduled = new_tasks - placed;
    let waiting = i128::from(unscheduled) * i128::from(WAITING);
    let added = graph.cost().map_err(flawed)? - before - waiting;
    Ok(json!({
        "final_counts_sorted": counts,
        "unscheduled": unscheduled,
        "added_cost": units(added),
    }))
}
