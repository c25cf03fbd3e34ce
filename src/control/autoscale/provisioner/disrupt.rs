//! Giving nodes back: empty ones, drifted ones, several whose pods fit elsewhere or on one cheaper
//! node, single ones; one command at a time, looked at again before it is carried out (spec:
//! kubernetes.md 3.4). Expired ones go whatever budgets say.

use std::sync::Arc;

use super::candidate::{Candidate, Reason};
use super::pack::cheapest;
use super::{Consolidation, Packed, Provisioner};
use crate::cluster::Store;
use crate::control::Outbox;
use crate::control::autoscale::cluster::{Cluster, KubeCluster};
use crate::control::autoscale::nodes::seen::{is_daemon, pods_on};
use crate::control::scheduler::kube::{CacheError, PodInfo};
use crate::model::{PodRef, Text};
use crate::units::{Duration, Instant, NodeId};

/// From a decision to the second look at it.
const VALIDATION: Duration = Duration::from_secs(15);
/// The most nodes that are merged at once.
const MERGED: usize = 100;
/// The fewest cheaper types for which a single spot node is replaced by a spot node.
const SPOT_CHOICE: usize = 15;

/// What is to be done about nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    nodes: Vec<NodeId>,
    reason: Reason,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// It is looked at again at this time.
    Decided(Instant),
    /// Replacements, by their names, have to join first.
    Replacing(Vec<Text>),
}

impl Command {
    /// Whether it waits for a node of this name.
    pub(super) fn awaits(&self, node: &Text) -> bool {
        matches!(&self.stage, Stage::Replacing(names) if names.contains(node))
    }
}

impl Provisioner {
    /// One look at the nodes of the pool.
    pub(super) fn disrupt(
        &mut self,
        now: Instant,
        store: &Store,
        out: &mut Outbox,
    ) -> Result<(), CacheError> {
        let expired = self.expired(now, store);
        self.empty(now, store, &expired, out);
        if let Some(command) = self.command.take() {
            return self.carry_on(now, store, command, out);
        }
        let version = self.version(now);
        self.is_settled &= std::mem::replace(&mut self.drift_seen, version) == version;
        if self.is_settled || !self.ordered.is_empty() {
            return Ok(());
        }
        let (candidates, is_waiting) = self.candidates(now, store);
        let (found, is_limited) = self.method(now, store, &candidates)?;
        match found {
            Some((nodes, reason)) => {
                let stage = Stage::Decided(now.saturating_add(VALIDATION));
                self.command = Some(Command {
                    nodes,
                    reason,
                    stage,
                });
            }
            // Nothing comes of another look until something changes or a time has come.
            None => self.is_settled = !is_waiting && !is_limited && self.leaving.is_empty(),
        }
        Ok(())
    }

