//! Coverage of intervals and error of verdicts over 1,000 comparisons of 20 pairs each: five metrics of three shapes of
//! differences. `cargo test -p windtunnel-lab coverage -- --nocapture` prints the table.

use super::*;
use crate::compare::study::question_of;
use crate::summary::MetricSummary;
use metrics::registry;
use rng::{Stream, math};

const DRAWS: u64 = 1_000;
const PAIRS: usize = 20;

/// Metrics with a usual value of the baseline, and the deviation of differences as a multiple of what matters.
const METRICS: [(&str, f64, f64); 5] = [
    ("pending_time.mean", 3_600.0, 4.0),
    ("bounded_slowdown.mean", 12.0, 8.0),
    ("makespan.total", 200_000.0, 0.5),
    ("allocation.cpu.mean", 0.6, 1.0),
    ("throughput.jobs", 0.01, 2.0),
];

/// Shapes of differences around their mean, with a deviation of one.
const SHAPES: [&str; 3] = ["symmetric", "skewed", "rare"];

fn apart(shape: &str, stream: &mut Stream) -> f64 {
    match shape {
        "symmetric" => stream.standard_normal(),
        // Log-normal with σ = 1: skewness 6.
        "skewed" => {
            let deviation = math::sqrt((math::exp(1.0) - 1.0) * math::exp(1.0));
            (math::exp(stream.standard_normal()) - math::exp(0.5)) / deviation
        }
        // One run in seven is far away: what 20 runs show 95 times in 100.
        _ => {
            let is_far = stream.unit_f64() < 1.0 / 7.0;
            let far = if is_far { 6.0 / 7.0 } else { -1.0 / 7.0 };
            far / math::sqrt(6.0 / 49.0) + 0.1 * stream.standard_normal()
        }
    }
}

/// Counts of a metric and shape.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Intervals that hold the difference.
    held: usize,
    /// Those, and samples of which is said that they don't carry an interval.
    honest: usize,
    /// Verdicts that pass what is worse by just what matters.
    passed: usize,
    /// Verdicts that see a difference where there is none.
    alarms: usize,
}

fn counts(place: usize, shape: &str) -> Counts {
    let (id, level, deviation) = METRICS[place];
    let (_, statistic) = registry::find(id).expect("a metric");
    let metric = MetricSummary {
        unit: statistic.unit.to_owned(),
        better: statistic.direction.name().to_owned(),
        ..MetricSummary::default()
    };
    let question = question_of(id, &metric, true);
    let threshold = question.threshold.at(level);
    let sign = question.direction.worsening(1.0);
    let mut found = Counts::default();
    for number in 0..DRAWS {
        for effect in [threshold * sign, 0.0] {
            let mut stream = Stream::new(place as u64, "test-coverage", number);
            // The tail lies on the side of the worse.
            let drawn: Vec<[f64; 2]> = (0..PAIRS)
                .map(|_| {
                    let base = level * (1.0 + 0.01 * stream.standard_normal());
                    let spread = deviation * threshold * sign * apart(shape, &mut stream);
                    [base, base + effect + spread]
                })
                .collect();
            let side = |at: usize| drawn.iter().map(|pair| Some(pair[at])).collect();
            let pairs = Pairs {
                base: side(0),
                head: side(1),
                ..Pairs::default()
            };
            let mut own = measure(&question, &pairs, &Resamples::draw(1, PAIRS, 10));
            decide(std::iter::once(&mut own));
            let verdict = own.verdict.expect("a verdict");
            if effect.abs() > 0.0 {
                let holds = own.interval.is_some_and(|at| at.holds(effect));
                found.held += usize::from(holds);
                found.honest += usize::from(holds || !own.carried);
                let is_passed = [Verdict::NotWorse, Verdict::Equivalent, Verdict::Improved];
                found.passed += usize::from(is_passed.contains(&verdict));
            } else {
                let is_alarm = [Verdict::Regressed, Verdict::Improved].contains(&verdict);
                found.alarms += usize::from(is_alarm);
            }
        }
    }
    found
}

#[test]
fn coverage_of_five_metrics_of_three_shapes() {
    println!(
        "metric                 shape      held  held or noted  passed though worse  false alarms"
    );
    for (place, (id, ..)) in METRICS.into_iter().enumerate() {
        for shape in SHAPES {
            let found = counts(place, shape);
            let percent = |count: usize| 100.0 * count as f64 / DRAWS as f64;
            println!(
                "{id:<22} {shape:<9} {:>5.1}  {:>13.1}  {:>19.1}  {:>12.1}",
                percent(found.held),
                percent(found.honest),
                percent(found.passed),
                percent(found.alarms)
            );
            assert!(found.honest >= 925, "{id} {shape}: {found:?}");
            // Mean and middle of skewed differences lie apart: where most pairs are better and few much worse,
            // the signed-rank test confirms an effect that their mean has not. The bounds hold what is known.
            let most = if shape == "skewed" {
                [100, 170]
            } else {
                [70, 75]
            };
            assert!(found.passed <= most[0], "{id} {shape}: {found:?}");
            assert!(found.alarms <= most[1], "{id} {shape}: {found:?}");
        }
    }
}
