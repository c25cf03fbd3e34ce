//! Correlations of a template's fields, brought to those of the trace by jobs drawn with them.

use rng::agreement::spearman;
use rng::math;

use super::columns::Columns;
use super::draws::draws;
use super::marginals::{Fitted, normal_score};
use super::reweighed;
use crate::generate::mix::{Copula, FIELDS, Field};

/// How often correlations are brought to those of the trace.
const ROUNDS: usize = 4;

/// Least correlation with the submission that is taken for a trend, of any number of jobs, and of one job: chance brings
/// about less than that in nineteen of twenty cases.
const LEAST_TREND: f64 = 0.1;
const LEAST_TREND_OF_ONE: f64 = 1.96;

/// Correlations of the normal scores under which the drawn jobs have the rank correlations of the trace. Where jobs keep
/// to bounds of work, amounts are weighed so that those that do have the amounts of the trace.
pub(super) fn correlations(columns: &Columns, fitted: &mut Fitted) -> Vec<(Field, Field, f64)> {
    let targets = targets(columns, fitted);
    let mut submissions: Vec<i64> = columns.jobs.iter().map(|job| job.submit).collect();
    submissions.sort_unstable();
    let scores = targets
        .iter()
        .map(|&(one, other, target)| (one, other, normal_score(target)));
    let mut scores: Vec<(Field, Field, f64)> = scores.collect();
    let wanted = fitted.amounts.clone();
    let mut rounds = ROUNDS;
    if fitted.bounds.work.is_some() {
        fitted.amounts.values_mut().for_each(reweighed::finer);
        rounds *= 2;
    }
    for _ in 0..rounds {
        let copula = possible(&mut scores);
        let drawn = draws(fitted, &copula, &submissions);
        for (own, &(one, other, target)) in scores.iter_mut().zip(&targets) {
            if let Some(reached) = spearman(&drawn[&one], &drawn[&other]) {
                own.2 = (own.2 + target - reached).clamp(-0.999, 0.999);
            }
        }
        if fitted.bounds.work.is_some() {
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

/// Rank correlations of the fields of a trace's jobs, and of fields with the submission where jobs change over the course of
/// the trace.
fn targets(columns: &Columns, fitted: &Fitted) -> Vec<(Field, Field, f64)> {
    let chance = LEAST_TREND_OF_ONE / math::sqrt(columns.jobs.len() as f64);
    let fields = FIELDS.into_iter().chain([Field::Requests]);
    let present =
        fields.filter(|own| fitted.times.contains_key(own) || fitted.amounts.contains_key(own));
    let submission = fitted.bounds.ends.map(|_| Field::Submission);
    let values = present
        .chain(submission)
        .map(|own| (own, values(columns, fitted, own)));
    let values: Vec<(Field, Vec<Option<i64>>)> = values.filter(|own| varies(&own.1)).collect();
    let mut targets = Vec::new();
    for (place, (one, of_one)) in values.iter().enumerate() {
        for (other, of_other) in &values[place + 1..] {
            let both = of_one.iter().zip(of_other);
            let both = both.filter_map(|(one, other)| Some(((*one)?, (*other)?)));
            let (of_one, of_other): (Vec<i64>, Vec<i64>) = both.unzip();
            let is_trend = *other == Field::Submission;
            let least = if is_trend {
                LEAST_TREND.max(chance)
            } else {
                0.0
            };
            let target = spearman(&of_one, &of_other).filter(|own| own.abs() >= least);
            targets.extend(target.map(|target| (*one, *other, target)));
        }
    }
    targets
}

/// Values of a field, job by job.
fn values(columns: &Columns, fitted: &Fitted, field: Field) -> Vec<Option<i64>> {
    match (&fitted.sorts, field) {
        (Some(sorts), Field::Requests) => sorts.places(columns).into_iter().map(Some).collect(),
        _ => columns.jobs.iter().map(|job| job.field(field)).collect(),
    }
}

fn varies(values: &[Option<i64>]) -> bool {
    let mut values = values.iter().flatten();
    let first = values.next();
    values.any(|own| Some(own) != first)
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
