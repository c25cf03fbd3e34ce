//! Fairness between tenants: Jain's index of their dominant shares, now and in sum, and how far the
//! shares are from the max–min fair ones (metrics.md 5.3).
//!
//! What a tenant receives is its dominant share: the largest share of any resource that its pods
//! reserve. All tenants weigh the same. A tenant counts while it has pods, running or pending.

use crate::families::sharing::filling::fair_shares;
use crate::families::sharing::shares::{ONE, Shares};
use crate::families::sharing::tenants::{Tenants, dominant_share};
use crate::record::change_batch::ChangeBatch;
use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::state::{Amounts, ClusterState};
use crate::statistics::integral::{Integral, nearest};
use crate::statistics::span::Span;
use crate::values::{Direction, Range, Reading, Statistic, Values};

const JAIN_INST: Statistic = Statistic::ratio("jain_inst", Direction::Higher);
const JAIN_CUM: Statistic = Statistic::ratio("jain_cum", Direction::Higher);
const DRF_DEVIATION: Statistic =
    Statistic::ratio("drf_deviation", Direction::Lower).within(Range::FROM_ZERO);
const DRF_WORST_SHORTFALL: Statistic =
    Statistic::ratio("drf_worst_shortfall", Direction::Lower).within(Range::FROM_ZERO);
const TENANTS: Statistic = Statistic::amount("tenants", "tenants", Direction::None);

/// `fairness.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "fairness",
    title: Title::new("fairness"),
    group: Group::Fairness.at(10),
    short_lists: &[ShortList::GatedOfWorkloads.at(30, &["jain_cum"])],
    series: &[],
    summary: "Evenness of the tenants' shares of the cluster (Jain: 1 is even), and their \
              distance from the max-min fair dominant shares (0 is fair).",
    statistics: &[
        JAIN_INST,
        JAIN_CUM,
        DRF_DEVIATION,
        DRF_WORST_SHORTFALL,
        TENANTS,
    ],
    formula: "s(u) = max over r of allocated(u, r) / C(r); jain_inst: time mean of (sum s)^2 / (n \
              x sum s^2) over active tenants; jain_cum: that index of the integrals of s(u) over \
              W; drf_deviation: time mean of half the sum of |s(u) - s*(u)|; drf_worst_shortfall: \
              time mean of the largest s*(u) - s(u), at least 0; s*: weighted max-min dominant \
              share by progressive filling of the tenants' requests, all weights 1; tenants: \
              number of active tenants",
    denominators: "the time with at least two active tenants, at least one of them with an \
                   allocation (jain_inst); tenants active in W (jain_cum); the time with an \
                   active tenant and capacity (drf)",
    census: "tenants with a pod, running or pending; resources without capacity are skipped",
    censoring: "none: nothing is censored; pods are indivisible, so some deviation can't be avoided",
    source: "metrics.md 5.3, Jain index (jain_inst, jain_cum), DRF share deviation",
    construct: |_| Box::new(Fairness::default()),
};

#[derive(Clone, Debug, Default)]
struct Fairness {
    tenants: Tenants,
    shares: Shares,
    capacity: Amounts,
    /// The measures of the state that held last, and for how long they hold already.
    now: Measures,
    nanos: i64,
    /// Measured time so far.
    elapsed: i64,
    /// Whether tenants changed since.
    stale: bool,
    jain: Mean,
    deviation: Mean,
    shortfall: Mean,
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

/// Fairness measures of a state, in billionths.
#[derive(Clone, Copy, Debug, Default)]
struct Measures {
    jain: Option<i128>,
    deviation: Option<i128>,
    shortfall: Option<i128>,
}

fn parts(value: f64) -> i128 {
    nearest(value * ONE)
}

impl Fairness {
    /// Takes the measures of the present state.
    fn measure(&mut self) {
        self.now = Measures::default();
        if self.shares.active() == 0 {
            return;
        }
        let (apart, shortfall) = if self.tenants.demand().is_within(&self.capacity) {
            // There is enough of everything: what is fair is what is wanted.
            self.shares.lacking()
        } else {
            self.apart_from_fair()
        };
        self.now = Measures {
            jain: self.shares.jain().map(parts),
            deviation: Some(parts(apart / 2.0)),
            shortfall: Some(parts(shortfall)),
        };
    }

    /// Total distance of the tenants from their fair shares, and the largest shortfall.
    fn apart_from_fair(&self) -> (f64, f64) {
        let active = || self.tenants.active();
        let demands: Vec<Amounts> = active().map(|tenant| tenant.demand).collect();
        let fair = fair_shares(&demands, &self.capacity);
        let (mut apart, mut shortfall) = (0.0, 0.0_f64);
        for (fair, tenant) in fair.into_iter().zip(active()) {
            let share = dominant_share(&tenant.allocated, &self.capacity).unwrap_or(0.0);
            apart += (share - fair).abs();
            shortfall = shortfall.max(fair - share);
        }
        (apart, shortfall)
    }

    /// Adds up what was measured for as long as it held.
    fn settle(&mut self) {
        let nanos = std::mem::take(&mut self.nanos);
        if nanos == 0 {
            return;
        }
        self.jain.add(self.now.jain, nanos);
        self.deviation.add(self.now.deviation, nanos);
        self.shortfall.add(self.now.shortfall, nanos);
    }

    /// Looks at the tenants that changed, at all of them if the capacity did.
    fn refresh(&mut self, state: &ClusterState) {
        let touched = self.tenants.take_touched();
        let mut all = Vec::new();
        if self.capacity != state.capacity {
            self.capacity = state.capacity;
            all = self.tenants.known().collect();
        }
        for &position in touched.iter().chain(&all) {
            self.look_at(position);
        }
        self.tenants.looked_at(touched);
    }

    fn look_at(&mut self, position: u32) {
        self.shares
            .refresh(position, self.elapsed, &self.tenants, &self.capacity);
    }

    /// Jain's index of what tenants received.
    fn jain_cumulative(received: &[f64]) -> Result<f64, String> {
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
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Alike, EventKind::Spans]
    }

    fn alike(&mut self, deeds: &ChangeBatch) {
        if let Some(kind) = deeds.kind {
            self.tenants.take_in(kind, deeds);
            self.stale |= deeds.holding() != 0 || deeds.living() != 0;
        }
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        if self.stale || self.capacity != state.capacity {
            self.settle();
            self.stale = false;
            self.refresh(state);
            self.measure();
        }
        self.nanos += span.nanos();
        self.elapsed += span.nanos();
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        let mut closed = self.clone();
        closed.settle();
        closed.read(values);
    }
}

impl Fairness {
    fn read(self, values: &mut Values) {
        let received = self.shares.received(self.elapsed);
        let received: Vec<f64> = received.map(|sum| sum as f64).collect();
        let tenants = received.len() as u64;
        let alone = "there were never two active tenants, at least one of them with an allocation";
        let idle = "no tenant was active while there was capacity";
        values.put(
            JAIN_INST,
            Reading::new(self.jain.value(alone)).over(tenants),
        );
        values.put(
            JAIN_CUM,
            Reading::new(Self::jain_cumulative(&received)).over(tenants),
        );
        values.put(
            DRF_DEVIATION,
            Reading::new(self.deviation.value(idle)).over(tenants),
        );
        values.put(
            DRF_WORST_SHORTFALL,
            Reading::new(self.shortfall.value(idle)).over(tenants),
        );
        values.put(TENANTS, Reading::count(tenants));
    }
}
