//! Mixes fitted to traces: the marginal distributions of jobs with the correlation between them, arrivals by
//! hour of the day and day of the week, sessions of users. What comes out is the text of a
//! [`Mix`], to be edited, and how far its jobs are from those of the trace.

mod columns;
mod correlations;
mod course;
mod draws;
mod failure_curves;
pub mod failures;
mod floods;
mod goodness;
mod head;
mod laws;
mod marginals;
mod means;
mod pace;
mod profiles;
mod reordered;
mod requests;
mod reweighed;
mod row;
mod sample;
#[cfg(test)]
mod tests;
mod waiting;
mod why;
mod written;

use std::sync::Arc;

use units::Quantity;
use units::plural::count;

use crate::generate::mix::{After, Mix, MixSource};
use arrivals::inspect::Profile;
use arrivals::stream::ArrivalSource;
use intake::TraceError;

use columns::{Columns, MOST_JOBS, Rate};
use floods::Bands;
pub use goodness::{Distance, Goodness, Together};
pub use laws::FittedLaw;
use marginals::Fitted;
use pace::Grouping;
use profiles::profile;
pub use reordered::{OrderWaits, Reordered, reordered};
pub use row::TABLE_HEAD;
use waiting::Pool;
pub use waiting::Waiting;

/// Seeds of the jobs that the fit is judged by.
const SEEDS: [u64; 3] = [1, 2, 3];

/// A mix that was fitted to a trace.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Text of the mix.
    pub text: String,
    /// Words for what the mix distinguishes.
    pub model: String,
    /// Distances between its jobs and those of the trace.
    pub goodness: Goodness,
    /// Properties of the trace that a mix has not, with numbers of jobs.
    pub left_out: Vec<(&'static str, u64)>,
    /// Number of jobs of the trace, if the mix was fitted to a sample of them.
    pub sampled_of: Option<u64>,
    /// Profile of the jobs of the trace.
    pub trace: Profile,
    /// Profile of as many jobs of the mix: those that it is judged by.
    pub generated: Profile,
}

impl Fit {
    /// The lines of the comments above the mix: what it was fitted to, and how well.
    pub fn head(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines();
        lines.map_while(|line| line.strip_prefix("# "))
    }
}

/// Fits a mix to the jobs of a trace. Of one with more than 250,000 jobs, a sample of as many is held in memory, in which
/// each job is with the same probability.
///
/// Jobs with one priority are a template. Submissions of one user that follow each other within 20 minutes, or
/// follow the end of the one before, are taken for a session, and sessions with similar work for a template,
/// where that brings the jobs closer to those of the trace: the gaps between them, how these follow each other,
/// and the waits on a pool. Where it brings them closer yet, jobs with similar work are templates, and the rates of
/// these change from one part of the trace to the next. A sample shows no sessions; rates of a mix that is fitted to one
/// are those of the whole trace.
///
/// # Errors
/// The trace can't be read, or has fewer than ten jobs.
pub fn fit(name: &str, source: &mut dyn ArrivalSource) -> Result<Fit, TraceError> {
    fit_of(name, source, MOST_JOBS)
}

/// Fits a mix to a number of jobs at most.
fn fit_of(name: &str, source: &mut dyn ArrivalSource, most: usize) -> Result<Fit, TraceError> {
    let columns = Columns::read(source, most)?;
    check_number(name, source, &columns)?;
    let mut best: Option<Fit> = None;
    for model in models(&columns) {
        let Judged {
            fit: mut own,
            first,
        } = judged(&columns, model)?;
        // What is simpler comes first.
        let is_better =
            |best: &Fit| own.goodness.arrivals() < best.goodness.arrivals() - WORTH_MORE;
        if best.as_ref().is_none_or(is_better) {
            own.generated = profile(&first)?;
            best = Some(own);
        }
    }
    let mut fit = best.expect("invariant: jobs alone are a model");
    fit.trace = profile(&columns)?;
    fit.text = head::text(name, &fit) + &fit.text;
    Ok(fit)
}

/// Checks that a trace has enough jobs for a distribution.
fn check_number(
    name: &str,
    source: &dyn ArrivalSource,
    columns: &Columns,
) -> Result<(), TraceError> {
    if columns.jobs.len() >= LEAST {
        return Ok(());
    }
    let ledger = source.ledger();
    let bad = match (ledger.bad_row_count(), ledger.bad_rows().first()) {
        (0, _) => String::new(),
        (rows, first) => {
            let first = first.map(|first| format!(", the first {first}"));
            let first = first.unwrap_or_default();
            format!("; left out as bad: {}{first}", count(rows, "row"))
        }
    };
    Err(TraceError::Format {
        file: name.to_owned(),
        reason: format!(
            "has {}, of which no distribution follows; expected {LEAST} or more{bad}",
            count(columns.jobs.len() as u64, "job")
        ),
    })
}

