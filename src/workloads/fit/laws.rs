//! Laws fitted to times by maximum likelihood: Weibull and log-normal, the usual ones for times between failures
//! and for repairs, and their distances from the times.

use rng::distribution::{Distribution, Law};
use rng::{math, special};
use serde::Serialize;
use units::Duration;

/// Least number of times that a law is fitted to.
pub(super) const TIMES_MIN: usize = 5;

/// A law fitted to times.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FittedLaw {
    /// Law as an experiment has it, such as `weibull(30d, 0.7)`.
    pub law: String,
    /// Number of times.
    pub times: u64,
    /// Mean of the times, in seconds.
    pub mean_seconds: f64,
    /// Mean of the law, in seconds.
    pub law_mean_seconds: f64,
    /// Kolmogorov–Smirnov distance of the Weibull law that fits best, 0 to 1.
    pub weibull_distance: f64,
    /// Kolmogorov–Smirnov distance of the log-normal law that fits best.
    pub lognormal_distance: f64,
}

/// Fits both laws to times above zero and takes the likelier one; `None` of fewer than five, or of equal ones.
pub(super) fn fitted(times: &[Duration]) -> Option<FittedLaw> {
    let seconds = times.iter().map(|time| time.as_secs_f64());
    let mut seconds: Vec<f64> = seconds.filter(|own| *own > 0.0).collect();
    seconds.sort_by(f64::total_cmp);
    let (least, most) = (*seconds.first()?, *seconds.last()?);
    if seconds.len() < TIMES_MIN || least >= most {
        return None;
    }
    let weibull = Weibull::of(&seconds);
    let normal = LogNormal::of(&seconds);
    let law = if weibull.likelihood(&seconds) >= normal.likelihood(&seconds) {
        Law::Weibull {
            scale: rounded(weibull.scale),
            shape: digits(weibull.shape),
        }
    } else {
        Law::LogNormal {
            median: rounded(math::exp(normal.mu)),
            sigma: digits(normal.sigma),
        }
    };
    let law = Distribution::new(law).ok()?;
    Some(FittedLaw {
        times: seconds.len() as u64,
        mean_seconds: seconds.iter().sum::<f64>() / seconds.len() as f64,
        law_mean_seconds: law.mean().map_or(f64::INFINITY, Duration::as_secs_f64),
        weibull_distance: distance(&seconds, |time| weibull.up_to(time)),
        lognormal_distance: distance(&seconds, |time| normal.up_to(time)),
        law: law.to_string(),
    })
}

/// A time to three or four digits: to the hour from four days on, to the minute from two hours on, else to the second,
/// at least one.
fn rounded(seconds: f64) -> Duration {
    let unit = match seconds {
        345_600.0.. => 3_600.0,
        7_200.0.. => 60.0,
        _ => 1.0,
    };
    let whole = math::round_half_even(seconds / unit) * unit;
    Duration::from_secs((whole as i64).max(1))
}

/// A parameter to three digits after the point.
fn digits(value: f64) -> f64 {
    (math::round_half_even(value * 1e3) / 1e3).max(1e-3)
}

/// Largest difference between the share of the ascending times up to one and the probability of a law.
fn distance(times: &[f64], up_to: impl Fn(f64) -> f64) -> f64 {
    let count = times.len() as f64;
    let places = times.iter().enumerate().map(|(place, &time)| {
        let own = up_to(time);
        let [before, with] = [place, place + 1].map(|place| place as f64 / count);
        (own - before).abs().max((own - with).abs())
    });
    places.fold(0.0, f64::max)
}

struct Weibull {
    scale: f64,
    shape: f64,
}

