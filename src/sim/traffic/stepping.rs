//! Requests that wait in pods and further tries, followed in steps. A try is decided when it comes:
//! it finds the queue full, its client will wait no longer before its turn (the pod works on it all
//! the same), or it joins those that wait and are answered in their order.

use model::service::Balancing;
use model::traffic::{FailureCause, TrafficStretch};
use units::{Duration, Instant};

use super::flow::Latencies;
use super::fluid::{Fluid, Outcome, SharedState};
use super::plan::Load;
use super::queueing::{STEADY, Wait};
use super::service_backend::Fate;

/// Steps in which nothing waits before a steady state is looked for.
const CALM: u32 = 5;

/// Load above which steps go on.
const LOADED: f64 = 0.9;

/// Most steps that something is tried again after.
const MOST_STEPS: usize = 100_000;

/// Tries of one step that failed.
#[derive(Clone, Copy)]
struct Failure {
    /// The place of their flow.
    place: usize,
    /// The number of tries before.
    tried: usize,
    cause: FailureCause,
    amount: f64,
    /// Time that the failed tries took.
    took: Duration,
}

/// Tries of one step that end in endpoints that are alike.
#[derive(Clone, Copy)]
struct TryBatch {
    /// The number of the endpoints.
    endpoints: usize,
    /// The place of their flow.
    place: usize,
    /// The number of tries before.
    tried: usize,
    amount: f64,
}

/// Outcome of tries, their waits, and the waits that are certain, in nanoseconds.
#[derive(Clone, Copy)]
struct TryOutcome {
    outcome: Outcome,
    wait: Wait,
    base: f64,
}

/// A step in progress.
struct Step {
    secs: f64,
    /// By flow and tries before.
    arrivals: Vec<Vec<f64>>,
    failures: Vec<Failure>,
    latencies: Vec<Latencies>,
    in_service: f64,
    waiting: f64,
    tries: f64,
    is_calm: bool,
}

impl Fluid {
    /// A step up to an instant.
    pub(super) fn step(
        &mut self,
        service: u32,
        end: Instant,
        balancing: Balancing,
        shared: &mut SharedState<'_>,
    ) -> TrafficStretch {
        self.is_untold = true;
        let interval = shared.plan.model.interval.as_nanos().max(1);
        let mut step = Step {
            secs: end.since(self.since).as_nanos() as f64 / 1e9,
            arrivals: self.arrivals(end, shared),
            failures: Vec::new(),
            latencies: vec![Latencies::new(); self.flows.len()],
            in_service: 0.0,
            waiting: 0.0,
            tries: 0.0,
            is_calm: true,
        };
        let mut stretch = self.stretch(service, end, shared);
        for (place, lost) in self
            .lost
            .iter()
            .enumerate()
            .filter(|(_, lost)| **lost > 0.0)
        {
            for (tries, amount) in step.arrivals[place].iter().enumerate() {
                let cause = FailureCause::NoEndpoint;
                step.failures.push(Failure {
                    place,
                    tried: tries,
                    cause,
                    amount: amount * lost,
                    took: Duration::ZERO,
                });
            }
        }
        for place in 0..self.alike.len() {
            self.serve(place, &mut step, balancing, shared);
        }
        for failure in std::mem::take(&mut step.failures) {
            self.failed(failure, interval, shared);
        }
        for (flow, latencies) in self.flows.iter_mut().zip(&step.latencies) {
            stretch.flows.extend(flow.tell(latencies));
        }
        stretch.in_service = step.in_service;
        stretch.waiting = step.waiting;
        stretch.tries = step.tries.round() as u64;
        if end.as_nanos() % interval == 0 {
            for flow in &mut self.flows {
                flow.due.pop_front();
                while flow
                    .due
                    .back()
                    .is_some_and(|due| due.iter().all(|amount| *amount <= 0.0))
                {
                    flow.due.pop_back();
                }
            }
            self.stepping = match self.stepping {
                Some(calm) if step.is_calm => Some(calm + 1),
                other => other.map(|_| 0),
            };
        }
        if self.stepping.is_some_and(|calm| calm >= CALM) {
            self.since = end;
            self.settle(balancing, shared);
        }
        stretch
    }

