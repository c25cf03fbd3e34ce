//! The component that runs the autoscalers of workloads: `HorizontalPodAutoscaler` and
//! `VerticalPodAutoscaler` objects, scaling by the clock, and by rules. It reads metrics when its pipelines
//! are due, looks at one object a step, and changes the number of replicas through the object that
//! states it, as users do (spec: kubernetes.md 3.1, 3.2; orchestrators-a.md 9.3).

mod horizontal;
mod in_place;
mod pod_selection;
mod rule_scaling;
mod schedule;
mod target;
mod vertical;

use super::horizontal::{HorizontalSettings, Pipeline, PipelineSettings};
use super::vertical::{RecommenderSettings, UpdaterSettings, Usage};
use cluster::{Conflict, Store};
use control::admission::Creation;
use control::{Component, DurableState, Outbox, Program, Progress, UsageSamples, Write};
use model::{Event, Object, ObjectChange, PodRef, ResourceUsage, Text};
use units::{Duration, Instant, ObjectId, Revision, SortedMap};

use horizontal::{Horizontal, Selectors};
pub use rule_scaling::{Measure, Rule, RuleScaling};
pub use schedule::{Action, ScheduledRule, ScheduledScaling};
use vertical::Vertical;

/// Options of the autoscalers of workloads.
#[derive(Clone, Debug)]
pub struct AutoscalerOptions {
    /// Settings of the horizontal autoscalers.
    pub horizontal: HorizontalSettings,
    /// Settings of the pipeline that metrics travel through.
    pub pipeline: PipelineSettings,
    /// Settings of the vertical autoscalers' recommendations.
    pub recommender: RecommenderSettings,
    /// Settings of the updater, which evicts pods.
    pub updater: UpdaterSettings,
    /// Whether pods can be resized where they run.
    pub resizes_in_place: bool,
    /// Time between two looks of the vertical autoscalers.
    pub vertical_period: Duration,
    /// Scheduled scaling.
    pub scheduled: Vec<ScheduledScaling>,
    /// Scaling by rules.
    pub rules: Vec<RuleScaling>,
    /// Usage that was stored before the run began.
    pub stored: Vec<StoredUsage>,
    /// The date of the run's zero, in seconds since 1970-01-01T00:00:00Z.
    pub zero_unix_secs: i64,
    /// Seed of what is lost on the way.
    pub seed: u64,
}

/// Usage of the containers of a name that a vertical autoscaler has stored.
#[derive(Clone, Debug)]
pub struct StoredUsage {
    /// Namespace of the autoscaler.
    pub namespace: Text,
    /// Name of the autoscaler.
    pub autoscaler: Text,
    /// Name of the containers.
    pub container: Text,
    /// Their usage.
    pub usage: Usage,
}

impl Default for AutoscalerOptions {
    fn default() -> Self {
        Self {
            horizontal: HorizontalSettings::default(),
            pipeline: PipelineSettings::default(),
            recommender: RecommenderSettings::default(),
            updater: UpdaterSettings::default(),
            resizes_in_place: true,
            vertical_period: Duration::from_secs(60),
            scheduled: Vec::new(),
            rules: Vec::new(),
            stored: Vec::new(),
            zero_unix_secs: 0,
            seed: 0,
        }
    }
}

/// Kind of autoscalers of workloads, each of which lives in another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoscalerKind {
    /// Scaling by the clock and by rules, which services beside the cluster do.
    Ruled,
    /// `HorizontalPodAutoscaler` objects.
    Horizontal,
    /// `VerticalPodAutoscaler` objects.
    Vertical,
}

impl AutoscalerKind {
    /// All of them, in the order in which they act.
    pub const ALL: [Self; 3] = [Self::Ruled, Self::Horizontal, Self::Vertical];
}

/// What outlives the program of autoscalers.
enum Memory {
    /// Metrics of horizontal autoscalers, which the metrics server has.
    Metrics(SortedMap<ObjectId, Pipeline>),
    /// Vertical autoscalers, whose samples are objects (`VerticalPodAutoscalerCheckpoint`), with the part
    /// of the log that they are made of.
    Checkpoints(Revision, SortedMap<ObjectId, Vertical>),
}

