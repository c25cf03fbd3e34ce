//! Comparison of paired runs as people and programs see it. The words of every figure are made here
//! once, so that terminal, Markdown and report agree.

use std::io::{self, Write};

use crate::{Format, format};
use lab::compare::{BOOTSTRAP_MIN, Judgement, Method, Pair, Study, Verdict};
use metrics::registry;
use units::plural;

mod export;
mod overview;
mod table;

pub(super) use export::escaped;

#[cfg(test)]
mod tests;

/// Row of a comparison in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyRow {
    /// Name of the metric for people.
    pub label: String,
    /// Id of the metric.
    pub id: String,
    /// Mean of the baseline.
    pub base: String,
    /// Mean of the candidate.
    pub head: String,
    /// Difference with its confidence interval.
    pub change: String,
    /// Verdict, with its limitations.
    pub verdict: String,
    /// Verdict as data.
    pub word: Option<Verdict>,
}

/// Options that depend on the terminal and on the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct StudyOptions<'a> {
    /// Shows every metric if `true`, otherwise only the gated ones.
    pub all: bool,
    /// Wall-clock time as text; not for files.
    pub wall_time: Option<&'a str>,
    /// Command line that repeats the comparison.
    pub rerun: Option<&'a str>,
    /// Path of the report.
    pub report: Option<&'a str>,
}

/// Writes a comparison in a format.
pub fn write(
    out: &mut dyn Write,
    study: &Study,
    form: Format,
    options: StudyOptions<'_>,
) -> io::Result<()> {
    match form {
        Format::Table => table::write(out, study, options),
        Format::Markdown => export::write_markdown(out, study, options),
        Format::Csv => export::write_csv(out, study),
        Format::Json => export::write_json(out, study),
    }
}

/// Judgement in words.
pub fn row(judgement: &Judgement) -> StudyRow {
    let cells = format::values(&[judgement.base, judgement.head], &judgement.unit);
    let [base, head] = [0, 1].map(|at| cells.get(at).cloned().unwrap_or_default());
    StudyRow {
        label: registry::title(&judgement.metric),
        id: judgement.metric.clone(),
        base,
        head,
        change: change(judgement),
        verdict: verdict(judgement),
        word: judgement.verdict,
    }
}

/// Rows of a candidate, worst first: gated ones or the others.
pub fn rows(pair: &Pair, gated: bool) -> Vec<StudyRow> {
    let mut of: Vec<&Judgement> = pair
        .metrics
        .iter()
        .filter(|judgement| judgement.gated == gated)
        .collect();
    let size = |judgement: &Judgement| judgement.relative.unwrap_or(0.0).abs();
    of.sort_by(|a, b| {
        let rank = |judgement: &Judgement| judgement.verdict.map_or(u8::MAX, |v| v as u8);
        rank(a).cmp(&rank(b)).then(size(b).total_cmp(&size(a)))
    });
    of.into_iter().map(row).collect()
}

/// Change such as `+42.5 % [+36.1, +49.0]`, or the amounts if the baseline is zero.
pub fn change(judgement: &Judgement) -> String {
    let Some(difference) = judgement.difference else {
        return format::UNDEFINED.to_owned();
    };
    if difference.abs() <= 0.0 && judgement.interval.is_none_or(|at| at.half_width() <= 0.0) {
        return "0".to_owned();
    }
    let share = |value: f64| signed(value * 100.0);
    if let Some(relative) = judgement.relative {
        let interval = judgement.relative_interval;
        let interval = interval.map(|at| format!(" [{}, {}]", share(at.low), share(at.high)));
        return format!("{} %{}", share(relative), interval.unwrap_or_default());
    }
    let amount = |value: f64| {
        format::difference(value, 0.0, &judgement.unit).unwrap_or_else(|| "0".to_owned())
    };
    let interval = judgement.interval;
    let interval = interval.map(|at| format!(" [{}, {}]", amount(at.low), amount(at.high)));
    format!("{}{}", amount(difference), interval.unwrap_or_default())
}

/// Number with its sign and one decimal, or two significant ones if it is small.
fn signed(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        _ if size >= 0.1 => 1,
        _ if size >= 0.01 => 2,
        _ if size >= 0.001 => 3,
        _ => return "0.0".to_owned(),
    };
    let sign = if value < 0.0 { '−' } else { '+' };
    format!("{sign}{}", format::fixed(size, decimals))
}

fn verdict(judgement: &Judgement) -> String {
    let Some(verdict) = judgement.verdict else {
        return format::UNDEFINED.to_owned();
    };
    let word = verdict.word();
    match (verdict, judgement.seeds_needed) {
        (Verdict::Inconclusive, Some(needed)) => {
            format!("{word} (≈ {})", format::counted(needed, "seed"))
        }
        _ => word.to_owned(),
    }
}

/// Facts about the comparison: baseline, seeds and method.
pub fn facts(study: &Study) -> Vec<String> {
    let mut facts = vec![format!("baseline {}", format::clean(&study.baseline))];
    facts.push(match &study.method {
        Method::Seeds { seeds } => match (seeds.first(), seeds.last()) {
            (Some(first), Some(last)) if seeds.len() > 1 => {
                let seeds = format::counted(seeds.len() as u64, "seed");
                format!("{seeds} ({first}–{last}), paired")
            }
            (Some(only), _) => format!("seed {only}"),
            _ => "no seeds".to_owned(),
        },
        Method::Shaking { seed, shakes } => {
            format!("one deterministic input, perturbed {shakes} times, seed {seed}")
        }
    });
    facts.push(format::counted(study.candidates.len() as u64, "candidate"));
    facts
}

