//! The trait that every metric implements, and what it hears and hands back.

use cluster::{self, Store};
use model::queueing::QueuedWorkload;
use model::{Event, Object, ObjectChange, Pod, PodChange, TrafficNames, TrafficStretch};
use units::{Instant, NodeId, ObjectId, PodId};

use crate::alerts::AlertLog;
use crate::record::change_batch::ChangeBatch;
use crate::record::jobs::JobRecord;
use crate::record::state::{ClusterState, NodeChange, Row};
use crate::record::tables::Tables;
use crate::record::window::MeasuredWindow;
use crate::record::workloads::Workloads;
use crate::statistics::span::Span;
use crate::values::Values;

/// A change that was just applied.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Instant of the change.
    pub at: Instant,
    /// The event.
    pub event: &'a Event,
    /// The pod that it is about, as it left it; of one that it ended, as it was before.
    pub pod: Option<&'a Pod>,
    /// Requests of that pod.
    pub requests: &'a Row,
    /// The cluster after it.
    pub store: &'a Store,
    /// The measured window.
    pub measured: &'a MeasuredWindow,
    /// Pods created and not bound, after it.
    pub pending: u64,
}

impl Change<'_> {
    /// `true` if the change happened in the measured window.
    #[inline]
    pub fn in_window(&self) -> bool {
        self.measured.has_instant(self.at)
    }

    /// The workload of a queue that the change declares, and its object.
    pub fn workload(&self) -> Option<(ObjectId, &QueuedWorkload)> {
        match self.event {
            Event::Object(
                ObjectChange::Created {
                    id,
                    object: Object::Workload(own),
                    ..
                }
                | ObjectChange::Updated {
                    id,
                    object: Object::Workload(own),
                },
            ) => Some((*id, own)),
            _ => None,
        }
    }

    /// Whether a pod was submitted in the measured window.
    #[inline]
    pub fn measures(&self, pod: PodId) -> bool {
        self.measured.has(pod)
    }
}

/// Measurements of the nodes whose pods use something else from a settled instant on.
#[derive(Clone, Copy)]
pub struct UsageSample<'a> {
    /// Instant of the sample.
    pub at: Instant,
    /// The cluster.
    pub store: &'a Store,
    /// The nodes, in order.
    pub nodes: &'a [NodeId],
    /// Usage of their pods.
    pub usage: &'a dyn cluster::UsageSamples,
    /// The measured window.
    pub measured: &'a MeasuredWindow,
}

/// The end of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunEnd<'a> {
    /// The horizon: when the run ended.
    pub at: Instant,
    /// The measured window.
    pub window: Span,
    /// The measured window.
    pub measured: &'a MeasuredWindow,
    /// The cluster's totals at the end of the window: after everything that happened at the end of
    /// the run, or just before the end of a window that ends earlier.
    pub state: &'a ClusterState,
    /// The cluster at the end of the run.
    pub store: &'a Store,
    /// Workloads that controllers maintained.
    pub workloads: &'a Workloads,
    /// Outcomes of the alert rules.
    pub alerts: &'a AlertLog,
}

impl RunEnd<'_> {
    /// Measured time that has passed, in nanoseconds: the end of all integrals.
    pub fn clock(&self) -> i64 {
        self.state.areas.clock()
    }

    /// Whether the measured window ended before the run did and had a length: what is reported of its
    /// end is then what held last in it.
    pub fn is_clipped(&self) -> bool {
        self.window.to < self.at && self.clock() > 0
    }

    /// Length of the measured window in nanoseconds; 0 if the run ended before it began.
    pub fn window_nanos(&self) -> i64 {
        self.window.nanos().max(0)
    }

    /// Length of the measured window in hours.
    ///
    /// # Errors
    /// If it has no length.
    pub fn window_hours(&self) -> Result<f64, String> {
        match self.window_nanos() {
            0 => Err("the measured window has no length".to_owned()),
            nanos => Ok(nanos as f64 / 3.6e12),
        }
    }
}

