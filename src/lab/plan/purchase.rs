//! The answer about nodes to buy.

use std::sync::Arc;

use super::bench::Bench;
use super::buy::{Buyer, Purchase};
use super::choice::Choice;
use super::demand::{Demand, GoalPod};
use super::existing::idle;
use super::goal::Goal;
use super::loss::Unplaced;
use super::market::{BoughtNode, Market};
use super::picture::{Picture, look};
use super::planned::{Carried, Planned};
use super::proof::{Proof, classes_of, kinds_of, prices};
use super::{Asked, Minimize, Questions};
use crate::snapshot::SnapshotError;
use model::Text;
use units::{SortedMap, SortedSet};

/// An answer about nodes to buy.
#[derive(Clone, Debug)]
pub struct BuyAnswer {
    /// Names and prices of the types, in the order of counts.
    pub types: Vec<(Text, i64)>,
    /// Outcome of the search.
    pub purchase: Purchase,
    /// Pods that no node on offer can hold by its labels, taints or volumes, and that the nodes of today
    /// can't hold anew: they stay out of the goal.
    pub aside: Vec<Unplaced>,
    /// The nodes to buy.
    pub nodes: Vec<BoughtNode>,
    /// The bound with all that it adds up, if a plan was reached.
    pub proof: Option<Proof>,
    /// The cluster of the plan, if one was reached.
    pub picture: Option<Picture>,
}

/// Buys nodes for the pods that have to run.
pub(super) fn bought(
    bench: &Bench<'_>,
    asked: &Asked<'_>,
    mut market: Market,
    planned: &mut Planned,
) -> Result<BuyAnswer, SnapshotError> {
    let (demand, goal) = (asked.demand, asked.goal);
    let (profiles, questions) = (asked.profiles, asked.questions);
    let base = if questions.keeps {
        bench.clone()
    } else {
        Bench::without_workers(bench.cache(), profiles)
    };
    let mut aside = Vec::new();
    let is_there = |node: &Text| base.cache().node(node).is_some();
    let is_unbound = |pod: &&GoalPod| !pod.node.as_ref().is_some_and(is_there);
    let mut unbound: Vec<GoalPod> = demand.pods.iter().filter(is_unbound).cloned().collect();
    if !questions.is_strict {
        aside = homeless(&base, &market, &unbound)?;
        let names: SortedSet<&str> = aside.iter().map(|own| own.pod.as_str()).collect();
        unbound.retain(|pod| !names.contains(pod.name.as_str()));
    }
    let unbound = Demand {
        pods: unbound,
        ..Demand::default()
    };
    market.bind(&base, &goal.with_room(&unbound), goal);
    let market = &market;
    let costs = market.types.iter().map(|own| match questions.minimize {
        Some(Minimize::Nodes) => 1,
        _ => own.price,
    });
    let mut buyer = Buyer {
        base: &base,
        demand: &unbound,
        whole: demand,
        market,
        goal,
        search: questions.search,
        work: &questions.work,
        costs: costs.collect(),
        is_brief: false,
        taken: 0,
        shifted: 0,
        fatal: Vec::new(),
        shifts: SortedMap::new(),
    };
    let purchase = buyer.weighed(questions.minimize)?;
    let reached: Option<Choice> = purchase.reached.clone();
    let (mut picture, mut proof) = (None, None);
    if let Some(choice) = &reached {
        let bench = buyer.cluster(choice)?;
        let nodes = buyer.nodes(choice);
        let goal = priced(goal, market, &nodes);
        picture = Some(look(&bench, demand, &goal, profiles));
        let carried: Vec<Carried> = { nodes.iter() }
            .flat_map(|node| market.carried(node))
            .collect();
        *planned = Planned {
            carried,
            ..Planned::of(bench.cache(), asked.today, nodes)
        };
        proof = Some(proof_of(&buyer, &purchase, choice, questions));
    }
    let types = market.types.iter();
    Ok(BuyAnswer {
        types: types.map(|own| (own.name.clone(), own.price)).collect(),
        nodes: reached
            .map(|choice| buyer.nodes(&choice))
            .unwrap_or_default(),
        purchase,
        aside,
        proof,
        picture,
    })
}

/// A goal that knows the prices of bought nodes.
fn priced(goal: &Goal, market: &Market, nodes: &[BoughtNode]) -> Goal {
    let prices = nodes.iter().map(|own| {
        let price = market.types[own.kind].price;
        (own.node.name.clone(), price)
    });
    let mut goal = goal.clone();
    goal.node_prices.extend(prices);
    goal
}

/// Pods that find no node by themselves on a cluster with a further node of each type in each zone: more
/// of these don't help.
fn homeless(
    base: &Bench<'_>,
    market: &Market,
    pods: &[GoalPod],
) -> Result<Vec<Unplaced>, SnapshotError> {
    let mut bench = base.clone();
    bench.mark();
    let each = market.zones().len().max(1) as u64;
    market.add(
        &mut bench,
        &market.nodes(&vec![each; market.types.len()], &[]),
    )?;
    let mut known: SortedMap<usize, Option<Text>> = SortedMap::new();
    let mut homeless = Vec::new();
    // Whether a pod finds those that it wants to be beside shows on the whole cluster alone.
    let is_alone = |pod: &&GoalPod| pod.info.spec().affinity.required_pod_affinity.is_empty();
    for pod in pods.iter().filter(is_alone) {
        let key = Arc::as_ptr(&pod.info.class).addr();
        let message = known.entry(key).or_insert_with(|| {
            let mark = bench.mark();
            let outcome = bench.place(&pod.info);
            bench.roll_back(mark);
            outcome.err()
        });
        let own = message.as_ref().map(|message| Unplaced {
            pod: pod.name.clone(),
            message: message.to_string(),
        });
        homeless.extend(own);
    }
    Ok(homeless)
}

/// The proof of a purchase.
fn proof_of(
    buyer: &Buyer<'_>,
    purchase: &Purchase,
    reached: &Choice,
    questions: &Questions,
) -> Proof {
    let (goal, market) = (buyer.goal, buyer.market);
    let names: Vec<Text> = market.types.iter().map(|own| own.name.clone()).collect();
    Proof {
        bound: purchase.bound,
        reached: reached.price,
        counts_nodes: questions.minimize == Some(Minimize::Nodes),
        survives_node: goal.survives_node(),
        closed: 0,
        lost_zones: if goal.survives_zone() {
            market.zones().len()
        } else {
            0
        },
        prices: prices(&purchase.rules, &buyer.costs),
        idle: idle(&purchase.rules, goal, &goal.with_room(buyer.demand)),
        rules: purchase.rules.clone(),
        branch: Some(purchase.branch.clone()),
        kinds: kinds_of(&market.kinds(), &names, &buyer.costs),
        classes: classes_of(&goal.with_room(buyer.demand)),
    }
}
