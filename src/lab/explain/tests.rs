use std::sync::Arc;

use super::*;
use model::{Node, PodSpec, ResourceList, SchedulerConfig, Taint, TaintEffect};
use policy::kube_profiles::build_kube_profiles;
use scheduler::kube::{Code, KubePlugin, KubePoints, PodClass, Rejection};
use units::Quantity;

fn profile() -> KubeProfile {
    let profiles = build_kube_profiles(&SchedulerConfig::default(), model::Changes::default());
    profiles.expect("the default profile").remove(0)
}

fn pod(name: &str, cpu_milli: i64, priority: i32) -> PodInfo {
    let cpu = Quantity::from_milli(cpu_milli);
    let spec = PodSpec {
        priority,
        ..PodSpec::with_requests(ResourceList::from_pairs([("cpu", cpu)]))
    };
    PodInfo {
        class: Arc::new(
            PodClass::derive(Arc::new(spec), model::Changes::default()).expect("amounts that fit"),
        ),
        name: name.into(),
        ..PodInfo::default()
    }
}

/// Three nodes of two cores; the last one is tainted, the first has a pod of one core.
fn cluster() -> Cache {
    let mut cache = Cache::default();
    for name in ["a", "b", "c"] {
        let mut node = Node {
            name: name.into(),
            allocatable: ResourceList::from_pairs([
                ("cpu", Quantity::from_units(2)),
                ("pods", Quantity::from_units(10)),
            ]),
            ..Node::default()
        };
        if name == "c" {
            node.taints.push(Taint {
                key: "gpu".into(),
                value: "".into(),
                effect: TaintEffect::NoSchedule,
            });
        }
        cache.add_node(Arc::new(node)).expect("a node");
    }
    let mut other = pod("other", 1000, -1);
    other.set_node_name(Some("a".into()));
    cache
        .add_pod(Arc::new(other), "a")
        .expect("a node that is there");
    cache
}

#[test]
fn the_best_node_comes_first_with_the_points_of_every_plugin() {
    let own = Explanation::of(&cluster(), &profile(), &pod("new", 500, 0));
    assert_eq!(own.outcome, Outcome::Placed);
    let names: Vec<&str> = own.feasible.iter().map(|node| &*node.node).collect();
    assert_eq!((names, own.best.len()), (vec!["b", "a"], 1));
    for node in &own.feasible {
        let sum: i64 = node
            .points
            .iter()
            .map(|own| own.normalized * own.weight)
            .sum();
        assert_eq!(sum, node.total);
    }
    assert_eq!(own.groups.len(), 1);
    assert_eq!(
        own.groups[0].reason,
        "node(s) had untolerated taint {gpu: }"
    );
    assert_eq!(own.groups[0].plugin, "TaintToleration");
}

#[test]
fn a_pod_that_waits_says_so_in_the_scheduler_s_words_and_who_could_go() {
    let mut cache = cluster();
    cache.remove_node("b");
    let own = Explanation::of(&cache, &profile(), &pod("new", 1500, 0));
    let Outcome::Waits(message, view) = own.outcome else {
        panic!("there is no room");
    };
    let expected = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint \
                    {gpu: }.";
    assert_eq!(message, expected);
    assert_eq!(view.candidates.len(), 1);
    assert_eq!(view.candidates[0].victims, ["/other"]);
    assert!(view.candidates[0].is_best);
}

/// A filter that fails about one node.
struct Failing;

impl KubePlugin for Failing {
    fn name(&self) -> &'static str {
        "Failing"
    }

    fn points(&self) -> KubePoints {
        KubePoints::FILTER
    }

    fn filter(&self, _: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        let failed = Rejection {
            code: Code::Error,
            reasons: vec!["no such key".into()],
        };
        if **node.name() == *"a" {
            Err(failed)
        } else {
            Ok(())
        }
    }
}

