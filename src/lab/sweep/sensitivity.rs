//! Variance-based sensitivity: how much of the variance of a metric each parameter explains.
//!
//! Of the samples A, B and `AB_i` of the design (see [`super::design`]), the first-order index is
//! `S_i = mean(f_B (f_ABi − f_A)) / V` (Saltelli et al. 2010, table 2 b) and the total index is
//! `T_i = mean((f_A − f_ABi)²) / 2V` (Jansen 1999), with V the variance over A and B together. The
//! intervals are percentiles of a bootstrap over base points.

use super::SweepTable;
use rng::Stream;

/// Draws of the bootstrap.
const RESAMPLES: usize = 1_000;

/// A share of the variance, with its interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Index {
    /// The estimate.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Share of the variance that one parameter explains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// Alone.
    pub first_order: Index,
    /// Total effect, with every interaction that the axis has a part in.
    pub total: Index,
}

/// The indices of one metric and one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivity {
    /// The metric.
    pub metric: String,
    /// The variant.
    pub variant: String,
    /// One effect per parameter; or in words why there is none.
    pub effects: Result<Vec<Effect>, &'static str>,
}

/// The indices of metrics, for every variant; empty where the sweep has another design.
pub fn of_table(table: &SweepTable, metrics: &[String]) -> Vec<Sensitivity> {
    let file = &table.merged().file;
    let (Some("sobol"), Some(samples)) = (file.sampling.as_deref(), file.samples) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for metric in metrics {
        for (variant, name) in file.variants.iter().enumerate() {
            let values = (0..file.points.len()).map(|point| table.mean(point, variant, metric));
            let values: Option<Vec<f64>> = values.collect();
            let effects = match values {
                Some(values) => effects(&values, samples as usize, file.parameters.len()),
                None => Err("it is undefined at some points"),
            };
            found.push(Sensitivity {
                metric: metric.clone(),
                variant: name.clone(),
                effects,
            });
        }
    }
    found
}

/// The effects of every parameter, from the values at the points of the design: A, B, then `AB_i`.
///
/// # Errors
/// In words, why there are none.
pub fn effects(
    values: &[f64],
    samples: usize,
    parameters: usize,
) -> Result<Vec<Effect>, &'static str> {
    if samples == 0 || values.len() != samples * (parameters + 2) {
        return Err("the points are not those of the design");
    }
    let mean = values[..2 * samples].iter().sum::<f64>() / (2 * samples) as f64;
    // Centered values make the first-order estimate far less noisy where the mean is large.
    let centered: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let all: Vec<usize> = (0..samples).collect();
    let Some(estimates) = estimate(&centered, samples, parameters, &all) else {
        return Err("it is the same at all points");
    };
    let mut stream = Stream::new(0, "sweep/sensitivity", 0);
    let mut resampled: Vec<Vec<(f64, f64)>> = Vec::with_capacity(RESAMPLES);
    let mut chosen = vec![0; samples];
    for _ in 0..RESAMPLES {
        for choice in &mut chosen {
            *choice = stream.below(samples as u64) as usize;
        }
        resampled.extend(estimate(&centered, samples, parameters, &chosen));
    }
    let effects = estimates.into_iter().enumerate();
    let effects = effects.map(|(parameter, (first, total))| Effect {
        first_order: interval(first, resampled.iter().map(|of| of[parameter].0).collect()),
        total: interval(total, resampled.iter().map(|of| of[parameter].1).collect()),
    });
    Ok(effects.collect())
}

