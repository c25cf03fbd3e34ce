//! Pods that no node can take, in runs without a stop: every system gives up on them, so that the run ends and says so.

use windtunnel::systems::registry::SYSTEMS;

use crate::scratch::Scratch;
use crate::trace_runs::variants;

/// A cluster whose nodes have fewer GPUs, cores and bytes than some of the pods want.
const EXPERIMENT: &str = "\
windtunnel: v1
name: unfit
cluster:
  nodes:
    - {name: gpu, count: 1, template: {allocatable: {cpu: 8, memory: 64Gi}, gpu: {devices: 4, model: T4}}}
    - {name: plain, count: 1, template: {allocatable: {cpu: 12, memory: 64Gi}}}
workload:
  - trace: {format: csv, path: pods.csv}
";

const PODS: &str = "\
submit,name,run_time,cpu,gpus,memory
0,first,50,1,,
1,devices,50,1,9,
1,cores,50,100,,
1,bytes,50,1,,1Ti
2,last,50,1,,
";

#[test]
fn a_run_ends_under_every_system() {
    let others = SYSTEMS.iter().map(|system| system.name);
    let others = others.filter(|name| *name != "pipeline");
    let pipeline = "  pipeline: {system: {name: pipeline, scheduler: {profile: best-fit}}}\n";
    let text = format!("{EXPERIMENT}{}{pipeline}", variants(others));
    let scratch = Scratch::new("unfit-pods", &[("a.yaml", &text), ("pods.csv", PODS)]);
    let told = scratch.run(&["run", "a.yaml", "--out", "ran"], 0);
    let summary = scratch.summary("ran");
    assert_eq!(summary.variants.len(), SYSTEMS.len());
    for variant in summary.variants {
        let name = &variant.name;
        assert_eq!(variant.ended, "idle", "{name}");
        // Fleet and Compose heed neither cores nor memory, and what asks for GPUs is not run there.
        let waiting = variant.metrics["pods.never_placed"].value;
        assert!(waiting >= Some(1.0), "{name}: {waiting:?}: {told}");
    }
}

#[test]
fn a_system_with_rules_of_its_own_says_that_it_has_no_filters_to_show() {
    let pods = PODS.lines().take(4).collect::<Vec<_>>().join("\n");
    let text = EXPERIMENT.to_owned() + "system: {name: ecs}\n";
    let files = [("a.yaml", &*text), ("pods.csv", &*pods)];
    let scratch = Scratch::new("unfit-explained", &files);
    scratch.run(&["run", "a.yaml", "--out", "ran"], 0);
    let told = scratch.run(&["explain", "ran", "first"], 0);
    let expected = "the system `ecs` decides by rules of its own";
    let found = "gave `first` the node `";
    assert!(told.contains(expected) && told.contains(found), "{told}");
    let told = scratch.run(&["explain", "ran", "cores"], 0);
    let expected = "the system `ecs` left `cores` without a node: unable to place a task: no container \
                    instance met all of its requirements (";
    let lacked = "insufficient CPU units available";
    assert!(told.contains(expected) && told.contains(lacked), "{told}");
}

#[test]
fn a_run_suggests_an_explanation_where_there_is_one() {
    for (system, is_explained) in [
        ("kubernetes", true),
        ("swarmkit", false),
        ("batch", false),
        ("sparrow", false),
    ] {
        let text = format!("{EXPERIMENT}system: {{name: {system}}}\n");
        let files = [("a.yaml", &*text), ("pods.csv", PODS)];
        let scratch = Scratch::new("unfit-suggested", &files);
        let told = scratch.run(&["run", "a.yaml", "--out", "ran"], 0);
        assert!(told.contains("wait at the end"), "{system}: {told}");
        let suggested = told.contains("`windtunnel explain RESULT");
        assert_eq!(suggested, is_explained, "{system}: {told}");
        if system == "sparrow" {
            let told = scratch.run(&["explain", "ran", "cores"], 0);
            let expected = "the system `sparrow` decides by rules of its own";
            assert!(told.contains(expected), "{told}");
        }
    }
}
