//! Nodes, daemons and control servers that are lost and come back: nothing is lost, and nothing runs
//! twice beyond what the system allows.

use super::bench::{Bench, deployment, registration};
use crate::control::{Control, ControlError};
use crate::driver::input::{Answer, Input};
use crate::journal::MemoryJournal;
use crate::record::Header;
use crate::wire::NodeAnswer;
use crate::wire::report::{News, NumberedReport};
use crate::wire::request::Request;

#[test]
fn a_deployment_runs_on_its_nodes() {
    let mut bench = Bench::new(5, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&deployment(30));
    bench.turns(6);
    bench.agrees(30);
    bench.audit();
    let on = |name: &str| {
        bench
            .pods()
            .iter()
            .filter(|pod| pod.node.as_deref() == Some(name))
            .count()
    };
    assert_eq!([0, 1, 2, 3, 4].map(|host| on(&format!("n{host}"))), [6; 5]);
}

#[test]
fn the_template_reaches_the_node_as_it_was_written() {
    let mut bench = Bench::new(1, &MemoryJournal::default());
    bench.turn();
    bench.apply(&deployment(1));
    let control = bench.control.as_ref().expect("a control server");
    let log = String::from_utf8(control.log().expect("a log")).expect("text");
    assert!(log.contains("sleep"));
    let store = control.driver().store();
    let pod = store.pods().iter().next().expect("a pod");
    let object = crate::wire::pod::object(store, pod);
    let command = object.pointer("/spec/containers/0/command");
    assert_eq!(command, Some(&serde_json::json!(["sleep", "100000"])));
    let requests = object.pointer("/spec/containers/0/resources/requests/cpu");
    assert_eq!(requests, Some(&serde_json::json!("100m")));
    let read = crate::wire::pod::read(&object).expect("a pod");
    assert_eq!(read.containers, store.class(pod.class).spec.containers);
}

#[test]
fn a_lost_node_is_replaced_and_its_surplus_stopped_when_it_returns() {
    let mut bench = Bench::new(5, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&deployment(30));
    bench.turns(6);
    bench.hosts[2].is_cut = true;
    bench.turns(40);
    assert!(nodes_ready(&bench, "n2"), "the grace of 50 s is not over");
    bench.turns(25);
    assert!(
        !nodes_ready(&bench, "n2"),
        "silent for longer than the grace"
    );
    assert_eq!(bench.pods().len(), 30, "pods tolerate the loss for 300 s");
    bench.turns(310);
    // The pods of the lost node wait for its word; others stand in for them.
    let terminating = bench.pods().iter().filter(|pod| pod.terminating).count();
    assert_eq!((terminating, bench.pods().len()), (6, 36));
    assert_eq!(bench.running(), 36, "the cut host goes on with what it has");
    bench.hosts[2].is_cut = false;
    bench.turns(6);
    bench.agrees(30);
    bench.audit();
    assert!(nodes_ready(&bench, "n2"));
}

#[test]
fn daemons_that_restart_adopt_what_runs() {
    let mut bench = Bench::new(3, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&deployment(12));
    bench.turns(6);
    for host in 0..3 {
        bench.hosts[host].restart();
        bench.turns(3);
    }
    bench.agrees(12);
    bench.audit();
    assert!(bench.pods().iter().all(|pod| pod.restarts == 0));
}

#[test]
fn a_pod_that_ends_while_its_host_is_cut_is_reported_once() {
    let mut bench = Bench::new(2, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&deployment(4));
    bench.turns(6);
    bench.hosts[0].is_cut = true;
    let pod = bench.hosts[0]
        .machine
        .running
        .keys()
        .next()
        .expect("a pod")
        .0;
    bench.hosts[0].machine.exit(pod, 7);
    bench.turns(3);
    // The answer to the report gets lost, so it is sent again.
    (bench.hosts[0].is_cut, bench.hosts[0].loses_answers) = (false, true);
    bench.turns(3);
    bench.hosts[0].loses_answers = false;
    bench.turns(30);
    bench.agrees(4);
    let restarts: u32 = bench.pods().iter().map(|pod| pod.restarts).sum();
    assert_eq!(restarts, 1);
}

/// A control server that is killed after any step, before or after its record is durable.
#[test]
fn a_control_server_killed_at_any_step_loses_and_doubles_nothing() {
    let quiet = {
        let journal = MemoryJournal::default();
        let mut bench = Bench::new(5, &journal);
        play(&mut bench, None, &journal);
        bench.agrees(30);
        journal.len()
    };
    // The header and the beginnings of two terms are there before the storage fails.
    for step in 3..quiet {
        let journal = MemoryJournal::default();
        let mut bench = Bench::new(5, &journal);
        bench.open(journal.with_room(step));
        play(&mut bench, Some(3), &journal);
        bench.agrees(30);
        bench.audit();
    }
}

