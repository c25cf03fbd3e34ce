//! What pods use of what they were given, at any instant: computed from what their class states and
//! since when their processes are up, never stepped. What traffic makes a pod use comes on top.
//!
//! Metrics pipelines read it as [`UsageSamples`], nodes read [`Usage::wanted`] and [`Usage::curves`].

use std::collections::BTreeMap;

use cluster::Store;
use control::UsageSamples;
use model::resource_list::{CPU, MEMORY};
use model::usage::{Curve, Pattern, Scale, Series};
use model::{Event, Object, PodPhase, PodRef, PodSpec, ResourceList, Text, Used};
use units::{ClassId, Duration, Instant, ObjectId, PodId, Quantity};

/// Usage settings in addition to those of the classes.
#[derive(Clone, Debug, Default)]
pub struct UsageOptions {
    /// Default CPU usage of pods.
    pub cpu: Option<Pattern>,
    /// Default memory usage of pods.
    pub memory: Option<Pattern>,
    /// Series that patterns name, in order of time.
    pub traces: BTreeMap<Text, Vec<(Instant, Quantity)>>,
    /// External metrics by name: the series of each.
    pub external: BTreeMap<Text, Vec<Vec<(Instant, Quantity)>>>,
    /// Whether pods use processors for the requests of clients.
    pub serves_traffic: bool,
    /// Default CPU time of a request.
    pub cpu_per_request: Duration,
}

/// The usage of the pods of a cell.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    options: UsageOptions,
    /// By class.
    classes: Vec<Option<Class>>,
    /// By slot: pods whose processes are up.
    pods: Vec<Option<Row>>,
    /// How many pods share the work of a workload.
    sharing: BTreeMap<Sharers, i64>,
    /// When it was last shown to whoever measures the run.
    shown: Option<Instant>,
}

/// How often it is shown to whoever measures the run, at most.
const SAMPLE: Duration = Duration::from_secs(60);

/// Who shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sharers {
    /// The pods of an object and of those it controls.
    Object(ObjectId),
    /// The pods of a class.
    Class(ClassId),
}

/// What the pods of a class use.
#[derive(Clone, Debug)]
struct Class {
    cpu: Option<(Curve, bool)>,
    memory: Option<(Curve, bool)>,
    cpu_limit: Option<i64>,
    containers: Vec<Asked>,
}

/// What a container asks for.
#[derive(Clone, Debug)]
struct Asked {
    name: Text,
    used: Used,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    id: PodId,
    spec: ClassId,
    since: Instant,
    sharers: Sharers,
    is_serving: bool,
    /// What traffic makes it use.
    traffic: Used,
}

impl Usage {
    /// Usage by these rules.
    pub fn new(options: UsageOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// A change was made.
    pub(super) fn observe(&mut self, event: &Event, store: &Store) {
        match event {
            Event::ClassAdded {
                class: spec,
                object,
            } => self.add_class(*spec, object),
            Event::PodChanged { pod, .. } | Event::PodRunning { pod } => self.serve(*pod, store),
            Event::PodEnded { pod, .. } => self.stopped(*pod),
            _ => {}
        }
    }

    fn add_class(&mut self, spec: ClassId, object: &PodSpec) {
        let stated = object.behaviour.as_deref();
        let cpu = pattern(stated.and_then(|stated| stated.cpu_usage.as_ref()));
        let memory = pattern(stated.and_then(|stated| stated.memory_usage.as_ref()));
        let cpu = cpu.or_else(|| self.options.cpu.clone());
        let memory = memory.or_else(|| self.options.memory.clone());
        if self.classes.len() <= spec.index() {
            self.classes.resize(spec.index() + 1, None);
        }
        let per_request = (object.server.as_ref()).and_then(|server| server.cpu_per_request);
        let per_request = per_request.unwrap_or(self.options.cpu_per_request);
        let is_served = self.options.serves_traffic && per_request > Duration::ZERO;
        if cpu.is_none() && memory.is_none() && !is_served {
            return;
        }
        let requests = object.requests().unwrap_or_default();
        // Whoever builds the world has seen to it that every series is there.
        let curve = |pattern: Option<Pattern>, scale| {
            let request = amount(&requests, scale).unwrap_or(0);
            Curve::of(&pattern?, request, scale, &|name| self.series(name, scale))
        };
        let limits = object.containers.iter().map(|container| &container.limits);
        let limits: Option<Vec<i64>> = limits.map(|list| amount(list, Scale::Cpu)).collect();
        let class = Class {
            cpu: curve(cpu, Scale::Cpu),
            memory: curve(memory, Scale::Memory),
            cpu_limit: limits.map(|limits| limits.iter().sum()),
            containers: asked(object),
        };
        self.classes[spec.index()] = Some(class);
    }

    fn series(&self, name: &str, scale: Scale) -> Option<Series> {
        let series = self.options.traces.get(name)?.iter();
        Some(series.map(|&(at, value)| (at, scale.of(value))).collect())
    }

    /// A pod's processes came up.
    pub(super) fn started(&mut self, now: Instant, pod: PodRef, store: &Store) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let is_known = self.class(record.class).is_some();
        if !is_known {
            return;
        }
        self.stopped(pod);
        let slot = pod.slot.index();
        if self.pods.len() <= slot {
            self.pods.resize(slot + 1, None);
        }
        self.pods[slot] = Some(Row {
            id: pod.id,
            spec: record.class,
            since: now,
            sharers: sharers(store, pod, record.class),
            is_serving: false,
            traffic: Used::default(),
        });
        self.serve(pod, store);
    }

