//! The fast form of a decision: the same answer as the plain form's, from cached answers that are updated
//! with what changed since the last decision.
//!
//! Open [`Fast::decide`] first. Every class of pods has a plan (`plan`), made from what its plugins say their
//! answers depend on ([`super::cacheable`]). Nodes are numbered by place, which they keep while they are away
//! (`sites`). Answers about single nodes are shared by the classes that they can't tell apart (`shape`).
//! What rules about other pods look at is counted by domain (`counter`, `key`), once for all plans whose
//! rules mean the same; what volumes allow is a set of nodes. A decision is then a search over bit sets of
//! nodes (`window`) and a sum over columns of points (`rank`, `spread`). The reasons why no node can take a
//! pod are cached as well (`fail`). A class whose rules the form doesn't follow is decided plainly, as is a
//! pod that finds no node under rules about other pods, or where it may evict.
//!
//! Example: 1,000 nodes, and pods of one class that request 500m of CPU and repel each other by zone.
//!
//! 1. The first pod makes the plan: a shape (for each node a bit "500m fit, no taint repels" and its points)
//!    and a counter for the key (zone, the class's selector), in which every zone stands at 0.
//! 2. The pod is bound to node 7 of zone a. `follow` reads the two changes from the log when the next pod
//!    comes: node 7 is marked changed, and the counter of zone a goes to 1.
//! 3. `Shape::refresh` asks the plugins about node 7 alone; the other 999 answers stand. The mask of the
//!    counter clears the bits of zone a, 64 nodes at a time.
//! 4. `Window::search` takes bits from the scheduler's position on until it has one node more than it wants
//!    (so that it reports as many nodes looked at as kube-scheduler does), and `Ranker` adds the columns of
//!    points of these nodes alone, breaking ties as the plain form does.
//!
//! The cost of a decision is one node asked, and some words of bits, whatever the number of nodes.

mod bits;
mod class_index;
mod counter;
mod declaration_answers;
mod fail;
mod follow;
mod key;
mod mask;
mod plan;
mod rank;
mod shape;
mod sites;
mod spread;
mod window;

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::change_log::Identity;
use super::class_places::key as key_of;
use super::cycle::Failure;
use super::labels::{Labels, Work};
use super::{AttemptContext, KubeProfile, PodClass, TieBreak};
use bits::{Set, Stamps};
use counter::Counters;
use declaration_answers::{DeclarationAnswers, DeclarationKey};
use fail::fail;
use key::Key;
use mask::Mask;
use model::{ClusterObjects, PodSpec, Text};
use plan::{DraftPoints, FastProfile, Plan};
use rank::{RankInput, Ranker};
use shape::{Nodes, Shape};
use sites::Sites;
use window::Window;

use super::cacheable::{AnswerScope, NodeImages, NodeRow};

/// Memory budget of cached answers, in bytes; beyond it, the least recently used half is dropped.
const BUDGET_BYTES: usize = 256 << 20;

/// Key of a shape: the profile, the plugins asked, and the bare spec.
type ShapeKey = (usize, Vec<(usize, AnswerScope)>, Vec<DraftPoints>, PodSpec);

/// Form in which pods of a class are decided.
enum Entry {
    /// Plainly. The class is held because it is found by where it lies in memory.
    Plainly(Arc<PodClass>),
    /// In the fast form.
    By(Box<Plan>),
}

impl Entry {
    /// Whether pods of the class have volumes.
    fn has_volumes(&self) -> bool {
        let class = match self {
            Self::Plainly(class) => class,
            Self::By(plan) => &plan.pod.class,
        };
        !class.spec.volumes.is_empty()
    }
}

/// Destination of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The node's place in the scheduler's order.
    pub place: usize,
    /// Number of nodes examined.
    pub looked_at: usize,
}

/// Outcome for a pod.
#[derive(Debug)]
pub enum Answer {
    /// To be decided plainly; nothing was drawn.
    Plainly,
    /// It goes to a node.
    Placed(Choice),
    /// No node can take it, and there is no pod to evict.
    Failed(Failure),
}

