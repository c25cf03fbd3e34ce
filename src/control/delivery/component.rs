//! The component `delivery`: takes pushes from the log through their pipelines, writes their images into
//! the templates of the workloads that run them, and follows the rollouts of the system.

use std::sync::Arc;

use cluster::{Conflict, Store};
use model::{Delivery, DeliveryStep, Event, Object, ObjectChange, Push, Text};
use units::{Instant, ObjectId, Revision, SortedMap, SortedSet};

use super::rollout::{Due, PushNumber, RolloutEnd};
use super::watch::{Line, Rollout, Version, Watched, counts, image_of, is_paused, rolled_out};
use super::{News, Order, Pipeline, Plan, Trigger};
use crate::{Component, Memory, Outbox, Progress, Write};

/// Options of automatic deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryOptions {
    /// A plan for each repository.
    pub plans: Vec<Arc<Plan>>,
    /// Whether the system replaces the pods of a workload whose template changes.
    pub rolls_out: bool,
}

/// The component.
#[derive(Clone, Debug)]
pub struct Deliveries {
    rolls_out: bool,
    pipelines: Vec<Pipeline>,
    /// Repositories by the number of their pipeline.
    repositories: Vec<Text>,
    workloads: SortedMap<ObjectId, Watched>,
    /// Workloads whose template is to be written.
    unwritten: SortedSet<ObjectId>,
    cursor: Revision,
}

impl Deliveries {
    /// A component that has seen nothing yet.
    pub fn new(options: &DeliveryOptions) -> Self {
        let plans = options.plans.iter();
        Self {
            rolls_out: options.rolls_out,
            repositories: plans.clone().map(|own| own.repository.clone()).collect(),
            pipelines: plans.map(|own| Pipeline::new(Arc::clone(own))).collect(),
            workloads: SortedMap::new(),
            unwritten: SortedSet::new(),
            cursor: Revision::default(),
        }
    }

