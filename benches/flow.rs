//! Rounds of the cheapest flow: 1,000 nodes in 40 racks and 10,000 tasks, of which in each round some
//! end and as many arrive; how long a round takes, under Octopus and Quincy, with free slots and with
//! none, where tasks keep their nodes and where they may lose them. Prints a Markdown table. The variable `FLOW_TASKS` says how many tasks change in a round.

use std::io::Write as _;
use std::time::Duration;

use windtunnel::policy::cost_model::{CostOptions, cost_model};
use windtunnel::rng::Stream;
use windtunnel::scheduler::flow::graph::Graph;
use windtunnel::scheduler::flow::{Block, TaskFacts};
use windtunnel::units::{ClassId, Duration as Span, Instant, NodeId};

const NODES: u32 = 1_000;
const RACKS: u32 = 40;
const TASKS: u64 = 10_000;
const ROUNDS: u64 = 50;
const CLASS: ClassId = ClassId(0);

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark's size is said outside of it"
)]
fn changed() -> u64 {
    let said = std::env::var("FLOW_TASKS").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(250)
}

/// A task with four blocks of input, three copies each.
fn task(stream: &mut Stream, now: Instant) -> TaskFacts {
    let mut block = |_| Block {
        bytes: 1_000_000_000 + stream.below(1_000_000_000) as i64,
        nodes: (0..3)
            .map(|_| NodeId(stream.below(u64::from(NODES)) as u32))
            .collect(),
    };
    TaskFacts {
        submitted: now,
        requested: Span::from_secs(60),
        ran: Span::ZERO,
        input: (0..4).map(&mut block).collect(),
    }
}

/// A network of nodes and of the tasks on them.
struct Cluster {
    graph: Graph,
    stream: Stream,
    next: u64,
    running: Vec<u64>,
    /// How often tasks lost their nodes.
    lost: u64,
}

impl Cluster {
    /// Adds tasks, places what can be placed, and returns how long that took.
    #[expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
    fn round(&mut self, arrivals: u64, ends: u64, second: i64) -> Duration {
        let now = Instant::from_secs(second);
        // Tasks came ten minutes ago, so that every place is cheaper than waiting.
        let submitted = Instant::from_secs(second - 600);
        let fresh: Vec<TaskFacts> = (0..arrivals)
            .map(|_| task(&mut self.stream, submitted))
            .collect();
        let begin = std::time::Instant::now();
        for _ in 0..ends {
            let index = self.stream.below(self.running.len() as u64) as usize;
            self.graph.remove_task(self.running.swap_remove(index));
        }
        for facts in fresh {
            self.graph.add_task(self.next, CLASS, facts, now);
            self.next += 1;
        }
        let found = self.graph.solve(now).expect("a way for every task");
        for number in self.graph.preempted() {
            self.take_off(number, now);
            let place = self.running.iter().position(|&own| own == number);
            self.running.swap_remove(place.expect("a task that ran"));
            self.lost += 1;
        }
        for (number, node) in found {
            if self.graph.may_lose(number).is_some() {
                self.take_off(number, now);
                self.lost += 1;
            } else {
                self.running.push(number);
            }
            self.graph.put(number, node, now);
        }
        begin.elapsed()
    }

    fn take_off(&mut self, number: u64, now: Instant) {
        let facts = self.graph.facts_at(number, now).expect("a task");
        self.graph.remove_task(number);
        self.graph.add_task(number, CLASS, facts, now);
    }
}

fn main() {
    let mut out = std::io::stdout().lock();
    let changed = changed();
    let _ = writeln!(
        out,
        "| cost model | slots | tasks | first round | mean round | longest round | losses |"
    );
    let _ = writeln!(out, "|---|---:|---|---:|---:|---:|---:|");
    for (model, preempts) in [
        ("octopus", false),
        ("quincy", false),
        ("octopus", true),
        ("quincy", true),
    ] {
        for slots in [12, 10] {
            let entry = cost_model(model).expect("a cost model");
            let model_of = (entry.build)(&CostOptions::default());
            let mut graph = Graph::new(model_of).with_preemption(preempts);
            graph.open_class(CLASS);
            for index in 0..NODES {
                let node = NodeId(index);
                graph.set_machine(node, index % RACKS, slots);
                graph.set_room(CLASS, node, slots);
            }
            let mut cluster = Cluster {
                graph,
                stream: Stream::new(1, "bench", 0),
                next: 0,
                running: Vec::new(),
                lost: 0,
            };
            // Slots for 10,000 tasks exactly, or for more; with none free, tasks wait, too.
            let waiting = if slots == 10 { changed } else { 0 };
            let first = cluster.round(TASKS + waiting, 0, 1_000);
            let rounds = (0..ROUNDS).map(|round| {
                let second = 1_001 + round as i64;
                cluster.round(changed, changed, second)
            });
            let rounds: Vec<Duration> = rounds.collect();
            let mean = rounds.iter().sum::<Duration>() / ROUNDS as u32;
            let longest = rounds.iter().max().copied().unwrap_or_default();
            let end = Instant::from_secs(1_000 + ROUNDS as i64);
            cluster.graph.solve(end).expect("a way for every task");
            cluster.graph.cost().expect("the cheapest flow");
            let _ = writeln!(
                out,
                "| {model} | {slots} | {} | {:.1} ms | {:.2} ms | {:.2} ms | {} |",
                if preempts {
                    "may lose nodes"
                } else {
                    "keep nodes"
                },
                first.as_secs_f64() * 1e3,
                mean.as_secs_f64() * 1e3,
                longest.as_secs_f64() * 1e3,
                cluster.lost,
            );
        }
    }
}
