//! The jobs that hold the devices of each node in a round: what every grant leaves of a node is counted
//! device by device, with its other resources, so that no job gives way to one that does not fit.

use smallvec::SmallVec;

use cluster::{Class, Store};
use model::DeviceSet;
use model::gpu::DEVICE_MILLI;
use units::{NodeId, Resources};

use super::preemptible_jobs::{IDLE, PlacementOption, PreemptibleJobs};

/// The place of a member of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) node: NodeId,
    pub(super) devices: DeviceSet,
}

/// The request of each member of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) resources: Resources,
    pub(super) devices: u8,
    /// Milli-GPU of each device.
    pub(super) milli: u16,
}

impl Need {
    /// The request of members of a class.
    pub(super) fn of(class: &Class) -> Self {
        Self {
            resources: class.requests.clone(),
            devices: class.gpu.devices,
            milli: class.gpu.milli_per_device,
        }
    }
}

/// The claim of a job on devices.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// Number of members.
    pub(super) members: usize,
    pub(super) need: Need,
    /// Places that the members hold; `None` of a job that waits.
    pub(super) places: Option<Vec<Place>>,
}

/// Free resources and devices of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeRoom {
    pub(super) is_open: bool,
    pub(super) resources: Resources,
    /// Milli-GPU of each device.
    pub(super) devices: SmallVec<[u16; 8]>,
    /// Devices that jobs hold beyond their own.
    pub(super) spare: DeviceSet,
}

impl NodeRoom {
    /// Devices with room for a member, the lowest first; those last that a job holds beyond its own.
    /// `None` if it does not fit.
    pub(super) fn find(&self, need: &Need) -> Option<DeviceSet> {
        if !self.is_open || !need.resources.fits_in(&self.resources) {
            return None;
        }
        let wanted = usize::from(need.devices);
        let with_room = (0..self.devices.len()).filter(|&index| self.devices[index] >= need.milli);
        let mut open: SmallVec<[usize; 8]> = with_room.collect();
        if open.len() < wanted {
            return None;
        }
        open.sort_by_key(|&index| self.spare.contains(index));
        let mut devices = DeviceSet::EMPTY;
        for &index in &open[..wanted] {
            devices.insert(index);
        }
        Some(devices)
    }

    pub(super) fn has(&self, need: &Need, devices: DeviceSet) -> bool {
        let has_room = |index: usize| {
            self.devices
                .get(index)
                .is_some_and(|&own| own >= need.milli)
        };
        self.is_open && need.resources.fits_in(&self.resources) && devices.iter().all(has_room)
    }

    pub(super) fn take(&mut self, need: &Need, devices: DeviceSet) {
        self.resources.subtract(&need.resources);
        for index in devices.iter() {
            self.devices[index] -= need.milli;
        }
    }

    pub(super) fn give_back(&mut self, need: &Need, devices: DeviceSet) {
        self.resources.add(&need.resources);
        for index in devices.iter() {
            self.devices[index] += need.milli;
        }
    }
}

/// The nodes in a round.
pub(super) struct Plan {
    /// Left by the claims that were granted, if all preemptible jobs give way.
    pub(super) left: Vec<NodeRoom>,
    /// The running jobs not reached yet in the order of the round.
    pub(super) holders: PreemptibleJobs,
    /// Milli-GPU that are free in the cluster as it is.
    free: Vec<i64>,
    /// Nodes as they were before moves were tried, in order.
    pub(super) changed: Vec<(usize, NodeRoom)>,
}

