//! Filter and score of a pipeline that a program outside answers.

use std::sync::Arc;

use cluster::Store;
use control::exchange::Exchange;
use control::exchange::question::{ClassState, NodeState, Question, Request};
use model::Node;
use units::{NodeId, Revision};

use super::{Dialogue, ExternalPoints, NAME, state};
use crate::pipeline::plugin::{PreFilter, PreScore};
use crate::{ClassContext, Plugin, Points, Reason, Scope};

const REJECTED: Reason = Reason::Text(super::REJECTED);

/// A plugin that asks a program. A copy asks a program of its own, which begins anew.
pub struct ExternalPlugin {
    dialogue: Dialogue,
    mirror: ClusterMirror,
    /// Its last answer about all nodes, by row.
    accepted: Vec<bool>,
    /// Its last points, by place among the nodes asked about.
    scores: Vec<i64>,
}

/// The program's copy of the cluster: what questions have stated so far.
#[derive(Default)]
pub(super) struct ClusterMirror {
    revision: Option<Revision>,
    /// Declarations by row.
    nodes: Vec<Option<Arc<Node>>>,
    /// Pods on each node, by row, and their sum.
    bound: Vec<usize>,
    all_bound: usize,
    /// Whether a class was described, by its id.
    classes: Vec<bool>,
}

impl ExternalPlugin {
    /// A plugin that asks `exchange` at some points of runs with a seed.
    pub fn new(exchange: Box<dyn Exchange>, points: ExternalPoints, seed: u64) -> Self {
        Self::of(Dialogue::new(exchange, points, seed))
    }

    fn of(dialogue: Dialogue) -> Self {
        Self {
            dialogue,
            mirror: ClusterMirror::default(),
            accepted: Vec::new(),
            scores: Vec::new(),
        }
    }

    /// Question about candidates, with all that changed since the last one.
    fn request(&mut self, ctx: &ClassContext<'_>, candidates: &[NodeId]) -> Request {
        let (nodes, gone) = self.mirror.advance(ctx.store);
        Request {
            now: ctx.now.as_nanos(),
            class: self.mirror.class(ctx),
            nodes,
            gone,
            candidates: candidates.iter().map(|node| node.0).collect(),
            waiting: self.mirror.waiting(ctx.store),
        }
    }
}

impl Plugin for ExternalPlugin {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> Points {
        let mut points = Points::EXTERNAL;
        if self.dialogue.points.has(ExternalPoints::FILTER) {
            points = points.and(Points::PRE_FILTER).and(Points::FILTER);
        }
        if self.dialogue.points.has(ExternalPoints::SCORE) {
            let score = Points::SCORE.and(Points::PRE_SCORE).and(Points::NORMALIZE);
            points = points.and(score);
        }
        points
    }

    /// Points are given by [`Plugin::normalize`]; only a filter looks at more than its node.
    fn scope(&self) -> Scope {
        if self.dialogue.points.has(ExternalPoints::FILTER) {
            Scope::Cluster
        } else {
            Scope::Node
        }
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        let present: Vec<NodeId> = ctx.store.nodes().present().collect();
        let question = Question::Filter(self.request(ctx, &present));
        let Some(accept) = self.dialogue.flags(&question) else {
            return PreFilter::Reject(REJECTED);
        };
        self.accepted.clear();
        self.accepted.resize(ctx.store.nodes().len(), false);
        for (node, accepted) in present.iter().zip(accept) {
            self.accepted[node.index()] = accepted;
        }
        PreFilter::Run
    }

    fn filter(&self, _ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        match self.accepted.get(node.index()) {
            Some(true) => Ok(()),
            _ => Err(REJECTED),
        }
    }

    fn pre_score(&mut self, ctx: &ClassContext<'_>, feasible: &[NodeId]) -> PreScore {
        let question = Question::Score(self.request(ctx, feasible));
        match self.dialogue.numbers(&question) {
            Some(points) => {
                self.scores = points;
                PreScore::Run
            }
            None => PreScore::Skip,
        }
    }

    fn normalize(&self, _ctx: &ClassContext<'_>, scores: &mut [i64]) {
        scores.copy_from_slice(&self.scores);
    }

    fn failure(&self) -> Option<&str> {
        self.dialogue.failure.as_deref()
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(Self::of(self.dialogue.again()))
    }
}

impl ClusterMirror {
    /// The nodes that are new or changed, and those that went, since the last question.
    pub(super) fn advance(&mut self, store: &Store) -> (Vec<NodeState>, Vec<u32>) {
        let nodes = store.nodes();
        let changed = self.revision.and_then(|known| store.ring().since(known));
        let mut rows: Vec<NodeId> = match changed {
            Some(changed) => changed.collect(),
            None => nodes.ids().collect(),
        };
        rows.sort_unstable();
        rows.dedup();
        self.revision = Some(store.revision());
        self.nodes.resize(nodes.len(), None);
        self.bound.resize(nodes.len(), 0);
        let (mut told, mut gone) = (Vec::new(), Vec::new());
        for node in rows {
            let bound = nodes.pods(node).len();
            let before = std::mem::replace(&mut self.bound[node.index()], bound);
            self.all_bound = self.all_bound + bound - before;
            let known = &mut self.nodes[node.index()];
            match nodes.object(node) {
                Some(object) => {
                    let is_declared = known.as_ref().is_none_or(|own| !Arc::ptr_eq(own, object));
                    told.push(state::node(store, node, is_declared.then_some(object)));
                    *known = Some(object.clone());
                }
                None => gone.extend(known.take().map(|_| node.0)),
            }
        }
        (told, gone)
    }

    /// Number of pods that wait for a node, as of the last advance.
    fn waiting(&self, store: &Store) -> u32 {
        let waiting = store.pods().living().saturating_sub(self.all_bound);
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    /// Whether a node was told of and has not gone.
    pub(super) fn knows(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_some_and(Option::is_some)
    }

    /// The class in question: whole the first time, later its id alone.
    pub(super) fn class(&mut self, ctx: &ClassContext<'_>) -> ClassState {
        let index = ctx.id.index();
        if self.classes.len() <= index {
            self.classes.resize(index + 1, false);
        }
        let is_known = std::mem::replace(&mut self.classes[index], true);
        ClassState {
            id: ctx.id.0,
            described: (!is_known).then(|| state::class(ctx)),
        }
    }
}
