//! Faults of the control plane: it is killed at every change of a roll-out, loses its memory, sees
//! late, and its requests fail. What runs is untouched, and in the end all is as wanted
//! (spec: orchestrators-b.md 10.3).

use std::sync::Arc;

use windtunnel::cluster::Store;
use windtunnel::control::Program;
use windtunnel::control::operation::{EvictionRequests, Operation};
use windtunnel::model::workload::Job;
use windtunnel::model::{Behaviour, EndReason, Event, Object, PodPhase, PodSpec};
use windtunnel::sim::control_faults::{ApiLimit, BindFault, Part, ViewFault};
use windtunnel::sim::failures::{Change, Strike, Timeline};
use windtunnel::sim::{Environment, Pace, Provisions, Stop, Trouble};
use windtunnel::units::{Duration, Instant, NodeId, SortedMap};

use proptest::prelude::*;

use crate::controlled::{Cluster, apply, census, deployment, names, set, target, template};

/// A job of five runs of seven seconds, two at a time.
fn job(name: &str) -> Operation {
    let template = template(name, "v1");
    let template = Arc::new(PodSpec {
        behaviour: Some(Arc::new(Behaviour {
            run_time: Some("7s".into()),
            ..Behaviour::default()
        })),
        ..(*template).clone()
    });
    Operation::Create(Object::Job(Arc::new(Job {
        name: name.into(),
        namespace: "default".into(),
        parallelism: 2,
        completions: Some(5),
        template,
        ..Job::default()
    })))
}

/// A deployment and a set that are rolled out, and a job.
fn rollout() -> Cluster {
    let mut cluster = Cluster::new()
        .at(0, apply(deployment("web", "v1", 4)))
        .at(0, set("db", "v1", 2))
        .at(60, apply(deployment("web", "v2", 4)))
        .at(60, set("db", "v2", 2))
        .at(61, job("batch"))
        .at(90, Operation::Scale(target("Deployment", "web"), 6))
        .observed();
    cluster.takes_first = true;
    cluster.options.stop = Stop::At(Instant::from_secs(900));
    cluster
}

/// What there is in the end, but for names and identities.
#[derive(Debug, PartialEq, Eq)]
struct State {
    pods: SortedMap<String, usize>,
    web: (i32, i32),
    db: Vec<String>,
    succeeded: i32,
}

fn state(store: &Store) -> State {
    let mut pods = SortedMap::new();
    for pod in store.pods().iter() {
        let spec = &store.class(pod.class).spec;
        let image = &spec.containers[0].image;
        let app = &spec.labels["app"];
        let is_ready = store
            .pod_states()
            .get(pod.pod)
            .is_some_and(|state| state.is_ready);
        let key = format!("{app} {image} {:?} ready {is_ready}", pod.phase);
        *pods.entry(key).or_default() += 1;
    }
    let object = |kind: &'static str, name: &str| {
        let id = store.objects().find(kind, &"default".into(), &name.into());
        store
            .objects()
            .get(id.expect("an object"))
            .expect("a row")
            .object
            .clone()
    };
    let Object::Deployment(web) = object("Deployment", "web") else {
        panic!("it is a deployment")
    };
    let Object::Job(batch) = object("Job", "batch") else {
        panic!("it is a job")
    };
    State {
        pods,
        web: (web.status.available, web.status.updated),
        db: names(store, "db"),
        succeeded: batch.status.succeeded,
    }
}

/// Runs a roll-out; what it promises is looked at after every change.
fn play(cluster: Cluster) -> (String, u64, State) {
    let told = format!("killed at {:?}", cluster.environment.provisions.kill);
    let mut completed = 0;
    let (end, store) = cluster.run(&mut |at, event, store| {
        if let Event::PodEnded {
            reason: EndReason::Completed,
            ..
        } = event
        {
            completed += 1;
        }
        let (active, ready, _) = census(store, "web");
        let most = if at < Instant::from_secs(90) { 5 } else { 8 };
        assert!(active <= most, "{active} pods at {at}, {most} at most");
        if (30..90).contains(&(at.as_secs_f64() as i64)) && at > Instant::from_secs(50) {
            assert!(ready >= 3, "{ready} pods ready at {at}, 3 at least");
        }
        assert!(names(store, "db").len() <= 2, "two of a name at {at}");
    });
    assert_eq!(completed, 5, "runs of the job that ended well; {told}");
    (end.digest, end.changes, state(&store))
}

#[test]
fn a_control_plane_killed_at_any_change_of_a_rollout_ends_where_it_would_have_ended() {
    let (_, changes, expected) = play(rollout());
    assert_eq!(expected.web, (6, 6));
    assert_eq!(expected.succeeded, 5);
    assert!(changes > 150, "{changes} changes");
    for number in 1..=changes {
        let mut cluster = rollout();
        cluster.environment = Environment {
            provisions: Provisions {
                loses_memory: true,
                kill: Some((number, Duration::from_secs(17))),
                ..Provisions::default()
            },
            ..Environment::default()
        };
        let (_, _, found) = play(cluster);
        assert_eq!(found, expected, "killed at change {number}");
    }
}

