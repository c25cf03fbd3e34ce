//! Live migration: how long an instance takes to move while it runs, and how long it stands still for
//! it. Passes send what the one before left behind; the instance stops for the last one once that is
//! short enough (openstack/nova 00a0304: `conf/libvirt.py`, `virt/libvirt/migration.py`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Duration;

const MIB: i128 = 1 << 20;
const MIB_IN_GIB: i64 = 1 << 10;
const SECOND: i128 = 1_000_000_000;

/// Number of passes after which a migration counts as one that does not come to an end.
const MOST_PASSES: u32 = 10_000;

/// Consequence of a live migration that lasts too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "NovaAtTimeout")]
pub enum AtTimeout {
    /// The instance stays on its host.
    #[default]
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
    /// Time after which a migration of an instance with this many MiB has lasted too long, in whole seconds
    /// (`virt/libvirt/driver.py`).
    pub fn timeout_of(&self, memory: i64) -> Duration {
        let memory = i128::from(memory.max(2 * MIB_IN_GIB));
        let all = i128::from(self.timeout.as_nanos()) * memory / i128::from(MIB_IN_GIB);
        span(all - all % SECOND)
    }

    /// Course of the migration of an instance with this many MiB of memory, at the whole bandwidth.
    pub fn course(&self, memory: i64) -> Course {
        Sending::new(self, memory).course(self.bandwidth)
    }
}

/// Memory of an instance on its way: what the pass under way has still to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Memory, and what is written of it in a second, in bytes.
    all: i128,
    dirty: i128,
    /// Longest downtime and longest migration, in nanoseconds.
    most: i128,
    timeout: i128,
    at_timeout: AtTimeout,
    /// Rest of the pass, in bytes times nanoseconds of a second.
    left: i128,
    /// Nanoseconds since the pass began, and since the migration did.
    pass: i128,
    elapsed: i128,
}

impl Sending {
    /// The memory of an instance with this many MiB, of which nothing is sent yet.
    pub fn new(options: &MigrationOptions, memory: i64) -> Self {
        let all = i128::from(memory.max(0)) * MIB;
        Self {
            all,
            dirty: i128::from(options.dirty_rate),
            most: i128::from(options.downtime.as_nanos()),
            timeout: i128::from(options.timeout_of(memory).as_nanos()),
            at_timeout: options.at_timeout,
            left: all * SECOND,
            pass: 0,
            elapsed: 0,
        }
    }

    /// Course of the rest, if this many bytes a second are sent from now on.
    pub fn course(mut self, bandwidth: i64) -> Course {
        let course = self.run(i128::from(bandwidth.max(1)), i128::MAX);
        course.expect("invariant: time without end is enough")
    }

    /// Sends at this many bytes a second for a time, at the end of which the instance stands still at
    /// the earliest.
    pub fn send(&mut self, bandwidth: i64, time: Duration) {
        self.run(i128::from(bandwidth.max(1)), i128::from(time.as_nanos()));
    }

    /// Goes through passes at a rate; `None` if the time is up before they come to an end.
    fn run(&mut self, rate: i128, time: i128) -> Option<Course> {
        let mut spent = 0;
        for _ in 0..MOST_PASSES {
            let need = takes(self.left, rate);
            if self.pass == 0 && need <= self.most {
                return Some(Course {
                    copies: span(spent),
                    downtime: Some(span(need)),
                });
            }
            if self.elapsed + need > self.timeout {
                break;
            }
            if need > time - spent {
                self.go_on(rate, time - spent);
                return None;
            }
            spent += need;
            self.elapsed += need;
            let written = self.dirty * (self.pass + need) / SECOND;
            self.left = written.min(self.all) * SECOND;
            self.pass = 0;
        }
        let rest = (self.timeout - self.elapsed).max(0);
        if rest > time - spent {
            self.go_on(rate, time - spent);
            return None;
        }
        let downtime = match self.at_timeout {
            AtTimeout::Abort => None,
            AtTimeout::ForceComplete => {
                let written = self.dirty * (self.pass + rest);
                let behind = self.left - rate * rest + written;
                Some(span(takes(behind.clamp(0, self.all * SECOND), rate)))
            }
        };
        Some(Course {
            copies: span(spent + rest),
            downtime,
        })
    }

    /// Sends a part of the pass.
    fn go_on(&mut self, rate: i128, time: i128) {
        self.left = (self.left - rate * time).max(0);
        self.pass += time;
        self.elapsed += time;
    }
}

/// Nanoseconds that bytes times nanoseconds of a second take at a rate.
const fn takes(left: i128, rate: i128) -> i128 {
    (left + rate - 1) / rate
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn parts_at_one_rate_are_the_whole(
            memory in 0i64..5_000,
            dirty_rate in 0i64..(200 << 20),
            parts in prop::collection::vec(1i64..30_000_000_000, 0..5),
            is_forced in any::<bool>(),
        ) {
            let at_timeout = if is_forced { AtTimeout::ForceComplete } else { AtTimeout::Abort };
            let options = MigrationOptions { dirty_rate, at_timeout, ..OPTIONS };
            let whole = options.course(memory);
            let mut sending = Sending::new(&options, memory);
            let mut sent = Duration::ZERO;
            for part in parts {
                let part = Duration::from_nanos(part);
                if sent.saturating_add(part) >= whole.copies {
                    break;
                }
                sending.send(options.bandwidth, part);
                sent = sent.saturating_add(part);
            }
            let rest = sending.course(options.bandwidth);
            prop_assert_eq!(sent.saturating_add(rest.copies), whole.copies);
            prop_assert_eq!(rest.downtime, whole.downtime);
        }
    }

    #[test]
    fn half_the_bandwidth_for_a_while_takes_longer() {
        let mut sending = Sending::new(&OPTIONS, 1_024);
        sending.send(OPTIONS.bandwidth / 2, Duration::from_secs(4));
        // A quarter is sent; the rest takes 6 s.
        assert_eq!(
            sending.course(OPTIONS.bandwidth).copies,
            Duration::from_secs(6)
        );
    }

    #[test]
    fn a_migration_that_gains_nothing_is_given_up_or_forced() {
        let busy = MigrationOptions {
            dirty_rate: 128 << 20,
            ..OPTIONS
        };
        assert_eq!(course(busy, 4_096), (4 * 800_000, None));
        // At least two GiB are counted, and parts of one as parts.
        assert_eq!(course(busy, 1_024), (2 * 800_000, None));
        assert_eq!(course(busy, 2_560), (2_000_000, None));
        assert_eq!(course(busy, 2_305), (1_800_000, None));
        let forced = MigrationOptions {
            at_timeout: AtTimeout::ForceComplete,
            ..busy
        };
        assert_eq!(course(forced, 1_024), (2 * 800_000, Some(8_000)));
    }
}
