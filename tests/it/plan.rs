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
    let goals: [&[&str]; 4] = [
        &["--minimize", "nodes"],
        &["--minimize", "nodes", "--grow", "1/month", "--horizon", "2"],
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
        ("plan.json", "4 of 6 nodes", "3 of 6 nodes"),
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

/// The product reads a plan against its dump, and names the field that is wrong.
#[test]
fn what_is_signed_is_read_against_the_dump() {
    let scratch = cluster("signed");
    let plan = ["plan", "dump.yaml", "--minimize", "nodes", "--out", "made"];
    let goals = ["--survive", "node", "--headroom", "5%"];
    scratch.run(&[&plan[..], &goals[..]].concat(), 0);
    let verify = ["plan", "--verify", "made/plan.json", "dump.yaml"];
    let said = scratch.printed(&verify, 0);
    assert!(said.contains("survival, free shares"), "{said}");
    let path = scratch.path("made").join("plan.json");
    let text = fs::read_to_string(&path).expect("a plan");
    let whole: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let gone = whole["drain"]["gone"][0].clone();
    let first = whole["placement"][0]["node"].clone();
    for (pointer, value, field) in [
        ("/drain/moves/0/to", gone.clone(), "`drain.moves[0].to`"),
        ("/drain/moves/0/from", first, "`drain.moves[0].from`"),
        ("/placement/0/node", gone, "`placement[0].node`"),
        ("/drain/gone/0", "worker-9".into(), "`drain.gone`"),
        ("/drain/reached", 3.into(), "`drain.reached`"),
        (
            "/verdict",
            "3 of 6 nodes are enough: 3 can go".into(),
            "`verdict`",
        ),
        ("/today/nodes", 7.into(), "`today.nodes`"),
        ("/today/pools/0/nodes", 77.into(), "`today.pools`"),
        (
            "/today/resources/cpu/requested",
            1.into(),
            "`today.resources`",
        ),
        (
            "/today/nodeLosses/0/waiting",
            50.into(),
            "`today.nodeLosses[0]`",
        ),
        ("/today/headroom/0/fits", 99.into(), "`seal`"),
        ("/assumptions", serde_json::json!([]), "`assumptions`"),
        ("/command", "rm".into(), "`command`"),
        ("/drain/bound", 1.into(), "`drain.bound`"),
        ("/drain/status", "gap".into(), "`drain.status`"),
        ("/inputs/0/blake3", "00".into(), "`inputs[0].blake3`"),
        ("/goals/survive/0", "node:3".into(), "`goals.survive`"),
        ("/goals/freePpm", 900_000.into(), "`goals.freePpm`"),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).expect("a field") = value;
        fs::write(&path, changed.to_string()).expect("the changed plan");
        let said = scratch.printed(&verify, 100);
        assert!(said.contains(field), "{pointer}: {said}");
    }
    // One that moves nothing, as the cluster misses a goal, promises none.
    let goals = ["--headroom", "90%", "--force"];
    scratch.run(&[&plan[..], &goals[..]].concat(), 0);
    scratch.run(&verify, 0);
}

