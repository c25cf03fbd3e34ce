//! Plans of dumps that live: budgets, quotas, priorities, kept nodes, and clusters that were made up.

use std::sync::Arc;

use super::*;
use crate::folder::{Existing, write_file};
use crate::import::{ImportPlan, import};
use crate::snapshot::SnapshotOptions;
use goal::Room;
use k8s::kubectl_dump::{DumpConfig, write_kubectl_dump};

/// Sixty nodes of 3920m, and a hundred pods of 1500m on them in turn.
fn sixty(more: &[Value]) -> Vec<Value> {
    let nodes = (0..60).map(|number| node(&format!("n{number:02}"), ROOM, "", "t"));
    let mut items: Vec<Value> = nodes.collect();
    items.extend((0..100).map(|number| {
        let on = format!("n{:02}", number % 60);
        pod(&format!("web-{number}"), SIZE, Some(&on), &json!({}))
    }));
    items.extend(more.iter().cloned());
    items
}

const ROOM: [&str; 3] = ["3920m", "14Gi", "110"];
const SIZE: [&str; 2] = ["1500m", "2Gi"];

fn budget(unavailable: u32) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"maxUnavailable": unavailable, "selector": {"matchLabels": {"app": "web"}}}})
}

fn fewer_nodes() -> Questions {
    Questions {
        minimize: Some(Minimize::Nodes),
        ..questions()
    }
}

#[test]
fn moves_keep_budgets_wave_by_wave() {
    let drain = ask(&sixty(&[budget(3)]), &fewer_nodes())
        .drain
        .expect("an answer");
    assert_eq!((drain.reached, drain.bound), (50, 50));
    let waves = drain.drained.moves.iter().map(|own| own.turn.wave);
    let waves: Vec<u64> = waves.collect();
    assert_eq!(waves, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]);
    let left = drain.drained.moves[2].turn.budget_left;
    assert_eq!(left, Some(0));
    // A budget that allows nothing keeps every node that has one of its pods.
    let drain = ask(&sixty(&[budget(0)]), &fewer_nodes())
        .drain
        .expect("an answer");
    assert_eq!((drain.reached, drain.bound), (60, 60));
    let (_, first) = drain.drained.kept.first().expect("a node that stays");
    assert_says(&first.message, "`shop/web` allows no disruption");
}

/// Room for a number of further pods of a shape.
fn room(count: u64) -> Vec<Room> {
    let mut alone = snapshot(&[
        node("n", ROOM, "", "t"),
        pod("more-0", SIZE, None, &json!({})),
    ]);
    let pod = alone.pods[0].clone();
    let info = alone.pod_info(&pod).expect("a pod");
    vec![Room {
        count,
        pod: Arc::new(info),
    }]
}

#[test]
fn room_for_further_pods_is_kept_free() {
    let asked = |count| Questions {
        room: room(count),
        ..fewer_nodes()
    };
    assert!(ask(&sixty(&[]), &asked(20)).missed.is_none());
    let missed = ask(&sixty(&[]), &asked(21)).missed.expect("a pod too many");
    assert!(
        missed.message.starts_with("20 of 21 more fit"),
        "{}",
        missed.message
    );
    let drain = ask(&sixty(&[]), &asked(10)).drain.expect("an answer");
    assert_eq!((drain.reached, drain.bound), (55, 55));
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "shop"}, "spec": {"hard": {"pods": "105"}}});
    let questions = Questions {
        offers: offers(&[("t", 1)]),
        ..asked(10)
    };
    let plan = ask(&sixty(&[quota]), &questions);
    let hopeless = plan
        .buy
        .and_then(|own| own.purchase.hopeless)
        .expect("a refusal");
    assert_says(&hopeless.message, "exceeded quota: q");
}

