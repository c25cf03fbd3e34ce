//! Feasibility and points of every node for a class. The plain form asks every plugin about every
//! node, in order, every time: it is the definition. The incremental form keeps the answers of
//! plugins whose scope is the node and asks again only about nodes that changed since. Where points
//! are only added up it keeps no points but how the nodes stand, so that the best are known without
//! looking at every node. A property test holds the forms together.

use cluster::Store;
use units::{ClassId, NodeId, Revision};

use super::plugin::PreFilter;
use super::rooms::Rooms;
use super::{ClassContext, Points, Profile, Reason, Scope, ScoreTree};

/// Form of the evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Every node, every time.
    Plain,
    /// Only what changed.
    Incremental,
}

/// Memory budget of the cached answers; classes beyond it use the plain form.
const BUDGET_BYTES: usize = 256 << 20;

/// Answers about every node for one class.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Whether a node can take a pod of the class.
    pub feasible: Vec<bool>,
    /// Points by scoring plugin, then by node; meaningful where feasible.
    pub points: Vec<Vec<i64>>,
    /// Number of feasible nodes.
    pub feasible_count: usize,
    /// Standings of the nodes. If present, the columns above are empty.
    pub standings: Option<ScoreTree>,
    /// Revision up to which these answers are true; `None` before the first evaluation.
    cursor: Option<Revision>,
    /// Size that counts towards the budget, in bytes.
    bytes: usize,
}

/// Evaluates nodes for classes.
#[derive(Clone, Debug)]
pub struct Evaluator {
    form: Form,
    answers: Vec<Option<Box<Answers>>>,
    scratch: Box<Answers>,
    plan: Plan,
    traits: Option<Traits>,
    by_room: FirstFitSearch,
    used_bytes: usize,
    budget_bytes: usize,
}

/// Common traits of a profile's plugins; equal for every class.
#[derive(Clone, Copy, Debug)]
struct Traits {
    /// Whether every answer is about the class and the node alone.
    node_scope: bool,
    /// Whether a node's total is the sum of its points, whichever other nodes are feasible.
    adds_up: bool,
    /// Number of plugins that score.
    scores: usize,
    /// Whether the first feasible node is taken, and every node without room is rejected.
    first_with_room: bool,
}

impl Traits {
    fn of(profile: &Profile) -> Self {
        let mut plugins = profile.plugins.iter();
        let scores = profile.at(Points::SCORE).count();
        let needs_room = profile.plugins.iter().any(|slot| {
            let may_skip = slot.points.contains(Points::PRE_FILTER);
            slot.points.contains(Points::FILTER) && !may_skip && slot.plugin.needs_room()
        });
        Self {
            node_scope: plugins.all(|slot| slot.plugin.scope() == Scope::Node),
            adds_up: adds_up(profile),
            scores,
            first_with_room: scores == 0 && profile.select.takes_first() && needs_room,
        }
    }
}

/// The first feasible node found by the room that nodes have left.
#[derive(Clone, Debug, Default)]
struct FirstFitSearch {
    rooms: Rooms,
    /// Number of nodes that were asked in vain beyond [`VAIN_PER_DECISION`]. Filters that know more
    /// than amounts would make this a scan: beyond [`VAIN_AT_MOST`] every node's answers are kept
    /// instead.
    vain: u32,
}

/// Nodes that a decision may ask in vain, on average.
const VAIN_PER_DECISION: u32 = 16;
/// Nodes that may be asked in vain beyond that, over all decisions.
const VAIN_AT_MOST: u32 = 1 << 12;