/// The component.
#[derive(Clone)]
pub struct Autoscalers {
    kind: AutoscalerKind,
    options: AutoscalerOptions,
    /// Metrics that were there before this component was, by autoscaler.
    measured: SortedMap<ObjectId, Pipeline>,
    /// Whether the metrics server answers.
    is_measured: bool,
    cursor: Revision,
    horizontals: SortedMap<ObjectId, Horizontal>,
    /// Namespaces and selectors by which horizontal autoscalers have looked for pods.
    selectors: Selectors,
    verticals: SortedMap<ObjectId, Vertical>,
    scheduled: Vec<schedule::ScheduleState>,
    ruled: Vec<rule_scaling::RuleState>,
}

impl Autoscalers {
    /// Autoscalers of a kind that have seen nothing yet.
    pub fn new(kind: AutoscalerKind, options: AutoscalerOptions) -> Self {
        let is_ruled = kind == AutoscalerKind::Ruled;
        let scheduled = options.scheduled.iter().filter(|_| is_ruled);
        let rules = options.rules.iter().filter(|_| is_ruled);
        Self {
            kind,
            measured: SortedMap::new(),
            is_measured: true,
            scheduled: scheduled
                .map(|own| schedule::ScheduleState::new(own.clone(), options.zero_unix_secs))
                .collect(),
            ruled: rules.cloned().map(rule_scaling::RuleState::new).collect(),
            options,
            cursor: Revision::default(),
            horizontals: SortedMap::new(),
            selectors: Selectors::new(),
            verticals: SortedMap::new(),
        }
    }

    fn read(&mut self, now: Instant, store: &Store) {
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::Object(
                    ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object },
                ) => self.declare(now, *id, object),
                Event::Object(ObjectChange::Deleted { id }) => {
                    self.horizontals.remove(id);
                    self.selectors.remove(id);
                    self.verticals.remove(id);
                }
                Event::PodChanged { pod, change } => {
                    for own in self.verticals.values_mut() {
                        own.pod_changed(entry.at, *pod, *change);
                    }
                }
                Event::PodEnded { pod, .. } => {
                    for own in self.verticals.values_mut() {
                        own.forget(*pod);
                    }
                }
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    fn declare(&mut self, now: Instant, id: ObjectId, object: &Object) {
        match object {
            Object::HorizontalPodAutoscaler(object) if self.kind == AutoscalerKind::Horizontal => {
                if let Some(known) = self.horizontals.get_mut(&id) {
                    known.declare(object, &self.options);
                } else {
                    let mut own = Horizontal::new(now, object, &self.options);
                    if let Some(measured) = self.measured.remove(&id) {
                        own.take_over(measured);
                    }
                    self.horizontals.insert(id, own);
                }
            }
            Object::VerticalPodAutoscaler(object) if self.kind == AutoscalerKind::Vertical => {
                if let Some(known) = self.verticals.get_mut(&id) {
                    known.declare(object);
                } else {
                    let mut own = Vertical::new(now, object, self.options.vertical_period);
                    own.take_over(&self.options.stored);
                    self.verticals.insert(id, own);
                }
            }
            _ => {}
        }
    }

    /// Instant at which something is due next.
    fn next(&self) -> Option<Instant> {
        let horizontals = self.horizontals.values().map(Horizontal::next);
        let verticals = self.verticals.values().map(Vertical::next);
        let scheduled = self
            .scheduled
            .iter()
            .filter_map(schedule::ScheduleState::next);
        let ruled = self.ruled.iter().map(rule_scaling::RuleState::next);
        let objects = horizontals.chain(verticals);
        objects.chain(scheduled).chain(ruled).min()
    }

    /// Looks at one object that is due; whether there was one.
    fn look(&mut self, now: Instant, store: &Store, out: &mut Outbox) -> bool {
        if let Some(own) = self.scheduled.iter_mut().find(|own| own.is_due(now)) {
            own.act(now, store, out);
            return true;
        }
        if let Some(own) = self.ruled.iter_mut().find(|own| own.is_due(now)) {
            own.look(now, store, out);
            return true;
        }
        let mut horizontals = self.horizontals.iter_mut();
        if let Some((&id, own)) = horizontals.find(|(_, own)| own.is_due(now)) {
            own.look(now, id, store, &mut self.selectors, out);
            return true;
        }
        let mut verticals = self.verticals.iter_mut();
        if let Some((&id, own)) = verticals.find(|(_, own)| own.is_due(now)) {
            own.look(now, id, store, &self.options, out);
            return true;
        }
        false
    }
}

