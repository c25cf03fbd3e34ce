//! Holding what was run against bounds and baseline.
//!
//! A gate without a test compares means: worse by more than its limit is `regressed`. A gate with
//! a test asks the paired differences over the seeds, corrected by Holm over all tests of the
//! suite: `regressed` if they are worse beyond chance and the mean is beyond the limit,
//! `inconclusive` if they can't tell. Absolute bounds are held against the mean.

use std::collections::BTreeMap;

use crate::lab::compare::{
    ALPHA, Judgement, Pairs, Question, Threshold, Verdict, decide, measure, question_of,
};
use crate::lab::statistics::{Resamples, SEEDS_MIN, mean};
use crate::lab::summary::{MetricSummary, VariantSummary};
use crate::metrics::{Direction, registry};
use crate::scenario::scalar::Bound;
use crate::scenario::schema::Objective;

use super::run::{Entry, Measured};
use super::{
    Baseline, BaselineEntry, CHECK_VERSION, CheckReport, CheckSettings, Date, FoundDivergence,
    Gate, Outcome,
};

/// What is asked of whoever finds the first decision that differs.
#[derive(Clone, Debug)]
pub struct Divergence<'a> {
    /// The entry whose gate failed.
    pub entry: &'a Entry,
    /// The seeds, the worst first.
    pub seeds: Vec<u64>,
    /// The system of the baseline, as its file has it.
    pub base_system: &'a serde_json::Value,
    /// The program that wrote the baseline.
    pub base_program: &'a str,
}