/// First-order and total index per parameter over the chosen base points; `None` without variance.
fn estimate(
    values: &[f64],
    samples: usize,
    parameters: usize,
    chosen: &[usize],
) -> Option<Vec<(f64, f64)>> {
    let (a, rest) = values.split_at(samples);
    let (b, mixed) = rest.split_at(samples);
    let count = chosen.len() as f64;
    let both = || chosen.iter().flat_map(|&point| [a[point], b[point]]);
    let mean = both().sum::<f64>() / (2.0 * count);
    let variance = both()
        .map(|value| (value - mean) * (value - mean))
        .sum::<f64>()
        / (2.0 * count);
    if variance <= 0.0 {
        return None;
    }
    let effects = (0..parameters).map(|parameter| {
        let mixed = &mixed[parameter * samples..][..samples];
        let (mut first, mut total) = (0.0, 0.0);
        for &point in chosen {
            let change = mixed[point] - a[point];
            first += b[point] * change;
            total += change * change;
        }
        (first / count / variance, total / count / 2.0 / variance)
    });
    Some(effects.collect())
}

fn interval(value: f64, mut resampled: Vec<f64>) -> Index {
    resampled.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let last = resampled.len().saturating_sub(1);
        let position = (share * last as f64).round() as usize;
        resampled.get(position).copied().unwrap_or(value)
    };
    Index {
        value,
        low: at(0.025),
        high: at(0.975),
    }
}

/// The indices as CSV.
pub fn to_csv(parameters: &[String], found: &[Sensitivity]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut row = |fields: &[String]| {
        let written = writer.write_record(fields);
        written.expect("invariant: rows are of one length, and a vector takes them");
    };
    let header = [
        "metric",
        "variant",
        "parameter",
        "first_order",
        "first_order_low",
        "first_order_high",
        "total",
        "total_low",
        "total_high",
    ];
    row(&header.map(str::to_owned));
    for of in found {
        for (effect, parameter) in of.effects.iter().flatten().zip(parameters) {
            let numbers = [effect.first_order, effect.total];
            let numbers = numbers.map(|index| [index.value, index.low, index.high]);
            let mut fields = vec![of.metric.clone(), of.variant.clone(), parameter.clone()];
            fields.extend(numbers.as_flattened().iter().map(f64::to_string));
            row(&fields);
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::design::{Sampling, samples};
    use rng::math;

    /// Ishigami and Homma (1990) with a = 7 and b = 0.1; the indices follow from its variances
    /// (Saltelli et al. 2008, section 4.6).
    #[test]
    fn the_indices_of_the_ishigami_function_are_those_of_its_formula() {
        use std::f64::consts::PI;
        let (a, b) = (7.0, 0.1);
        let count = 8_192;
        let points = samples(Sampling::Sobol(count), 3, 3);
        let values: Vec<f64> = (points.iter())
            .map(|point| {
                let x: Vec<f64> = point.iter().map(|share| (2.0 * share - 1.0) * PI).collect();
                let (first, second) = (math::sin(x[0]), math::sin(x[1]));
                first + a * second * second + b * x[2] * x[2] * x[2] * x[2] * first
            })
            .collect();
        let pi4 = PI * PI * PI * PI;
        let first = 0.5 * (1.0 + b * pi4 / 5.0) * (1.0 + b * pi4 / 5.0);
        let second = a * a / 8.0;
        let joint = b * b * pi4 * pi4 * (1.0 / 18.0 - 1.0 / 50.0);
        let all = first + second + joint;
        let expected = [
            (first / all, (first + joint) / all),
            (second / all, second / all),
            (0.0, joint / all),
        ];
        let found = effects(&values, count as usize, 3).expect("effects");
        for (found, (first_order, total)) in found.iter().zip(expected) {
            let check = |index: Index, expected: f64| {
                assert!(
                    (index.value - expected).abs() < 0.02,
                    "{index:?} {expected}"
                );
                assert!(
                    index.low <= expected && expected <= index.high,
                    "{index:?} {expected}"
                );
            };
            check(found.first_order, first_order);
            check(found.total, total);
        }
    }

    #[test]
    fn what_does_not_vary_has_no_effects() {
        assert!(effects(&[1.0; 40], 10, 2).is_err());
        assert!(effects(&[1.0; 39], 10, 2).is_err());
    }
}
