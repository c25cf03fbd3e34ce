//! Tests of kept volumes: their losses, and what of their copies holds what was lost.

use proptest::prelude::*;

use super::*;
use crate::volumes::backup::Schedule;
use crate::volumes::snapshot::SnapshotPlan;

const GIB: i64 = 1 << 30;

fn plan(backup: Option<BackupPlan>) -> VolumePlan {
    VolumePlan {
        name: "database".into(),
        workload: "StatefulSet/default/database".into(),
        class: VolumeClass::Local,
        is_replicated: false,
        backup,
        snapshots: None,
        gives_up: Duration::from_secs(360),
        new_volume: Duration::from_secs(30),
        replay: Duration::from_secs(10),
    }
}

/// Hourly backups of 100 GiB with 5 GiB of changes, at 1 GiB a second.
fn hourly() -> BackupPlan {
    BackupPlan {
        every: Duration::from_secs(3_600),
        schedule: Schedule {
            size: 100 * GIB,
            daily_change: 5 * GIB,
            full_every: 24,
            retention: 24,
            ..Schedule::default()
        },
        rate: GIB,
    }
}

fn lost(steps: &[VolumeStep]) -> Option<(Duration, bool)> {
    steps.iter().find_map(|step| match step {
        VolumeStep::Lost {
            data,
            is_restorable,
            ..
        } => Some((*data, *is_restorable)),
        _ => None,
    })
}

#[test]
fn a_disk_that_fails_loses_what_the_last_complete_backup_lacks() {
    let mut own = ManagedVolume::new(plan(Some(hourly())));
    // The second backup runs from 3600 to 3605, the third begins at 7200.
    let steps = own.disk_failed(Instant::from_secs(7_203));
    assert_eq!(lost(&steps), Some((Duration::from_secs(3_603), true)));
    assert!(steps.contains(&VolumeStep::BackupBroken));
    // 105 GiB are read at 1 GiB a second, after 30 s and before 10 s.
    let steps = own.advance(Instant::from_secs(7_203 + 145));
    let restored = VolumeStep::Restored {
        bytes: 105 * GIB,
        after: Duration::from_secs(145),
    };
    assert_eq!(steps.last(), Some(&restored));
    assert!(own.is_up());
}

#[test]
fn a_restore_whose_disks_fail_begins_again() {
    let at = Instant::from_secs;
    let mut own = ManagedVolume::new(plan(Some(hourly())));
    own.disk_failed(at(7_203));
    // It would have been there at 7348.
    assert_eq!(own.disk_failed(at(7_303)), [VolumeStep::RestoreBroken]);
    assert_eq!((own.moves(), own.is_up()), (2, false));
    let steps = own.advance(at(7_348));
    assert!(!steps.iter().any(is_back), "{steps:?}");
    // The time to the restore counts from the first failure, and nothing more is lost.
    let steps = own.advance(at(7_303 + 145));
    let restored = VolumeStep::Restored {
        bytes: 105 * GIB,
        after: Duration::from_secs(100 + 145),
    };
    assert_eq!(steps.last(), Some(&restored));
    assert_eq!(lost(&steps), None);
}

#[test]
fn without_a_backup_all_is_lost_and_with_a_replica_nothing() {
    let mut own = ManagedVolume::new(plan(None));
    let steps = own.disk_failed(Instant::from_secs(500));
    assert_eq!(lost(&steps), Some((Duration::from_secs(500), false)));
    let mut own = ManagedVolume::new(VolumePlan {
        is_replicated: true,
        ..plan(None)
    });
    let steps = own.disk_failed(Instant::from_secs(500));
    assert_eq!(lost(&steps), Some((Duration::ZERO, true)));
    assert_eq!(own.next(), Some(Instant::from_secs(530)));
}

