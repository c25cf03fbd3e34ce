//! The fields of a trace as it states them, without those that are names.

use crate::prelude::*;
use intake::archive::parts;
use intake::ledger::RowPolicy;
use intake::parquet::{Parquet, is_parquet};
use intake::records::each_record;
use intake::rows::{Opened, each_parquet_row, is_empty};

/// The places of the columns that are no names.
pub(crate) fn shown(format: &FormatEntry, columns: &[ColumnDoc]) -> Vec<usize> {
    let is_shown = |column: &ColumnDoc| !format.names.contains(&column.name);
    let places = (0..).zip(columns);
    places
        .filter(|(_, column)| is_shown(column))
        .map(|(place, _)| place)
        .collect()
}

/// Shows the fields of a trace, but for those of names.
pub(crate) fn show_rows(
    format: &FormatEntry,
    layout: &Layout,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let places = shown(format, layout.columns);
    let parts = parts(input)?;
    let is_alone = parts.len() == 1;
    for part in parts {
        if !is_alone && is_empty(&part.first_bytes()?) {
            continue;
        }
        if layout.header && is_parquet(&part.first_bytes()?) {
            each_parquet_row(Parquet::open(&part)?, &part, layout, |fields| {
                match fields {
                    Ok(fields) => {
                        for &place in &places {
                            show(fields.text(place).as_bytes());
                        }
                    }
                    Err(bad) => show(bad.value.as_bytes()),
                }
                Ok(())
            })?;
            continue;
        }
        let Opened {
            mut table, columns, ..
        } = layout.open(&part)?;
        while let Some(row) = table.next_row()? {
            match row {
                Ok(row) => {
                    for &place in &places {
                        show(columns[place].as_ref().map_or(b"", |one| row.bytes(one)));
                    }
                }
                Err(bad) => show(bad.value.as_bytes()),
            }
        }
    }
    Ok(())
}

/// Shows the text of a trace that is no table: no name is left out.
pub(crate) fn show_text(
    _: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    for part in parts(input)? {
        let mut lines = part.lines()?;
        while let Some((_, line)) = lines.next_line()? {
            show(line);
        }
    }
    Ok(())
}

/// Shows the fields of an export, but for those of names.
pub(crate) fn show_records(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let mut journal = Journal::new(input.name.clone(), RowPolicy::REPORT);
    let places = shown(format, format.columns);
    each_record(input, format.columns, &[], &mut journal, |_, fields| {
        for &place in &places {
            show(fields.text(place).as_bytes());
        }
        Ok(())
    })
}
