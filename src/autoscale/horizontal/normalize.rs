//! From a proposal to a number of replicas: stabilisation, limits on the rate of change, bounds
//! (spec: kubernetes.md 3.1).
//!
//! Proposals and changes are remembered in slots, as in the original: a new one overwrites the
//! last that is outdated, else it is appended. So a change may be forgotten although a longer
//! policy of the other direction would still count it.

use super::super::float::to_i32;
use super::spec::{Behavior, PolicyKind, ScalingPolicy, ScalingRules, SelectPolicy};
use units::{Duration, Instant};

/// A proposal and when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recommendation {
    replicas: i32,
    at: Instant,
}

/// A change that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    replicas: i32,
    at: Instant,
}

/// Input of the normalization.
#[derive(Clone, Copy, Debug)]
pub struct Normalization<'a> {
    /// Replicas now.
    pub current: i32,
    /// Replicas that the metrics propose.
    pub proposal: i32,
    /// The fewest.
    pub min: i32,
    /// The most.
    pub max: i32,
    /// The rules; `None` takes the older path with fixed ones.
    pub behavior: Option<&'a Rates>,
    /// Time for which the highest proposal holds on the older path.
    pub downscale_stabilization: Duration,
}

/// Result of the normalization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormalizationResult {
    /// Replicas.
    pub desired: i32,
    /// Whether older proposals were followed.
    pub stabilized: StabilizationEffect,
    /// Limit that was applied to the desired number.
    pub limit: Limit,
    /// Whether that changed it.
    pub is_limited: bool,
}

/// Whether older proposals were followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StabilizationEffect {
    /// No.
    No,
    /// A lower one.
    Up,
    /// A higher one.
    Down,
}

/// Limit applied to a desired number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Nothing is in its way.
    WithinRange,
    /// The fastest growth.
    ScaleUpRate,
    /// The most replicas.
    TooMany,
    /// The fastest decline.
    ScaleDownRate,
    /// The fewest replicas.
    TooFew,
}

/// A behavior with all defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// Up.
    pub up: Rate,
    /// Down.
    pub down: Rate,
}

/// The rules of one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// Time over which past proposals count.
    pub window: Duration,
    /// Policy that holds.
    pub select: SelectPolicy,
    /// The policies.
    pub policies: Vec<ScalingPolicy>,
}

impl Rates {
    /// Fills in the defaults; a window down that is missing is `downscale_stabilization`.
    pub fn new(behavior: &Behavior, downscale_stabilization: Duration) -> Self {
        const fn policy(kind: PolicyKind, value: i32) -> ScalingPolicy {
            ScalingPolicy {
                kind,
                value,
                period_secs: 15,
            }
        }
        let double = policy(PolicyKind::Percent, 100);
        let fill = |rules: &ScalingRules, window, policies: &[ScalingPolicy]| Rate {
            window: rules.window_secs.map_or(window, seconds),
            select: rules.select.unwrap_or_default(),
            policies: rules.policies.clone().unwrap_or_else(|| policies.into()),
        };
        let four = policy(PolicyKind::Pods, 4);
        Self {
            up: fill(&behavior.up, Duration::ZERO, &[four, double]),
            down: fill(&behavior.down, downscale_stabilization, &[double]),
        }
    }
}

/// Remembered state of one autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Normalizer {
    recommendations: Vec<Recommendation>,
    added: Vec<Change>,
    removed: Vec<Change>,
}

impl Normalizer {
    /// Records the current number as the first proposal, if none was recorded.
    pub fn start(&mut self, now: Instant, current: i32) {
        if self.recommendations.is_empty() {
            self.recommendations.push(Recommendation {
                replicas: current,
                at: now,
            });
        }
    }

    /// The number of replicas for a proposal, which is recorded.
    pub fn decide(&mut self, now: Instant, request: &Normalization<'_>) -> NormalizationResult {
        match request.behavior {
            None => self.decide_plainly(now, request),
            Some(rates) => self.decide_with(now, request, rates),
        }
    }

    /// Records that a change was applied.
    pub fn applied(&mut self, now: Instant, rates: &Rates, from: i32, to: i32) {
        let (changes, rate) = if to > from {
            (&mut self.added, &rates.up)
        } else {
            (&mut self.removed, &rates.down)
        };
        let longest = rate.policies.iter().map(|policy| policy.period_secs).max();
        let since = back(now, seconds(longest.unwrap_or(0)));
        let change = Change {
            replicas: (to - from).abs(),
            at: now,
        };
        match changes.iter().rposition(|known| known.at < since) {
            Some(slot) => changes[slot] = change,
            None => changes.push(change),
        }
    }

