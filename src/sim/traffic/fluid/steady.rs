//! The steady state of a service: what holds while rates and endpoints are as they are and its pods
//! keep up, by queueing theory.

use model::service::Balancing;
use model::traffic::FailureCause;

use super::super::flow::Latencies;
use super::super::plan::Load;
use super::super::queueing::{self, STEADY, Wait};
use super::super::server::Servers;
use super::super::service_backend::Fate;
use super::{EndpointGroup, Fluid, Outcome, SharedState};

/// Steady state, which holds while nothing changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Steady {
    pub(super) flows: Vec<SteadyFlow>,
    pub(super) in_service: f64,
    pub(super) waiting: f64,
    /// Tries a second that reach pods.
    pub(super) tries: f64,
}

/// Steady state of one request of a flow, in parts.
#[derive(Clone, Debug, Default)]
pub(super) struct SteadyFlow {
    pub(super) retries: f64,
    pub(super) succeeded: f64,
    pub(super) within: f64,
    pub(super) failed: [f64; FailureCause::ALL.len()],
    pub(super) latencies: Latencies,
}

impl Fluid {
    /// The steady state of the present rates, if there is one.
    pub(super) fn steady(
        &mut self,
        balancing: Balancing,
        shared: &mut SharedState<'_>,
    ) -> Option<Steady> {
        let plan = shared.plan;
        let count = self.flows.len();
        let mut retries = vec![0.0; count];
        let mut found = None;
        for _ in 0..100 {
            let rates: Vec<f64> = (self.flows.iter().zip(&retries))
                .map(|(flow, retries)| flow.micro as f64 / 1e6 * (1.0 + retries))
                .collect();
            let groups = self.groups(&rates, balancing, shared)?;
            let mut is_near = true;
            for (place, retried_before) in retries.iter_mut().enumerate() {
                let failing = self.failing(place, &groups).iter().sum::<f64>();
                let group = &plan.groups[self.flows[place].group];
                let own = retried(failing, group.retries.most, group.retries.budget);
                is_near &= (own - *retried_before).abs() < 1e-9 * (1.0 + own);
                *retried_before = own;
                if let Load::Closed { clients, think } = group.load {
                    let mean = self.mean_latency(place, &groups, shared.servers);
                    let turn = think.as_secs_f64() + mean * (1.0 + own) / 1e9;
                    let flow = &mut self.flows[place];
                    let before = flow.micro as f64 / 1e6;
                    let rate = flow.population(clients) / turn.max(1e-9);
                    // Half-way, so that it does not swing.
                    let next = f64::midpoint(before, rate);
                    flow.set_rate(next);
                    is_near &= (next - before).abs() <= 1e-6 * (1.0 + next);
                }
            }
            found = Some((groups, rates));
            if is_near {
                break;
            }
        }
        let (groups, rates) = found?;
        let mut steady = Steady::default();
        for (own, (_, wait)) in self.alike.iter_mut().zip(&groups) {
            own.rate = own
                .shares
                .iter()
                .zip(&rates)
                .map(|(share, rate)| share * rate)
                .sum();
            if own.fate != Fate::Taken {
                continue;
            }
            let server = shared.servers.get(own.server);
            own.queue = own.rate * wait.average() / 1e9;
            let pods = own.pods.len() as f64;
            steady.tries += pods * own.rate;
            steady.in_service += pods * own.rate * server.service / 1e9;
            steady.waiting += pods * own.queue;
        }
        for (place, &retried) in retries.iter().enumerate() {
            let own = self.steady_flow(place, &groups, retried, shared);
            steady.flows.push(own);
        }
        Some(steady)
    }

    /// Outcomes of tries at each kind of endpoint; `None` if one of them does not keep up.
    pub(super) fn groups(
        &self,
        rates: &[f64],
        balancing: Balancing,
        shared: &mut SharedState<'_>,
    ) -> Option<Vec<(Vec<Outcome>, Wait)>> {
        let mut found = Vec::with_capacity(self.alike.len());
        for own in &self.alike {
            let rate = own
                .shares
                .iter()
                .zip(rates)
                .map(|(share, rate)| share * rate);
            let outcome = self.outcome(own, rate.sum(), balancing, shared)?;
            found.push(outcome);
        }
        Some(found)
    }

