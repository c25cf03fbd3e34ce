//! Endpoints that are alike: of one kind, with the same part of every flow and as much waiting.

use model::traffic::FailureCause;
use model::{PodRef, Text};

use super::super::entry::{Entry, NOBODY};
use super::super::plan::{Target, TrafficPlan};
use super::super::server::Servers;
use super::super::service_backend::{Fate, ServiceBackend};
use super::Fluid;
use units::SortedMap;

/// Endpoints that are alike: of one kind, with the same part of every flow and as much waiting.
#[derive(Clone, Debug)]
pub(in super::super) struct EndpointGroup {
    pub(in super::super) server: u16,
    pub(in super::super) fate: Fate,
    pub(in super::super) pods: Vec<PodRef>,
    /// The part of each flow that goes to one of them.
    pub(in super::super) shares: Vec<f64>,
    /// Requests that wait in one of the pods.
    pub(in super::super) waiting: RequestBacklog,
    /// Tries a second that reach one of them, as computed last.
    pub(in super::super) rate: f64,
    /// Requests that wait in one of them on average, as computed last.
    pub(in super::super) queue: f64,
}

/// Requests that wait in a pod: those whose client still waits, by flow and tries before, and
/// others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct RequestBacklog {
    pub(in super::super) alive: SortedMap<(usize, usize), f64>,
    pub(in super::super) dead: f64,
}

impl RequestBacklog {
    pub(in super::super) fn total(&self) -> f64 {
        self.alive.values().sum::<f64>() + self.dead
    }
}

/// A pod that requests go to, and what becomes of them there.
#[derive(Clone, Copy, Debug)]
struct Endpoint {
    pod: PodRef,
    server: u16,
    fate: Fate,
}

impl Fluid {
    /// Puts endpoints that are alike together, after a change.
    pub(in super::super) fn regroup(
        &mut self,
        backing: &ServiceBackend,
        servers: &Servers,
        plan: &TrafficPlan,
        entry: &Entry<'_>,
    ) {
        let is_down = &|node| entry.is_down(node);
        self.is_dirty = true;
        let mut waiting = self.take_waiting();
        let count = self.flows.len();
        let mut shares: SortedMap<Text, (PodRef, u16, Vec<f64>)> = SortedMap::new();
        self.lost = vec![1.0; count];
        let (mut refused, mut silent) = (vec![0.0; count], vec![0.0; count]);
        for (place, flow) in self.flows.iter().enumerate() {
            let mut balanced = flow.sharing.shares(backing.balancing, servers);
            if let Target::Published { .. } = plan.groups[flow.group].target {
                let spread = entry.spread(backing, balanced);
                balanced = spread.endpoints;
                (refused[place], silent[place]) = (spread.refused, spread.silent);
                self.lost[place] -= spread.refused + spread.silent;
            }
            for (seen, share) in balanced {
                let entry = shares.entry(seen.address.clone());
                let own = entry.or_insert_with(|| (seen.pod, seen.server, vec![0.0; count]));
                own.2[place] += share;
                self.lost[place] -= share;
            }
        }
        for lost in &mut self.lost {
            // What is left of rounding is nothing.
            *lost = if *lost < 1e-9 { 0.0 } else { *lost };
        }
        let mut lost_waiting = Vec::new();
        // What hosts themselves refuse or don't answer goes to no pod at all.
        for (fate, shares) in [(Fate::Refused, refused), (Fate::Silent, silent)] {
            if shares.iter().any(|share| *share > 1e-9) {
                let nobody = Endpoint {
                    pod: NOBODY,
                    server: 0,
                    fate,
                };
                self.join(nobody, shares, RequestBacklog::default(), &mut lost_waiting);
            }
        }
        for (address, (pod, server, shares)) in shares {
            let fate = backing.fate(&address, is_down);
            let own = waiting.remove(&pod).map(|(_, own)| own).unwrap_or_default();
            self.join(
                Endpoint { pod, server, fate },
                shares,
                own,
                &mut lost_waiting,
            );
        }
        // Pods that no balancer sees any more work off their backlog.
        for (pod, (server, own)) in waiting {
            let is_there = backing.running().find(|member| member.pod == pod);
            let fate = is_there.map_or(Fate::Refused, |member| member.fate(is_down));
            self.join(
                Endpoint { pod, server, fate },
                vec![0.0; count],
                own,
                &mut lost_waiting,
            );
        }
        for (place, tries, amount) in lost_waiting {
            self.lose(plan, place, tries, amount);
        }
    }

    /// Takes all endpoints out: what waits in each that has anything waiting, and its kind.
    fn take_waiting(&mut self) -> SortedMap<PodRef, (u16, RequestBacklog)> {
        let mut waiting = SortedMap::new();
        for own in self.alike.drain(..) {
            if own.waiting.total() > 0.0 {
                let pods = own.pods.iter();
                waiting.extend(pods.map(|&pod| (pod, (own.server, own.waiting.clone()))));
            }
        }
        waiting
    }

    fn join(
        &mut self,
        endpoint: Endpoint,
        shares: Vec<f64>,
        mut waiting: RequestBacklog,
        lost: &mut Vec<(usize, usize, f64)>,
    ) {
        let Endpoint { pod, server, fate } = endpoint;
        if fate != Fate::Taken {
            let alive = std::mem::take(&mut waiting).alive.into_iter();
            lost.extend(alive.map(|((place, tries), amount)| (place, tries, amount)));
            if shares.iter().all(|share| *share <= 0.0) {
                return;
            }
        }
        let known = self.alike.iter_mut().find(|own| {
            own.server == server
                && own.fate == fate
                && own.shares == shares
                && own.waiting == waiting
        });
        match known {
            Some(own) => own.pods.push(pod),
            None => self.alike.push(EndpointGroup {
                server,
                fate,
                pods: vec![pod],
                shares,
                waiting,
                rate: 0.0,
                queue: 0.0,
            }),
        }
    }

    /// Requests waited in a pod that is gone: they are tried again at once, or have failed.
    fn lose(&mut self, plan: &TrafficPlan, place: usize, tries: usize, amount: f64) {
        let flow = &mut self.flows[place];
        if tries >= plan.groups[flow.group].retries.most as usize {
            flow.fail(FailureCause::Refused, amount);
            return;
        }
        flow.totals.retries += amount;
        if flow.due.is_empty() {
            flow.due.push_back(Vec::new());
        }
        let due = &mut flow.due[0];
        if due.len() <= tries + 1 {
            due.resize(tries + 2, 0.0);
        }
        due[tries + 1] += amount;
    }
}
