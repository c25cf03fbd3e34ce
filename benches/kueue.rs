//! Kueue alone, without the rest of a cluster: cycles over 1,000 cluster queues in ten cohorts with 50,000
//! workloads, in the shape of Kueue's own performance test, and places for workloads in a topology of
//! 5,000 nodes. Prints a Markdown table. The variables `KUEUE_WORKLOADS` and `KUEUE_NODES` set the
//! sizes.

use std::io::Write as _;
use std::time::Duration;

use windtunnel::kueue::run::{Controller, Stage};
use windtunnel::kueue::{Settings, Snapshot};
use windtunnel::model::queueing::{
    ClusterQueue, FlavorFungibility, FlavorQuotas, PodSet, PreemptionPolicy, QueuePreemption,
    QueueQuota, QueuedWorkload, QueueingObjects, QueueingStrategy, ResourceFlavor, ResourceGroup,
    StopPolicy, Topology, TopologyConstraint, TopologyRequest,
};
use windtunnel::model::{LabelSelector, Node, PodSpec, ResourceList};
use windtunnel::units::{Instant, Quantity, SortedMap};

const QUEUES: usize = 1_000;
const COHORTS: usize = 10;
/// Kinds of workloads of a queue: processors, priority and how many of fifty.
const KINDS: [(i64, i32, usize); 3] = [(1, 50, 35), (5, 100, 10), (20, 200, 5)];

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark's size is said outside of it"
)]
fn size(variable: &str, default: usize) -> usize {
    let said = std::env::var(variable).ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs something, and returns how long it took.
#[expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let begin = std::time::Instant::now();
    (what(), begin.elapsed())
}

fn queue(name: &str, cohort: Option<&str>, resource: &str, nominal: i64) -> ClusterQueue {
    ClusterQueue {
        name: name.into(),
        cohort: cohort.map(Into::into),
        strategy: QueueingStrategy::BestEffortFifo,
        namespaces: Some(LabelSelector::default()),
        groups: vec![ResourceGroup {
            covered: vec![resource.into()],
            flavors: vec![FlavorQuotas {
                flavor: "f".into(),
                resources: vec![QueueQuota {
                    resource: resource.into(),
                    nominal: Quantity::from_units(nominal),
                    borrowing_limit: cohort.map(|_| Quantity::from_units(100)),
                    lending_limit: None,
                }],
            }],
        }],
        fungibility: FlavorFungibility::default(),
        preemption: QueuePreemption {
            within_queue: PreemptionPolicy::LowerPriority,
            reclaim: PreemptionPolicy::Any,
            borrowing: None,
        },
        checks: Vec::new(),
        stop: StopPolicy::None,
        weight: Quantity::from_units(1),
    }
}

fn workload(number: usize, queue: &str, requests: &ResourceList, pods: i64) -> QueuedWorkload {
    QueuedWorkload {
        namespace: "default".into(),
        name: format!("w{number}").into(),
        uid: format!("u{number:06}").into(),
        queue: queue.into(),
        priority: 0,
        created: Instant::from_secs(number as i64),
        active: true,
        pod_sets: vec![PodSet {
            name: "main".into(),
            count: pods,
            min_count: None,
            spec: PodSpec::with_requests(requests.clone()).into(),
            topology: None,
        }],
        max_execution: None,
        admission: None,
        conditions: Vec::new(),
        reclaimable: SortedMap::default(),
    }
}

