//! How often a gate with a test errs, over 2,000 draws of pairs whose true change is known.

use super::*;
use crate::check::gate::by_mean;
use crate::check::tested::hold_tests;
use crate::compare::{Pairs, Question, Threshold, measure};
use crate::statistics::Resamples;
use metrics::Direction;
use rng::Stream;

/// The most errors: the nominal 5 %, and two standard errors of 2,000 draws.
const MOST: f64 = 0.06;
/// The limit of the gate.
const LIMIT: f64 = 0.05;

/// A run of the base and one of the head, whose mean is larger by a share.
type Draw = fn(&mut Stream, f64) -> (f64, f64);

/// Metrics by their shape.
const METRICS: [(&str, Draw); 6] = [
    ("symmetric", |stream, change| {
        let level = 100.0 + 10.0 * stream.standard_normal();
        let noise = 5.0 * stream.standard_normal();
        (level, level + 100.0 * change + noise)
    }),
    ("skewed", |stream, change| {
        let common = 0.5 * stream.standard_normal();
        let mut own = || rng::math::exp(common + 0.2 * stream.standard_normal());
        let base = own();
        (base, own() * (1.0 + change))
    }),
    ("very skewed", |stream, change| {
        let mut own = || rng::math::exp(stream.standard_normal());
        let base = own();
        (base, own() * (1.0 + change))
    }),
    ("tail of the worse", |stream, change| {
        let apart = rng::math::exp(stream.standard_normal()) - rng::math::exp(0.5);
        (100.0, 100.0 * (1.0 + change) + 10.0 * apart)
    }),
    ("tail of the better", |stream, change| {
        let apart = rng::math::exp(stream.standard_normal()) - rng::math::exp(0.5);
        (100.0, 100.0 * (1.0 + change) - 10.0 * apart)
    }),
    // One run in five has an outage, and its length is exponential; most runs see the same on both sides.
    ("rare event", |stream, change| {
        let mut outage = || {
            let length = -rng::math::ln(stream.open_unit_f64());
            if stream.unit_f64() < 0.2 { length } else { 0.0 }
        };
        let (base, other) = (outage(), outage());
        let is_same = stream.unit_f64() < 0.7;
        (base, (1.0 + change) * if is_same { base } else { other })
    }),
];

/// Shares of draws that a gate fails, passes, and passes where no run of them shows an event.
fn shares(draw: Draw, change: f64, pairs: usize, tries: u64) -> [f64; 3] {
    let question = Question {
        metric: "pending_time.mean".to_owned(),
        unit: "s".to_owned(),
        direction: Direction::Lower,
        threshold: Threshold::Relative(LIMIT),
        gated: true,
    };
    let resamples = Resamples::draw(1, pairs, 1);
    let nothing = SuiteResults {
        entries: Vec::new(),
    };
    let mut counts = [0, 0, 0];
    for number in 0..tries {
        let mut stream = Stream::new(11, "test-error-rate", number);
        let runs = (0..pairs).map(|_| draw(&mut stream, change));
        let (base, head) = runs.map(|(base, head)| (Some(base), Some(head))).unzip();
        let pairs = Pairs {
            base,
            head,
            ..Pairs::default()
        };
        let judgement = measure(&question, &pairs, &resamples);
        let mut gates = [Gate {
            better: Direction::Lower,
            outcome: by_mean(&judgement),
            judgement: Some(judgement),
            ..Gate::of("entry", "pending_time.mean")
        }];
        hold_tests(&mut gates, &[0], &nothing);
        let passes = [Outcome::Within, Outcome::Equivalent, Outcome::Improved];
        counts[0] += u64::from(gates[0].outcome == Outcome::Regressed);
        let judgement = gates[0].judgement.as_ref().expect("a judgement");
        let values = judgement.base_points.iter().chain(&judgement.head_points);
        let is_seen = values.flatten().any(|value| *value > 0.0);
        let passes = u64::from(passes.contains(&gates[0].outcome));
        counts[if is_seen { 1 } else { 2 }] += passes;
    }
    counts.map(|count| count as f64 / tries as f64)
}

/// A change of the limit, at which both errors are most frequent, seldom fails, and seldom passes. An event that
/// no run shows is in no sample: every pass says how rare such a one is.
#[test]
fn gates_err_as_seldom_as_stated() {
    for (name, draw) in METRICS {
        for pairs in [5, 10, 20] {
            let [failed, passed, unseen] = shares(draw, LIMIT, pairs, 2_000);
            let [found, ..] = shares(draw, 0.2 + LIMIT, pairs, 500);
            println!(
                "{name}, {pairs} seeds: fails {failed:.4}, passes {passed:.4} (unseen {unseen:.4}), +25 % {found:.4}"
            );
            assert!(failed <= MOST, "{name}, {pairs} seeds: {failed}");
            assert!(passed <= MOST, "{name}, {pairs} seeds: {passed}");
        }
    }
}
