//! The requests of a group of clients to one service: how many come, how many were answered, and
//! what was reported of them. Totals are kept with their fractions; reports count whole requests.

use std::collections::VecDeque;

use model::traffic::{FailureCause, FlowCounts};
use units::Instant;

use super::plan::{Group, Load};
use super::rate::{Counter, MICRO};
use super::sharing::ClientShares;

/// Totals of the outcomes of requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub offered: u64,
    pub retries: f64,
    pub succeeded: f64,
    pub within: f64,
    pub failed: [f64; FailureCause::ALL.len()],
    told: FlowCounts,
}

/// A flow in progress.
#[derive(Clone, Debug)]
pub(super) struct FlowState {
    /// The flow's number.
    pub number: u32,
    /// The group of clients, by its number.
    pub group: usize,
    /// The flow's part of the group's requests: so many of so many.
    pub part: (u64, u64),
    /// Requests in millionths a second, until when.
    pub micro: u64,
    pub until: Option<Instant>,
    counter: Counter,
    /// Endpoints that the flow's requests go to.
    pub sharing: ClientShares,
    /// Pending retries, by step and by number of previous attempts.
    pub due: VecDeque<Vec<f64>>,
    /// Number of tries left in the flow's budget.
    pub tokens: f64,
    /// Recent time of tries that fail, in nanoseconds.
    pub took: f64,
    pub totals: Totals,
}

/// Requests that are alike took this long: a profile and how many.
pub(super) type Latencies = Vec<(u32, f64)>;

impl FlowState {
    pub(super) fn new(number: u32, group: usize, part: (u64, u64)) -> Self {
        Self {
            number,
            group,
            part,
            micro: 0,
            until: None,
            counter: Counter::default(),
            sharing: ClientShares::default(),
            due: VecDeque::new(),
            tokens: 0.0,
            took: 0.0,
            totals: Totals::default(),
        }
    }

    /// Takes the rate that holds at an instant.
    pub(super) fn take_rate(&mut self, group: &Group, now: Instant) {
        if let Load::Open(rate) = &group.load {
            let piece = rate.piece(now);
            let (part, of) = self.part;
            let micro = u128::from(piece.micro) * u128::from(part) / u128::from(of.max(1));
            (self.micro, self.until) = (micro as u64, piece.until);
        }
    }

    /// Clients of a closed loop.
    pub(super) fn population(&self, clients: u64) -> f64 {
        let (part, of) = self.part;
        clients as f64 * part as f64 / of.max(1) as f64
    }

    /// New requests of a span of nanoseconds.
    pub(super) fn count(&mut self, nanos: i64) -> u64 {
        let count = self.counter.count(self.micro, nanos);
        self.totals.offered += count;
        count
    }

    /// Sets the rate of a closed loop, in requests a second.
    pub(super) fn set_rate(&mut self, rate: f64) {
        self.micro = (rate * MICRO as f64).round().max(0.0) as u64;
    }

    pub(super) fn fail(&mut self, cause: FailureCause, count: f64) {
        self.totals.failed[cause as usize] += count;
    }

    /// Whole requests since the last report; `None` if there are none.
    pub(super) fn tell(&mut self, latencies: &Latencies) -> Option<FlowCounts> {
        let totals = &mut self.totals;
        // A hair is added so that what sums up to a whole number counts as one.
        let whole = |value: f64| (value + 1e-6).floor().max(0.0) as u64;
        let told = &totals.told;
        let mut new = FlowCounts {
            flow: self.number,
            offered: totals.offered - told.offered,
            retries: whole(totals.retries).saturating_sub(told.retries),
            ..FlowCounts::default()
        };
        let mut left = totals.offered - told.succeeded - told.failures();
        for (own, (total, before)) in new
            .failed
            .iter_mut()
            .zip(totals.failed.iter().zip(told.failed))
        {
            *own = whole(*total).saturating_sub(before).min(left);
            left -= *own;
        }
        new.succeeded = whole(totals.succeeded)
            .saturating_sub(told.succeeded)
            .min(left);
        if latencies.is_empty() {
            // Requests completed by rounding while none was served are reported with the next that are.
            new.succeeded = 0;
        }
        let within = whole(totals.within).saturating_sub(told.within);
        new.within = within.min(new.succeeded);
        let told = &mut totals.told;
        told.offered += new.offered;
        told.retries += new.retries;
        told.succeeded += new.succeeded;
        told.within += new.within;
        for (own, new) in told.failed.iter_mut().zip(new.failed) {
            *own += new;
        }
        new.latencies = parts_of(new.succeeded, latencies);
        let is_empty = new.offered + new.succeeded + new.failures() + new.retries == 0;
        (!is_empty).then_some(new)
    }

    /// Requests that were made and not told of as answered or failed.
    #[cfg(test)]
    pub(super) fn open(&self) -> u64 {
        let told = &self.totals.told;
        told.offered - told.succeeded - told.failures()
    }
}

/// A whole number in the proportions of parts; the sum is exact.
fn parts_of(count: u64, parts: &Latencies) -> Vec<(u32, u64)> {
    let total: f64 = parts.iter().map(|(_, part)| part).sum();
    if count == 0 || parts.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::with_capacity(parts.len());
    let (mut passed, mut given) = (0.0, 0);
    for (place, (profile, part)) in parts.iter().enumerate() {
        passed += part;
        let upto = if place + 1 == parts.len() || total <= 0.0 {
            count
        } else {
            ((passed / total * count as f64).round() as u64).clamp(given, count)
        };
        if upto > given {
            found.push((*profile, upto - given));
        }
        given = upto;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whole_requests_add_up_however_they_are_cut(
            parts in prop::collection::vec((0_u64..2_000_000, 1_i64..5_000_000_000, 0.0..1.0_f64), 1..60)
        ) {
            let mut flow = FlowState::new(0, 0, (1, 1));
            let mut sum = FlowCounts::default();
            for (micro, nanos, share) in parts {
                flow.micro = micro * 1000;
                let count = flow.count(nanos) as f64;
                flow.totals.succeeded += count * share;
                flow.totals.within += count * share * 0.9;
                flow.fail(FailureCause::Timeout, count * (1.0 - share) * 0.4);
                flow.fail(FailureCause::Error, count * (1.0 - share) * 0.6);
                if let Some(told) = flow.tell(&vec![(3, 0.3), (5, 0.7)]) {
                    prop_assert_eq!(told.latencies.iter().map(|(_, n)| n).sum::<u64>(), told.succeeded);
                    prop_assert!(told.within <= told.succeeded);
                    sum.offered += told.offered;
                    sum.succeeded += told.succeeded;
                    sum.failed[0] += told.failures();
                }
            }
            prop_assert_eq!(sum.offered, flow.totals.offered);
            prop_assert_eq!(sum.offered, sum.succeeded + sum.failed[0] + flow.open());
            prop_assert!(flow.open() <= 3, "{}", flow.open());
        }
    }
}
