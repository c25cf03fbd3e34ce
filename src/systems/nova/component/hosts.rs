//! Hosts: how they join, report, fall silent, and are evacuated (spec: orchestrators-a.md section
//! 6.3).

use crate::parts::turn::Turn;
use model::rules::affinity;
use model::{Event, Node};
use units::{Duration, Instant, NodeId};

use super::super::flavor;
use super::{Due, Nova};

/// Reports of a host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Service {
    /// Instant of the first report since the host came or came back.
    since: Instant,
    /// Instant of the last report, while the host is silent.
    last_report: Option<Instant>,
}

impl Nova {
    pub(super) fn joined(&mut self, at: Instant, node: NodeId, object: &Node) {
        let host = flavor::host(object, &self.options);
        if !host.is_enabled {
            self.migrations.vacate(node.index(), true);
        }
        self.cloud.add_host(host);
        self.services.push(Service {
            since: at,
            last_report: None,
        });
        self.match_host(node.index(), object);
        self.changed(at);
    }

    pub(super) fn updated(&mut self, now: Instant, node: NodeId, object: &Node) {
        let declared = flavor::host(object, &self.options);
        self.cloud.change(node.index(), |host| {
            host.total = declared.total;
            host.is_enabled = declared.is_enabled;
        });
        self.migrations.vacate(node.index(), !declared.is_enabled);
        self.match_host(node.index(), object);
        self.changed(now);
    }

    /// Notes which classes a host has the capabilities for.
    fn match_host(&mut self, host: usize, object: &Node) {
        for template in self.templates.iter_mut().flatten() {
            template.matching.grow(host + 1);
            let matches = affinity::admits(&template.spec, object);
            template.matching.set(host, matches);
        }
    }

    pub(super) fn set_up(&mut self, host: usize, is_up: bool) {
        self.cloud.change(host, |own| own.is_up = is_up);
    }

    /// Nothing is heard of a host: it is down once its last report is too old.
    pub(super) fn silent(&mut self, at: Instant, node: NodeId) {
        let services = self.options.services;
        let Some(own) = self.services.get_mut(node.index()) else {
            return;
        };
        let report = services.last_report(own.since, at);
        own.last_report = Some(report);
        let after = services.last_up(report);
        let after = after.saturating_add(Duration::from_nanos(1));
        self.timers.push(after, Due::Down(node));
    }

    /// A host reports again.
    pub(super) fn heard(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        let Some(own) = self.services.get_mut(node.index()) else {
            return;
        };
        *own = Service {
            since: turn.now,
            last_report: None,
        };
        self.set_up(node.index(), true);
        self.evacuations.end(node);
        if !turn.store.nodes().is_ready(node) {
            let ready = true;
            turn.write(Event::NodeReadiness { node, ready });
        }
        self.changed(turn.now);
    }

    /// The driver states that a node is up or down.
    pub(super) fn declared(&mut self, now: Instant, node: NodeId, is_up: bool) {
        let is_silent = |own: &Service| own.last_report.is_some();
        if self.services.get(node.index()).is_some_and(is_silent) {
            return;
        }
        self.set_up(node.index(), is_up);
        self.changed(now);
    }

    pub(super) fn is_down(&self, now: Instant, node: NodeId) -> bool {
        let own = self.services.get(node.index());
        let report = own.and_then(|own| own.last_report);
        report.is_some_and(|report| !self.options.services.is_up(now.since(report)))
    }

    /// The last report of a host has become too old.
    pub(super) fn down(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        if !self.is_down(turn.now, node) {
            return;
        }
        self.set_up(node.index(), false);
        if turn.store.nodes().is_ready(node) {
            let ready = false;
            turn.write(Event::NodeReadiness { node, ready });
        }
        if let Some(after) = self.options.evacuate_after {
            self.timers
                .push(turn.now.saturating_add(after), Due::Evacuate(node));
        }
    }
}
