//! The queues of Sparrow's workers (spec: orchestrators-b.md section 6.2): a probe is a reservation in a
//! worker's queue. When it is at the head and the worker has room, the worker asks for a task; the
//! scheduler hands out the tasks of the job in order to those that ask first, and answers "no task"
//! to the others. Either answer takes one round trip.
//!
//! At one instant workers become free, then jobs arrive, then workers ask in the order of their
//! numbers.

use std::collections::VecDeque;

use smallvec::SmallVec;

use units::{ClassId, SortedMap, SortedSet};

use super::queue_order::{Line, QueueOrder, TurnClock};

/// A job's number; jobs are numbered in the order of their arrival.
pub type JobKey = u64;

/// A worker that asked for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRequest {
    /// The worker's number.
    pub worker: usize,
    /// The job.
    pub job: JobKey,
    /// The task that was handed out, counted from 0; `None` is "no task".
    pub task: Option<u32>,
}

/// Room of workers for tasks.
pub trait Slots {
    /// `true` if a worker has room for a task of a class.
    fn has_room(&mut self, worker: usize, class: ClassId) -> bool;

    /// A worker asked, and keeps the room until it has the answer.
    fn take(&mut self, worker: usize, job: JobKey);
}

/// Tasks of a job that are not handed out.
#[derive(Clone, Debug)]
struct JobTasks {
    next: u32,
    tasks: u32,
    /// Reservations in queues.
    reservations: u32,
    /// Workers that reservations were left with.
    probed: SmallVec<[usize; 4]>,
    /// Queue within each worker.
    line: Line,
    /// Class of the tasks: a worker asks when it has room for one, though none may be left.
    class: ClassId,
}

/// Queue of workers that a job's reservations go to, and the class of its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Queue.
    pub line: Line,
    /// Class.
    pub class: ClassId,
}

/// The queues of all workers.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    workers: Vec<VecDeque<JobKey>>,
    order: QueueOrder,
    /// Turns of users, by worker.
    turns: Vec<TurnClock>,
    jobs: SortedMap<JobKey, JobTasks>,
    /// Workers whose head may be able to ask.
    ready: SortedSet<usize>,
    /// `true` if leftover reservations are removed as soon as the last task is handed out.
    cancels: bool,
    /// Number of "no task" answers.
    no_task: u64,
}

impl Queues {
    /// Empty queues.
    pub fn new(cancels: bool) -> Self {
        Self {
            cancels,
            ..Self::default()
        }
    }

    /// Empty queues with an order.
    pub fn ordered(cancels: bool, order: QueueOrder) -> Self {
        Self {
            order,
            ..Self::new(cancels)
        }
    }

    /// Adds a job that left a reservation with each of some workers.
    pub fn submit(&mut self, job: JobKey, tasks: u32, probes: &[usize]) {
        let destination = Destination {
            line: 0,
            class: ClassId(0),
        };
        self.submit_to(destination, job, tasks, probes);
    }

    /// Adds a job that left a reservation with each of some workers, in a queue of theirs and for tasks
    /// of a class.
    pub fn submit_to(
        &mut self,
        destination: Destination,
        job: JobKey,
        tasks: u32,
        probes: &[usize],
    ) {
        let Destination { line, class } = destination;
        self.jobs.insert(
            job,
            JobTasks {
                next: 0,
                tasks,
                reservations: 0,
                probed: SmallVec::with_capacity(probes.len()),
                line,
                class,
            },
        );
        for &worker in probes {
            self.reserve(job, worker);
        }
    }

    /// Leaves one more reservation of a job with a worker, if the job has tasks left.
    pub fn reserve(&mut self, job: JobKey, worker: usize) {
        let Some(handing) = self.jobs.get_mut(&job) else {
            return;
        };
        handing.reservations += 1;
        handing.probed.push(worker);
        if self.workers.len() <= worker {
            self.workers.resize_with(worker + 1, VecDeque::new);
        }
        self.workers[worker].push_back(job);
        self.ready.insert(worker);
    }

