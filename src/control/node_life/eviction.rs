//! The component `taint-eviction`: ends pods that don't tolerate the taints of their node, at once
//! or once their toleration has run out (spec: kubernetes.md 2.8).

use super::evict;
use crate::controllers::taint_eviction::{TaintEviction, default_tolerations};
use crate::{Component, Outbox, Progress, Write};
use cluster::{Conflict, Store};
use model::{Event, Node, PodRef, TaintEffect};
use units::{Instant, NodeId, Revision, SortedMap, SortedSet};

/// The component.
#[derive(Clone, Debug, Default)]
pub struct Eviction {
    core: TaintEviction<PodRef>,
    cursor: Revision,
    /// Nodes with taints that act on pods.
    tainted: SortedSet<NodeId>,
    /// Instants from which the taints of nodes act on pods that were there before the run began.
    before: SortedMap<NodeId, Instant>,
}

impl Eviction {
    /// The component of a run that begins with tainted nodes: since when pods on each of them are to go.
    pub fn since(before: SortedMap<NodeId, Instant>) -> Self {
        Self {
            before,
            ..Self::default()
        }
    }

    fn read(&mut self, now: Instant, store: &Store) {
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::NodeAdded { node, object } | Event::NodeUpdated { node, object } => {
                    self.node_declared(now, store, *node, object);
                }
                Event::NodeRemoved { node } => {
                    self.tainted.remove(node);
                }
                Event::PodBound { pod, node, .. } if self.tainted.contains(node) => {
                    if let Some(object) = store.nodes().object(*node) {
                        self.observe(now, store, *pod, object);
                    }
                }
                Event::PodEnded { pod, .. } => self.core.forget(pod),
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    fn node_declared(&mut self, now: Instant, store: &Store, node: NodeId, object: &Node) {
        let acts = |taint: &model::Taint| taint.effect == TaintEffect::NoExecute;
        let was_tainted = if object.taints.iter().any(acts) {
            !self.tainted.insert(node)
        } else {
            self.tainted.remove(&node)
        };
        if !was_tainted && !self.tainted.contains(&node) {
            return;
        }
        let pods = store.nodes().pods(node).iter();
        for record in pods.filter_map(|&slot| store.pods().at(slot)) {
            self.observe(now, store, record.pod, object);
        }
    }

    fn observe(&mut self, now: Instant, store: &Store, pod: PodRef, node: &Node) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let found = record
            .found()
            .and_then(|found| self.before.get(&found.node));
        let since = found.map_or(now, |&since| since.min(now));
        let mut tolerations = store.class(record.class).spec.tolerations.clone();
        tolerations.extend(default_tolerations(&tolerations));
        self.core.observe(since, &pod, &tolerations, &node.taints);
    }
}

impl Component for Eviction {
    fn name(&self) -> &'static str {
        "taint-eviction"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        if self.cursor < view.revision() {
            self.read(now, view);
        }
        let next = self.core.next();
        if next.is_some_and(|at| at <= now) {
            for pod in self.core.due(now) {
                if let Some(order) = view.pods().get(pod).and_then(|_| evict(view, pod)) {
                    out.write(view, order);
                }
            }
        }
        if let Some(at) = self.core.next() {
            out.wake_at(at);
        }
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
