//! Running jobs not reached yet in the order of the round, by the nodes that they are on. A job before them in the order
//! has what they leave free; where this is too little, the last of them give way, as many as it takes until
//! the node has enough of every resource, and none for nothing.

use smallvec::SmallVec;

use model::DeviceSet;
use units::{NodeId, Resources, SortedMap};

use super::plan::{Claim, Need, NodeRoom, Place};

/// Behind every job in the order: no job gives way.
pub(super) const IDLE: u32 = u32::MAX;

/// Before [`IDLE`] and behind every job in the order: a job gives up devices beyond its own alone.
pub(super) const SPARE: u32 = IDLE - 1;

/// The running jobs not reached yet in the order of the round.
#[derive(Clone, Debug, Default)]
pub(super) struct PreemptibleJobs {
    /// Claims by place in the order.
    claims: SortedMap<u32, Claim>,
    /// Members of these jobs on each node, by the place of their job in the order.
    by_node: Vec<SmallVec<[DeviceHold; 8]>>,
}

/// The devices of a member of a job.
#[derive(Clone, Copy, Debug)]
struct DeviceHold {
    /// The job's place in the order.
    rank: u32,
    devices: DeviceSet,
}

/// A way for a member to have a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlacementOption {
    pub(super) place: Place,
    /// Place in the order of the first job that gives way; [`SPARE`] or [`IDLE`] where none does.
    pub(super) first: u32,
    /// Places in the order of the jobs that give way.
    pub(super) displaced: SmallVec<[u32; 4]>,
}

/// The free resources and devices of a node; negative where a job takes its turn on those that others hold.
#[derive(Clone, Debug)]
struct FreeBalance {
    resources: Resources,
    devices: SmallVec<[i32; 8]>,
}

impl FreeBalance {
    fn add(&mut self, need: &Need, devices: DeviceSet, sign: i32) {
        if sign > 0 {
            self.resources.add(&need.resources);
        } else {
            self.resources.subtract(&need.resources);
        }
        for index in devices.iter() {
            self.devices[index] += sign * i32::from(need.milli);
        }
    }

    fn with_room<'a>(&'a self, need: &'a Need) -> impl Iterator<Item = usize> + 'a {
        (0..self.devices.len()).filter(|&index| self.devices[index] >= i32::from(need.milli))
    }

    fn has_room(&self, need: &Need) -> bool {
        need.resources.fits_in(&self.resources)
            && self.with_room(need).count() >= usize::from(need.devices)
    }
}

impl PreemptibleJobs {
    /// Notes a job that runs, with its place in the order.
    pub(super) fn insert(&mut self, rank: u32, claim: Claim) {
        for place in claim.places.iter().flatten() {
            let node = place.node.index();
            if self.by_node.len() <= node {
                self.by_node.resize_with(node + 1, SmallVec::new);
            }
            let here = &mut self.by_node[node];
            let at = here.partition_point(|own| own.rank <= rank);
            let devices = place.devices;
            here.insert(at, DeviceHold { rank, devices });
        }
        self.claims.insert(rank, claim);
    }

    /// The turn of a job has come, or it gives way to another.
    pub(super) fn remove(&mut self, rank: u32) -> Option<Claim> {
        let claim = self.claims.remove(&rank)?;
        for place in claim.places.iter().flatten() {
            self.by_node[place.node.index()].retain(|own| own.rank != rank);
        }
        Some(claim)
    }

