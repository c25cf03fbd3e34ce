//! Scores of the registry in kube-scheduler itself and in the pipeline: the same score, with and
//! without the queue, preemption and spreading of the original.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::kube_scenario::{Scratch, node, on, pod};

const SPREAD: &str = "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: \
                      topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, \
                      labelSelector: {matchExpressions: [{key: app, operator: Exists}]}}]\n";

/// What became of the pods of a file of manifests under a system with its settings.
fn run(name: &str, manifests: &str, system: &str) -> Vec<String> {
    let scenario = format!(
        "windtunnel: v1\nname: own\ncluster: {{nodes: [{{manifests: dump.yaml}}]}}\nworkload: \
         [{{manifests: dump.yaml}}]\nsystem: {{{system}}}\n\
         stop: {{at: 10m}}\n"
    );
    let files = [("own.yaml", scenario.as_str()), ("dump.yaml", manifests)];
    Scratch::new(name, &files).load("own.yaml").run()
}

/// A node in zone x that is large, one in zone y that is full of a pod that may be evicted, and two
/// pods that spread over the zones.
fn spread() -> String {
    let mut text = node("a", "x", 8) + &node("b", "y", 2);
    let (spec, status) = on("b", "1:00");
    let idle = pod("idle", 2, 0, &spec, "}").replace("labels: {app: idle}", "labels: {}");
    text += &(idle + &status);
    for index in 0..2 {
        let _ = write!(text, "{}", pod(&format!("web-{index}"), 1, 10, SPREAD, "}"));
    }
    text
}

fn placed_on<'l>(lines: &'l [String], node: &str) -> Vec<&'l str> {
    let end = format!(" on {node}");
    let lines = lines.iter().filter(|line| line.ends_with(&end));
    lines.filter_map(|line| line.split(' ').nth(1)).collect()
}

#[test]
fn scores_of_the_registry_run_under_preemption_and_spreading() {
    for score in ["fgd", "worst-fit"] {
        let settings = format!(
            "name: kubernetes, scheduler: {{profile: default, plugins: {{{score}: {{weight: 2}}}}}}"
        );
        let exact = run(&format!("exact-{score}"), &spread(), &settings);
        // The second pod may not join the first in its zone, so the idle one is evicted.
        assert_eq!(placed_on(&exact, "a").len(), 1, "{score}: {exact:#?}");
        assert_eq!(placed_on(&exact, "b").len(), 1, "{score}: {exact:#?}");
        let evicted = |line: &String| line.contains("idle ended");
        assert!(exact.iter().any(evicted), "{score}: {exact:#?}");
        let settings = format!("name: pipeline, scheduler: {{profile: {score}}}");
        let pipeline = run(&format!("pipeline-{score}"), &spread(), &settings);
        assert_eq!(
            placed_on(&pipeline, "a"),
            ["web-0", "web-1"],
            "{pipeline:#?}"
        );
        assert!(!pipeline.iter().any(evicted), "{pipeline:#?}");
    }
}

#[test]
fn the_weight_of_a_score_of_the_registry_decides_where_pods_go() {
    // Best fit wants the small node, kube-scheduler's own scores the large one.
    let text = node("a", "x", 8) + &node("b", "y", 4) + &pod("web", 1, 0, "", "}");
    for (plugins, expected) in [
        ("{}", "0 web on a"),
        ("{best-fit: {weight: 20}}", "0 web on b"),
        ("{worst-fit: {weight: 20}}", "0 web on a"),
    ] {
        let settings = format!("scheduler: {{tieBreak: first, plugins: {plugins}}}");
        assert_eq!(run("weight", &text, &settings), [expected], "{plugins}");
    }
}

#[test]
fn the_manual_shows_a_policy_of_the_project() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |name: &str| fs::read_to_string(project.join(name)).expect("a file");
    let own = text("src/policy/score/worst_fit.rs");
    let (own, _) = own.split_once("#[cfg(test)]").expect("tests");
    let page = text("docs/manual/policies.md");
    let shown = page.split("```rust\n").nth(1).expect("a block of Rust");
    let (shown, _) = shown.split_once("```").expect("its end");
    assert_eq!(shown.trim(), own.trim());
}
