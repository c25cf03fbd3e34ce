//! The pending queue (spec: orchestrators-b.md section 5.2): scanned from high to low priority, with the
//! users of a priority in turns, so that one large job does not block the rest. A user's tasks go in
//! the order in which they came.
//!
//! Tasks of one class fit alike: once one of them found no machine, the others are parked until
//! something changes.

use std::cmp::Reverse;
use std::collections::VecDeque;

use units::{ClassId, SortedMap, SortedSet};

use super::machine::Holder;
use super::quota::User;

/// A task or an alloc that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The task or the alloc.
    pub holder: Holder,
    /// The class of the task.
    pub class: ClassId,
    /// The priority of the task, which all tasks of its class have.
    pub priority: i32,
    /// The user.
    pub user: User,
    /// The place in the queue among those of its user and priority.
    number: u64,
    /// The turn that its user had before this one.
    turn_before: u64,
}

/// Tasks of a class by their numbers.
type Lane = VecDeque<(u64, Holder)>;

/// Tasks of a user that may be tried, by class; no lane is empty.
#[derive(Clone, Debug, Default)]
struct Lanes {
    by_class: SortedMap<ClassId, Lane>,
    /// The first number of each class.
    firsts: SortedSet<(u64, ClassId)>,
}

impl Lanes {
    /// Changes the lane of a class.
    fn change(&mut self, class: ClassId, change: impl FnOnce(&mut Lane)) {
        let lane = self.by_class.entry(class).or_default();
        let first = |lane: &Lane| lane.front().map(|own| own.0);
        let before = first(lane);
        change(lane);
        let after = first(lane);
        if lane.is_empty() {
            self.by_class.remove(&class);
        }
        if before != after {
            if let Some(number) = before {
                self.firsts.remove(&(number, class));
            }
            self.firsts.extend(after.map(|number| (number, class)));
        }
    }

    /// Takes the task with the least number.
    fn pop(&mut self) -> Option<(u64, ClassId, Holder)> {
        let &(number, class) = self.firsts.first()?;
        let mut taken = None;
        self.change(class, |lane| taken = lane.pop_front());
        taken.map(|(_, holder)| (number, class, holder))
    }

    /// Takes all tasks of a class.
    fn remove(&mut self, class: ClassId) -> Option<Lane> {
        let lane = self.by_class.remove(&class)?;
        if let Some(&(number, _)) = lane.front() {
            self.firsts.remove(&(number, class));
        }
        Some(lane)
    }

    fn is_empty(&self) -> bool {
        self.by_class.is_empty()
    }

    /// The least number.
    fn first(&self) -> Option<u64> {
        self.firsts.first().map(|own| own.0)
    }
}

/// Tasks of a priority that may be tried.
#[derive(Clone, Debug, Default)]
struct Band {
    /// Users that have such tasks, the one whose turn it is first.
    turns: VecDeque<User>,
    users: SortedMap<User, Lanes>,
}

/// Adds tasks to others of their class, by number.
fn join(lane: &mut Lane, more: Lane) {
    let is_sorted = lane.back().is_none_or(|last| more.front() > Some(last));
    lane.extend(more);
    if !is_sorted {
        lane.make_contiguous().sort_unstable();
    }
}

impl Band {
    fn lanes(&mut self, user: &User) -> &mut Lanes {
        if !self.users.contains_key(user) {
            self.turns.push_back(user.clone());
        }
        self.users.entry(user.clone()).or_default()
    }
}

/// The queue.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    bands: SortedMap<Reverse<i32>, Band>,
    parked: SortedMap<(Reverse<i32>, User, ClassId), Lane>,
    blocked: SortedSet<ClassId>,
    next: u64,
    /// The last turn in which a task of a user was placed, by priority and user.
    turns: SortedMap<(Reverse<i32>, User), u64>,
    next_turn: u64,
}

