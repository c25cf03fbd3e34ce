use std::sync::atomic::AtomicBool;

use super::*;
use crate::fixture;
use scenario::Experiment;

const TEXT: &str = "\
windtunnel: v1
name: tiny
cluster: {nodes: [{count: 3, template: {allocatable: {cpu: 4, memory: 16Gi}}}]}
workload: [{generate: {model: lublin99, jobs: 30}}]
stop: {at: 30d}
system: {name: pipeline, scheduler: {profile: least-allocated}}
variants:
  spread: {}
  same: {}
  pack: {system.scheduler.profile: most-allocated}
  kube: {system: {name: kubernetes}}
";

fn experiment(sets: &[String]) -> Experiment {
    fixture::experiment(TEXT, "tiny.yaml", sets)
}

fn compare(one: (&Experiment, usize), other: (&Experiment, usize)) -> Difference {
    let side = |(experiment, variant): (&'static Experiment, usize)| Side {
        label: experiment.variants[variant].name.clone(),
        scenario: &experiment.variants[variant].scenario,
        files: &experiment.files,
        before: None,
    };
    let leak = |experiment: &Experiment| -> &'static Experiment {
        Box::leak(Box::new(experiment.clone()))
    };
    let sides = [side((leak(one.0), one.1)), side((leak(other.0), other.1))];
    first_difference([&sides[0], &sides[1]], &AtomicBool::new(false)).expect("a comparison")
}

#[test]
fn equal_runs_have_no_difference() {
    let experiment = experiment(&[]);
    let found = compare((&experiment, 0), (&experiment, 1));
    assert_eq!(found.sides[0].digest, found.sides[1].digest);
    assert_eq!(found.parting, None);
    assert!(found.growth.is_empty());
    assert!(found.sides[0].decisions > 0);
}

#[test]
fn the_first_decision_that_differs_is_explained_from_both_sides() {
    let experiment = experiment(&[]);
    let found = compare((&experiment, 0), (&experiment, 2));
    let parting = found.parting.expect("they differ");
    let [Some(one), Some(other)] = &parting.decisions else {
        panic!("{parting:?}");
    };
    assert_eq!((&one.pod, one.time_ns), (&other.pod, other.time_ns));
    assert_ne!(one.node, other.node);
    // What is before it is the same for both.
    assert_eq!(one.situation.placed, other.situation.placed);
    assert!(
        one.situation.placed > 0,
        "an empty cluster looks the same to both"
    );
    for side in [one, other] {
        let best = side.situation.explanation.best.expect("it was ranked").0;
        let chosen = side.situation.nodes.iter();
        let chosen = chosen.filter(|view| Some(&view.name) == side.node.as_ref());
        let totals: Vec<Option<i64>> = chosen.map(|view| view.total).collect();
        assert_eq!(totals, [Some(best)], "{side:?}");
    }
    let first = found.growth.first().expect("growth");
    assert!(first.pods > 0 && first.nodes > 0, "{first:?}");
    for pair in found.growth.windows(2) {
        assert!(pair[0].pods_ever <= pair[1].pods_ever);
        assert!(pair[0].nodes_ever <= pair[1].nodes_ever);
    }
    for growth in &found.growth {
        assert!(growth.pods_modulo <= growth.pods, "{growth:?}");
        assert!(growth.nodes_modulo <= growth.nodes, "{growth:?}");
        assert!(growth.nodes <= 3 && growth.pods <= growth.pods_ever);
    }
}

/// The points are those of the attempt itself, and the node that was taken is among the best.
#[test]
fn kube_scheduler_itself_is_explained() {
    let experiment = experiment(&[]);
    let parting = compare((&experiment, 2), (&experiment, 3)).parting;
    let parting = parting.expect("they differ");
    let [Some(_), Some(kube)] = &parting.decisions else {
        panic!("{parting:?}");
    };
    let explanation = &kube.situation.explanation;
    assert_eq!(explanation.scheduler, "kube-scheduler");
    assert!(
        explanation
            .plugins
            .contains(&"TaintToleration × 3".to_owned())
    );
    let (best, _) = explanation.best.expect("nodes that can take it");
    let mut nodes = kube.situation.nodes.iter();
    let chosen = nodes.find(|view| Some(&view.name) == kube.node.as_ref());
    let chosen = chosen.expect("the chosen node is looked at");
    assert_eq!(chosen.total, Some(best), "{chosen:?}");
    assert_eq!(chosen.points.iter().sum::<i64>(), best, "{chosen:?}");
}

#[test]
fn pods_and_nodes_that_only_one_run_has_are_told() {
    let less = experiment(&["workload.0.generate.jobs=29".to_owned()]);
    let more = experiment(&["cluster.nodes.0.count=4".to_owned()]);
    let all = experiment(&[]);
    let found = compare((&all, 0), (&less, 0));
    assert!(found.sides[0].pods_alone > 0, "{:?}", found.sides);
    assert_eq!(found.sides[1].pods_alone, 0);
    assert!(found.sides[0].first_alone.is_some());
    let found = compare((&all, 0), (&more, 0));
    assert_eq!(found.sides.map(|side| side.nodes_alone), [0, 1]);
    assert!(found.parting.is_some());
}