fn struck(strikes: &[(i64, Change)]) -> Environment {
    let strikes = strikes.iter().map(|(secs, change)| Strike {
        at: Instant::from_secs(*secs),
        change: change.clone(),
    });
    Environment {
        failures: vec![Timeline::scripted(strikes.collect())],
        provisions: Provisions {
            loses_memory: true,
            ..Provisions::default()
        },
        ..Environment::default()
    }
}

#[test]
fn a_leader_that_is_lost_while_nothing_is_on_its_way_is_not_missed() {
    let (digest, ..) = play(rollout());
    for part in [
        Part::All,
        Part::Of(Program::Scheduler),
        Part::Of(Program::ControllerManager),
    ] {
        for lost in [30, 200, 500] {
            let mut cluster = rollout();
            let leader = |is_up| Change::Leader { part, is_up };
            cluster.environment = struck(&[(lost, leader(false)), (lost + 16, leader(true))]);
            let (found, ..) = play(cluster);
            assert_eq!(found, digest, "{part:?} lost at {lost} s");
        }
    }
}

#[test]
fn whatever_the_control_plane_suffers_the_rollout_ends_as_wanted() {
    let (_, _, expected) = play(rollout());
    let binds = |timeout| {
        Change::Binds(Some(BindFault {
            millionths: 500_000,
            timeout,
        }))
    };
    let slow = ApiLimit {
        delay: Duration::from_millis(200),
        per_request: Duration::from_millis(500),
        burst: 3,
    };
    for (name, begin, end) in [
        ("refused binds", binds(None), Change::Binds(None)),
        (
            "lost binds",
            binds(Some(Duration::from_secs(30))),
            Change::Binds(None),
        ),
        (
            "late scheduler",
            Change::Sight(
                Part::Of(Program::Scheduler),
                Some(ViewFault::Late(Duration::from_secs(5))),
            ),
            Change::Sight(Part::Of(Program::Scheduler), None),
        ),
        (
            "late controllers",
            Change::Sight(
                Part::Of(Program::ControllerManager),
                Some(ViewFault::Late(Duration::from_secs(5))),
            ),
            Change::Sight(Part::Of(Program::ControllerManager), None),
        ),
        (
            "stale caches",
            Change::Sight(Part::All, Some(ViewFault::Stale)),
            Change::Sight(Part::All, None),
        ),
        (
            "slow API",
            Change::Api(Part::All, Some(slow)),
            Change::Api(Part::All, None),
        ),
        (
            "outage",
            Change::ControlPlane { is_up: false },
            Change::ControlPlane { is_up: true },
        ),
    ] {
        let mut cluster = rollout();
        cluster.environment = struck(&[(0, begin.clone()), (5, end.clone())]);
        let (_, _, found) = play(cluster);
        assert_eq!(found, expected, "{name} at first");
        let mut cluster = rollout();
        cluster.environment = struck(&[(62, begin), (200, end)]);
        let (_, store) = cluster.run(&mut |_, _, _| {});
        assert_eq!(state(&store), expected, "{name}");
    }
}

#[test]
fn what_runs_is_untouched_while_the_control_plane_is_out() {
    let mut cluster = rollout();
    cluster.environment = struck(&[
        (50, Change::ControlPlane { is_up: false }),
        (300, Change::ControlPlane { is_up: true }),
    ]);
    let (mut bound, mut images) = (0, SortedMap::new());
    let (_, store) = cluster.run(&mut |at, event, store| {
        let secs = at.as_secs_f64() as i64;
        if (50..300).contains(&secs) {
            bound += usize::from(matches!(event, Event::PodBound { .. }));
            images = census(store, "web").2;
            let running = store
                .pods()
                .iter()
                .filter(|pod| pod.phase == PodPhase::Running);
            assert_eq!(running.count(), 6);
        }
    });
    assert_eq!(bound, 0);
    assert!(images.is_empty() || images == [("v1".to_owned(), 4)].into());
    assert_eq!(state(&store).web, (6, 6));
}

/// A node is cut off while it runs a pod of a job. The pod is evicted, counted as failed and replaced; then
/// the node returns and reports that the pod had succeeded, whoever leads by then. It was counted, so it
/// counts for nothing any more (Kubernetes: it lost its finalizer with the count, `getNewFinishedPods` of
/// `job_controller.go`).
#[test]
fn a_run_that_was_replaced_counts_once_when_its_node_returns() {
    let succeeded = |leader_leaves: i64| {
        let mut cluster = Cluster::new().at(5, job("batch")).at(5, set("db", "v1", 2));
        cluster = cluster.at(0, apply(deployment("web", "v1", 4))).observed();
        (cluster.zones, cluster.takes_first) = (2, true);
        let strikes = [(1, 4, 0, 6, 351), (0, 8, 0, leader_leaves, 123)];
        let strikes = strikes
            .iter()
            .flat_map(|&(node, kind, number, from, lasts)| {
                let (begin, end) = random_failure(kind, node, number);
                [(from, begin), (from + lasts, end)]
            });
        cluster.environment = struck(&strikes.collect::<Vec<_>>());
        cluster.options.stop = Stop::At(Instant::from_secs(900));
        let (_, store) = cluster.run(&mut |_, _, _| {});
        state(&store).succeeded
    };
    assert_eq!(succeeded(600), 5);
    assert_eq!(succeeded(357), 5);
}