/// Kinds of events that a collector can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Changes: a pod was created, at any time of the run, as all changes.
    Created,
    /// Changes: a pod was bound.
    Bound,
    /// Changes: an attempt to place a pod failed.
    Unschedulable,
    /// Changes: a node begins to start a pod.
    Starting,
    /// Changes: a pod runs.
    Running,
    /// Changes: a pod ended.
    Ended,
    /// Changes: a pod lost its node and ended with it; `Ended` comes besides.
    Lost,
    /// Changes: a pod was bound that had been submitted again after it lost its node; `Bound` comes
    /// besides.
    Moved,
    /// Changes: something was reported or ordered of a pod beside the steps of its life.
    Changed,
    /// Changes: a pod that runs was resized in place.
    Resized,
    /// Changes: a node joined, left, went down, came up or was declared anew.
    Declared,
    /// Changes: an object of the API was created, changed or deleted.
    Objects,
    /// Measurements of the world, taken from time to time.
    Usage,
    /// Changes: a node asks for an image for a container, has it, or can't have it.
    Pulls,
    /// Changes of identical pods within an instant.
    Alike,
    /// Spans of positive length within the measured window.
    Spans,
    /// Nodes that are not as they were, once everything of an instant has happened.
    Nodes,
    /// That nothing is left to do at an instant, each time.
    Settled,
    /// Jobs whose life is known.
    Jobs,
    /// Outcomes of client requests in intervals of the measured window.
    Traffic,
    /// Changes: machines of a kind cost something else from now on.
    Prices,
    /// Changes: a scheduler that takes time to decide has decided on a job.
    Decisions,
    /// Changes: steps of pushes on their way to the pods that run them.
    Deliveries,
    /// Changes: news of volumes and their backups.
    Volumes,
    /// Changes: what virtual machines asked for and got over a time.
    ServiceLevels,
    /// Changes: a machine that was ordered does not come.
    MachineFailures,
}

impl EventKind {
    /// All of them, each at its own number.
    pub const ALL: [Self; 26] = [
        Self::Created,
        Self::Bound,
        Self::Unschedulable,
        Self::Starting,
        Self::Running,
        Self::Ended,
        Self::Lost,
        Self::Moved,
        Self::Changed,
        Self::Resized,
        Self::Declared,
        Self::Objects,
        Self::Usage,
        Self::Pulls,
        Self::Alike,
        Self::Spans,
        Self::Nodes,
        Self::Settled,
        Self::Jobs,
        Self::Traffic,
        Self::Prices,
        Self::Decisions,
        Self::Deliveries,
        Self::Volumes,
        Self::ServiceLevels,
        Self::MachineFailures,
    ];

    /// Kind of an event; `None` for events that no metric uses.
    pub const fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::PodCreated(_) => Self::Created,
            Event::PodBound { .. } => Self::Bound,
            Event::PodUnschedulable { .. } => Self::Unschedulable,
            Event::PodStarting { .. } => Self::Starting,
            Event::PodRunning { .. } => Self::Running,
            Event::PodEnded { .. } => Self::Ended,
            Event::PodChanged {
                change: PodChange::Pull { .. },
                ..
            } => Self::Pulls,
            Event::PodChanged {
                change: PodChange::Resized { .. },
                ..
            } => Self::Resized,
            Event::PodChanged { .. } => Self::Changed,
            Event::NodeAdded { .. }
            | Event::NodeUpdated { .. }
            | Event::NodeReadiness { .. }
            | Event::NodeRemoved { .. } => Self::Declared,
            Event::Object(_) => Self::Objects,
            Event::PriceChanged(_) => Self::Prices,
            Event::Decided(_) => Self::Decisions,
            Event::Delivery(_) => Self::Deliveries,
            Event::Volume(_) => Self::Volumes,
            Event::ServiceLevels(_) => Self::ServiceLevels,
            Event::MachineFailed(_) => Self::MachineFailures,
            Event::ClassAdded { .. }
            | Event::NodeContact { .. }
            | Event::Rollout { .. }
            | Event::HoldPlaced(_)
            | Event::HoldReleased { .. } => {
                return None;
            }
        })
    }
}

