//! Distances between the jobs of a mix and those of the trace that it was fitted to.

use rng::agreement::{kolmogorov, serial, spearman};
use serde::Serialize;

use super::columns::Columns;
use super::requests;
use super::waiting::{Mean, Waiting};
use crate::generate::mix::{FIELDS, Field};

/// Distances of a fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Goodness {
    /// Number of jobs, of the trace and of the mix.
    pub jobs: u64,
    /// Distances of the marginal distributions; `gap` is the time between two submissions.
    pub distances: Vec<Distance>,
    /// Correlations of fields, and of each gap with the next.
    pub correlations: Vec<Together>,
    /// Distance between what jobs request, all amounts of a job together: half the sum of the differences between the
    /// shares of each request (total variation), from 0 to 1. None where fewer than two amounts vary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<f64>,
    /// Waits on one and the same pool; none where no job ends.
    pub waiting: Option<Waiting>,
}

/// Distance of a marginal distribution.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Distance {
    /// Name of the field.
    pub field: &'static str,
    /// Distance of Kolmogorov and Smirnov, from 0 to 1.
    pub distance: f64,
    /// Mean in the trace: seconds, processors, bytes, devices, pods.
    pub trace_mean: f64,
    /// Mean in the mix.
    pub mix_mean: f64,
}

/// A rank correlation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Together {
    /// Names of the fields; twice `gap` for a gap and the next.
    pub between: [&'static str; 2],
    /// Correlation in the trace.
    pub trace: f64,
    /// Correlation in the mix.
    pub mix: f64,
}

impl Together {
    /// The names in words.
    pub fn words(&self) -> String {
        let [one, other] = self.between;
        if one == other {
            "each gap and the next".to_owned()
        } else {
            format!("{one} and {other}")
        }
    }
}

/// Name of the time between two submissions.
const GAP: &str = "gap";

impl Goodness {
    /// Compares jobs of a trace with those of a mix, which are drawn several times: those of the first draw, and the means
    /// of all draws on the pool of the trace.
    pub(super) fn of(trace: &Columns, mix: &Columns, means: Vec<Mean>) -> Self {
        let mut distances = Vec::new();
        let mut correlations = Vec::new();
        let gaps = [trace.gaps(), mix.gaps()];
        if let [Some(one), Some(other)] = [serial(&gaps[0]), serial(&gaps[1])] {
            correlations.push(Together {
                between: [GAP, GAP],
                trace: one,
                mix: other,
            });
        }
        distances.extend(distance(GAP, 1e9, gaps));
        let present: Vec<Field> = FIELDS
            .into_iter()
            .filter(|own| varies(trace, *own))
            .collect();
        for &field in &present {
            distances.extend(distance(
                field.name(),
                whole(field),
                [values(trace, field), values(mix, field)],
            ));
        }
        let all: Vec<Field> = present.into_iter().chain([Field::Submission]).collect();
        for (place, &one) in all.iter().enumerate() {
            for &other in &all[place + 1..] {
                let [of_trace, of_mix] =
                    [trace, mix].map(|columns| together(columns, [one, other]));
                if let (Some(of_trace), Some(of_mix)) = (of_trace, of_mix) {
                    correlations.push(Together {
                        between: [one.name(), other.name()],
                        trace: of_trace,
                        mix: of_mix,
                    });
                }
            }
        }
        Self {
            jobs: trace.jobs.len() as u64,
            distances,
            correlations,
            requests: requests::distance(trace, mix),
            waiting: Waiting::of(trace, mix, means),
        }
    }

    /// Distance of a field; none of one that is the same in all jobs.
    pub fn distance_of(&self, field: &str) -> Option<&Distance> {
        self.distances.iter().find(|own| own.field == field)
    }

    /// Correlation of each gap with the next.
    pub fn gaps_together(&self) -> Option<&Together> {
        self.correlations
            .iter()
            .find(|own| own.between == [GAP, GAP])
    }

    /// Measure of how far arrivals are from those of the trace: the distance of the gaps, half the difference
    /// of their correlations, the worst distance of another field, since few long sessions leave
    /// what their jobs ask for to chance, and how far waits are from those of the trace.
    pub(super) fn arrivals(&self) -> f64 {
        let gap = self.distance_of(GAP);
        let others = self.distances.iter().filter(|own| own.field != GAP);
        let next = self.gaps_together();
        gap.map_or(0.0, |own| own.distance)
            + others.map(|own| own.distance).fold(0.0, f64::max)
            + next.map_or(0.0, |own| (own.trace - own.mix).abs() / 2.0)
            + self.waiting.map_or(0.0, |own| own.distance())
    }
}

/// Values of a field, of the jobs that have it.
pub(super) fn values(columns: &Columns, field: Field) -> Vec<i64> {
    let jobs = columns.jobs.iter();
    jobs.filter_map(|job| job.field(field)).collect()
}

/// Whether a field has more than one value.
pub(super) fn varies(columns: &Columns, field: Field) -> bool {
    let mut values = columns.jobs.iter().filter_map(|job| job.field(field));
    let first = values.next();
    values.any(|value| Some(value) != first)
}

/// Rank correlation of two fields, over the jobs that have both.
pub(super) fn together(columns: &Columns, fields: [Field; 2]) -> Option<f64> {
    let jobs = columns.jobs.iter();
    let both = jobs.filter_map(|job| Some((job.field(fields[0])?, job.field(fields[1])?)));
    let (one, other): (Vec<i64>, Vec<i64>) = both.unzip();
    spearman(&one, &other)
}

/// Parts of a whole unit in which a field is counted.
fn whole(field: Field) -> f64 {
    match field {
        Field::RunTime | Field::TimeLimit | Field::Submission => 1e9,
        Field::Cpu | Field::Gpus => 1e3,
        Field::Memory | Field::Pods | Field::Requests => 1.0,
    }
}

fn distance(field: &'static str, whole: f64, samples: [Vec<i64>; 2]) -> Option<Distance> {
    let [mut one, mut other] = samples;
    one.sort_unstable();
    other.sort_unstable();
    let mean = |values: &[i64]| {
        let sum: f64 = values.iter().map(|own| *own as f64).sum();
        sum / values.len() as f64 / whole
    };
    Some(Distance {
        field,
        distance: kolmogorov(&one, &other)?,
        trace_mean: mean(&one),
        mix_mean: mean(&other),
    })
}
