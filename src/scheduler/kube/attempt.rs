//! One attempt to place a pod: `PreFilter` prepares, `Filter` asks the nodes, `Score` ranks those
//! that can take the pod, `PostFilter` makes room if none can (spec: kubernetes.md 1.4).

use std::sync::Arc;

use super::plugin::{
    AttemptContext, NodeFilter, PostFilter, PreFilterResult, Scores, StatelessFilter,
};
use super::ties::heap_root;
use super::{
    Cache, Code, KubePlugin, KubePoints, KubeProfile, NodeInfo, PodInfo, Preemption, Rejection,
    Status,
};
use model::dra::ClaimKey;
use model::{Change, ClusterObjects, Text};
use units::SortedSet;

/// A node's verdict: `None` can take the pod.
pub type Verdict = Option<Status>;

/// The questions of an attempt, by position of their plugin; `None` has none.
pub type Questions<'a> = Vec<Option<Box<dyn NodeFilter<'a> + 'a>>>;

/// An attempt after `PreFilter`.
pub struct Attempt<'a> {
    /// Cluster and pod.
    pub ctx: AttemptContext<'a>,
    /// The profile.
    pub profile: &'a KubeProfile,
    /// Reason no node is asked at all.
    pub refusal: Option<Status>,
    /// The names of plugins whose `PreFilter` was asked.
    pub asked: Vec<&'static str>,
    /// The verdict of nodes outside the set that `PreFilter` gave; `None` where they have none.
    pub outside: Option<Status>,
    /// Positions of the plugins that gave such sets.
    pub limiting: Vec<usize>,
    /// A number drawn for this attempt, from which preemption begins its search among the nodes.
    pub preemption_draw: u64,
    names: Option<SortedSet<Text>>,
    questions: Questions<'a>,
}

/// Result of evaluating the nodes.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Names of nodes that can take the pod, in the scheduler's order from the start.
    pub feasible: Vec<Text>,
    /// Their places in the scheduler's order.
    pub places: Vec<usize>,
    /// The others looked at.
    pub rejected: Vec<(Text, Status)>,
}

impl Search {
    /// Message of the attempt if a plugin failed about a node: that ends it, whatever other nodes say,
    /// and no pod makes room.
    pub fn failure(&self) -> Option<String> {
        let mut verdicts = self.rejected.iter().map(|(_, status)| status);
        let failed = verdicts.find(|status| status.code == Code::Error)?;
        let (plugin, text) = (failed.plugin, failed.text());
        Some(format!("running {plugin:?} filter plugin: {text}"))
    }
}

/// The ranking of feasible nodes.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    /// Plugins that gave points, with their weights.
    pub plugins: Vec<(&'static str, i64, Scores)>,
    /// Sums of weight × points, in the order of the nodes.
    pub totals: Vec<i64>,
}

impl Ranking {
    /// The positions of the highest total.
    pub fn best(&self) -> Vec<usize> {
        let highest = self.totals.iter().max();
        let places = self.totals.iter().enumerate();
        places
            .filter(|&(_, total)| Some(total) == highest)
            .map(|(place, _)| place)
            .collect()
    }

    /// The position that release 1.36 takes.
    pub fn root(&self) -> Option<usize> {
        heap_root(&self.totals)
    }
}

/// Result of `PostFilter`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostFilterOutcome {
    /// Whether room can be made.
    pub is_success: bool,
    /// Whether a plugin failed.
    pub is_error: bool,
    /// Message; empty on success.
    pub text: String,
    /// Findings of the preemption.
    pub preemption: Preemption,
    /// A claim that has its devices no longer.
    pub deallocated: Option<ClaimKey>,
}

impl<'a> Attempt<'a> {
    /// Whether a pod may enter the queue; the first plugin that says no.
    pub fn gate(
        profile: &KubeProfile,
        pod: &PodInfo,
        objects: &ClusterObjects,
    ) -> Result<(), Status> {
        profile.pre_enqueue.iter().try_for_each(|&index| {
            let plugin = &profile.plugins[index];
            let answer = plugin.pre_enqueue(pod, objects);
            answer.map_err(|rejection| rejection.of(plugin.name()))
        })
    }

