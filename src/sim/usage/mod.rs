//! Usage of pods at any instant: computed from what their class states and since when their
//! processes are up, never stepped. What traffic makes a pod use comes on top.
//!
//! Metrics pipelines read it as [`control::UsageSamples`], nodes read [`Usage::wanted`] and its curves.
//!
//! Recorded use goes by the time since the start of a pod's processes. It begins anew with them, unless
//! the pod goes on with work of which a part is done: then it goes on behind that part.

mod samples;

use cluster::Store;
use model::resource_list::{CPU, MEMORY};
use model::usage::{Curve, Pattern, Scale, Series};
use model::{Event, Object, PodPhase, PodRef, PodSpec, ResourceList, Text, Used};
use units::{ClassId, Duration, Instant, ObjectId, PodId, Quantity, SortedMap};

pub(super) use samples::Now;

/// Statements about usage beside those of classes.
#[derive(Clone, Debug, Default)]
pub struct UsageOptions {
    /// The use of processors by pods that state nothing.
    pub cpu: Option<Pattern>,
    /// The use of memory by pods that state nothing.
    pub memory: Option<Pattern>,
    /// Series that patterns name, in order of time.
    pub traces: SortedMap<Text, Vec<(Instant, Quantity)>>,
    /// External metrics by name: the series of each.
    pub external: SortedMap<Text, Vec<Vec<(Instant, Quantity)>>>,
    /// Whether pods use processors for the requests of clients.
    pub serves_traffic: bool,
    /// The processor time of a request where pods don't state it.
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
    /// Of pods that will go on with work once their processes are up: how much of their recorded use is
    /// over.
    over: SortedMap<PodId, Duration>,
    /// Number of pods that share the work of a workload.
    sharing: SortedMap<Sharers, i64>,
    /// Instant of the last sample for the measurement of the run.
    shown: Option<Instant>,
    /// Whether the use of any class changes while nothing happens.
    varies: bool,
}

/// Least time between two samples for the measurement of the run.
const SAMPLE: Duration = Duration::from_secs(60);

/// The pods that share work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sharers {
    /// The pods of an object and of those it controls.
    Object(ObjectId),
    /// The pods of a class.
    Class(ClassId),
}

/// The use of the pods of a class.
#[derive(Clone, Debug)]
struct Class {
    cpu: Option<(Curve, bool)>,
    memory: Option<(Curve, bool)>,
    cpu_limit: Option<i64>,
    containers: Vec<Asked>,
}

