//! Turns of users, parked classes, and a queue that looks at every task.

use proptest::prelude::*;

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

/// A task of the plain queue.
#[derive(Clone, Copy, Debug)]
struct Task {
    number: u32,
    class: u32,
    tenant: u32,
    is_parked: bool,
    /// The turn that its user had before it was tried.
    turn_before: u64,
}

/// The queue as its rules say, for tasks of one priority: every step looks at all tasks and users.
#[derive(Debug, Default)]
struct Plain {
    tasks: Vec<Task>,
    blocked: Vec<u32>,
    /// Users that have tasks to be tried, the one whose turn it is first.
    turns: VecDeque<u32>,
    /// The last turns of users.
    had: SortedMap<u32, u64>,
    next_turn: u64,
}

impl Plain {
    fn has(&self, tenant: u32) -> bool {
        let mut tasks = self.tasks.iter();
        tasks.any(|own| own.tenant == tenant && !own.is_parked)
    }

    fn add(&mut self, mut task: Task, is_parked: bool) {
        task.is_parked = is_parked || self.blocked.contains(&task.class);
        if !task.is_parked && !self.has(task.tenant) {
            self.turns.push_back(task.tenant);
        }
        self.tasks.push(task);
        self.tasks.sort_unstable_by_key(|own| own.number);
    }

    fn pop(&mut self) -> Option<Task> {
        let tenant = self.turns.pop_front()?;
        let mut tasks = self.tasks.iter();
        let place = tasks.position(|own| own.tenant == tenant && !own.is_parked);
        let mut task = self
            .tasks
            .remove(place.expect("users with turns have tasks"));
        if self.has(tenant) {
            self.turns.push_back(tenant);
        }
        self.next_turn += 1;
        let before = self.had.insert(tenant, self.next_turn);
        task.turn_before = before.unwrap_or(0);
        Some(task)
    }

    fn give_back(&mut self, task: Task, is_parked: bool) {
        self.had.insert(task.tenant, task.turn_before);
        self.add(task, is_parked);
    }

    fn block(&mut self, class: u32) {
        self.blocked.push(class);
        for task in self.tasks.iter_mut().filter(|own| own.class == class) {
            task.is_parked = true;
        }
        let mut turns = std::mem::take(&mut self.turns);
        turns.retain(|&tenant| self.has(tenant));
        self.turns = turns;
    }

    fn unblock(&mut self) {
        self.blocked.clear();
        let had_parked = self.tasks.iter().any(|own| own.is_parked);
        for task in &mut self.tasks {
            task.is_parked = false;
        }
        if !had_parked {
            return;
        }
        let mut turns: Vec<(u64, u32, u32)> = Vec::new();
        for task in &self.tasks {
            if !turns.iter().any(|own| own.2 == task.tenant) {
                let had = self.had.get(&task.tenant).copied().unwrap_or(0);
                turns.push((had, task.number, task.tenant));
            }
        }
        turns.sort_unstable();
        self.turns = turns.into_iter().map(|own| own.2).collect();
    }
}

/// A step of the two queues.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A task of a class and user comes.
    Push(u32, u32),
    /// A task is tried and placed.
    Place,
    /// A task is tried, and its class fits nowhere.
    Block,
    /// A task is tried, and fits on no machine that is open to it.
    Park,
    /// Something changed.
    Unblock,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u32, 0..5_u32).prop_map(|(class, tenant)| Step::Push(class, tenant)),
        4 => Just(Step::Place),
        3 => Just(Step::Block),
        1 => Just(Step::Park),
        2 => Just(Step::Unblock),
    ]
}

proptest! {
    #[test]
    fn tasks_are_tried_in_the_order_of_the_plain_queue(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let (mut queue, mut plain) = (Pending::default(), Plain::default());
        let mut next = 0;
        for step in steps {
            match step {
                Step::Push(class, tenant) => {
                    queue.push(pod(next), ClassId(class), 110, user(tenant));
                    let task = Task {
                        number: next,
                        class,
                        tenant,
                        is_parked: false,
                        turn_before: 0,
                    };
                    plain.add(task, false);
                    next += 1;
                }
                Step::Unblock => {
                    queue.unblock();
                    plain.unblock();
                }
                Step::Place | Step::Block | Step::Park => {
                    let (tried, expected) = (queue.pop(), plain.pop());
                    let holder = tried.as_ref().map(|own| own.holder);
                    prop_assert_eq!(holder, expected.map(|task| pod(task.number)));
                    let (Some(tried), Some(expected)) = (tried, expected) else {
                        continue;
                    };
                    match step {
                        Step::Block => {
                            plain.block(expected.class);
                            plain.give_back(expected, false);
                            queue.block(tried.class, tried.priority);
                            queue.put_back(tried);
                        }
                        Step::Park => {
                            plain.give_back(expected, true);
                            queue.park(tried);
                        }
                        Step::Place | Step::Push(..) | Step::Unblock => {}
                    }
                }
            }
            prop_assert_eq!(queue.is_idle(), plain.tasks.iter().all(|own| own.is_parked));
        }
    }
}
