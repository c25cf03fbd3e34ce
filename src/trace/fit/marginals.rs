//! Marginal distributions of a trace's jobs, and the correlation between them, template by template.

use rng::{Stream, math};
use units::{Duration, SortedMap};

use super::columns::{Columns, Job};
use super::goodness::{together, values, varies};
use super::means;
use super::reweighed;
use crate::generate::mix::{Choice, Copula, FIELDS, Field, Times, size};
use rng::agreement::spearman;

/// Greatest number of templates; the jobs of rarer priorities count with those of the most frequent one.
pub(super) const TEMPLATES_MAX: usize = 20;

/// Greatest number of different amounts; more are gathered into as many of equal weight.
const AMOUNTS_MAX: usize = 64;

/// Percentages of the quantiles of times.
const PERCENTS: [f64; 45] = [
    0.0, 1.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 17.5, 20.0, 22.5, 25.0, 27.5, 30.0, 32.5, 35.0,
    37.5, 40.0, 42.5, 45.0, 47.5, 50.0, 52.5, 55.0, 57.5, 60.0, 62.5, 65.0, 67.5, 70.0, 72.5, 75.0,
    77.5, 80.0, 82.5, 85.0, 87.5, 90.0, 92.5, 95.0, 97.5, 99.0, 99.5, 99.9, 100.0,
];

/// Share of the jobs from which on one value of a time gets quantiles of its own.
const SPIKE: f64 = 0.01;

/// Draws by which correlations are brought to those of the trace, and how often.
const DRAWS: usize = 8_000;
const ROUNDS: usize = 4;

/// Percentages and nanoseconds of a time.
pub(super) type Quantiles = Vec<(f64, i64)>;

/// Amounts and their numbers of jobs, ascending.
pub(super) type Amounts = Vec<(i64, u64)>;

/// Jobs of one kind.
pub(super) struct Fitted {
    /// Number of the jobs, or of their sessions.
    pub(super) weight: u64,
    /// The same for each part of the course of the arrivals, where they have one.
    pub(super) course: Option<Vec<u64>>,
    /// Sessions of the jobs, where the kind has its own.
    pub(super) sessions: Option<OwnSessions>,
    pub(super) priority: i32,
    /// Quantiles of the times that the jobs have.
    pub(super) times: SortedMap<Field, Quantiles>,
    /// Amounts that are not the usual ones (no devices, one pod).
    pub(super) amounts: SortedMap<Field, Amounts>,
    /// Least and most work of a job, thousandths of units times nanoseconds.
    pub(super) work: Option<[i128; 2]>,
    /// Correlations of the normal scores.
    pub(super) correlations: Vec<(Field, Field, f64)>,
}

/// Sessions of jobs of one kind.
pub(super) struct OwnSessions {
    /// Numbers of jobs, ascending.
    pub(super) sizes: Vec<i64>,
    /// Times to the next job, nanoseconds.
    pub(super) gaps: Vec<i64>,
    /// Correlation of the normal scores of two jobs of a session.
    pub(super) likeness: f64,
}

/// The templates of a trace: by priority, and apart for jobs that stay.
pub(super) fn templates(columns: &Columns) -> Vec<Fitted> {
    let key = |job: &Job| (job.shape.priority, job.run_time.is_some());
    let mut counts: SortedMap<(i32, bool), u64> = SortedMap::new();
    for job in &columns.jobs {
        *counts.entry(key(job)).or_default() += 1;
    }
    let mut keys: Vec<((i32, bool), u64)> = counts.into_iter().collect();
    keys.sort_by_key(|&(key, count)| (std::cmp::Reverse(count), key));
    keys.truncate(TEMPLATES_MAX);
    let first = keys[0].0;
    let mut parts: SortedMap<(i32, bool), Vec<Job>> = SortedMap::new();
    for job in &columns.jobs {
        let own = key(job);
        let is_kept = keys.iter().any(|(kept, _)| *kept == own);
        parts
            .entry(if is_kept { own } else { first })
            .or_default()
            .push(*job);
    }
    let parts = keys
        .into_iter()
        .filter_map(|(key, _)| Some((key, parts.remove(&key)?)));
    let fitted = parts.map(|((priority, _), jobs)| fitted(priority, &Columns::of(jobs), None));
    fitted.collect()
}