/// Each pod of `placement` has a node in the dump, so that readers can compare the two; pods that wait and get a node
/// stand in a list of their own.
#[test]
fn pods_that_start_are_no_pods_that_move() {
    let scratch = cluster("starts");
    let waiting = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/plan.in/waiting.yaml");
    fs::copy(waiting, scratch.path("waiting.yaml")).expect("a copy");
    let plan = ["plan", "dump.yaml", "waiting.yaml", "--out", "made"];
    scratch.run(&[&plan[..], &["--minimize", "nodes"]].concat(), 0);
    let verify = [
        "plan",
        "--verify",
        "made/plan.json",
        "dump.yaml",
        "waiting.yaml",
    ];
    scratch.run(&verify, 0);
    let path = scratch.path("made").join("plan.json");
    let text = fs::read_to_string(&path).expect("a plan");
    let whole: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let pods = |list: &str| -> Vec<String> {
        let pods = whole[list].as_array().expect("a list").iter();
        pods.map(|own| own["pod"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(pods("starts"), ["shop/report-0", "shop/report-1"]);
    assert_eq!(pods("placement").len(), 7);
    for (pointer, value, field) in [
        ("/starts/0/pod", "shop/web-0", "`starts[0].pod`"),
        ("/starts/0/node", "worker-9", "`worker-9`"),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).expect("a field") = value.into();
        fs::write(&path, changed.to_string()).expect("the changed plan");
        let said = scratch.printed(&verify, 100);
        assert!(said.contains(field), "{pointer}: {said}");
    }
}

/// A folder that is in the way is told before a search, which may take minutes: before the dump is read.
#[test]
fn a_folder_with_a_plan_is_refused_at_once() {
    let scratch = cluster("refused");
    let plan = ["plan", "dump.yaml", "--minimize", "nodes", "--out", "made"];
    scratch.run(&plan, 0);
    let mut files = fs::read_dir(scratch.path("made")).expect("the files of the plan");
    let names = files.by_ref().map(|own| own.expect("a file").file_name());
    let names: Vec<_> = names.collect();
    fs::remove_file(scratch.path("dump.yaml")).expect("the dump");
    for kept in names {
        let made = scratch.path("made");
        fs::remove_dir_all(&made).expect("the files of the plan");
        fs::create_dir(&made).expect("a folder");
        fs::write(made.join(&kept), "").expect("a file");
        let said = scratch.run(&plan, 2);
        let name = kept.to_str().expect("a name");
        assert!(said.contains(name) && said.contains("--force"), "{said}");
    }
}

/// Lists beside the cluster are among the inputs, the proof is not left out, and a purchase adds up.
#[test]
fn purchases_are_read_with_their_lists() {
    let scratch = cluster("lists");
    let usage = "namespace,workload,cpu\nshop,web,500m\n";
    fs::write(scratch.path("usage.csv"), usage).expect("a list");
    let plan = [
        "plan",
        "dump.yaml",
        "--types",
        "prices.csv",
        "--out",
        "made",
    ];
    scratch.run(&[&plan[..], &["--requests", "usage.csv"]].concat(), 0);
    let verify = ["plan", "--verify", "made/plan.json", "dump.yaml"];
    scratch.run(&verify, 0);
    let path = scratch.path("made").join("plan.json");
    let whole = fs::read_to_string(&path).expect("a plan");
    let parsed: serde_json::Value = serde_json::from_str(&whole).expect("JSON");
    for (pointer, field) in [
        ("/buy/reached/nodes", "`buy.reached`"),
        (
            "/buy/reached/priceMicroPerHour",
            "`buy.reached.priceMicroPerHour`",
        ),
        ("/buy/bound", "`buy.bound`"),
    ] {
        let mut changed = parsed.clone();
        *changed.pointer_mut(pointer).expect("a field") = 1_234.into();
        fs::write(&path, changed.to_string()).expect("the changed plan");
        let said = scratch.printed(&verify, 100);
        assert!(said.contains(field), "{pointer}: {said}");
    }
    fs::write(&path, whole).expect("the plan");
    for file in ["usage.csv", "prices.csv"] {
        let text = scratch.text(file);
        fs::write(scratch.path(file), format!("{text}\n")).expect("a changed list");
        let said = scratch.printed(&verify, 100);
        assert!(said.contains(file), "{said}");
        fs::write(scratch.path(file), text).expect("the list");
    }
    fs::remove_file(scratch.path("made").join("bound.json")).expect("a proof");
    let said = scratch.printed(&verify, 100);
    assert!(said.contains("`bound.json`"), "{said}");
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

/// Questions without an answer: where the fault stands, what is wrong, and what to do.
#[test]
fn wrong_questions_are_refused_with_place_and_remedy() {
    let prices = |rows: &str| {
        format!("instance_type,vcpu,memory_mib,on_demand_usd_per_hour,currency\n{rows}\n")
    };
    let scratch = cluster("wrong");
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/plan.in");
    for file in ["pods.yaml", "web.yaml", "other.csv"] {
        fs::copy(manual.join(file), scratch.path(file)).expect("a file of the manual");
    }
    for (file, text) in [
        ("unpriced.csv", prices("m5.xlarge,4,16384,,USD")),
        ("mixed.csv", prices("a,4,16384,0.2,USD\nb,8,32768,0.4,EUR")),
        ("small.csv", prices("a,0,16384,0.2,USD")),
        ("two.csv", prices("a,4,16384,0.2,USD\na,8,16384,,USD")),
    ] {
        fs::write(scratch.path(file), text).expect("a price list");
    }
    scratch.run(&["import", "kubectl", "dump.yaml", "--name", "whole"], 0);
    let (objects, cut) = ("whole.objects.json.zst", "cut.objects.json.zst");
    let whole = scratch.bytes(objects);
    fs::write(scratch.path(cut), &whole[..whole.len() / 2]).expect("a cut snapshot");
    let scenario = scratch.text("whole.yaml").replace(objects, cut);
    fs::write(scratch.path("cut.yaml"), scenario).expect("a scenario");
    for (arguments, place, remedy) in [
        (
            "--types two.csv",
            "two.csv:3: column `instance_type`: `a` is another machine here",
            "give all rows of a type the same amounts",
        ),
        (
            "--types unpriced.csv",
            "unpriced.csv:2: `m5.xlarge` has no price",
            "leave the type out with `--only`",
        ),
        (
            "--types mixed.csv",
            "mixed.csv:3: column `currency`: `EUR`",
            "give all in one currency",
        ),
        (
            "--types small.csv",
            "small.csv:2: column `vcpu`: `0`",
            "give what a machine has",
        ),
        (
            "--types prices.csv --only m7.*",
            "prices.csv: no instance type is called `m7.*`",
            "known are",
        ),
        (
            "--minimize cost",
            "--minimize cost: the dump states no prices",
            "--types FILE.csv",
        ),
        (
            "--grow=-150%/month",
            "--grow: a workload can't shrink",
            "write `5%/month`",
        ),
        (
            "--grow nosuch/*=5%",
            "--grow: no workload whose pods have to run is called `nosuch/*`",
            "there is `shop/web`",
        ),
        (
            "--survive node:6",
            "--survive node:6: the cluster has 6 nodes",
            "give a smaller number",
        ),
        (
            "--survive a.b/rack",
            "--survive: no node has the label `a.b/rack`",
            "a label that nodes have",
        ),
        (
            "--overcommit a.b/gpu=2",
            "--overcommit: no node or type has the resource `a.b/gpu`",
            "known are `cpu`",
        ),
        (
            "--headroom 0=web.yaml",
            "--headroom: expected 1 to 100000 pods",
            "such as `20=web.yaml`",
        ),
        (
            "--requests other.csv",
            "--requests: other.csv names no pod",
            "such as `shop/web-0`",
        ),
        (
            "--release 1.99",
            "'--release <RELEASE>': `1.99`",
            "known are 1.30",
        ),
    ] {
        let words: Vec<&str> = arguments.split(' ').collect();
        let said = scratch.run(&[&["plan", "dump.yaml"], &words[..]].concat(), 2);
        assert!(
            said.contains(place) && said.contains(remedy),
            "{arguments}: {said}"
        );
    }
    for (file, place, remedy) in [
        (
            "pods.yaml",
            "pods.yaml: no Node objects",
            "kubectl get nodes",
        ),
        (
            "cut.yaml",
            "cut.objects.json.zst: the compressed data ends too early",
            "download or copy it again",
        ),
    ] {
        let said = scratch.run(&["plan", file], 2);
        assert!(
            said.contains(place) && said.contains(remedy),
            "{file}: {said}"
        );
    }
}

/// A small cluster of a provider that a seed draws: pools by its label, pods that are not ready under budgets,
/// pods that wait, a node that is no machine.
fn drawn(provider: usize, seed: usize) -> serde_json::Value {
    use serde_json::json;
    let (label, kind) = [
        ("eks.amazonaws.com/nodegroup", "m5.xlarge"),
        ("cloud.google.com/gke-nodepool", "n2-standard-4"),
        ("kubernetes.azure.com/agentpool", "Standard_D4s_v5"),
        ("node.openshift.io/os_id", "m5.xlarge"),
    ][provider];
    let mut items = Vec::new();
    let node = |name: &str, more: serde_json::Value| {
        let mut labels = json!({"kubernetes.io/hostname": name, label: "general",
            "topology.kubernetes.io/zone": (["a", "b"][name.len() % 2]),
            "node.kubernetes.io/instance-type": kind});
        for (key, value) in more.as_object().into_iter().flatten() {
            labels[key] = value.clone();
        }
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            "status": {"allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": "True"}]}})
    };
    let pod = |name: &str, cpu: usize, on: Option<String>, is_ready: bool| {
        let app = name.split('-').next();
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop",
            "labels": {"app": app}, "ownerReferences": [{"apiVersion": "apps/v1",
                "kind": "ReplicaSet", "name": app, "uid": app, "controller": true}]},
            "spec": {"nodeName": on, "containers": [{"name": "c", "image": "i",
                "resources": {"requests": {"cpu": format!("{cpu}m"), "memory": "1Gi"}}}]},
            "status": {"phase": if on.is_some() { "Running" } else { "Pending" },
                "conditions": [{"type": "Ready",
                    "status": if is_ready { "True" } else { "False" }}]}})
    };
    for own in 0..6 {
        let name = format!("n{}", "x".repeat(own));
        items.push(node(&name, json!({})));
        for (place, app) in ["web", "api", "job"].into_iter().enumerate() {
            let cpu = 300 + (seed * 7 + own * 5 + place * 3) % 11 * 70;
            let is_ready = !(seed + own + place).is_multiple_of(4);
            items.push(pod(
                &format!("{app}-{own}"),
                cpu,
                Some(name.clone()),
                is_ready,
            ));
        }
    }
    for (place, app) in ["web", "api"].into_iter().enumerate() {
        items.push(
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": app, "namespace": "shop"}, "spec": {
                "maxUnavailable": 2 + (seed + place) % 2,
                "selector": {"matchLabels": {"app": app}}}}),
        );
    }
    items.push(pod("late-0", 3_000, None, false));
    if provider == 0 {
        items.push(node(
            "fargate-1",
            json!({"eks.amazonaws.com/compute-type": "fargate"}),
        ));
        let mut own = pod("fg-0", 1_000, Some("fargate-1".to_owned()), true);
        own["spec"]["schedulerName"] = "fargate-scheduler".into();
        items.push(own);
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// Whatever was planned just now holds when its files are read again, and no pod of it has to wait.
#[test]
fn plans_of_drawn_clusters_hold() {
    let prices = "instance_type,vcpu,memory_mib,gpu,on_demand_usd_per_hour\n\
        m5.xlarge,4,16384,0,0.192\nn2-standard-4,4,16384,0,0.2\nStandard_D4s_v5,4,16384,0,0.21\n\
        g5.xlarge,4,16384,1,1.0\n";
    let questions: [&[&str]; 4] = [
        &["--minimize", "nodes"],
        &["--minimize", "nodes", "--survive", "node"],
        &["--types", "prices.csv"],
        &[
            "--types",
            "prices.csv",
            "--keep",
            "--grow",
            "shop/web=3/month",
            "--horizon",
            "2mo",
        ],
    ];
    for number in 0..12 {
        let dump = drawn(number % 4, number).to_string();
        let files = [("dump.json", &*dump), ("prices.csv", prices)];
        let scratch = Scratch::new(&format!("plan-drawn-{number}"), &files);
        for own in questions {
            let plan = ["plan", "dump.json", "--out", "made", "--force"];
            scratch.run(&[&plan[..], own].concat(), 0);
            let verify = ["plan", "--verify", "made/plan.json", "dump.json"];
            let said = scratch.printed(&verify, 0);
            assert!(said.contains("the plan holds"), "{number} {own:?}: {said}");
        }
    }
}

/// OpenShift names the set of a node's machine in an annotation, and times of objects tell when a dump was taken.
#[test]
fn sets_of_machines_are_pools_and_months_have_days() {
    use serde_json::{Value, json};
    let node = |name: &str, set: &str| {
        let machine = format!("openshift-machine-api/{set}-x7k2p");
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name,
            "annotations": {"machine.openshift.io/machine": machine}},
            "status": {"allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": "True"}]}})
    };
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop",
            "creationTimestamp": "2026-01-31T09:00:00Z", "ownerReferences": [{"apiVersion": "apps/v1",
                "kind": "ReplicaSet", "name": "web", "uid": "web", "controller": true}]},
        "spec": {"nodeName": "a1", "containers": [{"name": "c", "image": "i",
            "resources": {"requests": {"cpu": "3", "memory": "1Gi"}}}]},
        "status": {"phase": "Running"}});
    let sets = ["shop-abcde-worker-a", "shop-abcde-worker-b"];
    let items = [
        node("a1", sets[0]),
        node("a2", sets[0]),
        node("b1", sets[1]),
        pod,
    ];
    let dump = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let scratch = Scratch::new("plan-machine-sets", &[("dump.json", &dump)]);
    let command = ["plan", "dump.json", "--grow", "1/month"];
    let told = scratch.run(&command, 0);
    assert!(
        told.starts_with("full in month 3 (by 2026-04-30): of 4 pods, 1 finds no node"),
        "{told}"
    );
    assert!(
        told.contains("    1  2026-02-28         2         0\n"),
        "{told}"
    );
    let json = scratch.printed(&[&command[..], &["--format", "json"]].concat(), 0);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["months"][0]["day"], "2026-02-28");
    let pools = json["today"]["pools"].as_array().expect("pools");
    let pools: Vec<_> = { pools.iter() }
        .map(|own| (own["pool"].clone(), own["nodes"].clone()))
        .collect();
    let expected = [(json!(sets[0]), json!(2)), (json!(sets[1]), json!(1))];
    assert_eq!(pools, expected);
}

