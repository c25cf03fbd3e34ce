//! Requests one by one: each is drawn, balanced by the balancers of the control plane, waits in the
//! queue of a pod, is worked on, and may be given up and tried again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use crate::control::services::{Affinity, Balancer, DnsCache, Limits, Served};
use crate::model::service::Balancing;
use crate::model::traffic::{FailureCause, FlowCounts, TrafficStretch};
use crate::model::{PodRef, Text};
use crate::rng::Stream;
use crate::units::{Duration, Instant};

use super::backing::{Backing, Fate};
use super::entry::{Admission, Entry, NOBODY};
use super::fluid::Shared;
use super::plan::{Load, Target, TrafficPlan};
use super::rate::MICRO;

/// Most answers of the name service that are kept apart for the clients of a group.
const MOST_CACHES: u64 = 256;

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A client of a group asks; of an open loop only while its number of draws is this.
    Ask { group: usize, draw: u64 },
    /// A pod has finished a try.
    Finish { pod: PodRef, serial: u64 },
    /// A client gives up a try.
    GiveUp { request: usize, serial: u64 },
    /// A client tries again.
    Again { request: usize },
}

/// A request under way.
#[derive(Clone, Debug)]
struct Request {
    group: usize,
    service: usize,
    flow: usize,
    client: u64,
    first: Instant,
    tries: u32,
    /// The number of its present try; a client that has given up is at another one.
    serial: u64,
    /// Where the present try is.
    at: Option<(Text, PodRef)>,
}

/// A pod at work.
#[derive(Clone, Debug, Default)]
pub(super) struct Worker {
    server: u16,
    busy: Vec<Try>,
    queue: VecDeque<Try>,
}

/// A try in a pod; its client may have given it up.
#[derive(Clone, Copy, Debug)]
struct Try {
    request: usize,
    serial: u64,
    service: usize,
    group: usize,
}

/// Who balances: one for a service with an address of its own, one for every client's answer of the
/// name service of a headless one.
#[derive(Clone, Debug)]
pub(super) struct Clients {
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

/// What is counted of a service.
#[derive(Clone, Debug, Default)]
struct Tally {
    flows: BTreeMap<usize, FlowCounts>,
    tries: u64,
    /// Requests at work and waiting, over time in nanoseconds, and since when they are as they are.
    worked: u128,
    waited: u128,
    at_work: u64,
    waiting: u64,
    since: Instant,
}

/// The random streams of a group.
#[derive(Clone, Debug)]
struct Draws {
    arrivals: Stream,
    clients: Stream,
    routes: Stream,
    service: Stream,
    errors: Stream,
    entries: Stream,
}

/// Requests of all groups, one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    seed: u64,
    pub since: Instant,
    agenda: BinaryHeap<Reverse<(Instant, u64, Happening)>>,
    number: u64,
    serial: u64,
    open: Vec<Option<Request>>,
    vacant: Vec<usize>,
    pub workers: BTreeMap<PodRef, Worker>,
    pub clients: BTreeMap<(usize, u64), Clients>,
    sessions: BTreeMap<usize, Affinity>,
    tallies: Vec<Tally>,
    groups: Vec<(Draws, u64)>,
    tokens: BTreeMap<usize, f64>,
}

/// What requests look at.
pub(super) struct World<'a> {
    pub backings: &'a mut [Backing],
    /// Where each group's requests go: service, flow, weight.
    pub routes: &'a [Vec<(usize, usize, u64)>],
    pub entry: Entry<'a>,
}

impl Requests {
    pub(super) fn new(plan: &TrafficPlan, seed: u64) -> Self {
        let mut own = Self {
            seed,
            ..Self::default()
        };
        for (place, group) in plan.groups.iter().enumerate() {
            let entity = place as u64;
            let stream = |purpose| Stream::new(seed, purpose, entity);
            own.groups.push((
                Draws {
                    arrivals: stream("traffic/arrivals"),
                    clients: stream("traffic/clients"),
                    routes: stream("traffic/routes"),
                    service: stream("traffic/service"),
                    errors: stream("traffic/errors"),
                    entries: stream("traffic/entries"),
                },
                0,
            ));
            match &group.load {
                Load::Open(_) => own.draw_next(plan, place, Instant::ZERO),
                Load::Closed { clients, think } => {
                    for _ in 0..*clients {
                        own.think(place, Instant::ZERO, *think);
                    }
                }
            }
        }
        own
    }

