//! Plans that are carried out and read a second time: a run places all pods of the planned cluster,
//! and what was changed in a plan's files is found.

use std::fs;
use std::path::Path;

use crate::scratch::Scratch;

/// The cluster of the manual's page, with its prices.
fn cluster(name: &str) -> Scratch {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/plan.in");
    let read = |file: &str| fs::read_to_string(folder.join(file)).expect("a file of the manual");
    let (nodes, prices) = (read("cluster.yaml"), read("prices.csv"));
    let files = [("dump.yaml", &*nodes), ("prices.csv", &*prices)];
    Scratch::new(&format!("plan-{name}"), &files)
}

#[test]
fn a_run_places_what_a_plan_says_and_a_second_reader_agrees() {
    let goals: [&[&str]; 3] = [
        &["--minimize", "nodes"],
        &["--types", "prices.csv", "--order", "large"],
        &["--types", "prices.csv", "--survive", "node"],
    ];
    for (number, goal) in goals.into_iter().enumerate() {
        let scratch = cluster(&number.to_string());
        let plan = ["plan", "dump.yaml", "--out", "made"];
        scratch.run(&[&plan[..], goal].concat(), 0);
        scratch.run(&["verify", "made/plan.json"], 0);
        scratch.run(&["run", "made/cluster.yaml", "--out", "ran"], 0);
        let summary = scratch.summary("ran");
        let metrics = &summary.variants[0].metrics;
        assert_eq!(metrics["pods.never_placed"].value, Some(0.0));
        assert_eq!(summary.variants[0].pods, 7);
    }
}

#[test]
fn a_plan_that_was_changed_does_not_add_up() {
    for (file, before, after) in [
        ("bound.json", "\"bound\": 4", "\"bound\": 5"),
        ("bound.json", "\"need\": 7", "\"need\": 9"),
        ("plan.json", "\"wave\": 1", "\"wave\": 0"),
        ("plan.json", "\"reached\": 4", "\"reached\": 3"),
        ("plan.json", "\"pods\": 7,", "\"pods\": 8,"),
    ] {
        let scratch = cluster("changed");
        scratch.run(
            &["plan", "dump.yaml", "--minimize", "nodes", "--out", "made"],
            0,
        );
        let path = scratch.path("made").join(file);
        let text = fs::read_to_string(&path).expect("a file of the plan");
        assert!(text.contains(before), "{before}");
        fs::write(&path, text.replacen(before, after, 1)).expect("the changed file");
        scratch.run(&["verify", "made/plan.json"], 100);
    }
}

/// The tree of a purchase's proof holds for its bound and for no greater one.
#[test]
fn a_proof_of_a_purchase_holds_for_its_bound_alone() {
    let scratch = cluster("tree");
    let plan = [
        "plan",
        "dump.yaml",
        "--types",
        "prices.csv",
        "--out",
        "made",
    ];
    scratch.run(&plan, 0);
    let path = scratch.path("made").join("bound.json");
    let text = fs::read_to_string(&path).expect("a proof");
    let proof: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let bound = proof["bound"].as_i64().expect("a price");
    assert!(proof["proof"].is_object());
    for (said, exit) in [(bound, 0), (bound + 400_000, 100)] {
        let mut proof = proof.clone();
        proof["bound"] = said.into();
        fs::write(&path, proof.to_string()).expect("the changed file");
        scratch.run(&["verify", "made/plan.json"], exit);
    }
}
