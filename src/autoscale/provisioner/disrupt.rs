//! Giving nodes back: empty ones, drifted ones, several whose pods fit elsewhere or on one cheaper
//! node, single ones (spec: karpenter.md 3). What is decided of empty and underutilized nodes is looked
//! at again before it is carried out; expired ones go whatever budgets say.

use super::candidate::{Candidate, Reason};
use super::consolidate::{Consolidation, Leaver, Proposal};
use super::market::{Market, cheapest};
use super::movable::{CoveringBudgets, is_moved};
use super::{ConsolidationPolicy, NOMINATION, Provisioner};
use crate::nodes::pods::pods_on;
use crate::snapshot::{ClusterSnapshot, KubeSnapshot};
use cluster::Store;
use control::Outbox;
use model::{EvictionCause, Text};
use scheduler::kube::CacheError;
use units::{Duration, Instant, NodeId, SortedMap};

/// From a decision to the second look at it.
const VALIDATION: Duration = Duration::from_secs(15);
/// Time after which nodes stay whose replacements have not started.
const PATIENCE: Duration = Duration::from_secs(600);

/// A decision that is looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    found: Proposal,
    reason: Reason,
    /// Instant of the second look.
    at: Instant,
}

/// Nodes that are to go, and the cause that their pods are told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leavers {
    nodes: Vec<NodeId>,
    cause: EvictionCause,
}

/// Nodes that go once their replacements have started; until then they take no more pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replacement {
    leavers: Leavers,
    /// Replacements, by their names.
    names: Vec<Text>,
    since: Instant,
    /// Whether a replacement could not be had: the nodes stay.
    has_failed: bool,
}

impl Replacement {
    /// Notes that a node does not come.
    pub(super) fn note_failure(&mut self, node: &Text) {
        self.has_failed |= self.names.contains(node);
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
        let expired = Leavers {
            nodes: self.expired(now, store),
            cause: EvictionCause::Drain,
        };
        self.empty(now, store, &expired, out);
        self.carry_on(now, store, out);
        if let Some(decision) = self.decision.take() {
            if decision.at > now {
                self.decision = Some(decision);
            } else if let Some(found) = self.validated(now, store, decision)? {
                self.execute(now, store, found, out);
            }
            return Ok(());
        }
        let version = self.version(now);
        self.is_settled &= std::mem::replace(&mut self.drift_seen, version) == version;
        if self.is_settled {
            return Ok(());
        }
        let (candidates, is_waiting) = self.candidates(now, store);
        let mut limits = Limits::default();
        if let Some(nodes) = self.empties(now, store, &candidates, &mut limits) {
            let found = Proposal {
                nodes,
                options: Vec::new(),
            };
            self.decide(now, found, Reason::Empty);
        } else if self.drift(now, store, &candidates, &mut limits, out)? {
            // The next one is looked at in the next loop.
        } else if let Some(found) = self.underutilized(now, store, &candidates, &mut limits)? {
            self.decide(now, found, Reason::Underutilized);
        } else {
            // Nothing comes of another look until something changes or a time has come.
            let is_calm = self.leaving.is_empty() && self.replacing.is_empty();
            self.is_settled = !is_waiting && !limits.were_met && is_calm;
        }
        Ok(())
    }

    fn decide(&mut self, now: Instant, found: Proposal, reason: Reason) {
        let at = now.saturating_add(VALIDATION);
        self.decision = Some(Decision { found, reason, at });
    }

