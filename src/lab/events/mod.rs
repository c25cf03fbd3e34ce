//! `events.jsonl.zst`: what happened to pods, nodes and objects, one JSON object a line, on request
//! (`--events`), and the search through it. Alerts and faults, which every run keeps in
//! `report.json`, are searched with it.

mod amounts;
mod changes;
mod incidents;
mod search;
mod trace_event;

use std::io::Write;

use serde::{Deserialize, Serialize};

use cluster::observe::EVICTION_REFUSED;
use cluster::{Incident, Observer, Store};
use metrics::diagnosis::Exit;
use model::node::{CAPACITY_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL, label_of};
use model::{
    Delivery, Disk, EndReason, Event, Node, NodeContact, Object, ObjectChange, Pod, PodChange,
    PodCreated, PodPhase, PodRef, ResourceList, Text, VolumeNews, VolumeStep,
};

use units::{ClassId, Instant, NodeId, ObjectId, PodId, SortedMap, SortedSet};

use super::folder::{FolderError, OutputFile, ResultFolder};
use super::run::aftermath::kept_words;
use super::tables::Place;
use amounts::ClassAmounts;
pub use search::{Search, search};
pub use trace_event::write_trace;

/// The file of events.
pub const EVENTS_FILE: &str = "events.jsonl.zst";

/// A line of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    /// Instant of the event, in nanoseconds.
    pub time_ns: i64,
    /// The variant.
    pub variant: String,
    /// Kind of event: one of [`KINDS`].
    pub kind: String,
    /// Object of the event: `Pod/NAMESPACE/NAME`, `Node/NAME`, `KIND/NAMESPACE/NAME`, `Alert/NAME`.
    pub object: String,
    /// Further details.
    pub what: String,
    /// Of a node that joined or changed, the amounts it has for pods; of a pod that was created or resized, those
    /// it asks for.
    #[serde(default, skip_serializing_if = "ResourceList::is_empty")]
    pub amounts: ResourceList,
    /// Of a pod or an object that was created, the object that owns it, if one does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
}

/// Every kind of event.
pub const KINDS: &[&str] = &[
    "created",
    "bound",
    "unschedulable",
    "no-scale-up",
    "starting",
    "running",
    "ready",
    "unready",
    "restarted",
    "exited",
    "oom-killed",
    "terminating",
    "resized",
    "moving",
    "moved",
    "relocation",
    "ended",
    "joined",
    "changed",
    "up",
    "down",
    "silent",
    "heard",
    "left",
    "refused",
    "granted",
    "machine-failed",
    "updated",
    "deleted",
    "alert",
    "notified",
    "fault",
    "healed",
    "priced",
    "decided",
    "delivery",
    "rollout",
    "volume",
];

/// Writes the events of a variant.
pub struct EventLog {
    variant: String,
    file: OutputFile,
    failed: Option<FolderError>,
    /// Of objects by id: what they are called, for when they are gone.
    names: Vec<String>,
    /// As they were last.
    objects: Vec<Option<Object>>,
    /// Whether the pod that is created next is the one that moved just now.
    is_moving: bool,
    /// Attempts of pods whose containers were started again.
    attempts: SortedMap<PodId, u32>,
    /// Containers that were killed for want of memory and whose end is yet to be told.
    out_of_memory: SortedSet<(PodId, u16)>,
    amounts: ClassAmounts,
}

impl EventLog {
    /// Starts what a variant writes.
    pub fn start(folder: &ResultFolder, variant: &str, place: Place) -> Result<Self, FolderError> {
        Ok(Self {
            variant: variant.to_owned(),
            file: folder.file(&place.file(EVENTS_FILE))?,
            failed: None,
            names: Vec::new(),
            objects: Vec::new(),
            is_moving: false,
            attempts: SortedMap::new(),
            out_of_memory: SortedSet::new(),
            amounts: ClassAmounts::default(),
        })
    }

    /// Completes the file.
    ///
    /// # Errors
    /// If a line could not be written at any time of the run.
    pub fn finish(self) -> Result<(), FolderError> {
        match self.failed {
            Some(failed) => Err(failed),
            None => self.file.finish(),
        }
    }

