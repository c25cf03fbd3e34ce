//! Operations of users, carried out when they are due.

use std::sync::Arc;

use cluster::Incident;
use control::operation::{Operation, OperationError, carry_out, vacate};
use control::upgrade::{Deed, Upgrade};
use model::node::HOSTNAME_LABEL;
use model::{EndReason, Event, Text};
use units::{Duration, Instant, NodeId};

use super::SimError;
use super::cell::Cell;
use super::contact::pods_on;
use super::engine::Engine;
use super::hosts::Trouble;
use super::queue::Upcoming;

impl Engine<'_> {
    /// A user does something; what can't be done at once is carried on later.
    pub(super) fn operate(&mut self, cell: &mut Cell, number: u32) -> Result<(), SimError> {
        let Some(operation) = cell.operations.get(number as usize).cloned() else {
            return Ok(());
        };
        if !cell.acts {
            cell.faults.postponed.push(number);
            return Ok(());
        }
        if let Operation::Upgrade(plan) = &operation {
            cell.upgrades.push(Some(Upgrade::new((**plan).clone())));
            return self.go_on_upgrading(cell, cell.upgrades.len() as u32 - 1);
        }
        let now = self.now;
        let steps = carry_out(now, &operation, &cell.store);
        let steps = steps.map_err(|why| wrong(&operation, now, &why))?;
        for event in steps.events {
            // What was decided on one state together is not stale.
            if let Err(conflict) = self.carry_out(cell, event)? {
                let why = OperationError::Refused(conflict);
                return Err(wrong(&operation, now, &why));
            }
        }
        for creation in &steps.creations {
            if let Err(conflict) = self.create(cell, creation)? {
                let why = OperationError::Refused(conflict);
                return Err(wrong(&operation, now, &why));
            }
        }
        match steps.again {
            Some(at) => {
                let event = Upcoming::Operation(number).of(cell.number);
                self.queue.push(at.max(self.now), event);
            }
            None => cell.operations_left -= 1,
        }
        Ok(())
    }

    /// A node is cordoned, and its pods are evicted as budgets allow, until it is down or takes
    /// pods again.
    pub(super) fn vacate(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        self.cordon(cell, node, true)?;
        self.go_on_draining(cell, node)
    }

    pub(super) fn go_on_draining(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        let object = cell.store.nodes().object(node);
        let is_wanted = object.is_some_and(|object| object.unschedulable);
        if !is_wanted || !cell.hosts.is_reached(node) {
            return Ok(());
        }
        if let Some(at) = self.evict_from(cell, node)? {
            let event = Upcoming::Eviction(node).of(cell.number);
            self.queue.push(at.max(self.now), event);
        }
        Ok(())
    }

    /// Asks for the eviction of every pod of a node; returns when to ask again for those that have
    /// to wait.
    fn evict_from(&mut self, cell: &mut Cell, node: NodeId) -> Result<Option<Instant>, SimError> {
        let now = self.now;
        let name: Text = cell.store.nodes().name(node).into();
        let steps = vacate(now, &cell.store, &name);
        let operation = Operation::Drain(name);
        let steps = steps.map_err(|why| wrong(&operation, now, &why))?;
        for event in steps.events {
            if let Err(conflict) = self.carry_out(cell, event)? {
                let why = OperationError::Refused(conflict);
                return Err(wrong(&operation, now, &why));
            }
        }
        Ok(steps.again)
    }

    /// The next steps of an upgrade.
    pub(super) fn go_on_upgrading(&mut self, cell: &mut Cell, number: u32) -> Result<(), SimError> {
        let place = number as usize;
        let Some(mut upgrade) = cell.upgrades.get_mut(place).and_then(Option::take) else {
            return Ok(());
        };
        let next = if cell.acts {
            let (deeds, next) = upgrade.step(self.now, &cell.store);
            for deed in deeds {
                self.upgrade_node(cell, deed, upgrade.plan().replaces)?;
            }
            next
        } else {
            // Nobody answers: asked again later.
            Some(self.now.saturating_add(Duration::from_secs(5)))
        };
        match next {
            Some(at) => {
                cell.upgrades[place] = Some(upgrade);
                let event = Upcoming::Upgrade(number).of(cell.number);
                self.queue.push(at, event);
            }
            None => cell.operations_left -= 1,
        }
        Ok(())
    }

    fn upgrade_node(
        &mut self,
        cell: &mut Cell,
        deed: Deed,
        replaces: bool,
    ) -> Result<(), SimError> {
        match deed {
            Deed::Drain(node) if cell.hosts.is_reached(node) => {
                self.evict_from(cell, node).map(drop)
            }
            Deed::Drain(node) => self.cordon(cell, node, true),
            Deed::TakeAway(node) => {
                self.told(cell, "upgraded", node, true);
                if replaces {
                    return self.remove_node(cell, node);
                }
                self.host_lost(cell, node, Trouble::Crash)
            }
            Deed::PutBack(name) => match cell.store.nodes().by_name(&name) {
                Some(node) => {
                    self.host_back(cell, node, Trouble::Crash)?;
                    self.cordon(cell, node, false)?;
                    self.told(cell, "upgraded", node, false);
                    Ok(())
                }
                None => self.replace_node(cell, &name),
            },
        }
    }

    /// Who watches is told of what begins, or is over, of a node.
    pub(super) fn told(&mut self, cell: &Cell, what: &'static str, node: NodeId, begins: bool) {
        let incident = Incident {
            what,
            node: Some(node),
            begins,
        };
        self.observer.incident(self.now, incident, &cell.store);
    }

    /// A node leaves, and what is on it with it.
    fn remove_node(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        let Some(object) = cell.store.nodes().object(node).cloned() else {
            return Ok(());
        };
        let reason = EndReason::NodeLost;
        for pod in pods_on(cell, node) {
            self.observed(cell, Event::PodEnded { pod, reason })?;
        }
        cell.departed.insert(object.name.clone(), (node, object));
        self.observed(cell, Event::NodeRemoved { node })
    }

    /// A new node of the same kind joins in place of one that left.
    fn replace_node(&mut self, cell: &mut Cell, name: &Text) -> Result<(), SimError> {
        let Some((left, object)) = cell.departed.remove(name) else {
            return Ok(());
        };
        let fresh: Text = successor(name).as_str().into();
        let mut object = (*object).clone();
        if let Some(label) = object.labels.get_mut(HOSTNAME_LABEL) {
            *label = fresh.clone();
        }
        object
            .taints
            .retain(|taint| !taint.key.starts_with("node.kubernetes.io/"));
        (object.name, object.unschedulable) = (fresh, false);
        let event = cell.store.node_added(Arc::new(object));
        self.told(cell, "upgraded", left, false);
        self.observed(cell, event)
    }
}

/// The name of the node that takes the place of another: `n`, `n-v2`, `n-v3` …
fn successor(name: &str) -> String {
    let numbered = name.rsplit_once("-v");
    let number = numbered.and_then(|(stem, number)| Some((stem, number.parse::<u32>().ok()?)));
    match number {
        Some((stem, number)) => format!("{stem}-v{}", number + 1),
        None => format!("{name}-v2"),
    }
}

fn wrong(operation: &Operation, at: Instant, why: &OperationError) -> SimError {
    SimError::Declaration {
        what: format!("operation `{operation}` at {at}"),
        why: why.to_string(),
    }
}
