//! One run, with all metrics or none, for a program that counts instructions: what measuring costs
//! does not depend then on what else the machine does. `benches/README.md` says how to count.

#[path = "support/mod.rs"]
mod support;
#[path = "synthetic/mod.rs"]
mod synthetic;

use std::io::Write as _;
use std::sync::atomic::AtomicBool;

use support::{bundled, experiment};
use synthetic::{Nobody, Synthetic};
use windtunnel::lab::run::{Tables, prepare, run, run_unmeasured};
use windtunnel::metrics::{Recorder, Setup};
use windtunnel::scenario::Experiment;
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::sim::{End, RunControl};
use windtunnel::world::FileSource;

/// What is counted: everything below this function.
#[inline(never)]
fn counted<T>(what: impl FnOnce() -> T) -> T {
    what()
}

fn run_of(experiment: &Experiment, variant: &str, is_measured: bool) -> End {
    let files = FileSource {
        files: &experiment.files,
    };
    let mut variants = experiment.variants.iter();
    let plan = variants.find(|plan| plan.name == variant);
    let scenario = &plan.expect("a variant of the project").scenario;
    let prepared = prepare(scenario, &files).expect("input of the project");
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    let form = Form::Incremental;
    let end = counted(|| {
        if is_measured {
            let tables = Tables::default();
            run(scenario, prepared, form, tables, &mut control).map(|run| run.end)
        } else {
            run_unmeasured(scenario, prepared, form, &mut control)
        }
    });
    end.expect("a run that ends")
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
