//! `RemovePodsViolatingNodeAffinity`: pods go whose node does not match what they require of nodes
//! any more, or matches less of what they prefer than another, as long as there is a node for them.

use super::Scope;
use super::evictor::{Answer, Pass};
use model::rules::affinity;
use model::{Node, PodSpec};

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct RemovePodsViolatingNodeAffinity {
    /// Whether what pods require counts.
    pub required: bool,
    /// Whether what pods prefer counts.
    pub preferred: bool,
    /// Pods that the strategy looks at.
    pub scope: Scope,
}

impl RemovePodsViolatingNodeAffinity {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        for (is_asked, is_preference) in [(self.required, false), (self.preferred, true)] {
            if is_asked && self.look(pass, is_preference).is_none() {
                return;
            }
        }
    }

    /// Looks at all nodes; `None` once no more pods go.
    fn look(&self, pass: &mut Pass<'_>, is_preference: bool) -> Option<()> {
        for node in pass.nodes.clone() {
            let Some(object) = pass.node(node) else {
                continue;
            };
            for pod in pass.pods_on(node) {
                let spec = pass.spec(pod.class);
                let affinity = &spec.affinity.node;
                let is_stated = if is_preference {
                    !affinity.preferred.is_empty()
                } else {
                    affinity.required.is_some()
                };
                if !is_stated || !self.scope.takes(spec) || !pass.may_go(pod) {
                    continue;
                }
                let is_violated = if is_preference {
                    let best = pass.nodes.iter().filter_map(|&node| pass.node(node));
                    let best = best.map(|node| weight(spec, node)).max();
                    best.unwrap_or(0) > weight(spec, object)
                        && pass.nodes.iter().any(|&node| pass.fits(pod, node))
                } else {
                    !affinity::admits(spec, object) && pass.fits_any_other(pod, &pass.nodes)
                };
                if !is_violated || !pass.has_way_out(pod) {
                    continue;
                }
                match pass.evict(pod) {
                    Answer::Evicted | Answer::Refused => {}
                    Answer::NodeLimit => break,
                    Answer::TotalLimit => return None,
                }
            }
        }
        Some(())
    }
}

/// The sum of the weights of a pod's preferences that a node matches.
fn weight(spec: &PodSpec, node: &Node) -> i64 {
    let preferred = spec.affinity.node.preferred.iter();
    let matching = preferred.filter(|(_, term)| term.matches(&node.name, &node.labels));
    matching.map(|(weight, _)| i64::from(*weight)).sum()
}
