//! Scaling by the clock: rules in the notation of `CronJob` objects (spec: orchestrators-a.md 9.3).

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use control::operation::{Target, scaled};
use model::workload::CronSchedule;
use model::{Event, Object, ObjectChange};
use units::{Duration, Instant};

/// Scheduled scaling of a workload.
#[derive(Clone, Debug)]
pub struct ScheduledScaling {
    /// A workload, or a horizontal autoscaler whose bounds move.
    pub target: Target,
    /// Schedules with their actions.
    pub rules: Vec<ScheduledRule>,
}

/// A time and what it brings.
#[derive(Clone, Debug)]
pub struct ScheduledRule {
    /// Schedule of the rule.
    pub schedule: CronSchedule,
    /// The action.
    pub action: Action,
}

/// Action at a scheduled time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A number of replicas; of a horizontal autoscaler, the least number.
    Replicas(i32),
    /// The least and the greatest number of replicas of a horizontal autoscaler.
    Bounds(i32, i32),
}

/// Rules at work.
#[derive(Clone)]
pub(super) struct ScheduleState {
    scaling: ScheduledScaling,
    zero: i64,
    /// Instant at which each rule is due next.
    due: Vec<Option<Instant>>,
}

impl ScheduleState {
    pub(super) fn new(scaling: ScheduledScaling, zero: i64) -> Self {
        let mut own = Self {
            due: vec![None; scaling.rules.len()],
            scaling,
            zero,
        };
        // A time at the very start counts.
        own.plan(zero - 1);
        own
    }

    fn plan(&mut self, after: i64) {
        for (rule, due) in self.scaling.rules.iter().zip(&mut self.due) {
            let next = rule.schedule.next(after);
            let span = next.and_then(|next| Duration::checked_from_secs(next - self.zero));
            *due = span.map(|span| Instant::ZERO.saturating_add(span));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.iter().flatten().min().copied()
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next().is_some_and(|next| next <= now)
    }

    /// Does what is due; of several rules at one time the last counts.
    pub(super) fn act(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let due = self.scaling.rules.iter().zip(&self.due);
        let due = due.filter(|(_, due)| due.is_some_and(|due| due <= now));
        let mut due = due;
        let action = due.next_back().map(|(rule, _)| rule.action);
        let passed = now.since(Instant::ZERO).as_nanos() / 1_000_000_000;
        self.plan(self.zero + passed);
        let target = &self.scaling.target;
        let objects = store.objects();
        let id = objects.find(target.kind, &target.namespace, &target.name);
        let known = id.and_then(|id| Some((id, &objects.get(id)?.object)));
        let (Some((id, object)), Some(action)) = (known, action) else {
            return;
        };
        let changed = match (object, action) {
            (Object::HorizontalPodAutoscaler(object), action) => {
                let mut new = (**object).clone();
                match action {
                    Action::Replicas(least) => new.spec.min_replicas = Some(least),
                    Action::Bounds(least, most) => {
                        new.spec.min_replicas = Some(least);
                        new.spec.max_replicas = most;
                    }
                }
                new.spec.max_replicas = new.spec.max_replicas.max(new.spec.min());
                Some(Object::HorizontalPodAutoscaler(Arc::new(new)))
            }
            (object, Action::Replicas(replicas) | Action::Bounds(replicas, _)) => {
                scaled(object, replicas)
            }
        };
        if let Some(object) = changed {
            out.write(store, Event::Object(ObjectChange::Updated { id, object }));
        }
    }
}
