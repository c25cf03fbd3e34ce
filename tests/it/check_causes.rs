//! `check --base`: what is in no count, what is new, and a cause among many changes.

use serde_json::Value;

use crate::check_change::{Sides, deployment};

const UNPLACED: &str = "{metric: pods.never_placed, max: 0}";

/// JSON at the beginning of an output.
fn json(output: &str) -> Value {
    let text = output.split("\nexit ").next().unwrap_or_default();
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn pods_that_are_refused_are_in_no_count_and_fail() {
    let manifests = deployment("web", 4, "1");
    let sides = Sides::new("causes-refused", UNPLACED, &manifests);
    let quota = "---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: shop}\nspec: {hard: \
                 {requests.cpu: \"3\"}}\n";
    sides.write("new/k/shop.yaml", &format!("{manifests}{quota}"));
    let seen = sides.check(&[], 100);
    for words in [
        "pods never placed is 0, and pods are in no count (when the run ends, the API server refuses pods of",
        "because: ResourceQuota shop/q added",
        "alone brings back shop pods never placed",
    ] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    let classless = deployment("api", 1, "1").replace(
        "      containers:",
        "      priorityClassName: none\n      containers:",
    );
    let classless = format!("{manifests}{classless}");
    sides.write("new/k/shop.yaml", &classless);
    let seen = sides.check(&[], 100);
    assert!(
        seen.contains("no PriorityClass with name none was found"),
        "{seen}"
    );
    // What the base refuses, too, is no change.
    sides.write("old/k/shop.yaml", &classless);
    sides.check(&[], 0);
}

#[test]
fn a_class_with_pods_that_are_refused_fails_and_others_hold() {
    let of =
        |class: &str| format!("{{metric: pending_time.max, threshold: 1s, selector: {{{class}}}}}");
    let objectives = format!("{}, {}", of("namespace: shop"), of("labels: {app: api}"));
    let manifests = deployment("web", 2, "1") + &deployment("api", 2, "100m");
    let sides = Sides::new("causes-refused-class", &objectives, &manifests);
    let range = "---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: r, namespace: shop}\nspec: {limits: [{type: \
                 Container, max: {cpu: 500m}}]}\n";
    sides.write("new/k/shop.yaml", &format!("{manifests}{range}"));
    let seen = sides.check(&[], 100);
    for words in [
        "(when the run ends, the API server refuses pods of Deployment `shop/web`: invalid: spec.containers[0]",
        "because: LimitRange shop/r added",
        "2 gates: 1 vanished, 1 equivalent",
    ] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
}

#[test]
fn what_names_change_is_compared_where_that_is_asked_for() {
    let pod = |time: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a, annotations: {{windtunnel.dev/run-time: {time}}}}}\nspec: \
             {{restartPolicy: Never, containers: [{{name: c, image: x, resources: {{requests: {{cpu: 1}}}}}}]}}\n"
        )
    };
    let objectives = "{metric: turnaround.max, tolerance: 1%}";
    let sides = Sides::new("causes-renamed", objectives, &pod("60s"));
    let check = |more: &[&str], code| {
        let command = ["check", "old/ci/shop.yaml", "--baseline", "b.json"];
        sides.0.run(&[&command, more].concat(), code)
    };
    check(&["--accept"], 0);
    sides.write("old/k/shop.yaml", &pod("90s"));
    check(&[], 3);
    let seen = check(&["--despite-inputs"], 100);
    assert!(seen.contains("turnaround, max 60.0 s → 90.0 s"), "{seen}");
}

#[test]
fn a_bound_that_open_pods_are_beyond_is_broken() {
    let objective = "{metric: pending_time.max, max: 60s}";
    let sides = Sides::new("causes-open", objective, &deployment("web", 20, "1"));
    let seen = sides.0.run(&["check", "new/ci/shop.yaml"], 100);
    assert!(
        seen.contains(
            "pending time, max is beyond its limit (8 of 20 jobs are open; at least 600 s, limit ≤"
        ),
        "{seen}"
    );
}

#[test]
fn what_only_the_change_has_is_told() {
    let objectives = "{metric: allocation.cpu.mean, tolerance: 1%}";
    let web = deployment("web", 2, "1");
    let sides = Sides::new("causes-new", objectives, &web);
    let more = format!(
        "{objectives}, {{metric: availability.time, tolerance: 1%, selector: {{workload: Deployment shop/api}}}}"
    );
    sides.write("new/ci/shop.yaml", &crate::check_change::shop(&more));
    sides.write(
        "new/k/shop.yaml",
        &format!("{web}{}", deployment("api", 1, "0")),
    );
    let seen = sides.check(&[], 0);
    assert!(
        seen.contains("All 2 gates hold, 1 new and held to nothing"),
        "{seen}"
    );
    let sarif = json(&sides.check(&["--format", "sarif"], 0));
    let run = &sarif["runs"][0];
    assert_eq!(run["results"][0]["ruleId"], "windtunnel/new");
    assert_eq!(run["results"][0]["level"], "note");
    // What changed is told where every gate holds, too.
    let told = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(
        told["message"]["text"],
        "changed: Deployment shop/api added (k/shop.yaml:16)"
    );
    let place = &told["locations"][0]["physicalLocation"];
    assert_eq!(place["region"]["startLine"], 16);
    for form in ["junit", "github", "markdown"] {
        let seen = sides.check(&["--format", form], 0);
        assert!(
            seen.contains("changed: Deployment shop/api added"),
            "{form}: {seen}"
        );
    }
}

#[test]
fn an_entry_whose_name_changes_with_its_variants_is_told() {
    let sides = Sides::new("causes-variants", UNPLACED, &deployment("web", 2, "1"));
    let variants = "variants: {one: {seed: 1}, two: {seed: 2}}\n";
    let text = sides.0.text("new/ci/shop.yaml");
    sides.write("new/ci/shop.yaml", &format!("{text}{variants}"));
    let seen = sides.check(&[], 100);
    let words = "shop is no longer in the suite (`old` has it; here it is `shop/one`, `shop/two`: entries of several \
                 variants are named SCENARIO/VARIANT)";
    assert!(seen.contains(words), "{seen}");
}

#[test]
fn a_cause_among_many_changes_is_found() {
    let all = |memory: &dyn Fn(usize) -> usize, replicas: u64| {
        let small = (0..56).map(|number| {
            let text = deployment(&format!("w{number:02}"), 1, "10m");
            text.replace("1Gi", &format!("{}Mi", memory(number)))
        });
        small.collect::<String>() + &deployment("zz", replicas, "1")
    };
    let sides = Sides::new("causes-many", UNPLACED, &all(&|number| 10 + number, 1));
    for side in ["old", "new"] {
        let file = format!("{side}/ci/shop.yaml");
        let text = sides.0.text(&file).replace("count: 3", "count: 6");
        let random = "models: {startup: {containerStart: \"lognormal(5s, 0.3)\"}}\nstop:";
        sides.write(&file, &text.replace("stop:", random));
    }
    sides.write("new/k/shop.yaml", &all(&|number| 11 + number * 2, 30));
    let seen = sides.check(&[], 100);
    assert!(
        seen.contains("because: Deployment shop/zz replicas 1 → 30")
            && seen.contains("alone brings back"),
        "{seen}"
    );
    assert!(!seen.contains("and no more"), "{seen}");
}
