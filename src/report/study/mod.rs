//! Comparison of paired runs as people and programs see it. The words of every figure are made here
//! once, so that terminal, Markdown and report agree.

use std::io::{self, Write};

use crate::comparison::UnknownMetric;
use crate::releases;
use crate::sense::Sense;
use crate::{Format, format};
use lab::compare::{Judgement, Method, Pair, Study, Verdict, metric_hint};
use lab::statistics::unseen_share;
use metrics::registry;
use units::{SortedSet, plural};

pub(crate) mod all_pairs;
mod export;
pub(crate) mod figures;
mod headline;
mod latex;
pub mod logs;
mod overview;
pub(crate) mod ranks;
mod table;

pub(super) use export::escaped;
pub use figures::StudyFigures;
pub use headline::headline;

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
    /// Verdict, with its limitations; it says so if the two are not comparable.
    pub verdict: String,
    /// Verdict as data.
    pub word: Option<Verdict>,
}

impl StudyRow {
    /// The sense of the row. Of a pair that is not comparable no row is good or bad.
    pub(crate) fn sense(&self, pair: &Pair) -> Sense {
        Sense::of_verdict(self.word.filter(|_| pair.is_comparable()))
    }
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
    /// Label of the LaTeX table.
    pub label: Option<&'a str>,
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
        Format::Latex => latex::write(out, study, options),
        Format::Csv => export::write_csv(out, study),
        Format::Json => export::write_json(out, study),
    }
}

/// The comparison in these metrics alone, in all of which the candidates are shown side by side; the
/// verdicts are those of the whole comparison.
///
/// # Errors
/// The comparison has no metric of an id.
pub fn only(mut study: Study, ids: &[String]) -> Result<Study, UnknownMetric> {
    let pairs = study.pairs.iter();
    let known: SortedSet<&str> = pairs
        .flat_map(|pair| pair.metrics.iter().map(|own| own.metric.as_str()))
        .collect();
    if let Some(id) = ids.iter().find(|id| !known.contains(id.as_str())) {
        return Err(UnknownMetric {
            id: format::clean(id),
            hint: metric_hint(id, known.iter().copied()),
        });
    }
    study.gated = ids.to_vec();
    if let Some(all) = &mut study.all_pairs {
        all.rankings.retain(|own| ids.contains(&own.metric));
        all.unranked.retain(|own| ids.contains(&own.metric));
        for pair in &mut all.pairs {
            pair.metrics.retain(|own| ids.contains(&own.metric));
        }
    }
    for pair in &mut study.pairs {
        pair.metrics.retain(|own| ids.contains(&own.metric));
        for judgement in &mut pair.metrics {
            judgement.gated = true;
        }
    }
    Ok(study)
}

