//! `check` against a seeded fault of a policy: one plugin's weight is changed, the gate fails, and
//! every form names the first decision that differs.

use std::fmt::Write as _;

use serde_json::Value;

use crate::scratch::Scratch;

/// Two kinds of nodes between which the weight of a plugin decides.
const WEB: &str = "\
windtunnel: v1
name: web
cluster:
  nodes:
    - {count: 2, name: \"small-{}\", template: {allocatable: {cpu: 8, memory: 64Gi}}}
    - {count: 2, name: \"large-{}\", template: {allocatable: {cpu: 16, memory: 32Gi}}}
workload: [{trace: {format: csv, path: jobs.csv}}]
system:
  name: kubernetes
  scheduler: {profile: default, plugins: {NodeResourcesBalancedAllocation: {weight: 1}}}
stop: {when: drained}
objectives:
  - {metric: makespan.total, max: 30d}
  - {metric: allocation.cpu.mean, tolerance: 1%}
";

/// The fault.
const FAULT: &str = "system.scheduler.plugins.NodeResourcesBalancedAllocation.weight";

fn jobs() -> String {
    let mut text = String::from("submit,name,run_time,cpu,memory\n");
    for job in 0..40 {
        let (time, cpu, memory) = (
            [120, 600, 300][job % 3],
            [2, 1, 4, 2][job % 4],
            job % 5 * 3 + 1,
        );
        let at = job * 10;
        let _ = writeln!(text, "{at},web-{job},{time},{cpu},{memory}Gi");
    }
    text
}

#[test]
fn a_changed_weight_is_caught_and_its_first_decision_named() {
    let jobs = jobs();
    let scratch = Scratch::new("check-fault", &[("web.yaml", WEB), ("jobs.csv", &jobs)]);
    scratch.printed(&["check", "web.yaml", "--seeds", "6", "--accept"], 0);
    scratch.printed(&["check", "web.yaml", "--exact"], 0);
    let fault = format!("{FAULT}=50");
    let check = |form: &str| {
        let arguments = [
            "check", "web.yaml", "--exact", "--set", &fault, "--format", form,
        ];
        scratch.printed(&arguments, 100)
    };
    let table = check("table");
    assert!(table.lines().count() <= 24, "one screen: {table}");
    let found = (table.lines()).find_map(|line| line.strip_prefix("first divergence: "));
    let found = found.unwrap_or_else(|| panic!("{table}"));
    assert!(found.contains(&format!("({FAULT} 1 → 50)")), "{found}");
    assert!(
        found.starts_with("seed 4") && found.contains(", pod web-"),
        "{found}"
    );
    assert!(
        found.contains(": base → ") && found.contains(", head → "),
        "{found}"
    );
    let look = (table.lines()).find_map(|line| line.strip_prefix("look closer: windtunnel "));
    let look: Vec<&str> = look.expect("a command").split(' ').collect();
    let seen = scratch.printed(&look, 0);
    let pod = found
        .split(", pod ")
        .nth(1)
        .and_then(|rest| rest.split(':').next());
    let pod = pod.expect("a pod");
    assert!(seen.contains("first different decision"), "{seen}");
    assert!(seen.contains(&format!("{pod} →")), "{pod}: {seen}");
    for form in ["markdown", "junit", "github"] {
        let text = check(form);
        assert!(text.contains("first divergence: seed 4"), "{form}: {text}");
    }
    let sarif: Value = serde_json::from_str(&check("sarif")).expect("JSON");
    let message = sarif["runs"][0]["results"][0]["message"]["text"].as_str();
    assert!(
        message.is_some_and(|text| text.contains(found)),
        "{message:?}"
    );
    let json: Value = serde_json::from_str(&check("json")).expect("JSON");
    assert_eq!(json["gates"][0]["divergence"]["words"], found);
}