#[test]
fn a_node_that_comes_back_in_time_loses_nothing() {
    let at = Instant::from_secs;
    let mut own = ManagedVolume::new(plan(Some(hourly())));
    own.unreachable(at(1_000), at(990));
    let steps = own.reachable(at(1_300));
    let after = Duration::from_secs(310);
    assert_eq!(steps, [VolumeStep::Reachable { after }]);
    own.unreachable(at(2_000), at(2_000));
    let steps = own.advance(at(3_000));
    assert_eq!(lost(&steps), Some((Duration::from_secs(2_000), true)));
}

/// Snapshots every ten minutes, of which six are kept.
fn often() -> SnapshotPlan {
    SnapshotPlan {
        every: Duration::from_secs(600),
        keep: 6,
        change: GIB,
    }
}

#[test]
fn a_snapshot_undoes_a_mistake_at_once_and_goes_with_the_disk() {
    let at = Instant::from_secs;
    let mut own = ManagedVolume::new(VolumePlan {
        snapshots: Some(often()),
        is_replicated: true,
        ..plan(Some(hourly()))
    });
    // The snapshot of 6600 is newer than the backup of 3600, and the replica has the mistake, too.
    let steps = own.corrupted(at(7_100), Duration::ZERO);
    assert!(steps.contains(&VolumeStep::Snapshotted { stored: 6 * GIB }));
    assert_eq!(lost(&steps), Some((Duration::from_secs(500), true)));
    assert_eq!(own.next(), Some(at(7_110)));
    own.advance(at(7_110));
    assert!(own.is_up());
    // Without the snapshots of lost disks, the backup of 7200 is the newest copy.
    own.disk_failed(at(7_290));
    own.advance(at(7_350));
    let steps = own.corrupted(at(7_400), Duration::ZERO);
    assert_eq!(lost(&steps), Some((Duration::from_secs(200), true)));
}

/// A volume with snapshots every ten minutes, and with backups or none.
fn snapshotted(backup: Option<BackupPlan>) -> ManagedVolume {
    ManagedVolume::new(VolumePlan {
        snapshots: Some(often()),
        ..plan(backup)
    })
}

#[test]
fn copies_between_the_last_sign_of_a_volume_and_the_notice_of_its_absence_were_never_made() {
    let at = Instant::from_secs;
    // The snapshot of 1200 would have been taken of a volume that was away since 1160.
    let mut own = snapshotted(None);
    let steps = own.unreachable(at(1_210), at(1_160));
    let left = VolumeStep::CopiesDropped {
        backups: 0,
        snapshots: 2 * GIB,
    };
    assert!(steps.contains(&left), "{steps:?}");
    own.corrupted(at(1_212), Duration::ZERO);
    let steps = own.reachable(at(1_300));
    assert_eq!(lost(&steps), Some((Duration::from_secs(560), true)));
    // The backup of 7200 would have been complete at 7205; that of 3600 still is.
    let mut own = ManagedVolume::new(plan(Some(hourly())));
    own.unreachable(at(7_240), at(7_190));
    let steps = own.disk_failed(at(7_300));
    assert_eq!(lost(&steps), Some((Duration::from_secs(3_590), true)));
}

#[test]
fn a_mistake_in_a_volume_out_of_reach_is_undone_once_it_is_reached() {
    let at = Instant::from_secs;
    let mut own = ManagedVolume::new(VolumePlan {
        gives_up: Duration::from_secs(20_000),
        ..snapshotted(None).plan
    });
    own.unreachable(at(1_000), at(1_000));
    assert_eq!(lost(&own.corrupted(at(1_600), Duration::ZERO)), None);
    assert_eq!(lost(&own.advance(at(10_000))), None);
    assert!(!own.is_up());
    let steps = own.reachable(at(11_800));
    assert_eq!(lost(&steps), Some((Duration::from_secs(400), true)));
    let steps = own.advance(at(11_810));
    let after = Duration::from_secs(10_810);
    assert_eq!(steps, [VolumeStep::Restored { bytes: 0, after }]);
    // One that is given up is restored elsewhere: from a backup, as the replica has the mistake, too.
    let mut own = ManagedVolume::new(VolumePlan {
        is_replicated: true,
        ..plan(Some(hourly()))
    });
    own.unreachable(at(1_000), at(1_000));
    own.corrupted(at(1_100), Duration::ZERO);
    let steps = own.advance(at(1_360));
    assert_eq!(lost(&steps), Some((Duration::from_secs(1_000), true)));
    assert_eq!((own.moves(), own.next()), (1, Some(at(1_360 + 140))));
}

