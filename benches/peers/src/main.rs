//! The same work through windtunnel and through published simulators, side by side in one run:
//! events per second of CPU time, and how many times as fast windtunnel is. Programs take turns,
//! round by round, and the median of the rounds counts. Prints a Markdown table.
//!
//! usage: peers [PYTHON]
//!
//! PYTHON is an interpreter that has SimPy; without it SimPy is left out.

mod first_fit;
mod nexosim_processes;
#[path = "../../engine/processes.rs"]
mod processes;
mod simcore_processes;

use std::process::Command;
use std::time::Instant;

use processes::Processes;

/// Rounds that programs take turns in.
const ROUNDS: usize = 5;

/// A contestant: its name, how many times as fast windtunnel is to be, and its events per second.
struct Contestant<'a> {
    name: &'static str,
    target: Option<f64>,
    rate: Box<dyn FnMut() -> Option<f64> + 'a>,
}

/// CPU time of this thread in seconds; where the system does not tell, time that passed.
fn seconds(since: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanos.map_or_else(|| since.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}

/// Events per second of a job that says how many events it made.
fn rate(job: impl FnOnce() -> u64) -> Option<f64> {
    let origin = Instant::now();
    let begun = seconds(origin);
    let events = job();
    Some(events as f64 / (seconds(origin) - begun))
}

fn contestant<'a>(
    name: &'static str,
    target: Option<f64>,
    rate: impl FnMut() -> Option<f64> + 'a,
) -> Contestant<'a> {
    let rate = Box::new(rate);
    Contestant { name, target, rate }
}

/// Events per second as a SimPy script tells them.
fn simpy(python: Option<&str>, processes: u32, events: u64) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/simpy_processes.py");
    let told = Command::new(python?)
        .args([script, &processes.to_string(), &events.to_string()])
        .output()
        .ok()?;
    String::from_utf8(told.stdout).ok()?.trim().parse().ok()
}

fn simcore(simulation: &mut simcore::Simulation, events: u64) -> Option<f64> {
    rate(|| {
        simulation.steps(events);
        events
    })
}

/// A step of `NeXosim` is an instant; with random delays of nanoseconds that is one event.
fn nexosim(simulation: &mut nexosim::simulation::Simulation, events: u64) -> Option<f64> {
    rate(|| {
        for _ in 0..events {
            simulation.step().expect("a simulation that goes on");
        }
        events
    })
}

/// Lets contestants take turns and prints a row for each; the first is windtunnel.
fn compare(work: &str, mut contestants: Vec<Contestant<'_>>) {
    let mut rates = vec![Vec::new(); contestants.len()];
    for _ in 0..ROUNDS {
        for (contestant, rates) in contestants.iter_mut().zip(&mut rates) {
            rates.extend((contestant.rate)());
        }
    }
    let medians: Vec<Option<f64>> = rates
        .iter_mut()
        .map(|rates| {
            rates.sort_by(f64::total_cmp);
            rates.get(rates.len() / 2).copied()
        })
        .collect();
    for (contestant, median) in contestants.iter().zip(&medians) {
        let name = contestant.name;
        let target = contestant
            .target
            .map_or(String::new(), |target| format!("{target} ×"));
        match (median, medians[0]) {
            (Some(rate), Some(own)) => {
                let ratio = own / rate;
                println!(
                    "| {work} | {name} | {} | {ratio:.1} × | {target} |",
                    count(*rate)
                );
            }
            _ => println!("| {work} | {name} | not measured | | {target} |"),
        }
    }
}

/// A rate in thousands or millions.
fn count(rate: f64) -> String {
    if rate >= 1e6 {
        format!("{:.2} M", rate / 1e6)
    } else {
        format!("{:.1} k", rate / 1e3)
    }
}

fn main() {
    let python = std::env::args().nth(1);
    let python = python.as_deref();
    println!("| work | program | per second | windtunnel is | to reach |");
    println!("|---|---|---:|---:|---:|");
    let mut own = Processes::ping_pong();
    let mut with_simcore = simcore_processes::ping_pong();
    let mut with_nexosim = nexosim_processes::ping_pong();
    compare(
        "2 processes, ping-pong",
        vec![
            contestant("windtunnel", None, || rate(|| own.run(10_000_000))),
            contestant("simcore", Some(1.2), || {
                simcore(&mut with_simcore, 3_000_000)
            }),
            contestant("nexosim", Some(4.0), || nexosim(&mut with_nexosim, 500_000)),
            contestant("SimPy", Some(10.0), || simpy(python, 2, 500_000)),
        ],
    );
    for processes in [1_000, 10_000] {
        let far = processes == 10_000;
        let mut own = Processes::waiting(processes);
        let mut with_simcore = simcore_processes::waiting(processes);
        let mut with_nexosim = nexosim_processes::waiting(processes);
        compare(
            &format!("{processes} processes, random delays"),
            vec![
                contestant("windtunnel", None, || rate(|| own.run(5_000_000))),
                contestant("simcore", far.then_some(2.5), || {
                    simcore(&mut with_simcore, 1_000_000)
                }),
                contestant("nexosim", far.then_some(20.0), || {
                    nexosim(&mut with_nexosim, 200_000)
                }),
                contestant("SimPy", (!far).then_some(15.0), || {
                    simpy(python, processes, 500_000)
                }),
            ],
        );
    }
    // DSLab's IaaS simulator is in no registry; these are its rates as measured on a quiet machine
    // with two cores of the same kind.
    for (hosts, published) in [(5_000, 6_600.0), (10_000, 5_300.0)] {
        compare(
            &format!("first fit on {hosts} hosts"),
            vec![
                contestant("windtunnel", None, || first_fit::rate(hosts)),
                contestant("DSLab IaaS, measured before", Some(100.0), || {
                    Some(published)
                }),
            ],
        );
    }
}
