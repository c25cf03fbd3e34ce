//! A volume of a run: its backups by the clock, its losses, and its restores (spec: orchestrators-a.md
//! section 9.6). Pure: it is given the time and what happened to its disk, and says what follows.

use model::{Text, VolumeStep};
use units::{Duration, Instant};

use super::backup::{Backups, Run, Schedule, copy_time, data_loss};

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
        let backup = plan.backup;
        Self {
            plan,
            state: State::Up,
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
        let due = [self.awaited(), self.next_backup];
        due.into_iter().flatten().min()
    }

    /// The instant at which something is due other than the begin of a backup, which goes on for as
    /// long as a run lasts.
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
        if self.next_backup.is_some_and(|at| at <= now) {
            self.begin_backup(now, steps);
        }
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

    fn break_backup(&mut self, steps: &mut Vec<VolumeStep>) {
        if self.running.take().is_some() {
            steps.push(VolumeStep::BackupBroken);
        }
    }

    /// The volume is lost; what can be had of it is restored.
    fn lose(&mut self, failed: Instant, now: Instant, steps: &mut Vec<VolumeStep>) {
        self.break_backup(steps);
        let rate = self.plan.backup.map_or(0, |own| own.rate);
        let reads = self.restore_reads();
        let (data, bytes) = if self.plan.is_replicated {
            (Duration::ZERO, 0)
        } else {
            let runs: Vec<Run> = self.last.into_iter().collect();
            (data_loss(failed, &runs), reads.unwrap_or(0))
        };
        let is_restorable = self.plan.is_replicated || reads.is_some();
        steps.push(VolumeStep::Lost {
            failed,
            data,
            is_restorable,
        });
        let mut until = now.saturating_add(self.plan.new_volume);
        if !self.plan.is_replicated && is_restorable {
            let copies = if rate == 0 {
                Duration::ZERO
            } else {
                copy_time(bytes, rate)
            };
            until = until.saturating_add(copies);
            until = until.saturating_add(self.plan.replay);
        }
        self.state = State::Restoring {
            since: failed,
            until,
            bytes,
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

    proptest! {
        /// Whatever happens when: a complete backup can be restored, and no loss goes unsaid.
        #[test]
        fn no_backup_is_claimed_that_cannot_be_restored(
            events in prop::collection::vec((1_i64..20_000, 0_u8..3), 1..40),
            full_every in 1_u32..6,
            extra in 0_u32..4,
        ) {
            let mut backup = hourly();
            backup.schedule.full_every = full_every;
            backup.schedule.retention = full_every + extra;
            let mut own = KeptVolume::new(plan(Some(backup)));
            let mut now = Instant::ZERO;
            for (after, what) in events {
                now = now.saturating_add(Duration::from_secs(after));
                let was_up = { own.advance(now); own.is_up() };
                let steps = match what {
                    0 => own.disk_failed(now),
                    1 => own.unreachable(now, now),
                    _ => own.reachable(now),
                };
                let (complete, is_restorable) = own.restorable();
                prop_assert_eq!(complete > 0, is_restorable);
                if what == 0 && was_up {
                    prop_assert!(lost(&steps).is_some());
                }
            }
        }
    }
}
