//! Comparison as one LaTeX table: of each gated metric the baseline's value, and the change that each
//! candidate makes, with its interval and a mark for the verdict.

use std::io::{self, Write};

use super::{StudyOptions, all_pairs, change, facts, headline, row};
use crate::format;
use crate::latex::{LatexTable, escaped};
use lab::compare::{Judgement, Pair, Study, Verdict};
use lab::program;

/// Writes the comparison.
pub(super) fn write(
    out: &mut dyn Write,
    study: &Study,
    options: StudyOptions<'_>,
) -> io::Result<()> {
    for line in headline(study).lines() {
        writeln!(out, "% {}", format::clean(line))?;
    }
    let program = program::described(&study.windtunnel, &study.build);
    writeln!(out, "% windtunnel {}", format::clean(&program))?;
    let head = ["metric", &study.baseline].into_iter();
    let candidates = study.pairs.iter().map(|pair| pair.candidate.as_str());
    let rows = study.gated.iter().filter_map(|id| cells(study, id));
    let table = LatexTable {
        caption: format!(
            "{}: changes with 95 % intervals against {} · {} · + improved, − regressed, = equivalent, \
             ≥ not worse, ? inconclusive, × not comparable",
            study.name,
            study.baseline,
            facts(study)[1..].join(" · ")
        ),
        columns: format!("lr{}", "l".repeat(study.pairs.len())),
        head: head.chain(candidates).map(escaped).collect(),
        rows: rows.collect(),
        label: options.label.map(str::to_owned),
    };
    table.write(out)?;
    all_pairs::write_latex(out, study, options.label)
}

/// The cells of a metric. The baseline's value is that of the first pair which has the metric.
fn cells(study: &Study, id: &str) -> Option<Vec<String>> {
    let found: Vec<Option<(&Pair, &Judgement)>> = (study.pairs.iter())
        .map(|pair| Some((pair, pair.metrics.iter().find(|own| own.metric == id)?)))
        .collect();
    let (pair, first) = found.iter().flatten().next()?;
    let first = row(pair, first);
    let mut cells = vec![escaped(&first.label), escaped(&first.base)];
    cells.extend(found.iter().map(|found| match found {
        Some((pair, own)) => format!("{}{}", escaped(&change(own)), mark(pair, own)),
        None => escaped(format::UNDEFINED),
    }));
    Some(cells)
}

/// Sign of a verdict, above the line.
pub(super) fn mark(pair: &Pair, own: &Judgement) -> &'static str {
    superscript(match own.verdict {
        Some(verdict) if !pair.is_comparable() && !sign(Some(verdict)).is_empty() => "×",
        verdict => sign(verdict),
    })
}

/// Sign of a verdict.
pub(super) fn sign(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        None | Some(Verdict::NotMeasurable | Verdict::DifferentInputs) => "",
        Some(Verdict::Improved) => "+",
        Some(Verdict::Regressed) => "-",
        Some(Verdict::Equivalent) => "=",
        Some(Verdict::NotWorse) => "≥",
        Some(Verdict::Inconclusive) => "?",
    }
}

/// A sign above the line.
pub(super) fn superscript(sign: &str) -> &'static str {
    match sign {
        "+" => "$^{+}$",
        "-" => "$^{-}$",
        "=" => "$^{=}$",
        "≥" => r"$^{\geq}$",
        "?" => "$^{?}$",
        "×" => r"$^{\times}$",
        _ => "",
    }
}