impl Plan {
    /// A plan for the nodes that take pods, in which jobs that run hold nothing yet.
    pub(super) fn of<'a>(store: &Store, running: impl Iterator<Item = &'a Claim>) -> Self {
        let nodes = store.nodes();
        let mut plan = Self {
            left: vec![NodeRoom::default(); nodes.len()],
            holders: PreemptibleJobs::default(),
            free: vec![0; nodes.len()],
            changed: Vec::new(),
        };
        for node in nodes.present() {
            plan.left[node.index()] = NodeRoom {
                is_open: nodes.schedulable()[node.index()],
                resources: nodes.free().row(node),
                devices: SmallVec::from_slice(nodes.gpu_room(node)),
                spare: DeviceSet::EMPTY,
            };
            plan.free[node.index()] = nodes.free().row(node).gpu_milli;
        }
        for claim in running {
            for place in claim.places.iter().flatten() {
                if let Some(left) = plan.left.get_mut(place.node.index()) {
                    left.give_back(&claim.need, place.devices);
                }
            }
        }
        plan
    }

    /// Grants a claim if there is room beside those before it, for all of its members or none: where its job
    /// runs, or else where the jobs that give way to it come last in the order. Jobs that give way do so with
    /// all of their members. Only nodes that a test admits count. Returns the place of each member.
    pub(super) fn grant(
        &mut self,
        claim: &Claim,
        admits: impl Fn(NodeId) -> bool,
    ) -> Option<Vec<Place>> {
        let mut places: Vec<Place> = Vec::with_capacity(claim.members);
        let mut gave_way = Vec::new();
        for member in 0..claim.members {
            let place = match &claim.places {
                Some(places) => places.get(member).copied().filter(|place| {
                    let left = self.left.get(place.node.index());
                    admits(place.node)
                        && left.is_some_and(|left| left.has(&claim.need, place.devices))
                }),
                None => self.find(&claim.need, &admits).map(|way| {
                    let ranks = way.displaced.into_iter();
                    gave_way.extend(ranks.map(|rank| (rank, self.holders.remove(rank))));
                    way.place
                }),
            };
            let Some(place) = place else {
                self.release(&claim.need, &places);
                for (rank, own) in gave_way {
                    if let Some(own) = own {
                        self.holders.insert(rank, own);
                    }
                }
                return None;
            };
            self.left[place.node.index()].take(&claim.need, place.devices);
            places.push(place);
        }
        Some(places)
    }

    /// Notes the devices of a place's node that a job holds beyond its own.
    pub(super) fn set_spare(&mut self, place: Place, devices: DeviceSet) {
        if let Some(left) = self.left.get_mut(place.node.index()) {
            left.spare.0 |= devices.0;
        }
    }

    /// Whether the members of a job have room beside those of another at the same places, which hold this
    /// much of each device there.
    pub(super) fn have_room_beside(&mut self, need: &Need, places: &[Place], held: u16) -> bool {
        let before: Vec<(usize, NodeRoom)> = { places.iter() }
            .filter_map(|own| Some((own.node.index(), self.left.get(own.node.index())?.clone())))
            .collect();
        let have_room = places.iter().all(|&place| {
            let has_room = self.has_room_beside(need, place, held);
            if has_room {
                self.share(need, place);
            }
            has_room
        });
        for (index, left) in before {
            self.left[index] = left;
        }
        have_room
    }

    /// Whether a member has room for all but its device beside the one job on a place, which holds this
    /// much of the device.
    fn has_room_beside(&self, need: &Need, place: Place, held: u16) -> bool {
        let Some(left) = self.left.get(place.node.index()) else {
            return false;
        };
        let mut rest = need.resources.clone();
        rest.gpu_milli = 0;
        let rooms = place.devices.iter().map(|index| left.devices[index]);
        let mut free = rooms.map(|room| DEVICE_MILLI - room);
        left.is_open && rest.fits_in(&left.resources) && free.all(|taken| taken == held)
    }

    /// A second job shares the devices of a place with the one that is there: nothing is left of them.
    pub(super) fn share(&mut self, need: &Need, place: Place) {
        let left = &mut self.left[place.node.index()];
        let mut rest = need.resources.clone();
        rest.gpu_milli = place
            .devices
            .iter()
            .map(|index| i64::from(left.devices[index]))
            .sum();
        left.resources.subtract(&rest);
        for index in place.devices.iter() {
            left.devices[index] = 0;
        }
    }

    fn release(&mut self, need: &Need, places: &[Place]) {
        for place in places {
            self.left[place.node.index()].give_back(need, place.devices);
        }
    }

    /// The node with room where the first job that gives way comes last in the order; of equal ones the one
    /// that has most free as it is, then the first.
    pub(super) fn find(
        &self,
        need: &Need,
        admits: &impl Fn(NodeId) -> bool,
    ) -> Option<PlacementOption> {
        let mut best: Option<(PlacementOption, i64)> = None;
        for (index, left) in self.left.iter().enumerate() {
            let (node, free) = (NodeId::from_index(index), self.free[index]);
            let is_less = |(way, most): &(PlacementOption, i64)| way.first == IDLE && free <= *most;
            if best.as_ref().is_some_and(is_less) || !admits(node) {
                continue;
            }
            let Some(way) = self.holders.way(node, left, need) else {
                continue;
            };
            let is_better =
                |(own, most): &(PlacementOption, i64)| (way.first, free) > (own.first, *most);
            if best.as_ref().is_none_or(is_better) {
                best = Some((way, free));
            }
        }
        best.map(|(way, _)| way)
    }

    /// The fullest node with room beside one node; of equal ones the first.
    pub(super) fn find_beside(
        &self,
        need: &Need,
        excluded: NodeId,
        admits: &impl Fn(NodeId) -> bool,
    ) -> Option<Place> {
        let mut best: Option<(u32, Place)> = None;
        for (index, left) in self.left.iter().enumerate() {
            let node = NodeId::from_index(index);
            let room: u32 = left.devices.iter().map(|&own| u32::from(own)).sum();
            if node == excluded || best.is_some_and(|(least, _)| room >= least) || !admits(node) {
                continue;
            }
            if let Some(devices) = left.find(need) {
                best = Some((room, Place { node, devices }));
            }
        }
        best.map(|(_, place)| place)
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A plan of nodes with so much left of their devices, and all other resources in plenty.
    pub(in super::super) fn plan(nodes: &[&[u16]]) -> Plan {
        let left = |rooms: &&[u16]| NodeRoom {
            is_open: true,
            resources: Resources {
                cpu_milli: 100_000,
                gpu_milli: rooms.iter().map(|&own| i64::from(own)).sum(),
                ..Resources::default()
            },
            devices: SmallVec::from_slice(rooms),
            spare: DeviceSet::EMPTY,
        };
        let free = |rooms: &&[u16]| rooms.iter().map(|&own| i64::from(own)).sum();
        Plan {
            left: nodes.iter().map(left).collect(),
            holders: PreemptibleJobs::default(),
            free: nodes.iter().map(free).collect(),
            changed: Vec::new(),
        }
    }

    /// A request of devices and of a thousandth of a core.
    pub(in super::super) fn need(devices: u8, milli: u16) -> Need {
        Need {
            resources: Resources {
                cpu_milli: 1,
                gpu_milli: i64::from(devices) * i64::from(milli),
                ..Resources::default()
            },
            devices,
            milli,
        }
    }

    /// A place on a node.
    pub(in super::super) fn place(node: u32, devices: u64) -> Place {
        Place {
            node: NodeId(node),
            devices: DeviceSet(devices),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{need, place, plan};
    use super::*;

    fn claim(members: usize, need: Need, places: Option<&[Place]>) -> Claim {
        Claim {
            members,
            need,
            places: places.map(<[Place]>::to_vec),
        }
    }

    #[test]
    fn a_waiting_job_takes_free_devices_before_those_of_jobs_behind_it() {
        let mut plan = plan(&[&[1_000; 4], &[1_000; 4]]);
        plan.free = vec![1_000, 4_000];
        let mut grant = |members, need, places: Option<&[Place]>| {
            plan.grant(&claim(members, need, places), |_| true)
        };
        assert_eq!(grant(1, need(2, 1_000), None), Some(vec![place(1, 0b11)]));
        // The job that runs on the other node keeps its places.
        let held = [place(0, 0b1), place(0, 0b10), place(0, 0b100)];
        assert_eq!(grant(3, need(1, 1_000), Some(&held)), Some(held.to_vec()));
        assert_eq!(grant(1, need(4, 1_000), None), None);
        let taken = [place(1, 0b10), place(1, 0b100)];
        assert_eq!(grant(2, need(1, 1_000), Some(&taken)), None);
        let left = [place(1, 0b100), place(1, 0b1000)];
        assert_eq!(grant(2, need(1, 1_000), Some(&left)), Some(left.to_vec()));
        assert_eq!(plan.left[0].devices[..], [0, 0, 0, 1_000]);
        assert_eq!(plan.left[1].devices[..], [0; 4]);
        let half = claim(1, need(1, 500), None);
        assert_eq!(plan.grant(&half, |node| node == NodeId(1)), None);
        let found = plan.grant(&half, |node| node == NodeId(0));
        assert_eq!(found, Some(vec![place(0, 0b1000)]));
    }

    #[test]
    fn halves_of_two_devices_are_no_whole_one_and_other_resources_count() {
        let mut plan = plan(&[&[500, 500], &[1_000, 0]]);
        assert!(
            plan.grant(&claim(2, need(1, 1_000), None), |_| true)
                .is_none()
        );
        assert!(
            plan.grant(&claim(1, need(2, 500), None), |_| true)
                .is_some()
        );
        let mut large = need(1, 1_000);
        large.resources.cpu_milli = 100_001;
        assert!(plan.grant(&claim(1, large, None), |_| true).is_none());
        assert_eq!(plan.left[1].devices[..], [1_000, 0]);
    }

    #[test]
    fn a_device_has_room_for_a_second_job_and_no_third() {
        let mut plan = plan(&[&[0, 500]]);
        let own = need(1, 1_000);
        let (whole, half) = (place(0, 0b1), place(0, 0b10));
        assert!(plan.has_room_beside(&own, whole, 1_000));
        assert!(plan.has_room_beside(&own, half, 500));
        plan.share(&own, half);
        assert!(!plan.has_room_beside(&own, half, 500));
    }

    #[test]
    fn members_have_room_beside_others_if_all_of_them_have() {
        let mut plan = plan(&[&[0, 0, 0, 0], &[0, 500]]);
        let mut own = need(2, 1_000);
        let pair = [place(0, 0b11), place(0, 0b1100)];
        assert!(plan.have_room_beside(&own, &pair, 1_000));
        assert!(!plan.have_room_beside(&own, &[pair[0], place(1, 0b11)], 1_000));
        // There is as much of the other resources for one of them alone.
        own.resources.cpu_milli = 60_000;
        let before = plan.left.clone();
        assert!(plan.have_room_beside(&own, &pair[..1], 1_000));
        assert!(!plan.have_room_beside(&own, &pair, 1_000));
        assert_eq!(plan.left, before);
    }
}