/// The requests of a container.
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
    /// The instant from which its recorded use counts.
    recorded_from: Instant,
    sharers: Sharers,
    is_serving: bool,
    /// The use that traffic causes.
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
    #[inline]
    pub(super) fn observe(&mut self, event: &Event, store: &Store) {
        match event {
            Event::ClassAdded {
                class: spec,
                object,
            } => self.add_class(*spec, object),
            // Of many runs no pod has a use that is known.
            _ if self.pods.is_empty() => {}
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
        let curves = [&class.cpu, &class.memory];
        let varies = |(curve, _): &(Curve, bool)| !matches!(curve, Curve::Constant(_));
        self.varies |= curves.into_iter().flatten().any(varies);
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
        let over = self.over.remove(&pod.id).unwrap_or(Duration::ZERO);
        let slot = pod.slot.index();
        if self.pods.len() <= slot {
            self.pods.resize(slot + 1, None);
        }
        self.pods[slot] = Some(Row {
            id: pod.id,
            spec: record.class,
            since: now,
            recorded_from: before(now, over),
            sharers: sharers(store, pod, record.class),
            is_serving: false,
            traffic: Used::default(),
        });
        self.serve(pod, store);
    }

    /// How much of a pod's recorded use is over.
    pub(super) fn over(&self, now: Instant, pod: PodRef) -> Duration {
        match self.row(pod) {
            Some(row) => now.since(row.recorded_from),
            None => self.over.get(&pod.id).copied().unwrap_or(Duration::ZERO),
        }
    }

    /// A pod goes on with work of which so much is done, now or once its processes are up.
    pub(super) fn go_on(&mut self, now: Instant, pod: PodRef, over: Duration) {
        if let Some(row) = self.row_mut(pod) {
            row.recorded_from = before(now, over);
        } else if over > Duration::ZERO && !self.classes.is_empty() {
            self.over.insert(pod.id, over);
        }
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

    /// Traffic makes a pod use this, beside what its class states.
    pub fn set_traffic(&mut self, pod: PodRef, used: Used) {
        if let Some(row) = self.row_mut(pod) {
            row.traffic = used;
        }
    }

    /// The use of a pod if nothing held it back; `None` of one whose processes are not up, or of
    /// whose use nothing is known.
    pub fn wanted(&self, pod: PodRef, now: Instant) -> Option<Used> {
        let row = self.row(pod)?;
        let class = self.class(row.spec)?;
        let of = |curve: &Option<(Curve, bool)>| {
            let Some((curve, is_shared)) = curve else {
                return 0;
            };
            let value = curve.at(now, row.start_of(curve));
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

    /// The use of a pod: no more of the processors than its limits allow.
    pub fn used(&self, pod: PodRef, now: Instant) -> Option<Used> {
        let wanted = self.wanted(pod, now)?;
        let limit = self.class(self.row(pod)?.spec)?.cpu_limit;
        Some(Used {
            cpu_milli: wanted.cpu_milli.min(limit.unwrap_or(i64::MAX)),
            ..wanted
        })
    }

    /// The use of a pod now, of processors the mean over the window before, as far as it was up.
    pub fn used_over(&self, pod: PodRef, now: Instant, window: Duration) -> Option<Used> {
        let mut used = self.used(pod, now)?;
        let row = self.row(pod)?;
        let class = self.class(row.spec)?;
        let span = window.min(now.since(row.since)).as_nanos();
        let is_constant = matches!(&class.cpu, None | Some((Curve::Constant(_), _)));
        if span <= 0 || is_constant {
            return Some(used);
        }
        // In the middle of each second, or of each sixtieth of a longer window.
        let pieces = (span / 1_000_000_000).clamp(1, 60);
        let at = |piece: i64| {
            let before = span - span / pieces * piece - span / pieces / 2;
            Instant::from_nanos(now.as_nanos() - before)
        };
        let of = (0..pieces).filter_map(|piece| self.used(pod, at(piece)));
        let sum: i128 = of.map(|used| i128::from(used.cpu_milli)).sum();
        used.cpu_milli = i64::try_from(sum / i128::from(pieces)).unwrap_or(i64::MAX);
        Some(used)
    }

    /// The curves of a pod's cpu and memory; what is shared is left out, for it depends on others.
    pub(super) fn curves(&self, pod: PodRef) -> Option<Curves<'_>> {
        let row = self.row(pod)?;
        let class = self.class(row.spec)?;
        Some(Curves {
            cpu: own(class.cpu.as_ref(), row),
            memory: own(class.memory.as_ref(), row),
        })
    }

    /// Has the next sample taken as soon as this instant has settled: pods that go on elsewhere would
    /// count with their requests until then.
    pub(super) fn wants_sample(&mut self) {
        self.shown = None;
    }

    /// `true` if a sample is due for the measurement of the run; it then counts as shown.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_known = !self.pods.is_empty();
        let is_due = self.shown.is_none_or(|shown| now.since(shown) >= SAMPLE);
        if is_known && is_due {
            self.shown = Some(now);
        }
        is_known && is_due
    }

    /// The next instant before another one at which a sample is due though nothing happens; `None` where
    /// no use changes by itself.
    #[inline]
    pub(super) fn sampled_before(&self, next: Instant) -> Option<Instant> {
        if !self.varies || self.pods.is_empty() {
            return None;
        }
        let due = self.shown?.saturating_add(SAMPLE);
        (due < next).then_some(due)
    }

    /// Measurements of usage now.
    pub(super) fn samples(&self, now: Instant) -> Now<'_> {
        Now {
            usage: self,
            at: now,
            had: None,
        }
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

impl Row {
    /// The instant from which a curve counts that goes by the time since the start of the processes.
    fn start_of(&self, curve: &Curve) -> Instant {
        match curve {
            Curve::Recorded(_) => self.recorded_from,
            _ => self.since,
        }
    }
}

/// The curves of a pod that are its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curves<'a> {
    pub(super) cpu: Option<OwnCurve<'a>>,
    pub(super) memory: Option<OwnCurve<'a>>,
}

/// A curve of a pod, and the instant from which it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnCurve<'a> {
    pub(super) curve: &'a Curve,
    since: Instant,
}

impl OwnCurve<'_> {
    /// The value at an instant.
    pub(super) fn at(&self, now: Instant) -> i64 {
        self.curve.at(now, self.since)
    }

    /// The first instant from `now` on at which the value is `level` or more ([`Curve::reaches`]).
    pub(super) fn reaches(&self, level: i64, now: Instant) -> Option<Instant> {
        self.curve.reaches(level, now, self.since)
    }

    /// The instant of the next step ([`Curve::next_step`]).
    pub(super) fn next_step(&self, now: Instant) -> Option<Instant> {
        self.curve.next_step(now, self.since)
    }
}

/// A curve that is a pod's own.
fn own<'a>(curve: Option<&'a (Curve, bool)>, row: &Row) -> Option<OwnCurve<'a>> {
    let (curve, is_shared) = curve?;
    (!is_shared).then(|| OwnCurve {
        curve,
        since: row.start_of(curve),
    })
}

/// The instant that lies a span before another.
fn before(now: Instant, span: Duration) -> Instant {
    Instant::from_nanos(now.as_nanos().saturating_sub(span.as_nanos()))
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
mod tests;