/// Jobs of one priority as a template.
pub(super) fn fitted(priority: i32, columns: &Columns, work: Option<[i128; 2]>) -> Fitted {
    let mut times = SortedMap::new();
    let mut amounts = SortedMap::new();
    for field in FIELDS {
        let mut own = values(columns, field);
        own.sort_unstable();
        let usual = i64::from(field == Field::Pods);
        match field {
            _ if own.is_empty() => {}
            Field::RunTime | Field::TimeLimit => {
                times.insert(field, quantiles(&own));
            }
            _ if own.iter().all(|value| *value == usual) => {}
            _ => {
                amounts.insert(field, gathered(&own));
            }
        }
    }
    let mut fitted = Fitted {
        weight: columns.jobs.len() as u64,
        course: None,
        sessions: None,
        priority,
        times,
        amounts,
        work,
        correlations: Vec::new(),
    };
    fitted.correlations = correlations(columns, &mut fitted);
    fitted
}

/// Quantiles of ascending times, with both ends of every value that many jobs have, and the mean of the times.
pub(super) fn quantiles(sorted: &[i64]) -> Quantiles {
    let count = sorted.len() as f64;
    let at = |percent: f64| {
        let place = (percent / 100.0 * count) as usize;
        sorted[place.min(sorted.len() - 1)]
    };
    let mut points: Vec<(f64, i64)> = PERCENTS.iter().map(|&own| (own, at(own))).collect();
    for run in sorted.chunk_by(|one, other| one == other) {
        if run.len() as f64 / count < SPIKE {
            continue;
        }
        let below = sorted.partition_point(|value| *value < run[0]);
        for place in [below, below + run.len()] {
            // To hundredths of a percent, inwards.
            let percent = place as f64 / count * 1e4;
            let percent = if place == below {
                percent.ceil()
            } else {
                percent.floor()
            };
            points.push((percent / 100.0, run[0]));
        }
    }
    points.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    points.dedup_by(|later, kept| later.0 <= kept.0);
    // A value in the middle of others that are equal says nothing.
    let mut plain: Quantiles = Vec::new();
    for (place, &point) in points.iter().enumerate() {
        let before = plain.last().is_some_and(|last| last.1 == point.1);
        let after = points.get(place + 1).is_some_and(|next| next.1 == point.1);
        if !(before && after) {
            plain.push(point);
        }
    }
    means::kept(&plain, sorted)
}

/// Ascending amounts with their numbers of jobs.
pub(super) fn gathered(sorted: &[i64]) -> Amounts {
    let runs = sorted.chunk_by(|one, other| one == other);
    let all: Amounts = runs.map(|run| (run[0], run.len() as u64)).collect();
    if all.len() <= AMOUNTS_MAX {
        return all;
    }
    // The middle of each of as many equal parts.
    let parts = (0..AMOUNTS_MAX).map(|part| {
        let [from, to] = [part, part + 1].map(|own| own * sorted.len() / AMOUNTS_MAX);
        (sorted[from.midpoint(to)], (to - from) as u64)
    });
    let mut kept: Amounts = Vec::new();
    for (value, jobs) in parts {
        match kept.last_mut() {
            Some(last) if last.0 == value => last.1 += jobs,
            _ => kept.push((value, jobs)),
        }
    }
    kept
}

