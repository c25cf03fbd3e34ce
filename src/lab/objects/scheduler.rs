//! The configuration of the scheduler as an object, without what a scheduler does unless it is told otherwise.

use std::path::Path;

use k8s::plain_objects;
use serde_json::{Map, Value as Json, json};

use super::parts::part;
use super::{Lines, Object};

/// Fields of a scheduler's configuration that are read.
const READ_SETTINGS: &[&str] = &[
    "apiVersion",
    "profiles",
    "percentageOfNodesToScore",
    "parallelism",
    "podInitialBackoffSeconds",
    "podMaxBackoffSeconds",
];

/// Defaults of `kubescheduler.config.k8s.io/v1` of the whole configuration, in JSON.
const SETTINGS: &[(&str, &str)] = &[
    ("percentageOfNodesToScore", "0"),
    ("parallelism", "16"),
    ("podInitialBackoffSeconds", "1"),
    ("podMaxBackoffSeconds", "10"),
];
/// Defaults of the arguments of plugins: the plugin, the argument, its value in JSON.
const ARGUMENTS: &[(&str, &str, &str)] = &[
    ("DefaultPreemption", "minCandidateNodesPercentage", "10"),
    ("DefaultPreemption", "minCandidateNodesAbsolute", "100"),
    ("InterPodAffinity", "hardPodAffinityWeight", "1"),
    (
        "InterPodAffinity",
        "ignorePreferredTermsOfExistingPods",
        "false",
    ),
    (
        "NodeResourcesBalancedAllocation",
        "resources",
        r#"[{"name":"cpu","weight":1},{"name":"memory","weight":1}]"#,
    ),
    (
        "NodeResourcesFit",
        "scoringStrategy",
        r#"{"resources":[{"name":"cpu","weight":1},{"name":"memory","weight":1}],"type":"LeastAllocated"}"#,
    ),
    ("PodTopologySpread", "defaultingType", r#""System""#),
    ("VolumeBinding", "bindTimeoutSeconds", "600"),
];

/// The configuration of the scheduler that a scenario names, as an object.
pub(super) fn scheduler_config(file: &Path, shown: &str) -> Option<Object> {
    let found = plain_objects(&world::inputs::open(file)).ok()?;
    let plain = found.into_iter().next()?;
    let mut fields = plain.value.clone();
    let map = fields.as_object_mut()?;
    map.retain(|name, _| READ_SETTINGS.contains(&&**name));
    let has_moved = leave_defaults_out(map);
    if map.keys().all(|name| name == "apiVersion") {
        return None;
    }
    let mut object = part(plain.value.get("kind")?.as_str()?, "", shown, fields);
    if !has_moved {
        object.lines = Lines::Manifest(plain);
    }
    Some(object)
}

/// Returns whether an item of a list is no longer at its place.
fn leave_defaults_out(map: &mut Map<String, Json>) -> bool {
    let is = |own: &Json, text: &str| {
        serde_json::from_str::<Json>(text)
            .is_ok_and(|value| k8s::settled("", own) == k8s::settled("", &value))
    };
    map.retain(|name, own| {
        !SETTINGS
            .iter()
            .any(|(known, text)| known == name && is(own, text))
    });
    let profiles = map.get_mut("profiles").and_then(Json::as_array_mut);
    let Some(profiles) = profiles else {
        return false;
    };
    let mut has_moved = false;
    let is_alone = profiles.len() == 1;
    for profile in profiles.iter_mut().filter_map(Json::as_object_mut) {
        let is_usual = profile.get("schedulerName") == Some(&json!("default-scheduler"));
        if is_alone && is_usual {
            profile.remove("schedulerName");
        }
        let Some(plugins) = profile.get_mut("pluginConfig").and_then(Json::as_array_mut) else {
            continue;
        };
        for plugin in plugins.iter_mut() {
            let name = plugin.get("name").and_then(Json::as_str).map(str::to_owned);
            let arguments = plugin.get_mut("args").and_then(Json::as_object_mut);
            if let (Some(name), Some(arguments)) = (name, arguments) {
                arguments.retain(|argument, own| {
                    let mut all = ARGUMENTS.iter();
                    argument != "apiVersion"
                        && argument != "kind"
                        && !all.any(|(plugin, known, text)| {
                            *plugin == name && known == argument && is(own, text)
                        })
                });
            }
        }
        let says = |plugin: &Json| plugin.get("args").is_some_and(|own| *own != json!({}));
        let first_gone = plugins.iter().position(|plugin| !says(plugin));
        has_moved |= first_gone.is_some_and(|at| plugins[at..].iter().any(says));
        plugins.retain(says);
        if plugins.is_empty() {
            profile.remove("pluginConfig");
        }
    }
    if is_alone && profiles[0] == json!({}) {
        map.remove("profiles");
    }
    has_moved
}
