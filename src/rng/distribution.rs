//! Distributions of durations, as experiment files write them: `lognormal(400ms, 0.5)`,
//! `weibull(30d, 0.7)`, `truncated(exponential(1h), 1m, 1d)`.
//!
//! A [`Law`] is what was written; a [`Distribution`] is a law whose parameters were checked, and
//! can be sampled. Sampling inverts the distribution function with one draw (gamma: documented
//! rejection), so the same stream gives the same durations for ever. Durations are nanoseconds,
//! rounded to nearest; what lies beyond 292 years becomes [`Duration::MAX`].

mod grammar;
mod law;
#[cfg(test)]
mod tests;

use super::{Stream, math, special};
use units::Duration;

pub use grammar::DistributionError;
use grammar::Number;
pub use law::{Law, LawError};

/// A distribution of durations with valid parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    law: Law,
    /// The probabilities between which a truncated law draws from its inner one; else (0, 1).
    share: (f64, f64),
}

/// A truncation must keep at least this share of its inner distribution: below it, the rounding
/// of probabilities near 1 would show in the samples.
const SMALLEST_SHARE: f64 = 1e-9;
/// 2^63: the first number of nanoseconds beyond a duration.
const NANOS_LIMIT: f64 = 9_223_372_036_854_775_808.0;

impl Distribution {
    /// Always `duration`.
    pub fn constant(duration: Duration) -> Result<Self, LawError> {
        Self::new(Law::Constant(duration))
    }

    /// Checks the parameters of a law.
    pub fn new(law: Law) -> Result<Self, LawError> {
        law.check()?;
        let share = match &law {
            Law::Truncated { inner, min, max } => kept_share(inner, *min, *max)?,
            _ => (0.0, 1.0),
        };
        Ok(Self { law, share })
    }

    /// The law and its parameters.
    pub fn law(&self) -> &Law {
        &self.law
    }

    /// The file whose values have to be attached with [`Distribution::with_values`] before the
    /// first sample, if there is one.
    pub fn missing_file(&self) -> Option<&str> {
        match &self.law {
            Law::Empirical { file, values: None } => Some(file),
            Law::Truncated { inner, .. } => inner.missing_file(),
            _ => None,
        }
    }

    /// The name of the file, to be changed; the values that were attached stay.
    pub fn file_mut(&mut self) -> Option<&mut String> {
        match &mut self.law {
            Law::Empirical { file, .. } => Some(file),
            Law::Truncated { inner, .. } => inner.file_mut(),
            _ => None,
        }
    }

    /// Returns the distribution with the values (in seconds) of its file; a truncation around it
    /// keeps those between its bounds. Without an empirical part nothing changes.
    ///
    /// The error says which value is not a duration, or that none is left.
    pub fn with_values(self, seconds: Vec<f64>) -> Result<Self, LawError> {
        let failed = |problem| LawError {
            argument: 0,
            problem,
        };
        let law = match self.law {
            Law::Empirical { file, .. } => {
                let mut values = Vec::with_capacity(seconds.len());
                for (position, &value) in seconds.iter().enumerate() {
                    let duration = Duration::checked_from_secs_f64(value)
                        .filter(|duration| *duration >= Duration::ZERO)
                        .ok_or_else(|| {
                            failed(format!(
                                "value {} of `{file}` is {}: expected seconds from 0 to 9.2e9",
                                position + 1,
                                Number(value)
                            ))
                        })?;
                    values.push(duration);
                }
                if values.is_empty() {
                    return Err(failed(format!(
                        "`{file}` has no values: expected at least one"
                    )));
                }
                values.sort_unstable();
                Law::Empirical {
                    file,
                    values: Some(values.into()),
                }
            }
            Law::Truncated { inner, min, max } => {
                let inner = inner.with_values(seconds)?;
                Law::Truncated {
                    inner: Box::new(inner.keeping(min, max)),
                    min,
                    max,
                }
            }
            other => other,
        };
        Self::new(law)
    }

    /// This distribution; if it is empirical, with only the values between the bounds.
    fn keeping(self, min: Duration, max: Duration) -> Self {
        let law = match self.law {
            Law::Empirical {
                file,
                values: Some(values),
            } => {
                let kept = values
                    .iter()
                    .copied()
                    .filter(|value| (min..=max).contains(value));
                Law::Empirical {
                    file,
                    values: Some(kept.collect()),
                }
            }
            Law::Truncated {
                inner,
                min: inner_min,
                max: inner_max,
            } => Law::Truncated {
                inner: Box::new(inner.keeping(min, max)),
                min: inner_min,
                max: inner_max,
            },
            other => other,
        };
        Self { law, ..self }
    }

