//! A volume of a run: its backups by the clock, its losses, and its restores (spec: orchestrators-a.md
//! section 9.6). Pure: it is given the time and what happened to its disk, and says what follows.

mod plan;
#[cfg(test)]
mod tests;

use model::VolumeStep;
use units::{Duration, Instant};

use super::backup::{Backups, Run, copy_time, data_loss};
use super::snapshot::Snapshots;

pub use plan::{BackupPlan, VolumeClass, VolumePlan};

/// State of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    /// Out of reach since an instant, and lost at another; with the restore on its own disks that broke off.
    Away {
        since: Instant,
        until: Instant,
        resumes: Option<Restore>,
    },
    /// Restored, and there again at an instant.
    Restoring {
        restore: Restore,
        until: Instant,
    },
}

/// A restore of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Restore {
    /// Instant of the failure.
    failed: Instant,
    /// Time that the restore takes.
    takes: Duration,
    /// Bytes that it reads.
    bytes: i64,
    place: Place,
}

/// Place of what is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The disks of the volume, which can fail or be out of reach meanwhile.
    Same,
    /// Other disks.
    Other,
}

/// Data deleted or overwritten by mistake, which every later copy has, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mistake {
    made: Instant,
    detected: Instant,
    /// Whether its instant of detection has passed; it is undone once the volume is there.
    is_known: bool,
}

/// A volume, its backups and its losses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedVolume {
    plan: VolumePlan,
    state: State,
    /// Instant at which the volume was there again for the last time.
    there_since: Instant,
    /// Number of times that the data went to other disks.
    moves: u32,
    /// Mistakes that the data has.
    mistakes: Vec<Mistake>,
    backups: Option<Backups>,
    snapshots: Option<Snapshots>,
    /// The backup under way, and its bytes.
    running: Option<(Run, i64)>,
    /// Instant at which the next backup is due.
    next_backup: Option<Instant>,
}

impl ManagedVolume {
    /// A volume that is there from the beginning, with its first backup due at once.
    pub fn new(plan: VolumePlan) -> Self {
        let (backup, snapshots) = (plan.backup, plan.snapshots);
        Self {
            plan,
            state: State::Up,
            there_since: Instant::ZERO,
            moves: 0,
            mistakes: Vec::new(),
            snapshots: snapshots.map(Snapshots::new),
            backups: backup.map(|own| Backups::new(own.schedule)),
            running: None,
            next_backup: backup.map(|_| Instant::ZERO),
        }
    }

    /// The plan.
    pub const fn plan(&self) -> &VolumePlan {
        &self.plan
    }

    /// Number of times that the data went to other disks, as its own were lost.
    pub const fn moves(&self) -> u32 {
        self.moves
    }

