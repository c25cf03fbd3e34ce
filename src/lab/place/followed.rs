//! The fast form for pods with rules about other pods: spreading, affinity. A replica then changes
//! what such a rule says of many nodes, but only by one pod in the domains of its node; the
//! plugins keep the counts ([`Follow`]). Every node's answers by the other plugins are kept as in
//! `kept.rs`. Domains are looked up by number, so a replica costs a pass over the nodes.

use std::sync::Arc;

use super::filling::{Filling, fill, ranks};
use super::kept::{Candidates, Points, Scorer};
use super::{Placed, replica};
use scheduler::kube::attempt::Questions;
use scheduler::kube::{
    Attempt, AttemptContext, Cache, Follow, Follower, KubeProfile, NodeInfo, PodInfo, Reach,
};

/// Points that follow the replicas, and their weight.
type Followed = (i64, Box<dyn Follower>);

/// State that is kept while replicas are placed.
struct Kept<'r, 'a> {
    attempt: &'r Attempt<'a>,
    nodes: Vec<NodeInfo>,
    /// The place of each node in the order of names.
    ranks: Vec<usize>,
    /// Questions whose answer about a node rests on that node.
    near: Questions<'a>,
    /// Those that follow the replicas.
    far: Questions<'a>,
    /// Whether the near questions let a pod in.
    is_open: Vec<bool>,
    /// Whether pods await a place on the node: it is asked anew each time.
    is_awaited: Vec<bool>,
    points: Vec<Points<'r>>,
    followers: Vec<Followed>,
    /// Nodes that can take the next replica, their slots and totals.
    feasible: Vec<usize>,
    slots: Vec<usize>,
    totals: Vec<i64>,
    column: Vec<i64>,
}

/// Nodes of the replicas; `None` where a plugin's answers can't be followed.
pub(super) fn place(
    cache: &Cache,
    profile: &KubeProfile,
    pod: &PodInfo,
    most: u64,
) -> Option<Placed> {
    let first = replica(pod, 1);
    if first.is_terminating || Attempt::gate(profile, &first, &cache.objects).is_err() {
        return None;
    }
    let attempt = Attempt::begin(profile, cache, &first);
    if attempt.refusal.is_some() {
        return None;
    }
    let mut kept = Kept::new(&attempt)?;
    fill(&mut kept, cache, profile, pod, most)
}

/// Points of the plugins that look at one node, and of those that follow the replicas.
type AllPoints<'a> = (Vec<Points<'a>>, Vec<Followed>);

impl<'r, 'a> Kept<'r, 'a> {
    fn new(attempt: &'r Attempt<'a>) -> Option<Self> {
        let (profile, ctx) = (attempt.profile, attempt.ctx);
        let nodes: Vec<NodeInfo> = ctx.cache.nodes().cloned().collect();
        let (mut near, mut far) = (attempt.questions(), attempt.questions());
        let asked = profile.pre_filter.iter().chain(&profile.filter);
        for &index in asked {
            let is_near = profile.reach(index, ctx) <= Reach::Node;
            if !is_near && matches!(profile.fast(index)?.follow(ctx), Follow::Unknown) {
                return None;
            }
            if is_near {
                far[index] = None;
            } else {
                near[index] = None;
            }
        }
        let is_awaited = |node: &NodeInfo| !ctx.cache.nominated(node.name()).is_empty();
        let mut kept = Self {
            ranks: ranks(&nodes),
            is_open: Vec::new(),
            is_awaited: nodes.iter().map(is_awaited).collect(),
            points: Vec::new(),
            followers: Vec::new(),
            feasible: Vec::new(),
            slots: Vec::new(),
            totals: Vec::new(),
            column: Vec::new(),
            attempt,
            nodes,
            near,
            far,
        };
        kept.is_open = kept.nodes.iter().map(|node| kept.lets_in(node)).collect();
        (kept.points, kept.followers) = kept.all_points(ctx)?;
        Some(kept)
    }