    /// A duration drawn from this distribution.
    ///
    /// # Panics
    /// If the values of an empirical distribution are missing
    /// ([`Distribution::missing_file`]).
    pub fn sample(&self, stream: &mut Stream) -> Duration {
        match &self.law {
            Law::Constant(duration) => *duration,
            Law::Uniform { min, max } => {
                let span = max.as_nanos().abs_diff(min.as_nanos());
                Duration::from_nanos(min.as_nanos() + stream.below(span + 1) as i64)
            }
            Law::Exponential { mean } => saturated(stream.exponential(nanos(*mean))),
            Law::LogNormal { median, sigma } => {
                saturated(nanos(*median) * math::exp(sigma * stream.standard_normal()))
            }
            Law::Weibull { scale, shape } => {
                saturated(nanos(*scale) * math::pow(stream.exponential(1.0), 1.0 / shape))
            }
            Law::Gamma { shape, scale } => saturated(stream.gamma(*shape, nanos(*scale))),
            Law::Pareto { min, alpha } => {
                saturated(nanos(*min) * math::pow(stream.open_unit_f64(), -1.0 / alpha))
            }
            Law::Empirical { file, values } => {
                let values = values.as_deref().unwrap_or_default();
                assert!(
                    !values.is_empty(),
                    "invariant: the values of `{file}` are attached"
                );
                values[stream.below(values.len() as u64) as usize]
            }
            Law::Truncated { inner, .. } if inner.is_discrete() => inner.sample(stream),
            Law::Truncated { .. } => saturated(self.quantile(stream.unit_f64())),
        }
    }

    /// The duration below which lies probability `u`; of a law of single values the shortest.
    pub fn inverse(&self, u: f64) -> Duration {
        match &self.law {
            Law::Constant(value) => *value,
            Law::Empirical { values, .. } => {
                let values = values.as_deref().unwrap_or_default();
                values.first().copied().unwrap_or_default()
            }
            _ => saturated(self.quantile(u)),
        }
    }

    /// The mean, or `None` where it is infinite, beyond 292 years or not known yet (values of a
    /// file). That of a truncation is integrated numerically, to about nine digits.
    pub fn mean(&self) -> Option<Duration> {
        let mean = match &self.law {
            Law::Constant(duration) => nanos(*duration),
            Law::Uniform { min, max } => f64::midpoint(nanos(*min), nanos(*max)),
            Law::Exponential { mean } => nanos(*mean),
            Law::LogNormal { median, sigma } => nanos(*median) * math::exp(0.5 * sigma * sigma),
            Law::Weibull { scale, shape } => nanos(*scale) * math::gamma(1.0 + 1.0 / shape),
            Law::Gamma { shape, scale } => shape * nanos(*scale),
            Law::Pareto { min, alpha } if *alpha > 1.0 => nanos(*min) * alpha / (alpha - 1.0),
            Law::Pareto { .. } => return None,
            Law::Empirical { values, .. } => {
                let values = values.as_deref()?;
                let sum: i128 = values
                    .iter()
                    .map(|value| i128::from(value.as_nanos()))
                    .sum();
                sum as f64 / values.len() as f64
            }
            Law::Truncated { inner, .. } if inner.is_discrete() => return inner.mean(),
            Law::Truncated { .. } => unit_integral(|p| self.quantile(p)),
        };
        (mean < NANOS_LIMIT).then(|| saturated(mean))
    }

    /// The number of nanoseconds below which lies probability `p`, for laws of every kind; 0 where
    /// the values of a file are missing.
    pub fn value_at(&self, p: f64) -> f64 {
        match &self.law {
            Law::Constant(value) => nanos(*value),
            Law::LogNormal { median, sigma } if *sigma <= 0.0 => nanos(*median),
            Law::Empirical { values, .. } => {
                let values = values.as_deref().unwrap_or_default();
                let place = ((values.len() as f64 * p) as usize).min(values.len().max(1) - 1);
                values.get(place).map_or(0.0, |value| nanos(*value))
            }
            Law::Truncated { inner, min, max } if inner.is_discrete() => {
                inner.value_at(p).clamp(nanos(*min), nanos(*max))
            }
            _ => self.quantile(p),
        }
    }

    /// Whether single durations have a probability of their own.
    fn is_discrete(&self) -> bool {
        match &self.law {
            Law::Constant(_) | Law::Empirical { .. } => true,
            Law::Uniform { min, max } => min == max,
            Law::LogNormal { sigma, .. } => *sigma <= 0.0,
            Law::Truncated { inner, .. } => inner.is_discrete(),
            _ => false,
        }
    }

    /// Whether a discrete law has a value between the bounds, as far as is known.
    fn may_be_within(&self, min: Duration, max: Duration) -> bool {
        let within = |value: &Duration| (min..=max).contains(value);
        match &self.law {
            Law::Constant(value)
            | Law::Uniform { min: value, .. }
            | Law::LogNormal { median: value, .. } => within(value),
            Law::Empirical { values, .. } => values
                .as_ref()
                .is_none_or(|values| values.iter().any(within)),
            Law::Truncated {
                inner,
                min: inner_min,
                max: inner_max,
            } => inner.may_be_within(min.max(*inner_min), max.min(*inner_max)),
            _ => true,
        }
    }

