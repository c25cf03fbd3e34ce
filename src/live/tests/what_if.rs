//! A record continued under the control plane that made it comes to what was recorded; under another one
//! the difference is that of its decisions.

use units::{Duration, Instant};

use super::bench::{Bench, deployment, plane, plane_of};
use super::systems;
use crate::driver::Plane;
use crate::journal::MemoryJournal;
use crate::record::Log;
use crate::what_if::{Outcome, continued};
use crate::wire::request::Request;

/// Puts each pod on the first node with room.
fn first_fit() -> Plane {
    plane_of("pipeline", "first-fit")
}

fn record() -> (Log, usize) {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(5, &journal);
    bench.turns(2);
    bench.apply(&deployment(10));
    bench.turns(60);
    let first = bench.hosts[2].machine.running.keys().next().copied();
    let (pod, _) = first.expect("a pod on n2");
    bench.hosts[2].machine.exit(pod, 1);
    bench.turns(30);
    bench.apply(&deployment(30));
    bench.turns(30);
    bench.hosts[4].is_cut = true;
    bench.turns(600);
    let node = "n3".to_owned();
    bench.ask(Request::Drain { node });
    bench.turns(60);
    let control = bench.control.take().expect("a control server");
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    (log, 30)
}

fn under(log: &Log, from_s: i64, other: Plane) -> Outcome {
    let from = Instant::ZERO.saturating_add(Duration::from_secs(from_s));
    continued(log, from, plane(), plane(), other).expect("a record that replays")
}

#[test]
fn the_recorded_control_plane_comes_to_what_was_recorded() {
    let (log, pods) = record();
    let recorded = log.replay(plane()).expect("the same run");
    let on = |node: &str| {
        let rows = recorded.pod_rows();
        rows.iter()
            .filter(|row| row.node.as_deref() == Some(node))
            .count()
    };
    for from_s in [0, 30, 80, 110, 300] {
        let again = under(&log, from_s, plane());
        assert_eq!(again.places.len(), pods, "from {from_s} s");
        assert_eq!(again.waiting, 0);
        for node in ["n3", "n4"] {
            assert_eq!(again.running.get(node), None, "{node} from {from_s} s");
        }
        let counts = ["n0", "n1", "n2"].map(|node| again.running.get(node).copied().unwrap_or(0));
        assert_eq!(counts, ["n0", "n1", "n2"].map(on), "from {from_s} s");
    }
}

#[test]
fn another_policy_decides_from_its_instant_on() {
    let (log, pods) = record();
    let all = under(&log, 0, first_fit());
    assert_eq!((all.places.len(), all.running.get("n0")), (pods, Some(&30)));
    // What was placed before stays where it is.
    let late = under(&log, 80, first_fit());
    assert_eq!(late.places.len(), pods);
    assert!(
        late.running["n1"] >= 2 && late.running["n0"] > 20,
        "{late:?}"
    );
    let again = under(&log, 80, first_fit());
    assert_eq!(again, late);
}

#[test]
fn managers_go_on_from_what_they_knew_at_any_instant() {
    for system in ["swarmkit", "mesos", "ecs"] {
        let plane = || systems::plane(system);
        let journal = MemoryJournal::default();
        let mut bench = Bench::with_plane(3, &journal, plane());
        bench.turns(3);
        bench.apply(&deployment(6));
        bench.turns(60);
        bench.apply(&deployment(9));
        bench.turns(60);
        let control = bench.control.take().expect("a control server");
        let log = Log::read(&control.log().expect("a log")).expect("a whole log");
        for from_s in [0, 30, 70, 100] {
            let from = Instant::ZERO.saturating_add(Duration::from_secs(from_s));
            let ended = continued(&log, from, plane(), plane(), plane());
            let ended = ended.expect("a record that replays");
            let running: usize = ended.running.values().sum();
            assert_eq!((running, ended.waiting), (9, 0), "{system} from {from_s} s");
            assert_eq!(ended.ends.len(), 0, "{system} from {from_s} s: {ended:?}");
        }
    }
}
