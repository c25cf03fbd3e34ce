//! Pods that come back as others with the rest of their work: after the loss of their node, or after a
//! scheduler took them off it.

use cluster::Store;
use model::{EndReason, Event, Pod, PodCreated, PodRef};
use units::{Duration, Identity, Instant};

use super::NodePlane;
use crate::context::Context;
use crate::message::{Resubmission, ToControlPlane, ToNodes};
use crate::options::NodeLoss;
use crate::progress::Left;

impl NodePlane {
    /// Pods that are evicted come back with the rest of their work from now on.
    pub(crate) fn resume_evicted(&mut self) {
        self.machine.track(None);
        self.resumes = true;
    }

    /// The rest of the work of a pod that moves to another node now.
    pub(crate) fn moving(&mut self, now: Instant, store: &Store, pod: PodRef) -> Option<Left> {
        let record = store.pods().get(pod)?;
        let pace = self.pace_of_pod(record);
        self.machine.rest(now, pod, pace)
    }

    /// A pod was submitted that goes on with what is left of the work of another, after a downtime and
    /// without a start.
    pub(crate) fn arrive(
        &mut self,
        pod: PodRef,
        other: Identity,
        left: Option<Left>,
        downtime: Duration,
    ) {
        self.resume(pod, other, left);
        self.machine.arrive(pod);
        self.downtimes.insert(pod.id, downtime);
    }

    /// Submits the rest of a pod's work if the pod was evicted, where evicted pods come back.
    pub(super) fn resume_if_evicted(&mut self, ctx: &mut Context<'_>, event: &Event, ended: &Pod) {
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
            left: self.machine.rest(ctx.now(), pod, pace),
        };
        ctx.send(ToNodes::Resubmit(Box::new(lost)));
    }

    /// A pod is lost with its node, and submitted again if that is asked for.
    pub(super) fn lose(&mut self, ctx: &mut Context<'_>, store: &Store, pod: PodRef) {
        let known = store.pods().get(pod).filter(|_| {
            let resubmits = ctx.options().node_loss == NodeLoss::Resubmit;
            resubmits && self.machine.work(pod).is_some()
        });
        let left = self.machine.left(ctx.now(), pod);
        let reason = EndReason::NodeLost;
        ctx.send(ToControlPlane::Happened(Event::PodEnded { pod, reason }));
        if let Some(record) = known.cloned() {
            let who = self.machine.who(pod);
            let lost = Resubmission { record, who, left };
            ctx.send(ToNodes::Resubmit(Box::new(lost)));
        }
    }

    pub(super) fn resubmit(&mut self, ctx: &mut Context<'_>, store: &Store, lost: Resubmission) {
        let Resubmission { record, who, left } = lost;
        let created = PodCreated {
            pod: store.pods().next(),
            class: record.class,
            tenant: record.tenant,
            gang: record.gang(),
            time_limit: record.time_limit(),
            name: record.name,
            found: None,
            owner: None,
        };
        self.resume(created.pod, who, left);
        ctx.send(ToControlPlane::Happened(Event::PodCreated(created)));
    }
}
