//! Volumes of a scenario whose data is kept, and the disks that fail.

use std::sync::Arc;

use control::operation::Operation;
use control::volumes::backup::{PeriodicCopies, Schedule};
use control::volumes::{BackupPlan, SnapshotPlan, VolumeClass, VolumeKeeper, VolumePlan};
use model::node::ZONE_LABEL;
use model::{Disk, Node, Object};
use scenario::Scenario;
use scenario::schema::{self, FailureKind, StopWhen, StorageClass};
use units::nearest::hint;
use units::{Duration, Instant, SortedSet, plural};

use super::object_name::target;
use super::runs_workloads::runs_workloads;
use super::volume_places::binds_pods;
use super::{BuildError, Remarks};

/// The component that keeps the volumes of a scenario; `None` without any.
///
/// # Errors
/// A volume is of no workload, or in no zone of the cluster.
pub fn storage(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
) -> Result<Option<VolumeKeeper>, BuildError> {
    if scenario.storage.is_empty() {
        return Ok(None);
    }
    if !runs_workloads(scenario) {
        let system = &scenario.system.name;
        return Err(BuildError::Experiment(format!(
            "storage: the system `{system}` runs pods alone, and no workload that keeps data; choose \
             a system that does (`windtunnel systems --functions`), or write `controllers: {{}}` \
             under `system`"
        )));
    }
    let plans = scenario.storage.iter().enumerate();
    let plans = plans.map(|(number, own)| plan(number, own, nodes));
    let plans = plans.collect::<Result<_, _>>()?;
    let keeper = VolumeKeeper::new(plans).until(stated_end(scenario));
    Ok(Some(if binds_pods(scenario) {
        keeper.binding_pods()
    } else {
        keeper
    }))
}

/// Instant up to which a run goes on whatever happens.
fn stated_end(scenario: &Scenario) -> Option<Instant> {
    let stop = &scenario.stop;
    let end = stop.at.map(|at| Instant::ZERO.saturating_add(at));
    end.filter(|_| stop.when != Some(StopWhen::Idle))
}

/// Checks that nodes are in the zone of a volume.
fn check_zone(own: &schema::Storage, nodes: &[Arc<Node>]) -> Result<(), String> {
    let zones = nodes.iter().filter_map(|node| node.labels.get(ZONE_LABEL));
    let zones: SortedSet<&str> = zones.map(|zone| &**zone).collect();
    match &own.zone {
        Some(zone) if !zones.contains(zone.as_str()) => {
            let known = hint(zone, zones.iter().copied());
            Err(format!("no node is in zone `{zone}`; {known}"))
        }
        _ => Ok(()),
    }
}

fn plan(
    number: usize,
    own: &schema::Storage,
    nodes: &[Arc<Node>],
) -> Result<VolumePlan, BuildError> {
    let wrong = |field: &str, what: String| {
        BuildError::Experiment(format!("storage[{number}].{field}: {what}"))
    };
    let workload = target(&own.workload).ok_or_else(|| {
        wrong(
            "workload",
            format!(
                "expected KIND/NAMESPACE/NAME such as `StatefulSet/default/database`, found `{}`",
                own.workload
            ),
        )
    })?;
    if !Object::WITH_PODS.contains(&workload.kind) {
        let (kind, kinds) = (workload.kind, Object::WITH_PODS.join(", "));
        let what = format!("a {kind} has no pods that could write; expected one of {kinds}");
        return Err(wrong("workload", what));
    }
    check_zone(own, nodes).map_err(|why| wrong("zone", why))?;
    let bytes = |field: &str, amount: units::Quantity| {
        amount.units_ceil().map_err(|_| {
            wrong(
                field,
                format!("{amount} is more bytes than a volume can have"),
            )
        })
    };
    let size = bytes("size", own.size)?;
    let backup = own.backup.as_ref().map(|backup| -> Result<_, BuildError> {
        let change = backup.change.unwrap_or(own.size);
        Ok(BackupPlan {
            every: backup.every,
            schedule: Schedule {
                size,
                daily_change: bytes("backup.change", change)?,
                full_every: backup.full_every,
                retention: backup.retention,
                weekly: keep(backup.every, WEEK, backup.weekly)
                    .map_err(|why| wrong("backup.weekly", why))?,
                monthly: keep(backup.every, MONTH, backup.monthly)
                    .map_err(|why| wrong("backup.monthly", why))?,
            }
            .check()
            .map_err(|error| wrong("backup.retention", error.to_string()))?,
            rate: bytes("backup.bandwidth", backup.bandwidth)?,
        })
    });
    let snapshots = own.snapshots.as_ref().map(|own_snapshots| {
        let change = own_snapshots.change.unwrap_or(own.size);
        Ok::<_, BuildError>(SnapshotPlan {
            every: own_snapshots.every,
            keep: own_snapshots.keep,
            change: bytes("snapshots.change", change)?.clamp(0, size),
        })
    });
    Ok(VolumePlan {
        name: own.volume.as_str().into(),
        workload: workload.to_string().into(),
        class: match own.class {
            StorageClass::Local => VolumeClass::Local,
            StorageClass::Network => VolumeClass::Network(own.zone.as_deref().map(Into::into)),
        },
        is_replicated: own.replicated,
        backup: backup.transpose()?,
        snapshots: snapshots.transpose()?,
        gives_up: own.give_up_after,
        new_volume: own.new_volume,
        replay: own.replay,
    })
}

