//! Parts of a trace with rates of their own: logs change over months, so that the jobs of their last weeks are others
//! than those of their first. What waits is decided by the parts in which much work comes at once.

use units::Duration;

use crate::generate::mix::Pace;

/// Lengths of parts, in seconds: round ones, that are easy to edit.
const LENGTHS: [i64; 24] = [
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
    172_800, 604_800, 1_209_600, 2_419_200, 7_257_600, 14_515_200, 29_030_400, 58_060_800,
];

/// Greatest numbers of parts that are tried.
const PARTS: [i64; 3] = [12, 48, 168];

/// Least number of jobs of a part, in the mean.
const JOBS_MIN: i64 = 8;

/// Rates of the parts of a trace.
pub(super) struct Course {
    /// Length of a part.
    pub(super) part: Duration,
    /// Rate of each part beside their mean, beyond the cycles of day and week.
    pub(super) factors: Vec<f64>,
    /// Number of the sessions that begin in each part.
    pub(super) numbers: Vec<u32>,
    /// Length of all parts: the trace may end in the middle of one.
    pub(super) length: Duration,
}

impl Course {
    /// Rates by the instants, in seconds, at which sessions begin.
    pub(super) fn of(seconds: &[f64], part: Duration, cycles: &Pace) -> Self {
        let length = part.as_secs_f64();
        let span = seconds.last().copied().unwrap_or(0.0);
        let mut numbers = vec![0; (span / length) as usize + 1];
        for &at in seconds {
            numbers[(at / length) as usize] += 1;
        }
        let rates = numbers.iter().enumerate().map(|(place, &number)| {
            let from = place as f64 * length;
            // The trace may end in the middle of a part.
            let time = cycles.between(from, (from + length).min(span));
            if time > 0.0 {
                f64::from(number) / time
            } else {
                0.0
            }
        });
        let rates: Vec<f64> = rates.collect();
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        // Behind the last submission is a gap, too.
        let gap = span / seconds.len() as f64;
        let seconds = ((span + gap) as i64 + 1).min((length * numbers.len() as f64) as i64);
        Self {
            part,
            factors: rates.iter().map(|rate| rate / mean).collect(),
            length: Duration::from_secs(seconds),
            numbers,
        }
    }
}

/// Lengths of parts that a trace of a number of jobs can be divided into.
pub(super) fn lengths(span: Duration, jobs: usize) -> Vec<Duration> {
    let span = span.as_nanos() / 1_000_000_000;
    let mut found = Vec::new();
    for most in PARTS {
        let length = LENGTHS.iter().find(|length| span / **length < most);
        let parts = |length: i64| span / length + 1;
        let is_new = |length: i64| found.last() != Some(&Duration::from_secs(length));
        let fits = |length: i64| parts(length) > 1 && jobs as i64 / parts(length) >= JOBS_MIN;
        if let Some(&length) = length.filter(|length| fits(**length) && is_new(**length)) {
            found.push(Duration::from_secs(length));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_round_and_have_jobs() {
        let of = |days: i64, jobs| lengths(Duration::from_secs(days * 86_400), jobs);
        let hours = |own: &[i64]| -> Vec<Duration> {
            own.iter()
                .map(|own| Duration::from_secs(own * 3_600))
                .collect()
        };
        assert_eq!(of(11, 100_000), hours(&[24, 6, 2]));
        assert_eq!(of(149, 8_000), hours(&[336, 168, 24]));
        assert_eq!(of(149, 200), hours(&[336, 168]));
        assert_eq!(of(149, 10), hours(&[]));
        assert_eq!(of(0, 100), hours(&[]));
    }

    #[test]
    fn rates_are_those_of_the_parts() {
        let flat = Pace::new(&[1.0; 24], &[1.0; 7], Vec::new()).expect("a rate");
        // Six in the first 10 s, none in the next, two in the 5 s until the end.
        let seconds = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 20.0, 25.0];
        let course = Course::of(&seconds, Duration::from_secs(10), &flat);
        let near = course.factors.iter().zip([1.8, 0.0, 1.2]);
        assert!(
            near.clone()
                .all(|(own, wanted)| (own - wanted).abs() < 1e-9),
            "{near:?}"
        );
        assert_eq!(course.numbers, [6, 0, 2]);
        assert_eq!(course.length, Duration::from_secs(29));
    }
}
