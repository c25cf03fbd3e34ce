//! Free places over time, counted: what is left of interchangeable places once running jobs have
//! ended as they asked to and reservations are kept.

use units::{Duration, Instant};

use super::super::running_jobs::RunningJobs;
use super::shadow::just_after;

/// Free places from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    at: Instant,
    free: i64,
}

/// A step function of free places, from now to the end of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    steps: Vec<Step>,
}

impl Profile {
    /// The profile of running jobs alone. Jobs that run longer than they asked for may end at any
    /// moment.
    pub(super) fn of(now: Instant, room: u64, running: &RunningJobs) -> Self {
        let mut steps = vec![Step {
            at: now,
            free: room as i64,
        }];
        let mut free = room as i64;
        for (end, members) in running.ends() {
            let at = end.max(just_after(now));
            free += members as i64;
            match steps.last_mut() {
                Some(last) if last.at == at => last.free = free,
                _ => steps.push(Step { at, free }),
            }
        }
        Self { steps }
    }

    /// The earliest instant, not before another, from which on so many places stay free for a time;
    /// `None` if there never are so many.
    pub fn first_fit(&self, from: Instant, places: u64, length: Duration) -> Option<Instant> {
        let places = places as i64;
        let mut index = self.index(from);
        let mut start = from.max(self.steps[0].at);
        loop {
            let end = start.saturating_add(length);
            let short = self.steps[index..]
                .iter()
                .take_while(|step| step.at < end || step.at <= start)
                .position(|step| step.free < places);
            let Some(short) = short else {
                return Some(start);
            };
            let later = index + short + 1;
            let enough = self.steps.get(later..)?;
            index = later + enough.iter().position(|step| step.free >= places)?;
            start = self.steps[index].at;
        }
    }

    /// Number of places that are free now.
    pub fn free_now(&self) -> u64 {
        u64::try_from(self.steps[0].free).unwrap_or(0)
    }

    /// Takes places from an instant on for a time.
    pub fn reserve(&mut self, from: Instant, places: u64, length: Duration) {
        let first = self.split(from);
        let until = from.saturating_add(length);
        let last = if until == Instant::MAX {
            self.steps.len()
        } else {
            self.split(until)
        };
        for step in &mut self.steps[first..last] {
            step.free -= places as i64;
        }
    }

    /// Forgets what was before an instant.
    pub fn advance(&mut self, now: Instant) {
        let index = self.index(now);
        self.steps.drain(..index);
        self.steps[0].at = self.steps[0].at.max(now);
    }

    /// The step that an instant is in.
    fn index(&self, at: Instant) -> usize {
        let after = self.steps.partition_point(|step| step.at <= at);
        after.saturating_sub(1)
    }

    /// Makes a step begin at an instant.
    fn split(&mut self, at: Instant) -> usize {
        let index = self.index(at);
        let step = self.steps[index];
        if step.at >= at {
            return index;
        }
        let free = step.free;
        self.steps.insert(index + 1, Step { at, free });
        index + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_earliest_fit_is_that_of_a_search_second_by_second(
            jobs in prop::collection::vec((0_i64..40, 1_u64..5, 1_i64..12), 0..12),
            places in 1_u64..6,
            length in 1_i64..15,
            from in 0_i64..30,
        ) {
            let mut profile = Profile::of(Instant::ZERO, 5, &RunningJobs::default());
            let mut free = [5_i64; 200];
            for (start, members, seconds) in jobs {
                profile.reserve(Instant::from_secs(start), members, Duration::from_secs(seconds));
                for second in start..start + seconds {
                    free[second as usize] -= members as i64;
                }
            }
            let fits = |second: &i64| {
                let window = *second as usize..(*second + length) as usize;
                free[window].iter().all(|&left| left >= places as i64)
            };
            let expected = (from..150).find(fits).map(Instant::from_secs);
            let length = Duration::from_secs(length);
            prop_assert_eq!(profile.first_fit(Instant::from_secs(from), places, length), expected);
            profile.advance(Instant::from_secs(from));
            prop_assert_eq!(profile.first_fit(Instant::ZERO, places, length), expected);
        }
    }
}
