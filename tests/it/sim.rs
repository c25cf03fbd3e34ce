//! The simulator: when runs stop, what takes time, what happens to pods of lost nodes, cells, views
//! that lag, components that never settle.

use windtunnel::cluster::{Conflict, Store};
use windtunnel::control::local_node::LocalNode;
use windtunnel::control::node::{Assignment, StopOrder};
use windtunnel::control::{
    AgentOutput, Component, MachineCommand, MachineEvent, NodeAgent, Outbox, Progress, Write,
};
use windtunnel::model::{EndReason, Event, PodRef};
use windtunnel::sim::{DecisionTime, EndCause, NodeLoss, Options, SimError, StartUp, Stop};
use windtunnel::units::{Duration, Instant, NodeId, Revision};

use crate::world::{cell, nodes, options, pod, profile, run, scheduler};

fn check(options: Options, arrivals: &[(i64, i64)], expected: &[&str]) -> windtunnel::sim::End {
    let pods = arrivals
        .iter()
        .map(|&(submit, run)| pod(submit, run))
        .collect();
    let world = cell(
        nodes(&[1]),
        vec![scheduler(profile("first-fit"))],
        pods,
        Vec::new(),
    );
    let (end, story) = run(options, vec![world]);
    assert_eq!(story, expected);
    end.expect("a run that ends")
}

#[test]
fn a_run_ends_when_drained_idle_or_at_its_instant() {
    let story = [
        "0 created 0",
        "0 bound 0 node#0",
        "0 runs 0",
        "5 ended 0 Completed",
    ];
    let end = check(options(), &[(0, 5)], &story);
    assert_eq!(
        (end.cause, end.at),
        (EndCause::Drained, Instant::from_secs(5))
    );
    let idle = Options {
        stop: Stop::Idle,
        ..options()
    };
    let end = check(idle, &[(0, -1)], &story[..3]);
    assert_eq!((end.cause, end.at), (EndCause::Idle, Instant::ZERO));
    let at = Options {
        stop: Stop::At(Instant::from_secs(3)),
        ..options()
    };
    let end = check(at.clone(), &[(0, 5)], &story[..3]);
    assert_eq!(
        (end.cause, end.at),
        (EndCause::Reached, Instant::from_secs(3))
    );
    let end = check(at, &[], &[]);
    assert_eq!(
        (end.cause, end.at),
        (EndCause::Reached, Instant::from_secs(3))
    );
}

#[test]
fn of_two_stop_conditions_the_first_one_counts() {
    use EndCause::{Drained, Idle, Reached};
    let secs = Instant::from_secs;
    for (stop, run_time, expected) in [
        (Stop::DrainedOrAt(secs(9)), 5, (Drained, 5)),
        // What happens at the instant is part of the run.
        (Stop::DrainedOrAt(secs(5)), 5, (Drained, 5)),
        (Stop::DrainedOrAt(secs(4)), 5, (Reached, 4)),
        (Stop::DrainedOrAt(secs(9)), -1, (Reached, 9)),
        (Stop::IdleOrAt(secs(9)), 5, (Idle, 5)),
        (Stop::IdleOrAt(secs(9)), -1, (Idle, 0)),
        (Stop::IdleOrAt(secs(4)), 5, (Reached, 4)),
    ] {
        let options = Options { stop, ..options() };
        let parts = vec![scheduler(profile("first-fit"))];
        let world = cell(nodes(&[1]), parts, vec![pod(0, run_time)], Vec::new());
        let end = run(options, vec![world]).0.expect("a run that ends");
        assert_eq!(
            (end.cause, end.at),
            (expected.0, secs(expected.1)),
            "{stop:?}, {run_time} s"
        );
    }
}

#[test]
fn arrivals_out_of_order_stop_the_run() {
    let parts = vec![scheduler(profile("first-fit"))];
    let world = cell(nodes(&[1]), parts, vec![pod(4, 1), pod(3, 1)], Vec::new());
    let error = run(options(), vec![world]).0.expect_err("out of order");
    assert_eq!(
        error.to_string(),
        "`job-3` arrives at 3s, after an arrival of 4s: arrivals must be in order of submission"
    );
}

#[test]
fn progress_is_told_however_many_events_an_instant_has() {
    // Three events an instant: a count that is told at multiples only may never be one.
    let pods: Vec<_> = (0..60_000).map(|n| pod(n / 3, 0)).collect();
    let parts = vec![scheduler(profile("first-fit"))];
    let world = cell(nodes(&[9]), parts, pods, Vec::new());
    let mut told = Vec::new();
    let interrupted = std::sync::atomic::AtomicBool::new(false);
    let mut silent = windtunnel_silent();
    let mut simulation = windtunnel::sim::Simulation::new(options(), vec![world], &mut silent)
        .expect("a world that can be");
    let mut control = windtunnel::sim::RunControl {
        interrupted: &interrupted,
        progress: &mut |reached| told.push(reached.events),
    };
    simulation.run(&mut control).expect("a run that ends");
    assert!(told.len() > 3 && told.windows(2).all(|pair| pair[1] - pair[0] < 17_000));
}