    /// Numbers of nodes of each pool that may go for a reason; `candidates` would.
    fn limited<'c>(
        &mut self,
        now: Instant,
        store: &Store,
        reason: Reason,
        candidates: impl IntoIterator<Item = &'c Candidate>,
        limits: &mut Limits,
    ) -> Vec<usize> {
        let room = self.room(now, store, reason);
        let mut candidates = candidates.into_iter();
        limits.were_met |= candidates.any(|candidate| room[candidate.pool] == 0);
        room
    }

    /// Nodes without pods that have to go elsewhere.
    fn empties(
        &mut self,
        now: Instant,
        store: &Store,
        candidates: &[Candidate],
        limits: &mut Limits,
    ) -> Option<Vec<NodeId>> {
        let empty =
            (candidates.iter()).filter(|candidate| candidate.is_empty && candidate.is_rested);
        let empty: Vec<&Candidate> = empty.collect();
        let room = self.limited(now, store, Reason::Empty, empty.iter().copied(), limits);
        let gone: Vec<NodeId> = within(empty, room).map(|own| own.node).collect();
        (!gone.is_empty()).then_some(gone)
    }

    /// Replaces a node that differs from a new one, whatever that costs; whether one is.
    fn drift(
        &mut self,
        now: Instant,
        store: &Store,
        candidates: &[Candidate],
        limits: &mut Limits,
        out: &mut Outbox,
    ) -> Result<bool, CacheError> {
        let mut drifted: Vec<&Candidate> = candidates
            .iter()
            .filter(|candidate| candidate.is_drifted)
            .collect();
        let room = self.limited(now, store, Reason::Drifted, drifted.iter().copied(), limits);
        drifted.retain(|own| room[own.pool] > 0);
        if drifted.is_empty() {
            return Ok(false);
        }
        drifted.sort_by_key(|own| !own.is_empty);
        let found = self.look(now, store, |look| {
            for own in drifted {
                if let Some(new) = look.without(std::slice::from_ref(&own.leaver))? {
                    let new: Vec<usize> = new.iter().map(|own| own.cheapest).collect();
                    return Ok(Some((own.node, new)));
                }
            }
            Ok(None)
        })?;
        let Some((node, new)) = found else {
            return Ok(false);
        };
        let leavers = Leavers {
            nodes: vec![node],
            cause: EvictionCause::Drain,
        };
        self.replace(now, store, leavers, new, out);
        Ok(true)
    }

    /// Nodes whose pods fit elsewhere, or on something cheaper.
    fn underutilized(
        &mut self,
        now: Instant,
        store: &Store,
        candidates: &[Candidate],
        limits: &mut Limits,
    ) -> Result<Option<Proposal>, CacheError> {
        // Empty ones are left to their own budget.
        let rested =
            (candidates.iter()).filter(|candidate| candidate.is_rested && !candidate.is_empty);
        let mut rested: Vec<&Candidate> = rested
            .filter(|own| {
                let policy = self.options.pools[own.pool].consolidation;
                policy == ConsolidationPolicy::WhenEmptyOrUnderutilized
            })
            .collect();
        let reason = Reason::Underutilized;
        let room = self.limited(now, store, reason, rested.iter().copied(), limits);
        rested.retain(|own| room[own.pool] > 0);
        if rested.is_empty() {
            return Ok(None);
        }
        let leavers = |own: Vec<&Candidate>| own.iter().map(|own| own.leaver.clone()).collect();
        let single: Vec<Leaver> = leavers(by_turns(&rested));
        let many: Vec<Leaver> = leavers(within(rested, room).collect());
        self.look(now, store, |look| look.find(&many, &single))
    }

    /// Looks at the cluster as it is, with what is ordered and what can be bought now.
    fn look<T>(
        &mut self,
        now: Instant,
        store: &Store,
        ask: impl FnOnce(&mut Consolidation<'_, '_, KubeSnapshot>) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        let daemons = self.seen.daemons(store);
        let mut budgets = CoveringBudgets::of(store);
        let open = self.open(now);
        let waiting = self.unmet(store);
        let going = self.going(now, store);
        let rooms = self.rooms(store);
        let (mut cluster, starting) = self.simulated(now, store, &daemons)?;
        let mut market = Market::new(&self.options.offerings, &open, &daemons);
        market.starting = starting;
        market.rooms = rooms;
        let (seen, wishes) = (&mut self.seen, &mut self.wishes);
        let changes = self.options.profile.changes;
        let mut pods = |node| {
            let pods = pods_on(store, node).into_iter();
            let moved = pods.filter(|&pod| is_moved(now, store, pod, &mut budgets));
            let infos = moved.filter_map(|pod| {
                let info = seen.info(store, pod)?;
                Some((pod, wishes.of(info, changes)))
            });
            infos.collect()
        };
        let asked = ask(&mut Consolidation {
            cluster: &mut cluster,
            market: &mut market,
            pods: &mut pods,
            waiting: &waiting,
            going: &going,
            spot_to_spot: self.options.spot_to_spot,
            daemons_repel: daemons.repel(),
        });
        cluster.undo();
        self.seen.keep(cluster);
        asked
    }

    /// Carries on with nodes whose replacements are on their way.
    fn carry_on(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        for own in std::mem::take(&mut self.replacing) {
            let named = |name: &Text| store.nodes().by_name(name);
            let mut names = own.names.iter();
            let have_started =
                names.all(|name| named(name).is_some_and(|node| !self.seen.is_starting(node)));
            let mut names = own.names.iter();
            let are_to_come =
                names.all(|name| named(name).is_some() || self.ordered.contains_key(name));
            let is_late = own.since.saturating_add(PATIENCE) <= now;
            if !own.has_failed && have_started {
                self.empty(now, store, &own.leavers, out);
            } else if own.has_failed || is_late || !are_to_come {
                for &node in &own.leavers.nodes {
                    self.leaving.release(store, node, out);
                }
            } else {
                self.replacing.push(own);
            }
        }
    }

    /// What is left of a decision by a second look: nothing if the nodes can't go any more (spec:
    /// karpenter.md 3.11). What replaces them is as decided before.
    fn validated(
        &mut self,
        now: Instant,
        store: &Store,
        decision: Decision,
    ) -> Result<Option<Proposal>, CacheError> {
        let Decision { found, reason, .. } = decision;
        let room = self.room(now, store, reason);
        let (candidates, _) = self.candidates(now, store);
        let own = candidates.into_iter();
        let own = own.filter(|own| found.nodes.contains(&own.node) && own.is_rested);
        if reason == Reason::Empty {
            let own: Vec<Candidate> = own.filter(|own| own.is_empty).collect();
            let nodes = within(own.iter().collect(), room).map(|own| own.node);
            let nodes: Vec<NodeId> = nodes.collect();
            let options = Vec::new();
            return Ok((!nodes.is_empty()).then_some(Proposal { nodes, options }));
        }
        let own: Vec<Candidate> = own.filter(|own| !own.is_empty).collect();
        let leavers = within(own.iter().collect(), room).map(|own| own.leaver.clone());
        let leavers: Vec<Leaver> = leavers.collect();
        if leavers.len() != found.nodes.len() {
            return Ok(None);
        }
        let new = self.look(now, store, |look| look.without(&leavers))?;
        let holds = match new.as_deref() {
            Some([]) => found.options.is_empty(),
            Some([one]) => {
                let mut options = found.options.iter();
                !found.options.is_empty() && options.all(|option| one.offerings.contains(option))
            }
            _ => false,
        };
        Ok(holds.then_some(found))
    }

    /// Carries a decision out.
    fn execute(&mut self, now: Instant, store: &Store, found: Proposal, out: &mut Outbox) {
        let new = cheapest(&self.options.offerings, &found.options);
        let leavers = Leavers {
            nodes: found.nodes,
            cause: EvictionCause::Consolidation,
        };
        self.replace(now, store, leavers, new.into_iter().collect(), out);
    }

    /// Orders nodes in the place of others, which go once those have started.
    fn replace(
        &mut self,
        now: Instant,
        store: &Store,
        leavers: Leavers,
        new: Vec<usize>,
        out: &mut Outbox,
    ) {
        if new.is_empty() {
            return self.empty(now, store, &leavers, out);
        }
        for &node in &leavers.nodes {
            self.leaving.hold(now, store, node, leavers.cause, out);
        }
        let names = new.into_iter();
        let names = names.map(|own| self.order(own, Vec::new(), store, out));
        let names = names.collect();
        self.replacing.push(Replacement {
            leavers,
            names,
            since: now,
            has_failed: false,
        });
    }

    fn empty(&mut self, now: Instant, store: &Store, leavers: &Leavers, out: &mut Outbox) {
        for &node in &leavers.nodes {
            let is_going = self.leaving.has(node) && !self.leaving.is_held(node);
            if store.nodes().object(node).is_some() && !is_going {
                self.leaving.start(now, store, node, leavers.cause, out);
            }
        }
    }

    /// Nodes that pods are expected on are left alone for a while.
    pub(super) fn nominate(&mut self, now: Instant, nodes: impl IntoIterator<Item = NodeId>) {
        let until = now.saturating_add(NOMINATION);
        for node in nodes {
            self.nominated.insert(node, until);
        }
    }
}

/// Of candidates in order those that the rooms of their pools let go.
fn within(candidates: Vec<&Candidate>, mut room: Vec<usize>) -> impl Iterator<Item = &Candidate> {
    candidates.into_iter().filter(move |candidate| {
        let left = &mut room[candidate.pool];
        let goes = *left > 0;
        *left = left.saturating_sub(1);
        goes
    })
}

/// Candidates in turns over their pools: the first of each, then the second of each.
fn by_turns<'c>(candidates: &[&'c Candidate]) -> Vec<&'c Candidate> {
    let mut taken: SortedMap<usize, usize> = SortedMap::new();
    let mut turns: Vec<(usize, &Candidate)> = Vec::new();
    for own in candidates {
        let turn = taken.entry(own.pool).or_default();
        turns.push((*turn, own));
        *turn += 1;
    }
    turns.sort_by_key(|(turn, own)| (*turn, own.pool));
    turns.into_iter().map(|(_, own)| own).collect()
}

/// Whether budgets held something back in a look.
#[derive(Default)]
struct Limits {
    were_met: bool,
}
