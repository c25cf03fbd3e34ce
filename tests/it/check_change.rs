//! `check --base` of a change of manifests: what is told of it, and where.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::scratch::Scratch;

/// A deployment of a shop.
pub(crate) fn deployment(name: &str, replicas: u64, cpu: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: \
         {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: main\n        image: \
         {name}:1\n        resources: {{requests: {{cpu: {cpu}, memory: 1Gi}}}}\n"
    )
}

pub(crate) fn shop(objectives: &str) -> String {
    format!(
        "windtunnel: v1\nname: shop\ncluster: {{nodes: [{{count: 3, template: {{allocatable: {{cpu: 4, memory: \
         16Gi, pods: 20}}}}}}]}}\nworkload: [{{manifests: ../k/shop.yaml}}]\nsystem: {{name: kubernetes, \
         controllers: {{}}}}\nstop: {{at: 10m}}\nobjectives: [{objectives}]\n"
    )
}

const UNPLACED: &str = "{metric: pods.never_placed, max: 0}";
const ALLOCATED: &str = "{metric: allocation.cpu.mean, tolerance: 1%}";

/// Repositories `old` and `new` with the sides of a change: suites in `ci`, manifests in `k`.
pub(crate) struct Sides(pub(crate) Scratch);

impl Sides {
    pub(crate) fn new(name: &str, objectives: &str, manifests: &str) -> Self {
        let own = Self(Scratch::new(name, &[]));
        for side in ["old", "new"] {
            for folder in [".git", "ci", "k"] {
                fs::create_dir_all(own.0.path(&format!("{side}/{folder}"))).expect("a folder");
            }
            own.write(&format!("{side}/ci/shop.yaml"), &shop(objectives));
            own.write(&format!("{side}/k/shop.yaml"), manifests);
        }
        own
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.0.path(file), text).expect("a file");
    }

    pub(crate) fn edit(&self, file: &str, edits: &[(&str, &str)]) {
        let mut text = self.0.text(file);
        for (from, to) in edits {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        self.write(file, &text);
    }

    pub(crate) fn check(&self, more: &[&str], code: i32) -> String {
        let check = ["check", "new/ci/shop.yaml", "--base", "old", "--seeds", "4"];
        self.0.run(&[&check[..], more].concat(), code)
    }
}

/// Lines that begin with some words.
fn lines<'a>(text: &'a str, words: &str) -> Vec<&'a str> {
    let all = text.lines();
    all.filter(|line| line.starts_with(words)).collect()
}

#[test]
fn the_field_that_alone_brings_a_gate_back_is_named() {
    let both = format!("{ALLOCATED}, {UNPLACED}");
    let manifests = deployment("web", 4, "1") + &deployment("side", 4, "1");
    let sides = Sides::new("change-field", &both, &manifests);
    let web = [
        (
            "image: web:1\n        resources: {requests: {cpu: 1, memory: 1Gi",
            "image: web:2\n        resources: \
         {requests: {cpu: 3, memory: 2Gi",
        ),
        (
            "replicas: 4\n  selector: {matchLabels: {app: side",
            "replicas: 3\n  selector: {matchLabels: {app: side",
        ),
    ];
    sides.edit("new/k/shop.yaml", &web);
    let seen = sides.check(&[], 100);
    let alone = seen
        .lines()
        .filter(|line| line.contains("alone brings back"));
    let alone: Vec<&str> = alone.collect();
    let [line] = &*alone else { panic!("{seen}") };
    assert!(
        line.contains("Deployment shop/web requests.cpu 1 → 3"),
        "{line}"
    );
    // Pods of another template are its owner's, too.
    assert!(seen.contains("pod web-"), "{seen}");
}

#[test]
fn a_label_on_all_objects_is_one_change_and_no_cause() {
    let names = ["a", "b", "c", "d", "e", "web"];
    let manifests: String = names
        .iter()
        .map(|name| deployment(name, 1, "500m"))
        .collect();
    let sides = Sides::new("change-label", UNPLACED, &manifests);
    let label = [(
        "namespace: shop}",
        "namespace: shop, labels: {helm.sh/chart: shop-2}}",
    )];
    sides.edit("new/k/shop.yaml", &label);
    let seen = sides.check(&[], 0);
    let [line] = &*lines(&seen, "changed: ") else {
        panic!("{seen}")
    };
    assert!(
        line.contains("labels.helm.sh/chart unset → shop-2 of 6 objects"),
        "{line}"
    );
    sides.edit(
        "new/k/shop.yaml",
        &[(
            "image: web:1\n        resources: {requests: {cpu: 500m",
            "image: \
        web:1\n        resources: {requests: {cpu: 5",
        )],
    );
    let seen = sides.check(&[], 100);
    let [line] = &*lines(&seen, "because: ") else {
        panic!("{seen}")
    };
    assert!(
        line.contains("Deployment shop/web requests.cpu 500m → 5 (new/k/shop.yaml:"),
        "{line}"
    );
}

