//! The load of a few agents on a control server: the numbers that `live load` prints are there.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::agent::PROGRAM;
use crate::sweep::run_folder;
use crate::table::Test;

pub(crate) const TESTS: &[Test] = &[Test {
    fault: "L",
    name: "load: 4 agents, 40 pods, decisions and heartbeats timed",
    needs: &[],
    run: load,
}];

const EXPERIMENT: &str = "\
windtunnel: v1
name: load
cluster: {nodes: [{count: 1, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 10}}}]}
workload: [{manifests: web.yaml}]
system: {name: kubernetes, controllers: {}}
models: {nodeLife: observed}
";

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: web, image: none, resources: {requests: {cpu: 10m}}}]}
";

fn load() {
    let folder = run_folder().join("load");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("load.yaml"), EXPERIMENT).expect("a file");
    fs::write(folder.join("web.yaml"), POD).expect("a file");
    let mut command = Command::new(PROGRAM);
    command.current_dir(&folder);
    command.args(["-q", "load", "load.yaml", "--folder", "made"]);
    command.args(["--agents", "4", "--pods", "40", "--decisions", "10"]);
    command.args(["--calm", "1s", "--patience", "9s", "--json"]);
    command.args(["--simulate", "24h"]);
    let output = command.output().expect("the program");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let measured: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&measured["agents"], &measured["pods"]),
        (&4.into(), &40.into())
    );
    for (field, samples) in [("decisionMs", 10), ("heartbeatMs", 5)] {
        let spread = &measured[field];
        let count = spread["samples"].as_u64().expect("a number");
        let [p50, p99] = ["p50", "p99"].map(|name| spread[name].as_f64().expect("a number"));
        assert!(
            count >= samples && 0.0 < p50 && p50 <= p99,
            "{field}: {spread}"
        );
    }
    let both = &measured["compared"];
    let [real, simulated] = ["real", "simulated"].map(|side| &both[side]);
    for field in ["bindings", "lostNodes", "orderedEnds"] {
        assert_eq!(real[field], simulated[field], "{field}: {both}");
    }
    assert_eq!(real["bindings"], 50);
    assert_eq!(simulated["timeS"], 86_400.0);
    assert_eq!(simulated["heartbeats"], 4 * 8_640);
    assert!(simulated["readyS"].is_number(), "{both}");
    assert!(measured["memoryMib"].as_f64().is_some_and(|mib| mib > 1.0));
    assert!(
        measured["logBytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 1000)
    );
}
