//! Usage of pods at any instant: computed from what their class states and since when their
//! processes are up, never stepped. What traffic makes a pod use comes on top.
//!
//! Metrics pipelines read it as [`control::UsageSamples`], nodes read `Usage::wanted_by` and its curves. What
//! measures the run is shown the nodes whose pods use something else, at the instant at which they do.
//!
//! Recorded use goes by the time since the start of a pod's processes. It begins anew with them, unless
//! the pod goes on with work of which a part is done: then it goes on behind that part.

mod changes;
mod class;
mod processes;
mod row;
mod samples;

use cluster::Store;
use model::usage::Pattern;
use model::{Event, PodChange, PodPhase, PodRef, ResourceUsage, Text};
use units::{Duration, Instant, NodeId, PodId, Quantity, SortedMap, SortedSet};

use changes::Changes;
use class::{Class, UsageMode, UseQuery};
use row::{LiveProcess, Processes, Row, Sharers, before, sharers};
pub(super) use samples::UsageView;

/// Values in order of time, each until the next; `None` is a gap.
pub type SparseSeries = Vec<(Instant, Option<Quantity>)>;

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
    pub external: SortedMap<Text, Vec<SparseSeries>>,
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
    /// By slot: pods of which processes are up.
    pods: Vec<Option<Row>>,
    /// Of pods that will go on with work once their processes are up: how much of their recorded use is
    /// over.
    over: SortedMap<PodId, Duration>,
    /// Number of pods that share the work of a workload.
    sharing: SortedMap<Sharers, i64>,
    /// The pods among whom work is shared, by their slots.
    members: SortedSet<(Sharers, usize)>,
    changes: Changes,
    /// The nodes that are being shown.
    shown: Vec<NodeId>,
    /// Whether the use of any class changes while nothing happens.
    varies: bool,
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
            } => {
                if let Some(class) = Class::of(object, &self.options) {
                    self.varies |= class.varies();
                    let place = spec.index();
                    if self.classes.len() <= place {
                        self.classes.resize(place + 1, None);
                    }
                    self.classes[place] = Some(class);
                }
            }
            // Of many runs no pod has a use that is known.
            _ if self.pods.is_empty() => {}
            Event::PodChanged { pod, change } => self.changed(*pod, *change, store),
            Event::PodRunning { pod } => {
                if let Some(node) = self.row(*pod).map(|row| row.node) {
                    self.changes.touch(node);
                }
                self.serve(*pod, store);
            }
            Event::PodEnded { pod, .. } => self.stopped(*pod),
            // Its pods may have other parts of what it has.
            Event::NodeUpdated { node, .. } => self.changes.touch(*node),
            _ => {}
        }
    }

    fn changed(&mut self, pod: PodRef, change: PodChange, store: &Store) {
        match change {
            PodChange::Resized { class, .. } => {
                let is_known = self.class(class).is_some();
                if let Some(row) = self.row_mut(pod).filter(|_| is_known) {
                    row.spec = class;
                    let node = row.node;
                    self.changes.touch(node);
                }
            }
            PodChange::Moving { to } => {
                if let Some(node) = self.row(pod).map(|row| row.node) {
                    self.changes.touch(node);
                    self.changes.touch(to);
                }
            }
            _ => {}
        }
        self.serve(pod, store);
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
            self.count(sharers, if serves { 1 } else { -1 });
        }
    }

    /// More or fewer pods take part in the work of a workload.
    fn count(&mut self, sharers: Sharers, more: i64) {
        *self.sharing.entry(sharers).or_default() += more;
        if !self.members.is_empty() {
            self.changes.touch_sharers(sharers);
        }
    }

    /// Traffic makes a pod use this, beside what its class states.
    pub fn set_traffic(&mut self, pod: PodRef, used: ResourceUsage) {
        if let Some(row) = self.row_mut(pod).filter(|row| row.traffic != used) {
            row.traffic = used;
            let node = row.node;
            self.changes.touch(node);
        }
    }

    /// The use of a pod if nothing held it back; `None` of one whose processes are not up, or of
    /// whose use nothing is known.
    pub fn wanted(&self, pod: PodRef, now: Instant) -> Option<ResourceUsage> {
        self.both(pod, now, UsageMode::Instant)
            .map(|(wanted, _)| wanted)
    }

    /// The use of a pod: no more of the processors than its limits allow.
    pub fn used(&self, pod: PodRef, now: Instant) -> Option<ResourceUsage> {
        self.both(pod, now, UsageMode::Instant)
            .map(|(_, used)| used)
    }

    /// What a pod wants and uses, all its processes together.
    fn both(
        &self,
        pod: PodRef,
        at: Instant,
        manner: UsageMode,
    ) -> Option<(ResourceUsage, ResourceUsage)> {
        let row = self.row(pod)?;
        let class = self.class(row.spec)?;
        let query = self.query(row, at, manner);
        let of = |place| Some(class.read(place, row, row.up(place)?, query));
        let parts = class.places().filter_map(of);
        parts.reduce(|one, other| (sum(one.0, other.0), sum(one.1, other.1)))
    }

    fn query(&self, row: &Row, at: Instant, manner: UsageMode) -> UseQuery {
        UseQuery {
            most: i64::MAX,
            at,
            manner,
            sharers: self.sharing.get(&row.sharers).copied().unwrap_or(1),
        }
    }

    /// The use of a pod's container now, of processors the mean over the window before, as far as it was
    /// up.
    fn used_over(
        &self,
        row: &Row,
        place: usize,
        now: Instant,
        window: Duration,
    ) -> Option<ResourceUsage> {
        let (class, up) = (self.class(row.spec)?, row.up(place)?);
        let read = |at| {
            class
                .read(place, row, up, self.query(row, at, UsageMode::Instant))
                .1
        };
        let mut used = read(now);
        let span = window.min(now.since(up.since)).as_nanos();
        if span <= 0 || class.is_steady() {
            return Some(used);
        }
        // In the middle of each second, or of each sixtieth of a longer window.
        let pieces = (span / 1_000_000_000).clamp(1, 60);
        let at = |piece: i64| {
            let before = span - span / pieces * piece - span / pieces / 2;
            Instant::from_nanos(now.as_nanos() - before)
        };
        let of = (0..pieces).map(|piece| read(at(piece)));
        let sum: i128 = of.map(|used| i128::from(used.cpu_milli)).sum();
        used.cpu_milli = i64::try_from(sum / i128::from(pieces)).unwrap_or(i64::MAX);
        Some(used)
    }

    /// Whether what measures the run is to be shown something.
    #[inline]
    pub(super) fn has_news(&self, now: Instant) -> bool {
        self.changes.is_news(now)
    }

    /// The pods of a node get other parts of its cores.
    pub(super) fn touch(&mut self, node: NodeId) {
        if !self.pods.is_empty() {
            self.changes.touch(node);
        }
    }

    /// The next instant before another one at which a use changes though nothing happens.
    #[inline]
    pub(super) fn changes_before(&self, next: Instant) -> Option<Instant> {
        self.changes.next().filter(|&at| at < next)
    }

    /// Measurements of the nodes whose pods use something else than when they were shown last.
    pub(super) fn news(&mut self, now: Instant, store: &Store) -> UsageView<'_> {
        for sharers in self.changes.take_sharers() {
            let own = self.members.range((sharers, 0)..=(sharers, usize::MAX));
            for &(_, slot) in own {
                if let Some(row) = &self.pods[slot] {
                    self.changes.touch(row.node);
                }
            }
        }
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        self.changes.take(now, &mut shown);
        if self.varies {
            for &node in &shown {
                let next = self.next_change(node, now, store);
                self.changes.expect(node, next);
            }
        }
        self.shown = shown;
        UsageView {
            usage: self,
            at: now,
            had: None,
            manner: UsageMode::Held,
        }
    }

    /// The instant at which the use of a node's pods changes next by itself.
    fn next_change(&self, node: NodeId, now: Instant, store: &Store) -> Option<Instant> {
        let of = |slot: usize| {
            let row = self.pods.get(slot)?.as_ref()?;
            let class = self.class(row.spec)?;
            let next = |place| class.held_until(place, row.up(place)?, now);
            class.places().filter_map(next).min()
        };
        let pods = store.nodes().pods(node).iter();
        pods.filter_map(|slot| of(slot.index())).min()
    }

    /// Measurements of usage now.
    pub(super) fn samples(&self, now: Instant) -> UsageView<'_> {
        UsageView {
            usage: self,
            at: now,
            had: None,
            manner: UsageMode::Instant,
        }
    }

    fn class(&self, class: units::ClassId) -> Option<&Class> {
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

fn sum(one: ResourceUsage, other: ResourceUsage) -> ResourceUsage {
    ResourceUsage {
        cpu_milli: one.cpu_milli.saturating_add(other.cpu_milli),
        memory_bytes: one.memory_bytes.saturating_add(other.memory_bytes),
    }
}

#[cfg(test)]
mod tests;