/// Kept answers about one cache. A copy has none and starts anew.
pub struct Fast {
    /// The cache that is followed.
    identity: Option<Identity>,
    /// Position up to which the log of nodes is taken in.
    node_version: u64,
    objects_version: u64,
    /// Cluster objects that plans depend on.
    objects: ClusterObjects,
    /// Position up to which the log is taken in.
    position: u64,
    /// The nodes by place.
    sites: Sites,
    /// By place: what most answers look at.
    rows: Vec<NodeRow>,
    /// By word: up to where in the log something changed.
    changed: Vec<u64>,
    /// By place: the same, counted from where it was begun to follow.
    stamps: Vec<Stamps>,
    /// Position up to which the log was taken in then.
    base: u64,
    profiles: Vec<FastProfile>,
    /// By profile and where the class lies in memory.
    plans: IndexMap<(usize, usize), Entry, FxBuildHasher>,
    shapes: Vec<Option<Shape>>,
    shape_numbers: IndexMap<ShapeKey, usize, FxBuildHasher>,
    declared: IndexMap<DeclarationKey, Arc<DeclarationAnswers>, FxBuildHasher>,
    /// By name of the test: the nodes that pass it.
    sets: IndexMap<Text, Arc<Set>, FxBuildHasher>,
    /// Images by name, once they were asked for.
    images: Option<NodeImages>,
    /// Whether there may be plans of pods with volumes, which rest on more objects.
    has_volumes: bool,
    /// Memory of the shapes, their shared data and the sets, in bytes.
    shape_bytes: usize,
    keys: Vec<Key>,
    key_numbers: IndexMap<(Text, bool), usize, FxBuildHasher>,
    counters: Counters,
    window: Window,
    ranker: Ranker,
    /// Number of decisions asked for.
    tick: u64,
    /// Number of decisions taken.
    taken: u64,
    pub(super) labels: Labels,
    /// Whether pods without a node that may evict nobody are not told why.
    pub(super) is_terse: bool,
    budget_bytes: usize,
}

impl Default for Fast {
    fn default() -> Self {
        Self::with_budget(BUDGET_BYTES)
    }
}

impl Clone for Fast {
    fn clone(&self) -> Self {
        Self {
            labels: self.labels.clone(),
            is_terse: self.is_terse,
            ..Self::with_budget(self.budget_bytes)
        }
    }
}

impl fmt::Debug for Fast {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fast({} plans)", self.plans.len())
    }
}

impl Fast {
    /// Form with a bound in bytes for kept answers.
    pub fn with_budget(budget_bytes: usize) -> Self {
        Self {
            identity: None,
            node_version: 0,
            objects_version: 0,
            objects: ClusterObjects::default(),
            position: 0,
            sites: Sites::default(),
            rows: Vec::new(),
            changed: Vec::new(),
            stamps: Vec::new(),
            base: 0,
            profiles: Vec::new(),
            plans: IndexMap::default(),
            shapes: Vec::new(),
            shape_numbers: IndexMap::default(),
            declared: IndexMap::default(),
            sets: IndexMap::default(),
            images: None,
            has_volumes: false,
            shape_bytes: 0,
            keys: Vec::new(),
            key_numbers: IndexMap::default(),
            counters: Counters::default(),
            window: Window::default(),
            ranker: Ranker::default(),
            tick: 0,
            taken: 0,
            labels: Labels::default(),
            is_terse: false,
            budget_bytes,
        }
    }