impl Pending {
    /// Queues a task behind the others of its user and priority.
    pub fn push(&mut self, holder: Holder, class: ClassId, priority: i32, user: User) {
        let number = self.next;
        self.next += 1;
        self.change(priority, user, class, |lane| {
            lane.push_back((number, holder));
        });
    }

    /// Queues a task at its old place.
    pub fn put_back(&mut self, waiting: Waiting) {
        let Waiting {
            holder,
            class,
            priority,
            user,
            number,
            turn_before,
        } = waiting;
        self.give_turn_back(priority, &user, turn_before);
        self.change(priority, user, class, |lane| {
            let place = lane.partition_point(|&(own, _)| own < number);
            lane.insert(place, (number, holder));
        });
    }

    /// Parks a task that fits on no machine that is open to it, whatever others of its class do, until
    /// [`Pending::unblock`].
    pub fn park(&mut self, waiting: Waiting) {
        self.give_turn_back(waiting.priority, &waiting.user, waiting.turn_before);
        let place = (Reverse(waiting.priority), waiting.user, waiting.class);
        let lane = self.parked.entry(place).or_default();
        lane.push_back((waiting.number, waiting.holder));
        lane.make_contiguous().sort_unstable();
    }

    /// A user whose task was not placed has its turn still.
    fn give_turn_back(&mut self, priority: i32, user: &User, turn_before: u64) {
        if let Some(turn) = self.turns.get_mut(&(Reverse(priority), user.clone())) {
            *turn = turn_before;
        }
    }

    /// Changes a lane, which is parked while its class fits nowhere.
    fn change(
        &mut self,
        priority: i32,
        user: User,
        class: ClassId,
        change: impl FnOnce(&mut Lane),
    ) {
        let band = Reverse(priority);
        if self.blocked.contains(&class) {
            change(self.parked.entry((band, user, class)).or_default());
        } else {
            let band = self.bands.entry(band).or_default();
            band.lanes(&user).change(class, change);
        }
    }

    /// Takes the next task to be tried.
    pub fn pop(&mut self) -> Option<Waiting> {
        loop {
            let (&Reverse(priority), band) = self.bands.iter_mut().next()?;
            let Some(user) = band.turns.pop_front() else {
                self.bands.remove(&Reverse(priority));
                continue;
            };
            let Some(lanes) = band.users.get_mut(&user) else {
                continue;
            };
            let Some((number, class, holder)) = lanes.pop() else {
                band.users.remove(&user);
                continue;
            };
            if lanes.is_empty() {
                band.users.remove(&user);
            } else {
                band.turns.push_back(user.clone());
            }
            self.next_turn += 1;
            let turn = (self.turns)
                .entry((Reverse(priority), user.clone()))
                .or_default();
            let turn_before = std::mem::replace(turn, self.next_turn);
            return Some(Waiting {
                holder,
                class,
                priority,
                user,
                number,
                turn_before,
            });
        }
    }

    /// Parks the tasks of a class, which fits nowhere, until [`Pending::unblock`].
    pub fn block(&mut self, class: ClassId, priority: i32) {
        self.blocked.insert(class);
        let Some(band) = self.bands.get_mut(&Reverse(priority)) else {
            return;
        };
        for (user, lanes) in &mut band.users {
            if let Some(lane) = lanes.remove(class) {
                let place = (Reverse(priority), user.clone(), class);
                join(self.parked.entry(place).or_default(), lane);
            }
        }
        let emptied = band.users.extract_all(|_, lanes| lanes.is_empty());
        let emptied: SortedSet<User> = emptied.into_iter().map(|(user, _)| user).collect();
        band.turns.retain(|user| !emptied.contains(user));
    }

