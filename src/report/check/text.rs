//! Check in a terminal and as Markdown: the same rows, worst first.

use std::io::{self, Write};

use anstyle::Style;

use super::{
    CheckOptions, broken, cause, cells, counts, digest, facts, headline, limit, outcome, power,
    reasons, rerun, unseen,
};
use crate::format;
use crate::sense::{BAD, GOOD};
use crate::study::escaped;
use lab::check::{CheckReport, EntryReport, Gate, Outcome};
use metrics::registry;
use units::plural;

const HEAD: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();
/// Minimum length to which names and labels are cut.
const NAME_MIN: usize = 16;
const NAME_MAX: usize = 22;
const LABEL_MIN: usize = 20;
const LABEL_MAX: usize = 28;
/// Columns of a line.
const WIDTH_MAX: usize = 100;
/// Words about objects that every cluster has, and that change nothing of a run: told with `-v`.
const USUAL: [&str; 2] = ["placements are the same", "; SwarmKit tasks wait for "];
/// Maximum number of unchanged rows shown in a terminal; more are folded.
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
    for words in cause::behind_failures(report) {
        writeln!(out, "{words}")?;
    }
    let (shown, folded) = shown(report);
    if !shown.is_empty() {
        writeln!(out)?;
    }
    let rows = table(&shown);
    let widths = [0, 1, 2, 3, 4, 5].map(|column| width(&rows, column));
    for (place, cells) in rows.iter().enumerate().filter(|_| !shown.is_empty()) {
        let style = match place.checked_sub(1).map(|index| shown[index].outcome) {
            None => HEAD,
            Some(outcome) if outcome <= Outcome::NoBaseline => BAD,
            Some(Outcome::Improved) => GOOD,
            Some(_) => PLAIN,
        };
        let [entry, metric, base, head, change, limit, verdict] = cells;
        writeln!(
            out,
            "{entry:<0$}  {metric:<1$}  {base:>2$}  {head:>3$}  {change:<4$}  {limit:<5$}  \
             {style}{verdict}{style:#}",
            widths[0], widths[1], widths[2], widths[3], widths[4], widths[5]
        )?;
    }
    if folded > 0 {
        writeln!(out, "{QUIET}… and {folded} more that hold{QUIET:#}")?;
    }
    writeln!(out)?;
    writeln!(out, "{}", totals(report))?;
    for words in other_errors(report) {
        writeln!(out, "{BAD}error:{BAD:#} {words}")?;
    }
    for detail in details(report, options.is_verbose) {
        let command = detail.command.unwrap_or_default();
        writeln!(out, "{}{command}", detail.words)?;
    }
    Ok(())
}

/// Errors of entries without the first, which the headline tells of.
fn other_errors(report: &CheckReport) -> impl Iterator<Item = String> {
    let others = broken(report).into_iter().skip(1);
    others.map(|(names, _, error)| format!("{}: {}", format::clean(&names), format::clean(error)))
}

/// Gates to show, and the number of passed ones that are hidden.
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

/// Rows under their head; names and labels as long as the line allows.
fn table(shown: &[&Gate]) -> Vec<[String; 7]> {
    const GAPS: usize = 6 * 2;
    let head = [
        "",
        "",
        "base",
        "head",
        "change [95 % CI]",
        "limit",
        "verdict",
    ];
    let head = head.map(str::to_owned);
    let rows = shown.iter().map(|gate| row(gate));
    let mut rows: Vec<[String; 7]> = std::iter::once(head).chain(rows).collect();
    for (column, least) in [(1, LABEL_MIN), (0, NAME_MIN)] {
        let all: usize = (0..7).map(|column| width(&rows, column)).sum::<usize>() + GAPS;
        let is_class = |cells: &[String; 7]| cells[column].ends_with('}');
        if rows.iter().any(is_class) {
            continue;
        }
        let room = width(&rows, column).saturating_sub(all.saturating_sub(WIDTH_MAX));
        for cells in &mut rows {
            cells[column] = format::shortened(&cells[column], room.max(least));
        }
    }
    rows
}

fn width(rows: &[[String; 7]], column: usize) -> usize {
    let widths = rows.iter().map(|cells| cells[column].chars().count());
    widths.max().unwrap_or(0)
}

fn row(gate: &Gate) -> [String; 7] {
    let (base, head, change) = cells(gate);
    [
        format::shortened(&format::clean(&gate.entry), NAME_MAX),
        label(gate),
        base,
        head,
        change,
        limit(gate),
        outcome(gate),
    ]
}

/// Title of the metric of a gate; a class of pods is named in full.
fn label(gate: &Gate) -> String {
    let title = registry::title(&gate.metric);
    let (title, class) = title.split_at(title.find('{').unwrap_or(title.len()));
    let title = format::shortened(title.trim_end(), LABEL_MAX);
    if class.is_empty() {
        title
    } else {
        format!("{title} {class}")
    }
}

/// Line below the rows: words, and a command to copy.
struct Detail<'a> {
    words: String,
    command: Option<&'a str>,
}

