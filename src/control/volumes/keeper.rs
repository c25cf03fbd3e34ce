//! The component `volume-keeper`: a service beside the system, which knows where the data of volumes is,
//! backs it up, notices its loss, and restores it. It labels the nodes from which each volume is reached, and
//! pods select these labels: so every system places them by the rules that it has for labels.

mod placement;

use std::sync::Arc;

use cluster::{Conflict, Store};
use model::node::ZONE_LABEL;
use model::storage::volume_label;
use model::{Disk, Event, NodeContact, Object, PodRef, Text, VolumeNews, VolumeStep};
use units::{Instant, NodeId, ObjectId, PodId, Revision, SortedMap, SortedSet};

use super::managed_volume::{ManagedVolume, VolumeClass, VolumePlan};
use crate::{Component, Memory, Outbox, Program, Progress, Write};

/// The component.
#[derive(Clone, Debug)]
pub struct VolumeKeeper {
    volumes: Vec<VolumeRecord>,
    /// Instants of the last sign of nodes that fell silent.
    silent: SortedMap<NodeId, Instant>,
    cursor: Revision,
    /// Whether pods select the labels of their volumes.
    binds_pods: bool,
    /// Instant up to which copies are made even if nothing else happens.
    until: Option<Instant>,
    labels: Labels,
}

/// The nodes whose labels the keeper checks next.
#[derive(Clone, Debug, Default)]
struct Labels {
    all: bool,
    of: SortedSet<NodeId>,
}

/// A volume and the node of its data.
#[derive(Clone, Debug)]
struct VolumeRecord {
    volume: ManagedVolume,
    /// Node of the data of a local volume, and zone of that of another.
    home: Option<(NodeId, Option<Text>)>,
    /// Moves of the data to other disks that the home takes into account.
    moves: u32,
    /// Whether the data is in the zone of its home, as the stated one was out of reach.
    has_left_zone: bool,
    /// Label of the nodes from which it is reached.
    label: Text,
    /// The pods that have it, with their nodes.
    pods: SortedMap<PodId, NodeId>,
}

impl VolumeKeeper {
    /// A component that has seen nothing yet.
    pub fn new(plans: Vec<VolumePlan>) -> Self {
        let volumes = plans.into_iter().map(|plan| VolumeRecord {
            home: None,
            moves: 0,
            has_left_zone: false,
            label: volume_label(&plan.name),
            pods: SortedMap::new(),
            volume: ManagedVolume::new(plan),
        });
        Self {
            volumes: volumes.collect(),
            silent: SortedMap::new(),
            cursor: Revision::default(),
            binds_pods: false,
            until: None,
            labels: Labels::default(),
        }
    }

    /// Keeps the labels of nodes, by which pods go where their volumes are.
    #[must_use]
    pub const fn binding_pods(mut self) -> Self {
        self.binds_pods = true;
        self
    }

    /// Makes copies by the clock up to an instant even if nothing else happens.
    #[must_use]
    pub const fn until(mut self, end: Option<Instant>) -> Self {
        self.until = end;
        self
    }

