//! The provisioner as a part of the control plane: its steps, and what of it outlives its program.

use super::{
    DISRUPTION_PERIOD, EMPTYING_PERIOD, PendingNode, Provisioner, QUIET_PERIOD, SHUNNED, named,
};
use crate::nodes::Departures;
use cluster::{Conflict, Store};
use control::provider::{MachineOrder, ORDERED_LABEL, OrderFailure};
use control::{Component, DurableState, Outbox, Program, Progress, Write};
use model::{Node, Text};
use units::{Instant, Revision, SortedMap};

/// Claims of nodes, which are objects of the original: what was ordered and what was asked to leave outlive
/// the program.
struct Claims {
    /// Offerings of orders under way, by the node's name.
    ordered: SortedMap<Text, usize>,
    leaving: Departures,
    serial: u64,
}

impl Component for Provisioner {
    fn name(&self) -> &'static str {
        "provisioner"
    }

    fn program(&self) -> Program {
        Program::Provisioner
    }

    fn cursor(&self) -> Revision {
        self.seen.cursor()
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.seen.read(view);
        self.follow_pools(now, out);
        self.follow_waiting();
        for (_, name) in self.seen.take_joined() {
            self.close_order(&name);
        }
        for node in self.seen.take_left() {
            self.leaving.forget(node);
            self.declared.forget(node);
            self.nominated.remove(&node);
        }
        for new in self.seen.take_priced() {
            self.reprice(&new);
        }
        if std::mem::take(&mut self.has_remains) {
            // Nodes of commands that were in memory alone (`disruption/controller.go`, `Reconcile`).
            self.leaving.release_held(view, out);
        }
        let provisioned = self.provision(now, view, out);
        debug_assert!(provisioned.is_ok(), "invariant: {provisioned:?}");
        if now >= self.disruption_due {
            self.disruption_due = now.saturating_add(DISRUPTION_PERIOD);
            // What no event tells, such as stock that is back, is looked for in a quiet cluster, too
            // (`state/cluster.go`, `ConsolidationState`).
            if self.seen.take_changed() || now.since(self.changed_at) >= QUIET_PERIOD {
                (self.is_settled, self.changed_at) = (false, now);
            }
            let disrupted = self.disrupt(now, view, out);
            debug_assert!(disrupted.is_ok(), "invariant: {disrupted:?}");
        }
        if !self.leaving.is_empty() {
            if now >= self.emptying_due {
                self.emptying_due = now.saturating_add(EMPTYING_PERIOD);
                self.leaving.proceed(now, view, out);
            }
            out.wake_at(self.emptying_due);
        }
        out.wake_at(self.disruption_due);
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn awaits(&mut self, _now: Instant, order: &MachineOrder) {
        let name = &order.node.name;
        let mut declared = Node::clone(&order.node);
        declared.labels.remove(ORDERED_LABEL);
        let mut offerings = self.options.offerings.iter();
        let offering = offerings.position(|offering| *named(&offering.node, name) == declared);
        let is_own = |offering: &usize| {
            let pool = self.options.offerings[*offering].pool;
            order.group == self.options.pools[pool].name
        };
        if let Some(offering) = offering.filter(is_own) {
            let pods = Vec::new();
            self.ordered
                .insert(name.clone(), PendingNode { offering, pods });
        }
    }

    fn kept(&self) -> Option<DurableState> {
        let ordered = self.ordered.iter();
        let claims = Claims {
            ordered: ordered
                .map(|(name, own)| (name.clone(), own.offering))
                .collect(),
            leaving: self.leaving.clone(),
            serial: self.serial,
        };
        let what = Box::new(claims);
        Some(DurableState { by: None, what })
    }

    fn reads_back(&mut self, _now: Instant, kept: DurableState) {
        let Ok(claims) = kept.what.downcast::<Claims>() else {
            return;
        };
        let ordered = claims.ordered.into_iter();
        let ordered = ordered.map(|(name, offering)| {
            let pods = Vec::new();
            (name, PendingNode { offering, pods })
        });
        self.ordered = ordered.collect();
        self.leaving = claims.leaving;
        self.serial = claims.serial;
        self.has_remains = true;
    }

    fn restarted(&mut self, now: Instant) {
        self.disruption_due = now.saturating_add(DISRUPTION_PERIOD);
    }

    fn order_failed(&mut self, now: Instant, failed: &OrderFailure) {
        if let Some(own) = self.close_order(&failed.node) {
            self.shunned
                .insert(own.offering, now.saturating_add(SHUNNED));
            self.batch = None;
        }
        for own in &mut self.replacing {
            own.note_failure(&failed.node);
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
