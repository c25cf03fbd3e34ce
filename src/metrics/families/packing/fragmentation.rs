//! GPU fragmentation after a target workload: how much of the idle GPU its typical pods could not
//! use (FGD, ATC'23; metrics.md 5.1, published-results.md 1.7).

use cluster::fragmentation::Fragments;

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::fragments::PARTS_PER_MILLI;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::state::ClusterState;
use crate::statistics::integral::{Integral, ratio};
use crate::statistics::span::Span;
use crate::values::{Direction, Statistic, Values};

const MEAN: Statistic = Statistic::ratio("mean", Direction::Lower);
const END: Statistic = Statistic::ratio("end", Direction::Lower);
const AMOUNT_MEAN: Statistic = gpus("amount.mean");
const AMOUNT_END: Statistic = gpus("amount.end");
const LACK_BOTH_END: Statistic = gpus("lack_both.end");
const LACK_GPU_END: Statistic = gpus("lack_gpu.end");
const LACK_CPU_END: Statistic = gpus("lack_cpu.end");
const NO_GPU_FITS_END: Statistic = gpus("no_gpu_fits.end");
const NO_GPU_LACK_CPU_END: Statistic = gpus("no_gpu_lack_cpu.end");
const NOT_ADMISSIBLE_END: Statistic = gpus("not_admissible.end");

/// `fragmentation.gpu.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "fragmentation.gpu",
    title: Title::new("GPU fragmentation"),
    group: Group::Capacity.at(50),
    short_lists: &[
        ShortList::Headline.at(60, &["amount", ""]),
        ShortList::Gated.at(20, &["amount.mean"]),
        ShortList::GatedOfFillUp.at(20, &["amount.end"]),
        ShortList::Sweep.at(20, &["amount.end"]),
    ],
    series: &[],
    summary: "Idle GPU that typical pods of the workload could not use.",
    statistics: &[
        MEAN,
        END,
        AMOUNT_MEAN,
        AMOUNT_END,
        LACK_BOTH_END,
        LACK_GPU_END,
        LACK_CPU_END,
        NO_GPU_FITS_END,
        NO_GPU_LACK_CPU_END,
        NOT_ADMISSIBLE_END,
    ],
    formula: "F(n) = sum over typical pods m of p(m) f(n, m); f: all idle GPU of n if m can't run \
              there or requests no GPU, else the idle GPU of devices with less room than m \
              requests of each; mean: integral of sum of F over integral of idle GPU; amount: sum \
              of F; the other statistics split the amount by the lacking resource",
    denominators: "idle GPU of the nodes that are up (shares); length of the window (amounts)",
    census: "nodes that are up; typical pods: the most frequent shapes of the workload",
    censoring: "none: nothing is censored",
    source: "FGD (ATC'23); metrics.md 5.1, GPU fragmentation; published-results.md 1.7",
    construct: |_| Box::new(Fragmentation::default()),
};

const fn gpus(name: &'static str) -> Statistic {
    Statistic::amount(name, "gpus", Direction::Lower).noise(0.01)
}

/// One GPU in the integers that enter integrals.
const PARTS_PER_GPU: f64 = PARTS_PER_MILLI * 1_000.0;

#[derive(Clone, Debug, Default)]
struct Fragmentation {
    fragmented: Integral,
    idle: Integral,
    /// The total that was seen last, and its parts.
    seen: Option<(Fragments, [i128; 2])>,
}

impl Collector for Fragmentation {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Spans]
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        if let Some(fragments) = &state.fragments {
            let parts = match self.seen {
                Some((total, parts)) if total == *fragments.total() => parts,
                _ => [fragments.fragmented_parts(), fragments.idle_parts()],
            };
            self.seen = Some((*fragments.total(), parts));
            self.fragmented.add(parts[0], span.nanos());
            self.idle.add(parts[1], span.nanos());
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let Some(fragments) = &end.state.fragments else {
            let reason = "no workload to derive typical pods from";
            values.put_undefined(reason);
            return;
        };
        let idle = "idle GPU";
        let window = end.window_nanos();
        let share = ratio(fragments.fragmented_parts(), fragments.idle_parts(), idle);
        let amount = |milli: f64| Ok(milli / 1_000.0);
        let classes = fragments.total();
        values.put(MEAN, self.fragmented.ratio(&self.idle, idle));
        values.put(END, share);
        let mean = self.fragmented.mean(window);
        values.put(AMOUNT_MEAN, mean.map(|mean| mean / PARTS_PER_GPU));
        values.put(AMOUNT_END, amount(classes.fragmented()));
        values.put(LACK_BOTH_END, amount(classes.lack_both));
        values.put(LACK_GPU_END, amount(classes.lack_gpu));
        values.put(LACK_CPU_END, amount(classes.lack_cpu));
        values.put(NO_GPU_FITS_END, amount(classes.no_gpu_fits));
        values.put(NO_GPU_LACK_CPU_END, amount(classes.no_gpu_lack_cpu));
        values.put(NOT_ADMISSIBLE_END, amount(classes.not_admissible));
    }
}
