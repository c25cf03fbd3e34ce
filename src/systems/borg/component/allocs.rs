//! Allocs: how they find machines, and what becomes of their tasks when they lose them.

use control::Outbox;
use model::PodRef;
use units::{NodeId, TenantId};

use super::super::machine::AllocRef;
use super::super::pending::Waiting;
use super::super::quota::User;
use super::tasks::Nomination;
use super::{Borgmaster, Holder};

impl Borgmaster {
    /// Queues an alloc behind the others of its priority.
    pub(super) fn queue_alloc(&mut self, alloc: AllocRef) {
        let demand = self.allocs.demand(alloc);
        let (class, priority) = (demand.class, demand.spec.priority);
        // Sets take turns with users.
        let user = User {
            tenant: TenantId(0),
            namespace: self.allocs.name(alloc.set).into(),
        };
        self.pending
            .push(Holder::Alloc(alloc), class, priority, user);
    }

    /// Places an alloc, killing tasks of lower priority where that makes room.
    pub(super) fn place_alloc(&mut self, alloc: AllocRef, waiting: Waiting, out: &mut Outbox) {
        let (holder, demand) = (Holder::Alloc(alloc), self.allocs.demand(alloc).clone());
        if let Some(node) = self.cell.select(&demand, &mut self.random) {
            self.cell.add(node, holder, &demand);
            self.settle(alloc, node);
        } else if let Some((node, victims)) = self.cell.preempt(&demand) {
            let victims = self.kill(node, &victims, out);
            self.cell.add(node, holder, &demand);
            if victims.is_empty() {
                self.settle(alloc, node);
                return;
            }
            self.nominations.push(Nomination {
                holder,
                node,
                victims,
            });
        } else {
            self.pending.block(waiting.class, waiting.priority);
            self.pending.put_back(waiting);
        }
    }

    /// An alloc has its machine to itself, unless it lost it meanwhile.
    pub(super) fn settle(&mut self, alloc: AllocRef, node: NodeId) {
        let machine = &self.cell.machines()[node.index()];
        let holder = Holder::Alloc(alloc);
        if machine.tasks.iter().any(|held| held.holder == holder) {
            self.allocs.put(alloc, Some(node));
            self.pending.unblock();
        }
    }

    /// An alloc loses its machine, and looks for another one. Its tasks stay there without it.
    pub(super) fn vacate(&mut self, alloc: AllocRef, node: NodeId, tasks: &[PodRef]) {
        self.allocs.put(alloc, None);
        self.cell.remove(node, Holder::Alloc(alloc));
        for &pod in tasks {
            self.take_out(pod, node);
        }
        self.nominations
            .retain(|own| own.holder != Holder::Alloc(alloc));
        self.pending.unblock();
        self.queue_alloc(alloc);
    }

    /// The allocs of a machine that is down lose it.
    pub(super) fn vacate_all(&mut self, node: NodeId) {
        let held = self.cell.machines()[node.index()].tasks.iter();
        let allocs: Vec<AllocRef> = held.filter_map(|held| held.holder.alloc()).collect();
        for alloc in allocs {
            let tasks = self.allocs.tasks(alloc);
            self.vacate(alloc, node, &tasks);
        }
    }
}