    /// Whether the volume can be read and written.
    pub fn is_up(&self) -> bool {
        self.state == State::Up
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
        let end = self.running.map(|(own, _)| own.end());
        let unknown = self.mistakes.iter().filter(|mistake| !mistake.is_known);
        let detected = unknown.map(|own| own.detected).min();
        [state, end, detected].into_iter().flatten().min()
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
        if let Some((run, bytes)) = self.running.filter(|(run, _)| run.end() <= now) {
            self.running = None;
            if let Some(backups) = &mut self.backups {
                backups.add(run);
                let stored = backups.stored();
                steps.push(VolumeStep::BackedUp { bytes, stored });
            }
        }
        self.detect(now);
        match self.state {
            State::Away {
                since,
                until,
                resumes,
            } if until <= now => {
                let failed = resumes.map_or(since, |resumes| resumes.failed);
                self.lose(failed, now, steps);
            }
            State::Restoring { restore, until } if until <= now => {
                self.state = State::Up;
                self.there_since = now;
                steps.push(VolumeStep::Restored {
                    bytes: restore.bytes,
                    after: now.since(restore.failed),
                });
            }
            _ => {}
        }
        if self.is_up() {
            self.undo_mistakes(now, now, steps);
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
        let run = Run {
            started: now,
            takes: self.copies_in(bytes),
        };
        self.running = Some((run, bytes));
    }

    /// Time to copy bytes to or from the place of the backups.
    fn copies_in(&self, bytes: i64) -> Duration {
        match self.plan.backup.map_or(0, |backup| backup.rate) {
            0 => Duration::ZERO,
            rate => copy_time(bytes, rate),
        }
    }

    /// The volume is out of reach since an instant, which is noticed now: the copies that were made
    /// between never were.
    pub fn unreachable(&mut self, now: Instant, since: Instant) -> Vec<VolumeStep> {
        let mut steps = self.advance(now);
        let since = since.max(self.there_since);
        let resumes = match self.state {
            State::Up => None,
            State::Restoring { restore, .. } if restore.place == Place::Same => Some(restore),
            State::Away { .. } | State::Restoring { .. } => return steps,
        };
        self.break_backup(&mut steps);
        self.drop_copies(&mut steps, |at| at > since, |run| run.end() > since);
        self.state = State::Away {
            since,
            until: now.max(since.saturating_add(self.plan.gives_up)),
            resumes,
        };
        steps.push(VolumeStep::Unreachable);
        steps
    }

    /// The volume is reached again, unless it was given up.
    pub fn reachable(&mut self, now: Instant) -> Vec<VolumeStep> {
        let mut steps = self.advance(now);
        let State::Away { since, resumes, .. } = self.state else {
            return steps;
        };
        if let Some(restore) = resumes {
            self.restore(restore, now);
        } else if !self.undo_mistakes(since, now, &mut steps) {
            self.state = State::Up;
            self.there_since = now;
            let after = now.since(since);
            steps.push(VolumeStep::Reachable { after });
        }
        steps
    }

    /// The disks of the volume fail for good.
    pub fn disk_failed(&mut self, now: Instant) -> Vec<VolumeStep> {
        let mut steps = self.advance(now);
        let failed = match self.state {
            State::Up => now,
            State::Away { since, resumes, .. } => resumes.map_or(since, |resumes| resumes.failed),
            State::Restoring { restore, .. } if restore.place == Place::Same => restore.failed,
            // The disks that it is restored to fail: what was read so far is gone, and is read again.
            State::Restoring { restore, .. } => {
                self.moves += 1;
                steps.push(VolumeStep::RestoreBroken);
                self.restore(restore, now);
                return steps;
            }
        };
        self.lose(failed, now, &mut steps);
        steps
    }

    /// Data of the volume is deleted or overwritten by mistake, on every replica alike, and that is noticed
    /// after a while: then the newest snapshot from before is put in its place, or the last backup from
    /// before if that is newer. A volume out of reach waits for that until it is reached.
    pub fn corrupted(&mut self, now: Instant, detected_after: Duration) -> Vec<VolumeStep> {
        let mut steps = self.advance(now);
        if let State::Restoring { .. } = self.state {
            // What is restored has none of it.
            return steps;
        }
        self.mistakes.push(Mistake {
            made: now,
            detected: now.saturating_add(detected_after),
            is_known: false,
        });
        self.detect(now);
        if self.is_up() {
            self.undo_mistakes(now, now, &mut steps);
        }
        steps
    }

    fn detect(&mut self, now: Instant) {
        for own in &mut self.mistakes {
            own.is_known |= own.detected <= now;
        }
    }

    /// Instant of the first mistake that is known.
    fn first_known(&self) -> Option<Instant> {
        let known = self.mistakes.iter().filter(|mistake| mistake.is_known);
        known.map(|own| own.made).min()
    }

    /// Puts the newest copy in place that has none of the known mistakes; whether there are any.
    fn undo_mistakes(
        &mut self,
        failed: Instant,
        now: Instant,
        steps: &mut Vec<VolumeStep>,
    ) -> bool {
        let Some(made) = self.first_known() else {
            return false;
        };
        self.drop_copies(steps, |at| at > made, |run| run.started > made);
        let snapshot = self.snapshots.as_ref().and_then(Snapshots::newest);
        let backup = self.newest_backup().map(|(run, _)| run.started);
        let Some(taken) = snapshot.filter(|at| backup.is_none_or(|started| started <= *at)) else {
            self.restore_backup(failed, now, Place::Same, steps);
            return true;
        };
        self.mistakes.retain(|mistake| mistake.made < taken);
        let restore = Restore {
            failed,
            takes: self.plan.replay,
            bytes: 0,
            place: Place::Same,
        };
        self.lose_data(failed.since(taken), restore, now, steps);
        true
    }

    fn break_backup(&mut self, steps: &mut Vec<VolumeStep>) {
        if self.running.take().is_some() {
            steps.push(VolumeStep::BackupBroken);
        }
    }

    /// Drops the snapshots and backups that are of no use, and says what the others hold.
    fn drop_copies(
        &mut self,
        steps: &mut Vec<VolumeStep>,
        snapshot: impl Fn(Instant) -> bool,
        backup: impl Fn(Run) -> bool,
    ) {
        let dropped = [
            self.snapshots
                .as_mut()
                .is_some_and(|snapshots| snapshots.drop_newest(snapshot)),
            self.backups
                .as_mut()
                .is_some_and(|backups| backups.drop_newest(backup)),
        ];
        if dropped.contains(&true) {
            steps.push(VolumeStep::CopiesDropped {
                backups: self.backups.as_ref().map_or(0, Backups::stored),
                snapshots: self.snapshots.as_ref().map_or(0, Snapshots::stored),
            });
        }
    }

    /// The newest complete backup, and the bytes that its restore reads.
    fn newest_backup(&self) -> Option<(Run, i64)> {
        self.backups.as_ref()?.newest()
    }

    /// A span of the writes is lost, and what a copy has of the others is restored.
    fn lose_data(
        &mut self,
        data: Duration,
        restore: Restore,
        now: Instant,
        steps: &mut Vec<VolumeStep>,
    ) {
        self.break_backup(steps);
        steps.push(VolumeStep::Lost {
            failed: restore.failed,
            data,
            is_restorable: true,
        });
        self.restore(restore, now);
    }

    fn restore(&mut self, restore: Restore, now: Instant) {
        let until = now.saturating_add(restore.takes);
        self.state = State::Restoring { restore, until };
    }

    /// The disks of the volume are lost, with its snapshots: the replica takes their place, or the last
    /// backup is restored. A replica has the mistakes, too.
    fn lose(&mut self, failed: Instant, now: Instant, steps: &mut Vec<VolumeStep>) {
        let made = self.first_known().unwrap_or(Instant::MAX);
        self.moves += 1;
        self.drop_copies(steps, |_| true, |run| run.started > made);
        if !self.plan.is_replicated || made < Instant::MAX {
            return self.restore_backup(failed, now, Place::Other, steps);
        }
        let restore = Restore {
            failed,
            takes: self.plan.new_volume,
            bytes: 0,
            place: Place::Other,
        };
        self.lose_data(Duration::ZERO, restore, now, steps);
    }

    /// The data is lost; the last complete backup is read into a new volume, or that stays empty.
    fn restore_backup(
        &mut self,
        failed: Instant,
        now: Instant,
        place: Place,
        steps: &mut Vec<VolumeStep>,
    ) {
        self.break_backup(steps);
        let newest = self.newest_backup();
        let run = newest.map(|(run, _)| run);
        self.mistakes
            .retain(|mistake| run.is_some_and(|run| mistake.made < run.started));
        steps.push(VolumeStep::Lost {
            failed,
            data: data_loss(failed, run.as_slice()),
            is_restorable: run.is_some(),
        });
        let mut takes = self.plan.new_volume;
        if let Some((_, bytes)) = newest {
            takes = takes.saturating_add(self.copies_in(bytes));
            takes = takes.saturating_add(self.plan.replay);
        }
        let restore = Restore {
            failed,
            takes,
            bytes: newest.map_or(0, |(_, bytes)| bytes),
            place,
        };
        self.restore(restore, now);
    }
}