    /// Arrivals of a step: new requests, and further tries at its beginning.
    fn arrivals(&mut self, end: Instant, shared: &SharedState<'_>) -> Vec<Vec<f64>> {
        let nanos = end.since(self.since).as_nanos();
        let mut all = Vec::with_capacity(self.flows.len());
        for place in 0..self.flows.len() {
            let group = &shared.plan.groups[self.flows[place].group];
            if let Load::Closed { clients, think } = group.load {
                let waiting: f64 = (self.alike.iter())
                    .map(|own| {
                        let alive = own.waiting.alive.iter();
                        let alive = alive.filter(|((flow, _), _)| *flow == place);
                        alive.map(|(_, amount)| amount).sum::<f64>() * own.pods.len() as f64
                    })
                    .sum();
                let due: f64 = self.flows[place].due.iter().flatten().sum();
                let service: f64 = (self.alike.iter())
                    .map(|own| {
                        let part = own.shares[place] * own.pods.len() as f64;
                        part * shared.servers.get(own.server).service
                    })
                    .sum();
                let flow = &mut self.flows[place];
                let free = (flow.population(clients) - waiting - due).max(0.0);
                let turn = think.as_secs_f64() + service / 1e9;
                flow.set_rate(free / turn.max(1e-3));
            }
            let flow = &mut self.flows[place];
            let new = flow.count(nanos) as f64;
            if group.retries.budget.is_finite() {
                // Ten seconds' worth is saved up at most.
                let most = flow.micro as f64 / 1e5 * group.retries.budget;
                flow.tokens = (flow.tokens + new * group.retries.budget).min(most.max(1.0));
            }
            let mut own = vec![0.0; group.retries.most as usize + 1];
            own[0] = new;
            if let Some(due) = flow.due.front_mut() {
                for (tries, amount) in due.iter_mut().enumerate() {
                    own[tries] += *amount;
                    *amount = 0.0;
                }
            }
            all.push(own);
        }
        all
    }

    /// Serves a step at the endpoints of a kind.
    fn serve(
        &mut self,
        number: usize,
        step: &mut Step,
        balancing: Balancing,
        shared: &mut SharedState<'_>,
    ) {
        let own = &self.alike[number];
        let pods = own.pods.len() as f64;
        let per_pod: Vec<Vec<f64>> = (step.arrivals.iter().zip(&own.shares))
            .map(|(tries, share)| tries.iter().map(|amount| amount * share).collect())
            .collect();
        let inflow: f64 = per_pod.iter().flatten().sum();
        let before = own.waiting.total();
        let rate = inflow / step.secs;
        let capacity = shared.servers.get(own.server).capacity();
        let is_taken = own.fate == Fate::Taken;
        if is_taken && (before > 0.0 || rate / capacity > LOADED) {
            step.is_calm = false;
        }
        let steady = if before > 0.0 || (is_taken && rate > capacity * STEADY) {
            None
        } else {
            self.outcome(own, rate, balancing, shared)
        };
        if is_taken {
            step.tries += inflow * pods;
        }
        self.alike[number].rate = rate;
        match steady {
            Some((outcomes, wait)) => {
                if is_taken {
                    step.in_service +=
                        pods * rate * shared.servers.get(self.alike[number].server).service / 1e9;
                    step.waiting += pods * rate * wait.average() / 1e9;
                    self.alike[number].queue = rate * wait.average() / 1e9;
                }
                for (place, tries) in per_pod.iter().enumerate() {
                    for (tried, amount) in tries.iter().enumerate() {
                        let tries = TryBatch {
                            endpoints: number,
                            place,
                            tried,
                            amount: amount * pods,
                        };
                        let ending = TryOutcome {
                            outcome: outcomes[place],
                            wait,
                            base: 0.0,
                        };
                        self.end(tries, ending, step, shared);
                    }
                }
            }
            None => self.queue(number, &per_pod, step, shared),
        }
    }