/// Finds the first decision at which the baseline's system and the one now part; `None` if it can't
/// be found.
pub type FirstDivergence<'a> = &'a dyn Fn(Divergence<'_>) -> Option<FoundDivergence>;

/// Holds what was run against the baseline.
pub fn judge(
    measured: &Measured,
    baseline: Option<(&Baseline, &str)>,
    (file, settings): (&str, &CheckSettings),
    first_divergence: FirstDivergence<'_>,
) -> CheckReport {
    let mut gates = Vec::new();
    let mut tests = Vec::new();
    for entry in measured
        .entries
        .iter()
        .filter(|entry| entry.report.error.is_none())
    {
        let stored = baseline.and_then(|(baseline, _)| baseline.entries.get(&entry.report.name));
        if entry.exact || settings.exact {
            gates.push(exact(entry, stored, baseline.is_some()));
        }
        for (place, objective) in entry.objectives.iter().enumerate() {
            for gate in of_objective(entry, (objective, place), stored, settings.resamples) {
                if objective.test {
                    tests.push((gates.len(), objective.clone()));
                }
                gates.push(gate);
            }
        }
    }
    hold_tests(&mut gates, &tests);
    let mut notes = Vec::new();
    if let Some((baseline, _)) = baseline {
        acknowledge(&mut gates, baseline, settings.today, &mut notes);
        orphans(measured, baseline, &mut notes);
    }
    explain(
        &mut gates,
        measured,
        baseline.map(|(baseline, _)| baseline),
        first_divergence,
    );
    let size = |gate: &Gate| {
        let relative = gate.judgement.as_ref().and_then(|found| found.relative);
        relative.map_or(0.0, f64::abs)
    };
    gates.sort_by(|a, b| a.outcome.cmp(&b.outcome).then(size(b).total_cmp(&size(a))));
    CheckReport {
        schema_version: CHECK_VERSION,
        windtunnel: env!("CARGO_PKG_VERSION").to_owned(),
        suite: settings.suite.clone(),
        file: file.to_owned(),
        baseline: baseline.map(|(_, path)| path.to_owned()),
        entries: measured
            .entries
            .iter()
            .map(|entry| entry.report.clone())
            .collect(),
        gates,
        notes,
    }
}

/// Has the first decision that differs looked for where a gate failed, once an entry.
fn explain(
    gates: &mut [Gate],
    measured: &Measured,
    baseline: Option<&Baseline>,
    first_divergence: FirstDivergence<'_>,
) {
    let Some(baseline) = baseline else { return };
    let mut known: BTreeMap<String, Option<FoundDivergence>> = BTreeMap::new();
    let failed = |gate: &&mut Gate| gate.outcome == Outcome::Regressed;
    for gate in gates.iter_mut().filter(failed) {
        let mut entries = measured.entries.iter();
        let entry = entries.find(|entry| entry.report.name == gate.entry);
        let stored = baseline.entries.get(&gate.entry);
        let Some((entry, stored)) = entry.zip(stored) else {
            continue;
        };
        let is_same = stored.digest == entry.report.digest && stored.seeds == entry.report.seeds;
        if is_same || stored.inputs != entry.report.inputs {
            continue;
        }
        let find = || {
            first_divergence(Divergence {
                entry,
                seeds: worst_first(entry, stored, gate),
                base_system: &stored.system,
                base_program: &baseline.windtunnel,
            })
        };
        gate.divergence = known.entry(gate.entry.clone()).or_insert_with(find).clone();
    }
}

/// The seeds of an entry; those first that are furthest on the bad side of the baseline.
fn worst_first(entry: &Entry, stored: &BaselineEntry, gate: &Gate) -> Vec<u64> {
    let change = |seed: u64| -> Option<f64> {
        let metric = stored.metrics.get(&gate.metric)?;
        let place = stored.seeds.iter().position(|known| *known == seed)?;
        let base = (*metric.values.get(place)?)?;
        let run = entry.runs.iter().find(|run| run.seed == seed)?;
        let difference = run.metrics.get(&gate.metric)?.value? - base;
        Some(match gate.better {
            "lower" => difference,
            "higher" => -difference,
            _ => difference.abs(),
        })
    };
    let mut seeds: Vec<(u64, f64)> = (entry.report.seeds.iter())
        .map(|&seed| (seed, change(seed).unwrap_or(0.0)))
        .collect();
    seeds.sort_by(|a, b| b.1.total_cmp(&a.1));
    seeds.into_iter().map(|(seed, _)| seed).collect()
}

fn blank(entry: &Entry, metric: &str, place: usize) -> Gate {
    let variant = entry
        .variant
        .as_deref()
        .map(|name| format!(" --baseline {name}"));
    let seed = entry
        .report
        .seeds
        .first()
        .copied()
        .unwrap_or(entry.scenario.seed);
    Gate {
        entry: entry.report.name.clone(),
        metric: metric.to_owned(),
        unit: String::new(),
        better: "none",
        outcome: Outcome::NotMeasurable,
        advisory: false,
        limit: String::new(),
        base: None,
        head: None,
        judgement: None,
        note: None,
        file: entry.report.file.clone(),
        line: entry.lines.get(place).copied().unwrap_or(1),
        rerun: match variant {
            Some(variant) => format!("windtunnel compare {}{variant}", entry.report.file),
            None => format!("windtunnel run {} --seed {seed}", entry.report.file),
        },
        divergence: None,
    }
}

fn exact(entry: &Entry, stored: Option<&BaselineEntry>, has_baseline: bool) -> Gate {
    let mut gate = blank(entry, "digest", usize::MAX);
    "exact".clone_into(&mut gate.limit);
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    gate.outcome = match stored {
        None => {
            gate.note = Some(no_baseline(has_baseline));
            Outcome::NoBaseline
        }
        Some(stored) if stored.inputs != entry.report.inputs => different(&mut gate),
        Some(stored) if stored.seeds != entry.report.seeds => {
            gate.note = Some("the baseline has other seeds".to_owned());
            Outcome::DifferentInputs
        }
        Some(stored) if stored.digest == entry.report.digest => Outcome::Equivalent,
        Some(stored) => {
            let (base, head) = (short(&stored.digest), short(&entry.report.digest));
            gate.note = Some(format!("digest {base} → {head}: decisions differ"));
            Outcome::Regressed
        }
    };
    gate
}

fn no_baseline(has_baseline: bool) -> String {
    if has_baseline {
        "the baseline does not have it; review and `--accept`".to_owned()
    } else {
        "there is no baseline; review and `--accept`".to_owned()
    }
}

fn different(gate: &mut Gate) -> Outcome {
    gate.note = Some(
        "cluster, workload, failures, models, end or window are not the baseline's; if that is \
         meant, review and `--accept`"
            .to_owned(),
    );
    Outcome::DifferentInputs
}

/// The gates of an objective: one for its bounds, one for what it asks of the baseline.
fn of_objective(
    entry: &Entry,
    (objective, place): (&Objective, usize),
    stored: Option<&BaselineEntry>,
    resamples: usize,
) -> Vec<Gate> {
    let mut gate = blank(entry, &objective.metric, place);
    gate.advisory = objective.advisory;
    let value = |run: &VariantSummary| run.metrics.get(&objective.metric)?.value;
    let values: Vec<Option<f64>> = entry.runs.iter().map(value).collect();
    let metric = entry
        .runs
        .iter()
        .find_map(|run| run.metrics.get(&objective.metric));
    if let Some(metric) = metric {
        gate.unit.clone_from(&metric.unit);
    }
    let direction = registry::find(&objective.metric).map(|(_, statistic)| statistic.direction);
    gate.better = match direction {
        Some(Direction::Lower) => "lower",
        Some(Direction::Higher) => "higher",
        _ => "none",
    };
    let known: Option<Vec<f64>> = values.iter().copied().collect();
    gate.head = known.as_deref().and_then(mean);
    let note = |run: &VariantSummary| run.metrics.get(&objective.metric)?.note.clone();
    let mut gates = Vec::new();
    if objective.min.is_some() || objective.max.is_some() {
        let mut bounded = gate.clone();
        bounded.limit = bounds(objective, &gate.unit);
        match bounded.head {
            Some(head) => bounded.outcome = within(objective, head),
            None => bounded.note = entry.runs.iter().find_map(note),
        }
        gates.push(bounded);
    }
    if objective.is_relative() {
        gate.limit = limit(objective, gate.better, &gate.unit);
        match (stored, metric) {
            (None, _) => {
                gate.outcome = Outcome::NoBaseline;
                gate.note = Some(no_baseline(false));
            }
            (Some(stored), _) if stored.inputs != entry.report.inputs => {
                gate.outcome = different(&mut gate);
            }
            (Some(stored), Some(metric)) => {
                let pairs = paired(entry, stored, objective, values);
                against(&mut gate, objective, (metric, pairs), resamples);
            }
            (Some(_), None) => gate.note = entry.runs.iter().find_map(note),
        }
        gates.push(gate);
    }
    gates
}

fn number(bound: &Bound) -> f64 {
    match bound {
        Bound::Number(value) => *value,
        Bound::Duration(duration) => duration.as_nanos() as f64 / 1e9,
    }
}

fn within(objective: &Objective, head: f64) -> Outcome {
    let is_low = objective.min.as_ref().is_some_and(|min| head < number(min));
    let is_high = objective.max.as_ref().is_some_and(|max| head > number(max));
    if is_low || is_high {
        Outcome::Regressed
    } else {
        Outcome::Within
    }
}

fn bounds(objective: &Objective, unit: &str) -> String {
    let text = |bound: &Bound| bound_text(bound, unit);
    match (&objective.min, &objective.max) {
        (Some(min), Some(max)) => format!("limit {} to {}", text(min), text(max)),
        (Some(min), None) => format!("limit ≥ {}", text(min)),
        (None, Some(max)) => format!("limit ≤ {}", text(max)),
        (None, None) => String::new(),
    }
}

fn bound_text(bound: &Bound, unit: &str) -> String {
    match (bound, unit) {
        (Bound::Number(value), "ratio") => format!("{} %", rounded(value * 100.0)),
        (Bound::Number(value), "s") => format!("{} s", rounded(*value)),
        _ => bound.to_string(),
    }
}

/// Without what binary fractions leave at the end.
fn rounded(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn limit(objective: &Objective, better: &str, unit: &str) -> String {
    let amount = match (&objective.tolerance, &objective.threshold) {
        (Some(tolerance), _) => format!("{} %", rounded(tolerance.as_f64() * 100.0)),
        (None, Some(threshold)) => bound_text(threshold, unit),
        (None, None) => " noise".to_owned(),
    };
    let sign = match better {
        "lower" => "+",
        "higher" => "−",
        _ => "±",
    };
    let word = if objective.test {
        "tested, limit"
    } else {
        "limit"
    };
    format!("{word} {sign}{amount}")
}

/// The values of the seeds that both sides have.
fn paired(
    entry: &Entry,
    stored: &BaselineEntry,
    objective: &Objective,
    values: Vec<Option<f64>>,
) -> Option<Pairs> {
    let metric = stored.metrics.get(&objective.metric)?;
    let mut pairs = Pairs::default();
    for (seed, value) in entry.report.seeds.iter().zip(values) {
        let place = stored.seeds.iter().position(|known| known == seed);
        if let Some(base) = place.and_then(|place| metric.values.get(place)) {
            pairs.base.push(*base);
            pairs.head.push(value);
        }
    }
    Some(pairs)
}

fn against(
    gate: &mut Gate,
    objective: &Objective,
    (metric, pairs): (&MetricSummary, Option<Pairs>),
    resamples: usize,
) {
    let Some(pairs) = pairs else {
        gate.outcome = Outcome::NoBaseline;
        gate.note = Some(no_baseline(true));
        return;
    };
    if pairs.base.is_empty() {
        gate.outcome = Outcome::DifferentInputs;
        gate.note = Some("the baseline has no seed of these".to_owned());
        return;
    }
    let usual = question_of(&objective.metric, metric, objective.test);
    let question = Question {
        threshold: match (&objective.tolerance, &objective.threshold) {
            (Some(tolerance), _) => Threshold::Relative(tolerance.as_f64()),
            (None, Some(threshold)) => Threshold::Absolute(number(threshold)),
            (None, None) => usual.threshold,
        },
        ..usual
    };
    let drawn = Resamples::draw(0, pairs.base.len(), resamples);
    let judgement = measure(&question, &pairs, &drawn);
    (gate.base, gate.head) = (judgement.base, judgement.head);
    if judgement.verdict == Some(Verdict::NotMeasurable) {
        gate.note.clone_from(&judgement.note);
        gate.outcome = Outcome::NotMeasurable;
    } else {
        gate.outcome = by_mean(&judgement);
    }
    gate.judgement = Some(judgement);
}

/// How much worse, in the metric's unit; negative if better. Of metrics without a direction any
/// change is worse.
fn worse(judgement: &Judgement) -> f64 {
    let difference = judgement.difference.unwrap_or(0.0);
    match judgement.better {
        "lower" => difference,
        "higher" => -difference,
        _ => difference.abs(),
    }
}

fn by_mean(judgement: &Judgement) -> Outcome {
    let worse = worse(judgement);
    // What rounding leaves is not beyond a limit.
    let slack = 1e-12 * judgement.base.unwrap_or(0.0).abs();
    if worse > judgement.threshold + slack {
        return Outcome::Regressed;
    }
    let is_beyond_chance = judgement.p.is_some_and(|p| p <= ALPHA)
        && judgement
            .interval
            .is_some_and(|interval| !interval.holds(0.0));
    if worse.abs() <= 0.0 || judgement.equivalence_p.is_some_and(|p| p <= ALPHA) {
        Outcome::Equivalent
    } else if worse < 0.0 && (is_beyond_chance || judgement.n == 1 && -worse > judgement.threshold)
    {
        Outcome::Improved
    } else {
        Outcome::Within
    }
}

/// Gives the gates with a test their outcome, corrected together.
fn hold_tests(gates: &mut [Gate], tests: &[(usize, Objective)]) {
    let tested: Vec<usize> = tests
        .iter()
        .map(|(index, _)| *index)
        .filter(|&index| gates[index].judgement.is_some())
        .collect();
    let mut judgements: Vec<Judgement> = tested
        .iter()
        .filter_map(|&index| gates[index].judgement.clone())
        .collect();
    decide(judgements.iter_mut());
    for (index, judgement) in tested.into_iter().zip(judgements) {
        let gate = &mut gates[index];
        let is_beyond = worse(&judgement) > judgement.threshold;
        gate.outcome = match judgement.verdict {
            Some(Verdict::NotMeasurable) => Outcome::NotMeasurable,
            Some(Verdict::Equivalent) => Outcome::Equivalent,
            Some(Verdict::Improved) => Outcome::Improved,
            Some(Verdict::Regressed) if is_beyond => Outcome::Regressed,
            Some(Verdict::Regressed) => Outcome::Within,
            Some(Verdict::Inconclusive) | None => inconclusive(gate, &judgement),
            Some(Verdict::DifferentInputs) => Outcome::DifferentInputs,
        };
        gate.judgement = Some(judgement);
    }
}

fn inconclusive(gate: &mut Gate, judgement: &Judgement) -> Outcome {
    // One pair without sampling error needs no test.
    if judgement.n == 1 {
        gate.note = Some("one deterministic run: the exact difference".to_owned());
        return by_mean(judgement);
    }
    let needed = judgement.seeds_needed.unwrap_or(SEEDS_MIN as u64);
    gate.note = Some(format!("about {needed} seeds would decide"));
    Outcome::Inconclusive
}

/// Regressions that the baseline puts up with for now.
fn acknowledge(gates: &mut [Gate], baseline: &Baseline, today: Date, notes: &mut Vec<String>) {
    for known in &baseline.acknowledgements {
        let expires = known.expires.parse::<Date>().unwrap_or(Date::from_days(0));
        let of = |gate: &&mut Gate| gate.entry == known.entry && gate.metric == known.metric;
        let regressed = gates
            .iter_mut()
            .filter(of)
            .filter(|g| g.outcome == Outcome::Regressed);
        let mut is_used = false;
        for gate in regressed {
            is_used = true;
            let relative = gate.judgement.as_ref().and_then(|found| found.relative);
            let is_more = known
                .allow
                .zip(relative)
                .is_some_and(|(most, is)| is.abs() > most);
            if expires < today {
                gate.note = Some(format!("its acknowledgement expired on {expires}"));
            } else if is_more {
                gate.note = Some("worse than its acknowledgement allows".to_owned());
            } else {
                gate.outcome = Outcome::Acknowledged;
                gate.note = Some(format!("until {expires}: {}", known.reason));
            }
        }
        let (entry, metric) = (&known.entry, &known.metric);
        if expires < today {
            notes.push(format!(
                "the acknowledgement of {entry} {metric} expired on {expires}; renew it with its \
                 reason, or take it out"
            ));
        } else if !is_used {
            notes.push(format!(
                "the acknowledgement of {entry} {metric} is no longer needed"
            ));
        }
    }
}

fn orphans(measured: &Measured, baseline: &Baseline, notes: &mut Vec<String>) {
    let is_run = |name: &str| {
        measured
            .entries
            .iter()
            .any(|entry| entry.report.name == name)
    };
    for name in baseline.entries.keys().filter(|name| !is_run(name)) {
        notes.push(format!(
            "`{name}` of the baseline is no longer in the suite"
        ));
    }
}
