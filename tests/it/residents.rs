//! Pods that are on nodes when a run begins: they are there from the first instant, for whoever
//! reads the log, and take what they take.

use std::sync::Arc;

use windtunnel::model::{DeviceSet, InitialState, PodName, PodSpec, ResourceList};
use windtunnel::sim::{NodeLoss, Options, Resident, StartUp, Stop};
use windtunnel::units::{Duration, Instant, NodeId, Quantity};

use crate::world::{cell, nodes, options, pod, profile, run, scheduler};

fn resident(name: &str, node: u32, cores: i64, is_running: bool) -> Resident {
    let requests = ResourceList::from_pairs([("cpu", Quantity::from_units(cores))]);
    Resident {
        name: PodName::Text(name.into()),
        spec: Arc::new(PodSpec::with_requests(requests)),
        time_limit: None,
        run_time: None,
        devices: DeviceSet::EMPTY,
        found: InitialState {
            is_running,
            ..InitialState::on(NodeId(node))
        },
        owner: None,
    }
}

fn check(options: Options, residents: Vec<Resident>, expected: &[&str]) {
    let mut cell = cell(
        nodes(&[2, 2]),
        vec![scheduler(profile("least-allocated"))],
        vec![pod(5, 3)],
        vec![(Instant::from_secs(7), NodeId(0), false)],
    );
    cell.residents = residents;
    let (end, story) = run(options, vec![cell]);
    end.expect("a world that can be");
    assert_eq!(story, expected);
}

#[test]
fn they_stay_where_they_are_and_take_their_room() {
    let idle = Options {
        stop: Stop::Idle,
        ..options()
    };
    // Node 0 has more than it offers, node 1 one core left.
    let residents = vec![
        resident("a", 0, 2, true),
        resident("b", 0, 3, true),
        resident("c", 1, 1, true),
    ];
    check(
        idle.clone(),
        residents.clone(),
        &[
            "0 created 0",
            "0 bound 0 node#0",
            "0 runs 0",
            "0 created 1",
            "0 bound 1 node#0",
            "0 runs 1",
            "0 created 2",
            "0 bound 2 node#1",
            "0 runs 2",
            "5 created 3",
            "5 bound 3 node#1",
            "5 runs 3",
            "7 node#0 ready false",
            "7 ended 0 NodeLost",
            "7 ended 1 NodeLost",
            "8 ended 3 Completed",
        ],
    );
    // What is lost and submitted again is a pod like any other; nobody has room for them.
    let again = Options {
        node_loss: NodeLoss::Resubmit,
        ..idle.clone()
    };
    let (_, story) = {
        let mut world = cell(
            nodes(&[2, 2]),
            vec![scheduler(profile("least-allocated"))],
            vec![],
            vec![(Instant::from_secs(7), NodeId(0), false)],
        );
        world.residents = residents[..1].to_vec();
        run(again, vec![world])
    };
    let expected = [
        "7 ended 0 NodeLost",
        "7 created 1",
        "7 bound 1 node#1",
        "7 runs 1",
    ];
    assert_eq!(story[4..], expected);
    // A pod that its node has yet to start takes its time; one that is up does not.
    let slow = Options {
        start_up: StartUp::Drawn("constant(2s)".parse().expect("a distribution")),
        stop: Stop::At(Instant::from_secs(3)),
        ..idle
    };
    check(
        slow,
        vec![resident("a", 0, 1, true), resident("b", 0, 1, false)],
        &[
            "0 created 0",
            "0 bound 0 node#0",
            "0 runs 0",
            "0 created 1",
            "0 bound 1 node#0",
            "2 runs 1",
        ],
    );
}

#[test]
fn digests_cover_them() {
    let digest = |change: &dyn Fn(&mut Resident)| {
        let mut known = resident("a", 0, 1, true);
        change(&mut known);
        let mut world = cell(nodes(&[2, 2]), vec![], vec![], vec![]);
        world.residents = vec![known];
        let stop = Stop::At(Instant::from_secs(1));
        let (end, _) = run(Options { stop, ..options() }, vec![world]);
        end.expect("a world that can be").digest
    };
    let same = digest(&|_| {});
    assert_eq!(digest(&|_| {}), same);
    let changes: [&dyn Fn(&mut Resident); 3] = [
        &|known| known.found.node = NodeId(1),
        &|known| known.found.is_terminating = true,
        &|known| known.found.started = Some(Instant::ZERO.saturating_add(Duration::from_secs(-5))),
    ];
    for change in changes {
        assert_ne!(digest(change), same);
    }
}
