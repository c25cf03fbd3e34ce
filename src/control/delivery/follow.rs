//! Rollouts of images that were pushed, from the first new pod to the last, or to a failure.

use cluster::Store;
use model::{DeliveryStep, Text};
use units::{Instant, ObjectId};

use super::Order;
use super::component::Deliveries;
use super::rollout::{Due, PushNumber, RolloutEnd};
use super::watch::{Version, counts, is_paused};
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
        let plan = self.pipelines[pipeline].plan();
        let (deadline, rolls_back) = (plan.deadline, plan.rolls_back);
        let repository = self.repositories[pipeline].clone();
        let row = store.objects().get(id);
        let is_paused = row.is_some_and(|row| is_paused(&row.object));
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
        if is_first {
            self.tell(push, &name, DeliveryStep::FirstReplica, store, out);
        }
        if found.is_complete() {
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
            self.ended(Due { now, id }, push, end, store, out);
        } else if is_late {
            if !is_back {
                let is_taken_back = found.is_taken_back() && !rolls_back;
                self.failed(push, &name, is_taken_back, store, out);
            }
            let end = RolloutEnd {
                image: &image,
                success: false,
                rolls_back: rolls_back && !is_back,
            };
            self.ended(Due { now, id }, push, end, store, out);
        }
    }

    fn failed(
        &self,
        push: PushNumber,
        name: &Text,
        is_taken_back: bool,
        store: &Store,
        out: &mut Outbox,
    ) {
        self.tell(push, name, DeliveryStep::Failed, store, out);
        if is_taken_back {
            self.tell(push, name, DeliveryStep::RolledBack, store, out);
        }
    }

    /// A rollout has ended: the next one begins, which takes the failed one back or is the next in turn.
    fn ended(
        &mut self,
        due: Due,
        push: PushNumber,
        end: RolloutEnd<'_>,
        store: &Store,
        out: &mut Outbox,
    ) {
        let id = due.id;
        let watched = self.workloads.get_mut(&id);
        let Some(line) = watched.and_then(|own| own.lines.get_mut(&push.pipeline)) else {
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
        if let Some(line) = watched.and_then(|own| own.lines.get_mut(&push.pipeline)) {
            line.version = Version { image: next, fault };
        }
        self.roll_out(due, push, true, store, out);
    }

    /// Instants at which rollouts without progress have failed.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> + '_ {
        let workloads = self.workloads.values();
        let lines = workloads.flat_map(|own| own.lines.iter());
        lines.filter_map(|(&pipeline, line)| {
            let progress = line.rollout.as_ref()?.progress;
            let deadline = self.pipelines[pipeline].plan().deadline;
            Some(progress.saturating_add(deadline))
        })
    }
}
