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

    fn has(&self, class: ClassId) -> bool {
        self.by_class.contains_key(&class)
    }

    /// The least number.
    fn first(&self) -> Option<u64> {
        self.firsts.first().map(|own| own.0)
    }
}

/// Tasks of a priority that may be tried.
#[derive(Clone, Debug, Default)]
struct Band {
    /// Users that have such tasks, by their turns: the first one is next.
    turns: SortedMap<u64, User>,
    /// The tasks of users, with their turns.
    users: SortedMap<User, (u64, Lanes)>,
    /// Users that have such tasks of a class.
    by_class: SortedMap<ClassId, SortedSet<User>>,
    next: u64,
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
    /// Changes the tasks of a user and class; a user without any has no turn, and one that gets its first
    /// has the last turn.
    fn change(&mut self, user: &User, class: ClassId, change: impl FnOnce(&mut Lane)) {
        if !self.users.contains_key(user) {
            self.users
                .insert(user.clone(), (self.next, Lanes::default()));
            self.turns.insert(self.next, user.clone());
            self.next += 1;
        }
        let Some((_, lanes)) = self.users.get_mut(user) else {
            return;
        };
        lanes.change(class, change);
        if lanes.has(class) {
            let users = self.by_class.entry(class).or_default();
            users.insert(user.clone());
        } else {
            self.forget(user, class);
        }
    }

    /// A user has no task of a class any more.
    fn forget(&mut self, user: &User, class: ClassId) {
        if let Some(users) = self.by_class.get_mut(&class) {
            users.remove(user);
            if users.is_empty() {
                self.by_class.remove(&class);
            }
        }
        if let Some((turn, _)) = self.users.get(user).filter(|own| own.1.is_empty()) {
            self.turns.remove(turn);
            self.users.remove(user);
        }
    }

    /// Takes the next task of the user whose turn it is, which has the last turn from now on.
    fn pop(&mut self) -> Option<(User, u64, ClassId, Holder)> {
        let (_, user) = self.turns.pop_first()?;
        let (turn, lanes) = self.users.get_mut(&user)?;
        *turn = self.next;
        self.turns.insert(self.next, user.clone());
        self.next += 1;
        let (number, class, holder) = lanes.pop()?;
        if !lanes.has(class) {
            self.forget(&user, class);
        }
        Some((user, number, class, holder))
    }

    /// Takes all tasks of a class, by user.
    fn remove(&mut self, class: ClassId) -> Vec<(User, Lane)> {
        let mut removed = Vec::new();
        for user in self.by_class.remove(&class).unwrap_or_default() {
            let lanes = self.users.get_mut(&user);
            let lane = lanes.and_then(|(_, lanes)| lanes.remove(class));
            self.forget(&user, class);
            removed.extend(lane.map(|lane| (user, lane)));
        }
        removed
    }

    /// Gives the users their turns in an order.
    fn order(&mut self, users: impl Iterator<Item = User>) {
        self.turns.clear();
        for user in users {
            if let Some((turn, _)) = self.users.get_mut(&user) {
                *turn = self.next;
                self.turns.insert(self.next, user);
                self.next += 1;
            }
        }
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
            band.change(&user, class, change);
        }
    }

    /// Takes the next task to be tried.
    pub fn pop(&mut self) -> Option<Waiting> {
        loop {
            let (&Reverse(priority), band) = self.bands.iter_mut().next()?;
            let Some((user, number, class, holder)) = band.pop() else {
                self.bands.remove(&Reverse(priority));
                continue;
            };
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
        for (user, lane) in band.remove(class) {
            let place = (Reverse(priority), user, class);
            join(self.parked.entry(place).or_default(), lane);
        }
    }

    /// Something changed: parked tasks may be tried again. The user has the first turn of whom a task was
    /// placed longest ago, or none yet; of several the one whose task came first.
    pub fn unblock(&mut self) {
        self.blocked.clear();
        let mut changed = SortedSet::new();
        for ((priority, user, class), lane) in std::mem::take(&mut self.parked) {
            let band = self.bands.entry(priority).or_default();
            band.change(&user, class, |own| join(own, lane));
            changed.insert(priority);
        }
        for priority in changed {
            let Some(band) = self.bands.get_mut(&priority) else {
                continue;
            };
            let mut turns: Vec<(u64, Option<u64>, User)> = { band.users.iter() }
                .map(|(user, (_, lanes))| {
                    let turn = self.turns.get(&(priority, user.clone())).copied();
                    (turn.unwrap_or(0), lanes.first(), user.clone())
                })
                .collect();
            turns.sort_unstable();
            band.order(turns.into_iter().map(|(_, _, user)| user));
        }
    }

    /// Whether no task may be tried.
    pub fn is_idle(&self) -> bool {
        self.bands.values().all(|band| band.users.is_empty())
    }
}

#[cfg(test)]
mod tests;
