//! The manager as a component of a run: it reads nodes, pods and workloads from the log, decides
//! with [`Cluster`] and [`Watchdog`], and hands back bindings and replacements (spec:
//! orchestrators-a.md section 1).
//!
//! Clients are part of it: whoever declared a workload asks for its containers once, and asks again
//! after a while for what was refused. A manager without a primary takes nothing. Refreshes of
//! engines that answer change nothing and are computed when somebody wants to know
//! ([`super::watch`]). Clients are in `clients.rs`, engines in `engines.rs`, what comes while no manager is
//! there in `unheard.rs`.

mod clients;
mod engines;
mod unheard;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::parts::client::Workloads;
use crate::parts::timers::Timers;
use crate::parts::turn::Turn;
use cluster::{Conflict, Store};
use control::admission::Creation as Asked;
use control::{Component, Memory, Outbox, Progress, Write};
use model::{EndReason, Event, NodeContact, PodChange, PodCreated, PodRef, Text};
use units::{ClassId, Duration, Instant, ObjectId, PodId, Revision, SortedMap, SortedSet};

use super::cluster::{Cluster, Creation};
use super::container::ContainerConfig;
use super::entry::CAPABILITIES;
use super::options::SwarmOptions;
use super::primary::Primary;
use super::request;
use super::watch::{Round, Watch};
use super::watchdog::Watchdog;
use unheard::Unheard;

/// Something that is due.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// A client asks again.
    Ask(PodRef),
    /// An engine has created a container.
    Created(PodRef),
    /// A round with an engine that may not answer.
    Refresh(usize),
    /// A registration of an engine expires.
    Expiry(usize),
    /// An engine is not listed any more although it answers.
    Lapse(usize),
    /// Managers campaign for the lock.
    Campaign,
    /// A manager is there again and looks at the engines.
    Look,
    /// A client asks again for a workload that nobody heard of.
    Declare(ObjectId),
}

/// Requests of containers; `None` if Swarm can't express them.
type Template = Option<Arc<ContainerConfig>>;

/// A container and the pod that it is.
#[derive(Clone, Debug)]
struct Known {
    pod: PodRef,
    name: Text,
    class: ClassId,
    /// Instant at which the container's client first asked for it.
    first_asked: Option<Instant>,
    /// A creation that its engine has not answered yet.
    creation: Option<Creation>,
}

/// The manager of a Swarm.
#[derive(Clone)]
pub(super) struct SwarmManager {
    options: SwarmOptions,
    seed: u64,
    cursor: Revision,
    cluster: Cluster,
    watchdog: Watchdog,
    watches: Vec<Watch>,
    /// By class, and by workload where the environment says more of it.
    template_numbers: SortedMap<(ClassId, Option<Text>), u32>,
    templates: Vec<Template>,
    /// By slot.
    known: Vec<Option<Known>>,
    by_name: SortedMap<Text, PodRef>,
    /// Requests that wait for their turn at this instant.
    requests: VecDeque<PodRef>,
    /// Clients whose request can't succeed before something changes.
    resting: SortedMap<PodId, PodRef>,
    /// Containers whose replacement was asked for.
    moving: SortedSet<Text>,
    /// Whether the watchdog is to go on with what is next.
    is_watchdog_due: bool,
    timers: Timers<Due>,
    /// Instant from which the list of engines can't be read.
    unlisted_since: Option<Instant>,
    primary: Primary,
    unheard: Unheard,
    workloads: Workloads,
}

impl SwarmManager {
    /// A manager that knows nothing yet; `seed` is the run's.
    pub(super) fn new(options: SwarmOptions, seed: u64) -> Self {
        let mut cluster = Cluster::new(options.scheduler.clone(), seed);
        cluster.create_retries = options.create_retries;
        Self {
            primary: Primary::new(options.managers, options.replication_ttl),
            seed,
            cursor: Revision::default(),
            cluster,
            watchdog: Watchdog::default(),
            watches: Vec::new(),
            template_numbers: SortedMap::new(),
            templates: Vec::new(),
            known: Vec::new(),
            by_name: SortedMap::new(),
            requests: VecDeque::new(),
            resting: SortedMap::new(),
            moving: SortedSet::new(),
            is_watchdog_due: false,
            timers: Timers::default(),
            unlisted_since: None,
            unheard: Unheard::default(),
            workloads: Workloads::new(CAPABILITIES),
            options,
        }
    }

    fn read(&mut self, turn: &mut Turn<'_>) {
        for entry in turn.store.log().since(self.cursor) {
            self.happened(entry.at, &entry.event, turn);
        }
        self.cursor = turn.store.revision();
    }

    fn happened(&mut self, at: Instant, event: &Event, turn: &mut Turn<'_>) {
        match event {
            Event::NodeAdded { object, .. } => {
                self.cluster
                    .add_engine(request::engine(object, &self.options));
                self.watches
                    .push(Watch::new(at, &object.name, &self.options, self.seed));
                self.changed(turn.now);
            }
            Event::NodeUpdated { node, object } => {
                let labels = request::engine(object, &self.options).labels;
                if let Some(engine) = self.cluster.engine_mut(node.index()) {
                    engine.labels = labels;
                }
                self.changed(turn.now);
            }
            Event::NodeContact { node, contact } => match contact {
                NodeContact::Silent { .. } => self.silent(at.max(turn.now), node.index()),
                NodeContact::Steady => self.heard(turn.now, node.index()),
                NodeContact::Heard => {}
            },
            Event::NodeReadiness { node, ready } => {
                self.declared(turn.now, node.index(), *ready);
                self.changed(turn.now);
            }
            Event::NodeRemoved { node } => self.set_health(node.index(), 0),
            Event::PodCreated(created) => {
                if let Some(owner) = created.owner {
                    self.workloads.created(created.pod, owner, turn);
                }
                self.enter(created, turn);
            }
            Event::PodRunning { pod } => {
                if let Some(name) = self.name_of(*pod) {
                    self.cluster.set_running(&name, true);
                    if self.moving.remove(&name) {
                        self.watchdog.finish(&mut self.cluster);
                        self.go_on_moving(turn.now, turn.out);
                    }
                }
            }
            Event::PodEnded { pod, reason } => self.ended(*pod, *reason, turn),
            Event::Object(change) => self.declared_by_client(change, turn),
            _ => {}
        }
    }

