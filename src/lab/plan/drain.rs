//! Draining: the existing nodes that can go, one after the other, while the scheduler finds new
//! places for their pods. The emptiest and dearest nodes are tried first; a node whose pods don't
//! all find a place stays. While a bound leaves room for fewer nodes, pods of several nodes are placed
//! anew together, the largest first, so that one of these nodes becomes free.

use std::cmp::Reverse;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::demand::{Demand, is_fixed, is_troubled, largest, zone_of};
use super::loss::Unplaced;
use super::{Goal, Move};
use model::Text;
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
}

/// Nodes whose fullness differs by less than this are taken for alike, and the dearer one goes
/// first: 5 % in millionths.
const ALIKE: i64 = 50_000;

/// Number of losses up to which each node that stayed for a goal is tried again with that goal.
const MOST_TRIED_AGAIN: usize = 200;

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
    /// Number of decisions of the scheduler that exchanges may take.
    pub steps: u64,
    /// Whether dear nodes go before empty ones.
    pub sells_dear: bool,
}

/// Drains a cluster as far as it goes; the cluster is left as it is then.
pub fn drain(bench: &mut Bench<'_>, demand: &Demand, goal: &Goal, limits: Limits) -> Drained {
    let mut drained = Drained::default();
    let mut candidates = Vec::new();
    for node in bench.cache().nodes() {
        if is_fixed(node) || is_troubled(node) || !node.object.guard.is_empty() {
            drained.untouched.push(node.name().clone());
        } else {
            let (fullness, price) = (fullness(node), goal.price_of(node));
            // Dear nodes of any fullness are alike where prices count.
            let step = if limits.sells_dear {
                0
            } else {
                fullness / ALIKE
            };
            let key = (step, Reverse(price), fullness);
            candidates.push((key, zone_of(node), node.name().clone()));
        }
    }
    let candidates = in_turn(candidates);
    let mut at = bench.mark();
    let mut marks = Vec::new();
    for name in &candidates {
        match take(bench, demand, name) {
            Ok(moves) => {
                marks.push((at, name.clone(), drained.moves.len()));
                drained.moves.extend(moves);
                at = bench.mark();
            }
            Err(unplaced) => {
                bench.roll_back(at);
                drained.kept.push((name.clone(), unplaced));
            }
        }
    }
    // Whatever else is asked for may need some of them back: the last to go is the first to stay.
    while let Some(missed) = goal.missed(bench, demand) {
        let Some((mark, name, moves)) = marks.pop() else {
            break;
        };
        bench.roll_back(mark);
        drained.moves.truncate(moves);
        drained.kept.push((name, missed));
    }
    let is_small = goal.trials(bench) <= MOST_TRIED_AGAIN;
    if !marks.is_empty() && goal.is_stated() && is_small {
        // Others may go in the place of those that came back.
        let kept = std::mem::take(&mut drained.kept);
        for (name, _) in kept {
            let at = bench.mark();
            let found = take(bench, demand, &name);
            let outcome = found.and_then(|moves| match goal.missed(bench, demand) {
                None => Ok(moves),
                Some(missed) => Err(missed),
            });
            match outcome {
                Ok(moves) => {
                    marks.push((at, name, drained.moves.len()));
                    drained.moves.extend(moves);
                }
                Err(missed) => {
                    bench.roll_back(at);
                    drained.kept.push((name, missed));
                }
            }
        }
    }
    drained.gone = marks.into_iter().map(|(_, name, _)| name).collect();
    if is_small || !goal.is_stated() {
        exchange(bench, demand, goal, limits, &mut drained);
    }
    drained
}

/// Numbers of nodes whose pods are placed anew together with those of the node that is to go.
const PARTNERS: [usize; 4] = [1, 3, 7, 15];

/// Frees further nodes by placing the pods of several anew, the largest first.
fn exchange(
    bench: &mut Bench<'_>,
    demand: &Demand,
    goal: &Goal,
    limits: Limits,
    drained: &mut Drained,
) {
    let mut taken = 0;
    for partners in PARTNERS {
        let mut order = by_fullness(bench);
        let mut place = 0;
        while let Some(name) = order.get(place).cloned() {
            if bench.cache().node_count() as u64 <= limits.least || taken > limits.steps {
                return;
            }
            let others = order.iter().filter(|own| **own != name);
            let others: Vec<Text> = others.take(partners).cloned().collect();
            let mark = bench.mark();
            let moved = shuffle(bench, demand, &name, &others, &mut taken);
            let keeps_goals =
                |bench: &Bench<'_>| !goal.is_stated() || goal.missed(bench, demand).is_none();
            if let Some(moves) = moved.filter(|_| keeps_goals(bench)) {
                drained.moves.extend(moves);
                drained.kept.retain(|(kept, _)| *kept != name);
                drained.gone.push(name);
                order = by_fullness(bench);
                place = 0;
            } else {
                bench.roll_back(mark);
                place += 1;
            }
        }
    }
}

/// The nodes that may go, the emptiest first.
fn by_fullness(bench: &Bench<'_>) -> Vec<Text> {
    let nodes = bench.cache().nodes();
    let open =
        nodes.filter(|node| !is_fixed(node) && !is_troubled(node) && node.object.guard.is_empty());
    let mut order: Vec<(i64, Text)> = open
        .map(|node| (fullness(node), node.name().clone()))
        .collect();
    order.sort();
    order.into_iter().map(|(_, name)| name).collect()
}

/// Takes a node out and places its pods and those of other nodes anew; the moves, if all pods find
/// places.
fn shuffle(
    bench: &mut Bench<'_>,
    demand: &Demand,
    name: &Text,
    others: &[Text],
    taken: &mut u64,
) -> Option<Vec<Move>> {
    let mut homes: Vec<(usize, Text)> = Vec::new();
    for own in others.iter().chain([name]) {
        let node = bench.cache().node(own)?;
        let places = demand.places(&node.pods);
        homes.extend(places.into_iter().map(|place| (place, own.clone())));
    }
    if homes
        .iter()
        .any(|(place, _)| demand.pods[*place].kept_by.is_some())
    {
        return None;
    }
    for (place, home) in homes.iter().filter(|(_, home)| home != name) {
        bench.displace(&demand.pods[*place].info, home);
    }
    bench.take_nodes(std::slice::from_ref(name));
    let most = largest(bench.cache().nodes().map(|node| &*node.allocatable));
    homes.sort_by_key(|(place, _)| {
        let asked = &demand.pods[*place].info.class.requests;
        (Reverse(most.share(asked)), *place)
    });
    let mut moves = Vec::new();
    for (place, home) in homes {
        *taken += 1;
        let pod = &demand.pods[place];
        let node = bench.place(&pod.info).ok()?;
        if node != home {
            moves.push(Move::new(&pod.name, home, node));
        }
    }
    Some(moves)
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

/// Tries each node that stayed once more, now that all others are where they end: the first pod of
/// each that finds no other node.
pub fn prove_local(bench: &mut Bench<'_>, demand: &Demand, drained: &mut Drained) -> bool {
    let mut is_local = true;
    for (name, unplaced) in &mut drained.kept {
        let mark = bench.mark();
        match take(bench, demand, name) {
            Err(now) => *unplaced = now,
            // A goal of its own keeps the node.
            Ok(_) => is_local = false,
        }
        bench.roll_back(mark);
    }
    is_local
}
