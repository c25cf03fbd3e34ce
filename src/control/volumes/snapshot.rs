//! Snapshots of a volume: instant copies on its own disks, of which only what changes afterwards takes space
//! (spec: orchestrators-a.md section 9.6). They undo what was written by mistake, and go with the disks.

use std::collections::VecDeque;

use units::{Duration, Instant};

/// Snapshots of a volume by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPlan {
    /// Time from one snapshot to the next.
    pub every: Duration,
    /// Number of snapshots that are kept, at least 1.
    pub keep: u32,
    /// Bytes that change from one snapshot to the next, each counted once.
    pub change: i64,
}

/// The snapshots of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshots {
    plan: SnapshotPlan,
    /// Instants of those that are kept, the oldest first.
    taken: VecDeque<Instant>,
    /// Instant at which the next one is due.
    next: Option<Instant>,
}

impl Snapshots {
    /// No snapshots yet; the first is due at the run's zero.
    pub const fn new(plan: SnapshotPlan) -> Self {
        Self {
            plan,
            taken: VecDeque::new(),
            next: Some(Instant::ZERO),
        }
    }

    /// Instant at which the next snapshot is due.
    pub const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Passes the instant of a snapshot, and takes it if the volume can be read.
    ///
    /// ```
    /// use control::volumes::{SnapshotPlan, Snapshots};
    /// use units::{Duration, Instant};
    ///
    /// let plan = SnapshotPlan { every: Duration::from_secs(600), keep: 2, change: 5 };
    /// let mut own = Snapshots::new(plan);
    /// for at in [0, 600, 1_200].map(Instant::from_secs) {
    ///     own.pass(at, true);
    /// }
    /// assert_eq!(own.newest(), Some(Instant::from_secs(1_200)));
    /// assert_eq!(own.stored(), 10);
    /// ```
    pub fn pass(&mut self, now: Instant, is_up: bool) {
        let next = now.saturating_add(self.plan.every);
        self.next = Some(next).filter(|at| *at < Instant::MAX);
        if is_up {
            self.taken.push_back(now);
            if self.taken.len() > self.plan.keep.max(1) as usize {
                self.taken.pop_front();
            }
        }
    }

    /// Instant of the newest snapshot.
    pub fn newest(&self) -> Option<Instant> {
        self.taken.back().copied()
    }

    /// Bytes that the snapshots hold by the time at which the next one is due: those that changed since each.
    pub fn stored(&self) -> i64 {
        self.plan.change.saturating_mul(self.taken.len() as i64)
    }

    /// Drops the newest snapshots for as long as they are of no use; whether there were any.
    pub fn drop_newest(&mut self, is_useless: impl Fn(Instant) -> bool) -> bool {
        let before = self.taken.len();
        while self.newest().is_some_and(&is_useless) {
            self.taken.pop_back();
        }
        self.taken.len() < before
    }
}