#[test]
fn a_snapshot_is_put_back_on_disks_that_can_fail_or_be_out_of_reach() {
    let at = Instant::from_secs;
    let mut own = snapshotted(Some(hourly()));
    own.corrupted(at(1_500), Duration::ZERO);
    let steps = own.disk_failed(at(1_505));
    assert_eq!(lost(&steps), Some((Duration::from_secs(1_500), true)));
    // The backup is read on other disks, which the loss of the node before does not touch.
    assert_eq!(own.unreachable(at(1_507), at(1_500)), []);
    let mut own = snapshotted(None);
    own.corrupted(at(1_500), Duration::ZERO);
    let steps = own.unreachable(at(1_505), at(1_502));
    assert_eq!(steps, [VolumeStep::Unreachable]);
    assert_eq!(own.advance(at(1_790)), []);
    assert_eq!(own.reachable(at(1_795)), []);
    let after = Duration::from_secs(305);
    let steps = own.advance(at(1_805));
    assert!(
        steps.contains(&VolumeStep::Restored { bytes: 0, after }),
        "{steps:?}"
    );
}

#[test]
fn copies_made_before_a_mistake_is_noticed_hold_it() {
    let at = Instant::from_secs;
    let mut own = snapshotted(Some(hourly()));
    // The snapshot of 6600 is the last without it; those of 7200 and 7800 and the backup of 7200 have it.
    own.corrupted(at(7_100), Duration::from_secs(900));
    let steps = own.advance(at(8_000));
    assert_eq!(lost(&steps), Some((Duration::from_secs(1_400), true)));
    let left = VolumeStep::CopiesDropped {
        backups: 105 * GIB,
        snapshots: 4 * GIB,
    };
    assert!(steps.contains(&left), "{steps:?}");
    // No snapshot of before is kept by then, and the backup of 7200 is.
    let mut own = snapshotted(Some(hourly()));
    own.corrupted(at(7_300), Duration::from_secs(4_000));
    let steps = own.advance(at(11_300));
    assert_eq!(lost(&steps), Some((Duration::from_secs(4_100), true)));
    // Without backups there is nothing left.
    let mut own = snapshotted(None);
    own.corrupted(at(7_300), Duration::from_secs(4_000));
    let steps = own.advance(at(11_300));
    assert_eq!(lost(&steps), Some((Duration::from_secs(11_300), false)));
}

#[test]
fn a_restore_from_before_a_mistake_undoes_it_unnoticed() {
    let at = Instant::from_secs;
    for (made, is_undone) in [(3_700, true), (3_500, false)] {
        let mut own = ManagedVolume::new(plan(Some(hourly())));
        own.corrupted(at(made), Duration::from_secs(1_500));
        own.disk_failed(at(4_000));
        let steps = own.advance(at(made + 1_500));
        let expected = (!is_undone).then(|| (Duration::from_secs(made + 1_500), true));
        assert_eq!(lost(&steps), expected, "{made}");
    }
}

/// Bytes of the snapshots as steps say.
fn snapshots_said(steps: &[VolumeStep], before: i64) -> i64 {
    steps.iter().fold(before, |before, step| match step {
        VolumeStep::Snapshotted { stored } => *stored,
        VolumeStep::CopiesDropped { snapshots, .. } => *snapshots,
        _ => before,
    })
}

