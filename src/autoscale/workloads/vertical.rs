//! A vertical autoscaler at work: it takes samples, recommends, evicts pods that are off by much, and
//! gives new pods what it recommends.

use std::sync::Arc;

use super::in_place::Resizes;
use super::pod_selection::PodSelection;
use super::target;
use super::{AutoscalerOptions, StoredUsage};
use crate::vertical::{
    ContainerUsage, Recommendation, UpdatedPod, UpdaterSettings, Usage, evictions, recommend,
    updates,
};
use cluster::{Conflict, Store};
use control::admission::size_bounds::{SizeBounds, bounded, stated};
use control::admission::vertical::sized_by;
use control::operation::eviction;
use control::{Outbox, UsageSamples};
use model::qos::QosClass;
use model::resource_list::{CPU, MEMORY};
use model::usage::Scale;
use model::workload::vertical::{ContainerRecommendation, UpdateMode, VerticalPodAutoscaler};
use model::{
    Container, Event, EvictionCause, Object, ObjectChange, PodChange, PodPhase, PodRef, PodSpec,
    Text,
};
use units::{Duration, Instant, ObjectId, PodId, SortedMap};

/// A vertical autoscaler.
#[derive(Clone)]
pub(super) struct Vertical {
    object: VerticalPodAutoscaler,
    period: Duration,
    due: Instant,
    /// Instant of the last samples.
    sampled: Option<Instant>,
    /// Of all containers of a name.
    usage: SortedMap<Text, Usage>,
    /// Of each container of each pod.
    containers: SortedMap<(PodId, Text), ContainerUsage>,
    /// Time from a pod's start to its last kill for memory.
    killed: SortedMap<PodId, Duration>,
    /// Kills that no sample has been made of yet, with the container by its node's number.
    kills: Vec<(Instant, PodRef, u16)>,
    /// The recommendations in full, with what the object does not show.
    recommended: SortedMap<Text, Recommendation>,
    resizes: Resizes,
    selected: PodSelection,
}

impl Vertical {
    pub(super) fn new(now: Instant, object: &VerticalPodAutoscaler, period: Duration) -> Self {
        Self {
            object: object.clone(),
            period,
            due: now.saturating_add(period),
            sampled: None,
            usage: SortedMap::new(),
            containers: SortedMap::new(),
            killed: SortedMap::new(),
            kills: Vec::new(),
            recommended: SortedMap::new(),
            selected: PodSelection::default(),
            resizes: Resizes::default(),
        }
    }

    /// Goes on with the usage that was stored for it.
    pub(super) fn take_over(&mut self, stored: &[StoredUsage]) {
        let object = &self.object;
        let own = stored
            .iter()
            .filter(|own| own.namespace == object.namespace && own.autoscaler == object.name);
        let own = own.map(|own| (own.container.clone(), own.usage.clone()));
        self.usage = own.collect();
    }

    pub(super) fn declare(&mut self, object: &VerticalPodAutoscaler) {
        self.object = object.clone();
    }

    /// Another recommender goes on with the samples that there are, a period from now.
    pub(super) fn restarted(&mut self, now: Instant) {
        self.due = now.saturating_add(self.period);
        self.recommended.clear();
    }

    pub(super) const fn next(&self) -> Instant {
        self.due
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// `true` if the autoscaler has to take samples before it looks.
    pub(super) fn wants_sample(&self, now: Instant) -> bool {
        self.is_due(now) && self.sampled != Some(now)
    }

    /// A write was refused: what it said is said again in the next look.
    pub(super) fn again(&mut self) {
        self.recommended.clear();
    }

    /// Something was reported of a pod: a kill for its memory counts as a sample.
    pub(super) fn pod_changed(&mut self, at: Instant, pod: PodRef, change: PodChange) {
        if let PodChange::OomKilled { container } = change {
            self.kills.push((at, pod, container));
        }
    }

    /// A pod is gone.
    pub(super) fn forget(&mut self, pod: PodRef) {
        let names = (pod.id, Text::default())..(PodId(pod.id.0.saturating_add(1)), Text::default());
        let gone: Vec<(PodId, Text)> = self
            .containers
            .range(names)
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.containers.remove(&key);
        }
        self.killed.remove(&pod.id);
        self.resizes.forget(pod);
    }

    /// Has nodes make pending resizes that they have room for.
    pub(super) fn try_resizes(&mut self, store: &Store, out: &mut Outbox) {
        self.resizes.try_again(store, out);
    }

