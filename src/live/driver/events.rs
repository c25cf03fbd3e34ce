//! The last events of the cluster as its users read them. They follow from the changes of the store and
//! decide nothing.

use std::collections::VecDeque;

use cluster::{Observer, Store};
use model::workload::probe::ProbeKind;
use model::{Container, EndReason, Event, NodeContact, Pod, PodChange, PodRef, PullStep};
use serde::{Deserialize, Serialize};
use units::{Instant, NodeId};

use crate::wire::pressure::PressureKind;
use crate::wire::report::News;

/// Greatest number of events that are kept.
const KEPT_MAX: usize = 4096;

/// An event in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRow {
    /// Number of the event, from 1.
    pub number: u64,
    /// Instant of the event, in nanoseconds since the run's zero.
    pub at_ns: i64,
    /// `true` of an event that should not happen.
    pub is_warning: bool,
    /// Object such as `Pod/default/web-0` or `Node/n0`.
    pub object: String,
    /// Reason in one word.
    pub reason: String,
    /// The event in words.
    pub message: String,
}

/// Events of a cluster under another driver, such as the simulator, in the words of this one.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    events: Events,
    rows: Vec<EventRow>,
}

impl Chronicle {
    /// Every event, oldest first.
    pub fn into_rows(self) -> Vec<EventRow> {
        self.rows
    }
}

impl Observer for Chronicle {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.events.note(at, store, event, ended);
        let known = self.rows.last().map_or(0, |row| row.number);
        self.rows.extend(self.events.after(known));
    }
}

/// The last events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Events {
    rows: VecDeque<EventRow>,
    last: u64,
}

/// Greatest number of characters of a text that a node states.
const WHY_MAX: usize = 200;

/// An event in words.
struct EventText {
    is_warning: bool,
    object: String,
    reason: String,
    message: String,
}

impl Events {
    /// The events after a number, oldest first.
    pub(super) fn after(&self, number: u64) -> Vec<EventRow> {
        let newest = self.rows.iter().rev();
        let mut rows: Vec<EventRow> = newest
            .take_while(|row| row.number > number)
            .cloned()
            .collect();
        rows.reverse();
        rows
    }

    /// Takes note of a change that the store has made; `ended` is the record of the pod that went with
    /// it.
    pub(super) fn note(&mut self, now: Instant, store: &Store, event: &Event, ended: Option<&Pod>) {
        let told = match (event, ended) {
            (Event::PodEnded { reason, .. }, Some(pod)) => Some(told_end(store, pod, *reason)),
            (event, _) => told_pod(store, event).or_else(|| told_node(store, event)),
        };
        if let Some(told) = told {
            self.add(now, told);
        }
    }

    /// Takes note of what a node says for users alone: probes that failed, reasons of ends.
    pub(super) fn notice(&mut self, now: Instant, store: &Store, pod: PodRef, news: &News) {
        let (reason, message) = match news {
            News::Pull(pull) => pull_words(&short(&pull.image), pull.is_done),
            News::Unhealthy {
                container,
                probe,
                why,
            } => {
                let purpose = match probe {
                    ProbeKind::Startup => "startup",
                    ProbeKind::Liveness => "liveness",
                    ProbeKind::Readiness => "readiness",
                };
                let (container, why) = (short(container), short(why));
                let message = format!("{purpose} probe of container `{container}` failed: {why}");
                ("Unhealthy", message)
            }
            News::Failed {
                container,
                failure,
                why,
            } => {
                let (container, why) = (short(container), short(why));
                (failure.reason(), format!("container `{container}`: {why}"))
            }
            _ => return,
        };
        let Some(pod) = store.pods().get(pod) else {
            return;
        };
        let told = EventText {
            is_warning: !matches!(news, News::Pull(_)),
            object: object_of(store, pod),
            reason: reason.to_owned(),
            message,
        };
        self.add(now, told);
    }

    /// Takes note of a shortage of a node, in words, or of its end.
    pub(super) fn pressed(
        &mut self,
        now: Instant,
        store: &Store,
        node: NodeId,
        kind: PressureKind,
        why: Option<&str>,
    ) {
        let told = EventText {
            is_warning: why.is_some(),
            object: format!("Node/{}", name_of(store, node)),
            reason: kind.event(why.is_some()).to_owned(),
            message: why.unwrap_or(kind.relief()).to_owned(),
        };
        self.add(now, told);
    }

    fn add(&mut self, now: Instant, told: EventText) {
        self.last += 1;
        if self.rows.len() == KEPT_MAX {
            self.rows.pop_front();
        }
        self.rows.push_back(EventRow {
            number: self.last,
            at_ns: now.as_nanos(),
            is_warning: told.is_warning,
            object: told.object,
            reason: told.reason,
            message: told.message,
        });
    }
}

/// A text that a node states, cut to a length that is kept.
pub(super) fn short(why: &str) -> String {
    why.chars().take(WHY_MAX).collect()
}