    fn push(&mut self, at: Instant, what: Happening) {
        self.number += 1;
        self.agenda.push(Reverse((at, self.number, what)));
    }

    /// Draws when the next request of an open loop comes, as long as the rate stays.
    fn draw_next(&mut self, plan: &TrafficPlan, group: usize, now: Instant) {
        let Load::Open(rate) = &plan.groups[group].load else {
            return;
        };
        let (draws, count) = &mut self.groups[group];
        *count += 1;
        let draw = *count;
        let mut from = now;
        loop {
            let piece = rate.piece(from);
            let at = if piece.micro == 0 {
                None
            } else {
                let mean = 1e9 * MICRO as f64 / piece.micro as f64;
                let pause = draws.arrivals.exponential(mean).min(9e18);
                Some(from.saturating_add(Duration::from_nanos(pause as i64)))
            };
            match (at, piece.until) {
                (Some(at), until) if until.is_none_or(|until| at < until) => {
                    self.push(at, Happening::Ask { group, draw });
                    return;
                }
                // The process has no memory: it is drawn anew where the rate changes.
                (_, Some(until)) => from = until,
                (_, None) => return,
            }
        }
    }

    fn think(&mut self, group: usize, now: Instant, think: Duration) {
        let draws = &mut self.groups[group].0;
        let pause = draws
            .arrivals
            .exponential(think.as_nanos().max(1) as f64)
            .min(9e18);
        let at = now.saturating_add(Duration::from_nanos(pause as i64));
        self.push(at, Happening::Ask { group, draw: 0 });
    }

    /// Does everything up to an instant, and tells of it in stretches.
    pub(super) fn advance(&mut self, to: Instant, world: &mut World<'_>, shared: &mut Shared<'_>) {
        while self.since < to {
            let step = shared.plan.model.interval.as_nanos().max(1);
            let grid = Instant::from_nanos((self.since.as_nanos() / step + 1).saturating_mul(step));
            let place = shared.plan.cuts.partition_point(|cut| *cut <= self.since);
            let cut = shared.plan.cuts.get(place).copied();
            let end = cut.map_or(grid, |cut| cut.min(grid)).min(to);
            while let Some(Reverse((at, ..))) = self.agenda.peek()
                && *at < end
            {
                let Some(Reverse((at, _, what))) = self.agenda.pop() else {
                    break;
                };
                self.happen(at, what, world, shared);
            }
            self.tell(end, world, shared);
            self.since = end;
        }
    }

    fn happen(
        &mut self,
        now: Instant,
        what: Happening,
        world: &mut World<'_>,
        shared: &mut Shared<'_>,
    ) {
        match what {
            Happening::Ask { group, draw } => {
                if draw > 0 {
                    if self.groups[group].1 != draw {
                        return;
                    }
                    self.draw_next(shared.plan, group, now);
                }
                self.ask(now, group, world, shared);
            }
            Happening::Again { request } => self.attempt(now, request, world, shared),
            Happening::GiveUp { request, serial } => {
                let is_waiting = self.is_at(request, serial);
                if is_waiting {
                    self.leave(now, request, world, Served::Failed);
                    self.failed(now, (request, FailureCause::Timeout), shared);
                }
            }
            Happening::Finish { pod, serial } => self.finish(now, (pod, serial), world, shared),
        }
    }

    fn is_at(&self, request: usize, serial: u64) -> bool {
        let own = self.open[request].as_ref();
        own.is_some_and(|own| own.serial == serial && own.at.is_some())
    }

