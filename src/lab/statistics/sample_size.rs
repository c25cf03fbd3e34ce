//! Number of seeds that decide a comparison, and the power of a test.
//!
//! The estimate stands on the mean and the deviation of a few pairs, which are uncertain themselves.
//! So it is a range: the seeds that the rules of the verdict need at plausible values of both,
//! rounded, and cut where nobody runs that many.

use std::fmt;

use serde::{Deserialize, Serialize};
use units::plural;

use rng::math;
use rng::special::{normal_cdf, normal_quantile};

use super::events::LoneEvents;
use super::moments::{mean, standard_deviation};
use super::skew::values_to_carry;
use super::student::student_quantile;

/// Fewer pairs than this can't reach p < 0.05 by their signs alone, whose smallest two-sided p is
/// 2/2ⁿ.
pub const SEEDS_MIN: usize = 6;

/// The fewest pairs whose signs can reach a level once it is corrected for the tests beside it:
/// `corrected` takes the smallest p that the signs can have, 2/2ⁿ.
pub fn seeds_to_reach(alpha: f64, corrected: impl Fn(f64) -> f64) -> usize {
    let smallest = |n: usize| 2.0 / (1_u64 << n) as f64;
    (SEEDS_MIN..64)
        .find(|&n| corrected(smallest(n)) <= alpha)
        .unwrap_or(64)
}

/// More seeds than this are not estimated: the estimate says no more than that.
pub const SEEDS_MAX: u64 = 1_000;

/// The share of tries that decide with as many seeds as estimated.
const POWER: f64 = 2.0 / 3.0;

/// The values of mean and deviation that are plausible lie within so many standard errors.
const PLAUSIBLE: f64 = 0.3;

/// A range of seeds that would decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeedsNeeded {
    /// The lower end; [`SEEDS_MAX`] if it is above that.
    pub low: u64,
    /// The upper end; none if it is above [`SEEDS_MAX`].
    pub high: Option<u64>,
}

impl SeedsNeeded {
    /// The range from a lower to an upper end, both rounded, for more than `pairs` seeds.
    fn rounded(low: f64, high: f64, pairs: usize) -> Self {
        let most = SEEDS_MAX as f64;
        let least = round_up(pairs as f64 + 1.0);
        let low = round_down(low).max(least);
        let high = round_up(high).max(low);
        Self {
            low: low.min(most) as u64,
            high: (high < most).then_some(high as u64),
        }
    }

    /// Exactly so many.
    pub const fn exactly(seeds: u64) -> Self {
        Self {
            low: seeds,
            high: Some(seeds),
        }
    }

    /// A range of seeds for a range of pairs, where each seed gives several pairs; rounded again.
    #[must_use]
    pub fn shared_by(self, pairs: u64) -> Self {
        let least = |count: u64| round_up(count.div_ceil(pairs) as f64) as u64;
        Self {
            low: least(self.low),
            high: self.high.map(least),
        }
    }

    /// The range that is enough for both this and another question.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            low: self.low.max(other.low),
            high: self.high.zip(other.high).map(|(a, b)| a.max(b)),
        }
    }
}

impl fmt::Display for SeedsNeeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (low, Some(high)) if low == high => write!(f, "about {}", plural::count(low, "seed")),
            (low, Some(high)) => {
                write!(f, "about {low}–{}", plural::count(high, "seed"))
            }
            (low, None) if low >= SEEDS_MAX => f.write_str("more than 1,000 seeds"),
            (low, None) => write!(f, "{low} to more than 1,000 seeds"),
        }
    }
}

/// Numbers to which estimates are rounded, by powers of ten.
const ROUND: [f64; 9] = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0];

/// The round numbers up to beyond [`SEEDS_MAX`], in ascending order.
fn round_numbers() -> impl DoubleEndedIterator<Item = f64> {
    let powers = [1.0, 10.0, 100.0, 1_000.0];
    let all = powers
        .into_iter()
        .flat_map(|power| ROUND.map(|number| math::round_half_even(number * power)));
    all.collect::<Vec<f64>>().into_iter()
}

fn round_up(value: f64) -> f64 {
    round_numbers()
        .find(|round| *round >= value)
        .unwrap_or(f64::INFINITY)
}

fn round_down(value: f64) -> f64 {
    round_numbers()
        .rev()
        .find(|round| *round <= value)
        .unwrap_or(1.0)
}