#[test]
fn places_are_those_of_the_repository() {
    let sides = Sides::new("change-path", UNPLACED, "");
    for side in ["old", "new"] {
        fs::remove_file(sides.0.path(&format!("{side}/k/shop.yaml"))).expect("a file");
        sides.write(&format!("{side}/k/real.yaml"), &deployment("web", 1, "1"));
        symlink("real.yaml", sides.0.path(&format!("{side}/k/shop.yaml"))).expect("a link");
    }
    sides.edit("new/k/real.yaml", &[("cpu: 1", "cpu: 5")]);
    let mut writes = Vec::new();
    for form in ["github", "sarif", "code-quality", "markdown"] {
        writes.extend(["--write".to_owned(), format!("{form}={form}")]);
    }
    let writes: Vec<&str> = writes.iter().map(String::as_str).collect();
    sides.check(&writes, 100);
    for (form, words) in [
        ("github", "::error file=k/real.yaml,line=14,"),
        ("sarif", "\"uri\": \"k/real.yaml\""),
        ("sarif", "\"uri\": \"ci/shop.yaml\""),
        ("code-quality", "\"path\": \"k/real.yaml\""),
        ("markdown", "(k/real.yaml:14)"),
    ] {
        let text = sides.0.text(form);
        assert!(
            text.contains(words) && !text.contains("/../"),
            "{form}: {text}"
        );
    }
}

#[test]
fn an_acknowledgement_that_the_base_lacks_is_told_in_every_form() {
    let sides = Sides::new("change-acknowledged", ALLOCATED, &deployment("web", 4, "1"));
    sides.edit("new/k/shop.yaml", &[("replicas: 4", "replicas: 1")]);
    sides.check(&[], 100);
    let known = |allow: &str| {
        format!(
            "{{\"acknowledgements\":[{{\"entry\":\"shop\",\"metric\":\"allocation.cpu.mean\",\"allow\":{allow},\
             \"reason\":\"trust me\",\"expires\":\"2020-12-01\"}}]}}"
        )
    };
    let check = |told: bool| {
        for form in [
            "table",
            "markdown",
            "github",
            "sarif",
            "code-quality",
            "json",
        ] {
            let mut command = sides.0.command(&[
                "check",
                "new/ci/shop.yaml",
                "--base",
                "old",
                "--seeds",
                "4",
                "--format",
                form,
            ]);
            let output = command
                .env("SOURCE_DATE_EPOCH", "1590000000")
                .output()
                .expect("it starts");
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{text}");
            assert_eq!(
                text.contains("acknowledged by this change"),
                told,
                "{form}: {text}"
            );
        }
    };
    sides.write("new/ci/shop.baseline.json", &known("0.9"));
    check(true);
    sides.write("old/ci/shop.baseline.json", &known("0.8"));
    check(true);
    sides.write("old/ci/shop.baseline.json", &known("0.9"));
    check(false);
    // A merge that left its marks in the baseline keeps nobody from comparing with a commit.
    let marks = format!("<<<<<<< HEAD\n{}\n=======\n>>>>>>> other\n", known("0.9"));
    sides.write("new/ci/shop.baseline.json", &marks);
    let seen = sides.check(&[], 100);
    assert!(seen.contains("REGRESSED"), "{seen}");
}

