//! Sharing of a flow's requests among endpoints: clients of a service with an address of its own
//! see its endpoints at once, those of a headless one when their answer of the name service is too
//! old, and those with sessions stay where they are.

use control::services::hash64;
use model::service::Balancing;
use rng::Streams;
use units::{Duration, Identity, Instant};

use super::server::Servers;
use super::service_backend::{ServiceBackend, VisibleEndpoint};

/// Most parts of a flow's clients that are followed apart.
const MOST_PARTS: u64 = 64;

/// The clients of a flow, in parts that see and stay alike.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientShares {
    parts: Vec<Part>,
    clients: FlowClients,
}

/// The clients of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FlowClients {
    /// Their number.
    pub(super) count: u64,
    /// The number of their group.
    pub(super) group: u64,
    /// Stable identity of the flow, where sessions need one.
    pub(super) flow: Option<Identity>,
}

/// Most clients whose hashes are looked at one by one.
const MOST_HASHED: u64 = 1 << 14;

#[derive(Clone, Debug, Default)]
struct Part {
    /// The endpoints that it knows; of sessions the one that it is with.
    known: Vec<VisibleEndpoint>,
    /// Instant at which the part asks the name service again, while it knows an older answer.
    asks: Option<Instant>,
    /// Number of times that the session was given an endpoint.
    moves: u64,
}

impl ClientShares {
    /// The service's endpoints as they are seen changed, or the service did.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        backing: &ServiceBackend,
        clients: FlowClients,
        draws: &Streams,
    ) {
        self.clients = clients;
        let settings = &backing.settings;
        if settings.affinity.is_some() {
            self.resize(clients.count);
            self.keep_sessions(backing, draws);
        } else if settings.is_headless {
            self.resize(clients.count);
            let count = self.parts.len() as i64;
            for (place, part) in (0_i64..).zip(&mut self.parts) {
                if part.known == backing.seen {
                    part.asks = None;
                    continue;
                }
                let phase = settings.ttl.as_nanos() / count * place;
                part.asks = Some(next_asking(now, phase, settings.ttl));
            }
            self.ask(now, backing);
        } else {
            self.parts.truncate(1);
            self.resize(1);
            self.parts[0].known.clone_from(&backing.seen);
        }
    }

    fn resize(&mut self, clients: u64) {
        let count = clients.clamp(1, MOST_PARTS) as usize;
        if self.parts.len() != count {
            let known = self.parts.first().cloned().unwrap_or_default();
            self.parts.resize(count, known);
        }
    }

    /// Instant at which a part asks the name service next.
    pub(super) fn next_asking(&self) -> Option<Instant> {
        self.parts.iter().filter_map(|part| part.asks).min()
    }

    /// Parts whose answer is too old by now get a new one; whether there were any.
    pub(super) fn ask(&mut self, now: Instant, backing: &ServiceBackend) -> bool {
        let mut any = false;
        for part in &mut self.parts {
            if part.asks.is_some_and(|at| at <= now) {
                part.known.clone_from(&backing.seen);
                part.asks = None;
                any = true;
            }
        }
        any
    }

    /// Those whose endpoint is gone get another one.
    fn keep_sessions(&mut self, backing: &ServiceBackend, draws: &Streams) {
        let seen = &backing.seen;
        let mut counts = vec![0_u32; seen.len()];
        let place_of =
            |own: &VisibleEndpoint| seen.iter().position(|other| other.address == own.address);
        for part in &mut self.parts {
            match part.known.first().and_then(place_of) {
                Some(place) if part.known.len() == 1 => counts[place] += 1,
                _ => part.known.clear(),
            }
        }
        let flow = self.clients.flow.unwrap_or(Identity::of(""));
        let parts = (0_u64..).zip(&mut self.parts);
        for (number, part) in parts.filter(|(_, part)| part.known.is_empty()) {
            let place = match backing.balancing {
                _ if seen.is_empty() => break,
                Balancing::Random | Balancing::TwoChoices | Balancing::Source => {
                    let mut stream = draws.of(flow.nth(number).nth(part.moves));
                    stream.below(seen.len() as u64) as usize
                }
                _ => (0..seen.len())
                    .min_by_key(|&place| counts[place])
                    .unwrap_or(0),
            };
            counts[place] += 1;
            part.moves += 1;
            part.known = vec![seen[place].clone()];
        }
    }

    /// By the hashes of the clients, as the balancer takes them.
    fn by_source(&self, known: &[VisibleEndpoint]) -> Vec<(VisibleEndpoint, f64)> {
        let FlowClients {
            count: clients,
            group,
            ..
        } = self.clients;
        let hashed = clients.clamp(1, MOST_HASHED);
        let mut counts = vec![0_u64; known.len()];
        if !known.is_empty() {
            for client in 0..hashed {
                let place = hash64(client ^ group << 40) % known.len() as u64;
                counts[place as usize] += 1;
            }
        }
        let shares = known.iter().zip(counts);
        shares
            .map(|(seen, count)| (seen.clone(), count as f64 / hashed as f64))
            .collect()
    }

    /// Part of the requests for each endpoint, by address; what is missing to 1 finds none.
    pub(super) fn shares(
        &self,
        balancing: Balancing,
        servers: &Servers,
    ) -> Vec<(VisibleEndpoint, f64)> {
        let weight = |seen: &VisibleEndpoint| match balancing {
            Balancing::SmoothWeighted => servers.get(seen.server).weight,
            // Equal connections: a slower pod takes fewer requests.
            Balancing::LeastConnections => 1e9 / servers.get(seen.server).service,
            _ => 1.0,
        };
        if balancing == Balancing::Source
            && let [part] = self.parts.as_slice()
        {
            return self.by_source(&part.known);
        }
        let whole = 1.0 / self.parts.len().max(1) as f64;
        let mut shares: Vec<(VisibleEndpoint, f64)> = Vec::new();
        let mut last: Option<&[VisibleEndpoint]> = None;
        let mut alike = 0.0;
        // Parts that know the same are taken together, so that a service with one address of its own
        // costs one pass.
        for part in self.parts.iter().map(|part| part.known.as_slice()) {
            if last.is_some_and(|last| last == part) {
                alike += whole;
                continue;
            }
            if let Some(last) = last {
                add(&mut shares, last, alike, &weight);
            }
            (last, alike) = (Some(part), whole);
        }
        if let Some(last) = last {
            add(&mut shares, last, alike, &weight);
        }
        shares
    }
}

/// Spreads a part of the requests over the endpoints that it knows.
fn add(
    shares: &mut Vec<(VisibleEndpoint, f64)>,
    known: &[VisibleEndpoint],
    part: f64,
    weight: &dyn Fn(&VisibleEndpoint) -> f64,
) {
    let total: f64 = known.iter().map(weight).sum();
    if total <= 0.0 {
        return;
    }
    for seen in known {
        let share = part * weight(seen) / total;
        let place = shares.binary_search_by(|(own, _)| own.address.cmp(&seen.address));
        match place {
            Ok(place) => shares[place].1 += share,
            Err(place) => shares.insert(place, (seen.clone(), share)),
        }
    }
}

/// The first time of `phase`, `phase + ttl` … that is not before `now`.
fn next_asking(now: Instant, phase: i64, ttl: Duration) -> Instant {
    let ttl = ttl.as_nanos();
    if ttl <= 0 {
        return now;
    }
    let late = (now.as_nanos() - phase).max(0);
    let turns = late / ttl + i64::from(late % ttl > 0);
    Instant::from_nanos(phase.saturating_add(turns.saturating_mul(ttl)))
}
