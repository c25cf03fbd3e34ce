//! Plans for a cluster: what binds and what a loss leaves waiting, which nodes can go, how few or
//! how cheap nodes are enough, when the cluster is full.
//!
//! Every pod is placed by the scheduler that runs use. What is possible at all is bounded from below
//! by rules that any placement keeps (`rules.rs`), so that a plan says what it proves and what it
//! only reached.

pub mod adjust;
pub mod bench;
mod best;
pub mod bill;
pub mod blockers;
pub mod budgets;
pub mod buy;
pub mod choice;
mod deal;
pub mod demand;
pub mod drain;
mod duals;
mod existing;
pub mod goal;
mod groups;
pub mod growth;
mod improve;
mod items;
pub mod least;
mod listed;
pub mod loss;
pub mod market;
pub mod moves;
pub mod orders;
pub mod over_time;
mod packing;
pub mod patterns;
pub mod pending;
pub mod picture;
mod places;
pub mod planned;
mod possible;
pub mod proof;
pub mod purchase;
pub mod request;
pub mod rules;
mod shifts;
#[cfg(test)]
mod tests;
pub mod today;
pub mod usage;
pub mod watch;
mod weighed;
mod zonal;

use std::sync::Arc;

use crate::snapshot::profile::without_preemption;
use crate::snapshot::{NamespaceBounds, Snapshot, SnapshotError};
use bench::Bench;
use best::best_drain;
use blockers::{Blocker, blockers, shunned};
use buy::Search;
use demand::{Demand, GoalPod};
use drain::{Drained, joined};
use existing::fewest;
use goal::{Goal, Room};
use growth::{Grow, Month, grow};
use loss::{Survive, Unplaced};
use market::Market;
use model::Text;
use moves::{Rooms, Turn, ordered};
use orders::{OrdersTried, replay};
use packing::FullestFirst;
use pending::{Pending, pending};
use picture::{Picture, look, look_after};
use planned::Planned;
use proof::Proof;
use purchase::{BuyAnswer, bought};
use rules::Rule;
use scheduler::kube::{Cache, KubeProfile};
use today::{Overfull, Unready, settled, strand, tied, with_waiting, without_node};
use units::{SortedMap, SortedSet};
use watch::Work;
use world::Committed;
use world::offers::Offer;

/// Quantity that a plan makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimize {
    /// The number of nodes.
    Nodes,
    /// Their price.
    Cost,
}

/// Order in which pods are placed. Higher priorities go first in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Order of the dump.
    #[default]
    Dump,
    /// The largest pods first.
    Large,
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
    /// Prices of existing nodes by name, in millionths an hour.
    pub prices: SortedMap<Text, i64>,
    /// Nodes that are paid for in any case.
    pub committed: Vec<Committed>,
    /// Label that names the team of a pod or a namespace.
    pub team_label: Option<Text>,
    /// Further pods for which there has to be room.
    pub room: Vec<Room>,
    /// Growth of workloads.
    pub grow: Vec<Grow>,
    /// Number of months to look ahead.
    pub horizon: u32,
    /// Whether pods may displace others of lower priority.
    pub preempts: bool,
    /// Order in which pods are placed.
    pub order: Order,
    /// Settings of the search.
    pub search: Search,
    /// Work of the search, for those who look on.
    pub work: Arc<Work>,
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
    /// Place among the other moves.
    pub turn: Turn,
}

impl Move {
    /// A move whose turn is not known yet.
    fn new(pod: &str, from: Text, to: Text) -> Self {
        Self {
            pod: pod.to_owned(),
            from,
            to,
            turn: Turn::default(),
        }
    }
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
    /// Whether the cheapest nodes were looked for, of whose price no bound is known.
    pub minimizes_cost: bool,
    /// Pods that find no other node after some loss of today's cluster, those that wait in place: they may
    /// wait then, as they would.
    pub excused: Vec<String>,
    /// Moved pods that autoscalers leave alone, each with the reason.
    pub shunned: Vec<String>,
    /// Reasons that keep the nodes that stay.
    pub blockers: Vec<Blocker>,
    /// Orders in which all pods find nodes on those that stay.
    pub orders: OrdersTried,
    /// The bound with all that it adds up.
    pub proof: Proof,
    /// The cluster of the plan.
    pub picture: Picture,
}

