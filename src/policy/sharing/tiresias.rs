//! Tiresias (NSDI'19) as the authors' simulator has it (`dlas-gpu`, `SymbioticLab/Tiresias` `b0ef8449`,
//! `simulator/run_sim.py`, `dlas_sim_jobs`): queues are lists. A job arrives at the tail of the first one and goes to the
//! tail of the next when its service reaches the queue's threshold; after each round the jobs of a queue that wait stand
//! behind those that run, which so keep their devices from jobs of their own queue. A job that waits too long is promoted
//! to the first queue. `tiresias-gittins` (`dlas-gpu-gittins`) orders the jobs of each queue by their Gittins index.

use std::cmp::Reverse;

use super::gittins::Gittins;
use super::{SharingEntry, SharingOptions};
use crate::las::Queues;
use scheduler::batch::Score;
use scheduler::sharing::{SharedJob, SharingRule};
use units::time::NANOS_PER_SECOND;
use units::{Duration, Instant, SortedMap};

/// The registry's entry.
pub const ENTRY: SharingEntry = SharingEntry {
    name: "tiresias",
    summary: "Tiresias: jobs that used fewer device-hours first, in queues.",
    uses_estimates: false,
    build: |options| Box::new(Tiresias::new(options)),
};

/// The registry's entry of the rule with known services.
pub const GITTINS: SharingEntry = SharingEntry {
    name: "tiresias-gittins",
    summary: "Tiresias: queues by device-hours, in each the job first that most likely ends soon, by past jobs.",
    uses_estimates: false,
    build: |options| {
        Box::new(Tiresias {
            gittins: Some(Gittins::new(&options.services)),
            ..Tiresias::new(options)
        })
    },
};

/// The rule.
#[derive(Clone, Debug)]
pub struct Tiresias {
    queues: Queues,
    promote: f64,
    lists: Vec<Vec<u64>>,
    /// The queue of each job, from 0.
    places: SortedMap<u64, usize>,
    /// Index of the jobs of a queue; `None` leaves them in the order of the list.
    gittins: Option<Gittins>,
}

impl Tiresias {
    /// A rule with the thresholds of its queues.
    pub fn new(options: &SharingOptions) -> Self {
        let queues = Queues::new(options.thresholds.iter().copied());
        Self {
            promote: options.promote,
            lists: vec![Vec::new(); queues.count()],
            queues,
            places: SortedMap::new(),
            gittins: None,
        }
    }

    /// The queue of a job by its service, from 0.
    fn queue(&self, job: &SharedJob) -> usize {
        let attained = Queues::attained(job.devices, job.ran_since_promotion);
        self.queues.queue(attained) - 1
    }

    /// A job goes to the tail of a queue.
    fn join(&mut self, number: u64, queue: usize) {
        if let Some(from) = self.places.insert(number, queue) {
            self.lists[from].retain(|&own| own != number);
        }
        self.lists[queue].push(number);
    }

    /// The job with the highest index stands first in its queue, and of equal ones that submitted first.
    fn rank(&mut self, known: &SortedMap<u64, &SharedJob>) {
        let Some(gittins) = &self.gittins else { return };
        let key = |number: &u64| {
            let job = known.get(number)?;
            let attained = Queues::attained(job.devices, job.ran_since_promotion);
            Some((Reverse(gittins.index(attained)), job.submitted))
        };
        for list in &mut self.lists {
            list.sort_by_key(key);
        }
    }

    /// Jobs that wait stand behind those of their queue that run, since the round before this.
    fn set_back(&mut self, known: &SortedMap<u64, &SharedJob>) {
        for list in &mut self.lists {
            list.sort_by_key(|number| {
                { known.get(number) }.is_some_and(|job| job.waits_since.is_some())
            });
        }
    }
}

