//! Services one by one: what became of the requests to each, how long they took, what its clients
//! expect and how fast the budget for errors burns, how full its pods are (metrics.md 5.4). The metrics
//! of the same names say how each is counted; these are the rows behind them.

use model::Text;
use model::latencies::Latencies;
use model::traffic::{
    FailureCause, LatencyObjective, LatencyProfile, TrafficNames, TrafficStretch,
};

use crate::families::traffic::traffic_totals::keep_profiles;

/// Results of one service in the measured window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceRow {
    /// The service, as `NAMESPACE/NAME`.
    pub service: Text,
    /// Requests that clients made.
    pub offered: u64,
    /// Requests that were served.
    pub served: u64,
    /// Times that clients tried again.
    pub retries: u64,
    /// Requests that failed for good, by [`FailureCause`].
    pub failed: [u64; FailureCause::ALL.len()],
    /// Latency of served requests, in seconds: the mean, and percentiles.
    pub latency: Option<ServiceLatency>,
    /// Requests at work over what its pods could work on at once.
    pub saturation: Option<f64>,
    /// The largest share of it in a stretch.
    pub saturation_peak: Option<f64>,
    /// Requests that wait in its pods, over time.
    pub queue_mean: Option<f64>,
    /// Pods that take requests, over time.
    pub endpoints_mean: Option<f64>,
    /// Objectives of the clients.
    pub objectives: Vec<ServiceObjective>,
}

/// Latency of served requests, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServiceLatency {
    /// Average latency.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
}

/// Latency objective of a group of clients for a service, and the result.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceObjective {
    /// The group.
    pub group: Text,
    /// The objective.
    pub objective: LatencyObjective,
    /// The share of its requests within; `None` if none has ended.
    pub within: Option<f64>,
    /// Rate at which the budget for errors burns, as a multiple of the allowed rate.
    pub burn: Option<f64>,
}

impl ServiceRow {
    /// Requests that failed for good.
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// The fastest burn of any group.
    pub fn worst_burn(&self) -> Option<f64> {
        let burns = self
            .objectives
            .iter()
            .filter_map(|objective| objective.burn);
        burns.reduce(f64::max)
    }
}

/// Sums of a service.
#[derive(Clone, Debug, Default)]
struct Sums {
    row: ServiceRow,
    latencies: Latencies,
    worked: f64,
    slots: f64,
    waited: f64,
    endpoints: f64,
    nanos: f64,
    peak: f64,
}

/// Sums of a flow with an objective: requests within it, and requests that ended.
type ObjectiveCounts = (u64, u64);

/// Adds up reports on services.
#[derive(Clone, Debug, Default)]
pub struct Services {
    sums: Vec<Sums>,
    flows: Vec<ObjectiveCounts>,
    names: TrafficNames,
    profiles: Vec<LatencyProfile>,
}

impl Services {
    /// Adds the request outcomes of an interval of the measured window.
    pub fn add(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        keep_profiles(&mut self.profiles, names);
        if self.names.services.len() != names.services.len()
            || self.names.flows.len() != names.flows.len()
        {
            self.names.services.clone_from(&names.services);
            self.names.flows.clone_from(&names.flows);
            self.sums.resize(names.services.len(), Sums::default());
            self.flows.resize(names.flows.len(), (0, 0));
        }
        let own = &mut self.sums[stretch.service as usize];
        let nanos = stretch.nanos() as f64;
        own.nanos += nanos;
        own.worked += stretch.in_service * nanos;
        own.slots += stretch.slots * nanos;
        own.waited += stretch.waiting * nanos;
        own.endpoints += stretch.endpoints * nanos;
        if stretch.slots > 0.0 {
            own.peak = own.peak.max((stretch.in_service / stretch.slots).min(1.0));
        }
        for counts in &stretch.flows {
            own.row.offered += counts.offered;
            own.row.served += counts.succeeded;
            own.row.retries += counts.retries;
            for (total, count) in own.row.failed.iter_mut().zip(counts.failed) {
                *total += count;
            }
            own.latencies.add(&counts.latencies);
            let kept = &mut self.flows[counts.flow as usize];
            kept.0 += counts.within;
            kept.1 += counts.succeeded + counts.failures();
        }
    }

    /// The rows, in the order in which services were first heard of; those without requests are left
    /// out.
    pub fn rows(&self) -> Vec<ServiceRow> {
        let asked = self.sums.iter().enumerate();
        let asked = asked.filter(|(_, own)| own.row.offered > 0);
        asked.map(|(number, own)| self.row(number, own)).collect()
    }

