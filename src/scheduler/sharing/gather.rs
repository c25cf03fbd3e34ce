//! Moves that gather free devices: a job for which enough are free, scattered over several nodes, gets
//! them on the nodes that it needs, as jobs that run there move to others (Gandiva, OSDI'18; spec:
//! orchestrators-b.md section 8.2). A move costs what a suspension and a start cost.

use cluster::Store;
use units::{NodeId, SortedSet};

use super::SharingPlanner;
use super::job_turns::fastest_first;
use super::jobs::Form;
use super::plan::{Need, Place, Plan};

impl SharingPlanner {
    /// Makes room for waiting jobs that find none on any node, though enough devices are free on several
    /// together: jobs that would keep theirs move, none to a GPU of another model. Returns those that move.
    pub(super) fn gather(
        &mut self,
        plan: &mut Plan,
        order: &[u64],
        keeps: &mut SortedSet<u64>,
        store: &Store,
    ) -> SortedSet<u64> {
        let mut all_moved = SortedSet::new();
        let movable = keeps
            .iter()
            .filter_map(|&number| self.movable(number, store));
        let mut movable: Vec<MoveCandidate> = movable.collect();
        // A job like one that found nothing finds nothing.
        let mut in_vain = SortedSet::new();
        for &number in order {
            if self.granted.contains_key(&number) {
                continue;
            }
            let Some((_, members)) = self.jobs.ready(number) else {
                continue;
            };
            let Some(class) = self.jobs.whole(number) else {
                continue;
            };
            let (alike, class) = ((class, members.len()), store.class(class));
            if class.gpu.devices == 0 || in_vain.contains(&alike) {
                continue;
            }
            let need = Need::of(class);
            let found = self.columns_of(number).into_iter().find_map(|column| {
                let may = |own: u64, node: NodeId| {
                    let column = if own == number {
                        column
                    } else {
                        self.jobs.column(own)
                    };
                    self.is_on(node, column) && self.admits(store, own, node)
                };
                plan.gather(&need, members.len(), &mut movable, &may, number)
            });
            let Some(GatherPlan { moves, places }) = found else {
                in_vain.insert(alike);
                continue;
            };
            for (moved, places) in &moves {
                keeps.remove(moved);
                self.promise(*moved, places, Form::Whole);
                all_moved.insert(*moved);
            }
            self.promise(number, &places, Form::Whole);
        }
        all_moved
    }

    /// Columns that a job may run on, the fastest first; `None` is any model.
    fn columns_of(&self, number: u64) -> Vec<Option<usize>> {
        let speeds = self.columns.as_ref().and(self.jobs.speeds(number));
        speeds.map_or_else(
            || vec![None],
            |speeds| fastest_first(&speeds).into_iter().map(Some).collect(),
        )
    }

    /// A job that runs on devices of its own.
    fn movable(&self, number: u64, store: &Store) -> Option<MoveCandidate> {
        if self.jobs.form(number) == Form::Half {
            return None;
        }
        let claim = self.jobs.claim(number, store)?;
        let places = claim.places.filter(|_| claim.need.devices > 0)?;
        Some(MoveCandidate {
            number,
            need: claim.need,
            places,
        })
    }
}

/// A job that runs and may move.
#[derive(Clone, Debug)]
pub(super) struct MoveCandidate {
    pub(super) number: u64,
    pub(super) need: Need,
    pub(super) places: Vec<Place>,
}

/// Moves that make room for a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GatherPlan {
    /// Jobs that move, each with the new places of its members.
    pub(super) moves: Vec<(u64, Vec<Place>)>,
    /// Places of the job's members.
    pub(super) places: Vec<Place>,
}

impl Plan {
    /// Makes room for a job that finds none though enough devices are free on several nodes: on the node
    /// where the fewest devices have to be given up for each of its members, jobs move to other nodes.
    /// Together they give up fewer devices than the job gets; otherwise nothing moves, and so if one of
    /// them finds no other node.
    pub(super) fn gather(
        &mut self,
        need: &Need,
        members: usize,
        movable: &mut Vec<MoveCandidate>,
        may: &impl Fn(u64, NodeId) -> bool,
        number: u64,
    ) -> Option<GatherPlan> {
        let (before, known) = (self.left.clone(), movable.clone());
        let own = |node: NodeId| may(number, node);
        let mut found = GatherPlan::default();
        let mut moved = 0;
        for _ in 0..members {
            let place = self.find(need, &own).map(|way| way.place);
            let place = place.or_else(|| {
                let (node, given_up) = self.cheapest(need, number, movable, may)?;
                moved += given_up;
                let moves = self.clear(node, need, movable, may)?;
                self.changed.clear();
                found.moves.extend(moves);
                let devices = self.left[node.index()].find(need)?;
                Some(Place { node, devices })
            });
            let Some(place) = place.filter(|_| moved < milli(need) * members as i64) else {
                (self.left, *movable) = (before, known);
                self.changed.clear();
                return None;
            };
            self.left[place.node.index()].take(need, place.devices);
            found.places.push(place);
        }
        Some(found)
    }