    /// Something changed: parked tasks may be tried again. The user has the first turn of whom a task was
    /// placed longest ago, or none yet; of several the one whose task came first.
    pub fn unblock(&mut self) {
        self.blocked.clear();
        let mut changed = SortedSet::new();
        for ((priority, user, class), lane) in std::mem::take(&mut self.parked) {
            let band = self.bands.entry(priority).or_default();
            band.lanes(&user).change(class, |own| join(own, lane));
            changed.insert(priority);
        }
        for priority in changed {
            let Some(band) = self.bands.get_mut(&priority) else {
                continue;
            };
            let mut turns: Vec<(u64, Option<u64>, User)> = { band.users.iter() }
                .map(|(user, lanes)| {
                    let turn = self.turns.get(&(priority, user.clone())).copied();
                    (turn.unwrap_or(0), lanes.first(), user.clone())
                })
                .collect();
            turns.sort_unstable();
            band.turns = turns.into_iter().map(|(_, _, user)| user).collect();
        }
    }

    /// Whether no task may be tried.
    pub fn is_idle(&self) -> bool {
        self.bands.values().all(|band| band.users.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PodRef;
    use units::{PodId, PodSlot, TenantId};

    fn pod(number: u32) -> Holder {
        Holder::Task(PodRef {
            id: PodId(number),
            slot: PodSlot(number),
        })
    }

    fn user(tenant: u32) -> User {
        User {
            tenant: TenantId(tenant),
            namespace: "default".into(),
        }
    }

    fn drain(queue: &mut Pending) -> Vec<u32> {
        std::iter::from_fn(|| {
            queue
                .pop()
                .and_then(|own| own.holder.task())
                .map(|pod| pod.id.0)
        })
        .collect()
    }

    #[test]
    fn users_of_a_priority_take_turns_and_higher_priorities_go_first() {
        let mut queue = Pending::default();
        for (number, tenant, priority) in [
            (0, 1, 110),
            (1, 1, 110),
            (2, 1, 110),
            (3, 2, 110),
            (4, 2, 110),
            (5, 3, 200),
        ] {
            queue.push(
                pod(number),
                ClassId(priority as u32),
                priority,
                user(tenant),
            );
        }
        assert_eq!(drain(&mut queue), [5, 0, 3, 1, 4, 2]);
        assert!(queue.is_idle());
    }

    #[test]
    fn a_parked_task_leaves_others_of_its_class_and_comes_back_at_its_place() {
        let mut queue = Pending::default();
        for number in 0..4 {
            queue.push(pod(number), ClassId(7), 110, user(1));
        }
        let first = queue.pop().expect("the first");
        queue.park(first);
        let second = queue.pop().expect("the second");
        queue.put_back(second);
        queue.block(ClassId(7), 110);
        assert!(queue.is_idle());
        queue.unblock();
        let third = queue.pop().expect("the first again");
        assert_eq!(third.holder, pod(0));
        queue.park(third);
        queue.unblock();
        assert_eq!(drain(&mut queue), [0, 1, 2, 3]);
    }

    #[test]
    fn turns_outlast_a_full_cell() {
        let mut queue = Pending::default();
        for (number, tenant) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 3)] {
            queue.push(pod(number), ClassId(7), 110, user(tenant));
        }
        let mut placed = Vec::new();
        while let Some(own) = queue.pop() {
            placed.extend(own.holder.task().map(|pod| pod.id.0));
            // One task at a time has room; the next one finds none.
            if let Some(next) = queue.pop() {
                queue.block(next.class, next.priority);
                queue.put_back(next);
            }
            queue.unblock();
        }
        assert_eq!(placed, [0, 3, 4, 1, 2]);
    }

    #[test]
    fn a_class_that_fits_nowhere_blocks_no_other_and_keeps_its_order() {
        let mut queue = Pending::default();
        for (number, class) in [(0, 7), (1, 7), (2, 8), (3, 7)] {
            queue.push(pod(number), ClassId(class), 110, user(1));
        }
        let first = queue.pop().expect("a task");
        queue.block(first.class, first.priority);
        queue.put_back(first);
        assert_eq!(drain(&mut queue), [2]);
        queue.push(pod(4), ClassId(7), 110, user(1));
        assert!(queue.is_idle());
        queue.unblock();
        assert_eq!(drain(&mut queue), [0, 1, 3, 4]);
    }
}
