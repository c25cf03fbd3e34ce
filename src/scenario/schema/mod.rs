//! Types of the experiment file; their doc comments are its reference (`windtunnel schema`).
//!
//! Decoding and the JSON Schema come from the same types. The schema carries private keywords that
//! are removed before it is printed: `x-names` (the text is a registered name of that kind),
//! `x-key-names` (the keys are), `x-parameters` (other fields are the arguments of a name,
//! `KIND:FIELD`), `x-excludes` (fields that exclude each other), `x-positive` (greater than zero),
//! `x-places` (most digits after the point), `x-formerly` (another name of a word, which is read
//! too) and `x-help` (advice for a wrong value).

mod alert;
mod autoscaling;
mod clients;
mod cluster;
mod contention;
mod delivery;
mod descheduling;
mod docker_machine;
mod external;
mod failure;
mod federation;
mod images;
mod job_queue;
mod metrics;
mod nova_hosts;
mod operation;
mod power;
mod provider;
mod release;
mod relocation;
mod run;
mod storage;
mod system;
mod throughputs;
mod trace_edit;
mod traffic;
mod workload;

pub use alert::{Alert, Inhibit, Notifications, Points, Silence};
pub use autoscaling::{
    Autoscaling, Backlog, HorizontalSettings, MetricsPipeline, RuleScaling, Scheduled,
    ScheduledRule, StepChange, Steps, Track, VerticalSettings,
};
pub use clients::{ClientLimit, ClientLimits, KubeletDelays, ModelSet, VolumeDelays};
pub use cluster::{
    Allocatable, Cluster, DEFAULT_PODS, Domain, GpuTemplate, NodeAnnotations, NodeSource,
    NodeTemplate, NodeTrace, Taint, TaintEffect, Template,
};
pub use contention::{Contention, Overhead};
pub use delivery::{
    BuildOrder, BuildPods, Delivery, DeliveryOverlap, DeliveryStage, Push, VersionFault,
};
pub use descheduling::{
    Descheduling, Duplicates, Evictor, ExcludedNamespaces, HighUtilization, LifeTime,
    LowUtilization, Namespaces, NodeAffinityType, PodLifeState, PodScope, SpreadConstraint,
    Strategies, TooManyRestarts, ViolatingNodeAffinity, ViolatingNodeTaints,
    ViolatingTopologySpread,
};
pub use docker_machine::{DockerMachine, MachineDriver, MachinePhase};
pub use external::{AnswerFunction, AnswerSource, Answers, External, ExternalPoint};
pub use failure::{Burst, ControlPart, Failure, FailureKind};
pub use federation::{
    CellShare, FederatedWorkload, Federation, FederationCell, NamedScheduler, NamedSchedulerKind,
};
pub use images::{Images, Pulls};
pub use job_queue::{AMOUNT_FIELDS, JobQueue, QueuePreemption};
pub use metrics::{Billing, FunctionPrices, MeasuredWindow, Metrics, TaskPrices};
pub use nova_hosts::{NovaGroupPolicy, NovaHosts, NovaProvider};
pub use operation::{
    ArrivalJobs, Controllers, MachineOperation, MachineStep, NodeTaint, NodeTaints, Operation,
    PodDeletion, PropagationPolicy, Upgrade,
};
pub use power::{EmbodiedCarbon, PowerTemplate};
pub use provider::{
    ClusterAutoscaling, ConsolidationPolicy, DisruptionReason, DisruptionWindow, ExpanderName,
    NodeGroup, PreferencePolicy, Provider, Provisioning, Quota, Reserved, SpotMarket, StockOut,
};
pub use release::{Release, Switch};
pub use relocation::{InstanceMigration, InstanceResize};
pub use run::{
    Checkpointing, DecisionTime, Models, NodeLife, NodeLoss, Objective, PodClass, Runtime, Startup,
    Stop, StopWhen, Usage, UsageFields,
};
pub use storage::{Backup, Storage, StorageClass, StorageMode};
pub use system::{Backfill, Plugin, Plugins, Scheduler, System, TieBreak};
pub use throughputs::Throughputs;
pub use trace_edit::{SampleUnit, TraceEdit, TraceSample};
pub use traffic::{
    Balancing, DiurnalRate, FlashCrowd, Function, Gaps, LatencyObjective, RateFormat, RateTrace,
    Retries, Services, Traffic, TrafficForm,
};
pub use workload::{
    Arrivals, Depart, Generate, OnBadRow, Order, UnitFiles, Window, WorkloadSource, WorkloadTrace,
};