    fn ask(&mut self, now: Instant, group: usize, world: &mut World<'_>, shared: &mut Shared<'_>) {
        let draws = &mut self.groups[group].0;
        let client = draws
            .clients
            .below(shared.plan.groups[group].clients.max(1));
        let routes = &world.routes[group];
        let total: u64 = routes.iter().map(|(_, _, weight)| weight).sum();
        let mut point = draws.routes.below(total.max(1));
        let mut chosen = routes[0];
        for &route in routes {
            chosen = route;
            if point < route.2 {
                break;
            }
            point -= route.2;
        }
        let (service, flow, _) = chosen;
        let request = Request {
            group,
            service,
            flow,
            client: client ^ (group as u64) << 40,
            first: now,
            tries: 0,
            serial: 0,
            at: None,
        };
        let budget = shared.plan.groups[group].retries.budget;
        if budget.is_finite() {
            let tokens = self.tokens.entry(flow).or_default();
            *tokens = (*tokens + budget).min(100.0_f64.max(budget));
        }
        self.counts(service, flow).offered += 1;
        let place = if let Some(place) = self.vacant.pop() {
            self.open[place] = Some(request);
            place
        } else {
            self.open.push(Some(request));
            self.open.len() - 1
        };
        self.attempt(now, place, world, shared);
    }

    fn counts(&mut self, service: usize, flow: usize) -> &mut FlowCounts {
        let counts = self.tally(service).flows.entry(flow).or_default();
        counts.flow = flow as u32;
        counts
    }

    fn tally(&mut self, service: usize) -> &mut Tally {
        if self.tallies.len() <= service {
            self.tallies.resize(service + 1, Tally::default());
        }
        &mut self.tallies[service]
    }

    /// A try: it is sent to an endpoint.
    fn attempt(
        &mut self,
        now: Instant,
        request: usize,
        world: &mut World<'_>,
        shared: &mut Shared<'_>,
    ) {
        self.serial += 1;
        let serial = self.serial;
        let Some(own) = self.open[request].as_mut() else {
            return;
        };
        own.serial = serial;
        let (service, client, group) = (own.service, own.client, own.group);
        let (backing, hosts) = (&mut world.backings[service], world.entry);
        let is_published = matches!(shared.plan.groups[group].target, Target::Published { .. });
        let admission = if is_published {
            hosts.admit(backing, &mut self.groups[group].0.entries)
        } else {
            Admission::Forwarded
        };
        let picked = match admission {
            Admission::Forwarded => self.pick(now, (service, client), backing, shared),
            Admission::Local(seen) => Some(seen.address),
            Admission::Refused => {
                return self.failed(now, (request, FailureCause::Refused), shared);
            }
            Admission::Silent => return self.wait_in_vain(now, request, shared),
        };
        let Some(address) = picked else {
            return self.failed(now, (request, FailureCause::NoEndpoint), shared);
        };
        let (fate, member) = (
            backing.fate(&address, &|node| hosts.is_down(node)),
            backing.member(&address).copied(),
        );
        let (Some(member), Fate::Taken | Fate::Silent) = (member, fate) else {
            self.release(now, (service, client), backing, (&address, Served::Failed));
            return self.failed(now, (request, FailureCause::Refused), shared);
        };
        if let Some(own) = self.open[request].as_mut() {
            own.at = Some((address, member.pod));
        }
        let patience = shared.plan.groups[group].timeout;
        self.push(
            now.saturating_add(patience),
            Happening::GiveUp { request, serial },
        );
        if fate == Fate::Silent {
            return;
        }
        self.tally(service).tries += 1;
        let server = shared.servers.get(member.server);
        let (slots, limit) = (
            server.own.concurrency as usize,
            server.own.queue_limit as usize,
        );
        let own = Try {
            request,
            serial,
            service,
            group,
        };
        let worker = self.workers.entry(member.pod).or_default();
        worker.server = member.server;
        if worker.busy.len() < slots {
            worker.busy.push(own);
            self.weigh(now, service, 1, 0);
            self.work(now, own, (member.pod, member.server), shared);
        } else if worker.queue.len() < limit {
            worker.queue.push_back(own);
            self.weigh(now, service, 0, 1);
        } else {
            self.leave(now, request, world, Served::Failed);
            self.failed(now, (request, FailureCause::QueueFull), shared);
        }
    }

