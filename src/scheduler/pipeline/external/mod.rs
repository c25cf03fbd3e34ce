//! Plugin whose answers a program outside gives: a filter, a score, or both. It is asked once a pod and
//! point, about all nodes in question together; between two questions it is told which nodes changed.
//!
//! Questions and answers are lines of JSON. A first exchange greets; `docs/manual/external.md` has the
//! protocol with an example of every line:
//!
//! ```text
//! > {"call":"hello","protocol":1,"seed":42,"points":["score"]}
//! < {"protocol":1}
//! > {"call":"score","now":0,"class":{"id":0,"requests":{"cpu_milli":500}},"nodes":[{"id":0}],"candidates":[0]}
//! < {"points":[7]}
//! ```

mod question;

use std::sync::Arc;

use cluster::Store;
use control::exchange::{Exchange, ExchangeError, PROTOCOL};
use model::Node;
use serde::de::DeserializeOwned;
use units::{NodeId, Revision, plural};

use self::question::{
    ClassDescription, ClassState, Filtered, Hello, NodeState, Question, Request, Scored,
};
use super::plugin::{PreFilter, PreScore};
use super::{ClassContext, Plugin, Points, Reason, Scope};

/// The plugin's name in explanations.
pub const NAME: &str = "external";

const REJECTED: Reason = Reason::Text("node(s) were rejected by the external program");

/// Points at which the program is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExternalPoints {
    /// `true` if it says which nodes can take a pod.
    pub filter: bool,
    /// `true` if it gives nodes points.
    pub score: bool,
}

/// A plugin that asks a program. A copy asks a program of its own, which begins anew.
pub struct ExternalPlugin {
    exchange: Box<dyn Exchange>,
    points: ExternalPoints,
    seed: u64,
    /// Its copy of the cluster; `None` before the greeting.
    mirror: Option<ClusterMirror>,
    /// Its last answer about all nodes, by row.
    accepted: Vec<bool>,
    /// Its last points, by place among the nodes asked about.
    scores: Vec<i64>,
    failure: Option<String>,
}

/// The program's copy of the cluster: what questions have stated so far.
#[derive(Default)]
struct ClusterMirror {
    revision: Option<Revision>,
    /// Declarations by row.
    nodes: Vec<Option<Arc<Node>>>,
    /// Whether a class was described, by its id.
    classes: Vec<bool>,
}

impl ExternalPlugin {
    /// A plugin that asks `exchange` at some points of runs with a seed.
    pub fn new(exchange: Box<dyn Exchange>, points: ExternalPoints, seed: u64) -> Self {
        Self {
            exchange,
            points,
            seed,
            mirror: None,
            accepted: Vec::new(),
            scores: Vec::new(),
            failure: None,
        }
    }

    /// The greeting, once.
    fn greet(&mut self) -> Result<ClusterMirror, ExchangeError> {
        let mut points = Vec::new();
        points.extend(self.points.filter.then_some("filter"));
        points.extend(self.points.score.then_some("score"));
        let question = Question::Hello {
            protocol: PROTOCOL,
            seed: self.seed,
            points,
        };
        let hello: Hello = ask(&mut *self.exchange, &question)?;
        if hello.protocol == PROTOCOL {
            return Ok(ClusterMirror::default());
        }
        let other = hello.protocol;
        let why = format!(
            "the external program speaks protocol {other}, expected {PROTOCOL}: answer the greeting with \
             {{\"protocol\": {PROTOCOL}}}"
        );
        Err(ExchangeError(why))
    }

    /// An answer about candidates, with all that changed since the last question.
    fn answer<T: DeserializeOwned>(
        &mut self,
        ctx: &ClassContext<'_>,
        candidates: &[NodeId],
        call: impl FnOnce(Request) -> Question,
    ) -> Result<T, ExchangeError> {
        let mut mirror = match self.mirror.take() {
            Some(mirror) => mirror,
            None => self.greet()?,
        };
        let (nodes, gone) = mirror.advance(ctx.store);
        let request = Request {
            now: ctx.now.as_nanos(),
            class: mirror.class(ctx),
            nodes,
            gone,
            candidates: candidates.iter().map(|node| node.0).collect(),
        };
        let answer = ask(&mut *self.exchange, &call(request));
        self.mirror = Some(mirror);
        answer
    }

