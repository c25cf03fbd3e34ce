//! Nodes as a table of openb, with columns of the project's own for what the nodes of a list have besides. Amounts that a
//! node doesn't state stay empty.

use std::io::Write;

use super::conversion::{ConvertError, Converted, Tally};
use super::lost::{Fate, LostField};
use super::table::{cell, quoted};
use crate::parts::machine_course::in_order;
use crate::parts::node_cells::{self, COLUMNS};
use crate::prelude::*;
use crate::readers::openb_nodes::GPU_MODEL_LABEL;
use arrivals::format::NodeEvent;
use model::node::{HOSTNAME_LABEL, label_platform};
use model::resource_list::{CPU, MEMORY, PODS};
use model::{GpuInventory, Node};

/// Writes nodes as a table of openb, with the columns of amounts, labels, taints and later events that they need.
///
/// # Errors
/// The output can't be written.
pub fn write_nodes(list: &NodeList, out: &mut dyn Write) -> Result<Converted, ConvertError> {
    let mut events: Vec<Vec<&NodeEvent>> = vec![Vec::new(); list.nodes.len()];
    for event in &list.events {
        events[event.node].push(event);
    }
    let rows = list.nodes.iter().zip(&events).enumerate();
    let rows: Vec<Written> = rows
        .map(|(place, (node, events))| Written::of(node, events, place))
        .collect();
    let needed: Vec<usize> = (0..COLUMNS.len())
        .filter(|&column| rows.iter().any(|row| !row.cells[column].is_empty()))
        .collect();
    write!(out, "sn,cpu_milli,memory_mib,gpu,model")?;
    for &column in &needed {
        write!(out, ",{}", COLUMNS[column].name)?;
    }
    writeln!(out)?;
    let mut converted = Converted::default();
    let mut tally = Tally::default();
    let (mut read, mut left_out) = (Vec::new(), 0);
    for ((node, row), events) in list.nodes.iter().zip(rows).zip(&events) {
        write!(out, "{}", own_columns(&row.said))?;
        for &column in &needed {
            write!(out, ",{}", quoted(&row.cells[column]))?;
        }
        writeln!(out)?;
        converted.rows += 1;
        tally.record(&lost(node, &row.said));
        left_out += events.len() - row.events.len();
        read.extend(row.events);
    }
    let events = |fate| LostField {
        field: "events after the beginning".into(),
        fate,
    };
    tally.add(&events(Fate::LeftOut), left_out as u64);
    if left_out == 0 && in_order(read) != list.events {
        tally.add(&events(Fate::Changed), list.events.len() as u64);
    }
    converted.reduced = tally.reduced;
    converted.lost = tally.lost();
    Ok(converted)
}

/// A row of a node, with what readers make of it.
struct Written {
    said: Node,
    events: Vec<NodeEvent>,
    cells: [String; COLUMNS.len()],
}

impl Written {
    fn of(node: &Node, events: &[&NodeEvent], place: usize) -> Self {
        let of_columns = said(node);
        let cells = node_cells::written(node, &of_columns, events);
        let mut cells = cells.map(|text| cell(&text).into_owned());
        loop {
            let mut said = of_columns.clone();
            match node_cells::read(cells.each_ref().map(String::as_str), &mut said, place) {
                Ok(events) => {
                    return Self {
                        said,
                        events,
                        cells,
                    };
                }
                // What no cell can say is left out.
                Err(refused) => {
                    for (column, cell) in COLUMNS.iter().zip(&mut cells) {
                        if column.name == refused.name {
                            cell.clear();
                        }
                    }
                }
            }
        }
    }
}

/// The cells of the columns that openb has.
fn own_columns(said: &Node) -> String {
    let amount = |resource: &str, of: fn(Quantity) -> i64| {
        let own = of(said.allocatable.get(resource));
        if own > 0 {
            own.to_string()
        } else {
            String::new()
        }
    };
    let cpu_milli = amount(CPU, |own| own.milli_floor().unwrap_or(i64::MAX));
    let memory_mib = amount(MEMORY, |own| own.units_ceil().unwrap_or(i64::MAX) >> 20);
    let (gpus, model) = match &said.gpu {
        Some(GpuInventory { devices, model }) => (*devices, &**model),
        None => (0, ""),
    };
    let (name, model) = (quoted(&said.name), quoted(model));
    format!("{name},{cpu_milli},{memory_mib},{gpus},{model}")
}

