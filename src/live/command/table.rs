//! Tables for the terminal.

use report::format;

/// A table with its columns in line.
pub(super) fn aligned(table: &[Vec<String>]) -> String {
    let widths = widths(table.iter());
    table.iter().map(|cells| line(cells, &widths)).collect()
}

/// Width of each column.
pub(super) fn widths<'c>(table: impl Iterator<Item = &'c Vec<String>>) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    for cells in table {
        widths.resize(widths.len().max(cells.len()), 0);
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = format::column_width([*width, cell.chars().count()].into_iter());
        }
    }
    widths
}

/// A row with its columns in line.
pub(super) fn line(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths);
    let cells: Vec<String> = cells
        .map(|(cell, &width)| format!("{cell:width$}"))
        .collect();
    format!("{}\n", cells.join("  ").trim_end())
}