/// Applies a deployment, and replaces the control server some turns after its storage failed.
fn play(bench: &mut Bench, away: Option<usize>, journal: &MemoryJournal) {
    let request = Request::Apply {
        file: "web.yaml".to_owned(),
        text: deployment(30),
    };
    let mut is_applied = false;
    for turn in 0..24 {
        bench.turn();
        if turn >= 2 && !is_applied {
            // A user who gets no answer asks again.
            let message = request.clone();
            is_applied = bench.send(Input::Ask { message }).is_some();
        }
        let control = bench.control.as_ref();
        let is_halted = control.is_some_and(Control::is_halted);
        if let Some(away) = away
            && is_halted
        {
            bench.control = None;
            bench.turns(away);
            bench.open(journal.clone());
        }
    }
}

#[test]
fn a_node_speaks_for_its_own_pods_alone() {
    let mut bench = Bench::new(2, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&deployment(2));
    bench.turns(6);
    let pods = bench.pods();
    let other = pods
        .iter()
        .find(|pod| pod.node.as_deref() == Some("n1"))
        .expect("a pod on n1");
    let mut update = bench.hosts[0].core.update(true).expect("a session");
    update.reports.push(NumberedReport {
        number: 1_000,
        pod: other.pod,
        news: News::Ended {
            reason: model::EndReason::Completed,
        },
    });
    bench.send(Input::Update { message: update });
    assert_eq!(bench.pods(), pods);
    // Another process in its name has no session, and another machine may not take it.
    let mut update = bench.hosts[0].core.update(true).expect("a session");
    update.process = "stranger".to_owned();
    let answer = bench.send(Input::Update { message: update });
    assert_eq!(answer, Some(Answer::Node(NodeAnswer::Unregistered)));
    let mut message = registration("n0", 9);
    message.machine = "another".to_owned();
    match bench.send(Input::Register { message }) {
        Some(Answer::Node(NodeAnswer::Refused { why })) => {
            assert!(why.contains("is another machine"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_drained_node_is_empty_and_stays_so_across_restarts() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(3, &journal);
    bench.turns(2);
    bench.apply(&deployment(6));
    bench.turns(6);
    let node = "n1".to_owned();
    let outcome = bench.ask(Request::Drain { node });
    assert_eq!(outcome.refused, Vec::<String>::new());
    bench.turns(40);
    bench.agrees(6);
    bench.hosts[1].restart();
    bench.control = None;
    bench.open(journal);
    bench.turns(5);
    bench.agrees(6);
    assert!(bench.hosts[1].machine.running.is_empty());
    bench.audit();
}

#[test]
fn a_deleted_deployment_leaves_nothing() {
    let mut bench = Bench::new(2, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&deployment(5));
    bench.turns(6);
    let object = "Deployment/default/web".to_owned();
    let outcome = bench.ask(Request::Delete { object });
    assert_eq!(outcome.done, ["delete Deployment/default/web"]);
    bench.turns(40);
    bench.agrees(0);
}

#[test]
fn a_state_of_another_experiment_is_refused() {
    let journal = MemoryJournal::default();
    drop(Bench::new(1, &journal));
    let header = Header::new("other", "4567", 0);
    let refused = Control::open(header, super::bench::plane(), journal).err();
    assert!(matches!(
        refused,
        Some(ControlError::OtherExperiment { .. })
    ));
}

#[test]
fn heartbeats_alone_fill_no_journal_and_a_lost_node_is_still_noticed_in_time() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(5, &journal);
    bench.turns(2);
    bench.apply(&deployment(5));
    bench.turns(10);
    let before = journal.len();
    bench.turns(3600);
    // 18,000 heartbeats; timers of the control plane and one record in 15 s for all nodes remain.
    let records = journal.len() - before;
    assert!(records < 1000, "{records} records in an hour without news");
    bench.hosts[2].is_cut = true;
    bench.turns(66);
    assert!(!nodes_ready(&bench, "n2"));
    let control = bench.control.take().expect("a control server");
    let log = crate::record::Log::read(&control.log().expect("a log")).expect("a whole log");
    let replayed = log.replay(super::bench::plane()).expect("the same run");
    assert_eq!(replayed.digest(), control.driver().digest());
}

fn nodes_ready(bench: &Bench, name: &str) -> bool {
    let control = bench.control.as_ref().expect("a control server");
    let rows = control.driver().node_rows();
    rows.iter().any(|row| row.name == name && row.ready)
}
