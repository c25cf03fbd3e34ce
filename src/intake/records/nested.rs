//! Tables whose cells hold objects: a data frame of an export with nested members, written as a table, has them as one
//! column each, in JSON or as Python prints them.

use serde_json::Value;

use super::{laid_out, member};
use crate::columns::{ColumnDoc, separator_of_header};
use crate::ledger::{Action, BadRow, Journal};
use crate::parquet::is_parquet;
use crate::rows::{BETWEEN, Fields, Refused, heed, underscored};
use crate::table::{Column, Row, Table};
use crate::unknown_columns::{note_unknown, unused};
use crate::{Input, TraceError, python_value};

/// The name of the object that a column's member is in.
fn outer(name: &str) -> Option<&str> {
    name.split_once('.').map(|(outer, _)| outer)
}

/// Whether a table that begins with these bytes has a column of objects in place of those of their members.
pub(super) fn has_objects(first: &[u8], columns: &[ColumnDoc]) -> bool {
    let is_nested = |names: &[&str]| {
        columns.iter().any(|column| {
            let is_there = |name: &str| names.contains(&name);
            let is_member = is_there(column.name) || is_there(&underscored(column.name));
            !is_member && outer(column.name).is_some_and(is_there)
        })
    };
    !is_parquet(first) && separator_of_header(first, b",", is_nested).is_some()
}

/// Where the value of a column stands in a row.
enum Place {
    Absent,
    /// In a cell of its own.
    Own(Column),
    /// In the object of this number.
    Within(usize),
}

/// Takes every row of a table, with the members of objects in columns of their own.
pub(super) fn each_row(
    part: &Input,
    columns: &'static [ColumnDoc],
    others: &'static [&'static str],
    journal: &mut Journal,
    take: &mut impl FnMut(&mut Journal, &Fields<'_, '_>) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    let mut table = Table::separated(part, b',')?;
    let names = columns.iter().map(|column| column.name);
    let known: Vec<&str> = names.clone().chain(others.iter().copied()).collect();
    let told = unused(table.columns().iter().map(|name| &**name), |name| {
        let is_own = |own: &&str| **own == *name || underscored(own) == name;
        known
            .iter()
            .any(|own| is_own(own) || outer(own) == Some(name))
    });
    if let Some(told) = told {
        journal.dirt(&told, Action::Keep, 1)?;
    }
    let mut objects: Vec<(&str, Column)> = Vec::new();
    let mut places = Vec::new();
    for column in columns {
        let own = table.column(column.name);
        let own = own.or_else(|| table.column(&underscored(column.name)));
        let name = outer(column.name);
        let found = name.and_then(|name| Some((name, table.column(name)?)));
        places.push(match (own, found) {
            (Some(own), _) => Place::Own(own),
            (None, Some((name, found))) => {
                let met = objects.iter().position(|(known, _)| *known == name);
                if met.is_none() {
                    objects.push((name, found));
                }
                Place::Within(met.unwrap_or(objects.len() - 1))
            }
            (None, None) if column.required => return Err(table.without(column.name)),
            (None, None) => Place::Absent,
        });
    }
    let shown = (0..)
        .zip(names)
        .map(|(place, name)| Some(Column::at(place, name)));
    let shown: Vec<Option<Column>> = shown.collect();
    while let Some(row) = table.next_row()? {
        let row = match row {
            Ok(row) => row,
            Err(bad) => {
                journal.bad_row(bad)?;
                continue;
            }
        };
        heed(journal, |journal| {
            let values = objects.iter().map(|(_, column)| value(&row, column));
            let values = values.collect::<Result<Vec<Value>, BadRow>>()?;
            note_unknown(journal, row.line, &others_in(&objects, &values, &known))?;
            let (mut text, mut ends) = (String::new(), Vec::new());
            for (place, column) in places.iter().zip(columns) {
                match place {
                    Place::Absent => {}
                    Place::Own(own) => text.push_str(row.text(own)),
                    Place::Within(object) => {
                        let inner = column.name.split_once('.').map_or("", |(_, inner)| inner);
                        laid_out(member(&values[*object], inner), &mut text);
                    }
                }
                ends.push(text.len());
                text.push(BETWEEN);
            }
            text.truncate(text.len() - BETWEEN.len_utf8());
            let laid = Row::of(row.line, &text, &ends);
            take(journal, &Fields::of(&laid, &shown))
        })?;
    }
    journal.end(table.open_end())
}

/// The object of a cell; an empty one has none.
fn value(row: &Row<'_>, column: &Column) -> Result<Value, BadRow> {
    let text = row.text(column);
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let value = python_value::parse(text);
    let value = value.filter(|value| value.is_object() || value.is_null());
    value.ok_or_else(|| row.bad(column, "an object of JSON, or a dictionary of Python"))
}

/// The members of objects that are not known, by their names.
fn others_in(objects: &[(&str, Column)], values: &[Value], known: &[&str]) -> Vec<String> {
    let members = objects.iter().zip(values).flat_map(|((name, _), value)| {
        let members = value.as_object().into_iter().flatten();
        members.map(move |(inner, _)| format!("{name}.{inner}"))
    });
    members.filter(|own| !known.contains(&&**own)).collect()
}