    fn line(&mut self, at: Instant, kind: &str, object: String, what: String) {
        self.write(EventLine {
            time_ns: at.as_nanos(),
            kind: kind.to_owned(),
            object,
            what,
            ..EventLine::default()
        });
    }

    fn write(&mut self, mut line: EventLine) {
        let kind = &line.kind;
        debug_assert!(
            KINDS.contains(&kind.as_str()),
            "`{kind}` can be searched for"
        );
        if self.failed.is_some() {
            return;
        }
        line.variant.clone_from(&self.variant);
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        if let Err(source) = self.file.write_all(&bytes) {
            self.failed = Some(FolderError::from_io(self.file.path(), source));
        }
    }

    fn pod(&mut self, at: Instant, kind: &str, pod: PodRef, what: String, store: &Store) {
        if let Some(record) = store.pods().get(pod) {
            self.line(at, kind, pod_name(record, store), what);
        }
    }

    fn node(&mut self, at: Instant, kind: &str, node: NodeId, store: &Store) {
        let name = format!("Node/{}", store.nodes().name(node));
        self.line(at, kind, name, String::new());
    }

    /// A node as it is declared.
    fn declared(&mut self, at: Instant, kind: &str, node: &Node, what: String) {
        self.write(EventLine {
            time_ns: at.as_nanos(),
            kind: kind.to_owned(),
            object: format!("Node/{}", node.name),
            what,
            amounts: amounts::of_node(node),
            ..EventLine::default()
        });
    }

    /// Name of an object; none without one.
    fn name_of(&self, object: Option<ObjectId>) -> String {
        let own = object.and_then(|id| self.names.get(id.index()));
        own.cloned().unwrap_or_default()
    }

    fn object(&mut self, at: Instant, change: &ObjectChange) {
        match change {
            ObjectChange::Created { id, object, owner } => {
                let name = format!("{}/{}/{}", object.kind(), object.namespace(), object.name());
                if self.names.len() <= id.index() {
                    self.names.resize(id.index() + 1, String::new());
                    self.objects.resize(id.index() + 1, None);
                }
                self.objects[id.index()] = Some(object.clone());
                self.names[id.index()].clone_from(&name);
                self.write(EventLine {
                    time_ns: at.as_nanos(),
                    kind: "created".to_owned(),
                    object: name,
                    owner: self.name_of(*owner),
                    ..EventLine::default()
                });
            }
            ObjectChange::Updated { id, object } => {
                let name = self.names.get(id.index()).cloned().unwrap_or_default();
                let before = self.objects.get_mut(id.index()).and_then(Option::take);
                if before.as_ref() == Some(object) {
                    self.objects[id.index()] = before;
                    return;
                }
                let what = changes::changed(before.as_ref(), object);
                if let Some(own) = self.objects.get_mut(id.index()) {
                    *own = Some(object.clone());
                }
                self.line(at, "updated", name, what);
            }
            ObjectChange::Terminating { id } | ObjectChange::Orphaned { id } => {
                let name = self.names.get(id.index()).cloned().unwrap_or_default();
                let (kind, what) = match change {
                    ObjectChange::Orphaned { .. } => ("updated", "its dependents have no owner"),
                    _ => ("terminating", "once its dependents are gone"),
                };
                self.line(at, kind, name, what.to_owned());
            }
            ObjectChange::Deleted { id } => {
                let name = self.names.get(id.index()).cloned().unwrap_or_default();
                if let Some(own) = self.objects.get_mut(id.index()) {
                    *own = None;
                }
                self.line(at, "deleted", name, String::new());
            }
        }
    }
}

fn container_name(store: &Store, pod: PodRef, container: usize) -> Text {
    let record = store.pods().get(pod);
    let class = record.map(|record| store.class(record.class));
    let own = class.and_then(|class| class.spec.all_containers().nth(container));
    own.map(|own| own.name.clone()).unwrap_or_default()
}

/// End of a container, in words.
fn exited(exit: &Exit) -> String {
    let name = if exit.container.is_empty() {
        "a container"
    } else {
        &exit.container
    };
    let (code, reason) = (exit.code, exit.reason());
    format!("{name} ended with exit code {code} ({reason})")
}

