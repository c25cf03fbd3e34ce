//! A try: it goes to the endpoint that the balancer picks, and is worked on or waits there.

use control::services::{Affinity, Balancer, DnsCache, Limits, RequestOutcome};
use model::service::Balancing;
use model::traffic::FailureCause;
use model::{PodRef, Text};
use rng::Stream;
use units::{Duration, Identity, Instant};

use super::super::entry::{Admission, NOBODY};
use super::super::fluid::SharedState;
use super::super::plan::Target;
use super::super::service_backend::{Fate, ServiceBackend};
use super::{NextEvent, Requests, Try, World};

/// Most answers of the name service that are kept apart for the clients of a group.
const MOST_CACHES: u64 = 256;

/// Balancers: one for a service with an address of its own, one for every client's answer of the
/// name service of a headless one.
#[derive(Clone, Debug)]
pub(in super::super) struct Clients {
    cache: DnsCache,
    known: Vec<Text>,
    /// As of which version of what is seen, of a service with an address of its own.
    version: Option<u64>,
    balancing: Balancing,
    pub balancer: Balancer,
}

impl Clients {
    fn new(balancing: Balancing, rng: Stream) -> Self {
        let limits = Limits {
            max_fails: 0,
            ..Limits::default()
        };
        Self {
            cache: DnsCache::default(),
            known: Vec::new(),
            version: None,
            balancing,
            balancer: Balancer::new(balancing, limits, rng),
        }
    }
}

/// A client of a service, by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    service: usize,
    number: u64,
}

impl Requests {
    /// A try: at an instance of a function, or at an endpoint.
    pub(super) fn attempt(
        &mut self,
        now: Instant,
        request: usize,
        world: &mut World<'_>,
        shared: &mut SharedState<'_>,
    ) {
        self.serial += 1;
        let serial = self.serial;
        let Some(own) = self.open[request].as_mut() else {
            return;
        };
        own.serial = serial;
        match shared.plan.groups[own.group].target {
            Target::Function(number) => self.invoke(now, request, number, shared),
            _ => self.send(now, request, serial, world, shared),
        }
    }

    /// A try is sent to an endpoint.
    fn send(
        &mut self,
        now: Instant,
        request: usize,
        serial: u64,
        world: &mut World<'_>,
        shared: &mut SharedState<'_>,
    ) {
        let Some(own) = self.open[request].as_ref() else {
            return;
        };
        let (service, client, group) = (own.service, own.client, own.group);
        let who = own.who.nth(u64::from(own.tries));
        let (backing, hosts) = (&mut world.backings[service], world.entry);
        let is_published = matches!(shared.plan.groups[group].target, Target::Published { .. });
        let admission = if is_published {
            hosts.admit(backing, &mut self.draws.entries.of(who))
        } else {
            Admission::Forwarded
        };
        let picked = match admission {
            Admission::Forwarded => self.pick(now, service, client, backing, shared),
            Admission::Local(seen) => Some(seen.address),
            Admission::Refused => {
                return self.failed(now, request, FailureCause::Refused, shared);
            }
            Admission::Silent => return self.wait_in_vain(now, request, shared),
        };
        let Some(address) = picked else {
            return self.failed(now, request, FailureCause::NoEndpoint, shared);
        };
        let fate = backing.fate(&address, &|node| hosts.is_down(node));
        let member = backing.member(&address).copied();
        let (Some(member), Fate::Taken | Fate::Silent) = (member, fate) else {
            let cause = fate.failure().unwrap_or(FailureCause::Refused);
            let client = Client {
                service,
                number: client,
            };
            self.release(now, client, backing, &address, RequestOutcome::Failed);
            return self.failed(now, request, cause, shared);
        };
        if let Some(own) = self.open[request].as_mut() {
            own.at = Some((address, member.pod));
        }
        let patience = shared.plan.groups[group].timeout;
        self.push(
            now.saturating_add(patience),
            NextEvent::GiveUp { request, serial },
        );
        if fate == Fate::Silent {
            return;
        }
        self.tally(service).tries += 1;
        let server = shared.servers.get(member.server);
        let slots = server.own.concurrency as usize;
        let own = Try {
            request,
            serial,
            service,
            who,
            group,
        };
        let worker = self.workers.entry(member.pod).or_default();
        worker.server = member.server;
        worker.recent.arrived(now);
        if worker.busy.len() < slots {
            worker.busy.push(own);
            worker.recent.begun(now);
            self.weigh(now, service, 1, 0);
            self.work(now, own, member.pod, member.server, shared);
        } else if worker.queue.len() < server.own.queue_limit as usize {
            worker.queue.push_back(own);
            self.weigh(now, service, 0, 1);
        } else {
            self.leave(now, request, world, RequestOutcome::Failed);
            self.failed(now, request, FailureCause::QueueFull, shared);
        }
    }