/// The rules by which a metric is decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The level of tests.
    pub alpha: f64,
    /// The difference that matters; 0 leaves only the test of a difference.
    pub threshold: f64,
    /// Number of tests of a difference that are corrected together.
    pub tests: usize,
}

impl Rules {
    /// The seeds that these rules need at a worsening and a deviation: the least by the test of a
    /// difference and by that of no relevant worsening. Sample sizes of one-sample t-tests, with
    /// Guenther's correction (1981).
    fn needed(self, worsening: f64, deviation: f64) -> f64 {
        let by_test = |apart: f64, alpha: f64| {
            if apart <= 0.0 {
                return f64::INFINITY;
            }
            let reach = normal_quantile(1.0 - alpha);
            let ratio = (reach + normal_quantile(POWER)) * deviation / apart;
            ratio * ratio + reach * reach / 2.0
        };
        let differs = by_test(worsening.abs(), self.alpha / (2 * self.tests.max(1)) as f64);
        differs.min(by_test(self.threshold - worsening, self.alpha))
    }
}

/// The seeds that would decide, from how much worse each pair is. `None` below two pairs and without
/// spread.
pub fn seeds_to_decide(worsenings: &[f64], rules: Rules) -> Option<SeedsNeeded> {
    let deviation = standard_deviation(worsenings).filter(|deviation| *deviation > 0.0)?;
    let (worsening, n) = (mean(worsenings)?, worsenings.len() as f64);
    let error = deviation / math::sqrt(n);
    let spread = math::exp(PLAUSIBLE / math::sqrt(2.0 * (n - 1.0)));
    let at = |step: i32| {
        let part = f64::from(step) / 4.0;
        rules.needed(worsening + part * PLAUSIBLE * error, deviation)
    };
    let steps: Vec<f64> = (-4..=4).map(at).collect();
    let low = steps.iter().copied().fold(f64::INFINITY, f64::min) / (spread * spread);
    let high = steps.iter().copied().fold(0.0, f64::max) * spread * spread;
    Some(SeedsNeeded::rounded(low, high, worsenings.len()))
}

/// The seeds that carry an interval of values of such a shape; `None` where theirs do.
pub fn seeds_to_carry(values: &[f64]) -> Option<SeedsNeeded> {
    let needed = values_to_carry(values);
    let is_open = needed > values.len() as f64;
    is_open.then(|| SeedsNeeded::rounded(needed, needed, values.len()))
}

/// The seeds after which counts of events would tell the two sides apart, or show that the second has no
/// more than `ratio` times those of the first.
pub fn seeds_to_count(events: LoneEvents, ratio: f64, alpha: f64, pairs: usize) -> SeedsNeeded {
    let share = events.share_above();
    let spread = math::sqrt(share * (1.0 - share));
    let needed = |apart: f64, alpha: f64| {
        let reach = normal_quantile(1.0 - alpha) / 2.0 + normal_quantile(POWER) * spread;
        (reach / apart) * (reach / apart)
    };
    let differs = needed((share - 0.5).abs(), alpha / 2.0);
    let limit = ratio / (1.0 + ratio) - share;
    let is_open = if limit > 0.0 {
        needed(limit, alpha)
    } else {
        f64::INFINITY
    };
    let by_pair = pairs as f64 / (events.above + events.below).max(1) as f64;
    let least = differs.min(is_open) * by_pair;
    SeedsNeeded::rounded(least, 2.0 * least, pairs)
}

