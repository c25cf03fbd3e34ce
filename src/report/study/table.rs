//! Comparison in a terminal: one block per candidate, worst rows first, at most 100 columns.

use std::io::{self, Write};

use anstyle::Style;

use super::{
    StudyOptions, StudyRow, counts, facts, front, heading, headline, incomparable, remarks, rows,
};
use super::{all_pairs, overview};
use crate::format;
use crate::sense::GOOD;
use lab::compare::{Pair, Study};

const HEAD: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();
const LABEL_MAX: usize = 32;
pub(super) const NAME_MAX: usize = 14;

/// Writes the comparison.
pub(super) fn write(
    out: &mut dyn Write,
    study: &Study,
    options: StudyOptions<'_>,
) -> io::Result<()> {
    let mut parts = facts(study);
    parts.extend(options.wall_time.map(str::to_owned));
    let name = format::clean(&study.name);
    writeln!(out, "{HEAD}{name}{HEAD:#} · {}", parts.join(" · "))?;
    writeln!(out, "{HEAD}{}{HEAD:#}", headline(study))?;
    write_overview(out, study)?;
    all_pairs::write_table(out, study)?;
    for pair in &study.pairs {
        let mut shown = Vec::new();
        if study.all_pairs.is_none() {
            shown = rows(pair, true);
        }
        if options.all {
            shown.extend(rows(pair, false));
        }
        if study.all_pairs.is_none() || options.all {
            write_block(out, study, pair, &shown)?;
        }
    }
    writeln!(out)?;
    writeln!(out, "gated: {}", counts(study, true))?;
    let more = if options.all { "" } else { " (-v shows them)" };
    writeln!(out, "others: {}{more}", counts(study, false))?;
    if let Some(front) = front(study) {
        writeln!(out, "{front}")?;
    }
    for line in remarks(study) {
        writeln!(out, "{QUIET}note: {line}{QUIET:#}")?;
    }
    if let Some(rerun) = options.rerun {
        writeln!(out, "rerun: {rerun}")?;
    }
    if let Some(report) = options.report {
        writeln!(out, "report: {report}")?;
    }
    Ok(())
}

/// All candidates side by side, if there are more than two.
fn write_overview(out: &mut dyn Write, study: &Study) -> io::Result<()> {
    let rows = overview::rows(study);
    if rows.is_empty() {
        return Ok(());
    }
    let names = study.candidates.iter();
    let names: Vec<String> = names
        .map(|own| format::shortened(&format::clean(&own.name), NAME_MAX))
        .collect();
    let labels = rows
        .iter()
        .map(|row| format::shortened(&row.label, LABEL_MAX));
    let labels: Vec<String> = labels.collect();
    let label_width = labels.iter().map(|label| label.chars().count()).max();
    let width = |at: usize, name: &str| {
        let cells = rows.iter().map(|row| row.cells[at].chars().count());
        cells.max().unwrap_or(0).max(name.chars().count())
    };
    let widths: Vec<usize> = (names.iter().enumerate())
        .map(|(at, name)| width(at, name))
        .collect();
    write!(
        out,
        "\n{HEAD}{:<1$}",
        "side by side",
        label_width.unwrap_or(0)
    )?;
    let last = names.len().saturating_sub(1);
    for (at, (name, width)) in names.iter().zip(&widths).enumerate() {
        let room = if at == last { "" } else { "  " };
        write!(out, "  {name:>width$}{room}")?;
    }
    writeln!(out, "{HEAD:#}")?;
    for (row, label) in rows.iter().zip(&labels) {
        write!(out, "{label:<0$}", label_width.unwrap_or(0))?;
        let cells = row.cells.iter().zip(&row.best).zip(&widths);
        for (at, ((cell, is_best), width)) in cells.enumerate() {
            let (style, mark) = match (is_best, at == last) {
                (true, _) => (GOOD, " ◀"),
                (false, true) => (PLAIN, ""),
                (false, false) => (PLAIN, "  "),
            };
            write!(out, "  {style}{cell:>width$}{mark}{style:#}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_block(
    out: &mut dyn Write,
    study: &Study,
    pair: &Pair,
    rows: &[StudyRow],
) -> io::Result<()> {
    let name = |name: &str| format::shortened(&format::clean(name), NAME_MAX);
    let head = [
        format::shortened(
            &format!("{} against {}", pair.candidate, study.baseline),
            LABEL_MAX,
        ),
        name(&study.baseline),
        name(&pair.candidate),
        "change [95 % CI]".to_owned(),
        "verdict".to_owned(),
    ];
    let cells = |row: &StudyRow| {
        [
            format::shortened(&row.label, LABEL_MAX),
            row.base.clone(),
            row.head.clone(),
            row.change.clone(),
            row.verdict.clone(),
        ]
    };
    let body: Vec<[String; 5]> = rows.iter().map(cells).collect();
    let width = |column: usize| {
        let all = std::iter::once(&head).chain(&body);
        all.map(|cells| cells[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    writeln!(out)?;
    write_line(out, &head, widths, HEAD, HEAD)?;
    // The heading has no room for the method, which is said once for all where it is the same.
    let heading = heading(study, pair);
    if let Some((_, method)) = heading.split_once(" · ") {
        writeln!(out, "{QUIET}{method}{QUIET:#}")?;
    }
    if let Some(reasons) = incomparable(pair) {
        writeln!(out, "{HEAD}{reasons}{HEAD:#}")?;
    }
    for (row, cells) in rows.iter().zip(&body) {
        let style = row.sense(pair).style();
        write_line(out, cells, widths, PLAIN, style)?;
    }
    Ok(())
}

fn write_line(
    out: &mut dyn Write,
    cells: &[String; 5],
    widths: [usize; 4],
    style: Style,
    last: Style,
) -> io::Result<()> {
    let [label, base, head, change, verdict] = cells;
    writeln!(
        out,
        "{style}{label:<0$}  {base:>1$}  {head:>2$}  {change:<3$}{style:#}  {last}{verdict}{last:#}",
        widths[0], widths[1], widths[2], widths[3]
    )
}