    /// The way to a place on a node for a member, of what is left there if all jobs gave way whose turn has
    /// not come. `None` if it does not fit even then.
    pub(super) fn way(
        &self,
        node: NodeId,
        left: &NodeRoom,
        need: &Need,
    ) -> Option<PlacementOption> {
        left.find(need)?;
        let mut beside = FreeBalance {
            resources: left.resources.clone(),
            devices: left.devices.iter().map(|&own| i32::from(own)).collect(),
        };
        let here: &[DeviceHold] = self.by_node.get(node.index()).map_or(&[], |own| own);
        self.add(&mut beside, here, -1);
        let mut giving_way = SmallVec::<[&[DeviceHold]; 4]>::new();
        let mut jobs = here.chunk_by(|one, next| one.rank == next.rank);
        while !beside.has_room(need) {
            let job = jobs.next_back()?;
            self.add(&mut beside, job, 1);
            giving_way.push(job);
        }
        // Of those that give way some may do so for nothing; the last one that was asked does not.
        for at in (0..giving_way.len().saturating_sub(1)).rev() {
            self.add(&mut beside, giving_way[at], -1);
            if beside.has_room(need) {
                giving_way.remove(at);
            } else {
                self.add(&mut beside, giving_way[at], 1);
            }
        }
        let mut open: SmallVec<[usize; 8]> = beside.with_room(need).collect();
        open.sort_by_key(|&index| left.spare.contains(index));
        let mut devices = DeviceSet::EMPTY;
        for &index in open.get(..usize::from(need.devices))? {
            devices.insert(index);
        }
        let takes_spare = devices.0 & left.spare.0 != 0;
        let none = if takes_spare { SPARE } else { IDLE };
        let displaced: SmallVec<[u32; 4]> = giving_way.iter().map(|own| own[0].rank).collect();
        Some(PlacementOption {
            place: Place { node, devices },
            first: displaced.last().copied().unwrap_or(none),
            displaced,
        })
    }