    /// Tries join what waits, and as many are answered as the pod can.
    #[expect(
        clippy::too_many_lines,
        reason = "one balance from arrivals to departures"
    )]
    fn queue(
        &mut self,
        number: usize,
        per_pod: &[Vec<f64>],
        step: &mut Step,
        shared: &mut SharedState<'_>,
    ) {
        let own = &self.alike[number];
        let (pods, server_number) = (own.pods.len() as f64, own.server);
        let server = shared.servers.get(server_number).clone();
        let inflow: f64 = per_pod.iter().flatten().sum();
        let before = own.waiting.total();
        let (capacity, limit) = (server.capacity(), f64::from(server.own.queue_limit));
        let served = (before + inflow).min(capacity * step.secs);
        let rest = before + inflow - served;
        let full = (rest - limit).clamp(0.0, inflow);
        let after = rest - full;
        let wait = f64::midpoint(before, after) / capacity * 1e9;
        let joining = if inflow > 0.0 {
            1.0 - full / inflow
        } else {
            0.0
        };
        let mut late_parts = Vec::new();
        for (place, tries) in per_pod.iter().enumerate() {
            let timeout = shared.plan.groups[self.flows[place].group].timeout;
            let late = server.tail(Wait::NONE, wait, timeout.as_nanos() as f64);
            late_parts.push(late);
            for (tried, amount) in tries
                .iter()
                .enumerate()
                .filter(|(_, amount)| **amount > 0.0)
            {
                let (joins, refused) = (amount * joining, amount * (1.0 - joining) * pods);
                let failures = &mut step.failures;
                failures.push(Failure {
                    place,
                    tried,
                    cause: FailureCause::QueueFull,
                    amount: refused,
                    took: Duration::ZERO,
                });
                failures.push(Failure {
                    place,
                    tried,
                    cause: FailureCause::Timeout,
                    amount: joins * late * pods,
                    took: timeout,
                });
                let waiting = &mut self.alike[number].waiting;
                waiting.dead += joins * late;
                *waiting.alive.entry((place, tried)).or_default() += joins * (1.0 - late);
            }
        }
        let there = before + inflow - full;
        let leaving = if there > 0.0 {
            (served / there).min(1.0)
        } else {
            0.0
        };
        let stays = if after <= 1e-9 { 0.0 } else { 1.0 - leaving };
        let waiting = &mut self.alike[number].waiting;
        let mut left = Vec::new();
        waiting.alive.retain(|&key, amount| {
            left.push((key, *amount * (1.0 - stays)));
            *amount *= stays;
            *amount > 0.0
        });
        waiting.dead *= stays;
        self.alike[number].queue = after;
        step.in_service += pods * (served / step.secs) * server.service / 1e9;
        step.waiting += pods * after;
        let error = server.own.error_share;
        for ((place, tried), amount) in left {
            let mut outcome = Outcome {
                succeeded: 1.0 - error,
                ..Outcome::default()
            };
            outcome.failed[FailureCause::Error as usize] = error;
            let tries = TryBatch {
                endpoints: number,
                place,
                tried,
                amount: amount * pods,
            };
            let ending = TryOutcome {
                outcome,
                wait: Wait::NONE,
                base: wait,
            };
            self.end(tries, ending, step, shared);
        }
    }

    /// Tries end as said.
    fn end(
        &mut self,
        tries: TryBatch,
        ending: TryOutcome,
        step: &mut Step,
        shared: &mut SharedState<'_>,
    ) {
        let TryBatch {
            endpoints,
            place,
            tried,
            amount,
        } = tries;
        let TryOutcome {
            outcome,
            wait,
            base,
        } = ending;
        if amount <= 0.0 {
            return;
        }
        let group = &shared.plan.groups[self.flows[place].group];
        let well = amount * outcome.succeeded;
        let server_number = self.alike[endpoints].server;
        if well > 0.0 {
            let passed = base + passed(group, tried, self.flows[place].took);
            let profile = shared
                .servers
                .profile(shared.names, server_number, wait, passed);
            let latencies = &mut step.latencies[place];
            match latencies.iter_mut().find(|(known, _)| *known == profile) {
                Some((_, count)) => *count += well,
                None => latencies.push((profile, well)),
            }
            let limit = group.objective.map(|own| own.latency.as_nanos() as f64);
            let server = shared.servers.get(server_number);
            let late = limit.map_or(0.0, |limit| server.tail(wait, passed, limit));
            let totals = &mut self.flows[place].totals;
            totals.succeeded += well;
            totals.within += well * (1.0 - late);
        }
        let service = Duration::from_nanos(shared.servers.get(server_number).service as i64);
        for cause in FailureCause::ALL {
            let part = outcome.failed[cause as usize];
            if part > 0.0 {
                let took = match cause {
                    FailureCause::Timeout => group.timeout,
                    FailureCause::Error => service,
                    _ => Duration::ZERO,
                };
                step.failures.push(Failure {
                    place,
                    tried,
                    cause,
                    amount: amount * part,
                    took,
                });
            }
        }
    }

    /// Tries failed: they are made again after a while, as far as tries and budget are left.
    fn failed(&mut self, failure: Failure, interval: i64, shared: &SharedState<'_>) {
        let Failure {
            place,
            tried,
            cause,
            amount,
            took,
        } = failure;
        if amount <= 0.0 {
            return;
        }
        let flow = &mut self.flows[place];
        flow.took += 0.1 * (took.as_nanos() as f64 - flow.took);
        let retries = &shared.plan.groups[flow.group].retries;
        let mut granted = if tried < retries.most as usize {
            amount
        } else {
            0.0
        };
        if retries.budget.is_finite() {
            granted = granted.min(flow.tokens);
            flow.tokens -= granted;
        }
        flow.fail(cause, amount - granted);
        if granted <= 0.0 {
            return;
        }
        flow.totals.retries += granted;
        let pause = retries
            .back_off
            .as_nanos()
            .saturating_mul(1 << tried.min(20));
        let nanos = took.as_nanos().saturating_add(pause);
        let steps = ((nanos + interval - 1) / interval).max(1) as usize;
        let steps = steps.min(MOST_STEPS);
        // The front is the step in progress.
        while flow.due.len() <= steps {
            flow.due.push_back(Vec::new());
        }
        let due = &mut flow.due[steps];
        if due.len() <= tried + 1 {
            due.resize(tried + 2, 0.0);
        }
        due[tried + 1] += granted;
    }
}

/// Time that a request has taken before a try that is not its first: its pauses, and failures as
/// long as they were of late.
fn passed(group: &super::plan::Group, tried: usize, took: f64) -> f64 {
    let pauses = (1_u64 << tried.min(20)) - 1;
    group.retries.back_off.as_nanos() as f64 * pauses as f64 + took * tried as f64
}
