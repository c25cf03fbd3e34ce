//! A volume of a run: its backups by the clock, its losses, and its restores (spec: orchestrators-a.md
//! section 9.6). Pure: it is given the time and what happened to its disk, and says what follows.

use model::{Text, VolumeStep};
use units::{Duration, Instant};

use super::backup::{Backups, Run, Schedule, copy_time, data_loss};
use super::snapshot::{SnapshotPlan, Snapshots};

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

/// State of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    /// Out of reach since an instant, and lost at another.
    Away {
        since: Instant,
        until: Instant,
    },
    /// Restored: failed at an instant, there again at another.
    Restoring {
        since: Instant,
        until: Instant,
        bytes: i64,
    },
}

/// A volume, its backups and its losses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptVolume {
    plan: VolumePlan,
    state: State,
    backups: Option<Backups>,
    snapshots: Option<Snapshots>,
    /// Backups that are complete.
    complete: u32,
    /// The last complete backup.
    last: Option<Run>,
    /// The backup under way: its start, its end and its bytes.
    running: Option<(Run, i64)>,
    /// Instant at which the next backup is due.
    next_backup: Option<Instant>,
}

impl KeptVolume {
    /// A volume that is there from the beginning, with its first backup due at once.
    pub fn new(plan: VolumePlan) -> Self {
        let (backup, snapshots) = (plan.backup, plan.snapshots);
        Self {
            plan,
            state: State::Up,
            snapshots: snapshots.map(Snapshots::new),
            backups: backup.map(|own| Backups::new(own.schedule)),
            complete: 0,
            last: None,
            running: None,
            next_backup: backup.map(|_| Instant::ZERO),
        }
    }

    /// The plan.
    pub const fn plan(&self) -> &VolumePlan {
        &self.plan
    }

    /// Whether the volume can be read and written.
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Number of complete backups, and whether the newest of them can be restored.
    pub fn restorable(&self) -> (u32, bool) {
        (self.complete, self.restore_reads().is_some())
    }

    fn restore_reads(&self) -> Option<i64> {
        self.backups.as_ref()?.restore_reads(self.complete)
    }

    /// The instant at which something is due.
    pub fn next(&self) -> Option<Instant> {
        let snapshot = self.snapshots.as_ref().and_then(Snapshots::next);
        let due = [self.awaited(), self.next_backup, snapshot];
        due.into_iter().flatten().min()
    }

    /// The instant at which something is due other than a snapshot or the begin of a backup, which go on
    /// for as long as a run lasts.
    pub fn awaited(&self) -> Option<Instant> {
        let state = match self.state {
            State::Up => None,
            State::Away { until, .. } | State::Restoring { until, .. } => Some(until),
        };
        let end = self
            .running
            .map(|(own, _)| own.started.saturating_add(own.takes));
        [state, end].into_iter().flatten().min()
    }

    /// Does what is due by now.
    pub fn advance(&mut self, now: Instant) -> Vec<VolumeStep> {
        let mut steps = Vec::new();
        while let Some(at) = self.next().filter(|at| *at <= now) {
            self.advance_to(at, &mut steps);
        }
        steps
    }

    fn advance_to(&mut self, now: Instant, steps: &mut Vec<VolumeStep>) {
        if let Some((run, bytes)) = self.running
            && run.started.saturating_add(run.takes) <= now
        {
            self.running = None;
            if let Some(backups) = &mut self.backups {
                backups.next_day();
                self.complete += 1;
                self.last = Some(run);
                let stored = backups.stored();
                steps.push(VolumeStep::BackedUp { bytes, stored });
            }
        }
        match self.state {
            State::Away { since, until } if until <= now => self.lose(since, now, steps),
            State::Restoring {
                since,
                until,
                bytes,
            } if until <= now => {
                self.state = State::Up;
                let after = now.since(since);
                steps.push(VolumeStep::Restored { bytes, after });
            }
            _ => {}
        }
        self.take_snapshot(now, steps);
        if self.next_backup.is_some_and(|at| at <= now) {
            self.begin_backup(now, steps);
        }
    }

