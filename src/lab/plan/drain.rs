//! Draining: the existing nodes that can go, one after the other, while the scheduler finds new
//! places for their pods. The emptiest and dearest nodes are tried first; a node whose pods don't
//! all find a place stays. While a bound leaves room for fewer nodes, pods of several nodes are placed
//! anew together, the largest first, so that one of these nodes becomes free. Goals are kept on the way
//! (`watch.rs`).

use std::cmp::Reverse;
use std::collections::VecDeque;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::Move;
use super::bench::Bench;
use super::demand::{Demand, is_fixed, is_troubled, largest, pool_of, zone_of};
use super::loss::Unplaced;
use super::watch::Watch;
use model::Text;
use rng::Stream;
use scheduler::kube::NodeInfo;
use units::SortedMap;

/// Draining of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Drained {
    /// The nodes that go, in order.
    pub gone: Vec<Text>,
    /// Moves of the pods, in order.
    pub moves: Vec<Move>,
    /// Nodes that stay because the first of their pods named here finds no other node, or because
    /// the goal is not met without them.
    pub kept: Vec<(Text, Unplaced)>,
    /// Nodes that no plan touches: of the control plane, troubled ones, those that are no machines, and
    /// those whose annotations forbid it.
    pub untouched: Vec<Text>,
    /// Whether moves go to the fullest nodes that take the pods, instead of those that the scheduler
    /// prefers.
    pub packs: bool,
    /// Whether the search ended before it was through.
    pub is_cut: bool,
    /// Whether no other node can go by itself.
    pub is_local: bool,
    /// Decisions of the scheduler that the search took.
    pub taken: u64,
}

/// Nodes whose fullness differs by less than this are taken for alike, and the dearer one goes
/// first: 5 % in millionths.
const ALIKE: i64 = 50_000;

/// Share of a node that is requested, in millionths: of the resource that is used most.
fn fullness(node: &NodeInfo) -> i64 {
    let share = |used: i64, of: i64| match of {
        1.. => i64::try_from(i128::from(used) * 1_000_000 / i128::from(of)).unwrap_or(i64::MAX),
        _ => 0,
    };
    let (used, of) = (&node.requested, &node.allocatable);
    share(used.cpu_milli, of.cpu_milli)
        .max(share(used.memory, of.memory))
        .max(share(node.pods.len() as i64, of.pods))
}

/// Limits of a drain.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// No placement does with fewer nodes.
    pub least: u64,
    /// Whether dear nodes go before empty ones.
    pub sells_dear: bool,
    /// Number of the order in which nodes are tried: 0 is by their fullness, in the others it counts as up
    /// to `BLUR` more.
    pub draw: u64,
}

/// Most by which drawn orders take a node for fuller than it is: 20 % in millionths.
const BLUR: u64 = 200_000;

/// Nodes that go before all losses are tried again, at most.
const LARGEST_BATCH: usize = 32;

/// A node that went.
struct Removal {
    name: Text,
    /// State of the cluster before.
    mark: usize,
    /// Number of moves before.
    moves: usize,
}

/// A drain under way.
struct Drain<'d, 'w> {
    bench: &'d mut Bench<'w>,
    watch: Watch<'w>,
    drained: Drained,
    gone: Vec<Removal>,
    /// Number of nodes that went before all goals were seen to be met.
    verified: usize,
    /// Number of further nodes after which they are tried again.
    batch: usize,
}