impl Evaluator {
    /// An evaluator that has seen nothing.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            answers: Vec::new(),
            scratch: Box::default(),
            plan: Plan::default(),
            traits: None,
            by_room: FirstFitSearch::default(),
            used_bytes: 0,
            budget_bytes: BUDGET_BYTES,
        }
    }

    /// Common traits of the plugins, computed once.
    #[inline]
    fn traits(&mut self, profile: &Profile) -> Traits {
        *self.traits.get_or_insert_with(|| {
            self.plan.scores = profile.at(Points::SCORE).collect();
            Traits::of(profile)
        })
    }

    /// The first feasible node for a class, if there is one, where a profile takes the first and it
    /// can be found without the answers of the others. `None` where [`Self::evaluate`] is to be
    /// asked.
    pub fn first(
        &mut self,
        profile: &mut Profile,
        ctx: &ClassContext<'_>,
    ) -> Option<Option<NodeId>> {
        let traits = self.traits(profile);
        let is_kept = traits.node_scope && self.form == Form::Incremental;
        if !is_kept || !traits.first_with_room || self.by_room.vain > VAIN_AT_MOST {
            return None;
        }
        let planned = self.plan.make(profile, ctx).ok();
        Some(planned.and_then(|()| self.by_room.find(profile, &self.plan, ctx)))
    }

    /// The answers for a class, or why no node can take it whatever its state.
    pub fn evaluate(
        &mut self,
        profile: &mut Profile,
        ctx: &ClassContext<'_>,
    ) -> Result<&Answers, Reason> {
        self.traits(profile);
        let mut plan = std::mem::take(&mut self.plan);
        let planned = plan.make(profile, ctx);
        if planned.is_ok() {
            self.answers_for(profile, ctx.id, ctx.store)
                .refresh(profile, &plan, ctx);
        }
        self.plan = plan;
        planned.map(|()| self.kept(ctx.id))
    }

    /// The answers that were brought up to date last: those kept of the class, or the scratch.
    fn kept(&self, class: ClassId) -> &Answers {
        match self.answers.get(class.index()) {
            Some(Some(answers)) => answers,
            _ => &self.scratch,
        }
    }

    fn answers_for(&mut self, profile: &Profile, class: ClassId, store: &Store) -> &mut Answers {
        let traits = self.traits(profile);
        let bytes_per_node = if traits.adds_up {
            ScoreTree::BYTES_PER_NODE
        } else {
            1 + size_of::<i64>() * traits.scores
        };
        let bytes = store.nodes().len() * bytes_per_node;
        let keep = self.form == Form::Incremental && traits.node_scope;
        if self.answers.len() <= class.index() {
            self.answers.resize_with(class.index() + 1, || None);
        }
        let known = &mut self.answers[class.index()];
        // A class is counted anew whenever nodes have come since.
        self.used_bytes -= known.as_ref().map_or(0, |answers| answers.bytes);
        if !keep || self.used_bytes + bytes > self.budget_bytes {
            *known = None;
            self.scratch.cursor = None;
            return &mut self.scratch;
        }
        self.used_bytes += bytes;
        let answers = known.get_or_insert_with(Box::default);
        answers.bytes = bytes;
        if traits.adds_up && answers.standings.is_none() {
            answers.standings = Some(ScoreTree::default());
        }
        answers
    }
}

impl FirstFitSearch {
    fn find(&mut self, profile: &Profile, plan: &Plan, ctx: &ClassContext<'_>) -> Option<NodeId> {
        self.rooms.refresh(ctx.store);
        self.vain = self.vain.saturating_sub(VAIN_PER_DECISION);
        let mut row = 0;
        while let Some(found) = self.rooms.next(row, &ctx.class.requests) {
            let node = NodeId::from_index(found);
            if plan.admits(profile, ctx, node) {
                return Some(node);
            }
            row = found + 1;
            self.vain += 1;
        }
        None
    }
}

/// Whether a node's total is the sum of its points, whichever other nodes are feasible.
fn adds_up(profile: &Profile) -> bool {
    let mut scoring = profile
        .plugins
        .iter()
        .filter(|slot| slot.points.contains(Points::SCORE));
    scoring.all(|slot| {
        !slot.points.contains(Points::PRE_SCORE) && !slot.points.contains(Points::NORMALIZE)
    })
}

/// Plugins that filter and score for one class; its memory is reused for the next class.
#[derive(Clone, Debug, Default)]
struct Plan {
    filters: Vec<usize>,
    /// Scores that are equal for every class.
    scores: Vec<usize>,
}

impl Plan {
    /// Asks every `PreFilter`, in order.
    fn make(&mut self, profile: &mut Profile, ctx: &ClassContext<'_>) -> Result<(), Reason> {
        self.filters.clear();
        for (index, slot) in profile.plugins.iter_mut().enumerate() {
            let mut skips = false;
            if slot.points.contains(Points::PRE_FILTER) {
                match slot.plugin.pre_filter(ctx) {
                    PreFilter::Run => {}
                    PreFilter::Skip => skips = true,
                    PreFilter::Reject(reason) => return Err(reason),
                }
            }
            if slot.points.contains(Points::FILTER) && !skips {
                self.filters.push(index);
            }
        }
        Ok(())
    }

    /// Whether a node is there and every filter lets a pod of the class on it.
    fn admits(&self, profile: &Profile, ctx: &ClassContext<'_>, node: NodeId) -> bool {
        let mut filters = self.filters.iter();
        ctx.store.nodes().object(node).is_some()
            && filters.all(|&index| profile.plugins[index].plugin.filter(ctx, node).is_ok())
    }
}

impl Answers {
    fn refresh(&mut self, profile: &Profile, plan: &Plan, ctx: &ClassContext<'_>) {
        let store = ctx.store;
        let changed = self.cursor.and_then(|cursor| store.ring().since(cursor));
        match changed {
            Some(changed) if self.len() == store.nodes().len() => {
                for node in changed {
                    self.answer(profile, plan, ctx, node);
                }
            }
            _ => {
                self.reset(store.nodes().len(), plan.scores.len());
                for node in store.nodes().ids() {
                    self.answer(profile, plan, ctx, node);
                }
            }
        }
        self.cursor = Some(store.revision());
    }

