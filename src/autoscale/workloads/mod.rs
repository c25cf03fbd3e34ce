//! The component that runs the autoscalers of workloads: `HorizontalPodAutoscaler` and
//! `VerticalPodAutoscaler` objects, scaling by the clock, and by rules. It reads metrics when its pipelines
//! are due, looks at one object a step, and changes the number of replicas through the object that
//! states it, as users do (spec: kubernetes.md 3.1, 3.2; orchestrators-a.md 9.3).

mod horizontal;
mod ruled;
mod scheduled;
mod target;
mod vertical;

use super::horizontal::{HorizontalSettings, PipelineSettings};
use super::vertical::{RecommenderSettings, UpdaterSettings};
use cluster::{Conflict, Store};
use control::{Component, Outbox, Progress, UsageSamples, Write};
use model::{Event, Object, ObjectChange};
use units::{Duration, Instant, ObjectId, Revision, SortedMap};

use horizontal::Horizontal;
pub use ruled::{Measure, Rule, RuleScaling};
pub use scheduled::{Action, ScheduledRule, ScheduledScaling};
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
    /// Time between two looks of the vertical autoscalers.
    pub vertical_period: Duration,
    /// Scheduled scaling.
    pub scheduled: Vec<ScheduledScaling>,
    /// Scaling by rules.
    pub rules: Vec<RuleScaling>,
    /// The date of the run's zero, in seconds since 1970-01-01T00:00:00Z.
    pub zero_unix_secs: i64,
    /// Seed of what is lost on the way.
    pub seed: u64,
}

impl Default for AutoscalerOptions {
    fn default() -> Self {
        Self {
            horizontal: HorizontalSettings::default(),
            pipeline: PipelineSettings::default(),
            recommender: RecommenderSettings::default(),
            updater: UpdaterSettings::default(),
            vertical_period: Duration::from_secs(60),
            scheduled: Vec::new(),
            rules: Vec::new(),
            zero_unix_secs: 0,
            seed: 0,
        }
    }
}

/// The component.
#[derive(Clone)]
pub struct Autoscalers {
    options: AutoscalerOptions,
    cursor: Revision,
    horizontals: SortedMap<ObjectId, Horizontal>,
    verticals: SortedMap<ObjectId, Vertical>,
    scheduled: Vec<scheduled::Scheduled>,
    ruled: Vec<ruled::Ruled>,
}

impl Autoscalers {
    /// Autoscalers that have seen nothing yet.
    pub fn new(options: AutoscalerOptions) -> Self {
        let scheduled = options.scheduled.iter();
        Self {
            scheduled: scheduled
                .map(|own| scheduled::Scheduled::new(own.clone(), options.zero_unix_secs))
                .collect(),
            ruled: (options.rules.iter().cloned())
                .map(ruled::Ruled::new)
                .collect(),
            options,
            cursor: Revision::default(),
            horizontals: SortedMap::new(),
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
            Object::HorizontalPodAutoscaler(object) => {
                if let Some(known) = self.horizontals.get_mut(&id) {
                    known.declare(object, &self.options);
                } else {
                    let own = Horizontal::new(now, object, &self.options);
                    self.horizontals.insert(id, own);
                }
            }
            Object::VerticalPodAutoscaler(object) => {
                if let Some(known) = self.verticals.get_mut(&id) {
                    known.declare(object);
                } else {
                    let own = Vertical::new(now, object, self.options.vertical_period);
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
        let scheduled = self.scheduled.iter().filter_map(scheduled::Scheduled::next);
        let ruled = self.ruled.iter().map(ruled::Ruled::next);
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
            own.look(now, id, store, out);
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

impl Component for Autoscalers {
    fn name(&self) -> &'static str {
        "autoscalers"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn reads_metrics(&self, now: Instant) -> bool {
        let horizontals = self.horizontals.values();
        let mut horizontals = horizontals.map(|own| own.scrape_at() <= now);
        let mut verticals = self.verticals.values().map(|own| own.wants_sample(now));
        let mut ruled = self.ruled.iter().map(|own| own.wants_reading(now));
        let objects = horizontals.any(|is_due| is_due) || verticals.any(|is_due| is_due);
        objects || ruled.any(|is_due| is_due)
    }

    fn metrics(&mut self, now: Instant, view: &Store, usage: &dyn UsageSamples) {
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
        // Somebody else was faster: the next look sees what they made of it.
        if let Event::Object(ObjectChange::Updated { id, .. }) = &write.event
            && let Some(own) = self.verticals.get_mut(id)
        {
            own.again();
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
