//! Assertions that hold on every run (metrics.md 5.9), checked always: they cost a few additions per
//! change.
//!
//! - Every pod submitted ends in exactly one class of the census.
//! - Nothing is allocated above what its node offers when it is bound, and no pod is bound twice. Where nodes
//!   judge for themselves, schedulers may bind more: no such pod runs there.
//! - pending + starting + running = life, for every pod and in sum: the integral of the number of
//!   pods in a phase equals the sum of the times that pods spent in it (Little's law, with its edge
//!   terms, exactly).
//! - The integrals of allocation of all pods equal that of the total, which metrics are taken of.
//!   However pods are grouped, by node or by tenant, the groups' integrals add up to the same, so
//!   nothing is kept by group: `∫ held dt` up to a clock's reading T is `held × T` less
//!   `amount × reading` of all changes.
//! - What is left on each node equals what is offered less what its pods and holds take.
//!
//! Integrals are compared modulo 2^64: sides that are equal are equal in it too.

use cluster::{Commitment, Store, check};
use model::{Event, Pod, PodChange, PodPhase, PodRef};
use units::{Instant, NodeId, SortedMap};

use crate::record::change_batch::ChangeBatch;
use crate::record::state::{ClusterState, RESOURCES, Reservation, Resource, Row, class_requests};
use crate::statistics::span::Span;

/// Keeps both sides of every assertion.
#[derive(Clone, Debug, Default)]
pub struct Consistency {
    created: u64,
    ended: u64,
    bound: u64,
    /// Pods that held a node when they ended.
    ended_bound: u64,
    by_state: Phases,
    by_pod: Phases,
    /// `amount × reading of the clock` of every binding less that of every end.
    moments: [i64; RESOURCES],
    /// Pods that were bound to more than was left, which their nodes have to refuse: with their nodes,
    /// what they reserve there, and what was short.
    beyond: SortedMap<PodRef, (NodeId, Row, String)>,
    /// The first thing that was wrong.
    broken: Option<String>,
}

/// Nanoseconds in each phase, over all pods, modulo 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Phases {
    pending: i64,
    starting: i64,
    running: i64,
}

/// Adds so many times an amount.
#[inline]
fn add(area: &mut i64, times: i64, amount: i64) {
    *area = area.wrapping_add(times.wrapping_mul(amount));
}

impl Consistency {
    /// A state held for a span.
    #[inline]
    pub fn held(&mut self, state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        let phases = &mut self.by_state;
        add(&mut phases.pending, state.pending as i64, nanos);
        let starting = state.holding.wrapping_sub(state.running);
        add(&mut phases.starting, starting as i64, nanos);
        add(&mut phases.running, state.running as i64, nanos);
    }

    /// Follows a change of a pod, which `state` followed before, with what the pod reserves.
    #[inline]
    pub fn apply(
        &mut self,
        at: Instant,
        event: &Event,
        about: Reservation<'_>,
        state: &ClusterState,
        store: &Store,
    ) {
        let Reservation { pod, requests } = about;
        match event {
            Event::PodCreated(_) => self.created += 1,
            Event::PodBound { node, .. } => {
                self.bound += 1;
                // What was there before the run may be more than its node has, and who decides may
                // give away more than there is.
                let who = store.commitment();
                if pod.found().is_none()
                    && who != Commitment::Decided
                    && let Some(why) = excess(*node, at, requests, &[], state, store)
                {
                    if who.is_by_nodes() {
                        self.beyond.insert(pod.pod, (*node, *requests, why));
                    } else {
                        self.break_with(|| why);
                    }
                }
            }
            Event::PodRunning { .. } if !self.beyond.is_empty() => {
                // By now others may have made room for it, and others yet have to be refused.
                if let Some((_, _, why)) = self.beyond.remove(&pod.pod)
                    && let Some(node) = pod.node()
                    && excess(node, at, requests, &self.refused(node), state, store).is_some()
                {
                    self.break_with(|| why);
                }
            }
            Event::PodEnded { .. } => {
                self.ended += 1;
                if !self.beyond.is_empty() {
                    self.beyond.remove(&pod.pod);
                }
                self.ended_bound += u64::from(pod.node().is_some());
                self.live(pod, at);
            }
            _ => {}
        }
    }

