//! Machines that were ordered and did not come, by the words of their provider or driver (spec: orchestrators-a.md
//! section 4).

use model::{Event, Text};
use units::SortedSet;

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Reading, Statistic, Values};

const TOTAL: Statistic = Statistic::occurrences("total", Direction::Lower);
const CAUSES: Statistic = Statistic::occurrences("causes", Direction::Lower);

/// `machine_failures.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "machine_failures",
    title: Title::new("failed orders of machines"),
    group: Group::Others.at(3),
    short_lists: &[],
    series: &[],
    summary: "Machines that were ordered and did not come.",
    statistics: &[TOTAL, CAUSES],
    formula: "total: orders of autoscalers, capacity providers and operations that failed; causes: \
              different causes among them, which the events `machine-failed` state",
    denominators: "none",
    census: "orders that were not taken back",
    censoring: "failures within the window",
    source: "orchestrators-a.md 4",
    construct: |_| Box::new(MachineFailures::default()),
};

#[derive(Clone, Debug, Default)]
struct MachineFailures {
    total: u64,
    causes: SortedSet<Text>,
}

impl Collector for MachineFailures {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::MachineFailures]
    }

    fn event(&mut self, change: &Change<'_>) {
        if let Event::MachineFailed(own) = change.event
            && change.in_window()
        {
            self.total += 1;
            self.causes.insert(own.why.clone());
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        if self.total == 0 {
            values.put_undefined("every machine that was ordered came");
            return;
        }
        values.put(TOTAL, Reading::count(self.total));
        values.put(CAUSES, Reading::count(self.causes.len() as u64));
    }
}
