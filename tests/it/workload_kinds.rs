//! Stateful sets, daemon sets, jobs and cron jobs at work in the simulator.

use std::sync::Arc;

use windtunnel::cluster::Store;
use windtunnel::control::operation::{EvictionRequests, Operation};
use windtunnel::model::pod_life::{PodLife, RestartPolicy};
use windtunnel::model::workload::{CompletionMode, CronJob, DaemonSet, Job};
use windtunnel::model::{Behaviour, EndReason, Event, Object, ObjectChange};
use windtunnel::sim::Stop;
use windtunnel::units::{Duration, Instant, SortedMap};

use crate::controlled::{
    Cluster, apply, census, deployment, names, selector, set, target, template,
};

#[test]
fn a_stateful_set_comes_goes_and_is_renewed_in_order() {
    let cluster = Cluster::new()
        .at(0, set("db", "v1", 3))
        .at(100, set("db", "v2", 3))
        .at(200, Operation::Scale(target("StatefulSet", "db"), 1));
    let mut steps = Vec::new();
    let (_, store) = cluster.run(&mut |at, event, store| {
        if let Event::PodCreated(_) | Event::PodEnded { .. } = event {
            steps.push((at.as_secs_f64() as i64, names(store, "db").join(" ")));
        }
        // A pod has its name alone.
        let names = names(store, "db");
        let mut single = names.clone();
        single.dedup();
        assert_eq!(names, single);
    });
    let expected = [
        (0, "db-0"),
        (5, "db-0 db-1"),
        (10, "db-0 db-1 db-2"),
        (100, "db-0 db-1"),
        (100, "db-0 db-1 db-2"),
        (105, "db-0 db-2"),
        (105, "db-0 db-1 db-2"),
        (110, "db-1 db-2"),
        (110, "db-0 db-1 db-2"),
        (200, "db-0 db-1"),
        (200, "db-0"),
    ];
    let expected = expected.map(|(at, names)| (at, names.to_owned()));
    assert_eq!(steps, expected);
    let pod = store.pods().iter().next().unwrap();
    let spec = &store.class(pod.class).spec;
    assert_eq!(&*spec.containers[0].image, "v2");
    assert_eq!(&*spec.labels["statefulset.kubernetes.io/pod-name"], "db-0");
}

#[test]
fn a_daemon_set_is_on_every_eligible_node_and_drains_leave_it() {
    let daemons = Operation::Create(Object::DaemonSet(Arc::new(DaemonSet {
        name: "log".into(),
        selector: selector("log"),
        template: template("log", "v1"),
        ..DaemonSet::default()
    })));
    let mut cluster = Cluster::new()
        .at(0, daemons)
        .at(0, apply(deployment("web", "v1", 8)))
        .at(
            60,
            Operation::Drain("node-1".into(), EvictionRequests::default()),
        )
        .at(300, Operation::Uncordon("node-1".into()));
    // The node takes its daemon along when it goes, and gets another when it is back.
    let node = windtunnel::units::NodeId(2);
    for (secs, up) in [(100, false), (150, true)] {
        cluster.outages.push((Instant::from_secs(secs), node, up));
    }
    let mut at_node = SortedMap::new();
    let (_, store) = cluster.run(&mut |at, _, store| {
        for node in store.nodes().present() {
            let slots = store.nodes().pods(node).iter();
            let pods = slots.filter_map(|&slot| store.pods().at(slot));
            let apps = pods.map(|pod| &store.class(pod.class).spec.labels["app"]);
            let daemons = apps.clone().filter(|app| ***app == *"log").count();
            assert!(daemons <= 1, "one on each node");
            let web = apps.filter(|app| ***app == *"web").count();
            at_node.insert((node.0, at.as_secs_f64() as i64), (daemons, web));
        }
    });
    let by = |node: u32, secs: i64| {
        *at_node
            .range((node, 0)..=(node, secs))
            .next_back()
            .unwrap()
            .1
    };
    assert_eq!(by(1, 99).1, 0, "drained");
    assert_eq!(by(1, 99).0, 1, "but for the daemon");
    assert_eq!(by(2, 120), (0, 0));
    assert_eq!(census(&store, "log").1, 4);
    assert_eq!(census(&store, "web").1, 8);
}