    /// Nothing comes back from where a try went: its client gives up by itself.
    pub(super) fn wait_in_vain(&mut self, now: Instant, request: usize, shared: &SharedState<'_>) {
        let Some(own) = self.open[request].as_mut() else {
            return;
        };
        own.at = Some((Text::default(), NOBODY));
        let (serial, patience) = (own.serial, shared.plan.groups[own.group].timeout);
        let until = now.saturating_add(patience);
        self.push(until, NextEvent::GiveUp { request, serial });
    }

    pub(super) fn work(
        &mut self,
        now: Instant,
        own: Try,
        pod: PodRef,
        server: u16,
        shared: &SharedState<'_>,
    ) {
        let law = &shared.servers.get(server).own.service_time;
        let span = law.sample(&mut self.draws.service.of(own.who));
        let at = now.saturating_add(span.max(Duration::from_nanos(1)));
        let serial = own.serial;
        self.push(at, NextEvent::Finish { pod, serial });
    }

    /// The endpoint of a try.
    pub(super) fn pick(
        &mut self,
        now: Instant,
        service: usize,
        client: u64,
        backing: &mut ServiceBackend,
        shared: &SharedState<'_>,
    ) -> Option<Text> {
        if let Some(timeout) = backing.settings.affinity {
            let sessions = self.sessions.entry(service);
            let sessions = sessions.or_insert_with(|| Affinity::new(timeout));
            let seen = &backing.seen;
            let is_seen = |address: &str| seen.iter().any(|own| *own.address == *address);
            if let Some(address) = sessions.endpoint(now, client, is_seen) {
                return Some(address);
            }
        }
        let is_headless = backing.settings.is_headless;
        let who = if is_headless { client % MOST_CACHES } else { 0 };
        let seed = self.seed;
        let balancing = backing.balancing;
        let make = || {
            let service = Identity::of(&shared.names.services[service]);
            let stream = Stream::of(seed, "traffic/balancer", service.nth(who));
            Clients::new(balancing, stream)
        };
        let clients = self.clients.entry((service, who)).or_insert_with(make);
        if clients.balancing != balancing {
            // The service was declared anew.
            *clients = make();
        }
        if is_headless || clients.version != Some(backing.version) {
            clients.version = (!is_headless).then_some(backing.version);
            let own: Vec<Text> = if is_headless {
                let name = Text::default();
                let (registry, settings) = backing.registry_mut();
                let settings = *settings;
                let answer = clients.cache.resolve(now, &settings, &name, registry);
                answer.to_vec()
            } else {
                let seen = backing.seen.iter();
                seen.map(|seen| seen.address.clone()).collect()
            };
            if clients.known != own {
                let weights: Vec<(Text, i64)> = (own.iter())
                    .map(|address| {
                        let member = backing.member(address);
                        let weight =
                            member.map_or(1.0, |member| shared.servers.get(member.server).weight);
                        (address.clone(), weight as i64)
                    })
                    .collect();
                clients.balancer.set_endpoints(&weights);
                clients.known = own;
            }
        }
        let address = clients.balancer.pick(now, client, &[])?;
        if backing.settings.affinity.is_some()
            && let Some(sessions) = self.sessions.get_mut(&service)
        {
            sessions.remember(now, client, address.clone());
        }
        Some(address)
    }

    pub(super) fn release(
        &mut self,
        now: Instant,
        client: Client,
        backing: &ServiceBackend,
        address: &str,
        served: RequestOutcome,
    ) {
        let Client { service, number } = client;
        let is_headless = backing.settings.is_headless;
        let who = if is_headless { number % MOST_CACHES } else { 0 };
        if let Some(clients) = self.clients.get_mut(&(service, who)) {
            clients.balancer.finish(now, address, served);
        }
    }

    /// A client is done with its try, whatever the pod does.
    pub(super) fn leave(
        &mut self,
        now: Instant,
        request: usize,
        world: &World<'_>,
        served: RequestOutcome,
    ) {
        let Some(own) = self.open[request].as_mut() else {
            return;
        };
        let client = Client {
            service: own.service,
            number: own.client,
        };
        if let Some((address, _)) = own.at.take() {
            let backing = &world.backings[client.service];
            self.release(now, client, backing, &address, served);
        }
    }
}
