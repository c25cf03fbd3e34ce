//! From usage to recommended requests (spec: kubernetes.md 3.2; the original's
//! `recommender/logic`). Amounts are integers, each step truncates as the original does.

use super::go_math::pow;
use super::{Amounts, DecayingHistogram, Usage, amount, scaled};
use model::Text;
pub use model::workload::vertical::ContainerPolicy;
use units::SortedMap;

/// Recommendation for a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// The request it should have.
    pub target: Amounts,
    /// A request below this one is too small.
    pub lower: Amounts,
    /// A request above this one is too large.
    pub upper: Amounts,
    /// The target before the policy's bounds.
    pub uncapped: Amounts,
}

/// Flags of the recommender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecommenderSettings {
    /// The part of usage samples that the target covers.
    pub target_part: f64,
    /// The part of usage samples that the lower bound covers.
    pub lower_part: f64,
    /// The part of usage samples that the upper bound covers.
    pub upper_part: f64,
    /// The part of usage that is added for safety.
    pub margin: f64,
    /// The least for a pod.
    pub pod_minimum: Amounts,
}

impl Default for RecommenderSettings {
    fn default() -> Self {
        Self {
            target_part: 0.9,
            lower_part: 0.5,
            upper_part: 0.95,
            margin: 0.15,
            pod_minimum: Amounts {
                cpu_milli: 25,
                memory_bytes: 250 * 1024 * 1024,
            },
        }
    }
}

/// Recommends for every container of a pod that its usage is known of. The least for a pod is
/// spread evenly over its containers.
pub fn recommend(
    settings: &RecommenderSettings,
    containers: &SortedMap<Text, Usage>,
    policies: &SortedMap<Text, ContainerPolicy>,
) -> SortedMap<Text, Recommendation> {
    let part = 1.0 / containers.len().max(1) as f64;
    let least = Amounts {
        cpu_milli: scaled(settings.pod_minimum.cpu_milli, part),
        memory_bytes: scaled(settings.pod_minimum.memory_bytes, part),
    };
    let policy = |name: &Text| policies.get(name).copied().unwrap_or_default();
    let wanted = containers.iter().filter(|(name, _)| !policy(name).is_off);
    wanted
        .map(|(name, usage)| {
            let own = estimate(settings, usage, least);
            let policy = policy(name);
            let capped = |own| policy.controlled(policy.clip(own));
            let capped = Recommendation {
                target: capped(own.target),
                lower: capped(own.lower),
                upper: capped(own.upper),
                uncapped: policy.controlled(own.target),
            };
            (name.clone(), capped)
        })
        .collect()
}

fn estimate(settings: &RecommenderSettings, usage: &Usage, least: Amounts) -> Recommendation {
    let confidence = usage.confidence();
    // Without history the upper bound is unbounded and the lower one 0.
    let upper = pow(1.0 + 1.0 / confidence, 1);
    let lower = pow(1.0 + 0.001 / confidence, -2);
    let bound = |part: f64, factor: Option<f64>| {
        let of = |histogram: &DecayingHistogram, unit: f64, least: i64| {
            let base = amount(histogram.percentile(part) * unit);
            let with_margin = base.saturating_add(scaled(base, settings.margin));
            let confident = factor.map_or(with_margin, |factor| scaled(with_margin, factor));
            confident.max(least)
        };
        Amounts {
            cpu_milli: of(&usage.cpu, 1000.0, least.cpu_milli),
            memory_bytes: of(&usage.memory, 1.0, least.memory_bytes),
        }
    };
    let target = bound(settings.target_part, None);
    Recommendation {
        target,
        lower: bound(settings.lower_part, Some(lower)),
        upper: bound(settings.upper_part, Some(upper)),
        uncapped: target,
    }
}