    /// Reads what is new, and tells what follows from it; whether nodes or places of volumes changed.
    fn read(&mut self, now: Instant, store: &Store, out: &mut Outbox) -> bool {
        let mut has_changed = false;
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::NodeContact { node, contact } => match contact {
                    NodeContact::Silent { last_heartbeat } => {
                        self.silent.insert(*node, *last_heartbeat);
                    }
                    NodeContact::Steady | NodeContact::Heard => {
                        self.silent.remove(node);
                    }
                },
                Event::NodeReadiness { .. } | Event::NodeRemoved { .. } => has_changed = true,
                Event::NodeAdded { node, .. } => {
                    has_changed = true;
                    self.labels.of.insert(*node);
                }
                Event::NodeUpdated { node, .. } => {
                    self.labels.of.insert(*node);
                }
                Event::PodBound { pod, node, .. } => {
                    has_changed |= self.bound(*pod, *node, store, out);
                }
                Event::PodEnded { pod, .. } => self.ended(*pod),
                Event::Volume(news) => match &news.step {
                    VolumeStep::DiskFailed(disk) => self.disk_failed(now, disk, store, out),
                    VolumeStep::Corrupted { detected_after } => {
                        let volumes = self.volumes.iter_mut();
                        for own in volumes.filter(|own| own.volume.plan().name == news.name) {
                            let steps = own.volume.corrupted(now, *detected_after);
                            self.labels.all |= own.settle(steps, store, out);
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        self.cursor = store.revision();
        has_changed
    }

    fn disk_failed(&mut self, now: Instant, disk: &Disk, store: &Store, out: &mut Outbox) {
        for own in &mut self.volumes {
            let plan = own.volume.plan();
            let is_struck = match disk {
                Disk::Volume(name) => plan.name == *name,
                Disk::Node(name) => {
                    let home = own.home.as_ref().map(|(node, _)| store.nodes().name(*node));
                    plan.class == VolumeClass::Local && home == Some(&**name)
                }
            };
            if is_struck {
                let steps = own.volume.disk_failed(now);
                self.labels.all |= own.settle(steps, store, out);
            }
        }
    }

    /// Whether each volume is reached.
    fn look(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        for own in &mut self.volumes {
            let away = own.away_since(now, store, &self.silent);
            let steps = match away {
                Some(since) => own.volume.unreachable(now, since),
                None => own.volume.reachable(now),
            };
            self.labels.all |= own.settle(steps, store, out);
        }
    }
}

impl VolumeRecord {
    /// Instant since which no node that is there reaches the volume; `None` if one does.
    fn away_since(
        &self,
        now: Instant,
        store: &Store,
        silent: &SortedMap<NodeId, Instant>,
    ) -> Option<Instant> {
        let (home, _) = self.home.as_ref()?;
        let nodes = store.nodes();
        let is_there = |node: NodeId| nodes.object(node).is_some() && nodes.is_ready(node);
        let since = |node: NodeId| silent.get(&node).copied().unwrap_or(now);
        match &self.volume.plan().class {
            VolumeClass::Local => (!is_there(*home)).then(|| since(*home)),
            VolumeClass::Network(_) => {
                let zone = self.zone();
                let in_zone =
                    |node: &NodeId| zone.is_none() || zone_of(store, *node).as_ref() == zone;
                let mut reaching = nodes.present().filter(in_zone);
                let last = nodes.present().filter(in_zone).map(since).max();
                (!reaching.any(is_there)).then(|| last.unwrap_or(now))
            }
        }
    }

    /// Zone of a network volume; `None` is every zone.
    fn zone(&self) -> Option<&Text> {
        let VolumeClass::Network(stated) = &self.volume.plan().class else {
            return None;
        };
        let stated = stated.as_ref().filter(|_| !self.has_left_zone);
        let zone = self.home.as_ref().and_then(|(_, zone)| zone.as_ref());
        stated.or(zone)
    }

    /// Writes steps into the log. A volume whose disks were lost gets its place where its pod goes next, or
    /// runs already; outside of its zone if that is out of reach. Whether it got another place.
    fn settle(&mut self, steps: Vec<VolumeStep>, store: &Store, out: &mut Outbox) -> bool {
        let moves = self.volume.moves();
        let has_moved = moves != self.moves;
        if has_moved {
            self.moves = moves;
            let away = self.away_since(Instant::ZERO, store, &SortedMap::new());
            self.has_left_zone |= away.is_some();
            self.home = self.running(store);
        }
        for step in steps {
            let name = self.volume.plan().name.clone();
            let news = VolumeNews { name, step };
            out.write(store, Event::Volume(Arc::new(news)));
        }
        has_moved
    }

    /// A node that is there and runs a pod of the volume's workload.
    fn running(&self, store: &Store) -> Option<(NodeId, Option<Text>)> {
        let workload = &self.volume.plan().workload;
        let pods = store.pods().iter();
        let mut nodes = pods.filter_map(|pod| {
            let node = pod.node().filter(|node| store.nodes().is_ready(*node))?;
            (workload_of_pod(store, pod.pod).as_ref() == Some(workload)).then_some(node)
        });
        let node = nodes.next()?;
        Some((node, zone_of(store, node)))
    }
}

fn zone_of(store: &Store, node: NodeId) -> Option<Text> {
    let object = store.nodes().object(node)?;
    object.labels.get(ZONE_LABEL).cloned()
}

/// The workload of a pod, as `KIND/NAMESPACE/NAME`; a replica set stands for its deployment.
pub fn workload_of_pod(store: &Store, pod: PodRef) -> Option<Text> {
    let owner: ObjectId = store.pod_states().get(pod)?.owner?.object;
    let row = store.objects().get(owner)?;
    let parent = row.owner.and_then(|parent| store.objects().get(parent));
    let object: &Object = &parent.unwrap_or(row).object;
    let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
    Some(format!("{kind}/{namespace}/{name}").into())
}

impl Component for VolumeKeeper {
    fn name(&self) -> &'static str {
        "volume-keeper"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        if self.read(now, view, out) {
            self.look(now, view, out);
        }
        for own in &mut self.volumes {
            let steps = own.volume.advance(now);
            self.labels.all |= own.settle(steps, view, out);
            if let Some(at) = own.volume.awaited() {
                out.wake_at(at.max(now));
            }
            if let Some(at) = own.volume.next() {
                if self.until.is_some_and(|end| at <= end) {
                    out.wake_at(at.max(now));
                } else {
                    out.wake_idle_at(at.max(now));
                }
            }
        }
        self.relabel(view, out);
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn program(&self) -> Program {
        Program::Outside
    }

    // Backups are kept outside of the cluster.
    fn memory(&self) -> Memory {
        Memory::Lost
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