    /// Number of decisions that the fast form took; the others were left to the plain form.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Decides on a pod; the search starts at the given position.
    pub fn decide(
        &mut self,
        profile: &KubeProfile,
        ctx: AttemptContext<'_>,
        start: usize,
        ties: &mut TieBreak,
    ) -> Answer {
        let AttemptContext { cache, pod } = ctx;
        let nodes = cache.node_count();
        let is_special = pod.node_name().is_some()
            || pod.nominated_node().is_some()
            || pod.group().is_some()
            || pod.has_device_claims();
        if nodes == 0 || is_special || cache.most_awaiting() >= Some(pod.priority()) {
            return Answer::Plainly;
        }
        let before = self.labels.enter(Work::PreFilter);
        self.follow(cache);
        self.tick += 1;
        let number = self.plan_for(profile, cache, pod);
        let answer = self.answer(number, profile, ctx, start % nodes, ties);
        self.labels.leave(before);
        self.taken += u64::from(answer.is_some());
        answer.unwrap_or(Answer::Plainly)
    }

    fn answer(
        &mut self,
        number: usize,
        profile: &KubeProfile,
        ctx: AttemptContext<'_>,
        start: usize,
        ties: &mut TieBreak,
    ) -> Option<Answer> {
        let AttemptContext { cache, pod } = ctx;
        let (_, Entry::By(plan)) = self.plans.get_index_mut(number)? else {
            return None;
        };
        plan.used = self.tick;
        let shape = self.shapes[plan.shape].as_mut()?;
        shape.used = self.tick;
        let kept = Nodes {
            cache,
            sites: &self.sites,
            node_version: self.node_version,
            rows: &self.rows,
            changed: &self.changed,
            stamps: &self.stamps,
            base: self.base,
        };
        plan.count_nodes(self.node_version, &self.keys, &self.counters, &self.sites);
        shape.refresh(kept);
        let is_broken = |&counter: &usize| self.counters.get(counter).is_broken;
        if plan.counters.iter().any(is_broken) {
            return None;
        }
        self.labels.enter(Work::Filter);
        if !shape.is_shut() {
            let masks = mask::masks(plan, &self.keys, &self.counters);
            let wanted = profile.wanted(cache.node_count());
            search(&mut self.window, shape, &masks, kept, start, wanted);
        }
        if shape.is_broken {
            return None;
        }
        let place = match self.window.count {
            count if count == 0 || shape.is_shut() => {
                shape.shut(kept);
                if self.is_terse && profile.post_filter.is_empty() {
                    ties.draw_preemption();
                    return Some(Answer::Failed(Failure::default()));
                }
                self.labels.enter(Work::PostFilter);
                let before = shape.bytes();
                let failure = fail(profile, pod, plan, &mut shape.whys, kept, self.tick);
                self.shape_bytes = self.shape_bytes + shape.bytes() - before;
                let failure = failure?;
                ties.draw_preemption();
                return Some(Answer::Failed(failure));
            }
            1 => self.window.first(),
            _ => {
                self.labels.enter(Work::Score);
                for index in self.window.indexes() {
                    shape.top(index);
                }
                let sight = RankInput {
                    keys: &self.keys,
                    counters: &self.counters,
                    shape,
                    plan,
                    window: &self.window,
                    turn: self.sites.turn(),
                };
                self.ranker.best(sight, start, ties)
            }
        };
        Some(Answer::Placed(Choice {
            place: self.sites.rank(place?),
            looked_at: self.window.looked_at,
        }))
    }
}

/// Searches the nodes that a shape and masks leave, in the scheduler's order.
fn search(
    window: &mut Window,
    shape: &mut Shape,
    masks: &[Mask<'_>],
    kept: Nodes<'_>,
    start: usize,
    wanted: usize,
) {
    let word_at = |index| {
        let word = shape.open_in(index, kept);
        masks
            .iter()
            .fold(word, |word, mask| mask.apply(word, index, kept))
    };
    match kept.sites.turn() {
        Some(turn) => window.search_turned(turn, kept.changed.len(), start, wanted, word_at),
        None => window.search(kept.cache.node_count(), start, wanted, word_at),
    }
}

/// Lookup key of a class.
fn plan_key(profile: usize, class: &Arc<PodClass>) -> (usize, usize) {
    (profile, key_of(class))
}
