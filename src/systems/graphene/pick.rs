//! The choice of a task for a node (spec: orchestrators-b.md sections 6.3 and 6.5): among the tasks that fit
//! and that fairness lets through, those of stages that are nearly done first, each job offers the first
//! in its preferred order. Of these the node takes the one with the best alignment, weighed against the
//! work that its job has left.

use policy::tetris::{alignment, best, combined};
use units::SortedMap;

use super::options::Fairness;

/// A job: a graph of tasks, a gang, or a pod without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum JobKey {
    /// A job whose tasks depend on one another.
    Graph(u32),
    /// A gang.
    Gang(u32),
    /// A pod.
    Pod(u32),
}

/// Equal tasks that wait.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) job: JobKey,
    /// Parts of the node that a task asks for, by resource.
    pub(super) demand: Vec<f64>,
    pub(super) preference: f64,
    /// Whether its stage is so far done that the rest goes first.
    pub(super) is_last_of_stage: bool,
    /// Work that the job has left.
    pub(super) left: f64,
}

/// The fair shares of jobs that have tasks, in parts of the cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    /// What each job uses.
    used: SortedMap<JobKey, f64>,
    /// How far each job has fallen behind its fair share in what was given out since it came.
    deficits: SortedMap<JobKey, f64>,
}

impl Shares {
    /// A job has tasks from now on.
    pub(super) fn join(&mut self, job: JobKey) {
        self.used.entry(job).or_insert(0.0);
        self.deficits.entry(job).or_insert(0.0);
    }

    /// A job has no tasks left.
    pub(super) fn leave(&mut self, job: JobKey) {
        self.used.remove(&job);
        self.deficits.remove(&job);
    }

    /// A task of a job takes a part of the cluster, of which each job has an equal claim.
    pub(super) fn take(&mut self, job: JobKey, part: f64) {
        let each = part / self.deficits.len().max(1) as f64;
        for deficit in self.deficits.values_mut() {
            *deficit += each;
        }
        if let Some(deficit) = self.deficits.get_mut(&job) {
            *deficit -= part;
        }
        if let Some(used) = self.used.get_mut(&job) {
            *used += part;
        }
    }

    /// A task of a job gives its part back.
    pub(super) fn give_back(&mut self, job: JobKey, part: f64) {
        if let Some(used) = self.used.get_mut(&job) {
            *used -= part;
        }
    }

    /// Jobs that fairness lets through, of those that wait; all if that is no question now.
    fn let_through(&self, waiting: &[JobKey], fairness: Fairness) -> Vec<JobKey> {
        let of = |all: &SortedMap<JobKey, f64>, job| all.get(&job).copied().unwrap_or(0.0);
        match fairness {
            Fairness::Deficit(bound) => {
                let behind = waiting.iter().copied().reduce(|most, next| {
                    let is_more = of(&self.deficits, next) > of(&self.deficits, most);
                    if is_more { next } else { most }
                });
                match behind.filter(|&job| of(&self.deficits, job) > bound) {
                    Some(job) => vec![job],
                    None => waiting.to_vec(),
                }
            }
            Fairness::Knob(share) => {
                let mut jobs = waiting.to_vec();
                // Fair shares are equal, so those that use least are farthest below.
                jobs.sort_by(|&one, &other| of(&self.used, one).total_cmp(&of(&self.used, other)));
                let count = (1.0 - share) * jobs.len() as f64;
                jobs.truncate((count - 1e-9).ceil().max(1.0) as usize);
                jobs
            }
        }
    }
}