    /// A pod's processes are gone.
    pub(super) fn stopped(&mut self, pod: PodRef) {
        let row = self.pods.get_mut(pod.slot.index());
        let row = row.and_then(|row| row.take_if(|row| row.id == pod.id));
        if let Some(row) = row.filter(|row| row.is_serving) {
            *self.sharing.entry(row.sharers).or_default() -= 1;
        }
    }

    /// Counts whether a pod takes its part of the work of its workload.
    fn serve(&mut self, pod: PodRef, store: &Store) {
        let Some(row) = self.row_mut(pod) else {
            return;
        };
        let record = store.pods().get(pod);
        let is_running = record.is_some_and(|record| record.phase == PodPhase::Running);
        let state = store.pod_states().get(pod);
        let is_ready = state.is_none_or(|state| state.is_ready && state.terminating.is_none());
        let serves = is_running && is_ready;
        if std::mem::replace(&mut row.is_serving, serves) != serves {
            let sharers = row.sharers;
            *self.sharing.entry(sharers).or_default() += if serves { 1 } else { -1 };
        }
    }

    /// Sets the usage that traffic adds to a pod.
    pub fn set_traffic(&mut self, pod: PodRef, used: Used) {
        if let Some(row) = self.row_mut(pod) {
            row.traffic = used;
        }
    }

    /// Usage of a pod without throttling; `None` if its processes are not running or its usage is
    /// unknown.
    pub fn wanted(&self, pod: PodRef, now: Instant) -> Option<Used> {
        let row = self.row(pod)?;
        let class = self.class(row.spec)?;
        let of = |curve: &Option<(Curve, bool)>| {
            let Some((curve, is_shared)) = curve else {
                return 0;
            };
            let value = curve.at(now, row.since);
            match (is_shared, row.is_serving) {
                (false, _) => value,
                (true, false) => 0,
                (true, true) => value / self.sharing.get(&row.sharers).copied().unwrap_or(1).max(1),
            }
        };
        Some(Used {
            cpu_milli: of(&class.cpu).saturating_add(row.traffic.cpu_milli),
            memory_bytes: of(&class.memory).saturating_add(row.traffic.memory_bytes),
        })
    }

    /// Usage of a pod: CPU is capped by its limits.
    pub fn used(&self, pod: PodRef, now: Instant) -> Option<Used> {
        let wanted = self.wanted(pod, now)?;
        let limit = self.class(self.row(pod)?.spec)?.cpu_limit;
        Some(Used {
            cpu_milli: wanted.cpu_milli.min(limit.unwrap_or(i64::MAX)),
            ..wanted
        })
    }

    /// The curves of a pod's cpu and memory, and since when its processes are up; what is shared is
    /// left out, for it depends on others.
    pub fn curves(&self, pod: PodRef) -> Option<(Option<&Curve>, Option<&Curve>, Instant)> {
        let row = self.row(pod)?;
        let class = self.class(row.spec)?;
        Some((
            own(class.cpu.as_ref()),
            own(class.memory.as_ref()),
            row.since,
        ))
    }

