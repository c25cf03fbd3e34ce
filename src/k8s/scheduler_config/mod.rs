//! The configuration file of the Kubernetes scheduler, `KubeSchedulerConfiguration` of
//! `kubescheduler.config.k8s.io/v1`, in YAML or JSON (spec: kubernetes.md 1.1).

mod arguments;
mod extenders;

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::arguments::{
    RawBalanced, RawCoscheduling, RawFit, RawInterPod, RawNodeAffinityArguments, RawPreemption,
    RawShape, RawSpread,
};
use self::extenders::{RawExtender, add_extenders};
use super::affinity::{node_affinity, topology_spread};
use super::field::{Path, Problem, Texts};
use super::fields;
use super::{raw, yaml};
use intake::TraceError;
use model::scheduler_config::{
    FitArguments, FitStrategy, PluginArguments, PluginSet, SchedulerProfile,
};
use model::{DEFAULT_SCHEDULER, SchedulerConfig, Text};
use units::SortedMap;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawConfig {
    api_version: Option<String>,
    kind: Option<String>,
    #[serde(deserialize_with = "raw::nullable")]
    profiles: Vec<RawProfile>,
    percentage_of_nodes_to_score: Option<i64>,
    parallelism: Option<i64>,
    pod_initial_backoff_seconds: Option<i64>,
    pod_max_backoff_seconds: Option<i64>,
    #[serde(deserialize_with = "raw::nullable")]
    extenders: Vec<RawExtender>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawProfile {
    scheduler_name: Option<String>,
    percentage_of_nodes_to_score: Option<i64>,
    #[serde(deserialize_with = "raw::nullable")]
    plugins: SortedMap<String, RawSet>,
    #[serde(deserialize_with = "raw::nullable")]
    plugin_config: Vec<RawArguments>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSet {
    #[serde(deserialize_with = "raw::nullable")]
    enabled: Vec<RawPlugin>,
    #[serde(deserialize_with = "raw::nullable")]
    disabled: Vec<RawPlugin>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPlugin {
    name: String,
    weight: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawArguments {
    name: String,
    args: Option<Value>,
}

/// The version of the configuration that is read.
const API_VERSION: &str = "kubescheduler.config.k8s.io/v1";

/// Reads a configuration; `name` is the file as the user named it.
///
/// # Errors
/// [`TraceError::Format`] naming the field's path, what was expected and what was found.
pub fn read_scheduler_config(name: &str, text: &str) -> Result<SchedulerConfig, TraceError> {
    let wrong = |reason: String| TraceError::Format {
        file: name.to_owned(),
        reason,
    };
    let raw: RawConfig = yaml::deserialize(text, std::marker::PhantomData)
        .map_err(|fault| wrong(fault.in_text(text, 0)))?;
    let mut config = config(&raw).map_err(|Problem(reason)| wrong(reason))?;
    let whole: Value = yaml::deserialize(text, std::marker::PhantomData)
        .map_err(|fault| wrong(fault.in_text(text, 0)))?;
    config.left_out = fields::left_out_settings(&whole);
    Ok(config)
}

/// Reads the configuration of a file, which states its kind.
///
/// # Errors
/// As [`read_scheduler_config`], and if the file is of another kind.
pub fn read_scheduler_config_file(name: &str, text: &str) -> Result<SchedulerConfig, TraceError> {
    const KIND: &str = "KubeSchedulerConfiguration";
    let whole = yaml::deserialize(text, std::marker::PhantomData::<Value>).ok();
    let kind = whole
        .as_ref()
        .map(|whole| whole.get("kind").and_then(Value::as_str));
    if kind.is_some_and(|kind| kind != Some(KIND)) {
        return Err(TraceError::Format {
            file: name.to_owned(),
            reason: format!("kind: expected `{KIND}`, as a file of kube-scheduler states it"),
        });
    }
    read_scheduler_config(name, text)
}

/// Something in a configuration that is allowed and hardly meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigDoubt {
    /// The field's path.
    pub field: String,
    /// The value found.
    pub what: String,
    /// Effect of the value.
    pub effect: &'static str,
}

impl fmt::Display for ConfigDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.field, self.what, self.effect)
    }
}

