//! What the scenarios about clients claim, and the same bytes again.

use std::path::Path;

use windtunnel::lab::summary::{Summary, VariantSummary};

use crate::scratch::Scratch;

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
