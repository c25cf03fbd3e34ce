//! Plan of a volume that is kept: its place, its copies, and the times of its restore.

use model::Text;
use units::Duration;

use crate::volumes::backup::Schedule;
use crate::volumes::snapshot::SnapshotPlan;

/// Place of a volume's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeClass {
    /// The disk of the node where its pod first ran.
    Local,
    /// Storage of a zone, which every node of the zone reaches; `None` is that of the whole cluster.
    Network(Option<Text>),
}

/// Backups of a volume by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    /// Time from one backup to the next.
    pub every: Duration,
    /// Chains of full copies and increments; their days are the periods of the plan.
    pub schedule: Schedule,
    /// Bytes a second at which backups are written and read; 0 copies at once.
    pub rate: i64,
}

/// A volume that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumePlan {
    /// Name of the volume.
    pub name: Text,
    /// Pods that write to it, by their workload as `KIND/NAMESPACE/NAME`.
    pub workload: Text,
    /// Place of the data.
    pub class: VolumeClass,
    /// Whether a synchronous replica elsewhere has every write.
    pub is_replicated: bool,
    /// Backups; `None` makes none.
    pub backup: Option<BackupPlan>,
    /// Snapshots; `None` takes none.
    pub snapshots: Option<SnapshotPlan>,
    /// Time for which a volume out of reach is waited for before it counts as lost.
    pub gives_up: Duration,
    /// Time until a new volume is there, or the replica is attached.
    pub new_volume: Duration,
    /// Time that the application takes to read its log after a restore.
    pub replay: Duration,
}