    fn row(&self, number: usize, own: &Sums) -> ServiceRow {
        let sorted = own.latencies.sorted(&self.profiles);
        let secs = |per_mille| {
            let nanos = sorted.percentile(per_mille)?;
            Some(nanos as f64 / 1e9)
        };
        let latency = || {
            Some(ServiceLatency {
                mean: sorted.mean()? / 1e9,
                p50: secs(500)?,
                p95: secs(950)?,
                p99: secs(990)?,
            })
        };
        let over = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        ServiceRow {
            service: self.names.services[number].clone(),
            latency: latency(),
            saturation: over(own.worked, own.slots),
            saturation_peak: (own.slots > 0.0).then_some(own.peak),
            queue_mean: over(own.waited, own.nanos),
            endpoints_mean: over(own.endpoints, own.nanos),
            objectives: self.objectives(number),
            ..own.row.clone()
        }
    }

    fn objectives(&self, service: usize) -> Vec<ServiceObjective> {
        let flows = self.names.flows.iter().zip(&self.flows);
        let own = flows.filter(|(flow, _)| flow.service as usize == service);
        own.filter_map(|(flow, &(within, ended))| {
            let objective = flow.objective?;
            let share = (ended > 0).then(|| within as f64 / ended as f64);
            Some(ServiceObjective {
                group: flow.group.clone(),
                objective,
                within: share,
                burn: share.map(|share| (1.0 - share) / (1.0 - objective.share)),
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::traffic::{Flow, FlowCounts};
    use units::{Duration, Instant};

    #[test]
    fn rows_are_what_was_told_of_each_service() {
        let objective = LatencyObjective {
            latency: Duration::from_millis(100),
            share: 0.9,
        };
        let flow = |group: &str, service, objective| Flow {
            group: group.into(),
            service,
            objective,
        };
        let profile = |millis: i64| LatencyProfile {
            points: [(millis * 1_000_000, 1.0)].into(),
        };
        let names = TrafficNames {
            services: vec!["a/one".into(), "a/two".into(), "a/idle".into()],
            flows: vec![flow("x", 0, Some(objective)), flow("y", 1, None)],
            profiles: vec![profile(10), profile(200)],
            is_aggregated: false,
        };
        let stretch = |service, from, in_service, flows| TrafficStretch {
            service,
            from: Instant::from_secs(from),
            to: Instant::from_secs(from + 10),
            flows,
            endpoints: 2.0,
            in_service,
            slots: 4.0,
            waiting: 1.0,
            tries: 0,
            function: None,
        };
        let counts = |flow, offered, succeeded, within, refused| FlowCounts {
            flow,
            offered,
            succeeded,
            within,
            retries: 3,
            failed: [0, refused, 0, 0, 0, 0],
            latencies: vec![(0, within), (1, succeeded - within)],
        };
        let mut own = Services::default();
        own.add(
            &stretch(0, 0, 1.0, vec![counts(0, 100, 90, 80, 10)]),
            &names,
        );
        own.add(
            &stretch(0, 10, 3.0, vec![counts(0, 100, 100, 80, 0)]),
            &names,
        );
        own.add(&stretch(1, 0, 0.0, vec![counts(1, 5, 4, 4, 0)]), &names);
        own.add(&stretch(2, 0, 0.0, Vec::new()), &names);
        let rows = own.rows();
        assert_eq!(rows.len(), 2);
        let one = &rows[0];
        assert_eq!((one.offered, one.served, one.retries), (200, 190, 6));
        assert_eq!((one.failures(), one.failed[1]), (10, 10));
        let latency = one.latency.expect("served");
        assert!((latency.p50 - 0.01).abs() < 1e-12 && (latency.p95 - 0.2).abs() < 1e-12);
        assert_eq!(one.saturation.map(|own| (own * 1e6) as u64), Some(500_000));
        assert_eq!(
            one.saturation_peak.map(|own| (own * 1e6) as u64),
            Some(750_000)
        );
        // 160 of 200 within, a tenth allowed to be outside.
        let burn = one.worst_burn().expect("an objective");
        assert!((burn - 2.0).abs() < 1e-9, "{burn}");
        assert!(rows[1].objectives.is_empty() && rows[1].worst_burn().is_none());
    }
}