/// A month with its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Number of the month, from 1.
    pub month: u32,
    /// Number of pods that have to run in it.
    pub pods: u64,
}

/// Answers about a cluster.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cluster as it is.
    pub today: Picture,
    /// Number of pods that have to run, the expected ones among them.
    pub pods: u64,
    /// Pods that wait today and stay out of the goal.
    pub waiting: Vec<String>,
    /// Nodes that are not ready and have pods today.
    pub unready: Vec<Unready>,
    /// Nodes that hold more than they offer today.
    pub overfull: Vec<Overfull>,
    /// Moves off all these nodes.
    pub off_overfull: Vec<Move>,
    /// Pods that can't outlive some loss, because they are tied to what is lost, and stay out of the goal.
    pub aside: Vec<String>,
    /// Pods that wait today and would find nodes, with a drain, a purchase or growth: its nodes hold them,
    /// too.
    pub expected: Vec<String>,
    /// Pods that wait today, by class, with the nodes that the scheduler finds for them.
    pub pending: Vec<Pending>,
    /// Number of pods that no controller replaces.
    pub bare: u64,
    /// Numbers of pods by the scheduler that they name, where it is not the default one.
    pub foreign: Vec<(Text, u64)>,
    /// Fewer of the existing nodes.
    pub drain: Option<DrainAnswer>,
    /// Nodes to buy.
    pub buy: Option<BuyAnswer>,
    /// Months of growth on the nodes of today.
    pub months: Vec<Month>,
    /// The month whose pods the nodes of a drain or a purchase have to hold.
    pub ahead: Option<Ahead>,
    /// Whether anything beside room for the pods is asked for.
    pub has_goals: bool,
    /// First pod that a goal leaves without a place in the cluster as it is.
    pub missed: Option<Unplaced>,
    /// Number of pods that have to run and find no node in the cluster as it is, where the pods that
    /// wait have to run, too.
    pub unplaced: u64,
    /// The cluster of the plan, or that of today.
    pub planned: Planned,
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
    let mut demand = Demand::of(snapshot, questions.is_strict)?;
    demand.keep_foreign(profiles);
    if questions.order == Order::Large {
        demand.put_large_first(snapshot, &questions.offers);
    }
    let there = placed(snapshot, &mut demand, questions)?;
    let mut goal = Goal::of(questions);
    let bounds = NamespaceBounds::of(snapshot);
    goal.hold_to(bounds.clone());
    let calm = without_preemption(profiles);
    let deciding = if questions.preempts { profiles } else { &calm };
    let bench = Bench::new(there.clone(), deciding);
    // Pods that leave nodes which are not ready have one today all the same.
    let unbound = unbound(&demand);
    check(questions, &bench, &demand).map_err(SnapshotError::Input)?;
    if !questions.is_strict {
        goal.aside = tied(&bench, &demand, &goal.survive);
    }
    let mut today = look(&bench, &demand, &goal, deciding);
    let (bench, settlement) = settled(&bench, &mut demand);
    // Pods that wait and have to run are lost with the others.
    let judged = with_waiting(&bench, &demand);
    let has_changed = judged.is_some() || settlement.is_needed();
    let judged = judged.as_ref().unwrap_or(&bench);
    if has_changed {
        let now = look(judged, &demand, &goal, deciding);
        if questions.is_strict {
            today = now;
        } else {
            (today.node_losses, today.zone_losses) = (now.node_losses, now.zone_losses);
        }
    }
    let (pending, found) = pending(&bench, &demand, &calm);
    let mut plan = Plan {
        pending,
        has_goals: goal.is_stated() || settlement.is_needed(),
        missed: (settlement.first).or_else(|| goal.missed(judged, &demand)),
        planned: Planned::of(bench.cache(), &demand, Vec::new()),
        unready: settlement.unready,
        overfull: settlement.overfull,
        off_overfull: settlement.moves,
        ..Plan::of_today(today, &demand, &goal)
    };
    if questions.is_strict && questions.offers.is_empty() {
        note_unplaced(&mut plan, &bench, &demand);
    }
    let ahead = demand.with_expected(&found);
    if questions.looks_ahead() {
        plan.expect(&found);
    }
    let grown = grow(&bench, &ahead, &goal, &bounds, questions, &mut plan)?;
    goal.refused = goal.refused.take().or(grown.refused);
    let asked = Asked {
        today: &ahead,
        demand: &grown.demand,
        goal: &goal,
        there: &there,
        profiles: deciding,
        calm: &calm,
        questions,
    };
    let is_full = plan.months.last().is_some_and(Month::is_full);
    if questions.minimize.is_some() && questions.offers.is_empty() && !is_full {
        plan.drain = drained(&bench, &asked, &mut plan)?;
    }
    if !questions.offers.is_empty() {
        let market = Market::new(snapshot, &questions.offers, &questions.survive)?;
        plan.buy = Some(bought(&bench, &asked, market, &mut plan.planned)?);
    }
    plan.planned.unbound = unbound;
    Ok(plan)
}

