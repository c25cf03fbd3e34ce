//! What must hold whatever users do and whatever fails, looked at after every change of long runs:
//! deployments, sets, daemons, jobs and budgets under crashes, partitions, fail-over, lost binds and
//! stale caches (spec: kubernetes.md part 2, orchestrators-b.md 10).

mod at_last;
mod watch;

use std::sync::Arc;

use proptest::prelude::*;
use windtunnel::cluster::{Commitment, Store};
use windtunnel::control::Program;
use windtunnel::control::operation::{EvictionRequests, Operation};
use windtunnel::control::upgrade::{DrainMethod, UpgradePlan};
use windtunnel::model::pod_life::{PodLife, RestartPolicy};
use windtunnel::model::workload::{
    BudgetLimit, CompletionMode, Count, DaemonSet, Deployment, DeploymentStrategy, Job,
    PodDisruptionBudget, RollingUpdate,
};
use windtunnel::model::{Behaviour, Object, Pod, PodSpec};
use windtunnel::sim::control_faults::{ApiLimit, BindFault, Part, ViewFault};
use windtunnel::sim::failures::{Change, Strike, Timeline};
use windtunnel::sim::{Environment, Pace, Provisions, Stop, Trouble};
use windtunnel::units::{Duration, Instant, NodeId, SortedMap, SortedSet};

use at_last::at_last;
use watch::Watch;

use crate::controlled::{Cluster, apply, selector, set, target, template};

const NODES: u32 = 6;
/// The pods of `shop` that its budget keeps.
const KEPT: usize = 4;
/// When nothing more is done.
const QUIET: i64 = 9_000;
/// By when all is as wanted.
const SETTLED: i64 = 13_000;

fn shop(image: u32, replicas: i32) -> Deployment {
    Deployment {
        strategy: DeploymentStrategy::RollingUpdate(RollingUpdate {
            max_surge: Count::Number(2),
            max_unavailable: Count::Number(1),
        }),
        ..crate::controlled::deployment("shop", &format!("v{image}"), replicas)
    }
}

fn daemons(image: u32) -> Operation {
    Operation::Apply(Object::DaemonSet(Arc::new(DaemonSet {
        name: "log".into(),
        selector: selector("log"),
        template: template("log", &format!("v{image}")),
        ..DaemonSet::default()
    })))
}

fn budget() -> Operation {
    Operation::Create(Object::PodDisruptionBudget(Arc::new(PodDisruptionBudget {
        name: "shop".into(),
        selector: Some(selector("shop")),
        limit: BudgetLimit::MinAvailable(Count::Number(KEPT as i32)),
        ..PodDisruptionBudget::default()
    })))
}

/// How many runs of a job must succeed.
const RUNS: i32 = 9;

fn job(name: &str, mode: CompletionMode) -> Operation {
    let own = template(name, "v1");
    let template = Arc::new(PodSpec {
        behaviour: Some(Arc::new(Behaviour {
            run_time: Some("90s".into()),
            ..Behaviour::default()
        })),
        life: Some(Arc::new(PodLife {
            restart: RestartPolicy::Never,
            ..PodLife::default()
        })),
        ..(*own).clone()
    });
    Operation::Create(Object::Job(Arc::new(Job {
        name: name.into(),
        parallelism: 3,
        completions: Some(RUNS),
        mode,
        backoff_limit: i32::MAX,
        template,
        ..Job::default()
    })))
}

/// What happens: to the nodes, or to the control plane.
fn failure(kind: u32, node: u32, number: u32) -> (Change, Change) {
    let node = NodeId(node);
    let of = |trouble| (Change::Begin(node, trouble), Change::End(node, trouble));
    let part = [
        Part::All,
        Part::Of(Program::Scheduler),
        Part::Of(Program::ControllerManager),
    ][number as usize % 3];
    match kind {
        0..=4 => of(Trouble::Crash),
        5..=7 => of(Trouble::Partition),
        8 => of(Trouble::DiskFull),
        9 => of(Trouble::Slow(Pace::of(2.5))),
        10 | 11 => (
            Change::Leader { part, is_up: false },
            Change::Leader { part, is_up: true },
        ),
        12 => (
            Change::Sight(part, Some(ViewFault::Stale)),
            Change::Sight(part, None),
        ),
        13 => (
            Change::Sight(part, Some(ViewFault::Late(Duration::from_secs(4)))),
            Change::Sight(part, None),
        ),
        14 => (
            Change::ControlPlane { is_up: false },
            Change::ControlPlane { is_up: true },
        ),
        15 => (
            Change::Api(
                part,
                Some(ApiLimit {
                    delay: Duration::from_millis(300),
                    per_request: Duration::from_millis(100),
                    burst: 3,
                }),
            ),
            Change::Api(part, None),
        ),
        kind => (
            Change::Binds(Some(BindFault {
                millionths: 300_000,
                timeout: (kind == 16).then_some(Duration::from_secs(7)),
            })),
            Change::Binds(None),
        ),
    }
}

