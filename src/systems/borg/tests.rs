//! Properties: the fast form chooses as the plain one, no machine gives more than its rule allows, victims
//! make room.

use std::sync::Arc;

use model::{
    Container, Labels, Node, NodeSelectorTerm, Operator, PodRef, PodSpec, Requirement, Text, Tier,
};
use policy::borg::Rule;
use policy::preemption::borg_preemption::may_preempt;
use proptest::prelude::*;
use rng::Stream;
use scheduler::pipeline::evaluate::Form;
use units::{ClassId, NodeId, PodId, PodSlot, Resources, SortedSet};

use super::allocs::Allocs;
use super::cell::Cell;
use super::machine::{AllocRef, Demand, Holder, JobKey, Machine};
use super::options::{AllocSet, Wishes};

const RULES: [Rule; 4] = [
    Rule::Stranded,
    Rule::Epvm { base: 10.0 },
    Rule::BestFit,
    Rule::WorstFit,
];

fn amounts(cpu_milli: i64, memory_bytes: i64) -> Resources {
    Resources {
        cpu_milli,
        memory_bytes,
        ..Resources::default()
    }
}

fn machine(cpu_milli: i64, memory_bytes: i64) -> Machine {
    Machine::new(Arc::new(Node::default()), amounts(cpu_milli, memory_bytes))
}

fn pod(number: u32) -> Holder {
    Holder::Task(PodRef {
        id: PodId(number),
        slot: PodSlot(number),
    })
}

/// A class of tasks; the number of the class follows from what it asks for.
fn demand(priority: i32, cpu_milli: i64, memory_bytes: i64) -> Demand {
    Demand {
        class: ClassId(priority as u32 * 10_000 + cpu_milli as u32 * 100 + memory_bytes as u32),
        spec: Arc::new(PodSpec {
            priority,
            containers: vec![Container {
                image: format!("image-{}", cpu_milli % 3).into(),
                ..Container::default()
            }],
            ..PodSpec::default()
        }),
        limit: amounts(cpu_milli, memory_bytes),
        set: None,
        job: Some(JobKey::Alone(PodId(cpu_milli as u32))),
    }
}

/// A step of a random story.
#[derive(Clone, Debug)]
enum Step {
    Place(usize, i64, i64),
    End(usize),
    Open(usize, bool),
    Reserve(usize, i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_usize, 1..30_i64, 1..30_i64).prop_map(|(band, cpu, memory)| {
            Step::Place(band, cpu, memory)
        }),
        2 => any::<usize>().prop_map(Step::End),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(own, open)| Step::Open(own, open)),
        2 => (any::<usize>(), 0..100_i64).prop_map(|(own, part)| Step::Reserve(own, part)),
    ]
}

/// Nothing is promised twice: the limits of production fit, and so do all reservations, as far as they
/// were not raised since.
fn check(cell: &Cell, is_reclaimed: bool) -> Result<(), TestCaseError> {
    for own in cell.machines() {
        let (mut limits, mut reserved) = (Resources::default(), Resources::default());
        for held in &own.tasks {
            reserved.add(&held.reserved);
            if Tier::of(held.priority).is_prod() {
                limits.add(&held.limit);
            }
        }
        prop_assert!(limits.fits_in(&own.offered));
        prop_assert!(is_reclaimed || reserved.fits_in(&own.offered));
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_fast_form_chooses_as_the_plain_one_and_nothing_is_promised_twice(
        machines in prop::collection::vec((20..60_i64, 20..60_i64), 1..40),
        steps in prop::collection::vec(step(), 1..120),
        rule in prop::sample::select(RULES.to_vec()),
        packages in prop::sample::select(vec![0.0, 0.2]),
        spread in prop::sample::select(vec![0.0, 0.5]),
    ) {
        let mut random = Stream::new(1, "test", 0);
        let wishes = Wishes { packages, spread, ..Wishes::default() };
        let mut cells = [Form::Plain, Form::Incremental]
            .map(|form| Cell::new(rule, form, None).with_wishes(wishes.clone()));
        for &(cpu, memory) in &machines {
            for cell in &mut cells {
                cell.join(machine(cpu, memory));
            }
        }
        let mut running: Vec<(Holder, NodeId)> = Vec::new();
        let mut is_reclaimed = false;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Place(band, cpu, memory) => {
                    let own = demand([0, 110, 200, 400][band], cpu, memory);
                    let [plain, fast] = &mut cells;
                    let chosen = plain.select(&own, &mut random);
                    prop_assert_eq!(chosen, fast.select(&own, &mut random));
                    let killing = || plain.preempt(&own);
                    let place = chosen.map(|node| (node, Vec::new())).or_else(killing);
                    let Some((node, victims)) = place else { continue };
                    for victim in &victims {
                        let held = cells[0].machines()[node.index()].tasks.iter();
                        let priority = held.filter(|held| held.holder == *victim).map(|own| own.priority);
                        let may = |other: i32| may_preempt(own.spec.priority, other);
                        let is_killed_rightly = priority.max().is_some_and(may);
                        prop_assert!(is_killed_rightly);
                    }
                    running.retain(|(pod, _)| !victims.contains(pod));
                    running.push((pod(number as u32), node));
                    for cell in &mut cells {
                        for &victim in &victims {
                            cell.remove(node, victim);
                        }
                        cell.add(node, pod(number as u32), &own);
                    }
                }
                Step::End(own) if !running.is_empty() => {
                    let (pod, node) = running.remove(own % running.len());
                    for cell in &mut cells {
                        cell.remove(node, pod);
                    }
                }
                Step::Open(own, is_open) => {
                    let node = NodeId::from_index(own % machines.len());
                    for cell in &mut cells {
                        cell.open(node, is_open);
                    }
                }
                Step::Reserve(own, part) => {
                    is_reclaimed = true;
                    let node = NodeId::from_index(own % machines.len());
                    for cell in &mut cells {
                        cell.reserve(node, |held| {
                            let of = |limit: i64| limit * part / 100;
                            (of(held.limit.cpu_milli), of(held.limit.memory_bytes))
                        });
                    }
                }
                Step::End(_) => {}
            }
            for cell in &cells {
                check(cell, is_reclaimed)?;
            }
        }
    }
}

