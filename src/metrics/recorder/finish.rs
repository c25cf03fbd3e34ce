//! The end of a record: integrals are closed, and collectors read their statistics.

use std::sync::Arc;

use cluster::Store;
use units::Instant;

use super::outcome::RunMetrics;
use super::{RecordError, Recorder, note};
use crate::alerts::{AlertLog, notifications};
use crate::record::collector::{EventKind, RunEnd};
use crate::record::invariants::{INVARIANTS, evaluate};
use crate::record::pod_table;
use crate::record::setup::Purpose;
use crate::record::tables::{NoSteadyState, Tables};
use crate::values::{MetricValue, Values};

impl Recorder<'_> {
    /// Ends the record: closes integrals, hands over open jobs and pods, checks consistency.
    ///
    /// # Errors
    /// If a table could not be written at any time of the run, or an assertion failed.
    pub fn finish(mut self, at: Instant, store: &Store) -> Result<RunMetrics, RecordError> {
        self.refresh(store);
        self.hold_until(at, store);
        self.tell_deeds();
        self.catch_up();
        self.workloads.close(at, &self.measured);
        for job in self.jobs.open(at, store, &self.measured) {
            for &index in &self.hearers[EventKind::Jobs as usize] {
                self.collectors[index].job(&job);
            }
            for class in &mut self.selected {
                class.job(&job, store);
            }
        }
        if let Some(series) = &mut self.series {
            note(
                &mut self.failed,
                "the time series",
                series.end(&self.state, at),
            );
        }
        if let Some(pods) = &mut self.pods {
            let written = pod_table::living_rows(store).try_for_each(|row| pods.row(&row));
            note(&mut self.failed, "the table of pods", written);
        }
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        self.consistency
            .finish(at, &self.state, store)
            .map_err(RecordError::Inconsistent)?;
        let alerts = self.alert_log(at);
        let end = RunEnd {
            at,
            window: self.measured.of_run(at),
            measured: &self.measured,
            state: self.closing.as_deref().unwrap_or(&self.state),
            store,
            workloads: &self.workloads,
            alerts: &alerts,
        };
        for (entry, collector) in self.entries.iter().zip(&self.collectors) {
            collector
                .check(&end)
                .map_err(|why| RecordError::Inconsistent(format!("{}: {why}", entry.subject)))?;
        }
        let mut tables = Tables::default();
        for collector in &self.collectors {
            collector.tables(&end, &mut tables);
        }
        let values = self
            .values(&end, &tables)
            .map_err(RecordError::Inconsistent)?;
        evaluate(INVARIANTS, &values).map_err(RecordError::Inconsistent)?;
        Ok(RunMetrics {
            values,
            tables,
            workloads: self.workloads.rows().to_vec(),
            arrived: self
                .arrived
                .map(|(arrived, columns)| arrived.tables(&self.state, columns)),
            alerts,
            moved: self.measured.moved(),
        })
    }

    /// Outcomes of alert rules by the end of the run.
    fn alert_log(&mut self, at: Instant) -> AlertLog {
        let book = std::mem::take(&mut self.book);
        let rules = Arc::clone(book.rules());
        let turns = book.finish(at);
        AlertLog {
            notifications: notifications(&rules, &turns, &self.route, at),
            rules,
            turns,
            injected: std::mem::take(&mut self.injected),
        }
    }

    /// All values; estimates of a steady state have none where there is none.
    ///
    /// # Errors
    /// If a collector did not read each statistic of its entry once.
    fn values(&self, end: &RunEnd<'_>, tables: &Tables) -> Result<Vec<MetricValue>, String> {
        let unsteady = match (&self.unsteady, self.purpose) {
            (Some(why), _) => Some(why),
            (None, Purpose::Describe) => None,
            (None, Purpose::SteadyState) => tables.get().map(|NoSteadyState(why)| why),
        };
        let mut all = Vec::new();
        for (entry, collector) in self.entries.iter().zip(&self.collectors) {
            let mut values = Values::of(entry.statistics);
            collector.finish(end, &mut values);
            let named = values.named(entry.subject)?.into_iter();
            let found = named.zip(entry.statistics);
            all.extend(found.map(|(value, statistic)| value.unless_unsteady(statistic, unsteady)));
        }
        for class in &self.selected {
            all.extend(class.values(end, unsteady)?);
        }
        Ok(all)
    }
}
