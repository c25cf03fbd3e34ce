//! One window of jobs through the simulator: an empty machine of nodes with one processor each,
//! stepped after every single event.

use super::super::job_runs::{JobMachine, RigidJob, run_jobs};
use super::jobs::Job;
use metrics::slowdown::{USUAL_BOUND, bounded_slowdown};
use scheduler::pipeline::evaluate::Form;
use sim::DecisionTime;
use systems::TimeLimits;
use systems::batch::BatchOptions;
use units::Instant;
use units::time::NANOS_PER_SECOND;

/// Rules under which a window is run: a batch system's options.
pub type Rules = BatchOptions;

/// A job's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The job's position in the window.
    pub position: usize,
    /// Second since the log's zero.
    pub second: i64,
}

/// Runs jobs, in the order given, on an empty machine; their starts in the order of the decisions.
///
/// # Errors
/// In words, if the rules are unknown, the simulator gives up, or a job never starts.
pub fn run_window(jobs: &[Job], processors: u32, rules: &Rules) -> Result<Vec<Start>, String> {
    let machine = JobMachine {
        nodes: processors,
        options: rules.clone(),
        form: Form::Incremental,
        // The published code lets jobs run on beyond their requested time.
        time_limits: TimeLimits::Ignored,
        decision_time: DecisionTime::default(),
    };
    let rigid = |job: &Job| RigidJob {
        submit: job.submit,
        run: job.run,
        requested: job.requested,
        members: job.processors,
    };
    let jobs: Vec<RigidJob> = jobs.iter().map(rigid).collect();
    let started = run_jobs(&jobs, &machine)?;
    let start = |started: &super::super::job_runs::Started| Start {
        position: started.position,
        second: started.at.as_nanos() / NANOS_PER_SECOND,
    };
    Ok(started.iter().map(start).collect())
}

/// The mean over all jobs of max(1, (start - submit + run) / max(run, 10 s)), added up in the order
/// of the decisions, as the published code does.
pub fn average_bounded_slowdown(jobs: &[Job], starts: &[Start]) -> f64 {
    let mut sum = 0.0;
    for start in starts {
        let job = &jobs[start.position];
        let waited = Instant::from_secs(start.second).since(job.submit);
        sum += bounded_slowdown(waited, job.run, USUAL_BOUND);
    }
    sum / jobs.len() as f64
}