    /// A resize of a pod was declined.
    pub(super) fn resize_declined(
        &mut self,
        pod: PodRef,
        spec: &Arc<PodSpec>,
        conflict: &Conflict,
    ) {
        self.resizes.declined(pod, spec, conflict);
    }

    /// Takes a sample of every container of the target.
    pub(super) fn sample(&mut self, now: Instant, store: &Store, usage: &dyn UsageSamples) {
        self.sampled = Some(now);
        let target = target::find(store, &self.object.namespace, &self.object.target);
        let namespace = &self.object.namespace;
        let pods = target.map(|target| self.selected.pods(store, namespace, target));
        let pods = pods.unwrap_or_default();
        for (at, pod, container) in std::mem::take(&mut self.kills) {
            self.kill(at, pod, container, store, &pods);
        }
        for pod in pods {
            let record = store.pods().get(pod);
            let spec = record.map(|record| &store.class(record.class).spec);
            // Init containers are not sized, sidecars among them (the gate `NativeSidecar` is off).
            let is_initial = |name: &Text| {
                let mut init = spec.into_iter().flat_map(|own| &own.init_containers);
                init.any(|own| own.name == *name)
            };
            for (name, used) in usage.containers(pod) {
                if is_initial(&name) {
                    continue;
                }
                let usage = self
                    .usage
                    .entry(name.clone())
                    .or_insert_with(|| Usage::new(now));
                let own = self.containers.entry((pod.id, name)).or_default();
                own.add_cpu(usage, used.cpu_milli, now);
                own.add_memory(usage, used.memory_bytes, now);
            }
        }
        self.usage.retain(|_, usage| !usage.is_expired(now));
    }

    /// A kill is a sample of the container that was killed, of no other; init containers are not
    /// sized.
    fn kill(&mut self, at: Instant, pod: PodRef, number: u16, store: &Store, pods: &[PodRef]) {
        let record = store.pods().get(pod).filter(|_| pods.contains(&pod));
        let Some(record) = record else {
            return;
        };
        let spec = &store.class(record.class).spec;
        let place = usize::from(number).checked_sub(spec.init_containers.len());
        let Some(container) = place.and_then(|place| spec.containers.get(place)) else {
            return;
        };
        self.killed.insert(pod.id, at.since(record.start()));
        let name = container.name.clone();
        let request = Scale::Memory.of(container.requests.get(MEMORY));
        let usage = self
            .usage
            .entry(name.clone())
            .or_insert_with(|| Usage::new(at));
        let own = self.containers.entry((pod.id, name)).or_default();
        own.out_of_memory(usage, request, at);
    }

    /// Recommends, and evicts whom that is worth it for.
    pub(super) fn look(
        &mut self,
        now: Instant,
        id: ObjectId,
        store: &Store,
        options: &AutoscalerOptions,
        out: &mut Outbox,
    ) {
        self.due = now.saturating_add(self.period);
        let names = self.usage.keys();
        let policies = names.map(|name| (name.clone(), self.object.policy(name)));
        let policies = policies.collect();
        self.recommended = recommend(&options.recommender, &self.usage, &policies);
        let shown = self.recommended.iter().map(|(name, own)| {
            let (target, lower, upper) = (own.target, own.lower, own.upper);
            let shown = ContainerRecommendation {
                target,
                lower,
                upper,
            };
            (name.clone(), shown)
        });
        let shown: SortedMap<Text, ContainerRecommendation> = shown.collect();
        if shown != self.object.recommended {
            self.object.recommended = shown;
            let object = Object::VerticalPodAutoscaler(Arc::new(self.object.clone()));
            out.write(store, Event::Object(ObjectChange::Updated { id, object }));
        }
        let updates = !matches!(self.object.mode, UpdateMode::Off | UpdateMode::Initial);
        if updates && !self.recommended.is_empty() {
            self.update(now, store, options, out);
        }
    }

