//! The parts of the specification's acceptance checks (plan.md) that are about one type alone, about
//! what binds, and about pods that wait; the head of each test names its check.

use serde_json::{Value, json};

use super::super::buy::Purchase;
use super::super::pending::Pending;
use super::*;

/// Purchase of one type alone from among nodes of several.
fn alone(items: &[Value], kind: &str, price: i64, order: Order, lost: &[Survive]) -> Purchase {
    let questions = Questions {
        survive: lost.to_vec(),
        order,
        ..buying(Minimize::Cost, &[(kind, price)])
    };
    ask(items, &questions).buy.expect("an answer").purchase
}

/// Check 5: each type alone, and seven nodes of the middle one in the other order.
#[test]
fn one_type_alone_is_dearer_than_a_mix() {
    let plain = json!({});
    let mut items = vec![
        node("c", ["8", "16Gi", "110"], "", "c"),
        node("m", ["8", "32Gi", "110"], "", "m"),
        node("r", ["8", "64Gi", "110"], "", "r"),
    ];
    items.extend(pods(20, "a", ["1", "6Gi"], &plain));
    items.extend(pods(10, "b", ["3", "2Gi"], &plain));
    for (kind, each, enough) in [("c", 340_000, 10), ("m", 384_000, 7), ("r", 504_000, 7)] {
        let reached = alone(&items, kind, each, Order::Large, &[]).reached;
        let reached = reached.expect("enough nodes");
        assert_eq!(
            (&*reached.counts, reached.price),
            (&[enough][..], each * enough as i64)
        );
    }
    let purchase = alone(&items, "m", 384_000, Order::Dump, &[]);
    let seven = { purchase.refuted.iter() }.find(|own| own.choice.counts == [7]);
    assert_eq!(seven.map(|own| own.waiting), Some(2));
}

/// Check 10: each size alone, without and with the loss of a node, and the number of pods that wait
/// with one node less.
#[test]
fn each_size_alone_costs_what_it_costs() {
    let mut items = vec![
        node("x", ["3920m", "14Gi", "110"], "", "m5.xlarge"),
        node("y", ["7910m", "29Gi", "110"], "", "m5.2xlarge"),
        node("z", ["15890m", "60Gi", "110"], "", "m5.4xlarge"),
    ];
    items.extend(pods(100, "web", ["1500m", "2Gi"], &json!({})));
    for (kind, each, enough, waiting, survives) in [
        ("m5.xlarge", 192_000, 50, 2, 51),
        ("m5.2xlarge", 384_000, 20, 5, 21),
        ("m5.4xlarge", 768_000, 10, 10, 11),
    ] {
        let purchase = alone(&items, kind, each, Order::Dump, &[]);
        let reached = purchase.reached.expect("enough nodes");
        assert_eq!(
            (&*reached.counts, purchase.bound),
            (&[enough][..], each * enough as i64)
        );
        let less = { purchase.refuted.iter() }.find(|own| own.choice.counts == [enough - 1]);
        assert_eq!(less.map(|own| own.waiting), Some(waiting), "{kind}");
        let purchase = alone(&items, kind, each, Order::Dump, &[Survive::Node(1)]);
        let reached = purchase.reached.expect("enough nodes");
        assert_eq!(reached.counts, [survives], "{kind}");
    }
}

/// Checks 1, 2 and 9: the rule that binds, which is not the sum of a resource.
#[test]
fn the_proof_names_what_binds() {
    let apart = json!({"affinity": {"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": {"app": "web"}}}]}}});
    let plain = json!({});
    for (room, count, size, more, expected) in [
        (
            ["3920m", "14Gi", "110"],
            100,
            ["1500m", "2Gi"],
            &plain,
            "places for pods of",
        ),
        (["1930m", "7Gi", "29"], 300, ["10m", "10Mi"], &plain, "pods"),
        (
            ["4", "14Gi", "110"],
            7,
            ["100m", "10Mi"],
            &apart,
            "keep apart",
        ),
    ] {
        let mut items = vec![node("n", room, "", "t")];
        items.extend(pods(count, "web", size, more));
        let purchase = alone(&items, "t", 1, Order::Dump, &[]);
        let first = purchase.binding.as_ref().map(|rule| &*rule.what);
        assert!(
            first.is_some_and(|what| what.contains(expected)),
            "{first:?}"
        );
    }
}

/// Pods that wait today: where they would go, and which filter excludes how many nodes.
#[test]
fn waiting_pods_are_placed_or_explained() {
    let mut items = vec![
        node("n1", ["4", "16Gi", "110"], "", ""),
        node("n2", ["4", "16Gi", "110"], "", ""),
    ];
    items.push(pod("web-0", ["3", "1Gi"], Some("n1"), &json!({})));
    items.extend(pods(2, "job", ["2", "1Gi"], &json!({})));
    items.push(pod(
        "wide-0",
        ["2", "1Gi"],
        None,
        &json!({"nodeSelector": {"disk": "ssd"}}),
    ));
    items.push(pod("job-2", ["2", "1Gi"], None, &json!({})));
    let questions = Questions {
        is_strict: false,
        ..questions()
    };
    let plan = ask(&items, &questions);
    assert_eq!(
        plan.waiting,
        ["shop/job-0", "shop/job-1", "shop/wide-0", "shop/job-2"]
    );
    let [jobs, wide] = &plan.pending[..] else {
        panic!("two classes: {:?}", plan.pending);
    };
    let expected = Pending {
        first: "shop/job-0".to_owned(),
        pods: 3,
        nodes: vec![("n2".into(), 2)],
        unplaced: Some(loss::Unplaced {
            pod: "shop/job-2".to_owned(),
            message: "0/2 nodes are available: 2 Insufficient cpu.".to_owned(),
        }),
        remedies: vec![crate::explain::Remedy::Room {
            node: "n1".into(),
            lacks: vec![("cpu".into(), 1_000)],
        }],
    };
    assert_eq!(*jobs, expected);
    let first = wide.unplaced.as_ref().map(|own| &*own.message);
    let message = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.";
    assert_eq!(first, Some(message));
    assert_eq!(wide.placed(), 0);
    // They stay out of the goal, and the question leaves nothing behind.
    assert_eq!((plan.pods, plan.today.taken.of("pods").requested), (1, 1));
    let strict = ask(
        &items,
        &Questions {
            is_strict: true,
            ..questions
        },
    );
    assert_eq!(
        (strict.pods, strict.unplaced, strict.pending.len()),
        (5, 2, 0)
    );
}
