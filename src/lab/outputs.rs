//! Outputs of a run beside its summary: its tables and its decisions. Each variant writes into
//! parts of its own, which are joined in written order once all have ended.

use std::cell::RefCell;
use std::rc::Rc;

use cluster::{Incident, Observer, Store};
use metrics::{PodSink, SeriesSink};
use model::{Event, Pod, PodRef, Text};
use units::Instant;

use super::classes::ClassCounts;
use super::columns::{CLASSES, PODS, SERIES, TableSchema};
use super::decisions::{DECISIONS_FILE, DecisionLog};
use super::events::{EVENTS_FILE, EventLog};
use super::folder::{FolderError, ResultFolder};
use super::pod_table::PodTable;
use super::run::Tables;
use super::tables::{self, PARTS, Place, SeriesTable, SharedTable, TableFormats, TableWriter};
use super::tenants::TenantNames;

/// Outputs of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// Formats of the time series.
    pub series: TableFormats,
    /// Formats of the table of pods.
    pub pods: TableFormats,
    /// Whether every decision is left.
    pub decisions: bool,
    /// Whether every event is left.
    pub events: bool,
}

/// Outputs of one variant.
pub struct VariantOutputs {
    variant: String,
    series: Option<SharedTable>,
    pods: Option<SharedTable>,
    classes: Option<TableWriter>,
    counts: ClassCounts,
    tenants: TenantNames,
    logs: Logs,
}

/// Logs that are written while a run goes on.
#[derive(Default)]
struct Logs {
    decisions: Option<DecisionLog>,
    events: Option<EventLog>,
}

impl Observer for Logs {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        if let Some(log) = &mut self.decisions {
            log.observe(at, event, ended, store);
        }
        if let Some(log) = &mut self.events {
            log.observe(at, event, ended, store);
        }
    }

    fn incident(&mut self, at: Instant, incident: Incident, store: &Store) {
        if let Some(log) = &mut self.events {
            log.incident(at, incident, store);
        }
    }

    fn unprovided(&mut self, at: Instant, pod: PodRef, why: Option<&Text>, store: &Store) {
        if let Some(log) = &mut self.events {
            log.unprovided(at, pod, why, store);
        }
    }
}

impl VariantOutputs {
    /// Starts the files of a variant.
    pub fn start(
        folder: &ResultFolder,
        outputs: Outputs,
        variant: &str,
        place: Place,
    ) -> Result<Self, FolderError> {
        let table = |schema: &TableSchema, formats: TableFormats| -> Result<_, FolderError> {
            let table = TableWriter::start(folder, schema, formats, place)?;
            Ok(table.map(|table| Rc::new(RefCell::new(table))))
        };
        let decisions = || DecisionLog::start(folder, variant, place);
        let events = || EventLog::start(folder, variant, place);
        Ok(Self {
            variant: variant.to_owned(),
            series: table(&SERIES, outputs.series)?,
            pods: table(&PODS, outputs.pods)?,
            classes: TableWriter::start(folder, &CLASSES, outputs.pods, place)?,
            counts: ClassCounts::default(),
            tenants: TenantNames::default(),
            logs: Logs {
                decisions: outputs.decisions.then(decisions).transpose()?,
                events: outputs.events.then(events).transpose()?,
            },
        })
    }

    /// Tables that the run writes.
    pub fn tables(&mut self) -> Tables<'_> {
        let series = self.series.clone().map(|table| -> Box<dyn SeriesSink> {
            Box::new(SeriesTable {
                variant: self.variant.clone(),
                table,
            })
        });
        let pods = self.pods.clone().map(|table| -> Box<dyn PodSink> {
            Box::new(PodTable {
                variant: self.variant.clone(),
                table,
                tenants: self.tenants.clone(),
                classes: self.counts.clone(),
            })
        });
        Tables {
            series,
            pods,
            report_pods: None,
            tenants: self.tenants.clone(),
            watch: (self.logs.decisions.is_some() || self.logs.events.is_some())
                .then_some(&mut self.logs as &mut dyn Observer),
        }
    }

    /// Completes the files.
    pub fn finish(self) -> Result<(), FolderError> {
        for table in [self.series, self.pods].into_iter().flatten() {
            if let Some(table) = Rc::into_inner(table) {
                table.into_inner().finish()?;
            }
        }
        if let Some(mut classes) = self.classes {
            self.counts.write(&self.variant, &mut classes)?;
            classes.finish()?;
        }
        self.logs.decisions.map_or(Ok(()), DecisionLog::finish)?;
        self.logs.events.map_or(Ok(()), EventLog::finish)
    }
}

/// Joins what the variants wrote, in their order, and removes the parts.
pub fn join(folder: &ResultFolder, outputs: Outputs, variants: usize) -> Result<(), FolderError> {
    if variants < 2 {
        return Ok(());
    }
    tables::join(folder, &SERIES, outputs.series, variants)?;
    tables::join(folder, &PODS, outputs.pods, variants)?;
    tables::join(folder, &CLASSES, outputs.pods, variants)?;
    if outputs.decisions {
        folder.join_text(DECISIONS_FILE, 0, &Place::parts(DECISIONS_FILE, variants))?;
    }
    if outputs.events {
        folder.join_text(EVENTS_FILE, 0, &Place::parts(EVENTS_FILE, variants))?;
    }
    let is_any = outputs.decisions
        || outputs.events
        || outputs.series != TableFormats::NONE
        || outputs.pods != TableFormats::NONE;
    if is_any {
        folder.discard(PARTS)
    } else {
        Ok(())
    }
}
