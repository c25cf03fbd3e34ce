//! Profiles from configurations: what acts where, in which order, with which weight.

use super::*;
use model::scheduler_config::PluginSet;

fn set(enabled: &[(&str, i64)], disabled: &[&str]) -> PluginSet {
    let enabled = enabled.iter();
    PluginSet {
        enabled: enabled
            .map(|&(name, weight)| (name.to_owned(), weight))
            .collect(),
        disabled: disabled.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn built(points: &[(&str, PluginSet)]) -> Result<KubeProfile, KubeProfileError> {
    let points = points.iter();
    let config = SchedulerConfig {
        profiles: vec![SchedulerProfile {
            points: points
                .map(|(name, set)| ((*name).to_owned(), set.clone()))
                .collect(),
            ..SchedulerProfile::default()
        }],
        ..SchedulerConfig::default()
    };
    build_kube_profiles(&config, Changes::default()).map(|mut profiles| profiles.remove(0))
}

fn scores(profile: &KubeProfile) -> String {
    let scores = profile.score.iter();
    let words: Vec<String> = scores
        .map(|&(index, weight)| format!("{}={weight}", profile.plugins[index].name()))
        .collect();
    words.join(" ")
}

fn filters(profile: &KubeProfile) -> Vec<&'static str> {
    let filters = profile.filter.iter();
    filters
        .map(|&index| profile.plugins[index].name())
        .collect()
}

#[test]
fn the_default_profile_has_the_order_and_weights_of_the_original() {
    let profile = built(&[]).expect("the defaults");
    assert_eq!(
        scores(&profile),
        "TaintToleration=3 NodeAffinity=2 NodeResourcesFit=1 PodTopologySpread=2 \
         InterPodAffinity=2 NodeResourcesBalancedAllocation=1 ImageLocality=1"
    );
    assert_eq!(
        filters(&profile).join(" "),
        "NodeUnschedulable NodeName TaintToleration NodeAffinity NodePorts NodeResourcesFit \
         VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread \
         InterPodAffinity DynamicResources"
    );
}

#[test]
fn weights_change_by_point_and_everywhere() {
    let point = set(&[("ImageLocality", 7)], &["ImageLocality"]);
    let everywhere = set(&[("NodeAffinity", 5)], &["PodTopologySpread"]);
    let profile = built(&[("score", point), ("multiPoint", everywhere)]).expect("known names");
    assert_eq!(
        scores(&profile),
        "TaintToleration=3 NodeAffinity=5 NodeResourcesFit=1 InterPodAffinity=2 \
         NodeResourcesBalancedAllocation=1 ImageLocality=7"
    );
    assert!(!filters(&profile).contains(&"PodTopologySpread"));
}

#[test]
fn a_point_can_disable_all_and_enable_some() {
    let point = set(&[("NodeName", 0)], &["*"]);
    let profile = built(&[("filter", point)]).expect("known names");
    assert_eq!(filters(&profile), ["NodeName"]);
    let all = built(&[("multiPoint", set(&[], &["*"]))]).expect("known names");
    assert_eq!((scores(&all).as_str(), filters(&all).len()), ("", 0));
}

#[test]
fn plugins_named_everywhere_keep_their_place_unless_they_are_disabled_there() {
    let named = set(&[("ImageLocality", 4), ("TaintToleration", 0)], &[]);
    let profile = built(&[("multiPoint", named)]).expect("known names");
    assert_eq!(
        scores(&profile),
        "TaintToleration=1 NodeAffinity=2 NodeResourcesFit=1 PodTopologySpread=2 \
         InterPodAffinity=2 NodeResourcesBalancedAllocation=1 ImageLocality=4"
    );
    let last = set(&[("TaintToleration", 2)], &["TaintToleration"]);
    let profile = built(&[("multiPoint", last)]).expect("known names");
    assert_eq!(filters(&profile).last(), Some(&"TaintToleration"));
    assert!(scores(&profile).ends_with("ImageLocality=1 TaintToleration=2"));
    let alone = set(&[("NodeResourcesFit", 0), ("NodeName", 0)], &["*"]);
    let profile = built(&[("multiPoint", alone)]).expect("known names");
    assert_eq!(filters(&profile), ["NodeResourcesFit", "NodeName"]);
    assert_eq!(scores(&profile), "NodeResourcesFit=1");
}

#[test]
fn unknown_names_are_errors() {
    let wrong = built(&[("filter", set(&[], &["NodePort"]))]).err();
    let wrong = wrong.expect("an unknown plugin").to_string();
    assert!(
        wrong.starts_with("there is no plugin `NodePort`"),
        "{wrong}"
    );
    let wrong = built(&[("filters", set(&[], &[]))]).err();
    let wrong = wrong.expect("an unknown point").to_string();
    assert!(
        wrong.starts_with("there is no extension point `filters`"),
        "{wrong}"
    );
}