#[test]
fn a_task_goes_to_no_machine_that_is_barred_to_it() {
    let mut cell = Cell::new(Rule::Stranded, Form::Incremental, None);
    for _ in 0..3 {
        cell.join(machine(10, 10));
    }
    let (batch, service) = (demand(110, 8, 8), demand(200, 8, 8));
    let mut barred = SortedSet::from_iter([NodeId(0)]);
    assert_eq!(cell.select_but(&batch, &barred), Some(NodeId(1)));
    for node in 0..3 {
        cell.add(NodeId(node), pod(node), &batch);
    }
    // Nor are tasks killed on it.
    let found = cell.preempt_but(&service, &barred);
    assert_eq!(found, Some((NodeId(1), vec![pod(1)])));
    barred.extend([NodeId(1), NodeId(2)]);
    assert_eq!(cell.select_but(&service, &barred), None);
    assert_eq!(cell.preempt_but(&service, &barred), None);
}

#[test]
fn what_is_reclaimed_serves_tasks_below_production_alone() {
    let mut random = Stream::new(1, "test", 0);
    let mut cell = Cell::new(Rule::Stranded, Form::Incremental, None);
    cell.join(machine(10, 10));
    let (service, batch) = (demand(200, 8, 8), demand(110, 6, 6));
    let node = cell
        .select(&service, &mut random)
        .expect("an empty machine");
    cell.add(node, pod(0), &service);
    assert_eq!(cell.select(&batch, &mut random), None);
    cell.reserve(node, |_| (2, 2));
    assert_eq!(cell.select(&batch, &mut random), Some(node));
    cell.add(node, pod(1), &batch);
    // The limits of production leave no room for more of it, whatever is reserved.
    assert_eq!(cell.select(&demand(200, 3, 3), &mut random), None);
    assert_eq!(cell.preempt(&demand(200, 3, 3)), None);
    // Two more fit beside the limits if the batch task goes.
    let more = demand(200, 2, 2);
    assert_eq!(cell.select(&more, &mut random), Some(node));
    cell.reserve(node, |held| {
        let part = if held.priority == 200 { 3 } else { 6 };
        (part, part)
    });
    assert_eq!(cell.select(&more, &mut random), None);
    assert_eq!(cell.preempt(&more), Some((node, vec![pod(1)])));
}

#[test]
fn relaxed_randomisation_finds_a_machine_where_there_is_one() {
    let mut random = Stream::new(1, "test", 0);
    let mut cell = Cell::new(Rule::BestFit, Form::Incremental, Some(3));
    for own in 0..17 {
        cell.join(machine(if own == 11 { 9 } else { 1 }, 9));
    }
    let task = demand(110, 5, 5);
    assert_eq!(cell.select(&task, &mut random), Some(NodeId(11)));
    cell.add(NodeId(11), pod(0), &task);
    assert_eq!(cell.select(&task, &mut random), None);
}