    /// Reads what is new: whether pods changed.
    fn read(&mut self, store: &Store, out: &mut Outbox) -> bool {
        let mut has_changed = false;
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::Delivery(own) if own.step == DeliveryStep::Pushed => {
                    let mut repositories = self.repositories.iter();
                    let place = repositories.position(|known| **known == *own.push.repository());
                    if let Some(pipeline) = place.and_then(|at| self.pipelines.get_mut(at)) {
                        pipeline.pushed(entry.at, own.push.clone());
                    }
                }
                Event::Object(
                    ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object },
                ) => {
                    self.declared(*id, object, store, out);
                    has_changed = true;
                }
                Event::Object(ObjectChange::Deleted { id }) => self.deleted(*id, store, out),
                Event::PodCreated(_) | Event::PodEnded { .. } | Event::PodChanged { .. } => {
                    has_changed = true;
                }
                _ => {}
            }
        }
        self.cursor = store.revision();
        has_changed
    }

    /// A workload is declared, or declared otherwise.
    fn declared(&mut self, id: ObjectId, object: &Object, store: &Store, out: &mut Outbox) {
        let Some(template) = rolled_out(object) else {
            return;
        };
        let is_known = self.workloads.contains_key(&id);
        let watched = self.workloads.entry(id).or_insert_with(|| {
            let (namespace, name) = (object.namespace(), object.name());
            let name = format!("{}/{namespace}/{name}", object.kind());
            Watched::new(name.into(), template)
        });
        if is_known && !watched.declared(template) {
            return;
        }
        let mut superseded = Vec::new();
        let before = std::mem::take(&mut watched.lines);
        for (place, repository) in self.repositories.iter().enumerate() {
            let Some(image) = image_of(template, repository) else {
                continue;
            };
            let overlap = self.pipelines[place].plan().overlap;
            let line = Line {
                trigger: Trigger::running(overlap, image.clone()),
                version: Version {
                    image: image.clone(),
                    fault: None,
                },
                rollout: None,
            };
            watched.lines.insert(place, line);
        }
        for (place, line) in before {
            if let Some(rollout) = line.rollout.filter(|own| !own.is_back) {
                superseded.push((place, rollout.push));
            }
        }
        let name = watched.name.clone();
        if watched.lines.is_empty() {
            self.workloads.remove(&id);
        }
        for (place, push) in superseded {
            self.tell(
                PushNumber::new(place, push),
                &name,
                DeliveryStep::Superseded,
                store,
                out,
            );
        }
    }

    fn deleted(&mut self, id: ObjectId, store: &Store, out: &mut Outbox) {
        self.unwritten.remove(&id);
        let Some(watched) = self.workloads.remove(&id) else {
            return;
        };
        for (&place, line) in &watched.lines {
            if let Some(rollout) = line.rollout.as_ref().filter(|own| !own.is_back) {
                let push = PushNumber::new(place, rollout.push);
                self.tell(push, &watched.name, DeliveryStep::Superseded, store, out);
            }
        }
    }

    /// Writes a step of a push into the log.
    fn tell(
        &self,
        push: PushNumber,
        workload: &Text,
        step: DeliveryStep,
        store: &Store,
        out: &mut Outbox,
    ) {
        if let Some((pushed, push)) = self.pipelines[push.pipeline].push(push.number) {
            let delivery = Delivery {
                push: push.clone(),
                pushed: *pushed,
                workload: workload.clone(),
                step,
            };
            out.write(store, Event::Delivery(Arc::new(delivery)));
        }
    }

    /// The image of a push can be rolled out: every workload that runs its repository is triggered.
    fn ready(&mut self, now: Instant, push: PushNumber, store: &Store, out: &mut Outbox) {
        let none = Text::default();
        let Some((_, pushed)) = self.pipelines[push.pipeline].push(push.number) else {
            return;
        };
        let (image, is_source) = (pushed.resolved(), pushed.is_source);
        if is_source {
            self.tell(push, &none, DeliveryStep::Built, store, out);
        }
        let has_line = |own: &(&ObjectId, &Watched)| own.1.lines.contains_key(&push.pipeline);
        let users = self.workloads.iter().filter(has_line);
        let users: Vec<ObjectId> = users.map(|(&id, _)| id).collect();
        if users.is_empty() {
            return self.tell(push, &none, DeliveryStep::Unused, store, out);
        }
        for id in users {
            let Some(watched) = self.workloads.get_mut(&id) else {
                continue;
            };
            let name = watched.name.clone();
            let Some(line) = watched.lines.get_mut(&push.pipeline) else {
                continue;
            };
            if !self.rolls_out {
                self.tell(push, &name, DeliveryStep::Unsupported, store, out);
                continue;
            }
            let waited = line.trigger.waiting().to_vec();
            let order = line.trigger.tagged(&image);
            let rest = line.trigger.waiting();
            let passed: Vec<Text> = waited
                .into_iter()
                .filter(|own| !rest.contains(own))
                .collect();
            for image in passed {
                if let Some(passed) = self.push_of(push.pipeline, &image) {
                    let step = DeliveryStep::Superseded;
                    self.tell(
                        PushNumber::new(push.pipeline, passed),
                        &name,
                        step,
                        store,
                        out,
                    );
                }
            }
            match order {
                Order::RollOut(_) => self.roll_out(Due { now, id }, push, false, store, out),
                Order::Wait => {}
                Order::Nothing => self.tell(push, &name, DeliveryStep::Unchanged, store, out),
            }
        }
    }

    /// The newest push of an image.
    fn push_of(&self, pipeline: usize, image: &Text) -> Option<usize> {
        let own = &self.pipelines[pipeline];
        let numbers = (0..).take_while(|&number| own.push(number).is_some());
        let is_of = |number: &usize| {
            own.push(*number)
                .is_some_and(|(_, own)| own.resolved() == *image)
        };
        numbers.filter(is_of).last()
    }

    /// A version is rolled out: that of a push, or the one before the push that failed.
    fn roll_out(
        &mut self,
        due: Due,
        push: PushNumber,
        is_back: bool,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Due { now, id } = due;
        let pushed: Option<Push> = self.pipelines[push.pipeline]
            .push(push.number)
            .map(|own| own.1.clone());
        let Some(watched) = self.workloads.get_mut(&id) else {
            return;
        };
        let name = watched.name.clone();
        let (Some(line), Some(pushed)) = (watched.lines.get_mut(&push.pipeline), pushed) else {
            return;
        };
        if !is_back {
            line.version = Version {
                image: pushed.resolved(),
                fault: pushed.fault,
            };
        }
        let begun = Rollout {
            push: push.number,
            is_back,
            progress: now,
            ready: 0,
        };
        let other = line.rollout.replace(begun).filter(|own| !own.is_back);
        self.unwritten.insert(id);
        if let Some(other) = other {
            let other = PushNumber::new(push.pipeline, other.push);
            self.tell(other, &name, DeliveryStep::Superseded, store, out);
        }
        if !is_back {
            self.tell(push, &name, DeliveryStep::RolloutBegan, store, out);
        }
    }

    /// Writes the templates that are due.
    fn write(&mut self, store: &Store, out: &mut Outbox) {
        for id in std::mem::take(&mut self.unwritten) {
            let object = store.objects().get(id).map(|row| &row.object);
            if let (Some(watched), Some(object)) = (self.workloads.get_mut(&id), object) {
                let object = watched.updated(object, &self.repositories);
                out.write(store, Event::Object(ObjectChange::Updated { id, object }));
            }
        }
    }

    /// Looks at all rollouts.
    fn follow(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
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
}

