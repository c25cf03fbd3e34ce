//! Who goes first of a replica set that has too many (spec: kubernetes.md 2.1).

use windtunnel::control::controllers::replica_set::{ranks, victims};
use windtunnel::model::Restarts;
use windtunnel::model::workload::{ObservedPhase, ObservedPod, Readiness};
use windtunnel::units::{Duration, Instant};

const NOW: Instant = Instant::from_secs(1_000_000);

fn ago(secs: i64) -> Instant {
    Instant::from_secs(1_000_000 - secs)
}

/// A pod that runs on a node of its own and is ready for an hour.
pub(super) fn ready(name: &str) -> ObservedPod {
    ObservedPod {
        name: name.into(),
        uid: name.into(),
        node: Some(format!("node-of-{name}").as_str().into()),
        phase: ObservedPhase::Running,
        readiness: Some(Readiness {
            is_ready: true,
            since: Some(ago(3_600)),
        }),
        created: Some(ago(3_600)),
        ..ObservedPod::default()
    }
}

/// The names in the order in which pods go.
fn order(pods: &[ObservedPod], related: &[ObservedPod]) -> Vec<String> {
    let order = victims(NOW, pods, related);
    order
        .iter()
        .map(|&place| pods[place].name.to_string())
        .collect()
}

#[test]
fn each_rule_decides_between_two_pods() {
    let with = |change: &dyn Fn(&mut ObservedPod)| {
        let mut pod = ready("goes");
        change(&mut pod);
        pod
    };
    let unready_since = |pod: &mut ObservedPod| {
        pod.readiness = Some(Readiness {
            is_ready: false,
            since: Some(ago(3_600)),
        });
    };
    let since = |secs: i64| {
        move |pod: &mut ObservedPod| {
            pod.readiness = Some(Readiness {
                is_ready: true,
                since: Some(ago(secs)),
            });
        }
    };
    // In the order of the rules; whatever a later rule says of the other pod must not count.
    let cases: [(&str, ObservedPod); 10] = [
        ("not assigned", with(&|pod| pod.node = None)),
        ("pending", with(&|pod| pod.phase = ObservedPhase::Pending)),
        ("unknown", with(&|pod| pod.phase = ObservedPhase::Unknown)),
        ("not ready", with(&unready_since)),
        ("cheap", with(&|pod| pod.deletion_cost = -1)),
        ("ready lately", with(&since(10))),
        ("restarts", with(&|pod| pod.restarts.most_of_app = 1)),
        (
            "restarts of sidecars",
            with(&|pod| pod.restarts.most_of_sidecar = 1),
        ),
        ("created lately", with(&|pod| pod.created = Some(ago(10)))),
        (
            "created at an unknown time",
            with(&|pod| pod.created = None),
        ),
    ];
    for (rule, pod) in &cases {
        assert_eq!(
            order(&[ready("stays"), pod.clone()], &[]),
            ["goes", "stays"],
            "{rule}"
        );
        assert_eq!(
            order(&[pod.clone(), ready("stays")], &[]),
            ["goes", "stays"],
            "{rule}"
        );
    }
    for (earlier, (rule, pod)) in cases.iter().enumerate() {
        for (other_rule, other) in &cases[earlier + 1..] {
            let mut other = other.clone();
            (other.name, other.uid) = ("later".into(), "later".into());
            let same = [
                ("pending", "unknown"),
                ("created lately", "created at an unknown time"),
            ];
            if same.contains(&(*rule, *other_rule)) {
                continue;
            }
            let found = order(&[other, pod.clone()], &[]);
            assert_eq!(found, ["goes", "later"], "{rule} comes before {other_rule}");
        }
    }
}

#[test]
fn pending_goes_before_unknown_before_running() {
    let phased = |name: &str, phase| ObservedPod {
        phase,
        ..ready(name)
    };
    let pods = [
        phased("running", ObservedPhase::Running),
        phased("unknown", ObservedPhase::Unknown),
        phased("pending", ObservedPhase::Pending),
    ];
    assert_eq!(order(&pods, &[]), ["pending", "unknown", "running"]);
}

#[test]
fn crowded_nodes_lose_pods_first() {
    let on = |name: &str, node: &str| ObservedPod {
        node: Some(node.into()),
        ..ready(name)
    };
    let pods = [on("a", "x"), on("b", "y"), on("c", "y")];
    // Pods of other sets of the same deployment count, those that ended don't.
    let mut related = vec![on("d", "x"), on("e", "x")];
    assert_eq!(ranks(&pods, &related), [3, 2, 2]);
    assert_eq!(order(&pods, &related)[0], "a");
    related[0].phase = ObservedPhase::Succeeded;
    related[1].is_terminating = true;
    assert_eq!(ranks(&pods, &related), [1, 2, 2]);
    assert_eq!(order(&pods, &related), ["b", "c", "a"]);
}

#[test]
fn ages_are_compared_on_a_scale_that_doubles() {
    let since = |name: &str, secs: i64| ObservedPod {
        readiness: Some(Readiness {
            is_ready: true,
            since: Some(ago(secs)),
        }),
        ..ready(name)
    };
    // 1.0e10 and 1.5e10 ns are of one step, 33: the identifier decides, whoever is older.
    assert_eq!(order(&[since("b", 10), since("a", 15)], &[]), ["a", "b"]);
    assert_eq!(order(&[since("a", 10), since("b", 15)], &[]), ["a", "b"]);
    // 2.0e10 is of step 34: the pod of 10 s goes.
    assert_eq!(order(&[since("a", 20), since("b", 10)], &[]), ["b", "a"]);
    // Exactly equal times go on with the next rule.
    let restarted = ObservedPod {
        restarts: Restarts::of_one(1),
        ..since("z", 10)
    };
    assert_eq!(order(&[since("a", 10), restarted], &[]), ["z", "a"]);
}

#[test]
fn a_pod_is_available_once_it_was_ready_for_long_enough() {
    let mut pod = ready("a");
    pod.readiness = Some(Readiness {
        is_ready: true,
        since: Some(ago(30)),
    });
    for (least, expected) in [(0, true), (29, true), (30, true), (31, false)] {
        assert_eq!(
            pod.is_available(Duration::from_secs(least), NOW),
            expected,
            "{least}"
        );
    }
    pod.readiness = Some(Readiness {
        is_ready: true,
        since: None,
    });
    assert!(pod.is_available(Duration::ZERO, NOW));
    assert!(!pod.is_available(Duration::from_secs(1), NOW));
}
