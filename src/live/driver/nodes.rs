//! Messages of nodes: registrations, heartbeats and reports, and the silence between them.

use std::sync::Arc;

use control::node_api::condition;
use control::operation::{Operation, carry_out};
use model::{Event, Node, NodeContact, Pod};
use units::NodeId;

use super::Driver;
use super::events::short;
use super::input::{Answer, Input};
use super::links::Pressed;
use crate::wire::pressure::{Pressure, PressureKind};
use crate::wire::report::NumberedReport;
use crate::wire::{NodeAnswer, Registration, Term, Update};

/// Greatest number of commands in an answer; a node asks again for the rest.
const COMMANDS_MAX: usize = 256;

/// Greatest length of a name of a node or of an identity, in bytes.
const NAME_MAX: usize = 253;

impl Driver {
    /// A daemon registers its node: its session begins with everything that the node is to run.
    pub(super) fn register(&mut self, message: &Registration) -> NodeAnswer {
        if let Err(why) = check_names(message) {
            return NodeAnswer::Refused { why };
        }
        let declared = match message.declaration.node(&message.node) {
            Ok(declared) => Arc::new(declared),
            Err(why) => return NodeAnswer::Refused { why },
        };
        let known = self.store.nodes().by_name(&message.node);
        let link = known.and_then(|node| self.links.get(node));
        if let Some(link) = link
            && link.registration.machine != message.machine
        {
            let why = format!(
                "node `{0}` is another machine; choose another name, or delete the node first: \
                 `kubectl delete node/{0}`",
                message.node
            );
            return NodeAnswer::Refused { why };
        }
        if self.machines.is_given_back(&message.node) {
            let why = format!(
                "the machine of node `{}` was given back; start an agent under another name",
                message.node
            );
            return NodeAnswer::Refused { why };
        }
        self.catch_up_with(message.term);
        let declared = self.delivered(declared);
        let operation = Operation::ApplyNode(self.redeclared(declared));
        let steps = match carry_out(self.now, &operation, &self.store) {
            Ok(steps) => steps,
            Err(why) => {
                let why = why.to_string();
                return NodeAnswer::Refused { why };
            }
        };
        for event in steps.events {
            if let Err(conflict) = self.carry_out(event) {
                let why = conflict.to_string();
                return NodeAnswer::Refused { why };
            }
        }
        let Some(node) = self.store.nodes().by_name(&message.node) else {
            let why = format!("node `{}` could not join", message.node);
            return NodeAnswer::Refused { why };
        };
        let session = self.links.open(self.now, node, message);
        self.hear(node);
        // Before anything is placed here.
        self.press(node, &message.pressures);
        if !self.store.nodes().is_ready(node) {
            self.happened(Event::NodeReadiness { node, ready: true });
        }
        self.sync(node);
        NodeAnswer::Welcome {
            session,
            epoch: self.epoch,
            opened_ns: self.opened.as_nanos(),
            system: self.system.to_string(),
            pace: self.pace,
        }
    }

    /// A declaration of a machine with what the cluster keeps of its node: cordons and taints.
    fn redeclared(&self, declared: Arc<Node>) -> Arc<Node> {
        let nodes = self.store.nodes();
        let known = nodes.by_name(&declared.name);
        let Some(known) = known.and_then(|node| nodes.object(node)) else {
            return declared;
        };
        Arc::new(Node {
            taints: known.taints.clone(),
            unschedulable: known.unschedulable,
            ..Node::clone(&declared)
        })
    }

    /// This server's term.
    const fn term(&self) -> Term {
        Term {
            epoch: self.epoch,
            opened_ns: self.opened.as_nanos(),
        }
    }

    /// A daemon has seen a term that this server's state does not know of, as after a copy of that state was put
    /// back: a term above it begins, and all sessions with it. Returns whether that was so.
    fn catch_up_with(&mut self, seen: Option<Term>) -> bool {
        let Some(seen) = seen.filter(|seen| seen.is_news_to(self.term())) else {
            return false;
        };
        self.epoch = seen.epoch.saturating_add(1);
        self.opened = self.now;
        self.links.close_sessions();
        true
    }

