//! Rollouts of images that were pushed, from the first new pod to the last, or to a failure.

use cluster::Store;
use model::{DeliveryStep, RolloutStep, Text};
use units::{Instant, ObjectId};

use super::Order;
use super::component::Deliveries;
use super::rollout::{PushNumber, RolloutContext, RolloutEnd};
use super::watch::{Line, PushDelivery, Rollout, Version, counts, is_paused, is_reported_complete};
use crate::Outbox;

impl Deliveries {
    /// Looks at all rollouts.
    pub(super) fn follow(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let rolling: Vec<(ObjectId, usize)> = self.rolling().collect();
        for (id, pipeline) in rolling {
            self.follow_one(now, id, pipeline, store, out);
        }
    }

    fn rolling(&self) -> impl Iterator<Item = (ObjectId, usize)> + '_ {
        let lines = self.workloads.iter().flat_map(|(&id, watched)| {
            let lines = watched.lines.iter();
            lines.map(move |(&pipeline, line)| (id, pipeline, line))
        });
        let rolling = lines.filter(|(_, _, line)| line.rollout.is_some());
        rolling.map(|(id, pipeline, _)| (id, pipeline))
    }

    fn follow_one(
        &mut self,
        now: Instant,
        id: ObjectId,
        pipeline: usize,
        store: &Store,
        out: &mut Outbox,
    ) {
        let deadline = self.pipelines[pipeline].plan().deadline;
        let repository = self.repositories[pipeline].clone();
        let row = store.objects().get(id);
        let is_paused = row.is_some_and(|row| is_paused(&row.object));
        let is_reported =
            !self.follows_status || row.is_some_and(|row| is_reported_complete(&row.object));
        let Some(watched) = self.workloads.get_mut(&id) else {
            return;
        };
        let name = watched.name.clone();
        let Some(line) = watched.lines.get_mut(&pipeline) else {
            return;
        };
        let found = counts(store, id, &repository, &line.version.image);
        let image = line.version.image.clone();
        let Some(rollout) = &mut line.rollout else {
            return;
        };
        let push = PushNumber::new(pipeline, rollout.push);
        let is_first = rollout.ready == 0 && found.new_ready > 0 && !rollout.is_back;
        if found.new_ready > rollout.ready || is_paused {
            (rollout.ready, rollout.progress) = (rollout.ready.max(found.new_ready), now);
        }
        let is_late = now.since(rollout.progress) >= deadline;
        let is_back = rollout.is_back;
        let is_complete = found.is_complete() && is_reported;
        if is_complete && !is_back {
            let (push, before) = (push.number, line.before.clone());
            line.delivered = Some(PushDelivery { push, before });
        }
        if is_first {
            self.tell(push, &name, DeliveryStep::FirstReplica, store, out);
        }
        if is_complete {
            let step = if is_back {
                DeliveryStep::RolledBack
            } else {
                DeliveryStep::Delivered
            };
            self.tell(push, &name, step, store, out);
            let end = RolloutEnd {
                image: &image,
                success: true,
                rolls_back: false,
            };
            self.ended(RolloutContext { now, id }, push, end, store, out);
        } else if is_late {
            self.failed(RolloutContext { now, id }, pipeline, store, out);
        }
    }

    /// The system reports a step of the rollout of a workload.
    pub(super) fn reported(
        &mut self,
        id: ObjectId,
        step: RolloutStep,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(watched) = self.workloads.get(&id) else {
            return;
        };
        let pipelines: Vec<usize> = watched.lines.keys().copied().collect();
        let due = RolloutContext { now: self.now, id };
        for pipeline in pipelines {
            match step {
                // It may still go on, or its pods say the same.
                RolloutStep::Stuck
                | RolloutStep::Throttled
                | RolloutStep::Completed
                | RolloutStep::BackRefused
                | RolloutStep::Cancelled
                | RolloutStep::Locked => {}
                RolloutStep::Failed | RolloutStep::Paused | RolloutStep::RollingBack => {
                    self.failed(due, pipeline, store, out);
                }
                RolloutStep::RolledBack => self.taken_back(id, pipeline, store, out),
            }
        }
    }

    /// The name of a workload, and its image of a pipeline.
    fn line(&mut self, id: ObjectId, pipeline: usize) -> Option<(Text, &mut Line)> {
        let watched = self.workloads.get_mut(&id)?;
        Some((watched.name.clone(), watched.lines.get_mut(&pipeline)?))
    }

    /// A rollout has failed, by its deadline or by the system's own rule.
    fn failed(&mut self, due: RolloutContext, pipeline: usize, store: &Store, out: &mut Outbox) {
        let rolls_back = self.pipelines[pipeline].plan().rolls_back;
        let Some((name, line)) = self.line(due.id, pipeline) else {
            return;
        };
        let Some(Rollout { push, is_back, .. }) = line.rollout else {
            // All pods ran it, and the system gives it up all the same.
            if let Some(own) = line.delivered.take() {
                line.failed = Some(own.push);
                let push = PushNumber::new(pipeline, own.push);
                self.tell(push, &name, DeliveryStep::Failed, store, out);
            }
            return;
        };
        line.failed = Some(push).filter(|_| !is_back);
        let image = line.version.image.clone();
        let push = PushNumber::new(pipeline, push);
        if !is_back {
            self.tell(push, &name, DeliveryStep::Failed, store, out);
        }
        let end = RolloutEnd {
            image: &image,
            success: false,
            rolls_back: rolls_back && !is_back,
        };
        self.ended(due, push, end, store, out);
    }

    /// The system has gone back by itself to the version before the one that failed.
    fn taken_back(&mut self, id: ObjectId, pipeline: usize, store: &Store, out: &mut Outbox) {
        if let Some((name, line)) = self.line(id, pipeline)
            && let Some(push) = line.failed.take()
        {
            let push = PushNumber::new(pipeline, push);
            self.tell(push, &name, DeliveryStep::RolledBack, store, out);
        }
    }

    /// A rollout has ended: the next one begins, which takes the failed one back or is the next in turn.
    fn ended(
        &mut self,
        due: RolloutContext,
        push: PushNumber,
        end: RolloutEnd<'_>,
        store: &Store,
        out: &mut Outbox,
    ) {
        let id = due.id;
        let watched = self.workloads.get_mut(&id);
        let Some(line) = watched.and_then(|watched| watched.lines.get_mut(&push.pipeline)) else {
            return;
        };
        line.rollout = None;
        let waited = line.trigger.waiting().len();
        let order = line.trigger.ended(end.image, end.success, end.rolls_back);
        let Order::RollOut(next) = order else {
            return;
        };
        let is_next = line.trigger.waiting().len() < waited;
        let known = self.push_of(push.pipeline, &next);
        if is_next {
            if let Some(known) = known {
                self.roll_out(
                    due,
                    PushNumber::new(push.pipeline, known),
                    false,
                    store,
                    out,
                );
            }
            return;
        }
        let fault = known.and_then(|known| self.pipelines[push.pipeline].push(known));
        let fault = fault.and_then(|(_, own)| own.fault);
        let watched = self.workloads.get_mut(&id);
        if let Some(line) = watched.and_then(|watched| watched.lines.get_mut(&push.pipeline)) {
            line.version = Version { image: next, fault };
        }
        self.roll_out(due, push, true, store, out);
    }

    /// Instants at which rollouts without progress have failed.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> + '_ {
        let workloads = self.workloads.values();
        let lines = workloads.flat_map(|workload| workload.lines.iter());
        lines.filter_map(|(&pipeline, line)| {
            let progress = line.rollout.as_ref()?.progress;
            let deadline = self.pipelines[pipeline].plan().deadline;
            Some(progress.saturating_add(deadline))
        })
    }
}
