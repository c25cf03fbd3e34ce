//! Fairness between tenants: Jain's index of their dominant shares, now and in sum, and how far the
//! shares are from the max–min fair ones (metrics.md 5.3).
//!
//! What a tenant receives is its dominant share: the largest share of any resource that its pods
//! reserve. All tenants weigh the same. A tenant counts while it has pods, running or pending.

use super::collector::{Change, Collector, Heard, MetricValue, RunEnd, Span};
use super::filling::fair_shares;
use super::integral::Integral;
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{Amounts, ClusterState};
use super::tenants::{Tenants, dominant_share};

/// `fairness.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "fairness",
    summary: "How evenly tenants share the cluster (Jain: 1 is even), and how far they are from the \
              max-min fair dominant shares (0 is fair).",
    statistics: &[
        Statistic::ratio("jain_inst", Direction::Higher),
        Statistic::ratio("jain_cum", Direction::Higher),
        Statistic::ratio("drf_deviation", Direction::Lower),
        Statistic::ratio("drf_worst_shortfall", Direction::Lower),
        Statistic::amount("tenants", "tenants", Direction::None),
    ],
    formula: "s(u) = max over r of allocated(u, r) / C(r); jain_inst: time mean of (sum s)^2 / (n x \
              sum s^2) over active tenants; jain_cum: the same of the integrals of s(u) over W; \
              drf_deviation: time mean of half the sum of |s(u) - s*(u)|; drf_worst_shortfall: time \
              mean of the largest s*(u) - s(u), at least 0; s*: weighted max-min dominant share by \
              progressive filling of what the tenants want, all weights 1; tenants: those that were \
              active",
    denominators: "the time with at least two active tenants of whom one has something (jain_inst); \
                   tenants active in W (jain_cum); the time with an active tenant and capacity (drf)",
    census: "tenants with a pod, running or pending; resources that there is nothing of are skipped",
    censoring: "none: nothing is censored; pods are indivisible, so some deviation can't be avoided",
    source: "metrics.md 5.3, Jain index (jain_inst, jain_cum), DRF share deviation",
    construct: |_| Box::new(Fairness::default()),
};

/// One in the integers that shares are kept in.
const ONE: f64 = 1e9;

#[derive(Clone, Debug, Default)]
struct Fairness {
    tenants: Tenants,
    capacity: Amounts,
    /// The measures of the present state, unless it changed since.
    now: Option<Measures>,
    jain: Mean,
    deviation: Mean,
    shortfall: Mean,
    /// Integrals of dominant shares by tenant; `None` for one that was never active in the window.
    received: Vec<Option<Integral>>,
}

/// A mean over the time in which it is defined.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    area: Integral,
    nanos: i64,
}

impl Mean {
    fn add(&mut self, value: Option<i128>, nanos: i64) {
        if let Some(value) = value {
            self.area.add(value, nanos);
            self.nanos += nanos;
        }
    }

    fn value(&self, undefined: &str) -> Result<f64, String> {
        match self.nanos {
            0 => Err(undefined.to_owned()),
            nanos => self.area.mean(nanos).map(|mean| mean / ONE),
        }
    }
}

/// What is asked of a state, in thousand-millionths.
#[derive(Clone, Debug, Default)]
struct Measures {
    /// Dominant shares of the active tenants, with their positions.
    shares: Vec<(usize, i128)>,
    jain: Option<i128>,
    deviation: Option<i128>,
    shortfall: Option<i128>,
}

fn parts(value: f64) -> i128 {
    (value * ONE).round_ties_even() as i128
}

impl Fairness {
    fn measures(&self) -> Measures {
        let mut shares = Vec::new();
        let mut demands = Vec::new();
        for (position, tenant) in self.tenants.active() {
            let Some(share) = dominant_share(&tenant.allocated, &self.capacity) else {
                return Measures::default();
            };
            shares.push((position, share));
            demands.push(tenant.demand);
        }
        let sum: f64 = shares.iter().map(|share| share.1).sum();
        let squares: f64 = shares.iter().map(|share| share.1 * share.1).sum();
        let jain = sum * sum / (shares.len() as f64 * squares);
        let (mut apart, mut shortfall) = (0.0, 0.0_f64);
        // A single tenant's fair share is all it wants, as far as there is room.
        for (fair, share) in fair_shares(&demands, &self.capacity).iter().zip(&shares) {
            apart += (share.1 - fair).abs();
            shortfall = shortfall.max(fair - share.1);
        }
        let any = !shares.is_empty();
        Measures {
            jain: (shares.len() > 1 && squares > 0.0).then(|| parts(jain)),
            deviation: any.then(|| parts(apart / 2.0)),
            shortfall: any.then(|| parts(shortfall)),
            shares: shares
                .into_iter()
                .map(|(position, share)| (position, parts(share)))
                .collect(),
        }
    }

    fn jain_cumulative(&self) -> Result<f64, String> {
        let received = self.received.iter().flatten();
        let received: Vec<f64> = received
            .filter_map(Integral::value)
            .map(|sum| sum as f64)
            .collect();
        let sum: f64 = received.iter().sum();
        let squares: f64 = received.iter().map(|share| share * share).sum();
        if squares > 0.0 {
            Ok(sum * sum / (received.len() as f64 * squares))
        } else {
            Err("0/0: no tenant received anything".to_owned())
        }
    }
}

impl Collector for Fairness {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Changes, Heard::Spans]
    }

    fn event(&mut self, change: &Change<'_>) {
        if self.tenants.apply(change.event, change.ended, change.store) {
            self.now = None;
        }
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        if self.capacity != state.capacity {
            self.capacity = state.capacity;
            self.now = None;
        }
        let now = match self.now.take() {
            Some(now) => now,
            None => self.measures(),
        };
        let nanos = span.nanos();
        self.jain.add(now.jain, nanos);
        self.deviation.add(now.deviation, nanos);
        self.shortfall.add(now.shortfall, nanos);
        for &(position, share) in &now.shares {
            if self.received.len() <= position {
                self.received.resize(position + 1, None);
            }
            self.received[position]
                .get_or_insert_default()
                .add(share, nanos);
        }
        self.now = Some(now);
    }

    fn finish(&self, _end: &RunEnd<'_>) -> Vec<MetricValue> {
        let tenants = self.received.iter().flatten().count() as u64;
        let alone = "there were never two active tenants of whom one had anything";
        let idle = "no tenant was active while there was capacity";
        let id = |name| format!("{}.{name}", ENTRY.subject);
        vec![
            MetricValue::new(id("jain_inst"), self.jain.value(alone)).over(tenants),
            MetricValue::new(id("jain_cum"), self.jain_cumulative()).over(tenants),
            MetricValue::new(id("drf_deviation"), self.deviation.value(idle)).over(tenants),
            MetricValue::new(id("drf_worst_shortfall"), self.shortfall.value(idle)).over(tenants),
            MetricValue::count(id("tenants"), tenants),
        ]
    }
}
