//! Rules that share devices over time, one file each.

pub mod allocation;
pub mod finish_time;
pub mod gittins;
pub mod max_min;
pub mod shortest;
pub mod time_slice;
pub mod tiresias;

use scheduler::sharing::{HeterogeneousJob, SharingRule};
use units::Duration;

use allocation::Demand;

/// A rule in the registry.
#[derive(Clone, Copy, Debug)]
pub struct SharingEntry {
    /// The rule's name.
    pub name: &'static str,
    /// Description of the rule in one sentence.
    pub summary: &'static str,
    /// `true` if it looks at the estimates of jobs' run times.
    pub uses_estimates: bool,
    /// The maker of the rule.
    pub build: fn(&SharingOptions) -> Box<dyn SharingRule>,
}

/// Options of the rules.
#[derive(Clone, Debug, PartialEq)]
pub struct SharingOptions {
    /// Service of one device at which a job leaves each queue of `tiresias`, ascending.
    pub thresholds: Vec<Duration>,
    /// A job of `tiresias` that waits longer than this many times its last run goes to the first queue
    /// again, and its service counts from then on; 0 never promotes one.
    pub promote: f64,
    /// Services of past jobs, in time of one device, that `tiresias-gittins` knows.
    pub services: Vec<Duration>,
}

impl Default for SharingOptions {
    /// Two thresholds of an hour and of ten hours; no promotion.
    fn default() -> Self {
        Self {
            thresholds: vec![Duration::from_secs(3_600), Duration::from_secs(36_000)],
            promote: 0.0,
            services: Vec::new(),
        }
    }
}

/// Every rule, in the order of the manual.
pub const SHARING_RULES: &[SharingEntry] = &[
    tiresias::ENTRY,
    tiresias::GITTINS,
    shortest::TIME,
    shortest::SERVICE,
    time_slice::ENTRY,
    max_min::ENTRY,
    finish_time::ENTRY,
];

/// The rule of a name.
pub fn sharing_rule(name: &str) -> Option<&'static SharingEntry> {
    SHARING_RULES.iter().find(|entry| entry.name == name)
}

/// Demands of jobs, on models with enough devices for them.
fn demands(jobs: &[HeterogeneousJob], devices: &[f64]) -> Vec<Demand> {
    let of = |own: &HeterogeneousJob| {
        let width = own.width;
        let each = own.speeds.iter().zip(devices);
        Demand {
            devices: width.max(1e-3),
            rates: each
                .map(|(&speed, &count)| if count >= width { speed } else { 0.0 })
                .collect(),
        }
    };
    jobs.iter().map(of).collect()
}

/// The throughput of a job that has its time split over all devices evenly.
fn even_throughput(demand: &Demand, devices: &[f64]) -> f64 {
    let all: f64 = devices.iter().sum();
    let each = demand.rates.iter().zip(devices);
    each.map(|(rate, count)| rate * count).sum::<f64>() / all.max(1.0)
}

#[cfg(test)]
pub(super) mod testing {
    use scheduler::sharing::{HeterogeneousJob, SharedJob};
    use units::{Duration, Instant};

    /// A job on one device that was submitted at zero, ran this long and waits since an instant.
    pub(crate) fn job(ran: i64, waits_since: Option<i64>) -> SharedJob {
        SharedJob {
            submitted: Instant::ZERO,
            devices: 1,
            ran: Duration::from_secs(ran),
            ran_since_promotion: Duration::from_secs(ran),
            done: Duration::from_secs(ran),
            last_run: Duration::from_secs(ran),
            waits_since: waits_since.map(Instant::from_secs),
            started: (ran > 0).then_some(Instant::ZERO),
            requested: Duration::from_secs(100),
        }
    }

    /// A copy of the job with a speed on each model.
    pub(crate) fn unlike(number: u64, speeds: &[f64]) -> HeterogeneousJob {
        HeterogeneousJob {
            number,
            job: job(0, Some(0)),
            width: 1.0,
            speeds: speeds.into(),
            ran_on: vec![Duration::ZERO; speeds.len()],
        }
    }
}
