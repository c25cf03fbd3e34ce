//! What the scenarios about clients claim, and the same bytes again.

use std::path::Path;

use windtunnel::lab::summary::{Summary, VariantSummary};

use crate::scratch::Scratch;
use crate::shared::reference;

fn run(name: &str, folder: &str, arguments: &[&str]) -> (Scratch, Summary) {
    let scratch = Scratch::new(folder, &[]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.yaml"));
    let path = path.to_str().expect("a path of text");
    let mut all = vec!["run", path, "--out", "out", "--quiet"];
    all.extend(arguments);
    scratch.run(&all, 0);
    let summary = scratch.summary("out");
    (scratch, summary)
}

fn variant<'a>(summary: &'a Summary, name: &str) -> &'a VariantSummary {
    let mut variants = summary.variants.iter();
    variants.find(|own| own.name == name).expect("a variant")
}

fn value(variant: &VariantSummary, id: &str) -> f64 {
    let value = variant.metrics.get(id).and_then(|own| own.value);
    value.unwrap_or_else(|| panic!("{}: {id}", variant.name))
}

#[test]
fn a_storm_of_retries_goes_on_and_a_budget_or_a_short_queue_ends_it() {
    let (scratch, summary) = run("retry-storm", "traffic-storm", &[]);
    let rate = |name: &str| value(variant(&summary, name), "requests.error_rate");
    assert!(rate("storm") > 0.5, "{}", rate("storm"));
    assert!(rate("budget") < 0.15, "{}", rate("budget"));
    assert!(rate("short-queue") < 0.15, "{}", rate("short-queue"));
    // The alert of errors fires in the storm and is never resolved.
    let alerts = scratch.printed(
        &["events", "out", "--kind", "alert", "--variant", "storm"],
        0,
    );
    assert!(alerts.contains("Alert/errors"), "{alerts}");
    assert!(alerts.contains("firing"), "{alerts}");
    let resolved = alerts.lines().filter(|line| line.contains("Alert/errors"));
    assert_eq!(
        resolved.filter(|line| line.contains("resolved")).count(),
        0,
        "{alerts}"
    );
}

#[test]
fn a_canary_costs_its_part_of_the_errors() {
    let (_, summary) = run("canary", "traffic-canary", &[]);
    let failed = |name: &str| value(variant(&summary, name), "requests.failed");
    // 500 a second for 10 min, 5 % of them to the new version, a fifth of these fail.
    let canary = 500.0 * 600.0 * 0.05 * 0.2;
    assert!(
        (failed("canary") - canary).abs() < 0.1 * canary,
        "{}",
        failed("canary")
    );
    let all = 500.0 * 600.0 * 0.2;
    assert!(
        (failed("all-at-once") - all).abs() < 0.1 * all,
        "{}",
        failed("all-at-once")
    );
    let short = 500.0 * 120.0 * 0.2;
    assert!(
        (failed("blue-green") - short).abs() < 0.1 * short,
        "{}",
        failed("blue-green")
    );
    let burn = |name: &str| value(variant(&summary, name), "latency_objective.worst_burn");
    assert!(burn("all-at-once") > 1.0 && burn("canary") < 1.0);
}

#[test]
fn equal_runs_leave_equal_bytes() {
    let form = "models.services.form=aggregated";
    let arguments = ["--set", "stop={at: 15m}", "--set", form, "--events"];
    let (one, first) = run("canary", "traffic-first", &arguments);
    let bytes = one.bytes("out/events.jsonl.zst");
    let report = one.bytes("out/report.json");
    drop(one);
    let (other, second) = run("canary", "traffic-second", &arguments);
    assert_eq!(first, second);
    assert_eq!(bytes, other.bytes("out/events.jsonl.zst"));
    assert_eq!(report, other.bytes("out/report.json"));
}

/// A shop with pods enough, asked as a file says.
fn replayed(name: &str, trace: &str, span: &str) -> VariantSummary {
    let manifest = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: app, image: app, resources: {requests: {cpu: 1}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}}
";
    let scenario = format!(
        "\
windtunnel: v1
name: replay
cluster:
  nodes: [{{count: 2, template: {{allocatable: {{cpu: 8, memory: 16Gi, pods: 110}}}}}}]
workload: [{{manifests: shop.yaml}}]
system: {{name: kubernetes, controllers: {{}}}}
traffic:
  - name: replay
    service: default/shop
    trace: {trace}
stop: {{at: {span}}}
"
    );
    let files = [("shop.yaml", manifest), ("replay.yaml", scenario.as_str())];
    let scratch = Scratch::new(name, &files);
    scratch.run(&["run", "replay.yaml", "--out", "out", "--quiet"], 0);
    scratch.summary("out").variants.remove(0)
}

