//! Assertions that hold on every run (metrics.md 5.9), checked always: they cost a few additions per
//! change.
//!
//! - Every pod submitted ends in exactly one class of the census.
//! - Nothing is allocated above what its node offers when it is bound, and no pod is bound twice.
//! - pending + starting + running = life, for every pod and in sum: the integral of the number of
//!   pods in a phase equals the sum of the times that pods spent in it (Little's law, with its edge
//!   terms, exactly).
//! - The integrals of allocation by node and by tenant equal that of the total.
//! - What is left on each node equals what is offered less what its pods and holds take.

use crate::cluster::{Store, check};
use crate::model::{EndReason, Event, Pod, PodPhase};
use crate::units::{Instant, NodeId};

use super::collector::Span;
use super::integral::Integral;
use super::state::{ClusterState, RESOURCES, Resource, Row, requests};

/// Keeps both sides of every assertion.
#[derive(Clone, Debug, Default)]
pub struct Consistency {
    created: u64,
    /// Ended pods by [`EndReason`].
    ended: [u64; 7],
    bound: u64,
    /// Pods that held a node when they ended.
    ended_bound: u64,
    by_state: Phases,
    by_pod: Phases,
    allocated: [Integral; RESOURCES],
    by_node: Vec<Account>,
    by_tenant: Vec<Account>,
    /// The first thing that was wrong.
    broken: Option<String>,
}

/// Time in each phase, over all pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Phases {
    pending: Integral,
    starting: Integral,
    running: Integral,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    held: Row,
    since: Instant,
    area: [Integral; RESOURCES],
}

impl Account {
    fn settle(&mut self, at: Instant) {
        let nanos = at.since(self.since).as_nanos();
        if nanos == 0 {
            return;
        }
        self.since = at;
        for (area, &held) in self.area.iter_mut().zip(&self.held) {
            if held != 0 {
                area.add(i128::from(held), nanos);
            }
        }
    }
}

impl Consistency {
    /// A state held for a span.
    pub fn held(&mut self, state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        self.by_state.pending.add(i128::from(state.pending), nanos);
        let starting = i128::from(state.holding) - i128::from(state.running);
        self.by_state.starting.add(starting, nanos);
        self.by_state.running.add(i128::from(state.running), nanos);
        for (integral, &amount) in self.allocated.iter_mut().zip(&state.allocated.0) {
            integral.add(amount, nanos);
        }
    }

    /// Follows a change.
    pub fn apply(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        match event {
            Event::PodCreated(_) => self.created += 1,
            Event::PodBound { pod, node, .. } => {
                self.bound += 1;
                if let Some(pod) = store.pods().get(*pod) {
                    let added = requests(store, pod);
                    account(&mut self.by_node, node.index(), at, (added, 1));
                    account(&mut self.by_tenant, pod.tenant.index(), at, (added, 1));
                    // What was there before the run may be more than its node has.
                    if pod.found.is_none() {
                        self.check_capacity(*node, at, added, store);
                    }
                }
            }
            Event::PodEnded { reason, .. } => {
                self.ended[*reason as usize] += 1;
                let Some(pod) = ended else {
                    self.break_with(|| "a pod ended without a record".to_owned());
                    return;
                };
                if let Some(node) = pod.node {
                    self.ended_bound += 1;
                    let gone = requests(store, pod);
                    account(&mut self.by_node, node.index(), at, (gone, -1));
                    account(&mut self.by_tenant, pod.tenant.index(), at, (gone, -1));
                }
                self.live(pod, at);
            }
            _ => {}
        }
    }

    /// Whether everything holds at the end of the run.
    ///
    /// # Errors
    /// The first disagreement, in words.
    pub fn finish(&self, at: Instant, state: &ClusterState, store: &Store) -> Result<(), String> {
        let mut closing = self.clone();
        for pod in store.pods().iter() {
            closing.live(pod, at);
        }
        if let Some(broken) = closing.broken {
            return Err(broken);
        }
        self.check_census(state, store)?;
        if closing.by_state != closing.by_pod {
            return Err(format!(
                "time by phase is {:?} by state and {:?} by pod",
                closing.by_state, closing.by_pod
            ));
        }
        for resource in Resource::ALL {
            closing.check_resource(resource, at, state)?;
        }
        check::conservation(store)
    }

