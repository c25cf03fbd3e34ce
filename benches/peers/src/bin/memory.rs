//! Memory per node and per live pod, by the highest resident size of processes of their own, as a
//! Markdown table.
//!
//! usage: memory

#[path = "../../../synthetic/mod.rs"]
mod synthetic;

use std::process::Command;

use synthetic::{Nobody, Synthetic};

const HOSTS: u32 = 10_000;
/// Pods of one core that live at once: four fifths of the hosts' cores.
const LIVING: u32 = HOSTS * 32 * 4 / 5;

/// The highest resident size of this process, in KiB.
fn highest() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What a process takes that makes such a run, in KiB.
fn taken(hosts: u32, pods: u32) -> u64 {
    let program = std::env::current_exe().expect("a program that runs");
    let told = Command::new(program)
        .args([hosts.to_string(), pods.to_string()])
        .output()
        .expect("a program that starts again");
    let text = String::from_utf8_lossy(&told.stdout);
    text.trim().parse().expect("a size in KiB")
}

fn main() {
    let numbers: Vec<u32> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    if let [hosts, pods] = numbers[..] {
        let run = Synthetic {
            hosts,
            classes: 1,
            pods,
            percent: 80,
        };
        run.run("first-fit", &mut Nobody);
        println!("{}", highest().expect("a system that tells sizes"));
        return;
    }
    let (least, nodes) = (taken(1, 1), taken(HOSTS, 1));
    let (twice, fourfold) = (taken(HOSTS, 2 * LIVING), taken(HOSTS, 4 * LIVING));
    let bytes = |kibibytes: u64, count: u32| kibibytes * 1_024 / u64::from(count);
    println!("| memory | bytes | to reach |");
    println!("|---|---:|---:|");
    println!("| per node | {} | 1024 |", bytes(nodes - least, HOSTS));
    println!("| per live pod | {} | 64 |", bytes(twice - nodes, LIVING));
    let longer = fourfold.saturating_sub(twice);
    println!(
        "| per pod of a trace twice as long | {} | 0 |",
        bytes(longer, 2 * LIVING)
    );
}
