//! Work of searches: exchanges of nodes for others, an onlooker who ends it, what is told of pods without a node, and
//! what is counted about volumes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::super::choice::Choice;
use super::super::improve::exchanges;
use super::super::least::Counting;
use super::super::rules::{Rule, RuleSort};
use super::super::watch::Work;
use super::*;
use rng::Stream;
use units::SortedSet;

/// Number of kinds of nodes.
const KINDS: usize = 26;

/// Number of exchanges that are tried at most.
const MOST: usize = 120;

/// A rule by what each kind gives.
fn rule(need: i64, gives: Vec<i64>) -> Rule {
    Rule {
        what: "cpu".to_owned(),
        need,
        gives,
        pods: 1,
        named: Vec::new(),
        classes: Vec::new(),
        sort: RuleSort::Resource("cpu".to_owned()),
        given: 0,
    }
}

/// All exchanges of one or two nodes for up to two others that are cheaper and keep the rules, in their order.
fn all(counting: &Counting<'_>, best: &Choice) -> Vec<Vec<u64>> {
    let mut found = SortedSet::new();
    let some = || (0..KINDS).map(Some).chain([None]);
    for [first, second] in some().flat_map(|one| some().map(move |other| [one, other])) {
        for [third, fourth] in some().flat_map(|one| some().map(move |other| [one, other])) {
            let mut counts = best.counts.clone();
            for kind in [first, second].into_iter().flatten() {
                counts[kind] -= 1;
            }
            for kind in [third, fourth].into_iter().flatten() {
                counts[kind] += 1;
            }
            let cost = counting.cost(&counts);
            if first >= second
                && third >= fourth
                && cost < best.price
                && counting.is_enough(&counts)
            {
                let left = counting.rules.iter().map(|rule| {
                    let given: i64 = { rule.gives.iter().zip(&counts) }
                        .map(|(gives, count)| gives * *count as i64)
                        .sum();
                    (given - rule.need) * 1_000_000 / rule.need
                });
                found.insert((-left.min().unwrap_or(0), cost, counts));
            }
        }
    }
    found.into_iter().map(|(_, _, counts)| counts).collect()
}

#[test]
fn of_the_exchanges_among_many_kinds_the_best_are_kept() {
    let mut stream = Stream::new(0, "plan/tests/exchanges", 0);
    let mut amounts = |least: u64| -> Vec<i64> {
        (0..KINDS)
            .map(|_| (least + stream.below(least)) as i64)
            .collect()
    };
    let rules = [rule(2_900, amounts(40)), rule(64_000, amounts(900))];
    let costs = amounts(100);
    let spares = [0, 0];
    let counting = Counting {
        rules: &rules,
        costs: &costs,
        survives_node: true,
        most: None,
        spares: &spares,
    };
    let counts = vec![2; KINDS];
    let best = Choice {
        price: counting.cost(&counts),
        counts,
    };
    let all = all(&counting, &best);
    assert!(all.len() > 2 * MOST, "{} exchanges", all.len());
    let found = |failed: &[Vec<u64>]| {
        let failed: SortedSet<Vec<u64>> = failed.iter().cloned().collect();
        exchanges(&counting, &best, 1, &failed, &Work::default())
    };
    assert!(found(&[]) == all[..MOST], "the first of all");
    assert!(
        found(&all[..MOST]) == all[MOST..2 * MOST],
        "those after them"
    );
}

#[test]
fn an_ended_search_does_not_say_that_no_number_of_nodes_helps() {
    let small = pods(6, "s", ["3", "3Gi"], &json!({}));
    let large = pods(3, "l", ["7", "7Gi"], &json!({}));
    let items: Vec<Value> = [node("n", ["10", "10Gi", "110"], "", "t")]
        .into_iter()
        .chain(small)
        .chain(large)
        .collect();
    let questions = Questions {
        work: Arc::new(Work::until(Arc::new(AtomicBool::new(true)))),
        ..buying(Minimize::Nodes, &[("t", 1)])
    };
    let purchase = ask(&items, &questions).buy.expect("an answer").purchase;
    assert_eq!(purchase.reached, None);
    assert!(purchase.hopeless.is_none(), "{:?}", purchase.hopeless);
}

/// A cluster of a dump without preemption, and its pods, none of which has a node yet.
fn on_bench(items: &[Value], check: impl FnOnce(&mut Bench<'_>, &Demand)) {
    let (profiles, _) = read_profiles(None, Changes::default()).expect("the default profile");
    let profiles = without_preemption(&profiles);
    let mut snapshot = snapshot(items);
    let demand = Demand::of(&mut snapshot, true).expect("pods");
    let mut bench = Bench::new(demand.cluster(&snapshot).expect("a cluster"), &profiles);
    check(&mut bench, &demand);
}

/// Words are most of the work about a pod without a node.
#[test]
fn of_pods_without_a_node_the_first_is_told_why() {
    let mut items = vec![node("n", ["1", "1Gi", "110"], "", "")];
    items.extend(pods(3, "web", ["2", "1Gi"], &json!({})));
    on_bench(&items, |bench, demand| {
        let told = |bench: &mut Bench<'_>| {
            let unplaced = bench.place_all(demand.pods.iter().map(|pod| &pod.info));
            let told = unplaced.iter().map(|(_, message)| !message.is_empty());
            told.collect::<Vec<bool>>()
        };
        assert_eq!(told(bench), [true, false, false]);
        assert!(bench.tell_why(false));
        assert_eq!(told(bench), [false; 3]);
        assert!(!bench.tell_why(true));
        assert_eq!(told(bench), [true, false, false]);
    });
}

#[test]
fn volumes_are_counted_where_a_node_may_have_too_many() {
    let mut items = vec![node("n", ["8", "16Gi", "110"], "", "")];
    items.push(
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "n"},
        "spec": {"drivers": [{"name": "d", "nodeID": "n", "allocatable": {"count": 2}}]}}),
    );
    for number in 0..3 {
        let name = format!("v{number}");
        items.push(
            json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                "csi": {"driver": "d", "volumeHandle": name}}}),
        );
        items.push(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": "shop",
                "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "status": {"phase": "Bound"},
            "spec": {"volumeName": name, "storageClassName": "", "accessModes": ["ReadWriteOnce"]}}));
        let volumes =
            json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]});
        items.push(pod(&format!("web-{number}"), ["1", "1Gi"], None, &volumes));
    }
    on_bench(&items, |bench, demand| {
        let mark = bench.mark();
        let claims = |bench: &Bench<'_>| bench.cache().node("n").map(|node| node.claims);
        let unplaced = bench.place_all(demand.pods.iter().map(|pod| &pod.info));
        assert_says(&unplaced[0].1, "exceed max volume count");
        assert_eq!((unplaced.len(), claims(bench)), (1, Some(2)));
        bench.roll_back(mark);
        assert_eq!(claims(bench), Some(0));
    });
}
