use super::*;
use k8s::{ManifestReader, read_manifests};
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

fn gathered(text: &str) -> Gathered {
    let read = read_manifests("dump", text).expect("a dump");
    Gathered {
        nodes: read.nodes.into_iter().map(Arc::new).collect(),
        pods: read.pods,
        objects: read.objects,
        ..Gathered::default()
    }
}

/// Releases that are compared, without some switches.
struct Asked<'a> {
    from: Release,
    to: Release,
    kept: &'a [Change],
    most_pods: usize,
    seeds: &'a [u64],
}

impl Asked<'_> {
    fn of(&self, gathered: &Gathered) -> Upgrade {
        let config = SchedulerConfig::default();
        let plan = UpgradePlan {
            gathered,
            config: &config,
            from: self.from,
            to: self.to,
            kept: self.kept,
            seeds: self.seeds,
            most_pods: self.most_pods,
            prices: None,
        };
        compare(&plan).expect("a comparison")
    }
}

fn upgrade(from: Release, to: Release, kept: &[Change]) -> Upgrade {
    let asked = Asked {
        from,
        to,
        kept,
        most_pods: usize::MAX,
        seeds: &[1, 2],
    };
    asked.of(&gathered(DUMP))
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
    let together = [
        Change::AllocatableShortage,
        Change::DynamicResourceAllocation,
    ];
    assert_eq!(stuck.1.together, together);
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

/// Kinds of pods of a made-up cluster, by what is in their specs beside plain containers.
const KINDS: [&str; 8] = [
    r#""containers": [{"name": "c", "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}}}]"#,
    r#""containers": [{"name": "c", "resources": {"requests": {"cpu": "2", "memory": "256Mi"}}}]"#,
    r#""containers": [{"name": "c"}]"#,
    r#""resources": {"requests": {"cpu": "1500m", "memory": "1Gi"}}, "containers": [{"name": "c"}]"#,
    r#""initContainers": [{"name": "s", "restartPolicy": "Always", "ports": [{"containerPort": 80,
        "hostPort": 8080}], "resources": {"requests": {"cpu": "700m"}}}], "containers": [{"name": "c"}]"#,
    r#""affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 90, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": {},
        "namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values":
        ["red", "blue"]}]}}}]}}, "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]"#,
    r#""tolerations": [{"operator": "Exists"}], "containers": [{"name": "c", "resources": {"requests":
        {"memory": "3Gi"}}}]"#,
    r#""containers": [{"name": "c", "resources": {"requests": {"cpu": "30"}}}]"#,
];

/// A cluster in which pods of all kinds stand on nodes of several shapes, or wait.
fn mixed(nodes: usize, pods: usize) -> Gathered {
    let mut items: Vec<String> = Vec::new();
    for team in ["red", "blue", "green"] {
        items.push(format!(
            r#"{{"kind": "Namespace", "metadata": {{"name": "{team}", "labels": {{"team": "{team}"}}}}}}"#
        ));
    }
    for node in 0..nodes {
        let (cpu, memory) = [(8, 16), (4, 32), (16, 24)][node % 3];
        let taints = match node % 7 {
            6 => r#"{"key": "dedicated", "value": "red", "effect": "NoSchedule"}"#,
            _ => "",
        };
        items.push(format!(
            r#"{{"kind": "Node", "metadata": {{"name": "node-{node}", "labels": {{
                "kubernetes.io/hostname": "node-{node}"}}}}, "spec": {{"taints": [{taints}]}},
                "status": {{"allocatable": {{"cpu": "{cpu}", "memory": "{memory}Gi", "pods": "20"}}}}}}"#
        ));
    }
    for pod in 0..pods {
        let (kind, team) = (pod % KINDS.len(), ["red", "blue", "green"][pod % 3]);
        let place = match kind {
            7 => String::new(),
            _ => format!(r#""nodeName": "node-{}", "#, pod * 5 % nodes),
        };
        let spec = KINDS[kind];
        items.push(format!(
            r#"{{"kind": "Pod", "metadata": {{"name": "pod-{pod}", "namespace": "{team}", "labels":
                {{"app": "a"}}}}, "spec": {{{place}{spec}}}}}"#
        ));
    }
    gathered(&format!("[{}]", items.join(",\n")))
}

