//! The course of volumes between nodes: attached for the first pod that needs them, detached once no
//! pod on their node has them any more. A lost node does not say that it has given a volume up; after a
//! time it is taken from it by force.

use model::{PodRef, Text};
use units::{Duration, Instant, NodeId, PodId, SortedMap, SortedSet};

/// Delays of volumes; zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VolumeDelays {
    /// Time to attach a volume to a node.
    pub attach: Duration,
    /// Time to unmount a volume and to detach it from a node.
    pub detach: Duration,
    /// Time for which a volume stays with a node that is not Ready, once no pod has it any more.
    pub force_detach: Duration,
}

/// Condition of a node as far as volumes on it are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The kubelet of the node unmounts the volumes that are being detached.
    Ready,
    /// Whether it still uses its volumes is unknown.
    Lost,
    /// A user said that it is down: what is on it is detached at once.
    OutOfService,
}

/// Volumes and the pods that have them.
#[derive(Clone, Debug, Default)]
pub struct Attachments {
    volumes: SortedMap<Text, Volume>,
    pods: SortedMap<PodId, Use>,
    /// Volumes about which something is to be done.
    open: SortedSet<Text>,
    /// Pods that came and wait for no volume.
    free: Vec<PodRef>,
}

/// A volume that a pod needs on its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededVolume {
    /// Name of the volume.
    pub name: Text,
    /// Delays of the volume.
    pub delays: VolumeDelays,
}

/// A pod on its node, and the volumes that it needs there.
#[derive(Clone, Debug)]
struct Use {
    pod: PodRef,
    node: NodeId,
    volumes: Vec<Text>,
    is_released: bool,
}

#[derive(Clone, Debug)]
struct Volume {
    delays: VolumeDelays,
    place: Place,
    /// The pods that have it or wait for it, first come first.
    users: Vec<PodId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Attaching {
        node: NodeId,
        until: Instant,
    },
    Attached {
        node: NodeId,
        /// Instant since which no pod on the node has it.
        unused: Option<Instant>,
    },
    Detaching {
        node: NodeId,
        until: Instant,
    },
}

impl Attachments {
    /// A pod came to a node where it needs these volumes.
    pub fn bound(&mut self, pod: PodRef, node: NodeId, volumes: Vec<NeededVolume>) {
        self.come(pod, node, volumes, None);
    }

    /// A pod was on a node with these volumes before the run began.
    pub fn found(&mut self, pod: PodRef, node: NodeId, volumes: Vec<NeededVolume>) {
        let attached = Place::Attached { node, unused: None };
        self.come(pod, node, volumes, Some(attached));
    }

    fn come(
        &mut self,
        pod: PodRef,
        node: NodeId,
        volumes: Vec<NeededVolume>,
        place: Option<Place>,
    ) {
        if volumes.is_empty() {
            self.free.push(pod);
            return;
        }
        for NeededVolume { name, delays } in &volumes {
            let volume = self.volumes.entry(name.clone()).or_insert(Volume {
                delays: *delays,
                place: place.unwrap_or(Place::Nowhere),
                users: Vec::new(),
            });
            volume.users.push(pod.id);
            self.open.insert(name.clone());
        }
        let own = Use {
            pod,
            node,
            volumes: volumes.into_iter().map(|volume| volume.name).collect(),
            is_released: false,
        };
        self.pods.insert(pod.id, own);
    }

    /// Another controller takes over, which does not know for how long volumes have been unused.
    pub fn restarted(&mut self, now: Instant) {
        for volume in self.volumes.values_mut() {
            if let Place::Attached { unused, .. } = &mut volume.place {
                *unused = unused.map(|_| now);
            }
        }
    }

    /// A pod ended, or is gone.
    pub fn ended(&mut self, pod: PodRef) {
        let Some(own) = self.pods.remove(&pod.id) else {
            return;
        };
        for name in own.volumes {
            if let Some(volume) = self.volumes.get_mut(&name) {
                volume.users.retain(|user| *user != pod.id);
                self.open.insert(name);
            }
        }
    }

    /// Goes on up to an instant; gives the pods whose volumes are all on their node now.
    pub fn advance(&mut self, now: Instant, host: impl Fn(NodeId) -> Host) -> Vec<PodRef> {
        let mut settled = Vec::new();
        let mut reached = SortedSet::new();
        for name in &self.open {
            let Some(volume) = self.volumes.get_mut(name) else {
                settled.push(name.clone());
                continue;
            };
            while let Some(next) = volume.next(now, &self.pods, &host) {
                volume.place = next;
            }
            if let Place::Attached { node, .. } = volume.place {
                let pods = volume
                    .users
                    .iter()
                    .filter(|user| is_on(&self.pods, **user, node));
                reached.extend(pods.copied());
            }
            if volume.is_settled() {
                settled.push(name.clone());
            }
        }
        for name in settled {
            self.open.remove(&name);
            let is_idle =
                |volume: &Volume| volume.place == Place::Nowhere && volume.users.is_empty();
            if self.volumes.get(&name).is_some_and(is_idle) {
                self.volumes.remove(&name);
            }
        }
        reached.retain(|pod| self.is_complete(*pod));
        let released = reached.into_iter().filter_map(|pod| {
            let own = self.pods.get_mut(&pod)?;
            (!std::mem::replace(&mut own.is_released, true)).then_some(own.pod)
        });
        let mut released: Vec<PodRef> = released.collect();
        released.append(&mut self.free);
        released
    }