/// Collector of one family of metrics over one run. A recorder makes one for each entry, tells it of the
/// kinds of news that it asks for, and has it read its statistics at the end.
///
/// A family is one file: its statistics, its entry and its collector.
///
/// ```
/// use std::sync::Arc;
///
/// use cluster::{Observer, Store};
/// use metrics::{
///     Change, Collector, Direction, Group, EventKind, MetricEntry, Reading, Recorder, RunEnd, Setup,
///     Statistic, Title, Values,
/// };
/// use model::{Event, Node};
/// use units::Instant;
///
/// const COUNT: Statistic = Statistic::amount("count", "nodes", Direction::None);
///
/// const ENTRY: MetricEntry = MetricEntry {
///     subject: "joined",
///     title: Title::new("nodes that joined"),
///     group: Group::Capacity.at(900),
///     short_lists: &[],
///     series: &[],
///     summary: "Number of nodes that joined.",
///     statistics: &[COUNT],
///     formula: "count of nodes added",
///     denominators: "none: a count",
///     census: "nodes that joined in the measured window",
///     censoring: "none: a count",
///     source: "an example",
///     construct: |_| Box::new(Joined::default()),
/// };
///
/// #[derive(Clone, Default)]
/// struct Joined(u64);
///
/// impl Collector for Joined {
///     fn hears(&self) -> &'static [EventKind] {
///         &[EventKind::Declared]
///     }
///
///     fn event(&mut self, change: &Change<'_>) {
///         let joined = matches!(change.event, Event::NodeAdded { .. });
///         self.0 += u64::from(joined && change.in_window());
///     }
///
///     fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
///         values.put(COUNT, Reading::count(self.0));
///     }
/// }
///
/// let mut store = Store::new();
/// let mut recorder = Recorder::of(&Setup::default(), &[ENTRY]);
/// let event = store.node_added(Arc::new(Node::default()));
/// store.apply(Instant::ZERO, event.clone()).expect("a node may join");
/// recorder.observe(Instant::ZERO, &event, None, &store);
/// recorder.settled(Instant::ZERO, &store);
///
/// let metrics = recorder.finish(Instant::from_secs(60), &store).expect("a consistent record");
/// let count = metrics.get("joined.count").expect("each statistic has a value");
/// assert_eq!(count.value, Some(1.0));
/// ```
pub trait Collector: CloneCollector + Send {
    /// Kinds of events that the collector subscribes to; it receives no others.
    fn hears(&self) -> &'static [EventKind];

    /// Called after a change of a kind that the collector hears, at any time of the run.
    fn event(&mut self, change: &Change<'_>) {
        let _ = change;
    }

    /// Called with changes of identical pods, at any time of the run: before the span in which they
    /// hold, and in no defined order with events of other pods at the same instant.
    fn alike(&mut self, deeds: &ChangeBatch) {
        let _ = deeds;
    }

    /// Called for each span of positive length within the measured window, with the state that held.
    fn held(&mut self, state: &ClusterState, span: Span) {
        let _ = (state, span);
    }

    /// Called when nodes changed, at any time of the run. Comes before the span in which it holds.
    fn node(&mut self, change: &NodeChange<'_>) {
        let _ = change;
    }

    /// Called when the present instant has settled; further events may still occur in it.
    /// `is_changed` tells whether nodes have changed.
    fn settled(&mut self, store: &Store, pending: u64, is_changed: bool) {
        let _ = (store, pending, is_changed);
    }

    /// Called with measurements of the world at a settled instant.
    fn usage(&mut self, sample: &UsageSample<'_>) {
        let _ = sample;
    }

    /// Called when a job's life is known: it is over, or the run is. Jobs submitted outside the measured
    /// window come too and say so.
    fn job(&mut self, job: &JobRecord) {
        let _ = job;
    }

    /// Called with request outcomes of an interval of the measured window. Intervals of one service
    /// arrive in order, those of several services in no defined order.
    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        let _ = (stretch, names);
    }

    /// Called at the end of the run to find contradictions in what was collected.
    ///
    /// # Errors
    /// The contradiction, in words.
    fn check(&self, end: &RunEnd<'_>) -> Result<(), String> {
        let _ = end;
        Ok(())
    }

    /// Adds the tables and findings of the family, if it leaves any.
    fn tables(&self, end: &RunEnd<'_>, tables: &mut Tables) {
        let _ = (end, tables);
    }

    /// Reads every statistic that the entry lists. Every span up to the end of the run was handed
    /// over, and every job.
    fn finish(&self, end: &RunEnd<'_>, values: &mut Values);
}

/// Copy of a boxed collector, for a run that forks. Every collector that derives [`Clone`]
/// has it.
pub trait CloneCollector {
    /// Makes an equal collector, which goes its own way from here.
    fn clone_collector(&self) -> Box<dyn Collector>;
}

impl<T: Collector + Clone + 'static> CloneCollector for T {
    fn clone_collector(&self) -> Box<dyn Collector> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Collector> {
    fn clone(&self) -> Self {
        (**self).clone_collector()
    }
}