/// Reason and words of a pull that begins or is done.
fn pull_words(image: &str, is_done: bool) -> (&'static str, String) {
    if is_done {
        ("Pulled", format!("pulled {PULLED}{image}"))
    } else {
        ("Pulling", format!("pulls {PULLED}{image}"))
    }
}

/// Words before the name of the node that a pod is given.
const ASSIGNED: &str = "assigned to ";

/// Node that a pod was given, as the words of the event name it.
pub(crate) fn assigned_node(row: &EventRow) -> Option<&str> {
    row.message.strip_prefix(ASSIGNED)
}

/// Word before the name of the image in the words of a pull.
const PULLED: &str = "image ";

/// Image that the words of a pull name.
pub(crate) fn pulled_image(row: &EventRow) -> Option<&str> {
    matches!(row.reason.as_str(), "Pulling" | "Pulled")
        .then(|| row.message.split_once(PULLED).map(|(_, image)| image))
        .flatten()
}

fn told_end(store: &Store, pod: &Pod, reason: EndReason) -> EventText {
    let word = crate::wire::end_reason(reason);
    EventText {
        is_warning: !matches!(reason, EndReason::Completed | EndReason::Cancelled),
        object: object_of(store, pod),
        reason: "Ended".to_owned(),
        message: format!("pod ended: {word}"),
    }
}

fn told_pod(store: &Store, event: &Event) -> Option<EventText> {
    let on = |pod: PodRef| {
        let node = store.pods().get(pod).and_then(Pod::node);
        node.map_or("no node", |node| store.nodes().name(node))
    };
    let (pod, is_warning, reason, message) = match *event {
        Event::PodBound { pod, node, .. } => {
            let node = store.nodes().name(node);
            (pod, false, "Scheduled", format!("{ASSIGNED}{node}"))
        }
        Event::PodUnschedulable { pod } => {
            let message = "no node fits; the pod's condition says why".to_owned();
            (pod, true, "FailedScheduling", message)
        }
        Event::PodRunning { pod } => (pod, false, "Started", format!("runs on {}", on(pod))),
        Event::PodChanged { pod, change } => match change {
            PodChange::Exited { container, code } => {
                let message = format!(
                    "{} exited with code {code}",
                    container_words(store, pod, container)
                );
                (pod, code != 0, "Exited", message)
            }
            PodChange::OomKilled { container } => {
                let message =
                    container_words(store, pod, container) + " was killed for want of memory";
                (pod, true, "OOMKilled", message)
            }
            PodChange::Pull { container, step } => {
                let is_done = match step {
                    PullStep::Asked => false,
                    PullStep::Done { .. } => true,
                    PullStep::Failed { .. } => return None,
                };
                let image = container_at(store, pod, container).map_or("", |own| &own.image);
                let (reason, message) = pull_words(image, is_done);
                (pod, false, reason, message)
            }
            PodChange::Ready(is_ready) => {
                let word = if is_ready { "Ready" } else { "Unready" };
                (pod, !is_ready, word, format!("on {}", on(pod)))
            }
            PodChange::Terminating { reason, .. } => {
                let message = format!("ordered to end: {}", crate::wire::end_reason(reason));
                (pod, false, "Killing", message)
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(EventText {
        is_warning,
        object: object_of(store, store.pods().get(pod)?),
        reason: reason.to_owned(),
        message,
    })
}

fn container_at(store: &Store, pod: PodRef, place: u16) -> Option<&Container> {
    let class = store.pods().get(pod).map(|pod| store.class(pod.class))?;
    class.spec.all_containers().nth(usize::from(place))
}

/// A container by its name, or, of a pod without containers of its own, by its place.
fn container_words(store: &Store, pod: PodRef, place: u16) -> String {
    match container_at(store, pod, place) {
        Some(own) if !own.name.is_empty() => format!("container `{}`", own.name),
        _ => format!("container {place}"),
    }
}

fn told_node(store: &Store, event: &Event) -> Option<EventText> {
    let (node, is_warning, reason, message) = match event {
        Event::NodeAdded { node, .. } => (*node, false, "Registered", "joined the cluster"),
        Event::NodeRemoved { node } => (*node, false, "Removed", "left the cluster"),
        Event::NodeReadiness { node, ready: true } => (*node, false, "Ready", "is ready"),
        Event::NodeReadiness { node, ready: false } => (*node, true, "NotReady", "is not ready"),
        Event::NodeContact { node, contact } => match contact {
            NodeContact::Silent { .. } => (*node, true, "Silent", "sends no heartbeats"),
            NodeContact::Steady => (*node, false, "Heard", "sends heartbeats again"),
            NodeContact::Heard => return None,
        },
        _ => return None,
    };
    Some(EventText {
        is_warning,
        object: format!("Node/{}", name_of(store, node)),
        reason: reason.to_owned(),
        message: message.to_owned(),
    })
}

fn object_of(store: &Store, pod: &Pod) -> String {
    let namespace = &store.class(pod.class).spec.namespace;
    format!("Pod/{namespace}/{}", pod.name)
}

fn name_of(store: &Store, node: NodeId) -> &str {
    store.nodes().name(node)
}