/// Everything is submitted at once; after each cycle that admits something, all that runs ends.
fn large_scale(out: &mut impl std::io::Write, workloads: usize) {
    let queues = (0..QUEUES).map(|number| {
        let cohort = format!("c{}", number % COHORTS);
        queue(&format!("q{number}"), Some(&cohort), "cpu", 20)
    });
    let objects = QueueingObjects {
        flavors: vec![ResourceFlavor {
            name: "f".into(),
            ..ResourceFlavor::default()
        }],
        queues: queues.collect(),
        ..QueueingObjects::default()
    };
    let snapshot = Snapshot::new(Settings::default(), &objects);
    let mut controller = Controller::new(snapshot, None, Instant::ZERO);
    for number in 0..QUEUES {
        controller.add_local_queue("default", &format!("l{number}"), &format!("q{number}"));
    }
    let kinds = KINDS
        .iter()
        .flat_map(|kind| std::iter::repeat_n(kind, kind.2));
    let kinds: Vec<_> = kinds.collect();
    let (mut decisions, mut cycles) = (0, 0);
    let ((), took) = timed(|| {
        for number in 0..workloads {
            let (cores, priority, _) = kinds[number / QUEUES % kinds.len()];
            let requests = ResourceList::from_pairs([("cpu", Quantity::from_units(*cores))]);
            let queue = format!("l{}", number % QUEUES);
            let own = QueuedWorkload {
                priority: *priority,
                ..workload(number, &queue, &requests, 1)
            };
            controller.submit(own).expect("small amounts");
        }
        let mut ended = 0;
        let mut second = 0;
        while ended < workloads {
            while let Some(cycle) = controller.cycle() {
                decisions += cycle.processed;
                cycles += 1;
                if !cycle.has_changed {
                    break;
                }
            }
            let admitted = controller
                .states()
                .filter(|own| own.stage == Stage::Admitted);
            let names: Vec<_> = admitted.map(|own| own.workload.name.clone()).collect();
            ended += names.len();
            for name in names {
                controller.finish_workload("default", &name);
            }
            second += 1;
            controller.advance(Instant::from_secs(second));
        }
    });
    let rate = decisions as f64 / took.as_secs_f64();
    let _ = writeln!(
        out,
        "| {workloads} workloads, {QUEUES} cluster queues | {decisions} decisions in {cycles} cycles | {:.2} s | {rate:.0}/s |",
        took.as_secs_f64()
    );
}

/// One workload after the other takes its places, until the nodes are full.
fn topology(out: &mut impl std::io::Write, nodes: usize) {
    let objects = QueueingObjects {
        flavors: vec![ResourceFlavor {
            name: "f".into(),
            topology: Some("t".into()),
            ..ResourceFlavor::default()
        }],
        queues: vec![queue("q", None, "gpu", 8 * nodes as i64)],
        topologies: vec![Topology {
            name: "t".into(),
            levels: ["block", "rack", "kubernetes.io/hostname"]
                .map(Into::into)
                .to_vec(),
        }],
        ..QueueingObjects::default()
    };
    let mut snapshot = Snapshot::new(Settings::default(), &objects);
    for number in 0..nodes {
        let mut node = Node {
            name: format!("n{number:04}").into(),
            allocatable: ResourceList::from_pairs([
                ("gpu", Quantity::from_units(8)),
                ("pods", Quantity::from_units(110)),
            ]),
            ..Node::default()
        };
        let labels = [
            ("block", format!("b{}", number / 100)),
            ("rack", format!("r{}", number / 10)),
            ("kubernetes.io/hostname", node.name.to_string()),
        ];
        for (key, value) in labels {
            node.labels.insert(key.into(), value.into());
        }
        snapshot.add_node(&node).expect("small amounts");
    }
    let mut controller = Controller::new(snapshot, None, Instant::ZERO);
    controller.add_local_queue("default", "l", "q");
    let requests = ResourceList::from_pairs([("gpu", Quantity::from_units(4))]);
    let (mut placed, mut total, mut longest) = (0_u32, Duration::ZERO, Duration::ZERO);
    for number in 0.. {
        let pods = [1, 4, 16, 40][number % 4];
        let mut own = workload(number, "l", &requests, pods);
        own.pod_sets[0].topology = Some(TopologyRequest {
            wish: Some(TopologyConstraint::Preferred("rack".into())),
            ..TopologyRequest::default()
        });
        controller.submit(own).expect("small amounts");
        let (cycle, took) = timed(|| controller.cycle());
        let name = format!("w{number}");
        let state = controller.state("default", &name).expect("submitted");
        if cycle.is_none() || state.stage != Stage::Admitted {
            break;
        }
        placed += 1;
        total += took;
        longest = longest.max(took);
    }
    let mean = total / placed.max(1);
    let _ = writeln!(
        out,
        "| topology of {nodes} nodes | {placed} workloads placed | mean {:.3} ms, longest {:.3} ms | {:.0}/s |",
        mean.as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3,
        1.0 / mean.as_secs_f64()
    );
}

fn main() {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "| what | work | time | rate |");
    let _ = writeln!(out, "|---|---|---:|---:|");
    large_scale(&mut out, size("KUEUE_WORKLOADS", 50_000));
    topology(&mut out, size("KUEUE_NODES", 5_000));
}
