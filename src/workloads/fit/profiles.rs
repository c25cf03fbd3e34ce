//! Profiles of the jobs of a trace and of a mix, of the values that distances are taken of.

use units::SortedMap;

use super::columns::Columns;
use super::goodness::values;
use crate::generate::mix::Field;
use arrivals::inspect::{Curves, Profile, curve, hour_of};
use arrivals::quantiles::Counted;
use intake::TraceError;

/// The profile of jobs.
pub(super) fn profile(columns: &Columns) -> Result<Profile, TraceError> {
    let mut per_hour: SortedMap<i64, u64> = SortedMap::new();
    for job in &columns.jobs {
        *per_hour.entry(hour_of(job.submit)).or_default() += 1;
    }
    let of = |field| curve_of(values(columns, field));
    let curves = Curves {
        run_time: of(Field::RunTime)?,
        gap: curve_of(columns.gaps())?,
        // A mix has no waits.
        historic_wait: Vec::new(),
        time_limit: of(Field::TimeLimit)?,
        members: of(Field::Pods)?,
        cpu_milli: of(Field::Cpu)?,
        memory_bytes: of(Field::Memory)?,
        gpu_milli: of(Field::Gpus)?,
    };
    Ok(Profile::of(per_hour.into_iter().collect(), curves))
}

fn curve_of(values: Vec<i64>) -> Result<Vec<(i64, f64)>, TraceError> {
    let mut counted = Counted::default();
    counted.extend(values);
    curve(&counted.finish()?)
}
