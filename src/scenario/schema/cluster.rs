//! `cluster:` of the experiment file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::pattern::Pattern;
use crate::plain::Arguments;
use crate::schema::{OnBadRow, PowerTemplate, Provider};
use units::Quantity;

/// The nodes that exist at the start, and where more come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["nodes"]}, {"required": ["provider"]}]))]
pub struct Cluster {
    /// Those that exist at the start: any number of sources, in this order. Default none beside those
    /// of the provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub nodes: Vec<NodeSource>,
    /// Where machines come from while the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// What fails as one, and what that is part of: racks, power feeds, zones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
}

/// A domain of failures, or several by a pattern: what is in it is down while it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Domain {
    /// The label that says of a node in which of these it is, such as `rack`; failures name the
    /// domains by it.
    #[schemars(length(min = 1))]
    pub label: String,
    /// Its name, which is the label's value, patterned over the index from 0: `r{}`. Unique.
    pub name: Pattern,
    /// How many; default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: u32,
    /// The name of the domain that it is part of, patterned over the index: `feed-{index / 8}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Pattern>,
}

const fn one() -> u32 {
    1
}

/// Nodes from one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "NodeFields", into = "NodeFields")]
pub enum NodeSource {
    /// From a trace of machines.
    Trace(NodeTrace),
    /// A number of equal nodes.
    Template(Box<Template>),
    /// Kubernetes Node objects from a file (YAML or JSON).
    Manifests(String),
}

/// Nodes: from a `trace`, from `manifests`, or a `count` of equal ones.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    rename = "NodeSource",
    extend("oneOf" = [
        {"required": ["trace"]}, {"required": ["manifests"]}, {"required": ["count"]},
    ]),
    extend("dependentRequired" = {
        "count": ["template"], "template": ["count"], "name": ["count"], "zone": ["count"],
    })
)]
struct NodeFields {
    /// A trace of machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<NodeTrace>,
    /// A file of Kubernetes Node objects (YAML or JSON, lists, several documents).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifests: Option<String>,
    /// How many equal nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    count: Option<u32>,
    /// Their names, patterned over the index from 0: `worker-{:04}`; default `node-{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Pattern>,
    /// Their zone, patterned over the index: `z{index % 3}`; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<Pattern>,
    /// What each of them is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template: Option<NodeTemplate>,
}

/// A trace of machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeTrace {
    /// Its format.
    #[schemars(extend("x-names" = "node-format"))]
    pub format: String,
    /// The file, looked up beside the experiment file and then under `--traces DIR` or
    /// `WINDTUNNEL_TRACES`.
    pub path: String,
    /// What to do with a row that cannot be read.
    #[serde(default)]
    pub on_bad_row: OnBadRow,
    /// Options of the format.
    #[serde(rename = "$rest", default)]
    #[schemars(extend("x-parameters" = "node-format:format"))]
    pub options: Arguments,
}

/// A number of equal nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// How many.
    pub count: u32,
    /// Their names over the index from 0.
    pub name: Pattern,
    /// The value of their `topology.kubernetes.io/zone` label over the index.
    pub zone: Option<Pattern>,
    /// What each of them is.
    pub template: NodeTemplate,
}

/// One node of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeTemplate {
    /// What pods can use.
    pub allocatable: Allocatable,
    /// Labels; values may be patterned over the index.
    #[serde(default)]
    pub labels: BTreeMap<String, Pattern>,
    /// Taints.
    #[serde(default)]
    pub taints: Vec<Taint>,
    /// GPU devices.
    #[serde(default)]
    pub gpu: Option<GpuTemplate>,
    /// How much power it draws while it is up.
    #[serde(default)]
    pub power: Option<PowerTemplate>,
    /// Its price per hour, in the currency that all prices of the experiment are in.
    #[serde(default)]
    pub price: Option<Quantity>,
}

/// What pods can use of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "BTreeMap<String, Quantity>",
    into = "BTreeMap<String, Quantity>"
)]
pub struct Allocatable {
    /// Cores.
    pub cpu: Quantity,
    /// Bytes.
    pub memory: Quantity,
    /// Number of pods.
    pub pods: Quantity,
    /// Bytes of local disk.
    pub ephemeral_storage: Quantity,
    /// Extended resources (`example.com/device`) and huge pages.
    pub extended: BTreeMap<String, Quantity>,
}

/// GPU devices of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GpuTemplate {
    /// How many devices; each can be shared in thousandths.
    #[schemars(range(min = 1, max = 64))]
    pub devices: u32,
    /// Their model.
    #[schemars(length(min = 1))]
    pub model: String,
}

