//! The values of all runs of a comparison as a table: everything that a comparison says can be
//! computed again from it.

use super::pairing::Candidate;
use crate::cells::Cell;
use crate::columns::VALUES;
use crate::folder::{FolderError, ResultFolder};
use crate::summary::VariantSummary;
use crate::tables::{Place, TableFormats, TableWriter};

/// Writes the value of every metric in every run of the candidates, as CSV and Parquet. Metrics
/// without a value in a run have no row.
///
/// # Errors
/// If the folder can't be written.
pub fn write_values(folder: &ResultFolder, candidates: &[Candidate]) -> Result<(), FolderError> {
    let place = Place {
        variant: 0,
        variants: 1,
    };
    let Some(mut table) = TableWriter::start(folder, &VALUES, TableFormats::BOTH, place)? else {
        return Ok(());
    };
    for candidate in candidates {
        for run in &candidate.by_seed {
            write_run(&mut table, &candidate.name, run, None)?;
        }
        for (number, run) in (0_i64..).zip(&candidate.shaken) {
            write_run(&mut table, &candidate.name, run, Some(number))?;
        }
    }
    table.finish()
}

#[expect(clippy::ptr_arg, reason = "a cell shows a sized value")]
fn write_run(
    table: &mut TableWriter,
    candidate: &String,
    run: &VariantSummary,
    shake: Option<i64>,
) -> Result<(), FolderError> {
    for (id, metric) in &run.metrics {
        let Some(value) = metric.value.filter(|value| value.is_finite()) else {
            continue;
        };
        table.row(&[
            Cell::Shown(candidate),
            // Seeds beyond 63 bits wrap around, as every program that reads signed integers does it.
            Cell::Integer(run.seed.cast_signed()),
            shake.map_or(Cell::Absent, Cell::Integer),
            Cell::Shown(id),
            Cell::Shown(&metric.unit),
            Cell::Number(value),
        ])?;
    }
    Ok(())
}
