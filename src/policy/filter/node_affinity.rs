//! Nodes a pod asks for: its node selector and its required node affinity
//! (spec: kubernetes.md 1.5). Labels are compared when a declaration changes, not when a pod is
//! placed.

use crate::declaration_cache::DeclaredAnswers;
use crate::{Constructor, Entry, Point, PolicyInstance};
use model::rules::affinity;
use scheduler::pipeline::plugin::PreFilter;
use scheduler::{ClassContext, Plugin, Points, Reason};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "node-affinity",
    point: Point::Filter,
    summary: "Rejects nodes that the pod's node selector or required node affinity excludes.",
    source: "kubernetes.md 1.5",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| {
        Ok(PolicyInstance::Plugin(Box::new(NodeAffinity::new())))
    }),
};

/// The filter, with the answers it keeps.
#[derive(Clone, Debug)]
pub struct NodeAffinity {
    answers: DeclaredAnswers,
}

impl NodeAffinity {
    fn new() -> Self {
        Self {
            answers: DeclaredAnswers::new(|class, node| affinity::admits(&class.spec, node)),
        }
    }
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::FILTER)
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        if !ctx.class.selects_nodes {
            return PreFilter::Skip;
        }
        self.answers.prepare(ctx);
        PreFilter::Run
    }

    fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        if !ctx.class.selects_nodes || self.answers.suits(ctx, node) {
            Ok(())
        } else {
            Err(Reason::Text(
                "node(s) didn't match Pod's node affinity/selector",
            ))
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
    use model::Node;
    use model::{Event, NodeSelector, NodeSelectorTerm, Operator, Requirement};

    fn labelled(name: &str, labels: &[(&str, &str)]) -> Node {
        let mut object = node(name, 1_000, 1_024, (0, ""));
        object.labels = labels.iter().map(|&(k, v)| (k.into(), v.into())).collect();
        object
    }

    fn requirement(key: &str, operator: Operator, values: &[&str]) -> Requirement {
        let values = values.iter().map(|&value| value.into()).collect();
        Requirement {
            key: key.into(),
            operator,
            values,
        }
    }

    #[test]
    fn selector_and_required_terms_must_both_match() {
        let mut world = World::default();
        let suits = world.node(labelled(
            "a",
            &[("disk", "ssd"), ("zone", "b"), ("cpu", "4")],
        ));
        let small = world.node(labelled(
            "b",
            &[("disk", "ssd"), ("zone", "b"), ("cpu", "3")],
        ));
        let unlabelled = world.node(labelled("c", &[("disk", "ssd"), ("zone", "b")]));
        let other_disk = world.node(labelled("d", &[("zone", "b"), ("cpu", "4")]));
        let mut object = pod(1, 1, (0, 0));
        object.node_selector.insert("disk".into(), "ssd".into());
        object.affinity.node.required = Some(NodeSelector {
            terms: vec![
                NodeSelectorTerm::default(),
                NodeSelectorTerm {
                    match_expressions: vec![
                        requirement("zone", Operator::In, &["a", "b"]),
                        requirement("cpu", Operator::Gt, &["3"]),
                    ],
                    match_fields: Vec::new(),
                },
            ],
        });
        let spec = world.spec(object);
        let free = world.spec(pod(1, 1, (0, 0)));
        let mut filter = NodeAffinity::new();
        for (node, expected) in [
            (suits, true),
            (small, false),
            (unlabelled, false),
            (other_disk, false),
        ] {
            assert_eq!(world.filter(&mut filter, spec, node).is_ok(), expected);
            assert!(world.filter(&mut filter, free, node).is_ok());
        }
        // The kept answers follow a changed declaration and a new node.
        let object = Arc::new(labelled(
            "b",
            &[("disk", "ssd"), ("zone", "a"), ("cpu", "8")],
        ));
        world.apply(Event::NodeUpdated {
            node: small,
            object,
        });
        assert!(world.filter(&mut filter, spec, small).is_ok());
        let new = world.node(labelled(
            "e",
            &[("disk", "ssd"), ("zone", "a"), ("cpu", "9")],
        ));
        assert!(world.filter(&mut filter, spec, new).is_ok());
        world.apply(Event::NodeRemoved { node: new });
        assert!(world.filter(&mut filter, spec, new).is_err());
    }
}
