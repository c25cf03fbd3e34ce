//! Tests of the contract between a plugin and the forms that keep its answers: both traits say the
//! same, and a plugin that says nothing to the fast form is correct all the same.

use std::sync::Arc;

use proptest::prelude::*;

use super::{add_machine, build_kube_profiles};
use crate::testing::{node, pod};
use model::Changes;
use model::node::CORDON_TAINT;
use model::{HostPort, PodSpec, SchedulerConfig, Taint, TaintEffect, Text, Toleration};
use scheduler::kube::cacheable::{
    AnswerScope, CacheableFilter, CacheableScore, NodeImages, NodeRow,
};
use scheduler::kube::cycle::{Outcome, Round};
use scheduler::kube::fast_plugin::{node_points, node_test};
use scheduler::kube::{
    AttemptContext, Cache, KubePlugin, KubePoints, KubeProfile, NodeInfo, PodInfo, PreScoreResult,
    Rejection, TieBreak,
};
use scheduler::pipeline::evaluate::Form;
use units::Quantity;

/// A plugin as a newcomer would write it: it keeps pods off the nodes of one rack, and prefers nodes
/// with few pods.
struct AvoidRack(Text);

impl KubePlugin for AvoidRack {
    fn name(&self) -> &'static str {
        "AvoidRack"
    }

    fn points(&self) -> KubePoints {
        KubePoints::FILTER.and(KubePoints::SCORE)
    }

    fn filter(&self, _: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if node.label("rack") == Some(&self.0) {
            return Err(Rejection::unresolvable("node(s) were in the wrong rack"));
        }
        Ok(())
    }

    fn score(&self, _: &PodInfo, node: &NodeInfo) -> i64 {
        100 - (node.pods.len() as i64).min(100)
    }
}

pub(super) fn default_profile() -> KubeProfile {
    let profiles = build_kube_profiles(&SchedulerConfig::default(), Changes::default());
    let mut profile = profiles.expect("the default").remove(0);
    add_machine(&mut profile);
    profile
}

fn taint(key: &str, effect: TaintEffect) -> Taint {
    Taint {
        key: key.into(),
        value: Text::default(),
        effect,
    }
}

fn cache() -> Cache {
    let mut cache = Cache::default();
    for index in 0..9_i64 {
        let gpus = if index % 3 == 0 { (2, "T4") } else { (0, "") };
        let mut object = node(&format!("n{index}"), 1_000 + 500 * index, 2_048, gpus);
        let rack: Text = format!("r{}", index % 2).into();
        object.labels.insert("rack".into(), rack);
        object
            .allocatable
            .set("example.com/fpga", Quantity::from_units(index % 4));
        object.unschedulable = index == 4;
        if index % 3 == 0 {
            let mebibytes = 1024 * 1024 * (100 + index);
            object.images.push(("web:latest".into(), mebibytes));
        }
        object.taints = match index % 4 {
            1 => vec![taint("team", TaintEffect::NoSchedule)],
            2 => vec![taint("old", TaintEffect::PreferNoSchedule)],
            _ => Vec::new(),
        };
        cache.add_node(Arc::new(object)).expect("a new node");
    }
    cache.set_down("n8", true);
    cache
}

/// A pod out of few numbers.
fn spec(size: u8, kind: u8) -> PodSpec {
    let mut spec = pod(250 * i64::from(size % 8), 128 * i64::from(size % 5), (0, 0));
    if kind & 1 != 0 {
        spec.node_selector.insert("rack".into(), "r0".into());
    }
    if kind & 2 != 0 {
        let keys = [CORDON_TAINT, "team"];
        spec.tolerations = keys
            .into_iter()
            .map(|key| Toleration {
                key: Some(key.into()),
                value: None,
                effect: None,
                tolerates_for: None,
            })
            .collect();
    }
    if kind & 4 != 0 {
        spec.containers[0].host_ports.push(HostPort {
            host_ip: Text::default(),
            protocol: "TCP".into(),
            port: 80,
        });
    }
    if kind & 8 != 0 {
        let fpgas = Quantity::from_units(i64::from(size % 3));
        spec.containers[0].requests.set("example.com/fpga", fpgas);
    }
    if size.is_multiple_of(2) {
        spec.containers[0].image = "web".into();
    }
    if kind & 16 != 0 {
        (spec.gpu.devices, spec.gpu.milli_per_device) = (1, 400);
    }
    spec
}