/// Checks steps that name spans: none is negative, and what undoes a mistake was taken before it.
fn check_spans(steps: &[VolumeStep], made: Option<Instant>) -> Result<(), TestCaseError> {
    for step in steps {
        match step {
            VolumeStep::Lost { failed, data, .. } => {
                prop_assert!(*data >= Duration::ZERO, "{steps:?}");
                let copied = failed.as_nanos() - data.as_nanos();
                if let Some(made) = made {
                    prop_assert!(copied <= made.as_nanos(), "{made:?} {steps:?}");
                }
            }
            VolumeStep::Restored { after, .. } | VolumeStep::Reachable { after } => {
                prop_assert!(*after >= Duration::ZERO, "{steps:?}");
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_back(step: &VolumeStep) -> bool {
    matches!(
        step,
        VolumeStep::Restored { .. } | VolumeStep::Reachable { .. }
    )
}

proptest! {
    /// Whatever happens when: a complete backup can be restored, no loss goes unsaid, no copy counts that
    /// has a known mistake or that was never made, and what is out of reach stays so unless it moves.
    #[test]
    fn losses_and_copies_agree_with_what_happened(
        events in prop::collection::vec((1_i64..20_000, 0_u8..4, 0_i64..4_000), 1..40),
        takes_snapshots: bool,
        is_replicated: bool,
        full_every in 1_u32..6,
        extra in 0_u32..4,
        gives_up in 1_i64..20_000,
        replay in 0_i64..2_000,
    ) {
        let mut backup = hourly();
        backup.schedule.full_every = full_every;
        backup.schedule.retention = full_every + extra;
        let mut own = ManagedVolume::new(VolumePlan {
            snapshots: takes_snapshots.then(often),
            is_replicated,
            gives_up: Duration::from_secs(gives_up),
            replay: Duration::from_secs(replay),
            ..plan(Some(backup))
        });
        let (mut now, mut said, mut away_at) = (Instant::ZERO, 0, None);
        let mut lost_at = 0;
        for (after, what, span) in events {
            now = now.saturating_add(Duration::from_secs(after));
            let span = Duration::from_secs(span);
            let (before, moves) = (own.mistakes.clone(), own.moves());
            let steps = own.advance(now);
            let first = before.iter().min_by_key(|own| own.detected).map(|own| own.made);
            check_spans(&steps, first.filter(|_| own.moves() == moves && away_at.is_none()))?;
            if away_at == Some(own.moves()) {
                prop_assert!(!steps.iter().any(is_back), "{steps:?}");
            }
            said = snapshots_said(&steps, said);
            if lost(&steps).is_some() {
                lost_at = moves;
            }
            let (was_up, moves) = (own.is_up(), own.moves());
            let has_its_disks = was_up || away_at == Some(moves) || lost_at == moves;
            let steps = match what {
                0 => own.disk_failed(now),
                1 => own.unreachable(now, Instant::from_nanos((now.as_nanos() - span.as_nanos()).max(0))),
                2 => own.corrupted(now, span),
                _ => own.reachable(now),
            };
            check_spans(&steps, None)?;
            said = snapshots_said(&steps, said);
            let is_lost = lost(&steps).is_some();
            if is_lost {
                lost_at = moves;
            }
            match what {
                0 => prop_assert!(is_lost || !has_its_disks),
                1 if steps.contains(&VolumeStep::Unreachable) => away_at = Some(moves),
                2 if was_up && span == Duration::ZERO => prop_assert!(is_lost),
                3 => away_at = None,
                _ => {}
            }
            let backups = own.backups.as_ref().expect("a schedule is stated");
            prop_assert_eq!(backups.stored() > 0, backups.newest().is_some());
            prop_assert_eq!(said, own.snapshots.as_ref().map_or(0, Snapshots::stored));
            prop_assert!(!own.is_up() || own.first_known().is_none());
        }
    }
}
