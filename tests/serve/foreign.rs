//! Foreign code: experiments that name programs, libraries, sockets and extenders.

use std::path::PathBuf;

use serde_json::json;

use super::site::{Folder, Site};

const NODES: &str = "windtunnel: v1\nname: own\ncluster: {nodes: [{count: 2, template: {allocatable: {cpu: 4, memory: 8Gi, \
    pods: 10}}}]}\nworkload: [{generate: {model: lublin99, jobs: 3, processors: 8}}]\nstop: {at: 1m}\n";

/// Experiments with code of others, each in its way.
const FOREIGN: [(&str, &str); 4] = [
    (
        "program",
        "system: {name: pipeline, scheduler: {profile: first-fit, external: {command: [touch, mark]}}}\n",
    ),
    (
        "library",
        "system: {name: pipeline, scheduler: {profile: first-fit, external: {library: ./mark.so}}}\n",
    ),
    (
        "socket",
        "system: {name: pipeline, scheduler: {profile: first-fit, external: {socket: ./mark.sock}}}\n",
    ),
    (
        "extender",
        "system: {name: kubernetes, scheduler: {config: extender.yaml}}\n",
    ),
];

const EXTENDER: &str = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n\
    extenders: [{urlPrefix: 'http://127.0.0.1:9', filterVerb: filter}]\n";

#[test]
fn no_experiment_runs_foreign_code_by_itself() {
    let server = PathBuf::from(env!("CARGO_BIN_EXE_windtunnel-serve"));
    if !server.with_file_name("windtunnel").is_file() {
        println!("skipped: needs the program beside the server");
        return;
    }
    let folder = Folder::new("foreign");
    folder.file("extender.yaml", EXTENDER);
    let site = Site::start(&server, &folder.root(), &[]);
    for (kind, system) in FOREIGN {
        let text = format!("{NODES}{system}");
        folder.file("own.yaml", &text);
        let told = site
            .post("/api/check", &json!({"path": "own.yaml", "text": text}))
            .json();
        let words = told.to_string();
        // Extenders stand in a file of their own, which the run reads.
        let is_told = words.contains("--allow-external") || kind == "extender";
        assert!(is_told, "{kind}: {words}");
        let run = site
            .post("/api/run", &json!({"path": "own.yaml", "result": kind}))
            .json();
        let state = site.until("/api/state", |own| {
            own["jobs"][0]["id"] == run["id"] && own["jobs"][0]["state"] != "running"
        });
        assert_eq!(state["jobs"][0]["state"], "failed", "{kind}: {state}");
        let words = state["jobs"][0]["lines"].to_string();
        assert!(words.contains("--allow-external"), "{kind}: {words}");
        assert!(!folder.root().join("mark").exists(), "{kind}");
    }
    // Nor does a file elsewhere come in by way of an experiment.
    let text = NODES.replace(
        "generate: {model: lublin99, jobs: 3, processors: 8}",
        "manifests: ../../../../../etc/hosts",
    );
    let told = site
        .post("/api/check", &json!({"path": "", "text": text}))
        .json();
    let words = told.to_string();
    assert!(
        words.contains("outside") && words.contains("serve --root"),
        "{words}"
    );
}

#[test]
fn what_is_typed_at_the_server_allows_it() {
    let server = PathBuf::from(env!("CARGO_BIN_EXE_windtunnel-serve"));
    if !server.with_file_name("windtunnel").is_file() {
        println!("skipped: needs the program beside the server");
        return;
    }
    let folder = Folder::new("allowed");
    let site = Site::start(&server, &folder.root(), &["--allow-external"]);
    let text = format!("{NODES}{}", FOREIGN[0].1);
    let told = site
        .post("/api/check", &json!({"path": "", "text": text}))
        .json();
    assert!(!told.to_string().contains("--allow-external"), "{told}");
    assert_eq!(site.get("/api/state").json()["allowsExternal"], true);
}
