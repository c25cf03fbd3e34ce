//! Scaling by the rules of other platforms: a target, steps over a threshold, a backlog
//! (spec: orchestrators-a.md 9.3). A metric is read when its rule is due, of all replicas at once.

use super::target;
use crate::rules::{Bounds, Replica, StepScaling, TargetTracking, for_backlog};
use cluster::Store;
use control::operation::{Target, scaled};
use control::{Outbox, UsageSamples};
use model::resource_list::{CPU, MEMORY};
use model::workload::ObjectRef;
use model::{Event, ObjectChange, PodRef, Text};
use units::{Duration, Instant};

/// A workload that is scaled by a rule.
#[derive(Clone, Debug)]
pub struct RuleScaling {
    /// The workload.
    pub target: Target,
    /// Measure that the rule uses.
    pub measure: Measure,
    /// The rule.
    pub rule: Rule,
    /// Time from one look to the next.
    pub every: Duration,
}

/// Measure that a rule uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Usage of the replicas as a percentage of their requests; `cpu` or `memory`.
    Use(Text),
    /// A metric of replicas.
    Pods(Text),
    /// A metric from outside of the cluster.
    External(Text),
}

/// Rule by which a workload is scaled.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// The mean is held at a target; replicas are young for so long.
    Track(TargetTracking, Duration),
    /// The mean is compared with a threshold.
    Steps(StepScaling),
    /// Amount of the sum for each replica.
    Backlog(Bounds, u64),
}

impl Rule {
    const fn warm_up(&self) -> Duration {
        match self {
            Self::Track(_, warm_up) => *warm_up,
            Self::Steps(_) | Self::Backlog(..) => Duration::ZERO,
        }
    }

    /// The number of replicas, of what was read.
    fn step(&mut self, now: Instant, current: i32, reading: &Measurement) -> i32 {
        match self {
            Self::Track(rule, _) => match rule.metric(&reading.replicas) {
                Some(metric) => rule.step(now, current, metric),
                None => current,
            },
            Self::Steps(rule) => match reading.mean() {
                Some(mean) => rule.step(now, current, mean),
                None => current,
            },
            Self::Backlog(bounds, per_replica) => match reading.sum() {
                Some(sum) => for_backlog(*bounds, libm::ceil(sum.max(0.0)) as u64, *per_replica),
                None => current,
            },
        }
    }
}

/// Reading at an instant.
#[derive(Clone, Debug, Default)]
struct Measurement {
    /// Of each replica that is ready.
    replicas: Vec<Replica>,
    /// From outside.
    external: Option<f64>,
}

impl Measurement {
    fn sum(&self) -> Option<f64> {
        let known = self.replicas.iter().filter_map(|replica| replica.value);
        let of_replicas = known.reduce(|sum, value| sum + value);
        self.external.or(of_replicas)
    }

    fn mean(&self) -> Option<f64> {
        let known = self
            .replicas
            .iter()
            .filter_map(|replica| replica.value)
            .count();
        // A metric from outside is of all replicas at once.
        let count = if self.external.is_some() { 1 } else { known };
        Some(self.sum()? / count.max(1) as f64)
    }
}

/// A rule at work.
#[derive(Clone)]
pub(super) struct RuleState {
    scaling: RuleScaling,
    due: Instant,
    /// Reading for the look that is due.
    reading: Option<Measurement>,
}

impl RuleState {
    pub(super) fn new(scaling: RuleScaling) -> Self {
        Self {
            due: Instant::ZERO.saturating_add(scaling.every),
            scaling,
            reading: None,
        }
    }

    pub(super) const fn next(&self) -> Instant {
        self.due
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// `true` if the autoscaler has yet to read its metric.
    pub(super) fn wants_reading(&self, now: Instant) -> bool {
        self.is_due(now) && self.reading.is_none()
    }

    pub(super) fn read(&mut self, now: Instant, store: &Store, usage: &dyn UsageSamples) {
        let pods = self.find(store).map(|own| own.pods).unwrap_or_default();
        let warm_up = self.scaling.rule.warm_up();
        let states = store.pod_states();
        let ready = pods.into_iter().filter_map(|pod| {
            let state = states.get(pod)?;
            (state.is_ready && state.terminating.is_none()).then_some((pod, state.ready_changed))
        });
        let mut reading = Measurement::default();
        if let Measure::External(name) = &self.scaling.measure {
            let values = usage.external_metric(name).into_iter();
            let sum = values.reduce(i64::saturating_add);
            reading.external = sum.map(|sum| sum as f64 / 1e3);
        }
        let measure = &self.scaling.measure;
        reading.replicas = ready
            .map(|(pod, since)| Replica {
                value: value(measure, pod, store, usage),
                is_young: now.since(since) < warm_up,
            })
            .collect();
        self.reading = Some(reading);
    }

    fn find<'s>(&self, store: &'s Store) -> Option<target::Target<'s>> {
        let own = &self.scaling.target;
        let named = ObjectRef {
            api_version: Text::default(),
            kind: own.kind.into(),
            name: own.name.clone(),
        };
        target::find(store, &own.namespace, &named)
    }

    /// Looks once, and writes the number of replicas if it is another.
    pub(super) fn look(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        self.due = now.saturating_add(self.scaling.every);
        let (Some(reading), Some(target)) = (self.reading.take(), self.find(store)) else {
            return;
        };
        let wanted = self.scaling.rule.step(now, target.replicas, &reading);
        if wanted == target.replicas {
            return;
        }
        let scalable = store.objects().get(target.id).map(|row| &row.object);
        if let Some(object) = scalable.and_then(|object| scaled(object, wanted)) {
            let id = target.id;
            out.write(store, Event::Object(ObjectChange::Updated { id, object }));
        }
    }
}

/// Value of a metric for a replica.
fn value(measure: &Measure, pod: PodRef, store: &Store, usage: &dyn UsageSamples) -> Option<f64> {
    match measure {
        Measure::Use(resource) => {
            let used = usage.pod(pod)?;
            let asked = &store.class(store.pods().get(pod)?.class).requests;
            let (part, whole) = match &**resource {
                CPU => (used.cpu_milli, asked.cpu_milli),
                MEMORY => (used.memory_bytes, asked.memory_bytes),
                _ => return None,
            };
            (whole > 0).then(|| part as f64 / whole as f64 * 100.0)
        }
        Measure::Pods(name) => {
            let milli = usage.pod_metric(pod, name)?;
            Some(milli as f64 / 1e3)
        }
        Measure::External(_) => None,
    }
}
