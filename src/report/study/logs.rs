//! A comparison on several logs as one table: of each gated metric and candidate the change on every log with a sign
//! for its verdict, and the geometric mean over the logs.

use std::io::{self, Write};

use super::latex::{sign, superscript};
use super::ranks::{self, RankTable};
use super::{export, signed};
use crate::Format;
use crate::format;
use crate::latex::{LatexTable, escaped};
use lab::compare::{LogCell, LogRow, LogStudy};
use lab::program;
use metrics::registry;
use units::plural;

/// Writes the comparison; a LaTeX table gets the label.
pub fn write(
    out: &mut dyn Write,
    study: &LogStudy,
    form: Format,
    label: Option<&str>,
) -> io::Result<()> {
    match form {
        Format::Table => write_table(out, study),
        Format::Markdown => write_markdown(out, study),
        Format::Latex => write_latex(out, study, label),
        Format::Csv => write_csv(out, study),
        Format::Json => export::write_json(out, study),
    }
}

/// Legend of the signs at changes.
const SIGNS: &str =
    "+ improved, - regressed, = equivalent, ≥ not worse, ? inconclusive, × not comparable";

/// The head of the table.
fn head(study: &LogStudy) -> Vec<String> {
    let mut head = vec![format!("against {}", study.baseline)];
    head.extend(study.logs.iter().cloned());
    head.push("geometric mean [95 % CI]".to_owned());
    head.push("verdict".to_owned());
    head.iter().map(|own| format::clean(own)).collect()
}

/// The change on a log in words, and the sign of its verdict.
fn cell(cell: Option<&LogCell>) -> (String, &'static str) {
    let Some(own) = cell else {
        return (format::UNDEFINED.to_owned(), "");
    };
    let same = own
        .base
        .zip(own.head)
        .is_some_and(|(base, head)| (head - base).abs() <= 0.0);
    let change = match own.relative {
        Some(relative) => format!("{} %", signed(100.0 * relative)),
        None if same => "0".to_owned(),
        None => format::UNDEFINED.to_owned(),
    };
    let mark = if own.is_comparable {
        sign(own.verdict)
    } else {
        "×"
    };
    (change, mark)
}

/// The geometric mean of a row as a change.
fn pooled(row: &LogRow) -> String {
    let share = |ratio: f64| signed(100.0 * (ratio - 1.0));
    let Some(ratio) = row.ratio else {
        return format::UNDEFINED.to_owned();
    };
    let interval = row.ratio_interval;
    let interval = interval.map(|at| format!(" [{}, {}]", share(at.low), share(at.high)));
    format!("{} %{}", share(ratio), interval.unwrap_or_default())
}

fn word(row: &LogRow) -> String {
    row.verdict
        .map_or_else(|| format::UNDEFINED.to_owned(), |own| own.word().to_owned())
}

/// Name of a row: the candidate, and what it is compared with where that is not the baseline of all.
fn name(row: &LogRow) -> String {
    let than = row.baseline.iter().map(|own| format!(" against {own}"));
    let words = than.fold(row.candidate.clone(), |name, than| name + &than);
    format::clean(&words)
}

/// The cells of a row behind its name: changes with signs, mean, verdict.
fn cells(row: &LogRow) -> Vec<String> {
    let logs = row.cells.iter().map(|own| {
        let (change, mark) = cell(own.as_ref());
        format!("{change} {mark}").trim_end().to_owned()
    });
    logs.chain([pooled(row), word(row)]).collect()
}

/// The caveats of the table.
fn notes(study: &LogStudy) -> Vec<String> {
    let mut notes = vec![format!(
        "signs: {SIGNS}; the geometric mean is of the ratios of candidate and baseline over logs, its interval Student's t \
         of their logarithms; {} over all rows corrected by Holm",
        plural::count(study.tests, "test")
    )];
    let fewer = study.rows.iter().filter(|row| row.n < study.logs.len());
    let fewer = fewer.map(|row| {
        let metric = registry::title(&row.metric);
        format!(
            "{metric} of {} ({} of {})",
            row.candidate,
            row.n,
            study.logs.len()
        )
    });
    let fewer: Vec<String> = fewer.collect();
    if !fewer.is_empty() {
        notes.push(format!(
            "not all logs are in the mean, as a ratio needs values above zero and comparable runs: {}",
            plural::first_of(fewer, 3)
        ));
    }
    notes.extend(ranks::remark(&study.rankings, "logs"));
    notes.extend(ranks::unranked(&study.unranked));
    notes.extend(study.notes.iter().map(|own| format::clean(own)));
    notes
}

/// The rows by metric: its title, and the name and cells of each candidate.
fn groups(study: &LogStudy) -> Vec<(String, Vec<Vec<String>>)> {
    let groups = study.rows.chunk_by(|one, next| one.metric == next.metric);
    let of = |rows: &[LogRow]| {
        let named = rows.iter().map(|row| {
            let mut all = vec![name(row)];
            all.extend(cells(row));
            all
        });
        (registry::title(&rows[0].metric), named.collect())
    };
    groups.map(of).collect()
}