#[test]
fn a_plugin_that_fails_about_a_node_ends_the_attempt_whatever_other_nodes_say() {
    let mut failing = profile();
    failing.filter.push(failing.plugins.len());
    failing.plugins.push(Arc::new(Failing));
    let message = "running \"Failing\" filter plugin: no such key";
    let own = Explanation::of(&cluster(), &failing, &pod("new", 500, 0));
    assert_eq!(own.outcome, Outcome::Aborted(message.to_owned()));
    assert_eq!((own.feasible, own.best), (Vec::new(), Vec::<Text>::new()));
    let placed = crate::place::place(&cluster(), &failing, &pod("new", 500, 0), 10);
    let placed = placed.expect("a valid cluster");
    let stop = crate::place::Stop::NoNode(message.to_owned());
    assert_eq!((placed.fits, placed.stop), (0, stop));
    // The node that a pod is nominated to is asked before the others.
    let mut nominated = pod("new", 500, 0);
    nominated.set_nominated_node(Some("b".into()));
    let own = Explanation::of(&cluster(), &failing, &nominated);
    assert_eq!(own.outcome, Outcome::Nominated("b".into()));
}

#[test]
fn a_pod_that_has_a_node_is_looked_at_without_it() {
    let cache = cluster();
    let node = cache.node("a").expect("a node");
    let bound = PodInfo::clone(&node.pods[0]);
    let own = Explanation::of(&cache, &profile(), &bound);
    assert_eq!(own.bound_to.as_deref(), Some("a"));
    // Without it the first two nodes are alike.
    assert_eq!(own.best.len(), 2);
    let view = look_at(&cache, &profile(), &bound, "c");
    assert_eq!(
        view.rejection.map(|(plugin, _)| plugin),
        Some("TaintToleration")
    );
    let fit = view
        .filters
        .iter()
        .find(|(plugin, _)| *plugin == "NodeResourcesFit");
    assert_eq!(fit, Some(&("NodeResourcesFit", None)));
}

#[test]
fn a_defect_that_decides_is_named() {
    let config = SchedulerConfig::default();
    let on_a_ghost = model::NodeSelectorTerm {
        match_fields: vec![model::Requirement {
            key: "metadata.name".into(),
            operator: model::Operator::In,
            values: vec!["ghost".into()],
        }],
        ..model::NodeSelectorTerm::default()
    };
    let mut spec = PodSpec::with_requests(ResourceList::default());
    spec.affinity.node.required = Some(model::NodeSelector {
        terms: vec![on_a_ghost],
    });
    for (release, expected) in [(model::Release::V1_30, 1), (model::Release::V1_31, 0)] {
        let changes = release.changes();
        let class = PodClass::derive(Arc::new(spec.clone()), changes).expect("amounts that fit");
        let haunted = PodInfo {
            class: Arc::new(class),
            name: "haunted".into(),
            ..PodInfo::default()
        };
        let made = build_kube_profiles(&config, changes).expect("the default profile");
        let words = defects::deciding(&config, &made[0], &cluster(), &haunted);
        let words = words.expect("profiles");
        assert_eq!(words.len(), expected, "{release}: {words:?}");
        let named = |own: &String| own.contains("decides here, `unknown-node-name-panic`");
        assert!(words.iter().all(named), "{words:?}");
        let plain = defects::deciding(&config, &made[0], &cluster(), &pod("plain", 100, 0));
        assert_eq!(plain.expect("profiles"), Vec::<String>::new());
    }
}

#[test]
fn the_smallest_change_that_is_enough_is_told() {
    let own = Explanation::of(&cluster(), &profile(), &pod("new", 2500, 0));
    // `b` lacks half a core, `a` one and a half; `c` has a taint beside.
    let expected = Remedy::Room {
        node: "b".into(),
        lacks: vec![("cpu".into(), 500)],
    };
    assert_eq!(own.remedies, [expected]);
    let mut cache = cluster();
    for name in ["a", "b"] {
        let mut other = pod(&format!("fills-{name}"), 1000, 1);
        other.set_node_name(Some(name.into()));
        cache
            .add_pod(Arc::new(other), name)
            .expect("a node that is there");
    }
    let own = Explanation::of(&cache, &profile(), &pod("new", 1500, 0));
    let taint = Remedy::Rule {
        plugin: "TaintToleration",
        nodes: vec!["c".into()],
    };
    assert_eq!(own.remedies[1], taint, "{:?}", own.remedies);
}
