//! Holding what was run against bounds and baseline.
//!
//! A gate without a test compares means: worse by more than its limit is `regressed`. A gate with
//! a test asks the paired differences over the seeds, corrected by Holm over all tests of the
//! entry: `regressed` if they show a worsening by more than the limit, `inconclusive` if they show
//! neither that nor a smaller one. Absolute bounds are held against the mean.
//!
//! The tests of one entry are the family: a scenario, or one of its variants, against its baseline.
//! Whatever else the suite holds, the outcome of a gate is that of its entry alone.

use crate::compare::{ALPHA, Judgement, Pairs, Question, Threshold, Verdict, measure, question_of};
use crate::objects::{FieldChange, field_changes, order_change};
use crate::program;
use crate::statistics::Resamples;
use crate::summary::{MetricSummary, VariantSummary};
use metrics::{Direction, is_of_workloads, registry};
use scenario::schema::Objective;

use super::acknowledge::{acknowledge, orphans};
use super::base::removed;
use super::bounded::bounded;
use super::cause::{Cause, FirstDivergence, point_to_seeds};
use super::comparable::{Standing, notes as comparability, standing};
use super::limit::{floor, limit, number};
use super::loosened::held;
use super::losses::{lacks_for_want_of_loss, mean_of, spare_losses, whole_pairs};
use super::refused::set_refused_apart;
use super::run::{Entry, SuiteResults, rerun};
use super::tested::hold_tests;
use super::{
    Baseline, BaselineEntry, CHECK_VERSION, CheckReport, CheckSettings, EntryReport, Gate,
    LoosenedLimit, Outcome, short,
};

/// Holds what was run against the baseline.
pub fn judge(
    results: &SuiteResults,
    baseline: Option<(&Baseline, &str)>,
    file: &str,
    settings: &CheckSettings,
    first_divergence: FirstDivergence<'_>,
) -> CheckReport {
    let mut gates = Vec::new();
    let mut tests = Vec::new();
    let mut loosened = Vec::new();
    let whole = { results.entries.iter() }.filter(|entry| entry.report.error.is_none());
    for entry in whole {
        let stored = baseline.and_then(|(baseline, _)| baseline.entries.get(&entry.report.name));
        if entry.exact || settings.exact {
            gates.push(exact(entry, stored, settings));
        }
        let (objectives, looser) = held(entry, stored);
        loosened.extend(looser);
        for (place, objective) in &objectives {
            for gate in of_objective(entry, objective, *place, stored, settings) {
                if objective.test {
                    tests.push(gates.len());
                }
                gates.push(gate);
            }
        }
    }
    hold_tests(&mut gates, &tests, results);
    let held_against = baseline.map(|(baseline, _)| baseline);
    set_empty_apart(&mut gates, results, held_against);
    let words = |own: &LoosenedLimit| own.words(settings.base.is_some());
    let mut notes: Vec<String> = loosened.iter().map(words).collect();
    let side = settings.base.as_ref();
    let names = match (side, baseline) {
        (Some(side), _) => side.removed.clone(),
        (None, Some((baseline, _))) if !settings.is_part => orphans(results, baseline),
        (None, _) => Vec::new(),
    };
    let (gone, gone_entries) = removed(&names, results, side, file);
    gates.extend(gone);
    if let Some((baseline, _)) = baseline {
        notes.extend(comparability(results.entries.iter(), baseline, settings));
        acknowledge(&mut gates, results, baseline, settings, &mut notes);
    }
    let mut entries: Vec<EntryReport> = (results.entries.iter())
        .map(|entry| entry.report.clone())
        .chain(gone_entries)
        .collect();
    point_to_seeds(&mut gates, results, settings);
    if let Some((baseline, _)) = baseline {
        let cause = Cause {
            results,
            baseline,
            settings,
            first_divergence,
        };
        cause.explain(&mut gates, &mut entries);
        notes.extend(unshown(&entries, &gates));
    }
    gates.sort_by(|a, b| a.outcome.cmp(&b.outcome).then(size(b).total_cmp(&size(a))));
    CheckReport {
        schema_version: CHECK_VERSION,
        windtunnel: program::VERSION.to_owned(),
        program: program::identity().to_owned(),
        suite: settings.suite.clone(),
        file: file.to_owned(),
        baseline: baseline.map(|(_, path)| path.to_owned()),
        baseline_hash: baseline.map(|(held, _)| held.hash()),
        entries,
        changes: all_changes(results, held_against),
        loosened,
        gates,
        notes,
    }
}

/// Size of the change of a gate, as a share.
fn size(gate: &Gate) -> f64 {
    let relative = gate.judgement.as_ref().and_then(|found| found.relative);
    relative.map_or(0.0, f64::abs)
}

