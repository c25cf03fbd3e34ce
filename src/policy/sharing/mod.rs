//! Rules that share devices over time, one file each.

pub mod finish_time;
pub mod max_min;
pub mod time_slice;
pub mod tiresias;

use scheduler::sharing::SharingRule;
use units::Duration;

/// A rule in the registry.
#[derive(Clone, Copy, Debug)]
pub struct SharingEntry {
    /// The rule's name.
    pub name: &'static str,
    /// Description of the rule in one sentence.
    pub summary: &'static str,
    /// The maker of the rule.
    pub build: fn(&SharingOptions) -> Box<dyn SharingRule>,
}

/// Options of the rules.
#[derive(Clone, Debug, PartialEq)]
pub struct SharingOptions {
    /// Service of one device at which a job leaves each queue of `tiresias`, ascending.
    pub thresholds: Vec<Duration>,
    /// A job of `tiresias` that waits longer than so many times its last run goes to the first queue
    /// again; 0 never promotes one.
    pub promote: f64,
}

impl Default for SharingOptions {
    /// Two thresholds of an hour and of ten hours; no promotion.
    fn default() -> Self {
        Self {
            thresholds: vec![Duration::from_secs(3_600), Duration::from_secs(36_000)],
            promote: 0.0,
        }
    }
}

/// Every rule, in the order of the manual.
pub const SHARING_RULES: &[SharingEntry] = &[
    tiresias::ENTRY,
    time_slice::ENTRY,
    max_min::ENTRY,
    finish_time::ENTRY,
];

/// The rule of a name.
pub fn sharing_rule(name: &str) -> Option<&'static SharingEntry> {
    SHARING_RULES.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
pub(super) mod testing {
    use scheduler::sharing::SharedJob;
    use units::{Duration, Instant};

    /// A job on one device that was submitted at zero, ran this long and waits since an instant.
    pub(crate) fn job(ran: i64, waits_since: Option<i64>) -> SharedJob {
        SharedJob {
            submitted: Instant::ZERO,
            devices: 1,
            ran: Duration::from_secs(ran),
            last_run: Duration::from_secs(ran),
            waits_since: waits_since.map(Instant::from_secs),
            started: (ran > 0).then_some(Instant::ZERO),
            requested: Duration::from_secs(100),
        }
    }
}
