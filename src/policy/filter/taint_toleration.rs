//! Taints: a `NoSchedule` or `NoExecute` taint that the pod does not tolerate rejects the node
//! (spec: kubernetes.md 1.5). Taints are compared when a declaration changes, not when a pod is
//! placed.

use crate::declaration_cache::DeclaredAnswers;
use crate::{Constructor, Entry, Point, PolicyInstance};
use model::rules::taints;
use scheduler::pipeline::plugin::PreFilter;
use scheduler::{ClassContext, Plugin, Points, Reason};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "taint-toleration",
    point: Point::Filter,
    summary: "Rejects nodes with a NoSchedule or NoExecute taint that the pod does not tolerate.",
    source: "kubernetes.md 1.5",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| {
        Ok(PolicyInstance::Plugin(Box::new(TaintToleration::new())))
    }),
};

/// The filter, with the answers it keeps.
#[derive(Clone, Debug)]
pub struct TaintToleration {
    answers: DeclaredAnswers,
}

impl TaintToleration {
    fn new() -> Self {
        Self {
            answers: DeclaredAnswers::new(|class, node| taints::admits(&class.spec, &node.taints)),
        }
    }
}

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::FILTER)
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        if !ctx.store.nodes().any_tainted() {
            return PreFilter::Skip;
        }
        self.answers.prepare(ctx);
        PreFilter::Run
    }

    fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        if !ctx.store.nodes().any_tainted() || self.answers.suits(ctx, node) {
            Ok(())
        } else {
            Err(Reason::Text("node(s) had untolerated taint"))
        }
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::{World, node, pod};
    use model::{Event, Taint, Toleration};
    use model::{Node, TaintEffect};

    fn tainted(name: &str, taints: &[(&str, &str, TaintEffect)]) -> Node {
        let mut object = node(name, 1_000, 1_024, (0, ""));
        object.taints = taints
            .iter()
            .map(|&(key, value, effect)| Taint {
                key: key.into(),
                value: value.into(),
                effect,
            })
            .collect();
        object
    }

    #[test]
    fn untolerated_taints_reject() {
        use TaintEffect::{NoExecute, NoSchedule, PreferNoSchedule};
        let mut world = World::default();
        let clean = world.node(tainted("clean", &[]));
        let plain = world.spec(pod(1, 1, (0, 0)));
        let mut object = pod(2, 1, (0, 0));
        object.tolerations.push(Toleration {
            key: Some("a".into()),
            value: None,
            effect: None,
            tolerates_for: None,
        });
        let tolerant = world.spec(object);
        let mut filter = TaintToleration::new();
        assert_eq!(filter.pre_filter(&world.ctx(plain)), PreFilter::Skip);
        assert!(world.filter(&mut filter, plain, clean).is_ok());
        let cases: [(&[_], bool, bool); 4] = [
            (
                &[("a", "1", NoSchedule), ("b", "", PreferNoSchedule)],
                false,
                true,
            ),
            (&[("a", "1", NoExecute)], false, true),
            (&[("b", "", PreferNoSchedule)], true, true),
            (
                &[("a", "1", NoSchedule), ("b", "", NoExecute)],
                false,
                false,
            ),
        ];
        for (index, (taints, for_plain, for_tolerant)) in cases.into_iter().enumerate() {
            let node = world.node(tainted(&format!("n{index}"), taints));
            assert_eq!(
                world.filter(&mut filter, plain, node).is_ok(),
                for_plain,
                "{taints:?}"
            );
            assert_eq!(
                world.filter(&mut filter, tolerant, node).is_ok(),
                for_tolerant
            );
        }
        let object = Arc::new(tainted("clean", &[("b", "", NoSchedule)]));
        world.apply(Event::NodeUpdated {
            node: clean,
            object,
        });
        assert!(world.filter(&mut filter, plain, clean).is_err());
    }
}