    /// True once all volumes of a pod are on its node.
    fn is_complete(&self, pod: PodId) -> bool {
        self.pods.get(&pod).is_some_and(|pod| {
            pod.volumes.iter().all(|name| {
                let place = self.volumes.get(name).map(|volume| volume.place);
                matches!(place, Some(Place::Attached { node, .. }) if node == pod.node)
            })
        })
    }

    /// The next instant at which something is over.
    pub fn next(&self) -> Option<Instant> {
        let open = self.open.iter().filter_map(|name| self.volumes.get(name));
        let due = open.filter_map(|volume| match volume.place {
            Place::Attaching { until, .. } | Place::Detaching { until, .. } => Some(until),
            Place::Attached { unused, .. } => {
                Some(unused?.saturating_add(volume.delays.force_detach))
            }
            Place::Nowhere => None,
        });
        due.min()
    }
}

/// True for a pod that is on a node.
fn is_on(pods: &SortedMap<PodId, Use>, pod: PodId, node: NodeId) -> bool {
    pods.get(&pod).is_some_and(|pod| pod.node == node)
}

impl Volume {
    /// The next place of the volume; `None` while it stays where it is.
    fn next(
        &self,
        now: Instant,
        pods: &SortedMap<PodId, Use>,
        host: impl Fn(NodeId) -> Host,
    ) -> Option<Place> {
        let delays = self.delays;
        let has_user = |node: NodeId| self.users.iter().any(|user| is_on(pods, *user, node));
        match self.place {
            Place::Nowhere => {
                let first = self.users.first().and_then(|user| pods.get(user))?;
                let until = now.saturating_add(delays.attach);
                let node = first.node;
                Some(Place::Attaching { node, until })
            }
            Place::Attaching { node, until } => {
                (until <= now).then_some(Place::Attached { node, unused: None })
            }
            // Its node has not said yet that it is unmounted.
            Place::Detaching { node, .. } if has_user(node) => {
                Some(Place::Attached { node, unused: None })
            }
            Place::Detaching { until, .. } => (until <= now).then_some(Place::Nowhere),
            Place::Attached { node, unused } if has_user(node) => {
                unused.map(|_| Place::Attached { node, unused: None })
            }
            Place::Attached { node, unused } => {
                let since = unused.unwrap_or(now);
                let is_free = match host(node) {
                    Host::Ready | Host::OutOfService => true,
                    Host::Lost => since.saturating_add(delays.force_detach) <= now,
                };
                if is_free {
                    let until = now.saturating_add(delays.detach);
                    return Some(Place::Detaching { node, until });
                }
                let unused = Some(since);
                (self.place != Place::Attached { node, unused })
                    .then_some(Place::Attached { node, unused })
            }
        }
    }