#[test]
fn a_pod_that_fits_nowhere_waits_until_something_is_freed() {
    check(
        options(),
        &[(0, 5), (1, 2), (2, 0)],
        &[
            "0 created 0",
            "0 bound 0 node#0",
            "0 runs 0",
            "1 created 1",
            "1 misfit 1",
            "2 created 2",
            "2 misfit 2",
            "5 ended 0 Completed",
            "5 bound 1 node#0",
            "5 runs 1",
            "5 misfit 2",
            "7 ended 1 Completed",
            "7 bound 2 node#0",
            "7 runs 2",
            "7 ended 2 Completed",
        ],
    );
}

#[test]
fn a_slow_scheduler_makes_pods_queue() {
    let decision_time = DecisionTime {
        per_pod: Duration::from_secs(2),
        per_job: Duration::from_secs(1),
    };
    let slow = Options {
        decision_time,
        ..options()
    };
    let pods = vec![pod(0, 100), pod(0, 100), pod(4, 100)];
    let world = cell(
        nodes(&[9]),
        vec![scheduler(profile("first-fit"))],
        pods,
        Vec::new(),
    );
    let (end, story) = run(slow, vec![world]);
    assert_eq!(end.map(|end| end.decisions), Ok(3));
    let bound: Vec<&String> = story.iter().filter(|line| line.contains("bound")).collect();
    assert_eq!(
        bound,
        ["3 bound 0 node#0", "6 bound 1 node#0", "9 bound 2 node#0"]
    );
}

#[test]
fn starting_takes_time_and_a_time_limit_ends_a_pod() {
    let start_up = StartUp::Drawn("4s".parse().expect("a constant"));
    let mut limited = pod(0, 100);
    limited.time_limit = Some(Duration::from_secs(10));
    let world = cell(
        nodes(&[1]),
        vec![scheduler(profile("first-fit"))],
        vec![limited],
        Vec::new(),
    );
    let (end, story) = run(
        Options {
            start_up,
            ..options()
        },
        vec![world],
    );
    assert_eq!(end.map(|end| end.at), Ok(Instant::from_secs(14)));
    assert_eq!(
        story,
        [
            "0 created 0",
            "0 bound 0 node#0",
            "4 runs 0",
            "14 ended 0 TimeLimit"
        ]
    );
}

#[test]
fn pods_of_a_lost_node_are_lost_or_submitted_again() {
    let outages = vec![
        (Instant::from_secs(3), NodeId(0), false),
        (Instant::from_secs(7), NodeId(0), true),
    ];
    let world = |outages| {
        cell(
            nodes(&[1]),
            vec![scheduler(profile("first-fit"))],
            vec![pod(0, 5)],
            outages,
        )
    };
    let lost = [
        "0 created 0",
        "0 bound 0 node#0",
        "0 runs 0",
        "3 node#0 ready false",
    ];
    let (end, story) = run(options(), vec![world(outages.clone())]);
    assert_eq!(end.map(|end| end.cause), Ok(EndCause::Drained));
    assert_eq!(story, [&lost[..], &["3 ended 0 NodeLost"]].concat());
    let resubmit = Options {
        node_loss: NodeLoss::Resubmit,
        ..options()
    };
    let (end, story) = run(resubmit, vec![world(outages)]);
    assert_eq!(end.map(|end| end.at), Ok(Instant::from_secs(12)));
    let again = [
        "3 ended 0 NodeLost",
        "3 created 1",
        "3 misfit 1",
        "7 node#0 ready true",
        "7 bound 1 node#0",
        "7 runs 1",
        "12 ended 1 Completed",
    ];
    assert_eq!(story, [&lost[..], &again[..]].concat());
}

#[test]
fn a_scheduler_whose_view_lags_decides_late_and_may_be_refused() {
    let pods = vec![pod(0, 100), pod(5, 100)];
    let outage = vec![(Instant::from_secs(6), NodeId(0), false)];
    let world = cell(
        nodes(&[9, 9]),
        vec![scheduler(profile("first-fit"))],
        pods,
        outage,
    );
    let lagging = Options {
        node_client: None,
        relist: Duration::ZERO,
        node_ready: Duration::ZERO,
        node_timeout: Duration::ZERO,
        lease_offset: None,
        view_lag: Duration::from_secs(2),
        ..options()
    };
    let (_, story) = run(lagging, vec![world]);
    // The second pod is decided on at 7 s in a view of 5 s: node 0, down since 6 s, refuses it
    // until the view shows it.
    assert_eq!(
        story,
        [
            "0 created 0",
            "2 bound 0 node#0",
            "2 runs 0",
            "5 created 1",
            "6 node#0 ready false",
            "6 ended 0 NodeLost",
            "8 bound 1 node#1",
            "8 runs 1",
            "108 ended 1 Completed",
        ]
    );
}

