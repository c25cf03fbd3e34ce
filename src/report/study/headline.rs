//! The sentence above a comparison. It claims no more than the verdicts of all gated metrics do.

use super::{incomparable, row};
use crate::format;
use lab::compare::{Judgement, Pair, Study, Verdict};
use lab::statistics::SeedsNeeded;
use units::plural;

/// Gated metric of a pair that is comparable.
type Gated<'a> = (&'a Pair, &'a Judgement);

/// Headline in one sentence: the most severe gated change, in the words of users.
pub fn headline(study: &Study) -> String {
    if !study.pairs.is_empty() && !study.pairs.iter().any(Pair::is_comparable) {
        let reasons = study.pairs.iter().find_map(incomparable);
        return format!("Nothing is concluded: {}.", reasons.unwrap_or_default());
    }
    let pairs = study.pairs.iter().filter(|pair| pair.is_comparable());
    let gated: Vec<Gated<'_>> = pairs
        .flat_map(|pair| {
            let own = pair.metrics.iter().filter(|found| found.gated);
            own.map(move |found| (pair, found))
        })
        .collect();
    if gated.is_empty() {
        return "No metric is gated; the others are below.".to_owned();
    }
    let all = gated.len();
    let unknown = count(&gated, Some(Verdict::NotMeasurable));
    let missing = match unknown {
        0 => String::new(),
        _ => format!(
            "{unknown} of {} {} no value",
            plural::count(all, "gated comparison"),
            plural::either(unknown, "has", "have")
        ),
    };
    if unknown == all {
        return format!("Nothing is concluded: {missing}.");
    }
    let missing = if unknown > 0 {
        format!("; {missing}")
    } else {
        missing
    };
    let apart = study.finished_apart.as_ref();
    let apart = apart.map_or_else(String::new, |own| format!(" But {}.", format::clean(own)));
    let left_out = study.pairs.iter().filter(|pair| !pair.is_comparable());
    let left_out = match left_out.count() {
        0 => String::new(),
        count => format!(
            "; {count} of {} can't be compared and {} left out",
            plural::count(study.pairs.len(), "candidate"),
            plural::either(count, "is", "are")
        ),
    };
    format!("{}{missing}{left_out}.{apart}", claim(study, &gated))
}

/// What the verdicts on the metrics with a value say together.
fn claim(study: &Study, gated: &[Gated<'_>]) -> String {
    let all = plural::count(gated.len(), "gated comparison");
    let open = count(gated, Some(Verdict::Inconclusive));
    let inconclusive = format!("{} inconclusive", plural::either(open, "is", "are"));
    if let Some(found) = worst(gated, Some(Verdict::Regressed)) {
        return match count(gated, Some(Verdict::Improved)) {
            0 => changed(study, found, "worse"),
            improved => format!(
                "{}; of {all} {improved} improved",
                changed(study, found, "worse")
            ),
        };
    }
    if let Some(found) = worst(gated, Some(Verdict::Improved)) {
        let others = match open {
            0 => "no gated metric regressed".to_owned(),
            _ => format!("none of {all} regressed, {open} {inconclusive}"),
        };
        return format!("{}; {others}", changed(study, found, "better"));
    }
    if open > 0 {
        let needed = gated.iter().filter_map(|(_, found)| found.seeds_needed);
        let needed = needed.reduce(SeedsNeeded::and);
        let needed = needed.map(|needed| format!("; {needed} would decide them"));
        return format!(
            "Undecided: {open} of {all} {inconclusive}{}",
            needed.unwrap_or_default()
        );
    }
    let largest = |verdict, words: &str| {
        let (pair, found) = worst(gated, verdict)?;
        let row = row(pair, found);
        let count = count(gated, verdict);
        Some(format!(
            "{count} of {all} {} {words} ({} of {}: {})",
            plural::either(count, "is", "are"),
            row.label,
            format::clean(&pair.candidate),
            row.change
        ))
    };
    if let Some(words) = largest(
        Some(Verdict::NotWorse),
        "not-worse, and whether better is open",
    ) {
        return format!("Not shown to differ: {words}");
    }
    match largest(None, "another, and neither direction is better") {
        Some(words) => format!("No gated metric is better or worse: {words}"),
        None => "No gated metric differs by a relevant amount".to_owned(),
    }
}

fn count(gated: &[Gated<'_>], verdict: Option<Verdict>) -> usize {
    gated
        .iter()
        .filter(|(_, found)| found.verdict == verdict)
        .count()
}

/// The most severe difference of those with a verdict.
fn worst<'a>(gated: &[Gated<'a>], verdict: Option<Verdict>) -> Option<Gated<'a>> {
    let of = gated.iter().filter(|(_, found)| found.verdict == verdict);
    of.max_by(|a, b| a.1.severity().total_cmp(&b.1.severity()))
        .copied()
}

/// A difference in words.
fn changed(study: &Study, gated: Gated<'_>, word: &str) -> String {
    let (pair, found) = gated;
    let row = row(pair, found);
    format!(
        "{} makes {} {word} than {}: {} → {} ({})",
        format::clean(&pair.candidate),
        row.label,
        format::clean(&study.baseline),
        row.base,
        row.head,
        row.change
    )
}
