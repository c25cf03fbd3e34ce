//! The candidates among each other: of every gated metric the ranks, and one line for each pair.

use std::io::{self, Write};

use anstyle::Style;

use super::export::escaped;
use super::latex::mark;
use super::ranks::{self, RankTable, probability};
use super::table::NAME_MAX;
use super::{incomparable, names, row};
use crate::format;
use crate::latex::{self, LatexTable};
use crate::sense::Sense;
use lab::compare::{AllPairs, Judgement, Method, Pair, Study};
use metrics::registry;

/// Gated metric over all pairs of candidates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MetricPairs {
    /// Name of the metric for people.
    pub(crate) label: String,
    /// Ranks in the metric; none where it has no order.
    pub(crate) ranks: Option<RankTable>,
    /// Every pair that has the metric.
    pub(crate) pairs: Vec<PairRow>,
}

/// Difference of a pair in words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PairRow {
    /// Names of the two, such as `sjf against fcfs`.
    pub(crate) names: String,
    /// Names of both candidates, cut for a terminal.
    short: String,
    /// Mean difference with its interval.
    pub(crate) change: String,
    /// p corrected over all pairs and gated metrics.
    pub(crate) p: String,
    /// Verdict, with its limitations.
    pub(crate) verdict: String,
    /// Meaning of the verdict.
    pub(crate) sense: Sense,
    /// Sign of the verdict in LaTeX.
    mark: &'static str,
}

/// The gated metrics over all pairs; none if only the baseline was compared with.
pub(crate) fn blocks(study: &Study) -> Vec<MetricPairs> {
    let Some(all) = &study.all_pairs else {
        return Vec::new();
    };
    let blocks = study.gated.iter().map(|id| {
        let own = all.rankings.iter().find(|own| own.metric == *id);
        MetricPairs {
            label: registry::title(id),
            ranks: own.map(|own| RankTable::of(own, sample(all))),
            pairs: found(study, id)
                .map(|(pair, own)| pair_row(study, pair, own))
                .collect(),
        }
    });
    blocks.collect()
}

/// Judgements of a gated metric of every pair.
fn found<'a>(study: &'a Study, id: &'a str) -> impl Iterator<Item = (&'a Pair, &'a Judgement)> {
    study.every_pair().filter_map(move |pair| {
        let mut metrics = pair.metrics.iter();
        let own = metrics.find(|own| own.gated && own.metric == id)?;
        Some((pair, own))
    })
}

fn pair_row(study: &Study, pair: &Pair, own: &Judgement) -> PairRow {
    let words = row(pair, own);
    PairRow {
        names: names(study, pair),
        short: format!(
            "{} against {}",
            shortened(&pair.candidate),
            shortened(pair.baseline.as_ref().unwrap_or(&study.baseline))
        ),
        p: probability(own.p_adjusted),
        sense: words.sense(pair),
        change: words.change,
        verdict: words.verdict,
        mark: mark(pair, own),
    }
}

/// A name as it has room in a terminal.
fn shortened(name: &str) -> String {
    format::shortened(&format::clean(name), NAME_MAX)
}

/// What candidates are ranked on.
fn sample(all: &AllPairs) -> &'static str {
    match all.method {
        Method::Seeds { .. } => "seeds",
        Method::Shaking { .. } => "perturbations",
        Method::Blocks { .. } => "logs drawn from one",
        Method::Whole { .. } => "deterministic input",
    }
}

/// Remarks on pairs and ranks.
pub(super) fn remarks(study: &Study) -> Vec<String> {
    let Some(all) = &study.all_pairs else {
        return Vec::new();
    };
    let mut lines: Vec<String> = (study.every_pair())
        .filter_map(|pair| Some(format!("{}: {}", names(study, pair), incomparable(pair)?)))
        .collect();
    lines.extend(match all.method {
        _ if all.rankings.is_empty() => None,
        Method::Whole { .. } => {
            Some("ranks are of one deterministic input: nothing varies, and there is no test".to_owned())
        }
        Method::Blocks { .. } => Some(
            "ranks are means over logs drawn from one, 1 is best; more draws are no larger sample, so they have \
             neither interval nor test"
                .to_owned(),
        ),
        _ => ranks::remark(&all.rankings, sample(all)),
    });
    lines.extend(ranks::unranked(&all.unranked));
    if !all.left_out.is_empty() {
        let names: Vec<String> = all.left_out.iter().map(|own| format::clean(own)).collect();
        lines.push(format!(
            "not ranked, as not comparable with candidates that are: {}",
            names.join(", ")
        ));
    }
    lines
}

