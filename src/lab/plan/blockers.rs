//! Reasons that keep nodes from going, counted, with the smallest change that would free some. Each
//! node that stays is taken out once more, without regard to budgets, so that a change is named only if
//! the pods find other nodes then.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::Serialize;

use super::Move;
use super::bench::Bench;
use super::demand::{Demand, GoalPod, is_control_plane, is_troubled};
use super::drain::Drained;
use crate::explain::{Remedy, remedies};
use crate::snapshot::profile::profile_or_default;
use model::Text;
use model::node::{DO_NOT_DISRUPT, SCALE_DOWN_DISABLED};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::rules::affinity;
use scheduler::kube::{Attempt, Cache, NodeInfo};
use units::{SortedMap, SortedSet, plural};

/// Most nodes without room for which the smallest change is looked for.
const MOST_CHANGES: usize = 50;

/// Sort of the nodes that go, though autoscalers would leave them alone.
const BY_HAND: &str = "going by hand alone:";

/// Reason for which nodes stay, or go by hand alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// Sort of the reason, such as `budgets`.
    pub sort: &'static str,
    /// The reason in words, such as `` `shop/web` ``; of some sorts nothing.
    pub reason: String,
    /// The nodes.
    pub nodes: Vec<Text>,
    /// The smallest change that frees some of them.
    pub change: Option<String>,
    /// Number of the nodes that could go then, each by itself; it is not known where losses count.
    pub frees: Option<u64>,
}

