//! The component `delivery`: takes pushes from the log through their pipelines, writes their images into
//! the templates of the workloads that run them, and follows the rollouts of the system.

use std::fmt;
use std::sync::Arc;

use cluster::{Conflict, Store};
use model::{Delivery, DeliveryStep, Event, Object, ObjectChange, Push, Text};
use units::{Duration, Instant, ObjectId, Revision, SortedMap, SortedSet};

use super::build::retry_delay;
use super::rollout::{PushNumber, RolloutContext};
use super::watch::{Line, Rollout, Version, WorkloadWatch, image_of, is_paused, rolled_out};
use super::{Order, Pipeline, Plan, Trigger};
use crate::admission::Creation;
use crate::errands::{ErrandName, Errands};
use crate::{Component, Memory, Outbox, Program, Progress, Write};

/// Judge of workloads: whether a system does not run one, by its kind or by what its template asks for.
#[derive(Clone)]
pub struct Refusal(pub Arc<dyn Fn(&Object) -> bool + Send + Sync>);

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refusal")
    }
}

/// Options of automatic deployment.
#[derive(Clone, Debug)]
pub struct DeliveryOptions {
    /// A plan for each repository.
    pub plans: Vec<Arc<Plan>>,
    /// Whether the system replaces the pods of a workload whose template changes.
    pub rolls_out: bool,
    /// Workloads that the system does not run.
    pub refusal: Refusal,
    /// Whether a Deployment's status says when its rollout is complete, as where a hook comes after its pods.
    pub follows_status: bool,
    /// Longest time that the pod of a build may run, where the system sets one.
    pub build_deadline: Option<Duration>,
    /// Tags that workloads follow, by name of the workload or `*`; others follow every tag of their
    /// repositories.
    pub tags: SortedMap<Text, TagFilter>,
}

/// The tags of its repositories whose pushes a workload follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagFilter {
    /// Every tag.
    Every,
    /// One tag.
    Tag(Text),
    /// None: no push changes the workload.
    None,
}

/// The component.
#[derive(Clone, Debug)]
pub struct Deliveries {
    rolls_out: bool,
    refusal: Refusal,
    pub(super) follows_status: bool,
    pub(super) build_deadline: Option<Duration>,
    tags: SortedMap<Text, TagFilter>,
    pub(super) pipelines: Vec<Pipeline>,
    /// Repositories by the number of their pipeline.
    pub(super) repositories: Vec<Text>,
    pub(super) workloads: SortedMap<ObjectId, WorkloadWatch>,
    /// Workloads whose template is to be written.
    unwritten: SortedSet<ObjectId>,
    /// Refusals of a workload's template since it was written last, and the instant of the next try.
    retries: SortedMap<ObjectId, (u32, Instant)>,
    /// Pods of builds.
    pub(super) errands: Errands,
    /// Builds by their pods: pipeline and number of the build.
    pub(super) builds: SortedMap<ErrandName, (usize, usize)>,
    cursor: Revision,
    /// Instant of the last step.
    pub(super) now: Instant,
}

impl Deliveries {
    /// A component that has seen nothing yet.
    pub fn new(options: &DeliveryOptions) -> Self {
        let plans = options.plans.iter();
        Self {
            rolls_out: options.rolls_out,
            refusal: options.refusal.clone(),
            follows_status: options.follows_status,
            build_deadline: options.build_deadline,
            tags: options.tags.clone(),
            repositories: plans.clone().map(|own| own.repository.clone()).collect(),
            pipelines: plans.map(|own| Pipeline::new(Arc::clone(own))).collect(),
            workloads: SortedMap::new(),
            unwritten: SortedSet::new(),
            retries: SortedMap::new(),
            errands: Errands::new("build"),
            builds: SortedMap::new(),
            cursor: Revision::default(),
            now: Instant::ZERO,
        }
    }

