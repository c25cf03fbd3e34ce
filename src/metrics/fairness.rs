//! Fairness between tenants: Jain's index of their dominant shares, now and in sum, and how far the
//! shares are from the max–min fair ones (metrics.md 5.3).
//!
//! What a tenant receives is its dominant share: the largest share of any resource that its pods
//! reserve. All tenants weigh the same. A tenant counts while it has pods, running or pending.

use smallvec::SmallVec;

use super::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use super::deeds::Deeds;
use super::filling::{fair_share_of_one, fair_shares};
use super::integral::{Integral, nearest};
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
    /// What the active tenants want.
    demands: Vec<Amounts>,
    /// The measures of the state that held last, and for how long they hold already.
    now: Measures,
    nanos: i64,
    /// Whether tenants or capacity changed since.
    stale: bool,
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
    nearest(value * ONE)
}

/// Jain's index of at least two shares, one of which is something.
fn jain(shares: &[f64]) -> Option<f64> {
    if shares.len() < 2 {
        return None;
    }
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    (squares > 0.0).then(|| sum * sum / (shares.len() as f64 * squares))
}

impl Fairness {
    /// Takes the measures of the present state.
    fn measure(&mut self) {
        let now = &mut self.now;
        now.shares.clear();
        let mut active = self.tenants.active();
        if let (Some((position, tenant)), None) = (active.next(), active.next()) {
            // Nobody to compare with, as in most clusters.
            let Some(share) = dominant_share(&tenant.allocated, &self.capacity) else {
                *now = Measures::default();
                return;
            };
            let fair = fair_share_of_one(&tenant.demand, &self.capacity);
            now.shares.push((position, parts(share)));
            now.jain = None;
            now.deviation = Some(parts((share - fair).abs() / 2.0));
            now.shortfall = Some(parts((fair - share).max(0.0)));
            return;
        }
        self.demands.clear();
        let mut shares: SmallVec<[f64; 8]> = SmallVec::new();
        for (position, tenant) in self.tenants.active() {
            let Some(share) = dominant_share(&tenant.allocated, &self.capacity) else {
                *now = Measures::default();
                return;
            };
            shares.push(share);
            now.shares.push((position, parts(share)));
            self.demands.push(tenant.demand);
        }
        let (mut apart, mut shortfall) = (0.0, 0.0_f64);
        let fair = fair_shares(&self.demands, &self.capacity);
        for (fair, &share) in fair.into_iter().zip(&shares) {
            apart += (share - fair).abs();
            shortfall = shortfall.max(fair - share);
        }
        let any = !shares.is_empty();
        now.jain = jain(&shares).map(parts);
        now.deviation = any.then(|| parts(apart / 2.0));
        now.shortfall = any.then(|| parts(shortfall));
    }

    /// Adds up what was measured for as long as it held.
    fn settle(&mut self) {
        let nanos = std::mem::take(&mut self.nanos);
        if nanos == 0 {
            return;
        }
        let now = &self.now;
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
        &[Heard::Alike, Heard::Spans]
    }

    fn alike(&mut self, deeds: &Deeds) {
        if let Some(kind) = deeds.kind {
            self.tenants.take_in(kind, deeds);
            self.stale |= deeds.holding() != 0 || deeds.living() != 0;
        }
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        if self.stale || self.capacity != state.capacity {
            self.settle();
            self.stale = false;
            self.capacity = state.capacity;
            self.measure();
        }
        self.nanos += span.nanos();
    }

    fn finish(&self, _end: &RunEnd<'_>) -> Vec<MetricValue> {
        let mut closed = self.clone();
        closed.settle();
        closed.values()
    }
}

impl Fairness {
    fn values(&self) -> Vec<MetricValue> {
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
