//! Requests of a service as flows. As long as its pods keep up, a stretch of constant rates is one
//! computation by queueing theory, however long it is; what waits or is tried again in numbers is
//! followed in steps (`stepping.rs`).

use std::collections::BTreeMap;

use crate::cluster::Observer;
use crate::model::service::Balancing;
use crate::model::traffic::{FailureCause, TrafficNames, TrafficStretch};
use crate::model::{PodRef, Text};
use crate::units::Instant;

use super::backing::{Backing, Fate};
use super::entry::{Entry, NOBODY};
use super::flow::{FlowState, Latencies};
use super::plan::{Load, Target, TrafficPlan};
use super::queueing::{self, STEADY, Wait};
use super::server::Servers;

/// What the services of a cell share.
pub(super) struct Shared<'a> {
    pub plan: &'a TrafficPlan,
    pub servers: &'a mut Servers,
    pub names: &'a mut TrafficNames,
    pub observer: &'a mut dyn Observer,
}

/// Endpoints that are alike: of one kind, with the same part of every flow and as much waiting.
#[derive(Clone, Debug)]
pub(super) struct Alike {
    pub server: u16,
    pub fate: Fate,
    pub pods: Vec<PodRef>,
    /// The part of each flow that goes to one of them.
    pub shares: Vec<f64>,
    /// What waits in one of them.
    pub waiting: Waiting,
    /// Tries a second that reach one of them, as computed last.
    pub rate: f64,
    /// Requests that wait in one of them on average, as computed last.
    pub queue: f64,
}

/// What waits in a pod: requests whose client still waits, by flow and tries before, and others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Waiting {
    pub alive: BTreeMap<(usize, usize), f64>,
    pub dead: f64,
}

impl Waiting {
    pub(super) fn total(&self) -> f64 {
        self.alive.values().sum::<f64>() + self.dead
    }
}

/// How tries at one pod end, as parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub succeeded: f64,
    pub failed: [f64; 5],
}

impl Outcome {
    pub(super) fn of(cause: FailureCause) -> Self {
        let mut own = Self::default();
        own.failed[cause as usize] = 1.0;
        own
    }
}

/// What holds while nothing changes.
#[derive(Clone, Debug, Default)]
struct Steady {
    flows: Vec<SteadyFlow>,
    in_service: f64,
    waiting: f64,
    /// Tries a second that reach pods.
    tries: f64,
}

/// Of one request of a flow, in parts.
#[derive(Clone, Debug, Default)]
struct SteadyFlow {
    retries: f64,
    succeeded: f64,
    within: f64,
    failed: [f64; 5],
    latencies: Latencies,
}

/// The flows of a service.
#[derive(Clone, Debug, Default)]
pub(super) struct Fluid {
    pub since: Instant,
    pub flows: Vec<FlowState>,
    pub alike: Vec<Alike>,
    /// The part of each flow that finds no endpoint.
    pub lost: Vec<f64>,
    steady: Option<Box<Steady>>,
    /// Whether it is followed in steps, and for how many of them nothing has waited.
    pub stepping: Option<u32>,
    is_dirty: bool,
    /// Whether pods are loaded otherwise than was told of.
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

    /// Until when what holds now goes on.
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

    /// Puts endpoints that are alike together, after a change.
    pub(super) fn regroup(
        &mut self,
        backing: &Backing,
        (servers, plan): (&Servers, &TrafficPlan),
        entry: &Entry<'_>,
    ) {
        let is_down = &|node| entry.is_down(node);
        self.is_dirty = true;
        let mut waiting: BTreeMap<PodRef, (u16, Waiting)> = BTreeMap::new();
        for own in self.alike.drain(..) {
            if own.waiting.total() > 0.0 {
                let each = own
                    .pods
                    .iter()
                    .map(|&pod| (pod, (own.server, own.waiting.clone())));
                waiting.extend(each);
            }
        }
        let count = self.flows.len();
        let mut shares: BTreeMap<Text, (PodRef, u16, Vec<f64>)> = BTreeMap::new();
        self.lost = vec![1.0; count];
        let (mut refused, mut silent) = (vec![0.0; count], vec![0.0; count]);
        for (place, flow) in self.flows.iter().enumerate() {
            let mut balanced = flow.sharing.shares(backing.balancing, servers);
            if let Target::Published { .. } = plan.groups[flow.group].target {
                let spread = entry.spread(backing, balanced);
                balanced = spread.endpoints;
                (refused[place], silent[place]) = (spread.refused, spread.silent);
                self.lost[place] -= spread.refused + spread.silent;
            }
            for (seen, share) in balanced {
                let entry = shares.entry(seen.address.clone());
                let own = entry.or_insert_with(|| (seen.pod, seen.server, vec![0.0; count]));
                own.2[place] += share;
                self.lost[place] -= share;
            }
        }
        for lost in &mut self.lost {
            // What is left of rounding is nothing.
            *lost = if *lost < 1e-9 { 0.0 } else { *lost };
        }
        let mut lost_waiting = Vec::new();
        // What hosts themselves refuse or don't answer goes to no pod at all.
        for (fate, shares) in [(Fate::Refused, refused), (Fate::Silent, silent)] {
            if shares.iter().any(|share| *share > 1e-9) {
                let nobody = (NOBODY, 0, fate);
                self.join(nobody, shares, Waiting::default(), &mut lost_waiting);
            }
        }
        for (address, (pod, server, shares)) in shares {
            let fate = backing.fate(&address, is_down);
            let own = waiting.remove(&pod).map(|(_, own)| own).unwrap_or_default();
            self.join((pod, server, fate), shares, own, &mut lost_waiting);
        }
        // Pods that nobody sees any more work off what waits in them.
        for (pod, (server, own)) in waiting {
            let is_there = backing.running().find(|member| member.pod == pod);
            let is_silent = is_there.is_some_and(|member| member.node.is_some_and(is_down));
            let fate = match is_there {
                Some(_) if is_silent => Fate::Silent,
                Some(_) => Fate::Taken,
                None => Fate::Refused,
            };
            self.join(
                (pod, server, fate),
                vec![0.0; count],
                own,
                &mut lost_waiting,
            );
        }
        for (place, tries, amount) in lost_waiting {
            self.lose(plan, (place, tries), amount);
        }
    }

