//! Profile of a workload: what its plots show.

use units::time::NANOS_PER_SECOND;

use super::rhythm::Rhythm;
use crate::quantiles::Distribution;
use intake::TraceError;

/// Steps of a distribution that is drawn.
const STEPS: usize = 200;

/// Arrivals over time and distributions of a workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Hours since zero with their arrivals, without empty ones.
    pub arrivals_per_hour: Vec<(i64, u64)>,
    /// Arrivals over time; none without any.
    pub rhythm: Option<Rhythm>,
    /// Distributions of times and amounts.
    pub curves: Curves,
}

/// Distributions of a workload: values with the share of all values up to them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Run times, nanoseconds.
    pub run_time: Vec<(i64, f64)>,
    /// Times between arrivals, nanoseconds.
    pub gap: Vec<(i64, f64)>,
    /// Waits in the origin, nanoseconds.
    pub historic_wait: Vec<(i64, f64)>,
    /// Requested times, nanoseconds.
    pub time_limit: Vec<(i64, f64)>,
    /// Members of an arrival.
    pub members: Vec<(i64, f64)>,
    /// 1/1000 cores of a member.
    pub cpu_milli: Vec<(i64, f64)>,
    /// Bytes of memory of a member.
    pub memory_bytes: Vec<(i64, f64)>,
    /// 1/1000 GPU devices of a member.
    pub gpu_milli: Vec<(i64, f64)>,
}

impl Profile {
    /// The profile of arrivals by hour since zero, of which empty ones are left out.
    pub fn of(arrivals_per_hour: Vec<(i64, u64)>, curves: Curves) -> Self {
        Self {
            rhythm: Rhythm::of(&arrivals_per_hour),
            arrivals_per_hour,
            curves,
        }
    }
}

/// The curve of a distribution.
pub fn curve(of: &Distribution) -> Result<Vec<(i64, f64)>, TraceError> {
    of.steps(STEPS)
}

/// The hour since zero of an instant, nanoseconds.
pub const fn hour_of(instant: i64) -> i64 {
    instant.div_euclid(3_600 * NANOS_PER_SECOND)
}
