//! One run, with all metrics or none, for a program that counts instructions: what measuring costs
//! does not depend then on what else the machine does. `benches/README.md` says how to count.

#[path = "support/mod.rs"]
mod support;
#[path = "synthetic/mod.rs"]
mod synthetic;

use std::io::Write as _;

use support::{bundled, ended, experiment, prepared};
use synthetic::{Nobody, Synthetic};
use windtunnel::metrics::{Recorder, Setup};
use windtunnel::scenario::Experiment;
use windtunnel::sim::End;

/// What is counted: everything below this function.
#[inline(never)]
fn counted<T>(what: impl FnOnce() -> T) -> T {
    what()
}

fn run_of(experiment: &Experiment, variant: &str, is_measured: bool) -> End {
    let mut variants = experiment.variants.iter();
    let plan = variants.find(|plan| plan.name == variant);
    let scenario = &plan.expect("a variant of the project").scenario;
    prepared(experiment, scenario, |input, control| {
        counted(|| ended(scenario, input, is_measured, control))
    })
}

fn synthetic(is_measured: bool) -> End {
    let run = Synthetic {
        hosts: 10_000,
        classes: 4,
        pods: 100_000,
        percent: 80,
    };
    if is_measured {
        let mut recorder = Recorder::new(&Setup::default());
        counted(|| run.run("first-fit", &mut recorder))
    } else {
        counted(|| run.run("first-fit", &mut Nobody))
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    let done = match words[..] {
        [what, how @ ("none" | "all"), ..] => {
            let is_measured = how == "all";
            let end = match what {
                "fill-up" => run_of(&bundled(), "best-fit", is_measured),
                "job-log" => {
                    let queues = experiment("job-queues.yaml", &[]);
                    run_of(&queues, "fcfs-backfill", is_measured)
                }
                _ => synthetic(is_measured),
            };
            format!("{} changes, digest {}", end.changes, end.digest)
        }
        // Cargo asks every benchmark for all it has.
        _ => return,
    };
    let _ = writeln!(out, "{done}");
}