/// Notes on decisions that differ, where no gate shows the first of them.
fn unshown(entries: &[EntryReport], gates: &[Gate]) -> Vec<String> {
    let words = |entry: &EntryReport| {
        let changed = entry.changed.as_ref()?;
        let is_shown = |gate: &Gate| gate.entry == entry.name && gate.divergence.is_some();
        (!gates.iter().any(is_shown)).then(|| changed.words(&entry.name))
    };
    entries.iter().filter_map(words).collect()
}

/// The changes of the objects of all entries since the baseline, each once.
fn all_changes(results: &SuiteResults, baseline: Option<&Baseline>) -> Vec<FieldChange> {
    let mut found: Vec<FieldChange> = Vec::new();
    for entry in &results.entries {
        let name = &entry.report.name;
        let stored = baseline.and_then(|held| held.entries.get(name));
        let is_read = entry.report.error.is_none() || !entry.objects.is_empty();
        let Some(stored) = stored.filter(|_| is_read) else {
            continue;
        };
        let is_decided_alike = stored.digests == entry.report.digests;
        let order = (!is_decided_alike).then(|| order_change(&stored.objects, &entry.objects));
        let fields = field_changes(&stored.objects, &entry.objects);
        for change in fields.into_iter().chain(order.flatten()) {
            let known = found.iter_mut().find(|known| known.is_same(&change));
            match known {
                Some(known) => known.entries.push(name.clone()),
                None => found.push(FieldChange {
                    entries: vec![name.clone()],
                    ..change
                }),
            }
        }
    }
    found
}

/// Gates of workloads without pods measure nothing; what the baseline measured of another workload has vanished,
/// and so have pods that are refused.
fn set_empty_apart(gates: &mut [Gate], results: &SuiteResults, baseline: Option<&Baseline>) {
    let entries = results.entries.iter();
    for report in entries.map(|own| &own.report).filter(|own| own.empty) {
        let stored = baseline.and_then(|held| held.entries.get(&report.name));
        let stored = stored.filter(|own| own.placements != report.placements);
        for gate in gates.iter_mut().filter(|own| own.entry == report.name) {
            let had = stored.and_then(|own| own.metrics.get(&gate.metric));
            let had = had.filter(|own| own.values.iter().any(Option::is_some));
            gate.outcome = match had {
                Some(_) => Outcome::Vanished,
                None if gate.metric == "digest" && gate.outcome == Outcome::Regressed => continue,
                None => Outcome::NotMeasurable,
            };
            gate.base = had.and_then(|own| own.mean);
            (gate.head, gate.judgement) = (None, None);
            gate.note = Some("the workload is empty: no pod arrived in any run".to_owned());
        }
    }
    set_refused_apart(gates, results, baseline);
}

fn blank(entry: &Entry, metric: &str, place: usize, settings: &CheckSettings) -> Gate {
    Gate {
        file: entry.report.file.clone(),
        line: entry.lines.get(place).copied().unwrap_or(1),
        rerun: rerun(entry, entry.report.seeds.first().copied(), &settings.sets),
        ..Gate::of(&entry.report.name, metric)
    }
}

fn exact(entry: &Entry, stored: Option<&BaselineEntry>, settings: &CheckSettings) -> Gate {
    let mut gate = blank(entry, "digest", usize::MAX, settings);
    "exact".clone_into(&mut gate.limit);
    let Some(stored) = stored else {
        set_alone(&mut gate, settings);
        return gate;
    };
    let standing = standing(entry, stored, settings);
    gate.despite_inputs = matches!(standing, Standing::Despite(_));
    gate.outcome = match standing {
        Standing::Other(words) => {
            gate.note = Some(words);
            Outcome::DifferentInputs
        }
        _ if stored.seeds != entry.report.seeds => {
            gate.note = Some("the baseline has different seeds".to_owned());
            Outcome::DifferentInputs
        }
        // Labels are part of the digest; placements were compared already.
        Standing::Renamed(_) => Outcome::Equivalent,
        Standing::Proven(_) if settings.base.is_some() => Outcome::Equivalent,
        _ if stored.digest == entry.report.digest => Outcome::Equivalent,
        Standing::Proven(words) => {
            gate.note = Some(format!("{words}, and the digest with it"));
            Outcome::DifferentInputs
        }
        _ => {
            let (base, head) = (short(&stored.digest), short(&entry.report.digest));
            gate.note = Some(format!("digest {base} → {head}: decisions differ"));
            Outcome::Regressed
        }
    };
    gate
}

