//! Feasibility and points of every node for a class. The plain form asks every plugin about every
//! node, in order, every time: it is the definition. The incremental form keeps the answers of
//! plugins whose scope is the node and asks again only about nodes that changed since; a property
//! test holds the two together.

use crate::cluster::Store;
use crate::units::{NodeId, Revision, SpecId};

use super::plugin::PreFilter;
use super::{ClassContext, Points, Profile, Reason, Scope};

/// Which form evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Every node, every time.
    Plain,
    /// Only what changed.
    Incremental,
}

/// What the kept answers may use; classes beyond it are evaluated plainly.
const BUDGET_BYTES: usize = 256 << 20;

/// Answers about every node for one class.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Whether a node can take a pod of the class.
    pub feasible: Vec<bool>,
    /// Points by scoring plugin, then by node; meaningful where feasible.
    pub points: Vec<Vec<i64>>,
    /// How many nodes are feasible.
    pub feasible_count: usize,
    /// Up to where these answers are true; `None` before the first evaluation.
    cursor: Option<Revision>,
}

/// Evaluates nodes for classes.
#[derive(Clone, Debug)]
pub struct Evaluator {
    form: Form,
    answers: Vec<Option<Box<Answers>>>,
    scratch: Box<Answers>,
    used_bytes: usize,
}

impl Evaluator {
    /// An evaluator that has seen nothing.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            answers: Vec::new(),
            scratch: Box::default(),
            used_bytes: 0,
        }
    }

    /// The answers for a class, or why no node can take it whatever its state.
    pub fn evaluate(
        &mut self,
        profile: &mut Profile,
        ctx: &ClassContext<'_>,
    ) -> Result<&Answers, Reason> {
        let mut skipped = 0_u64;
        for index in 0..profile.plugins.len() {
            let slot = &mut profile.plugins[index];
            if slot.points.contains(Points::PRE_FILTER) {
                match slot.plugin.pre_filter(ctx) {
                    PreFilter::Run => {}
                    PreFilter::Skip => skipped |= 1 << index,
                    PreFilter::Reject(reason) => return Err(reason),
                }
            }
        }
        let plan = Plan::new(profile, skipped);
        let answers = self.answers_for(profile, ctx.spec, ctx.store);
        answers.refresh(profile, &plan, ctx);
        Ok(answers)
    }

    fn answers_for(&mut self, profile: &Profile, spec: SpecId, store: &Store) -> &mut Answers {
        let columns = profile.at(Points::SCORE).count();
        let bytes = store.nodes().len() * (1 + 8 * columns);
        let keep = self.form == Form::Incremental
            && profile
                .plugins
                .iter()
                .all(|slot| slot.plugin.scope() == Scope::Node);
        let known = self.answers.get(spec.index()).is_some_and(Option::is_some);
        if !keep || (!known && self.used_bytes + bytes > BUDGET_BYTES) {
            self.scratch.cursor = None;
            return &mut self.scratch;
        }
        if self.answers.len() <= spec.index() {
            self.answers.resize_with(spec.index() + 1, || None);
        }
        if !known {
            self.used_bytes += bytes;
        }
        self.answers[spec.index()].get_or_insert_with(Box::default)
    }
}

/// Which plugins filter and score for one class.
struct Plan {
    filters: Vec<usize>,
    scores: Vec<usize>,
}

impl Plan {
    fn new(profile: &Profile, skipped: u64) -> Self {
        Self {
            filters: profile
                .at(Points::FILTER)
                .filter(|&index| skipped & (1 << index) == 0)
                .collect(),
            scores: profile.at(Points::SCORE).collect(),
        }
    }
}

impl Answers {
    fn refresh(&mut self, profile: &Profile, plan: &Plan, ctx: &ClassContext<'_>) {
        let store = ctx.store;
        let changed = self.cursor.and_then(|cursor| store.ring().since(cursor));
        match changed {
            Some(changed) if self.feasible.len() == store.nodes().len() => {
                for node in changed {
                    self.answer(profile, plan, ctx, node);
                }
            }
            _ => {
                self.feasible.clear();
                self.feasible.resize(store.nodes().len(), false);
                self.feasible_count = 0;
                self.points.resize_with(plan.scores.len(), Vec::new);
                for column in &mut self.points {
                    column.clear();
                    column.resize(store.nodes().len(), 0);
                }
                for node in store.nodes().ids() {
                    self.answer(profile, plan, ctx, node);
                }
            }
        }
        self.cursor = Some(store.revision());
    }

    fn answer(&mut self, profile: &Profile, plan: &Plan, ctx: &ClassContext<'_>, node: NodeId) {
        let row = node.index();
        let feasible = ctx.store.nodes().object(node).is_some()
            && plan
                .filters
                .iter()
                .all(|&index| profile.plugins[index].plugin.filter(ctx, node).is_ok());
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

/// The reasons why a node is rejected, one per filter that rejects it, in order; empty if none does.
pub fn rejections(profile: &Profile, ctx: &ClassContext<'_>, node: NodeId) -> Vec<Reason> {
    profile
        .at(Points::FILTER)
        .filter_map(|index| profile.plugins[index].plugin.filter(ctx, node).err())
        .collect()
}
