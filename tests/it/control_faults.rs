//! Faults of the control plane: it is killed at every change of a roll-out, loses its memory, sees
//! late, and its requests fail. What runs is untouched, and in the end all is as wanted
//! (spec: orchestrators-b.md 10.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use windtunnel::cluster::Store;
use windtunnel::control::operation::Operation;
use windtunnel::model::workload::Job;
use windtunnel::model::{Behaviour, EndReason, Event, Object, PodPhase, PodSpec};
use windtunnel::sim::control_faults::{ApiLimit, BindFault, Part, Sight};
use windtunnel::sim::failures::{Change, Strike, Timeline};
use windtunnel::sim::{Environment, Provisions, Stop};
use windtunnel::units::{Duration, Instant};

use crate::workloads::{Cluster, apply, census, deployment, names, set, target, template};

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
    pods: BTreeMap<String, usize>,
    web: (i32, i32),
    db: Vec<String>,
    succeeded: i32,
}

fn state(store: &Store) -> State {
    let mut pods = BTreeMap::new();
    for pod in store.pods().iter() {
        let spec = &store.class(pod.spec).object;
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
    for part in [Part::All, Part::Scheduler, Part::Controllers] {
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
            Change::Sight(Part::Scheduler, Some(Sight::Late(Duration::from_secs(5)))),
            Change::Sight(Part::Scheduler, None),
        ),
        (
            "late controllers",
            Change::Sight(Part::Controllers, Some(Sight::Late(Duration::from_secs(5)))),
            Change::Sight(Part::Controllers, None),
        ),
        (
            "stale caches",
            Change::Sight(Part::All, Some(Sight::Stale)),
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
    let (mut bound, mut images) = (0, BTreeMap::new());
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
