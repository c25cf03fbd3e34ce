//! Client traffic: clients ask services, from within the cluster or through an ingress, and pods
//! answer as fast as they can. Services follow their objects and the readiness of pods
//! (`service_backend.rs`); requests are flows (`fluid.rs`, `stepping.rs`) or followed one by one
//! (`requests.rs`).
//!
//! Traffic changes nothing in the cluster. It is followed when something about it changes or it is
//! queried, up to that instant: what changes nothing is computed.

mod changes;
mod claims;
mod entry;
mod flow;
mod fluid;
mod hosts;
pub mod measures;
pub mod plan;
pub mod queueing;
pub mod rate;
mod requests;
mod routers;
mod routing;
mod server;
mod service_backend;
mod sharing;
mod stepping;
#[cfg(test)]
mod tests;
mod volumes;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use cluster::Observer;
use model::service::Ingress;
use model::traffic::{NOWHERE, TrafficNames};
use model::{PodRef, Text};
use rng::Streams;
use units::{Identity, Instant, NodeId, ObjectId, PodId, SortedMap, SortedSet};

use entry::Entry;
use fluid::{Fluid, SharedState};
pub use measures::UsageAndTraffic;
pub use plan::{
    BALANCER_LABEL, BALANCER_POLL, Detail, FunctionPlan, Group, Load, ProxyMode, ROUTER_LABEL,
    ROUTER_NAMESPACE, Retries, Router, ServerDefaults, ServiceModel, Target, TrafficPlan,
};
use requests::{Requests, World};
use server::Servers;
use service_backend::ServiceBackend;
use sharing::FlowClients;

/// Clients and services of a cell.
pub struct Traffic {
    plan: Arc<TrafficPlan>,
    servers: Servers,
    names: TrafficNames,
    /// By namespace and name.
    by_name: SortedMap<(Text, Text), usize>,
    objects: SortedMap<ObjectId, usize>,
    ingresses: SortedMap<ObjectId, Arc<Ingress>>,
    backings: Vec<ServiceBackend>,
    fluids: Vec<Fluid>,
    requests: Option<Requests>,
    /// Routes of each group's requests: service, flow, weight.
    routes: Vec<Vec<(usize, usize, u64)>>,
    flow_numbers: SortedMap<(usize, usize), usize>,
    /// The services that stand for functions, by the functions' numbers.
    functions: SortedMap<usize, usize>,
    /// Services that routers stand before.
    fronted: SortedSet<usize>,
    /// Instant at which requests from outside were routed last because a rate changed.
    routed: Instant,
    /// Services of the pods of a class; forgotten when services change.
    classes: Vec<Option<Arc<[usize]>>>,
    /// Services of living pods, by slot.
    members: Vec<Option<(PodId, Arc<[usize]>)>>,
    /// Hosts that clients outside know, and those that are down.
    hosts: Vec<NodeId>,
    down: SortedSet<NodeId>,
    /// Volumes that are lost or out of reach.
    away: SortedSet<Text>,
    /// Load balancers that are tasks, and where: clients outside know their hosts alone.
    balancers: SortedMap<PodRef, NodeId>,
    /// Pods that are replicas of routers and take requests, with the numbers of their routers, and where.
    router_pods: SortedMap<PodRef, (usize, NodeId)>,
    /// Instants at which services are to be followed next.
    agenda: BinaryHeap<Reverse<(Instant, usize)>>,
    sessions: Streams,
    now: Instant,
}

impl Traffic {
    /// Clients that begin at the run's zero.
    pub fn new(plan: Arc<TrafficPlan>, seed: u64) -> Self {
        let mut targets = plan.groups.iter().map(|group| &group.target);
        let asks_function = targets.any(|target| matches!(target, Target::Function(_)));
        let follows = plan.detail == Detail::Requests || asks_function;
        let requests = follows.then(|| Requests::new(&plan, seed));
        let mut own = Self {
            servers: Servers::new(plan.model.server.clone()),
            names: TrafficNames {
                is_aggregated: plan.detail == Detail::Aggregated,
                ..TrafficNames::default()
            },
            by_name: SortedMap::new(),
            objects: SortedMap::new(),
            ingresses: SortedMap::new(),
            backings: Vec::new(),
            fluids: Vec::new(),
            requests,
            routes: vec![Vec::new(); plan.groups.len()],
            flow_numbers: SortedMap::new(),
            functions: SortedMap::new(),
            fronted: SortedSet::new(),
            routed: Instant::ZERO,
            classes: Vec::new(),
            members: Vec::new(),
            hosts: Vec::new(),
            down: SortedSet::new(),
            away: SortedSet::new(),
            balancers: SortedMap::new(),
            router_pods: SortedMap::new(),
            agenda: BinaryHeap::new(),
            sessions: Streams::new(seed, "traffic/sessions"),
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
        self.backings.push(ServiceBackend::new(&self.plan.model));
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

    /// Clients of a service see its endpoints as they are.
    fn refollow(&mut self, service: usize, now: Instant) {
        let (fluid, backing) = (&mut self.fluids[service], &self.backings[service]);
        let title = &self.names.services[service];
        for flow in &mut fluid.flows {
            let clients = FlowClients {
                count: self.plan.groups[flow.group].clients,
                group: flow.group as u64,
                flow: (backing.settings.affinity.is_some())
                    .then(|| Identity::of(title).with(&self.plan.groups[flow.group].name)),
            };
            (flow.sharing).follow(now, backing, clients, &self.sessions);
        }
        self.regroup(service);
    }

    fn regroup(&mut self, service: usize) {
        let (fluid, backing) = (&mut self.fluids[service], &mut self.backings[service]);
        let entry = Entry {
            hosts: &self.hosts,
            down: &self.down,
        };
        fluid.regroup(backing, &self.servers, &self.plan, &entry);
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
        loop {
            let next = self.agenda.peek().copied();
            if let Some(at) = self.next_routing()
                && at <= to
                && next.is_none_or(|Reverse((due, _))| at <= due)
            {
                self.now = self.now.max(at);
                self.route_at(at, observer);
                continue;
            }
            let Some(Reverse((at, service))) = next.filter(|Reverse((at, _))| *at <= to) else {
                break;
            };
            self.agenda.pop();
            self.now = self.now.max(at);
            self.follow(service, at, observer);
            let down = &self.down;
            let is_new = self.backings[service].see(at, &|node| down.contains(&node));
            if is_new {
                self.refollow(service, at);
                if self.fronted.contains(&service) {
                    self.route_at(at, observer);
                }
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
        let mut shared = SharedState {
            plan: &self.plan,
            servers: &mut self.servers,
            names: &mut self.names,
            observer,
        };
        if let Some(requests) = &mut self.requests {
            let mut world = World {
                backings: &mut self.backings,
                routes: &self.routes,
                functions: &self.functions,
                entry: Entry {
                    hosts: &self.hosts,
                    down,
                },
            };
            requests.advance(to, &mut world, &mut shared);
            let is_function = self.functions.values().any(|function| *function == service);
            if self.plan.detail == Detail::Requests || is_function {
                return;
            }
        }
        let fluid = &mut self.fluids[service];
        if fluid.flows.is_empty() {
            fluid.since = to;
            return;
        }
        let balancing = self.backings[service].balancing;
        fluid.advance(service as u32, to, balancing, &mut shared);
    }
}
