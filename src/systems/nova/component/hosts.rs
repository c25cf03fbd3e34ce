//! Hosts: how they join, report, fall silent, and are evacuated (spec: orchestrators-a.md section
//! 6.3).

use crate::parts::turn::Turn;
use model::rules::affinity;
use model::{Event, Node, PodRef};
use units::{Duration, Instant, NodeId, plural};

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

    /// End of the process in an instance whose host came back: the instance is off, or its build has failed.
    pub(super) fn exited(&mut self, at: Instant, pod: PodRef) {
        let host = self.instance_mut(pod).and_then(|own| own.host);
        let service = host.and_then(|host| self.services.get(host));
        if service.is_none_or(|own| own.since != at) {
            return;
        }
        let Some(own) = self.instance_mut(pod) else {
            return;
        };
        own.is_off = true;
        if std::mem::take(&mut own.is_building)
            && let Some(host) = host
        {
            self.cloud.change(host, |host| host.io_operations -= 1);
        }
    }

    /// What runs in an instance has started again.
    pub(super) fn is_on(&mut self, pod: PodRef) {
        if let Some(own) = self.instance_mut(pod) {
            own.is_off = false;
        }
    }

    /// A line about instances that are off; `None` if there are none.
    pub(super) fn off_remark(&self) -> Option<String> {
        let off = self.instances.iter().flatten().filter(|own| own.is_off);
        let names: Vec<String> = off.map(|own| format!("`{}`", own.name)).collect();
        let instances = plural::count(names.len(), "instance");
        let named = plural::first_of(names.iter().cloned(), 3);
        (!names.is_empty()).then(|| {
            format!(
                "{instances} off on hosts that came back, as no user starts them again: {named} (`resumeGuests: true` \
                 starts what ran)"
            )
        })
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
