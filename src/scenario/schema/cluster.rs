//! `cluster:` of the experiment file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::pattern::Pattern;
use crate::schema::{OnBadRow, PowerTemplate, Provider};
use options::Arguments;
use units::{Quantity, SortedMap};

/// Nodes that exist at the start, and the provider that adds more; give `nodes`, `provider` or
/// both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["nodes"]}, {"required": ["provider"]}]))]
pub struct Cluster {
    /// Nodes that exist at the start: any number of sources, in this order. Default only those of
    /// the provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub nodes: Vec<NodeSource>,
    /// Cloud provider that supplies machines during the run; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Failure domains and their nesting, such as racks, power feeds and zones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
    /// Kinds whose objects are left out of all manifests, such as `hpa` or `ResourceSlice`; default
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// Failure domain, or several by a pattern: a failure of the domain takes down everything in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Domain {
    /// Node label whose value names the domain of a node, such as `rack`; failures refer to domains
    /// by it. A domain gives no node its label: the nodes state it.
    #[schemars(length(min = 1))]
    pub label: String,
    /// Name of the domain, which is the label's value: a pattern over the index from 0, such as
    /// `r{}`. Unique.
    pub name: Pattern,
    /// Number of domains, 1 to 1000000; default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: u32,
    /// Name of the parent domain, a pattern over the index, such as `feed-{index / 8}`; default
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Pattern>,
}

const fn one() -> u32 {
    1
}

/// Source of nodes that exist at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "NodeFields", into = "NodeFields")]
pub enum NodeSource {
    /// Nodes from a trace of machines.
    Trace(NodeTrace),
    /// Nodes from a template, all equal.
    Template(Box<Template>),
    /// Nodes from a file of Kubernetes Node objects (YAML or JSON).
    Manifests(String),
}

/// Source of nodes: a `trace`, a file of `manifests`, or a `count` of equal nodes with a
/// `template`.
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
    /// Machine trace to read the nodes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<NodeTrace>,
    /// File of Kubernetes Node objects (YAML or JSON; lists and several documents are allowed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifests: Option<String>,
    /// Number of equal nodes, 1 to 1000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    count: Option<u32>,
    /// Names of the nodes, a pattern over the index from 0, such as `worker-{:04}`; default
    /// `node-{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Pattern>,
    /// Zones of the nodes, a pattern over the index, such as `z{index % 3}`; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<Pattern>,
    /// Template of each node; required with `count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template: Option<NodeTemplate>,
}

/// Trace of machines in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeTrace {
    /// Format of the trace file.
    #[schemars(extend("x-names" = "node-format"))]
    pub format: String,
    /// Path of the trace file, looked up beside the experiment file and then under `--traces DIR`
    /// or `WINDTUNNEL_TRACES`.
    pub path: String,
    /// Handling of rows that cannot be read; default `fail`.
    #[serde(default)]
    pub on_bad_row: OnBadRow,
    /// Options of the trace format.
    #[serde(rename = "$rest", default)]
    #[schemars(extend("x-parameters" = "node-format:format"))]
    pub options: Arguments,
}

/// Number of equal nodes with their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Number of equal nodes.
    pub count: u32,
    /// Names of the nodes, a pattern over the index from 0.
    pub name: Pattern,
    /// Value of the nodes' label `topology.kubernetes.io/zone`, a pattern over the index.
    pub zone: Option<Pattern>,
    /// Template of each node.
    pub template: NodeTemplate,
}

/// Template of one node of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeTemplate {
    /// Resources of a node that pods can use.
    pub allocatable: Allocatable,
    /// Labels of the node; values may be patterns over the index.
    #[serde(default)]
    pub labels: SortedMap<String, Pattern>,
    /// Taints of the node; default none.
    #[serde(default)]
    pub taints: Vec<Taint>,
    /// Annotations of the node, by which autoscalers leave it alone; default none.
    #[serde(default, skip_serializing_if = "NodeAnnotations::is_empty")]
    pub annotations: NodeAnnotations,
    /// GPU devices of the node; default none.
    #[serde(default)]
    pub gpu: Option<GpuTemplate>,
    /// Power draw of the node while it is up; default unknown.
    #[serde(default)]
    pub power: Option<PowerTemplate>,
    /// Price of the node per hour, in the currency of the experiment.
    #[serde(default)]
    pub price: Option<Quantity>,
}