/// Writes the blocks for a terminal.
pub(super) fn write_table(out: &mut dyn Write, study: &Study) -> io::Result<()> {
    const HEAD: Style = Style::new().bold();
    const QUIET: Style = Style::new().dimmed();
    let blocks = blocks(study);
    let all = || blocks.iter().flat_map(|block| &block.pairs);
    let width = |cell: fn(&PairRow) -> &str| {
        let widths = all().map(|row| cell(row).chars().count());
        widths.max().unwrap_or(0)
    };
    let widths = [
        width(|row| &row.short),
        width(|row| &row.change),
        width(|row| &row.p),
    ];
    for block in &blocks {
        writeln!(out, "\n{HEAD}{}{HEAD:#}", block.label)?;
        if let Some(ranks) = &block.ranks {
            writeln!(out, "{QUIET}{}{QUIET:#}", ranks.facts)?;
            for line in ranks.lines() {
                writeln!(out, "{line}")?;
            }
        }
        for row in &block.pairs {
            let style = row.sense.style();
            writeln!(
                out,
                "{:<3$}  {:<4$}  p {:<5$}  {style}{6}{style:#}",
                row.short, row.change, row.p, widths[0], widths[1], widths[2], row.verdict
            )?;
        }
    }
    Ok(())
}

/// Writes a table of Markdown for each gated metric, below that of the ranks.
pub(super) fn write_markdown(out: &mut dyn Write, study: &Study) -> io::Result<()> {
    let Some(all) = &study.all_pairs else {
        return Ok(());
    };
    ranks::write_markdown(out, &all.rankings, &candidates(study))?;
    for block in blocks(study) {
        writeln!(out, "\n#### {}\n", escaped(&block.label))?;
        writeln!(out, "| pair | change [95 % CI] | p | verdict |")?;
        writeln!(out, "| --- | --- | ---: | --- |")?;
        for row in block.pairs {
            let cells = [row.names, row.change, row.p, row.verdict];
            let cells = cells.map(|own| escaped(&own));
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
    }
    Ok(())
}

/// Writes the tables of a paper: ranks, and every pair in every gated metric.
pub(super) fn write_latex(
    out: &mut dyn Write,
    study: &Study,
    label: Option<&str>,
) -> io::Result<()> {
    let Some(all) = &study.all_pairs else {
        return Ok(());
    };
    ranks::write_latex(out, &all.rankings, &candidates(study), sample(all), label)?;
    let rows = blocks(study).into_iter().flat_map(|block| {
        let title = latex::escaped(&block.label);
        block.pairs.into_iter().map(move |row| {
            let change = format!("{}{}", latex::escaped(&row.change), row.mark);
            vec![
                title.clone(),
                latex::escaped(&row.names),
                change,
                latex::escaped(&row.p),
            ]
        })
    });
    let tests = study.pairs.first().map_or(0, |pair| pair.tests.gated);
    let table = LatexTable {
        caption: format!(
            "All pairs of candidates of {}: changes with 95 % intervals, and p corrected by Holm over {} · + improved, − \
             regressed, = equivalent, ≥ not worse, ? inconclusive, × not comparable",
            study.name,
            format::counted(tests as u64, "test")
        ),
        columns: "lllr".to_owned(),
        head: ["metric", "pair", "change", "p"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
        label: label.map(|own| format!("{own}-pairs")),
    };
    table.write(out)
}

fn candidates(study: &Study) -> Vec<&str> {
    study
        .candidates
        .iter()
        .map(|own| own.name.as_str())
        .collect()
}
