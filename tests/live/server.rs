//! Faults 22, 23, 26, 27 and 35: a control server that crashes between writing and sending, stands still,
//! or finds its store damaged; clocks that jump; and an agent that is replaced by another version.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::agent::PROGRAM;
use crate::cluster::{Cluster, Shape, Web};
use crate::table::Test;
use crate::wait::{holds_for, millis};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "22",
        name: "control server killed between writing and sending",
        needs: &["pidfd"],
        run: killed_after_commit,
    },
    Test {
        fault: "23",
        name: "control server stands still: no node is given up",
        needs: &["pidfd"],
        run: paused,
    },
    Test {
        fault: "26",
        name: "store damaged or opened twice: refused by name",
        needs: &["pidfd"],
        run: damaged_store,
    },
    Test {
        fault: "27",
        name: "wall clock jumps by an hour, both ways",
        needs: &["pidfd"],
        run: clock_jumps,
    },
    Test {
        fault: "35",
        name: "agent replaced by another program",
        needs: &["pidfd"],
        run: upgraded,
    },
];

const fn shape(name: &'static str, pace: u32) -> Shape {
    Shape {
        name,
        node_count: 2,
        pace,
        is_networked: false,
    }
}

fn killed_after_commit() {
    let mut cluster = Cluster::new(shape("commit", 1));
    cluster.kill_control();
    let place = ("WT_CRASH_AT", "after-commit".to_owned());
    cluster.environment.push(place);
    cluster.start_control();
    cluster.try_apply(Web::of(4)).expect_err("no answer");
    cluster.await_control_end();
    assert!(cluster.processes().is_empty(), "nothing was sent");
    cluster.environment.clear();
    // The user has no answer, and what was asked for was durable: it is carried out once.
    cluster.start_control();
    cluster.agrees(4);
    cluster.audit();
}

fn paused() {
    let cluster = Cluster::new(shape("paused", 50));
    cluster.apply(Web::of(4));
    cluster.agrees(4);
    let before = cluster.processes();
    let pid = i32::try_from(cluster.control_pid()).expect("a pid");
    let pid = Pid::from_raw(pid).expect("a pid");
    kill_process(pid, Signal::STOP).expect("a process of this test");
    // More than two minutes of the cluster's time; a node is lost after 50 s of silence.
    holds_for("workloads run on", millis(2_500), || {
        std::thread::sleep(millis(100));
        cluster.processes() == before
    });
    kill_process(pid, Signal::CONT).expect("a process of this test");
    cluster.await_nodes();
    cluster.agrees(4);
    holds_for("no node is lost", millis(500), || {
        std::thread::sleep(millis(100));
        cluster.events("NotReady").is_empty()
    });
    assert_eq!(cluster.processes(), before);
    cluster.audit();
}

fn damaged_store() {
    let mut cluster = Cluster::new(shape("store", 1));
    cluster.apply(Web::of(4));
    cluster.agrees(4);
    let second = [
        "control",
        "walk.yaml",
        "--state",
        "state",
        "--listen",
        "127.0.0.1:0",
    ];
    let refusal = |cluster: &Cluster| {
        let output = cluster.output(&second);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let words = refusal(&cluster);
    assert!(
        words.contains("another control server has this state open"),
        "{words}"
    );
    cluster.kill_control();
    let file = cluster.state().join("control.redb");
    let whole = fs::read(&file).expect("a store");
    let record = b"Deployment";
    let places = (0..whole.len() - record.len()).filter(|&at| whole[at..].starts_with(record));
    let places: Vec<usize> = places.collect();
    // Without any copy of the record: the second half of a file may be free, and then nothing is lost.
    let truncated = &whole[..places[0]];
    let mut header = whole.clone();
    header[..64].fill(0x5a);
    let mut flipped = whole.clone();
    for &at in &places {
        flipped[at] ^= 1;
    }
    for damaged in [truncated, &header, &flipped] {
        fs::write(&file, damaged).expect("a file");
        let words = refusal(&cluster);
        assert!(words.contains("damaged"), "{words}");
    }
    // From a copy, the server is where it was, and so is what runs.
    fs::write(&file, &whole).expect("a file");
    cluster.start_control();
    cluster.agrees(4);
    // So it is from a record; the damaged file stays.
    cluster.run(&["record", "--out", "run.log", "--state", "state"]);
    let restoring = [&second[..], &["--restore", "run.log"]].concat();
    cluster.kill_control();
    let refused = cluster.output(&restoring);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("the state is whole"), "{words}");
    fs::write(&file, truncated).expect("a file");
    cluster.arguments = vec!["--restore".to_owned(), "run.log".to_owned()];
    cluster.start_control();
    cluster.arguments.clear();
    cluster.agrees(4);
    assert!(cluster.state().join("control.redb.damaged-1").exists());
    cluster.audit();
}

fn clock_jumps() {
    let mut cluster = Cluster::without_agents(shape("clock", 1));
    cluster.kill_control();
    let file = cluster.folder.join("shift");
    let step = |seconds: i64| fs::write(&file, seconds.to_string()).expect("a file");
    step(0);
    let variable = ("WT_WALL_SHIFT", file.display().to_string());
    cluster.environment.push(variable);
    cluster.start_control();
    for node in 0..2 {
        cluster.start_agent(node);
    }
    cluster.await_nodes();
    cluster.apply(Web::of(4));
    cluster.agrees(4);
    let before = cluster.processes();
    for seconds in [3_600, -3_600] {
        step(seconds);
        cluster.apply(Web {
            tolerated_s: 30,
            ..Web::of(4)
        });
        holds_for("nothing happens by itself", millis(400), || {
            std::thread::sleep(millis(100));
            cluster.nodes().iter().all(|node| node.ready)
        });
        assert!(cluster.events("Silent").is_empty());
        // A server that starts again goes on from the instant where it was.
        cluster.kill_control();
        cluster.start_control();
        cluster.apply(Web::of(4));
        cluster.agrees(4);
    }
    assert!(cluster.events("NotReady").is_empty());
    assert_eq!(before.len(), 4);
    cluster.audit();
}

fn upgraded() {
    let mut cluster = Cluster::without_agents(shape("upgrade", 1));
    let program = cluster.folder.join("program");
    let install = || {
        let _ = fs::remove_file(&program);
        let linked = fs::hard_link(PROGRAM, &program);
        linked
            .or_else(|_| fs::copy(PROGRAM, &program).map(drop))
            .expect("a copy of the program");
    };
    install();
    for node in 0..2 {
        cluster.start_agent_of(&program, node, &[]);
    }
    cluster.await_nodes();
    cluster.apply(Web::of(4));
    cluster.agrees(4);
    let before = cluster.processes();
    install();
    for node in 0..2 {
        cluster.end_agent(node);
        assert_eq!(cluster.processes(), before, "workloads run on");
        cluster.start_agent_of(Path::new(&program), node, &[]);
    }
    cluster.await_nodes();
    cluster.agrees(4);
    assert_eq!(cluster.processes(), before);
    let restarts: u32 = cluster.pods().iter().map(|pod| pod.restarts).sum();
    assert_eq!(restarts, 0);
    cluster.apply(Web::of(6));
    cluster.agrees(6);
    cluster.audit();
}