    fn take_snapshot(&mut self, now: Instant, steps: &mut Vec<VolumeStep>) {
        let is_up = self.is_up();
        let due = |own: &&mut Snapshots| own.next().is_some_and(|at| at <= now);
        let Some(own) = self.snapshots.as_mut().filter(due) else {
            return;
        };
        own.pass(now, is_up);
        let stored = own.stored();
        steps.push(if is_up {
            VolumeStep::Snapshotted { stored }
        } else {
            VolumeStep::SnapshotSkipped
        });
    }

    fn begin_backup(&mut self, now: Instant, steps: &mut Vec<VolumeStep>) {
        let Some(plan) = self.plan.backup else {
            self.next_backup = None;
            return;
        };
        self.next_backup = Some(now.saturating_add(plan.every)).filter(|at| *at < Instant::MAX);
        if self.running.is_some() || self.state != State::Up {
            steps.push(VolumeStep::BackupSkipped);
            return;
        }
        let bytes = self.backups.as_ref().map_or(0, Backups::next_bytes);
        let takes = match plan.rate {
            0 => Duration::ZERO,
            rate => copy_time(bytes, rate),
        };
        self.running = Some((
            Run {
                started: now,
                takes,
            },
            bytes,
        ));
    }

    /// The volume is out of reach since an instant.
    pub fn unreachable(&mut self, now: Instant, since: Instant) -> Vec<VolumeStep> {
        let mut steps = self.advance(now);
        if self.state == State::Up {
            self.break_backup(&mut steps);
            let until = now.max(since.saturating_add(self.plan.gives_up));
            self.state = State::Away { since, until };
            steps.push(VolumeStep::Unreachable);
        }
        steps
    }

    /// The volume is reached again, unless it was given up.
    pub fn reachable(&mut self, now: Instant) -> Vec<VolumeStep> {
        let mut steps = self.advance(now);
        if let State::Away { since, .. } = self.state {
            self.state = State::Up;
            let after = now.since(since);
            steps.push(VolumeStep::Reachable { after });
        }
        steps
    }

    /// The disks of the volume fail for good.
    pub fn disk_failed(&mut self, now: Instant) -> Vec<VolumeStep> {
        let mut steps = self.advance(now);
        match self.state {
            State::Up => self.lose(now, now, &mut steps),
            State::Away { since, .. } => self.lose(since, now, &mut steps),
            // What is restored is on other disks.
            State::Restoring { .. } => {}
        }
        steps
    }

    /// Data of the volume is deleted or overwritten by mistake, on every replica alike: the newest snapshot
    /// is put in its place, or the last backup if that is newer.
    pub fn corrupted(&mut self, now: Instant) -> Vec<VolumeStep> {
        let mut steps = self.advance(now);
        let failed = match self.state {
            State::Up => now,
            State::Away { since, .. } => since,
            // What is restored has none of it.
            State::Restoring { .. } => return steps,
        };
        let snapshot = self.snapshots.as_ref().and_then(Snapshots::newest);
        let backup = self.last.map(|own| own.started);
        let Some(taken) = snapshot.filter(|at| backup.is_none_or(|started| started <= *at)) else {
            self.restore_backup(failed, now, &mut steps);
            return steps;
        };
        self.break_backup(&mut steps);
        steps.push(VolumeStep::Lost {
            failed,
            data: failed.since(taken),
            is_restorable: true,
        });
        self.state = State::Restoring {
            since: failed,
            until: now.saturating_add(self.plan.replay),
            bytes: 0,
        };
        steps
    }

    fn break_backup(&mut self, steps: &mut Vec<VolumeStep>) {
        if self.running.take().is_some() {
            steps.push(VolumeStep::BackupBroken);
        }
    }

