//! Autoscalers of nodes at work on large clusters: pods fill three quarters of the nodes, then two
//! thirds of them go, and nodes are emptied and given back for an hour and a half. The variable
//! `AUTOSCALE_NODES` says how many nodes; `AUTOSCALE_ONLY` which autoscaler.

#[path = "support/peak.rs"]
mod peak;
mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use support::{experiment, timed};

/// So many deployments share the pods.
const DEPLOYMENTS: u64 = 20;

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark's size is said outside of it"
)]
fn said(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A deployment of pods of one core or of half a core.
fn manifest(number: u64, pods: u64) -> String {
    let cpu = if number.is_multiple_of(2) {
        "1"
    } else {
        "500m"
    };
    format!(
        r"---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: s{number}}}
spec:
  replicas: {pods}
  selector: {{matchLabels: {{app: s{number}}}}}
  template:
    metadata: {{labels: {{app: s{number}}}}}
    spec:
      containers:
        - {{name: app, image: 'app:1', resources: {{requests: {{cpu: {cpu}, memory: 1Gi}}}}}}
"
    )
}

fn scenario(autoscaler: &str, nodes: u64, pods: u64, manifests: &Path) -> String {
    let manifests = manifests.display();
    let (initial, settings) = match autoscaler {
        "cluster" => (nodes, "cluster: {}".to_owned()),
        _ => (
            0,
            "provisioner: {instanceTypes: ['m5.large', 'm5.xlarge'], consolidateAfter: 60s}"
                .to_owned(),
        ),
    };
    let mut text = format!(
        "windtunnel: v1
name: autoscale
seed: 42
cluster:
  nodes:
    - {{count: 1, template: {{allocatable: {{cpu: 2, memory: 8Gi}}}}}}
  provider:
    boot: 60s
    groups:
      - {{name: workers, instanceType: m5.xlarge, min: 0, max: {nodes}, initial: {initial}}}
workload:
  - manifests: {manifests}
system:
  name: kubernetes
  controllers: {{}}
  autoscaling: {{{settings}}}
models:
  startup: {{containerStart: 2s}}
stop: {{at: 2h}}
metrics: {{resolution: 1m}}
operations:
"
    );
    for number in 1..=DEPLOYMENTS {
        let left = pods / 3;
        let _ = writeln!(
            text,
            "  - {{at: 30m, scale: Deployment/default/s{number}, replicas: {left}}}"
        );
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "a benchmark makes its input")]
fn keep(file: &Path, text: &str) {
    std::fs::write(file, text).expect("a file in the folder of the build");
}

fn main() {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "| autoscaler | nodes | pods | nodes gone | seconds | peak memory, MiB |\n|---|---:|---:|---:|---:|---:|"
    );
    let sizes: Vec<u64> = match said("AUTOSCALE_NODES").and_then(|text| text.parse().ok()) {
        Some(nodes) => vec![nodes],
        None => vec![1_000, 5_000],
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for nodes in sizes {
        for autoscaler in ["cluster", "provisioner"] {
            if said("AUTOSCALE_ONLY").is_some_and(|only| only != autoscaler) {
                continue;
            }
            // Three quarters of four cores each, of pods of three quarters of a core on average.
            let pods = nodes * 4 / DEPLOYMENTS;
            let manifests: String = (1..=DEPLOYMENTS)
                .map(|number| manifest(number, pods))
                .collect();
            let (file, objects) = (
                folder.join(format!("autoscale-{autoscaler}-{nodes}.yaml")),
                folder.join(format!("autoscale-{nodes}.yaml")),
            );
            keep(&objects, &manifests);
            keep(&file, &scenario(autoscaler, nodes, pods, &objects));
            let experiment = experiment(file.to_str().expect("a path of text"), &[]);
            let (outcome, took) = timed(&experiment);
            let gone = outcome.metrics.get("scaling.nodes_removed");
            let gone = gone.and_then(|own| own.value).unwrap_or(0.0);
            let memory = peak::bytes().map_or("?".to_owned(), |bytes| (bytes >> 20).to_string());
            let _ = writeln!(
                out,
                "| {autoscaler} | {nodes} | {} | {gone} | {:.2} | {memory} |",
                pods * DEPLOYMENTS,
                took.as_secs_f64()
            );
            let _ = out.flush();
        }
    }
}
