//! GPU fragmentation after a target workload: how much of the idle GPU its typical pods could not
//! use (FGD, ATC'23; metrics.md 5.1, published-results.md 1.7).

use cluster::fragmentation::Fragments;

use crate::families::packing::fragments::PARTS_PER_MILLI;
use crate::record::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::state::ClusterState;
use crate::statistics::integral::{Integral, ratio};

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
    summary: "Idle GPU that typical pods of the workload could not use.",
    statistics: &[
        Statistic::ratio("mean", Direction::Lower),
        Statistic::ratio("end", Direction::Lower),
        gpus("amount.mean"),
        gpus("amount.end"),
        gpus("lack_both.end"),
        gpus("lack_gpu.end"),
        gpus("lack_cpu.end"),
        gpus("no_gpu_fits.end"),
        gpus("no_gpu_lack_cpu.end"),
        gpus("not_admissible.end"),
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
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Spans]
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

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let value =
            |name: &str, value| MetricValue::new(format!("{}.{name}", ENTRY.subject), value);
        let Some(fragments) = &end.state.fragments else {
            let reason = "no workload to derive typical pods from".to_owned();
            return ENTRY
                .ids()
                .map(|(id, _)| MetricValue::new(id, Err(reason.clone())))
                .collect();
        };
        let idle = "idle GPU";
        let window = end.window_nanos();
        let share = ratio(fragments.fragmented_parts(), fragments.idle_parts(), idle);
        let amount = |milli: f64| Ok(milli / 1_000.0);
        let classes = fragments.total();
        vec![
            value("mean", self.fragmented.ratio(&self.idle, idle)),
            value("end", share),
            value(
                "amount.mean",
                self.fragmented
                    .mean(window)
                    .map(|mean| mean / PARTS_PER_GPU),
            ),
            value("amount.end", amount(classes.fragmented())),
            value("lack_both.end", amount(classes.lack_both)),
            value("lack_gpu.end", amount(classes.lack_gpu)),
            value("lack_cpu.end", amount(classes.lack_cpu)),
            value("no_gpu_fits.end", amount(classes.no_gpu_fits)),
            value("no_gpu_lack_cpu.end", amount(classes.no_gpu_lack_cpu)),
            value("not_admissible.end", amount(classes.not_admissible)),
        ]
    }
}
