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

/// An entry that only the stored baseline still has fails until it is accepted that it goes.
#[test]
fn an_entry_that_the_baseline_has_fails_when_it_leaves_the_suite() {
    let jobs = jobs();
    let other = WEB.replacen("name: web", "name: other", 1);
    let files = [
        ("suite.yaml", "suite: [web.yaml, other.yaml]\n"),
        ("web.yaml", WEB),
        ("other.yaml", &*other),
        ("jobs.csv", &*jobs),
    ];
    let scratch = Scratch::new("check-left", &files);
    let check = ["check", "suite.yaml", "--seeds", "2"];
    let accept = [&check[..], &["--accept"]].concat();
    scratch.printed(&accept, 0);
    std::fs::write(scratch.path("suite.yaml"), "suite: [web.yaml]\n").expect("a file");
    let seen = scratch.printed(&check, 100);
    let words = "other is no longer in the suite (the baseline has it";
    assert!(seen.contains(words), "{seen}");
    let part = [&check[..], &["--only", "web"]].concat();
    scratch.printed(&part, 0);
    scratch.printed(&accept, 0);
    scratch.printed(&check, 0);
}

/// The suite can't have fewer seeds run than its baseline has.
#[test]
fn seeds_of_the_baseline_are_the_least() {
    let jobs = jobs();
    let files = [
        ("suite.yaml", "suite: [web.yaml]\n"),
        ("web.yaml", WEB),
        ("jobs.csv", &*jobs),
    ];
    // Draws, so that each seed is a run.
    let drawn = WEB.replace(
        "trace: {format: csv, path: jobs.csv}",
        "generate: {model: lublin99, jobs: 40, processors: 8}",
    );
    let scratch = Scratch::new("check-fewer-seeds", &files);
    let write = |name: &str, text: &str| std::fs::write(scratch.path(name), text).expect("a file");
    write("web.yaml", &drawn);
    let check = ["check", "suite.yaml"];
    scratch.printed(&["check", "suite.yaml", "--seeds", "4", "--accept"], 0);
    for fewer in [
        "suite: [web.yaml]\nseeds: 1\n",
        "suite: [{scenario: web.yaml, seeds: 1}]\n",
    ] {
        write("suite.yaml", fewer);
        let seen = scratch.printed(&check, 0);
        for words in [
            "4 seeds, paired",
            "limits: 1 loosened",
            "web seeds: 4 in the baseline, 1 here",
        ] {
            assert!(seen.contains(words), "{seen}");
        }
    }
    write("suite.yaml", "suite: [web.yaml]\nseeds: 5\n");
    let seen = scratch.printed(&check, 0);
    assert!(
        seen.contains("5 seeds") && !seen.contains("loosened"),
        "{seen}"
    );
    write("suite.yaml", "suite: [web.yaml]\nseeds: 2\n");
    scratch.printed(&["check", "suite.yaml", "--accept"], 0);
    let seen = scratch.printed(&check, 0);
    assert!(
        seen.contains("2 seeds") && !seen.contains("loosened"),
        "{seen}"
    );
}