    /// The position of the first plugin that keeps a pod from entering the queue.
    pub fn gate_plugin(
        profile: &KubeProfile,
        pod: &PodInfo,
        objects: &ClusterObjects,
    ) -> Option<usize> {
        let mut plugins = profile.pre_enqueue.iter().copied();
        plugins.find(|&index| {
            let plugin = &profile.plugins[index];
            plugin.pre_enqueue(pod, objects).is_err()
        })
    }

    /// Begins an attempt: runs `PreFilter`.
    pub fn begin(profile: &'a KubeProfile, cache: &'a Cache, pod: &'a PodInfo) -> Self {
        let ctx = AttemptContext { cache, pod };
        let mut attempt = Self {
            ctx,
            profile,
            refusal: None,
            asked: Vec::new(),
            outside: None,
            limiting: Vec::new(),
            preemption_draw: 0,
            names: None,
            questions: Vec::new(),
        };
        attempt
            .questions
            .resize_with(profile.plugins.len(), || None);
        for &index in &profile.pre_filter {
            let plugin = &profile.plugins[index];
            attempt.asked.push(plugin.name());
            match plugin.pre_filter(ctx) {
                PreFilterResult::Skip => {}
                PreFilterResult::Reject(rejection) => {
                    let is_final = rejection.code != Code::Unschedulable;
                    attempt.refusal = Some(rejection.of(plugin.name()));
                    if is_final {
                        return attempt;
                    }
                }
                PreFilterResult::Run { filter, nodes } => {
                    attempt.ask_by(index, filter);
                    if let Some(nodes) = nodes {
                        attempt.limiting.push(index);
                        attempt.limit(nodes);
                        if attempt.refusal.is_some() {
                            return attempt;
                        }
                    }
                }
            }
        }
        for &index in &profile.filter {
            let plugin = &profile.plugins[index];
            if !plugin.points().contains(KubePoints::PRE_FILTER)
                && let PreFilterResult::Run { filter, .. } = plugin.pre_filter(ctx)
            {
                attempt.ask_by(index, filter);
            }
        }
        attempt
    }

    /// Nodes are asked a prepared question of a plugin, or the one that needs no preparation.
    fn ask_by(&mut self, index: usize, prepared: Option<Box<dyn NodeFilter<'a> + 'a>>) {
        let (plugin, pod) = (&*self.profile.plugins[index], self.ctx.pod);
        let plain = || Box::new(StatelessFilter { plugin, pod }) as Box<dyn NodeFilter<'a> + 'a>;
        self.questions[index] = Some(prepared.unwrap_or_else(plain));
    }

    fn limit(&mut self, nodes: SortedSet<Text>) {
        let plugins = self.limiting.iter();
        let plugins: Vec<&str> = plugins
            .map(|&index| self.profile.plugins[index].name())
            .collect();
        let names = match self.names.take() {
            Some(known) => known.intersection(&nodes).cloned().collect(),
            None => nodes,
        };
        let list = plugins.join(" ");
        if names.is_empty() {
            let text = match plugins.as_slice() {
                [one] => format!("node(s) didn't satisfy plugin {one}"),
                _ => format!("node(s) didn't satisfy plugin(s) [{list}] simultaneously"),
            };
            self.refusal = Some(Rejection::unresolvable(text).of(""));
        }
        let changes = self.profile.changes;
        let text = if changes.has(Change::LeftOutNodesNamed) {
            Some(format!("node(s) didn't satisfy plugin(s) [{list}]"))
        } else {
            let is_told = changes.has(Change::LeftOutNodesOldText);
            is_told.then(|| "node is filtered out by the prefilter result".to_owned())
        };
        self.outside = text.map(|text| Rejection::unresolvable(text).of(""));
        self.names = Some(names);
    }

