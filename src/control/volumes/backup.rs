//! Backups of volumes: chains of a full copy and the increments after it, what they take, what a
//! restore reads, and what a failure costs (spec: orchestrators-a.md section 9.6).

use units::{Duration, Instant, plural};

/// Copies that are kept longer than all others: the last one of each period, such as a week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeriodicCopies {
    /// Days of a period.
    pub of: u32,
    /// Number of past periods whose last copy is kept; 0 keeps none.
    pub periods: u32,
}

impl PeriodicCopies {
    /// Whether the copy of a day is kept on another day.
    const fn keeps(self, copy: u32, day: u32) -> bool {
        if self.periods == 0 || self.of == 0 {
            return false;
        }
        let is_last = copy.is_multiple_of(self.of);
        let passed = (day.saturating_sub(1) / self.of) - (copy.saturating_sub(1) / self.of);
        is_last && passed <= self.periods
    }
}

/// Schedule of a volume's daily backups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Bytes of the volume.
    pub size: i64,
    /// Bytes that change in a day, each of them counted once.
    pub daily_change: i64,
    /// Number of days from one full copy to the next; the days between have increments.
    pub full_every: u32,
    /// Number of days for which a copy is kept after its own; a chain stays as long as one of its
    /// members is kept.
    pub retention: u32,
    /// Copies of weeks that are kept longer.
    pub weekly: PeriodicCopies,
    /// Copies of months that are kept longer.
    pub monthly: PeriodicCopies,
}

/// Reason a schedule can't be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// There would be no full copy.
    #[error("a full copy is made every 0 days; expected 1 or more")]
    NoFull,
    /// Copies would be gone before the next is made.
    #[error(
        "copies are kept for {}, and a chain takes {full_every}; expected at least as many",
        plural::count(*.retention, "day")
    )]
    Retention {
        /// Days for which a copy is kept.
        retention: u32,
        /// Days of a chain.
        full_every: u32,
    },
}

/// A copy of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Copy {
    day: u32,
    bytes: i64,
    run: Run,
}

/// The backups of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backups {
    schedule: Schedule,
    /// Chains that are kept, the oldest first; each begins with its full copy.
    chains: Vec<Vec<Copy>>,
    day: u32,
}

impl Schedule {
    /// Checks that every point in time that is promised can be restored.
    ///
    /// # Errors
    /// Copies would be gone too early, or there would be none.
    pub const fn check(self) -> Result<Self, ScheduleError> {
        if self.full_every == 0 {
            return Err(ScheduleError::NoFull);
        }
        if self.retention < self.full_every {
            return Err(ScheduleError::Retention {
                retention: self.retention,
                full_every: self.full_every,
            });
        }
        Ok(self)
    }
}

impl Backups {
    /// No backups yet.
    pub const fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            chains: Vec::new(),
            day: 0,
        }
    }

    /// Bytes that the backup of the next day copies.
    pub fn next_bytes(&self) -> i64 {
        let Schedule {
            size, daily_change, ..
        } = self.schedule;
        if self.is_full_next() {
            size
        } else {
            daily_change.clamp(0, size)
        }
    }

    /// Whether the backup of the next day begins a chain.
    fn is_full_next(&self) -> bool {
        let full_every = self.schedule.full_every.max(1) as usize;
        let last = self.chains.last();
        last.is_none_or(|chain| chain.len() >= full_every)
    }

    /// Adds the backup of the next day, and drops the chains of which nothing is kept any more.
    pub fn add(&mut self, run: Run) {
        let retention = self.schedule.retention;
        let (bytes, is_full) = (self.next_bytes(), self.is_full_next());
        self.day += 1;
        let day = self.day;
        let copy = Copy { day, bytes, run };
        match self.chains.last_mut().filter(|_| !is_full) {
            Some(chain) => chain.push(copy),
            None => self.chains.push(vec![copy]),
        }
        let longer = [self.schedule.weekly, self.schedule.monthly];
        let is_kept = |copy: &Copy| {
            day - copy.day <= retention || longer.iter().any(|own| own.keeps(copy.day, day))
        };
        self.chains.retain(|chain| chain.iter().any(is_kept));
    }

    /// Drops the newest backups for as long as they are of no use; whether there were any. The next backup
    /// goes on with the chain that is left.
    pub fn drop_newest(&mut self, is_useless: impl Fn(Run) -> bool) -> bool {
        let mut has_dropped = false;
        while let Some(chain) = self.chains.last_mut() {
            if chain.pop_if(|copy| is_useless(copy.run)).is_some() {
                has_dropped = true;
            } else if chain.is_empty() {
                self.chains.pop();
            } else {
                break;
            }
        }
        has_dropped
    }

    /// The newest backup, and the bytes that its restore reads.
    pub fn newest(&self) -> Option<(Run, i64)> {
        let copy = self.chains.last()?.last()?;
        Some((copy.run, self.restore_reads(copy.day)?))
    }

    /// Bytes that are stored.
    pub fn stored(&self) -> i64 {
        let copies = self.chains.iter().flatten();
        copies.map(|copy| copy.bytes).fold(0, i64::saturating_add)
    }

    /// Bytes that a restore of a day reads: its chain's full copy and the increments up to the day;
    /// `None` if it can't be restored.
    pub fn restore_reads(&self, day: u32) -> Option<i64> {
        let of_day = |chain: &&Vec<Copy>| chain.iter().any(|copy| copy.day == day);
        let chain = self.chains.iter().find(of_day)?;
        let read = chain.iter().filter(|copy| copy.day <= day);
        Some(read.map(|copy| copy.bytes).fold(0, i64::saturating_add))
    }
}

