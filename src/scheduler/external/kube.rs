//! Filter and score of kube-scheduler that a program outside answers.
//!
//! The score sees the nodes that the original's `Score` sees: those that the search found feasible before
//! it stopped. Points are spread over 0 to 100 as a `NormalizeScore` would
//! ([`Normalization::WholeSpan`]). A filter is asked once a pod about all nodes; a node that a simulated
//! preemption changed is asked about by itself, and told back with the next question.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control::exchange::Exchange;
use control::exchange::question::{ClassState, NodeState, Question, Request};
use indexmap::IndexSet;
use model::{Node, PodSpec, Text};
use rustc_hash::FxBuildHasher;
use units::Instant;

use super::{Dialogue, ExternalPoints, NAME, REJECTED, state};
use crate::kube::plugin::Outside;
use crate::kube::{
    Amounts, AttemptContext, Cache, EventKinds, KubePlugin, KubePoints, NodeFilter, NodeInfo,
    Normalization, PodClass, PodInfo, PreFilterResult, Rejection, Scores,
};

/// A plugin of kube-scheduler that asks a program.
pub struct ExternalKubePlugin {
    points: ExternalPoints,
    view: Mutex<SharedView>,
}

/// Nodes, classes and answers that the program and its plugin share.
struct SharedView {
    /// `None` gives the last answers again.
    dialogue: Option<Dialogue>,
    now: Instant,
    classes: IndexSet<Arc<PodSpec>, FxBuildHasher>,
    /// Nodes as they were told last, by slot.
    told: Vec<Option<NodeSnapshot>>,
    /// Number of the next node.
    next: u32,
    /// The last answer about all nodes, by slot.
    accepted: Vec<bool>,
    /// The last points, by slot.
    scores: Vec<i64>,
}

/// Changes of nodes since the last question.
#[derive(Default)]
struct NodeChanges {
    /// Nodes that are new or changed.
    nodes: Vec<NodeState>,
    /// Numbers of nodes that went.
    gone: Vec<u32>,
}

/// A node as it was told last.
#[derive(Clone)]
struct NodeSnapshot {
    id: u32,
    object: Arc<Node>,
    requested: Amounts,
    pods: usize,
    gpu_room: Box<[u16]>,
    is_down: bool,
}

impl NodeSnapshot {
    fn of(id: u32, node: &NodeInfo) -> Self {
        Self {
            id,
            object: node.object.clone(),
            requested: node.requested.clone(),
            pods: node.pods.len(),
            gpu_room: node.gpu_room.clone(),
            is_down: node.is_down,
        }
    }

    /// Whether the node is still as it was told.
    fn is(&self, node: &NodeInfo) -> bool {
        Arc::ptr_eq(&self.object, &node.object)
            && self.pods == node.pods.len()
            && self.is_down == node.is_down
            && self.gpu_room == node.gpu_room
            && self.requested == node.requested
    }
}

impl SharedView {
    fn new(dialogue: Option<Dialogue>) -> Self {
        Self {
            dialogue,
            now: Instant::ZERO,
            classes: IndexSet::default(),
            told: Vec::new(),
            next: 0,
            accepted: Vec::new(),
            scores: Vec::new(),
        }
    }

    /// The nodes that are new or changed, and those that went, since the last question.
    fn advance(&mut self, cache: &Cache) -> NodeChanges {
        let mut changes = NodeChanges::default();
        self.told
            .resize(cache.slot_count().max(self.told.len()), None);
        for slot in 0..self.told.len() {
            match cache.node_in(slot) {
                Some(node) => self.tell(node, &mut changes),
                None => changes
                    .gone
                    .extend(self.told[slot].take().map(|known| known.id)),
            }
        }
        changes
    }

    /// Tells a node if it is not known as it is.
    fn tell(&mut self, node: &NodeInfo, changes: &mut NodeChanges) {
        let known = self.told[node.slot].take();
        if known.as_ref().is_some_and(|known| known.is(node)) {
            self.told[node.slot] = known;
            return;
        }
        // A slot may have another node by now, which is one of its own.
        let (same, other): (Option<NodeSnapshot>, Option<NodeSnapshot>) = match known {
            Some(own) if own.object.name == *node.name() => (Some(own), None),
            other => (None, other),
        };
        changes.gone.extend(other.map(|own| own.id));
        let is_declared = (same.as_ref()).is_none_or(|own| !Arc::ptr_eq(&own.object, &node.object));
        let id = same.map_or_else(
            || {
                self.next += 1;
                self.next - 1
            },
            |own| own.id,
        );
        changes.nodes.push(state::kube_node(id, node, is_declared));
        self.told[node.slot] = Some(NodeSnapshot::of(id, node));
    }

    /// The class in question: whole the first time, later its id alone.
    fn class(&mut self, class: &PodClass) -> ClassState {
        let (index, is_new) = self.classes.insert_full(class.spec.clone());
        ClassState {
            id: index as u32,
            described: is_new.then(|| state::kube_class(class)),
        }
    }

    fn request(
        &mut self,
        pod: &PodInfo,
        changes: NodeChanges,
        slots: impl Iterator<Item = usize>,
    ) -> Request {
        let candidates = slots.filter_map(|slot| Some(self.told.get(slot)?.as_ref()?.id));
        let candidates = candidates.collect();
        Request {
            now: self.now.as_nanos(),
            class: self.class(&pod.class),
            nodes: changes.nodes,
            gone: changes.gone,
            candidates,
            waiting: 0,
        }
    }