/// Drains a cluster as far as it goes; the cluster is left as it is then.
pub(super) fn drain<'w>(bench: &mut Bench<'w>, watch: Watch<'w>, limits: Limits) -> Drained {
    let mut drained = Drained::default();
    let mut candidates = Vec::new();
    let bill = watch.goal.bill_of(bench.cache());
    let mut dice = Stream::new(0, "plan/drain", limits.draw);
    for node in bench.cache().nodes() {
        if is_open(node) {
            // A node that commitments pay for saves nothing.
            let price = match watch.goal.committed[..] {
                [] => watch.goal.price_of(node),
                _ => bill - watch.goal.bill_without(bench.cache(), node.name()),
            };
            let blur = if limits.draw == 0 { 0 } else { BLUR };
            let fullness = fullness(node) + dice.below(blur + 1) as i64;
            // Dear nodes of any fullness are alike where prices count.
            let step = if limits.sells_dear {
                0
            } else {
                fullness / ALIKE
            };
            let key = (step, Reverse(price), fullness);
            candidates.push((key, zone_of(node), node.name().clone()));
        } else {
            drained.untouched.push(node.name().clone());
        }
    }
    let candidates = in_turn(candidates);
    let mut own = Drain {
        bench,
        watch,
        drained,
        gone: Vec::new(),
        verified: 0,
        batch: 4,
    };
    if let Some(missed) = own.watch.missed(own.bench) {
        let kept = candidates.into_iter();
        own.drained.kept = kept.map(|name| (name, missed.clone())).collect();
        return own.drained;
    }
    // Why a node stays is asked once it is sure that it does.
    own.bench.tell_why(false);
    own.sweep(candidates.into());
    let gone = own.gone.drain(..).map(|own| own.name);
    own.drained.gone = gone.collect();
    own.exchange(limits.least);
    own.bench.tell_why(true);
    own.prove_local();
    own.drained.taken = own.watch.taken;
    own.drained
}

impl Drain<'_, '_> {
    /// Takes nodes out one after the other. The losses that were fatal before are tried at once, and all
    /// of them after some nodes: where one is fatal then, the last nodes come back and are tried again.
    fn sweep(&mut self, mut queue: VecDeque<Text>) {
        let is_stated = self.watch.goal.is_stated();
        loop {
            while let Some(name) = queue.pop_front() {
                self.attempt(name);
                if is_stated && self.gone.len() - self.verified >= self.batch {
                    self.verify(&mut queue);
                }
            }
            if !is_stated || self.verified == self.gone.len() {
                return;
            }
            self.verify(&mut queue);
        }
    }

    /// Takes a node out if all goals that were missed before are met without it.
    fn attempt(&mut self, name: Text) {
        let mark = self.bench.mark();
        let outcome = if self.watch.is_over() {
            self.drained.is_cut = true;
            Err(Unplaced {
                pod: "the search".to_owned(),
                message: "it ended before this node was tried (`--steps`)".to_owned(),
            })
        } else {
            self.take(&name)
        };
        match outcome {
            Ok(moves) => {
                let moves_before = self.drained.moves.len();
                self.drained.moves.extend(moves);
                self.gone.push(Removal {
                    name,
                    mark,
                    moves: moves_before,
                });
            }
            Err(unplaced) => {
                self.bench.roll_back(mark);
                self.drained.kept.push((name, unplaced));
            }
        }
    }

    /// Moves of a node's pods, if it can go as far as is known at once.
    fn take(&mut self, name: &Text) -> Result<Vec<Move>, Unplaced> {
        let moves = take(self.bench, self.watch.demand, name)?;
        self.watch.count(moves.len() as u64);
        match self.watch.breach(self.bench) {
            None => Ok(moves),
            Some(missed) => Err(missed),
        }
    }

    /// Tries all goals; where one is missed, nodes come back until it is met.
    fn verify(&mut self, queue: &mut VecDeque<Text>) {
        if self.watch.missed(self.bench).is_none() {
            self.verified = self.gone.len();
            self.batch = (self.batch * 2).min(LARGEST_BATCH);
            self.watch.note_best(self.bench);
            return;
        }
        self.batch = (self.batch / 2).max(1);
        while self.gone.len() > self.verified
            && let Some(last) = self.gone.pop()
        {
            self.bench.roll_back(last.mark);
            self.drained.moves.truncate(last.moves);
            queue.push_front(last.name);
            if self.watch.breach(self.bench).is_none() {
                break;
            }
        }
    }