/// Difference of a pod in a comparison.
fn kind_of(upgrade: &Upgrade, pod: &str) -> Option<Difference> {
    difference(upgrade, pod).map(|(difference, _)| difference)
}

/// Every set of switches that make differences together makes them, and does not without any one.
fn check_sets(whole: &Upgrade, compared: impl Fn(&[Change]) -> Upgrade) {
    let (from, to) = (whole.from, whole.to);
    let differing = whole.before.differing(whole.after);
    let differing: Vec<Change> = differing.map(|entry| entry.change).collect();
    let sets = whole.differing.iter().map(|group| &group.cause.together);
    let sets: units::SortedSet<&Vec<Change>> = sets.filter(|set| !set.is_empty()).collect();
    for set in sets {
        let without = |gone: Option<Change>| {
            let is_left = |own: &Change| !set.contains(own) || Some(*own) == gone;
            let kept = differing.iter().copied().filter(is_left);
            compared(&kept.collect::<Vec<Change>>())
        };
        let members = || {
            whole
                .differing
                .iter()
                .filter(|own| own.cause.together == *set)
        };
        let joint = without(None);
        for group in members() {
            let (pod, kind) = (&group.pods[0], Some(group.difference));
            assert_eq!(kind_of(&joint, pod), kind, "{from} {to} {set:?} {pod}");
        }
        for &gone in set {
            let fewer = without(Some(gone));
            for group in members().filter(|own| own.difference != Difference::Message) {
                let pod = &group.pods[0];
                let mut others = fewer.differing.iter();
                let other = others.find(|own| own.pods.contains(pod));
                let is_whole = other.is_some_and(|own| group.is_made_by(&own.to));
                assert!(!is_whole, "{from} {to} {gone:?} {pod}");
            }
        }
    }
}

#[test]
fn every_attribution_holds_when_its_switch_is_turned() {
    let mut seen = units::SortedSet::new();
    for (from, to, gathered) in [
        (Release::V1_30, Release::V1_33, mixed(14, 90)),
        (Release::V1_31, Release::V1_34, mixed(14, 90)),
        (Release::V1_32, Release::V1_36, mixed(14, 90)),
        (Release::V1_36, Release::V1_33, mixed(14, 90)),
        (Release::V1_34, Release::V1_36, mixed(13, 120)),
        (Release::V1_33, Release::V1_36, mixed(400, 500)),
    ] {
        let compared = |kept: &[Change]| {
            let asked = Asked {
                from,
                to,
                kept,
                most_pods: usize::MAX,
                seeds: &[],
            };
            asked.of(&gathered)
        };
        let whole = compared(&[]);
        let differing = from.changes().differing(to.changes());
        let differing: Vec<Change> = differing.map(|entry| entry.change).collect();
        assert!(!whole.differing.is_empty(), "{from} {to}");
        for &change in &differing {
            let others: Vec<Change> = { differing.iter().copied() }
                .filter(|&other| other != change)
                .collect();
            let (without, alone) = (compared(&[change]), compared(&others));
            for group in &whole.differing {
                let (pod, kind) = (&group.pods[0], Some(group.difference));
                let cause = &group.cause;
                let place = format!("{from} {to} {change:?} {pod} {kind:?} {cause:?}");
                if cause.needed.contains(&change) {
                    assert_ne!(kind_of(&without, pod), kind, "needed: {place}");
                    seen.insert(change);
                } else {
                    assert!(kind_of(&without, pod).is_some(), "not needed: {place}");
                }
                if cause.enough.contains(&change) {
                    assert_eq!(kind_of(&alone, pod), kind, "enough: {place}");
                    seen.insert(change);
                }
            }
        }
        check_sets(&whole, compared);
    }
    let expected = [
        Change::PodLevelResources,
        Change::LostNamespaceSelector,
        Change::BalancedSkipsBestEffort,
        Change::BalancedImprovement,
    ];
    for change in expected {
        assert!(seen.contains(&change), "{change:?} of {seen:?}");
    }
}

