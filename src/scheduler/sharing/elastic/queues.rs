//! Tiresias as the authors of Pollux compare with it: jobs have the GPUs that they ask for, in the order of queues that
//! are lists. A job joins the first one at its submission, and the next one with its GPUs × time; the first jobs that
//! fit together run, and one that runs is taken off for an earlier one of its own queue (petuum/adaptdl, branch
//! `osdi21-artifact`, `simulator/tiresias.py`).

use units::Duration;

use super::{ElasticJob, placing};

/// The queues.
#[derive(Clone, Debug)]
pub struct FifoQueues {
    /// GPUs × time with which a job leaves each queue but the last.
    thresholds: Vec<Duration>,
    /// Jobs of each queue by number.
    queues: Vec<Vec<u64>>,
}

impl FifoQueues {
    /// Queues with these thresholds between them.
    pub fn new(thresholds: Vec<Duration>) -> Self {
        Self {
            queues: vec![Vec::new(); thresholds.len() + 1],
            thresholds,
        }
    }

    /// The GPUs of each job on each node, of nodes with this many.
    pub(super) fn allocate(&mut self, jobs: &[ElasticJob<'_>], nodes: &[u8]) -> Vec<Vec<u8>> {
        let place = |number: u64| jobs.iter().position(|own| own.number == number);
        for queue in &mut self.queues {
            queue.retain(|&number| place(number).is_some());
        }
        for job in jobs {
            let own = self
                .queues
                .iter()
                .position(|queue| queue.contains(&job.number));
            let Some(own) = own else {
                self.queues[0].push(job.number);
                continue;
            };
            let threshold = self.thresholds.get(own).filter(|_| job.holds());
            if threshold.is_some_and(|most| job.service >= i128::from(most.as_nanos())) {
                self.queues[own].retain(|&number| number != job.number);
                self.queues[own + 1].push(job.number);
            }
        }
        let order: Vec<usize> = self
            .queues
            .iter()
            .flatten()
            .filter_map(|&own| place(own))
            .collect();
        let mut left: u32 = nodes.iter().map(|&own| u32::from(own)).sum();
        let mut gpus = vec![0; jobs.len()];
        for &place in &order {
            if jobs[place].stated <= left {
                gpus[place] = jobs[place].stated;
                left -= gpus[place];
            }
        }
        placing::places(jobs, &gpus, nodes, &order)
    }
}
