//! A check in a terminal and as Markdown: the same rows, worst first.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{CheckOptions, cells, counts, facts, headline, outcome};
use crate::lab::check::{CheckReport, Gate, Outcome};
use crate::lab::summary::title_of_id;
use crate::report::format;
use crate::report::study::escaped;

const HEAD: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const PLAIN: Style = Style::new();
const NAME_MAX: usize = 22;
const LABEL_MAX: usize = 26;
/// More rows than these that changed nothing are folded in a terminal.
const QUIET_MAX: usize = 12;

/// Writes the table.
pub(super) fn write_table(
    out: &mut dyn Write,
    report: &CheckReport,
    options: CheckOptions<'_>,
) -> io::Result<()> {
    let mut parts = facts(report);
    parts.extend(options.wall_time.map(str::to_owned));
    writeln!(out, "{HEAD}windtunnel{HEAD:#} {}", parts.join(" · "))?;
    writeln!(out, "{HEAD}{}{HEAD:#}", headline(report))?;
    let (shown, folded) = shown(report);
    if !shown.is_empty() {
        writeln!(out)?;
    }
    let rows: Vec<[String; 6]> =
        std::iter::once(["", "", "base", "head", "change [95 % CI]", "verdict"].map(str::to_owned))
            .chain(shown.iter().map(|gate| row(gate)))
            .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|cells| cells[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2, 3, 4].map(width);
    for (place, cells) in rows.iter().enumerate().filter(|_| !shown.is_empty()) {
        let style = match place.checked_sub(1).map(|index| shown[index].outcome) {
            None => HEAD,
            Some(Outcome::Regressed | Outcome::DifferentInputs | Outcome::NoBaseline) => BAD,
            Some(Outcome::Improved) => GOOD,
            Some(_) => PLAIN,
        };
        let [entry, metric, base, head, change, verdict] = cells;
        writeln!(
            out,
            "{entry:<0$}  {metric:<1$}  {base:>2$}  {head:>3$}  {change:<4$}  {style}{verdict}\
             {style:#}",
            widths[0], widths[1], widths[2], widths[3], widths[4]
        )?;
    }
    if folded > 0 {
        writeln!(out, "{QUIET}… and {folded} more that hold{QUIET:#}")?;
    }
    writeln!(out)?;
    writeln!(out, "{}", counts(report))?;
    for entry in report.entries.iter().filter(|entry| entry.error.is_some()) {
        let error = entry.error.as_deref().unwrap_or_default();
        writeln!(
            out,
            "{BAD}error:{BAD:#} {}: {}",
            entry.name,
            format::clean(error)
        )?;
    }
    for line in details(report) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The gates that are shown, and how many that hold are not.
fn shown(report: &CheckReport) -> (Vec<&Gate>, usize) {
    let (loud, quiet): (Vec<&Gate>, Vec<&Gate>) = report
        .gates
        .iter()
        .partition(|gate| gate.outcome < Outcome::Improved);
    let kept = quiet.len().min(QUIET_MAX);
    let folded = quiet.len() - kept;
    (
        loud.into_iter()
            .chain(quiet.into_iter().take(kept))
            .collect(),
        folded,
    )
}

fn row(gate: &Gate) -> [String; 6] {
    let (base, head, change) = cells(gate);
    [
        format::shortened(&format::clean(&gate.entry), NAME_MAX),
        format::shortened(&title_of_id(&gate.metric), LABEL_MAX),
        base,
        head,
        change,
        outcome(gate),
    ]
}

/// What is to be known beyond the rows: reasons, the first decision that differs, how to look.
fn details(report: &CheckReport) -> Vec<String> {
    const REASONS_MAX: usize = 5;
    let mut lines: Vec<String> = Vec::new();
    let reasons = report.gates.iter().filter(|gate| {
        gate.outcome <= Outcome::NotMeasurable
            && gate.outcome != Outcome::Acknowledged
            && gate.note.is_some()
    });
    for gate in reasons.take(REASONS_MAX) {
        let note = gate.note.as_deref().unwrap_or_default();
        lines.push(format!(
            "{} {}: {}",
            gate.entry,
            gate.metric,
            format::clean(note)
        ));
    }
    let failed = || {
        report
            .gates
            .iter()
            .filter(|gate| gate.outcome == Outcome::Regressed)
    };
    if let Some(divergence) = failed().find_map(|gate| gate.divergence.as_ref()) {
        let words = format::clean(&divergence.words);
        lines.push(format!("first divergence: {words}"));
        let look = divergence.look.iter();
        lines.extend(look.map(|command| format!("look closer: {command}")));
    }
    lines.extend(
        report
            .notes
            .iter()
            .map(|note| format!("note: {}", format::clean(note))),
    );
    if let Some(gate) = failed().next().or_else(|| report.gates.first()) {
        lines.push(format!("rerun: {}", gate.rerun));
    }
    lines
}

/// Writes Markdown: what changed as a table, what holds folded; found again by a hidden mark.
pub(super) fn write_markdown(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    writeln!(
        out,
        "<!-- windtunnel:{} -->",
        report.suite.replace("--", "-")
    )?;
    writeln!(out, "### windtunnel: {}", escaped(&report.suite))?;
    writeln!(out, "\n**{}**\n", escaped(&headline(report)))?;
    let (loud, quiet): (Vec<&Gate>, Vec<&Gate>) = report
        .gates
        .iter()
        .partition(|gate| gate.outcome <= Outcome::Improved);
    if !loud.is_empty() {
        write_rows(out, &loud)?;
        writeln!(out)?;
    }
    if !quiet.is_empty() {
        writeln!(
            out,
            "<details><summary>{} gates that hold</summary>\n",
            quiet.len()
        )?;
        write_rows(out, &quiet)?;
        writeln!(out, "\n</details>\n")?;
    }
    writeln!(
        out,
        "{}. {}.",
        counts(report),
        escaped(&facts(report).join(" · "))
    )?;
    for line in details(report) {
        writeln!(out, "- {}", escaped(&line))?;
    }
    Ok(())
}

fn write_rows(out: &mut dyn Write, gates: &[&Gate]) -> io::Result<()> {
    writeln!(
        out,
        "| scenario | metric | base | head | change [95 % CI] | verdict |"
    )?;
    writeln!(out, "| --- | --- | ---: | ---: | --- | --- |")?;
    for gate in gates {
        let cells = row(gate).map(|cell| escaped(&cell));
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}
