//! The table of a sweep: one row a run, in the order of points, variants and seeds, with the
//! parameters and every metric as columns; as Parquet and as CSV. It is a function of the records,
//! so its bytes don't tell how often the sweep was interrupted, on how many threads or machines it
//! ran.

use std::path::Path;

use super::{Merged, Shard, SweepError, SweepFolder, When};
use crate::cells::Cell;
use crate::columns::{Column, Kind, TableSchema};
use crate::folder::KeptFolder;
use crate::parquet::ParquetWriter;
use metrics::ShortList;
use metrics::registry::short_list;
use units::nearest::all_near;

use super::record::RunRecord;
use units::SortedSet;

/// The table as CSV.
pub const CSV_NAME: &str = "sweep.csv";

/// The table as Parquet.
pub const PARQUET_NAME: &str = "sweep.parquet";

/// Number of metrics shown by default.
const LEADING_MAX: usize = 3;

/// Columns between the parameters and the metrics.
const FIXED: [(&str, Kind, &str, &str); 9] = [
    ("variant", Kind::Text, "", "the variant's name"),
    ("seed", Kind::Integer, "", "the seed of the run"),
    ("nodes", Kind::Integer, "", "nodes at the start"),
    ("pods", Kind::Integer, "", "submitted pods"),
    ("ended", Kind::Text, "", "why the run ended"),
    (
        "end_ns",
        Kind::Integer,
        "ns",
        "simulated time at the end of the run",
    ),
    (
        "changes",
        Kind::Integer,
        "",
        "changes applied to the cluster",
    ),
    ("decisions", Kind::Integer, "", "scheduling attempts"),
    (
        "digest",
        Kind::Text,
        "",
        "digest over every change of the run",
    ),
];

/// A whole sweep as a table.
#[derive(Clone, Debug)]
pub struct SweepTable {
    merged: Merged,
    kinds: Vec<Kind>,
    metrics: Vec<String>,
}

/// Writes the table of a sweep and the records behind it into a folder.
///
/// # Errors
/// If the folder holds another sweep or can't be written to.
pub fn keep(table: &SweepTable, out: &Path, when: When) -> Result<SweepFolder, SweepError> {
    let folder = SweepFolder::open(out, &table.merged.file, Shard::WHOLE, when)?;
    for record in table.merged.records.values() {
        if !matches!(folder.record(&record.key)?, Some(Ok(_))) {
            folder.keep(record)?;
        }
    }
    table.write(folder.folder())?;
    Ok(folder)
}

impl SweepTable {
    /// The table of a whole sweep.
    ///
    /// # Errors
    /// If a parameter is called as another column.
    pub fn new(merged: Merged) -> Result<Self, SweepError> {
        let file = &merged.file;
        let kinds = (0..file.parameters.len())
            .map(|column| kind(file.points.iter().map(|point| point[column].as_str())));
        let metrics: SortedSet<&String> = (merged.records.values())
            .flat_map(|record| record.metrics.keys())
            .collect();
        let known = |name: &String| {
            name == "run" || FIXED.iter().any(|column| column.0 == name) || metrics.contains(name)
        };
        if let Some(name) = file.parameters.iter().find(|name| known(name)) {
            return Err(SweepError::Design(format!(
                "the field `{name}` has the name of a table column; it can't be varied"
            )));
        }
        Ok(Self {
            kinds: kinds.collect(),
            metrics: metrics.into_iter().cloned().collect(),
            merged,
        })
    }

    /// The sweep.
    pub fn merged(&self) -> &Merged {
        &self.merged
    }

    /// The ids of its metrics, sorted.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// Whether a metric is there.
    ///
    /// # Errors
    /// If it is not; the error names the nearest.
    pub fn has_metric(&self, id: &str) -> Result<(), SweepError> {
        if self.metrics.iter().any(|known| known == id) {
            return Ok(());
        }
        let known = self.metrics.iter().map(String::as_str);
        let near = all_near(id, known);
        let near = match near.as_slice() {
            [] => "; `windtunnel schema metrics` lists them all".to_owned(),
            near => format!("; did you mean {}?", near.join(", ")),
        };
        Err(SweepError::Metric {
            id: id.to_owned(),
            near,
        })
    }

    /// The metrics that people look at first, of those that are not the same in all runs.
    pub fn leading(&self) -> Vec<String> {
        let varies = |id: &&str| {
            let records = self.merged.records.values();
            let mut values = records.filter_map(|record| *record.metrics.get(*id)?);
            let first = values.next();
            first.is_some_and(|first| values.any(|value| value.total_cmp(&first).is_ne()))
        };
        let listed = short_list(ShortList::Sweep).into_iter().flatten();
        let leading: Vec<String> = listed
            .filter(|id| varies(&id.as_str()))
            .take(LEADING_MAX)
            .collect();
        if !leading.is_empty() {
            return leading;
        }
        let all = self.metrics.iter().map(String::as_str).filter(varies);
        all.take(LEADING_MAX).map(str::to_owned).collect()
    }

    /// The values of a parameter as numbers, point by point; `None` where one is no number.
    pub fn numbers(&self, parameter: usize) -> Option<Vec<f64>> {
        let points = self.merged.file.points.iter();
        let number = |point: &Vec<String>| {
            let text = point[parameter].trim_end_matches(|last: char| last.is_ascii_alphabetic());
            text.parse::<f64>().ok().filter(|value| value.is_finite())
        };
        points.map(number).collect()
    }