/// Whether a failure touches what controllers see and do.
const fn blinds(kind: u32) -> bool {
    kind >= 10
}

fn operation(kind: u32, number: i32) -> Operation {
    let image = number as u32 % 3 + 1;
    match kind {
        0 | 1 => apply(shop(image, number % 5 + 5)),
        2 => set("db", &format!("v{image}"), number % 4 + 1),
        3 => Operation::Scale(target("Deployment", "shop"), number % 5 + 5),
        4 => Operation::Scale(target("StatefulSet", "db"), number % 5),
        5 => daemons(image),
        6 => Operation::RollBack(target("Deployment", "shop")),
        7 | 8 => Operation::Drain(
            format!("node-{}", number as u32 % NODES).into(),
            EvictionRequests::default(),
        ),
        _ => Operation::Uncordon(format!("node-{}", number as u32 % NODES).into()),
    }
}

/// The living pods of an application.
fn pods<'a>(store: &'a Store, app: &str) -> Vec<&'a Pod> {
    let app: windtunnel::model::Text = app.into();
    let own = store.pods().iter().filter(move |pod| {
        let labels = &store.class(pod.class).spec.labels;
        labels.get("app").is_some_and(|own| *own == app)
    });
    own.collect()
}

fn is_ready(store: &Store, pod: &Pod) -> bool {
    let state = store.pod_states().get(pod.pod);
    state.is_some_and(|state| state.is_ready && state.terminating.is_none())
}

fn is_terminating(store: &Store, pod: &Pod) -> bool {
    store.pod_states().is_terminating(pod.pod)
}

fn app(store: &Store, pod: &Pod) -> String {
    let labels = &store.class(pod.class).spec.labels;
    labels
        .get("app")
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[derive(Clone, Debug)]
struct Script {
    failures: Vec<(u32, u32, u32, i64, i64)>,
    operations: Vec<(u32, i32, i64)>,
    upgrades: bool,
}

fn cluster(script: &Script) -> (Cluster, Vec<(i64, i64)>) {
    let mut cluster = Cluster::new()
        .at(0, apply(shop(1, 6)))
        .at(0, budget())
        .at(0, set("db", "v1", 3))
        .at(0, daemons(1))
        .at(5, job("sums", CompletionMode::NonIndexed))
        .at(400, job("parts", CompletionMode::Indexed))
        .observed();
    cluster.cores = vec![6; NODES as usize];
    (cluster.zones, cluster.takes_first) = (2, true);
    let mut at = 30;
    for &(kind, number, gap) in &script.operations {
        at += gap;
        if at >= QUIET {
            break;
        }
        // Nodes that are replaced are others.
        if !(script.upgrades && kind >= 7) {
            cluster = cluster.at(at, operation(kind, number));
        }
    }
    if script.upgrades {
        let plan = UpgradePlan {
            nodes: (0..NODES)
                .map(|node| format!("node-{node}").into())
                .collect(),
            joined: None,
            width: 2,
            is_rolling: false,
            service: "40s".parse().expect("a constant"),
            drain_timeout: Some(Duration::from_secs(300)),
            gap: Duration::from_secs(10),
            emptying: DrainMethod::Eviction,
            replaces: script.failures.len().is_multiple_of(2),
            seed: 3,
        };
        cluster = cluster.at(100, Operation::Upgrade(Arc::new(plan)));
    } else {
        for node in 0..NODES {
            cluster = cluster.at(QUIET, Operation::Uncordon(format!("node-{node}").into()));
        }
    }
    let mut blind = Vec::new();
    let mut strikes = Vec::new();
    for &(kind, node, number, from, lasts) in &script.failures {
        let (begin, end) = failure(kind, node, number);
        if blinds(kind) {
            // What was not seen is made up for afterwards.
            blind.push((from, from + lasts + 120));
        }
        strikes.push((from, begin));
        strikes.push((from + lasts, end));
    }
    let strikes = strikes.into_iter().map(|(secs, change)| Strike {
        at: Instant::from_secs(secs),
        change,
    });
    cluster.environment = Environment {
        failures: vec![Timeline::scripted(strikes.collect())],
        provisions: Provisions {
            loses_memory: true,
            slows_work: true,
            ..Provisions::default()
        },
        commitment: Commitment::Admitted,
        ..Environment::default()
    };
    cluster.options.stop = Stop::At(Instant::from_secs(SETTLED));
    (cluster, blind)
}

/// Plays a script; what was broken, how many changes there were, and the digest.
fn play(script: &Script) -> (Vec<String>, u64, String) {
    let (cluster, blind) = cluster(script);
    let mut watch = Watch {
        blind,
        changes: 0,
        created: 0,
        ended: SortedMap::new(),
        wanted_most: 0,
        wanted: 0,
        shrunk: Instant::ZERO,
        evictions: 0,
        unready: (Instant::ZERO, SortedSet::new()),
        broken: Vec::new(),
    };
    let (end, store) = cluster.run(&mut |at, event, store| watch.look(at, event, store));
    let mut broken = std::mem::take(&mut watch.broken);
    broken.truncate(20);
    at_last(&store, &mut broken);
    let living = store.pods().living() as u64;
    if watch.created != watch.ended.len() as u64 + living {
        let ended = watch.ended.len();
        broken.push(format!(
            "{} created, {ended} ended, {living} living",
            watch.created
        ));
    }
    (broken, watch.changes, end.digest)
}

fn some_script() -> impl Strategy<Value = Script> {
    let failures = (0..18_u32, 0..NODES, 0..9_u32, 0..8_000_i64, 1..600_i64);
    let operations = (0..10_u32, 0..30_i32, 1..120_i64);
    (
        proptest::collection::vec(failures, 0..60),
        proptest::collection::vec(operations, 0..150),
        proptest::bool::weighted(0.25),
    )
        .prop_map(|(failures, operations, upgrades)| Script {
            failures,
            operations,
            upgrades,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 21, ..ProptestConfig::default() })]

    /// No pod is on two nodes, no node holds more than it has, drains keep to the budget, surge is
    /// never exceeded, members come in order, every pod ends in one class, and once failures cease all
    /// is as wanted: daemons exactly where eligible, jobs with exactly their completions.
    #[test]
    fn whatever_happens_every_promise_is_kept(script in some_script()) {
        let (broken, changes, digest) = play(&script);
        prop_assert!(broken.is_empty(), "{changes} changes: {broken:#?}");
        prop_assert!(changes > 200, "{changes} changes");
        let (_, _, again) = play(&script);
        prop_assert_eq!(again, digest);
    }
}