/// Correlations of the normal scores under which the drawn jobs have the rank correlations of the trace. Where jobs keep
/// to bounds of work, amounts are weighed so that those that do have the amounts of the trace.
fn correlations(columns: &Columns, fitted: &mut Fitted) -> Vec<(Field, Field, f64)> {
    let has = |field: &Field| {
        let is_there = fitted.times.contains_key(field) || fitted.amounts.contains_key(field);
        is_there && varies(columns, *field)
    };
    let present: Vec<Field> = FIELDS.into_iter().filter(has).collect();
    let mut targets: Vec<(Field, Field, f64)> = Vec::new();
    for (place, &one) in present.iter().enumerate() {
        for &other in &present[place + 1..] {
            if let Some(target) = together(columns, [one, other]) {
                targets.push((one, other, target));
            }
        }
    }
    let scores = targets
        .iter()
        .map(|&(one, other, target)| (one, other, normal_score(target)));
    let mut scores: Vec<(Field, Field, f64)> = scores.collect();
    let wanted = fitted.amounts.clone();
    let mut rounds = ROUNDS;
    if fitted.work.is_some() {
        fitted.amounts.values_mut().for_each(reweighed::finer);
        rounds *= 2;
    }
    for _ in 0..rounds {
        let copula = possible(&mut scores);
        let drawn = draws(fitted, &copula);
        for (own, &(one, other, target)) in scores.iter_mut().zip(&targets) {
            if let Some(reached) = spearman(&drawn[&one], &drawn[&other]) {
                own.2 = (own.2 + target - reached).clamp(-0.999, 0.999);
            }
        }
        if fitted.work.is_some() {
            for (field, own) in &mut fitted.amounts {
                reweighed::amounts(own, &wanted[field], &drawn[field]);
            }
        }
    }
    for own in &mut scores {
        own.2 = math::round_half_even(own.2 * 1e3) / 1e3;
    }
    possible(&mut scores);
    scores.retain(|own| own.2.abs() >= 0.02);
    possible(&mut scores);
    scores
}

/// Moves correlations closer to 0 until fields can have them.
fn possible(scores: &mut [(Field, Field, f64)]) -> Copula {
    loop {
        if let Some(copula) = Copula::new(scores) {
            return copula;
        }
        for own in &mut *scores {
            own.2 = math::round_half_even(own.2 * 0.95 * 1e3) / 1e3;
        }
    }
}

/// Columns of the fields of drawn jobs that have the work of the template.
fn draws(fitted: &Fitted, copula: &Copula) -> SortedMap<Field, Vec<i64>> {
    let mut stream = Stream::new(0, "fit/correlations", 0);
    let drawn: Vec<[f64; FIELDS.len()]> = (0..DRAWS).map(|_| copula.draw(&mut stream)).collect();
    let column = |field: &Field| -> Vec<i64> {
        let shares = drawn.iter().map(|own| own[*field as usize]);
        if let Some(points) = fitted.times.get(field) {
            let points = points
                .iter()
                .map(|&(place, at)| (place, Duration::from_nanos(at)));
            let times = Times::Quantiles(points.collect());
            return shares.map(|share| times.at(share).as_nanos()).collect();
        }
        let amounts = fitted.amounts.get(field).into_iter().flatten();
        let weighted = amounts.map(|&(value, jobs)| (value, jobs as f64)).collect();
        let choice = Choice::new(weighted).expect("invariant: amounts that jobs have");
        shares
            .map(|share| choice.values()[choice.at(share)])
            .collect()
    };
    let columns: SortedMap<Field, Vec<i64>> = { FIELDS.into_iter() }
        .filter(|own| fitted.times.contains_key(own) || fitted.amounts.contains_key(own))
        .map(|own| (own, column(&own)))
        .collect();
    let kept = with_work(fitted, &columns);
    let of_kept = |column: Vec<i64>| kept.iter().map(|&row| column[row]).collect();
    let columns = columns.into_iter();
    columns
        .map(|(field, column)| (field, of_kept(column)))
        .collect()
}

/// The draws that have the work of the template, as the mix draws others again; all, where hardly any has.
fn with_work(fitted: &Fitted, columns: &SortedMap<Field, Vec<i64>>) -> Vec<usize> {
    const LEAST: usize = DRAWS / 32;
    let Some([least, most]) = fitted.work else {
        return (0..DRAWS).collect();
    };
    let of = |field: Field, row: usize, usual| columns.get(&field).map_or(usual, |own| own[row]);
    let has_work = |&row: &usize| {
        let amounts = [Field::Cpu, Field::Gpus].map(|field| of(field, row, 0));
        let size = size(amounts[0], amounts[1], of(Field::Pods, row, 1));
        let work = i128::from(of(Field::RunTime, row, 0)) * i128::from(size);
        (least..=most).contains(&work)
    };
    let kept: Vec<usize> = (0..DRAWS).filter(has_work).collect();
    if kept.len() < LEAST {
        return (0..DRAWS).collect();
    }
    kept
}

/// Correlation of the normal scores of two fields of a Gaussian copula by that of their ranks; exact for
/// fields without equal values.
pub(super) fn normal_score(ranks: f64) -> f64 {
    2.0 * math::sin(std::f64::consts::PI * ranks / 6.0)
}
