//! Virtual machines that move in runs: every rule decides in its own way, and saves energy.

use std::path::Path;

use windtunnel::lab::summary::VariantSummary;

use crate::scratch::{Scratch, output, stderr};

fn value(variant: &VariantSummary, id: &str) -> Option<f64> {
    variant.metrics.get(id).and_then(|metric| metric.value)
}

#[test]
fn rules_move_machines_and_save_energy_each_in_its_own_way() {
    let scratch = Scratch::new("consolidation", &[]);
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario = project.join("scenarios/virtual-machines.yaml");
    let scenario = scenario.to_str().expect("a path of text");
    let run = ["run", scenario, "--set", "stop={at: 6h}", "--out", "out"];
    let made = output(&scratch.0, &run);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let variants = scratch.summary("out").variants;
    let energy = |variant| value(variant, "energy.total").expect("power models");
    let (never, rules) = variants.split_first().expect("variants");
    assert_eq!(value(never, "migrations.started"), None);
    let mut digests = vec![&never.digest];
    for rule in rules {
        let name = &rule.name;
        assert!(value(rule, "migrations.started") > Some(100.0), "{name}");
        assert!(2.0 * energy(rule) < energy(never), "{name}");
        let (overload, degradation) = (
            value(rule, "migrations.overload_time").expect("moves"),
            value(rule, "migrations.degradation").expect("moves"),
        );
        assert!(overload > 0.0 && degradation > 0.0, "{name}");
        let violation = value(rule, "migrations.violation").expect("moves");
        assert!((violation - overload * degradation).abs() < 1e-12, "{name}");
        assert!(!digests.contains(&&rule.digest), "{name}");
        digests.push(&rule.digest);
    }
}

/// Four machines on two nodes of each of two zones, of which one is down for half an hour.
const OUTAGE: &str = "windtunnel: v1
name: consolidation
seed: 7
cluster:
  nodes:
    - {name: 'a-{}', count: 2, template: {allocatable: {cpu: 4, memory: 16Gi, pods: 9}, labels: {topology.kubernetes.io/zone: a}}}
    - {name: 'b-{}', count: 2, template: {allocatable: {cpu: 4, memory: 16Gi, pods: 9}, labels: {topology.kubernetes.io/zone: b}}}
workload:
  - trace: {format: csv, path: jobs.csv}
system: {name: consolidation}
models: {usage: trace, nodeLoss: resubmit}
failures:
  - {kind: zone-outage, zone: a, at: 20m, for: 30m}
stop: {when: drained}
";

#[test]
fn machines_run_on_while_nodes_are_down() {
    let mut jobs = "submit,name,run_time,cpu,memory,cpu_usage\n".to_owned();
    for (name, submit) in [("early", 0), ("late", 1_500), ("last", 1_800)] {
        for number in 0..4 {
            use std::fmt::Write as _;
            let _ = writeln!(jobs, "{submit},{name}-{number},3600,1,1Gi,30%");
        }
    }
    let scratch = Scratch::new("consolidation", &[("a.yaml", OUTAGE), ("jobs.csv", &jobs)]);
    scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let variants = scratch.summary("out").variants;
    let span = value(&variants[0], "makespan.total").expect("machines that ended");
    // What ran in the lost zone begins again in the other one at 20 minutes, at once.
    assert!((span - 5_400.0).abs() < 400.0, "{span}");
}

#[test]
fn a_machine_that_wants_a_gpu_waits_and_keeps_no_other_from_its_node() {
    let experiment = "windtunnel: v1
name: gpus
cluster:
  nodes: [{count: 2, template: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}, gpu: {devices: 1, model: V100}}}]
workload: [{trace: {format: csv, path: jobs.csv}}]
system: {name: consolidation}
models: {usage: trace}
stop: {at: 1h}
";
    let jobs = "submit,name,run_time,cpu,memory,gpus,gpu_milli,cpu_usage\n0,share,600,1,1Gi,1,300,1\n\
                0,whole,600,1,1Gi,1,,1\n0,plain,600,1,1Gi,,,1\n";
    let files = [("a.yaml", experiment), ("jobs.csv", jobs)];
    let scratch = crate::scratch::Scratch::new("consolidation-gpus", &files);
    scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let summary = scratch.summary("out");
    assert_eq!(value(&summary.variants[0], "jobs.succeeded"), Some(1.0));
    assert_eq!(value(&summary.variants[0], "pods.never_placed"), Some(2.0));
}