/// The node that readers make of the columns that openb has.
fn said(node: &Node) -> Node {
    let list = &node.allocatable;
    let mut said = ResourceList::default();
    let milli = list.get(CPU).milli_floor().unwrap_or(i64::MAX);
    let memory_mib = list.get(MEMORY).units_ceil().unwrap_or(i64::MAX) >> 20;
    if milli > 0 {
        said.set(CPU, Quantity::from_milli(milli));
    }
    if memory_mib > 0 {
        said.set(MEMORY, Quantity::from_units(memory_mib << 20));
    }
    let pods = ReadOptions::default().pods_per_node;
    said.set(PODS, Quantity::from_units(pods));
    let name: Text = cell(&node.name).as_ref().into();
    let gpu = node.gpu.as_ref().filter(|gpu| gpu.devices > 0);
    let gpu = gpu.map(|gpu| GpuInventory {
        devices: gpu.devices,
        model: cell(&gpu.model).as_ref().into(),
    });
    let mut labels = Labels::new();
    labels.insert(HOSTNAME_LABEL.into(), name.clone());
    label_platform(&mut labels);
    if let Some(gpu) = gpu.as_ref().filter(|gpu| !gpu.model.is_empty()) {
        labels.insert(GPU_MODEL_LABEL.into(), gpu.model.clone());
    }
    Node {
        name,
        labels,
        allocatable: said,
        gpu,
        ..Node::default()
    }
}

