//! `storage:` of the experiment file: volumes whose data is kept, and their backups.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, Quantity};

/// Volume whose data is kept: backed up by the clock, lost with its disk, and restored. It is in use
/// where a pod of its workload first runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Storage {
    /// Name of the volume.
    #[schemars(length(min = 1))]
    pub volume: String,
    /// Workload whose pods write to the volume, as `KIND/NAMESPACE/NAME`.
    #[schemars(length(min = 1))]
    pub workload: String,
    /// Bytes of the volume, such as `100Gi`.
    pub size: Quantity,
    /// Place of the data; default `local`.
    #[serde(default)]
    pub class: StorageClass,
    /// Zone of a `network` volume; default that of the first pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub zone: Option<String>,
    /// Number of nodes that may have a `network` volume at a time; default `single-writer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<StorageMode>,
    /// Synchronous replica elsewhere, if `true`: a loss takes no data; default `false`.
    #[serde(default)]
    pub replicated: bool,
    /// Backups; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
    /// Snapshots on the volume's own disks; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Snapshots>,
    /// Time for which a volume out of reach is waited for before it is lost; default `6m`.
    #[serde(default = "six_minutes")]
    pub give_up_after: Duration,
    /// Time until a new volume, or the replica, is there after a loss; default `10s`.
    #[serde(default = "ten_seconds")]
    pub new_volume: Duration,
    /// Time that the application takes to read its log after a restore; default `0s`.
    #[serde(default)]
    pub replay: Duration,
}

/// Place of a volume's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StorageClass {
    /// Disk of the node where the pod first runs; it goes with the node.
    #[default]
    Local,
    /// Storage of a zone, which all nodes of the zone reach.
    Network,
}

/// Number of nodes that may have a network volume at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StorageMode {
    /// One node: the volume is detached there before another one attaches it.
    #[default]
    SingleWriter,
    /// Any number of nodes, of which each attaches it for itself.
    Many,
}

/// Backups of a volume by the clock; the first begins with the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backup {
    /// Time from one backup to the next.
    #[schemars(extend("x-positive" = true))]
    pub every: Duration,
    /// Number of backups from one full copy to the next; those between have increments. Default 1,
    /// which copies all every time.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub full_every: u32,
    /// Number of backups for which a copy is kept, at least `fullEvery`.
    #[schemars(range(min = 1))]
    pub retention: u32,
    /// Number of weeks for which the last copy of a week is kept besides; default 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(max = 10000))]
    pub weekly: u32,
    /// Number of months of 30 days for which the last copy of a month is kept besides; default 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(max = 10000))]
    pub monthly: u32,
    /// Bytes that change from one backup to the next, each counted once; default all of the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Quantity>,
    /// Bytes a second at which backups are written and read; default 0, which takes no time.
    #[serde(default)]
    pub bandwidth: Quantity,
}

/// Snapshots of a volume by the clock, which take no time; the first is taken as the run begins. They undo
/// what was written by mistake, and go with the volume's disks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshots {
    /// Time from one snapshot to the next.
    #[schemars(extend("x-positive" = true))]
    pub every: Duration,
    /// Number of snapshots that are kept.
    #[schemars(range(min = 1))]
    pub keep: u32,
    /// Bytes that change from one snapshot to the next, each counted once; default all of the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Quantity>,
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "required by serde")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

const fn six_minutes() -> Duration {
    Duration::from_secs(360)
}