fn pod_info(cache: &mut Cache, spec: PodSpec, name: &str) -> PodInfo {
    PodInfo {
        class: cache.class(&Arc::new(spec)).expect("amounts that fit"),
        name: name.into(),
        ..PodInfo::default()
    }
}

/// Places pods by both forms, which must agree; the number of decisions that the fast form took.
fn place_by_both_forms(profile: &KubeProfile, drawn: &[(u8, u8)]) -> u64 {
    let mut cache = cache();
    let ties = TieBreak::random(3, 0);
    let mut fast = Round::new(ties.clone(), Form::Incremental);
    let mut plain = Round::new(ties, Form::Plain);
    for (step, &(size, kind)) in drawn.iter().enumerate() {
        let pod = pod_info(&mut cache, spec(size, kind & 15), &format!("p{step}"));
        let found = fast.decide(profile, &cache, &pod);
        let expected = plain.decide(profile, &cache, &pod);
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "step {step}");
        if let Outcome::Placed(slot) = expected {
            cache.add_pod_in(Arc::new(pod), slot);
        }
    }
    fast.taken_fast()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Compares the fast form's answers about single nodes with those of the plain form.
    #[test]
    fn kept_answers_are_those_of_filter_and_score(
        drawn in proptest::collection::vec((any::<u8>(), any::<u8>()), 1..30),
    ) {
        let profile = default_profile();
        let mut cache = cache();
        for (step, &(size, kind)) in drawn.iter().enumerate() {
            let pod = Arc::new(pod_info(&mut cache, spec(size, kind), &format!("p{step}")));
            let ctx = AttemptContext { cache: &cache, pod: &pod };
            for plugin in &profile.plugins {
                let Some(fast) = plugin.clone().fast() else { continue };
                let name = plugin.name();
                if let CacheableFilter::Node(_) = fast.kept_filter(ctx) {
                    let (test, row_test) = (node_test(&fast, &pod), fast.row_test(&pod));
                    for node in cache.nodes() {
                        let expected = plugin.filter(&pod, node).is_ok();
                        prop_assert_eq!(test(node), expected, "{} {:?}", name, node.name());
                        if let Some(row_test) = &row_test {
                            prop_assert_eq!(row_test(&NodeRow::of(node)), expected, "{}", name);
                        }
                    }
                }
                if let CacheableScore::Node(rests, _) = fast.kept_score(ctx) {
                    prop_assert_eq!(plugin.pre_score(ctx), PreScoreResult::Run, "{}", name);
                    if rests == AnswerScope::OnNodes {
                        let kinds = fast.node_kinds(&pod, &NodeImages::of(cache.nodes()));
                        let kinds = kinds.expect("kinds");
                        let points = (kinds.points)(&cache);
                        for (node, &kind) in cache.nodes().zip(&kinds.kinds) {
                            let scores = plugin.scores(ctx, &[node]).expect("points");
                            prop_assert_eq!(points[usize::from(kind)], scores.raw[0], "{}", name);
                        }
                        continue;
                    }
                    let points = node_points(&fast, &pod);
                    let row_points = fast.row_points(&pod);
                    for node in cache.nodes() {
                        let scores = plugin.scores(ctx, &[node]).expect("points");
                        prop_assert_eq!(points(node), scores.raw[0], "{}", name);
                        if let Some(row_points) = &row_points {
                            prop_assert_eq!(row_points(&NodeRow::of(node)), scores.raw[0]);
                        }
                    }
                }
            }
            let slot = usize::from(size) % cache.slot_count();
            cache.add_pod_in(pod, slot);
        }
    }

    /// A plugin without anything for the fast form is decided plainly, and alike.
    #[test]
    fn a_plugin_that_says_nothing_to_the_fast_form_is_asked_plainly(
        drawn in proptest::collection::vec((any::<u8>(), any::<u8>()), 20..40),
    ) {
        let mut profile = default_profile();
        prop_assert!(place_by_both_forms(&profile, &drawn) > 0);
        let index = profile.plugins.len();
        profile.filter.push(index);
        profile.score.push((index, 2));
        profile.plugins.push(Arc::new(AvoidRack("r1".into())));
        prop_assert_eq!(place_by_both_forms(&profile, &drawn), 0);
    }
}
