//! The manager as a component of a run: it reads nodes, pods and workloads from the log, decides
//! with [`Cluster`] and [`Watchdog`], and hands back bindings and replacements (spec:
//! orchestrators-a.md section 1).
//!
//! Clients are part of it: whoever declared a workload asks for its containers once, and asks again
//! after a while for what was refused. A manager without a primary takes nothing. Refreshes of
//! engines that answer change nothing and are computed when somebody wants to know
//! ([`super::watch`]).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::cluster::{Conflict, Store};
use crate::control::admission::Creation as Asked;
use crate::control::{Component, Outbox, Progress, Write};
use crate::model::{DeviceSet, EndReason, Event, NodeContact, PodChange, PodCreated, PodRef, Text};
use crate::systems::mapping::refusal;
use crate::systems::parts::timers::Timers;
use crate::units::{Duration, Instant, NodeId, PodId, Revision, SpecId};

use super::cluster::{Cluster, CreateError, Creation, EngineFailure};
use super::contact::ContactEvent;
use super::container::ContainerConfig;
use super::entry::CAPABILITIES;
use super::options::SwarmOptions;
use super::primary::Primary;
use super::request;
use super::watch::{Round, Watch};
use super::watchdog::{Order, Watchdog};
use super::workloads::Workloads;

/// Something that is due.
#[derive(Clone, Debug)]
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
}

/// What containers ask for; nothing if Swarm can't express it.
type Template = Option<Arc<ContainerConfig>>;