    /// Whether it is to be shown to whoever measures the run; then it counts as shown.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_known = !self.pods.is_empty();
        let is_due = self.shown.is_none_or(|shown| now.since(shown) >= SAMPLE);
        if is_known && is_due {
            self.shown = Some(now);
        }
        is_known && is_due
    }

    /// What the world measures now.
    pub(super) fn samples(&self, now: Instant) -> Now<'_> {
        Now { usage: self, now }
    }

    fn class(&self, class: ClassId) -> Option<&Class> {
        self.classes.get(class.index())?.as_ref()
    }

    fn row(&self, pod: PodRef) -> Option<&Row> {
        let row = self.pods.get(pod.slot.index())?.as_ref();
        row.filter(|row| row.id == pod.id)
    }

    fn row_mut(&mut self, pod: PodRef) -> Option<&mut Row> {
        let row = self.pods.get_mut(pod.slot.index())?.as_mut();
        row.filter(|row| row.id == pod.id)
    }
}

/// A curve that is a pod's own.
fn own(curve: Option<&(Curve, bool)>) -> Option<&Curve> {
    let (curve, is_shared) = curve?;
    (!is_shared).then_some(curve)
}

/// Usage at an instant.
pub(super) struct Now<'a> {
    usage: &'a Usage,
    now: Instant,
}

impl UsageSamples for Now<'_> {
    fn pod(&self, pod: PodRef) -> Option<Used> {
        self.usage.used(pod, self.now)
    }

    fn wanted(&self, pod: PodRef) -> Option<Used> {
        self.usage.wanted(pod, self.now)
    }

    fn containers(&self, pod: PodRef) -> Vec<(Text, Used)> {
        let used = self.usage.used(pod, self.now);
        let class = self
            .usage
            .row(pod)
            .and_then(|row| self.usage.class(row.spec));
        used.zip(class)
            .map_or_else(Vec::new, |(used, class)| split(used, &class.containers))
    }

    fn external_metric(&self, metric: &str) -> Vec<i64> {
        let series = self.usage.options.external.get(metric);
        let known = series.into_iter().flatten();
        let newest = known.filter_map(|series| {
            let next = series.partition_point(|&(at, _)| at <= self.now);
            let (_, value) = series.get(next.checked_sub(1)?)?;
            value.milli_ceil().ok()
        });
        newest.collect()
    }
}

/// What a pod uses, parted among its containers as their requests are; evenly where none is stated.
fn split(used: Used, containers: &[Asked]) -> Vec<(Text, Used)> {
    let part = |whole: i64, asked: &dyn Fn(&Asked) -> i64, index: usize| {
        let sum: i128 = containers.iter().map(|own| i128::from(asked(own))).sum();
        let upto = |count: usize| {
            let before = containers[..count].iter();
            let (before, sum) = if sum > 0 {
                (before.map(|own| i128::from(asked(own))).sum(), sum)
            } else {
                (count as i128, containers.len() as i128)
            };
            i128::from(whole) * before / sum.max(1)
        };
        (upto(index + 1) - upto(index)) as i64
    };
    let parts = containers.iter().enumerate().map(|(index, own)| {
        let used = Used {
            cpu_milli: part(used.cpu_milli, &|own| own.used.cpu_milli, index),
            memory_bytes: part(used.memory_bytes, &|own| own.used.memory_bytes, index),
        };
        (own.name.clone(), used)
    });
    parts.collect()
}

fn asked(object: &PodSpec) -> Vec<Asked> {
    let sidecars = object.init_containers.iter().filter(|own| own.restartable);
    let containers = object.containers.iter().chain(sidecars);
    let asked = containers.map(|container| Asked {
        name: container.name.clone(),
        used: Used {
            cpu_milli: amount(&container.requests, Scale::Cpu).unwrap_or(0),
            memory_bytes: amount(&container.requests, Scale::Memory).unwrap_or(0),
        },
    });
    asked.collect()
}

fn amount(list: &ResourceList, scale: Scale) -> Option<i64> {
    let name = match scale {
        Scale::Cpu => CPU,
        Scale::Memory => MEMORY,
    };
    let amount = list.get(name);
    (!amount.is_zero()).then(|| scale.of(amount))
}

/// A pattern that was checked when it was read.
fn pattern(text: Option<&Text>) -> Option<Pattern> {
    text?.parse().ok()
}