    /// The first method that finds something, and whether a budget kept one from it.
    #[expect(
        clippy::type_complexity,
        reason = "nodes with why, and whether more would go"
    )]
    fn method(
        &mut self,
        now: Instant,
        store: &Store,
        candidates: &[Candidate],
    ) -> Result<(Option<(Vec<NodeId>, Reason)>, bool), CacheError> {
        let mut is_limited = false;
        let mut room = |own: &Self, reason| {
            let room = own.room(now, store, reason);
            is_limited |= room == 0 && !candidates.is_empty();
            room
        };
        let (empties, drifts, others) = (
            room(self, Reason::Empty),
            room(self, Reason::Drifted),
            room(self, Reason::Underutilized),
        );
        let empty = candidates
            .iter()
            .filter(|own| own.is_empty && own.is_rested);
        let empty: Vec<NodeId> = empty.map(|own| own.node).take(empties).collect();
        if !empty.is_empty() {
            return Ok((Some((empty, Reason::Empty)), is_limited));
        }
        let profile = self.options.profile.clone();
        let base = self.simulated(store, &profile)?;
        if drifts > 0 {
            for own in candidates.iter().filter(|own| own.is_drifted) {
                let alone = std::slice::from_ref(own);
                if own.is_empty || self.replacements(now, store, &base, alone)?.is_some() {
                    return Ok((Some((vec![own.node], Reason::Drifted)), is_limited));
                }
            }
        }
        if self.options.consolidation == Consolidation::WhenEmpty || others == 0 {
            return Ok((None, is_limited));
        }
        let rested: Vec<&Candidate> = candidates.iter().filter(|own| own.is_rested).collect();
        let found = self.consolidation(now, store, &base, (&rested, others))?;
        Ok((
            found.map(|nodes| (nodes, Reason::Underutilized)),
            is_limited,
        ))
    }

    /// The nodes that several methods of consolidation would give back.
    fn consolidation(
        &mut self,
        now: Instant,
        store: &Store,
        base: &KubeCluster<'_>,
        (candidates, room): (&[&Candidate], usize),
    ) -> Result<Option<Vec<NodeId>>, CacheError> {
        let many = candidates.len().min(room).min(MERGED);
        let (mut low, mut high) = (2, many);
        let mut best = None;
        while low <= high && many >= 2 {
            let middle = usize::midpoint(low, high);
            let prefix = candidates[..middle].iter().copied();
            if self.simulate(now, store, base, prefix.clone())?.is_some() {
                best = Some(prefix.map(|own| own.node).collect());
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        if best.is_some() {
            return Ok(best);
        }
        for own in candidates.iter().copied() {
            if self
                .simulate(now, store, base, std::iter::once(own))?
                .is_some()
            {
                return Ok(Some(vec![own.node]));
            }
        }
        Ok(None)
    }

    /// Where the pods of nodes would go if these were not there, with new nodes of these offerings.
    fn without<'c>(
        &mut self,
        store: &Store,
        base: &KubeCluster<'_>,
        candidates: impl Iterator<Item = &'c Candidate>,
        open: &[usize],
    ) -> Result<Packed, CacheError> {
        let mut cluster = base.clone();
        let mut pods: Vec<(PodRef, Arc<PodInfo>)> = Vec::new();
        for own in candidates {
            for pod in pods_on(store, own.node) {
                if !is_daemon(store, pod)
                    && let Some(info) = self.seen.info(store, pod)
                {
                    pods.push((pod, info));
                }
            }
            cluster.remove_node(store.nodes().name(own.node));
        }
        self.pack(store, cluster, &pods, open)
    }

    /// The offerings that take the place of nodes whatever they cost; `None` if pods would be left.
    fn replacements(
        &mut self,
        now: Instant,
        store: &Store,
        base: &KubeCluster<'_>,
        candidates: &[Candidate],
    ) -> Result<Option<Vec<usize>>, CacheError> {
        let open = self.open(now);
        let packed = self.without(store, base, candidates.iter(), &open)?;
        let new = packed.new.iter().map(|own| own.cheapest);
        Ok(packed.left.is_empty().then(|| new.collect()))
    }

    /// Whether nodes can go; the offering that takes their place, if one has to.
    fn simulate<'c>(
        &mut self,
        now: Instant,
        store: &Store,
        base: &KubeCluster<'_>,
        candidates: impl Iterator<Item = &'c Candidate> + Clone,
    ) -> Result<Option<Vec<usize>>, CacheError> {
        let price: i64 = candidates.clone().map(|own| own.price).sum();
        let is_spot = candidates.clone().all(|own| own.is_spot);
        let open = self.open(now).into_iter();
        let open: Vec<usize> = open
            .filter(|&place| {
                let own = &self.options.offerings[place];
                own.price < price && (self.options.spot_to_spot || !(is_spot && own.is_spot))
            })
            .collect();
        let packed = self.without(store, base, candidates.clone(), &open)?;
        if !packed.left.is_empty() {
            return Ok(None);
        }
        Ok(match packed.new.as_slice() {
            [] => Some(Vec::new()),
            [one] => {
                let offerings = &self.options.offerings;
                let own = cheapest(offerings, &one.offerings);
                let replaces_spot = is_spot && own.is_some_and(|own| offerings[own].is_spot);
                let is_choice = candidates.count() > 1 || one.offerings.len() >= SPOT_CHOICE;
                own.filter(|_| !replaces_spot || is_choice)
                    .map(|own| vec![own])
            }
            _ => None,
        })
    }

    /// Carries on with what was decided.
    fn carry_on(
        &mut self,
        now: Instant,
        store: &Store,
        command: Command,
        out: &mut Outbox,
    ) -> Result<(), CacheError> {
        match &command.stage {
            Stage::Decided(at) if *at > now => {
                self.command = Some(command);
                Ok(())
            }
            Stage::Decided(_) => {
                let Some(replacements) = self.validated(now, store, &command)? else {
                    return Ok(());
                };
                if replacements.is_empty() {
                    self.empty(now, store, &command.nodes, out);
                } else {
                    let names = replacements.into_iter();
                    let names = names.map(|own| self.order(own, Vec::new(), store, out));
                    let stage = Stage::Replacing(names.collect());
                    self.command = Some(Command { stage, ..command });
                }
                Ok(())
            }
            Stage::Replacing(names) => {
                let is_there = |name: &Text| store.nodes().by_name(name).is_some();
                if names.iter().all(is_there) {
                    self.empty(now, store, &command.nodes, out);
                } else if names
                    .iter()
                    .all(|name| is_there(name) || self.ordered.contains_key(name))
                {
                    self.command = Some(command);
                }
                Ok(())
            }
        }
    }

    /// What replaces nodes by a second look; `None` if they can't go any more.
    fn validated(
        &mut self,
        now: Instant,
        store: &Store,
        command: &Command,
    ) -> Result<Option<Vec<usize>>, CacheError> {
        if self.room(now, store, command.reason) < command.nodes.len() {
            return Ok(None);
        }
        let (candidates, _) = self.candidates(now, store);
        let own = candidates.into_iter();
        let own: Vec<Candidate> = own
            .filter(|own| command.nodes.contains(&own.node))
            .filter(|own| own.is_rested || command.reason == Reason::Drifted)
            .collect();
        if own.len() != command.nodes.len() {
            return Ok(None);
        }
        if own.iter().all(|own| own.is_empty) {
            return Ok(Some(Vec::new()));
        }
        let profile = self.options.profile.clone();
        let base = self.simulated(store, &profile)?;
        match command.reason {
            Reason::Drifted => self.replacements(now, store, &base, &own),
            _ => self.simulate(now, store, &base, own.iter()),
        }
    }

    fn empty(&mut self, now: Instant, store: &Store, nodes: &[NodeId], out: &mut Outbox) {
        for &node in nodes {
            if store.nodes().object(node).is_some() && !self.leaving.has(node) {
                self.leaving.start(now, store, node, out);
            }
        }
    }
}