/// The points that a node gets from one plugin, before its weight, go up to this; no term of an
/// affinity may weigh more, and no plugin by default weighs nearly as much.
const GREAT_WEIGHT: i64 = 100;

/// Finds settings that are left out, and those that are allowed but hardly intended: profiles without
/// filters, and huge weights.
pub fn config_doubts(config: &SchedulerConfig) -> Vec<ConfigDoubt> {
    let mut doubts: Vec<ConfigDoubt> = config
        .left_out
        .iter()
        .map(|setting| ConfigDoubt {
            field: setting.field.clone(),
            what: setting.what.to_owned(),
            effect: setting.effect,
        })
        .collect();
    if let Some(workers) = config.parallelism.filter(|&workers| workers != 1) {
        doubts.push(ConfigDoubt {
            field: "parallelism".to_owned(),
            what: format!("{workers} is not modelled"),
            effect: "nodes are evaluated one after the other, as with 1",
        });
    }
    for index in without_filters(config) {
        doubts.push(ConfigDoubt {
            field: format!("profiles[{index}].plugins.filter"),
            what: "every filter is disabled".to_owned(),
            effect: "every node would accept every pod",
        });
    }
    for (index, profile) in config.profiles.iter().enumerate() {
        for (point, set) in &profile.points {
            let great = set.enabled.iter().enumerate();
            let great = great.filter(|(_, (_, weight))| *weight > GREAT_WEIGHT);
            doubts.extend(great.map(|(place, (name, weight))| ConfigDoubt {
                field: format!("profiles[{index}].plugins.{point}.enabled[{place}].weight"),
                what: format!("`{name}` has the weight {weight}, more than {GREAT_WEIGHT}"),
                effect: "its score outweighs all plugins of usual weight",
            }));
        }
    }
    doubts
}

/// Positions of profiles in which no filter is left: every node would take every pod.
fn without_filters(config: &SchedulerConfig) -> Vec<usize> {
    let is_bare = |point: &str, profile: &SchedulerProfile| {
        let set = profile.points.get(point);
        set.is_some_and(|set| set.enabled.is_empty() && set.disabled.iter().any(|name| name == "*"))
    };
    let profiles = config.profiles.iter().enumerate();
    profiles
        .filter(|(_, profile)| {
            let adds = |point: &str| {
                let set = profile.points.get(point);
                set.is_some_and(|set| !set.enabled.is_empty())
            };
            is_bare("filter", profile) || (is_bare("multiPoint", profile) && !adds("filter"))
        })
        .map(|(index, _)| index)
        .collect()
}

fn config(raw: &RawConfig) -> Result<SchedulerConfig, Problem> {
    if let Some(kind) = raw
        .kind
        .as_deref()
        .filter(|&kind| kind != "KubeSchedulerConfiguration")
    {
        return Err(Path::root("kind").problem("`KubeSchedulerConfiguration`", kind));
    }
    if let Some(version) = raw
        .api_version
        .as_deref()
        .filter(|&version| version != API_VERSION)
    {
        let expected = format!("`{API_VERSION}`, whose defaults are followed");
        return Err(Path::root("apiVersion").problem(&expected, version));
    }
    let path = Path::root("profiles");
    let mut config = SchedulerConfig {
        percentage_of_nodes_to_score: percentage(
            raw.percentage_of_nodes_to_score,
            &Path::root("percentageOfNodesToScore"),
        )?
        .unwrap_or(0),
        parallelism: raw.parallelism,
        initial_backoff_secs: raw.pod_initial_backoff_seconds,
        max_backoff_secs: raw.pod_max_backoff_seconds,
        ..SchedulerConfig::default()
    };
    for (index, own) in raw.profiles.iter().enumerate() {
        config.profiles.push(profile(own, &path.index(index))?);
    }
    add_extenders(&raw.extenders, &mut config)?;
    Ok(config)
}

