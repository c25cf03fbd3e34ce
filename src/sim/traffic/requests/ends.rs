//! Ends of tries, and the consequences for their requests: they have succeeded, are tried again, or
//! have failed.

use control::services::RequestOutcome;
use model::PodRef;
use model::traffic::FailureCause;
use units::{Duration, Instant};

use super::super::fluid::SharedState;
use super::super::plan::{Load, TrafficPlan};
use super::{ClientKey, NextEvent, Request, Requests, World};

impl Requests {
    /// A pod has finished a try, of which its client may know nothing any more.
    pub(super) fn finish(
        &mut self,
        now: Instant,
        pod: PodRef,
        serial: u64,
        world: &mut World<'_>,
        shared: &mut SharedState<'_>,
    ) {
        // Its pod may be gone.
        let Some(worker) = self.workers.get_mut(&pod) else {
            return;
        };
        let Some(place) = worker.busy.iter().position(|own| own.serial == serial) else {
            return;
        };
        let (done, server) = (worker.busy.swap_remove(place), worker.server);
        let next = worker.queue.pop_front();
        worker.busy.extend(next);
        if next.is_some() {
            worker.recent.begun(now);
        }
        self.weigh(now, done.service, -1, 0);
        if let Some(next) = next {
            self.weigh(now, next.service, 1, -1);
            self.work(now, next, pod, server, shared);
        }
        let request = done.request;
        if !self.is_at(request, serial) {
            return;
        }
        let share = shared.servers.get(server).own.error_share;
        self.answered(now, request, share, world, shared);
    }

    /// A client has its answer, which is an error with a probability.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        request: usize,
        share: f64,
        world: &World<'_>,
        shared: &mut SharedState<'_>,
    ) {
        let Some(who) = self.present_try(request) else {
            return;
        };
        let fails = share > 0.0 && self.draws.errors.of(who).unit_f64() < share;
        if fails {
            self.leave(now, request, world, RequestOutcome::Failed);
            return self.failed(now, request, FailureCause::Error, shared);
        }
        self.leave(now, request, world, RequestOutcome::Well);
        let Some(own) = self.open[request].take() else {
            return;
        };
        self.vacant.push(request);
        let took = now.since(own.first);
        let objective = shared.plan.groups[own.group].objective;
        let profile = shared.servers.single(shared.names, took.as_nanos());
        let counts = self.counts(own.service, own.flow);
        counts.succeeded += 1;
        counts.within += u64::from(objective.is_none_or(|goal| took <= goal.latency));
        match counts
            .latencies
            .iter_mut()
            .find(|(known, _)| *known == profile)
        {
            Some((_, count)) => *count += 1,
            None => counts.latencies.push((profile, 1)),
        }
        let Request { group, asker, .. } = own;
        self.over(now, ClientKey { group, asker }, shared.plan);
    }

    /// A request is over: who asks in a loop thinks.
    pub(super) fn over(&mut self, now: Instant, by: ClientKey, plan: &TrafficPlan) {
        if let Load::Closed { think, .. } = plan.groups[by.group].load {
            self.think(by.group, by.asker, now, think);
        }
    }

    pub(super) fn failed(
        &mut self,
        now: Instant,
        request: usize,
        cause: FailureCause,
        shared: &SharedState<'_>,
    ) {
        let Some(own) = self.open[request].as_mut() else {
            return;
        };
        let (service, flow, group, tried) = (own.service, own.flow, own.group, own.tries);
        let asker = own.asker;
        own.tries += 1;
        own.at = None;
        own.serial = 0;
        let retries = &shared.plan.groups[group].retries;
        let mut tries_again = tried < retries.most;
        if tries_again && retries.budget.is_finite() {
            let tokens = self.tokens.entry(flow).or_default();
            tries_again = *tokens >= 1.0;
            *tokens -= f64::from(u8::from(tries_again));
        }
        if tries_again {
            let pause = retries
                .back_off
                .as_nanos()
                .saturating_mul(1 << tried.min(20));
            self.counts(service, flow).retries += 1;
            let at = now.saturating_add(Duration::from_nanos(pause.max(1)));
            self.push(at, NextEvent::Again { request });
            return;
        }
        self.counts(service, flow).failed[cause as usize] += 1;
        self.open[request] = None;
        self.vacant.push(request);
        self.over(now, ClientKey { group, asker }, shared.plan);
    }

    /// A pod is gone, or its host is: what is in it is lost.
    pub(in super::super) fn lose(
        &mut self,
        now: Instant,
        pod: PodRef,
        answers: bool,
        world: &World<'_>,
        shared: &SharedState<'_>,
    ) {
        let Some(worker) = self.workers.remove(&pod) else {
            return;
        };
        let (busy, queue) = (worker.busy, worker.queue);
        for own in &busy {
            self.weigh(now, own.service, -1, 0);
        }
        for own in &queue {
            self.weigh(now, own.service, 0, -1);
        }
        // A host that is down sends nothing: clients time out.
        for own in busy.into_iter().chain(queue) {
            if answers && self.is_at(own.request, own.serial) {
                self.leave(now, own.request, world, RequestOutcome::Failed);
                self.failed(now, own.request, FailureCause::Refused, shared);
            }
        }
    }
}
