//! Comparison as Markdown, CSV and JSON.

use std::io::{self, Write};

use super::overview;
use super::{StudyOptions, StudyRow, counts, facts, front, headline, remarks, rows};
use crate::format;
use lab::compare::{Judgement, Study, Verdict};
use units::plural;

/// Markdown: the gated metrics as tables, all others folded.
pub(super) fn write_markdown(
    out: &mut dyn Write,
    study: &Study,
    options: StudyOptions<'_>,
) -> io::Result<()> {
    writeln!(out, "### {}", escaped(&study.name))?;
    writeln!(out, "\n**{}**\n", escaped(&headline(study)))?;
    writeln!(out, "{}", escaped(&facts(study).join(" · ")))?;
    write_overview(out, study)?;
    for pair in &study.pairs {
        let (candidate, baseline) = (pair.candidate.as_str(), study.baseline.as_str());
        writeln!(
            out,
            "\n#### {} against {}\n",
            escaped(candidate),
            escaped(baseline)
        )?;
        write_rows(out, candidate, baseline, &rows(pair, true))?;
        let (differing, alike): (Vec<StudyRow>, Vec<StudyRow>) =
            rows(pair, false).into_iter().partition(tells);
        if !differing.is_empty() {
            writeln!(
                out,
                "\n<details><summary>{} that {}; {} {} the same or without a \
                 value</summary>\n",
                plural::count(differing.len(), "other metric"),
                plural::either(differing.len(), "differs", "differ"),
                alike.len(),
                plural::either(alike.len(), "is", "are")
            )?;
            write_rows(out, candidate, baseline, &differing)?;
            writeln!(out, "\n</details>")?;
        }
    }
    writeln!(
        out,
        "\ngated: {}; others: {}",
        counts(study, true),
        counts(study, false)
    )?;
    if let Some(front) = front(study) {
        writeln!(out, "\n{}", escaped(&front))?;
    }
    writeln!(out)?;
    for line in remarks(study) {
        writeln!(out, "- {}", escaped(&line))?;
    }
    if let Some(rerun) = options.rerun {
        writeln!(out, "\n`{rerun}`")?;
    }
    Ok(())
}

/// All candidates side by side, if there are more than two.
fn write_overview(out: &mut dyn Write, study: &Study) -> io::Result<()> {
    let rows = overview::rows(study);
    if rows.is_empty() {
        return Ok(());
    }
    let names = study.candidates.iter().map(|own| escaped(&own.name));
    writeln!(
        out,
        "\n| metric | {} |",
        names.collect::<Vec<_>>().join(" | ")
    )?;
    writeln!(out, "| --- |{}", " ---: |".repeat(study.candidates.len()))?;
    for row in &rows {
        let cells = row.cells.iter().zip(&row.best).map(|(cell, is_best)| {
            let cell = escaped(cell);
            if *is_best {
                format!("**{cell}**")
            } else {
                cell
            }
        });
        let cells: Vec<String> = cells.collect();
        writeln!(out, "| {} | {} |", escaped(&row.label), cells.join(" | "))?;
    }
    Ok(())
}

/// Returns whether a row shows any difference. Others are left out: a comment on a code host takes
/// 64 KiB (ci.md 6.6), and all metrics of two candidates are more.
fn tells(row: &StudyRow) -> bool {
    row.word != Some(Verdict::NotMeasurable) && row.change != "0"
}

fn write_rows(
    out: &mut dyn Write,
    candidate: &str,
    baseline: &str,
    rows: &[StudyRow],
) -> io::Result<()> {
    let (candidate, baseline) = (escaped(candidate), escaped(baseline));
    writeln!(
        out,
        "| metric | {baseline} | {candidate} | change [95 % CI] | verdict |"
    )?;
    writeln!(out, "| --- | ---: | ---: | --- | --- |")?;
    for row in rows {
        let cells = [&row.label, &row.base, &row.head, &row.change, &row.verdict];
        let cells: Vec<String> = cells.into_iter().map(|cell| escaped(cell)).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// Text that Markdown and the HTML in it show unchanged.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in format::clean(text).chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' | '#' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

const COLUMNS: [&str; 24] = [
    "candidate",
    "baseline",
    "metric",
    "unit",
    "better",
    "gated",
    "verdict",
    "n",
    "base",
    "head",
    "difference",
    "low",
    "high",
    "relative",
    "relative_low",
    "relative_high",
    "shift",
    "p",
    "p_adjusted",
    "equivalence_p",
    "threshold",
    "d_z",
    "cliffs_delta",
    "seeds_needed",
];

/// CSV: one line per candidate and metric, numbers in full.
pub(super) fn write_csv(out: &mut dyn Write, study: &Study) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS)?;
    for pair in &study.pairs {
        for judgement in &pair.metrics {
            writer.write_record(fields(study, &pair.candidate, judgement))?;
        }
    }
    writer.flush()
}

fn fields(study: &Study, candidate: &str, judgement: &Judgement) -> [String; 24] {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let (interval, relative) = (judgement.interval, judgement.relative_interval);
    [
        format::clean(candidate),
        format::clean(&study.baseline),
        judgement.metric.clone(),
        judgement.unit.clone(),
        judgement.better.name().to_owned(),
        judgement.gated.to_string(),
        judgement
            .verdict
            .map_or("", |verdict| verdict.word())
            .to_owned(),
        judgement.n.to_string(),
        number(judgement.base),
        number(judgement.head),
        number(judgement.difference),
        number(interval.map(|at| at.low)),
        number(interval.map(|at| at.high)),
        number(judgement.relative),
        number(relative.map(|at| at.low)),
        number(relative.map(|at| at.high)),
        number(judgement.shift),
        number(judgement.p),
        number(judgement.p_adjusted),
        number(judgement.equivalence_p),
        judgement.threshold.to_string(),
        number(judgement.d_z),
        number(judgement.cliffs_delta),
        judgement
            .seeds_needed
            .map_or_else(String::new, |needed| needed.to_string()),
    ]
}

/// JSON, indented.
pub(super) fn write_json(out: &mut dyn Write, study: &Study) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, study)?;
    writeln!(out)
}