/// Prices of reservations are told, not read.
#[test]
fn columns_of_prices_that_nothing_reads_are_told() {
    let scratch = cluster("unread-prices");
    let path = scratch.path("prices.csv");
    let list = fs::read_to_string(&path).expect("the list");
    let rows = list.lines().enumerate().map(|(line, row)| match line {
        0 => format!("{row},reserved_usd_per_hour\n"),
        _ => format!("{row},0.05\n"),
    });
    fs::write(&path, rows.collect::<String>()).expect("the list");
    for option in ["--types", "--prices"] {
        let told = scratch.run(&["plan", "dump.yaml", option, "prices.csv"], 0);
        let expected = "`reserved_usd_per_hour` of prices.csv is not read";
        assert!(told.contains(expected), "{option}: {told}");
    }
}

/// Zones go by several names; what is paid for is in the bills, and is no column that nothing reads.
#[test]
fn prices_of_zones_and_commitments_are_read() {
    let scratch = cluster("zones");
    let head = "instance_type,az,vcpu,memory_mib,on_demand_usd_per_hour,reserved_usd_per_hour";
    let rows = "m5.large,eu-1a,2,8192,0.1,0.06,1\nm5.large,eu-1b,2,8192,0.2,0.06,";
    let list = format!("{head},reserved_nodes\n{rows}\n");
    fs::write(scratch.path("prices.csv"), list).expect("the list");
    let told = scratch.run(&["plan", "dump.yaml", "--types", "prices.csv"], 0);
    assert!(!told.contains("is not read"), "{told}");
    assert!(told.contains("1 node of prices.csv is paid for"), "{told}");
}
