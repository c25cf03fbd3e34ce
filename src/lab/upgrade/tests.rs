use super::*;
use manifest::read_manifests;
use std::sync::Arc;

/// Two nodes of which the first has less room, with a pod that states its requests as a whole.
const DUMP: &str = r#"[
    {"kind": "Node", "metadata": {"name": "small"},
     "status": {"allocatable": {"cpu": "2", "memory": "8Gi", "pods": "10"}}},
    {"kind": "Node", "metadata": {"name": "large"},
     "status": {"allocatable": {"cpu": "8", "memory": "8Gi", "pods": "10"}}},
    {"kind": "Pod", "metadata": {"name": "busy", "namespace": "default"},
     "spec": {"nodeName": "large", "containers": [{"name": "c", "resources":
        {"requests": {"cpu": "3", "memory": "6Gi"}}}]}},
    {"kind": "Pod", "metadata": {"name": "whole", "namespace": "default"},
     "spec": {"nodeName": "small", "resources": {"requests": {"cpu": "3", "memory": "1Gi"}},
        "containers": [{"name": "c"}]}},
    {"kind": "Pod", "metadata": {"name": "stuck", "namespace": "default"},
     "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "20"}}}]}}
]"#;

fn gathered() -> Gathered {
    let read = read_manifests("dump", DUMP).expect("a dump");
    Gathered {
        nodes: read.nodes.into_iter().map(Arc::new).collect(),
        pods: read.pods,
        objects: read.objects,
        ..Gathered::default()
    }
}

fn upgrade(from: Release, to: Release, kept: &[Change]) -> Upgrade {
    let (gathered, config) = (gathered(), SchedulerConfig::default());
    let plan = UpgradePlan {
        gathered: &gathered,
        config: &config,
        from,
        to,
        kept,
        seeds: &[1, 2],
    };
    compare(&plan).expect("a comparison")
}

/// The difference of a pod and its causes.
fn difference(upgrade: &Upgrade, pod: &str) -> Option<(Difference, Cause)> {
    let mut groups = upgrade.differing.iter();
    let group = groups.find(|group| group.pods.iter().any(|own| own == pod))?;
    Some((group.difference, group.cause.clone()))
}

#[test]
fn pods_that_move_are_attributed_to_the_switch_that_moves_them() {
    let found = upgrade(Release::V1_32, Release::V1_34, &[]);
    let whole = difference(&found, "default/whole").expect("a difference");
    assert_eq!(whole.0, Difference::Moves);
    assert_eq!(whole.1.needed, [Change::PodLevelResources]);
    assert_eq!(found.fields.len(), 1);
    assert_eq!(found.fields[0].standing(Release::V1_32), "ignored");
    let kept = [Change::PodLevelResources];
    let without = upgrade(Release::V1_32, Release::V1_34, &kept);
    assert_eq!(difference(&without, "default/whole"), None);
}

#[test]
fn a_message_that_several_switches_change_is_of_none_alone() {
    let found = upgrade(Release::V1_33, Release::V1_34, &[]);
    let stuck = difference(&found, "default/stuck").expect("a difference");
    assert_eq!(stuck.0, Difference::Message);
    assert!(stuck.1.is_combination());
    let kept = [Change::AllocatableShortage];
    let found = upgrade(Release::V1_33, Release::V1_34, &kept);
    let stuck = difference(&found, "default/stuck").expect("a difference");
    assert_eq!(stuck.1.enough, [Change::DynamicResourceAllocation]);
}

#[test]
fn nothing_differs_between_releases_without_a_change_that_bears_on_the_pods() {
    let found = upgrade(Release::V1_30, Release::V1_31, &[]);
    assert!(found.differing.is_empty());
    let replay = found.replay.expect("a replay");
    assert!(replay.elsewhere_percent.abs() < 1e-9);
}

#[test]
fn differences_are_told_by_what_the_nodes_have_in_common() {
    let on = |slots: &[usize]| Landing::On(slots.to_vec());
    let waits = |text: &str| Landing::Waits(text.into());
    for (from, to, expected) in [
        (on(&[1]), on(&[1]), None),
        (on(&[1, 2]), on(&[2]), Some(Difference::MayMove)),
        (on(&[1, 2]), on(&[3]), Some(Difference::Moves)),
        (on(&[1]), waits("a"), Some(Difference::Waits)),
        (waits("a"), on(&[1]), Some(Difference::Freed)),
        (waits("a"), waits("b"), Some(Difference::Message)),
        (
            on(&[1]),
            Landing::Evicting("n".into()),
            Some(Difference::Moves),
        ),
    ] {
        assert_eq!(Difference::between(&from, &to), expected, "{from:?} {to:?}");
    }
}
