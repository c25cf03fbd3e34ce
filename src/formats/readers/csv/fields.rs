//! Columns of fields that become labels of a job's pods.

use crate::readers::prelude::*;
use arrivals::job_fields::{BATCH_SIZE, JobField, OUTCOME, Outcome, PARTITION, PLACEMENT, QUEUE};
use arrivals::read_options::PartitionField;
use intake::table::{Column, Row, Table};

/// The note about an outcome in words of its own.
const UNKNOWN_OUTCOME: &str =
    "outcome that is no word for completed, failed or cancelled; kept as it stands";

/// A column of a field that becomes a label.
pub(super) struct LabelColumn {
    pub(super) field: &'static JobField,
    pub(super) column: Column,
}

impl LabelColumn {
    /// The value of a row; an outcome by its own word.
    pub(super) fn value<'row>(&self, row: &'row Row<'_>) -> &'row str {
        let value = row.text(&self.column);
        self.outcome(value).map_or(value, |own| own.word())
    }

    fn outcome(&self, value: &str) -> Option<Outcome> {
        (self.field == &OUTCOME).then(|| Outcome::of_text(value))?
    }

    /// Tells of an outcome in words of its own.
    pub(super) fn tell(&self, row: &Row<'_>, journal: &mut Journal) -> Result<(), TraceError> {
        let value = row.text(&self.column);
        let is_unknown =
            self.field == &OUTCOME && !value.is_empty() && self.outcome(value).is_none();
        journal.keep_if(is_unknown, UNKNOWN_OUTCOME, row.line)
    }
}

/// The columns of fields that are asked for.
pub(super) fn label_columns(table: &Table, options: &ReadOptions) -> Vec<LabelColumn> {
    let stated = |field: &'static JobField, own: &JobField| {
        let column = table.column(own.column)?;
        Some(LabelColumn { field, column })
    };
    if options.recorded {
        let all = JobField::ALL.into_iter();
        return all.filter_map(|field| stated(field, field)).collect();
    }
    let found = match options.partitions {
        Some(PartitionField::Partition) => stated(&PARTITION, &PARTITION),
        Some(PartitionField::Queue) => {
            stated(&PARTITION, &QUEUE).or_else(|| stated(&PARTITION, &PARTITION))
        }
        None => None,
    };
    let outcomes = outcome_alone(options).into_iter();
    let has_goodput = options.throughputs.as_ref().filter(|own| own.has_goodput());
    let others = outcomes
        .chain([&PLACEMENT])
        .chain(has_goodput.map(|_| &BATCH_SIZE));
    let others = others.filter_map(|field| stated(field, field));
    found.into_iter().chain(others).collect()
}