/// Notes below the rows: reasons, the first decision that differs, commands to examine it.
fn details(report: &CheckReport, is_verbose: bool) -> Vec<Detail<'_>> {
    const REASONS_MAX: usize = 5;
    const LEFT_OUT_MAX: usize = 5;
    let said = |words: String| Detail {
        words,
        command: None,
    };
    let typed = |words: &str, command| Detail {
        words: words.to_owned(),
        command: Some(command),
    };
    let reasons = reasons(report);
    let more = reasons.len().saturating_sub(REASONS_MAX);
    let mut lines: Vec<Detail<'_>> = reasons.into_iter().take(REASONS_MAX).map(said).collect();
    if more > 0 {
        lines.push(said(format!(
            "… and {more} more reasons, all in `--format json`"
        )));
    }
    lines.extend(cause::besides(report).into_iter().map(said));
    let mut failed = report
        .gates
        .iter()
        .filter(|gate| gate.outcome <= Outcome::DifferentInputs);
    if let Some(divergence) = failed.find_map(|gate| gate.divergence.as_ref()) {
        let words = format::clean(&divergence.words);
        lines.push(said(format!("first divergence: {words}")));
        let look = divergence.look.as_deref();
        lines.extend(look.map(|command| typed("look closer: ", command)));
    }
    let power = power(report);
    if let Some(first) = power.first() {
        let more = match power.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more in `--format json`"),
        };
        lines.push(said(format!(
            "smallest change found in 4 of 5 checks: {first}{more}"
        )));
    }
    lines.extend(unseen(report).map(said));
    let notes = report.notes.iter();
    lines.extend(notes.map(|note| said(format!("note: {}", format::clean(note)))));
    let mut left_out = left_out(report);
    left_out.retain(|words| is_verbose || !USUAL.iter().any(|usual| words.contains(usual)));
    let more = left_out.len().saturating_sub(LEFT_OUT_MAX);
    let told = left_out.into_iter().take(LEFT_OUT_MAX);
    lines.extend(told.map(|words| said(format!("note: {}", format::clean(&words)))));
    if more > 0 {
        lines.push(said(format!(
            "note: {more} more are left out, all in `--format json`"
        )));
    }
    lines.extend(rerun(report).map(|command| typed("rerun: ", command)));
    lines
}

/// Notes about input that runs pass over, each once; entries are named where some have no such note.
pub(super) fn left_out(report: &CheckReport) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for entry in &report.entries {
        for words in &entry.left_out {
            let has_it = |other: &&EntryReport| other.left_out.contains(words);
            let names: Vec<&str> = { report.entries.iter().filter(has_it) }
                .map(|other| &*other.name)
                .collect();
            let line = if names.len() == report.entries.len() {
                words.clone()
            } else {
                format!("{}: {words}", plural::first_of(names, 1))
            };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// Counts, and the digest of what ran.
fn totals(report: &CheckReport) -> String {
    match digest(report) {
        Some(digest) => format!("{} · digest {digest}", counts(report)),
        None => counts(report),
    }
}

/// Writes Markdown: changes as a table, the rest folded; a hidden mark identifies it later.
pub(super) fn write_markdown(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    writeln!(
        out,
        "<!-- windtunnel:{} -->",
        report.suite.replace("--", "-")
    )?;
    writeln!(out, "### windtunnel: {}", escaped(&report.suite))?;
    writeln!(out, "\n**{}**\n", escaped(&headline(report)))?;
    let causes = cause::behind_failures(report);
    for words in &causes {
        writeln!(out, "- {}", escaped(words))?;
    }
    if !causes.is_empty() {
        writeln!(out)?;
    }
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
            "<details><summary>{}</summary>\n",
            format_args!(
                "{} that {}",
                plural::count(quiet.len(), "gate"),
                plural::either(quiet.len(), "holds", "hold")
            )
        )?;
        write_rows(out, &quiet)?;
        writeln!(out, "\n</details>\n")?;
    }
    writeln!(
        out,
        "{}. {}.\n",
        escaped(&totals(report)),
        escaped(&facts(report).join(" · "))
    )?;
    for words in other_errors(report) {
        writeln!(out, "- error: {}", escaped(&words))?;
    }
    for detail in details(report, false) {
        let command = detail.command.map(|command| format!("`{command}`"));
        let words = escaped(&detail.words);
        writeln!(out, "- {words}{}", command.unwrap_or_default())?;
    }
    Ok(())
}

fn write_rows(out: &mut dyn Write, gates: &[&Gate]) -> io::Result<()> {
    writeln!(
        out,
        "| scenario | metric | base | head | change [95 % CI] | limit | verdict |"
    )?;
    writeln!(out, "| --- | --- | ---: | ---: | --- | --- | --- |")?;
    for gate in gates {
        let mut cells = row(gate);
        // There is no width to keep to.
        cells[0] = format::clean(&gate.entry);
        cells[1] = registry::title(&gate.metric);
        let cells = cells.map(|cell| escaped(&cell));
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}
