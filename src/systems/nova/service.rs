//! Services of hosts: reports at an interval, and the age at which the last one no longer counts
//! (spec: orchestrators-a.md sections 6.3 and 12; `nova/servicegroup/drivers/db.py`).

use units::{Duration, Instant};

/// Intervals of the service group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceOptions {
    /// Time between two reports of a host (`report_interval`).
    pub report_interval: Duration,
    /// Age of the last report up to which a host is up (`service_down_time`).
    pub down_time: Duration,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            report_interval: Duration::from_secs(10),
            down_time: Duration::from_secs(60),
        }
    }
}

impl ServiceOptions {
    /// The last report of a host that reports since one instant and is silent since another.
    pub fn last_report(&self, since: Instant, silent: Instant) -> Instant {
        let interval = self.report_interval.as_nanos().max(1);
        let reports = silent.since(since).as_nanos().max(0) / interval;
        since.saturating_add(Duration::from_nanos(reports.saturating_mul(interval)))
    }

    /// Whether a host is up whose last report is this old.
    pub fn is_up(&self, age: Duration) -> bool {
        age <= self.down_time
    }

    /// The last instant at which a host is up whose last report was at an instant.
    pub fn last_up(&self, report: Instant) -> Instant {
        report.saturating_add(self.down_time)
    }
}