/// What fails at random, and is whole again.
fn random_failure(kind: u32, node: u32, number: u32) -> (Change, Change) {
    let node = NodeId(node);
    let of = |trouble| (Change::Begin(node, trouble), Change::End(node, trouble));
    let part = [
        Part::All,
        Part::Of(Program::Scheduler),
        Part::Of(Program::ControllerManager),
    ][number as usize % 3];
    match kind {
        0..=3 => of(Trouble::Crash),
        4 | 5 => of(Trouble::Partition),
        6 => of(Trouble::DiskFull),
        7 => of(Trouble::Slow(Pace::of(3.0))),
        8 => (
            Change::Leader { part, is_up: false },
            Change::Leader { part, is_up: true },
        ),
        9 => (
            Change::Sight(part, Some(ViewFault::Stale)),
            Change::Sight(part, None),
        ),
        10 => (
            Change::ControlPlane { is_up: false },
            Change::ControlPlane { is_up: true },
        ),
        _ => (
            Change::Binds(Some(BindFault {
                millionths: 300_000,
                timeout: Some(Duration::from_secs(7)),
            })),
            Change::Binds(None),
        ),
    }
}

fn random_operation(kind: u32, number: i32) -> Operation {
    let image = format!("v{}", number % 3 + 1);
    match kind {
        0 | 1 => apply(deployment("web", &image, number % 6 + 1)),
        2 => set("db", &image, number % 3 + 1),
        3 => Operation::Scale(target("Deployment", "web"), number % 6 + 1),
        4 => Operation::Drain(
            format!("node-{}", number % 4).into(),
            EvictionRequests::default(),
        ),
        _ => Operation::Uncordon(format!("node-{}", number % 4).into()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 10, ..ProptestConfig::default() })]

    /// Whatever users do and whatever fails: no pod is on two nodes, no node holds more than it
    /// has, a rollout keeps to its surge, a set has no two pods of a name, and once failures cease
    /// all is as wanted in bounded time, and the job has exactly its runs.
    #[test]
    fn random_failures_break_no_promise(
        failures in proptest::collection::vec((0..12_u32, 0..4_u32, 0..9_u32, 0..600_i64, 1..500_i64), 1..12),
        script in proptest::collection::vec((0..6_u32, 0..30_i32, 1..60_i64), 1..10),
    ) {
        let cluster = || {
            let mut cluster = Cluster::new()
                .at(0, apply(deployment("web", "v1", 4)))
                .at(0, set("db", "v1", 2))
                .at(5, job("batch"))
                .observed();
            (cluster.zones, cluster.takes_first) = (2, true);
            let mut at = 30;
            for &(kind, number, gap) in &script {
                at += gap;
                cluster = cluster.at(at, random_operation(kind, number));
            }
            for node in 0..4 {
                cluster = cluster.at(1_200, Operation::Uncordon(format!("node-{node}").into()));
            }
            let strikes = failures.iter().flat_map(|&(kind, node, number, from, lasts)| {
                let (begin, end) = random_failure(kind, node, number);
                [(from, begin), (from + lasts, end)]
            });
            cluster.environment = struck(&strikes.collect::<Vec<_>>());
            cluster.environment.provisions.slows_work = true;
            cluster.options.stop = Stop::At(Instant::from_secs(4_000));
            cluster
        };
        let mut most = 4;
        let (end, store) = cluster().run(&mut |_, event, store| {
            let id = store.objects().find("Deployment", &"default".into(), &"web".into());
            let row = id.and_then(|id| store.objects().get(id));
            if let Some(Object::Deployment(web)) = row.map(|row| &row.object) {
                most = most.max(web.replicas);
            }
            if let Event::PodCreated(_) = event {
                let active = census(store, "web").0 as i32;
                assert!(active <= most + (most + 3) / 4, "{active} pods, {most} wanted at most");
                let db = names(store, "db");
                let mut single = db.clone();
                single.dedup();
                assert_eq!(db, single);
            }
        });
        let found = state(&store);
        let (active, ready, images) = census(&store, "web");
        prop_assert_eq!(active, ready);
        prop_assert_eq!(images.len(), 1);
        prop_assert_eq!(found.web, (ready as i32, ready as i32));
        prop_assert_eq!(found.succeeded, 5);
        let db: Vec<String> = (0..found.db.len()).map(|place| format!("db-{place}")).collect();
        prop_assert_eq!(&found.db, &db);
        prop_assert_eq!(census(&store, "db").1, db.len());
        let (again, _) = cluster().run(&mut |_, _, _| {});
        prop_assert_eq!(again.digest, end.digest);
    }
}