#[test]
fn a_sample_stands_for_all_pods() {
    let (gathered, all) = (mixed(14, 90), mixed(14, 90).pods.len());
    let asked = |most_pods: usize| {
        let asked = Asked {
            from: Release::V1_34,
            to: Release::V1_36,
            kept: &[],
            most_pods,
            seeds: &[],
        };
        asked.of(&gathered)
    };
    let (whole, part) = (asked(usize::MAX), asked(40));
    assert_eq!(
        (whole.pods, whole.living, whole.is_sample()),
        (all, all, false)
    );
    assert_eq!((part.pods, part.living, part.is_sample()), (40, all, true));
    let count = whole.count(Difference::Moves) as f64;
    assert!((part.estimate(Difference::Moves) - count).abs() < 20.0);
}

/// Workloads whose templates use fields that changed, and an autoscaler with a tolerance of its own.
const WORKLOADS: &str = r#"[
    {"kind": "Node", "metadata": {"name": "only"},
     "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
     "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {
        "metadata": {"labels": {"app": "web"}}, "spec": {
            "resources": {"requests": {"cpu": "1"}}, "containers": [{"name": "c"}]}}}},
    {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "night", "namespace": "shop"},
     "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {
        "restartPolicy": "Never", "initContainers": [{"name": "s", "restartPolicy": "Always",
            "ports": [{"containerPort": 80, "hostPort": 8080}],
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}],
        "containers": [{"name": "c", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]}}}}}},
    {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
     "metadata": {"name": "web", "namespace": "shop"}, "spec": {"maxReplicas": 5,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "behavior": {"scaleUp": {"tolerance": "0.02"}}}}
]"#;

#[test]
fn fields_are_found_in_templates_and_autoscalers() {
    let mut reader = ManifestReader::new().with_everything();
    let read = reader.read(&intake::Input::bytes("dump.json", WORKLOADS.as_bytes()));
    read.expect("manifests");
    let read = reader.finish();
    let gathered = Gathered {
        nodes: read.nodes.into_iter().map(Arc::new).collect(),
        workloads: read.workloads.into_iter().map(|own| own.object).collect(),
        ..Gathered::default()
    };
    let config = SchedulerConfig::default();
    let plan = |from, to| UpgradePlan {
        gathered: &gathered,
        config: &config,
        from,
        to,
        kept: &[],
        seeds: &[],
        most_pods: 0,
        prices: None,
    };
    let told = |from, to| -> Vec<String> {
        let uses = fields::used(&plan(from, to));
        let told = uses.iter().map(|own| {
            assert_eq!((own.pods, own.objects), (0, 1));
            let (before, after) = (own.standing(from), own.standing(to));
            format!("{}: {before}, {after}", own.names[0])
        });
        told.collect()
    };
    assert_eq!(
        told(Release::V1_31, Release::V1_36),
        [
            "Deployment/shop/web: unknown, heeded",
            "CronJob/shop/night: ignored, heeded",
            "HorizontalPodAutoscaler/shop/web: unknown, heeded",
        ]
    );
    assert_eq!(
        told(Release::V1_33, Release::V1_34),
        [
            "Deployment/shop/web: ignored, heeded",
            "CronJob/shop/night: ignored, heeded",
        ]
    );
    let uses = fields::used(&plan(Release::V1_36, Release::V1_32));
    assert!(uses.iter().any(|own| own.is_unknown_to(Release::V1_32)));
}
