//! Properties: the fast form chooses as the plain one, no machine gives more than its rule allows, victims
//! make room.

use std::sync::Arc;

use model::{Node, PodRef, PodSpec, Tier};
use policy::borg::Rule;
use policy::preemption::borg_preemption::may_preempt;
use proptest::prelude::*;
use rng::Stream;
use scheduler::pipeline::evaluate::Form;
use units::{ClassId, NodeId, PodId, PodSlot, Resources};

use super::cell::{Cell, Demand, Machine};

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

fn pod(number: u32) -> PodRef {
    PodRef {
        id: PodId(number),
        slot: PodSlot(number),
    }
}

/// A class of tasks; the number of the class follows from what it asks for.
fn demand(priority: i32, cpu_milli: i64, memory_bytes: i64) -> Demand {
    Demand {
        class: ClassId(priority as u32 * 10_000 + cpu_milli as u32 * 100 + memory_bytes as u32),
        spec: Arc::new(PodSpec {
            priority,
            ..PodSpec::default()
        }),
        limit: amounts(cpu_milli, memory_bytes),
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
    ) {
        let mut random = Stream::new(1, "test", 0);
        let mut cells = [Form::Plain, Form::Incremental].map(|form| Cell::new(rule, form, None));
        for &(cpu, memory) in &machines {
            for cell in &mut cells {
                cell.join(machine(cpu, memory));
            }
        }
        let mut running: Vec<(PodRef, NodeId)> = Vec::new();
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
                        let priority = held.filter(|held| held.pod == *victim).map(|own| own.priority);
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