/// The position of the candidate that a node takes next; `None` if none fits what it has available.
pub(super) fn pick(
    candidates: &[Candidate],
    available: &[f64],
    shares: &Shares,
    fairness: Fairness,
    remaining_work: f64,
) -> Option<usize> {
    let aligned: Vec<Option<f64>> = candidates
        .iter()
        .map(|own| alignment(&own.demand, available, false))
        .collect();
    let mut waiting: Vec<JobKey> = candidates.iter().map(|own| own.job).collect();
    waiting.sort_unstable();
    waiting.dedup();
    let fair = shares.let_through(&waiting, fairness);
    let fits = |place: usize| aligned[place].is_some();
    let is_fair = |place: usize| fits(place) && fair.contains(&candidates[place].job);
    // Where no task fits that fairness lets through, the others do not leave the room empty.
    let any_fair = (0..candidates.len()).any(is_fair);
    let counts = |place: usize| {
        if any_fair {
            is_fair(place)
        } else {
            fits(place)
        }
    };
    let is_last = |place: usize| counts(place) && candidates[place].is_last_of_stage;
    let any_last = (0..candidates.len()).any(is_last);
    let is_in = |place: usize| {
        if any_last {
            is_last(place)
        } else {
            counts(place)
        }
    };
    let mut first: SortedMap<JobKey, f64> = SortedMap::new();
    for own in (0..candidates.len()).filter(|&place| is_in(place)) {
        let own = &candidates[own];
        let first = first.entry(own.job).or_insert(own.preference);
        *first = first.max(own.preference);
    }
    let offered: Vec<Option<f64>> = (0..candidates.len())
        .map(|place| {
            let own = &candidates[place];
            let is_first = first
                .get(&own.job)
                .is_some_and(|&first| own.preference >= first);
            aligned[place].filter(|_| is_in(place) && is_first)
        })
        .collect();
    let left: Vec<f64> = candidates.iter().map(|own| own.left).collect();
    best(&combined(&offered, &left, remaining_work).scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(job: u32, demand: [f64; 2], left: f64) -> Candidate {
        Candidate {
            job: JobKey::Graph(job),
            demand: demand.to_vec(),
            preference: 1.0,
            is_last_of_stage: false,
            left,
        }
    }

    /// The worked example of the specification.
    fn worked() -> Vec<Candidate> {
        vec![
            candidate(0, [0.5, 0.1], 2.0),
            candidate(1, [0.3, 0.3], 1.0),
            candidate(2, [0.4, 0.4], 8.0),
        ]
    }

    fn shares(jobs: u32) -> Shares {
        let mut shares = Shares::default();
        for job in 0..jobs {
            shares.join(JobKey::Graph(job));
        }
        shares
    }

    #[test]
    fn packing_is_weighed_against_the_work_left_and_the_order() {
        let (all, none) = (Fairness::Deficit(1.0), shares(3));
        let pick =
            |candidates: &[Candidate], factor| pick(candidates, &[0.5, 0.5], &none, all, factor);
        assert_eq!(pick(&worked(), 0.0), Some(2));
        assert_eq!(pick(&worked(), 1.0), Some(1));
        // Of one job, the first in its order that fits.
        let mut preferred = worked();
        for (own, preference) in preferred.iter_mut().zip([0.5, 1.0, 0.2]) {
            own.job = JobKey::Graph(0);
            own.preference = preference;
        }
        assert_eq!(pick(&preferred, 0.0), Some(1));
        preferred[1].demand = vec![0.6, 0.1];
        assert_eq!(pick(&preferred, 0.0), Some(0));
        let mut last = worked();
        last[0].is_last_of_stage = true;
        assert_eq!(pick(&last, 1.0), Some(0));
        assert_eq!(pick(&[candidate(0, [0.6, 0.1], 1.0)], 1.0), None);
    }

    #[test]
    fn a_job_that_falls_behind_goes_alone_until_it_has_caught_up() {
        let mut shares = shares(2);
        let candidates = [candidate(0, [0.4, 0.4], 1.0), candidate(1, [0.1, 0.1], 1.0)];
        let pick = |shares: &Shares| {
            pick(
                &candidates,
                &[1.0, 1.0],
                shares,
                Fairness::Deficit(0.12),
                0.0,
            )
        };
        let mut order = Vec::new();
        for _ in 0..6 {
            let chosen = pick(&shares).expect("both fit");
            order.push(chosen);
            shares.take(candidates[chosen].job, candidates[chosen].demand[0]);
        }
        // After 0.4 for the first, the second is 0.2 behind, and catches up by 0.05 with each task.
        assert_eq!(order, [0, 1, 1, 0, 1, 1]);
    }

    #[test]
    fn the_knob_leaves_out_the_jobs_that_have_most() {
        let mut shares = shares(4);
        shares.take(JobKey::Graph(2), 0.5);
        let candidates: Vec<Candidate> = (0..4)
            .map(|job| candidate(job, [0.1 + 0.1 * f64::from(job == 2), 0.1], 1.0))
            .collect();
        let pick = |share| {
            pick(
                &candidates,
                &[1.0, 1.0],
                &shares,
                Fairness::Knob(share),
                0.0,
            )
        };
        assert_eq!(pick(0.0), Some(2));
        assert_eq!(pick(0.25), Some(0));
        shares.leave(JobKey::Graph(2));
    }
}
