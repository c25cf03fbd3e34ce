//! Edits of a trace that an experiment states.

use ::units::{Duration, Instant};
use arrivals::ArrivalSource;
use arrivals::transform::Ratio;
use intake::TraceError;
use scenario::schema::{SampleUnit, TraceEdit};
use workloads::edit::{Edit, KeptNames, Sample, SampleBy};
use workloads::expression::{Assignment, Condition};

use super::BuildError;

/// The trace of an entry of the workload with its edits, one after the other.
pub(super) fn edited(
    mut source: Box<dyn ArrivalSource>,
    edits: &[TraceEdit],
    path: &str,
) -> Result<Box<dyn ArrivalSource>, BuildError> {
    for (number, written) in edits.iter().enumerate() {
        let edit = edit(written, &format!("workload: `{path}`: edit[{number}]"))?;
        source = edit
            .apply(source, Vec::new())
            .map_err(|error| named(&error, path))?;
    }
    Ok(source)
}

/// An error of an edit names the trace.
fn named(error: &TraceError, path: &str) -> BuildError {
    BuildError::Experiment(format!("workload: `{path}`: {error}"))
}

fn edit(written: &TraceEdit, place: &str) -> Result<Edit, BuildError> {
    let wrong = |field: String, why: &dyn ToString| {
        let why = why.to_string();
        BuildError::Experiment(format!("{place}.{field}: {why}"))
    };
    let condition = written
        .condition
        .as_deref()
        .map(Condition::parse)
        .transpose();
    let condition = condition.map_err(|error| wrong("where".to_owned(), &error))?;
    let mut assignments = Vec::new();
    for (place, text) in written.set.iter().enumerate() {
        let assignment = Assignment::parse(text);
        assignments.push(assignment.map_err(|error| wrong(format!("set[{place}]"), &error))?);
    }
    let at = |span: Duration| Instant::ZERO.saturating_add(span);
    let from = at(written.from.unwrap_or(Duration::ZERO));
    let until = written.until.map_or(Instant::MAX, at);
    Ok(Edit {
        after_line: written.after_line,
        window: (written.from.is_some() || written.until.is_some()).then_some((from, until)),
        tenants: { written.tenants.iter() }
            .map(|name| name.as_str().into())
            .collect(),
        condition,
        assignments,
        sample: written.sample.as_ref().map(|sample| Sample {
            millionths: libm::rint(1e6 * sample.share.as_f64()) as u32,
            by: match sample.by {
                SampleUnit::Job => SampleBy::Job,
                SampleUnit::Tenant => SampleBy::Tenant,
            },
            seed: sample.seed,
        }),
        times: written.rate.map(inverse_ratio).transpose()?,
        shift: written.shift.unwrap_or(Duration::ZERO),
        is_anonymous: written.anonymize,
        kept_names: KeptNames::OF_RUN,
    })
}

/// 1 / `scale` as a ratio of integers: a factor on the arrival rate divides times.
pub(super) fn inverse_ratio(scale: f64) -> Result<Ratio, BuildError> {
    let denominator = libm::rint(scale * 1e6);
    if !(1.0..9e15).contains(&denominator) {
        let message = format!("arrivals.scale: {scale} is not between 0.000001 and 9e9");
        return Err(BuildError::Experiment(message));
    }
    Ratio::new(1_000_000, denominator as i64)
        .ok_or_else(|| BuildError::Experiment("arrivals.scale: expected a positive number".into()))
}