impl Questions {
    /// Whether the answers are about other nodes or times than today's; the pods that wait today and
    /// would find a node then count.
    fn looks_ahead(&self) -> bool {
        self.minimize.is_some() || !self.offers.is_empty() || !self.grow.is_empty()
    }
}

impl Plan {
    /// Counts the waiting pods that would find a node, by their places among these, with those that have
    /// to run.
    fn expect(&mut self, found: &[usize]) {
        let found: SortedSet<usize> = found.iter().copied().collect();
        let waiting = std::mem::take(&mut self.waiting).into_iter().enumerate();
        let (expected, waiting): (Vec<_>, Vec<_>) =
            waiting.partition(|(own, _)| found.contains(own));
        let name = |(_, name)| name;
        self.pods += expected.len() as u64;
        self.expected = expected.into_iter().map(name).collect();
        self.waiting = waiting.into_iter().map(name).collect();
    }

    /// A plan that tells who is in a cluster, and answers nothing yet.
    fn of_today(today: Picture, demand: &Demand, goal: &Goal) -> Self {
        let name = |pod: &GoalPod| pod.name.clone();
        let aside: SortedSet<usize> = goal.aside.iter().flatten().copied().collect();
        let foreign = { demand.foreign.iter() }.map(|(name, &count)| (name.clone(), count));
        Self {
            today,
            pods: demand.pods.len() as u64,
            waiting: demand.waiting.iter().map(name).collect(),
            aside: aside.iter().map(|&own| name(&demand.pods[own])).collect(),
            expected: Vec::new(),
            pending: Vec::new(),
            bare: demand.pods.iter().filter(|pod| pod.is_bare).count() as u64,
            foreign: foreign.collect(),
            drain: None,
            buy: None,
            months: Vec::new(),
            ahead: None,
            has_goals: false,
            missed: None,
            unplaced: 0,
            planned: Planned::default(),
            unready: Vec::new(),
            overfull: Vec::new(),
            off_overfull: Vec::new(),
        }
    }
}

/// Names of the pods that have no node.
fn unbound(demand: &Demand) -> SortedSet<String> {
    let pods = demand.pods.iter().chain(&demand.waiting);
    let pods = pods.filter(|pod| pod.node.is_none());
    pods.map(|pod| pod.name.clone()).collect()
}

/// The cluster with the pods that have to run on their nodes.
fn placed(
    snapshot: &Snapshot,
    demand: &mut Demand,
    questions: &Questions,
) -> Result<Cache, SnapshotError> {
    let cache = demand.cluster(snapshot)?;
    if !questions.is_strict && strand(&cache, demand) {
        return demand.cluster(snapshot);
    }
    Ok(cache)
}