impl SharingRule for Tiresias {
    fn name(&self) -> &'static str {
        match self.gittins {
            Some(_) => GITTINS.name,
            None => ENTRY.name,
        }
    }

    fn score(&self, job: &SharedJob, _now: Instant, _jobs: usize) -> Score {
        Score::pair(self.queue(job) as i64, job.submitted.as_nanos())
    }

    fn arrange(&mut self, jobs: &[(u64, SharedJob)], begins_round: bool) -> Option<Vec<u64>> {
        let known: SortedMap<u64, &SharedJob> =
            jobs.iter().map(|(number, job)| (*number, job)).collect();
        self.places.retain(|number, _| known.contains_key(number));
        for list in &mut self.lists {
            list.retain(|number| known.contains_key(number));
        }
        if begins_round {
            self.set_back(&known);
        }
        for (number, job) in jobs {
            let (own, by_service) = (self.places.get(number).copied(), self.queue(job));
            match own {
                None => self.join(*number, by_service),
                Some(own) if by_service < own => self.join(*number, by_service),
                // One queue a round, however long the job ran in it.
                Some(own) if begins_round && by_service > own => self.join(*number, own + 1),
                Some(_) => {}
            }
        }
        if begins_round {
            self.rank(&known);
        }
        Some(self.lists.concat())
    }

    /// The authors divide the rest of the service, counted in seconds of one device, by the devices.
    fn next_change(
        &self,
        jobs: &mut dyn Iterator<Item = (u64, SharedJob)>,
        now: Instant,
    ) -> Option<Instant> {
        let of = |(number, job): (u64, SharedJob)| {
            let threshold = self.queues.leaves(*self.places.get(&number)?, 1)?;
            let rest = threshold.as_nanos() - job.ran_since_promotion.as_nanos();
            let each = i64::from(job.devices.max(1)) * NANOS_PER_SECOND;
            let seconds = rest.max(0) / each + i64::from(rest.max(0) % each > 0);
            Some(now.saturating_add(Duration::from_secs(seconds)))
        };
        let running = jobs.filter(|(_, job)| job.waits_since.is_none());
        running.filter_map(of).min()
    }

    fn promotes(&self, job: &SharedJob, now: Instant) -> bool {
        let Some(since) = job.waits_since else {
            return false;
        };
        let waited = now.since(since).as_nanos() as f64;
        let patience = self.promote * job.last_run.as_nanos() as f64;
        patience > 0.0 && waited > patience && self.queue(job) > 0
    }

    fn clone_rule(&self) -> Box<dyn SharingRule> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::job;
    use super::*;

    #[test]
    fn a_job_goes_down_with_its_service_and_up_when_it_waits_long() {
        let options = SharingOptions {
            promote: 2.0,
            ..SharingOptions::default()
        };
        let mut rule = Tiresias::new(&options);
        let mut order = |jobs: &[(u64, SharedJob)]| rule.arrange(jobs, true).unwrap_or_default();
        let (new, short, long) = (job(0, Some(0)), job(3_599, None), job(36_000, None));
        assert_eq!(order(&[(1, long), (2, short), (3, new)]), [2, 3, 1]);
        // The short one reaches the threshold, and stands behind the long one in no case.
        assert_eq!(
            order(&[(1, long), (2, job(3_600, None)), (3, new)]),
            [3, 2, 1]
        );
        let mut promoted = long;
        promoted.ran_since_promotion = Duration::ZERO;
        assert_eq!(
            order(&[(1, promoted), (2, job(3_600, None)), (3, new)]),
            [3, 1, 2]
        );
        let promotes = |ran, waits, now| rule.promotes(&job(ran, waits), Instant::from_secs(now));
        assert!(promotes(3_600, Some(0), 7_201) && !promotes(3_600, Some(0), 7_200));
        // It is in the first queue already, or it runs.
        assert!(!promotes(3_599, Some(0), 7_201) && !promotes(3_600, None, 7_201));
    }

    #[test]
    fn a_running_job_stands_before_those_of_its_queue_that_wait() {
        let mut rule = Tiresias::new(&SharingOptions::default());
        let (waits, runs) = (job(0, Some(0)), job(10, None));
        let first = [(1, waits), (2, waits), (3, waits)];
        assert_eq!(rule.arrange(&first, true), Some(vec![1, 2, 3]));
        let second = [(1, waits), (2, waits), (3, runs), (4, waits)];
        assert_eq!(rule.arrange(&second, false), Some(vec![1, 2, 3, 4]));
        // The order of the others stays, and what arrives stands last.
        assert_eq!(rule.arrange(&second, true), Some(vec![3, 1, 2, 4]));
        assert_eq!(rule.arrange(&second[1..], true), Some(vec![3, 2, 4]));
    }

    #[test]
    fn the_order_changes_when_a_running_job_leaves_its_queue() {
        let mut rule = Tiresias::new(&SharingOptions::default());
        let mut wide = job(600, None);
        wide.devices = 8;
        let jobs = [(1, job(100, None)), (2, wide), (3, job(0, Some(0)))];
        rule.arrange(&jobs, true);
        let now = Instant::from_secs(5);
        // The wide one has reached the first threshold: (36,000 - 600) / 8 s to the next one.
        let next = rule.next_change(&mut jobs.into_iter(), now);
        assert_eq!(next, Some(Instant::from_secs(5 + 3_500)));
        let next = rule.next_change(&mut jobs[1..].iter().copied(), now);
        assert_eq!(next, Some(Instant::from_secs(5 + 4_425)));
    }
}
