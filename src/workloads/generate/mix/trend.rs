//! The influence of a job's place in the course of the arrivals: its normal score among the submissions of its template, with
//! which its fields may be correlated, and the instants within which it ends.
//!
//! A log holds what ended while it was observed. What was submitted before that is there only if it was still running
//! (truncation on the left), and what ran on is cut where the log ends (censoring on the right).

use rng::special;
use units::{Duration, Instant};

/// Parts of a course, which comes again after the last of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rounds {
    /// Length of a part in seconds.
    pub(super) part: f64,
    /// Length of all parts in seconds; the last one may be shorter.
    pub(super) length: f64,
    pub(super) parts: usize,
}

impl Rounds {
    /// The number of the part at an instant, and the share of it that has passed.
    fn place(&self, at: Instant) -> (usize, f64) {
        let at = at.as_nanos() as f64 / 1e9 % self.length;
        let part = ((at / self.part) as usize).min(self.parts - 1);
        let from = part as f64 * self.part;
        let length = self.part.min(self.length - from);
        (part, ((at - from) / length).clamp(0.0, 1.0))
    }
}

/// Places of submissions in a course.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Places {
    pub(super) rounds: Rounds,
    /// For each template, the share of its submissions up to the end of each part.
    ends: Vec<Vec<f64>>,
}

impl Places {
    /// Places by the numbers of submissions that each template has in the parts of a course.
    pub(super) fn new(rounds: Rounds, templates: &[Vec<f64>]) -> Self {
        let of = |numbers: &Vec<f64>| {
            let sum: f64 = numbers.iter().sum();
            let ends = numbers.iter().scan(0.0, |before, own| {
                *before += own;
                Some(if sum > 0.0 { *before / sum } else { 0.0 })
            });
            ends.collect()
        };
        Self {
            rounds,
            ends: templates.iter().map(of).collect(),
        }
    }

    /// Normal score of a submission of a template at an instant.
    pub(super) fn score(&self, template: u32, at: Instant) -> f64 {
        const LEAST: f64 = 1e-6;
        let ends = &self.ends[template as usize];
        let (part, within) = self.rounds.place(at);
        let end = ends.get(part).copied().unwrap_or(1.0);
        let before = part.checked_sub(1).map_or(0.0, |before| ends[before]);
        let share = before + (end - before) * within;
        special::normal_quantile(share.clamp(LEAST, 1.0 - LEAST))
    }
}

/// Instants of the first and the last end of a job that starts at once; those of a course move on with each round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ends {
    pub(super) first: Instant,
    pub(super) last: Instant,
    /// Time after which the course begins again.
    pub(super) round: Option<Duration>,
}

impl Ends {
    /// The least run time of a job that is submitted at an instant, and the most.
    pub(super) fn bounds(&self, submit: Instant) -> [Duration; 2] {
        let round = self.round.map_or(0, Duration::as_nanos);
        let since = match round {
            1.. => submit.as_nanos() / round * round,
            _ => 0,
        };
        [self.first, self.last].map(|end| {
            let end = end.as_nanos().saturating_add(since);
            Duration::from_nanos(end.saturating_sub(submit.as_nanos()).max(0))
        })
    }

    /// The run time of a job within its bounds: what would run on is cut, unless it is submitted after the last end.
    pub(super) fn cut(bounds: Option<[Duration; 2]>, run_time: Duration) -> Duration {
        match bounds {
            Some([_, most]) if most > Duration::ZERO => run_time.min(most),
            _ => run_time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shares_of_the_submissions_of_a_template() {
        let rounds = Rounds {
            part: 10.0,
            length: 25.0,
            parts: 3,
        };
        let places = Places::new(rounds, &[vec![1.0, 0.0, 3.0]]);
        for (seconds, share) in [
            (0, 0.0),
            (10, 0.25),
            (15, 0.25),
            (20, 0.25),
            (24, 0.85),
            (29, 0.1),
        ] {
            let score = places.score(0, Instant::from_secs(seconds));
            let own = special::normal_cdf(score);
            assert!((own - share).abs() < 1e-5, "{seconds}: {own}");
        }
    }

    #[test]
    fn ends_move_on_with_the_rounds() {
        let ends = Ends {
            first: Instant::from_secs(10),
            last: Instant::from_secs(30),
            round: Some(Duration::from_secs(25)),
        };
        let bounds = |at| ends.bounds(Instant::from_secs(at)).map(Duration::as_nanos);
        assert_eq!(bounds(4), [6_000_000_000, 26_000_000_000]);
        assert_eq!(bounds(20), [0, 10_000_000_000]);
        assert_eq!(bounds(29), [6_000_000_000, 26_000_000_000]);
        let cut = |at, run| {
            Ends::cut(
                Some(ends.bounds(Instant::from_secs(at))),
                Duration::from_secs(run),
            )
        };
        assert_eq!(cut(20, 99), Duration::from_secs(10));
        assert_eq!(cut(20, 9), Duration::from_secs(9));
    }
}