    /// The node that takes a member for the fewest devices given up, and their milli-GPU; of equal ones
    /// the first.
    fn cheapest(
        &mut self,
        need: &Need,
        number: u64,
        movable: &[MoveCandidate],
        may: &impl Fn(u64, NodeId) -> bool,
    ) -> Option<(NodeId, i64)> {
        let mut best: Option<(NodeId, i64)> = None;
        for index in 0..self.left.len() {
            let node = NodeId::from_index(index);
            let own = &self.left[index];
            if !own.is_open || own.devices.len() < usize::from(need.devices) || !may(number, node) {
                continue;
            }
            let mut known = movable.to_vec();
            let moves = self.clear(node, need, &mut known, may);
            for (index, before) in std::mem::take(&mut self.changed).into_iter().rev() {
                self.left[index] = before;
            }
            let Some(moves) = moves else {
                continue;
            };
            let given_up = |number: u64| {
                let own = movable.iter().find(|own| own.number == number);
                own.map_or(0, |own| milli(&own.need) * own.places.len() as i64)
            };
            let cost = moves.iter().map(|&(number, _)| given_up(number)).sum();
            if best.is_none_or(|(_, least)| cost < least) {
                best = Some((node, cost));
            }
        }
        best
    }

    /// Moves jobs off a node until a member fits: those with the fewest devices first, and none that
    /// need not. The jobs can move no more afterwards.
    fn clear(
        &mut self,
        node: NodeId,
        need: &Need,
        movable: &mut Vec<MoveCandidate>,
        may: &impl Fn(u64, NodeId) -> bool,
    ) -> Option<Vec<(u64, Vec<Place>)>> {
        let mut here: Vec<usize> = (0..movable.len())
            .filter(|&own| movable[own].places.iter().any(|place| place.node == node))
            .collect();
        here.sort_by_key(|&own| (milli(&movable[own].need), movable[own].number));
        self.changed
            .push((node.index(), self.left[node.index()].clone()));
        let mut leaving = Vec::new();
        for own in here {
            if self.left[node.index()].find(need).is_some() {
                break;
            }
            self.lift(node, &movable[own]);
            leaving.push(own);
        }
        self.left[node.index()].find(need)?;
        // Of those that were taken off some may have been for nothing.
        for at in (0..leaving.len()).rev() {
            self.put_back(node, &movable[leaving[at]]);
            if self.left[node.index()].find(need).is_some() {
                leaving.remove(at);
            } else {
                self.lift(node, &movable[leaving[at]]);
            }
        }
        let kept = self.left[node.index()].find(need)?;
        self.left[node.index()].take(need, kept);
        let mut moves = Vec::with_capacity(leaving.len());
        for &own in &leaving {
            let MoveCandidate {
                number,
                need,
                places,
            } = &movable[own];
            let mut places = places.clone();
            for place in places.iter_mut().filter(|place| place.node == node) {
                *place = self.find_beside(need, node, &|other| may(*number, other))?;
                let index = place.node.index();
                self.changed.push((index, self.left[index].clone()));
                self.left[index].take(need, place.devices);
            }
            moves.push((*number, places));
        }
        self.left[node.index()].give_back(need, kept);
        leaving.sort_unstable();
        for &own in leaving.iter().rev() {
            movable.remove(own);
        }
        Some(moves)
    }

    fn lift(&mut self, node: NodeId, own: &MoveCandidate) {
        for place in own.places.iter().filter(|place| place.node == node) {
            self.left[node.index()].give_back(&own.need, place.devices);
        }
    }

    fn put_back(&mut self, node: NodeId, own: &MoveCandidate) {
        for place in own.places.iter().filter(|place| place.node == node) {
            self.left[node.index()].take(&own.need, place.devices);
        }
    }
}

