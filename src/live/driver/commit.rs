//! Changes of the store and what follows from each: the digest, and commands to the node concerned.
//! The rules are those by which the simulator makes changes (`control::node_api`).

use cluster::Conflict;
use control::OwnWrites;
use control::admission::{Creation, admit};
use control::node::{Assignment, StopOrder};
use control::node_api::{Notice, doubted};
use model::{Event, Pod, PodPhase, PodRef};
use units::{NodeId, Revision};

use super::links::Link;
use super::seats::Batch;
use super::{CONTROLLERS, Driver, Lapse};
use crate::wire::declaration::Standing;
use crate::wire::{Assigned, Command, Ending, pod};

impl Driver {
    /// Makes what a component wants, in order.
    pub(super) fn make(&mut self, index: usize, batch: Batch) {
        let mut own = OwnWrites::default();
        for write in batch.writes {
            let at = Revision(self.store.revision().0 + 1);
            let made = match own.taken(&self.store, &write) {
                Ok(Some(event)) => self.carry_out(event),
                Ok(None) => continue,
                Err(conflict) => Err(conflict),
            };
            match made {
                Ok(()) => own.made(&write, at),
                Err(conflict) => self.seats.refuse(index, &write, &conflict),
            }
        }
        for creation in batch.creations {
            if let Err(conflict) = self.create(&creation) {
                self.seats.decline(index, &creation, &conflict);
            }
        }
        for request in batch.requests {
            self.provide(index, request);
        }
    }