#[test]
fn operations_alone_break_no_promise() {
    // Without failures every promise is looked at all the time.
    let operations = (0..290).map(|step| ([7, 9, 0, 3, 5, 2][step as usize % 6], step, 30));
    let script = Script {
        failures: Vec::new(),
        operations: operations.collect(),
        upgrades: false,
    };
    let (broken, changes, _) = play(&script);
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(changes > 1_500, "{changes}");
}

#[test]
fn what_ended_unseen_before_a_crash_is_told_after_it() {
    // A run of 90 s on a node that is cut off ends in the instant in which the node crashes.
    let script = Script {
        failures: vec![(5, 3, 0, 401, 516), (0, 3, 0, 495, 1)],
        operations: Vec::new(),
        upgrades: false,
    };
    let (broken, ..) = play(&script);
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_node_that_is_quick_again_does_not_go_on_with_what_ended_unseen() {
    // A run ends on a slow node that is cut off; both are over at one instant.
    let script = Script {
        failures: vec![
            (9, 3, 0, 1303, 305),
            (10, 0, 0, 264, 385),
            (5, 3, 0, 1378, 230),
        ],
        operations: vec![
            (7, 5, 1),
            (0, 6, 12),
            (5, 20, 98),
            (0, 0, 58),
            (0, 0, 89),
            (0, 0, 42),
            (2, 0, 96),
            (7, 20, 7),
            (0, 24, 9),
            (7, 9, 45),
            (7, 6, 23),
            (2, 0, 1),
            (7, 4, 1),
            (2, 4, 1),
            (5, 11, 84),
            (5, 8, 119),
            (9, 27, 48),
            (6, 0, 20),
            (0, 14, 10),
            (0, 11, 1),
            (0, 4, 16),
        ],
        upgrades: false,
    };
    let (broken, ..) = play(&script);
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn agents_put_right_what_controllers_with_a_stale_view_wrote() {
    // A node is back before it is missed; controllers that have seen it last while it was silent say
    // that it and its pods are not ready.
    let script = Script {
        failures: vec![(0, 0, 0, 7_364, 28), (12, 0, 2, 7_391, 30)],
        operations: Vec::new(),
        upgrades: false,
    };
    let (broken, ..) = play(&script);
    assert!(broken.is_empty(), "{broken:#?}");
}