/// Time to copy bytes at a rate, in bytes a second; forever at none.
pub fn copy_time(bytes: i64, rate: i64) -> Duration {
    if rate <= 0 {
        return if bytes <= 0 {
            Duration::ZERO
        } else {
            Duration::MAX
        };
    }
    let nanos = i128::from(bytes.max(0)) * 1_000_000_000;
    let nanos = (nanos + i128::from(rate) - 1) / i128::from(rate);
    Duration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// A backup by its start and duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Instant of its snapshot.
    pub started: Instant,
    /// Time until it is complete.
    pub takes: Duration,
}

impl Run {
    /// Instant at which it is complete.
    pub const fn end(self) -> Instant {
        self.started.saturating_add(self.takes)
    }
}

/// The span of writes that a failure loses: from the start of the last backup that was complete by
/// then; from the beginning if there is none.
pub fn data_loss(failure: Instant, runs: &[Run]) -> Duration {
    let complete = runs.iter().filter(|run| run.end() <= failure);
    let last = complete.map(|own| own.started).max();
    failure.since(last.unwrap_or(Instant::ZERO))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: i64 = 1 << 30;

    fn schedule() -> Schedule {
        Schedule {
            size: 100 * GIB,
            daily_change: 5 * GIB,
            full_every: 7,
            retention: 7,
            ..Schedule::default()
        }
    }

    /// A backup of a day, whose instant is of no concern.
    const fn daily() -> Run {
        Run {
            started: Instant::ZERO,
            takes: Duration::ZERO,
        }
    }

    #[test]
    fn useless_backups_are_made_again_in_the_chain_that_is_left() {
        let run = |day| Run {
            started: Instant::from_secs(day),
            takes: Duration::ZERO,
        };
        let mut backups = Backups::new(schedule());
        for day in 1..=10 {
            backups.add(run(day));
        }
        // The three copies of the second chain go, and one of the first.
        assert!(backups.drop_newest(|own| own.started > Instant::from_secs(6)));
        assert!(!backups.drop_newest(|own| own.started > Instant::from_secs(6)));
        assert_eq!(backups.newest(), Some((run(6), 125 * GIB)));
        assert_eq!(backups.stored(), 125 * GIB);
        assert_eq!(backups.next_bytes(), 5 * GIB);
        backups.add(run(11));
        assert_eq!(backups.next_bytes(), 100 * GIB);
        assert!(backups.drop_newest(|_| true));
        assert_eq!((backups.newest(), backups.stored()), (None, 0));
    }

    #[test]
    fn the_last_copies_of_weeks_and_months_stay_longer() {
        let mut backups = Backups::new(Schedule {
            full_every: 1,
            retention: 3,
            weekly: PeriodicCopies { of: 7, periods: 2 },
            monthly: PeriodicCopies { of: 30, periods: 1 },
            ..schedule()
        });
        for _ in 0..65 {
            backups.add(daily());
        }
        let kept: Vec<u32> = (1..=65)
            .filter(|&day| backups.restore_reads(day).is_some())
            .collect();
        // The months' last, those of the last two weeks, and three days before today.
        assert_eq!(kept, [56, 60, 62, 63, 64, 65]);
    }

    #[test]
    fn worked_chain_of_a_week() {
        let mut backups = Backups::new(schedule());
        let stored: Vec<i64> = (0..15)
            .map(|_| {
                backups.add(daily());
                backups.stored() / GIB
            })
            .collect();
        let expected = [
            100, 105, 110, 115, 120, 125, 130, 230, 235, 240, 245, 250, 255, 260, 230,
        ];
        assert_eq!(stored, expected);
        assert_eq!(backups.restore_reads(7), None);
        assert_eq!(backups.restore_reads(14), Some(130 * GIB));
        assert_eq!(backups.restore_reads(8), Some(100 * GIB));
    }

    #[test]
    fn worked_loss_since_the_start_of_the_last_complete_backup() {
        let run = |started, takes| Run {
            started: Instant::from_secs(started),
            takes: Duration::from_secs(takes),
        };
        let runs = [run(0, 600), run(3_600, 600), run(7_200, 2_400)];
        let loss = |at| data_loss(Instant::from_secs(at), &runs);
        assert_eq!(loss(9_000), Duration::from_secs(5_400));
        assert_eq!(loss(9_600), Duration::from_secs(2_400));
        assert_eq!(loss(500), Duration::from_secs(500));
    }

    #[test]
    fn schedules_that_keep_too_little_are_refused() {
        assert!(schedule().check().is_ok());
        let short = Schedule {
            retention: 6,
            ..schedule()
        };
        assert!(matches!(
            short.check(),
            Err(ScheduleError::Retention { .. })
        ));
        let none = Schedule {
            full_every: 0,
            ..schedule()
        };
        assert_eq!(none.check(), Err(ScheduleError::NoFull));
        assert_eq!(copy_time(3 * GIB, GIB), Duration::from_secs(3));
        assert_eq!(copy_time(1, 0), Duration::MAX);
    }

    proptest! {
        /// Every copy that is within its retention can be restored, at no more than it and its chain.
        #[test]
        fn what_is_kept_can_be_restored(full_every in 1_u32..10, extra in 0_u32..10, days in 1_u32..60) {
            let retention = full_every + extra;
            let mut backups = Backups::new(Schedule { full_every, retention, ..schedule() });
            for day in 1..=days {
                backups.add(daily());
                for kept in day.saturating_sub(retention).max(1)..=day {
                    let reads = backups.restore_reads(kept);
                    prop_assert!(reads.is_some_and(|reads| reads <= backups.stored()), "{kept} of {day}");
                }
            }
        }
    }
}