fn percentage(raw: Option<i64>, path: &Path<'_>) -> Result<Option<i64>, Problem> {
    match raw {
        Some(percent) if !(0..=100).contains(&percent) => {
            Err(path.problem("a percentage from 0 to 100", percent))
        }
        stated => Ok(stated),
    }
}

fn profile(raw: &RawProfile, path: &Path<'_>) -> Result<SchedulerProfile, Problem> {
    let mut texts = Texts::default();
    let name = raw.scheduler_name.as_deref().unwrap_or(DEFAULT_SCHEDULER);
    let mut profile = SchedulerProfile {
        scheduler_name: texts.share(name),
        percentage_of_nodes_to_score: percentage(
            raw.percentage_of_nodes_to_score,
            &path.field("percentageOfNodesToScore"),
        )?,
        ..SchedulerProfile::default()
    };
    let plugins_path = path.field("plugins");
    for (point, set) in &raw.plugins {
        let path = plugins_path.field(point);
        profile
            .points
            .insert(point.clone(), plugin_set(set, &path)?);
    }
    let path = path.field("pluginConfig");
    for (index, own) in raw.plugin_config.iter().enumerate() {
        let path = path.index(index);
        let path = path.field("args");
        if let Some(value) = &own.args {
            let reader = ArgumentReader { value, path: &path };
            reader.read(&own.name, &mut profile.arguments, &mut texts)?;
        }
    }
    Ok(profile)
}

fn plugin_set(raw: &RawSet, path: &Path<'_>) -> Result<PluginSet, Problem> {
    let path = path.field("enabled");
    let mut set = PluginSet {
        disabled: raw.disabled.iter().map(|own| own.name.clone()).collect(),
        ..PluginSet::default()
    };
    for (index, own) in raw.enabled.iter().enumerate() {
        let weight = own.weight.unwrap_or(0);
        if !(0..=i64::from(i32::MAX) / 100).contains(&weight) {
            let path = path.index(index);
            let expected = "a weight from 0 to 21474836";
            return Err(path.field("weight").problem(expected, weight));
        }
        set.enabled.push((own.name.clone(), weight));
    }
    Ok(set)
}

/// The arguments of one plugin.
struct ArgumentReader<'a> {
    value: &'a Value,
    path: &'a Path<'a>,
}

