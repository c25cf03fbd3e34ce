//! Verdict: one sentence that states which variant is best, on which metric and by how much, with
//! its caveats.

use std::fmt::Write as _;

use metrics::Direction;

use crate::comparison::{Cell, Column, Comparison, Row};
use crate::format;
use lab::summary::Summary;
use units::SortedSet;

/// Verdict of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Sentence that states the verdict.
    pub sentence: String,
    /// Caveats to read before relying on it, one sentence each.
    pub caveats: Vec<String>,
}

impl Verdict {
    /// Judges by the first metric shown that distinguishes the variants.
    pub fn new(summary: &Summary, comparison: &Comparison) -> Self {
        let sentence = match (&comparison.apart, comparison.deciding_row()) {
            (Some(reason), _) => {
                format!(
                    "NOT COMPARED: {reason}. The runs are listed side by side without a \
                    verdict."
                )
            }
            (None, Some(row)) => decided(comparison, row),
            (None, None) => undecided(comparison),
        };
        Self {
            sentence,
            caveats: caveats(summary, comparison),
        }
    }
}

fn decided(comparison: &Comparison, row: &Row) -> String {
    let pairs = || row.cells.iter().zip(&comparison.columns);
    let best: Vec<(&Cell, &Column)> = pairs().filter(|(cell, _)| cell.best).collect();
    let is_other = |cell: &Cell| !cell.best && cell.comparable && cell.value.is_some();
    let others = || pairs().filter(|(cell, _)| is_other(cell));
    let better = |a: &(&Cell, &Column), b: &(&Cell, &Column)| {
        let order =
            a.0.value
                .unwrap_or(0.0)
                .total_cmp(&b.0.value.unwrap_or(0.0));
        if row.better == Direction::Higher {
            order.reverse()
        } else {
            order
        }
    };
    let names: Vec<&str> = best
        .iter()
        .map(|(_, column)| column.name.as_str())
        .collect();
    let superlative = if row.better == Direction::Higher {
        "highest"
    } else {
        "lowest"
    };
    let verb = if names.len() == 1 { "has" } else { "share" };
    let text = best.first().map_or("", |(cell, _)| cell.text.as_str());
    let mut sentence = format!(
        "{} {verb} the {superlative} {}: {text}",
        joined(&names),
        row.label
    );
    if let Some((cell, column)) = others().min_by(better) {
        // The same difference as in the table, seen from the other side.
        let apart = cell
            .difference
            .as_deref()
            .map(|text| text.trim_start_matches(['+', '−']));
        let side = if row.better == Direction::Higher {
            "above"
        } else {
            "below"
        };
        if let Some(apart) = apart {
            let _ = write!(
                sentence,
                ", {apart} {side} the next, {} ({})",
                column.name, cell.text
            );
        }
    }
    if others().count() > 1
        && let Some((cell, column)) = others().max_by(better)
    {
        let _ = write!(sentence, "; last is {} with {}", column.name, cell.text);
    }
    sentence.push('.');
    sentence
}

fn undecided(comparison: &Comparison) -> String {
    let measured = comparison
        .rows
        .iter()
        .find(|row| row.cells.iter().any(|c| c.value.is_some()));
    match (measured, comparison.columns.as_slice()) {
        (None, _) => "Nothing was measured.".to_owned(),
        (Some(row), [column]) => format!("{}: {} {}.", column.name, row.label, row.cells[0].text),
        (Some(_), columns) => format!(
            "The {} do not differ in any metric shown.",
            format::counted(columns.len() as u64, "variant")
        ),
    }
}

fn caveats(summary: &Summary, comparison: &Comparison) -> Vec<String> {
    let mut caveats = comparison.notices.clone();
    let interrupted: Vec<&str> = summary
        .variants
        .iter()
        .zip(&comparison.columns)
        .filter(|(variant, _)| variant.ended == "interrupted")
        .map(|(_, column)| column.name.as_str())
        .collect();
    if !interrupted.is_empty() {
        caveats.push(format!(
            "Interrupted before its end: {}. Its figures cover only the simulated part.",
            joined(&interrupted)
        ));
    }
    let seeds: SortedSet<u64> = summary
        .variants
        .iter()
        .map(|variant| variant.seed)
        .collect();
    if seeds.len() > 1 && comparison.apart.is_none() {
        caveats.push(
            "The variants ran with different seeds: part of every difference comes from different \
             random draws."
                .to_owned(),
        );
    }
    if comparison.columns.len() > 1 && comparison.deciding_row().is_some() {
        caveats.push(
            "Each variant ran once, so the share of chance in the differences is unknown: run \
             more seeds before relying on small differences."
                .to_owned(),
        );
    }
    caveats
}

fn joined(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Rows;
    use crate::example;

    fn sentence(summary: &Summary) -> String {
        Verdict::new(summary, &Comparison::new(summary, Rows::Headline)).sentence
    }

    #[test]
    fn says_who_is_best_on_what_and_by_how_much() {
        assert_eq!(
            sentence(&example::fill_up()),
            "fgd has the highest GPU allocation, end: 93.1 %, 4.2 pp above the next, best-fit \
             (88.9 %); last is random with 81.2 %."
        );
        assert_eq!(
            sentence(&example::batch()),
            "f1 has the lowest bounded slowdown, mean: 9.87, 2.44 below the next, sjf (12.31); \
             last is fcfs with 44.90."
        );
    }

    #[test]
    fn ties_single_variants_and_nothing_at_all() {
        let mut tied = example::fill_up();
        let metrics = tied.variants[5].metrics.clone();
        tied.variants[4].metrics = metrics;
        assert!(
            sentence(&tied).starts_with("best-fit and fgd share the highest GPU allocation, end")
        );
        let mut single = example::fill_up();
        single.variants.truncate(1);
        assert_eq!(sentence(&single), "random: GPU allocation, end 81.2 %.");
        single.variants[0].metrics.clear();
        assert_eq!(sentence(&single), "Nothing was measured.");
        single.variants.clear();
        assert_eq!(sentence(&single), "Nothing was measured.");
    }

    #[test]
    fn an_interrupted_run_says_so() {
        let mut summary = example::fill_up();
        summary.variants[1].ended = "interrupted".to_owned();
        let verdict = Verdict::new(&summary, &Comparison::new(&summary, Rows::Headline));
        assert!(verdict.caveats[0].starts_with("Interrupted before its end: dot-product."));
    }
}
