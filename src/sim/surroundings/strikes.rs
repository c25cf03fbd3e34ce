//! Failures as they strike: each strike of a time line becomes messages to the part that it hits.

use std::sync::Arc;

use cluster::Store;
use model::{Event, Node, ResourceList};
use units::NodeId;

use super::super::context::Context;
use super::super::failures::Change;
use super::super::hosts::Trouble;
use super::super::message::{ControlFault, ToControlPlane, ToNodes, ToSurroundings};
use super::super::options::NodeLife;
use super::super::queue::QueueEvent;
use super::Surroundings;

impl Surroundings {
    /// Awaits the next strike of a time line.
    pub(super) fn await_strike(&mut self, ctx: &mut Context<'_>, line: u32) {
        let standing = &mut self.failures[line as usize];
        let Some(next) = standing.ahead() else {
            return;
        };
        // A run that ends at an instant goes on until then, whatever lies ahead.
        let is_idle = next.is_endless && ctx.options().stop.awaited().is_none();
        let upcoming = match next.is_relief {
            true => QueueEvent::Relief(line),
            false if is_idle => QueueEvent::IdleStrike(line),
            false => QueueEvent::Strike(line),
        };
        let at = next.at.max(ctx.now());
        ctx.expect(at, upcoming);
    }

    /// The next strike of a time line happens.
    pub(in super::super) fn strike(&mut self, ctx: &mut Context<'_>, store: &Store, line: u32) {
        if let Some(mut strike) = self.failures[line as usize].take() {
            let incident = strike.change.incident();
            if let Some(node) = strike.change.node_mut() {
                *node = self.standing_for(*node);
                if line >= self.lines_of_start && store.nodes().object(*node).is_none() {
                    // The machine was given back: nothing strikes it any more.
                    return;
                }
            }
            match strike.change {
                Change::Resize(node, offered) => resize(ctx, store, node, offered),
                Change::Remove(node) => self.remove_host(ctx, store, node),
                Change::Create(node, object) => self.create_host(ctx, store, node, object),
                Change::NotCreated(news) => {
                    ctx.send(ToControlPlane::Happened(Event::MachineFailed(news)));
                }
                change => self.hit(ctx, change),
            }
            if let Some(incident) = incident {
                ctx.tell(incident);
            }
        }
        ctx.send(ToSurroundings::AwaitStrike(line));
    }

    fn hit(&mut self, ctx: &mut Context<'_>, change: Change) {
        match change {
            Change::Begin(node, trouble) => ctx.send(ToNodes::Trouble {
                node,
                trouble,
                begins: true,
            }),
            Change::End(node, trouble) => ctx.send(ToNodes::Trouble {
                node,
                trouble,
                begins: false,
            }),
            Change::Absent(node) => absent(ctx, node),
            Change::Drain(node) if !ctx.options().empties_nodes => ctx.send(ToNodes::Drain(node)),
            Change::Drain(node) | Change::Vacate(node) => {
                ctx.send(ToControlPlane::Cordon {
                    node,
                    unschedulable: true,
                });
                ctx.send(ToSurroundings::GoOnDraining(node));
            }
            Change::Resize(..) | Change::Remove(_) | Change::Create(..) | Change::NotCreated(_) => {
            }
            Change::Cordon(node) => ctx.send(ToControlPlane::Cordon {
                node,
                unschedulable: true,
            }),
            Change::Uncordon(node) => ctx.send(ToControlPlane::Cordon {
                node,
                unschedulable: false,
            }),
            Change::Registry { is_up } => ctx.send(ToNodes::Registry { is_up }),
            Change::Image {
                image,
                is_corrupted,
            } => ctx.send(ToNodes::CorruptImage {
                image,
                is_corrupted,
            }),
            Change::ControlPlane { is_up } => {
                ctx.send(ControlFault::Outage { is_up });
                if is_up {
                    self.try_again(ctx);
                }
            }
            Change::Leader { part, is_up } => ctx.send(ControlFault::Leader { part, is_up }),
            Change::Sight(part, sight) => ctx.send(ControlFault::Sight(part, sight)),
            Change::Binds(fault) => ctx.send(ControlFault::Binds(fault)),
            Change::Api(part, limit) => ctx.send(ControlFault::Api(part, limit)),
            Change::Managers { away } => ctx.send(ControlFault::Managers { away }),
            Change::Framework { framework, is_up } => {
                ctx.send(ControlFault::Framework { framework, is_up });
            }
            Change::Discovery { is_up } => ctx.send(ControlFault::Discovery { is_up }),
        }
    }

    /// The control plane acts again: users who got no answer meanwhile are answered.
    fn try_again(&mut self, ctx: &mut Context<'_>) {
        for number in std::mem::take(&mut self.postponed) {
            self.tried_again.insert(number);
            ctx.expect(ctx.now(), QueueEvent::Operation(number));
        }
    }
}

/// A machine is not there yet. A node is known once it has joined, so its control plane is informed right
/// away that there is none, however it finds out about those that it loses.
fn absent(ctx: &mut Context<'_>, node: NodeId) {
    if ctx.options().node_life != NodeLife::Declared {
        let event = Event::NodeReadiness { node, ready: false };
        ctx.send(ToControlPlane::Happened(event));
    }
    ctx.send(ToNodes::Trouble {
        node,
        trouble: Trouble::Crash,
        begins: true,
    });
}

/// A node that is there is declared anew with other resources.
fn resize(ctx: &mut Context<'_>, store: &Store, node: NodeId, offered: ResourceList) {
    let Some(before) = store.nodes().object(node) else {
        return;
    };
    let object = Arc::new(Node {
        allocatable: offered,
        ..(**before).clone()
    });
    ctx.send(ToControlPlane::Happened(Event::NodeUpdated {
        node,
        object,
    }));
}
