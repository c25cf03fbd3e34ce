//! `RemovePodsViolatingNodeTaints`: pods go that don't tolerate taints of the effect `NoSchedule`
//! that came to their node after them. A cordoned node has such a taint, too.

use super::Scope;
use super::evictor::{Answer, Pass};
use model::rules::taints::covering;
use model::{PodSpec, Taint, TaintEffect, Text};

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct RemovePodsViolatingNodeTaints {
    /// Taints that are passed over: keys, or `KEY=VALUE`.
    pub excluded: Vec<Text>,
    /// Whether taints of the effect `PreferNoSchedule` count, too.
    pub includes_preferred: bool,
    /// Pods that the strategy looks at.
    pub scope: Scope,
}

impl RemovePodsViolatingNodeTaints {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        for node in pass.nodes.clone() {
            let Some(object) = pass.node(node) else {
                continue;
            };
            let taints = object.taints.iter().filter(|taint| self.counts(taint));
            let taints: Vec<&Taint> = taints.collect();
            if taints.is_empty() {
                continue;
            }
            for pod in pass.pods_on(node) {
                let spec = pass.spec(pod.class);
                if tolerates(spec, &taints)
                    || !self.scope.takes(spec)
                    || !pass.may_go(pod)
                    || !pass.has_way_out(pod)
                {
                    continue;
                }
                match pass.evict(pod) {
                    Answer::Evicted | Answer::Refused => {}
                    Answer::NodeLimit => break,
                    Answer::TotalLimit => return,
                }
            }
        }
    }

    fn counts(&self, taint: &Taint) -> bool {
        let has_effect = match taint.effect {
            TaintEffect::NoSchedule => true,
            TaintEffect::PreferNoSchedule => self.includes_preferred,
            TaintEffect::NoExecute => false,
        };
        let is_excluded = |entry: &Text| match entry.split_once('=') {
            Some((key, value)) => *taint.key == *key && *taint.value == *value,
            None => *entry == taint.key,
        };
        has_effect && !self.excluded.iter().any(is_excluded)
    }
}

fn tolerates(spec: &PodSpec, taints: &[&Taint]) -> bool {
    let mut taints = taints.iter();
    taints.all(|taint| covering(&spec.tolerations, taint).is_some())
}
