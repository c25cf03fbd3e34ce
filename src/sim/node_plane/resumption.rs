//! Pods that come back as others with the rest of their work: after the loss of their node, or after a
//! scheduler took them off it.

use cluster::Store;
use model::{EndReason, Event, Pod, PodCreated, PodRef};
use units::{Duration, Identity, Instant};

use super::NodePlane;
use crate::context::Context;
use crate::message::{Resubmission, ToControlPlane, ToNodes};
use crate::options::NodeLoss;
use crate::progress::{Handover, LiveHandover};

impl NodePlane {
    /// Pods that are evicted come back with the rest of their work from now on.
    pub(crate) fn resume_evicted(&mut self) {
        self.machine.track(None);
        self.resumes = true;
    }

    /// A pod was submitted that goes on with what is left of the work of another, which it is the
    /// next attempt of.
    pub(crate) fn resume(&mut self, now: Instant, pod: PodRef, other: Identity, rest: Handover) {
        self.machine.resume(pod, other.nth(1), rest.left, None);
        self.usage.go_on(now, pod, rest.over);
    }

    /// The rest of the work of a pod that is replaced now; `None` of a pod without known work.
    pub(crate) fn left(&mut self, now: Instant, pod: PodRef) -> Option<Handover> {
        let left = self.machine.left(now, pod);
        self.machine.work(pod).map(|_| Handover {
            left,
            over: Duration::ZERO,
        })
    }

    /// Remaining work of a pod that moves to another node now.
    pub(crate) fn moving(&mut self, now: Instant, store: &Store, pod: PodRef) -> LiveHandover {
        let record = store.pods().get(pod);
        let pace = record.map(|record| self.pace_of_pod(record));
        LiveHandover {
            rest: Handover {
                left: pace.and_then(|pace| self.machine.rest(now, pod, pace)),
                over: self.usage.over(now, pod),
            },
            whole_run: self.machine.whole_run(pod),
            start: self.exits.last_start(pod),
        }
    }

    /// A pod was submitted that goes on where another was, after a downtime and without a start.
    pub(crate) fn arrive(
        &mut self,
        now: Instant,
        pod: PodRef,
        other: Identity,
        passage: LiveHandover,
        downtime: Duration,
    ) {
        self.resume(now, pod, other, passage.rest);
        self.machine.arrive(pod, passage.whole_run);
        self.exits.arrive(pod, passage.start);
        self.downtimes.insert(pod.id, downtime);
    }

    /// A pod was submitted that does the work of another once more after a downtime; `rest` is that work, where it
    /// is known.
    pub(crate) fn arrive_anew(
        &mut self,
        now: Instant,
        pod: PodRef,
        other: Identity,
        rest: Option<Handover>,
        downtime: Duration,
    ) {
        if let Some(rest) = rest {
            self.resume(now, pod, other, rest);
        }
        self.downtimes.insert(pod.id, downtime);
    }

    /// Submits the rest of a pod's work if the pod was evicted, where evicted pods come back; so much of
    /// its recorded use was over.
    pub(super) fn resume_if_evicted(
        &mut self,
        ctx: &mut Context<'_>,
        event: &Event,
        ended: &Pod,
        over: Duration,
    ) {
        let is_evicted = matches!(
            event,
            Event::PodEnded {
                reason: EndReason::Evicted(_),
                ..
            }
        );
        let pod = ended.pod;
        if !self.resumes || !is_evicted || self.machine.work(pod).is_none() {
            return;
        }
        let pace = self.pace_of_pod(ended);
        let lost = Resubmission {
            record: ended.clone(),
            who: self.machine.who(pod),
            rest: Handover {
                left: self.machine.rest(ctx.now(), pod, pace),
                over,
            },
        };
        ctx.send(ToNodes::Resubmit(Box::new(lost)));
    }

    /// A pod is lost with its node, and submitted again if that is asked for.
    pub(super) fn lose(&mut self, ctx: &mut Context<'_>, store: &Store, pod: PodRef) {
        let known = store.pods().get(pod).filter(|_| {
            let resubmits = ctx.options().node_loss == NodeLoss::Resubmit;
            resubmits && self.machine.work(pod).is_some()
        });
        // Work that no checkpoint saved is done again.
        let rest = Handover {
            left: self.machine.left(ctx.now(), pod),
            over: Duration::ZERO,
        };
        let reason = EndReason::NodeLost;
        ctx.send(ToControlPlane::Happened(Event::PodEnded { pod, reason }));
        if let Some(record) = known.cloned() {
            let who = self.machine.who(pod);
            let lost = Resubmission { record, who, rest };
            ctx.send(ToNodes::Resubmit(Box::new(lost)));
        }
    }

    pub(super) fn resubmit(&mut self, ctx: &mut Context<'_>, store: &Store, lost: Resubmission) {
        let Resubmission { record, who, rest } = lost;
        let created = PodCreated {
            pod: store.pods().next(),
            class: record.class,
            tenant: record.tenant,
            gang: record.gang(),
            time_limit: record.time_limit(),
            estimate: rest.left.map(|left| left.work),
            name: record.name,
            found: None,
            owner: None,
        };
        self.resume(ctx.now(), created.pod, who, rest);
        ctx.send(ToControlPlane::Happened(Event::PodCreated(created)));
    }
}