#[test]
fn cells_run_side_by_side_and_the_digest_takes_them_in_order() {
    let world = |cores: i64| {
        cell(
            nodes(&[cores]),
            vec![scheduler(profile("first-fit"))],
            vec![pod(0, 3), pod(1, 3)],
            Vec::new(),
        )
    };
    let digest = |cells| run(options(), cells).0.map(|end| end.digest);
    let both = digest(vec![world(1), world(2)]);
    assert_eq!(both, digest(vec![world(1), world(2)]));
    assert_ne!(both, digest(vec![world(2), world(1)]));
    assert_ne!(both, digest(vec![world(1)]));
}

/// Submits a pod whenever it sees one end, and ends every pod it sees: it never settles.
#[derive(Clone)]
struct Restless {
    cursor: Revision,
}

impl Component for Restless {
    fn name(&self) -> &'static str {
        "restless"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, _now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        for entry in view.log().since(self.cursor) {
            if let Event::PodCreated(created) = &entry.event {
                let pod = created.pod;
                out.write(
                    view,
                    Event::PodEnded {
                        pod,
                        reason: EndReason::Cancelled,
                    },
                );
                // Its row is free again by then: the identity is the next one.
                let mut again = created.clone();
                again.pod.id.0 += 1;
                out.write(view, Event::PodCreated(again));
            }
        }
        self.cursor = view.revision();
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

#[test]
fn components_that_never_settle_are_named() {
    let restless = Restless {
        cursor: Revision::default(),
    };
    let world = cell(
        nodes(&[1]),
        vec![Box::new(restless)],
        vec![pod(4, 1)],
        Vec::new(),
    );
    let mut silent = windtunnel_silent();
    let interrupted = std::sync::atomic::AtomicBool::new(false);
    let mut control = windtunnel::sim::RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    let mut simulation = windtunnel::sim::Simulation::new(options(), vec![world], &mut silent)
        .expect("a world that can be");
    match simulation.run(&mut control) {
        Err(SimError::Livelock { at, components, .. }) => {
            assert_eq!(
                (at, components.as_str()),
                (Instant::from_secs(4), "`restless`")
            );
        }
        other => panic!("{other:?}"),
    }
}

/// An agent that asks for a wake-up at the instant of each wake-up.
#[derive(Clone)]
struct Sleepless;

impl NodeAgent for Sleepless {
    fn assigned(
        &mut self,
        now: Instant,
        told: Assignment,
        _: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        out.commands.push(MachineCommand::Start {
            pod: told.pod,
            node: told.node,
        });
        out.wakes
            .push((now.saturating_add(Duration::from_secs(5)), told.pod));
    }

    fn stopping(&mut self, _: Instant, _: StopOrder, _: &mut AgentOutput) {}

    fn rebooted(&mut self, _: Instant, _: Assignment, _: Option<StopOrder>, _: &mut AgentOutput) {}

    fn relisted(&mut self, _: Instant, _: PodRef, _: &mut AgentOutput) {}

    fn machine(&mut self, _: Instant, _: PodRef, _: MachineEvent, _: &mut AgentOutput) {}

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        out.wakes.push((now, pod));
    }

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}

#[test]
fn agents_that_never_settle_are_named() {
    let mut world = cell(
        nodes(&[1]),
        vec![scheduler(profile("first-fit"))],
        vec![pod(4, 60)],
        Vec::new(),
    );
    world.agent = Box::new(Sleepless);
    match run(options(), vec![world]).0 {
        Err(error @ SimError::Livelock { at, .. }) => {
            assert_eq!(at, Instant::from_secs(9));
            let told = error.to_string();
            assert!(told.contains("the agents of the nodes"), "{told}");
            assert!(error.keeps_results());
        }
        other => panic!("{other:?}"),
    }
}

/// Nobody watches: a million rounds are long enough.
fn windtunnel_silent() -> impl windtunnel::cluster::Observer {
    struct Silent;
    impl windtunnel::cluster::Observer for Silent {
        fn observe(
            &mut self,
            _: Instant,
            _: &Event,
            _: Option<&windtunnel::model::Pod>,
            _: &Store,
        ) {
        }
    }
    Silent
}