const OUTAGE: &str = "\
windtunnel: v1
name: outage
cluster:
  nodes:
    - {count: 7, name: \"n{}\", zone: \"z{index % 3}\", template: {allocatable: {cpu: 4, memory: 16Gi, pods: 20}}}
workload: [{manifests: web.yaml}]
system: {name: kubernetes, controllers: {}}
stop: {at: 30m}
failures: [{kind: zone-outage, zone: z1, at: 10m, for: 15m}]
objectives: [{metric: blast_radius.share, threshold: 0.05}]
";

const SPREAD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: \"web:1\", resources: {requests: {cpu: 500m, memory: 1Gi}}}]
";

/// A share of what an outage takes, which has no value where it takes nothing: what has one is compared, and
/// an outage that is gone is no reason to have none.
#[test]
fn losses_are_compared_where_there_are_any() {
    let single = SPREAD.replace("replicas: 4", "replicas: 1");
    let pinned = "    spec:\n      nodeSelector: {topology.kubernetes.io/zone: z2}\n";
    let apart = SPREAD.replace("    spec:\n", pinned);
    let calm = OUTAGE.replace("failures: [", "failures: [] #");
    let late = format!("{OUTAGE}metrics: {{warmup: 26m}}\n");
    let files = [("outage.yaml", OUTAGE), ("web.yaml", SPREAD)];
    let scratch = Scratch::new("check-losses", &files);
    let check = ["check", "outage.yaml", "--despite-inputs"];
    scratch.printed(&["check", "outage.yaml", "--seeds", "20", "--accept"], 0);
    let with = |experiment: &str, manifest: &str, code: i32| {
        std::fs::write(scratch.path("outage.yaml"), experiment).expect("a file");
        std::fs::write(scratch.path("web.yaml"), manifest).expect("a file");
        scratch.printed(&check, code)
    };
    let seen = with(OUTAGE, &single, 100);
    assert!(
        seen.contains("REGRESSED") && seen.contains("of 20 seeds: in the others"),
        "{seen}"
    );
    let seen = with(OUTAGE, &apart, 4);
    assert!(seen.contains("not-measurable"), "{seen}");
    for experiment in [calm, late] {
        let seen = with(&experiment, &apart, 100);
        assert!(seen.contains("VANISHED"), "{seen}");
    }
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

/// A job log in the Standard Workload Format of the same size, with a remark, jobs numbered from a
/// number on and users of a number.
fn log(first: usize, users: usize, run_time: usize) -> String {
    let mut text = format!("; Computer: {users}\n");
    for job in 0..40 {
        let (number, at, user) = (first + job, job * 10, users + job % 3);
        let _ = writeln!(
            text,
            "{number} {at} -1 {run_time} 2 -1 -1 2 900 -1 1 {user} {users} 1 1 1 -1 -1"
        );
    }
    text
}

/// Checks and compares a trace, the same one under other names, and another one.
fn check_names(format: &str, [plain, renamed, other]: [&str; 3]) {
    let web = WEB.replace("format: csv", &format!("format: {format}"));
    let web = web.replace("jobs.csv", "jobs.trace");
    let both = "variants:\n  one: {}\n  two: {workload.0.trace.path: other.trace}\n";
    let files = [
        ("web.yaml", &*web),
        ("both.yaml", &*format!("{web}{both}")),
        ("jobs.trace", plain),
        ("first.trace", plain),
        ("renamed.trace", renamed),
        ("more.trace", other),
    ];
    let scratch = Scratch::new(&format!("check-names-{format}"), &files);
    scratch.printed(&["check", "web.yaml", "--seeds", "6", "--accept"], 0);
    let copy = |from: &str, to: &str| {
        std::fs::copy(scratch.path(from), scratch.path(to)).expect("a trace");
    };
    let check = |file: &str, code: i32| {
        copy(file, "jobs.trace");
        let seen = scratch.printed(&["check", "web.yaml"], code);
        copy("first.trace", "jobs.trace");
        copy(file, "other.trace");
        let compare = ["compare", "both.yaml", "--seeds", "2", "--force"];
        (seen, scratch.printed(&compare, code))
    };
    let (seen, compared) = check("renamed.trace", 0);
    let words = "in names or labels alone; every placement is the baseline's";
    assert!(seen.contains(words), "{format}: {seen}");
    let words = "alone, which change neither a placement nor a metric";
    assert!(compared.contains(words), "{format}: {compared}");
    let (seen, compared) = check("more.trace", 3);
    assert!(seen.contains("different-inputs"), "{format}: {seen}");
    assert!(compared.is_empty(), "{format}: {compared}");
}

#[test]
fn names_that_nothing_refers_to_are_no_other_input() {
    let jobs = jobs();
    let (renamed, other) = (
        jobs.replace("web-", "shop-"),
        jobs.replace(",600,", ",700,"),
    );
    check_names("csv", [&jobs, &renamed, &other]);
    let logs = [log(1, 3, 600), log(70, 8, 600), log(1, 3, 700)];
    check_names("swf", [&logs[0], &logs[1], &logs[2]]);
}

#[test]
fn a_variant_that_fails_takes_none_beside_it_along() {
    let bad = "{workload.0.trace.path: bad.csv}";
    let variants = format!("variants:\n  good: {{}}\n  bad: {bad}\n  worse: {bad}\n");
    let bounded = WEB.replace(
        "metric: allocation.cpu.mean, tolerance: 1%",
        "metric: makespan.total, min: 1",
    );
    let jobs = jobs();
    let files = [
        ("web.yaml", &*format!("{bounded}{variants}")),
        ("jobs.csv", &*jobs),
        ("bad.csv", "submit,name,run_time,cpu\n1,a,x,1\n"),
    ];
    let scratch = Scratch::new("check-variant", &files);
    let seen = scratch.printed(&["check", "web.yaml", "--seeds", "3"], 2);
    assert!(
        seen.contains("web/bad and 1 more could not be run: bad.csv:2:"),
        "{seen}"
    );
    // What is wrong with several is told once.
    assert_eq!(seen.matches("bad.csv:2:").count(), 1, "{seen}");
    assert!(
        seen.contains("web/good") && seen.contains("2 within the limit"),
        "{seen}"
    );
}

#[test]
fn a_setting_that_a_run_refuses_is_told_with_its_place() {
    let gate = "metric: allocation.cpu.mean, tolerance: 1%";
    let class = "metric: pods.never_placed, max: 0, selector: {namespace: a}";
    let scenario = WEB.replace(gate, class) + "variants:\n  a: {}\n  b: {}\n";
    let jobs = jobs();
    let files = [("web.yaml", &*scenario), ("jobs.csv", &*jobs)];
    let scratch = Scratch::new("check-setting", &files);
    let seen = scratch.printed(&["check", "web.yaml", "--format", "github"], 2);
    let line = scenario.lines().position(|line| line.contains(class));
    let place = format!(
        "web.yaml,line={},title=web/a and 1 more::objectives[",
        line.map_or(0, |line| line + 1)
    );
    assert!(seen.contains(&place), "{place}: {seen}");
}

/// The files for programs of a check that ends with a code, and its standard output where it goes to.
fn files_of_failure(name: &str, scenario: &str, stdout: &str, code: i32) {
    let jobs = jobs();
    let files = [("web.yaml", scenario), ("jobs.csv", &*jobs)];
    let scratch = Scratch::new(name, &files);
    let mut command = scratch.command(&["check", "web.yaml"]);
    // The first of them can't be written, which keeps no other from it.
    let targets = [
        "json=jobs.csv/a.json",
        "junit=a.xml",
        "sarif=a.sarif",
        "markdown=a.md",
    ];
    let is_first_left_out = code == 101;
    for target in targets.iter().skip(usize::from(is_first_left_out)) {
        command.args(["--write", target]);
    }
    let stdout = std::fs::OpenOptions::new().write(true).open(stdout);
    command.stdout(stdout.expect("a device"));
    let status = command.status().expect("the program runs");
    assert_eq!(status.code(), Some(code));
    let junit = scratch.text("a.xml");
    assert!(
        junit.contains("errors=\"1\"") && junit.contains("<error type="),
        "{junit}"
    );
    let sarif: Value = serde_json::from_str(&scratch.text("a.sarif")).expect("JSON");
    let level = sarif["runs"][0]["results"][0]["level"].as_str();
    assert_eq!(level, Some("error"), "{sarif}");
    let markdown = scratch.text("a.md");
    assert!(markdown.contains("could not be run"), "{markdown}");
}

#[test]
fn files_for_programs_are_written_whatever_the_exit_code() {
    let wrong = WEB.replace("cpu: 8", "cpu: eight");
    files_of_failure("check-exit-2", &wrong, "/dev/null", 2);
    files_of_failure("check-exit-101", WEB, "/dev/full", 101);
}