impl ArgumentReader<'_> {
    fn part<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        T::deserialize(self.value).map_err(|error| self.path.broken(error))
    }

    fn read(
        &self,
        plugin: &str,
        arguments: &mut PluginArguments,
        texts: &mut Texts,
    ) -> Result<(), Problem> {
        match plugin {
            "NodeAffinity" => {
                let raw: RawNodeAffinityArguments = self.part()?;
                let path = self.path.field("addedAffinity");
                arguments.added_affinity = node_affinity(&raw.added_affinity, &path, texts)?;
            }
            "NodeResourcesFit" => arguments.fit = self.fit(texts)?,
            "NodeResourcesBalancedAllocation" => {
                let raw: RawBalanced = self.part()?;
                if !raw.resources.is_empty() {
                    let names = raw.resources.iter();
                    arguments.balanced_resources =
                        names.map(|own| texts.share(&own.name)).collect();
                }
            }
            "PodTopologySpread" => arguments.default_spread = self.spread(texts)?,
            "InterPodAffinity" => {
                let raw: RawInterPod = self.part()?;
                let weight = raw.hard_pod_affinity_weight.unwrap_or(1);
                if !(0..=100).contains(&weight) {
                    let path = self.path.field("hardPodAffinityWeight");
                    return Err(path.problem("a weight from 0 to 100", weight));
                }
                arguments.hard_pod_affinity_weight = weight;
                arguments.ignore_preferred_terms_of_existing_pods =
                    raw.ignore_preferred_terms_of_existing_pods == Some(true);
            }
            "DefaultPreemption" => {
                let raw: RawPreemption = self.part()?;
                arguments.min_candidate_percentage =
                    raw.min_candidate_nodes_percentage.unwrap_or(10);
                arguments.min_candidates = raw.min_candidate_nodes_absolute.unwrap_or(100);
            }
            "Coscheduling" => {
                let raw: RawCoscheduling = self.part()?;
                let wait = raw.permit_waiting_time_seconds.unwrap_or(60);
                if !(0..=900).contains(&wait) {
                    let path = self.path.field("permitWaitingTimeSeconds");
                    return Err(path.problem("seconds from 0 to 900", wait));
                }
                arguments.permit_wait_secs = wait;
            }
            _ => {}
        }
        Ok(())
    }

    fn fit(&self, texts: &mut Texts) -> Result<FitArguments, Problem> {
        let raw: RawFit = self.part()?;
        let mut fit = FitArguments {
            ignored_resources: texts.share_all(&raw.ignored_resources),
            ignored_groups: texts.share_all(&raw.ignored_resource_groups),
            ..FitArguments::default()
        };
        let Some(strategy) = &raw.scoring_strategy else {
            return Ok(fit);
        };
        let path = self.path.field("scoringStrategy");
        if !strategy.resources.is_empty() {
            fit.resources = weights(&strategy.resources, &path.field("resources"), texts)?;
        }
        fit.strategy = match strategy.kind.as_deref() {
            None | Some("" | "LeastAllocated") => FitStrategy::LeastAllocated,
            Some("MostAllocated") => FitStrategy::MostAllocated,
            Some("RequestedToCapacityRatio") => {
                let raw = strategy.requested_to_capacity_ratio.as_ref();
                FitStrategy::RequestedToCapacityRatio(shape(raw, &path)?)
            }
            Some(other) => {
                let expected = "`LeastAllocated`, `MostAllocated` or `RequestedToCapacityRatio`";
                return Err(path.field("type").problem(expected, other));
            }
        };
        Ok(fit)
    }

    fn spread(&self, texts: &mut Texts) -> Result<Option<Vec<model::TopologySpread>>, Problem> {
        let raw: RawSpread = self.part()?;
        let path = self.path.field("defaultingType");
        match raw.defaulting_type.as_deref() {
            Some("List") => {}
            None | Some("" | "System") => return Ok(None),
            Some(other) => return Err(path.problem("`System` or `List`", other)),
        }
        let path = self.path.field("defaultConstraints");
        let mut rules = Vec::new();
        for (index, own) in raw.default_constraints.iter().enumerate() {
            rules.push(topology_spread(own, &path.index(index), texts)?);
        }
        Ok(Some(rules))
    }
}

fn weights(
    raw: &[RawPlugin],
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Vec<(Text, i64)>, Problem> {
    let mut list = Vec::new();
    for (index, own) in raw.iter().enumerate() {
        // A weight of 0 is one that was not given.
        let weight = match own.weight.unwrap_or(0) {
            0 => 1,
            weight => weight,
        };
        if !(1..=100).contains(&weight) {
            let path = path.index(index);
            return Err(path
                .field("weight")
                .problem("a weight from 1 to 100", weight));
        }
        list.push((texts.share(&own.name), weight));
    }
    Ok(list)
}

fn shape(raw: Option<&RawShape>, path: &Path<'_>) -> Result<Vec<(i64, i64)>, Problem> {
    let path = path.field("requestedToCapacityRatio");
    let path = path.field("shape");
    let points = raw.map(|raw| raw.shape.as_slice()).unwrap_or_default();
    if points.is_empty() {
        return Err(path.missing("at least one point"));
    }
    let mut last = -1;
    for (index, point) in points.iter().enumerate() {
        let path = path.index(index);
        if point.utilization <= last || point.utilization > 100 {
            let expected = "a utilization from 0 to 100 above that of the point before";
            return Err(path
                .field("utilization")
                .problem(expected, point.utilization));
        }
        if !(0..=10).contains(&point.score) {
            return Err(path
                .field("score")
                .problem("a score from 0 to 10", point.score));
        }
        last = point.utilization;
    }
    let points = points.iter();
    Ok(points
        .map(|point| (point.utilization, point.score))
        .collect())
}
