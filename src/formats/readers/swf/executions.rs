//! Jobs of several rows (spec: traces.md, section 1): a summary (status 0 or 1) and a row for each partial
//! execution (status 2 to 4). A workload takes the summary alone; without one, the partial executions are
//! joined into a job of the first one's submit time and of the sum of their run times.
//!
//! The rows of a job follow one another, so one row is read ahead, and only after a partial execution.

use super::row::is_partial;
use super::{MISSING, SwfJob, SwfSource};
use crate::readers::prelude::*;

/// The row that was read behind the partial executions of another job.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    job: Option<SwfJob>,
    /// The jobs before it, where it names several.
    several_preceding: Vec<i64>,
    /// The number of the last job that was not a partial execution.
    summary: Option<i64>,
}

impl SwfSource {
    /// Reads the next job, whole. Returns whether there is one.
    #[inline]
    pub(super) fn read_whole(&mut self, job: &mut SwfJob) -> Result<bool, TraceError> {
        loop {
            if !self.read_row(job)? {
                return Ok(false);
            }
            if !is_partial(job.status) {
                self.ahead.summary = Some(job.number);
                return Ok(true);
            }
            let name = PodName::Job(job.number.unsigned_abs());
            if self.ahead.summary != Some(job.number) && !self.taken.contains(&name) {
                *job = self.join(*job)?;
                return Ok(true);
            }
            let kind = "partial execution; the summary is taken";
            self.dirt(kind, Action::Drop, job)?;
        }
    }

    #[inline]
    fn read_row(&mut self, job: &mut SwfJob) -> Result<bool, TraceError> {
        match self.ahead.job.take() {
            Some(ahead) => {
                *job = ahead;
                self.reader.several_preceding = std::mem::take(&mut self.ahead.several_preceding);
                Ok(true)
            }
            None => self.reader.read_next(job),
        }
    }

    /// Joins the partial executions from the first one on, unless a summary follows them.
    fn join(&mut self, first: SwfJob) -> Result<SwfJob, TraceError> {
        let preceding = std::mem::take(&mut self.reader.several_preceding);
        let mut joined = first;
        while let Some(next) = self.reader.next_job()? {
            if next.number != first.number {
                self.ahead.job = Some(next);
                self.ahead.several_preceding = std::mem::take(&mut self.reader.several_preceding);
                break;
            }
            if !is_partial(next.status) {
                let kind = "partial executions before their summary; the summary is taken";
                self.dirt(kind, Action::Drop, &first)?;
                self.ahead.summary = Some(next.number);
                return Ok(next);
            }
            joined.status = next.status;
            if next.run != MISSING {
                joined.run = joined.run.max(Duration::ZERO).saturating_add(next.run);
            }
        }
        let kind = "partial executions without a summary; joined into one job";
        self.dirt(kind, Action::Repair, &first)?;
        self.reader.several_preceding = preceding;
        Ok(joined)
    }
}