fn job(name: &str, run_time: &str, exit_code: i32) -> Job {
    let mut template = (*template(name, "v1")).clone();
    template.behaviour = Some(Arc::new(Behaviour {
        run_time: Some(run_time.into()),
        exit_code,
        ..Behaviour::default()
    }));
    template.life = Some(Arc::new(PodLife {
        restart: RestartPolicy::Never,
        ..PodLife::default()
    }));
    Job {
        name: name.into(),
        template: Arc::new(template),
        ..Job::default()
    }
}

/// How often pods of an application ended so, after how many seconds each.
fn ends(at: Instant, event: &Event, reason: EndReason, ends: &mut Vec<i64>) {
    if matches!(event, Event::PodEnded { reason: own, .. } if *own == reason) {
        ends.push(at.as_secs_f64() as i64);
    }
}

fn status(store: &Store, name: &str) -> windtunnel::model::workload::job::JobStatus {
    let id = store.objects().find("Job", &"default".into(), &name.into());
    let row = id.and_then(|id| store.objects().get(id)).unwrap();
    let Object::Job(job) = &row.object else {
        panic!("it is a job")
    };
    job.status.clone()
}

#[test]
fn a_job_has_exactly_its_completions() {
    for mode in [CompletionMode::NonIndexed, CompletionMode::Indexed] {
        let job = Job {
            parallelism: 3,
            completions: Some(7),
            mode,
            ..job("sum", "30s", 0)
        };
        let cluster = Cluster::new().at(0, Operation::Create(Object::Job(Arc::new(job))));
        let (mut done, mut most) = (Vec::new(), 0);
        let (_, store) = cluster.run(&mut |at, event, store| {
            ends(at, event, EndReason::Completed, &mut done);
            most = most.max(store.pods().living());
        });
        // 5 s to start and 30 s to run, three at a time, and a second until the controller looks.
        assert_eq!(done, [35, 35, 35, 71, 71, 71, 107]);
        assert_eq!(most, 3);
        let status = status(&store, "sum");
        assert_eq!((status.succeeded, status.failed, status.active), (7, 0, 0));
        assert_eq!(store.pod_states().finished_count(), 0);
        assert!(
            status
                .conditions
                .iter()
                .any(|known| known.kind.is_final() && known.holds)
        );
    }
}

#[test]
fn failed_pods_are_tried_again_after_growing_pauses_until_the_limit() {
    let job = Job {
        backoff_limit: 2,
        ttl_after_finished: Some(Duration::from_secs(100)),
        ..job("sum", "10s", 3)
    };
    let cluster = Cluster::new().at(0, Operation::Create(Object::Job(Arc::new(job))));
    let mut failed = Vec::new();
    let mut gone = None;
    let (_, store) = cluster.run(&mut |at, event, _| {
        ends(at, event, EndReason::Error, &mut failed);
        if let Event::Object(ObjectChange::Deleted { .. }) = event {
            gone = Some(at.as_secs_f64() as i64);
        }
    });
    // Each takes 15 s; pauses of 10 s and 20 s lie between them. The end is seen a second later.
    assert_eq!(failed, [15, 40, 75]);
    assert_eq!(gone, Some(176));
    assert_eq!(store.objects().iter().count(), 0);
}

#[test]
fn a_cron_job_makes_jobs_by_the_clock_and_keeps_three() {
    let cron_job = CronJob {
        name: "tick".into(),
        schedule: "*/10 * * * *".into(),
        template: Arc::new(job("tick", "30s", 0)),
        ..CronJob::default()
    };
    let mut cluster = Cluster::new().at(1, Operation::Create(Object::CronJob(Arc::new(cron_job))));
    cluster.options.stop = Stop::At(Instant::from_secs(3_599));
    let mut made = Vec::new();
    let (_, store) = cluster.run(&mut |at, event, _| {
        if let Event::Object(ObjectChange::Created { object, .. }) = event {
            made.push((at.as_secs_f64(), object.name().to_string()));
        }
    });
    let expected = [
        (1.0, "tick"),
        (600.1, "tick-10"),
        (1200.1, "tick-20"),
        (1800.1, "tick-30"),
        (2400.1, "tick-40"),
        (3000.1, "tick-50"),
    ];
    let expected = expected.map(|(at, name)| (at, name.to_owned()));
    assert_eq!(made, expected);
    let jobs = store.objects().iter();
    let jobs = jobs.filter(|(_, row)| row.object.kind() == "Job");
    assert_eq!(jobs.count(), 3);
}
