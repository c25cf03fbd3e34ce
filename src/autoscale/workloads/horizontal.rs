//! A horizontal autoscaler at work: its pipeline of metrics, its passes, and what they write.

use std::sync::Arc;

use super::AutoscalerOptions;
use super::pod_selection::PodSelection;
use super::target;
use crate::horizontal::{
    ContainerRequests, HorizontalAutoscaler, MetricSpec, ObservedPod, Phase, Pipeline, Readiness,
    Reading, ReadingStreams, ReadyCondition, Series, TargetObservation,
};
use cluster::Store;
use control::operation::scaled;
use control::{Outbox, UsageSamples};
use model::resource_list::{CPU, MEMORY};
use model::workload::horizontal::{HorizontalPodAutoscaler, HorizontalStatus};
use model::{
    Event, LabelSelector, Object, ObjectChange, PodPhase, PodRef, PodSpec, ResourceList,
    ResourceUsage, Text,
};
use rng::Streams;
use units::{ClassId, Duration, Identity, Instant, ObjectId, SortedMap, SortedSet};

/// Passes without a value after which a metric is taken for one that never comes.
const PATIENCE: u64 = 20;

/// A horizontal autoscaler.
#[derive(Clone)]
pub(super) struct Horizontal {
    core: HorizontalAutoscaler,
    pipeline: Pipeline,
    period: Duration,
    /// Instant of the next look.
    due: Instant,
    selected: PodSelection,
    /// Requests of a class.
    requests: SortedMap<ClassId, ClassRequests>,
}

/// Namespaces and selectors by which autoscalers have looked for pods so far (`hpaSelectors` of the original).
pub(super) type Selectors = SortedMap<ObjectId, (Text, LabelSelector)>;

/// Requests of the containers of a class, and of its pods as a whole where those are stated.
type ClassRequests = (Vec<ContainerRequests>, Option<SortedMap<Text, i64>>);

impl Horizontal {
    pub(super) fn new(
        now: Instant,
        object: &HorizontalPodAutoscaler,
        options: &AutoscalerOptions,
    ) -> Self {
        let own = Identity::of(&object.namespace).with(&object.name);
        let draws = ReadingStreams {
            streams: Streams::new(options.seed, "metrics-pipeline"),
            own,
        };
        // All metrics are read at the same times, whenever their readers came.
        let scrape = options.pipeline.scrape.as_nanos().max(1);
        let passed = now.since(Instant::ZERO).as_nanos();
        let next = passed + (scrape - passed % scrape) % scrape;
        let first = Instant::from_nanos(next);
        Self {
            core: HorizontalAutoscaler::new(object.spec.clone(), options.horizontal.clone()),
            pipeline: Pipeline::new(options.pipeline, first, draws),
            period: options.horizontal.period,
            due: now,
            selected: PodSelection::default(),
            requests: SortedMap::new(),
        }
    }

    /// Takes up a new declaration; writes of the status alone change nothing.
    pub(super) fn declare(
        &mut self,
        object: &HorizontalPodAutoscaler,
        options: &AutoscalerOptions,
    ) {
        if *self.core.spec() != object.spec {
            self.core = HorizontalAutoscaler::new(object.spec.clone(), options.horizontal.clone());
        }
    }

    /// The way that metrics travel, with those on it.
    pub(super) const fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Takes over the metrics of an earlier one; a reading that was due meanwhile is made now.
    pub(super) fn take_over(&mut self, measured: Pipeline) {
        self.pipeline = measured;
    }

    /// All metrics are lost.
    pub(super) fn forget_metrics(&mut self) {
        self.pipeline.clear();
    }

    pub(super) fn scrape_at(&self) -> Instant {
        self.pipeline.next_scrape()
    }