/// Milli-GPU of a member.
fn milli(need: &Need) -> i64 {
    i64::from(need.devices) * i64::from(need.milli)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plan::testing::{need, place, plan};
    use super::*;

    fn movable(number: u64, devices: u8, places: &[Place]) -> MoveCandidate {
        MoveCandidate {
            number,
            need: need(devices, 1_000),
            places: places.to_vec(),
        }
    }

    fn anywhere(_: u64, _: NodeId) -> bool {
        true
    }

    #[test]
    fn the_smallest_jobs_that_make_room_move_to_the_fullest_node() {
        // Two devices are free on each of the first two nodes, one on the third.
        let mut plan = plan(&[&[0, 0, 1_000, 1_000], &[0, 0, 1_000, 1_000], &[0, 1_000]]);
        let mut jobs = vec![
            movable(1, 2, &[place(0, 0b11)]),
            movable(2, 1, &[place(1, 0b1)]),
            movable(3, 1, &[place(1, 0b10)]),
            movable(4, 1, &[place(2, 0b1)]),
        ];
        let found = plan.gather(&need(3, 1_000), 1, &mut jobs, &anywhere, 9);
        let found = found.expect("one device has to be given up");
        assert_eq!(found.moves, [(2, vec![place(2, 0b10)])]);
        assert_eq!(found.places, [place(1, 0b1101)]);
        assert_eq!(
            jobs.iter().map(|job| job.number).collect::<Vec<_>>(),
            [1, 3, 4]
        );
        // For two devices more the rest would have to move as far as they get.
        assert!(
            plan.gather(&need(4, 1_000), 1, &mut jobs, &anywhere, 9)
                .is_none()
        );
        assert_eq!(jobs.len(), 3);
    }

    #[test]
    fn nothing_moves_to_nodes_that_do_not_admit_it_nor_for_too_little() {
        let mut plan = plan(&[&[0, 1_000], &[0, 1_000]]);
        let mut jobs = vec![
            movable(1, 1, &[place(0, 0b1)]),
            movable(2, 1, &[place(1, 0b1)]),
        ];
        let stays = |own: u64, node: NodeId| own == 9 || node == NodeId(own as u32 - 1);
        assert!(
            plan.gather(&need(2, 1_000), 1, &mut jobs, &stays, 9)
                .is_none()
        );
        let found = plan.gather(&need(2, 1_000), 1, &mut jobs, &anywhere, 9);
        assert_eq!(found.expect("room").moves, [(1, vec![place(1, 0b10)])]);
    }

    /// Devices taken by jobs at places, by node.
    fn taken(devices: &[u16], jobs: &[(u8, Vec<Place>)]) -> Vec<Vec<u16>> {
        let mut taken: Vec<Vec<u16>> = { devices.iter() }
            .map(|&count| vec![0; usize::from(count)])
            .collect();
        for (count, places) in jobs {
            for place in places {
                assert_eq!(place.devices.len(), usize::from(*count));
                for index in place.devices.iter() {
                    taken[place.node.index()][index] += 1_000;
                }
            }
        }
        taken
    }

    proptest! {
        /// After moves no device is given twice, every job has all its members, and fewer devices were
        /// given up than were won; without moves all is as it was.
        #[test]
        fn moves_lose_nothing(
            nodes in prop::collection::vec(1_u16..9, 1..6),
            jobs in prop::collection::vec((1_u8..5, 1_usize..3), 0..12),
            asked in (1_u8..9, 1_usize..4),
        ) {
            let rooms: Vec<Vec<u16>> = { nodes.iter() }
                .map(|&count| vec![1_000; usize::from(count)])
                .collect();
            let rooms: Vec<&[u16]> = rooms.iter().map(Vec::as_slice).collect();
            let mut plan = plan(&rooms);
            let mut running = Vec::new();
            for (number, &(devices, members)) in (0_u64..).zip(&jobs) {
                let claim = super::super::plan::Claim {
                    members,
                    need: need(devices, 1_000),
                    places: None,
                };
                // Jobs lie scattered: each may go to every other node alone.
                let admits = |node: NodeId| node.index() % 2 == number as usize % 2;
                if let Some(places) = plan.grant(&claim, admits) {
                    running.push(movable(number, devices, &places));
                }
            }
            let (before, known) = (plan.left.clone(), running.clone());
            let (devices, members) = asked;
            let own = need(devices, 1_000);
            let found = plan.gather(&own, members, &mut running, &anywhere, 99);
            let Some(found) = found else {
                prop_assert_eq!(&plan.left, &before);
                prop_assert_eq!(running.len(), known.len());
                return Ok(());
            };
            let mut places: Vec<(u8, Vec<Place>)> = Vec::new();
            let mut given_up = 0;
            for job in &known {
                let moved = found.moves.iter().filter(|(number, _)| *number == job.number);
                let moved: Vec<_> = moved.collect();
                prop_assert!(moved.len() <= 1);
                let now = moved.first().map_or(&job.places, |(_, places)| places);
                prop_assert_eq!(now.len(), job.places.len());
                if !moved.is_empty() {
                    given_up += usize::from(job.need.devices) * now.len();
                }
                places.push((job.need.devices, now.clone()));
            }
            prop_assert_eq!(found.places.len(), members);
            prop_assert!(given_up < usize::from(devices) * members);
            places.push((devices, found.places));
            let taken = taken(&nodes, &places);
            for (left, taken) in plan.left.iter().zip(&taken) {
                for (left, taken) in left.devices.iter().zip(taken) {
                    prop_assert_eq!(left + taken, 1_000);
                }
            }
        }
    }
}