/// A week of backups.
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// A month of backups.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Notes the periods of copies that are no whole number of backups.
pub(super) fn uneven_periods(scenario: &Scenario, remarks: &mut Remarks) {
    for (number, own) in scenario.storage.iter().enumerate() {
        let Some(backup) = &own.backup else {
            continue;
        };
        let kept = [
            ("weekly", WEEK, backup.weekly),
            ("monthly", MONTH, backup.monthly),
        ];
        for (field, period, periods) in kept {
            let Ok(keep) = keep(backup.every, period, periods) else {
                continue;
            };
            let counted = Duration::from_nanos(backup.every.as_nanos() * i64::from(keep.of));
            if periods > 0 && counted != period {
                let copies = plural::count(keep.of, "backup");
                remarks.note(format!(
                    "storage[{number}].backup.{field}: {period} is no whole number of backups; copies are \
                     kept for periods of {copies}, {counted}"
                ));
            }
        }
    }
}

/// Copies that are kept longer, the last one of each period, by the time between two backups.
fn keep(every: Duration, period: Duration, periods: u32) -> Result<PeriodicCopies, String> {
    let of = period.as_nanos() / every.as_nanos().max(1);
    if periods > 0 && of == 0 {
        return Err(format!(
            "backups come every {every}, and there are none in some of the periods of {period}"
        ));
    }
    let of = u32::try_from(of).unwrap_or(u32::MAX);
    Ok(PeriodicCopies { of, periods })
}

/// The disks of a scenario that fail and the data that is overwritten, when.
///
/// # Errors
/// A node is none of the cluster.
pub(super) fn disk_failures(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
) -> Result<Vec<(Instant, Operation)>, BuildError> {
    let mut found = Vec::new();
    for (number, own) in scenario.failures.iter().enumerate() {
        let volume = || own.volume.as_deref().unwrap_or_default().into();
        let operation = match own.kind {
            FailureKind::DiskLoss => Operation::FailDisk(match &own.node {
                Some(name) => disk_of_node(number, name, nodes)?,
                None => Disk::Volume(volume()),
            }),
            FailureKind::DataCorruption => {
                Operation::Corrupt(volume(), own.detected_after.unwrap_or_default())
            }
            _ => continue,
        };
        found.push((
            Instant::ZERO.saturating_add(own.at.unwrap_or_default()),
            operation,
        ));
    }
    Ok(found)
}

fn disk_of_node(number: usize, name: &str, nodes: &[Arc<Node>]) -> Result<Disk, BuildError> {
    if nodes.iter().any(|node| *node.name == *name) {
        return Ok(Disk::Node(name.into()));
    }
    let known = hint(name, nodes.iter().map(|node| &*node.name));
    Err(BuildError::Experiment(format!(
        "failures[{number}].node: there is no node `{name}`; {known}"
    )))
}