    /// A daemon is heard: its commands are confirmed and its reports taken in.
    pub(super) fn update(&mut self, message: &Update) -> NodeAnswer {
        if self.catch_up_with(message.term) {
            return NodeAnswer::Unregistered;
        }
        let Some(node) = self.store.nodes().by_name(&message.node) else {
            return NodeAnswer::Unregistered;
        };
        let Some(link) = self.links.get_mut(node) else {
            return NodeAnswer::Unregistered;
        };
        if link.registration.process != message.process || link.session != message.session {
            return NodeAnswer::Unregistered;
        }
        link.confirm(message.received);
        let was_silent = self.hear(node);
        if self.store.nodes().is_ready(node) != message.ready {
            let ready = message.ready;
            self.happened(Event::NodeReadiness { node, ready });
        }
        self.press(node, &message.pressures);
        for report in &message.reports {
            self.report(node, report);
        }
        if was_silent {
            self.relist(node);
        }
        // What is answered shows the state after the components have acted.
        NodeAnswer::Received {
            epoch: self.epoch,
            opened_ns: self.opened.as_nanos(),
            session: message.session,
            reports: self.links.get(node).map_or(0, |link| link.reported),
            commands: Vec::new(),
        }
    }

    /// The node of an update whose session is current.
    pub(crate) fn node_of(&self, message: &Update) -> Option<NodeId> {
        let node = self.store.nodes().by_name(&message.node)?;
        let link = self.links.get(node)?;
        let is_current = link.registration.process == message.process;
        let is_current = is_current && link.session == message.session;
        is_current.then_some(node)
    }

    /// Whether a node is short of something, as its machine said last.
    pub(crate) fn is_pressed(&self, node: &str, kind: PressureKind) -> bool {
        let node = self.store.nodes().by_name(node);
        let link = node.and_then(|node| self.links.get(node));
        link.is_some_and(|link| link.is_pressed(kind))
    }

    /// The answer to an update that is a sign of life and nothing else; `None` of any other, which has
    /// to be recorded.
    pub(crate) fn sign_of_life(&self, message: &Update) -> Option<SignOfLife> {
        let node = self.node_of(message)?;
        let link = self.links.get(node)?;
        let says_nothing = message.reports.is_empty()
            && link.is_confirmed(message.received)
            && self.store.nodes().is_ready(node) == message.ready
            && PressureKind::ALL
                .into_iter()
                .all(|kind| link.is_pressed(kind) == shortage(&message.pressures, kind).is_some());
        let is_behind = message
            .term
            .is_some_and(|seen| seen.is_news_to(self.term()));
        if !says_nothing || link.is_silent || is_behind {
            return None;
        }
        let answer = NodeAnswer::Received {
            epoch: self.epoch,
            opened_ns: self.opened.as_nanos(),
            session: link.session,
            reports: link.reported,
            commands: link.waiting(COMMANDS_MAX),
        };
        Some(SignOfLife { node, answer })
    }

    /// Completes an answer once the components have settled: with the commands that wait.
    pub(super) fn finish_update(&self, node: NodeId, answer: NodeAnswer) -> NodeAnswer {
        match (answer, self.links.get(node)) {
            (
                NodeAnswer::Received {
                    epoch,
                    opened_ns,
                    session,
                    reports,
                    ..
                },
                Some(link),
            ) if link.session == session => NodeAnswer::Received {
                epoch,
                opened_ns,
                session,
                reports,
                commands: link.waiting(COMMANDS_MAX),
            },
            (answer, _) => answer,
        }
    }

    /// The commands of a node's session after a number; `None` while there are none. The end of a
    /// session is an answer, too.
    pub fn commands_after(&self, node: &str, session: u32, after: u64) -> Option<NodeAnswer> {
        let node = self.store.nodes().by_name(node);
        let link = node.and_then(|node| self.links.get(node));
        let Some(link) = link.filter(|link| link.session == session) else {
            return Some(NodeAnswer::Unregistered);
        };
        let mut commands = link.waiting(usize::MAX);
        commands.retain(|waiting| waiting.number > after);
        commands.truncate(COMMANDS_MAX);
        (!commands.is_empty()).then_some(NodeAnswer::Received {
            epoch: self.epoch,
            opened_ns: self.opened.as_nanos(),
            session,
            reports: link.reported,
            commands,
        })
    }

