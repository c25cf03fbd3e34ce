//! `system.scheduler.queues:` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Quantity;

/// Queue of the jobs of a tenant, or of other queues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobQueue {
    /// Tenant whose jobs wait in it, by name; a queue has either this or a `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub tenant: Option<String>,
    /// Name of a queue of queues, which has no jobs of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// Name of the queue that it is in; default none, at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub parent: Option<String>,
    /// Weight among its siblings, at least 1, for `volcano`; default 1.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub weight: Option<u32>,
    /// Priority among its siblings for `yunikorn` (`priority.offset`), beside the highest of the queues in it;
    /// default 0.
    #[serde(default)]
    pub priority: Option<i32>,
    /// Whether priorities of the queues in it stay within it (`priority.policy` of YuniKorn); default
    /// `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub priority_fence: bool,
    /// Preemption across its bounds (`preemption.policy` of YuniKorn): `fence` ends no job outside it,
    /// `disabled` none in it; default that of the queue above if `disabled`, else `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemption: Option<QueuePreemption>,
    /// Processors that it is to have whatever other queues ask for (`guarantee` of Volcano); default
    /// none.
    #[serde(default)]
    pub guaranteed: Option<u32>,
    /// Most processors that it may use (`max` of YuniKorn); default no limit.
    #[serde(default)]
    pub capability: Option<u32>,
    /// Memory that it is to have whatever other queues ask for; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guaranteed_memory: Option<Quantity>,
    /// Most memory that it may use; default no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability_memory: Option<Quantity>,
    /// GPUs that it is to have whatever other queues ask for; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guaranteed_gpus: Option<u32>,
    /// Most GPUs that it may use; default no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability_gpus: Option<u32>,
}

/// Preemption across the bounds of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueuePreemption {
    /// Jobs in the queue end for others, and others for them.
    Default,
    /// Jobs in the queue end no job outside it.
    Fence,
    /// Jobs in the queue do not end for others.
    Disabled,
}

/// The fields of what a queue is guaranteed and may use, of processors, memory and GPUs.
pub const AMOUNT_FIELDS: [(&str, &str); 3] = [
    ("guaranteed", "capability"),
    ("guaranteedMemory", "capabilityMemory"),
    ("guaranteedGpus", "capabilityGpus"),
];

impl JobQueue {
    /// Amounts that it is guaranteed: processors, bytes of memory and milli-GPU.
    pub fn guarantees(&self) -> [Option<i64>; 3] {
        limits(
            self.guaranteed,
            self.guaranteed_memory,
            self.guaranteed_gpus,
        )
    }

    /// Amounts that it may use at most: processors, bytes of memory and milli-GPU.
    pub fn capabilities(&self) -> [Option<i64>; 3] {
        limits(
            self.capability,
            self.capability_memory,
            self.capability_gpus,
        )
    }

    /// The tenant's name, or that of the queue of queues.
    pub fn label(&self) -> &str {
        let label = self.tenant.as_ref().or(self.name.as_ref());
        label.map_or("", String::as_str)
    }
}

/// Amounts of processors, bytes of memory and milli-GPU.
fn limits(
    processors: Option<u32>,
    memory: Option<Quantity>,
    gpus: Option<u32>,
) -> [Option<i64>; 3] {
    [
        processors.map(i64::from),
        memory.map(|own| own.units_ceil().unwrap_or(i64::MAX)),
        gpus.map(|own| i64::from(own) * 1_000),
    ]
}
