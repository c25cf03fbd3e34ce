//! Requests to functions: each has an instance to itself, which begins when none is idle.

use std::collections::VecDeque;

use control::services::{FunctionPool, Invocation};
use model::Text;
use model::traffic::{FailureCause, FunctionCounts};
use units::{Duration, Instant};

use super::super::entry::NOBODY;
use super::super::fluid::SharedState;
use super::super::plan::{FunctionPlan, TrafficPlan};
use super::{NextEvent, Requests, Try, World};

/// Nanoseconds in a millisecond, in which provisioned time is counted.
const MILLISECOND: u128 = 1_000_000;

/// A function at work.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pool: FunctionPool,
    queue: VecDeque<Try>,
    /// Requests at work of clients that may know nothing any more.
    counts: FunctionCounts,
    /// Instances that were told of.
    told: u64,
}

/// A try that an instance of a function works on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) function: usize,
    pub(super) request: usize,
    pub(super) serial: u64,
}

impl Function {
    pub(super) fn new(plan: &FunctionPlan) -> Self {
        Self {
            pool: FunctionPool::new(plan.limits),
            queue: VecDeque::new(),
            counts: FunctionCounts::default(),
            told: 0,
        }
    }

    /// Instances that are there.
    pub(super) fn instances(&mut self, now: Instant) -> f64 {
        self.pool.expire(now);
        f64::from(self.pool.instances())
    }

    /// Counts since the last report, `nanos` nanoseconds ago.
    pub(super) fn counts(&mut self, plan: &FunctionPlan, nanos: i64) -> FunctionCounts {
        let mut counts = std::mem::take(&mut self.counts);
        counts.instances = self.pool.created() - self.told;
        self.told = self.pool.created();
        let provisioned = u128::from(plan.limits.provisioned) * u128::from(plan.memory_mib);
        counts.provisioned_mib_ms = provisioned * nanos.max(0) as u128 / MILLISECOND;
        counts
    }
}

impl Requests {
    pub(super) fn add_functions(&mut self, plan: &TrafficPlan) {
        let functions = plan.functions.iter();
        self.functions = functions.map(Function::new).collect();
    }

    /// A try at a function.
    pub(super) fn invoke(
        &mut self,
        now: Instant,
        request: usize,
        number: usize,
        shared: &SharedState<'_>,
    ) {
        let Some(open) = self.open[request].as_mut() else {
            return;
        };
        let own = Try {
            request,
            serial: open.serial,
            service: open.service,
            who: open.who.nth(u64::from(open.tries)),
            group: open.group,
        };
        let function = &mut self.functions[number];
        let invocation = function.pool.invoke(now);
        if invocation == Invocation::Throttled {
            function.counts.throttled += 1;
            return self.failed(now, request, FailureCause::QueueFull, shared);
        }
        open.at = Some((Text::default(), NOBODY));
        let patience = shared.plan.groups[own.group].timeout;
        let give_up = NextEvent::GiveUp {
            request,
            serial: own.serial,
        };
        self.push(now.saturating_add(patience), give_up);
        self.tally(own.service).tries += 1;
        if invocation == Invocation::Queued {
            self.functions[number].queue.push_back(own);
            return self.weigh(now, own.service, 0, 1);
        }
        self.weigh(now, own.service, 1, 0);
        self.run(now, own, number, invocation == Invocation::Cold, shared);
    }

    /// An instance works on a try, which is billed as it begins.
    fn run(
        &mut self,
        now: Instant,
        own: Try,
        number: usize,
        is_cold: bool,
        shared: &SharedState<'_>,
    ) {
        let plan = &shared.plan.functions[number];
        let work = plan.duration.sample(&mut self.draws.service.of(own.who));
        let start = if is_cold {
            plan.cold_start
                .sample(&mut self.draws.cold_starts.of(own.who))
        } else {
            Duration::ZERO
        };
        let all = work.checked_add(start).unwrap_or(Duration::MAX);
        let billed = if plan.bills_start { all } else { work };
        let counts = &mut self.functions[number].counts;
        counts.invoked(plan.memory_mib, billed);
        counts.cold_starts += u64::from(is_cold);
        let at = now.saturating_add(all.max(Duration::from_nanos(1)));
        let done = NextEvent::Done {
            function: number as u32,
            request: own.request,
            serial: own.serial,
        };
        self.push(at, done);
    }

    /// An instance is done with a try, of which its client may know nothing any more.
    pub(super) fn done(
        &mut self,
        now: Instant,
        run: Run,
        world: &mut World<'_>,
        shared: &mut SharedState<'_>,
    ) {
        let Run {
            function: number,
            request,
            serial,
        } = run;
        let Some(&service) = world.functions.get(&number) else {
            return;
        };
        self.weigh(now, service, -1, 0);
        let function = &mut self.functions[number];
        if function.pool.finish(now)
            && let Some(next) = function.queue.pop_front()
        {
            self.weigh(now, service, 1, -1);
            self.run(now, next, number, false, shared);
        }
        if self.is_at(request, serial) {
            let share = shared.plan.functions[number].error_share;
            self.answered(now, request, share, world, shared);
        }
    }
}