    /// Frees further nodes by placing the pods of several anew, the largest first.
    fn exchange(&mut self, least: u64) {
        for partners in PARTNERS {
            let mut order = by_fullness(self.bench);
            let mut place = 0;
            while let Some((name, _)) = order.get(place).cloned() {
                if self.bench.cache().node_count() as u64 <= least {
                    return;
                }
                if self.watch.is_over() {
                    self.drained.is_cut = true;
                    return;
                }
                let others = partners_of(&order, place, partners);
                if let Some(moves) = self.freed(&name, &others) {
                    self.watch.note_best(self.bench);
                    self.drained.moves.extend(moves);
                    self.drained.kept.retain(|(kept, _)| *kept != name);
                    self.drained.gone.push(name);
                    order = by_fullness(self.bench);
                    place = 0;
                } else {
                    place += 1;
                }
            }
        }
    }

    /// Takes a node out with the help of others, so that all goals are met. Where losses need room that
    /// lies scattered else, the first of the others stays empty. The cluster is as before where that fails.
    fn freed(&mut self, name: &Text, others: &[Text]) -> Option<Vec<Move>> {
        let mark = self.bench.mark();
        if let Some(moves) = self.kept_goals(name, others, None) {
            return Some(moves);
        }
        self.bench.roll_back(mark);
        if self.watch.goal.survive.is_empty() {
            return None;
        }
        if let Some(moves) = self.kept_goals(name, others, others.first()) {
            return Some(moves);
        }
        self.bench.roll_back(mark);
        // The pods of the node whose loss is hardest lie elsewhere, too.
        let hardest = self.watch.hardest()?.clone();
        let is_apart = hardest != *name && !others.contains(&hardest);
        let node = self.bench.cache().node(&hardest)?;
        if !is_apart || !is_open(node) {
            return None;
        }
        let others = [others, &[hardest]].concat();
        let moves = self.kept_goals(name, &others, None);
        if moves.is_none() {
            self.bench.roll_back(mark);
        }
        moves
    }

    /// The moves of a node's pods and of others, if all goals are met then.
    fn kept_goals(
        &mut self,
        name: &Text,
        others: &[Text],
        spare: Option<&Text>,
    ) -> Option<Vec<Move>> {
        let moves = self.shuffle(name, others, spare)?;
        self.watch.missed(self.bench).is_none().then_some(moves)
    }

    /// Takes a node out and places its pods and those of other nodes that may move anew, none of them on
    /// the spare one; the moves, if all pods find places.
    fn shuffle(&mut self, name: &Text, others: &[Text], spare: Option<&Text>) -> Option<Vec<Move>> {
        let demand = self.watch.demand;
        let mut homes: Vec<(usize, Text)> = Vec::new();
        for own in others.iter().chain([name]) {
            let node = self.bench.cache().node(own)?;
            for place in demand.places(&node.pods) {
                if demand.pods[place].kept_by.is_none() {
                    homes.push((place, own.clone()));
                } else if own == name {
                    return None;
                }
            }
        }
        for (place, home) in homes.iter().filter(|(_, home)| home != name) {
            self.bench.displace(&demand.pods[*place].info, home);
        }
        self.bench.take_nodes(std::slice::from_ref(name));
        let filler = spare.and_then(|own| Some((self.bench.fill(own)?, own)));
        let most = largest(self.bench.cache().nodes().map(|node| &*node.allocatable));
        homes.sort_by_key(|(place, _)| {
            let asked = &demand.pods[*place].info.class.requests;
            (Reverse(most.share(asked)), *place)
        });
        let mut moves = Vec::new();
        for (place, home) in homes {
            self.watch.count(1);
            let pod = &demand.pods[place];
            let node = self.bench.place(&pod.info).ok()?;
            if node != home {
                moves.push(Move::new(&pod.name, home, node));
            }
        }
        if let Some((filler, spare)) = filler {
            self.bench.displace(&filler, spare);
        }
        Some(moves)
    }

    /// Tries each node that stayed once more, now that all others are where they end: the first pod of
    /// each that finds no other node, or the goal that is missed without it. Of a search that was cut, only
    /// those that it did not ask why.
    fn prove_local(&mut self) {
        let is_whole = !self.drained.is_cut;
        self.drained.is_local = is_whole;
        for place in 0..self.drained.kept.len() {
            let (name, before) = self.drained.kept[place].clone();
            if !is_whole && !before.message.is_empty() {
                continue;
            }
            let mark = self.bench.mark();
            let is_asked = !self.watch.is_stopped();
            let outcome = is_asked.then(|| self.take(&name).err()).flatten();
            let outcome = match outcome {
                None if is_whole && is_asked => self.watch.missed(self.bench),
                outcome => outcome,
            };
            self.bench.roll_back(mark);
            self.drained.is_local &= outcome.is_some();
            self.drained.kept[place].1 = outcome.unwrap_or_else(|| Unplaced {
                message: "it found no other node when it was tried".to_owned(),
                ..before
            });
        }
    }
}