    fn name_of(&self, pod: PodRef) -> Option<Text> {
        let known = self.known.get(pod.slot.index())?.as_ref()?;
        (known.pod == pod).then(|| known.name.clone())
    }

    /// A pod was submitted: its client asks for it, or the watchdog has asked already.
    fn enter(&mut self, created: &PodCreated, turn: &mut Turn<'_>) {
        let (pod, name, class) = (created.pod, &created.name, created.class);
        let namespace = &turn.store.class(class).spec.namespace;
        let name = match &**namespace {
            "" | "default" => name.text(),
            other => format!("{other}.{name}").into(),
        };
        let slot = pod.slot.index();
        if self.known.len() <= slot {
            self.known.resize(slot + 1, None);
        }
        self.known[slot] = Some(Known {
            pod,
            name: name.clone(),
            class,
            first_asked: None,
            creation: None,
        });
        self.by_name.insert(name.clone(), pod);
        if !self.moving.contains(&name) {
            self.requests.push_back(pod);
        } else if self.options.create_time > Duration::ZERO {
            let at = turn.now.saturating_add(self.options.create_time);
            self.timers.push(at, Due::Created(pod));
        } else {
            self.created(pod, turn);
        }
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason, turn: &mut Turn<'_>) {
        let row = self.known.get_mut(pod.slot.index());
        let Some(known) = row.and_then(|row| row.take_if(|known| known.pod == pod)) else {
            return;
        };
        self.resting.remove(&pod.id);
        if self.by_name.get(&known.name) == Some(&pod) {
            self.by_name.remove(&known.name);
        }
        // As `docker run --rm` does.
        if self.workloads.ended(pod) && reason.leaves_object() {
            let change = PodChange::Forgotten;
            turn.write(Event::PodChanged { pod, change });
        }
        // The watchdog has taken it off its engine already.
        if !self.moving.contains(&known.name) {
            self.cluster.remove(&known.name);
            self.changed(turn.now);
        }
    }

    fn due(&mut self, at: Instant, due: Due, turn: &mut Turn<'_>) {
        match due {
            Due::Ask(pod) => self.requests.push_back(pod),
            Due::Created(pod) => self.created(pod, turn),
            Due::Refresh(engine) => match self.watches[engine].round(at, turn.now) {
                Round::Stale => {}
                Round::Held { event, next } => {
                    self.follow(engine, event, turn);
                    if let Some(next) = next {
                        self.timers.push(next, Due::Refresh(engine));
                    }
                }
            },
            Due::Expiry(engine) => {
                if let Some(event) = self.watches[engine].expire(at) {
                    self.follow(engine, Some(event), turn);
                }
            }
            Due::Lapse(engine) => {
                let event = self.watches[engine].drop_listing();
                self.follow(engine, event, turn);
            }
            Due::Campaign => self.campaign(turn),
            Due::Look => self.look_again(turn),
            Due::Declare(object) => self.declare_again(object, turn),
        }
    }
}

impl Component for SwarmManager {
    fn name(&self) -> &'static str {
        "swarm-manager"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.read(turn);
        while let Some((at, due)) = self.timers.pop(now) {
            self.due(at, due, turn);
        }
        if std::mem::take(&mut self.is_watchdog_due) {
            self.go_on_moving(now, turn.out);
        }
        if let Some(pod) = self.requests.pop_front() {
            self.ask(pod, turn);
        }
        if let Some(at) = self.timers.next() {
            turn.out.wake_at(at);
        }
        if self.requests.is_empty() {
            Progress::Idle
        } else {
            Progress::More
        }
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        // The node went down meanwhile: the client asks again.
        if let Event::PodBound { pod, .. } = write.event
            && let Some(name) = self.name_of(pod)
        {
            self.cluster.remove(&name);
            self.resting.insert(pod.id, pod);
        }
    }

    fn managers_away(&mut self, now: Instant, away: u32) {
        let due = match away {
            0 => Some(self.primary.regain(now)),
            _ => self.primary.lose(now, away as usize),
        };
        if let Some(due) = due {
            self.timers.push(due, Due::Campaign);
        }
        if !self.primary.is_deserted() {
            self.timers.push(now, Due::Look);
        }
    }

    fn discovery(&mut self, now: Instant, is_up: bool) {
        let options = self.options.discovery;
        match (is_up, self.unlisted_since) {
            (false, None) => self.unlisted_since = Some(now),
            (true, Some(since)) => {
                self.unlisted_since = None;
                for engine in 0..self.watches.len() {
                    if let Some(at) = self.watches[engine].lapse(since, now, &options) {
                        self.timers.push(now, Due::Lapse(engine));
                        self.timers.push(at, Due::Refresh(engine));
                    }
                }
            }
            _ => {}
        }
    }

    fn declined(&mut self, creation: &Asked, _conflict: &Conflict) {
        // What was to be moved has ended meanwhile.
        if matches!(creation, Asked::Replacement { .. }) {
            let name = self.watchdog.abandon(&mut self.cluster);
            if let Some(name) = name {
                self.moving.remove(&name);
            }
            self.is_watchdog_due = true;
        }
    }

    fn backlog(&self) -> usize {
        self.requests.len() + self.resting.len()
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
