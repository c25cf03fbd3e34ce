//! The statistics against SciPy's on stored numbers (`tests/data/statistics`): exact methods to
//! 1e-9, the bootstrap within its Monte-Carlo error.

use serde::Deserialize;

use super::{
    Resamples, SIGN_FLIP_MAX, benjamini_hochberg, hodges_lehmann, holm, mean, quantile, sign_flip,
    signed_rank, standard_error, student_cdf, student_interval, student_quantile,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    samples: Vec<Sample>,
    corrections: Vec<Corrected>,
    student_cdf: Vec<(f64, f64, f64)>,
    student_quantile: Vec<(f64, f64, f64)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    name: String,
    values: Vec<f64>,
    mean: f64,
    standard_error: f64,
    quantiles: Vec<(f64, f64)>,
    wilcoxon: Wilcoxon,
    sign_flip: Option<f64>,
    hodges_lehmann: f64,
    student: (f64, f64),
    bca: (f64, f64),
}

#[derive(Deserialize)]
struct Wilcoxon {
    statistic: f64,
    p: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Corrected {
    p: Vec<f64>,
    holm: Vec<f64>,
    benjamini_hochberg: Vec<f64>,
}

fn stored() -> Stored {
    let text = include_str!("../../../tests/data/statistics/scipy.json");
    serde_json::from_str(text).expect("the stored results")
}

/// Equal to 1e-9 of their size.
fn same(what: &str, found: f64, expected: f64) {
    let size = expected.abs().max(1e-9);
    assert!(
        (found - expected).abs() <= 1e-9 * size,
        "{what}: {found}, SciPy {expected}"
    );
}

#[test]
fn exact_methods_equal_scipy() {
    let stored = stored();
    assert!(stored.samples.len() >= 17);
    for sample in &stored.samples {
        let (name, values) = (sample.name.as_str(), sample.values.as_slice());
        same(name, mean(values).expect("a mean"), sample.mean);
        same(
            name,
            standard_error(values).expect("an error"),
            sample.standard_error,
        );
        for &(probability, expected) in &sample.quantiles {
            same(
                name,
                quantile(values, probability).expect("a quantile"),
                expected,
            );
        }
        let test = signed_rank(values).expect("a test");
        same(name, test.statistic, sample.wilcoxon.statistic);
        same(name, test.p, sample.wilcoxon.p);
        assert_eq!(sample.sign_flip.is_some(), values.len() <= 12);
        if let Some(expected) = sample.sign_flip {
            assert!(values.len() <= SIGN_FLIP_MAX);
            same(name, sign_flip(values).expect("a test"), expected);
        }
        same(
            name,
            hodges_lehmann(values).expect("a shift"),
            sample.hodges_lehmann,
        );
        let interval = student_interval(values, 0.95).expect("an interval");
        same(name, interval.low, sample.student.0);
        same(name, interval.high, sample.student.1);
    }
    for case in &stored.corrections {
        for (found, expected) in holm(&case.p).iter().zip(&case.holm) {
            same("holm", *found, *expected);
        }
        for (found, expected) in benjamini_hochberg(&case.p)
            .iter()
            .zip(&case.benjamini_hochberg)
        {
            same("benjamini-hochberg", *found, *expected);
        }
    }
}

#[test]
fn students_distribution_equals_scipy() {
    let stored = stored();
    for &(degrees, t, expected) in &stored.student_cdf {
        same("cdf", student_cdf(t, degrees), expected);
    }
    for &(degrees, p, expected) in &stored.student_quantile {
        same("quantile", student_quantile(p, degrees), expected);
    }
}

/// With 50,000 resamples the ends of a 95 % interval have a standard error of about 0.3 % of its
/// width for means near normal, and up to five times that in the heavy tails that are stored.
#[test]
fn the_bootstrap_equals_scipy_within_its_error() {
    for sample in stored().samples {
        let values = &sample.values;
        let resamples = Resamples::draw(11, values.len(), 50_000);
        let found = resamples
            .interval_of_mean(values, 0.95)
            .expect("an interval");
        let (low, high) = sample.bca;
        let allowed = match sample.name.as_str() {
            // Heavy tails; means of few whole numbers, which go in steps.
            "cauchy-25" | "lognormal-30" | "ties-8" | "ties-13" | "ties-14" => 0.06,
            _ => 0.015,
        } * (high - low);
        let is_near = (found.low - low).abs() <= allowed && (found.high - high).abs() <= allowed;
        assert!(is_near, "{}: {found:?}, SciPy {low}..{high}", sample.name);
    }
}
