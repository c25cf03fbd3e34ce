//! Nodes as the component of node life sees them, and the taints they should have.

use std::sync::Arc;

use crate::controllers::node_lifecycle::{
    EXCLUSION_LABEL, ExecuteTaint, NodePressure, NodeReady, NodeView, ReadyStatus,
    no_schedule_taints,
};
use model::node::{REGION_LABEL, ZONE_LABEL};
use model::{Node, Taint, TaintEffect, Text};
use units::Instant;

/// The keys of the `NoSchedule` taints that follow from what is heard of a node and from its
/// declaration. Those of pressures come and go with the node's own word.
const CONDITION_KEYS: [&str; 3] = ["not-ready", "unreachable", "unschedulable"];

/// A node.
#[derive(Clone, Debug)]
pub(super) struct NodeRecord {
    pub(super) view: NodeView,
    /// Marks a node that has fallen silent.
    pub(super) is_silent: bool,
    /// The node as declared.
    pub(super) object: Arc<Node>,
}

impl NodeRecord {
    /// A node that joined.
    pub(super) fn new(object: &Arc<Node>, created: Instant) -> Self {
        let mut seen = Self {
            view: NodeView {
                name: object.name.clone(),
                zone: zone_key(object),
                is_excluded: object.labels.contains_key(EXCLUSION_LABEL),
                created,
                ready: Some(NodeReady {
                    status: ReadyStatus::True,
                    heartbeat: created,
                }),
                lease: Some(created),
                is_tainted_not_ready: false,
                is_tainted_unreachable: false,
            },
            is_silent: false,
            object: object.clone(),
        };
        seen.declare(object);
        seen
    }

    /// Takes up a new declaration.
    pub(super) fn declare(&mut self, object: &Arc<Node>) {
        let has = |taint: ExecuteTaint| object.taints.contains(&taint.taint());
        self.view.zone = zone_key(object);
        self.view.is_excluded = object.labels.contains_key(EXCLUSION_LABEL);
        self.view.is_tainted_not_ready = has(ExecuteTaint::NotReady);
        self.view.is_tainted_unreachable = has(ExecuteTaint::Unreachable);
        self.object = object.clone();
    }

    /// Whether the node has the taints of nodes that are not ready, and of those that are not reachable.
    pub(super) const fn taints(&self) -> [bool; 2] {
        let view = &self.view;
        [view.is_tainted_not_ready, view.is_tainted_unreachable]
    }

    /// The pod's condition `Ready` became this; a heartbeat comes with what it posts itself.
    pub(super) fn set_status(&mut self, status: ReadyStatus, heartbeat: Option<Instant>) {
        let known = self.view.ready.map(|ready| ready.heartbeat);
        self.view.ready = Some(NodeReady {
            status,
            heartbeat: heartbeat.or(known).unwrap_or(self.view.created),
        });
    }

    pub(super) fn status(&self) -> Option<ReadyStatus> {
        self.view.ready.map(|ready| ready.status)
    }

    pub(super) fn set_taint(&mut self, taint: ExecuteTaint, is_there: bool) {
        match taint {
            ExecuteTaint::NotReady => self.view.is_tainted_not_ready = is_there,
            ExecuteTaint::Unreachable => self.view.is_tainted_unreachable = is_there,
        }
    }

    /// The node with the taints that it should have; `None` if it has them.
    pub(super) fn retainted(&self) -> Option<Node> {
        let pressure = NodePressure {
            unschedulable: self.object.unschedulable,
            ..NodePressure::default()
        };
        let mut wanted = no_schedule_taints(self.view.ready, pressure);
        for (is_there, taint) in [
            (self.view.is_tainted_not_ready, ExecuteTaint::NotReady),
            (self.view.is_tainted_unreachable, ExecuteTaint::Unreachable),
        ] {
            wanted.extend(is_there.then(|| taint.taint()));
        }
        let mut taints = self.object.taints.clone();
        taints.retain(|taint| !is_own(taint) || wanted.contains(taint));
        let missing = wanted.into_iter().filter(|taint| !taints.contains(taint));
        let missing: Vec<Taint> = missing.collect();
        taints.extend(missing);
        (taints != self.object.taints).then(|| Node {
            taints,
            ..(*self.object).clone()
        })
    }
}

/// Whether a taint follows from conditions of its node.
fn is_own(taint: &Taint) -> bool {
    let Some(name) = taint.key.strip_prefix("node.kubernetes.io/") else {
        return false;
    };
    match taint.effect {
        TaintEffect::NoSchedule => CONDITION_KEYS.contains(&name),
        TaintEffect::NoExecute => matches!(name, "not-ready" | "unreachable"),
        TaintEffect::PreferNoSchedule => false,
    }
}

/// Region and zone as one text; nodes without either are of one zone of no name.
fn zone_key(node: &Node) -> Text {
    let label = |key: &str| node.labels.get(key).map_or("", |value| &**value);
    let (region, zone) = (label(REGION_LABEL), label(ZONE_LABEL));
    if region.is_empty() && zone.is_empty() {
        return Text::default();
    }
    format!("{region}:\u{0}:{zone}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_taints_of_conditions_come_and_go() {
        let own = Taint {
            key: "team".into(),
            value: "a".into(),
            effect: TaintEffect::NoExecute,
        };
        let node = Arc::new(Node {
            taints: vec![own.clone()],
            ..Node::default()
        });
        let mut seen = NodeRecord::new(&node, Instant::ZERO);
        assert_eq!(seen.retainted(), None);
        seen.set_status(ReadyStatus::Unknown, None);
        seen.set_taint(ExecuteTaint::Unreachable, true);
        let tainted = seen.retainted().expect("it changed");
        assert_eq!(tainted.taints.len(), 3);
        seen.declare(&Arc::new(tainted));
        assert_eq!(seen.retainted(), None);
        seen.set_status(ReadyStatus::True, Some(Instant::ZERO));
        seen.set_taint(ExecuteTaint::Unreachable, false);
        assert_eq!(seen.retainted().expect("it changed").taints, [own]);
    }
}
