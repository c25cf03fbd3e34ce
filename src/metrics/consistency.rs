//! Assertions that hold on every run (metrics.md 5.9), checked always: they cost a few additions per
//! change.
//!
//! - Every pod submitted ends in exactly one class of the census.
//! - Nothing is allocated above what its node offers when it is bound, and no pod is bound twice.
//! - pending + starting + running = life, for every pod and in sum: the integral of the number of
//!   pods in a phase equals the sum of the times that pods spent in it (Little's law, with its edge
//!   terms, exactly).
//! - The integrals of allocation of all pods equal that of the total. However pods are grouped, by
//!   node or by tenant, the groups' integrals add up to the same, so nothing is kept by group:
//!   `∫ held dt` up to T is `held × T` less `amount × instant` of all changes.
//! - What is left on each node equals what is offered less what its pods and holds take.
//!
//! Integrals are compared modulo 2^128: sides that are equal are equal in it too.

use crate::cluster::{Store, check};
use crate::model::{EndReason, Event, Pod, PodPhase};
use crate::units::{Instant, NodeId};

use super::collector::Span;
use super::integral::product;
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
    /// `∫ allocated dt` by the totals.
    allocated: [i128; RESOURCES],
    /// `amount × instant` of every binding less that of every end.
    moments: [i128; RESOURCES],
    /// What pods hold of each node.
    by_node: Vec<Row>,
    /// The first thing that was wrong.
    broken: Option<String>,
}

/// Nanoseconds in each phase, over all pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Phases {
    pending: i128,
    starting: i128,
    running: i128,
}

/// Adds an amount that held for a span, modulo 2^128.
#[inline]
fn add(area: &mut i128, amount: i128, nanos: i64) {
    *area = area.wrapping_add(amount.wrapping_mul(i128::from(nanos)));
}

/// Adds a number of pods that held for a span.
#[inline]
fn add_pods(area: &mut i128, pods: u64, nanos: i64) {
    *area = area.wrapping_add(product(pods as i64, nanos));
}

impl Consistency {
    /// A state held for a span.
    pub fn held(&mut self, state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        let phases = &mut self.by_state;
        add_pods(&mut phases.pending, state.pending, nanos);
        let starting = state.holding.wrapping_sub(state.running);
        add_pods(&mut phases.starting, starting, nanos);
        add_pods(&mut phases.running, state.running, nanos);
        for (area, &amount) in self.allocated.iter_mut().zip(&state.allocated.0) {
            add(area, amount, nanos);
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
                    self.hold(*node, at, &added);
                    // What was there before the run may be more than its node has.
                    if pod.found().is_none() {
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
                if let Some(node) = pod.node() {
                    self.ended_bound += 1;
                    let gone = requests(store, pod);
                    self.hold(node, at, &gone.map(|amount| -amount));
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
        &self,
        resource: Resource,
        at: Instant,
        state: &ClusterState,
    ) -> Result<(), String> {
        let (index, name) = (resource as usize, resource.name());
        let held = self.by_node.iter().map(|held| i128::from(held[index]));
        let held = held.sum::<i128>();
        let allocated = state.allocated.of(resource);
        if held != allocated {
            return Err(format!(
                "allocated {name} is {held} by node and {allocated} in total"
            ));
        }
        let mut found = 0;
        add(&mut found, held, at.as_nanos());
        let (found, total) = (
            found.wrapping_sub(self.moments[index]),
            self.allocated[index],
        );
        if found != total {
            return Err(format!(
                "allocated {name} x time is {found} by pod and {total} in total"
            ));
        }
        Ok(())
    }

    /// Something more is held of a node from an instant on.
    fn hold(&mut self, node: NodeId, at: Instant, more: &Row) {
        let row = node.index();
        if self.by_node.len() <= row {
            self.by_node.resize(row + 1, Row::default());
        }
        let (held, nanos) = (&mut self.by_node[row], at.as_nanos());
        for ((held, moment), &more) in held.iter_mut().zip(&mut self.moments).zip(more) {
            *held += more;
            *moment = moment.wrapping_add(product(more, nanos));
        }
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
        for (time, from, to) in [
            (&mut phases.pending, pod.created, bound),
            (&mut phases.starting, bound, started),
            (&mut phases.running, started, at),
        ] {
            *time = time.wrapping_add(i128::from(to.since(from).as_nanos()));
        }
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
        let held = self.by_node[row];
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

const _: () = assert!(EndReason::Cancelled as usize == 6, "one place per reason");
