//! Pods that no node can take, in runs without a stop: every system gives up on them, so that the run ends and says so.

use std::fmt::Write as _;

use windtunnel::systems::registry::SYSTEMS;

use crate::scratch::Scratch;

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
variants:
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
    let mut text = EXPERIMENT.to_owned();
    for system in SYSTEMS {
        let name = system.name;
        let more = if name == "pipeline" {
            ", scheduler: {profile: best-fit}"
        } else {
            ""
        };
        let _ = writeln!(text, "  {name}: {{system: {{name: {name}{more}}}}}");
    }
    let scratch = Scratch::new("unfit-pods", &[("a.yaml", &text), ("pods.csv", PODS)]);
    let told = scratch.run(&["run", "a.yaml", "--out", "ran"], 0);
    for variant in scratch.summary("ran").variants {
        let name = &variant.name;
        assert_eq!(variant.ended, "idle", "{name}");
        // Fleet and Compose heed neither cores nor memory, and what asks for GPUs is not run there.
        let waiting = variant.metrics["pods.never_placed"].value;
        assert!(waiting >= Some(1.0), "{name}: {waiting:?}: {told}");
    }
}
