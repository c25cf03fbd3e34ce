//! Many services under traffic: 500 services of 40 pods each, 100,000 requests a second in all, each
//! with its own day, over a week. The variables `SERVICES`, `SERVICES_PODS` and `SERVICES_DAYS` say
//! how many, of how many pods, over how long. It is `scenarios/many-services.yaml` with a longer list,
//! left in `target/tmp/services.yaml` for `windtunnel run`.

#[path = "support/peak.rs"]
mod peak;
mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use support::{experiment, timed};

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark's size is said outside of it"
)]
fn said(name: &str, default: u64) -> u64 {
    let said = std::env::var(name).ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A Deployment and its Service.
fn manifest(number: u64, pods: u64) -> String {
    format!(
        r#"---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: s{number}}}
spec:
  replicas: {pods}
  selector: {{matchLabels: {{app: s{number}}}}}
  template:
    metadata:
      labels: {{app: s{number}}}
      annotations:
        windtunnel.dev/service-time: lognormal(20ms, 0.5)
        windtunnel.dev/concurrency: "2"
    spec:
      containers:
        - name: app
          image: app:1
          resources: {{requests: {{cpu: 500m, memory: 256Mi}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: s{number}}}
spec:
  selector: {{app: s{number}}}
"#
    )
}

fn scenario(services: u64, pods: u64, days: u64, manifests: &Path) -> String {
    let manifests = manifests.display();
    let nodes = (services * pods).div_ceil(60);
    let mut text = format!(
        "windtunnel: v1
name: services
seed: 42
cluster:
  nodes:
    - name: node-{{}}
      count: {nodes}
      template:
        allocatable: {{cpu: 32, memory: 128Gi, pods: 110}}
workload:
  - manifests: {manifests}
system:
  name: kubernetes
  controllers: {{}}
models:
  startup: {{containerStart: 2s}}
  services: {{form: aggregated, balancing: least-connections}}
stop: {{at: {days}d}}
metrics: {{resolution: 10m}}
traffic:
"
    );
    // 200 requests a second each; peaks go around the clock.
    for number in 1..=services {
        let hour = number % 24;
        let _ = writeln!(
            text,
            "  - {{name: clients-{number}, service: default/s{number}, diurnal: {{mean: 200, swing: \
             0.6, peakAt: {hour}h, weekend: 0.7}}, timeout: 2s, retries: {{most: 2, budget: 20%}}, \
             objective: {{latency: 200ms, share: 99%}}}}"
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
        "| services | pods | days | requests | seconds | peak memory, MiB |\n|---:|---:|---:|---:|---:|---:|"
    );
    let (services, pods, days) = (
        said("SERVICES", 500),
        said("SERVICES_PODS", 40),
        said("SERVICES_DAYS", 7),
    );
    let manifests: String = (1..=services)
        .map(|number| manifest(number, pods))
        .collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (file, objects) = (folder.join("services.yaml"), folder.join("manifests.yaml"));
    keep(&objects, &manifests);
    keep(&file, &scenario(services, pods, days, &objects));
    let experiment = experiment(file.to_str().expect("a path of text"), &[]);
    let (outcome, took) = timed(&experiment);
    let seconds = took.as_secs_f64();
    let requests = outcome.metrics.get("requests.offered");
    let requests = requests.and_then(|own| own.value).unwrap_or(0.0);
    let memory = peak::bytes().map_or("?".to_owned(), |bytes| (bytes >> 20).to_string());
    let _ = writeln!(
        out,
        "| {services} | {} | {days} | {requests} | {seconds:.2} | {memory} |",
        services * pods
    );
}