/// A container and the pod that it is.
#[derive(Clone, Debug)]
struct Known {
    pod: PodRef,
    name: Text,
    spec: SpecId,
    /// When its client first asked for it.
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
    template_numbers: BTreeMap<(SpecId, Option<Text>), u32>,
    templates: Vec<Template>,
    /// By slot.
    known: Vec<Option<Known>>,
    by_name: BTreeMap<Text, PodRef>,
    /// Requests that wait for their turn at this instant.
    requests: VecDeque<PodRef>,
    /// Clients whose request can't succeed before something changes.
    resting: BTreeMap<PodId, PodRef>,
    /// Containers whose replacement was asked for.
    moving: BTreeSet<Text>,
    /// Whether the watchdog is to go on with what is next.
    is_watchdog_due: bool,
    timers: Timers<Due>,
    /// Since when the list of engines can't be read.
    unlisted_since: Option<Instant>,
    primary: Primary,
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
            template_numbers: BTreeMap::new(),
            templates: Vec::new(),
            known: Vec::new(),
            by_name: BTreeMap::new(),
            requests: VecDeque::new(),
            resting: BTreeMap::new(),
            moving: BTreeSet::new(),
            is_watchdog_due: false,
            timers: Timers::default(),
            unlisted_since: None,
            workloads: Workloads::default(),
            options,
        }
    }

    fn read(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        for entry in store.log().since(self.cursor) {
            self.happened(entry.at, now, &entry.event, store, out);
        }
        self.cursor = store.revision();
    }

    fn happened(
        &mut self,
        at: Instant,
        now: Instant,
        event: &Event,
        store: &Store,
        out: &mut Outbox,
    ) {
        match event {
            Event::NodeAdded { object, .. } => {
                let engine = self
                    .cluster
                    .add_engine(request::engine(object, &self.options));
                self.watches
                    .push(Watch::new(at, engine, &self.options, self.seed));
                self.changed(now);
            }
            Event::NodeUpdated { node, object } => {
                let labels = request::engine(object, &self.options).labels;
                if let Some(engine) = self.cluster.engine_mut(node.index()) {
                    engine.labels = labels;
                }
                self.changed(now);
            }
            Event::NodeContact { node, contact } => match contact {
                NodeContact::Silent { .. } => self.silent(at.max(now), node.index()),
                NodeContact::Steady => self.heard(now, node.index()),
                NodeContact::Heard => {}
            },
            Event::NodeReadiness { node, ready } => {
                self.declared(now, node.index(), *ready);
                self.changed(now);
            }
            Event::NodeRemoved { node } => self.set_health(node.index(), 0),
            Event::PodCreated(created) => {
                if let Some(owner) = created.owner {
                    self.workloads.created(created.pod, owner);
                }
                self.enter(now, created, store, out);
            }
            Event::PodRunning { pod } => {
                if let Some(name) = self.name_of(*pod) {
                    self.cluster.set_running(&name, true);
                    if self.moving.remove(&name) {
                        let order = self.watchdog.started(&mut self.cluster);
                        self.carry_out(now, order, out);
                    }
                }
            }
            Event::PodEnded { pod, reason } => self.ended(now, *pod, *reason, store, out),
            Event::Object(change) => {
                let (asked, stopped) = self.workloads.changed(change, store);
                for event in stopped {
                    out.write(store, event);
                }
                out.creations.extend(asked);
            }
            _ => {}
        }
    }

    fn name_of(&self, pod: PodRef) -> Option<Text> {
        let known = self.known.get(pod.slot.index())?.as_ref()?;
        (known.pod == pod).then(|| known.name.clone())
    }

    /// A pod was submitted: its client asks for it, or the watchdog has asked already.
    fn enter(&mut self, now: Instant, created: &PodCreated, store: &Store, out: &mut Outbox) {
        let (pod, name, spec) = (created.pod, &created.name, created.spec);
        let namespace = &store.class(spec).object.namespace;
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
            spec,
            first_asked: None,
            creation: None,
        });
        self.by_name.insert(name.clone(), pod);
        if !self.moving.contains(&name) {
            self.requests.push_back(pod);
        } else if self.options.create_time > Duration::ZERO {
            let at = now.saturating_add(self.options.create_time);
            self.timers.push(at, Due::Created(pod));
        } else {
            self.created(now, pod, store, out);
        }
    }

    fn ended(
        &mut self,
        now: Instant,
        pod: PodRef,
        reason: EndReason,
        store: &Store,
        out: &mut Outbox,
    ) {
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
            out.write(store, Event::PodChanged { pod, change });
        }
        // The watchdog has taken it off its engine already.
        if !self.moving.contains(&known.name) {
            self.cluster.remove(&known.name);
            self.changed(now);
        }
    }

    /// Something may have become possible: clients ask again, each when it would have anyway.
    fn changed(&mut self, now: Instant) {
        let every = self.options.client_retry.as_nanos();
        for (_, pod) in std::mem::take(&mut self.resting) {
            let known = self.known.get(pod.slot.index()).and_then(Option::as_ref);
            let Some(first) = known.and_then(|known| known.first_asked) else {
                continue;
            };
            let passed = now.since(first).as_nanos().max(0);
            let times = (passed + every - 1) / every.max(1);
            let at = first.saturating_add(Duration::from_nanos(times.max(1) * every));
            self.timers.push(at.max(now), Due::Ask(pod));
        }
    }

    /// What the containers of a class ask for, and the number by which equal ones are known; the
    /// environment may say more of a workload.
    fn template(&mut self, spec: SpecId, pod: PodRef, store: &Store) -> (u32, Template) {
        let owner = store.pod_states().get(pod).and_then(|state| state.owner);
        let owner = owner.and_then(|owner| store.objects().get(owner.object));
        let workload = match owner {
            Some(row) => Some(row.object.name().clone()),
            None => store.pods().get(pod).map(|record| record.name.text()),
        };
        let workload = workload.filter(|name| self.options.environment.names(name));
        let key = (spec, workload);
        if let Some(&number) = self.template_numbers.get(&key) {
            return (number, self.templates[number as usize].clone());
        }
        let class = &store.class(spec).object;
        let name = key.1.as_deref().unwrap_or_default();
        let config = match refusal(CAPABILITIES, class) {
            Some(_) => None,
            None => request::container(class, name, &self.options).ok(),
        };
        let (number, template) = (self.templates.len() as u32, config.map(Arc::new));
        self.templates.push(template.clone());
        self.template_numbers.insert(key, number);
        (number, template)
    }

    /// A client asks for a container.
    fn ask(&mut self, now: Instant, pod: PodRef, store: &Store, out: &mut Outbox) {
        let known = self.known.get(pod.slot.index()).and_then(Option::as_ref);
        let Some(known) = known.filter(|known| known.pod == pod) else {
            return;
        };
        let (name, spec) = (known.name.clone(), known.spec);
        let is_told_to_end = store.pod_states().is_terminating(pod);
        let record = store.pods().get(pod);
        if is_told_to_end || record.is_none_or(|record| record.node().is_some()) {
            return;
        }
        if let Some(Some(known)) = self.known.get_mut(pod.slot.index()) {
            known.first_asked.get_or_insert(now);
        }
        let (class, Some(template)) = self.template(spec, pod, store) else {
            let reason = EndReason::Rejected;
            out.write(store, Event::PodEnded { pod, reason });
            return;
        };
        if !self.primary.accepts() {
            self.resting.insert(pod.id, pod);
            return;
        }
        out.decided_pods += 1;
        out.decided_jobs += 1;
        let config = Arc::new(ContainerConfig {
            name,
            ..(*template).clone()
        });
        let mut outcome = self.cluster.create_as(config, class);
        // An engine that does not answer fails the request, which counts against it.
        while let Ok(creation) = &outcome {
            if self.watches[creation.engine].answers() {
                break;
            }
            let creation = creation.clone();
            self.fail(now, creation.engine, store, out);
            outcome = self.cluster.refused(&creation, EngineFailure::Other);
        }
        if let Ok(creation) = outcome {
            self.accepted(now, pod, creation, store, out);
        } else {
            out.write(store, Event::PodUnschedulable { pod });
            if self.options.client_retry > Duration::ZERO {
                self.resting.insert(pod.id, pod);
            } else {
                let reason = EndReason::Rejected;
                out.write(store, Event::PodEnded { pod, reason });
            }
        }
    }

    fn accepted(
        &mut self,
        now: Instant,
        pod: PodRef,
        creation: Creation,
        store: &Store,
        out: &mut Outbox,
    ) {
        if let Some(Some(known)) = self.known.get_mut(pod.slot.index()) {
            known.creation = Some(creation);
        }
        if self.options.create_time > Duration::ZERO {
            let at = now.saturating_add(self.options.create_time);
            self.timers.push(at, Due::Created(pod));
        } else {
            self.created(now, pod, store, out);
        }
    }

    /// An engine has created a container: it is started there.
    fn created(&mut self, now: Instant, pod: PodRef, store: &Store, out: &mut Outbox) {
        let Some(name) = self.name_of(pod) else {
            return;
        };
        let Some(engine) = self.cluster.engine_of(&name) else {
            return;
        };
        let node = NodeId::from_index(engine);
        let devices = DeviceSet::EMPTY;
        out.write(store, Event::PodBound { pod, node, devices });
        if self.moving.contains(&name) {
            let order = self.watchdog.created(&mut self.cluster, name.clone());
            // It is under way until it runs; one that was not running before is done.
            if !matches!(&order, Some(Order::Start { name: own, .. }) if *own == name) {
                self.moving.remove(&name);
                self.carry_out(now, order, out);
            }
        } else if let Some(Some(known)) = self.known.get_mut(pod.slot.index())
            && let Some(creation) = known.creation.take()
        {
            self.cluster.created(&creation, name);
        }
    }

    /// What the watchdog wants, until it waits for somebody.
    fn carry_out(&mut self, now: Instant, order: Option<Order>, out: &mut Outbox) {
        let mut order = order;
        while let Some(next) = order {
            order = match next {
                Order::Create { name, engine } => {
                    if !self.watches[engine].answers() {
                        self.watches[engine].request_failed(now);
                        self.health_follows(engine);
                        let failure = EngineFailure::Other;
                        let error = CreateError::Engine {
                            name: name.to_string(),
                            engine: self.cluster.engines()[engine].name.to_string(),
                            failure,
                        };
                        self.watchdog.failed(&mut self.cluster, error)
                    } else if let Some(&pod) = self.by_name.get(&name) {
                        self.moving.insert(name);
                        let reason = EndReason::NodeLost;
                        out.creations.push(Asked::Replacement { pod, reason });
                        None
                    } else {
                        None
                    }
                }
                Order::Start { .. } => None,
                Order::Left { .. } => self.watchdog.next(&mut self.cluster),
            };
        }
    }

    fn set_health(&mut self, engine: usize, health: i64) {
        self.cluster.set_health(engine, health);
    }

    fn health_follows(&mut self, engine: usize) {
        let health = self.watches[engine].health();
        self.set_health(engine, health);
    }

    /// A host falls silent: rounds with it fail from now on.
    fn silent(&mut self, now: Instant, engine: usize) {
        let watch = &mut self.watches[engine];
        watch.falls_silent(now);
        self.timers.push(watch.next_round(), Due::Refresh(engine));
        if let Some(expiry) = watch.registration_ends(now, &self.options.discovery) {
            self.timers.push(expiry, Due::Expiry(engine));
        }
    }

    /// A host answers again: the next round with it succeeds.
    fn heard(&mut self, now: Instant, engine: usize) {
        let watch = &mut self.watches[engine];
        let round = watch.answers_again(now, &self.options.discovery);
        self.timers.push(round, Due::Refresh(engine));
    }

    /// The manager is told at once that a node is down or up.
    fn declared(&mut self, now: Instant, engine: usize, is_up: bool) {
        let watch = &mut self.watches[engine];
        if watch.is_observed() {
            return;
        }
        self.set_health(engine, if is_up { 100 } else { 0 });
        self.changed(now);
    }

    /// A round with an engine, or a request to it, failed.
    fn fail(&mut self, now: Instant, engine: usize, store: &Store, out: &mut Outbox) {
        let event = self.watches[engine].request_failed(now);
        self.follow(now, engine, event, store, out);
    }

    fn follow(
        &mut self,
        now: Instant,
        engine: usize,
        event: Option<ContactEvent>,
        store: &Store,
        out: &mut Outbox,
    ) {
        self.health_follows(engine);
        let node = NodeId::from_index(engine);
        match event {
            Some(ContactEvent::Disconnect) => {
                if store.nodes().is_ready(node) {
                    let ready = false;
                    out.write(store, Event::NodeReadiness { node, ready });
                }
                self.watchdog.disconnected(&self.cluster, engine);
                if self.primary.accepts() {
                    let order = self.watchdog.next(&mut self.cluster);
                    self.carry_out(now, order, out);
                }
            }
            Some(ContactEvent::Reconnect) | None => {
                let is_back = self.watches[engine].health() > 0 && self.watches[engine].answers();
                if is_back && !store.nodes().is_ready(node) {
                    let ready = true;
                    out.write(store, Event::NodeReadiness { node, ready });
                }
                self.changed(now);
            }
        }
    }

    fn due(&mut self, now: Instant, (at, due): (Instant, Due), store: &Store, out: &mut Outbox) {
        match due {
            Due::Ask(pod) => self.requests.push_back(pod),
            Due::Created(pod) => self.created(now, pod, store, out),
            Due::Refresh(engine) => match self.watches[engine].round(at, now) {
                Round::Stale => {}
                Round::Held { event, next } => {
                    self.follow(now, engine, event, store, out);
                    if let Some(next) = next {
                        self.timers.push(next, Due::Refresh(engine));
                    }
                }
            },
            Due::Expiry(engine) => {
                if let Some(event) = self.watches[engine].expire(at) {
                    self.follow(now, engine, Some(event), store, out);
                }
            }
            Due::Lapse(engine) => {
                let event = self.watches[engine].drop_listing();
                self.follow(now, engine, event, store, out);
            }
            Due::Campaign => self.campaign(now, out),
        }
    }

    fn campaign(&mut self, now: Instant, out: &mut Outbox) {
        let (is_new, next) = self.primary.campaign(now);
        if let Some(next) = next {
            self.timers.push(next, Due::Campaign);
        }
        if is_new {
            self.changed(now);
            let order = self.watchdog.next(&mut self.cluster);
            self.carry_out(now, order, out);
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
        self.read(now, view, out);
        while let Some(due) = self.timers.pop(now) {
            self.due(now, due, view, out);
        }
        if std::mem::take(&mut self.is_watchdog_due) && self.primary.accepts() {
            let order = self.watchdog.next(&mut self.cluster);
            self.carry_out(now, order, out);
        }
        if let Some(pod) = self.requests.pop_front() {
            self.ask(now, pod, view, out);
        }
        if let Some(at) = self.timers.next() {
            out.wake_at(at);
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
    }

    fn discovery(&mut self, now: Instant, is_up: bool) {
        let options = self.options.discovery;
        match (is_up, self.unlisted_since) {
            (false, None) => self.unlisted_since = Some(now),
            (true, Some(since)) => {
                self.unlisted_since = None;
                for engine in 0..self.watches.len() {
                    if let Some(at) = self.watches[engine].lapse((since, now), &options) {
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

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