impl Component for Deliveries {
    fn name(&self) -> &'static str {
        "delivery"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let has_changed = self.read(view, out);
        for pipeline in 0..self.pipelines.len() {
            for news in self.pipelines[pipeline].advance(now) {
                let none = Text::default();
                match news {
                    News::Seen(_) | News::Staged(_) => {}
                    News::Failed(push) => {
                        let step = DeliveryStep::BuildFailed;
                        self.tell(PushNumber::new(pipeline, push), &none, step, view, out);
                    }
                    News::Cancelled(push) => {
                        let step = DeliveryStep::BuildCancelled;
                        self.tell(PushNumber::new(pipeline, push), &none, step, view, out);
                    }
                    News::Ready(push) => {
                        self.ready(now, PushNumber::new(pipeline, push), view, out);
                    }
                }
            }
        }
        let is_due = |at: &Instant| *at <= now;
        if has_changed || self.deadlines().any(|at| is_due(&at)) {
            self.follow(now, view, out);
        }
        self.write(view, out);
        let due = self.pipelines.iter().filter_map(Pipeline::next);
        if let Some(at) = due.chain(self.deadlines()).min() {
            out.wake_at(at.max(now));
        }
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        // Somebody else changed the object: what is to be written is written into that.
        if let Event::Object(ObjectChange::Updated { id, .. }) = &write.event
            && self.workloads.contains_key(id)
        {
            self.unwritten.insert(*id);
        }
    }

    fn outlives_control_plane(&self) -> bool {
        true
    }

    // Builds under way are in no object of the API.
    fn memory(&self) -> Memory {
        Memory::Lost
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

impl Deliveries {
    /// Instants at which rollouts without progress have failed.
    fn deadlines(&self) -> impl Iterator<Item = Instant> + '_ {
        let workloads = self.workloads.values();
        let lines = workloads.flat_map(|own| own.lines.iter());
        lines.filter_map(|(&pipeline, line)| {
            let progress = line.rollout.as_ref()?.progress;
            let deadline = self.pipelines[pipeline].plan().deadline;
            Some(progress.saturating_add(deadline))
        })
    }
}