fn pod_name(pod: &Pod, store: &Store) -> String {
    let namespace = &store.class(pod.class).spec.namespace;
    format!("Pod/{namespace}/{}", pod.name)
}

impl EventLog {
    fn pod_created(&mut self, at: Instant, created: &PodCreated, store: &Store) {
        let Some(record) = store.pods().get(created.pod) else {
            return;
        };
        let amounts = self.amounts.of(created.class, store);
        self.write(EventLine {
            time_ns: at.as_nanos(),
            kind: "created".to_owned(),
            object: pod_name(record, store),
            amounts,
            owner: self.name_of(created.owner.map(|owner| owner.object)),
            ..EventLine::default()
        });
    }

    fn resized(&mut self, at: Instant, pod: PodRef, class: ClassId, store: &Store) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let amounts = self.amounts.of(class, store);
        self.write(EventLine {
            time_ns: at.as_nanos(),
            kind: "resized".to_owned(),
            object: pod_name(record, store),
            amounts,
            ..EventLine::default()
        });
    }

    fn pod_changed(&mut self, at: Instant, pod: PodRef, change: &PodChange, store: &Store) {
        let (kind, what) = match change {
            PodChange::Ready(true) => ("ready", String::new()),
            PodChange::Ready(false) => ("unready", String::new()),
            PodChange::Restarted(restarts) => ("restarted", format!("{} times", restarts.total())),
            PodChange::Terminating { grace, reason } => {
                ("terminating", format!("{reason:?}, within {grace}"))
            }
            PodChange::Exited { container, code } => {
                let exit = Exit {
                    container: container_name(store, pod, usize::from(*container)),
                    code: *code,
                    is_oom: self.out_of_memory.remove(&(pod.id, *container)),
                };
                ("exited", exited(&exit))
            }
            PodChange::OomKilled { container } => {
                self.out_of_memory.insert((pod.id, *container));
                ("oom-killed", String::new())
            }
            PodChange::Declared { .. } => ("changed", String::new()),
            PodChange::Resized { class, .. } => return self.resized(at, pod, *class, store),
            PodChange::Relocated(step) => ("relocation", changes::relocated(*step)),
            PodChange::Moving { to } => ("moving", format!("to {}", store.nodes().name(*to))),
            _ => return,
        };
        self.pod(at, kind, pod, what, store);
        if let PodChange::Restarted(restarts) = change {
            self.started_again(at, pod, restarts.most_of_app + 1, store);
        }
    }

    /// A pod that runs begins another attempt of its containers.
    fn started_again(&mut self, at: Instant, pod: PodRef, attempt: u32, store: &Store) {
        let known = self.attempts.insert(pod.id, attempt).unwrap_or(1);
        let record = store.pods().get(pod);
        if attempt > known && record.is_some_and(|own| own.phase == PodPhase::Running) {
            self.pod(at, "running", pod, format!("attempt {attempt}"), store);
        }
    }

    fn delivery(&mut self, at: Instant, own: &Delivery) {
        let image = format!("Image/{}", own.push.resolved());
        let mut what = own.step.name().to_owned();
        if !own.workload.is_empty() {
            what = format!("{what}: {}", own.workload);
        }
        self.line(at, "delivery", image, what);
    }

    fn volume(&mut self, at: Instant, news: &VolumeNews) {
        let what = changes::volume(&news.step);
        let name = match &news.step {
            VolumeStep::DiskFailed(Disk::Node(node)) => format!("Node/{node}"),
            _ => format!("Volume/{}", news.name),
        };
        self.line(at, "volume", name, what);
    }

    fn pod_ended(&mut self, at: Instant, ended: Option<&Pod>, reason: EndReason, store: &Store) {
        let Some(pod) = ended else { return };
        let id = pod.pod.id;
        self.attempts.remove(&id);
        self.out_of_memory.retain(|(killed, _)| *killed != id);
        self.is_moving = reason == EndReason::Moved;
        let from = pod.node().filter(|_| self.is_moving);
        let (kind, what) = match from {
            Some(from) => ("moved", format!("from {}", store.nodes().name(from))),
            None => ("ended", format!("{reason:?}")),
        };
        self.line(at, kind, pod_name(pod, store), what);
    }
}