/// With whom a pod shares: the pods of its deployment, else those of its owner, else its class.
fn sharers(store: &Store, pod: PodRef, spec: ClassId) -> Sharers {
    let owner = store.pod_states().get(pod).and_then(|state| state.owner);
    let Some(owner) = owner.map(|owner| owner.object) else {
        return Sharers::Class(spec);
    };
    let objects = store.objects();
    let above = objects.get(owner).and_then(|row| row.owner);
    let is_deployment = |id: &ObjectId| {
        objects
            .get(*id)
            .is_some_and(|row| matches!(row.object, Object::Deployment(_)))
    };
    Sharers::Object(above.filter(is_deployment).unwrap_or(owner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Behaviour, Container, PodCreated, PodName};
    use units::TenantId;

    fn container(name: &str, cpu_milli: i64) -> Container {
        let mut container = Container {
            name: name.into(),
            requests: ResourceList::from_pairs([(CPU, Quantity::from_milli(cpu_milli))]),
            ..Container::default()
        };
        container
            .limits
            .set(CPU, Quantity::from_milli(2 * cpu_milli));
        container
    }

    /// A store with running pods of a class that states this use, and their usage.
    fn running(text: &str, pods: u32) -> (Store, Usage, Vec<PodRef>) {
        let object = PodSpec {
            containers: vec![container("app", 300), container("proxy", 100)],
            behaviour: Some(
                Behaviour {
                    cpu_usage: Some(text.into()),
                    ..Behaviour::default()
                }
                .into(),
            ),
            ..PodSpec::default()
        };
        let (mut store, mut usage) = (Store::new(), Usage::default());
        let mut all = Vec::new();
        let node = model::Node {
            allocatable: ResourceList::from_pairs([
                (CPU, Quantity::from_units(64)),
                ("pods", Quantity::from_units(100)),
            ]),
            ..model::Node::default()
        };
        let mut apply = |event: Event, usage: &mut Usage| {
            store.apply(Instant::ZERO, event.clone()).expect("it fits");
            usage.observe(&event, &store);
            if let Event::PodBound { pod, .. } = event {
                usage.started(Instant::ZERO, pod, &store);
            }
        };
        let (spec, node_id) = (ClassId(0), units::NodeId(0));
        let (object, node_object) = (object.into(), node.into());
        apply(
            Event::ClassAdded {
                class: spec,
                object,
            },
            &mut usage,
        );
        let node = node_id;
        let object = node_object;
        apply(Event::NodeAdded { node, object }, &mut usage);
        for number in 0..pods {
            let pod = PodRef {
                id: PodId(number),
                slot: units::PodSlot(number),
            };
            let created = PodCreated {
                pod,
                class: spec,
                name: PodName::Job(number.into()),
                tenant: TenantId(0),
                gang: None,
                time_limit: None,
                found: None,
                owner: None,
            };
            let devices = model::DeviceSet::EMPTY;
            apply(Event::PodCreated(created), &mut usage);
            apply(Event::PodBound { pod, node, devices }, &mut usage);
            apply(Event::PodRunning { pod }, &mut usage);
            all.push(pod);
        }
        (store, usage, all)
    }

    #[test]
    fn what_is_shared_is_parted_among_those_that_serve() {
        let (mut store, mut usage, pods) = running("shared(900m)", 3);
        let now = Instant::from_secs(60);
        assert_eq!(
            usage.used(pods[0], now).map(|used| used.cpu_milli),
            Some(300)
        );
        let event = Event::PodEnded {
            pod: pods[0],
            reason: model::EndReason::Completed,
        };
        store.apply(now, event.clone()).expect("it lives");
        usage.observe(&event, &store);
        assert_eq!(usage.used(pods[0], now), None);
        assert_eq!(
            usage.used(pods[1], now).map(|used| used.cpu_milli),
            Some(450)
        );
    }

    #[test]
    fn the_processors_are_limited_and_containers_part_as_they_ask() {
        let (_, usage, pods) = running("2", 1);
        let now = Instant::from_secs(60);
        assert_eq!(
            usage.wanted(pods[0], now).map(|used| used.cpu_milli),
            Some(2000)
        );
        assert_eq!(
            usage.used(pods[0], now).map(|used| used.cpu_milli),
            Some(800)
        );
        let containers = usage.samples(now).containers(pods[0]);
        let parts: Vec<i64> = containers.iter().map(|(_, used)| used.cpu_milli).collect();
        assert_eq!(parts, [600, 200]);
    }
}