    /// Takes in a report of a node about one of its own pods; one that was taken in before or is of
    /// another node's pod changes nothing.
    fn report(&mut self, node: NodeId, report: &NumberedReport) {
        let Some(link) = self.links.get_mut(node) else {
            return;
        };
        if report.number <= link.reported {
            return;
        }
        link.reported = report.number;
        let on_node = control::node_api::pods_on(&self.store, node);
        let Some(&pod) = on_node.iter().find(|pod| pod.id.0 == report.pod) else {
            return;
        };
        if self.store.pods().get(pod).and_then(Pod::node) != Some(node) {
            return;
        }
        self.events.notice(self.now, &self.store, pod, &report.news);
        let news = report.news.report(pod);
        if let Some(event) = news.and_then(|news| news.event(&self.store)) {
            self.reporter = Some(node);
            self.happened(event);
            self.reporter = None;
        }
    }

    /// A node says which shortages its machine has: taints follow from them, by which new pods stay away.
    fn press(&mut self, node: NodeId, pressures: &[Pressure]) {
        for kind in PressureKind::ALL {
            let why = shortage(pressures, kind).map(short);
            let Some(link) = self.links.get_mut(node) else {
                return;
            };
            if link.is_pressed(kind) == why.is_some() {
                continue;
            }
            let since = self.now;
            link.pressures.insert(
                kind,
                Pressed {
                    since,
                    why: why.clone(),
                },
            );
            let holds = why.is_some();
            self.events
                .pressed(self.now, &self.store, node, kind, why.as_deref());
            if let Some(event) = condition(&self.store, node, kind.taint(), holds) {
                self.happened(event);
            }
        }
    }

    /// A node is heard; returns whether it was silent before.
    fn hear(&mut self, node: NodeId) -> bool {
        let now = self.now;
        let Some(link) = self.links.get_mut(node) else {
            return false;
        };
        link.heard = now;
        let was_silent = std::mem::take(&mut link.is_silent);
        if was_silent {
            let contact = NodeContact::Steady;
            self.happened(Event::NodeContact { node, contact });
            if !self.store.nodes().is_ready(node) {
                self.happened(Event::NodeReadiness { node, ready: true });
            }
        }
        was_silent
    }

    /// Nodes from which no heartbeat came fall silent; returns whether any did.
    pub(super) fn fall_silent(&mut self) -> bool {
        let silent = self.links.fallen_silent(self.now);
        for silence in &silent {
            let contact = NodeContact::Silent {
                last_heartbeat: silence.last_heartbeat,
            };
            let node = silence.node;
            self.happened(Event::NodeContact { node, contact });
        }
        !silent.is_empty()
    }

    /// Completes an answer once the components have settled.
    pub(super) fn finish(&self, input: &Input, draft: Answer) -> Answer {
        let (Input::Update { message }, Answer::Node(answer)) = (input, &draft) else {
            return draft;
        };
        match self.store.nodes().by_name(&message.node) {
            Some(node) => Answer::Node(self.finish_update(node, answer.clone())),
            None => draft,
        }
    }
}

/// The words for a shortage, if it is among those reported.
fn shortage(pressures: &[Pressure], kind: PressureKind) -> Option<&str> {
    let found = pressures.iter().find(|pressure| pressure.kind == kind);
    found.map(|pressure| pressure.why.as_str())
}

/// A heartbeat that says nothing else.
pub(crate) struct SignOfLife {
    pub(crate) node: NodeId,
    pub(crate) answer: NodeAnswer,
}

/// Refuses names that are empty, too long, or hold anything but letters, digits, `-`, `.` and `_`.
fn check_names(message: &Registration) -> Result<(), String> {
    let fields = [
        ("node", &message.node),
        ("machine", &message.machine),
        ("process", &message.process),
    ];
    for (field, text) in fields {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if text.is_empty() || text.len() > NAME_MAX || !text.chars().all(is_plain) {
            return Err(format!(
                "{field}: expected 1 to {NAME_MAX} letters, digits, `-`, `.` or `_`"
            ));
        }
    }
    Ok(())
}
