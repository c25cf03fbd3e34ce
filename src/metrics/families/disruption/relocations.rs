//! Cold migrations and resizes: how many were asked for, and what became of them.

use model::{Event, PodChange, Relocation};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Reading, Statistic, Values};

const ASKED: Statistic = Statistic::occurrences("asked", Direction::Lower);
const REFUSED: Statistic = Statistic::occurrences("refused", Direction::Lower);
const CONFIRMED: Statistic = Statistic::occurrences("confirmed", Direction::Higher);
const REVERTED: Statistic = Statistic::occurrences("reverted", Direction::Lower);

/// `relocations.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "relocations",
    title: Title::new("relocations"),
    group: Group::Service.at(106),
    short_lists: &[],
    series: &[],
    summary: "Cold migrations and resizes of instances, and their outcomes.",
    statistics: &[ASKED, REFUSED, CONFIRMED, REVERTED],
    formula: "asked: instances that users want to be migrated or resized; refused: those that no host takes \
              or whose state does not allow it, and reverts whose host is down; confirmed and reverted: moves \
              that ended so",
    denominators: "none",
    census: "wishes of `operations`, an instance each",
    censoring: "within the window; moves without an answer at its end are neither confirmed nor reverted",
    source: "orchestrators-a.md 6.3",
    construct: |_| Box::new(Relocations::default()),
};

#[derive(Clone, Debug, Default)]
struct Relocations {
    is_known: bool,
    asked: u64,
    refused: u64,
    confirmed: u64,
    reverted: u64,
}

impl Collector for Relocations {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Changed]
    }

    fn event(&mut self, change: &Change<'_>) {
        let Event::PodChanged {
            change: PodChange::Relocated(step),
            ..
        } = change.event
        else {
            return;
        };
        let count = match step {
            Relocation::Asked { .. } => &mut self.asked,
            Relocation::Refused => &mut self.refused,
            Relocation::Confirmed => &mut self.confirmed,
            Relocation::Reverted => &mut self.reverted,
            Relocation::Stranded | Relocation::GivenUp => return,
        };
        *count += u64::from(change.in_window());
        self.is_known = true;
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        if !self.is_known {
            values.put_undefined("no instance was to be migrated or resized");
            return;
        }
        values.put(ASKED, Reading::count(self.asked));
        values.put(REFUSED, Reading::count(self.refused));
        values.put(CONFIRMED, Reading::count(self.confirmed));
        values.put(REVERTED, Reading::count(self.reverted));
    }
}