/// Judgement of a pair in words.
pub fn row(pair: &Pair, judgement: &Judgement) -> StudyRow {
    let cells = format::values(&[judgement.base, judgement.head], &judgement.unit);
    let [base, head] = [0, 1].map(|at| cells.get(at).cloned().unwrap_or_default());
    StudyRow {
        label: registry::title(&judgement.metric),
        id: judgement.metric.clone(),
        base,
        head,
        change: change(judgement),
        verdict: verdict(pair, judgement),
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
    let size = Judgement::severity;
    of.sort_by(|a, b| {
        let rank = |judgement: &Judgement| judgement.verdict.map_or(u8::MAX, |v| v as u8);
        rank(a).cmp(&rank(b)).then(size(b).total_cmp(&size(a)))
    });
    of.into_iter().map(|own| row(pair, own)).collect()
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
    // A baseline that can't be told from zero has a share without an interval: the amounts have one.
    let relative = judgement
        .relative
        .filter(|_| judgement.relative_interval.is_some() || judgement.interval.is_none());
    if let Some(relative) = relative {
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
pub(super) fn signed(value: f64) -> String {
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

fn verdict(pair: &Pair, judgement: &Judgement) -> String {
    let word = word(judgement);
    if pair.is_comparable() || judgement.verdict == Some(Verdict::NotMeasurable) {
        word
    } else {
        format!("not comparable ({word})")
    }
}

fn word(judgement: &Judgement) -> String {
    let Some(verdict) = judgement.verdict else {
        return format::UNDEFINED.to_owned();
    };
    let word = verdict.word();
    match (verdict, judgement.seeds_needed) {
        (Verdict::Inconclusive, Some(needed)) => format!("{word} ({needed})"),
        _ => word.to_owned(),
    }
}

/// Source of variation between the runs of a pair, in words.
pub fn method(method: &Method) -> String {
    match method {
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
        Method::Blocks {
            seed,
            replicates,
            blocks,
        } => format!("{replicates} logs drawn from the {blocks} blocks of one, seed {seed}"),
        Method::Whole { seed } => format!("one deterministic input, seed {seed}"),
    }
}

/// Heading of a pair, with its method where the pairs of a comparison have different ones.
pub fn heading(study: &Study, pair: &Pair) -> String {
    let names = names(study, pair);
    let is_other = |own: &Pair| own.method != pair.method;
    if study.pairs.iter().any(is_other) {
        format!("{names} · {}", method(&pair.method))
    } else {
        names
    }
}

/// Names of the two of a pair.
pub(crate) fn names(study: &Study, pair: &Pair) -> String {
    let base = pair.baseline.as_ref().unwrap_or(&study.baseline);
    format!(
        "{} against {}",
        format::clean(&pair.candidate),
        format::clean(base)
    )
}

/// Statement of what makes a pair not comparable; none if nothing does.
pub fn incomparable(pair: &Pair) -> Option<String> {
    let reasons: Vec<String> = pair
        .not_comparable
        .iter()
        .map(|own| format::clean(own))
        .collect();
    (!reasons.is_empty()).then(|| format!("not comparable: {}", reasons.join("; ")))
}

/// Warnings about runs whose means stand for no steady state, one per saturated candidate.
pub fn saturated(study: &Study) -> Vec<String> {
    let unstable = |values: &[Option<f64>]| values.iter().filter(|own| **own == Some(1.0)).count();
    let mut found: Vec<String> = Vec::new();
    for pair in &study.pairs {
        let mut metrics = pair.metrics.iter();
        let Some(judgement) = metrics.find(|own| own.metric == UNSTABLE) else {
            continue;
        };
        for (name, values) in [
            (&study.baseline, &judgement.base_points),
            (&pair.candidate, &judgement.head_points),
        ] {
            let count = unstable(values);
            let line = format!(
                "saturated: `{}` has more demand than capacity and a backlog that grows in {count} \
                 of {}; its waits and queue lengths depend on the length of the run",
                format::clean(name),
                plural::count(values.len(), "run")
            );
            if count > 0 && !found.contains(&line) {
                found.push(line);
            }
        }
    }
    found
}

/// Metric that tells of a run without a steady state.
const UNSTABLE: &str = "saturation.unstable";

/// Facts about the comparison: baseline, seeds and method.
pub fn facts(study: &Study) -> Vec<String> {
    let mut facts = vec![format!("baseline {}", format::clean(&study.baseline))];
    let mut methods: Vec<String> = Vec::new();
    for pair in &study.pairs {
        let words = method(&pair.method);
        if !methods.contains(&words) {
            methods.push(words);
        }
    }
    facts.push(methods.join(" or "));
    facts.push(format::counted(study.candidates.len() as u64, "candidate"));
    facts.extend(releases::fact(
        study
            .candidates
            .iter()
            .map(|own| (&own.name, &own.releases)),
    ));
    facts
}

/// Remarks on how intervals and verdicts were made, and their limits.
pub fn remarks(study: &Study) -> Vec<String> {
    let mut lines: Vec<String> = saturated(study);
    let most = study.pairs.iter().map(|pair| pair.method.pairs()).max();
    let n = most.unwrap_or(0);
    lines.push(if n < 2 {
        "a single pair has neither intervals nor tests; equal values are equivalent".to_owned()
    } else {
        let tests = study.pairs.first().map(|pair| pair.tests).unwrap_or_default();
        let whom = if study.all_pairs.is_some() {
            "pairs"
        } else {
            "candidates"
        };
        let [gated, others] = [tests.gated, tests.others].map(|count| format::count(count as u64));
        format!(
            "95 % intervals: Student's t over the {}, of changes in % Fieller's; t-tests corrected for skewness, over all \
             {whom} {gated} gated corrected by Holm, {others} others by Benjamini–Hochberg; equivalent \
             and not-worse are by one-sided tests and miss what happens in fewer than {} % of {}",
            sample(study)[0],
            missed(study),
            sample(study)[1]
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
                "precision ±{target} % not reached with {} (at most {}): {} {} wider or of too few pairs, {} \
                 first",
                plural::count(n, "seed"),
                precision.seeds_max,
                plural::count(wide.len(), "interval"),
                plural::either(wide.len(), "is", "are"),
                wide[0]
            ),
        });
    }
    lines.extend(all_pairs::remarks(study));
    lines.extend(caveats(study));
    lines.extend(study.notes.iter().map(|note| format::clean(note)));
    lines
}

/// What a comparison is a sample of, in words: pairs of runs, or blocks of a log.
fn sample(study: &Study) -> [&'static str; 2] {
    let is_of_blocks = study.pairs.iter().any(|pair| pair.method.blocks() > 0);
    if is_of_blocks {
        ["blocks of the log", "blocks"]
    } else {
        ["pairs", "runs"]
    }
}

/// Share of runs or blocks, in percent, below which an event is likely to be in none of those that were made.
fn missed(study: &Study) -> String {
    let size = |method: &Method| match method.blocks() {
        0 => method.pairs(),
        blocks => blocks,
    };
    let least = study.pairs.iter().map(|pair| size(&pair.method)).min();
    format::fixed(100.0 * unseen_share(least.unwrap_or(1)), 0)
}

/// What stands against judgements of gated metrics, with the metrics that it concerns.
fn caveats(study: &Study) -> Vec<String> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for pair in study.every_pair() {
        for own in pair.metrics.iter().filter(|own| own.gated && own.n > 1) {
            let Some(note) = own.note.as_deref() else {
                continue;
            };
            let on_log = own.unshaken.map_or_else(String::new, |log| {
                let cells = format::values(&[log.base, log.head], &own.unit);
                format!(" ({} on it)", cells.join(" and "))
            });
            let label = registry::title(&own.metric);
            let name = match &pair.baseline {
                Some(_) => names(study, pair),
                None => format::clean(&pair.candidate),
            };
            found.push((note, format!("{label} of {name}{on_log}")));
        }
    }
    let lines = plural::alike(found)
        .into_iter()
        .map(|(note, of)| format!("{note}: {}", plural::first_of(of, 3)));
    lines.collect()
}

/// Counts such as `3 improved, 2 equivalent`, in the order of severity. Of all pairs, those with the baseline are
/// counted, as the headline tells of them.
pub fn counts(study: &Study, gated: bool) -> String {
    let counts = study.counts(gated);
    let order = [
        Verdict::Regressed,
        Verdict::Improved,
        Verdict::NotWorse,
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
    } else if gated && study.all_pairs.is_some() {
        format!("{} against {}", words.join(", "), study.baseline)
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