    fn decide_plainly(&mut self, now: Instant, request: &Normalization<'_>) -> NormalizationResult {
        let proposal = request.proposal;
        let since = back(now, request.downscale_stabilization);
        let recent = self
            .recommendations
            .iter()
            .filter(|recommendation| recommendation.at >= since);
        let stable = recent.map(|own| own.replicas).fold(proposal, i32::max);
        self.record(now, proposal, since);
        let stabilized = if stable == proposal {
            StabilizationEffect::No
        } else {
            StabilizationEffect::Down
        };
        let rate = to_i32(f64::max(2.0 * f64::from(request.current), 4.0));
        let (most, limit) = if request.max > rate {
            (rate, Limit::ScaleUpRate)
        } else {
            (request.max, Limit::TooMany)
        };
        let (desired, limit) = if stable < request.min {
            (request.min, Limit::TooFew)
        } else if stable > most {
            (most, limit)
        } else {
            (stable, Limit::WithinRange)
        };
        NormalizationResult {
            desired,
            stabilized,
            limit,
            is_limited: desired != stable,
        }
    }

    fn decide_with(
        &mut self,
        now: Instant,
        request: &Normalization<'_>,
        rates: &Rates,
    ) -> NormalizationResult {
        let (current, proposal) = (request.current, request.proposal);
        let (up_since, down_since) = (back(now, rates.up.window), back(now, rates.down.window));
        let after = |since: Instant| {
            let recent = self.recommendations.iter();
            recent
                .filter(move |own| own.at > since)
                .map(|own| own.replicas)
        };
        let up = after(up_since).fold(proposal, i32::min);
        let down = after(down_since).fold(proposal, i32::max);
        self.record(now, proposal, up_since.min(down_since));
        let stable = current.max(up).min(down);
        let stabilized = if stable == proposal {
            StabilizationEffect::No
        } else if proposal >= current {
            StabilizationEffect::Up
        } else {
            StabilizationEffect::Down
        };
        let (desired, limit) = self.limited(now, request, rates, stable);
        NormalizationResult {
            desired,
            stabilized,
            limit,
            is_limited: desired != stable,
        }
    }

    fn limited(
        &self,
        now: Instant,
        request: &Normalization<'_>,
        rates: &Rates,
        stable: i32,
    ) -> (i32, Limit) {
        let current = request.current;
        if stable > current {
            let rate = self.highest(now, current, &rates.up).max(current);
            let (most, limit) = if request.max > rate {
                (rate, Limit::ScaleUpRate)
            } else {
                (request.max, Limit::TooMany)
            };
            if stable > most {
                return (most, limit);
            }
        } else if stable < current {
            let rate = self.lowest(now, current, &rates.down).min(current);
            let (least, limit) = if request.min < rate {
                (rate, Limit::ScaleDownRate)
            } else {
                (request.min, Limit::TooFew)
            };
            if stable < least {
                return (least, limit);
            }
        }
        (stable, Limit::WithinRange)
    }

    /// The most replicas that the policies allow.
    fn highest(&self, now: Instant, current: i32, rate: &Rate) -> i32 {
        let proposals = rate.policies.iter().map(|policy| {
            let start = self.at_start(now, current, policy.period_secs);
            match policy.kind {
                PolicyKind::Pods => start.wrapping_add(policy.value),
                PolicyKind::Percent => {
                    let grown = f64::from(start) * (1.0 + f64::from(policy.value) / 100.0);
                    to_i32(libm::ceil(grown))
                }
            }
        });
        match rate.select {
            SelectPolicy::Disabled => current,
            SelectPolicy::Min => proposals.fold(i32::MAX, i32::min),
            SelectPolicy::Max => proposals.fold(i32::MIN, i32::max),
        }
    }

    /// The fewest replicas that the policies allow.
    fn lowest(&self, now: Instant, current: i32, rate: &Rate) -> i32 {
        let proposals = rate.policies.iter().map(|policy| {
            let start = self.at_start(now, current, policy.period_secs);
            match policy.kind {
                PolicyKind::Pods => start.wrapping_sub(policy.value),
                PolicyKind::Percent => {
                    to_i32(f64::from(start) * (1.0 - f64::from(policy.value) / 100.0))
                }
            }
        });
        match rate.select {
            SelectPolicy::Disabled => current,
            SelectPolicy::Min => proposals.fold(i32::MIN, i32::max),
            SelectPolicy::Max => proposals.fold(i32::MAX, i32::min),
        }
    }

    /// The replicas when a period began.
    fn at_start(&self, now: Instant, current: i32, period_secs: i32) -> i32 {
        let since = back(now, seconds(period_secs));
        let sum = |changes: &[Change]| {
            let recent = changes.iter().filter(|change| change.at > since);
            recent.map(|change| change.replicas).sum::<i32>()
        };
        current - sum(&self.added) + sum(&self.removed)
    }

    fn record(&mut self, now: Instant, replicas: i32, outdated_before: Instant) {
        let own = Recommendation { replicas, at: now };
        let known = &mut self.recommendations;
        match known.iter().rposition(|known| known.at < outdated_before) {
            Some(slot) => known[slot] = own,
            None => known.push(own),
        }
    }
}

fn seconds(secs: i32) -> Duration {
    Duration::from_secs(i64::from(secs))
}

/// The instant a span before another.
fn back(now: Instant, span: Duration) -> Instant {
    now.saturating_add(Duration::from_nanos(span.as_nanos().saturating_neg()))
}
