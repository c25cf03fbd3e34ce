//! Backing of a service: its pods as the store has them, and its endpoints as the balancers see
//! them, a while later.

use std::collections::VecDeque;
use std::sync::Arc;

use control::services::{Registry, ServicePod, ServiceSettings};
use model::service::{Balancing, Publish, Service};
use model::traffic::FailureCause;
use model::{PodRef, Text};
use units::{Duration, Instant, NodeId, SortedMap, SortedSet};

use super::plan::{BALANCER_POLL, ProxyMode, ServiceModel};

/// Fate of a request at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// The pod takes it.
    Taken,
    /// No listener.
    Refused,
    /// The host is down: nothing comes back.
    Silent,
    /// The pod answers that its data is out of reach.
    NoVolume,
}

impl Fate {
    /// Cause of the failure of a request, unless the pod takes it.
    pub(super) const fn failure(self) -> Option<FailureCause> {
        match self {
            Self::Taken => None,
            Self::Refused => Some(FailureCause::Refused),
            Self::Silent => Some(FailureCause::Timeout),
            Self::NoVolume => Some(FailureCause::NoVolume),
        }
    }
}

/// A pod that is or was behind a service.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each condition changes by itself"
)]
pub(super) struct Member {
    pub pod: PodRef,
    /// The member's kind as a server.
    pub server: u16,
    /// Node of the member.
    pub node: Option<NodeId>,
    is_ready: bool,
    is_terminating: bool,
    has_address: bool,
    /// `true` if the member's processes are there.
    runs: bool,
    /// `true` unless a volume that the member keeps its data on is out of reach.
    has_volumes: bool,
}

impl Member {
    /// Fate of a request that is sent to the member.
    pub(super) fn fate(&self, is_down: &dyn Fn(NodeId) -> bool) -> Fate {
        if self.node.is_some_and(is_down) {
            Fate::Silent
        } else if !self.runs {
            Fate::Refused
        } else if self.has_volumes {
            Fate::Taken
        } else {
            Fate::NoVolume
        }
    }
}

/// State of a pod, as far as its services are concerned.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each condition changes by itself"
)]
pub(super) struct PodCondition {
    pub node: Option<NodeId>,
    pub is_ready: bool,
    pub is_terminating: bool,
    pub has_address: bool,
    pub runs: bool,
    pub has_volumes: bool,
}

/// Front of a service: a router that sends it the requests of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Front {
    /// Least time between two reloads.
    pub reload: Duration,
    /// Whether clients stay with their endpoint, by a cookie.
    pub is_sticky: bool,
    /// Balancing of the route.
    pub balancing: Balancing,
}

/// Time between two checks of an endpoint by a router (spec: orchestrators-a.md section 8.4).
const CHECK: Duration = Duration::from_secs(5);

/// Time for which a client keeps a cookie that has no end.
const SESSION: Duration = Duration::from_secs(365 * 86_400);

/// An endpoint that is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VisibleEndpoint {
    pub address: Text,
    pub pod: PodRef,
    pub server: u16,
}

/// A service, and what stands behind it.
#[derive(Clone, Debug)]
pub(super) struct ServiceBackend {
    /// The object, while it is there.
    pub object: Option<Arc<Service>>,
    pub settings: ServiceSettings,
    pub balancing: Balancing,
    forwarding: ProxyMode,
    /// The router before it, if there is one.
    front: Option<Front>,
    /// Endpoints that did not answer the router's last check, and the instant of the next check that can
    /// find something else.
    failing: SortedSet<Text>,
    check: Option<Instant>,
    /// Whether nodes take requests for it.
    pub publish: Publish,
    registry: Registry,
    members: SortedMap<Text, Member>,
    addresses: SortedMap<PodRef, Text>,
    /// Instants at which changes will be seen.
    coming: VecDeque<Instant>,
    /// The endpoints that are seen, by address.
    pub seen: Vec<VisibleEndpoint>,
    /// Changes with what is seen.
    pub version: u64,
}

