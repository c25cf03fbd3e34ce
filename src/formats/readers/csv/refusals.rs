//! Refusals of rows and cells of anybody's table, which go through the own table that is written of it as the text of a
//! cell, and then name the column, value and rule of the file.

use crate::readers::prelude::*;

/// Character that begins each part of a refusal; no table has it.
const MARK: char = '\u{1f}';

/// A refusal as the text of a cell.
pub(super) fn written(column: &str, value: &str, rule: &str) -> String {
    let [column, value] = [column, value].map(|part| part.replace(MARK, " "));
    format!("{MARK}{column}{MARK}{value}{MARK}{rule}")
}

/// A bad row of the own table by the columns of the file, which stand for those of the own names.
pub(super) fn of_file(mut bad: BadRow, others: &[(String, String)]) -> BadRow {
    let mut parts = bad.value.split(MARK);
    if let (Some(""), Some(column), Some(value), Some(rule)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    {
        return BadRow {
            line: bad.line,
            column: column.to_owned(),
            value: value.to_owned(),
            rule: rule.to_owned(),
        };
    }
    if let Some((_, other)) = others.iter().find(|(own, _)| *own == bad.column) {
        bad.column.clone_from(other);
    }
    bad
}
