//! Fault 14: records that are truncated, garbled or empty; and records of an earlier boot or version.

use std::fs;

use serde_json::Value;

use crate::audit::audit;
use crate::hosts::{Host, Running};
use crate::table::Test;
use crate::wait::{is_alive, kill, seconds, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "14",
        name: "records torn while the shim lives: adopted",
        needs: &["pidfd", "children"],
        run: torn_and_alive,
    },
    Test {
        fault: "14",
        name: "records torn after the end: unknown, no code",
        needs: &["pidfd"],
        run: torn_and_gone,
    },
    Test {
        fault: "14",
        name: "host started again",
        needs: &["pidfd"],
        run: another_boot,
    },
    Test {
        fault: "35",
        name: "records with fields of a later version",
        needs: &["pidfd"],
        run: later_version,
    },
];

/// Way to damage a record.
type Damage = fn(&[u8]) -> Vec<u8>;

/// Every way to damage a record.
const DAMAGES: [Damage; 4] = [
    |_| Vec::new(),
    |bytes| bytes[..bytes.len() / 2].to_vec(),
    |bytes| vec![0; bytes.len()],
    |_| b"{\"version\":1}".to_vec(),
];

fn torn_and_alive() {
    let mut host = Host::started();
    let cases: Vec<(usize, &str)> = (0..DAMAGES.len())
        .flat_map(|damage| ["state", "order", "stop"].map(|record| (damage, record)))
        .collect();
    let before: Vec<Running> = cases
        .iter()
        .map(|(damage, record)| host.run(&host.order(&format!("{record}-{damage}"), "sleep 60000")))
        .collect();
    host.kill_agent();
    for ((damage, record), running) in cases.iter().zip(&before) {
        let path = host.state(&running.attempt).join(record);
        let bytes = fs::read(&path).unwrap_or_else(|_| b"{\"version\":1}".to_vec());
        fs::write(&path, DAMAGES[*damage](&bytes)).expect("a record");
    }
    fs::remove_file(host.folder.join("list")).expect("a list");
    host.start_agent();
    for running in &before {
        let now = host.await_running(&running.attempt);
        assert_eq!(now.workload, running.workload, "{}", running.attempt);
        assert_eq!(now.shim, running.shim, "{}", running.attempt);
    }
    for running in &before {
        let end = host.end(&running.attempt);
        assert_eq!(end["ended"]["outcome"]["signal"], 15, "{end}");
    }
    audit(&host);
}

fn torn_and_gone() {
    let mut host = Host::started();
    let cases: Vec<(usize, &str)> = (0..DAMAGES.len())
        .flat_map(|damage| ["exit", "state"].map(|record| (damage, record)))
        .collect();
    let before: Vec<Running> = cases
        .iter()
        .map(|(damage, record)| host.run(&host.order(&format!("{record}-{damage}"), "sleep 60000")))
        .collect();
    host.kill_agent();
    for ((damage, record), running) in cases.iter().zip(&before) {
        if *record == "exit" {
            kill(&running.workload);
            wait_until("the shim ends", seconds(3), || !is_alive(&running.shim));
        } else {
            kill(&running.shim);
            wait_until("the shim is gone", seconds(3), || !is_alive(&running.shim));
            assert!(is_alive(&running.workload));
        }
        let path = host.state(&running.attempt).join(record);
        let bytes = fs::read(&path).expect("a record");
        fs::write(&path, DAMAGES[*damage](&bytes)).expect("a record");
    }
    host.start_agent();
    for running in &before {
        let end = host.await_end(&running.attempt);
        assert_eq!(end["reason"], "Unknown", "{end}");
        assert!(end["code"].is_null(), "{end}");
        assert!(!is_alive(&running.workload), "{}", running.attempt);
    }
    audit(&host);
}

/// Changes a record of an attempt.
fn change(host: &Host, running: &Running, record: &str, change: impl Fn(&mut Value)) {
    let path = host.state(&running.attempt).join(record);
    let mut value = serde_json::from_slice(&fs::read(&path).expect("a record")).expect("JSON");
    change(&mut value);
    fs::write(&path, value.to_string()).expect("a record");
}

fn another_boot() {
    let mut host = Host::started();
    let running = host.run(&host.order("before", "sleep 60000"));
    host.kill_agent();
    kill(&running.shim);
    kill(&running.workload);
    wait_until("both are gone", seconds(3), || {
        !is_alive(&running.shim) && !is_alive(&running.workload)
    });
    change(&host, &running, "state", |state| {
        for process in ["shim", "workload"] {
            state[process]["boot"] = "another".into();
        }
    });
    host.start_agent();
    let end = host.await_end(&running.attempt);
    assert_eq!(end["reason"], "NodeRebooted", "{end}");
    audit(&host);
}

fn later_version() {
    let mut host = Host::started();
    let running = host.run(&host.order("later", "sleep 60000"));
    host.kill_agent();
    for record in ["state", "order"] {
        change(&host, &running, record, |value| {
            value["version"] = 2.into();
            value["more"] = "of it".into();
        });
    }
    host.start_agent();
    let now = host.await_running(&running.attempt);
    assert_eq!(now.workload, running.workload);
    host.end(&running.attempt);
    audit(&host);
}
