//! Systems that decide by rules of their own, of which no filters and scores are shown: what they say about a
//! pod in words.

use std::sync::atomic::AtomicBool;

use super::watch::{Followed, Tried};
use super::{About, RunExplainError, scheduler_of};
use crate::run::{Question, waiting_at};
use crate::sides::{DiffError, failed};
use model::Text;
use systems::SchedulerKind;
use units::Instant;

impl About<'_> {
    /// Decision of a system with rules of its own on a pod, with the reason if the pod got no node.
    pub(super) fn own_rules(
        &self,
        tried: &Tried,
        number: usize,
        count: u64,
        interrupted: &AtomicBool,
    ) -> Result<RunExplainError, DiffError> {
        let (run, pod, at) = (&self.side.label, &self.full_name, tried.at);
        let system = &self.side.scenario.system.name;
        let attempt = format!("at {at}, in attempt {number} of {count}");
        if tried.node.is_none()
            && let Some(why) = self.why_it_waits(Question { at, pod: tried.pod }, interrupted)?
        {
            return Ok(RunExplainError::Waits(format!(
                "{run}: {attempt}, the system `{system}` left `{pod}` without a node: {why}"
            )));
        }
        let (found, answer): (_, fn(String) -> RunExplainError) = match &tried.node {
            Some(node) => (
                format!("gave `{pod}` the node `{node}`"),
                RunExplainError::Bound,
            ),
            None => (
                format!("left `{pod}` without a node"),
                RunExplainError::Waits,
            ),
        };
        Ok(answer(format!(
            "{run}: the system `{system}` decides by rules of its own, of which runs keep no filters and scores; \
             {attempt}, it {found}; `windtunnel events` on the run says what happened to pods and nodes"
        )))
    }

    /// Reason that a system with rules of its own gives at the end of a run for a pod without an attempt, such as a
    /// pod that is like another one without a node; else the reason that no scheduler tried the pod.
    pub(super) fn untried(
        &self,
        followed: &Followed,
        end: Instant,
        interrupted: &AtomicBool,
    ) -> Result<RunExplainError, DiffError> {
        let pod = followed.pods.first();
        if scheduler_of(self.side) == Some(SchedulerKind::Own)
            && let Some(&pod) = pod
            && let Some(why) = self.why_it_waits(Question { at: end, pod }, interrupted)?
        {
            return Ok(RunExplainError::Waits(format!(
                "{}: at {end}, when the run ended, the system `{}` had left `{}` without a node: {why}",
                self.side.label, self.side.scenario.system.name, self.full_name
            )));
        }
        Ok(never_tried(self, followed))
    }

    /// The last answer of a system about a pod without a node at an instant, from another run.
    fn why_it_waits(
        &self,
        question: Question,
        interrupted: &AtomicBool,
    ) -> Result<Option<Text>, DiffError> {
        let fail = failed(self.side);
        let prepared = self.side.prepare().map_err(&fail)?;
        waiting_at(self.side.forked(), prepared, question, interrupted).map_err(fail)
    }
}

fn never_tried(about: &About<'_>, followed: &Followed) -> RunExplainError {
    let (run, pod) = (&about.side.label, &about.full_name);
    RunExplainError::NeverTried(match &followed.found_on {
        Some(node) => format!(
            "{run}: pod `{pod}` is on `{node}` from the start, without a scheduling decision; use \
             `windtunnel explain` with the dump or its snapshot scenario to see the scheduler's \
             verdict"
        ),
        None if !scheduler_of(about.side).is_some_and(SchedulerKind::keeps_attempts) => format!(
            "{run}: the system `{}` decides by rules of its own, of which runs keep no attempts; see \
             `submit_ns` and `bound_ns` of `{pod}` in its pods table",
            about.side.scenario.system.name
        ),
        None => format!(
            "{run}: pod `{pod}` was submitted but never attempted: it was held back (scheduling \
             gates, an incomplete group), belongs to another scheduler, or was still queued \
             behind others when the run ended"
        ),
    })
}