    fn check_census(&self, state: &ClusterState, store: &Store) -> Result<(), String> {
        let ended: u64 = self.ended.iter().sum();
        let living = store.pods().living() as u64;
        let created = self.created;
        if created != ended + living {
            return Err(format!(
                "{created} pods were created, {ended} ended and {living} live"
            ));
        }
        if state.pending + state.holding != living || state.running > state.holding {
            return Err(format!(
                "{living} pods live; {} are pending, {} hold a node, {} run",
                state.pending, state.holding, state.running
            ));
        }
        if self.bound != self.ended_bound + state.holding {
            return Err(format!(
                "{} pods were bound, {} of them ended and {} hold a node",
                self.bound, self.ended_bound, state.holding
            ));
        }
        Ok(())
    }

    fn check_resource(
        &mut self,
        resource: Resource,
        at: Instant,
        state: &ClusterState,
    ) -> Result<(), String> {
        let (index, name) = (resource as usize, resource.name());
        let total = self.allocated[index].value();
        let allocated = state.allocated.of(resource);
        for (by, accounts) in [("node", &mut self.by_node), ("tenant", &mut self.by_tenant)] {
            let (mut held, mut area) = (0, Integral::default());
            for account in accounts {
                account.settle(at);
                held += i128::from(account.held[index]);
                match account.area[index].value() {
                    Some(part) => area.add(part, 1),
                    // Beyond 128 bits there is nothing to compare.
                    None => return Ok(()),
                }
            }
            let found = area.value();
            if found.is_some() && total.is_some() && found != total {
                return Err(format!(
                    "allocated {name} x time is {found:?} by {by} and {total:?} in total"
                ));
            }
            if held != allocated {
                return Err(format!(
                    "allocated {name} is {held} by {by} and {allocated} in total"
                ));
            }
        }
        Ok(())
    }

    /// Adds the phases of a pod's life up to an instant.
    fn live(&mut self, pod: &Pod, at: Instant) {
        let bound = if pod.phase.holds_node() {
            pod.bound
        } else {
            at
        };
        let started = if pod.phase == PodPhase::Running {
            pod.started
        } else {
            at
        };
        if !(pod.created <= bound && bound <= started && started <= at) {
            self.break_with(|| {
                format!(
                    "{}: created {}, bound {bound}, started {started}, seen {at}",
                    pod.pod.id, pod.created
                )
            });
            return;
        }
        let phases = &mut self.by_pod;
        phases.pending.add(1, bound.since(pod.created).as_nanos());
        phases.starting.add(1, started.since(bound).as_nanos());
        phases.running.add(1, at.since(started).as_nanos());
    }

    /// A node may be declared smaller under its pods; nothing more may be bound there then.
    fn check_capacity(&mut self, node: NodeId, at: Instant, added: Row, store: &Store) {
        let columns = store.nodes().allocatable();
        let row = node.index();
        let offered = [
            columns.cpu_milli[row],
            columns.memory_bytes[row],
            columns.gpu_milli[row],
            columns.pods[row],
        ];
        let held = self.by_node[row].held;
        for resource in Resource::ALL {
            let index = resource as usize;
            if added[index] > 0 && held[index] > offered[index] {
                let (name, held, offered) = (resource.name(), held[index], offered[index]);
                self.break_with(|| {
                    format!("{at}: {node} offers {offered} {name} and its pods hold {held}")
                });
            }
        }
    }

    fn break_with(&mut self, why: impl FnOnce() -> String) {
        if self.broken.is_none() {
            self.broken = Some(why());
        }
    }
}

/// Something is held from an instant on, or no more.
fn account(accounts: &mut Vec<Account>, index: usize, at: Instant, (amounts, sign): (Row, i64)) {
    if accounts.len() <= index {
        accounts.resize(index + 1, Account::default());
    }
    let account = &mut accounts[index];
    account.settle(at);
    for (held, amount) in account.held.iter_mut().zip(amounts) {
        *held += sign * amount;
    }
}

const _: () = assert!(EndReason::Cancelled as usize == 6, "one place per reason");
