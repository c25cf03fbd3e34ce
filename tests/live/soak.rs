//! Fault 36: random faults for a while. The seed is printed; `WT_SEED` gives it again, `WT_SOAK_SECONDS`
//! makes the soak longer. Each draw is printed with its instant, so that a failure can be read.

use std::fmt::Write as _;

use live::runtime::{AttemptId, Identity, clock};

use crate::audit::audit;
use crate::cluster::{Cluster, Shape, Web};
use crate::hosts::Host;
use crate::table::Test;
use crate::wait::{identity, kill, millis, seconds, wait_calmly, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "36",
        name: "random faults of a runtime",
        needs: &["pidfd"],
        run: soak,
    },
    Test {
        fault: "36",
        name: "random faults of server, agents, processes and network",
        needs: &[
            "pidfd",
            "root",
            "ip",
            "nsenter",
            "netns",
            "veth",
            "bridge-device",
        ],
        run: soak_cluster,
    },
];

/// Hosts of the cluster.
const HOSTS: u8 = 3;

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

/// Draws until the time is over, with what was drawn.
struct Drawing {
    draws: Draws,
    history: String,
    start_ns: i64,
    end_ns: i64,
}

impl Drawing {
    fn new() -> Self {
        let seed = number("WT_SEED").unwrap_or_else(|| clock::wall_ns().unsigned_abs() % 1_000_000);
        let time_s = number("WT_SOAK_SECONDS").unwrap_or(SECONDS);
        let start_ns = clock::boot_ns();
        let time_ns = i64::try_from(seconds(time_s).as_nanos()).expect("a short time");
        Self {
            draws: Draws(seed),
            history: format!("seed {seed}"),
            start_ns,
            end_ns: start_ns + time_ns,
        }
    }

    fn is_over(&self) -> bool {
        clock::boot_ns() >= self.end_ns
    }

    fn note(&mut self, what: &str) {
        let at_ms = (clock::boot_ns() - self.start_ns) / 1_000_000;
        let _ = write!(self.history, "\n{at_ms} ms: {what}");
    }

    /// Ends the draws; what they were is printed if the rest fails.
    fn end(self, rest: impl FnOnce()) {
        let mut lines = self.history.lines();
        let seed = lines.next().unwrap_or_default().to_owned();
        println!("     {} draws, {seed}", lines.count());
        if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(rest)) {
            println!("{}", self.history);
            std::panic::resume_unwind(panic);
        }
    }
}

/// Everything that a cluster is made of is struck: the control server and agents are killed, processes
/// too, hosts are cut off and return, and users ask for other numbers of pods meanwhile.
fn soak_cluster() {
    let mut cluster = Cluster::new(Shape {
        name: "soak",
        node_count: HOSTS,
        pace: 20,
        is_networked: true,
    });
    cluster.apply(Web::of(6));
    cluster.agrees(6);
    let mut drawing = Drawing::new();
    let mut is_cut = [false; HOSTS as usize];
    while !drawing.is_over() {
        let place = drawing.draws.below(is_cut.len());
        let node = u8::try_from(place).expect("a few hosts");
        match drawing.draws.below(6) {
            0 => {
                drawing.note("the control server is killed");
                cluster.kill_control();
                cluster.spawn_control();
            }
            1 => {
                drawing.note(&format!("the agent of n{node} is killed"));
                cluster.kill_agent(node);
                cluster.start_agent(node);
            }
            2 => {
                let processes = cluster.processes();
                if !processes.is_empty() {
                    let victim = &processes[drawing.draws.below(processes.len())];
                    drawing.note(&format!("a process of n{} is killed", victim.node));
                    // It may have ended by itself meanwhile.
                    if let Ok(Some(victim)) = Identity::of(victim.pid) {
                        kill(&victim);
                    }
                }
            }
            3 | 4 => {
                is_cut[place] = !is_cut[place];
                drawing.note(&format!("n{node} is cut off: {}", is_cut[place]));
                set_cut(&cluster, node, is_cut[place]);
            }
            _ => {
                let replicas = 4 + u32::try_from(drawing.draws.below(5)).expect("a few pods");
                // Without a control server there is no answer.
                let answer = cluster.try_apply(Web::of(replicas));
                drawing.note(&format!(
                    "{replicas} pods are asked for: {}",
                    answer.is_ok()
                ));
            }
        }
        std::thread::sleep(millis(drawing.draws.below(300) as u64));
    }
    drawing.end(move || {
        for node in 0..HOSTS {
            set_cut(&cluster, node, false);
        }
        cluster.await_control();
        cluster.await_nodes();
        wait_calmly("the deployment is applied", seconds(9), || {
            cluster.try_apply(Web::of(6)).err()
        });
        cluster.agrees(6);
        cluster.audit();
    });
}

/// Cuts a host off, or joins it again.
fn set_cut(cluster: &Cluster, node: u8, is_cut: bool) {
    let setting: &[&str] = if is_cut {
        &["nomaster"]
    } else {
        &["master", "br0"]
    };
    cluster.network().set_port(Cluster::number(node), setting);
}

fn soak() {
    let mut host = Host::started();
    let mut pods: Pods = [const { None }; PODS];
    let mut drawing = Drawing::new();
    while !drawing.is_over() {
        let pod = drawing.draws.below(PODS);
        let fault = drawing.draws.below(8);
        let pause = millis(drawing.draws.below(120) as u64);
        drawing.note(&format!("{fault} of pod {pod}"));
        let draws = &mut drawing.draws;
        strike(&mut host, &mut pods, Strike { pod, fault }, draws);
        std::thread::sleep(pause);
    }
    drawing.end(|| {
        for attempt in pods.iter().flatten() {
            host.stop(attempt, millis(100));
        }
        wait_until("all attempts end", seconds(6), || {
            pods.iter().flatten().all(|attempt| is_over(&host, attempt))
        });
        audit(&host);
    });
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
