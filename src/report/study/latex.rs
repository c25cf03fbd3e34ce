//! Comparison as LaTeX tables: all candidates side by side if there are more than two, then each
//! candidate against the baseline in the gated metrics.

use std::io::{self, Write};

use super::{facts, headline, overview, rows};
use crate::format;
use crate::latex::{LatexTable, escaped, marked};
use lab::compare::Study;

/// Writes the comparison.
pub(super) fn write(out: &mut dyn Write, study: &Study) -> io::Result<()> {
    for line in headline(study).lines() {
        writeln!(out, "% {}", format::clean(line))?;
    }
    let about = facts(study).join(" · ");
    let side_by_side = overview::rows(study);
    if !side_by_side.is_empty() {
        let names = study.candidates.iter().map(|own| escaped(&own.name));
        let rows = side_by_side.iter().map(|row| {
            let cells = row.cells.iter().zip(&row.best);
            let cells = cells.map(|(cell, is_best)| marked(cell, *is_best));
            std::iter::once(escaped(&row.label)).chain(cells).collect()
        });
        let table = LatexTable {
            caption: format!("{}: side by side · {about}", study.name),
            columns: format!("l{}", "r".repeat(study.candidates.len())),
            head: std::iter::once(String::new()).chain(names).collect(),
            rows: rows.collect(),
        };
        table.write(out)?;
    }
    for pair in &study.pairs {
        let rows = rows(pair, true).into_iter().map(|row| {
            let cells = [row.label, row.base, row.head, row.change, row.verdict];
            cells.iter().map(|cell| escaped(cell)).collect()
        });
        let head = [
            "metric",
            &study.baseline,
            &pair.candidate,
            "change [95 % CI]",
            "verdict",
        ];
        let table = LatexTable {
            caption: format!("{} against {} · {about}", pair.candidate, study.baseline),
            columns: "lrrll".to_owned(),
            head: head.map(escaped).to_vec(),
            rows: rows.collect(),
        };
        table.write(out)?;
    }
    Ok(())
}