    fn all_points(&self, ctx: AttemptContext<'a>) -> Option<AllPoints<'r>> {
        let attempt = self.attempt;
        let open: Vec<usize> = (0..self.nodes.len())
            .filter(|&node| self.is_open[node])
            .collect();
        let candidates = Candidates {
            places: &open,
            nodes: open.iter().map(|&node| &self.nodes[node]).collect(),
            of: self.nodes.len(),
        };
        let (mut points, mut followers) = (Vec::new(), Vec::new());
        for &(index, weight) in &attempt.profile.score {
            let scorer = Scorer::of(attempt.profile, index, weight, ctx);
            if scorer.reach == Reach::Cluster {
                match attempt.profile.fast(index)?.follow(ctx) {
                    Follow::Unknown => return None,
                    Follow::NoPoints => {}
                    Follow::Points(follower) => followers.push((weight, follower)),
                }
                continue;
            }
            points.extend(Points::ask(scorer, ctx, &candidates));
        }
        Some((points, followers))
    }

    /// Whether the near questions let a pod in. Where pods await a place all questions are asked
    /// later.
    fn lets_in(&self, node: &NodeInfo) -> bool {
        self.attempt.is_looked_at(node)
            && (!self.attempt.ctx.cache.nominated(node.name()).is_empty()
                || self.attempt.verdict_in(&self.near, node).is_none())
    }

    /// Whether a node that the near questions let in can take the next replica.
    fn can_take(&self, place: usize) -> bool {
        let node = &self.nodes[place];
        if !self.is_awaited[place] {
            let mut asked = self.far.iter().flatten();
            return asked.all(|question| question.filter(node).is_ok());
        }
        let both = self.near.iter().zip(&self.far);
        let all: Questions<'a> = both
            .map(|(near, far)| {
                let own = near.as_ref().or(far.as_ref());
                own.map(|own| own.clone_filter())
            })
            .collect();
        self.attempt.verdict_in(&all, node).is_none()
    }
}

impl Filling for Kept<'_, '_> {
    fn nodes(&self) -> &[NodeInfo] {
        &self.nodes
    }

    fn next(&mut self) -> Option<usize> {
        let mut feasible = std::mem::take(&mut self.feasible);
        feasible.clear();
        let open = self.is_open.iter().enumerate();
        let open = open.filter(|&(_, &is_open)| is_open);
        feasible.extend(
            open.map(|(node, _)| node)
                .filter(|&node| self.can_take(node)),
        );
        self.totals.clear();
        self.totals.resize(feasible.len(), 0);
        for points in &mut self.points {
            points.bound(feasible.iter().copied());
            for (total, &node) in self.totals.iter_mut().zip(&feasible) {
                *total += points.weighted(node);
            }
        }
        self.slots.clear();
        let slots = feasible.iter().map(|&node| self.nodes[node].slot);
        self.slots.extend(slots);
        for (weight, follower) in &mut self.followers {
            follower.score(&self.slots, &mut self.column);
            for (total, points) in self.totals.iter_mut().zip(&self.column) {
                *total += *weight * points;
            }
        }
        let places = feasible.iter().zip(&self.totals);
        let best =
            places.min_by_key(|&(&node, &total)| (std::cmp::Reverse(total), self.ranks[node]));
        let best = best.map(|(&node, _)| node);
        self.feasible = feasible;
        best
    }

    fn take(&mut self, place: usize, replica: &Arc<PodInfo>) -> Option<()> {
        self.nodes[place].add_pod(replica.clone());
        let node = &self.nodes[place];
        for question in self.far.iter_mut().flatten() {
            question.add_pod(replica, node);
        }
        for (_, follower) in &mut self.followers {
            follower.add_pod(node);
        }
        self.is_open[place] = self.lets_in(&self.nodes[place]);
        if self.is_open[place] {
            for points in &mut self.points {
                points.ask_again(self.attempt.ctx, place, &self.nodes[place])?;
            }
        }
        Some(())
    }
}
