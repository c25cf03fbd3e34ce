//! Mixes fitted to traces: the marginal distributions of jobs with the correlation between them, arrivals by
//! hour of the day and day of the week, sessions of users. What comes out is the text of a
//! [`Mix`], to be edited, and how far its jobs are from those of the trace.

mod columns;
mod goodness;
mod marginals;
mod pace;
#[cfg(test)]
mod tests;
mod written;

use std::sync::Arc;

use crate::error::TraceError;
use crate::generate::mix::{Mix, MixSource};
use crate::stream::ArrivalSource;

use columns::Columns;
pub use goodness::{Distance, Goodness, Together};
use pace::Grouping;

/// Seed of the jobs that the fit is judged by.
const SEED: u64 = 1;

/// A mix that was fitted to a trace.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Text of the mix.
    pub text: String,
    /// Distances between its jobs and those of the trace.
    pub goodness: Goodness,
    /// Properties of the trace that a mix has not, with numbers of jobs.
    pub left_out: Vec<(&'static str, u64)>,
}

/// Fits a mix to the jobs of a trace, all of which are held in memory.
///
/// Jobs with one priority are a template. Submissions of one user that follow each other within 20 minutes
/// are taken for a session where that brings the jobs, and above all the gaps between them and how these
/// follow each other, closer to those of the trace.
///
/// # Errors
/// The trace can't be read, or has fewer than ten jobs.
pub fn fit(name: &str, source: &mut dyn ArrivalSource) -> Result<Fit, TraceError> {
    let columns = Columns::read(source)?;
    if columns.jobs.len() < LEAST {
        return Err(TraceError::Format {
            file: name.to_owned(),
            reason: format!(
                "has {}, of which no distribution follows; expected {LEAST} or more",
                units::plural::count(columns.jobs.len() as u64, "job")
            ),
        });
    }
    let templates = marginals::templates(&columns);
    let mut groupings = vec![Grouping::alone(&columns)];
    groupings.extend(Grouping::sessions(&columns));
    let mut best: Option<Fit> = None;
    for grouping in groupings {
        let body = written::body(&columns, &grouping, &templates);
        let own = judged(&columns, &body)?;
        if best
            .as_ref()
            .is_none_or(|best| own.goodness.arrivals() < best.goodness.arrivals())
        {
            best = Some(own);
        }
    }
    let mut fit = best.expect("invariant: jobs alone are a grouping");
    fit.text = written::head(name, &columns, &fit) + &fit.text;
    Ok(fit)
}

/// Least number of jobs of a fit.
const LEAST: usize = 10;

/// A mix beside the trace that it was fitted to.
fn judged(columns: &Columns, body: &str) -> Result<Fit, TraceError> {
    let mix = Arc::new(Mix::read("fitted mix", body)?);
    let mut source = MixSource::new(mix, SEED, columns.jobs.len() as u64);
    let own = Columns::read(&mut source)?;
    Ok(Fit {
        text: body.to_owned(),
        goodness: Goodness::of(columns, &own),
        left_out: columns.left_out(),
    })
}
