//! The fast form: verdicts and points are kept, and only the node that took a replica is asked
//! anew. It applies where no plugin's answer about a node rests on pods elsewhere.
//!
//! Totals are points on the plugins' scales, and those depend on the largest and least raw points
//! among the nodes that can take the pod. As long as no node drops out that holds one of these,
//! one total changes per replica; else all are computed anew.

use std::sync::Arc;

use super::filling::{Filling, fill, ranks};
use super::{Placed, replica};
use model::Text;
use scheduler::kube::{
    Attempt, AttemptContext, Cache, KubePlugin, KubeProfile, NodeInfo, Normalization, PodInfo,
    Reach,
};
use units::SortedSet;

/// A plugin that gives points.
#[derive(Clone, Copy)]
pub(super) struct Scorer<'a> {
    pub(super) plugin: &'a dyn KubePlugin,
    pub(super) weight: i64,
    pub(super) reach: Reach,
}

impl<'a> Scorer<'a> {
    /// A plugin of a profile, with its weight.
    pub(super) fn of(
        profile: &'a KubeProfile,
        index: usize,
        weight: i64,
        ctx: AttemptContext<'_>,
    ) -> Self {
        Self {
            plugin: &*profile.plugins[index],
            weight,
            reach: profile.reach(index, ctx),
        }
    }
}

/// Nodes that a plugin gives points to.
pub(super) struct Candidates<'a> {
    /// Indices of the nodes among all nodes.
    pub(super) places: &'a [usize],
    /// The nodes, in the order of `places`.
    pub(super) nodes: Vec<&'a NodeInfo>,
    /// Number of all nodes.
    pub(super) of: usize,
}

/// The points of one plugin.
pub(super) struct Points<'a> {
    plugin: &'a dyn KubePlugin,
    weight: i64,
    normalization: Normalization,
    /// Whether a replica changes the points of its node.
    changes: bool,
    /// By node; those of nodes that can't take the pod have no meaning.
    raw: Vec<i64>,
    least: i64,
    most: i64,
}

impl<'a> Points<'a> {
    /// Points that a plugin gives to candidates; `None` if it gives none.
    pub(super) fn ask(
        scorer: Scorer<'a>,
        ctx: AttemptContext<'_>,
        candidates: &Candidates<'_>,
    ) -> Option<Self> {
        let scores = scorer.plugin.scores(ctx, &candidates.nodes)?;
        let mut raw = vec![0; candidates.of];
        for (&place, &points) in candidates.places.iter().zip(&scores.raw) {
            raw[place] = points;
        }
        Some(Self {
            plugin: scorer.plugin,
            weight: scorer.weight,
            normalization: scorer.plugin.normalize_score(),
            changes: scorer.reach != Reach::Nothing,
            raw,
            least: 0,
            most: 0,
        })
    }

    /// Contribution of the points to a node's total.
    pub(super) fn weighted(&self, node: usize) -> i64 {
        self.weight * self.on_scale(node)
    }

    /// A replica took its place on a node; `None` if the plugin has no points any more.
    pub(super) fn ask_again(
        &mut self,
        ctx: AttemptContext<'_>,
        place: usize,
        node: &NodeInfo,
    ) -> Option<()> {
        if self.changes {
            let scores = self.plugin.scores(ctx, &[node])?;
            self.raw[place] = *scores.raw.first()?;
        }
        Some(())
    }

    fn on_scale(&self, node: usize) -> i64 {
        self.normalization
            .apply(self.raw[node], self.least, self.most)
    }

    /// Takes the bounds over some nodes; whether they changed.
    pub(super) fn bound(&mut self, nodes: impl Iterator<Item = usize> + Clone) -> bool {
        let raw = nodes.map(|node| self.raw[node]);
        let least = raw.clone().min().unwrap_or(0);
        let most = raw.max().unwrap_or(0);
        let is_new = (least, most) != (self.least, self.most);
        (self.least, self.most) = (least, most);
        is_new && self.normalization != Normalization::Plain
    }

    /// Whether a node holds one of the bounds.
    fn is_bound(&self, node: usize) -> bool {
        let raw = self.raw[node];
        self.normalization != Normalization::Plain && (raw == self.least || raw == self.most)
    }
}

/// State that is kept while replicas are placed.
struct Kept<'r, 'a> {
    attempt: &'r Attempt<'a>,
    nodes: Vec<NodeInfo>,
    /// The place of each node in the order of names.
    ranks: Vec<usize>,
    is_feasible: Vec<bool>,
    points: Vec<Points<'r>>,
    totals: Vec<i64>,
    /// Nodes that can take the pod, the one it goes to first: by highest total, then by name.
    order: SortedSet<(std::cmp::Reverse<i64>, usize, usize)>,
}

