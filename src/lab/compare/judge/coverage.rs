//! Coverage of intervals and error of verdicts over 2,000 comparisons of 5, 10 and 20 pairs each: metrics of four
//! shapes of differences. `cargo test -p windtunnel-lab coverage -- --nocapture` prints the table.

use super::*;
use crate::compare::question_of;
use crate::summary::MetricSummary;
use metrics::registry;
use rng::{Stream, math};

const DRAWS: u64 = 2_000;

/// Upper limit of errors: the nominal 5 % of all draws, and two standard errors.
const MOST: usize = 120;

/// Metrics with a usual value of the baseline, and the deviation of differences as a multiple of what matters.
const METRICS: [(&str, f64, f64); 1] = [("pending_time.mean", 3_600.0, 4.0)];

/// Shapes of differences.
const SHAPES: [&str; 4] = ["symmetric", "skewed", "very skewed", "rare"];

/// A log-normal value with a mean of zero and a deviation of one.
fn lognormal(sigma: f64, stream: &mut Stream) -> f64 {
    let square = math::exp(sigma * sigma);
    let value = math::exp(sigma * stream.standard_normal());
    (value - math::sqrt(square)) / math::sqrt((square - 1.0) * square)
}

/// A pair whose candidate is apart by an effect on average. Rare are outages in one run of five, of exponential
/// lengths; most runs see the same on both sides. Of others the tail lies on the side of the worse.
fn pair(shape: &str, level: f64, spread: f64, effect: f64, stream: &mut Stream) -> [f64; 2] {
    let apart = match shape {
        "symmetric" => stream.standard_normal(),
        "skewed" => lognormal(0.5, stream),
        "very skewed" => lognormal(1.0, stream),
        _ => {
            let mut outage = || {
                let length = -5.0 * level * math::ln(stream.open_unit_f64());
                if stream.unit_f64() < 0.2 { length } else { 0.0 }
            };
            let (base, own) = (outage(), outage());
            let head = if stream.unit_f64() < 0.7 { base } else { own };
            return [base, head * (1.0 + effect / level)];
        }
    };
    let base = level * (1.0 + 0.01 * stream.standard_normal());
    [base, base + effect + spread * apart]
}

/// Counts of a metric and shape.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Intervals that hold the difference.
    held: usize,
    /// Those, and samples of which is said that they don't carry an interval.
    honest: usize,
    /// Verdicts that pass what is worse by just what matters, though a run shows an event.
    passed: usize,
    /// Such verdicts where no run shows an event; each pass states how rare an event it may miss.
    unseen: usize,
    /// Verdicts that see a difference where there is none.
    alarms: usize,
    /// Verdicts that see a worsening by ten times what matters or by 20 %, whichever is more.
    found: usize,
}

fn counts(place: usize, shape: &str, n: usize) -> Counts {
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
    let resamples = Resamples::draw(1, n, 1);
    let mut found = Counts::default();
    let large = (10.0 * threshold).max(0.2 * level);
    for number in 0..DRAWS {
        for (at, effect) in [threshold * sign, 0.0, large * sign]
            .into_iter()
            .enumerate()
        {
            let mut stream = Stream::new(place as u64, "test-coverage", number);
            let spread = deviation * threshold * sign;
            let drawn: Vec<[f64; 2]> = (0..n)
                .map(|_| pair(shape, level, spread, effect, &mut stream))
                .collect();
            let side = |at: usize| drawn.iter().map(|pair| Some(pair[at])).collect();
            let pairs = Pairs {
                base: side(0),
                head: side(1),
                ..Pairs::default()
            };
            let mut own = measure(&question, &pairs, &resamples);
            decide(std::iter::once(&mut own));
            let verdict = own.verdict.expect("a verdict");
            let is_apart = [Verdict::Regressed, Verdict::Improved].contains(&verdict);
            match at {
                0 => {
                    let holds = own.interval.is_some_and(|at| at.holds(effect));
                    found.held += usize::from(holds);
                    found.honest += usize::from(holds || !own.carried);
                    let passes = [Verdict::NotWorse, Verdict::Equivalent, Verdict::Improved];
                    let is_seen = drawn.iter().flatten().any(|value| *value > 0.0);
                    let passed = usize::from(passes.contains(&verdict));
                    *(if is_seen {
                        &mut found.passed
                    } else {
                        &mut found.unseen
                    }) += passed;
                }
                1 => found.alarms += usize::from(is_apart),
                _ => found.found += usize::from(verdict == Verdict::Regressed),
            }
        }
    }
    found
}

#[test]
fn coverage_of_metrics_of_four_shapes() {
    println!(
        "metric               shape        pairs   held  held or noted  passed though worse  (unseen)  \
         false alarms  +20 % found"
    );
    for (place, (id, ..)) in METRICS.into_iter().enumerate() {
        for shape in SHAPES {
            for n in [5, 10, 20] {
                let own = counts(place, shape, n);
                let percent = |count: usize| 100.0 * count as f64 / DRAWS as f64;
                println!(
                    "{id:<20} {shape:<12} {n:>5}  {:>5.1}  {:>12.1}  {:>19.1}  {:>8.1}  {:>12.1}  {:>11.1}",
                    percent(own.held),
                    percent(own.honest),
                    percent(own.passed),
                    percent(own.unseen),
                    percent(own.alarms),
                    percent(own.found)
                );
                assert!(own.passed <= MOST, "{id} {shape} {n}: {own:?}");
                assert!(own.alarms <= MOST, "{id} {shape} {n}: {own:?}");
                let is_found =
                    shape != "symmetric" || n < 10 || 10 * own.found >= 9 * DRAWS as usize;
                assert!(is_found, "{id} {n}: {own:?}");
            }
        }
    }
}
