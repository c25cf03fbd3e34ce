//! A cell at the zero of its time: nodes are there with the pods found on them, nothing has arrived.

use std::sync::Arc;

use cluster::Conflict;
use control::node_api::Notice;
use model::{Event, PodCreated};
use units::{ClassId, TenantId};

use super::super::SimError;
use super::super::context::Context;
use super::super::control_plane::ControlPlane;
use super::super::endless::Endless;
use super::super::message::ToNodes;
use super::super::node_plane::{NodeParts, NodePlane};
use super::super::parts::{CellParts, Resident};
use super::super::queue::Upcoming;
use super::super::surroundings::Surroundings;
use super::{Engine, declaration};

impl Engine {
    /// Sets a cell up.
    pub(in super::super) fn new(ctx: &mut Context<'_>, parts: CellParts) -> Result<Self, SimError> {
        let environment = parts.environment;
        let provisions = environment.provisions;
        let node_parts = NodeParts {
            agent: parts.agent,
            usage: environment.usage,
            images: environment.images,
            contention: environment.contention,
            checkpoints: environment.checkpoints,
        };
        let (seed, number) = (ctx.seed(), ctx.cell());
        let mut own = Self {
            number,
            control: ControlPlane::new(seed, environment.commitment),
            nodes: NodePlane::new(ctx, node_parts),
            surroundings: Surroundings::new(parts.arrivals, environment.provider),
            endless: Endless::default(),
        };
        own.endless.arriving(ctx.now(), true);
        for node in parts.nodes {
            let event = own.control.store().node_added(node.clone());
            own.commit(ctx, event)
                .map_err(|why| declaration(format!("node `{}`", node.name), &why))?;
        }
        for resident in &parts.residents {
            own.settle_in(ctx, resident)?;
        }
        own.endless.arriving(ctx.now(), false);
        own.surroundings.await_price(ctx, 0);
        for (at, node, up) in parts.outages {
            let event = if up {
                Upcoming::NodeUp(node)
            } else {
                Upcoming::NodeDown(node)
            };
            ctx.expect(at, event);
        }
        if provisions.slows_work || provisions.stragglers.is_some() {
            own.nodes.track(provisions.stragglers);
        }
        own.control.kill_at(provisions.kill);
        let store = own.control.store();
        own.surroundings
            .expect_traffic(ctx, store, environment.traffic);
        own.load_pods(ctx);
        own.surroundings.expect_following(ctx);
        own.surroundings.expect_failures(ctx, environment.failures);
        own.nodes.set_node_ready(ctx.options().node_ready);
        own.nodes.expect_heartbeats(ctx, own.control.store());
        own.surroundings.expect_operations(ctx, parts.operations);
        let lag = ctx.options().view_lag;
        own.control
            .employ(parts.components, lag, provisions.loses_memory);
        own.surroundings.fetch()?;
        let now = ctx.now();
        ctx.observer().settled(now, own.control.store());
        Ok(own)
    }

    /// Puts a pod on the node it was found on.
    fn settle_in(&mut self, ctx: &mut Context<'_>, resident: &Resident) -> Result<(), SimError> {
        let wrong = |why: Conflict| {
            let what = format!("pod `{}`, which is on a node already", resident.name);
            declaration(what, &why)
        };
        let known = self.control.store().class_of(&resident.spec);
        let class =
            known.unwrap_or_else(|| ClassId::from_index(self.control.store().class_count()));
        if known.is_none() {
            let object = resident.spec.clone();
            self.commit(ctx, Event::ClassAdded { class, object })
                .map_err(wrong)?;
        }
        let (pod, node) = (self.control.store().pods().next(), resident.found.node);
        let created = PodCreated {
            pod,
            class,
            name: resident.name.clone(),
            tenant: TenantId(0),
            gang: None,
            time_limit: resident.time_limit,
            found: Some(Arc::new(resident.found.clone())),
            owner: None,
        };
        let who = self.control.store().identity_of_new(&created);
        (self.nodes).find(pod, who, resident.is_running, resident.run_time);
        let created = Event::PodCreated(created);
        let devices = resident.devices;
        for event in [created, Event::PodBound { pod, node, devices }] {
            self.commit(ctx, event).map_err(wrong)?;
        }
        ctx.send(ToNodes::Notice(Notice::Assign(pod)));
        self.deliver(ctx, 0)
    }
}
