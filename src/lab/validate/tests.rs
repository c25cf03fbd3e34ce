//! Distances and partings that were worked out by hand.

use super::*;

#[test]
fn workloads_are_known_by_their_pods() {
    for (pod, expected) in [
        ("shop/web-7d9f5c8b6d-x2x4z", "web"),
        ("web-x2x4z", "web"),
        ("db-0", "db-0"),
        ("job-17", "job-17"),
    ] {
        assert_eq!(workload(pod), expected, "{pod}");
    }
}

fn life(name: &str, bound: i64, node: &str, ended: Option<i64>) -> PodLife {
    PodLife {
        name: name.to_owned(),
        submitted: Some(0),
        bound: Some(bound),
        node: Some(node.to_owned()),
        ended,
    }
}

fn cluster(pods: &[PodLife]) -> Simulated {
    let node = |name: &str, cpu: i64| {
        let allocatable =
            model::ResourceList::from_pairs([("cpu", units::Quantity::from_units(cpu))]);
        let node = Node {
            name: name.into(),
            allocatable,
            ..Node::default()
        };
        (name.to_owned(), Arc::new(node))
    };
    let pods = pods.iter().map(|life| SimulatedPod {
        life: life.clone(),
        amounts: [1.0, 0.0],
    });
    Simulated {
        pods: pods.collect(),
        nodes: [node("a1", 4), node("a2", 4), node("b", 2)]
            .into_iter()
            .collect(),
    }
}

#[test]
fn agreement_counts_equal_nodes_and_tells_the_first_that_is_not() {
    let recorded = [
        life("job-1", 0, "a1", Some(100)),
        life("job-2", 10, "a1", None),
        life("web-x2x4z", 20, "a2", None),
    ];
    let recording = Recording {
        pods: recorded.to_vec(),
    };
    let same = compare(&recording, &cluster(&recorded));
    assert_eq!((same.same_node, same.equal_node, same.matched), (3, 3, 3));
    assert_eq!((same.by_order, same.parting.clone()), (0, None));
    assert!(same.allocation[0].mean_percent.abs() < 1e-9);
    let other = cluster(&[
        life("job-1", 0, "a2", Some(50)),
        life("job-2", 10, "b", None),
        life("web-q8w7e", 20, "a2", None),
    ]);
    let found = compare(&recording, &other);
    assert_eq!(
        (found.same_node, found.equal_node, found.by_order),
        (1, 2, 1)
    );
    let parting = found.parting.expect("a parting");
    assert_eq!((parting.equal_before, parting.pod.as_str()), (1, "job-2"));
    // One core of ten for half of the time.
    assert!((found.allocation[0].mean_percent - 5.0).abs() < 1e-9);
    assert!((found.allocation[0].most_percent - 10.0).abs() < 1e-9);
    assert_eq!(found.lifetimes.distance, Some(1.0));
    assert!((found.waits.distance.expect("a distance")).abs() < 1e-9);
}