    fn join(
        &mut self,
        (pod, server, fate): (PodRef, u16, Fate),
        shares: Vec<f64>,
        mut waiting: Waiting,
        lost: &mut Vec<(usize, usize, f64)>,
    ) {
        if fate != Fate::Taken {
            let alive = std::mem::take(&mut waiting).alive.into_iter();
            lost.extend(alive.map(|((place, tries), amount)| (place, tries, amount)));
            if shares.iter().all(|share| *share <= 0.0) {
                return;
            }
        }
        let known = self.alike.iter_mut().find(|own| {
            own.server == server
                && own.fate == fate
                && own.shares == shares
                && own.waiting == waiting
        });
        match known {
            Some(own) => own.pods.push(pod),
            None => self.alike.push(Alike {
                server,
                fate,
                pods: vec![pod],
                shares,
                waiting,
                rate: 0.0,
                queue: 0.0,
            }),
        }
    }

    /// Requests waited in a pod that is gone: they are tried again at once, or have failed.
    fn lose(&mut self, plan: &TrafficPlan, (place, tries): (usize, usize), amount: f64) {
        let flow = &mut self.flows[place];
        if tries >= plan.groups[flow.group].retries.most as usize {
            flow.fail(FailureCause::Refused, amount);
            return;
        }
        flow.totals.retries += amount;
        if flow.due.is_empty() {
            flow.due.push_back(Vec::new());
        }
        let due = &mut flow.due[0];
        if due.len() <= tries + 1 {
            due.resize(tries + 2, 0.0);
        }
        due[tries + 1] += amount;
    }

    /// Follows the requests until an instant, through which rates and endpoints are as they are.
    pub(super) fn advance(
        &mut self,
        (service, to): (u32, Instant),
        balancing: Balancing,
        shared: &mut Shared<'_>,
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
    fn compute(&mut self, balancing: Balancing, shared: &mut Shared<'_>) {
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
    pub(super) fn settle(&mut self, balancing: Balancing, shared: &mut Shared<'_>) {
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
    fn hold(&mut self, service: u32, end: Instant, shared: &Shared<'_>) -> TrafficStretch {
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
        shared: &Shared<'_>,
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
        }
    }

    /// The steady state of the present rates, if there is one.
    fn steady(&mut self, balancing: Balancing, shared: &mut Shared<'_>) -> Option<Steady> {
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

    /// How tries end at each kind of endpoint; `None` if one of them does not keep up.
    fn groups(
        &self,
        rates: &[f64],
        balancing: Balancing,
        shared: &mut Shared<'_>,
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

    /// How tries of each flow end at endpoints of a kind that take so many a second.
    pub(super) fn outcome(
        &self,
        own: &Alike,
        rate: f64,
        balancing: Balancing,
        shared: &mut Shared<'_>,
    ) -> Option<(Vec<Outcome>, Wait)> {
        let count = self.flows.len();
        match own.fate {
            Fate::Refused => {
                return Some((vec![Outcome::of(FailureCause::Refused); count], Wait::NONE));
            }
            Fate::Silent => {
                return Some((vec![Outcome::of(FailureCause::Timeout); count], Wait::NONE));
            }
            Fate::Taken => {}
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
    fn failing(&self, place: usize, groups: &[(Vec<Outcome>, Wait)]) -> [f64; 5] {
        let mut failed = [0.0; 5];
        failed[FailureCause::NoEndpoint as usize] = self.lost.get(place).copied().unwrap_or(1.0);
        for (own, (outcomes, _)) in self.alike.iter().zip(groups) {
            let part = own.shares[place] * own.pods.len() as f64;
            for (total, each) in failed.iter_mut().zip(outcomes[place].failed) {
                *total += part * each;
            }
        }
        failed
    }

    /// How long a try takes on average, in nanoseconds.
    fn mean_latency(
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

    fn steady_flow(
        &self,
        place: usize,
        groups: &[(Vec<Outcome>, Wait)],
        retries: f64,
        shared: &mut Shared<'_>,
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

    /// How long a try that fails takes on average.
    fn failure_nanos(
        &self,
        place: usize,
        causes: &[f64; 5],
        groups: &[(Vec<Outcome>, Wait)],
        shared: &Shared<'_>,
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