#[test]
fn a_day_of_azure_functions_is_replayed_request_by_request() {
    let Some(path) = reference("traces/azure-functions/invocations.csv") else {
        return;
    };
    let path = path.canonicalize().expect("it is there");
    let trace = format!("{{path: {}, format: azure-functions}}", path.display());
    let run = replayed("traffic-azure", &trace, "24h");
    // What the file has, summed.
    let text = std::fs::read_to_string(&path).expect("it can be read");
    let counts = text
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').skip(4));
    let all: u64 = counts.map(|count| count.parse::<u64>().unwrap_or(0)).sum();
    let offered = run.services[0].offered as f64;
    assert!(all > 1_000, "{all}");
    // A Poisson process or a counter: five standard deviations.
    let error = (offered - all as f64).abs();
    assert!(error < 5.0 * (all as f64).sqrt() + 1.0, "{offered} {all}");
    assert!(value(&run, "requests.error_rate") < 0.01);
}

#[test]
fn requests_a_second_of_alibaba_are_replayed() {
    let Some(archive) = reference("traces/alibaba-genai-2026/qps.tar.gz") else {
        return;
    };
    let folder = Scratch::new("traffic-qps-files", &[]);
    let unpacked = std::process::Command::new("tar")
        .args(["xzf", archive.to_str().expect("text"), "-C"])
        .arg(&folder.0)
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        println!("skipped: needs tar");
        return;
    }
    let path = folder.path("qps.csv");
    let trace = format!(
        "{{path: {}, format: alibaba-qps, function: Generative, gaps: zero, scale: 10}}",
        path.display()
    );
    let run = replayed("traffic-qps", &trace, "22h");
    assert!(run.services[0].offered > 10_000, "{:?}", run.services[0]);
    assert!(value(&run, "requests.error_rate") < 0.01);
}

#[test]
fn rules_about_every_metric_change_none() {
    let rules: Vec<String> = (windtunnel::metrics::registry::alert_names()
        .iter()
        .enumerate())
    .map(|(number, name)| format!("{{name: r{number}, metric: {name}, above: 1e30}}"))
    .collect();
    let all = format!("alerts=[{}]", rules.join(", "));
    let short = ["--set", "stop={at: 25m}", "--set"];
    let (_, with) = run("canary", "traffic-rules", &[&short[..], &[&all]].concat());
    let (_, without) = run(
        "canary",
        "traffic-no-rules",
        &[&short[..], &["alerts=[]"]].concat(),
    );
    for (one, other) in with.variants.iter().zip(&without.variants) {
        assert_eq!(one.digest, other.digest);
        for (id, own) in &one.metrics {
            let known = &other.metrics[id];
            if !id.starts_with("alerts.") {
                let is_near = match (own.value, known.value) {
                    (Some(own), Some(known)) => (own - known).abs() <= 1e-9 * known.abs(),
                    (own, known) => own.is_none() && known.is_none(),
                };
                assert!(is_near, "{id}: {:?} {:?}", own.value, known.value);
            }
        }
    }
}

#[test]
fn a_rule_fires_on_any_metric_and_whoever_is_told_hears_once() {
    let rules = "alerts=[{name: failures, metric: restarts.total, above: 1e9}, \
                 {name: many, metric: capacity.nodes.end, above: 3}, \
                 {name: errors, metric: requests.error_rate, above: 0.02, for: 2m, labels: {severity: \
                 page}}, {name: slow, metric: latency.p99, above: 100ms, labels: {severity: ticket}}]";
    let route = "notifications={groupBy: [alertname], inhibit: [{source: {severity: page}, target: \
                 {severity: ticket}, equal: [service]}]}";
    let arguments = ["--set", rules, "--set", route];
    let (scratch, _) = run("canary", "traffic-told", &arguments);
    let of = |kind: &str| {
        let arguments = ["events", "out", "--kind", kind, "--variant", "all-at-once"];
        scratch.printed(&arguments, 0)
    };
    let (alerts, told) = (of("alert"), of("notified"));
    assert!(alerts.contains("Alert/errors  firing"), "{alerts}");
    assert!(!alerts.contains("Alert/failures"), "{alerts}");
    assert!(told.contains("alertname=errors"), "{told}");
    assert!(told.contains("resolved errors"), "{told}");
}
