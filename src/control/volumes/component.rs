//! The component `attach-detach`: follows the log, holds pods whose volumes are not on their node, and
//! releases them.

use super::{AttachOptions, Attachments, Host, has_volumes, volumes_of};
use crate::controllers::pod_gc::OUT_OF_SERVICE_TAINT;
use crate::{Component, DurableState, Outbox, Progress, Write};
use cluster::{Conflict, Store};
use model::{Event, PodChange, PodRef};
use units::{Instant, NodeId, PodId, Revision, SortedSet};

/// The component.
#[derive(Clone, Debug)]
pub struct AttachDetach {
    options: AttachOptions,
    volumes: Attachments,
    cursor: Revision,
    /// Pods that were on their nodes before the run began.
    found: SortedSet<PodId>,
}

impl AttachDetach {
    /// Name of the component.
    pub const NAME: &str = "attach-detach";

    /// A component that has seen nothing yet.
    pub fn new(options: AttachOptions) -> Self {
        Self {
            volumes: Attachments::default(),
            options,
            cursor: Revision::default(),
            found: SortedSet::new(),
        }
    }

    /// Reads what is new; gives the pods that came to a node where they wait for a release.
    fn read(&mut self, store: &Store) -> Vec<PodRef> {
        let mut came = Vec::new();
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) if created.found.is_some() => {
                    self.found.insert(created.pod.id);
                }
                Event::PodBound { pod, node, .. } => {
                    let record = store.pods().get(*pod);
                    let Some(record) = record.filter(|own| has_volumes(store, own)) else {
                        continue;
                    };
                    let volumes = volumes_of(store, record, *node, &self.options);
                    if self.found.remove(&pod.id) {
                        self.volumes.found(*pod, *node, volumes);
                    } else {
                        self.volumes.bound(*pod, *node, volumes);
                    }
                    came.push(*pod);
                }
                Event::PodEnded { pod, .. } => self.volumes.ended(*pod),
                _ => {}
            }
        }
        self.cursor = store.revision();
        came
    }
}

/// Condition of a node.
fn host(store: &Store, node: NodeId) -> Host {
    let Some(object) = store.nodes().object(node) else {
        return Host::Lost;
    };
    let mut taints = object.taints.iter();
    if store.nodes().is_ready(node) {
        Host::Ready
    } else if taints.any(|taint| *taint.key == *OUT_OF_SERVICE_TAINT) {
        Host::OutOfService
    } else {
        Host::Lost
    }
}

impl Component for AttachDetach {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let came = self.read(view);
        let released = self.volumes.advance(now, |node| host(view, node));
        let waits = |pod: &&PodRef| view.pods().get(**pod).is_some() && !released.contains(pod);
        for &pod in came.iter().filter(waits) {
            let change = PodChange::Held;
            out.write(view, Event::PodChanged { pod, change });
        }
        for pod in released {
            let change = PodChange::Released;
            out.write(view, Event::PodChanged { pod, change });
        }
        if let Some(at) = self.volumes.next() {
            out.wake_at(at);
        }
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    /// What is attached where is in `VolumeAttachment` objects and in the status of nodes, with the part of
    /// the log that it is made of.
    fn kept(&self) -> Option<DurableState> {
        let what = Box::new(self.clone());
        Some(DurableState { by: None, what })
    }

    fn reads_back(&mut self, now: Instant, kept: DurableState) {
        if let Ok(earlier) = kept.what.downcast() {
            *self = *earlier;
            self.volumes.restarted(now);
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
