//! The scheduler, the services of hosts and the operator at work, as one component (spec:
//! orchestrators-a.md section 6).
//!
//! The pods of a workload, or of one class of a gang, that are created at one instant are one request: all of them
//! get a host, or none does. Reports of hosts change nothing while they come; the instant at which a silent host is
//! down follows from when it reported last. Requests are in `requests.rs`, hosts in `hosts.rs`.

mod builds;
mod evacuations;
mod hosts;
mod migrations;
mod racing;
mod relocations;
mod requests;
mod staying;

use std::collections::VecDeque;
use std::sync::Arc;

use cluster::{Conflict, Store};
use control::admission::Creation;
use control::{Component, Memory, Outbox, Progress, Write};
use fixedbitset::FixedBitSet;
use model::{Event, NodeContact, ObjectChange, PodChange, PodCreated, PodRef, PodSpec, Text};
use rng::Stream;
use scheduler::pipeline::evaluate::Form;
use units::{ClassId, GangId, Instant, NodeId, ObjectId, PodId, Revision, SortedMap, SortedSet};

use super::aggregate;
use super::entry::CAPABILITIES;
use super::fast::FastCloud;
use super::filter::Filter;
use super::hints::Named;
use super::options::{NovaOptions, Rules};
use super::scheduler::Request;
use crate::parts::client::Workloads;
use crate::parts::timers::Timers;
use crate::parts::turn::Turn;

use evacuations::Evacuations;
use hosts::Service;
use migrations::Migrations;
use racing::Deciding;
use relocations::Relocations;

/// Purpose of the stream that hosts are drawn from.
const SUBSET: &str = "nova.subset";

/// Something that is due.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// A client asks again for the instances of a request.
    Ask(PodId),
    /// The last report of a host becomes too old.
    Down(NodeId),
    /// An operator evacuates a host.
    Evacuate(NodeId),
    /// An instance that moves stands still, or its move is given up.
    Moved(PodId),
    /// The user answers to the move of an instance, which is this pod now.
    Answered(PodId),
    /// The build of an instance fails on its host.
    BuildFailed(PodRef),
    /// A scheduler has decided on the request that begins with a pod.
    Decided(PodId),
}

/// Requests of a class, and the hosts that have what they name.
#[derive(Clone, Debug)]
struct Template {
    request: Arc<Request>,
    matching: FixedBitSet,
    /// The pod as the capabilities of hosts are matched with it.
    spec: Arc<PodSpec>,
    /// Classes whose instances the requests name.
    named: Option<Named>,
}

/// An instance and the pod in it.
#[derive(Clone, Debug)]
struct Instance {
    pod: PodRef,
    name: Text,
    class: ClassId,
    request: Option<Arc<Request>>,
    host: Option<usize>,
    /// Marks an instance that is being built, which counts as an operation of its host.
    is_building: bool,
    /// Marks an instance that is off since its host came back.
    is_off: bool,
    /// Hosts to try if the first one does not take it.
    alternates: Vec<usize>,
    /// Number of builds so far.
    builds: u64,
}

/// Pods that are asked for together.
#[derive(Clone, Debug)]
struct Batch {
    pods: Vec<PodRef>,
    /// Instant at which the pods were submitted.
    submitted: Instant,
    /// Instant at which the client first asked.
    first_asked: Option<Instant>,
}

/// Pods that are asked for in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Together {
    Workload(ObjectId),
    /// Pods of one class of a gang: a request names one flavor.
    Gang(GangId, ClassId),
    Alone(PodId),
}

/// The control plane of a Nova.
#[derive(Clone)]
pub(super) struct Nova {
    options: NovaOptions,
    /// The rules, with all feasible hosts as alternates: a claim that fails goes to the next one.
    claimed: Rules,
    form: Form,
    seed: u64,
    subset: Stream,
    cursor: Revision,
    cloud: FastCloud,
    services: Vec<Service>,
    /// By class.
    templates: Vec<Option<Template>>,
    /// Filters without which requests for server groups were refused.
    missing_filters: SortedSet<Filter>,
    /// By slot.
    instances: Vec<Option<Instance>>,
    /// Requests that wait for their turn at this instant.
    requests: VecDeque<Batch>,
    /// Instances whose host did not take them.
    retries: VecDeque<PodRef>,
    /// Number of changes by which something may have become possible.
    changes: u64,
    /// Requests that schedulers decide on, by their first pod.
    deciding: SortedMap<PodId, Deciding>,
    /// Requests that can't succeed before something changes, by their first pod.
    resting: SortedMap<PodId, Batch>,
    /// Requests whose client asks again at an instant, by their first pod.
    asking: SortedMap<PodId, Batch>,
    evacuations: Evacuations,
    migrations: Migrations,
    relocations: Relocations,
    timers: Timers<Due>,
    workloads: Workloads,
}

