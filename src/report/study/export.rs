//! Comparison as Markdown, CSV and JSON.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value as Json;

use super::{
    StudyOptions, StudyRow, counts, facts, front, heading, headline, incomparable, remarks, rows,
};
use super::{all_pairs, overview};
use crate::format;
use lab::compare::{AllPairs, Judgement, Pair, Study, Verdict};
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
    all_pairs::write_markdown(out, study)?;
    for pair in &study.pairs {
        let (candidate, baseline) = (pair.candidate.as_str(), study.baseline.as_str());
        writeln!(out, "\n#### {}\n", escaped(&heading(study, pair)))?;
        if let Some(reasons) = incomparable(pair) {
            writeln!(out, "**{}**\n", escaped(&reasons))?;
        }
        if study.all_pairs.is_none() {
            write_rows(out, candidate, baseline, &rows(pair, true))?;
        }
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
            // Code hosts tell a person whose name follows; a space without a width keeps it a text.
            '@' => escaped.push_str("@&#8203;"),
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' | '#' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

const COLUMNS: [&str; 33] = [
    "candidate",
    "baseline",
    "comparable",
    "method",
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
    "base_unshaken",
    "head_unshaken",
    "p",
    "p_adjusted",
    "carried",
    "equivalence_p",
    "not_worse_p",
    "threshold",
    "bootstrap_low",
    "bootstrap_high",
    "signed_rank_p",
    "shift",
    "d_z",
    "cliffs_delta",
    "seeds_needed",
];

/// CSV: one line per candidate and metric, numbers in full.
pub(super) fn write_csv(out: &mut dyn Write, study: &Study) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let of_ranks = study.all_pairs.iter().flat_map(|_| RANK_COLUMNS);
    writer.write_record(COLUMNS.into_iter().chain(of_ranks))?;
    for pair in study.every_pair() {
        for judgement in &pair.metrics {
            let own = study
                .all_pairs
                .iter()
                .flat_map(|all| ranks(study, all, pair, judgement));
            writer.write_record(fields(study, pair, judgement).into_iter().chain(own))?;
        }
    }
    writer.flush()
}

/// Columns of a comparison of all pairs, behind the others.
const RANK_COLUMNS: [&str; 8] = [
    "base_rank",
    "base_rank_low",
    "base_rank_high",
    "head_rank",
    "head_rank_low",
    "head_rank_high",
    "friedman_p_adjusted",
    "critical_difference",
];

/// The ranks of both candidates of a pair, in the order of the columns.
fn ranks(
    study: &Study,
    all: &AllPairs,
    pair: &Pair,
    judgement: &Judgement,
) -> [String; RANK_COLUMNS.len()] {
    let ranking = all
        .rankings
        .iter()
        .find(|own| own.metric == judgement.metric);
    let of = |name: &str| {
        let own = ranking.and_then(|own| own.standing(name));
        let at = own.and_then(|own| own.interval);
        [
            own.map(|own| own.rank),
            at.map(|at| at.low),
            at.map(|at| at.high),
        ]
    };
    let base = of(pair.baseline.as_ref().unwrap_or(&study.baseline));
    let head = of(&pair.candidate);
    [
        base[0],
        base[1],
        base[2],
        head[0],
        head[1],
        head[2],
        ranking.and_then(|own| own.p_adjusted),
        ranking.and_then(|own| own.critical_difference),
    ]
    .map(number)
}

/// A number in full; nothing where there is none.
fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn fields(study: &Study, pair: &Pair, judgement: &Judgement) -> [String; COLUMNS.len()] {
    let (interval, relative) = (judgement.interval, judgement.relative_interval);
    let bootstrap = judgement.bootstrap;
    let unshaken = judgement.unshaken.unwrap_or_default();
    let verdict = judgement.verdict.map_or("", |verdict| verdict.word());
    let needed = judgement.seeds_needed.map(|needed| needed.to_string());
    [
        format::clean(&pair.candidate),
        format::clean(pair.baseline.as_ref().unwrap_or(&study.baseline)),
        pair.is_comparable().to_string(),
        pair.method.name().to_owned(),
        judgement.metric.clone(),
        judgement.unit.clone(),
        judgement.better.name().to_owned(),
        judgement.gated.to_string(),
        verdict.to_owned(),
        judgement.n.to_string(),
        number(judgement.base),
        number(judgement.head),
        number(judgement.difference),
        number(interval.map(|at| at.low)),
        number(interval.map(|at| at.high)),
        number(judgement.relative),
        number(relative.map(|at| at.low)),
        number(relative.map(|at| at.high)),
        number(unshaken.base),
        number(unshaken.head),
        number(judgement.p),
        number(judgement.p_adjusted),
        judgement.carried.to_string(),
        number(judgement.equivalence_p),
        number(judgement.not_worse_p),
        judgement.threshold.to_string(),
        number(bootstrap.map(|at| at.low)),
        number(bootstrap.map(|at| at.high)),
        number(judgement.signed_rank_p),
        number(judgement.shift),
        number(judgement.d_z),
        number(judgement.cliffs_delta),
        needed.unwrap_or_default(),
    ]
}

/// JSON, indented, with lists of numbers on one line each.
pub(super) fn write_json(out: &mut dyn Write, study: &impl Serialize) -> io::Result<()> {
    let value = serde_json::to_value(study)?;
    write_indented(out, &value, 0)?;
    writeln!(out)
}

fn write_indented(out: &mut dyn Write, value: &Json, depth: usize) -> io::Result<()> {
    let is_plain = |item: &Json| !item.is_array() && !item.is_object();
    let line = |out: &mut dyn Write, depth: usize| write!(out, "\n{:1$}", "", 2 * depth);
    match value {
        Json::Object(map) if !map.is_empty() => {
            for (place, (key, item)) in map.iter().enumerate() {
                write!(out, "{}", if place == 0 { '{' } else { ',' })?;
                line(out, depth + 1)?;
                write!(out, "{}: ", Json::from(key.as_str()))?;
                write_indented(out, item, depth + 1)?;
            }
            line(out, depth)?;
            write!(out, "}}")
        }
        Json::Array(items) if !items.iter().all(is_plain) => {
            for (place, item) in items.iter().enumerate() {
                write!(out, "{}", if place == 0 { '[' } else { ',' })?;
                line(out, depth + 1)?;
                write_indented(out, item, depth + 1)?;
            }
            line(out, depth)?;
            write!(out, "]")
        }
        plain => write!(out, "{plain}"),
    }
}