/// Checks that the cluster has what is lost and what grows.
fn check(questions: &Questions, bench: &Bench<'_>, demand: &Demand) -> Result<(), String> {
    for survive in &questions.survive {
        survive.check(bench)?;
    }
    let mut grows = questions.grow.iter();
    grows.try_for_each(|grow| grow.check(demand))
}

/// Questions with all that answers are about.
struct Asked<'a> {
    /// Pods that have to run today, and those that wait and would find nodes.
    today: &'a Demand,
    /// Pods that have to run, those of the last month among them.
    demand: &'a Demand,
    goal: &'a Goal,
    /// The cluster of today, before any pod moves.
    there: &'a Cache,
    /// Profiles that decide about losses and bought nodes.
    profiles: &'a [KubeProfile],
    /// Profiles that never displace a pod: moves are voluntary.
    calm: &'a [KubeProfile],
    questions: &'a Questions,
}

/// Notes the pods that have to run and find no node in the cluster as it is.
fn note_unplaced(plan: &mut Plan, bench: &Bench<'_>, demand: &Demand) {
    let mut own = bench.clone();
    own.mark();
    let unplaced = own.place_all(without_node(demand));
    plan.unplaced = unplaced.len() as u64;
    if let Some((pod, message)) = unplaced.first() {
        plan.has_goals = true;
        plan.missed = Some(Unplaced {
            pod: pod.full_name(),
            message: message.to_string(),
        });
    }
}

/// Fewer of the existing nodes; `None` if the pods that wait and have to run find no nodes on all of
/// them.
fn drained(
    bench: &Bench<'_>,
    asked: &Asked<'_>,
    plan: &mut Plan,
) -> Result<Option<DrainAnswer>, SnapshotError> {
    let demand = asked.demand;
    let mut goal = asked.goal.clone();
    let mut whole = Bench::new(bench.cache().clone(), asked.calm);
    whole.mark();
    if !whole.place_all(without_node(demand)).is_empty() {
        return Ok(None);
    }
    let mut excused = Vec::new();
    // A goal that today's pods meet may be missed once those that wait have nodes.
    let may_miss = plan.missed.is_some() || without_node(demand).next().is_some();
    if may_miss && !asked.questions.is_strict && goal.missed(&whole, demand).is_some() {
        excused = goal.excuse(&whole, demand);
    }
    let goal = &goal;
    let mut proof = fewest(bench, demand, goal);
    let packing = FullestFirst::of(asked.calm)?;
    let Some((mut own, mut drained)) =
        best_drain(&whole, asked, goal, &packing, proof.bound as u64)
    else {
        return Ok(None);
    };
    let waiting: SortedSet<&str> = { demand.pods.iter() }
        .filter(|pod| pod.node.is_none())
        .map(|pod| pod.name.as_str())
        .collect();
    drained
        .moves
        .retain(|own| !waiting.contains(own.pod.as_str()));
    let moves = plan.off_overfull.iter().cloned().chain(drained.moves);
    drained.moves = ordered(Rooms::of(asked.there), demand, joined(moves));
    let has_goals = goal.is_stated();
    let blockers = blockers(&mut own, asked.there, demand, &drained, has_goals);
    let reached = own.cache().node_count() as u64;
    // Whatever the drain had in mind makes room for the trials of what it came to.
    let end = Bench::new(own.into_cache(), asked.profiles);
    plan.planned = Planned::of(end.cache(), asked.today, Vec::new());
    proof.bound = proof.bound.min(reached as i64);
    proof.reached = reached as i64;
    Ok(Some(DrainAnswer {
        minimizes_cost: asked.questions.minimize == Some(Minimize::Cost),
        bound: proof.bound as u64,
        rule: proof.rules.first().cloned(),
        excused,
        shunned: shunned(demand, &drained.moves),
        blockers,
        reached,
        orders: replay(&end, demand, asked.questions.search.orders),
        picture: look_after(&end, demand, goal, asked.profiles, &plan.today),
        proof,
        drained,
    }))
}