    /// Nothing comes back from where a try went: its client gives up by itself.
    fn wait_in_vain(&mut self, now: Instant, request: usize, shared: &Shared<'_>) {
        let Some(own) = self.open[request].as_mut() else {
            return;
        };
        own.at = Some((Text::default(), NOBODY));
        let (serial, patience) = (own.serial, shared.plan.groups[own.group].timeout);
        let until = now.saturating_add(patience);
        self.push(until, Happening::GiveUp { request, serial });
    }

    /// Counts how many are at work and waiting from now on.
    fn weigh(&mut self, now: Instant, service: usize, work: i64, wait: i64) {
        let tally = self.tally(service);
        let nanos = now.since(tally.since).as_nanos().max(0) as u128;
        tally.worked += nanos * u128::from(tally.at_work);
        tally.waited += nanos * u128::from(tally.waiting);
        tally.since = now;
        tally.at_work = tally.at_work.saturating_add_signed(work);
        tally.waiting = tally.waiting.saturating_add_signed(wait);
    }

    fn work(&mut self, now: Instant, own: Try, (pod, server): (PodRef, u16), shared: &Shared<'_>) {
        let law = &shared.servers.get(server).own.service_time;
        let span = law.sample(&mut self.groups[own.group].0.service);
        let at = now.saturating_add(span.max(Duration::from_nanos(1)));
        let serial = own.serial;
        self.push(at, Happening::Finish { pod, serial });
    }