/// The power of the two-sided t-test of the mean of `n` pairs at level `alpha` to find a shift of
/// `effect` standard deviations, by the normal approximation of the noncentral t.
pub fn power(effect: f64, n: usize, alpha: f64) -> f64 {
    let degrees = n as f64 - 1.0;
    let reach = student_quantile(1.0 - alpha / 2.0, degrees);
    let shift = effect.abs() * math::sqrt(n as f64);
    let width = math::sqrt(1.0 + reach * reach / (2.0 * degrees));
    normal_cdf((shift - reach) / width) + normal_cdf((-shift - reach) / width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{above, not_above};
    use rng::Stream;

    const RULES: Rules = Rules {
        alpha: 0.05,
        threshold: 1.0,
        tests: 1,
    };

    #[test]
    fn ranges_are_round_and_bounded() {
        let check = |low: f64, high: f64, pairs: usize, expected: &str| {
            assert_eq!(SeedsNeeded::rounded(low, high, pairs).to_string(), expected);
        };
        check(37.0, 88.0, 20, "about 30–100 seeds");
        check(3.0, 4.0, 20, "about 25 seeds");
        check(200.0, 1_404.0, 20, "200 to more than 1,000 seeds");
        check(471_410.0, f64::INFINITY, 20, "more than 1,000 seeds");
        check(f64::INFINITY, f64::INFINITY, 3, "more than 1,000 seeds");
        let both = SeedsNeeded::exactly(6).and(SeedsNeeded {
            low: 4,
            high: Some(9),
        });
        assert_eq!(both.to_string(), "about 6–9 seeds");
        assert_eq!(
            SeedsNeeded::rounded(37.0, 88.0, 20)
                .shared_by(3)
                .to_string(),
            "about 10–40 seeds"
        );
        assert_eq!(seeds_to_decide(&[1.0, 1.0], RULES), None);
        assert_eq!(seeds_to_decide(&[1.0], RULES), None);
    }

    #[test]
    fn corrections_ask_for_more_pairs() {
        assert_eq!(seeds_to_reach(0.05, |p| p), SEEDS_MIN);
        // 30 tests by Holm: 2/2ⁿ × 30 ≤ 0.05 from n = 11 on.
        assert_eq!(seeds_to_reach(0.05, |p| 30.0 * p), 11);
    }

    #[test]
    fn power_grows_with_effect_and_seeds() {
        assert!((power(0.0, 20, 0.05) - 0.05).abs() < 0.005);
        // G*Power: 0.9239.
        assert!((power(0.8, 20, 0.05) - 0.9239).abs() < 0.005);
        assert!(power(0.8, 40, 0.05) > power(0.8, 20, 0.05));
    }

    fn is_decided(worsenings: &[f64]) -> bool {
        let is_small = |p: Option<f64>| p.is_some_and(|p| p <= RULES.alpha);
        let sides = [above(worsenings, 0.0), not_above(worsenings, 0.0)];
        let is_apart = sides.into_iter().any(|p| is_small(p.map(|p| 2.0 * p)));
        is_apart || is_small(not_above(worsenings, RULES.threshold))
    }

    /// Worsenings drawn from a normal distribution; the estimate after the first pairs against the
    /// number of pairs after which the verdict is there.
    #[test]
    fn estimates_come_true_within_a_factor_of_two_in_two_of_three_tries() {
        const TRIES: u64 = 120;
        let cases = [
            // Mean, deviation, pairs.
            (0.0, 3.0, 10),
            (0.0, 6.0, 20),
            (0.5, 4.0, 20),
            (1.0, 4.0, 20),
            (2.0, 6.0, 12),
            (-0.5, 5.0, 20),
            (-1.0, 8.0, 30),
        ];
        for (case, (center, deviation, pairs)) in cases.into_iter().enumerate() {
            let (mut open, mut hits, mut decided) = (0, 0, 0);
            for number in 0..TRIES {
                let mut stream = Stream::new(5, "test-seeds", number + 1_000 * case as u64);
                let drawn: Vec<f64> = (0..2_500)
                    .map(|_| center + deviation * stream.standard_normal())
                    .collect();
                if is_decided(&drawn[..pairs]) {
                    continue;
                }
                open += 1;
                let told = seeds_to_decide(&drawn[..pairs], RULES).expect("a range");
                let low = told.low / 2;
                let high = told.high.map_or(drawn.len(), |high| 2 * high as usize);
                let first = (pairs + 1..=drawn.len()).find(|&n| is_decided(&drawn[..n]));
                hits += u32::from(first.is_some_and(|n| n as u64 >= low && n <= high));
                let most = told.high.map_or(drawn.len(), |high| high as usize);
                decided += u32::from(is_decided(&drawn[..most]));
            }
            println!("{center} ± {deviation}, {pairs} pairs: {hits}, {decided} of {open}");
            assert!(open > 40, "case {case}: {open}");
            assert!(3 * hits >= 2 * open, "case {case}: {hits} of {open}");
            assert!(3 * decided >= 2 * open, "case {case}: {decided} of {open}");
        }
    }
}
