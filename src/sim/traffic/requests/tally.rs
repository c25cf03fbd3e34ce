//! Counts of services, reported in stretches.

use model::traffic::{FlowCounts, TrafficStretch};
use units::{Instant, SortedMap};

use super::super::fluid::SharedState;
use super::super::plan::Detail;
use super::super::service_backend::Fate;
use super::{Requests, World};

/// Counts of a service.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    flows: SortedMap<usize, FlowCounts>,
    pub(super) tries: u64,
    /// Requests at work and waiting, over time in nanoseconds, and since when they are as they are.
    worked: u128,
    waited: u128,
    at_work: u64,
    waiting: u64,
    since: Instant,
}

impl Requests {
    pub(super) fn counts(&mut self, service: usize, flow: usize) -> &mut FlowCounts {
        let counts = self.tally(service).flows.entry(flow).or_default();
        counts.flow = flow as u32;
        counts
    }

    pub(super) fn tally(&mut self, service: usize) -> &mut Tally {
        if self.tallies.len() <= service {
            self.tallies.resize(service + 1, Tally::default());
        }
        &mut self.tallies[service]
    }

    /// Counts how many are at work and waiting from now on.
    pub(super) fn weigh(&mut self, now: Instant, service: usize, work: i64, wait: i64) {
        let tally = self.tally(service);
        let nanos = now.since(tally.since).as_nanos().max(0) as u128;
        tally.worked += nanos * u128::from(tally.at_work);
        tally.waited += nanos * u128::from(tally.waiting);
        tally.since = now;
        tally.at_work = tally.at_work.saturating_add_signed(work);
        tally.waiting = tally.waiting.saturating_add_signed(wait);
    }

    /// Tells of a stretch.
    pub(super) fn tell(&mut self, end: Instant, world: &World<'_>, shared: &mut SharedState<'_>) {
        let span = end.since(self.since).as_nanos().max(1) as f64;
        for (service, backing) in world.backings.iter().enumerate() {
            let number = world.functions.iter().find(|(_, own)| **own == service);
            let number = number.map(|(number, _)| *number);
            if number.is_none() && shared.plan.detail != Detail::Requests {
                continue;
            }
            self.weigh(end, service, 0, 0);
            let tally = &mut self.tallies[service];
            let flows = std::mem::take(&mut tally.flows);
            let (mut endpoints, mut slots) = (0.0, 0.0);
            for seen in &backing.seen {
                let is_down = |node| world.entry.is_down(node);
                if backing.fate(&seen.address, &is_down) == Fate::Taken {
                    endpoints += 1.0;
                    slots += f64::from(shared.servers.get(seen.server).own.concurrency);
                }
            }
            let function = number.map(|number| {
                let plan = &shared.plan.functions[number];
                let own = &mut self.functions[number];
                endpoints = own.instances(end);
                slots = f64::from(plan.limits.concurrency);
                own.counts(plan, span as i64)
            });
            let stretch = TrafficStretch {
                service: service as u32,
                from: self.since,
                to: end,
                flows: flows.into_values().collect(),
                endpoints,
                slots,
                in_service: std::mem::take(&mut tally.worked) as f64 / span,
                waiting: std::mem::take(&mut tally.waited) as f64 / span,
                tries: std::mem::take(&mut tally.tries),
                function,
            };
            shared.observer.traffic(&stretch, shared.names);
        }
    }
}
