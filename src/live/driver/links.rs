//! Links to nodes: the commands that each of them has yet to confirm, the reports that it has sent,
//! and when it was last heard.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use units::{Duration, Instant, NodeId, SortedMap};

use crate::runtime::host::{ENFORCEMENT, LIMITS};
use crate::wire::pressure::PressureKind;
use crate::wire::{Command, NumberedCommand, Registration};

/// Numbers of sessions that are passed over where it is not known which ones were given.
const SESSIONS_PASSED_OVER: u32 = 1_000;

/// The links of a cluster, by node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Links {
    links: SortedMap<NodeId, Link>,
    /// Time without a heartbeat after which a node counts as silent.
    silence: Duration,
}

/// The link to a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Link {
    /// The last registration, which names the machine and the daemon's process.
    pub(super) registration: Registration,
    /// Number of the session.
    pub(super) session: u32,
    /// Number of the last report of the process.
    pub(super) reported: u64,
    /// Instant of the last heartbeat.
    pub(super) heard: Instant,
    /// `true` once the node counts as silent.
    pub(super) is_silent: bool,
    /// Instant of the first registration; none in a snapshot of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) joined: Option<Instant>,
    /// Instant at which the node became ready, or ceased to be; none in a snapshot of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) turned: Option<Instant>,
    /// Instant at which the machine last declared other limits that it keeps; none if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) limits_changed: Option<Instant>,
    /// Shortages of the machine that were reported at any time.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub(super) pressures: SortedMap<PressureKind, Pressed>,
    /// Number of the last command of the session.
    last: u64,
    waiting: VecDeque<NumberedCommand>,
}

/// A shortage of a machine, or its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Pressed {
    /// Instant at which it began or ended.
    pub(super) since: Instant,
    /// The shortage in words; none once it has ended.
    pub(super) why: Option<String>,
}

impl Links {
    pub(super) const fn new(silence: Duration) -> Self {
        Self {
            links: SortedMap::new(),
            silence,
        }
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&Link> {
        self.links.get(&node)
    }

    pub(super) fn get_mut(&mut self, node: NodeId) -> Option<&mut Link> {
        self.links.get_mut(&node)
    }

    pub(super) fn remove(&mut self, node: NodeId) {
        self.links.remove(&node);
    }

    /// The last registrations of all nodes, by name.
    pub(super) fn registrations(&self) -> Vec<Registration> {
        let links = self.links.values();
        let mut known: Vec<Registration> = links.map(|link| link.registration.clone()).collect();
        known.sort_by(|one, other| one.node.cmp(&other.node));
        known
    }

    /// Opens a session with the daemon of a node; returns its number.
    pub(super) fn open(&mut self, now: Instant, node: NodeId, message: &Registration) -> u32 {
        let link = self.links.entry(node).or_insert_with(|| Link {
            registration: message.clone(),
            session: 0,
            reported: 0,
            heard: now,
            is_silent: false,
            joined: Some(now),
            turned: Some(now),
            limits_changed: None,
            pressures: SortedMap::new(),
            last: 0,
            waiting: VecDeque::new(),
        });
        if link.registration.process != message.process {
            link.reported = 0;
        }
        if limits(&link.registration) != limits(message) {
            link.limits_changed = Some(now);
        }
        link.registration = message.clone();
        link.session += 1;
        link.last = 0;
        link.waiting.clear();
        link.session
    }

    /// Another control server took over: nodes that were heard count as heard now.
    pub(super) fn took_over(&mut self, now: Instant) {
        for link in self.links.values_mut() {
            if !link.is_silent {
                link.heard = now;
            }
        }
    }

    /// Ends all sessions: daemons have to register again. Those that other servers opened since have no
    /// number that is given to another one.
    pub(super) fn close_sessions(&mut self) {
        for link in self.links.values_mut() {
            link.session += SESSIONS_PASSED_OVER;
            link.last = 0;
            link.waiting.clear();
        }
    }

    /// A node was heard at an instant.
    pub(super) fn heard(&mut self, node: NodeId, at: Instant) {
        if let Some(link) = self.links.get_mut(&node) {
            link.heard = link.heard.max(at);
        }
    }

    /// The nodes that have fallen silent by now, with the instants of their last heartbeats.
    pub(super) fn fallen_silent(&mut self, now: Instant) -> Vec<Silence> {
        let mut silent = Vec::new();
        for (&node, link) in &mut self.links {
            if !link.is_silent && link.heard.saturating_add(self.silence) <= now {
                link.is_silent = true;
                silent.push(Silence {
                    node,
                    last_heartbeat: link.heard,
                });
            }
        }
        silent
    }

    /// Instant at which the next node falls silent unless it is heard.
    pub(super) fn next_silence(&self) -> Option<Instant> {
        let heard = self.links.values().filter(|link| !link.is_silent);
        let first = heard.map(|link| link.heard).min()?;
        Some(first.saturating_add(self.silence))
    }
}

/// The labels by which a machine declares which limits it keeps.
fn limits(message: &Registration) -> [Option<&str>; 2] {
    let labels = &message.declaration.labels;
    [LIMITS, ENFORCEMENT].map(|key| {
        let own = labels.iter().find(|label| label.key == key);
        own.map(|label| label.value.as_str())
    })
}

/// A node that has fallen silent.
pub(super) struct Silence {
    pub(super) node: NodeId,
    pub(super) last_heartbeat: Instant,
}

impl Link {
    /// Adds a command; returns it with its number.
    pub(super) fn push(&mut self, command: Command) -> &NumberedCommand {
        self.last += 1;
        let number = self.last;
        self.waiting.push_back(NumberedCommand { number, command });
        &self.waiting[self.waiting.len() - 1]
    }

    /// Whether a shortage of the machine lasts.
    pub(super) fn is_pressed(&self, kind: PressureKind) -> bool {
        let pressed = self.pressures.get(&kind);
        pressed.is_some_and(|pressed| pressed.why.is_some())
    }

    /// Whether the daemon has yet to be asked to report how its pods are.
    pub(super) fn awaits_relist(&self) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|waiting| waiting.command == Command::Relist)
    }

    /// Whether the receipt for commands up to a number says nothing new.
    pub(super) fn is_confirmed(&self, received: u64) -> bool {
        let first = self.waiting.front();
        first.is_none_or(|first| first.number > received)
    }

    /// The daemon has carried out the commands up to a number.
    pub(super) fn confirm(&mut self, received: u64) {
        while let Some(first) = self.waiting.front()
            && first.number <= received
        {
            self.waiting.pop_front();
        }
    }

    /// Commands that the daemon has yet to confirm, at most a number of them.
    pub(super) fn waiting(&self, most: usize) -> Vec<NumberedCommand> {
        self.waiting.iter().take(most).cloned().collect()
    }
}