    pub(super) fn next(&self) -> Instant {
        self.due.min(self.scrape_at())
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// Reads the metrics that it scales on.
    pub(super) fn scrape(&mut self, now: Instant, store: &Store, usage: &dyn UsageSamples) {
        let spec = self.core.spec();
        let target = target::find(store, &spec.namespace, &spec.target);
        let selected = &mut self.selected;
        let pods = target.map(|target| selected.pods(store, &spec.namespace, target));
        let pods = pods.unwrap_or_default();
        let mut readings = Vec::new();
        let mut read = SortedSet::new();
        for metric in spec.metrics() {
            let series = match &metric {
                MetricSpec::Resource { resource, .. } => Series::Resource(resource.clone(), None),
                MetricSpec::ContainerResource {
                    resource,
                    container,
                    ..
                } => Series::Resource(resource.clone(), Some(container.clone())),
                MetricSpec::Pods { metric, .. } => Series::Pods(metric.name.clone()),
                MetricSpec::Object { metric, object, .. } => Series::Object(
                    metric.name.clone(),
                    object.kind.clone(),
                    object.name.clone(),
                ),
                MetricSpec::External { metric, .. } => Series::External(metric.name.clone()),
            };
            if !read.insert(series.clone()) {
                continue;
            }
            let world = World {
                store,
                usage,
                pods: &pods,
                namespace: &spec.namespace,
                window: self.pipeline.window(),
            };
            world.read(&series, &mut readings);
        }
        self.pipeline.scrape(now, readings);
    }

    /// One pass, and what it writes.
    pub(super) fn look(
        &mut self,
        now: Instant,
        id: ObjectId,
        store: &Store,
        selectors: &mut Selectors,
        out: &mut Outbox,
    ) {
        self.due = now.saturating_add(self.period);
        let objects = store.objects();
        let Some(Object::HorizontalPodAutoscaler(object)) = objects.get(id).map(|row| &row.object)
        else {
            return;
        };
        self.pipeline.advance(now);
        let (namespace, target) = (object.namespace.clone(), object.spec.target.clone());
        let Some(target) = target::find(store, &namespace, &target) else {
            let reason = format!(
                "there is no {} `{}` in namespace `{namespace}`",
                target.kind, target.name
            );
            let status = HorizontalStatus {
                reason: reason.into(),
                ..object.status.clone()
            };
            report(store, id, object, status, out);
            return;
        };
        let (target_id, replicas, counted) = (target.id, target.replicas, target.counted);
        if let Some(selector) = target.selector.filter(|_| self.core.measures(replicas)) {
            selectors.insert(id, (namespace.clone(), selector.clone()));
        }
        let pods = self.selected.pods(store, &namespace, target);
        let rivals = rivals(store, &namespace, selectors, &pods);
        let pods = self.observe(store, &pods);
        let observed = TargetObservation {
            spec_replicas: replicas,
            status_replicas: counted,
            pods: &pods,
            rivals: &rivals,
        };
        let pass = self.core.pass(now, observed, &self.pipeline);
        let mut status = HorizontalStatus {
            current: counted,
            desired: pass.desired,
            last_scale: object.status.last_scale,
            reason: Text::default(),
            is_blind: rivals.len() > 1 || !self.core.silent_metrics(PATIENCE).is_empty(),
        };
        if let Some(reason) = pass.rescale {
            let scalable = objects.get(target_id).map(|row| &row.object);
            if let Some(object) = scalable.and_then(|object| scaled(object, pass.desired)) {
                let id = target_id;
                out.write(store, Event::Object(ObjectChange::Updated { id, object }));
                status.last_scale = Some(now);
            }
            status.reason = reason.into();
        } else if let Some(error) = pass.error {
            status.reason = error.into();
        }
        report(store, id, object, status, out);
    }

    /// Pods as the autoscaler sees them.
    fn observe(&mut self, store: &Store, pods: &[PodRef]) -> Vec<ObservedPod> {
        let pods = pods.iter();
        pods.filter_map(|&pod| {
            let record = store.pods().get(pod)?;
            let (containers, whole) = self.requests.entry(record.class).or_insert_with(|| {
                let spec = &store.class(record.class).spec;
                (requests(spec), whole_requests(spec))
            });
            let state = store.pod_states().get(pod);
            let phase = match record.phase {
                PodPhase::Pending | PodPhase::Bound | PodPhase::Starting => Phase::Pending,
                PodPhase::Running => Phase::Running,
                PodPhase::Succeeded => Phase::Succeeded,
                PodPhase::Failed | PodPhase::Evicted => Phase::Failed,
            };
            Some(ObservedPod {
                name: record.name.text(),
                phase,
                is_deleting: state.is_some_and(|state| state.terminating.is_some()),
                // The kubelet takes a pod up as soon as it is bound, before its containers start.
                started: (phase == Phase::Running).then(|| record.start().min(record.bound)),
                ready: state.map(|state| ReadyCondition {
                    status: if state.is_ready {
                        Readiness::True
                    } else {
                        Readiness::False
                    },
                    changed: Some(state.ready_changed),
                }),
                containers: containers.clone(),
                whole: whole.clone(),
            })
        })
        .collect()
    }
}

/// The autoscalers whose selectors match any of the pods.
fn rivals(store: &Store, namespace: &Text, selectors: &Selectors, pods: &[PodRef]) -> Vec<Text> {
    let here = selectors.iter().filter(|(_, (own, _))| own == namespace);
    if here.clone().nth(1).is_none() {
        return Vec::new();
    }
    let classes = { pods.iter() }.filter_map(|&pod| Some(store.pods().get(pod)?.class));
    let classes: SortedSet<ClassId> = classes.collect();
    let selects = |selector: &LabelSelector| {
        let mut specs = classes.iter().map(|class| &store.class(*class).spec);
        specs.any(|spec| selector.matches(&spec.labels))
    };
    let rivals = here.filter(|(_, (_, selector))| selects(selector));
    let rivals = rivals.filter_map(|(id, _)| store.objects().get(*id));
    rivals.map(|row| row.object.name().clone()).collect()
}

/// World in which metrics are read.
struct World<'a> {
    store: &'a Store,
    usage: &'a dyn UsageSamples,
    pods: &'a [PodRef],
    namespace: &'a Text,
    /// Over which use is averaged.
    window: Duration,
}

