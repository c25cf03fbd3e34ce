//! Live migration: how long an instance takes to move while it runs, and how long it stands still for
//! it. Passes send what the one before left behind; the instance stops for the last one once that is
//! short enough (openstack/nova 00a0304: `conf/libvirt.py`, `virt/libvirt/migration.py`).

use units::Duration;

const MIB: i128 = 1 << 20;
const MIB_IN_GIB: i64 = 1 << 10;
const SECOND: i128 = 1_000_000_000;

/// Number of passes after which a migration counts as one that does not come to an end.
const MOST_PASSES: u32 = 10_000;

/// Consequence of a migration that lasts too long (`live_migration_timeout_action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtTimeout {
    /// It is given up: the instance stays.
    Abort,
    /// The instance stands still until all is sent.
    ForceComplete,
}

/// Options of live migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationOptions {
    /// Bytes a second that a migration sends; at least 1.
    pub bandwidth: i64,
    /// Bytes of its memory that an instance writes in a second.
    pub dirty_rate: i64,
    /// Longest time for which an instance may stand still (`live_migration_downtime`).
    pub downtime: Duration,
    /// Time that a migration may take for each GiB of memory, of which at least two are counted
    /// (`live_migration_completion_timeout`).
    pub timeout: Duration,
    /// Consequence of a migration that lasts longer.
    pub at_timeout: AtTimeout,
    /// Number of migrations off a host at a time (`max_concurrent_live_migrations`).
    pub parallel: usize,
}

/// Course of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Time from the beginning until the instance stands still, or until the migration is given up.
    pub copies: Duration,
    /// Time for which the instance stands still; `None` where the migration is given up.
    pub downtime: Option<Duration>,
}

fn span(nanoseconds: i128) -> Duration {
    Duration::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
}

impl MigrationOptions {
    /// Time after which a migration of an instance with this many MiB has lasted too long.
    pub fn timeout_of(&self, memory: i64) -> Duration {
        let gib = (memory / MIB_IN_GIB + i64::from(memory % MIB_IN_GIB != 0)).max(2);
        self.timeout.checked_mul(gib).unwrap_or(Duration::MAX)
    }

    /// Course of the migration of an instance with this many MiB of memory.
    pub fn course(&self, memory: i64) -> Course {
        let all = i128::from(memory.max(0)) * MIB;
        let (rate, dirty) = (
            i128::from(self.bandwidth.max(1)),
            i128::from(self.dirty_rate),
        );
        let most = i128::from(self.downtime.as_nanos());
        let timeout = i128::from(self.timeout_of(memory).as_nanos());
        let takes = |bytes: i128| (bytes * SECOND + rate - 1) / rate;
        let (mut left, mut copied) = (all, 0);
        for _ in 0..MOST_PASSES {
            let pass = takes(left);
            if pass <= most {
                return Course {
                    copies: span(copied),
                    downtime: Some(span(pass)),
                };
            }
            if copied + pass > timeout {
                break;
            }
            copied += pass;
            left = (dirty * pass / SECOND).min(all);
        }
        let downtime = match self.at_timeout {
            AtTimeout::Abort => None,
            AtTimeout::ForceComplete => {
                let since = (timeout - copied).max(0);
                let behind = left + (dirty - rate) * since / SECOND;
                Some(span(takes(behind.clamp(0, all))))
            }
        };
        Course {
            copies: span(timeout),
            downtime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: MigrationOptions = MigrationOptions {
        bandwidth: 128 << 20,
        dirty_rate: 0,
        downtime: Duration::from_millis(500),
        timeout: Duration::from_secs(800),
        at_timeout: AtTimeout::Abort,
        parallel: 1,
    };

    fn course(options: MigrationOptions, memory: i64) -> (i64, Option<i64>) {
        let course = options.course(memory);
        let millis = |span: Duration| span.as_nanos() / 1_000_000;
        (millis(course.copies), course.downtime.map(millis))
    }

    #[test]
    fn passes_send_what_was_written_meanwhile() {
        // 8 s for a GiB; nothing is left to send.
        assert_eq!(course(OPTIONS, 1_024), (8_000, Some(0)));
        // What takes no longer than an instance may stand still is sent at once.
        assert_eq!(course(OPTIONS, 64), (0, Some(500)));
        let busy = MigrationOptions {
            dirty_rate: 32 << 20,
            ..OPTIONS
        };
        // 8 s, then 2 s for a quarter, then half a second while the instance stands still.
        assert_eq!(course(busy, 1_024), (10_000, Some(500)));
        let none = MigrationOptions {
            downtime: Duration::ZERO,
            ..busy
        };
        let (copies, downtime) = course(none, 1_024);
        assert!((10_600..10_700).contains(&copies), "{copies}");
        assert_eq!(downtime, Some(0));
    }

    #[test]
    fn a_migration_that_gains_nothing_is_given_up_or_forced() {
        let busy = MigrationOptions {
            dirty_rate: 128 << 20,
            ..OPTIONS
        };
        assert_eq!(course(busy, 4_096), (4 * 800_000, None));
        // At least two GiB are counted.
        assert_eq!(course(busy, 1_024), (2 * 800_000, None));
        let forced = MigrationOptions {
            at_timeout: AtTimeout::ForceComplete,
            ..busy
        };
        assert_eq!(course(forced, 1_024), (2 * 800_000, Some(8_000)));
    }
}
