//! A sample of fixed size of the jobs of a trace, so that a fit takes no more memory for a longer trace. Every job has the same
//! chance to be in it (algorithm R of Waterman: the job with the number n takes the place of one of the sample with probability
//! size / n), and those that are keep their order.

use rng::Stream;

/// Jobs of which each is as likely to be kept.
pub(super) struct Sample<T> {
    most: usize,
    /// The jobs with their numbers in the trace.
    kept: Vec<(u64, T)>,
    met: u64,
    draws: Stream,
}

impl<T> Sample<T> {
    /// No jobs yet; there will be a number of them at most.
    pub(super) fn of(most: usize) -> Self {
        Self {
            most,
            kept: Vec::new(),
            met: 0,
            draws: Stream::new(0, "fit/sample", 0),
        }
    }

    /// Adds the next job.
    pub(super) fn push(&mut self, job: T) {
        let number = self.met;
        self.met += 1;
        if self.kept.len() < self.most {
            self.kept.push((number, job));
            return;
        }
        let place = self.draws.below(self.met) as usize;
        if let Some(kept) = self.kept.get_mut(place) {
            *kept = (number, job);
        }
    }

    /// Number of jobs that were added.
    pub(super) const fn met(&self) -> u64 {
        self.met
    }

    /// The jobs in their order.
    pub(super) fn in_order(mut self) -> Vec<T> {
        if self.met > self.kept.len() as u64 {
            self.kept.sort_unstable_by_key(|own| own.0);
        }
        self.kept.into_iter().map(|(_, job)| job).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(jobs: u64, most: usize) -> Vec<u64> {
        let mut sample = Sample::of(most);
        (0..jobs).for_each(|job| sample.push(job));
        assert_eq!(sample.met(), jobs);
        sample.in_order()
    }

    #[test]
    fn up_to_its_size_a_sample_has_all_jobs() {
        for jobs in [0, 1, 9, 10] {
            assert_eq!(sample(jobs, 10), (0..jobs).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn each_part_of_a_trace_has_its_share_of_a_sample() {
        let found = sample(100_000, 10_000);
        assert!(found.is_sorted_by(|one, other| one < other));
        assert_eq!(found, sample(100_000, 10_000));
        for part in 0..10 {
            let own = found.iter().filter(|&&job| job / 10_000 == part).count();
            assert!((900..1_100).contains(&own), "{part}: {own}");
        }
    }
}
