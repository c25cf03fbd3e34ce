//! The used part of the manifests of dynamic resource allocation, field for field as the API names it.
//! Fields that moved between its versions are read where either has them.

use serde::Deserialize;
use serde::de::IgnoredAny;
use units::SortedMap;

use super::super::raw::{AmountText, NodeSelector, nullable};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Slice {
    pub(super) driver: Option<String>,
    pub(super) pool: Pool,
    pub(super) node_name: Option<String>,
    pub(super) node_selector: Option<NodeSelector>,
    pub(super) all_nodes: Option<bool>,
    pub(super) per_device_node_selection: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub(super) devices: Vec<Device>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Pool {
    pub(super) name: Option<String>,
    pub(super) generation: i64,
    pub(super) resource_slice_count: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Device {
    pub(super) name: Option<String>,
    #[serde(flatten)]
    pub(super) own: Facts,
    /// Where `v1beta1` has them.
    pub(super) basic: Option<Facts>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Facts {
    #[serde(deserialize_with = "nullable")]
    pub(super) binding_conditions: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) taints: Vec<Taint>,
    #[serde(deserialize_with = "nullable")]
    pub(super) consumes_counters: Vec<IgnoredAny>,
    pub(super) allow_multiple_allocations: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub(super) attributes: SortedMap<String, Attribute>,
    #[serde(deserialize_with = "nullable")]
    pub(super) capacity: SortedMap<String, Capacity>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Taint {
    pub(super) effect: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Attribute {
    pub(super) bool: Option<bool>,
    pub(super) int: Option<i64>,
    pub(super) string: Option<String>,
    pub(super) version: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Capacity {
    pub(super) value: AmountText,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Class {
    #[serde(deserialize_with = "nullable")]
    pub(super) selectors: Vec<Selector>,
    #[serde(rename = "extendedResourceName")]
    pub(super) extended_resource_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Selector {
    pub(super) cel: Option<Cel>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Cel {
    pub(super) expression: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Claim {
    pub(super) devices: DeviceClaim,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DeviceClaim {
    #[serde(deserialize_with = "nullable")]
    pub(super) requests: Vec<Request>,
    #[serde(deserialize_with = "nullable")]
    pub(super) constraints: Vec<Constraint>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Request {
    pub(super) name: Option<String>,
    pub(super) exactly: Option<DeviceRequestBody>,
    #[serde(deserialize_with = "nullable")]
    pub(super) first_available: Vec<Alternative>,
    /// Where `v1beta1` has what is asked for.
    #[serde(flatten)]
    pub(super) own: DeviceRequestBody,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Alternative {
    pub(super) name: Option<String>,
    #[serde(flatten)]
    pub(super) own: DeviceRequestBody,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DeviceRequestBody {
    pub(super) device_class_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) selectors: Vec<Selector>,
    pub(super) allocation_mode: Option<String>,
    pub(super) count: Option<i64>,
    pub(super) admin_access: Option<bool>,
    pub(super) capacity: Option<IgnoredAny>,
    #[serde(deserialize_with = "nullable")]
    pub(super) tolerations: Vec<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Constraint {
    pub(super) match_attribute: Option<String>,
    pub(super) distinct_attribute: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) requests: Vec<String>,
}

/// Devices that a claim has, and pods that use them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) allocation: Option<Allocation>,
    #[serde(deserialize_with = "nullable")]
    pub(super) reserved_for: Vec<Consumer>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Allocation {
    #[serde(deserialize_with = "nullable")]
    pub(super) devices: Results,
    pub(super) node_selector: Option<NodeSelector>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Results {
    #[serde(deserialize_with = "nullable")]
    pub(super) results: Vec<AllocatedDevice>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AllocatedDevice {
    pub(super) request: Option<String>,
    pub(super) driver: Option<String>,
    pub(super) pool: Option<String>,
    pub(super) device: Option<String>,
    pub(super) admin_access: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Consumer {
    pub(super) resource: String,
    pub(super) name: String,
}