impl Observer for EventLog {
    fn unprovided(&mut self, at: Instant, pod: PodRef, why: Option<&Text>, store: &Store) {
        if let Some(why) = why {
            self.pod(at, "no-scale-up", pod, why.to_string(), store);
        }
    }

    fn incident(&mut self, at: Instant, incident: Incident, store: &Store) {
        if let (EVICTION_REFUSED, Some(node)) = (incident.what, incident.node) {
            let (kind, what) = if incident.begins {
                let why = kept_words(store, node).map(|why| format!("evictions: {why}"));
                let general = "evictions, which disruption budgets do not allow yet";
                let what = why.unwrap_or_else(|| general.to_owned());
                ("refused", what)
            } else {
                ("granted", "evictions that were refused".to_owned())
            };
            let object = format!("Node/{}", store.nodes().name(node));
            self.line(at, kind, object, what);
        }
    }

    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        let none = String::new;
        match event {
            Event::PodCreated(_) if std::mem::take(&mut self.is_moving) => {}
            Event::PodCreated(created) => self.pod_created(at, created, store),
            Event::PodBound { pod, node, .. } => {
                let what = format!("to {}", store.nodes().name(*node));
                self.pod(at, "bound", *pod, what, store);
            }
            Event::PodUnschedulable { pod } => self.pod(at, "unschedulable", *pod, none(), store),
            Event::PodStarting { pod } => self.pod(at, "starting", *pod, none(), store),
            Event::PodRunning { pod } => self.pod(at, "running", *pod, none(), store),
            Event::PodChanged { pod, change } => self.pod_changed(at, *pod, change, store),
            Event::PodEnded { reason, .. } => self.pod_ended(at, ended, *reason, store),
            Event::NodeAdded { object, .. } => {
                let label = |key| label_of(&object.labels, key);
                let zone = label(ZONE_LABEL).map(|zone| format!("zone {zone}"));
                let kind = [label(INSTANCE_TYPE_LABEL), label(CAPACITY_LABEL)];
                let kind = kind.into_iter().flatten().map(ToString::to_string);
                let what = kind.chain(zone).collect::<Vec<_>>().join(", ");
                self.declared(at, "joined", object, what);
            }
            Event::NodeUpdated { object, .. } => self.declared(at, "changed", object, none()),
            Event::NodeReadiness { node, ready } => {
                self.node(at, if *ready { "up" } else { "down" }, *node, store);
            }
            Event::NodeContact { node, contact } => {
                let kind = match contact {
                    NodeContact::Silent { .. } => "silent",
                    NodeContact::Steady => "heard",
                    NodeContact::Heard => return,
                };
                self.node(at, kind, *node, store);
            }
            Event::NodeRemoved { node } => self.node(at, "left", *node, store),
            Event::Object(change) => self.object(at, change),
            Event::Decided(decision) => {
                let scheduler = format!("Scheduler/{}", decision.scheduler);
                let (placed, claims) = (decision.placed, decision.claims);
                let refused = decision.conflicts;
                let what = format!("placed {placed} of {claims}, {refused} in conflict");
                self.line(at, "decided", scheduler, what);
            }
            Event::Delivery(own) => self.delivery(at, own),
            Event::Rollout { workload, step } => {
                let name = self.names.get(workload.index()).cloned();
                self.line(
                    at,
                    "rollout",
                    name.unwrap_or_default(),
                    step.name().to_owned(),
                );
            }
            Event::Volume(news) => self.volume(at, news),
            Event::MachineFailed(own) => {
                let of = Some(&own.group).filter(|group| !group.is_empty());
                let of = of.map_or_else(String::new, |group| format!(" (group {group})"));
                let what = format!("{}{of}", own.why);
                self.line(at, "machine-failed", format!("Node/{}", own.node), what);
            }
            Event::PriceChanged(new) => {
                let price = format!("{} an hour", new.price_micro_per_hour as f64 / 1e6);
                self.line(at, "priced", format!("Price/{}", new.kind), price);
            }
            _ => {}
        }
    }
}
