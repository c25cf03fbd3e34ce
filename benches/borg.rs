//! Borg's scoring: 10,000 machines, half of whose room is taken, and jobs of ten tasks of 200 classes; how
//! many tasks a second are placed, while as many end, under each score, with all machines and with ten
//! candidates.
//! Prints a Markdown table. The variable `BORG_MACHINES` says how many machines there are.

use std::io::Write as _;
use std::sync::Arc;

use windtunnel::model::{Node, PodRef, PodSpec};
use windtunnel::policy::borg::Rule;
use windtunnel::rng::Stream;
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::systems::borg::cell::Cell;
use windtunnel::systems::borg::machine::{Demand, Holder, Machine};
use windtunnel::units::{ClassId, NodeId, PodId, PodSlot, Resources};

const CLASSES: u32 = 200;
const TASKS: u32 = 300_000;
/// Tasks of a job, which are equal and come together.
const TOGETHER: u32 = 10;

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark's size is said outside of it"
)]
fn machines() -> u64 {
    let said = std::env::var("BORG_MACHINES").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

fn amounts(cpu_milli: i64, memory_bytes: i64) -> Resources {
    Resources {
        cpu_milli,
        memory_bytes,
        ..Resources::default()
    }
}

fn demands(stream: &mut Stream) -> Vec<Demand> {
    let mut demand = |class: u32| Demand {
        class: ClassId(class),
        spec: Arc::new(PodSpec {
            priority: if class.is_multiple_of(3) { 200 } else { 110 },
            ..PodSpec::default()
        }),
        limit: amounts(
            250 * (1 + stream.below(16) as i64),
            (1 + stream.below(16) as i64) << 29,
        ),
        set: None,
        job: None,
    };
    (0..CLASSES).map(&mut demand).collect()
}

/// Tasks placed a second.
#[expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
fn placed_a_second(rule: Rule, candidates: Option<u32>) -> f64 {
    let mut stream = Stream::new(1, "bench", 0);
    let mut cell = Cell::new(rule, Form::Incremental, candidates);
    for _ in 0..machines() {
        let cores = 16 << stream.below(2);
        let node = Arc::new(Node::default());
        cell.join(Machine::new(node, amounts(1_000 * cores, cores << 32)));
    }
    let demands = demands(&mut stream);
    let mut running: Vec<(Holder, NodeId)> = Vec::new();
    // Half of the room: five tasks of 2 cores a machine of 24.
    let full = 5 * machines() as u32;
    let mut class = 0;
    let mut begin = std::time::Instant::now();
    for number in 0..full + TASKS {
        if number == full {
            begin = std::time::Instant::now();
        }
        if number.is_multiple_of(TOGETHER) {
            class = stream.below(u64::from(CLASSES)) as usize;
        }
        let demand = &demands[class];
        let Some(node) = cell.select(demand, &mut stream) else {
            continue;
        };
        let pod = Holder::Task(PodRef {
            id: PodId(number),
            slot: PodSlot(number),
        });
        cell.add(node, pod, demand);
        running.push((pod, node));
        if number >= full {
            let index = stream.below(running.len() as u64) as usize;
            let (pod, node) = running.swap_remove(index);
            cell.remove(node, pod);
        }
    }
    f64::from(TASKS) / begin.elapsed().as_secs_f64()
}

fn main() {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "| score | all machines | ten candidates |");
    let _ = writeln!(out, "|---|---:|---:|");
    for (name, rule) in [
        ("stranded", Rule::Stranded),
        ("best-fit", Rule::BestFit),
        ("worst-fit", Rule::WorstFit),
        ("epvm", Rule::Epvm { base: 10.0 }),
    ] {
        let (all, ten) = (placed_a_second(rule, None), placed_a_second(rule, Some(10)));
        let _ = writeln!(out, "| {name} | {all:.0}/s | {ten:.0}/s |");
    }
}