    /// The disks of the volume are lost, with its snapshots: the replica takes their place, or the last
    /// backup is restored.
    fn lose(&mut self, failed: Instant, now: Instant, steps: &mut Vec<VolumeStep>) {
        if let Some(own) = &mut self.snapshots {
            own.lose();
        }
        if !self.plan.is_replicated {
            return self.restore_backup(failed, now, steps);
        }
        self.break_backup(steps);
        steps.push(VolumeStep::Lost {
            failed,
            data: Duration::ZERO,
            is_restorable: true,
        });
        self.state = State::Restoring {
            since: failed,
            until: now.saturating_add(self.plan.new_volume),
            bytes: 0,
        };
    }

    /// The data is lost; the last complete backup is read into a new volume, or that stays empty.
    fn restore_backup(&mut self, failed: Instant, now: Instant, steps: &mut Vec<VolumeStep>) {
        self.break_backup(steps);
        let runs: Vec<Run> = self.last.into_iter().collect();
        let reads = self.restore_reads();
        steps.push(VolumeStep::Lost {
            failed,
            data: data_loss(failed, &runs),
            is_restorable: reads.is_some(),
        });
        let mut until = now.saturating_add(self.plan.new_volume);
        let rate = self.plan.backup.map_or(0, |own| own.rate);
        if let Some(bytes) = reads {
            if rate != 0 {
                until = until.saturating_add(copy_time(bytes, rate));
            }
            until = until.saturating_add(self.plan.replay);
        }
        self.state = State::Restoring {
            since: failed,
            until,
            bytes: reads.unwrap_or(0),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        let mut own = KeptVolume::new(plan(Some(hourly())));
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
    fn without_a_backup_all_is_lost_and_with_a_replica_nothing() {
        let mut own = KeptVolume::new(plan(None));
        let steps = own.disk_failed(Instant::from_secs(500));
        assert_eq!(lost(&steps), Some((Duration::from_secs(500), false)));
        let mut own = KeptVolume::new(VolumePlan {
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
        let mut own = KeptVolume::new(plan(Some(hourly())));
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
        let mut own = KeptVolume::new(VolumePlan {
            snapshots: Some(often()),
            is_replicated: true,
            ..plan(Some(hourly()))
        });
        // The snapshot of 6600 is newer than the backup of 3600, and the replica has the mistake, too.
        let steps = own.corrupted(at(7_100));
        assert!(steps.contains(&VolumeStep::Snapshotted { stored: 6 * GIB }));
        assert_eq!(lost(&steps), Some((Duration::from_secs(500), true)));
        assert_eq!(own.next(), Some(at(7_110)));
        own.advance(at(7_110));
        assert!(own.is_up());
        // Without the snapshots of lost disks, the backup of 7200 is the newest copy.
        own.disk_failed(at(7_290));
        own.advance(at(7_350));
        let steps = own.corrupted(at(7_400));
        assert_eq!(lost(&steps), Some((Duration::from_secs(200), true)));
    }

    proptest! {
        /// Whatever happens when: a complete backup can be restored, and no loss goes unsaid.
        #[test]
        fn no_backup_is_claimed_that_cannot_be_restored(
            events in prop::collection::vec((1_i64..20_000, 0_u8..4), 1..40),
            takes_snapshots: bool,
            full_every in 1_u32..6,
            extra in 0_u32..4,
        ) {
            let mut backup = hourly();
            backup.schedule.full_every = full_every;
            backup.schedule.retention = full_every + extra;
            let mut own = KeptVolume::new(VolumePlan {
                snapshots: takes_snapshots.then(often),
                ..plan(Some(backup))
            });
            let mut now = Instant::ZERO;
            for (after, what) in events {
                now = now.saturating_add(Duration::from_secs(after));
                let was_up = { own.advance(now); own.is_up() };
                let steps = match what {
                    0 => own.disk_failed(now),
                    1 => own.unreachable(now, now),
                    2 => own.corrupted(now),
                    _ => own.reachable(now),
                };
                let (complete, is_restorable) = own.restorable();
                prop_assert_eq!(complete > 0, is_restorable);
                if matches!(what, 0 | 2) && was_up {
                    prop_assert!(lost(&steps).is_some());
                }
            }
        }
    }
}