impl ServiceBackend {
    /// A service without object: it has no endpoint.
    pub(super) fn new(model: &ServiceModel) -> Self {
        let settings = ServiceSettings {
            propagation: model.propagation,
            ttl: model.ttl,
            ..ServiceSettings::default()
        };
        Self {
            object: None,
            settings,
            balancing: match model.forwarding {
                ProxyMode::KubeProxy => model.balancing,
                ProxyMode::Ipvs | ProxyMode::MarathonLb => Balancing::RoundRobin,
            },
            forwarding: model.forwarding,
            front: None,
            failing: SortedSet::new(),
            check: None,
            publish: Publish::No,
            registry: Registry::new(settings),
            members: SortedMap::new(),
            addresses: SortedMap::new(),
            coming: VecDeque::new(),
            seen: Vec::new(),
            version: 0,
        }
    }

    /// The object is another one, or gone; its pods are announced anew by the caller.
    pub(super) fn declare(
        &mut self,
        now: Instant,
        model: &ServiceModel,
        object: Option<Arc<Service>>,
    ) {
        let (seen, members) = (std::mem::take(&mut self.seen), self.members.clone());
        let (version, front) = (self.version, self.front);
        let (failing, check) = (std::mem::take(&mut self.failing), self.check);
        *self = Self::new(model);
        self.version = version + 1;
        (self.failing, self.check) = (failing, check);
        // What was seen stays so until the change is.
        (self.seen, self.members) = (seen, members);
        for member in self.members.values_mut() {
            (member.is_ready, member.is_terminating) = (false, false);
        }
        if let Some(object) = &object {
            self.settings.is_headless = object.is_headless;
            self.settings.publish_not_ready = object.publish_not_ready;
            self.publish = object.publish;
            if self.forwarding != ProxyMode::Ipvs {
                self.settings.affinity = object.affinity;
                self.balancing = object.balancing.unwrap_or(self.balancing);
            }
            self.registry = Registry::new(self.settings);
        }
        self.object = object;
        self.set_front(now, front);
    }

    /// Puts the service behind a router, whose balancing and cookies hold; whether that is new.
    pub(super) fn set_front(&mut self, now: Instant, front: Option<Front>) -> bool {
        let is_new = front.is_some() && self.front != front;
        self.front = front;
        if is_new {
            // Its router checks the endpoints for the first time.
            self.await_check(now);
        } else if front.is_none() {
            self.failing.clear();
            self.check = None;
        }
        if let Some(front) = front {
            self.balancing = front.balancing;
            let stated = self.object.as_ref().and_then(|object| object.affinity);
            self.settings.affinity = stated.or(front.is_sticky.then_some(SESSION));
        }
        is_new
    }

    /// A pod that it selects is as said.
    pub(super) fn set(&mut self, pod: PodRef, name: &str, server: u16, condition: PodCondition) {
        let address = self.addresses.entry(pod);
        let address = address.or_insert_with(|| format!("{name}#{}", pod.id.0).into());
        let member = Member {
            pod,
            server,
            node: condition.node,
            is_ready: condition.is_ready,
            is_terminating: condition.is_terminating,
            has_address: condition.has_address,
            runs: condition.runs,
            has_volumes: condition.has_volumes,
        };
        self.members.insert(address.clone(), member);
    }

    /// A pod is gone.
    pub(super) fn end(&mut self, pod: PodRef) {
        let Some(address) = self.addresses.remove(&pod) else {
            return;
        };
        if let Some(member) = self.members.get_mut(&address) {
            (member.is_ready, member.has_address, member.runs) = (false, false, false);
        }
    }