/// Gives a gate that has nothing to be compared with its outcome.
fn set_alone(gate: &mut Gate, settings: &CheckSettings) {
    if let Some(base) = &settings.base {
        let broken = base.broken.get(&gate.entry);
        gate.outcome = match broken {
            Some(broken) if !broken.is_wrong => Outcome::NoBaseline,
            _ => Outcome::New,
        };
        gate.note = broken.map(|_| format!("`{}` can't be read or run here", base.name));
    } else {
        gate.outcome = Outcome::NoBaseline;
        gate.note = Some(no_baseline(settings));
    }
}

/// Note about the missing part where a gate has nothing to be compared with, and about the remedy.
fn no_baseline(settings: &CheckSettings) -> String {
    let file = &settings.baseline;
    if settings.has_baseline {
        format!("missing in the baseline `{file}`; review it, and accept it with `--accept`")
    } else {
        format!(
            "there is no baseline `{file}`; review the measured values, and accept them with \
             `--accept`"
        )
    }
}

/// The gates of an objective: one for its bounds, one for what it asks of the baseline.
fn of_objective(
    entry: &Entry,
    objective: &Objective,
    place: usize,
    stored: Option<&BaselineEntry>,
    settings: &CheckSettings,
) -> Vec<Gate> {
    let id = objective.id();
    let mut gate = blank(entry, &id, place, settings);
    gate.advisory = objective.advisory;
    let value = |run: &VariantSummary| run.metrics.get(&id)?.value;
    let values: Vec<Option<f64>> = entry.runs.iter().map(value).collect();
    let metric = entry.runs.iter().find_map(|run| run.metrics.get(&id));
    gate.unit = metric.map(|own| own.unit.clone()).unwrap_or_default();
    let direction = registry::find(&objective.metric).map(|(_, statistic)| statistic.direction);
    gate.better = direction.unwrap_or(Direction::None);
    let lacks = lacks_for_want_of_loss(entry, &id);
    gate.head = mean_of(&values, lacks);
    let mut gates = Vec::new();
    if objective.min.is_some() || objective.max.is_some() {
        gates.push(bounded(&gate, entry, objective, stored));
    }
    if objective.is_relative() {
        gate.limit = limit(objective, gate.better, &gate.unit);
        let standing = stored.map(|stored| standing(entry, stored, settings));
        match (stored.zip(standing), metric) {
            (None, _) => set_alone(&mut gate, settings),
            (Some((_, Standing::Other(words))), _) => {
                gate.outcome = Outcome::DifferentInputs;
                gate.note = Some(words);
            }
            (Some((stored, standing)), Some(metric)) => {
                gate.despite_inputs = matches!(standing, Standing::Despite(_));
                let mut pairs = paired(entry, stored, &id, &values);
                let mut over = None;
                if let Some(pairs) = &mut pairs {
                    pairs.reason = Some(reason_of_none(entry, objective));
                    over = Some(pairs).filter(|_| lacks).and_then(whole_pairs);
                }
                against(&mut gate, objective, metric, pairs, settings);
                gate.note = gate.note.or(over);
                if let Standing::Renamed(words) = standing {
                    renamed(&mut gate, &words, settings.despite_inputs);
                }
            }
            (Some((stored, _)), None) => {
                gate.base = stored.metrics.get(&id).and_then(|metric| metric.mean);
                if gate.base.is_some() {
                    gate.outcome = Outcome::Vanished;
                }
                gate.note = Some(reason_of_none(entry, objective));
            }
        }
        gates.push(gate);
    }
    name_worst(entry, &id, &mut gates);
    spare_losses(entry, stored, &id, &mut gates);
    gates
}

/// Tells of a value that is the worst of several workloads which one it is of.
fn name_worst(entry: &Entry, id: &str, gates: &mut [Gate]) {
    if !registry::find(id).is_some_and(|(family, _)| is_of_workloads(family)) {
        return;
    }
    let remark = |run: &VariantSummary| {
        let metric = run.metrics.get(id)?;
        metric.note.clone().filter(|_| metric.value.is_some())
    };
    for gate in gates {
        if gate.outcome == Outcome::Regressed && gate.note.is_none() {
            gate.note = entry.runs.iter().find_map(remark);
        }
    }
}

/// Reason the metric of an objective has no value in some run.
pub(super) fn reason_of_none(entry: &Entry, objective: &Objective) -> String {
    let id = objective.id();
    let note = |run: &VariantSummary| {
        let metric = run.metrics.get(&id)?;
        metric.note.clone().filter(|_| metric.value.is_none())
    };
    entry.runs.iter().find_map(note).unwrap_or_else(|| {
        if objective.selector.is_some() {
            "the selector matches no pod that the metric counts".to_owned()
        } else {
            "nothing that the metric counts happened".to_owned()
        }
    })
}

