//! `NodeResourcesBalancedAllocation`: nodes whose resources would be used alike
//! (spec: kubernetes.md 1.8). Floats are computed in the order written, without fused operations,
//! so that results are the same bits everywhere.

use std::sync::Arc;

use smallvec::SmallVec;

use super::node_resources_fit::amounts::{
    CpuAndMemory, Resource, ResourceCount, RowResource, Scale, asked,
};
use model::{Change, Changes, Text};
use scheduler::kube::cacheable::{AnswerScope, CacheableScore, NodeRow, RowPoints};
use scheduler::kube::{
    AttemptContext, FastPlugin, KubePlugin, KubePoints, NodeInfo, Normalization, PodInfo,
    PreScoreResult, Reach,
};

use super::resource_parameters::BALANCED;
use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "NodeResourcesBalancedAllocation",
    point: Point::KubePlugin,
    summary: "Prefers nodes whose resources would be used alike.",
    source: "kubernetes.md 1.8",
    parameters: BALANCED,
    constructor: Constructor::Kube(KubeConstructor {
        points: &["score"],
        weight: Some(1),
        build: |arguments, changes| {
            Arc::new(BalancedAllocation::new(
                &arguments.balanced_resources,
                changes,
            ))
        },
    }),
};

/// Prefers nodes whose resources would be used alike.
pub struct BalancedAllocation(Arc<Balance>);

/// Resources to balance.
struct Balance {
    resources: Vec<Resource>,
    /// Whether points tell how much the pod improves the balance (spec: kubernetes-releases.md A17).
    scores_improvement: bool,
    /// Whether pods that ask for none of the resources get no points (A8).
    skips_unasked: bool,
}

/// Shares of resources in use; more than three are rare.
type Fractions = SmallVec<[f64; 3]>;

impl BalancedAllocation {
    /// Over these resources, in order, with the switches of a release.
    pub fn new(resources: &[Text], changes: Changes) -> Self {
        Self(Arc::new(Balance {
            resources: resources.iter().map(Resource::of).collect(),
            scores_improvement: changes.has(Change::BalancedImprovement),
            skips_unasked: changes.has(Change::BalancedSkipsBestEffort),
        }))
    }
}

impl Balance {
    /// Whether the pod gets no points, because it asks for none of the resources.
    fn is_skipped(&self, pod: &PodInfo) -> bool {
        let mut resources = self.resources.iter();
        self.skips_unasked && resources.all(|resource| asked(resource, Scale::Plain, pod) == 0)
    }

    fn points(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let resources = self.resources.iter();
        let counted: SmallVec<[ResourceCount; 3]> = resources
            .filter_map(|resource| ResourceCount::of(resource, Scale::Plain, pod, node))
            .collect();
        self.points_of(&counted)
    }

    fn points_of(&self, counted: &[ResourceCount]) -> i64 {
        let counted = counted.iter();
        let with: Fractions = counted
            .clone()
            .map(|own| fraction(own.requested(), own.offered))
            .collect();
        if !self.scores_improvement {
            return balance(&with);
        }
        let without: Fractions = counted.map(|own| fraction(own.used, own.offered)).collect();
        50 + (50 + balance(&with) - balance(&without)) / 2
    }
}

fn fraction(used: i64, offered: i64) -> f64 {
    (used as f64 / offered as f64).min(1.0)
}

fn balance(fractions: &[f64]) -> i64 {
    let deviation = match *fractions {
        [] | [_] => 0.0,
        [one, other] => ((one - other) / 2.0).abs(),
        _ => {
            let count = fractions.len() as f64;
            let mut total = 0.0;
            for fraction in fractions {
                total += fraction;
            }
            let mean = total / count;
            let mut sum = 0.0;
            for fraction in fractions {
                sum += (fraction - mean) * (fraction - mean);
            }
            (sum / count).sqrt()
        }
    };
    ((1.0 - deviation) * 100.0) as i64
}

impl KubePlugin for BalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn points(&self) -> KubePoints {
        KubePoints::SCORE
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn normalize_score(&self) -> Normalization {
        Normalization::Plain
    }

    fn pre_score(&self, ctx: AttemptContext<'_>) -> PreScoreResult {
        if self.0.is_skipped(ctx.pod) {
            return PreScoreResult::Skip;
        }
        PreScoreResult::Run
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        self.0.points(pod, node)
    }
}

impl FastPlugin for BalancedAllocation {
    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Node
    }

    fn kept_score(&self, ctx: AttemptContext<'_>) -> CacheableScore {
        if self.0.is_skipped(ctx.pod) {
            return CacheableScore::Nothing;
        }
        CacheableScore::Node(AnswerScope::OnNode, self.normalize_score())
    }

    fn row_points(&self, pod: &Arc<PodInfo>) -> Option<RowPoints> {
        let balanced = self.0.resources.iter();
        let balanced = balanced.map(|resource| RowResource::of(resource, Scale::Plain, pod));
        let balanced: Vec<RowResource> = balanced.collect::<Option<_>>()?;
        let own = self.0.clone();
        let general = move |row: &NodeRow| {
            let counted = balanced.iter().filter_map(|own| own.counted(row));
            own.points_of(&counted.collect::<SmallVec<[ResourceCount; 3]>>())
        };
        let both = CpuAndMemory::of(&self.0.resources, Scale::Plain, pod);
        if let Some(both) = both
            && !self.0.scores_improvement
        {
            return Some(Box::new(move |row| {
                let Some([cpu, memory]) = both.of_row(row, Scale::Plain) else {
                    return general(row);
                };
                balance(&[
                    fraction(cpu.requested, cpu.offered),
                    fraction(memory.requested, memory.offered),
                ])
            }));
        }
        Some(Box::new(general))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balance_follows_the_examples_of_the_specification() {
        for (fractions, expected) in [
            (&[0.375, 0.3][..], 96),
            (&[0.8, 0.5, 0.2], 75),
            (&[0.68, 0.0], 65),
            (&[0.4], 100),
            (&[], 100),
        ] {
            assert_eq!(balance(fractions), expected, "{fractions:?}");
        }
    }
}
