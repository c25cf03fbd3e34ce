//! Giving nodes back: empty ones, drifted ones, several whose pods fit elsewhere or on one cheaper
//! node, single ones; one command at a time, looked at again before it is carried out (spec:
//! kubernetes.md 3.4). Expired ones go whatever budgets say.

use super::candidate::{Candidate, Reason};
use super::consolidate::{Consolidation, Leaver};
use super::pack::Market;
use super::{ConsolidationPolicy, Provisioner};
use crate::nodes::pods::{is_daemon, pods_on};
use crate::snapshot::{ClusterSnapshot, KubeSnapshot};
use cluster::Store;
use control::Outbox;
use model::Text;
use scheduler::kube::CacheError;
use units::{Duration, Instant, NodeId};

/// From a decision to the second look at it.
const VALIDATION: Duration = Duration::from_secs(15);

/// Command to give nodes back or replace them.
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
    /// Replacements, by their names, have to join first; until then the nodes take no more pods.
    Replacing(Vec<Text>),
    /// A replacement could not be had: the nodes stay.
    Failed,
}

impl Command {
    /// `true` if the command waits for a node of this name.
    pub(super) fn awaits(&self, node: &Text) -> bool {
        matches!(&self.stage, Stage::Replacing(names) if names.contains(node))
    }

    /// Notes that the replacement does not come.
    pub(super) fn fail(&mut self) {
        self.stage = Stage::Failed;
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
        let nodes = self.pool(store).len();
        let mut room = |own: &Self, reason| {
            let room = own.room(now, nodes, reason);
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
        let drifted: Vec<&Candidate> = candidates
            .iter()
            .filter(|own| own.is_drifted && drifts > 0)
            .collect();
        let consolidates = self.options.consolidation != ConsolidationPolicy::WhenEmpty;
        // Empty ones are left to their own budget.
        let rested: Vec<Leaver> = candidates
            .iter()
            .filter(|own| own.is_rested && !own.is_empty && consolidates && others > 0)
            .map(|own| own.leaver.clone())
            .collect();
        if drifted.is_empty() && rested.is_empty() {
            return Ok((None, is_limited));
        }
        let found = self.look(now, store, |look| {
            for own in drifted {
                let alone = std::slice::from_ref(&own.leaver);
                if own.is_empty || look.without(alone)?.left.is_empty() {
                    return Ok(Some((vec![own.node], Reason::Drifted)));
                }
            }
            let found = look.find(&rested, others)?;
            Ok(found.map(|nodes| (nodes, Reason::Underutilized)))
        })?;
        Ok((found, is_limited))
    }

    /// Looks at the cluster as it is, with what is ordered and what can be bought now.
    fn look<T>(
        &mut self,
        now: Instant,
        store: &Store,
        ask: impl FnOnce(&mut Consolidation<'_, '_, KubeSnapshot>) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        let daemons = self.seen.daemons(store);
        let open = self.open(now);
        let mut cluster = self.simulated(store, &daemons)?;
        let seen = &mut self.seen;
        let mut market = Market::new(&self.options.offerings, &open, &daemons);
        let mut pods = |node| {
            let mut pods = pods_on(store, node);
            pods.retain(|&pod| !is_daemon(store, pod));
            let infos = pods
                .into_iter()
                .filter_map(|pod| Some((pod, seen.info(store, pod)?)));
            infos.collect()
        };
        let asked = ask(&mut Consolidation {
            cluster: &mut cluster,
            market: &mut market,
            pods: &mut pods,
            spot_to_spot: self.options.spot_to_spot,
            daemons_repel: daemons.repel(),
        });
        cluster.undo();
        self.seen.keep(cluster);
        asked
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
                    for &node in &command.nodes {
                        self.leaving.hold(now, store, node, out);
                    }
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
                } else {
                    self.release(store, &command.nodes, out);
                }
                Ok(())
            }
            Stage::Failed => {
                self.release(store, &command.nodes, out);
                Ok(())
            }
        }
    }

    /// Nodes that were to go stay.
    fn release(&mut self, store: &Store, nodes: &[NodeId], out: &mut Outbox) {
        for &node in nodes {
            self.leaving.release(store, node, out);
        }
    }

    /// Replacement of nodes by a second look; `None` if they can't go any more.
    fn validated(
        &mut self,
        now: Instant,
        store: &Store,
        command: &Command,
    ) -> Result<Option<Vec<usize>>, CacheError> {
        let nodes = self.pool(store).len();
        if self.room(now, nodes, command.reason) < command.nodes.len() {
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
        let leavers: Vec<Leaver> = own.into_iter().map(|own| own.leaver).collect();
        self.look(now, store, |look| match command.reason {
            // Those that drifted are replaced whatever that costs.
            Reason::Drifted => {
                let packed = look.without(&leavers)?;
                let new = packed.new.iter().map(|own| own.cheapest);
                Ok(packed.left.is_empty().then(|| new.collect()))
            }
            _ => look.replacement(&leavers),
        })
    }

    fn empty(&mut self, now: Instant, store: &Store, nodes: &[NodeId], out: &mut Outbox) {
        for &node in nodes {
            let is_going = self.leaving.has(node) && !self.leaving.is_held(node);
            if store.nodes().object(node).is_some() && !is_going {
                self.leaving.start(now, store, node, out);
            }
        }
    }
}
