//! Ends of jobs: one whose pod lost its node or made way for others is not over where the rest of its work is
//! submitted again at the same instant, under the same name (metrics.md 5.2: a job lasts from its submission to the
//! end of its last attempt).

use std::collections::VecDeque;

use model::{EndReason, Pod, PodCreated, PodName};
use units::{Duration, GangId, Instant};

use super::gangs::OpenGang;
use super::jobs::JobRecord;

/// The ends of jobs in their order, each until it is known to be the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    all: VecDeque<End>,
    /// Whether evicted pods come back with the rest of their work.
    keeps_work: bool,
}

#[derive(Clone, Debug)]
struct End {
    at: Instant,
    record: JobRecord,
    /// The pod that may come back; `None` if the job is over.
    back: Option<ReturnCandidate>,
}

/// A pod that may come back, as the last of its job.
#[derive(Clone, Debug)]
pub(super) struct ReturnCandidate {
    name: PodName,
    reason: EndReason,
    gang: Option<(GangId, OpenGang)>,
}

impl ReturnCandidate {
    /// The pod, if its end is one from which pods come back.
    pub(super) fn of(pod: &Pod, reason: EndReason) -> Option<Self> {
        let comes_back = matches!(
            reason,
            EndReason::NodeLost | EndReason::Evicted(_) | EndReason::Moved
        );
        comes_back.then(|| Self {
            name: pod.name.clone(),
            reason,
            gang: None,
        })
    }

    /// The pod as the last one of a gang.
    pub(super) fn with(self, id: GangId, gang: OpenGang) -> Self {
        Self {
            gang: Some((id, gang)),
            ..self
        }
    }
}

/// A job that came back.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReturnedJob {
    /// A job of one pod, with its life up to now.
    Single(PriorLife),
    /// A gang of which no other pod lives.
    Gang(OpenGang),
}

/// The life of a job of one pod before its pod came back.
#[derive(Clone, Copy, Debug)]
pub(super) struct PriorLife {
    pub(super) number: u64,
    measured: bool,
    submit: Instant,
    bound: Option<Instant>,
    start: Option<Instant>,
    paused: Duration,
    requeued: Duration,
    /// The instant from which the job waits; where its work was lost, all since the first start is waiting.
    since: Instant,
}

impl PriorLife {
    fn of(record: &JobRecord, is_lost: bool) -> Self {
        let start = record.start.filter(|_| is_lost);
        Self {
            number: record.number,
            measured: record.measured,
            submit: record.submit,
            bound: record.bound,
            start: record.start,
            paused: if is_lost {
                Duration::ZERO
            } else {
                record.paused
            },
            requeued: record.requeued,
            since: start.unwrap_or(record.end),
        }
    }

    /// The record of the job by that of its present pod, which came back at an instant.
    pub(super) fn extend(self, record: &mut JobRecord, came_back: Instant) {
        record.submit = self.submit;
        record.measured = self.measured;
        if let Some(bound) = self.bound {
            let again = record.bound.unwrap_or(record.end).since(came_back);
            record.requeued = self.requeued.saturating_add(again);
            record.bound = Some(bound);
        }
        if let Some(start) = self.start {
            let goes_on = record.start.unwrap_or(record.end);
            record.paused = self.paused.saturating_add(goes_on.since(self.since));
            record.start = Some(start);
        }
    }
}

impl Ends {
    pub(super) fn new(keeps_work: bool) -> Self {
        Self {
            all: VecDeque::new(),
            keeps_work,
        }
    }

    /// A job ended, unless a pod comes back.
    pub(super) fn add(&mut self, at: Instant, record: JobRecord, back: Option<ReturnCandidate>) {
        self.all.push_back(End { at, record, back });
    }

    /// The next job that is over at an instant for good.
    #[inline]
    pub(super) fn next(&mut self, now: Instant) -> Option<JobRecord> {
        let first = self.all.front()?;
        if first.back.is_some() && first.at >= now {
            return None;
        }
        self.all.pop_front().map(|own| own.record)
    }

    /// Takes out the job whose pod comes back with a new one, if there is one.
    pub(super) fn take_back(&mut self, at: Instant, created: &PodCreated) -> Option<ReturnedJob> {
        if self.all.is_empty() {
            return None;
        }
        let comes_back = |own: &End| {
            let is_own = |back: &ReturnCandidate| match (&back.gang, created.gang) {
                // What moves keeps its owner; otherwise the owner makes another.
                _ if created.owner.is_some() && back.reason != EndReason::Moved => false,
                // Whichever of its pods comes back first.
                (Some((id, _)), Some(gang)) => *id == gang,
                (None, None) => back.name == created.name,
                _ => false,
            };
            let is_named = own.back.as_ref().is_some_and(is_own);
            own.at == at && own.record.tenant == created.tenant && is_named
        };
        let place = self.all.iter().rposition(comes_back)?;
        let End { record, back, .. } = self.all.remove(place)?;
        let ReturnCandidate { reason, gang, .. } = back?;
        if let Some((_, gang)) = gang {
            return Some(ReturnedJob::Gang(gang));
        }
        let is_kept = match reason {
            EndReason::Moved => true,
            EndReason::NodeLost => false,
            _ => self.keeps_work,
        };
        Some(ReturnedJob::Single(PriorLife::of(&record, !is_kept)))
    }

    /// Those not reported yet, at the end of a run.
    pub(super) fn iter(&self) -> impl Iterator<Item = JobRecord> + '_ {
        self.all.iter().map(|own| own.record)
    }
}
