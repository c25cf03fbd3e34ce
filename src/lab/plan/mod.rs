//! Plans for a cluster: what binds and what a loss leaves waiting, which nodes can go, how few or
//! how cheap nodes are enough, when the cluster is full.
//!
//! Every pod is placed by the scheduler that runs use. What is possible at all is bounded from below
//! by rules that any placement keeps (`rules.rs`), so that a plan says what it proves and what it
//! only reached.

pub mod bench;
pub mod buy;
pub mod demand;
pub mod drain;
mod duals;
pub mod goal;
pub mod growth;
mod listed;
pub mod loss;
pub mod market;
pub mod picture;
pub mod rules;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::snapshot::{Snapshot, SnapshotError};
use bench::Bench;
use buy::{Buyer, Choice, Purchase, Search, empty};
use demand::{Demand, is_control_plane, is_troubled};
use drain::{Drained, drain, prove_local};
use goal::Goal;
use growth::{Grow, Month, months};
use loss::Survive;
use market::{BoughtNode, Market};
use model::node::HOSTNAME_LABEL;
use model::{Node, Taint, Text};
use picture::{Picture, look};
use rules::{NodeKind, Rule, rules};
use scheduler::kube::{Amounts, KubeProfile};
use world::offers::Offer;

/// Quantity that a plan makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimize {
    /// The number of nodes.
    Nodes,
    /// Their price.
    Cost,
}

/// Questions to a cluster.
#[derive(Clone, Debug)]
pub struct Questions {
    /// Quantity to make small, if any.
    pub minimize: Option<Minimize>,
    /// Types that can be bought; without any, existing nodes are drained.
    pub offers: Vec<Offer>,
    /// Whether the existing nodes stay, and others are bought beside them.
    pub keeps: bool,
    /// Whether the pods that wait today have to run, too.
    pub is_strict: bool,
    /// Losses to survive.
    pub survive: Vec<Survive>,
    /// Share of cpu and memory that stays free in every zone, in parts per million.
    pub free_ppm: i64,
    /// Growth of workloads.
    pub grow: Vec<Grow>,
    /// Number of months to look ahead.
    pub horizon: u32,
    /// Settings of the search.
    pub search: Search,
}

/// A pod that changes its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// `NAMESPACE/NAME`.
    pub pod: String,
    /// Node today.
    pub from: Text,
    /// Node of the plan.
    pub to: Text,
}

/// An answer about fewer existing nodes.
#[derive(Clone, Debug)]
pub struct DrainAnswer {
    /// The nodes that go and the pods that move.
    pub drained: Drained,
    /// Number of nodes that stay.
    pub reached: u64,
    /// No fewer nodes than this are enough for any placement.
    pub bound: u64,
    /// The rule that says so.
    pub rule: Option<Rule>,
    /// Whether no other node can go by itself.
    pub is_local: bool,
    /// The cluster of the plan.
    pub picture: Picture,
}

/// An answer about nodes to buy.
#[derive(Clone, Debug)]
pub struct BuyAnswer {
    /// Names and prices of the types, in the order of counts.
    pub types: Vec<(Text, i64)>,
    /// Outcome of the search.
    pub purchase: Purchase,
    /// The nodes to buy.
    pub nodes: Vec<BoughtNode>,
    /// The cluster of the plan, if one was reached.
    pub picture: Option<Picture>,
}

/// Answers about a cluster.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cluster as it is.
    pub today: Picture,
    /// Number of pods that have to run.
    pub pods: u64,
    /// Pods that wait today and stay out of the goal.
    pub waiting: Vec<String>,
    /// Number of pods that no controller makes anew.
    pub bare: u64,
    /// Numbers of pods by the scheduler that they name, where it is not the default one.
    pub foreign: Vec<(Text, u64)>,
    /// Fewer of the existing nodes.
    pub drain: Option<DrainAnswer>,
    /// Nodes to buy.
    pub buy: Option<BuyAnswer>,
    /// Months of growth.
    pub months: Vec<Month>,
    /// Whether the cluster as it is meets the goals.
    pub meets_goals: bool,
}

/// Profiles that decide without preemption.
pub fn without_preemption(profiles: &[KubeProfile]) -> Vec<KubeProfile> {
    let mut profiles = profiles.to_vec();
    for profile in &mut profiles {
        profile.post_filter.clear();
    }
    profiles
}

/// Answers questions to a cluster.
///
/// # Errors
/// If something in the snapshot does not go together.
pub fn plan(
    snapshot: &mut Snapshot,
    profiles: &[KubeProfile],
    questions: &Questions,
) -> Result<Plan, SnapshotError> {
    let demand = Demand::of(snapshot, questions.is_strict)?;
    let cache = demand.cluster(snapshot)?;
    let prices = questions.offers.iter();
    let goal = Goal {
        survive: questions.survive.clone(),
        free_ppm: questions.free_ppm,
        prices: prices
            .map(|own| (own.name.as_str().into(), own.price))
            .collect(),
    };
    let bench = Bench::new(cache, profiles);
    let mut plan = Plan {
        today: look(&bench, &demand, &goal, profiles),
        pods: demand.pods.len() as u64,
        waiting: demand.waiting.clone(),
        bare: demand.pods.iter().filter(|pod| pod.is_bare).count() as u64,
        foreign: demand
            .foreign
            .iter()
            .map(|(name, &count)| (name.clone(), count))
            .collect(),
        drain: None,
        buy: None,
        months: Vec::new(),
        meets_goals: goal.missed(&bench, &demand).is_none(),
    };
    if questions.minimize.is_some() && questions.offers.is_empty() {
        plan.drain = Some(drained(&bench, &demand, &goal, profiles));
    }
    if !questions.offers.is_empty() {
        let market = Market::new(snapshot, &questions.offers)?;
        let answer = bought(&bench, &demand, &goal, profiles, questions, &market)?;
        plan.buy = Some(answer);
    }
    if !questions.grow.is_empty() {
        let mut bench = bench.clone();
        plan.months = months(&mut bench, &demand, &questions.grow, questions.horizon);
    }
    Ok(plan)
}