    /// Number of nodes with answers.
    fn len(&self) -> usize {
        match &self.standings {
            Some(standings) => standings.len(),
            None => self.feasible.len(),
        }
    }

    fn reset(&mut self, nodes: usize, scores: usize) {
        self.feasible_count = 0;
        if let Some(standings) = &mut self.standings {
            standings.reset(nodes);
            return;
        }
        self.feasible.clear();
        self.feasible.resize(nodes, false);
        self.points.resize_with(scores, Vec::new);
        for column in &mut self.points {
            column.clear();
            column.resize(nodes, 0);
        }
    }

    fn answer(&mut self, profile: &Profile, plan: &Plan, ctx: &ClassContext<'_>, node: NodeId) {
        let row = node.index();
        let feasible = plan.admits(profile, ctx, node);
        if let Some(standings) = &mut self.standings {
            let total = feasible.then(|| total(profile, plan, ctx, node));
            standings.set(node, total);
            self.feasible_count = standings.feasible();
            return;
        }
        self.feasible_count += usize::from(feasible);
        self.feasible_count -= usize::from(self.feasible[row]);
        self.feasible[row] = feasible;
        if feasible {
            for (column, &index) in self.points.iter_mut().zip(&plan.scores) {
                column[row] = profile.plugins[index].plugin.score(ctx, node);
            }
        }
    }
}

/// The total of a node, added up as [`weighted`] says.
fn total(profile: &Profile, plan: &Plan, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
    plan.scores.iter().fold(0, |total, &index| {
        let slot = &profile.plugins[index];
        weighted(total, slot.weight, slot.plugin.score(ctx, node))
    })
}

/// A total with the points of one more plugin. Points are bounded by no contract; a total at the end
/// of the range still ranks.
pub(super) fn weighted(total: i64, weight: i64, points: i64) -> i64 {
    total.saturating_add(weight.saturating_mul(points))
}

/// The reasons why a node is rejected, one per filter that rejects it, in order; empty if none does.
pub fn rejections(profile: &Profile, ctx: &ClassContext<'_>, node: NodeId) -> Vec<Reason> {
    profile
        .at(Points::FILTER)
        .filter_map(|index| profile.plugins[index].plugin.filter(ctx, node).err())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{QueueOrder, Select, Ties};
    use cluster::Class;
    use model::{Node, Pod, PodSpec};
    use units::Instant;

    /// Any pod first, any node chosen.
    #[derive(Clone)]
    struct AnyOrder;

    impl QueueOrder for AnyOrder {
        fn name(&self) -> &'static str {
            "any"
        }

        fn key(&self, _: &Pod, _: &Class) -> i64 {
            0
        }

        fn clone_order(&self) -> Box<dyn QueueOrder> {
            Box::new(Self)
        }
    }

    impl Select for AnyOrder {
        fn name(&self) -> &'static str {
            "any"
        }

        fn select(&mut self, _: &ClassContext<'_>, tied: Ties<'_>) -> NodeId {
            tied.nth(0)
        }

        fn clone_select(&self) -> Box<dyn Select> {
            Box::new(Self)
        }
    }

    #[test]
    fn a_class_that_outgrows_the_budget_is_evaluated_plainly() {
        let mut profile = Profile {
            name: "any".to_owned(),
            order: Box::new(AnyOrder),
            plugins: Vec::new(),
            select: Box::new(AnyOrder),
        };
        let mut store = Store::new();
        let apply = |store: &mut Store, event| {
            store
                .apply(Instant::ZERO, event)
                .expect("an allowed change");
        };
        let class = store.class_added(&Arc::new(PodSpec::default()));
        apply(&mut store, class.expect("a new class"));
        let mut evaluator = Evaluator {
            budget_bytes: 2 * ScoreTree::BYTES_PER_NODE,
            ..Evaluator::new(Form::Incremental)
        };
        for (nodes, used) in [(0, 0), (1, 1), (2, 2), (3, 0), (4, 0)] {
            let used = used * ScoreTree::BYTES_PER_NODE;
            while store.nodes().len() < nodes {
                let name = format!("node-{}", store.nodes().len()).as_str().into();
                let node = Node {
                    name,
                    ..Node::default()
                };
                let added = store.node_added(Arc::new(node));
                apply(&mut store, added);
            }
            let ctx = ClassContext::new(Instant::ZERO, &store, ClassId(0));
            let answers = evaluator.evaluate(&mut profile, &ctx);
            let feasible = answers.map(|answers| answers.feasible_count);
            assert_eq!((feasible, evaluator.used_bytes), (Ok(nodes), used));
        }
    }
}