impl World<'_> {
    fn read(&self, series: &Series, readings: &mut Vec<Reading>) {
        let mut add = |key: Text, value: i64| {
            let series = series.clone();
            readings.push(Reading { series, key, value });
        };
        match series {
            Series::Resource(resource, container) => {
                for &pod in self.pods {
                    let used = match container {
                        None => self.usage.pod_over(pod, self.window),
                        Some(name) => {
                            let containers = self.usage.containers_over(pod, self.window);
                            let mut own = containers.into_iter();
                            own.find(|(own, _)| own == name).map(|(_, used)| used)
                        }
                    };
                    let value = used.and_then(|used| thousandths(used, resource));
                    if let (Some(value), Some(name)) = (value, self.name(pod)) {
                        add(name, value);
                    }
                }
            }
            Series::Pods(metric) => {
                for &pod in self.pods {
                    let value = self.usage.pod_metric(pod, metric);
                    if let (Some(value), Some(name)) = (value, self.name(pod)) {
                        add(name, value);
                    }
                }
            }
            Series::Object(metric, kind, name) => {
                let object = (&**kind, &**self.namespace, &**name);
                if let Some(value) = self.usage.object_metric(object, metric) {
                    add(Text::default(), value);
                }
            }
            Series::External(metric) => {
                let values = self.usage.external_metric(metric);
                for (number, value) in values.into_iter().enumerate() {
                    add(number.to_string().into(), value);
                }
            }
        }
    }

    fn name(&self, pod: PodRef) -> Option<Text> {
        self.store.pods().get(pod).map(|record| record.name.text())
    }
}

/// A use in thousandths of the resource's unit; `None` of resources that are not measured.
fn thousandths(used: ResourceUsage, resource: &str) -> Option<i64> {
    match resource {
        CPU => Some(used.cpu_milli),
        MEMORY => Some(used.memory_bytes.saturating_mul(1000)),
        _ => None,
    }
}

/// What a list requests of the resources that are measured, in thousandths.
fn listed(list: &ResourceList) -> SortedMap<Text, i64> {
    let amounts = [CPU, MEMORY].into_iter().filter_map(|resource| {
        let amount = list.get(resource);
        let milli = amount.milli_ceil().unwrap_or(i64::MAX);
        (!amount.is_zero()).then(|| (resource.into(), milli))
    });
    amounts.collect()
}

/// Requests of a pod that states them as a whole, overhead included (`calculatePodLevelRequests` of the
/// original's `replica_calculator.go`).
fn whole_requests(spec: &PodSpec) -> Option<SortedMap<Text, i64>> {
    let is_stated = !spec.pod_requests.is_empty();
    is_stated.then(|| listed(&spec.requests().unwrap_or_default()))
}

/// Requests of a pod's containers, sidecars included.
fn requests(spec: &PodSpec) -> Vec<ContainerRequests> {
    let of = |container: &model::Container, is_sidecar: bool| ContainerRequests {
        name: container.name.clone(),
        is_sidecar,
        requests: listed(&container.requests),
    };
    let sidecars = spec
        .init_containers
        .iter()
        .filter(|init_container| init_container.restartable);
    let sidecars = sidecars.map(|own| of(own, true));
    let containers = spec.containers.iter().map(|container| of(container, false));
    containers.chain(sidecars).collect()
}

/// Writes the status where it has changed.
fn report(
    store: &Store,
    id: ObjectId,
    object: &HorizontalPodAutoscaler,
    status: HorizontalStatus,
    out: &mut Outbox,
) {
    if status == object.status {
        return;
    }
    let object = HorizontalPodAutoscaler {
        status,
        ..object.clone()
    };
    let object = Object::HorizontalPodAutoscaler(Arc::new(object));
    out.write(store, Event::Object(ObjectChange::Updated { id, object }));
}
