//! Routes of requests: to a service by name, or by the rules of ingresses for a host and path.

use std::sync::Arc;

use cluster::Observer;
use control::services::{RouteMatch, route};
use model::Text;
use model::service::Backend;
use model::traffic::Flow;
use units::{Instant, SortedSet};

use super::Traffic;
use super::claims::Admission;
use super::flow::FlowState;
use super::plan::Target;

/// Stand-in for the namespace of functions: no namespace is written so.
const FUNCTION: &str = "Function";

impl Traffic {
    /// Finds out where a group's requests go from now on.
    pub(super) fn route(&mut self, group: usize, now: Instant) {
        let plan = Arc::clone(&self.plan);
        let mut backends: Vec<(usize, u64)> = Vec::new();
        match &plan.groups[group].target {
            Target::Service { namespace, name } | Target::Published { namespace, name } => {
                backends.push((self.service(namespace, name), 1));
            }
            Target::Function(number) => {
                let name = &plan.functions[*number].name;
                let service = self.service(&FUNCTION.into(), name);
                self.functions.insert(*number, service);
                backends.push((service, 1));
            }
            Target::Host { .. } if !plan.model.routers.is_empty() => {
                backends = self.through_router(group, now);
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
        let touched: SortedSet<usize> = (routes.iter().chain(&self.routes[group]))
            .map(|(service, ..)| *service)
            .collect();
        self.routes[group] = routes;
        for service in touched {
            self.reflow(service, now);
        }
    }

    /// The rule that requests to a host and path follow: of the routes that a router of `OpenShift` admits, or of
    /// all ingresses where there is none.
    pub(super) fn rule(&self, host: &str, path: &str) -> Option<RouteMatch<'_>> {
        let routers = &self.plan.model.routers;
        let stable = self
            .ingresses
            .values()
            .filter(|ingress| ingress.canary.is_none());
        if routers.is_empty() {
            return route(stable.filter(|own| !own.route.is_wildcard), host, path);
        }
        let admissions = { routers.iter() }.map(|own| Admission::new(own, stable.clone(), host));
        let admissions: Vec<Admission<'_>> = admissions.collect();
        let admitted = stable.filter(|own| admissions.iter().any(|router| router.admits(own)));
        route(admitted, host, path)
    }

    /// The services that a host and path lead to: by the rules of all ingresses, a canary beside
    /// the one whose host and path it shares.
    pub(super) fn lead(&self, host: &str, path: &str) -> Vec<(Text, Backend)> {
        let Some(lead) = self.rule(host, path) else {
            return Vec::new();
        };
        let namespace = &lead.ingress.namespace;
        let backends = lead.backends.iter();
        let mut list: Vec<(Text, Backend)> = backends
            .map(|backend| (namespace.clone(), backend.clone()))
            .collect();
        let others = self.ingresses.values();
        for canary in others.filter(|own| own.namespace == *namespace) {
            let (Some(part), backends) = (canary.canary, lead.canary(canary)) else {
                continue;
            };
            if backends.is_empty() {
                continue;
            }
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

    pub(super) fn flow(&mut self, group: usize, service: usize) -> usize {
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
    pub(super) fn reflow(&mut self, service: usize, now: Instant) {
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
            if fluid
                .flows
                .iter()
                .all(|flow| flow.number as usize != number)
            {
                let mut flow = FlowState::new(number as u32, group, (weight, total));
                flow.take_rate(&plan.groups[group], now);
                fluid.flows.push(flow);
            }
        }
        self.refollow(service, now);
    }

    pub(super) fn reroute(&mut self, now: Instant, observer: &mut dyn Observer) {
        self.advance(now, observer);
        self.route_hosts(now);
    }

    /// Finds out where all requests from outside go from now on, up to which everything was followed.
    pub(super) fn route_hosts(&mut self, now: Instant) {
        for group in 0..self.plan.groups.len() {
            if matches!(self.plan.groups[group].target, Target::Host { .. }) {
                self.route(group, now);
            }
        }
    }
}
