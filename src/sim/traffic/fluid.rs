//! Requests of a service as flows. As long as its pods keep up, a stretch of constant rates is one
//! computation by queueing theory, however long it is; what waits or is tried again in numbers is
//! followed in steps (`stepping.rs`).

mod endpoint_group;
mod steady;

use cluster::Observer;
use model::service::Balancing;
use model::traffic::{FailureCause, TrafficNames, TrafficStretch};
use units::Instant;

use super::flow::FlowState;
use super::plan::TrafficPlan;
use super::server::Servers;
use super::service_backend::Fate;
pub(super) use endpoint_group::EndpointGroup;
use steady::Steady;

/// State that the services of a cell share.
pub(super) struct SharedState<'a> {
    pub plan: &'a TrafficPlan,
    pub servers: &'a mut Servers,
    pub names: &'a mut TrafficNames,
    pub observer: &'a mut dyn Observer,
}

/// Outcome of the tries at one pod, as parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub succeeded: f64,
    pub failed: [f64; FailureCause::ALL.len()],
}

impl Outcome {
    pub(super) fn of(cause: FailureCause) -> Self {
        let mut own = Self::default();
        own.failed[cause as usize] = 1.0;
        own
    }
}

/// The flows of a service.
#[derive(Clone, Debug, Default)]
pub(super) struct Fluid {
    pub since: Instant,
    pub flows: Vec<FlowState>,
    pub alike: Vec<EndpointGroup>,
    /// The part of each flow that finds no endpoint.
    pub lost: Vec<f64>,
    steady: Option<Box<Steady>>,
    /// Number of steps in which nothing has waited, of a group that is followed in steps; `None` of
    /// others.
    pub stepping: Option<u32>,
    is_dirty: bool,
    /// Whether the load of pods differs from the last report.
    pub is_untold: bool,
}

impl Fluid {
    /// No flow, from an instant on.
    pub(super) fn since(now: Instant) -> Self {
        Self {
            since: now,
            ..Self::default()
        }
    }

    /// Instant until which the present state goes on.
    pub(super) fn until(&self, plan: &TrafficPlan) -> Option<Instant> {
        let rates = self.flows.iter().filter_map(|flow| flow.until).min();
        let step = self.stepping.map(|_| {
            let step = plan.model.interval.as_nanos().max(1);
            let number = self.since.as_nanos() / step + 1;
            Instant::from_nanos(number.saturating_mul(step))
        });
        let place = plan.cuts.partition_point(|cut| *cut <= self.since);
        let cut = plan.cuts.get(place).copied();
        rates.into_iter().chain(step).chain(cut).min()
    }

    /// Follows the requests until an instant, through which rates and endpoints are as they are.
    pub(super) fn advance(
        &mut self,
        service: u32,
        to: Instant,
        balancing: Balancing,
        shared: &mut SharedState<'_>,
    ) {
        while self.since < to {
            if self.is_dirty {
                self.compute(balancing, shared);
            }
            let end = self.until(shared.plan).map_or(to, |until| until.min(to));
            let stretch = if self.stepping.is_some() {
                self.step(service, end, balancing, shared)
            } else {
                self.hold(service, end, shared)
            };
            shared.observer.traffic(&stretch, shared.names);
            self.since = end;
            for flow in &mut self.flows {
                if flow.until.is_some_and(|until| until <= end) {
                    flow.take_rate(&shared.plan.groups[flow.group], end);
                    self.is_dirty = true;
                }
            }
        }
    }

    /// Computes what holds from now on: a steady state, or else steps.
    fn compute(&mut self, balancing: Balancing, shared: &mut SharedState<'_>) {
        self.is_dirty = false;
        self.is_untold = true;
        if self.stepping.is_some() {
            self.stepping = Some(0);
            return;
        }
        let has_waiting = self.alike.iter().any(|own| own.waiting.total() > 0.0);
        let has_due = self.flows.iter().any(|flow| !flow.due.is_empty());
        self.steady = if has_waiting || has_due {
            None
        } else {
            self.steady(balancing, shared).map(Box::new)
        };
        if self.steady.is_none() {
            self.stepping = Some(0);
        }
    }

    /// Goes back from steps to a steady state, if there is one; what is still to be tried again ends
    /// as others do.
    pub(super) fn settle(&mut self, balancing: Balancing, shared: &mut SharedState<'_>) {
        let Some(steady) = self.steady(balancing, shared) else {
            self.stepping = Some(0);
            return;
        };
        for (flow, own) in self.flows.iter_mut().zip(&steady.flows) {
            let left: f64 = flow.due.drain(..).flatten().sum();
            flow.totals.succeeded += left * own.succeeded;
            flow.totals.within += left * own.within;
            for (total, part) in flow.totals.failed.iter_mut().zip(own.failed) {
                *total += left * part;
            }
        }
        self.steady = Some(Box::new(steady));
        self.stepping = None;
    }

    /// A stretch in which nothing changes.
    fn hold(&mut self, service: u32, end: Instant, shared: &SharedState<'_>) -> TrafficStretch {
        let nanos = end.since(self.since).as_nanos();
        let mut stretch = self.stretch(service, end, shared);
        let Some(steady) = &self.steady else {
            return stretch;
        };
        for (flow, own) in self.flows.iter_mut().zip(&steady.flows) {
            let count = flow.count(nanos) as f64;
            let totals = &mut flow.totals;
            totals.retries += count * own.retries;
            totals.succeeded += count * own.succeeded;
            totals.within += count * own.within;
            for (total, part) in totals.failed.iter_mut().zip(own.failed) {
                *total += count * part;
            }
            stretch.flows.extend(flow.tell(&own.latencies));
        }
        (stretch.in_service, stretch.waiting) = (steady.in_service, steady.waiting);
        stretch.tries = (steady.tries * nanos as f64 / 1e9).round() as u64;
        stretch
    }

    /// A stretch with the pods there are.
    pub(super) fn stretch(
        &self,
        service: u32,
        end: Instant,
        shared: &SharedState<'_>,
    ) -> TrafficStretch {
        let taken = self.alike.iter().filter(|own| own.fate == Fate::Taken);
        let (mut endpoints, mut slots) = (0.0, 0.0);
        for own in taken {
            let count = own.pods.len() as f64;
            endpoints += count;
            slots += count * f64::from(shared.servers.get(own.server).own.concurrency);
        }
        TrafficStretch {
            service,
            from: self.since,
            to: end,
            flows: Vec::new(),
            endpoints,
            in_service: 0.0,
            slots,
            waiting: 0.0,
            tries: 0,
            function: None,
        }
    }
}