#[test]
fn nodes_are_bought_for_what_kept_ones_do_not_hold() {
    for (waiting, bought) in [(20, 0), (23, 2)] {
        let more = pods(waiting, "more", SIZE, &json!({}));
        let questions = Questions {
            offers: offers(&[("t", 1)]),
            keeps: true,
            ..fewer_nodes()
        };
        let purchase = ask(&sixty(&more), &questions)
            .buy
            .expect("an answer")
            .purchase;
        let reached = purchase.reached.expect("enough nodes");
        assert_eq!((reached.counts[0], purchase.bound), (bought, bought as i64));
    }
}

/// Nodes are bought beside those that are kept until every loss leaves room for all pods, those of kept
/// nodes among them.
#[test]
fn kept_nodes_survive_a_loss_beside_bought_ones() {
    let room = ["4", "16Gi", "58"];
    let plain = json!({});
    let items = [
        node("n0", room, "", "t"),
        node("n1", room, "", "t"),
        pod("web-0", ["3", "1Gi"], Some("n0"), &plain),
        pod("web-1", ["3", "1Gi"], Some("n1"), &plain),
    ];
    let questions = Questions {
        keeps: true,
        survive: vec![Survive::Node(1)],
        ..buying(Minimize::Nodes, &[("t", 100_000)])
    };
    let purchase = ask(&items, &questions).buy.expect("an answer").purchase;
    assert_eq!(purchase.reached.map(|own| own.counts), Some(vec![1]));
}

#[test]
fn pods_of_low_priority_wait_where_preemption_is_on() {
    let with = |name: &str, on: &str, priority: i64| {
        pod(name, ["4", "1Gi"], Some(on), &json!({"priority": priority}))
    };
    let room = ["4", "16Gi", "110"];
    let items = [
        node("a", room, "", "t"),
        node("b", room, "", "t"),
        with("high-0", "a", 1000),
        with("low-0", "b", 0),
    ];
    for (preempts, waits) in [(false, "shop/high-0"), (true, "shop/low-0")] {
        let questions = Questions {
            preempts,
            ..questions()
        };
        let (profiles, _) = read_profiles(None, Changes::default()).expect("the default profile");
        let answers = plan(&mut snapshot(&items), &profiles, &questions).expect("a plan");
        let first = answers.today.node_losses[0].first.as_ref().expect("a pod");
        assert_eq!(first.pod, waits);
    }
}

fn made_up(config: DumpConfig) -> Vec<u8> {
    let mut text = Vec::new();
    write_kubectl_dump(&config, &mut text).expect("memory");
    text
}

fn planned(mut snapshot: Snapshot) -> Plan {
    let (profiles, _) = read_profiles(None, Changes::default()).expect("the default profile");
    let questions = Questions {
        is_strict: false,
        ..fewer_nodes()
    };
    plan(&mut snapshot, &profiles, &questions).expect("a plan")
}

/// Drains of clusters that were made up come to their bound within 3 %.
#[test]
fn twenty_clusters_are_drained_to_their_bounds() {
    let (mut shown, mut is_close) = (Vec::new(), true);
    for seed in 0..20_u32 {
        let nodes = 6 + seed % 5;
        let config = DumpConfig {
            nodes,
            pods: nodes * (6 + 2 * (seed % 7)),
            seed: u64::from(seed),
        };
        let drain = planned(snapshot_of(made_up(config)))
            .drain
            .expect("an answer");
        let gap = (drain.reached - drain.bound) as f64 / drain.reached as f64;
        shown.push(format!("{seed}: {} of {}", drain.reached, drain.bound));
        is_close &= gap <= 0.03;
    }
    assert!(is_close, "{shown:?}");
}

#[test]
fn a_dump_and_its_snapshot_have_one_plan() {
    let folder = std::env::temp_dir().join(format!("windtunnel-plan-{}", std::process::id()));
    let config = DumpConfig {
        nodes: 12,
        pods: 150,
        seed: 3,
    };
    let dump = folder.join("dump.json");
    write_file(&dump, &made_up(config), Existing::Replace).expect("a file");
    let scenario = folder.join("cluster.yaml");
    let summary = import(&ImportPlan {
        inputs: &[Input::path(&dump)],
        scenario: scenario.clone(),
        name: "cluster".to_owned(),
        ignore: &[],
        existing: Existing::Refuse,
    });
    assert!(summary.is_ok(), "{summary:?}");
    let plans = [dump, scenario].map(|path| {
        let gathered = Snapshot::gather(&[path], &SnapshotOptions::default()).expect("files");
        planned(Snapshot::new(gathered).expect("a cluster"))
    });
    assert_eq!(format!("{:?}", plans[0]), format!("{:?}", plans[1]));
    let _ = std::fs::remove_dir_all(&folder);
}