    /// Asks about all nodes; whether there is an answer.
    fn ask_all(&mut self, ctx: AttemptContext<'_>) -> bool {
        if self.dialogue.is_none() {
            return true;
        }
        let changes = self.advance(ctx.cache);
        let slots: Vec<usize> = ctx.cache.nodes().map(|node| node.slot).collect();
        let request = self.request(ctx.pod, changes, slots.iter().copied());
        let Some(accept) = self.accept(request) else {
            return false;
        };
        self.accepted.clear();
        self.accepted.resize(ctx.cache.slot_count(), false);
        for (slot, accepted) in slots.into_iter().zip(accept) {
            self.accepted[slot] = accepted;
        }
        true
    }

    /// Asks about a node as a simulation has it.
    fn ask_about(&mut self, cache: &Cache, pod: &PodInfo, node: &NodeInfo) -> bool {
        let mut changes = self.advance(cache);
        self.tell(node, &mut changes);
        let request = self.request(pod, changes, std::iter::once(node.slot));
        let accept = self.accept(request);
        accept.is_some_and(|accept| accept.first() == Some(&true))
    }

    fn accept(&mut self, request: Request) -> Option<Vec<bool>> {
        let question = Question::Filter(request);
        let dialogue = self.dialogue.as_mut()?;
        dialogue.flags(&question)
    }

    fn points(&mut self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Vec<i64>> {
        let slots = || feasible.iter().map(|node| node.slot);
        if self.dialogue.is_none() {
            let score = |slot| self.scores.get(slot).copied().unwrap_or(0);
            return Some(slots().map(score).collect());
        }
        let changes = self.advance(ctx.cache);
        let question = Question::Score(self.request(ctx.pod, changes, slots()));
        let dialogue = self.dialogue.as_mut()?;
        let points = dialogue.numbers(&question)?;
        self.scores.clear();
        self.scores.resize(ctx.cache.slot_count(), 0);
        for (slot, &points) in slots().zip(&points) {
            self.scores[slot] = points;
        }
        Some(points)
    }
}

impl ExternalKubePlugin {
    /// A plugin that asks `exchange` at some points of runs with a seed.
    pub fn new(exchange: Box<dyn Exchange>, points: ExternalPoints, seed: u64) -> Self {
        Self::of(
            points,
            SharedView::new(Some(Dialogue::new(exchange, points, seed))),
        )
    }

    fn of(points: ExternalPoints, view: SharedView) -> Self {
        Self {
            points,
            view: Mutex::new(view),
        }
    }

    fn view(&self) -> MutexGuard<'_, SharedView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The program's question to nodes in one attempt.
#[derive(Clone)]
struct AcceptedNodes<'a> {
    plugin: &'a ExternalKubePlugin,
    ctx: AttemptContext<'a>,
}

impl<'a> NodeFilter<'a> for AcceptedNodes<'a> {
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        let AttemptContext { cache, pod } = self.ctx;
        let known = cache.node_in(node.slot);
        let is_simulated = !known.is_some_and(|known| std::ptr::eq(known, node));
        let mut view = self.plugin.view();
        let is_accepted = if is_simulated && view.dialogue.is_some() {
            view.ask_about(cache, pod, node)
        } else {
            view.accepted.get(node.slot) == Some(&true)
        };
        if is_accepted {
            Ok(())
        } else {
            Err(Rejection::unschedulable(REJECTED))
        }
    }

    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
        Box::new(self.clone())
    }
}

impl KubePlugin for ExternalKubePlugin {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> KubePoints {
        let mut points = KubePoints::default();
        if self.points.has(ExternalPoints::FILTER) {
            points = points.and(KubePoints::FILTER);
        }
        if self.points.has(ExternalPoints::SCORE) {
            points = points.and(KubePoints::SCORE);
        }
        points
    }

    /// Any change may change a program's mind.
    fn events_to_register(&self) -> EventKinds {
        EventKinds::ALL
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if self.view().ask_all(ctx) {
            PreFilterResult::run_with(AcceptedNodes { plugin: self, ctx })
        } else {
            PreFilterResult::Reject(Rejection::unresolvable(REJECTED))
        }
    }

    fn scores(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let raw = self.view().points(ctx, feasible)?;
        Some(Scores::normalized(raw, Normalization::WholeSpan))
    }

    fn outside(&self) -> Option<&dyn Outside> {
        Some(self)
    }
}

impl Outside for ExternalKubePlugin {
    fn at(&self, now: Instant) {
        self.view().now = now;
    }

    fn failure(&self) -> Option<Text> {
        self.view().dialogue.as_ref()?.failure.clone()
    }

    fn again(&self) -> Arc<dyn KubePlugin> {
        let dialogue = self.view().dialogue.as_ref().map(Dialogue::again);
        Arc::new(Self::of(self.points, SharedView::new(dialogue)))
    }

    fn kept(&self) -> Arc<dyn KubePlugin> {
        let view = self.view();
        let kept = SharedView {
            accepted: view.accepted.clone(),
            scores: view.scores.clone(),
            ..SharedView::new(None)
        };
        Arc::new(Self::of(self.points, kept))
    }
}