/// A taint, which keeps away pods that do not tolerate it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Taint {
    /// Its key.
    #[schemars(length(min = 1))]
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
    /// What it does.
    pub effect: TaintEffect,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// They are not placed here.
    NoSchedule,
    /// They are placed elsewhere if possible.
    PreferNoSchedule,
    /// They are not placed here, and evicted if they run here.
    NoExecute,
}

/// Pods a node takes unless its template says otherwise, as in Kubernetes.
const DEFAULT_PODS: i64 = 110;

/// The names of the resources every node has.
const CPU: &str = "cpu";
const MEMORY: &str = "memory";
const PODS: &str = "pods";
const EPHEMERAL_STORAGE: &str = "ephemeral-storage";

impl TryFrom<BTreeMap<String, Quantity>> for Allocatable {
    type Error = String;

    fn try_from(mut map: BTreeMap<String, Quantity>) -> Result<Self, String> {
        Ok(Self {
            cpu: map.remove(CPU).ok_or("a node needs `cpu`")?,
            memory: map.remove(MEMORY).ok_or("a node needs `memory`")?,
            pods: map
                .remove(PODS)
                .unwrap_or(Quantity::from_units(DEFAULT_PODS)),
            ephemeral_storage: map.remove(EPHEMERAL_STORAGE).unwrap_or(Quantity::ZERO),
            extended: map,
        })
    }
}

impl From<Allocatable> for BTreeMap<String, Quantity> {
    fn from(allocatable: Allocatable) -> Self {
        let mut map = allocatable.extended;
        map.insert(CPU.to_owned(), allocatable.cpu);
        map.insert(MEMORY.to_owned(), allocatable.memory);
        map.insert(PODS.to_owned(), allocatable.pods);
        map.insert(EPHEMERAL_STORAGE.to_owned(), allocatable.ephemeral_storage);
        map
    }
}

impl JsonSchema for Allocatable {
    fn schema_name() -> Cow<'static, str> {
        "Allocatable".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let quantity = generator.subschema_for::<Quantity>();
        let with = |description: &str, positive: bool| {
            let mut schema = quantity.clone();
            schema.insert("description".to_owned(), description.into());
            if positive {
                schema.insert("x-positive".to_owned(), true.into());
                let help = "a node without it can take no pod";
                schema.insert("x-help".to_owned(), help.into());
            }
            schema
        };
        json_schema!({
            "description": "What pods can use of a node: quantities as in Kubernetes.",
            "type": "object",
            "properties": {
                CPU: with("Cores, such as 32 or 31500m.", true),
                MEMORY: with("Bytes, such as 128Gi.", true),
                PODS: with("Number of pods; default 110.", true),
                EPHEMERAL_STORAGE: with("Bytes of local disk.", false),
            },
            // Names of extended resources have a domain, as Kubernetes demands.
            "patternProperties": {"^[^/]+/[^/]+$": quantity, "^hugepages-.+$": quantity},
            "additionalProperties": false,
            "required": [CPU, MEMORY],
            "x-help": "other resources have a domain in their names, such as `example.com/fpga`",
        })
    }
}

impl TryFrom<NodeFields> for NodeSource {
    type Error = String;

    fn try_from(fields: NodeFields) -> Result<Self, String> {
        match fields {
            NodeFields {
                trace: Some(trace), ..
            } => Ok(Self::Trace(trace)),
            NodeFields {
                manifests: Some(file),
                ..
            } => Ok(Self::Manifests(file)),
            NodeFields {
                count: Some(count),
                template: Some(template),
                name,
                zone,
                ..
            } => {
                let name = match name {
                    Some(name) => name,
                    None => "node-{}".parse().map_err(|error| format!("{error}"))?,
                };
                Ok(Self::Template(Box::new(Template {
                    count,
                    name,
                    zone,
                    template,
                })))
            }
            _ => Err("expected one of `trace`, `manifests`, `count` with `template`".to_owned()),
        }
    }
}

impl From<NodeSource> for NodeFields {
    fn from(source: NodeSource) -> Self {
        let mut fields = Self {
            trace: None,
            manifests: None,
            count: None,
            name: None,
            zone: None,
            template: None,
        };
        match source {
            NodeSource::Trace(trace) => fields.trace = Some(trace),
            NodeSource::Manifests(file) => fields.manifests = Some(file),
            NodeSource::Template(group) => {
                fields.count = Some(group.count);
                fields.name = Some(group.name);
                fields.zone = group.zone;
                fields.template = Some(group.template);
            }
        }
        fields
    }
}