    /// Gives back what members hold, or takes it.
    fn add(&self, beside: &mut FreeBalance, members: &[DeviceHold], sign: i32) {
        for own in members {
            if let Some(claim) = self.claims.get(&own.rank) {
                beside.add(&claim.need, own.devices, sign);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plan::Plan;
    use super::super::plan::testing::{need, place, plan};
    use super::*;

    const ALL_CPU: i64 = 100_000;

    fn claim(members: usize, need: Need, places: Option<&[Place]>) -> Claim {
        Claim {
            members,
            need,
            places: places.map(<[Place]>::to_vec),
        }
    }

    fn with_cpu(devices: u8, milli: u16, cpu: i64) -> Need {
        let mut own = need(devices, milli);
        own.resources.cpu_milli = cpu;
        own
    }

    /// Notes one job on one place after another, in the order of their turns.
    fn hold(plan: &mut Plan, jobs: &[(Need, Place)]) {
        for (rank, (need, place)) in (0..).zip(jobs) {
            let own = claim(1, need.clone(), Some(&[*place]));
            plan.holders.insert(rank, own);
        }
    }

    #[test]
    fn a_waiting_job_takes_the_devices_of_the_jobs_that_come_last() {
        let mut plan = plan(&[&[1_000; 2], &[1_000; 2]]);
        let jobs = [place(0, 0b1), place(1, 0b11), place(0, 0b10)];
        let jobs = jobs.map(|own| (need(own.devices.len() as u8, 1_000), own));
        hold(&mut plan, &jobs);
        let found = plan.grant(&claim(1, need(1, 1_000), None), |_| true);
        assert_eq!(found, Some(vec![place(0, 0b10)]));
        let found = plan.grant(&claim(1, need(2, 1_000), None), |_| true);
        assert_eq!(found, Some(vec![place(1, 0b11)]));
        assert!(plan.holders.remove(2).is_none() && plan.holders.remove(0).is_some());
    }

    #[test]
    fn a_job_gives_way_that_leaves_enough_of_all_resources() {
        // The last job holds little of the processors: the one before it gives way for them, and alone.
        let mut plan = plan(&[&[1_000; 2]]);
        let (large, small) = (with_cpu(1, 1_000, 80_000), with_cpu(1, 1_000, 10_000));
        hold(
            &mut plan,
            &[(large, place(0, 0b1)), (small, place(0, 0b10))],
        );
        let own = with_cpu(1, 1_000, 50_000);
        let found = plan.grant(&claim(1, own, None), |_| true);
        assert_eq!(found, Some(vec![place(0, 0b1)]));
        assert!(plan.holders.remove(0).is_none() && plan.holders.remove(1).is_some());
    }

    #[test]
    fn devices_are_gathered_over_several_jobs_or_no_job_gives_way() {
        let mut plan = plan(&[&[1_000; 4]]);
        let jobs: Vec<(Need, Place)> = { 0..4 }
            .map(|index| (need(1, 1_000), place(0, 1 << index)))
            .collect();
        hold(&mut plan, &jobs);
        assert!(
            plan.grant(&claim(2, need(3, 1_000), None), |_| true)
                .is_none()
        );
        let found = plan.grant(&claim(1, need(3, 1_000), None), |_| true);
        assert_eq!(found, Some(vec![place(0, 0b1110)]));
        assert!(plan.holders.remove(0).is_some() && plan.holders.remove(1).is_none());
    }

    /// The place in the order of the first job that gives way if all from some place on do, as late a place
    /// as there is; plainly.
    fn plainly(plan: &Plan, jobs: &[(Need, Place)], own: &Need) -> Option<u32> {
        let found = (0..plan.left.len()).filter_map(|node| {
            let fits = |first: usize| {
                let mut left = plan.left[node].clone();
                let here = |own: &&(Need, Place)| own.1.node.index() == node;
                for (need, place) in jobs[..first].iter().filter(here) {
                    left.take(need, place.devices);
                }
                left.find(own).is_some()
            };
            let first = (0..=jobs.len()).rev().find(|&first| fits(first))?;
            Some(if first == jobs.len() {
                IDLE
            } else {
                first as u32
            })
        });
        found.max()
    }

    proptest! {
        /// A job that fits beside those before it has a place; those that give way come as late as can be,
        /// none does so for nothing, and nothing is given twice. Without a place all is as it was.
        #[test]
        fn as_few_jobs_give_way_as_can_be(
            nodes in prop::collection::vec(1_usize..5, 1..4),
            running in prop::collection::vec((1_u8..4, prop::bool::ANY, 1_i64..60_000), 0..10),
            asked in (1_u8..5, 1_usize..4, 1_i64..110_000),
        ) {
            let rooms: Vec<Vec<u16>> = nodes.iter().map(|&count| vec![1_000; count]).collect();
            let rooms: Vec<&[u16]> = rooms.iter().map(Vec::as_slice).collect();
            let (mut scratch, mut plan) = (plan(&rooms), plan(&rooms));
            let mut jobs = Vec::new();
            for (devices, is_half, cpu) in running {
                let own = with_cpu(devices, if is_half { 500 } else { 1_000 }, cpu);
                let found = scratch.grant(&claim(1, own.clone(), None), |_| true);
                jobs.extend(found.map(|places| (own, places[0])));
            }
            hold(&mut plan, &jobs);
            let (devices, members, cpu) = asked;
            let own = with_cpu(devices, 1_000, cpu);
            let before = plan.left.clone();
            let expected = plainly(&plan, &jobs, &own);
            let way = plan.find(&own, &|_| true);
            prop_assert_eq!(way.map(|way| way.first), expected);
            let found = plan.grant(&claim(members, own.clone(), None), |_| true);
            prop_assert!(found.is_some() || members > 1 || expected.is_none());
            let stays: Vec<bool> = (0..jobs.len() as u32)
                .map(|rank| plan.holders.remove(rank).is_some())
                .collect();
            let Some(places) = found else {
                prop_assert!(stays.iter().all(|&own| own));
                prop_assert_eq!(&plan.left, &before);
                return Ok(());
            };
            // What is left beside the job has room for those that stay, and with one more for none or less.
            let fits = |also: Option<usize>| {
                let mut left = plan.left.clone();
                let beside = (0..jobs.len()).filter(|&own| stays[own] || also == Some(own));
                for (need, place) in beside.map(|own| &jobs[own]) {
                    let here = &mut left[place.node.index()];
                    if !here.has(need, place.devices) {
                        return false;
                    }
                    here.take(need, place.devices);
                }
                true
            };
            prop_assert_eq!(places.len(), members);
            prop_assert!(fits(None));
            let used: i64 = before.iter().zip(&plan.left)
                .map(|(before, left)| before.resources.cpu_milli - left.resources.cpu_milli)
                .sum();
            prop_assert_eq!(used, cpu * members as i64);
            prop_assert!(before.iter().all(|own| own.resources.cpu_milli == ALL_CPU));
            if members == 1 {
                let gave_way = (0..jobs.len()).filter(|&own| !stays[own]);
                for own in gave_way {
                    // Devices may be free elsewhere on the node: then the others give way for these.
                    let (need, place) = &jobs[own];
                    let mut left = before[place.node.index()].clone();
                    let beside = (0..jobs.len()).filter(|&other| stays[other] || other == own);
                    for (need, other) in beside.map(|other| &jobs[other]) {
                        if other.node == place.node {
                            left.take(need, other.devices);
                        }
                    }
                    prop_assert!(left.find(&with_cpu(devices, 1_000, cpu)).is_none(), "{need:?}");
                }
            }
        }
    }
}
