//! Client traffic: clients ask services, from within the cluster or through an ingress, and pods
//! answer as fast as they can. Services follow their objects and the readiness of pods
//! (`backing.rs`); requests are flows (`fluid.rs`, `stepping.rs`) or followed one by one
//! (`requests.rs`).
//!
//! Traffic changes nothing in the cluster. It is followed when something about it changes or somebody
//! asks, up to that instant: what changes nothing is computed.

mod backing;
mod drive;
mod entry;
mod flow;
mod fluid;
pub mod measures;
pub mod plan;
pub mod queueing;
pub mod rate;
mod requests;
mod server;
mod sharing;
mod stepping;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use crate::cluster::{Observer, Store};
use crate::model::service::{Backend, Ingress};
use crate::model::traffic::{Flow, NOWHERE, TrafficNames};
use crate::model::{Event, Object, ObjectChange, PodChange, PodPhase, PodRef, Text};
use crate::rng::Stream;
use crate::units::{Instant, NodeId, ObjectId, PodId, SpecId};

use backing::{Backing, PodCondition};
use entry::Entry;
use flow::FlowState;
use fluid::{Fluid, Shared};
pub use measures::MeasuredTraffic;
pub use plan::{
    BALANCER_LABEL, BALANCER_POLL, Form, Forwarding, Group, Load, Retries, ServerDefaults,
    ServiceModel, Target, TrafficPlan,
};
use requests::{Requests, World};
use server::Servers;

/// Clients and services of a cell.
pub struct Traffic {
    plan: Arc<TrafficPlan>,
    servers: Servers,
    names: TrafficNames,
    /// By namespace and name.
    by_name: BTreeMap<(Text, Text), usize>,
    objects: BTreeMap<ObjectId, usize>,
    ingresses: BTreeMap<ObjectId, Arc<Ingress>>,
    backings: Vec<Backing>,
    fluids: Vec<Fluid>,
    requests: Option<Requests>,
    /// Where each group's requests go: service, flow, weight.
    routes: Vec<Vec<(usize, usize, u64)>>,
    flow_numbers: BTreeMap<(usize, usize), usize>,
    /// Services of the pods of a class; forgotten when services change.
    classes: Vec<Option<Arc<[usize]>>>,
    /// Services of living pods, by slot.
    members: Vec<Option<(PodId, Arc<[usize]>)>>,
    /// Hosts that clients outside know, and those that are down.
    hosts: Vec<NodeId>,
    down: BTreeSet<NodeId>,
    /// Load balancers that are tasks, and where: clients outside know their hosts alone.
    balancers: BTreeMap<PodRef, NodeId>,
    /// When services are to be followed next.
    agenda: BinaryHeap<Reverse<(Instant, usize)>>,
    sessions: Stream,
    now: Instant,
}

impl Traffic {
    /// Clients that begin at the run's zero.
    pub fn new(plan: Arc<TrafficPlan>, seed: u64) -> Self {
        let requests = (plan.form == Form::Requests).then(|| Requests::new(&plan, seed));
        let mut own = Self {
            servers: Servers::new(plan.model.server.clone()),
            names: TrafficNames {
                is_aggregated: plan.form == Form::Aggregated,
                ..TrafficNames::default()
            },
            by_name: BTreeMap::new(),
            objects: BTreeMap::new(),
            ingresses: BTreeMap::new(),
            backings: Vec::new(),
            fluids: Vec::new(),
            requests,
            routes: vec![Vec::new(); plan.groups.len()],
            flow_numbers: BTreeMap::new(),
            classes: Vec::new(),
            members: Vec::new(),
            hosts: Vec::new(),
            down: BTreeSet::new(),
            balancers: BTreeMap::new(),
            agenda: BinaryHeap::new(),
            sessions: Stream::new(seed, "traffic/sessions", 0),
            now: Instant::ZERO,
            plan,
        };
        for group in 0..own.plan.groups.len() {
            own.route(group, Instant::ZERO);
        }
        own
    }

    /// The number of a service, which need not be there yet.
    fn service(&mut self, namespace: &Text, name: &Text) -> usize {
        let key = (namespace.clone(), name.clone());
        if let Some(known) = self.by_name.get(&key) {
            return *known;
        }
        let number = self.backings.len();
        self.backings.push(Backing::new(&self.plan.model));
        self.fluids.push(Fluid::since(self.now));
        let title: Text = if name.is_empty() {
            NOWHERE.into()
        } else {
            format!("{namespace}/{name}").into()
        };
        self.names.services.push(title);
        self.by_name.insert(key, number);
        number
    }