impl Nova {
    /// A control plane that knows nothing yet; `seed` is the run's.
    pub(super) fn new(options: NovaOptions, form: Form, seed: u64) -> Self {
        Self {
            subset: Stream::new(seed, SUBSET, 0),
            claimed: Rules {
                max_attempts: options.rules.most_candidates,
                ..options.rules.clone()
            },
            options,
            form,
            seed,
            cursor: Revision::default(),
            cloud: FastCloud::default(),
            services: Vec::new(),
            missing_filters: SortedSet::new(),
            templates: Vec::new(),
            instances: Vec::new(),
            requests: VecDeque::new(),
            retries: VecDeque::new(),
            changes: 0,
            deciding: SortedMap::new(),
            resting: SortedMap::new(),
            asking: SortedMap::new(),
            evacuations: Evacuations::default(),
            migrations: Migrations::default(),
            relocations: Relocations::default(),
            timers: Timers::default(),
            workloads: Workloads::new(CAPABILITIES),
        }
    }

    fn read(&mut self, turn: &mut Turn<'_>) {
        let mut arrived = Vec::new();
        for entry in turn.store.log().since(self.cursor) {
            let at = entry.at;
            match &entry.event {
                Event::NodeAdded { node, object } => self.joined(at, *node, object),
                Event::NodeUpdated { node, object } => self.updated(turn.now, *node, object),
                Event::NodeContact { node, contact } => match contact {
                    NodeContact::Silent { .. } => {
                        self.break_off(*node);
                        self.silent(at, *node);
                    }
                    NodeContact::Steady => self.heard(*node, turn),
                    NodeContact::Heard => {}
                },
                Event::NodeReadiness { node, ready } => {
                    if !ready {
                        self.break_off(*node);
                    }
                    self.declared(turn.now, *node, *ready);
                }
                Event::NodeRemoved { node } => {
                    self.break_off(*node);
                    self.set_up(node.index(), false);
                }
                Event::PodCreated(created) => {
                    if let Some(owner) = created.owner {
                        self.workloads.created(created.pod, owner, turn);
                    }
                    let together = self.enter(created, turn.store);
                    if !self.evacuated(created, turn)
                        && let Some(together) = together
                    {
                        arrived.push((together, created.pod));
                    }
                }
                Event::PodBound { pod, node, .. } => {
                    self.bound(*pod, *node);
                    self.relocated_to(*pod);
                }
                Event::PodChanged {
                    pod,
                    change: PodChange::Relocated(step),
                } => self.relocation(*pod, *step),
                Event::PodChanged {
                    pod,
                    change: PodChange::Exited { .. },
                } => self.exited(at, *pod),
                Event::PodChanged {
                    pod,
                    change: PodChange::Ready(true) | PodChange::Restarted(_),
                } => self.is_on(*pod),
                Event::PodRunning { pod } => {
                    self.runs(*pod);
                    self.relocation_runs(turn.now, *pod);
                    self.migrations.look_again();
                }
                Event::PodEnded { pod, reason } => {
                    self.stop_moving(*pod);
                    self.relocation_ended(*pod);
                    self.ended(*pod, *reason, turn);
                }
                Event::Object(change) => self.declared_object(change, turn),
                _ => {}
            }
        }
        self.cursor = turn.store.revision();
        self.queue(turn.now, arrived);
    }

    fn declared_object(&mut self, change: &ObjectChange, turn: &mut Turn<'_>) {
        let (asked, stopped) = self.workloads.changed(change, turn.store);
        for event in stopped {
            turn.write(event);
        }
        turn.out.creations.extend(asked);
    }

    fn instance_mut(&mut self, pod: PodRef) -> Option<&mut Instance> {
        let instance = self.instances.get_mut(pod.slot.index())?.as_mut()?;
        (instance.pod == pod).then_some(instance)
    }

    /// A pod was created: the batch that it belongs to, unless it is on a node already.
    fn enter(&mut self, created: &PodCreated, store: &Store) -> Option<Together> {
        let slot = created.pod.slot.index();
        if self.instances.len() <= slot {
            self.instances.resize(slot + 1, None);
        }
        self.instances[slot] = Some(Instance {
            pod: created.pod,
            name: created.name.text(),
            class: created.class,
            request: None,
            host: None,
            is_building: false,
            is_off: false,
            alternates: Vec::new(),
            builds: 0,
        });
        self.prepare(created.class, store);
        if created.found.is_some() || self.migrations.arrived(&created.name.text()) {
            return None;
        }
        let workload = created.owner.map(|owner| Together::Workload(owner.object));
        let gang = || Some(Together::Gang(created.gang?, created.class));
        let together = workload.or_else(gang);
        Some(together.unwrap_or(Together::Alone(created.pod.id)))
    }