    /// Pods may have changed: the endpoints follow.
    pub(super) fn update(&mut self, now: Instant) {
        let pods: Vec<ServicePod> = (self.members.iter())
            .filter(|_| self.object.is_some())
            .map(|(address, member)| ServicePod {
                name: address.clone(),
                has_address: member.has_address,
                is_ready: member.is_ready && !(self.drops_ending() && member.is_terminating),
                is_terminating: member.is_terminating,
            })
            .collect();
        if self.forwarding == ProxyMode::MarathonLb {
            let poll = self.settings.propagation.max(BALANCER_POLL);
            self.registry.set_propagation(until_next(now, poll));
        } else if let Some(front) = self.front {
            let reload = front.reload.max(Duration::from_nanos(1));
            let next = until_next(now, reload);
            self.registry
                .set_propagation(next.max(self.settings.propagation));
        }
        if let Some(at) = self.registry.update(now, &pods) {
            self.coming.push_back(at);
        } else if self.object.is_none() && !self.seen.is_empty() && self.coming.is_empty() {
            self.coming
                .push_back(now.saturating_add(self.settings.propagation));
        }
    }

    /// Whether endpoints that are ending take nothing, even where there is no other.
    fn drops_ending(&self) -> bool {
        self.forwarding != ProxyMode::KubeProxy
    }

    /// A host of endpoints went down or came back: the router's next check finds it.
    pub(super) fn await_check(&mut self, now: Instant) {
        if self.front.is_some() {
            self.check = Some(now.saturating_add(until_next(now, CHECK)));
        }
    }

    /// Instant at which the next change is seen.
    pub(super) fn next_seen(&self) -> Option<Instant> {
        let changes = [self.coming.front().copied(), self.check];
        changes.into_iter().flatten().min()
    }

    /// Sees what is to be seen by now; whether that is anything new.
    pub(super) fn see(&mut self, now: Instant, is_down: &dyn Fn(NodeId) -> bool) -> bool {
        if self.next_seen().is_none_or(|at| at > now) {
            return false;
        }
        if self.check.take_if(|at| *at <= now).is_some() {
            let silent = self.members.iter();
            let silent = silent.filter(|(_, own)| own.fate(is_down) == Fate::Silent);
            self.failing = silent.map(|(address, _)| address.clone()).collect();
        }
        while self.coming.front().is_some_and(|at| *at <= now) {
            self.coming.pop_front();
        }
        let mut addresses = self.registry.endpoints(now);
        // A router checks endpoints only where there are several.
        if addresses.len() > 1 {
            addresses.retain(|address| !self.failing.contains(address));
        }
        let seen = addresses.into_iter().filter_map(|address| {
            let member = self.members.get(&address)?;
            Some(VisibleEndpoint {
                address,
                pod: member.pod,
                server: member.server,
            })
        });
        let seen: Vec<VisibleEndpoint> = seen.collect();
        let is_new = seen != self.seen;
        self.version += u64::from(is_new);
        self.seen = seen;
        is_new
    }

    /// Forgets pods that are gone and that no balancer sees, `held` included.
    pub(super) fn forget(&mut self, held: &dyn Fn(PodRef) -> bool) {
        let seen: Vec<&Text> = self.seen.iter().map(|own| &own.address).collect();
        self.members.retain(|address, member| {
            member.runs
                || member.has_address
                || seen.binary_search(&address).is_ok()
                || held(member.pod)
        });
    }

    /// Fate of a request at an address.
    pub(super) fn fate(&self, address: &Text, is_down: &dyn Fn(NodeId) -> bool) -> Fate {
        let member = self.members.get(address);
        member.map_or(Fate::Refused, |member| member.fate(is_down))
    }

    /// The registry, for answers of the name service.
    pub(super) fn registry_mut(&mut self) -> (&mut Registry, &ServiceSettings) {
        (&mut self.registry, &self.settings)
    }

    /// The member of an address.
    pub(super) fn member(&self, address: &Text) -> Option<&Member> {
        self.members.get(address)
    }

    /// Every pod that runs behind it, by address.
    pub(super) fn running(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.runs)
    }

    /// The member that a pod is.
    pub(super) fn of(&self, pod: PodRef) -> Option<&Member> {
        self.members.get(self.addresses.get(&pod)?)
    }
}

/// Time until the next multiple of a period.
fn until_next(now: Instant, period: Duration) -> Duration {
    let period = period.as_nanos();
    Duration::from_nanos(period - now.as_nanos() % period)
}