#[test]
fn an_entry_that_cannot_be_read_is_not_removed() {
    let sides = Sides::new("change-unread", UNPLACED, &deployment("web", 1, "1"));
    for side in ["old", "new"] {
        let other = shop(UNPLACED).replace("name: shop", "name: other");
        sides.write(&format!("{side}/ci/other.yaml"), &other);
        sides.write(
            &format!("{side}/ci/suite.yaml"),
            "suite: [shop.yaml, other.yaml]\n",
        );
    }
    let check = ["check", "new/ci/suite.yaml", "--seeds", "2"];
    let run = |more: &[&str], code: i32| sides.0.run(&[&check[..], more].concat(), code);
    let mut accept = sides.0.command(&[&check[..], &["--accept"]].concat());
    assert!(
        accept
            .env("CI", "false")
            .output()
            .expect("it starts")
            .status
            .success()
    );
    sides.edit("new/ci/other.yaml", &[("stop:", "stpo:")]);
    for more in [&["--base", "old"][..], &[]] {
        let seen = run(more, 2);
        assert!(
            seen.contains("new/ci/other.yaml could not be run"),
            "{seen}"
        );
        assert!(!seen.contains("REMOVED"), "{seen}");
    }
    let seen = run(&["--only", "other"], 2);
    assert!(
        seen.contains("and those of new/ci/other.yaml, which can't be read"),
        "{seen}"
    );
}

#[test]
fn parts_that_are_accepted_at_once_are_all_kept() {
    let sides = Sides::new("change-accept", UNPLACED, &deployment("web", 1, "1"));
    let names = ["a", "b", "c", "d"];
    for name in names {
        let text = shop(UNPLACED).replace("name: shop", &format!("name: {name}"));
        sides.write(&format!("new/ci/{name}.yaml"), &text);
    }
    sides.write(
        "new/ci/suite.yaml",
        "suite: [a.yaml, b.yaml, c.yaml, d.yaml]\nseeds: 2\n",
    );
    let started = names.map(|name| {
        let arguments = [
            "check",
            "new/ci/suite.yaml",
            "--accept",
            "--only",
            name,
            "--write",
            "junit=junit.xml",
        ];
        let mut command = sides.0.command(&arguments);
        command.env("CI", "false").spawn().expect("it starts")
    });
    for mut child in started {
        assert!(child.wait().expect("it ends").success());
    }
    let text = sides.0.text("new/ci/suite.baseline.json");
    let baseline: Value = serde_json::from_str(&text).expect("JSON");
    let entries = baseline["entries"].as_object().expect("entries");
    assert_eq!(entries.keys().collect::<Vec<_>>(), names, "{text}");
    assert!(sides.0.text("junit.xml").ends_with("</testsuites>\n"));
}

#[test]
fn a_report_takes_the_place_of_no_input() {
    let sides = Sides::new("change-reports", UNPLACED, &deployment("web", 1, "1"));
    for (targets, words) in [
        (&["junit=new/k/shop.yaml"][..], "is an input"),
        (&["junit=new/ci/shop.yaml"], "is an input"),
        (&["json=new/ci/shop.baseline.json"], "is an input"),
        (
            &["junit=a", "sarif=./a"],
            "two reports can't be written to one file",
        ),
    ] {
        let targets = targets.iter().flat_map(|target| ["--write", target]);
        let seen = sides.check(&targets.collect::<Vec<_>>(), 2);
        assert!(seen.contains(words), "{seen}");
        assert!(!sides.0.path("a").exists());
    }
    let seen = sides.check(&[], 0);
    assert!(seen.contains("The gate holds"), "{seen}");
}

#[test]
fn the_order_of_documents_is_named_where_decisions_follow_it() {
    let (web, api) = (deployment("web", 4, "1"), deployment("api", 4, "500m"));
    let sides = Sides::new("change-order", ALLOCATED, &(web.clone() + &api));
    let mut accept = sides
        .0
        .command(&["check", "new/ci/shop.yaml", "--seeds", "4", "--accept"]);
    assert!(
        accept
            .env("CI", "false")
            .output()
            .expect("it starts")
            .status
            .success()
    );
    sides.write("new/k/shop.yaml", &(api + &web));
    let order = "changed: order Deployment shop/web → Deployment shop/api (new/k/shop.yaml:";
    let stored = ["check", "new/ci/shop.yaml", "--seeds", "4"];
    for seen in [sides.check(&[], 0), sides.0.run(&stored, 0)] {
        assert!(seen.contains(order), "{seen}");
        assert!(!seen.contains("this program decides differently"), "{seen}");
    }
}

#[test]
fn what_an_ended_check_left_is_removed() {
    let sides = Sides::new("change-left", UNPLACED, &deployment("web", 1, "1"));
    let left = sides.0.path("tmp/windtunnel-base-1-0");
    let new = sides.0.path("tmp/windtunnel-base-2-0");
    for folder in [&left, &new] {
        fs::create_dir_all(folder.join("ci")).expect("a folder");
    }
    let folder = fs::File::open(&left).expect("a folder");
    let made = folder.metadata().and_then(|own| own.modified());
    let before = made.expect("a time") - std::time::Duration::from_hours(1);
    folder.set_modified(before).expect("a time");
    sides.edit("new/k/shop.yaml", &[("cpu: 1", "cpu: 5")]);
    let mut check =
        sides
            .0
            .command(&["check", "new/ci/shop.yaml", "--base", "old", "--seeds", "2"]);
    let output = check
        .env("TMPDIR", sides.0.path("tmp"))
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(100));
    assert!(!left.exists() && new.exists());
}