    /// Follows what alike pods did at a reading of the clock of measured time.
    pub fn take_in(&mut self, deeds: &ChangeBatch, clock: i64) {
        let times = deeds.holding().wrapping_mul(clock);
        if times != 0 {
            for (index, moment) in self.moments.iter_mut().enumerate() {
                add(moment, times, deeds.requests[index]);
            }
        }
    }

    /// A pod was resized at a reading of the clock of measured time.
    pub fn resized(&mut self, change: &PodChange, clock: i64, store: &Store) {
        let PodChange::Resized { before, class } = *change else {
            return;
        };
        let [old, new] = [before, class].map(|class| class_requests(store, class));
        for (index, moment) in self.moments.iter_mut().enumerate() {
            add(moment, clock, new[index] - old[index]);
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
            closing.check_resource(resource, state)?;
        }
        check::conservation(store)
    }

    fn check_census(&self, state: &ClusterState, store: &Store) -> Result<(), String> {
        let living = store.pods().living() as u64;
        let (created, ended) = (self.created, self.ended);
        if created != ended + living {
            return Err(format!(
                "pods created: {created}, ended: {ended}, living: {living}"
            ));
        }
        if state.pending + state.holding != living || state.running > state.holding {
            return Err(format!(
                "pods living: {living}, pending: {}, with a node: {}, running: {}",
                state.pending, state.holding, state.running
            ));
        }
        if self.bound != self.ended_bound + state.holding {
            return Err(format!(
                "pods bound: {}, ended of these: {}, with a node: {}",
                self.bound, self.ended_bound, state.holding
            ));
        }
        Ok(())
    }

    fn check_resource(&self, resource: Resource, state: &ClusterState) -> Result<(), String> {
        let (index, name) = (resource as usize, resource.name());
        let held = state.taken().iter().map(|held| i128::from(held[index]));
        let held = held.sum::<i128>();
        let allocated = state.allocated.of(resource);
        if held != allocated {
            return Err(format!(
                "allocated {name} is {held} by node and {allocated} in total"
            ));
        }
        let mut found = 0;
        add(&mut found, held as i64, state.areas.clock());
        let found = found.wrapping_sub(self.moments[index]);
        match state.areas.allocated(resource).value() {
            Some(total) if total as i64 != found => Err(format!(
                "allocated {name} x time is {found} by pod and {total} in total, modulo 2^64"
            )),
            _ => Ok(()),
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
            *time = time.wrapping_add(to.since(from).as_nanos());
        }
    }

    /// What pods reserve on a node that has to refuse them.
    fn refused(&self, node: NodeId) -> Vec<Row> {
        let beyond = self.beyond.values();
        let own = beyond.filter(|(on, ..)| *on == node);
        own.map(|(_, row, _)| *row).collect()
    }

    fn break_with(&mut self, why: impl FnOnce() -> String) {
        if self.broken.is_none() {
            self.broken = Some(why());
        }
    }
}

/// Resource of which a node offers less than its pods hold, but for those that it refuses, in words. A
/// node may be declared smaller under its pods; nothing more may be bound there then.
fn excess(
    node: NodeId,
    at: Instant,
    added: &Row,
    refused: &[Row],
    state: &ClusterState,
    store: &Store,
) -> Option<String> {
    let offered = state.allocatable_of(node, store);
    let mut held = *state.taken().get(node.index())?;
    for row in refused {
        for (held, refused) in held.iter_mut().zip(row) {
            *held -= refused;
        }
    }
    let short = Resource::ALL.into_iter().find(|&resource| {
        let index = resource as usize;
        added[index] > 0 && held[index] > offered[index]
    })?;
    let (name, index) = (short.name(), short as usize);
    let (held, offered) = (held[index], offered[index]);
    Some(format!(
        "{at}: {node} offers {offered} {name} and its pods hold {held}"
    ))
}