/// Blockers by reason, in the order in which they were met.
#[derive(Default)]
struct Found(IndexMap<(&'static str, String), Blocker, FxBuildHasher>);

impl Found {
    fn add(&mut self, sort: &'static str, reason: String, node: &Text) -> &mut Blocker {
        let key = (sort, reason);
        let blocker = self
            .0
            .entry(key)
            .or_insert_with_key(|(sort, reason)| Blocker {
                sort,
                reason: reason.clone(),
                nodes: Vec::new(),
                change: None,
                frees: None,
            });
        blocker.nodes.push(node.clone());
        blocker
    }
}

/// Reasons that keep the nodes that stay after a drain, and which of those that go no autoscaler would take; those
/// of most nodes first. `there` is the cluster before it.
pub fn blockers(
    bench: &mut Bench<'_>,
    there: &Cache,
    demand: &Demand,
    drained: &Drained,
    has_goals: bool,
) -> Vec<Blocker> {
    let mut found = Found::default();
    let mut least = None;
    let mut changes = 0;
    for (name, _) in &drained.kept {
        let outcome = trial(bench, demand, name, &mut changes);
        let blocker = found.add(outcome.sort, outcome.reason, name);
        if let Some(change) = outcome.change {
            blocker.change = Some(change);
            if !has_goals {
                let frees = blocker.frees.get_or_insert(0);
                *frees += u64::from(outcome.is_free);
            }
        }
        if let Some(lack) = outcome.lack
            && least
                .as_ref()
                .is_none_or(|known: &Lack| lack.key < known.key)
        {
            blocker.change = Some(lack.words.clone());
            least = Some(lack);
        }
    }
    let kept = drained.untouched.iter().filter_map(|name| there.node(name));
    for node in kept {
        found.add(untouched(node), String::new(), node.name());
    }
    by_hand(&mut found, demand, drained);
    let mut blockers: Vec<Blocker> = found.0.into_values().collect();
    blockers.sort_by_key(|own| std::cmp::Reverse(own.nodes.len()));
    blockers
}

/// Reason for which no plan touches a node.
fn untouched(node: &NodeInfo) -> &'static str {
    match node {
        _ if is_control_plane(node) => "part of the control plane",
        _ if node.object.is_virtual() => "no machine",
        _ if is_troubled(node) => "cordoned or out of order",
        _ if node.object.guard.do_not_disrupt => DO_NOT_DISRUPT,
        _ => SCALE_DOWN_DISABLED,
    }
}

/// Nodes that go with pods that autoscalers leave alone.
fn by_hand(found: &mut Found, demand: &Demand, drained: &Drained) {
    let pods: SortedMap<&str, &GoalPod> = { demand.pods.iter() }
        .filter(|pod| pod.shun.is_some())
        .map(|pod| (pod.name.as_str(), pod))
        .collect();
    let mut nodes: SortedSet<(&Text, &Text)> = SortedSet::new();
    for own in &drained.moves {
        let why = pods.get(own.pod.as_str());
        if let Some(why) = why.and_then(|pod| pod.shun.as_ref())
            && drained.gone.contains(&own.from)
        {
            nodes.insert((why, &own.from));
        }
    }
    for (why, node) in nodes {
        found.add(BY_HAND, why.to_string(), node);
    }
}

/// Amounts that one pod lacks on one node, and nothing else, so that another node can go.
struct Lack {
    /// Number of resources and their amounts, the smallest first.
    key: (usize, i64),
    words: String,
}

/// Outcome of the trial without a node.
struct Outcome {
    sort: &'static str,
    reason: String,
    change: Option<String>,
    /// Whether the node could go with the change.
    is_free: bool,
    lack: Option<Lack>,
}

/// Takes a node out once more and gives its pods other nodes, without regard to budgets.
fn trial(bench: &mut Bench<'_>, demand: &Demand, name: &Text, changes: &mut usize) -> Outcome {
    let mark = bench.mark();
    let pods = bench.take_nodes(std::slice::from_ref(name));
    let places = demand.places(&pods);
    let pods = places.iter().filter_map(|&place| demand.pods.get(place));
    let mut budgets = SortedSet::new();
    let mut others = None;
    let mut unplaced: Vec<&GoalPod> = Vec::new();
    for pod in pods {
        if let Some(why) = &pod.kept_by {
            let all = demand.budgets.iter();
            let own: Vec<Text> = { all.filter(|own| own.covers(pod.info.spec())) }
                .map(|own| own.name.clone())
                .collect();
            if own.is_empty() {
                others = Some(why.clone());
            }
            budgets.extend(own);
        }
        if bench.place(&pod.info).is_err() {
            unplaced.push(pod);
        }
    }
    let is_free = unplaced.is_empty() && others.is_none();
    let outcome = |sort, reason: String, change| Outcome {
        sort,
        reason,
        change,
        is_free,
        lack: None,
    };
    let found = match (budgets.len(), others) {
        (_, Some(why)) => outcome("another scheduler", why.to_string(), None),
        (1.., None) => {
            let names: Vec<String> = budgets.iter().map(|own| format!("`{own}`")).collect();
            let change = "a further ready replica, or one more that may be unavailable";
            outcome("budgets", names.join(" and "), Some(change.to_owned()))
        }
        (0, None) if unplaced.is_empty() => outcome("a goal", String::new(), None),
        (0, None) => match tied_claim(bench.cache(), &unplaced) {
            Some(claim) => outcome("a volume that no other node reaches", claim, None),
            None => Outcome {
                lack: lack(bench, name, &unplaced, changes),
                ..outcome("no room elsewhere", String::new(), None)
            },
        },
    };
    bench.roll_back(mark);
    found
}

/// A claim of one of some pods whose volume no node that is left reaches.
fn tied_claim(cache: &Cache, unplaced: &[&GoalPod]) -> Option<String> {
    let objects = &cache.objects;
    let claims = { unplaced.iter() }.flat_map(|pod| {
        let namespace = &pod.info.spec().namespace;
        let claims = pod.info.stated_claim_names();
        claims.map(move |claim| (namespace.clone(), claim))
    });
    let mut tied = claims.filter(|key| {
        let claim = objects.claims.get(key);
        let volume = claim.and_then(|own| objects.volumes.get(&own.volume));
        volume.is_some_and(|own| {
            let required = own.node_affinity.as_ref();
            let mut nodes = cache.nodes();
            !nodes.any(|node| affinity::meets(required, &node.object))
        })
    });
    tied.next()
        .map(|(namespace, claim)| format!("`{namespace}/{claim}`"))
}

/// Shortage of the only pod without a node, on the node that lacks least.
fn lack(
    bench: &Bench<'_>,
    name: &Text,
    unplaced: &[&GoalPod],
    changes: &mut usize,
) -> Option<Lack> {
    let [pod] = unplaced else { return None };
    if *changes >= MOST_CHANGES {
        return None;
    }
    *changes += 1;
    let profile = profile_or_default(bench.profiles(), &pod.info);
    let attempt = Attempt::begin(profile, bench.cache(), &pod.info);
    let found = remedies(&attempt, &pod.info).into_iter().next()?;
    let (key, words) = match found {
        Remedy::Room { node, lacks } => {
            let all = lacks.iter().map(|(what, own)| amount(what, *own));
            let all: Vec<String> = all.collect();
            let size = lacks.iter().map(|own| own.1).fold(0, i64::saturating_add);
            (
                (lacks.len(), size),
                format!("{} more on {node}", all.join(" and ")),
            )
        }
        Remedy::Rule { plugin, nodes } => {
            let node = nodes.first()?;
            ((usize::MAX, 0), format!("{node} let in by {plugin}"))
        }
    };
    Some(Lack {
        key,
        words: format!("{words}, for {}: {name} could go then", pod.name),
    })
}

/// An amount of a resource in words.
fn amount(resource: &str, own: i64) -> String {
    match resource {
        CPU => format!("{}m cpu", plural::grouped(own)),
        MEMORY | EPHEMERAL_STORAGE => {
            format!(
                "{} Mi {resource}",
                plural::grouped((own + (1 << 20) - 1) >> 20)
            )
        }
        _ => format!("{} {resource}", plural::grouped(own)),
    }
}

/// Moved pods that autoscalers leave alone, each with the reason.
pub(super) fn shunned(demand: &Demand, moves: &[Move]) -> Vec<String> {
    let moved: SortedSet<&str> = moves.iter().map(|own| own.pod.as_str()).collect();
    let pods = demand
        .pods
        .iter()
        .filter(|own| moved.contains(own.name.as_str()));
    pods.filter_map(|own| Some(format!("{} ({})", own.name, own.shun.as_ref()?)))
        .collect()
}