    /// The record of a point, a variant and a seed.
    pub fn record(&self, point: usize, variant: usize, seed: usize) -> Option<&RunRecord> {
        let file = &self.merged.file;
        let row = (point * file.variants.len() + variant) * file.seeds as usize + seed;
        self.merged.records.get(file.runs.get(row)?)
    }

    /// The mean of a metric over the seeds of a point and a variant; `None` where it is undefined
    /// for one.
    pub fn mean(&self, point: usize, variant: usize, metric: &str) -> Option<f64> {
        let seeds = self.merged.file.seeds as usize;
        let values: Option<Vec<f64>> = (0..seeds)
            .map(|seed| *self.record(point, variant, seed)?.metrics.get(metric)?)
            .collect();
        values.map(|values| values.iter().sum::<f64>() / seeds.max(1) as f64)
    }

    /// Writes the table into the folder of the sweep.
    ///
    /// # Errors
    /// If it can't be written; what was there stays.
    pub fn write(&self, folder: &KeptFolder) -> Result<(), SweepError> {
        let schema = self.schema();
        let mut csv = folder.csv(CSV_NAME, &schema.names())?;
        let mut parquet = ParquetWriter::start(folder.start(PARQUET_NAME)?, &schema)?;
        let file = &self.merged.file;
        let per_point = file.variants.len() * file.seeds as usize;
        for row in 0..file.runs.len() {
            let Some(record) = self.merged.records.get(&file.runs[row]) else {
                continue;
            };
            let point = &file.points[row / per_point.max(1)];
            let variant = &file.variants[row / file.seeds.max(1) as usize % file.variants.len()];
            let cells = self.cells(row, point, variant, record);
            csv.cells(&cells)?;
            parquet.row(&cells)?;
        }
        parquet.finish()?;
        csv.finish()?;
        Ok(())
    }

    #[expect(clippy::ptr_arg, reason = "a cell shows a sized value")]
    fn cells<'a>(
        &self,
        row: usize,
        point: &'a [String],
        variant: &'a String,
        record: &'a RunRecord,
    ) -> Vec<Cell<'a>> {
        let whole = |value: u64| Cell::Integer(i64::try_from(value).unwrap_or(i64::MAX));
        let mut cells = vec![Cell::Integer(row as i64)];
        cells.extend(
            (point.iter().zip(&self.kinds)).map(|(text, kind)| match kind {
                Kind::Integer => text.parse().map_or(Cell::Absent, Cell::Integer),
                Kind::Number => text.parse().map_or(Cell::Absent, Cell::Number),
                Kind::Text => Cell::Shown(text),
            }),
        );
        cells.extend([
            Cell::Shown(variant),
            // A seed beyond 63 bits keeps its bits.
            Cell::Integer(record.seed as i64),
            whole(record.nodes),
            whole(record.pods),
            Cell::Shown(&record.ended),
            Cell::Integer(record.end_ns),
            whole(record.changes),
            whole(record.decisions),
            Cell::Shown(&record.digest),
        ]);
        cells.extend(self.metrics.iter().map(|id| {
            let value = record.metrics.get(id).copied().flatten();
            value.map_or(Cell::Absent, Cell::Number)
        }));
        cells
    }

    /// The columns. Those of other tables are constants of the program, so theirs are kept as long
    /// as the program runs; a program writes the table of one sweep.
    fn schema(&self) -> TableSchema {
        let column = |name: &str, kind, unit: &'static str, meaning: &'static str| Column {
            name: String::leak(name.to_owned()),
            kind,
            unit,
            meaning,
            absent: None,
        };
        let mut columns = vec![column(
            "run",
            Kind::Integer,
            "",
            "number of the run, from 0",
        )];
        let parameters = self.merged.file.parameters.iter().zip(&self.kinds);
        columns.extend(
            parameters
                .map(|(path, kind)| column(path, *kind, "", "value of the field that is varied")),
        );
        columns.extend(FIXED.map(|(name, kind, unit, meaning)| column(name, kind, unit, meaning)));
        columns.extend(self.metrics.iter().map(|id| Column {
            absent: Some("the metric is undefined for this run"),
            ..column(id, Kind::Number, "", "a metric")
        }));
        TableSchema {
            title: "the table of the sweep",
            csv: CSV_NAME,
            parquet: PARQUET_NAME,
            columns: Vec::leak(columns),
        }
    }
}

/// The narrowest type that all values have.
fn kind<'v>(mut values: impl Iterator<Item = &'v str> + Clone) -> Kind {
    let is_integer = |text: &str| text.parse::<i64>().is_ok_and(|n| n.to_string() == text);
    let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    if values.clone().all(is_integer) {
        Kind::Integer
    } else if values.all(is_number) {
        Kind::Number
    } else {
        Kind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_get_the_narrowest_type() {
        let check = |values: &[&str], expected: Kind| {
            assert_eq!(kind(values.iter().copied()), expected, "{values:?}");
        };
        check(&["1", "-2"], Kind::Integer);
        check(&["1", "2.5"], Kind::Number);
        check(&["01", "2"], Kind::Number);
        check(&["1", "fgd"], Kind::Text);
        check(&["1s", "2s"], Kind::Text);
        check(&["inf"], Kind::Text);
    }
}
