//! Routers of `OpenShift` before the services of routes: which router has a route, how its services share the
//! requests by the weights of their endpoints, and what is too much for it (spec: orchestrators-a.md section
//! 8.4).

use std::sync::Arc;

use cluster::{Observer, Store};
use control::services::endpoint_weights;
use model::service::{Balancing, Ingress};
use model::{PodPhase, PodRef};
use units::Instant;

use super::Traffic;
use super::claims::Admission;
use super::plan::{Group, Load, ROUTER_LABEL, ROUTER_NAMESPACE, Router, Target};
use super::rate::MICRO;
use super::service_backend::Front;

/// Stand-in for the namespace of routers, at which requests end that are too many for them.
const ROUTER: &str = "Router";

/// Parts in which the requests of a router are divided.
const PARTS: u64 = 1_000_000;

/// Requests that groups of clients in a loop make while they wait for no answer, in millionths a second.
fn rate(group: &Group, now: Instant) -> u64 {
    match &group.load {
        Load::Open(rate) => rate.piece(now).micro,
        Load::Closed { clients, think } => {
            let secs = think.as_secs_f64().max(1e-3);
            (*clients as f64 / secs * MICRO as f64) as u64
        }
    }
}

impl Traffic {
    /// The route of a host and path, with the number of its router: the first that has it.
    fn router_of(&self, host: &str, path: &str) -> Option<(Arc<Ingress>, usize)> {
        let own = self.rule(host, path)?.ingress;
        let mut routers = self.plan.model.routers.iter();
        let router = routers
            .position(|router| Admission::new(router, self.ingresses.values(), host).admits(own))?;
        Some((Arc::clone(own), router))
    }

    /// The services that take the requests of a group through its router, by weight.
    pub(super) fn through_router(&mut self, group: usize, now: Instant) -> Vec<(usize, u64)> {
        let plan = Arc::clone(&self.plan);
        let Target::Host { host, path } = &plan.groups[group].target else {
            return Vec::new();
        };
        let Some((route, router)) = self.router_of(host, path) else {
            return Vec::new();
        };
        let own = &plan.model.routers[router];
        let backends = self.lead(host, path);
        let settings = &route.route;
        let usual = if backends.len() > 1 {
            Balancing::RoundRobin
        } else if settings.is_passthrough {
            Balancing::Source
        } else {
            Balancing::TwoChoices
        };
        let front = Front {
            reload: own.reload,
            is_sticky: !settings.has_no_cookie && !settings.is_passthrough,
            balancing: settings.balancing.unwrap_or(usual),
        };
        let mut services = Vec::new();
        for (namespace, backend) in backends {
            let service = self.service(&namespace, &backend.service);
            if self.backings[service].set_front(now, Some(front)) {
                self.backings[service].update(now);
                self.schedule(service);
            }
            self.fronted.insert(service);
            services.push((service, backend.weight.max(0)));
        }
        let counted: Vec<(i64, usize)> = (services.iter())
            .map(|&(service, weight)| (weight, self.backings[service].seen.len()))
            .collect();
        let weights = endpoint_weights(&counted);
        let mut shares: Vec<(usize, u64)> = (services.iter().zip(&counted).zip(weights))
            .map(|((&(service, _), &(_, endpoints)), weight)| {
                (service, weight.unsigned_abs() * endpoints as u64)
            })
            .collect();
        if shares.iter().all(|(_, share)| *share == 0) {
            // No endpoint takes them: they fail at the services as the route has them.
            let stated = services.iter();
            shares = stated
                .map(|&(service, weight)| (service, weight.unsigned_abs()))
                .collect();
        }
        self.held_back(router, shares, now, group)
    }

    /// Shares of services beside what is too much for the router.
    fn held_back(
        &mut self,
        router: usize,
        shares: Vec<(usize, u64)>,
        now: Instant,
        group: usize,
    ) -> Vec<(usize, u64)> {
        let plan = Arc::clone(&self.plan);
        let own = &plan.model.routers[router];
        if own.micro.is_none() && own.pods.is_none() {
            return shares;
        }
        let at_router = plan.groups.iter().enumerate().filter(|(number, other)| {
            let Target::Host { host, path } = &other.target else {
                return false;
            };
            *number == group
                || self
                    .router_of(host, path)
                    .is_some_and(|(_, own)| own == router)
        });
        let offered: u128 = at_router
            .map(|(_, other)| u128::from(rate(other, now)))
            .sum();
        let most = own.micro.map_or(offered, |most| offered.min(most.into()));
        let (serving, all) = self.replicas(router);
        // Clients go to all replicas alike, whether they are there or not.
        let taken = u128::from(PARTS) * most * u128::from(serving);
        let taken = (taken / (offered.max(1) * u128::from(all))) as u64;
        if offered == 0 || taken == PARTS {
            return shares;
        }
        let total: u64 = shares.iter().map(|(_, share)| share).sum();
        let full = self.service(&ROUTER.into(), &own.name);
        let taken_by = shares
            .into_iter()
            .map(|(service, share)| (service, share * taken));
        taken_by.chain([(full, total * (PARTS - taken))]).collect()
    }

    /// Number of a router's replicas that take requests, and of all; (1, 1) of one outside of the cluster.
    fn replicas(&self, router: usize) -> (u32, u32) {
        let Some(all) = self.plan.model.routers[router].pods else {
            return (1, 1);
        };
        let own = self.router_pods.values().filter(|(of, _)| *of == router);
        let up = own.filter(|(_, node)| !self.down.contains(node)).count();
        let up = u32::try_from(up).unwrap_or(u32::MAX);
        (up.min(all), all.max(1))
    }

    /// A pod that is a replica of a router takes requests once it is ready, until it is asked to terminate.
    pub(super) fn router_pod_changed(
        &mut self,
        now: Instant,
        pod: PodRef,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        let routers = &self.plan.model.routers;
        if routers.iter().all(|router| router.pods.is_none()) {
            return;
        }
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let spec = &store.class(record.class).spec;
        let name = spec.labels.get(ROUTER_LABEL);
        let is_its_own = |own: &Router| own.pods.is_some() && name == Some(&own.name);
        let Some(router) = routers
            .iter()
            .position(is_its_own)
            .filter(|_| *spec.namespace == *ROUTER_NAMESPACE)
        else {
            return;
        };
        let state = store.pod_states().get(pod);
        let runs = record.phase == PodPhase::Running;
        let is_open = state.is_none_or(|state| state.is_ready && state.terminating.is_none());
        let known = match record.node().filter(|_| runs && is_open) {
            Some(node) => self.router_pods.insert(pod, (router, node)) == Some((router, node)),
            None => self.router_pods.remove(&pod).is_none(),
        };
        if !known {
            self.reroute(now, observer);
        }
    }

    /// The instant at which the rate of a group from outside changes, if routers have limits.
    pub(super) fn next_routing(&self) -> Option<Instant> {
        let routers = &self.plan.model.routers;
        if routers.iter().all(|router| router.micro.is_none()) {
            return None;
        }
        let pieces = self.plan.groups.iter().filter_map(|group| {
            let (Target::Host { .. }, Load::Open(rate)) = (&group.target, &group.load) else {
                return None;
            };
            rate.piece(self.routed).until
        });
        pieces.min()
    }

    /// Routes requests from outside anew at an instant, up to which everything is followed.
    pub(super) fn route_at(&mut self, at: Instant, observer: &mut dyn Observer) {
        for service in 0..self.backings.len() {
            self.follow(service, at, observer);
        }
        self.routed = at;
        self.route_hosts(at);
    }
}