    /// Outcome of each flow's tries at endpoints of a kind that take a given number a second.
    pub(in super::super) fn outcome(
        &self,
        own: &EndpointGroup,
        rate: f64,
        balancing: Balancing,
        shared: &mut SharedState<'_>,
    ) -> Option<(Vec<Outcome>, Wait)> {
        let count = self.flows.len();
        if let Some(cause) = own.fate.failure() {
            return Some((vec![Outcome::of(cause); count], Wait::NONE));
        }
        let load = rate / shared.servers.get(own.server).capacity();
        if load > STEADY {
            return None;
        }
        let count = own.pods.len() as u32;
        let wait = shared.servers.wait(own.server, count, balancing, load);
        let server = shared.servers.get(own.server);
        let full = queueing::blocked(wait.share, load, server.own.queue_limit);
        let flows = (self.flows.iter()).map(|flow| {
            let timeout = shared.plan.groups[flow.group].timeout.as_nanos() as f64;
            let late = server.tail(wait, 0.0, timeout);
            let taken = (1.0 - full) * (1.0 - late);
            let mut own = Outcome {
                succeeded: taken * (1.0 - server.own.error_share),
                ..Outcome::default()
            };
            own.failed[FailureCause::Timeout as usize] = (1.0 - full) * late;
            own.failed[FailureCause::QueueFull as usize] = full;
            own.failed[FailureCause::Error as usize] = taken * server.own.error_share;
            own
        });
        Some((flows.collect(), wait))
    }

    /// The parts of a flow's tries that fail, by cause.
    pub(super) fn failing(
        &self,
        place: usize,
        groups: &[(Vec<Outcome>, Wait)],
    ) -> [f64; FailureCause::ALL.len()] {
        let mut failed = [0.0; FailureCause::ALL.len()];
        failed[FailureCause::NoEndpoint as usize] = self.lost.get(place).copied().unwrap_or(1.0);
        for (own, (outcomes, _)) in self.alike.iter().zip(groups) {
            let part = own.shares[place] * own.pods.len() as f64;
            for (total, each) in failed.iter_mut().zip(outcomes[place].failed) {
                *total += part * each;
            }
        }
        failed
    }

    /// Average time of a try, in nanoseconds.
    pub(super) fn mean_latency(
        &self,
        place: usize,
        groups: &[(Vec<Outcome>, Wait)],
        servers: &Servers,
    ) -> f64 {
        let parts = (self.alike.iter().zip(groups)).map(|(own, (_, wait))| {
            let part = own.shares[place] * own.pods.len() as f64;
            part * (wait.average() + servers.get(own.server).service)
        });
        parts.sum()
    }

    pub(super) fn steady_flow(
        &self,
        place: usize,
        groups: &[(Vec<Outcome>, Wait)],
        retries: f64,
        shared: &mut SharedState<'_>,
    ) -> SteadyFlow {
        let group = &shared.plan.groups[self.flows[place].group];
        let causes = self.failing(place, groups);
        let failing: f64 = causes.iter().sum();
        let succeeded = ((1.0 + retries) * (1.0 - failing)).clamp(0.0, 1.0);
        let mut flow = SteadyFlow {
            retries,
            succeeded,
            ..SteadyFlow::default()
        };
        if failing > 0.0 {
            flow.failed = causes.map(|cause| (1.0 - succeeded) * cause / failing);
        }
        // Tries that succeed: the first, and those after one or more failures.
        let all = retried(failing, group.retries.most, f64::INFINITY);
        let granted = if all > 0.0 { retries / all } else { 0.0 };
        let limit = group.objective.map(|own| own.latency.as_nanos() as f64);
        let (mut part, mut base) = (1.0, 0.0);
        for tries in 0..=group.retries.most {
            if part < 1e-5 {
                break;
            }
            for (own, (outcomes, wait)) in self.alike.iter().zip(groups) {
                let each = own.shares[place] * own.pods.len() as f64 * part;
                let well = each * outcomes[place].succeeded;
                if well <= 0.0 {
                    continue;
                }
                let profile = shared
                    .servers
                    .profile(shared.names, own.server, *wait, base);
                flow.latencies.push((profile, well));
                let server = shared.servers.get(own.server);
                let late = limit.map_or(0.0, |limit| server.tail(*wait, base, limit));
                flow.within += well * (1.0 - late);
            }
            base += self.failure_nanos(place, &causes, groups, shared)
                + group.retries.back_off.as_nanos() as f64 * f64::from(1_u32 << tries.min(20));
            part = if tries == 0 {
                failing * granted
            } else {
                part * failing
            };
        }
        flow.within = flow.within.min(flow.succeeded);
        flow
    }

    /// Average time of a try that fails.
    pub(super) fn failure_nanos(
        &self,
        place: usize,
        causes: &[f64; FailureCause::ALL.len()],
        groups: &[(Vec<Outcome>, Wait)],
        shared: &SharedState<'_>,
    ) -> f64 {
        let failing: f64 = causes.iter().sum();
        if failing <= 0.0 {
            return 0.0;
        }
        let group = &shared.plan.groups[self.flows[place].group];
        let late = causes[FailureCause::Timeout as usize] * group.timeout.as_nanos() as f64;
        let answered =
            causes[FailureCause::Error as usize] * self.mean_latency(place, groups, shared.servers);
        (late + answered) / failing
    }
}

/// Tries beyond the first of a request, where each fails with a probability: at most so many, and
/// not more than a budget on average.
fn retried(failing: f64, most: u32, budget: f64) -> f64 {
    let (mut all, mut part) = (0.0, 1.0);
    for _ in 0..most {
        part *= failing;
        all += part;
    }
    f64::min(all, budget)
}
