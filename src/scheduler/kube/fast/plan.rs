//! Plan of a class: the fast form of its decisions, made once per class out of what its plugins say
//! that they rest on.

use std::sync::Arc;

use crate::kube::cacheable::{AnswerScope, PodCount};
use crate::kube::cacheable::{
    CacheTest, CacheableFilter, CacheableRule, CacheableScore, CacheableSpread,
};
use crate::kube::{
    AttemptContext, Cache, FastPlugin, KubePoints, KubeProfile, Normalization, PodClass, PodInfo,
};

use super::bits::Set;
use super::counter::Counters;
use super::fail::LastReport;
use super::key::Key;
use super::shape::bare;
use super::sites::Sites;
use model::PodSpec;

/// Sums of weights beyond this don't fit into a column.
const MOST_WEIGHT: i64 = 300;

/// A profile with what its plugins say to the fast form, asked for once.
#[derive(Clone)]
pub(super) struct FastProfile {
    pub(super) profile: KubeProfile,
    /// By position of the plugin; `None` says nothing.
    plugins: Vec<Option<Arc<dyn FastPlugin>>>,
}

impl FastProfile {
    pub(super) fn new(profile: &KubeProfile) -> Self {
        Self {
            plugins: profile.fast_plugins(),
            profile: profile.clone(),
        }
    }

    /// A plugin of the profile; `None` if it says nothing to the fast form.
    pub(super) fn plugin(&self, index: usize) -> Option<&Arc<dyn FastPlugin>> {
        self.plugins[index].as_ref()
    }
}

/// Points of single nodes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DraftPoints {
    pub(super) plugin: usize,
    pub(super) weight: i64,
    pub(super) rests: AnswerScope,
    pub(super) normalization: Normalization,
}

/// Answers of the plugins about a class.
#[derive(Default)]
pub(super) struct Draft {
    /// Plugins whose verdicts are about single nodes.
    pub(super) tests: Vec<(usize, AnswerScope)>,
    /// Plugins whose points are.
    pub(super) points: Vec<DraftPoints>,
    pub(super) rules: Vec<CacheableRule>,
    pub(super) sums: Vec<(i64, Vec<PodCount>)>,
    pub(super) spreads: Vec<(i64, CacheableSpread)>,
}

impl Draft {
    /// The spec that answers about single nodes may look at: bare, unless a plugin needs it whole.
    pub(super) fn spec_for_nodes(&self, profile: &FastProfile, spec: &PodSpec) -> PodSpec {
        let asked = self.tests.iter().map(|&(index, _)| index);
        let mut asked = asked.chain(self.points.iter().map(|point| point.plugin));
        let needs_whole = |index| {
            let plugin = profile.plugin(index);
            plugin.is_some_and(|plugin| plugin.needs_whole_spec())
        };
        if asked.any(needs_whole) {
            spec.clone()
        } else {
            bare(spec)
        }
    }

    /// Asks the plugins; `None` if one of them can't be followed.
    pub(super) fn new(known: &FastProfile, cache: &Cache, pod: &PodInfo) -> Option<Self> {
        let ctx = AttemptContext { cache, pod };
        let profile = &known.profile;
        let weights: i64 = profile.score.iter().map(|&(_, weight)| weight).sum();
        if weights > MOST_WEIGHT || profile.score.iter().any(|&(_, weight)| weight < 0) {
            return None;
        }
        let mut draft = Self::default();
        let filters = |index: &&usize| profile.filter.contains(*index);
        for &index in profile.pre_filter.iter().filter(|index| !filters(index)) {
            if matches!(
                known.plugin(index)?.kept_filter(ctx),
                CacheableFilter::Unknown
            ) {
                return None;
            }
        }
        for &index in &profile.filter {
            let plugin = known.plugin(index)?;
            let is_asked = profile.pre_filter.contains(&index)
                || !plugin.points().contains(KubePoints::PRE_FILTER);
            match plugin.kept_filter(ctx) {
                CacheableFilter::Unknown => return None,
                CacheableFilter::Node(rests) if is_asked => draft.tests.push((index, rests)),
                CacheableFilter::Rules(rules) if is_asked => draft.rules.extend(rules),
                _ => {}
            }
        }
        for &(index, weight) in &profile.score {
            match known.plugin(index)?.kept_score(ctx) {
                CacheableScore::Unknown => return None,
                CacheableScore::Nothing => {}
                CacheableScore::Node(rests, normalization) => draft.points.push(DraftPoints {
                    plugin: index,
                    weight,
                    rests,
                    normalization: supported(rests, normalization)?,
                }),
                CacheableScore::Span(pods) => draft.sums.push((weight, pods)),
                CacheableScore::Spread(spread) => draft.spreads.push((weight, spread)),
            }
        }
        Some(draft)
    }
}