/// Traits that tell a kind of node from another.
type KindKey = (Vec<(Text, Text)>, Vec<Taint>, Vec<(Text, i64)>, [i64; 4]);

/// The kinds of the nodes that are there, with how many of each go and how many stay untouched.
struct Existing {
    kinds: Vec<NodeKind>,
    counts: Vec<u64>,
    untouched: Vec<u64>,
}

fn existing(bench: &Bench<'_>) -> Existing {
    let mut found: IndexMap<KindKey, (NodeKind, u64, u64), FxBuildHasher> = IndexMap::default();
    for info in bench.cache().nodes() {
        let mut free = Amounts::clone(&info.allocatable);
        for pod in info.pods.iter().filter(|pod| pod.uid == 0) {
            free.change(&pod.counted_class().requests, -1);
            free.pods -= 1;
        }
        let node: &Node = &info.object;
        let labels = node.labels.iter();
        let labels = labels.filter(|(key, _)| &***key != HOSTNAME_LABEL);
        let labels: Vec<(Text, Text)> = labels
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let scalars = free.scalars.iter();
        let scalars = scalars.map(|(name, &amount)| (name.clone(), amount));
        let key = (
            labels,
            node.taints.clone(),
            scalars.collect(),
            [free.cpu_milli, free.memory, free.storage, free.pods],
        );
        let entry = found.entry(key).or_insert_with(|| {
            let kind = NodeKind {
                node: info.object.clone(),
                free,
            };
            (kind, 0, 0)
        });
        if is_control_plane(info) || is_troubled(info) {
            entry.2 += 1;
        } else {
            entry.1 += 1;
        }
    }
    let mut existing = Existing {
        kinds: Vec::new(),
        counts: Vec::new(),
        untouched: Vec::new(),
    };
    for (kind, count, untouched) in found.into_values() {
        existing.kinds.push(kind);
        existing.counts.push(count);
        existing.untouched.push(untouched);
    }
    existing
}

/// The fewest of the existing nodes that any placement needs, and the rule that says so.
fn fewest(bench: &Bench<'_>, demand: &Demand, goal: &Goal) -> (u64, Option<Rule>) {
    let existing = existing(bench);
    let zones = loss::zones(bench).len();
    let rules = rules(demand, &existing.kinds, zones, goal.survives_zone());
    let survives_node = (goal.survive.iter()).any(|own| matches!(own, Survive::Node(_)));
    let stay: u64 = existing.untouched.iter().sum();
    let mut best = (stay, None);
    for rule in rules {
        let kept = rule.gives.iter().zip(&existing.untouched);
        let kept = kept.map(|(gives, &count)| gives.saturating_mul(count as i64));
        let given = kept.fold(0, i64::saturating_add);
        let rest = Rule {
            need: rule.need.saturating_sub(given).max(0),
            ..rule.clone()
        };
        let least = if survives_node {
            rest.fewest_after_loss(&existing.counts)
        } else {
            rest.fewest(&existing.counts)
        };
        let all = existing.counts.iter().sum();
        let least = stay + least.unwrap_or(all);
        if least > best.0 {
            best = (least, Some(rule));
        }
    }
    best
}

fn drained(
    bench: &Bench<'_>,
    demand: &Demand,
    goal: &Goal,
    profiles: &[KubeProfile],
) -> DrainAnswer {
    let (bound, rule) = fewest(bench, demand, goal);
    let mut own = bench.clone();
    let mut drained = drain(&mut own, demand, goal);
    let is_local = prove_local(&mut own, demand, &mut drained);
    let reached = own.cache().node_count() as u64;
    DrainAnswer {
        bound: bound.min(reached),
        rule,
        is_local,
        reached,
        picture: look(&own, demand, goal, profiles),
        drained,
    }
}

fn bought(
    bench: &Bench<'_>,
    demand: &Demand,
    goal: &Goal,
    profiles: &[KubeProfile],
    questions: &Questions,
    market: &Market,
) -> Result<BuyAnswer, SnapshotError> {
    let base = if questions.keeps {
        bench.clone()
    } else {
        empty(bench.cache(), profiles)
    };
    let unbound = Demand {
        pods: demand
            .pods
            .iter()
            .filter(|pod| pod.node.is_none() || !questions.keeps)
            .cloned()
            .collect(),
        ..Demand::default()
    };
    let costs = market.types.iter().map(|own| match questions.minimize {
        Some(Minimize::Nodes) => 1,
        _ => own.price,
    });
    let mut buyer = Buyer {
        base: &base,
        demand: &unbound,
        market,
        goal,
        search: questions.search,
        costs: costs.collect(),
        taken: 0,
    };
    let purchase = buyer.run()?;
    let reached: Option<Choice> = purchase.reached.clone();
    let picture = match &reached {
        None => None,
        Some(choice) => {
            let bench = buyer.cluster(choice)?;
            Some(look(&bench, demand, goal, profiles))
        }
    };
    let types = market.types.iter();
    Ok(BuyAnswer {
        types: types.map(|own| (own.name.clone(), own.price)).collect(),
        nodes: reached
            .map(|choice| buyer.nodes(&choice))
            .unwrap_or_default(),
        purchase,
        picture,
    })
}