impl Weibull {
    /// The likeliest law. The equation of the shape has one root, as its left side grows with the shape.
    fn of(times: &[f64]) -> Self {
        let count = times.len() as f64;
        // Scaled by the longest time, so that no power overflows.
        let most = times[times.len() - 1];
        let logs: Vec<f64> = times.iter().map(|time| math::ln(time / most)).collect();
        let mean = logs.iter().sum::<f64>() / count;
        let powers = |shape: f64| {
            let powers = logs.iter().map(|log| (math::exp(shape * log), log));
            powers.fold((0.0, 0.0), |(sum, logs), (power, log)| {
                (sum + power, logs + power * log)
            })
        };
        let is_below = |shape: f64| {
            let (sum, logs) = powers(shape);
            logs / sum - 1.0 / shape - mean < 0.0
        };
        let (mut low, mut high) = (1e-3, 1e3);
        for _ in 0..100 {
            let middle = math::sqrt(low * high);
            if is_below(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        let shape = low;
        let scale = most * math::pow(powers(shape).0 / count, 1.0 / shape);
        Self { scale, shape }
    }

    fn up_to(&self, time: f64) -> f64 {
        1.0 - math::exp(-math::pow(time / self.scale, self.shape))
    }

    /// Logarithm of the likelihood.
    fn likelihood(&self, times: &[f64]) -> f64 {
        let of = |time: &f64| {
            let share = time / self.scale;
            math::ln(self.shape / self.scale) + (self.shape - 1.0) * math::ln(share)
                - math::pow(share, self.shape)
        };
        times.iter().map(of).sum()
    }
}

struct LogNormal {
    mu: f64,
    sigma: f64,
}

impl LogNormal {
    fn of(times: &[f64]) -> Self {
        let count = times.len() as f64;
        let logs: Vec<f64> = times.iter().map(|time| math::ln(*time)).collect();
        let mu = logs.iter().sum::<f64>() / count;
        let squares = logs.iter().map(|log| (log - mu) * (log - mu));
        Self {
            mu,
            sigma: math::sqrt(squares.sum::<f64>() / count),
        }
    }

    fn up_to(&self, time: f64) -> f64 {
        special::normal_cdf((math::ln(time) - self.mu) / self.sigma)
    }

    fn likelihood(&self, times: &[f64]) -> f64 {
        const LN_TWO_PI: f64 = 1.837_877_066_409_345_3;
        let of = |time: &f64| {
            let log = math::ln(*time);
            let score = (log - self.mu) / self.sigma;
            -log - math::ln(self.sigma) - f64::midpoint(LN_TWO_PI, score * score)
        };
        times.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles(law: &str) -> Vec<Duration> {
        let law: Distribution = law.parse().expect("a law");
        let places = (0..2_000).map(|place| (f64::from(place) + 0.5) / 2e3);
        let times = places.map(|p| Duration::from_nanos(law.value_at(p) as i64));
        times.collect()
    }

    #[test]
    fn laws_are_found_again() {
        for (law, expected) in [
            ("weibull(1000h, 0.7)", "weibull("),
            ("lognormal(1h, 1.34)", "lognormal("),
        ] {
            let found = fitted(&quantiles(law)).expect("many times");
            assert!(found.law.starts_with(expected), "{found:?}");
            let [own, of] =
                [&*found.law, law].map(|law| law.parse::<Distribution>().expect("a law"));
            let ratio = own.value_at(0.5) / of.value_at(0.5);
            assert!((ratio - 1.0).abs() < 0.01, "{found:?}");
            let least = found.weibull_distance.min(found.lognormal_distance);
            assert!(least < 0.005, "{found:?}");
        }
    }

    /// Of two times in equal numbers, x and y, the equation of the Weibull law's likeliest shape k comes to
    /// u tanh(u/2) = 2 with u = k ln(y/x), so u = 2.399357; and its scale is the k-th root of the mean of the k-th powers.
    /// That of the log-normal law is the geometric mean, with sigma half of ln(y/x).
    #[test]
    fn laws_of_two_times_are_those_computed_by_hand() {
        let times = [1.0, 1.0, 1.0, 8.0, 8.0, 8.0];
        let weibull = Weibull::of(&times);
        let ratio = math::ln(8.0);
        let shape = 2.399_357 / ratio;
        let scale = math::pow(f64::midpoint(1.0, math::pow(8.0, shape)), 1.0 / shape);
        assert!((weibull.shape - shape).abs() < 1e-5, "{}", weibull.shape);
        assert!((weibull.scale - scale).abs() < 1e-4, "{}", weibull.scale);
        // 8 to the power of 1.15385 is 11.0159; the mean with 1 is 6.00805, whose root is 4.7304.
        assert!((weibull.shape - 1.15385).abs() < 1e-4, "{}", weibull.shape);
        assert!((weibull.scale - 4.7304).abs() < 1e-3, "{}", weibull.scale);
        let normal = LogNormal::of(&times);
        assert!((math::exp(normal.mu) - math::sqrt(8.0)).abs() < 1e-12);
        assert!((normal.sigma - ratio / 2.0).abs() < 1e-12);
    }

    #[test]
    fn equal_or_few_times_have_no_law() {
        assert_eq!(fitted(&[Duration::from_secs(5); 50]), None);
        assert_eq!(fitted(&quantiles("weibull(1h, 1)")[..4]), None);
    }
}
