//! The laws a distribution can follow, and the ranges of their parameters.

use std::sync::Arc;

use thiserror::Error;

use super::Distribution;
use super::grammar::Number;
use super::{math, saturated};
use units::Duration;

/// A family of distributions with its parameters. No duration may be negative.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// Always the same.
    Constant(Duration),
    /// Every nanosecond from `min` to `max` (both included) equally likely.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Exponential: the time to an event that comes at a constant rate.
    Exponential {
        /// Mean, above zero.
        mean: Duration,
    },
    /// Log-normal: `median × exp(sigma × N)` with a standard normal `N`.
    LogNormal {
        /// Median, above zero.
        median: Duration,
        /// Standard deviation of the logarithm, at least 0.
        sigma: f64,
    },
    /// Weibull: survival `exp(-(x / scale)^shape)`; a shape below 1 means early failures.
    Weibull {
        /// Scale (63rd percentile), above zero.
        scale: Duration,
        /// Shape, above 0.
        shape: f64,
    },
    /// Gamma: mean `shape × scale`.
    Gamma {
        /// Shape, above 0.
        shape: f64,
        /// Scale, above zero.
        scale: Duration,
    },
    /// Pareto (type I): survival `(min / x)^alpha` from `min` on.
    Pareto {
        /// The shortest, above zero.
        min: Duration,
        /// Exponent of the tail, above 0; the mean is infinite up to 1.
        alpha: f64,
    },
    /// One of the values of a file, each equally likely.
    Empirical {
        /// The file's name, as written.
        file: String,
        /// Sample values in increasing order, once they are attached.
        values: Option<Arc<[Duration]>>,
    },
    /// Another distribution under the condition that it lies between two bounds (included).
    Truncated {
        /// The other distribution.
        inner: Box<Distribution>,
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
}

/// A parameter outside its range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct LawError {
    /// Position of the parameter in the law's written form, from 0.
    pub argument: usize,
    /// The problem and the expected form.
    pub problem: String,
}

impl Law {
    /// Weibull by its mean (spec: orchestrators-b.md 10.1).
    pub fn weibull_of_mean(mean: Duration, shape: f64) -> Self {
        let nanos = mean.as_nanos() as f64 / math::gamma(1.0 + 1.0 / shape);
        Self::Weibull {
            scale: saturated(nanos),
            shape,
        }
    }

    /// Log-normal by its median and its mean, which is not less.
    pub fn log_normal_of_mean(median: Duration, mean: Duration) -> Self {
        let ratio = mean.as_nanos() as f64 / median.as_nanos() as f64;
        Self::LogNormal {
            median,
            sigma: math::sqrt(2.0 * math::ln(ratio)),
        }
    }

    /// The law of the first of so many, each by this one, where that is of its kind: of what fails
    /// when one of its parts does.
    #[must_use]
    pub fn first_of(self, count: u32) -> Self {
        let count = f64::from(count.max(1));
        match self {
            Self::Exponential { mean } => Self::Exponential {
                mean: saturated(mean.as_nanos() as f64 / count),
            },
            Self::Weibull { scale, shape } => Self::Weibull {
                scale: saturated(scale.as_nanos() as f64 * math::pow(count, -1.0 / shape)),
                shape,
            },
            other => other,
        }
    }

    /// Checks every parameter by itself and MIN against MAX.
    pub(super) fn check(&self) -> Result<(), LawError> {
        match self {
            Self::Constant(duration) => not_negative(0, "DURATION", *duration)?,
            Self::Uniform { min, max } => bounds(0, *min, *max)?,
            Self::Exponential { mean } => above_zero(0, "MEAN", *mean)?,
            Self::LogNormal { median, sigma } => {
                above_zero(0, "MEDIAN", *median)?;
                if !sigma.is_finite() || *sigma < 0.0 {
                    return Err(LawError {
                        argument: 1,
                        problem: format!(
                            "SIGMA must be a finite number of at least 0, not {}",
                            Number(*sigma)
                        ),
                    });
                }
            }
            Self::Weibull { scale, shape } => {
                above_zero(0, "SCALE", *scale)?;
                positive(1, "SHAPE", *shape)?;
            }
            Self::Gamma { shape, scale } => {
                positive(0, "SHAPE", *shape)?;
                above_zero(1, "SCALE", *scale)?;
            }
            Self::Pareto { min, alpha } => {
                above_zero(0, "MIN", *min)?;
                positive(1, "ALPHA", *alpha)?;
            }
            Self::Empirical { file, values } => {
                let valid = values.as_deref().is_none_or(|values| {
                    !values.is_empty() && values.iter().all(|value| *value >= Duration::ZERO)
                });
                if !valid {
                    return Err(LawError {
                        argument: 0,
                        problem: format!("`{file}` must have values, none of them negative"),
                    });
                }
            }
            Self::Truncated { min, max, .. } => bounds(1, *min, *max)?,
        }
        Ok(())
    }
}

fn not_negative(argument: usize, name: &str, duration: Duration) -> Result<(), LawError> {
    if duration >= Duration::ZERO {
        return Ok(());
    }
    Err(LawError {
        argument,
        problem: format!("{name} must not be negative, not {duration}"),
    })
}

fn above_zero(argument: usize, name: &str, duration: Duration) -> Result<(), LawError> {
    if duration > Duration::ZERO {
        return Ok(());
    }
    Err(LawError {
        argument,
        problem: format!("{name} must be longer than 0s, not {duration}"),
    })
}

fn positive(argument: usize, name: &str, number: f64) -> Result<(), LawError> {
    if number.is_finite() && number > 0.0 {
        return Ok(());
    }
    Err(LawError {
        argument,
        problem: format!(
            "{name} must be a finite number above 0, not {}",
            Number(number)
        ),
    })
}

/// Checks MIN and MAX, which stand at `argument` and after it.
fn bounds(argument: usize, min: Duration, max: Duration) -> Result<(), LawError> {
    not_negative(argument, "MIN", min)?;
    if max >= min {
        return Ok(());
    }
    Err(LawError {
        argument: argument + 1,
        problem: format!("MAX must be at least MIN ({min}), not {max}"),
    })
}
