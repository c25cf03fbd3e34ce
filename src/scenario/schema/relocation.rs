//! Operations of `operations:` on instances of Nova that are shut down for them: cold migrations and resizes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, Quantity, SortedMap};

/// Cold migration of instances: each is shut down and starts on another host. Give `labels` or `node`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("oneOf" = [{"required": ["labels"]}, {"required": ["node"]}]),
    extend("dependentRequired" = {"namespace": ["labels"], "count": ["labels"]})
)]
pub struct InstanceMigration {
    /// Labels that the instances' pods have.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    #[schemars(extend("minProperties" = 1))]
    pub labels: SortedMap<String, String>,
    /// Namespace of the pods; default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Number of instances, oldest first; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// Host whose instances are all migrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Time after which the user confirms, from the start on the new host; default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_after: Option<Duration>,
    /// Time after which the user reverts, from the start on the new host; default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_after: Option<Duration>,
}

/// Resize of instances to another flavor: each is shut down and starts on the host that is chosen for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    {"required": ["cpu"]}, {"required": ["memory"]}, {"required": ["disk"]},
]))]
pub struct InstanceResize {
    /// Labels that the instances' pods have.
    #[schemars(extend("minProperties" = 1))]
    pub labels: SortedMap<String, String>,
    /// Namespace of the pods; default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Number of instances, oldest first; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// Processors that the first container requests from then on; default as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub cpu: Option<Quantity>,
    /// Memory that the first container requests from then on; default as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub memory: Option<Quantity>,
    /// Disk that the first container requests from then on (`ephemeral-storage`); default as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub disk: Option<Quantity>,
    /// Time after which the user confirms, from the start with the new flavor; default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_after: Option<Duration>,
    /// Time after which the user reverts, from the start with the new flavor; default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_after: Option<Duration>,
}
