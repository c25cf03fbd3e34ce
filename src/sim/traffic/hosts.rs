//! Hosts as clients meet them: those that outsiders know and enter at, and those that are down.

use cluster::{Observer, Store};
use model::{PodPhase, PodRef};
use units::{Instant, NodeId, SortedSet};

use super::Traffic;
use super::entry::Entry;
use super::fluid::SharedState;
use super::plan::{BALANCER_LABEL, ProxyMode, Target};
use super::requests::World;

impl Traffic {
    /// Whether requests from outside come to load balancers that are tasks.
    pub(super) fn enters_at_balancers(&self) -> bool {
        self.plan.model.forwarding == ProxyMode::MarathonLb
    }

    /// A task that is a load balancer takes requests once it is ready, until it is asked to terminate.
    pub(super) fn balancer_changed(
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
        let labels = &store.class(record.class).spec.labels;
        if labels
            .get(label)
            .is_none_or(|label| !values.contains(&&**label))
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
    pub(super) fn enter_at_balancers(&mut self, now: Instant, observer: &mut dyn Observer) {
        self.advance(now, observer);
        let hosts: SortedSet<NodeId> = self.balancers.values().copied().collect();
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
    pub(super) fn host_known(
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
    pub(super) fn has_published(&self) -> bool {
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
        if self.router_pods.values().any(|(_, own)| *own == node) {
            self.route_hosts(now);
        }
        for service in 0..self.backings.len() {
            let own = self.backings[service].running();
            let pods: Vec<PodRef> = (own.filter(|member| member.node == Some(node)))
                .map(|member| member.pod)
                .collect();
            if pods.is_empty() && !self.has_published() {
                continue;
            }
            self.backings[service].await_check(now);
            self.regroup(service);
            for pod in pods {
                self.lose(now, pod, false, observer);
            }
        }
    }

    /// Loses the requests in a pod that is gone.
    pub(super) fn lose(
        &mut self,
        now: Instant,
        pod: PodRef,
        answers: bool,
        observer: &mut dyn Observer,
    ) {
        let Some(requests) = &mut self.requests else {
            return;
        };
        let down = &self.down;
        let shared = SharedState {
            plan: &self.plan,
            servers: &mut self.servers,
            names: &mut self.names,
            observer,
        };
        let world = World {
            backings: &mut self.backings,
            routes: &self.routes,
            functions: &self.functions,
            entry: Entry {
                hosts: &self.hosts,
                down,
            },
        };
        requests.lose(now, pod, answers, &world, &shared);
    }
}