/// The answers of a metrics server that is not there.
struct NoMetrics;

impl UsageSamples for NoMetrics {
    fn pod(&self, _pod: PodRef) -> Option<ResourceUsage> {
        None
    }

    fn containers(&self, _pod: PodRef) -> Vec<(Text, ResourceUsage)> {
        Vec::new()
    }
}

impl Component for Autoscalers {
    fn name(&self) -> &'static str {
        match self.kind {
            AutoscalerKind::Ruled => "scaling-rules",
            AutoscalerKind::Horizontal => "horizontal-autoscalers",
            AutoscalerKind::Vertical => "vertical-autoscalers",
        }
    }

    fn program(&self) -> Program {
        match self.kind {
            AutoscalerKind::Ruled => Program::Outside,
            AutoscalerKind::Horizontal => Program::ControllerManager,
            AutoscalerKind::Vertical => Program::VerticalAutoscaler,
        }
    }

    fn kept(&self) -> Option<DurableState> {
        let (by, memory) = match self.kind {
            AutoscalerKind::Ruled => return None,
            AutoscalerKind::Horizontal => {
                let pipelines = self.horizontals.iter();
                let pipelines = pipelines.map(|(&id, own)| (id, own.pipeline().clone()));
                (
                    Some(Program::MetricsServer),
                    Memory::Metrics(pipelines.collect()),
                )
            }
            AutoscalerKind::Vertical => {
                let verticals = self.verticals.clone();
                (None, Memory::Checkpoints(self.cursor, verticals))
            }
        };
        let what = Box::new(memory);
        Some(DurableState { by, what })
    }

    fn reads_back(&mut self, now: Instant, kept: DurableState) {
        match kept.what.downcast().map(|memory| *memory) {
            Ok(Memory::Metrics(pipelines)) => self.measured = pipelines,
            Ok(Memory::Checkpoints(cursor, mut verticals)) => {
                for own in verticals.values_mut() {
                    own.restarted(now);
                }
                (self.cursor, self.verticals) = (cursor, verticals);
            }
            Err(_) => {}
        }
    }

    fn relies_on(&mut self, program: Program, is_up: bool) {
        if program == Program::MetricsServer && self.kind != AutoscalerKind::Ruled {
            self.is_measured = is_up;
            for own in self.horizontals.values_mut() {
                own.forget_metrics();
            }
        }
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn reads_metrics(&self, now: Instant) -> bool {
        let horizontals = self.horizontals.values();
        let mut horizontals = horizontals.map(|own| own.scrape_at() <= now);
        let mut verticals = self
            .verticals
            .values()
            .map(|vertical| vertical.wants_sample(now));
        let mut ruled = self.ruled.iter().map(|own| own.wants_reading(now));
        let objects = horizontals.any(|is_due| is_due) || verticals.any(|is_due| is_due);
        objects || ruled.any(|is_due| is_due)
    }

    fn metrics(&mut self, now: Instant, view: &Store, usage: &dyn UsageSamples) {
        let usage: &dyn UsageSamples = if self.is_measured { usage } else { &NoMetrics };
        for own in self.horizontals.values_mut() {
            if own.scrape_at() <= now {
                own.scrape(now, view, usage);
            }
        }
        for own in self.verticals.values_mut() {
            if own.wants_sample(now) {
                own.sample(now, view, usage);
            }
        }
        for own in &mut self.ruled {
            if own.wants_reading(now) {
                own.read(now, view, usage);
            }
        }
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(now, view);
        for own in self.verticals.values_mut() {
            own.try_resizes(view, out);
        }
        // What came just now has not been measured yet: it is looked at in the next step.
        let progress = if self.reads_metrics(now) || self.look(now, view, out) {
            Progress::More
        } else {
            Progress::Idle
        };
        if let Some(at) = self.next() {
            out.wake_at(at);
        }
        progress
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        // Another writer was faster: the next sync sees the result.
        if let Event::Object(ObjectChange::Updated { id, .. }) = &write.event
            && let Some(own) = self.verticals.get_mut(id)
        {
            own.again();
        }
    }

    fn declined(&mut self, creation: &Creation, conflict: &Conflict) {
        if let Creation::Resized { pod, spec } = creation {
            for own in self.verticals.values_mut() {
                own.resize_declined(*pod, spec, conflict);
            }
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
