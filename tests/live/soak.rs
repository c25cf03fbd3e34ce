//! Fault 36: random faults for a while. The seed is printed; `WT_SEED` gives it again, `WT_SOAK_SECONDS`
//! makes the soak longer. Each draw is printed with its instant, so that a failure can be read.

use std::fmt::Write as _;

use live::runtime::{AttemptId, clock};

use crate::audit::audit;
use crate::hosts::Host;
use crate::table::Test;
use crate::wait::{identity, kill, millis, seconds, wait_until};

pub(crate) const TESTS: &[Test] = &[Test {
    fault: "36",
    name: "random faults",
    needs: &["pidfd"],
    run: soak,
}];

/// Time of a soak unless `WT_SOAK_SECONDS` says otherwise.
const SECONDS: u64 = 5;
const PODS: usize = 6;
const WORKLOADS: [&str; 6] = [
    "sleep 60000",
    "exit 3 150",
    "hide there",
    "ignore-term",
    "spam 10485760",
    "exit 0 0",
];

/// Numbers that look random and follow from a seed (splitmix64).
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below the bound")
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Latest attempt of each pod.
type Pods = [Option<AttemptId>; PODS];

fn soak() {
    let seed = number("WT_SEED").unwrap_or_else(|| clock::wall_ns().unsigned_abs() % 1_000_000);
    let time = seconds(number("WT_SOAK_SECONDS").unwrap_or(SECONDS));
    let mut draws = Draws(seed);
    let mut host = Host::started();
    let mut pods: Pods = [const { None }; PODS];
    let mut history = format!("seed {seed}");
    let start_ns = clock::boot_ns();
    let now_ms = || (clock::boot_ns() - start_ns) / 1_000_000;
    let end_ms = i64::try_from(time.as_millis()).expect("a short time");
    while now_ms() < end_ms {
        let pod = draws.below(PODS);
        let fault = draws.below(8);
        let pause = millis(draws.below(120) as u64);
        let _ = write!(history, "\n{} ms: {fault} of pod {pod}", now_ms());
        strike(&mut host, &mut pods, Strike { pod, fault }, &mut draws);
        std::thread::sleep(pause);
    }
    println!("     {} draws, seed {seed}", history.lines().count() - 1);
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for attempt in pods.iter().flatten() {
            host.stop(attempt, millis(100));
        }
        wait_until("all attempts end", seconds(6), || {
            pods.iter().flatten().all(|attempt| is_over(&host, attempt))
        });
        audit(&host);
    }));
    if let Err(panic) = ended {
        println!("{history}");
        std::panic::resume_unwind(panic);
    }
}

/// Draw of a fault.
#[derive(Clone, Copy)]
struct Strike {
    pod: usize,
    fault: usize,
}

fn strike(host: &mut Host, pods: &mut Pods, strike: Strike, draws: &mut Draws) {
    let pod = &mut pods[strike.pod];
    match (strike.fault, &pod) {
        (0, _) => {
            host.kill_agent();
            host.start_agent();
        }
        (1, Some(attempt)) => kill_listed(host, attempt, "shim"),
        (2, Some(attempt)) => kill_listed(host, attempt, "workload"),
        (3, Some(attempt)) => host.stop(attempt, millis(draws.below(200) as u64)),
        (_, current) => {
            let next = match current {
                Some(attempt) if !is_over(host, attempt) => return,
                Some(attempt) => attempt.number() + 1,
                None => 0,
            };
            let workload = WORKLOADS[draws.below(WORKLOADS.len())];
            let order = host.attempt(&format!("pod-{}", strike.pod), next, workload);
            *pod = Some(host.start(&order));
        }
    }
}

/// Returns whether the end of an attempt was reported and acknowledged.
fn is_over(host: &Host, attempt: &AttemptId) -> bool {
    !host.reports(attempt, "ended").is_empty() && !host.state(attempt).exists()
}

/// Kills the shim or the workload of an attempt, if it is listed and lives.
fn kill_listed(host: &Host, attempt: &AttemptId, which: &str) {
    let listed = host.listed(attempt);
    let pid = listed.and_then(|listed| u32::try_from(listed[which].as_u64()?).ok());
    // Those of the list lived a moment ago; another process with the id bears another mark.
    let is_own = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mark = attempt.to_string();
        environment
            .windows(mark.len())
            .any(|window| window == mark.as_bytes())
    };
    if let Some(pid) = pid.filter(is_own) {
        kill(&identity(pid));
    }
}