    /// Finds out where a group's requests go from now on.
    fn route(&mut self, group: usize, now: Instant) {
        let plan = Arc::clone(&self.plan);
        let mut backends: Vec<(usize, u64)> = Vec::new();
        match &plan.groups[group].target {
            Target::Service { namespace, name } | Target::Published { namespace, name } => {
                backends.push((self.service(namespace, name), 1));
            }
            Target::Host { host, path } => {
                for (namespace, backend) in self.lead(host, path) {
                    let weight = backend.weight.max(0).unsigned_abs();
                    let service = self.service(&namespace, &backend.service);
                    backends.push((service, weight));
                }
            }
        }
        let total: u64 = backends.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            backends = vec![(self.service(&Text::default(), &Text::default()), 1)];
        }
        let routes: Vec<(usize, usize, u64)> = (backends.into_iter())
            .map(|(service, weight)| (service, self.flow(group, service), weight))
            .collect();
        let touched: BTreeSet<usize> = (routes.iter().chain(&self.routes[group]))
            .map(|(service, ..)| *service)
            .collect();
        self.routes[group] = routes;
        for service in touched {
            self.reflow(service, now);
        }
    }

    /// The services that a host and path lead to: by the rules of all ingresses, a canary beside
    /// the one whose host and path it shares.
    fn lead(&self, host: &str, path: &str) -> Vec<(Text, Backend)> {
        let stable = self.ingresses.values().filter(|own| own.canary.is_none());
        // Of several the first that was created and has a rule for it.
        let mut found = stable.filter_map(|own| {
            let backends = own.route(host, path);
            (!backends.is_empty()).then_some((own, backends))
        });
        let Some((own, backends)) = found.next() else {
            return Vec::new();
        };
        let mut list: Vec<(Text, Backend)> = (backends.iter())
            .map(|backend| (own.namespace.clone(), backend.clone()))
            .collect();
        let canaries = self
            .ingresses
            .values()
            .filter(|other| other.namespace == own.namespace);
        for canary in canaries {
            let (Some(part), backends) = (canary.canary, canary.route(host, path)) else {
                continue;
            };
            let total: i64 = list.iter().map(|(_, backend)| backend.weight).sum();
            for (_, backend) in &mut list {
                backend.weight *= 100 - part;
            }
            let each = backends.iter().map(|backend| {
                let backend = Backend {
                    weight: part * total * backend.weight,
                    ..backend.clone()
                };
                (canary.namespace.clone(), backend)
            });
            list.extend(each);
        }
        list
    }

    fn flow(&mut self, group: usize, service: usize) -> usize {
        if let Some(known) = self.flow_numbers.get(&(group, service)) {
            return *known;
        }
        let number = self.names.flows.len();
        let own = &self.plan.groups[group];
        self.names.flows.push(Flow {
            group: own.name.clone(),
            service: service as u32,
            objective: own.objective,
        });
        self.flow_numbers.insert((group, service), number);
        number
    }

    /// The flows of a service are those of the routes as they are now.
    fn reflow(&mut self, service: usize, now: Instant) {
        let plan = Arc::clone(&self.plan);
        let mut parts: Vec<(usize, usize, u64, u64)> = Vec::new();
        for (group, routes) in self.routes.iter().enumerate() {
            let total: u64 = routes.iter().map(|(.., weight)| weight).sum();
            for &(_, flow, weight) in routes.iter().filter(|(own, ..)| *own == service) {
                parts.push((group, flow, weight, total));
            }
        }
        let fluid = &mut self.fluids[service];
        for flow in &mut fluid.flows {
            let part = parts
                .iter()
                .find(|(_, number, ..)| *number == flow.number as usize);
            flow.part = part.map_or((0, 1), |&(.., weight, total)| (weight, total));
            flow.take_rate(&plan.groups[flow.group], now);
        }
        for (group, number, weight, total) in parts {
            if fluid.flows.iter().all(|own| own.number as usize != number) {
                let mut flow = FlowState::new(number as u32, group, (weight, total));
                flow.take_rate(&plan.groups[group], now);
                fluid.flows.push(flow);
            }
        }
        self.refollow(service, now);
    }

    /// Clients of a service see its endpoints as they are.
    fn refollow(&mut self, service: usize, now: Instant) {
        let (fluid, backing) = (&mut self.fluids[service], &self.backings[service]);
        for flow in &mut fluid.flows {
            let clients = (self.plan.groups[flow.group].clients, flow.group as u64);
            flow.sharing
                .follow(now, backing, clients, &mut self.sessions);
        }
        self.regroup(service);
    }

    fn regroup(&mut self, service: usize) {
        let (fluid, backing) = (&mut self.fluids[service], &mut self.backings[service]);
        let entry = Entry {
            hosts: &self.hosts,
            down: &self.down,
        };
        fluid.regroup(backing, (&self.servers, &self.plan), &entry);
        let held = |pod: PodRef| fluid.alike.iter().any(|own| own.pods.contains(&pod));
        backing.forget(&held);
        self.schedule(service);
    }

    /// Puts down when a service is to be followed next: endpoints are seen, or answers of the name
    /// service are too old.
    fn schedule(&mut self, service: usize) {
        let asked = self.fluids[service].flows.iter();
        let asked = asked.filter_map(|flow| flow.sharing.next_asking()).min();
        let seen = self.backings[service].next_seen();
        if let Some(at) = asked.into_iter().chain(seen).min() {
            self.agenda.push(Reverse((at, service)));
        }
    }

    /// Follows everything up to an instant.
    pub fn advance(&mut self, to: Instant, observer: &mut dyn Observer) {
        self.see(to, observer);
        for service in 0..self.backings.len() {
            self.follow(service, to, observer);
        }
    }

    /// Has clients see what they see up to an instant, each change when they do.
    fn see(&mut self, to: Instant, observer: &mut dyn Observer) {
        while let Some(Reverse((at, service))) = self.agenda.peek().copied()
            && at <= to
        {
            self.agenda.pop();
            self.now = self.now.max(at);
            self.follow(service, at, observer);
            let is_new = self.backings[service].see(at);
            if is_new {
                self.refollow(service, at);
                continue;
            }
            let (fluid, backing) = (&mut self.fluids[service], &self.backings[service]);
            let mut any = false;
            for flow in &mut fluid.flows {
                any |= flow.sharing.ask(at, backing);
            }
            if any {
                self.regroup(service);
            } else {
                self.schedule(service);
            }
        }
        self.now = self.now.max(to);
    }

    /// Follows the requests of a service; one by one those of all.
    fn follow(&mut self, service: usize, to: Instant, observer: &mut dyn Observer) {
        let down = &self.down;
        let mut shared = Shared {
            plan: &self.plan,
            servers: &mut self.servers,
            names: &mut self.names,
            observer,
        };
        if let Some(requests) = &mut self.requests {
            let mut world = World {
                backings: &mut self.backings,
                routes: &self.routes,
                entry: Entry {
                    hosts: &self.hosts,
                    down,
                },
            };
            requests.advance(to, &mut world, &mut shared);
            return;
        }
        let fluid = &mut self.fluids[service];
        if fluid.flows.is_empty() {
            fluid.since = to;
            return;
        }
        let balancing = self.backings[service].balancing;
        fluid.advance((service as u32, to), balancing, &mut shared);
    }

    /// A change was applied to the store.
    pub fn observe(
        &mut self,
        now: Instant,
        event: &Event,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        match event {
            Event::Object(change) => self.object_changed(now, change, store, observer),
            Event::PodStarting { pod }
            | Event::PodRunning { pod }
            | Event::PodChanged {
                pod,
                change: PodChange::Ready(_) | PodChange::Terminating { .. },
            } => self.pod_changed(now, *pod, store, observer),
            Event::PodEnded { pod, .. } => self.pod_ended(now, *pod, observer),
            Event::NodeAdded { node, .. } => self.host_known(now, *node, true, observer),
            Event::NodeRemoved { node } => self.host_known(now, *node, false, observer),
            _ => {}
        }
    }

    fn object_changed(
        &mut self,
        now: Instant,
        change: &ObjectChange,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        let (id, object) = match change {
            ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                (*id, Some(object))
            }
            ObjectChange::Deleted { id } => (*id, None),
        };
        match object {
            Some(Object::Service(service)) => {
                let number = self.service(&service.namespace, &service.name);
                self.objects.insert(id, number);
                self.declare(now, number, Some(Arc::clone(service)), store, observer);
            }
            Some(Object::Ingress(ingress)) => {
                self.ingresses.insert(id, Arc::clone(ingress));
                self.reroute(now, observer);
            }
            Some(_) => {}
            None if self.ingresses.remove(&id).is_some() => self.reroute(now, observer),
            None => {
                if let Some(number) = self.objects.remove(&id) {
                    self.declare(now, number, None, store, observer);
                }
            }
        }
    }

    fn reroute(&mut self, now: Instant, observer: &mut dyn Observer) {
        self.advance(now, observer);
        for group in 0..self.plan.groups.len() {
            if matches!(self.plan.groups[group].target, Target::Host { .. }) {
                self.route(group, now);
            }
        }
    }

    fn declare(
        &mut self,
        now: Instant,
        service: usize,
        object: Option<Arc<crate::model::Service>>,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        self.advance(now, observer);
        self.backings[service].declare(&self.plan.model, object);
        self.classes.clear();
        self.members.clear();
        for pod in store.pods().iter().map(|pod| pod.pod).collect::<Vec<_>>() {
            self.tell(pod, store, Some(service));
        }
        self.backings[service].update(now);
        self.refollow(service, now);
    }

    /// The services of a living pod.
    fn services_of(&mut self, pod: PodRef, store: &Store) -> Option<Arc<[usize]>> {
        if let Some(Some((id, known))) = self.members.get(pod.slot.index())
            && *id == pod.id
        {
            return Some(Arc::clone(known));
        }
        let spec = store.pods().get(pod)?.spec;
        let services = self.services_of_class(spec, store);
        if services.is_empty() {
            return None;
        }
        if self.members.len() <= pod.slot.index() {
            self.members.resize(pod.slot.index() + 1, None);
        }
        self.members[pod.slot.index()] = Some((pod.id, Arc::clone(&services)));
        Some(services)
    }

    fn services_of_class(&mut self, spec: SpecId, store: &Store) -> Arc<[usize]> {
        if let Some(Some(known)) = self.classes.get(spec.index()) {
            return Arc::clone(known);
        }
        let object = &store.class(spec).object;
        let selects = |backing: &Backing| {
            let own = backing.object.as_ref();
            own.is_some_and(|own| own.selects(&object.namespace, &object.labels))
        };
        let found: Arc<[usize]> = (0..self.backings.len())
            .filter(|&service| selects(&self.backings[service]))
            .collect();
        if self.classes.len() <= spec.index() {
            self.classes.resize(spec.index() + 1, None);
        }
        self.classes[spec.index()] = Some(Arc::clone(&found));
        found
    }

    /// Tells the services of a pod how it is, or one of them.
    fn tell(&mut self, pod: PodRef, store: &Store, only: Option<usize>) -> Option<Arc<[usize]>> {
        let services = self.services_of(pod, store)?;
        let record = store.pods().get(pod)?;
        let state = store.pod_states().get(pod);
        let runs = record.phase == PodPhase::Running;
        let condition = PodCondition {
            node: record.node(),
            is_ready: state.map_or(runs, |state| state.is_ready),
            is_terminating: state.is_some_and(|state| state.terminating.is_some()),
            has_address: runs,
            runs,
        };
        let server = self
            .servers
            .of(store.class(record.spec).object.server.as_ref());
        let name = record.name.text();
        for &service in services
            .iter()
            .filter(|own| only.is_none_or(|only| only == **own))
        {
            self.backings[service].set(pod, &name, server, condition);
        }
        Some(services)
    }

    fn pod_changed(
        &mut self,
        now: Instant,
        pod: PodRef,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        self.see(now, observer);
        self.balancer_changed(now, pod, store, observer);
        let Some(services) = self.tell(pod, store, None) else {
            return;
        };
        for &service in &*services {
            self.follow(service, now, observer);
            self.backings[service].update(now);
            self.schedule(service);
        }
    }

    fn pod_ended(&mut self, now: Instant, pod: PodRef, observer: &mut dyn Observer) {
        self.see(now, observer);
        if self.balancers.remove(&pod).is_some() {
            self.enter_at_balancers(now, observer);
        }
        let row = self.members.get_mut(pod.slot.index());
        let Some((_, services)) = row.and_then(|row| row.take_if(|(id, _)| *id == pod.id)) else {
            return;
        };
        for &service in &*services {
            self.follow(service, now, observer);
            self.backings[service].end(pod);
            self.backings[service].update(now);
            self.regroup(service);
        }
        self.lose(now, pod, true, observer);
    }

    /// Whether requests from outside come to load balancers that are tasks.
    fn enters_at_balancers(&self) -> bool {
        self.plan.model.forwarding == Forwarding::MarathonLb
    }

    /// A task that is a load balancer takes requests once it is ready, until it is told to stop.
    fn balancer_changed(
        &mut self,
        now: Instant,
        pod: PodRef,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        let Some(record) = store.pods().get(pod).filter(|_| self.enters_at_balancers()) else {
            return;
        };
        let (label, values) = BALANCER_LABEL;
        let labels = &store.class(record.spec).object.labels;
        if labels
            .get(label)
            .is_none_or(|own| !values.contains(&&**own))
        {
            return;
        }
        let state = store.pod_states().get(pod);
        let runs = record.phase == PodPhase::Running;
        let serves = state.map_or(runs, |state| state.is_ready && state.terminating.is_none());
        let known = match record.node().filter(|_| serves) {
            Some(node) => self.balancers.insert(pod, node) == Some(node),
            None => self.balancers.remove(&pod).is_none(),
        };
        if !known {
            self.enter_at_balancers(now, observer);
        }
    }

    /// Clients outside know where load balancers run.
    fn enter_at_balancers(&mut self, now: Instant, observer: &mut dyn Observer) {
        self.advance(now, observer);
        let hosts: BTreeSet<NodeId> = self.balancers.values().copied().collect();
        self.hosts = hosts.into_iter().collect();
        for service in 0..self.backings.len() {
            self.regroup(service);
        }
    }

    /// Clients outside know these hosts from the start.
    pub fn know_hosts(&mut self, hosts: impl Iterator<Item = NodeId>) {
        if self.enters_at_balancers() {
            return;
        }
        self.hosts.extend(hosts);
        self.hosts.sort_unstable();
        self.hosts.dedup();
    }

    /// Clients outside learn of a host, or that it is gone.
    fn host_known(
        &mut self,
        now: Instant,
        node: NodeId,
        is_there: bool,
        observer: &mut dyn Observer,
    ) {
        if self.enters_at_balancers() {
            return;
        }
        match (self.hosts.binary_search(&node), is_there) {
            (Err(place), true) => self.hosts.insert(place, node),
            (Ok(place), false) => {
                self.hosts.remove(place);
            }
            _ => return,
        }
        if self.has_published() {
            self.advance(now, observer);
            for service in 0..self.backings.len() {
                self.regroup(service);
            }
        }
    }

    /// Whether some clients ask at nodes.
    fn has_published(&self) -> bool {
        let mut groups = self.plan.groups.iter();
        groups.any(|group| matches!(group.target, Target::Published { .. }))
    }

    /// A host went down or came back; who asks its pods meanwhile hears nothing.
    pub fn host_changed(
        &mut self,
        now: Instant,
        node: NodeId,
        is_up: bool,
        observer: &mut dyn Observer,
    ) {
        self.advance(now, observer);
        let changed = if is_up {
            self.down.remove(&node)
        } else {
            self.down.insert(node)
        };
        if !changed {
            return;
        }
        for service in 0..self.backings.len() {
            let own = self.backings[service].running();
            let pods: Vec<PodRef> = (own.filter(|member| member.node == Some(node)))
                .map(|member| member.pod)
                .collect();
            if pods.is_empty() && !self.has_published() {
                continue;
            }
            self.regroup(service);
            for pod in pods {
                self.lose(now, pod, false, observer);
            }
        }
    }

    /// What is in a pod that is gone is lost.
    fn lose(&mut self, now: Instant, pod: PodRef, answers: bool, observer: &mut dyn Observer) {
        let Some(requests) = &mut self.requests else {
            return;
        };
        let down = &self.down;
        let shared = Shared {
            plan: &self.plan,
            servers: &mut self.servers,
            names: &mut self.names,
            observer,
        };
        let world = World {
            backings: &mut self.backings,
            routes: &self.routes,
            entry: Entry {
                hosts: &self.hosts,
                down,
            },
        };
        requests.lose(now, pod, answers, &world, &shared);
    }
}
