//! A cell at the zero of its time: nodes are there with the pods found on them, nothing has arrived.

use std::sync::Arc;

use cluster::Conflict;
use control::node_api::Notice;
use model::{
    EndReason, Event, InitialEnd, Object, ObjectChange, PodChange, PodCreated, PodOwner, PodRef,
    PodSpec,
};
use units::{ClassId, Duration, ObjectId, TenantId};

use super::super::SimError;
use super::super::busy_instant::BusyInstant;
use super::super::context::Context;
use super::super::control_plane::ControlPlane;
use super::super::endless::Endless;
use super::super::message::ToNodes;
use super::super::node_plane::{InitialPod, NodeParts, NodePlane, drawn_run_time};
use super::super::parts::{
    CellParts, InitialObjects, Resident, ResidentObject, ResidentOwner, WaitingPod,
};
use super::super::queue::QueueEvent;
use super::super::surroundings::Surroundings;
use super::admission::Refusals;
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
            throughputs: environment.throughputs,
            limited_parts: environment.limited_parts,
        };
        let (seed, number) = (ctx.seed(), ctx.cell());
        let mut own = Self {
            number,
            control: ControlPlane::new(seed, environment.commitment),
            nodes: NodePlane::new(ctx, node_parts),
            surroundings: Surroundings::new(
                parts.arrivals,
                environment.jobs,
                environment.provider,
                environment.has_precedence,
            ),
            busy: BusyInstant::default(),
            endless: Endless::default(),
            refusals: Refusals::but_for(environment.found.admitted.clone()),
        };
        own.endless.arriving(ctx.now(), true);
        for node in parts.nodes {
            let event = own.control.store().node_added(node.clone());
            own.commit(ctx, event)
                .map_err(|why| declaration(format!("node `{}`", node.name), &why))?;
        }
        own.settle_found(ctx, &environment.found, &parts.residents)?;
        own.endless.arriving(ctx.now(), false);
        own.surroundings.await_price(ctx, 0);
        for (at, node, up) in parts.outages {
            let event = if up {
                QueueEvent::NodeUp(node)
            } else {
                QueueEvent::NodeDown(node)
            };
            ctx.expect(at, event);
        }
        if provisions.slows_work || provisions.stragglers.is_some() {
            own.nodes.track(provisions.stragglers);
        }
        if parts.components.iter().any(|part| part.resumes_pods()) {
            own.resume_evicted();
        }
        if parts.components.iter().any(|part| part.moves_pods()) {
            own.nodes.track(None);
        }
        own.control.kill_at(provisions.kill);
        let store = own.control.store();
        own.surroundings
            .expect_traffic(ctx, store, environment.traffic);
        own.load_pods(ctx);
        own.surroundings.expect_following(ctx);
        own.surroundings
            .expect_failures(ctx, environment.failures, environment.exposure);
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

    /// Objects and pods that are there at the beginning are declared.
    fn settle_found(
        &mut self,
        ctx: &mut Context<'_>,
        found: &InitialObjects,
        residents: &[Resident],
    ) -> Result<(), SimError> {
        let first = self.control.store().objects().next();
        for object in &found.objects {
            self.place_object(ctx, first, object)?;
        }
        for resident in residents {
            self.settle_in(ctx, first, resident)?;
        }
        for waiting in &found.waiting {
            self.await_node(ctx, first, waiting)?;
        }
        for node in &found.nodes {
            if let Some(trouble) = node.trouble {
                self.nodes.find_host(ctx, node.node, trouble);
                self.deliver(ctx, 0)?;
            }
        }
        Ok(())
    }

    /// Pods that are evicted come back with the rest of their work.
    fn resume_evicted(&mut self) {
        self.nodes.resume_evicted();
        self.endless.allow_resuming();
    }

    /// Declares an object that was found; `first` is the identity of the first of them.
    fn place_object(
        &mut self,
        ctx: &mut Context<'_>,
        first: ObjectId,
        found: &ResidentObject,
    ) -> Result<(), SimError> {
        let object = &found.object;
        let created = ObjectChange::Created {
            id: self.control.store().objects().next(),
            owner: found.owner.map(|place| nth(first, place)),
            object: object.clone(),
        };
        self.commit(ctx, Event::Object(created)).map_err(|why| {
            let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
            let what = format!("{kind} `{namespace}/{name}`, which is there already");
            declaration(what, &why)
        })
    }

    /// The class of a pod that was found; a new one is added.
    fn found_class(
        &mut self,
        ctx: &mut Context<'_>,
        spec: &Arc<PodSpec>,
    ) -> Result<ClassId, Conflict> {
        let known = self.control.store().class_of(spec);
        let class =
            known.unwrap_or_else(|| ClassId::from_index(self.control.store().class_count()));
        if known.is_none() {
            let object = spec.clone();
            self.commit(ctx, Event::ClassAdded { class, object })?;
        }
        Ok(class)
    }

    /// Creates a pod of an object that was found without a node.
    fn await_node(
        &mut self,
        ctx: &mut Context<'_>,
        first: ObjectId,
        waiting: &WaitingPod,
    ) -> Result<(), SimError> {
        let wrong =
            |why: Conflict| declaration(format!("pod `{}`, which waits", waiting.name), &why);
        let class = self.found_class(ctx, &waiting.spec).map_err(wrong)?;
        let owner = owner_of(first, waiting.owner);
        let mut created = PodCreated {
            pod: self.control.store().pods().next(),
            class,
            name: waiting.name.clone(),
            tenant: TenantId(0),
            gang: None,
            time_limit: waiting.time_limit,
            estimate: None,
            found: None,
            owner: Some(owner),
        };
        let who = self.control.store().identity_of_new(&created);
        let run_time = drawn_run_time(ctx, who, waiting.spec.main_container(), &waiting.spec)?;
        created.estimate = run_time;
        let row = self.control.store().objects().get(owner.object);
        let is_job = row.is_some_and(|row| matches!(row.object, Object::Job(_)));
        let job = is_job.then_some(owner.object);
        (self.nodes).begin(created.pod, who, run_time, job);
        self.commit(ctx, Event::PodCreated(created)).map_err(wrong)
    }

    /// Puts a pod on the node it was found on.
    fn settle_in(
        &mut self,
        ctx: &mut Context<'_>,
        first: ObjectId,
        resident: &Resident,
    ) -> Result<(), SimError> {
        let wrong = |why: Conflict| {
            let what = format!("pod `{}`, which is on a node already", resident.name);
            declaration(what, &why)
        };
        let class = self.found_class(ctx, &resident.spec).map_err(wrong)?;
        let (pod, node) = (self.control.store().pods().next(), resident.found.node);
        let created = PodCreated {
            pod,
            class,
            name: resident.name.clone(),
            tenant: TenantId(0),
            gang: None,
            time_limit: resident.time_limit,
            estimate: None,
            found: Some(Arc::new(resident.found.clone())),
            owner: resident.owner.map(|owner| owner_of(first, owner)),
        };
        if let Some(end) = &resident.found.end {
            return self.settle_ended(ctx, created, end).map_err(wrong);
        }
        let who = self.control.store().identity_of_new(&created);
        let (spec, found) = (&resident.spec, &resident.found);
        let own = InitialPod {
            pod,
            who,
            spec,
            found,
            rest: resident.run_time,
        };
        self.nodes.find(ctx, own)?;
        let created = Event::PodCreated(created);
        let devices = resident.devices;
        for event in [created, Event::PodBound { pod, node, devices }] {
            self.commit(ctx, event).map_err(wrong)?;
        }
        ctx.send(ToNodes::Notice(Notice::Assign(pod)));
        self.deliver(ctx, 0)?;
        self.settle_state(ctx, pod, resident).map_err(wrong)?;
        match resident.owner {
            Some(owner) if owner.is_discarded => {
                let job = nth(first, owner.object);
                self.discard(ctx, job, pod).map_err(wrong)
            }
            _ => Ok(()),
        }
    }

    /// Declares a pod that has ended and whose object is there: no node knows of it.
    fn settle_ended(
        &mut self,
        ctx: &mut Context<'_>,
        created: PodCreated,
        end: &InitialEnd,
    ) -> Result<(), Conflict> {
        let pod = created.pod;
        let is_terminating = created
            .found
            .as_ref()
            .is_some_and(|found| found.is_terminating);
        self.commit(ctx, Event::PodCreated(created))?;
        for &(container, code) in &end.codes {
            let change = PodChange::Exited { container, code };
            self.commit(ctx, Event::PodChanged { pod, change })?;
        }
        if is_terminating {
            let (grace, reason) = (Duration::ZERO, EndReason::Cancelled);
            let change = PodChange::Terminating { grace, reason };
            self.commit(ctx, Event::PodChanged { pod, change })?;
        }
        let reason = end.reason;
        self.commit(ctx, Event::PodEnded { pod, reason })
    }

    /// A job has let go of a pod of its that is to end.
    fn discard(
        &mut self,
        ctx: &mut Context<'_>,
        id: ObjectId,
        pod: PodRef,
    ) -> Result<(), Conflict> {
        let row = self.control.store().objects().get(id);
        let Some(Object::Job(job)) = row.map(|row| &row.object) else {
            return Ok(());
        };
        let mut job = (**job).clone();
        job.status.untracked.discarded.push(pod.id);
        let object = Object::Job(Arc::new(job));
        self.commit(ctx, Event::Object(ObjectChange::Updated { id, object }))
    }

    /// What the API says of a pod apart from its node: whether it was asked to terminate, and that it is not ready
    /// where its unreachable node would say otherwise.
    fn settle_state(
        &mut self,
        ctx: &mut Context<'_>,
        pod: PodRef,
        resident: &Resident,
    ) -> Result<(), Conflict> {
        if self.control.store().pods().get(pod).is_none() {
            return Ok(());
        }
        let state = self.control.store().pod_states().get(pod).copied();
        let is_ready = state.is_some_and(|state| state.is_ready);
        let readiness = resident.found.readiness;
        if is_ready && readiness.is_some_and(|known| !known.is_ready) {
            let change = PodChange::Ready(false);
            self.commit(ctx, Event::PodChanged { pod, change })?;
        }
        if resident.found.is_terminating {
            // Who asked it to terminate, and why, is unknown.
            let reason = EndReason::Cancelled;
            let grace = resident.found.stop_within.unwrap_or_default();
            let change = PodChange::Terminating { grace, reason };
            self.commit(ctx, Event::PodChanged { pod, change })?;
        }
        Ok(())
    }
}

/// The object at a place among those found.
fn nth(first: ObjectId, place: usize) -> ObjectId {
    ObjectId::from_index(first.index() + place)
}

fn owner_of(first: ObjectId, owner: ResidentOwner) -> PodOwner {
    PodOwner {
        failures: owner.failures,
        ..PodOwner::new(nth(first, owner.object), owner.index)
    }
}