    /// The endpoint of a try.
    fn pick(
        &mut self,
        now: Instant,
        (service, client): (usize, u64),
        backing: &mut Backing,
        shared: &Shared<'_>,
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
            let entity = (service as u64) << 16 | who;
            Clients::new(balancing, Stream::new(seed, "traffic/balancer", entity))
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
                            member.map_or(1.0, |own| shared.servers.get(own.server).weight);
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

    fn release(
        &mut self,
        now: Instant,
        (service, client): (usize, u64),
        backing: &Backing,
        (address, served): (&str, Served),
    ) {
        let is_headless = backing.settings.is_headless;
        let who = if is_headless { client % MOST_CACHES } else { 0 };
        if let Some(clients) = self.clients.get_mut(&(service, who)) {
            clients.balancer.finish(now, address, served);
        }
    }

    /// A client is done with its try, whatever the pod does.
    fn leave(&mut self, now: Instant, request: usize, world: &World<'_>, served: Served) {
        let Some(own) = self.open[request].as_mut() else {
            return;
        };
        let (service, client) = (own.service, own.client);
        if let Some((address, _)) = own.at.take() {
            let backing = &world.backings[service];
            self.release(now, (service, client), backing, (&address, served));
        }
    }

    /// A pod has finished a try, of which its client may know nothing any more.
    fn finish(
        &mut self,
        now: Instant,
        (pod, serial): (PodRef, u64),
        world: &mut World<'_>,
        shared: &mut Shared<'_>,
    ) {
        // Its pod may be gone.
        let Some(worker) = self.workers.get_mut(&pod) else {
            return;
        };
        let Some(place) = worker.busy.iter().position(|own| own.serial == serial) else {
            return;
        };
        let (done, server) = (worker.busy.swap_remove(place), worker.server);
        let next = worker.queue.pop_front();
        worker.busy.extend(next);
        self.weigh(now, done.service, -1, 0);
        if let Some(next) = next {
            self.weigh(now, next.service, 1, -1);
            self.work(now, next, (pod, server), shared);
        }
        let request = done.request;
        if !self.is_at(request, serial) {
            return;
        }
        let share = shared.servers.get(server).own.error_share;
        let group = done.group;
        let fails = share > 0.0 && self.groups[group].0.errors.unit_f64() < share;
        if fails {
            self.leave(now, request, world, Served::Failed);
            return self.failed(now, (request, FailureCause::Error), shared);
        }
        self.leave(now, request, world, Served::Well);
        let Some(own) = self.open[request].take() else {
            return;
        };
        self.vacant.push(request);
        let took = now.since(own.first);
        let objective = shared.plan.groups[own.group].objective;
        let profile = shared.servers.single(shared.names, took.as_nanos());
        let counts = self.counts(own.service, own.flow);
        counts.succeeded += 1;
        counts.within += u64::from(objective.is_none_or(|goal| took <= goal.latency));
        match counts
            .latencies
            .iter_mut()
            .find(|(known, _)| *known == profile)
        {
            Some((_, count)) => *count += 1,
            None => counts.latencies.push((profile, 1)),
        }
        self.over(now, own.group, shared.plan);
    }

    /// A request is over: who asks in a loop thinks.
    fn over(&mut self, now: Instant, group: usize, plan: &TrafficPlan) {
        if let Load::Closed { think, .. } = plan.groups[group].load {
            self.think(group, now, think);
        }
    }

    fn failed(
        &mut self,
        now: Instant,
        (request, cause): (usize, FailureCause),
        shared: &Shared<'_>,
    ) {
        let Some(own) = self.open[request].as_mut() else {
            return;
        };
        let (service, flow, group, tried) = (own.service, own.flow, own.group, own.tries);
        own.tries += 1;
        own.at = None;
        own.serial = 0;
        let retries = &shared.plan.groups[group].retries;
        let mut tries_again = tried < retries.most;
        if tries_again && retries.budget.is_finite() {
            let tokens = self.tokens.entry(flow).or_default();
            tries_again = *tokens >= 1.0;
            *tokens -= f64::from(u8::from(tries_again));
        }
        if tries_again {
            let pause = retries
                .back_off
                .as_nanos()
                .saturating_mul(1 << tried.min(20));
            self.counts(service, flow).retries += 1;
            let at = now.saturating_add(Duration::from_nanos(pause.max(1)));
            self.push(at, Happening::Again { request });
            return;
        }
        self.counts(service, flow).failed[cause as usize] += 1;
        self.open[request] = None;
        self.vacant.push(request);
        self.over(now, group, shared.plan);
    }

    /// A pod is gone, or its host is: what is in it is lost.
    pub(super) fn lose(
        &mut self,
        now: Instant,
        pod: PodRef,
        answers: bool,
        world: &World<'_>,
        shared: &Shared<'_>,
    ) {
        let Some(worker) = self.workers.remove(&pod) else {
            return;
        };
        let (busy, queue) = (worker.busy, worker.queue);
        for own in &busy {
            self.weigh(now, own.service, -1, 0);
        }
        for own in &queue {
            self.weigh(now, own.service, 0, -1);
        }
        // Of a host that is down nobody hears: clients give up by themselves.
        for own in busy.into_iter().chain(queue) {
            if answers && self.is_at(own.request, own.serial) {
                self.leave(now, own.request, world, Served::Failed);
                self.failed(now, (own.request, FailureCause::Refused), shared);
            }
        }
    }

    /// Tells of a stretch.
    fn tell(&mut self, end: Instant, world: &World<'_>, shared: &mut Shared<'_>) {
        let span = end.since(self.since).as_nanos().max(1) as f64;
        for (service, backing) in world.backings.iter().enumerate() {
            self.weigh(end, service, 0, 0);
            let tally = &mut self.tallies[service];
            let flows = std::mem::take(&mut tally.flows);
            let (mut endpoints, mut slots) = (0.0, 0.0);
            for seen in &backing.seen {
                let is_down = |node| world.entry.is_down(node);
                if backing.fate(&seen.address, &is_down) == Fate::Taken {
                    endpoints += 1.0;
                    slots += f64::from(shared.servers.get(seen.server).own.concurrency);
                }
            }
            let stretch = TrafficStretch {
                service: service as u32,
                from: self.since,
                to: end,
                flows: flows.into_values().collect(),
                endpoints,
                slots,
                in_service: std::mem::take(&mut tally.worked) as f64 / span,
                waiting: std::mem::take(&mut tally.waited) as f64 / span,
                tries: std::mem::take(&mut tally.tries),
            };
            shared.observer.traffic(&stretch, shared.names);
        }
    }

    /// Requests at work in a pod, and waiting there.
    pub(super) fn load(&self, pod: PodRef) -> (f64, f64) {
        let worker = self.workers.get(&pod);
        worker.map_or((0.0, 0.0), |own| {
            (own.busy.len() as f64, own.queue.len() as f64)
        })
    }
}