/// Numbers of nodes whose pods are placed anew together with those of the node that is to go.
const PARTNERS: [usize; 4] = [1, 3, 7, 15];

/// Whether a plan may take a node out or move its pods.
fn is_open(node: &NodeInfo) -> bool {
    !is_fixed(node) && !is_troubled(node) && node.object.guard.is_empty()
}

/// The emptiest nodes of an order beside the one at a place, those of its pool before others.
fn partners_of(order: &[(Text, Text)], place: usize, count: usize) -> Vec<Text> {
    let (name, pool) = &order[place];
    let others = |is_same: bool| {
        let others = order.iter().filter(move |own| own.0 != *name);
        others.filter(move |own| (own.1 == *pool) == is_same)
    };
    let partners = others(true).chain(others(false)).take(count);
    partners.map(|own| own.0.clone()).collect()
}

/// The nodes that may go, with their pools, the emptiest first.
fn by_fullness(bench: &Bench<'_>) -> Vec<(Text, Text)> {
    let nodes = bench.cache().nodes();
    let open = nodes.filter(|node| is_open(node));
    let mut order: Vec<(i64, Text, Text)> = open
        .map(|node| (fullness(node), node.name().clone(), pool_of(node, &[])))
        .collect();
    order.sort();
    let order = order.into_iter();
    order.map(|(_, name, pool)| (name, pool)).collect()
}

/// Order in which nodes are tried, with their zones and names.
type Candidate = (Key, Text, Text);

/// Fullness in steps, price, fullness.
type Key = (i64, Reverse<i64>, i64);

/// Names of candidates in order of their keys, those of one key from each zone in turn.
fn in_turn(mut candidates: Vec<Candidate>) -> Vec<Text> {
    candidates.sort();
    let mut before: SortedMap<(Key, Text), usize> = SortedMap::new();
    let mut ranked: Vec<_> = candidates
        .into_iter()
        .map(|(key, zone, name)| {
            let rank = before.entry((key, zone.clone())).or_default();
            *rank += 1;
            (key, *rank, zone, name)
        })
        .collect();
    ranked.sort();
    ranked.into_iter().map(|(_, _, _, name)| name).collect()
}

/// Moves of which each pod makes one: from its first node to its last.
pub(super) fn joined(moves: impl Iterator<Item = Move>) -> Vec<Move> {
    let mut joined: IndexMap<String, Move, FxBuildHasher> = IndexMap::default();
    for one in moves {
        match joined.get_mut(&one.pod) {
            Some(known) => known.to = one.to,
            None => {
                joined.insert(one.pod.clone(), one);
            }
        }
    }
    let moves = joined.into_values();
    moves.filter(|own| own.from != own.to).collect()
}

/// Takes a node out; the moves of its pods, or the first that finds no other node or may not move.
fn take(bench: &mut Bench<'_>, demand: &Demand, name: &Text) -> Result<Vec<Move>, Unplaced> {
    bench.mark();
    let pods = bench.take_nodes(std::slice::from_ref(name));
    let places = demand.places(&pods);
    for &place in &places {
        let pod = &demand.pods[place];
        if let Some(why) = &pod.kept_by {
            return Err(Unplaced {
                pod: pod.name.clone(),
                message: why.to_string(),
            });
        }
    }
    let mut moves = Vec::new();
    for place in places {
        let pod = &demand.pods[place];
        match bench.place(&pod.info) {
            Ok(node) => moves.push(Move::new(&pod.name, name.clone(), node)),
            Err(message) => {
                return Err(Unplaced {
                    pod: pod.name.clone(),
                    message: message.to_string(),
                });
            }
        }
    }
    Ok(moves)
}