/// The fields of a node that are read as something else.
fn lost(node: &Node, said: &Node) -> Vec<LostField> {
    let mut lost = Vec::new();
    let mut push = |field: &str, differs: bool, is_none: bool| {
        if differs {
            lost.push(LostField {
                field: field.into(),
                fate: if is_none {
                    Fate::LeftOut
                } else {
                    Fate::Changed
                },
            });
        }
    };
    push("name", node.name != said.name, false);
    let all = node.allocatable.iter().chain(said.allocatable.iter());
    let mut names: Vec<&str> = all.map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let [own, read] = [node, said].map(|node| node.allocatable.get(name));
        let field = match name {
            PODS => "pods (read with the option `pods-per-node`)",
            other => other,
        };
        push(field, own != read, read == Quantity::ZERO);
    }
    let labels = |node: &Node| {
        let mut labels = node.labels.clone();
        labels.remove(HOSTNAME_LABEL);
        labels
    };
    let (own, read) = (labels(node), labels(said));
    push("labels", own != read, true);
    push("taints", node.taints != said.taints, true);
    let is_cordoned = node.unschedulable;
    push("cordon", is_cordoned != said.unschedulable, true);
    push("capacity", node.capacity != said.capacity, true);
    push("gpus", node.gpu != said.gpu, said.gpu.is_none());
    push("images", node.images != said.images, true);
    lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::machine_course::MachineCourse;
    use crate::parts::sorting::{Capacity, gpu_node};
    use crate::readers::openb_nodes;
    use crate::tests::prelude::*;
    use arrivals::format::NodeEventKind;
    use model::{Taint, TaintEffect};
    use proptest::prelude::*;

    /// A text with what separates texts of a cell.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z0-9./-]{1,5}", "[a-c,=:|\"\\\\ \n\té]{0,6}"]
    }

    fn taint() -> impl Strategy<Value = Taint> {
        let effect = prop_oneof![
            Just(TaintEffect::NoSchedule),
            Just(TaintEffect::PreferNoSchedule),
            Just(TaintEffect::NoExecute),
        ];
        (text(), text(), effect).prop_map(|(key, value, effect)| Taint {
            key: key.as_str().into(),
            value: value.as_str().into(),
            effect,
        })
    }

    fn capacity() -> impl Strategy<Value = Capacity> {
        let disk = prop::option::of(1_i64..1 << 50);
        (0_i64..100_000, 0_i64..1 << 40, disk).prop_map(|(cpu_milli, memory, disk)| Capacity {
            cpu_milli,
            memory,
            disk,
        })
    }

    fn node() -> impl Strategy<Value = Node> {
        let gpus = (0_u8..9, "[A-Z0-9 ]{0,4}").prop_map(|(devices, model)| GpuInventory {
            devices,
            model: model.trim().into(),
        });
        let labels = prop::collection::vec((text(), text()), 0..4);
        let taints = prop::collection::vec(taint(), 0..3);
        let pods = prop_oneof![Just(1_001), 1_i64..2_000];
        (capacity(), gpus, pods, labels, taints).prop_map(
            |(capacity, gpus, pods, labels, taints)| {
                let mut node = gpu_node("n".into(), capacity, gpus, pods);
                let labels = labels.iter();
                node.labels.extend(
                    labels.map(|(key, value)| (key.as_str().into(), value.as_str().into())),
                );
                node.taints = taints;
                node
            },
        )
    }

    /// The course of a machine: what happens at each of some instants.
    fn course() -> impl Strategy<Value = MachineCourse> {
        let step = (0_i64..5_000_000_000, 0_u8..5, capacity());
        prop::collection::vec(step, 0..6).prop_map(|mut steps| {
            steps.sort_by_key(|(at, ..)| *at);
            let mut course = MachineCourse::default();
            for (at, kind, capacity) in steps {
                // Whole seconds, so that some happen at one instant.
                let at = Instant::from_secs(at / 1_000_000_000);
                match kind {
                    0 => drop(course.comes(at)),
                    1 => drop(course.goes(at)),
                    2 => course.resized(at, capacity),
                    _ => course.takes(at, kind == 3),
                }
            }
            course
        })
    }

    fn read(table: &[u8]) -> NodeList {
        let input = Input::bytes("n.csv", table.to_vec());
        openb_nodes::read(&input, &ReadOptions::default()).expect("good rows")
    }

    proptest! {
        #[test]
        fn machines_read_back_with_all_that_happens_to_them(
            machines in prop::collection::vec((node(), course()), 1..5),
        ) {
            let mut list = NodeList::default();
            for (place, (mut node, course)) in machines.into_iter().enumerate() {
                let name: Text = format!("n{place}").as_str().into();
                node.labels.insert(HOSTNAME_LABEL.into(), name.clone());
                node.name = name;
                list.nodes.push(node);
                course.finish(place, 110, &mut list.events);
            }
            list.events = in_order(list.events);
            let mut table = Vec::new();
            let converted = write_nodes(&list, &mut table).expect("memory");
            prop_assert_eq!(converted.lost, Vec::new());
            let back = read(&table);
            prop_assert_eq!(back.nodes, list.nodes);
            prop_assert_eq!(back.events, list.events);
        }
    }

    #[test]
    fn what_no_cell_can_say_is_told() {
        let capacity = Capacity {
            cpu_milli: 1_000,
            memory: 1 << 30,
            disk: None,
        };
        let mut node = crate::parts::sorting::node("n".into(), Labels::new(), capacity, 1_001);
        node.unschedulable = true;
        node.allocatable.set("a b", Quantity::from_units(1));
        let event = |kind| NodeEvent {
            at: Instant::from_secs(1),
            node: 0,
            kind,
        };
        let list = NodeList {
            nodes: vec![node],
            events: vec![
                event(NodeEventKind::Goes),
                event(NodeEventKind::Resized(ResourceList::default())),
            ],
            ..NodeList::default()
        };
        let mut table = Vec::new();
        let converted = write_nodes(&list, &mut table).expect("memory");
        let lost = { converted.lost.iter() }.map(|own| (&*own.field, own.fate, own.count));
        lost.collect::<Vec<_>>().are([
            ("events after the beginning", Fate::LeftOut, 2),
            ("a b", Fate::LeftOut, 1),
            ("cordon", Fate::LeftOut, 1),
        ]);
        assert_eq!(String::from_utf8(table).expect("text").lines().count(), 2);
    }
}