/// Annotations of a node by which autoscalers leave it alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeAnnotations {
    /// `"true"` keeps the node from the cluster autoscaler's scale-down; default none.
    #[serde(
        rename = "cluster-autoscaler.kubernetes.io/scale-down-disabled",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub scale_down_disabled: Option<String>,
    /// `"true"` keeps the node from a provisioner's consolidation, drift and emptiness; default
    /// none.
    #[serde(
        rename = "karpenter.sh/do-not-disrupt",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub do_not_disrupt: Option<String>,
}

impl NodeAnnotations {
    /// `true` if there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Resources of a node that pods can use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "SortedMap<String, Quantity>",
    into = "SortedMap<String, Quantity>"
)]
pub struct Allocatable {
    /// Number of cores, such as `32` or `31500m`. Every amount is at most 2^53.
    pub cpu: Quantity,
    /// Memory of the node in bytes; a number without a unit, such as `32`, is that few bytes.
    pub memory: Quantity,
    /// Maximum number of pods; default 110.
    pub pods: Quantity,
    /// Local disk of the node in bytes; default 0.
    pub ephemeral_storage: Quantity,
    /// Extended resources (`example.com/device`), huge pages, and the number of network volumes that a node
    /// can attach (`attachable-volumes-…`).
    pub extended: SortedMap<String, Quantity>,
}

/// GPU devices of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GpuTemplate {
    /// Number of devices, 1 to 64; each can be shared in thousandths.
    #[schemars(range(min = 1, max = 64))]
    pub devices: u32,
    /// Model name of the devices, which pods may require.
    #[schemars(length(min = 1))]
    pub model: String,
}

/// Taint, which repels pods that do not tolerate it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Taint {
    /// Key of the taint, such as `dedicated`.
    #[schemars(length(min = 1))]
    pub key: String,
    /// Value of the taint; default empty.
    #[serde(default)]
    pub value: String,
    /// Effect of the taint on pods that do not tolerate it.
    pub effect: TaintEffect,
}

/// Effect of a taint on pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// Pods without a toleration are not placed here.
    NoSchedule,
    /// Pods without a toleration are placed elsewhere if possible.
    PreferNoSchedule,
    /// Pods without a toleration are not placed here, and are evicted if they run here.
    NoExecute,
}

/// Default maximum number of pods of a node, as in Kubernetes.
pub const DEFAULT_PODS: i64 = 110;

/// Names of the resources that every node has.
const CPU: &str = "cpu";
const MEMORY: &str = "memory";
const PODS: &str = "pods";
const EPHEMERAL_STORAGE: &str = "ephemeral-storage";

impl TryFrom<SortedMap<String, Quantity>> for Allocatable {
    type Error = String;

    fn try_from(mut map: SortedMap<String, Quantity>) -> Result<Self, String> {
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

impl From<Allocatable> for SortedMap<String, Quantity> {
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
                let help = "a node without it can't run any pod";
                schema.insert("x-help".to_owned(), help.into());
            }
            schema
        };
        json_schema!({
            "description": "Node capacity available to pods, in Kubernetes quantities.",
            "type": "object",
            "properties": {
                CPU: with("CPU cores, such as 32 or 31500m.", true),
                MEMORY: with("Memory in bytes, such as 128Gi.", true),
                PODS: with("Maximum number of pods; default 110.", true),
                EPHEMERAL_STORAGE: with("Local disk in bytes.", false),
            },
            // Names of extended resources have a domain, as Kubernetes demands.
            "patternProperties": {"^[^/]+/[^/]+$": quantity, "^hugepages-.+$": quantity, "^attachable-volumes-.+$": quantity},
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