use std::sync::{Arc, Mutex, PoisonError};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::names::{NameKind, Names};
use super::scalar::WordOr;
use options::{Plain, Section};
use units::SortedMap;

/// Version of the experiment file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FormatVersion {
    /// Format version 1, the first.
    V1,
}

/// One experiment, or one variant of it with its overrides applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// Version of the file format; always `v1`.
    pub windtunnel: FormatVersion,
    /// Short name of the experiment; also the name of its result folder.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Question that this experiment answers, in one sentence.
    #[serde(default)]
    pub description: String,
    /// Seed of every random number; default 42. Equal seeds give equal results.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Nodes of the cluster, and the provider that adds more during the run.
    pub cluster: Cluster,
    /// Sources of jobs and pods: any number, merged by arrival time; at least one.
    #[schemars(length(min = 1))]
    pub workload: Vec<WorkloadSource>,
    /// System under test: its scheduler, controllers and autoscalers. Default `kubernetes`.
    #[serde(default)]
    pub system: System,
    /// Models of the world around the system: start-up times, usage, node life, images, traffic; or
    /// the name of a set, `production`.
    #[serde(default, deserialize_with = "clients::models")]
    #[schemars(with = "WordOr<ModelSet, Models>")]
    pub models: Models,
    /// Failures to inject, each with its kind, target and time.
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// Operations that users perform on the cluster, such as scaling, applying or draining.
    // Left out where there is none, so that what was kept of such experiments still fits them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
    /// Automatic deployment: a push of an image is seen, built where it is source code, and rolled out
    /// in every workload that runs its repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivery: Vec<Delivery>,
    /// Volumes whose data is kept, with their backups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<Storage>,
    /// Serverless functions that clients may call: instances start and stop with requests and are
    /// billed by use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<Function>,
    /// Groups of clients that send requests to the services and functions of the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<Traffic>,
    /// Alert rules, evaluated every 15 s.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    /// Notification rules for alerts: grouping, repetition, inhibition and silences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Notifications>,
    /// Conditions that end the run; default `when: idle`.
    #[serde(default)]
    pub stop: Stop,
    /// Measurement settings: warm-up, measured window, time-series step, prices.
    #[serde(default)]
    pub metrics: Metrics,
    /// Objectives of the experiment: gates for `check` and goals for `plan`.
    #[serde(default)]
    pub objectives: Vec<Objective>,
}

impl Scenario {
    /// Node-life model in effect: the stated one, or the default of the system.
    pub fn node_life(&self) -> NodeLife {
        let stated = self.models.node_life;
        stated.unwrap_or(match self.system.controllers {
            Some(_) => NodeLife::Observed,
            None if self.system.has_own_loops() => NodeLife::Observed,
            None => NodeLife::Declared,
        })
    }
}

/// Overrides by path on top of the experiment, or on top of another variant (`extends`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Variant {
    /// Name of the variant whose overrides are applied first.
    extends: Option<String>,
    /// Overrides as `path: value`, such as `system.scheduler.queue: sjf`.
    #[serde(rename = "$rest", default)]
    overrides: SortedMap<String, Plain>,
}

fn default_seed() -> u64 {
    42
}

/// JSON Schema with the private keywords that the checks walk. `variants` is not part of it: it is
/// read earlier.
pub(super) fn internal_schema(names: &dyn Names) -> Arc<Json> {
    // Made once for all experiments that a program reads: it takes longer than to read a small one.
    static MADE: Mutex<Vec<(&[Section], Arc<Json>)>> = Mutex::new(Vec::new());
    let sections = names.sections();
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, schema)) = made.iter().find(|(own, _)| std::ptr::eq(*own, sections)) {
        return Arc::clone(schema);
    }
    let schema = Arc::new(made_schema(sections));
    made.push((sections, Arc::clone(&schema)));
    schema
}