/// A mix that is tried.
struct Model {
    /// Words for what it distinguishes.
    words: String,
    /// Its text at the rates of the jobs that it was fitted to.
    body: String,
    /// Its text at the rates of the whole trace, where those jobs are a sample.
    whole: Option<String>,
}

impl Model {
    fn new(columns: &Columns, words: String, body: impl Fn(Rate) -> String) -> Self {
        let sampled = columns.sampled_of();
        Self {
            words,
            body: body(Rate::SAME),
            whole: sampled.map(|_| body(columns.rate())),
        }
    }
}

/// The mixes that are tried, simple ones first.
fn models(columns: &Columns) -> Vec<Model> {
    let templates = marginals::templates(columns);
    let alone = Grouping::alone(columns);
    let body = |rate| written::body(columns, &alone, &templates, None, rate);
    let mut models = vec![Model::new(columns, "jobs alone".to_owned(), body)];
    // Of a session, a sample has a few jobs or one.
    if columns.sampled_of().is_none() {
        models.extend(by_sessions(columns, &templates));
    }
    models.extend(by_work(columns, Bands::OF_JOBS));
    models.extend(by_work(columns, Bands::OF_BOUNDED_JOBS));
    models
}

/// Mixes of sessions.
fn by_sessions(columns: &Columns, templates: &[Fitted]) -> Vec<Model> {
    let mut models = Vec::new();
    for (after, words) in [(After::Submission, "submission"), (After::End, "end")] {
        if let Some(grouping) = Grouping::sessions(columns, after) {
            let body = |rate| written::body(columns, &grouping, templates, None, rate);
            let of_sessions = format!("sessions by the {words} of the job before");
            models.push(Model::new(columns, of_sessions, body));
            let floods = floods::templates(columns, &grouping, Bands::OF_SESSIONS);
            let body = |rate| written::body(columns, &grouping, &floods, None, rate);
            let of_floods = format!("floods of like jobs by the {words} of the job before");
            models.push(Model::new(columns, of_floods, body));
        }
    }
    models
}

/// Mixes of jobs of which those with similar work are a template, in parts of the trace.
fn by_work(columns: &Columns, bands: Bands) -> Vec<Model> {
    let room = waiting::room(columns);
    let bounds = if bands.has_bounds() {
        ", which keeps to its bounds"
    } else {
        ""
    };
    let mut models = Vec::new();
    for part in course::lengths(columns.span(), columns.jobs.len()) {
        let grouping = Grouping::in_parts(columns, part);
        let kinds = floods::templates(columns, &grouping, bands);
        let grouping = grouping.without_sessions();
        let words = format!("jobs by their work{bounds}, in parts of {part}");
        let body = |room, rate| written::body(columns, &grouping, &kinds, room, rate);
        models.push(Model::new(columns, words.clone(), |rate| body(None, rate)));
        if let Some(milli) = room {
            let processors = Quantity::from_milli(milli);
            let words = format!("{words}, which come when {processors} processors have room");
            let body = |rate| body(Some(milli), rate);
            models.push(Model::new(columns, words, body));
        }
    }
    models
}

/// Least gain in closeness for which a fit is taken that says more.
const WORTH_MORE: f64 = 0.05;

/// Least number of jobs of a fit.
const LEAST: usize = 10;

/// A fit without profiles, and the first draw of its mix.
struct Judged {
    fit: Fit,
    first: Columns,
}

/// A mix beside the trace that it was fitted to.
fn judged(columns: &Columns, model: Model) -> Result<Judged, TraceError> {
    let mix = Arc::new(Mix::read("fitted mix", &model.body)?);
    let jobs = columns.jobs.len();
    let drawn = |seed| {
        let mut source = MixSource::new(Arc::clone(&mix), seed, jobs as u64);
        Columns::read(&mut source, jobs)
    };
    // One draw is held at a time.
    let first = drawn(SEEDS[0])?;
    let mut means = Vec::new();
    if let Some(pool) = Pool::of(columns) {
        means.push(pool.mean(&first.jobs));
        for seed in &SEEDS[1..] {
            means.push(pool.mean(&drawn(*seed)?.jobs));
        }
    }
    let fit = Fit {
        text: model.whole.unwrap_or(model.body),
        model: model.words,
        goodness: Goodness::of(columns, &first, means),
        left_out: columns.left_out(),
        sampled_of: columns.sampled_of(),
        trace: Profile::default(),
        generated: Profile::default(),
    };
    Ok(Judged { fit, first })
}