    /// Number of nodes that may be asked: all, or those of the set that `PreFilter` gave.
    pub fn candidate_count(&self) -> usize {
        let cache = self.ctx.cache;
        match &self.names {
            Some(names) => names
                .iter()
                .filter(|name| cache.node(name).is_some())
                .count(),
            None => cache.node_count(),
        }
    }

    /// Words of the panic with which releases up to 1.30 end an attempt whose set of nodes has none
    /// that exists (spec: kubernetes-releases.md A21).
    pub fn panic(&self) -> Option<&'static str> {
        let is_bound_to = self.profile.changes.has(Change::NodeNamePanic)
            && self.refusal.is_none()
            && self.names.is_some()
            && self.candidate_count() == 0;
        is_bound_to.then_some("panic: runtime error: integer divide by zero")
    }

    /// Whether a node can take the pod, with the pods that await a place there and without.
    pub fn verdict(&self, node: &NodeInfo) -> Verdict {
        self.verdict_in(&self.questions, node)
    }

    /// The questions as prepared, for a simulation.
    pub fn questions(&self) -> Questions<'a> {
        clone_questions(&self.questions)
    }

    /// The verdict on a node under changed questions.
    pub fn verdict_in(&self, questions: &Questions<'a>, node: &NodeInfo) -> Verdict {
        let pod = self.ctx.pod;
        let awaiting: Vec<&Arc<PodInfo>> = self
            .ctx
            .cache
            .nominated(node.name())
            .iter()
            .filter(|other| other.priority() >= pod.priority() && !other.is(pod))
            .collect();
        if !awaiting.is_empty() {
            let mut questions = clone_questions(questions);
            let mut node = node.clone();
            for other in awaiting {
                self.add_pod(&mut questions, &mut node, other);
            }
            let verdict = self.ask(&questions, &node);
            if verdict.is_some() {
                return verdict;
            }
        }
        self.ask(questions, node)
    }

    fn ask(&self, questions: &Questions<'a>, node: &NodeInfo) -> Verdict {
        self.profile.filter.iter().find_map(|&index| {
            let answer = questions[index].as_ref()?.filter(node);
            let rejection = answer.err()?;
            Some(rejection.of(self.profile.plugins[index].name()))
        })
    }

    /// Verdict of every filter on a single node, for explanations: an attempt stops at the first
    /// that rejects. Nominated pods are ignored.
    pub fn each_verdict(&self, node: &NodeInfo) -> Vec<(&'static str, Verdict)> {
        let asked = self.profile.filter.iter().filter_map(|&index| {
            let question = self.questions[index].as_ref()?;
            let name = self.profile.plugins[index].name();
            let rejection = question.filter(node).err();
            Some((name, rejection.map(|rejection| rejection.of(name))))
        });
        asked.collect()
    }

    /// Whether the set of nodes that `PreFilter` gave has a node.
    pub fn is_looked_at(&self, node: &NodeInfo) -> bool {
        let names = self.names.as_ref();
        names.is_none_or(|names| names.contains(node.name()))
    }

    /// Adds a pod to a node, in a simulation.
    pub fn add_pod(&self, questions: &mut Questions<'a>, node: &mut NodeInfo, pod: &Arc<PodInfo>) {
        node.add_pod(pod.clone());
        for question in questions.iter_mut().flatten() {
            question.add_pod(pod, node);
        }
    }

    /// Removes a pod from a node, in a simulation.
    pub fn remove_pod(
        &self,
        questions: &mut Questions<'a>,
        node: &mut NodeInfo,
        pod: &Arc<PodInfo>,
    ) {
        node.remove_pod(pod);
        for question in questions.iter_mut().flatten() {
            question.remove_pod(pod, node);
        }
    }

    /// Asks nodes in the scheduler's order from `start` on, until one more than `wanted` feasible
    /// ones was met (which is not counted) or all were asked.
    pub fn search(&self, start: usize, wanted: usize) -> Search {
        let cache = self.ctx.cache;
        let mut search = Search::default();
        let count = cache.node_count();
        for place in (0..count).map(|place| (start + place) % count) {
            let Some(node) = cache.node_at(place) else {
                continue;
            };
            if !self.is_looked_at(node) {
                continue;
            }
            match self.verdict(node) {
                None if search.feasible.len() == wanted => break,
                None => {
                    search.feasible.push(node.name().clone());
                    search.places.push(place);
                }
                Some(status) => search.rejected.push((node.name().clone(), status)),
            }
        }
        search
    }

    /// Asks every node.
    pub fn search_all(&self) -> Search {
        self.search(0, usize::MAX)
    }

    /// Ranks nodes that can take the pod.
    pub fn rank(&self, feasible: &[Text]) -> Ranking {
        let cache = self.ctx.cache;
        let nodes: Vec<&NodeInfo> = feasible
            .iter()
            .filter_map(|name| cache.node(name))
            .collect();
        let mut ranking = Ranking {
            plugins: Vec::new(),
            totals: vec![0; nodes.len()],
        };
        for &(index, weight) in &self.profile.score {
            let plugin = &self.profile.plugins[index];
            let Some(scores) = plugin.scores(self.ctx, &nodes) else {
                continue;
            };
            for (total, points) in ranking.totals.iter_mut().zip(&scores.normalized) {
                *total += weight * points;
            }
            ranking.plugins.push((plugin.name(), weight, scores));
        }
        ranking
    }

    /// No node can take the pod: asks the plugins that make room.
    pub fn make_room(&self, verdicts: &[(Text, Status)]) -> PostFilterOutcome {
        let aftermath = self.make_room_by(|plugin| Some(plugin.post_filter(self, verdicts)));
        aftermath.unwrap_or_default()
    }

    /// Runs `PostFilter` for the case that no node has a pod of lower priority and eviction could
    /// help on `open` nodes; `None` if a plugin needs the verdicts.
    pub fn make_room_of_nobody(&self, open: usize) -> Option<PostFilterOutcome> {
        self.make_room_by(|plugin| plugin.clone().fast()?.post_filter_of_nobody(self, open))
    }

    fn make_room_by(
        &self,
        ask: impl Fn(&Arc<dyn KubePlugin>) -> Option<PostFilter>,
    ) -> Option<PostFilterOutcome> {
        let mut aftermath = PostFilterOutcome::default();
        let mut texts: Vec<String> = Vec::new();
        if self.ctx.cache.node_count() == 0 {
            return Some(aftermath);
        }
        for &index in &self.profile.post_filter {
            match ask(&self.profile.plugins[index])? {
                PostFilter::Nominate(preemption) => {
                    return Some(PostFilterOutcome {
                        is_success: true,
                        preemption,
                        ..PostFilterOutcome::default()
                    });
                }
                PostFilter::Nothing(text, preemption) => {
                    texts.push(text);
                    if preemption.was_eligible {
                        aftermath.preemption = preemption;
                    }
                }
                PostFilter::Deallocate(claim, text) => {
                    texts.push(text);
                    aftermath.deallocated = Some(claim);
                }
                PostFilter::Failed(text) => {
                    aftermath.is_error = true;
                    aftermath.text = text;
                    return Some(aftermath);
                }
            }
        }
        aftermath.text = texts.join(", ");
        Some(aftermath)
    }
}

fn clone_questions<'a>(questions: &Questions<'a>) -> Questions<'a> {
    let copies = questions.iter();
    copies
        .map(|question| question.as_ref().map(|own| own.clone_filter()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_first_where_all_totals_tie_and_a_best_one_elsewhere() {
        for (totals, expected) in [
            (&[][..], None),
            (&[5], Some(0)),
            (&[5, 5, 5, 5], Some(0)),
            (&[1, 5, 5], Some(1)),
            (&[1, 2, 5, 5, 5], Some(3)),
            (&[1, 2, 5, 4, 3, 5], Some(2)),
        ] {
            let ranking = Ranking {
                totals: totals.to_vec(),
                ..Ranking::default()
            };
            assert_eq!(ranking.root(), expected, "{totals:?}");
        }
    }
}