/// Whether nothing but the node that took a replica has to be asked again.
fn applies(profile: &KubeProfile, ctx: AttemptContext<'_>) -> bool {
    let asked = profile.pre_filter.iter().chain(&profile.filter);
    let is_near = |index: usize| profile.reach(index, ctx) <= Reach::Node;
    let mut scored = profile.score.iter();
    asked.copied().all(is_near) && scored.all(|&(index, _)| is_near(index))
}

/// Nodes of the replicas; `None` where the answers have to be worked out anew each time.
pub(super) fn place(
    cache: &Cache,
    profile: &KubeProfile,
    pod: &PodInfo,
    most: u64,
) -> Option<Placed> {
    let first = replica(pod, 1);
    let is_open = Attempt::gate(profile, &first, &cache.objects).is_ok();
    if !is_open || !applies(profile, AttemptContext { cache, pod: &first }) {
        return None;
    }
    let attempt = Attempt::begin(profile, cache, &first);
    if attempt.refusal.is_some() {
        return None;
    }
    let mut kept = Kept::new(&attempt, profile);
    fill(&mut kept, cache, profile, pod, most)
}

impl<'r, 'a> Kept<'r, 'a> {
    fn new(attempt: &'r Attempt<'a>, profile: &'r KubeProfile) -> Self {
        let cache = attempt.ctx.cache;
        let nodes: Vec<NodeInfo> = cache.nodes().cloned().collect();
        let ranks = ranks(&nodes);
        let search = attempt.search_all();
        let is_there: SortedSet<&Text> = search.feasible.iter().collect();
        let mut kept = Self {
            is_feasible: nodes
                .iter()
                .map(|node| is_there.contains(node.name()))
                .collect(),
            totals: vec![0; nodes.len()],
            points: Vec::new(),
            order: SortedSet::new(),
            attempt,
            nodes,
            ranks,
        };
        let feasible: Vec<usize> = kept.feasible().collect();
        let candidates = Candidates {
            places: &feasible,
            nodes: feasible.iter().map(|&node| &kept.nodes[node]).collect(),
            of: kept.nodes.len(),
        };
        let mut points = Vec::new();
        for &(index, weight) in &profile.score {
            let ctx = attempt.ctx;
            let scorer = Scorer::of(profile, index, weight, ctx);
            points.extend(Points::ask(scorer, ctx, &candidates));
        }
        kept.points = points;
        kept.rank_all();
        kept
    }

    fn feasible(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        let nodes = self.is_feasible.iter().enumerate();
        nodes.filter(|&(_, &can)| can).map(|(node, _)| node)
    }

    fn key(&self, node: usize) -> (std::cmp::Reverse<i64>, usize, usize) {
        (std::cmp::Reverse(self.totals[node]), self.ranks[node], node)
    }

    fn total(&self, node: usize) -> i64 {
        let points = self.points.iter();
        points.map(|own| own.weighted(node)).sum()
    }

    /// Works all totals out.
    fn rank_all(&mut self) {
        let feasible: Vec<usize> = self.feasible().collect();
        for points in &mut self.points {
            points.bound(feasible.iter().copied());
        }
        self.order.clear();
        for node in feasible {
            self.totals[node] = self.total(node);
            self.order.insert(self.key(node));
        }
    }

    /// Takes the bounds anew, and all totals if one of them moved.
    fn bound_again(&mut self) {
        let feasible: Vec<usize> = self.feasible().collect();
        let mut is_new = false;
        for points in &mut self.points {
            is_new |= points.bound(feasible.iter().copied());
        }
        if is_new {
            self.rank_all();
        }
    }
}

impl Filling for Kept<'_, '_> {
    fn nodes(&self) -> &[NodeInfo] {
        &self.nodes
    }

    fn next(&mut self) -> Option<usize> {
        self.order.first().map(|&(_, _, node)| node)
    }

    fn take(&mut self, node: usize, replica: &Arc<PodInfo>) -> Option<()> {
        self.order.remove(&self.key(node));
        self.nodes[node].add_pod(replica.clone());
        if self.attempt.verdict(&self.nodes[node]).is_some() {
            self.is_feasible[node] = false;
            if self.points.iter().any(|points| points.is_bound(node)) {
                self.bound_again();
            }
            return Some(());
        }
        let mut changes_all = false;
        for points in &mut self.points {
            if !points.changes {
                continue;
            }
            let was_bound = points.is_bound(node);
            points.ask_again(self.attempt.ctx, node, &self.nodes[node])?;
            changes_all |= was_bound || points.is_bound(node);
            changes_all |= points.normalization != Normalization::Plain;
        }
        if changes_all {
            self.rank_all();
            return Some(());
        }
        self.totals[node] = self.total(node);
        self.order.insert(self.key(node));
        Some(())
    }
}