    /// Whether a job holds a reservation with any worker.
    pub fn has_reservations(&self, job: JobKey) -> bool {
        let handing = self.jobs.get(&job);
        handing.is_some_and(|handing| handing.reservations > 0)
    }

    /// A worker may have room again.
    pub fn freed(&mut self, worker: usize) {
        if self
            .workers
            .get(worker)
            .is_some_and(|queue| !queue.is_empty())
        {
            self.ready.insert(worker);
        }
    }

    /// Number of reservations in a worker's queue.
    pub fn len(&self, worker: usize) -> usize {
        self.workers.get(worker).map_or(0, VecDeque::len)
    }

    /// Number of "no task" answers so far.
    pub fn no_task_replies(&self) -> u64 {
        self.no_task
    }

    /// Empties the queue of a worker that is gone; the jobs that lost a reservation there.
    pub fn drain(&mut self, worker: usize) -> Vec<JobKey> {
        let Some(queue) = self.workers.get_mut(worker) else {
            return Vec::new();
        };
        let lost = std::mem::take(queue);
        self.ready.remove(&worker);
        for job in &lost {
            self.unreserve(*job);
        }
        let waits = |job: &JobKey| self.jobs.contains_key(job);
        lost.into_iter().filter(waits).collect()
    }

    fn unreserve(&mut self, job: JobKey) {
        if let Some(handing) = self.jobs.get_mut(&job) {
            handing.reservations -= 1;
            if handing.reservations == 0 && handing.next == handing.tasks {
                self.jobs.remove(&job);
            }
        }
    }

    /// Every worker with room for the head of its queue asks.
    pub fn ask(&mut self, slots: &mut dyn Slots) -> Vec<TaskRequest> {
        let mut asked = Vec::new();
        self.ask_into(slots, &mut asked);
        asked
    }

    /// Adds every worker that asks to a list, as [`Self::ask`] returns them.
    pub fn ask_into(&mut self, slots: &mut dyn Slots, asked: &mut Vec<TaskRequest>) {
        while let Some(worker) = self.ready.pop_first() {
            while let Some((place, job)) = self.head(worker) {
                if !slots.has_room(worker, self.class(job)) {
                    break;
                }
                self.workers[worker].remove(place);
                slots.take(worker, job);
                let line = self.line(job);
                let task = self.hand_out(job);
                self.no_task += u64::from(task.is_none());
                if task.is_some() && self.order == QueueOrder::ByUser {
                    self.charge(worker, line);
                }
                asked.push(TaskRequest { worker, job, task });
            }
        }
    }

    /// The reservation that a worker serves next, with its place in the queue.
    fn head(&self, worker: usize) -> Option<(usize, JobKey)> {
        let queue = &self.workers[worker];
        if self.order == QueueOrder::One {
            return queue.front().map(|&job| (0, job));
        }
        let none = TurnClock::default();
        let turns = self.turns.get(worker).unwrap_or(&none);
        let lines = queue.iter().map(|&job| self.line(job));
        let place = self.order.next(lines, turns)?;
        Some((place, queue[place]))
    }

    fn line(&self, job: JobKey) -> Line {
        self.jobs.get(&job).map_or(0, |handing| handing.line)
    }

    fn class(&self, job: JobKey) -> ClassId {
        let handing = self.jobs.get(&job);
        handing.map_or(ClassId(0), |handing| handing.class)
    }

    /// A user got a task of a worker: a turn, unlike an answer without a task.
    fn charge(&mut self, worker: usize, line: Line) {
        if self.turns.len() <= worker {
            self.turns.resize_with(worker + 1, TurnClock::default);
        }
        self.turns[worker].charge(line);
    }