    /// Probability of at most `x` nanoseconds; for laws that are not discrete.
    fn cdf(&self, x: f64) -> f64 {
        match &self.law {
            Law::Uniform { min, max } => {
                ((x - nanos(*min)) / (nanos(*max) - nanos(*min))).clamp(0.0, 1.0)
            }
            Law::Exponential { mean } => -math::exp_m1(-x / nanos(*mean)),
            Law::LogNormal { median, sigma } => {
                special::normal_cdf(math::ln(x / nanos(*median)) / sigma)
            }
            Law::Weibull { scale, shape } => -math::exp_m1(-math::pow(x / nanos(*scale), *shape)),
            Law::Gamma { shape, scale } => special::gamma_cdf(*shape, x / nanos(*scale)),
            Law::Pareto { min, alpha } if x > nanos(*min) => {
                -math::exp_m1(alpha * math::ln(nanos(*min) / x))
            }
            Law::Truncated { inner, min, max } => {
                let (low, high) = self.share;
                (inner.cdf(x.clamp(nanos(*min), nanos(*max))) - low) / (high - low)
            }
            Law::Pareto { .. } | Law::Constant(_) | Law::Empirical { .. } => 0.0,
        }
    }

    /// The number of nanoseconds below which lies probability `p`; for laws that are not discrete.
    fn quantile(&self, p: f64) -> f64 {
        match &self.law {
            Law::Uniform { min, max } => nanos(*min) + p * (nanos(*max) - nanos(*min)),
            Law::Exponential { mean } => -nanos(*mean) * math::ln_1p(-p),
            Law::LogNormal { median, sigma } => {
                nanos(*median) * math::exp(sigma * special::normal_quantile(p))
            }
            Law::Weibull { scale, shape } => {
                nanos(*scale) * math::pow(-math::ln_1p(-p), 1.0 / shape)
            }
            Law::Gamma { shape, scale } => nanos(*scale) * special::gamma_quantile(*shape, p),
            Law::Pareto { min, alpha } => nanos(*min) * math::exp(-math::ln_1p(-p) / alpha),
            Law::Truncated { inner, min, max } => {
                let (low, high) = self.share;
                inner
                    .quantile(low + p * (high - low))
                    .clamp(nanos(*min), nanos(*max))
            }
            Law::Constant(_) | Law::Empirical { .. } => 0.0,
        }
    }
}

/// The probabilities of `inner` at both bounds, if what lies between is enough to draw from.
fn kept_share(inner: &Distribution, min: Duration, max: Duration) -> Result<(f64, f64), LawError> {
    let failed = |how_much: &str| LawError {
        argument: 1,
        problem: format!("{how_much} of {inner} lies between {min} and {max}: widen the bounds"),
    };
    if inner.is_discrete() {
        let inside = inner.may_be_within(min, max);
        return if inside {
            Ok((0.0, 1.0))
        } else {
            Err(failed("nothing"))
        };
    }
    let (low, high) = (inner.cdf(nanos(min)), inner.cdf(nanos(max)));
    if high - low >= SMALLEST_SHARE {
        Ok((low, high))
    } else {
        Err(failed("almost nothing"))
    }
}

/// Nanoseconds of a duration as a float.
fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

/// The duration nearest to a number of nanoseconds, at most the longest.
fn saturated(nanos: f64) -> Duration {
    if nanos >= NANOS_LIMIT {
        return Duration::MAX;
    }
    Duration::from_nanos(math::round_half_even(nanos) as i64)
}

/// The integral of a bounded monotone function over [0, 1] by the tanh-sinh rule, which takes
/// steep ends well: 2 × 64 + 1 points, a sixteenth apart, out to weights of 1e-36.
fn unit_integral(function: impl Fn(f64) -> f64) -> f64 {
    let mut sum = 0.0;
    let mut weights = 0.0;
    for point in -64..=64 {
        let t = f64::from(point) / 16.0;
        let (grow, shrink) = (math::exp(t), math::exp(-t));
        let inner = std::f64::consts::FRAC_PI_4 * (grow - shrink);
        let cosh = 0.5 * (math::exp(inner) + math::exp(-inner));
        let weight = (grow + shrink) / (cosh * cosh);
        sum += weight * function(0.5 * (1.0 + math::tanh(inner)));
        weights += weight;
    }
    // The weights sum to 1 up to a constant factor and 1e-15.
    sum / weights
}

units::serialize_as_text! { Distribution }
units::text_type!(
    Distribution,
    "distribution",
    ["string"],
    "a distribution such as `lognormal(400ms, 0.5)`"
);