    /// Makes a change that a component or a user wants; the node that it concerns gets a command.
    pub(super) fn carry_out(&mut self, event: Event) -> Result<(), Conflict> {
        let event = self.mirrored(event);
        let notice = Notice::of(&event);
        let doubted = doubted(&self.store, &event);
        let lapse = match &event {
            Event::HoldPlaced(hold) => hold.until.map(|at| Lapse {
                at,
                owner: hold.owner,
                number: hold.number,
            }),
            _ => None,
        };
        self.commit(event)?;
        if let Some(node) = doubted {
            self.relist(node);
        }
        self.lapses.extend(lapse);
        if self.mirror.is_some() {
            match notice {
                Some(Notice::Assign(pod)) => self.wish_binding(pod),
                Some(Notice::Stop { pod, .. }) => self.wish_eviction(pod),
                Some(Notice::Release(_)) | None => {}
            }
            return Ok(());
        }
        match notice {
            Some(Notice::Assign(pod)) => self.assign(pod),
            Some(Notice::Stop { pod, grace, reason }) => {
                let Some(record) = self.store.pods().get(pod) else {
                    return Ok(());
                };
                let Some(node) = record.node() else {
                    return self.commit(Event::PodEnded { pod, reason });
                };
                let order = Ending {
                    grace_ns: grace.as_nanos(),
                    reason,
                };
                let pod = pod.id.0;
                self.command(node, Command::Stop { pod, order });
            }
            Some(Notice::Release(pod)) => {
                if let Some(node) = self.store.pods().get(pod).and_then(Pod::node) {
                    self.command(node, Command::Release { pod: pod.id.0 });
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Creates something as the API does.
    pub(super) fn create(&mut self, creation: &Creation) -> Result<(), Conflict> {
        for event in admit(&self.store, creation)? {
            self.commit(event)?;
        }
        Ok(())
    }

    /// A change that a node or the clock makes. One that says nothing new to the store is left out.
    pub(super) fn happened(&mut self, event: Event) {
        // A report can be overtaken by a decision about its pod, and is void then.
        let _ = self.commit(event);
    }

    /// Applies a change, adds it to the digest, and tells the node that it concerns.
    fn commit(&mut self, event: Event) -> Result<(), Conflict> {
        let ends = match &event {
            Event::PodEnded { pod, reason } => self.store.pods().get(*pod).zip(Some(*reason)),
            _ => None,
        };
        let ends = ends.map(|(pod, reason)| {
            let state = self.store.pod_states().get(pod.pod);
            let owner = state.and_then(|state| state.owner);
            (self.pod_row(pod), reason, owner)
        });
        let ended = self.store.apply(self.now, event)?;
        if let Some((row, reason, owner)) = ends {
            let last = self.ended.note(self.now, row, reason);
            // Kubernetes' controllers say themselves how far they are.
            if let (Some(last), Some(owner), false) = (last, owner, self.seats.has(CONTROLLERS)) {
                self.tallies.note(self.now, &self.store, owner.object, last);
            }
        }
        let Some(entry) = self.store.log().last() else {
            return Ok(());
        };
        self.digest.event(self.now, &entry.event);
        let now = self.now;
        self.events
            .note(now, &self.store, &entry.event, ended.as_ref());
        if let Some(record) = ended {
            if let Some(node) = record.node()
                && self.reporter != Some(node)
            {
                let pod = record.pod.id.0;
                self.command(node, Command::Remove { pod });
            }
            return Ok(());
        }
        match entry.event {
            Event::NodeUpdated { node, .. } => self.declare(node),
            Event::PodUnschedulable { pod } => {
                if let Some(mirror) = &mut self.mirror {
                    mirror.attempt_failed(pod);
                }
            }
            Event::NodeRemoved { node } => self.links.remove(node),
            Event::NodeReadiness { node, .. } => {
                if let Some(link) = self.links.get_mut(node) {
                    link.turned = Some(now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Tells a node of a pod that was bound to it.
    fn assign(&mut self, pod: PodRef) {
        if let Some((node, assigned)) = self.assigned(pod) {
            self.command(node, Command::Assign(Box::new(assigned)));
        }
    }

    /// The message that tells a node of a pod, and the node.
    fn assigned(&self, pod: PodRef) -> Option<(NodeId, Assigned)> {
        let assignment = Assignment::of(&self.store, pod)?;
        let record = self.store.pods().get(pod)?;
        let state = self.store.pod_states().get(pod);
        let order = StopOrder::of(&self.store, pod, assignment.node);
        let assigned = Assigned {
            pod: pod.id.0,
            manifest: pod::object(&self.store, record),
            time_limit_ns: assignment.time_limit.map(units::Duration::as_nanos),
            is_owned: assignment.is_owned,
            has_volumes: assignment.has_volumes,
            is_held: state.is_some_and(cluster::PodState::is_held),
            is_taken: record.phase != PodPhase::Bound,
            devices: record.devices().0,
            order: order.map(|order| Ending {
                grace_ns: order.grace.as_nanos(),
                reason: order.reason,
            }),
        };
        Some((assignment.node, assigned))
    }

    /// Tells a node of every pod that it is to run, and of its labels and taints.
    pub(super) fn sync(&mut self, node: NodeId) {
        let pods = control::node_api::pods_on(&self.store, node);
        let numbers = pods.iter().map(|pod| pod.id.0).collect();
        self.command(node, Command::Sync { pods: numbers });
        self.declare(node);
        for pod in pods {
            self.assign(pod);
        }
    }

    fn declare(&mut self, node: NodeId) {
        if let Some(object) = self.store.nodes().object(node) {
            let standing = Standing::of(object);
            self.command(node, Command::Declare(standing));
        }
    }

    /// Asks a node to say again how its pods are, where its agent does so.
    pub(super) fn relist(&mut self, node: NodeId) {
        let awaits = self.links.get(node).is_some_and(Link::awaits_relist);
        if self.posts_status && !awaits {
            self.command(node, Command::Relist);
        }
    }

    /// Adds a command to those that a node has yet to confirm, and to the digest.
    fn command(&mut self, node: NodeId, command: Command) {
        let Some(link) = self.links.get_mut(node) else {
            return;
        };
        let session = link.session;
        let numbered = link.push(command);
        let text = serde_json::to_string(numbered).unwrap_or_default();
        let line = format!("{} {} {session} {text}\n", self.now.as_nanos(), node.0);
        self.digest.include(&line);
    }
}