fn made_schema(sections: &[Section]) -> Json {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.root_schema_for::<Scenario>().to_value();
    let (mut of_sections, mut fields) = (SortedMap::new(), Vec::new());
    for section in sections {
        let mut own = (section.schema)(&mut generator).to_value();
        of_sections.insert(section.field, own["anyOf"][0]["$ref"].clone());
        own["description"] = section.meaning.into();
        fields.push((section, own));
    }
    let mut definitions = generator.take_definitions(true);
    for definition in definitions.values_mut() {
        let properties = definition.get_mut("properties");
        let properties = properties.and_then(Json::as_object_mut).into_iter();
        for property in properties.flat_map(Map::values_mut) {
            refer(property, &of_sections);
        }
    }
    schema["$defs"] = definitions.into();
    for (section, own) in fields {
        schema["$defs"][section.home.definition()]["properties"][section.field] = own;
    }
    // Known here so that messages list it and `varaints` finds it.
    schema["properties"]["variants"] = Json::Bool(true);
    schema
}

/// Has a field that repeats a section of `system:` refer to the section's schema.
fn refer(property: &mut Json, of_sections: &SortedMap<&str, Json>) {
    let Some(property) = property.as_object_mut() else {
        return;
    };
    let section = property.remove("x-section");
    let section = section.as_ref().and_then(Json::as_str);
    if let Some(found) = section.and_then(|own| of_sections.get(own)) {
        property.remove("default");
        property.insert("$ref".to_owned(), found.clone());
    }
}

/// JSON Schema for editors: with `variants`, without private keywords, with the names that
/// registries know.
pub(super) fn public_schema(names: &dyn Names) -> Json {
    let mut schema = Json::clone(&internal_schema(names));
    let generator = SchemaSettings::draft2020_12().into_generator();
    let variants = generator
        .into_root_schema_for::<SortedMap<String, Option<Variant>>>()
        .to_value();
    schema["properties"]["variants"] = serde_json::json!({
        "description": "Variants by name; each overrides fields by path.",
        "type": "object",
        "additionalProperties": variants["additionalProperties"],
    });
    schema["$defs"]["Variant"] = variants["$defs"]["Variant"].clone();
    schema["title"] = "windtunnel experiment".into();
    publish(&mut schema, names);
    schema
}

/// Replaces the private keywords by their JSON Schema equivalents.
fn publish(schema: &mut Json, names: &dyn Names) {
    match schema {
        Json::Object(object) => {
            publish_object(object, names);
            object.values_mut().for_each(|value| publish(value, names));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| publish(item, names)),
        _ => {}
    }
}

fn publish_object(object: &mut Map<String, Json>, names: &dyn Names) {
    let known = |keyword: Option<Json>| -> Vec<&'static str> {
        let kind = keyword
            .as_ref()
            .and_then(Json::as_str)
            .and_then(NameKind::from_keyword);
        kind.map(|kind| names.names(kind)).unwrap_or_default()
    };
    let values = known(object.remove("x-names"));
    if !values.is_empty() {
        let mut values: Vec<Json> = values.into_iter().map(Json::from).collect();
        if object.get("type").is_some_and(Json::is_array) {
            values.push(Json::Null);
        }
        object.insert("enum".to_owned(), values.into());
    }
    let key_names = object.remove("x-key-names");
    let kind = key_names.as_ref().and_then(Json::as_str);
    let kind = kind.and_then(NameKind::from_keyword);
    let keys = known(key_names);
    if !keys.is_empty() {
        list_arguments(object, kind, &keys, names);
        object.insert(
            "propertyNames".to_owned(),
            serde_json::json!({"enum": keys}),
        );
    }
    for keyword in [
        "x-parameters",
        "x-excludes",
        "x-positive",
        "x-formerly",
        "x-places",
        "x-help",
    ] {
        object.remove(keyword);
    }
    let rest = object.get_mut("properties").and_then(Json::as_object_mut);
    if rest.is_some_and(|properties| properties.remove("$rest").is_some()) {
        object.insert("additionalProperties".to_owned(), Json::Bool(true));
    }
}

/// Adds the arguments of each name to the values of a map by names, beside the fields of all of them.
fn list_arguments(
    map: &mut Map<String, Json>,
    kind: Option<NameKind>,
    keys: &[&'static str],
    names: &dyn Names,
) {
    let (Some(kind), Some(value)) = (kind, map.get("additionalProperties").cloned()) else {
        return;
    };
    let mut properties = Map::new();
    for &key in keys {
        let parameters = names.parameters(kind, key);
        if let Some(arguments) = parameters.and_then(|own| own.get("properties").cloned()) {
            let own = serde_json::json!({"properties": arguments});
            properties.insert(key.to_owned(), serde_json::json!({"allOf": [value, own]}));
        }
    }
    if !properties.is_empty() {
        map.insert("properties".to_owned(), properties.into());
    }
}
