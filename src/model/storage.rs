//! Volumes and their backups as the log of a run has them (spec: orchestrators-a.md section 9.6).

use serde::{Deserialize, Serialize};

use super::{Node, Text};
use units::{Duration, Instant};

/// A disk that fails for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disk {
    /// The disk of a node, with every volume that is local to the node.
    Node(Text),
    /// The disks of a volume.
    Volume(Text),
}

/// Something that happened to a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeNews {
    /// Name of the volume; of a disk, its node or volume.
    pub name: Text,
    /// The step.
    pub step: VolumeStep,
}

/// Kind of what happened to a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeStep {
    /// A disk fails for good.
    DiskFailed(Disk),
    /// A backup is complete.
    BackedUp {
        /// Bytes that were copied.
        bytes: i64,
        /// Bytes of all backups that are kept.
        stored: i64,
    },
    /// A backup was due and not begun, as the one before was still copied or the volume was away.
    BackupSkipped,
    /// A backup broke off.
    BackupBroken,
    /// Its node or zone is gone, and with it the access to the volume.
    Unreachable,
    /// The volume is reached again as it was.
    Reachable {
        /// Time for which it was not.
        after: Duration,
    },
    /// The volume is lost.
    Lost {
        /// Instant of the failure.
        failed: Instant,
        /// Span of the writes that no copy has.
        data: Duration,
        /// Whether anything is left to be restored: a backup, or a replica.
        is_restorable: bool,
    },
    /// There is a volume in its place again, with what could be restored.
    Restored {
        /// Bytes that were read.
        bytes: i64,
        /// Time since the failure.
        after: Duration,
    },
    /// The disks that the volume was restored to failed: the restore begins again.
    RestoreBroken,
    /// Data is deleted or overwritten by mistake, on every replica alike.
    Corrupted {
        /// Time until the mistake is noticed.
        detected_after: Duration,
    },
    /// A snapshot was taken.
    Snapshotted {
        /// Bytes that the snapshots hold by the time at which the next one is due.
        stored: i64,
    },
    /// A snapshot was due and not taken, as the volume was away.
    SnapshotSkipped,
    /// Copies are dropped: snapshots whose disks are lost, copies that have a mistake, or that were never
    /// made, as the volume was out of reach already.
    CopiesDropped {
        /// Bytes of the backups that are left.
        backups: i64,
        /// Bytes of the snapshots that are left.
        snapshots: i64,
    },
}

impl VolumeStep {
    /// The step's number, and its name in logs.
    pub const fn name(&self) -> (u64, &'static str) {
        match self {
            Self::DiskFailed(_) => (0, "disk-failed"),
            Self::BackedUp { .. } => (1, "backed-up"),
            Self::BackupSkipped => (2, "backup-skipped"),
            Self::BackupBroken => (3, "backup-broken"),
            Self::Unreachable => (4, "unreachable"),
            Self::Reachable { .. } => (5, "reachable"),
            Self::Lost { .. } => (6, "lost"),
            Self::Restored { .. } => (7, "restored"),
            Self::Corrupted { .. } => (8, "corrupted"),
            Self::Snapshotted { .. } => (9, "snapshotted"),
            Self::SnapshotSkipped => (10, "snapshot-skipped"),
            Self::CopiesDropped { .. } => (11, "copies-dropped"),
            Self::RestoreBroken => (12, "restore-broken"),
        }
    }
}

impl VolumeStep {
    /// The figures of the step: bytes, and times in nanoseconds.
    pub const fn figures(&self) -> [i64; 2] {
        match self {
            Self::BackedUp { bytes, stored } => [*bytes, *stored],
            Self::Reachable { after } => [after.as_nanos(), 0],
            Self::Lost { failed, data, .. } => [failed.as_nanos(), data.as_nanos()],
            Self::Restored { bytes, after } => [*bytes, after.as_nanos()],
            Self::Corrupted { detected_after } => [detected_after.as_nanos(), 0],
            Self::Snapshotted { stored } => [*stored, 0],
            Self::CopiesDropped { backups, snapshots } => [*backups, *snapshots],
            Self::DiskFailed(_)
            | Self::BackupSkipped
            | Self::BackupBroken
            | Self::RestoreBroken
            | Self::Unreachable
            | Self::SnapshotSkipped => [0, 0],
        }
    }
}

/// Value of the label that a node has for each kept volume that pods on it can have.
pub const VOLUME_LABEL_VALUE: &str = "yes";

/// Prefix of the label that a node has for each kept volume that pods on it can have.
const VOLUME_LABEL_PREFIX: &str = "storage/";

/// Prefix of the names of resources that say how many volumes a node can attach
/// (Kubernetes: `ResourceAttachableVolumesPrefix`).
const ATTACHABLE_VOLUMES: &str = "attachable-volumes-";

/// The label of the nodes from which a kept volume is reached. Pods of its workload select it, so that every
/// system places them by the rules that it has for labels. A character that labels can't have is written by
/// its number.
///
/// ```
/// use model::storage::{volume_label, volume_of_label};
///
/// assert_eq!(&*volume_label("orders db"), "storage/orders_20_db");
/// assert_eq!(volume_of_label("storage/orders_20_db").as_deref(), Some("orders db"));
/// assert_eq!(volume_of_label("zone"), None);
/// ```
pub fn volume_label(volume: &str) -> Text {
    let mut label = VOLUME_LABEL_PREFIX.to_owned();
    for one in volume.chars() {
        if one.is_ascii_alphanumeric() || matches!(one, '.' | '-') {
            label.push(one);
        } else {
            let number = format!("_{:x}_", u32::from(one));
            label.push_str(&number);
        }
    }
    label.into()
}

/// The volume whose nodes have a label; `None` of other labels.
pub fn volume_of_label(label: &str) -> Option<String> {
    let parts = label.strip_prefix(VOLUME_LABEL_PREFIX)?.split('_');
    let mut volume = String::new();
    for (number, part) in parts.enumerate() {
        if number.is_multiple_of(2) {
            volume.push_str(part);
        } else {
            volume.push(char::from_u32(u32::from_str_radix(part, 16).ok()?)?);
        }
    }
    Some(volume)
}

/// Whether a resource says how many volumes a node can attach.
pub fn is_attach_limit(resource: &str) -> bool {
    resource.starts_with(ATTACHABLE_VOLUMES)
}

/// Number of network volumes that a node can attach at a time; `None` is any number.
pub fn attach_limit(node: &Node) -> Option<i64> {
    let resources = node.allocatable.iter();
    let limits = resources.filter(|(name, _)| is_attach_limit(name));
    let limits = limits.map(|(_, amount)| amount.units_ceil().unwrap_or(i64::MAX));
    limits.min()
}