    fn hand_out(&mut self, job: JobKey) -> Option<u32> {
        let handing = self.jobs.get_mut(&job)?;
        let mut task = None;
        if handing.next < handing.tasks {
            task = Some(handing.next);
            handing.next += 1;
            if self.cancels && handing.next == handing.tasks {
                self.cancel(job);
                return task;
            }
        }
        self.unreserve(job);
        task
    }

    /// Removes the reservations of a job whose last task is handed out.
    fn cancel(&mut self, job: JobKey) {
        let Some(handing) = self.jobs.remove(&job) else {
            return;
        };
        for worker in handing.probed {
            let queue = &mut self.workers[worker];
            let before = queue.len();
            queue.retain(|&other| other != job);
            if queue.len() < before && !queue.is_empty() {
                self.ready.insert(worker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_class(class: ClassId) -> Destination {
        Destination { line: 0, class }
    }

    fn destination(line: Line) -> Destination {
        Destination {
            line,
            class: ClassId(0),
        }
    }

    /// Workers with one slot each.
    struct SingleSlots(Vec<bool>);

    impl Slots for SingleSlots {
        fn has_room(&mut self, worker: usize, _: ClassId) -> bool {
            self.0[worker]
        }

        fn take(&mut self, worker: usize, _: JobKey) {
            self.0[worker] = false;
        }
    }

    #[test]
    fn the_first_to_ask_get_the_tasks_and_the_others_none() {
        for cancels in [false, true] {
            let mut queues = Queues::new(cancels);
            let mut slots = SingleSlots(vec![true, false, true, true]);
            queues.submit(0, 2, &[3, 0, 1, 2]);
            let asked = queues.ask(&mut slots);
            let tasks: Vec<(usize, Option<u32>)> =
                asked.iter().map(|ask| (ask.worker, ask.task)).collect();
            let mut expected = vec![(0, Some(0)), (2, Some(1))];
            if !cancels {
                expected.push((3, None));
            }
            assert_eq!(tasks, expected);
            assert_eq!(queues.no_task_replies(), u64::from(!cancels));
            slots.0[1] = true;
            queues.freed(1);
            assert_eq!(queues.ask(&mut slots).len(), usize::from(!cancels));
            assert!(queues.jobs.is_empty());
        }
    }

    /// Users of the tasks that a worker gets in a row, for reservations of these users.
    fn served(order: QueueOrder, lines: &[Line]) -> Vec<Line> {
        let mut queues = Queues::ordered(true, order);
        for (job, &line) in lines.iter().enumerate() {
            queues.submit_to(destination(line), job as JobKey, 1, &[0]);
        }
        let mut slots = SingleSlots(vec![false]);
        let mut all = Vec::new();
        for _ in lines {
            slots.0[0] = true;
            queues.freed(0);
            let asked = queues.ask(&mut slots);
            all.extend(asked.iter().map(|ask| lines[ask.job as usize]));
        }
        all
    }

    #[test]
    fn queues_of_users_are_served_in_turns_and_those_of_priorities_from_the_highest() {
        let lines = [1, 1, 1, 1, 2, 2, 3];
        assert_eq!(served(QueueOrder::One, &lines), lines);
        assert_eq!(served(QueueOrder::ByUser, &lines), [1, 2, 3, 1, 2, 1, 1]);
        assert_eq!(
            served(QueueOrder::ByPriority, &lines),
            [3, 2, 2, 1, 1, 1, 1]
        );
    }

    #[test]
    fn nobody_saves_up_turns_while_away() {
        let mut queues = Queues::ordered(true, QueueOrder::ByUser);
        let mut slots = SingleSlots(vec![false]);
        let mut next = |queues: &mut Queues| {
            slots.0[0] = true;
            queues.freed(0);
            queues.ask(&mut slots)[0].job
        };
        for job in 0..6 {
            queues.submit_to(destination(1), job, 1, &[0]);
        }
        assert_eq!([0; 3].map(|_| next(&mut queues)), [0, 1, 2]);
        for job in 6..9 {
            queues.submit_to(destination(2), job, 1, &[0]);
        }
        let order = [0; 6].map(|_| next(&mut queues));
        assert_eq!(order, [6, 3, 7, 4, 8, 5]);
    }

    proptest::proptest! {
        /// Users who wait all the time get tasks of a worker in equal numbers, whatever comes beside
        /// them.
        #[test]
        fn waiting_users_get_equal_numbers_of_tasks(
            steps in proptest::collection::vec((0_i64..4, proptest::bool::ANY), 1..80),
        ) {
            let mut queues = Queues::ordered(true, QueueOrder::ByUser);
            let mut slots = SingleSlots(vec![false]);
            let mut lines: Vec<Line> = Vec::new();
            let mut got: SortedMap<Line, u64> = SortedMap::new();
            // Users 0 and 1 wait from the beginning to the end.
            for line in (0..2).flat_map(|line| [line; 100]) {
                queues.submit_to(destination(line), lines.len() as JobKey, 1, &[0]);
                lines.push(line);
            }
            for (line, serves) in steps {
                if serves {
                    slots.0[0] = true;
                    queues.freed(0);
                    for ask in queues.ask(&mut slots) {
                        *got.entry(lines[ask.job as usize]).or_default() += 1;
                    }
                } else {
                    queues.submit_to(destination(line), lines.len() as JobKey, 1, &[0]);
                    lines.push(line);
                }
                let of = |line: Line| got.get(&line).copied().unwrap_or(0);
                proptest::prop_assert!(of(0).abs_diff(of(1)) <= 1);
                // Those who come later get no more than those who wait.
                proptest::prop_assert!(of(2).max(of(3)) <= of(0).min(of(1)) + 1);
            }
        }
    }

    /// Workers with room for tasks of one class.
    struct Fits(ClassId);

    impl Slots for Fits {
        fn has_room(&mut self, _: usize, class: ClassId) -> bool {
            class == self.0
        }

        fn take(&mut self, _: usize, _: JobKey) {}
    }

    #[test]
    fn a_worker_asks_for_a_job_without_tasks_only_with_room_for_one() {
        let (large, small) = (ClassId(1), ClassId(2));
        let mut queues = Queues::new(false);
        queues.submit_to(of_class(large), 0, 1, &[0, 1]);
        queues.submit_to(of_class(small), 1, 1, &[1]);
        queues.workers[1].swap(0, 1);
        let asked = queues.ask(&mut Fits(large));
        assert_eq!(asked.len(), 1);
        // All tasks of the first job are handed out: its reservation stays until its turn comes.
        queues.freed(1);
        let asked = queues.ask(&mut Fits(small));
        assert_eq!((asked.len(), asked[0].task), (1, Some(0)));
        queues.freed(1);
        assert_eq!(queues.ask(&mut Fits(small)), []);
        queues.freed(1);
        let asked = queues.ask(&mut Fits(large));
        assert_eq!((asked.len(), asked[0].task), (1, None));
    }

    #[test]
    fn reservations_with_a_worker_that_is_gone_are_told() {
        let mut queues = Queues::new(true);
        queues.submit(7, 1, &[1]);
        assert_eq!(queues.drain(1), [7]);
        queues.reserve(7, 0);
        let asked = queues.ask(&mut SingleSlots(vec![true]));
        assert_eq!(asked[0].task, Some(0));
    }

    #[test]
    fn a_job_keeps_the_reservations_that_it_has_not_lost() {
        let mut queues = Queues::new(false);
        queues.submit(7, 1, &[0, 1]);
        assert_eq!(queues.drain(0), [7]);
        assert!(queues.has_reservations(7));
        // One more in place of the lost one, and not all of them anew.
        queues.reserve(7, 2);
        assert_eq!((queues.drain(1), queues.drain(2)), (vec![7], vec![7]));
        assert!(!queues.has_reservations(7));
    }
}