    /// Updates the pods that are off by much.
    fn update(
        &mut self,
        now: Instant,
        store: &Store,
        options: &AutoscalerOptions,
        out: &mut Outbox,
    ) {
        let settings = &options.updater;
        let target = target::find(store, &self.object.namespace, &self.object.target);
        let Some(target) = target else {
            return;
        };
        let resizes = &mut self.resizes;
        let killed = &self.killed;
        let living = target.pods.iter().filter_map(|&pod| {
            let record = store.pods().get(pod)?;
            if store.pod_states().is_terminating(pod) {
                return None;
            }
            let containers = store.class(record.class).spec.containers.iter();
            let is_running = record.phase == PodPhase::Running;
            let updated = UpdatedPod {
                name: record.name.text(),
                started: is_running.then_some(record.start()),
                is_pending: !is_running,
                requests: containers.map(asked).collect(),
                oom_after: killed.get(&pod.id).copied(),
                resize: resizes.seen(now, pod, store),
            };
            Some((pod, updated))
        });
        let (refs, pods): (Vec<PodRef>, Vec<UpdatedPod>) = living.unzip();
        let least = self.object.min_replicas;
        let settings = UpdaterSettings {
            least_replicas: least.map_or(settings.least_replicas, |least| least.max(0) as usize),
            ..*settings
        };
        let configured = usize::try_from(target.replicas).unwrap_or(0);
        let named = |name: &Text| {
            let place = pods.iter().position(|pod| pod.name == *name);
            place.and_then(|place| refs.get(place)).copied()
        };
        let recommended = &self.bounded(refs.first().copied(), store);
        let mut left: Vec<PodRef> = Vec::new();
        match self.object.mode {
            UpdateMode::InPlaceOrRecreate | UpdateMode::InPlace if options.resizes_in_place => {
                let updates = updates(&settings, now, &pods, recommended, configured);
                left.extend(updates.evicted.iter().filter_map(named));
                for pod in updates.resized.iter().filter_map(named) {
                    if !self.resize(pod, store, out) {
                        left.push(pod);
                    }
                }
            }
            UpdateMode::InPlace => {}
            _ => {
                let names = evictions(&settings, now, &pods, recommended, configured);
                left.extend(names.iter().filter_map(named));
            }
        }
        if self.object.mode != UpdateMode::InPlace {
            evict(now, store, left, out);
        }
    }

    /// The recommendations within the bounds that hold for a pod of the workload; its others have the same
    /// requests in proportion to their limits, by which bounds are reckoned.
    fn bounded(&self, pod: Option<PodRef>, store: &Store) -> SortedMap<Text, Recommendation> {
        let mut recommended = self.recommended.clone();
        let Some(record) = pod.and_then(|pod| store.pods().get(pod)) else {
            return recommended;
        };
        let spec = &store.class(record.class).spec;
        let bounds = SizeBounds::of(store, &spec.namespace);
        let bounded = bounded(&self.object, spec, bounds.as_ref());
        for (name, own) in &mut recommended {
            if let Some(bounded) = bounded.get(name) {
                (own.target, own.lower, own.upper) = (bounded.target, bounded.lower, bounded.upper);
            }
        }
        recommended
    }

    /// Has a pod resized where it runs; `false` if no node could do so.
    fn resize(&mut self, pod: PodRef, store: &Store, out: &mut Outbox) -> bool {
        let Some(record) = store.pods().get(pod) else {
            return true;
        };
        let spec = &store.class(record.class).spec;
        let bounds = SizeBounds::of(store, &spec.namespace);
        let Some(sized) = sized_by(&self.object, spec, bounds.as_ref()) else {
            return true;
        };
        // The API server refuses a resize that changes the class of quality of service.
        if QosClass::of(spec) != QosClass::of(&sized) {
            return false;
        }
        self.resizes.ask(pod, sized, out);
        true
    }
}

/// Evicts pods, as far as budgets allow.
fn evict(now: Instant, store: &Store, pods: Vec<PodRef>, out: &mut Outbox) {
    let mut charged = SortedMap::new();
    for pod in pods {
        let asked = eviction(now, store, pod, &mut charged, EvictionCause::Resizing);
        if let Some(Some(event)) = asked {
            out.write(store, event);
        }
    }
    for (id, budget) in charged {
        let object = Object::PodDisruptionBudget(Arc::new(budget));
        let known = store.objects().get(id).map(|row| &row.object);
        if known != Some(&object) {
            out.write(store, Event::Object(ObjectChange::Updated { id, object }));
        }
    }
}

/// Requests of a container for cpu and memory.
fn asked(container: &Container) -> (Text, (Option<i64>, Option<i64>)) {
    let of = |scale: Scale, name: &str| stated(&container.requests, scale, name);
    let amounts = (of(Scale::Cpu, CPU), of(Scale::Memory, MEMORY));
    (container.name.clone(), amounts)
}
