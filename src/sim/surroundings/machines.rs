//! Machines of the provider: components order them, users destroy and make them, they join, are taken back
//! and change their prices.

use std::sync::Arc;

use cluster::Store;
use control::node_api::pods_on;
use control::provider::{MachineOrder, ProviderRequest};
use model::{Event, MachineFailure, Node};
use units::NodeId;

use super::super::context::Context;
use super::super::message::{ToControlPlane, ToNodes};
use super::super::options::NodeLife;
use super::super::provider::{OrderOutcome, OrderTimer};
use super::super::queue::QueueEvent;
use super::Surroundings;

impl Surroundings {
    /// A component asks for a machine, or gives one back.
    pub(super) fn provide(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        component: usize,
        request: ProviderRequest,
    ) {
        match request {
            ProviderRequest::Launch(machine) => {
                let (now, seed) = (ctx.now(), ctx.seed());
                let due = self.provider.order(now, seed, component, machine);
                await_order(ctx, due);
            }
            ProviderRequest::Cancel(name) => self.provider.cancel(ctx.now(), &name),
            ProviderRequest::Terminate(node) => self.take_away(ctx, store, node),
        }
    }

    /// Machines that the component at a place ordered and that have yet to join, or to fail.
    pub(in super::super) fn awaited(&self, place: usize) -> impl Iterator<Item = &MachineOrder> {
        self.provider.awaited(place)
    }

    /// An order comes to its next stage.
    pub(in super::super) fn machine_due(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        number: u32,
    ) {
        match self.provider.happen(ctx.now(), number) {
            OrderOutcome::Nothing => {}
            OrderOutcome::Failed {
                component,
                group,
                failed,
            } => {
                let (node, why) = (failed.node.clone(), failed.why.clone());
                let news = Arc::new(MachineFailure { node, group, why });
                ctx.send(ToControlPlane::Happened(Event::MachineFailed(news)));
                let failed = Box::new(failed);
                ctx.send(ToControlPlane::OrderFailed { component, failed });
            }
            OrderOutcome::Joins(object) => {
                let event = store.node_added(object);
                let Event::NodeAdded { node, .. } = event else {
                    return;
                };
                if let Some(due) = self.provider.joined(ctx.now(), number, node) {
                    await_order(ctx, due);
                }
                ctx.send(ToControlPlane::Joined(event));
            }
            OrderOutcome::Noticed { node, next } => {
                await_order(ctx, next);
                ctx.send(ToNodes::Drain(node));
            }
            OrderOutcome::TakenBack(node) => self.take_away(ctx, store, node),
        }
    }

    /// A machine goes, with what runs on it.
    fn take_away(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        (self.provider).gone(ctx.now(), node, store.nodes().name(node));
        if store.nodes().object(node).is_none() {
            return;
        }
        for pod in pods_on(store, node) {
            ctx.send(ToNodes::Lose(pod));
        }
        ctx.send(ToControlPlane::Happened(Event::NodeRemoved { node }));
    }

    /// A user destroys the machine of a node.
    pub(super) fn remove_host(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        if ctx.options().node_life == NodeLife::Declared && store.nodes().object(node).is_some() {
            let event = Event::NodeReadiness { node, ready: false };
            ctx.send(ToControlPlane::Happened(event));
        }
        self.take_away(ctx, store, node);
    }

    /// A user has a machine made in the place of one that was destroyed: what strikes the node that was
    /// there at the start strikes this one from now on.
    pub(super) fn create_host(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        node: NodeId,
        object: Arc<Node>,
    ) {
        if store.nodes().by_name(&object.name).is_some() {
            return;
        }
        let event = store.node_added(object);
        if let Event::NodeAdded { node: joined, .. } = event {
            self.stand_ins.insert(node, joined);
        }
        ctx.send(ToControlPlane::Joined(event));
    }

    /// The node that a time line means by one that was there at the start.
    pub(in super::super) fn standing_for(&self, node: NodeId) -> NodeId {
        self.stand_ins.get(&node).copied().unwrap_or(node)
    }

    /// Prices change as they were written, from a number on; the next change is awaited.
    pub(in super::super) fn prices_due(&self, ctx: &mut Context<'_>, number: u32) {
        let mut number = number as usize;
        while let Some((at, new)) = self.provider.price(number) {
            if *at > ctx.now() {
                self.await_price(ctx, number);
                break;
            }
            let event = Event::PriceChanged(Arc::clone(new));
            ctx.send(ToControlPlane::Happened(event));
            number += 1;
        }
    }

    /// The change of prices of a number is awaited, if there is one.
    pub(in super::super) fn await_price(&self, ctx: &mut Context<'_>, number: usize) {
        if let Some((at, _)) = self.provider.price(number) {
            let due = match ctx.options().stop.awaited() {
                Some(_) => QueueEvent::Price(number as u32),
                // What nothing else happens after changes nothing.
                None => QueueEvent::IdlePrice(number as u32),
            };
            ctx.expect(*at, due);
        }
    }
}

fn await_order(ctx: &mut Context<'_>, due: OrderTimer) {
    ctx.expect(due.at, QueueEvent::Machine(due.order));
}
