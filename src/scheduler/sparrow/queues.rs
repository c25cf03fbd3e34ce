//! The queues of Sparrow's workers (spec: orchestrators-b.md section 6.2): a probe is a reservation in a
//! worker's queue. When it is at the head and the worker has room, the worker asks for a task; the
//! scheduler hands out the tasks of the job in order to those that ask first, and answers "no task"
//! to the others. Either answer takes one round trip.
//!
//! At one instant workers become free, then jobs arrive, then workers ask in the order of their
//! numbers.

use std::collections::VecDeque;

use smallvec::SmallVec;

use units::{SortedMap, SortedSet};

/// A job's number; jobs are numbered in the order of their arrival.
pub type JobKey = u64;

/// A worker that asked for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The worker's number.
    pub worker: usize,
    /// The job.
    pub job: JobKey,
    /// The task that was handed out, counted from 0; `None` is "no task".
    pub task: Option<u32>,
}

/// Room of workers for tasks.
pub trait Slots {
    /// `true` if a worker has room for a task of a job.
    fn has_room(&mut self, worker: usize, job: JobKey) -> bool;

    /// A worker asked, and keeps the room until it has the answer.
    fn take(&mut self, worker: usize, job: JobKey);
}

/// Tasks of a job that are not handed out.
#[derive(Clone, Debug)]
struct Handing {
    next: u32,
    tasks: u32,
    /// Reservations in queues.
    reservations: u32,
    /// Workers that reservations were left with.
    probed: SmallVec<[usize; 4]>,
}

/// The queues of all workers.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    workers: Vec<VecDeque<JobKey>>,
    jobs: SortedMap<JobKey, Handing>,
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

    /// Adds a job that left a reservation with each of some workers.
    pub fn submit(&mut self, job: JobKey, tasks: u32, probes: &[usize]) {
        self.jobs.insert(
            job,
            Handing {
                next: 0,
                tasks,
                reservations: 0,
                probed: SmallVec::with_capacity(probes.len()),
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
    pub fn ask(&mut self, slots: &mut dyn Slots) -> Vec<Ask> {
        let mut asked = Vec::new();
        self.ask_into(slots, &mut asked);
        asked
    }

    /// Adds every worker that asks to a list, as [`Self::ask`] returns them.
    pub fn ask_into(&mut self, slots: &mut dyn Slots, asked: &mut Vec<Ask>) {
        while let Some(worker) = self.ready.pop_first() {
            while let Some(&job) = self.workers[worker].front() {
                if !slots.has_room(worker, job) {
                    break;
                }
                self.workers[worker].pop_front();
                slots.take(worker, job);
                let task = self.hand_out(job);
                self.no_task += u64::from(task.is_none());
                asked.push(Ask { worker, job, task });
            }
        }
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

    /// Workers with one slot each.
    struct Single(Vec<bool>);

    impl Slots for Single {
        fn has_room(&mut self, worker: usize, _: JobKey) -> bool {
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
            let mut slots = Single(vec![true, false, true, true]);
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

    #[test]
    fn reservations_with_a_worker_that_is_gone_are_told() {
        let mut queues = Queues::new(true);
        queues.submit(7, 1, &[1]);
        assert_eq!(queues.drain(1), [7]);
        queues.reserve(7, 0);
        let asked = queues.ask(&mut Single(vec![true]));
        assert_eq!(asked[0].task, Some(0));
    }
}