/// Headline in one sentence: the most severe gated change, in the words of users.
pub fn headline(study: &Study) -> String {
    let gated = || {
        let pairs = study.pairs.iter();
        pairs.flat_map(|pair| {
            pair.metrics
                .iter()
                .filter(|found| found.gated)
                .map(move |found| (pair, found))
        })
    };
    let worst = |verdict: Verdict| {
        let of = gated().filter(|(_, found)| found.verdict == Some(verdict));
        of.max_by(|a, b| {
            let size = |found: &Judgement| found.relative.unwrap_or(f64::MAX).abs();
            size(a.1).total_cmp(&size(b.1))
        })
    };
    let told = |(pair, found): (&Pair, &Judgement), word: &str| {
        let row = row(found);
        format!(
            "{} makes {} {word} than {}: {} → {} ({})",
            format::clean(&pair.candidate),
            row.label,
            format::clean(&study.baseline),
            row.base,
            row.head,
            row.change
        )
    };
    let count = |verdict: Verdict| {
        gated()
            .filter(|(_, found)| found.verdict == Some(verdict))
            .count()
    };
    let all = gated().count();
    if let Some(found) = worst(Verdict::Regressed) {
        let more = match count(Verdict::Improved) {
            0 => String::new(),
            improved => format!("; of {all} gated comparisons {improved} improved"),
        };
        return format!("{}{more}.", told(found, "worse"));
    }
    if let Some(found) = worst(Verdict::Improved) {
        return format!("{}; no gated metric regressed.", told(found, "better"));
    }
    let needed = gated().filter_map(|(_, found)| found.seeds_needed).max();
    match (count(Verdict::Inconclusive), needed) {
        (0, _) if all > 0 => "No gated metric differs by a relevant amount.".to_owned(),
        (0, _) => "No metric is gated; the others are below.".to_owned(),
        (open, Some(needed)) => format!(
            "Undecided: {open} of {all} gated comparisons are inconclusive; about {} seeds would \
             decide them.",
            format::count(needed)
        ),
        (open, None) => {
            format!("Undecided: {open} of {all} gated comparisons are inconclusive.")
        }
    }
}

/// Remarks on how intervals and verdicts were made, and their limits.
pub fn remarks(study: &Study) -> Vec<String> {
    let mut lines = Vec::new();
    let n = match &study.method {
        Method::Seeds { seeds } => seeds.len(),
        Method::Shaking { shakes, .. } => *shakes as usize,
    };
    let interval = match n {
        _ if n < BOOTSTRAP_MIN => "95 % intervals: Student's t (below ten pairs)".to_owned(),
        _ => format!(
            "95 % intervals: BCa bootstrap, {} resamples",
            format::count(study.resamples as u64)
        ),
    };
    lines.push(if n < 2 {
        "a single pair has neither intervals nor tests; equal values are equivalent".to_owned()
    } else {
        format!(
            "{interval}; Wilcoxon signed-rank tests, {} gated corrected by Holm, {} others by \
             Benjamini–Hochberg; equivalent is by TOST",
            format::count(study.gated_tests as u64),
            format::count(study.other_tests as u64)
        )
    });
    if let Some(precision) = &study.precision {
        let target = format::fixed(precision.target * 100.0, 2);
        let target = target.trim_end_matches('0').trim_end_matches('.');
        lines.push(match precision.wide.as_slice() {
            [] => format!(
                "precision ±{target} % reached by the declared rule, with {}",
                plural::count(n, "seed")
            ),
            wide => format!(
                "precision ±{target} % not reached with {} (at most {}): {} {} wider, {} first",
                plural::count(n, "seed"),
                precision.seeds_max,
                plural::count(wide.len(), "interval"),
                plural::either(wide.len(), "is", "are"),
                wide[0]
            ),
        });
    }
    lines.extend(study.notes.iter().map(|note| format::clean(note)));
    lines
}

/// Counts such as `3 improved, 2 equivalent`, in the order of severity.
pub fn counts(study: &Study, gated: bool) -> String {
    let counts = study.counts(gated);
    let order = [
        Verdict::Regressed,
        Verdict::Improved,
        Verdict::Equivalent,
        Verdict::Inconclusive,
        Verdict::NotMeasurable,
        Verdict::DifferentInputs,
    ];
    let words = order.iter().filter_map(|verdict| {
        let count = counts.get(verdict.word())?;
        Some(format!("{count} {}", verdict.word()))
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

/// Pareto front in words, if one was requested.
pub fn front(study: &Study) -> Option<String> {
    let pareto = study.pareto.as_ref()?;
    let on: Vec<String> = (pareto.points.iter())
        .filter(|point| point.on_front)
        .map(|point| format::clean(&point.candidate))
        .collect();
    let (x, y) = (registry::title(&pareto.x), registry::title(&pareto.y));
    let missing = study.candidates.len() - pareto.points.len();
    let missing = match missing {
        0 => String::new(),
        _ => format!("; {missing} lack a value in some run"),
    };
    let on = if on.is_empty() {
        "no candidate".to_owned()
    } else {
        on.join(", ")
    };
    Some(format!("Pareto front over {x} and {y}: {on}{missing}"))
}
