//! A live cluster, whose control server is asked by the program of live clusters.

use std::fs;

use super::site::{Folder, Site};

/// A control server that holds a node, and pods as a file says.
const CLUSTER: &str = r#"#!/bin/sh
here="$(dirname "$0")"
[ -e "$here/fails" ] && { echo 'no control server answers' >&2; exit 2; }
cat "$here/cluster.json"
"#;

const NODE: &str = r#"{"kind": "Node", "name": "n0", "ready": true, "allocatable": {"cpu": "2"}}"#;
const SET: &str = r#"{"kind": "ReplicaSet", "metadata": {"namespace": "d", "name": "web"}, "spec": {"replicas": 1,
    "template": {"spec": {"containers": [{"resources": {"requests": {"cpu": "1"}}}]}}}}"#;
const WAITS: &str = r#"{"kind": "Pod", "namespace": "d", "name": "web-1", "phase": "pending", "node": null, "ready": false,
    "owner": "ReplicaSet/web", "waits": "0/1 nodes are available"}"#;
const RUNS: &str = r#"{"kind": "Pod", "namespace": "d", "name": "web-1", "phase": "running", "node": "n0", "ready": true,
    "owner": "ReplicaSet/web", "waits": null}"#;

#[test]
fn a_live_cluster_is_shown_as_it_changes() {
    let folder = Folder::new("live");
    let server = folder.server(CLUSTER);
    let hold = |objects: &[&str]| {
        let text = format!("[{}]", objects.join(","));
        fs::write(folder.0.join("bin/cluster.draft"), text).expect("a file");
        let target = folder.0.join("bin/cluster.json");
        fs::rename(folder.0.join("bin/cluster.draft"), target).expect("it is whole");
    };
    hold(&[NODE, SET, WAITS]);
    fs::create_dir_all(folder.0.join("state")).expect("a folder");
    let site = Site::start(&server, &folder.root(), &["--live", "../state"]);
    let at = "/api/at?run=%40live&variant=live&t=9000000000000&resource=cpu";
    let heat = site.until(at, |own| own["phases"]["pending"] == 1);
    assert_eq!(heat["values"], serde_json::json!([0]));
    hold(&[NODE, SET, RUNS]);
    let heat = site.until(at, |own| own["phases"]["running"] == 1);
    assert_eq!(heat["values"], serde_json::json!([500]));
    fs::write(folder.0.join("bin/fails"), "").expect("a file");
    let log = site.until("/api/log?run=%40live", |own| own["error"].is_string());
    assert!(
        log["error"]
            .as_str()
            .is_some_and(|own| own.contains("no control server")),
        "{log}"
    );
    assert_eq!(log["isLive"], true);
}