    /// Keeps a failure, which ends the run after this step.
    fn fail<T>(&mut self, answer: Result<T, ExchangeError>) -> Option<T> {
        answer
            .map_err(|error| self.failure = Some(error.to_string()))
            .ok()
    }
}

/// Asks a question; an answer that is not as expected is a failure that quotes its beginning.
fn ask<T: DeserializeOwned>(
    exchange: &mut dyn Exchange,
    question: &Question,
) -> Result<T, ExchangeError> {
    let text = serde_json::to_string(question).map_err(|error| ExchangeError(error.to_string()))?;
    let answer = exchange.ask(&text)?;
    serde_json::from_str(&answer).map_err(|error| {
        let call = question.name();
        let start = answer.chars().take(80);
        let start: String = start.filter(|own| !own.is_control()).collect();
        ExchangeError(format!(
            "the external program's answer to `{call}` can't be read: {error}; it begins `{start}`"
        ))
    })
}

/// Refuses a list that has not an item for each node in question.
fn of_length<T>(items: Vec<T>, wanted: usize, field: &str) -> Result<Vec<T>, ExchangeError> {
    if items.len() == wanted {
        return Ok(items);
    }
    let found = items.len();
    let candidates = plural::count(wanted as u64, "candidate");
    let why = format!(
        "the external program answered {found} `{field}` about {candidates}: one each is expected, in their \
         order"
    );
    Err(ExchangeError(why))
}

impl Plugin for ExternalPlugin {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> Points {
        let mut points = Points::EXTERNAL;
        if self.points.filter {
            points = points.and(Points::PRE_FILTER).and(Points::FILTER);
        }
        if self.points.score {
            let score = Points::SCORE.and(Points::PRE_SCORE).and(Points::NORMALIZE);
            points = points.and(score);
        }
        points
    }

    /// Points are given by [`Plugin::normalize`]; only a filter looks at more than its node.
    fn scope(&self) -> Scope {
        if self.points.filter {
            Scope::Cluster
        } else {
            Scope::Node
        }
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        if self.failure.is_some() {
            return PreFilter::Reject(REJECTED);
        }
        let present: Vec<NodeId> = ctx.store.nodes().present().collect();
        let answer = self.answer(ctx, &present, Question::Filter);
        let answer =
            answer.and_then(|Filtered { accept }| of_length(accept, present.len(), "accept"));
        let Some(accept) = self.fail(answer) else {
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
        if self.failure.is_some() {
            return PreScore::Skip;
        }
        let answer = self.answer(ctx, feasible, Question::Score);
        let answer =
            answer.and_then(|Scored { points }| of_length(points, feasible.len(), "points"));
        match self.fail(answer) {
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
        self.failure.as_deref()
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(Self::new(self.exchange.again(), self.points, self.seed))
    }
}

impl ClusterMirror {
    /// The nodes that are new or changed, and those that went, since the last question.
    fn advance(&mut self, store: &Store) -> (Vec<NodeState>, Vec<u32>) {
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
        let (mut told, mut gone) = (Vec::new(), Vec::new());
        for node in rows {
            let known = &mut self.nodes[node.index()];
            match nodes.object(node) {
                Some(object) => {
                    let is_declared = known.as_ref().is_none_or(|own| !Arc::ptr_eq(own, object));
                    told.push(NodeState::of(store, node, is_declared.then_some(object)));
                    *known = Some(object.clone());
                }
                None => gone.extend(known.take().map(|_| node.0)),
            }
        }
        (told, gone)
    }

    /// The class in question: whole the first time, later its id alone.
    fn class(&mut self, ctx: &ClassContext<'_>) -> ClassState {
        let index = ctx.id.index();
        if self.classes.len() <= index {
            self.classes.resize(index + 1, false);
        }
        let is_known = std::mem::replace(&mut self.classes[index], true);
        ClassState {
            id: ctx.id.0,
            described: (!is_known).then(|| ClassDescription::of(ctx)),
        }
    }
}
