//! The worked example of the specification, and sets under random changes.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use model::workload::daemon_set::DaemonUpdate;
use model::workload::{Count, Readiness};
use model::{PodSpec, Taint};

fn node(number: usize, should_run: bool, pods: Vec<DaemonPod>) -> DaemonNode {
    DaemonNode {
        name: format!("n{number}").into(),
        eligibility: Eligibility {
            should_run,
            should_continue: should_run,
        },
        pods,
    }
}

fn pod(name: &str, is_updated: bool, is_ready: bool) -> DaemonPod {
    DaemonPod {
        pod: ObservedPod {
            name: name.into(),
            node: Some("n".into()),
            phase: ObservedPhase::Running,
            readiness: Some(Readiness {
                is_ready,
                since: Some(Instant::ZERO),
            }),
            ..ObservedPod::default()
        },
        is_updated,
    }
}

fn set(surge: i32, unavailable: i32) -> DaemonSet {
    DaemonSet {
        update: Some(DaemonUpdate {
            max_surge: Count::Number(surge),
            max_unavailable: Count::Number(unavailable),
        }),
        ..DaemonSet::default()
    }
}

#[test]
fn ten_percent_of_25_nodes_is_three() {
    let daemon = DaemonSet {
        update: Some(DaemonUpdate {
            max_unavailable: Count::Percent(10),
            ..DaemonUpdate::default()
        }),
        ..DaemonSet::default()
    };
    let nodes: Vec<DaemonNode> = (0..25).map(|number| node(number, true, vec![])).collect();
    assert_eq!(limits(&daemon, &nodes), (25, 0, 3));
}

#[test]
fn taints_and_selectors_decide_where_daemons_run() {
    let taint = |key: &str, effect| Taint {
        key: key.into(),
        value: "".into(),
        effect,
    };
    let with = |taints: Vec<Taint>| Node {
        name: "n".into(),
        taints,
        ..Node::default()
    };
    let daemon = DaemonSet::default();
    let both = |should_run, should_continue| Eligibility {
        should_run,
        should_continue,
    };
    let down = "node.kubernetes.io/unreachable";
    for (node, expected) in [
        (with(vec![]), both(true, true)),
        (
            with(vec![taint("x", TaintEffect::NoSchedule)]),
            both(false, true),
        ),
        (
            with(vec![taint("x", TaintEffect::NoExecute)]),
            both(false, false),
        ),
        (
            with(vec![taint(down, TaintEffect::NoExecute)]),
            both(true, true),
        ),
        (
            with(vec![taint(down, TaintEffect::NoSchedule)]),
            both(false, true),
        ),
    ] {
        assert_eq!(eligibility(&daemon, &node), expected, "{:?}", node.taints);
    }
    let picky = DaemonSet {
        template: Arc::new(PodSpec {
            node_selector: [("disk".into(), "ssd".into())].into(),
            ..PodSpec::default()
        }),
        ..DaemonSet::default()
    };
    assert_eq!(eligibility(&picky, &with(vec![])), both(false, false));
}

#[test]
fn of_failed_pods_one_goes_and_the_pause_doubles() {
    let failed = |name: &str| {
        let mut failed = pod(name, true, false);
        failed.pod.phase = ObservedPhase::Failed;
        failed
    };
    let nodes = [node(0, true, vec![failed("a"), failed("b")])];
    let mut backoff = FailureBackoff::default();
    let mut at = |millis: i64| {
        let now = Instant::from_nanos(millis * 1_000_000);
        let writes = place(now, &set(0, 1), &nodes, &mut backoff);
        (
            writes.delete.len(),
            writes
                .wake
                .map(|wake| wake.since(now).as_nanos() / 1_000_000),
        )
    };
    assert_eq!(at(0), (1, Some(1_000)));
    assert_eq!(at(999), (0, Some(1)));
    assert_eq!(at(1_000), (1, Some(2_000)));
    assert_eq!(at(2_000), (0, Some(1_000)));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    /// Updates keep to surge and unavailable, and once nothing changes there is exactly one new pod
    /// on every eligible node and none elsewhere.
    #[test]
    fn daemons_are_exactly_where_eligible(
        count in 1..8_usize,
        surge in 0..3_i32,
        unavailable in 0..3_i32,
        script in proptest::collection::vec((0..4_u32, 0..8_usize), 0..40),
    ) {
        let daemon = set(surge, unavailable);
        let mut nodes: Vec<DaemonNode> = (0..count).map(|number| node(number, true, vec![])).collect();
        let mut backoff = FailureBackoff::default();
        let mut made = 0;
        let calm = std::iter::repeat_n((9, 0), 60);
        for (second, (act, which)) in script.into_iter().chain(calm).enumerate() {
            let now = Instant::from_secs(second as i64 + 1);
            let which = which % count;
            match act {
                0 => {
                    let run = !nodes[which].eligibility.should_run;
                    nodes[which].eligibility = Eligibility { should_run: run, should_continue: run };
                }
                1 => for node in &mut nodes {
                    node.pods.iter_mut().for_each(|pod| pod.is_updated = false);
                },
                2 => if let Some(pod) = nodes[which].pods.first_mut() {
                    pod.pod.phase = ObservedPhase::Failed;
                },
                _ => {}
            }
            let (_, surge, unavailable) = limits(&daemon, &nodes);
            let writes = sync(now, &daemon, &nodes, &mut backoff);
            let healthy = |pod: &DaemonPod| pod.pod.is_ready() && pod.pod.phase == ObservedPhase::Running;
            let lost = nodes.iter().filter(|node| {
                let standing: Vec<&DaemonPod> = node.pods.iter().filter(|pod| healthy(pod)).collect();
                let left = standing.iter().filter(|pod| !writes.delete.contains(&pod.pod.name)).count();
                node.eligibility.should_run && !standing.is_empty() && left == 0
            });
            prop_assert!(lost.count() as i32 <= unavailable);
            let beside = nodes.iter().filter(|node| {
                writes.create_on.contains(&node.name) && node.pods.iter().any(healthy)
            });
            prop_assert!(beside.count() as i32 <= surge);
            for node in &mut nodes {
                node.pods.retain(|pod| !writes.delete.contains(&pod.pod.name));
                for pod in &mut node.pods {
                    pod.pod.readiness = Some(Readiness { is_ready: true, since: Some(now) });
                }
                if writes.create_on.contains(&node.name) {
                    made += 1;
                    let mut new = pod(&format!("p{made}"), true, false);
                    new.pod.created = Some(now);
                    node.pods.push(new);
                }
            }
        }
        for node in &nodes {
            prop_assert_eq!(node.pods.len(), usize::from(node.eligibility.should_run));
            prop_assert!(node.pods.iter().all(|pod| pod.is_updated));
        }
    }
}