/// A workload that is emptied has lost what its gates had.
#[test]
fn an_emptied_workload_has_vanished() {
    let shop = deployment("web", 2, "1");
    let sides = Sides::new("check-emptied", ALLOCATED, &shop);
    for (from, to) in [
        ("kind: Deployment", "kind: Rollout"),
        ("replicas: 2", "replicas: 0"),
    ] {
        sides.write("new/k/shop.yaml", &shop.replace(from, to));
        let seen = sides.check(&[], 100);
        assert!(
            seen.contains("VANISHED") && !seen.contains("not-measurable"),
            "{seen}"
        );
        let seen = sides.check(&["--format", "junit"], 100);
        assert!(seen.contains("failures=\"1\""), "{seen}");
    }
}

/// What changed no decision is no name where it is a request.
#[test]
fn a_divergence_without_another_decision_is_told_as_such() {
    let sides = Sides::new(
        "check-no-decision",
        ALLOCATED,
        &deployment("web", 2, "500m"),
    );
    sides.edit("new/k/shop.yaml", &[("500m", "400m")]);
    let seen = sides.check(&[], 100);
    assert!(
        seen.contains("requests or budgets, changed no decision"),
        "{seen}"
    );
    assert!(!seen.contains("labels alone"), "{seen}");
}

/// A table that changed is named by its first line that differs.
#[test]
fn the_first_line_of_a_table_that_differs_is_named() {
    let sides = Sides::new(
        "check-prices",
        "{metric: cost.total, tolerance: 5%}",
        &deployment("web", 2, "1"),
    );
    for side in ["old", "new"] {
        let file = format!("{side}/ci/shop.yaml");
        sides.edit(
            &file,
            &[
                (
                    "pods: 20}",
                    "pods: 20}, labels: {node.kubernetes.io/instance-type: m5.xlarge}",
                ),
                ("stop: {", "metrics: {prices: p.csv}\nstop: {"),
            ],
        );
        let price = if side == "old" { "0.2" } else { "0.4" };
        let text = format!("instance_type,on_demand_usd_per_hour\nm5.xlarge,{price}\n");
        sides.write(&format!("{side}/ci/p.csv"), &text);
    }
    let seen = sides.check(&[], 100);
    let words = "file p.csv line 2 m5.xlarge,0.2 → m5.xlarge,0.4 (new/ci/p.csv:2)";
    assert!(seen.contains(words), "{seen}");
}

/// A part of a suite by its entry, as `--accept` takes it, too; what is wrong with the others is no matter.
#[test]
fn an_entry_runs_alone_by_its_metric_and_beside_a_broken_one() {
    let sides = Sides::new("check-part", ALLOCATED, &deployment("web", 2, "1"));
    for side in ["old", "new"] {
        sides.write(
            &format!("{side}/ci/suite.yaml"),
            "suite: [shop.yaml, b.yaml]\nseeds: 2\n",
        );
        sides.write(&format!("{side}/ci/b.yaml"), "nonsense: 1\n");
    }
    let check = ["check", "new/ci/suite.yaml", "--base", "old", "--only"];
    for part in ["shop", "shop:allocation.cpu.mean"] {
        let seen = sides.0.run(&[&check[..], &[part]].concat(), 0);
        assert!(seen.contains("1 of 2 entries ran"), "{seen}");
    }
    let seen = sides
        .0
        .run(&[&check[..], &["shop:makespan.total"]].concat(), 2);
    assert!(seen.contains("it has `allocation.cpu.mean`"), "{seen}");
    sides.write("new/ci/suite.yaml", "suite: [shop.yaml]\nseeds: 1\n");
    sides.write("old/ci/suite.yaml", "suite: [shop.yaml]\nseeds: 2\n");
    let seen = sides.0.run(&check[..4], 0);
    for words in [
        "limits: 1 loosened",
        "shop seeds: 2 in the base, 1 here",
        "nothing else changed",
    ] {
        assert!(seen.contains(words), "{seen}");
    }
}