fn write_table(out: &mut dyn Write, study: &LogStudy) -> io::Result<()> {
    let (head, groups) = (head(study), groups(study));
    let width = |at: usize| {
        let rows = groups.iter().flat_map(|(_, rows)| rows).chain([&head]);
        rows.map(|row| row[at].chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |out: &mut dyn Write, cells: &[String]| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(own, width)| format!("{own:<width$}"));
        let padded: Vec<String> = padded.collect();
        writeln!(out, "  {}", padded.join("  ").trim_end())
    };
    writeln!(
        out,
        "{} · baseline {}",
        plural::count(study.logs.len(), "log"),
        format::clean(&study.baseline)
    )?;
    line(out, &head)?;
    for (title, rows) in &groups {
        writeln!(out, "{title}")?;
        for row in rows {
            line(out, row)?;
        }
    }
    for ranking in &study.rankings {
        let table = RankTable::of(ranking, "logs");
        writeln!(out, "\n{} · {}", table.label, table.facts)?;
        for line in table.lines() {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out)?;
    for note in notes(study) {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}

fn write_markdown(out: &mut dyn Write, study: &LogStudy) -> io::Result<()> {
    let escaped = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|own| export::escaped(own)).collect();
        cells.join(" | ")
    };
    let head = head(study);
    writeln!(out, "| metric | {} |", escaped(&head))?;
    writeln!(out, "| --- |{}", " --- |".repeat(head.len()))?;
    for (title, rows) in groups(study) {
        for row in rows {
            writeln!(out, "| {} | {} |", export::escaped(&title), escaped(&row))?;
        }
    }
    ranks::write_markdown(out, &study.rankings, &candidates(study))?;
    writeln!(out)?;
    notes(study)
        .iter()
        .try_for_each(|note| writeln!(out, "- {}", export::escaped(note)))
}

fn write_latex(out: &mut dyn Write, study: &LogStudy, label: Option<&str>) -> io::Result<()> {
    let program = program::described(&study.windtunnel, &study.build);
    writeln!(out, "% windtunnel {}", format::clean(&program))?;
    let rows = study.rows.iter().map(|row| {
        let mut all = vec![escaped(&registry::title(&row.metric)), escaped(&name(row))];
        all.extend(row.cells.iter().map(|own| {
            let (change, mark) = cell(own.as_ref());
            format!("{}{}", escaped(&change), superscript(mark))
        }));
        all.push(format!(
            "{}{}",
            escaped(&pooled(row)),
            superscript(sign(row.verdict))
        ));
        all
    });
    let mut head = vec!["metric".to_owned()];
    head.extend(self::head(study));
    head.pop();
    let table = LatexTable {
        caption: format!(
            "Changes against {} on {}, and geometric means of the ratios over them with 95 % intervals · {SIGNS}",
            study.baseline,
            plural::count(study.logs.len(), "log")
        ),
        columns: format!("ll{}", "l".repeat(study.logs.len() + 1)),
        head: head.iter().map(|own| escaped(own)).collect(),
        rows: rows.collect(),
        label: label.map(str::to_owned),
    };
    table.write(out)?;
    ranks::write_latex(out, &study.rankings, &candidates(study), "logs", label)
}

/// Names of all candidates, the baseline first.
fn candidates(study: &LogStudy) -> Vec<&str> {
    let against = study.rows.iter().filter(|row| row.baseline.is_none());
    let mut names = vec![study.baseline.as_str()];
    for row in against {
        if !names.contains(&row.candidate.as_str()) {
            names.push(&row.candidate);
        }
    }
    names
}

/// One row for each metric, pair and log, and one for all logs (`log` is empty).
fn write_csv(out: &mut dyn Write, study: &LogStudy) -> io::Result<()> {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "metric",
        "unit",
        "better",
        "candidate",
        "log",
        "base",
        "head",
        "ratio",
        "ratio_low",
        "ratio_high",
        "p",
        "p_adjusted",
        "verdict",
        "baseline",
        "base_rank",
        "head_rank",
    ])?;
    for row in &study.rows {
        let baseline = row.baseline.as_ref().unwrap_or(&study.baseline);
        let ranking = { study.rankings.iter() }.find(|own| own.metric == row.metric);
        let rank = |name: &str| Some(ranking?.standing(name)?.rank);
        let ranks = [baseline, &row.candidate].map(|name| number(rank(name)));
        let named = |log: &str, values: [Option<f64>; 7], verdict: &str| -> Vec<String> {
            let texts = [
                &row.metric,
                &row.unit,
                row.better.name(),
                &row.candidate,
                log,
            ];
            let texts = texts.map(str::to_owned).into_iter();
            texts
                .chain(values.map(number))
                .chain([verdict.to_owned(), baseline.clone()])
                .chain(ranks.clone())
                .collect()
        };
        let verdict =
            |own: Option<lab::compare::Verdict>| own.map_or("", lab::compare::Verdict::word);
        for (log, own) in study.logs.iter().zip(&row.cells) {
            let Some(own) = own else { continue };
            let at = own.relative_interval;
            let ratio = |share: f64| 1.0 + share;
            let values = [
                own.base,
                own.head,
                own.relative.map(ratio),
                at.map(|at| ratio(at.low)),
                at.map(|at| ratio(at.high)),
                None,
                None,
            ];
            writer.write_record(named(log, values, verdict(own.verdict)))?;
        }
        let at = row.ratio_interval;
        let values = [
            None,
            None,
            row.ratio,
            at.map(|at| at.low),
            at.map(|at| at.high),
            row.p,
            row.p_adjusted,
        ];
        writer.write_record(named("", values, verdict(row.verdict)))?;
    }
    writer.flush()
}