    /// True if the volume stays where it is until pods come or go.
    fn is_settled(&self) -> bool {
        match self.place {
            Place::Nowhere => self.users.is_empty(),
            Place::Attached { unused, .. } => unused.is_none(),
            Place::Attaching { .. } | Place::Detaching { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use units::PodSlot;

    const DELAYS: VolumeDelays = VolumeDelays {
        attach: Duration::from_secs(10),
        detach: Duration::from_secs(5),
        force_detach: Duration::from_secs(360),
    };
    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    fn pod(number: u32) -> PodRef {
        PodRef {
            id: PodId(number),
            slot: PodSlot(number),
        }
    }

    /// Goes on until nothing is due any more, while hosts stay as they are; says when which pod is
    /// released, in seconds.
    fn released(
        volumes: &mut Attachments,
        mut now: i64,
        host: impl Fn(NodeId) -> Host,
    ) -> Vec<(i64, u32)> {
        let mut told = Vec::new();
        loop {
            let pods = volumes.advance(Instant::from_secs(now), &host);
            told.extend(pods.into_iter().map(|pod| (now, pod.id.0)));
            match volumes.next() {
                Some(next) => now = next.since(Instant::ZERO).as_nanos() / 1_000_000_000,
                None => return told,
            }
        }
    }

    fn all<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<NeededVolume> {
        let needed = names.into_iter().map(|name| NeededVolume {
            name: name.into(),
            delays: DELAYS,
        });
        needed.collect()
    }

    fn one(name: &str) -> Vec<NeededVolume> {
        all([name])
    }

    /// A volume on the first node, whose pod ended at 100 s when another one waits on the second.
    fn moving() -> Attachments {
        let mut volumes = Attachments::default();
        volumes.bound(pod(0), A, one("v"));
        assert_eq!(released(&mut volumes, 0, |_| Host::Ready), [(10, 0)]);
        volumes.bound(pod(1), B, one("v"));
        // Who has it keeps it.
        assert_eq!(released(&mut volumes, 50, |_| Host::Ready), []);
        volumes.ended(pod(0));
        volumes
    }

    #[test]
    fn a_volume_is_detached_before_it_is_attached_elsewhere() {
        let told = released(&mut moving(), 100, |_| Host::Ready);
        assert_eq!(told, [(115, 1)]);
    }

    #[test]
    fn a_lost_node_keeps_a_volume_for_six_minutes_unless_it_is_out_of_service() {
        let lost = |node| if node == A { Host::Lost } else { Host::Ready };
        assert_eq!(released(&mut moving(), 100, lost), [(475, 1)]);
        let marked = |node| {
            if node == A {
                Host::OutOfService
            } else {
                Host::Ready
            }
        };
        assert_eq!(released(&mut moving(), 100, marked), [(115, 1)]);
        // A node that is back unmounts it.
        let mut volumes = moving();
        assert!(volumes.advance(Instant::from_secs(100), lost).is_empty());
        assert_eq!(released(&mut volumes, 200, |_| Host::Ready), [(215, 1)]);
    }

    #[test]
    fn a_successor_on_the_same_node_finds_the_volume_there() {
        let mut volumes = moving();
        volumes.ended(pod(1));
        assert!(
            volumes
                .advance(Instant::from_secs(100), |_| Host::Ready)
                .is_empty()
        );
        volumes.bound(pod(2), A, one("v"));
        assert_eq!(released(&mut volumes, 103, |_| Host::Ready), [(103, 2)]);
    }

    #[test]
    fn a_pod_waits_for_all_of_its_volumes_and_those_found_are_there() {
        let mut volumes = Attachments::default();
        volumes.found(pod(0), A, one("v"));
        assert_eq!(released(&mut volumes, 0, |_| Host::Ready), [(0, 0)]);
        volumes.bound(pod(1), A, all(["v", "w"]));
        volumes.bound(pod(2), A, Vec::new());
        let told = released(&mut volumes, 3, |_| Host::Ready);
        assert_eq!(told, [(3, 2), (13, 1)]);
        for own in [0, 1] {
            volumes.ended(pod(own));
        }
        assert_eq!(released(&mut volumes, 20, |_| Host::Ready), []);
        assert!(volumes.volumes.is_empty() && volumes.pods.is_empty());
    }

    /// A step of a random course.
    #[derive(Clone, Debug)]
    enum Step {
        /// A pod is bound to a node, with those of three volumes whose bits are set.
        Bound(u32, u8),
        /// One of the pods that are there ends.
        Ended(usize),
        /// A node is ready, lost or out of service.
        Host(usize, u8),
        /// Seconds pass.
        Passed(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u32..3, 1_u8..8).prop_map(|(node, volumes)| Step::Bound(node, volumes)),
            (0_usize..20).prop_map(Step::Ended),
            (0_usize..3, 0_u8..3).prop_map(|(node, host)| Step::Host(node, host)),
            (1_i64..200).prop_map(Step::Passed),
        ]
    }

    proptest! {
        /// Pods that run never share a volume across nodes, whatever comes, ends and is lost when.
        #[test]
        fn no_volume_is_attached_twice(steps in prop::collection::vec(step(), 1..60)) {
            let mut volumes = Attachments::default();
            let mut hosts = [Host::Ready; 3];
            let mut pods: SortedMap<PodRef, (NodeId, Vec<Text>)> = SortedMap::new();
            let mut running = SortedSet::new();
            let mut now = 0;
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Bound(node, bits) => {
                        let own = pod(number as u32);
                        let named = (0..3_u8).filter(|bit| bits & (1 << bit) != 0);
                        let names: Vec<Text> = named.map(|bit| format!("v{bit}").into()).collect();
                        volumes.bound(own, NodeId(node), all(names.iter().map(|name| &**name)));
                        pods.insert(own, (NodeId(node), names));
                    }
                    Step::Ended(place) => {
                        let own = pods.keys().nth(place % pods.len().max(1)).copied();
                        if let Some(own) = own {
                            volumes.ended(own);
                            pods.remove(&own);
                            running.remove(&own);
                        }
                    }
                    Step::Host(node, host) => {
                        hosts[node] = [Host::Ready, Host::Lost, Host::OutOfService][usize::from(host)];
                    }
                    Step::Passed(secs) => now += secs,
                }
                running.extend(volumes.advance(Instant::from_secs(now), |node| hosts[node.index()]));
                let mut places: SortedMap<&Text, NodeId> = SortedMap::new();
                for (node, names) in running.iter().filter_map(|own| pods.get(own)) {
                    for name in names {
                        let first = places.insert(name, *node);
                        prop_assert!(first.is_none_or(|first| first == *node), "{name} at {now} s");
                    }
                }
            }
        }
    }
}
