//! Resizes in place: pods that ask for other amounts while they run, as a trace has them.
//!
//! A resize falls due once its pod has run as long as in the trace. Less of anything is given back at once. More is
//! taken as soon as the node has it all: a resize that doesn't fit is deferred, as the kubelet's are, and tried again,
//! in the order in which they fell due, whenever something on the node is freed, before any scheduler acts on that.
//! Of several that are deferred for one pod, the last one stands.

use std::sync::Arc;

use cluster::Store;
use model::behaviour::Resize;
use model::{Event, Pod, PodChange, PodRef, PodSpec};
use units::{NodeId, SortedMap};

use super::super::context::Context;
use super::super::followers::Change;
use super::super::message::{ToControlPlane, ToSurroundings};
use super::super::queue::QueueEvent;
use super::Surroundings;

/// The resizes that are deferred, by node, in the order in which they fell due.
#[derive(Debug, Default)]
pub(super) struct Resizes {
    deferred: SortedMap<NodeId, Vec<PodRef>>,
}

impl Resizes {
    /// A change was applied.
    pub(super) fn follow(&self, change: Change<'_>, ctx: &mut Context<'_>) {
        let store = change.store;
        let freed = match change.event {
            Event::PodRunning { pod } => {
                if let Some(record) = store.pods().get(*pod) {
                    for resize in of(&store.class(record.class).spec) {
                        let at = ctx.now().saturating_add(resize.after);
                        ctx.expect(at, QueueEvent::Resize(*pod));
                    }
                }
                return;
            }
            Event::PodEnded { .. } => change.ended.and_then(Pod::node),
            Event::PodChanged {
                pod,
                change: PodChange::Resized { .. },
            } => store.pods().get(*pod).and_then(Pod::node),
            Event::NodeUpdated { node, .. } => Some(*node),
            Event::HoldReleased { .. } => {
                for &node in self.deferred.keys() {
                    ctx.send(ToSurroundings::TryResizes(node));
                }
                return;
            }
            _ => return,
        };
        if let Some(node) = freed.filter(|node| self.deferred.contains_key(node)) {
            ctx.send(ToSurroundings::TryResizes(node));
        }
    }
}

impl Surroundings {
    /// Pods of a class may come.
    pub(super) fn expect_resizes(&mut self, spec: &PodSpec) {
        if self.resizes.is_none() && !of(spec).is_empty() {
            self.resizes = Some(Box::default());
        }
    }

    /// A resize of a pod falls due.
    pub(in super::super) fn resize_due(ctx: &mut Context<'_>, store: &Store, pod: PodRef) {
        let Some(spec) = wanted(ctx, store, pod) else {
            return;
        };
        if let Some(added) = store.class_added(&spec) {
            ctx.send(ToControlPlane::Happened(added));
        }
        ctx.send(ToSurroundings::Resize { pod, spec });
    }

    /// A pod is to be resized to a spec whose class is known.
    pub(super) fn resize(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        pod: PodRef,
        spec: &PodSpec,
    ) {
        let record = store.pods().get(pod);
        let (Some(record), Some(resizes)) = (record, &mut self.resizes) else {
            return;
        };
        let Some(node) = record.node() else {
            return;
        };
        let deferred = resizes.deferred.entry(node).or_default();
        if !deferred.contains(&pod) {
            deferred.push(pod);
        }
        // Pods that have waited for room longest go first.
        if store.class_of(spec).is_some() {
            ctx.send(ToSurroundings::TryResizes(node));
        }
    }

    /// Makes the first of the deferred resizes of a node that fits; its change has the others tried.
    pub(super) fn try_resizes(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        let Some(resizes) = &mut self.resizes else {
            return;
        };
        let Some(mut deferred) = resizes.deferred.remove(&node) else {
            return;
        };
        let mut made = None;
        deferred.retain(|&pod| {
            let Some(record) = store.pods().get(pod).filter(|pod| pod.node() == Some(node)) else {
                return false;
            };
            let class = wanted(ctx, store, pod).and_then(|spec| store.class_of(&spec));
            let Some(class) = class.filter(|&class| class != record.class) else {
                return false;
            };
            if made.is_some() || !store.can_resize(pod, class) {
                return true;
            }
            let before = record.class;
            let change = PodChange::Resized { before, class };
            made = Some(Event::PodChanged { pod, change });
            false
        });
        if !deferred.is_empty() {
            resizes.deferred.insert(node, deferred);
        }
        if let Some(event) = made {
            ctx.send(ToControlPlane::Happened(event));
        }
    }
}

/// The resizes of pods of a spec.
fn of(spec: &PodSpec) -> &[Resize] {
    spec.behaviour
        .as_ref()
        .map_or(&[], |behaviour| &behaviour.resizes)
}

/// The spec that a pod that runs is to have by now; `None` if none of its resizes is due, or it does not run.
fn wanted(ctx: &Context<'_>, store: &Store, pod: PodRef) -> Option<Arc<PodSpec>> {
    let record = store.pods().get(pod)?;
    if record.phase != model::PodPhase::Running {
        return None;
    }
    let spec = &store.class(record.class).spec;
    let ran = ctx.now().since(record.started);
    let due = of(spec).iter().rev().find(|own| own.after <= ran)?;
    let mut wanted = PodSpec::clone(spec);
    wanted.containers.first_mut()?.requests = due.requests.clone();
    Some(Arc::new(wanted))
}