/// The values of the seeds that both sides have.
fn paired(
    entry: &Entry,
    stored: &BaselineEntry,
    id: &str,
    values: &[Option<f64>],
) -> Option<Pairs> {
    let metric = stored.metrics.get(id)?;
    let mut pairs = Pairs::default();
    // The one run of a deterministic side stands for every seed.
    let own = &entry.report;
    let place = |seeds: &[u64], is_single: bool, seed: &u64| {
        let place = seeds.iter().position(|known| known == seed);
        place.or(is_single.then_some(0))
    };
    let seeds = if own.deterministic {
        &stored.seeds
    } else {
        &own.seeds
    };
    for seed in seeds {
        let base = place(&stored.seeds, stored.deterministic, seed);
        let head = place(&own.seeds, own.deterministic, seed);
        let both = base
            .and_then(|at| metric.values.get(at))
            .zip(head.and_then(|at| values.get(at)));
        if let Some((base, head)) = both {
            pairs.base.push(*base);
            pairs.head.push(*head);
        }
    }
    Some(pairs)
}

fn against(
    gate: &mut Gate,
    objective: &Objective,
    metric: &MetricSummary,
    pairs: Option<Pairs>,
    settings: &CheckSettings,
) {
    let Some(pairs) = pairs else {
        set_alone(gate, settings);
        return;
    };
    if pairs.base.is_empty() {
        gate.outcome = Outcome::DifferentInputs;
        gate.note = Some("the baseline has none of these seeds".to_owned());
        return;
    }
    let usual = question_of(&objective.metric, metric, objective.test);
    let question = Question {
        threshold: match (&objective.tolerance, &objective.threshold) {
            (Some(tolerance), _) => usual.threshold.with_share(tolerance.as_f64()),
            (None, Some(threshold)) => Threshold::Absolute(number(threshold)),
            (None, None) => usual.threshold,
        },
        ..usual
    };
    let drawn = Resamples::draw(0, pairs.base.len(), settings.resamples);
    let judgement = measure(&question, &pairs, &drawn);
    (gate.base, gate.head) = (judgement.base, judgement.head);
    if let Some(amount) = floor(question.threshold, &judgement, &gate.unit) {
        gate.limit = format!("{} (at least {amount})", gate.limit);
    }
    if judgement.verdict == Some(Verdict::NotMeasurable) {
        gate.note.clone_from(&judgement.note);
        gate.outcome = if gate.base.is_some() && has_lost(&pairs.base, &pairs.head) {
            Outcome::Vanished
        } else if settings.base.is_some() && is_first(&pairs) {
            gate.note = Some("the base has no value: a `max` or `min` would hold it".to_owned());
            Outcome::New
        } else {
            Outcome::NotMeasurable
        };
    } else {
        gate.outcome = by_mean(&judgement);
    }
    gate.judgement = Some(judgement);
}

/// Whether only one side has values, and it is this one: what is measured is new.
fn is_first(pairs: &Pairs) -> bool {
    let has = |side: &[Option<f64>]| side.iter().all(Option::is_some);
    pairs.base.iter().all(Option::is_none) && has(&pairs.head)
}

/// Whether a larger share of runs than before has no value: the worse what waits becomes, the fewer runs have one.
pub(super) fn has_lost(base: &[Option<f64>], head: &[Option<f64>]) -> bool {
    let missing = |values: &[Option<f64>]| values.iter().filter(|own| own.is_none()).count();
    missing(head) * base.len() > missing(base) * head.len()
}

/// Names that differ are no other inputs as long as nothing that is measured differs with them, unless it is compared
/// nevertheless.
fn renamed(gate: &mut Gate, words: &str, is_despite: bool) {
    let is_same = gate.judgement.as_ref().is_some_and(|found| {
        found
            .difference
            .is_none_or(|difference| difference.abs() <= 0.0)
    });
    gate.despite_inputs = !is_same && is_despite;
    if !is_same && !is_despite {
        gate.outcome = Outcome::DifferentInputs;
        gate.note = Some(format!(
            "{words} in names or labels, and the metric with them; if this is intended, review and \
             accept it with `--accept`, or compare in spite of it with `--despite-inputs`"
        ));
    }
}

/// Amount by which the metric is worse, in its unit; negative if better. Of metrics without a
/// direction any change is worse.
pub(super) fn worse(judgement: &Judgement) -> f64 {
    let difference = judgement.difference.unwrap_or(0.0);
    judgement.better.worsening(difference)
}

pub(super) fn by_mean(judgement: &Judgement) -> Outcome {
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