/// Normalisation that the fast form knows for points that rest so.
fn supported(rests: AnswerScope, normalization: Normalization) -> Option<Normalization> {
    match (rests, normalization) {
        (_, Normalization::Plain)
        | (AnswerScope::OnDeclaration, Normalization::Proportion { .. })
        | (AnswerScope::OnNode, Normalization::WholeSpan) => Some(normalization),
        _ => None,
    }
}

/// A rule over sets of nodes, and over counters, given by their numbers.
pub(super) enum Rule {
    /// See [`CacheableRule::Within`].
    Within(Arc<Set>),
    /// See [`CacheableRule::Asked`].
    Asked(CacheTest),
    /// See [`CacheableRule::Skew`].
    Skew {
        counter: usize,
        /// Number of nodes that count, by domain.
        nodes: Vec<u32>,
        max_skew: i64,
        own: i64,
        min_domains: i64,
    },
    /// See [`CacheableRule::Without`].
    Without(usize),
    /// See [`CacheableRule::With`].
    With {
        counters: Vec<usize>,
        or_nowhere: bool,
    },
}

/// Spreading, see [`CacheableSpread`].
pub(super) struct Spread {
    pub(super) weight: i64,
    /// Counters with the excess that is let pass.
    pub(super) rules: Vec<(usize, i64)>,
    pub(super) ignored: Option<Arc<Set>>,
    pub(super) weigh: fn(usize) -> f64,
    pub(super) scale: fn(i64, i64, i64) -> i64,
}

/// Fast form of the decisions about pods of a class.
pub(super) struct Plan {
    /// Keeps the class where it is in memory, by which it is found.
    pub(super) pod: Arc<PodInfo>,
    pub(super) profile: usize,
    pub(super) shape: usize,
    pub(super) rules: Vec<Rule>,
    /// Sums of counts, with the weight of their points.
    pub(super) sums: Vec<(i64, Vec<usize>)>,
    pub(super) spreads: Vec<Spread>,
    /// All counters.
    pub(super) counters: Vec<usize>,
    /// Time of the last use.
    pub(super) used: u64,
    /// Report on the newest pod that no node could take, if pods of the class may evict others.
    pub(super) told: Option<LastReport>,
    /// Position in the log of nodes up to which nodes are counted.
    pub(super) node_version: u64,
}

impl Plan {
    /// The sets of nodes that the rules keep pods within; `None` if rules say more than that.
    pub(super) fn within(&self) -> Option<Vec<Arc<Set>>> {
        let sets = self.rules.iter().map(|rule| match rule {
            Rule::Within(set) => Some(set.clone()),
            _ => None,
        });
        sets.collect()
    }

    /// Counts the nodes of the rules' domains again if nodes left or came back.
    pub(super) fn count_nodes(
        &mut self,
        node_version: u64,
        keys: &[Key],
        counters: &Counters,
        sites: &Sites,
    ) {
        if self.node_version == node_version {
            return;
        }
        self.node_version = node_version;
        for rule in &mut self.rules {
            if let Rule::Skew { counter, nodes, .. } = rule {
                let counted = counters.get(*counter);
                *nodes = counted.nodes_by_domain(&keys[counted.key], sites);
            }
        }
    }

    /// Whether pods of another class change the plan.
    pub(super) fn is_changed_by(
        &self,
        profile: &FastProfile,
        cache: &Cache,
        other: &PodClass,
    ) -> bool {
        let ctx = AttemptContext {
            cache,
            pod: &self.pod,
        };
        let mut plugins = profile.plugins.iter().flatten();
        plugins.any(|plugin| plugin.is_meant_by(ctx, other))
    }
}
