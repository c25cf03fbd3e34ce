//! Containers that were killed for want of memory, at their own limit or their node's
//! (orchestrators-b.md 10.6).

use model::{Event, PodChange};
use units::{PodId, SortedSet};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Reading, Statistic, Values};

const TOTAL: Statistic = Statistic::occurrences("total", Direction::Lower);
const PODS: Statistic = Statistic::amount("pods", "pods", Direction::Lower);

/// `oom_kills.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "oom_kills",
    title: Title::new("oom kills"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Containers killed for lack of memory.",
    statistics: &[TOTAL, PODS],
    formula: "total: kills of containers that exceeded their limit or ran on a node out of \
              memory; pods: pods of which a container was killed",
    denominators: "none",
    census: "pods that their kubelet evicted before a kill are counted by `disruptions.*`",
    censoring: "kills within the window",
    source: "orchestrators-b.md 10.6; kubernetes.md part 4",
    construct: |_| Box::new(OomKills::default()),
};

#[derive(Clone, Debug, Default)]
struct OomKills {
    total: u64,
    pods: SortedSet<PodId>,
}

impl Collector for OomKills {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Changed]
    }

    fn event(&mut self, change: &Change<'_>) {
        if let Event::PodChanged {
            pod,
            change: PodChange::OomKilled { .. },
        } = change.event
            && change.in_window()
        {
            self.total += 1;
            self.pods.insert(pod.id);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        values.put(TOTAL, Reading::count(self.total));
        values.put(PODS, Reading::count(self.pods.len() as u64));
    }
}