    /// Queues requests in the order of their first pods.
    fn queue(&mut self, now: Instant, arrived: Vec<(Together, PodRef)>) {
        let mut last = None;
        for (together, pod) in arrived {
            match self.requests.back_mut() {
                Some(batch) if last == Some(together) => batch.pods.push(pod),
                _ => self.requests.push_back(Batch {
                    pods: vec![pod],
                    submitted: now,
                    first_asked: None,
                }),
            }
            last = Some(together);
        }
    }

    /// Whether the next request can be decided on: at once, or by a scheduler that is idle.
    fn takes_requests(&self) -> bool {
        self.options.schedulers.is_none() || self.idle_scheduler().is_some()
    }

    fn due(&mut self, due: Due, turn: &mut Turn<'_>) {
        match due {
            Due::Ask(first) => self.requests.extend(self.asking.remove(&first)),
            Due::Down(node) => self.down(node, turn),
            Due::Evacuate(node) => self.evacuate(turn.now, node, turn.store),
            Due::Moved(pod) => self.moved(pod, turn),
            Due::Answered(pod) => self.answered(pod, turn),
            Due::BuildFailed(pod) => self.build_failed(pod, turn),
            Due::Decided(first) => {
                if let Some(decision) = self.deciding.remove(&first) {
                    self.decided(decision, turn);
                }
            }
        }
    }
}

impl Component for Nova {
    fn name(&self) -> &'static str {
        "nova-scheduler"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.read(turn);
        while let Some((_, due)) = self.timers.pop(now) {
            self.due(due, turn);
        }
        // A move that is done is seen in the log before anything else is placed.
        let is_move = |creation: &Creation| {
            matches!(creation, Creation::Moved { .. } | Creation::Rebuilt { .. })
        };
        if turn.out.creations.iter().any(is_move) {
            return Progress::More;
        }
        if let Some(pod) = self.retries.pop_front() {
            self.retry(pod, turn);
        } else if self.evacuate_next(turn) {
            return Progress::More;
        } else if self.takes_requests()
            && let Some(batch) = self.requests.pop_front()
        {
            match self.idle_scheduler() {
                Some(scheduler) => self.begin(scheduler, batch, turn),
                None => self.ask(batch, turn),
            }
        } else if self.relocate(turn) || self.migrate(turn) {
            return Progress::More;
        }
        self.share_out(now);
        if let Some(at) = self.timers.next() {
            turn.out.wake_at(at);
        }
        let is_due = self.timers.next().is_some_and(|at| at <= now);
        let has_turn = self.takes_requests() && !self.requests.is_empty();
        if !has_turn && self.retries.is_empty() && !is_due {
            Progress::Idle
        } else {
            Progress::More
        }
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        if let Event::PodBound { pod, .. } = write.event {
            self.leave(pod);
            self.retries.push_back(pod);
        }
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        // What was to be evacuated has ended meanwhile.
        if matches!(creation, Creation::Replacement { .. }) {
            self.evacuations.call_off();
        }
        if let Creation::Rebuilt { pod, .. } = creation
            && let Some(name) = self.instance_mut(*pod).map(|own| own.name.clone())
        {
            self.relocation_declined(&name);
        }
        if let Creation::Moved { pod, .. } = creation
            && let Some(name) = self.instance_mut(*pod).map(|own| own.name.clone())
        {
            self.migrations.arrived(&name);
        }
    }

    fn moves_pods(&self) -> bool {
        self.options.migration.is_some()
    }

    fn backlog(&self) -> usize {
        let batches = self.requests.iter().chain(self.resting.values());
        let batches = batches.chain(self.asking.values());
        let deciding = self.deciding.values().map(Deciding::instances);
        let waiting = batches.map(|batch| batch.pods.len()).chain(deciding);
        waiting.sum::<usize>() + self.retries.len()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        self.why_it_waits(pod)
    }

    fn remarks(&self) -> Vec<String> {
        let aggregates = aggregate::remarks(&self.options.aggregates);
        let all = aggregates.into_iter().chain(self.stay_remark());
        let all = all.chain(self.off_remark());
        all.chain(self.unsupported_groups()).collect()
    }

    fn memory(&self) -> Memory {
        self.workloads.memory()
    }

    fn recall(&mut self, _now: Instant, memory: &str, _view: &Store) -> Result<(), String> {
        self.workloads.recall(memory)
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