/// A workload that comes beside a dump has its pods made where all that wait has to run; sets are told.
#[test]
fn pods_that_workloads_lack_are_made_where_all_have_to_run() {
    let folder = std::env::temp_dir().join(format!("windtunnel-lack-{}", std::process::id()));
    let of = |kind: &str, name: &str| {
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"},
            "spec": {"replicas": 2, "serviceName": name, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "c", "image": "i"}]}}}})
    };
    let room = ["4", "16Gi", "58"];
    let items = [
        node("n1", room, "", "t"),
        of("Deployment", "web"),
        of("StatefulSet", "db"),
    ];
    let path = folder.join("more.json");
    let text = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    write_file(&path, text.as_bytes(), Existing::Replace).expect("a file");
    let gathered = |makes_pods| {
        let options = SnapshotOptions {
            makes_pods,
            ..SnapshotOptions::default()
        };
        Snapshot::gather(std::slice::from_ref(&path), &options).expect("files")
    };
    let (made, told) = (gathered(true), gathered(false));
    let names: Vec<&str> = made.pods.iter().map(|own| &*own.name).collect();
    assert_eq!(names, ["web-new-1", "web-new-2"]);
    assert!(told.pods.is_empty());
    let says = |gathered: &Gathered, part: &str| {
        let mut findings = gathered.findings.iter();
        assert!(findings.any(|own| own.contains(part)), "{part}");
    };
    says(
        &made,
        "look for nodes with the others: 2 of Deployment `shop/web`",
    );
    says(&made, "do not count: 2 of StatefulSet `shop/db`; only");
    says(&told, "4 pods that are not there and do not count");
    let _ = std::fs::remove_dir_all(&folder);
}

/// Pods that wait and have to run are placed first; the nodes that they need stay.
#[test]
fn waiting_pods_that_have_to_run_are_placed_before_nodes_go() {
    let room = ["4", "16Gi", "58"];
    let nodes = (0..4).map(|number| node(&format!("n{number}"), room, "", "t"));
    let mut items: Vec<Value> = nodes.collect();
    items.extend(pods(160, "worker", ["20m", "64Mi"], &json!({})));
    let drain = ask(&items, &fewer_nodes()).drain.expect("an answer");
    assert_eq!((drain.reached, drain.bound), (3, 3));
    let rule = drain.rule.expect("a rule");
    assert_eq!((rule.what.as_str(), rule.need), ("pods", 160));
    assert_eq!(drain.drained.moves, []);
    items.extend(pods(80, "more", ["20m", "64Mi"], &json!({})));
    let plan = ask(&items, &fewer_nodes());
    assert!(plan.drain.is_none());
    assert_eq!(plan.unplaced, 8);
    let missed = plan.missed.expect("a pod");
    assert_says(&missed.message, "Too many pods");
}

#[test]
fn zones_and_types_of_older_labels_are_those_of_the_present_ones() {
    let present = zones(3);
    let text = Value::from(present.clone()).to_string();
    let older = text
        .replace(ZONE, "failure-domain.beta.kubernetes.io/zone")
        .replace(TYPE, "beta.kubernetes.io/instance-type");
    assert_ne!(older, text);
    let older: Vec<Value> = serde_json::from_str(&older).unwrap();
    let [present, older] = [present, older].map(|items| ask(&items, &questions()).today);
    assert_eq!(present.zone_losses.len(), 3);
    assert_eq!(format!("{present:?}"), format!("{older:?}"));
}