    /// Reads what is new: whether pods changed.
    fn read(&mut self, store: &Store, out: &mut Outbox) -> bool {
        let mut has_changed = false;
        for entry in store.log().since(self.cursor) {
            self.read_build(&entry.event, store, out);
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
                Event::Rollout { workload, step } => self.reported(*workload, *step, store, out),
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
            WorkloadWatch::new(name.into(), template)
        });
        watched.set_paused(is_paused(object), self.now);
        if is_known && !watched.declared(template) {
            if watched.is_written(template) {
                self.retries.remove(&id);
            }
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
                failed: None,
                delivered: None,
                before: image.clone(),
            };
            watched.lines.insert(place, line);
        }
        for (place, line) in before {
            if let Some(rollout) = line.rollout.filter(|own| !own.is_back) {
                superseded.push((place, rollout.push, DeliveryStep::Superseded));
            } else if let Some(own) = line.delivered {
                let now = watched.lines.get(&place).map(|line| &line.version.image);
                if now == Some(&own.before) {
                    superseded.push((place, own.push, DeliveryStep::RolledBack));
                }
            }
        }
        let name = watched.name.clone();
        if watched.lines.is_empty() {
            self.workloads.remove(&id);
        }
        for (place, push, step) in superseded {
            self.tell(PushNumber::new(place, push), &name, step, store, out);
        }
    }

    fn deleted(&mut self, id: ObjectId, store: &Store, out: &mut Outbox) {
        self.unwritten.remove(&id);
        self.retries.remove(&id);
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
    pub(super) fn tell(
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
    pub(super) fn ready(
        &mut self,
        now: Instant,
        push: PushNumber,
        store: &Store,
        out: &mut Outbox,
    ) {
        let none = Text::default();
        let Some((_, pushed)) = self.pipelines[push.pipeline].push(push.number) else {
            return;
        };
        let (image, is_source) = (pushed.resolved(), pushed.is_source);
        let tag = model::delivery::tag(&pushed.image).to_owned();
        if is_source {
            self.tell(push, &none, DeliveryStep::Built, store, out);
        }
        let has_line = |own: &(&ObjectId, &WorkloadWatch)| {
            own.1.lines.contains_key(&push.pipeline) && self.follows(own.1, &tag)
        };
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
            let object = store.objects().get(id).map(|row| &row.object);
            let is_refused = object.is_some_and(|object| (self.refusal.0)(object));
            if !self.rolls_out || is_refused {
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
                Order::RollOut(_) => {
                    self.roll_out(RolloutContext { now, id }, push, false, store, out);
                }
                Order::Wait => {}
                Order::Nothing => self.tell(push, &name, DeliveryStep::Unchanged, store, out),
            }
        }
    }

    /// Whether a workload follows a tag of its repositories.
    fn follows(&self, watched: &WorkloadWatch, tag: &str) -> bool {
        let name = watched.name.rsplit('/').next().unwrap_or_default();
        let stated = self.tags.get(name).or_else(|| self.tags.get("*"));
        match stated {
            None | Some(TagFilter::Every) => true,
            Some(TagFilter::Tag(own)) => **own == *tag,
            Some(TagFilter::None) => false,
        }
    }

    /// The newest push of an image.
    pub(super) fn push_of(&self, pipeline: usize, image: &Text) -> Option<usize> {
        let own = &self.pipelines[pipeline];
        let numbers = (0..).take_while(|&number| own.push(number).is_some());
        let is_of = |number: &usize| {
            own.push(*number)
                .is_some_and(|(_, own)| own.resolved() == *image)
        };
        numbers.filter(is_of).last()
    }

    /// A version is rolled out: that of a push, or the one before the push that failed.
    pub(super) fn roll_out(
        &mut self,
        due: RolloutContext,
        push: PushNumber,
        is_back: bool,
        store: &Store,
        out: &mut Outbox,
    ) {
        let RolloutContext { now, id } = due;
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
        let before = line.version.image.clone();
        if !is_back {
            line.before = before;
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
        (line.failed, line.delivered) = (None, None);
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
    fn write(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let waits = |id: &ObjectId| self.retries.get(id).is_some_and(|(_, at)| *at > now);
        let due: Vec<ObjectId> = (self.unwritten.iter().copied())
            .filter(|id| !waits(id))
            .collect();
        for id in due {
            self.unwritten.remove(&id);
            let object = store.objects().get(id).map(|row| &row.object);
            if let (Some(watched), Some(object)) = (self.workloads.get_mut(&id), object) {
                let object = watched.updated(object, &self.repositories);
                out.write(store, Event::Object(ObjectChange::Updated { id, object }));
            }
        }
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
        self.now = now;
        let has_changed = self.read(view, out);
        for pipeline in 0..self.pipelines.len() {
            let news = self.pipelines[pipeline].advance(now);
            self.report(pipeline, news, view, out);
        }
        let is_due = |at: &Instant| *at <= now;
        if has_changed || self.deadlines().any(|at| is_due(&at)) {
            self.follow(now, view, out);
        }
        self.write(now, view, out);
        let due = self.pipelines.iter().filter_map(Pipeline::next);
        let waiting = self.unwritten.iter().filter_map(|id| self.retries.get(id));
        let due = due.chain(waiting.map(|(_, at)| *at));
        if let Some(at) = due.chain(self.deadlines()).min() {
            out.wake_at(at.max(now));
        }
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        // Another party changed the object: what is to be written is written into that, a while later.
        if let Event::Object(ObjectChange::Updated { id, .. }) = &write.event
            && let Some(watched) = self.workloads.get_mut(id)
        {
            watched.refused();
            self.unwritten.insert(*id);
            let refusals = self.retries.get(id).map_or(0, |retry| retry.0);
            let again = self.now.saturating_add(retry_delay(refusals));
            self.retries
                .insert(*id, (refusals.saturating_add(1), again));
        }
    }

    fn declined(&mut self, creation: &Creation, conflict: &Conflict) {
        self.build_declined(creation, conflict);
    }

    fn remarks(&self) -> Vec<String> {
        self.errands.remarks()
    }

    fn program(&self) -> Program {
        Program::Outside
    }

    // Builds under way are in no object of the API.
    fn memory(&self) -> Memory {
        Memory::Lost
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
