//! The parts of a run that are labelled for `windtunnel run --profile`: what arrives, and the tables
//! that are written. Labels are set only where somebody looks.

use std::io;

use crate::watched_source::watched;
use arrivals::ArrivalSource;
use control::Probe;
use control::probe::Part;
use metrics::{PodRow, PodSink, SeriesRow, SeriesSink};

/// A label with a part that it is set to.
struct Label {
    probe: Probe,
    part: Part,
}

impl Label {
    fn new(probe: &Probe, name: &str) -> Self {
        Self {
            part: probe.part(name),
            probe: probe.clone(),
        }
    }

    fn set<T>(&self, work: impl FnOnce() -> T) -> T {
        self.probe.within(self.part, work)
    }
}

/// A source whose reading is labelled; where it is read ahead, the waiting for it.
pub(super) fn source(source: Box<dyn ArrivalSource>, probe: &Probe) -> Box<dyn ArrivalSource> {
    let label = Label::new(probe, "arrivals");
    watched(source, move |source| label.set(|| source.next()))
}

/// A table whose writing is labelled.
struct LabelledTable<T> {
    table: T,
    label: Label,
}

impl SeriesSink for LabelledTable<Box<dyn SeriesSink + '_>> {
    fn row(&mut self, row: &SeriesRow) -> io::Result<()> {
        self.label.set(|| self.table.row(row))
    }
}

impl PodSink for LabelledTable<Box<dyn PodSink + '_>> {
    fn row(&mut self, row: &PodRow<'_>) -> io::Result<()> {
        self.label.set(|| self.table.row(row))
    }
}

/// The part in which tables are written.
pub(crate) const OUTPUT: &str = "output";

/// A time series whose writing is labelled if anybody looks.
pub(super) fn series<'s>(
    table: Box<dyn SeriesSink + 's>,
    probe: &Probe,
) -> Box<dyn SeriesSink + 's> {
    if !probe.is_on() {
        return table;
    }
    let label = Label::new(probe, OUTPUT);
    Box::new(LabelledTable { table, label })
}

/// A table of pods whose writing is labelled if anybody looks.
pub(super) fn pods<'s>(table: Box<dyn PodSink + 's>, probe: &Probe) -> Box<dyn PodSink + 's> {
    if !probe.is_on() {
        return table;
    }
    let label = Label::new(probe, OUTPUT);
    Box::new(LabelledTable { table, label })
}