/// A machine in a zone.
fn machine_in(zone: &str, cpu_milli: i64) -> Machine {
    let node = Node {
        labels: [(Text::from("zone"), Text::from(zone))]
            .into_iter()
            .collect(),
        ..Node::default()
    };
    Machine::new(Arc::new(node), amounts(cpu_milli, 100))
}

fn wishing(wishes: &Wishes) -> Cell {
    let mut cell = Cell::new(Rule::BestFit, Form::Incremental, None).with_wishes(Wishes {
        spread_label: "zone".into(),
        ..wishes.clone()
    });
    for zone in ["a", "a", "b"] {
        cell.join(machine_in(zone, 100));
    }
    cell
}

/// The machines of three tasks of a class, one after the other.
fn three(cell: &mut Cell, own: &Demand) -> Vec<u32> {
    let mut random = Stream::new(1, "test", 0);
    let mut places = Vec::new();
    for number in 0..3 {
        let node = cell.select(own, &mut random).expect("room");
        cell.add(node, pod(number), own);
        places.push(node.0);
    }
    places
}

#[test]
fn soft_constraints_packages_and_domains_count_beside_packing() {
    let own = demand(200, 10, 10);
    let places = |wishes| three(&mut wishing(&wishes), &own);
    assert_eq!(places(Wishes::default()), [0, 0, 0]);
    let spread = Wishes {
        spread: 1.0,
        ..Wishes::default()
    };
    assert_eq!(places(spread), [0, 2, 0]);
    // The packages of the first task count more than a tighter machine.
    let packages = Wishes {
        packages: 1.0,
        ..Wishes::default()
    };
    let mut cell = wishing(&packages);
    cell.add(NodeId(1), pod(7), &demand(200, 40, 40));
    cell.add(NodeId(2), pod(8), &demand(200, 10, 10));
    assert_eq!(three(&mut cell, &own), [1, 1, 1]);
    cell.remove(NodeId(1), pod(7));
    let other = demand(200, 11, 11);
    assert_eq!(three(&mut cell, &other)[0], 1);
    let mut wishes_zone = own.clone();
    let mut spec = PodSpec::clone(&own.spec);
    let term = NodeSelectorTerm {
        match_expressions: vec![Requirement {
            key: "zone".into(),
            operator: Operator::In,
            values: vec!["b".into()],
        }],
        match_fields: Vec::new(),
    };
    spec.affinity.node.preferred = vec![(10, term)];
    wishes_zone.spec = Arc::new(spec);
    assert_eq!(
        three(&mut wishing(&Wishes::default()), &wishes_zone),
        [2, 2, 2]
    );
}

proptest! {
    #[test]
    fn allocs_give_no_more_than_they_have(
        tasks in prop::collection::vec((1..5_i64, 1..5_i64, any::<bool>()), 1..60),
    ) {
        let set = AllocSet {
            name: "slots".into(),
            count: 3,
            cpu_milli: 9,
            memory_bytes: 9,
            storage_bytes: 0,
            tasks: 4,
            priority: 200,
            namespace: Some("web".into()),
            labels: Labels::default(),
            nodes: Labels::default(),
        };
        let mut allocs = Allocs::new(&[set]);
        let unbarred = SortedSet::new();
        for alloc in allocs.all().collect::<Vec<_>>() {
            prop_assert_eq!(allocs.find(0, &amounts(1, 1), &unbarred).is_some(), alloc.index > 0);
            allocs.put(alloc, Some(NodeId(alloc.index)));
        }
        let mut inside: Vec<(AllocRef, PodRef)> = Vec::new();
        for (number, (cpu, memory, ends)) in tasks.into_iter().enumerate() {
            let limit = Resources { pods: 1, ..amounts(cpu, memory) };
            let pod = pod(number as u32).task().expect("a task");
            if let Some((alloc, node)) = allocs.find(0, &limit, &unbarred) {
                prop_assert_eq!(node.0, alloc.index);
                allocs.enter(alloc, pod, &limit);
                inside.push((alloc, pod));
            }
            if ends && !inside.is_empty() {
                let (alloc, pod) = inside.remove(number % inside.len());
                allocs.leave(alloc, pod);
            }
            for alloc in allocs.all() {
                prop_assert!(Resources::default().fits_in(allocs.free(alloc)));
                let own = inside.iter().filter(|own| own.0 == alloc).count();
                prop_assert_eq!(allocs.tasks(alloc).len(), own);
                prop_assert_eq!(allocs.free(alloc).pods, 4 - own as i64);
            }
        }
    }
}
