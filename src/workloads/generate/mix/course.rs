//! The course of a mix as it is written: parts of equal length, each with a factor of the rate or with the number of
//! sessions that begin in it.

use serde::Deserialize;
use units::Duration;
use units::plural::count;

use super::marginal::Times;
use super::pace::Pace;
use super::trend::Rounds;
use rng::{Stream, math, special};

/// Greatest number of sessions of a part, all of which are drawn at once.
pub(crate) const SESSIONS_MAX: u32 = 10_000_000;

/// Parts of equal length, one after the other.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WrittenCourse {
    part: Duration,
    /// Factor of the rate in each part.
    factors: Option<Vec<f64>>,
    /// Number of sessions that begin in each part.
    numbers: Option<Vec<u32>>,
    /// Time after which the first part comes again.
    length: Option<Duration>,
}

impl WrittenCourse {
    /// What templates may state a factor for: the rates of the parts beside each other.
    pub(super) fn rates(&self) -> Vec<f64> {
        match (&self.numbers, &self.factors) {
            (Some(numbers), _) => numbers.iter().copied().map(f64::from).collect(),
            (None, factors) => factors.clone().unwrap_or_default(),
        }
    }

    /// The parts of a course that passed the check.
    pub(super) fn rounds(&self) -> Rounds {
        let part = self.part.as_secs_f64();
        let parts = self.rates().len();
        let length = self.length.map(Duration::as_secs_f64);
        Rounds {
            part,
            length: length.unwrap_or(part * parts as f64),
            parts,
        }
    }

    /// The pace with the factors of the course, or the numbers of its parts.
    pub(super) fn checked(&self, pace: Pace) -> Result<(Pace, Option<Numbers>), String> {
        const WORDS: &str = "arrivals.course: expected";
        let nanos = self.part.as_nanos();
        if nanos <= 0 || nanos % 1_000_000_000 != 0 {
            return Err(format!(
                "{WORDS} a `part` of a whole number of seconds, at least 1s"
            ));
        }
        match (&self.factors, &self.numbers) {
            (Some(factors), None) if self.length.is_none() => {
                if factors.is_empty() || !factors.iter().copied().all(super::written::is_factor) {
                    return Err(format!("{WORDS} one or more `factors` of at least 0"));
                }
                let pace = pace.with_course(self.part, factors).ok_or(
                    "arrivals.course: no instant has a rate; raise a factor above 0 where hours and days have one",
                )?;
                Ok((pace, None))
            }
            (Some(_), None) => Err(format!(
                "{WORDS} no `length` beside `factors`; leave it out, or write `numbers`"
            )),
            (None, Some(numbers)) => Ok((pace, Some(self.numbers(numbers)?))),
            _ => Err(format!("{WORDS} either `factors` or `numbers`")),
        }
    }

    fn numbers(&self, numbers: &[u32]) -> Result<Numbers, String> {
        if numbers.iter().all(|own| *own == 0) || numbers.iter().any(|own| *own > SESSIONS_MAX) {
            return Err(format!(
                "arrivals.course: expected `numbers` from 0 to {SESSIONS_MAX}, one of them above 0"
            ));
        }
        let part = self.part.as_secs_f64();
        let parts = numbers.len();
        let length = self
            .length
            .map_or(part * parts as f64, Duration::as_secs_f64);
        // The last part may be shorter than the others.
        if length <= part * (parts - 1) as f64 || length > part * parts as f64 {
            return Err(format!(
                "arrivals.course: expected a `length` that ends in the last of {} of {}",
                count(parts as u64, "part"),
                self.part
            ));
        }
        Ok(Numbers {
            part,
            length,
            counts: numbers.to_vec(),
        })
    }
}

/// Numbers of sessions that begin in parts of equal length; after the last part the first comes again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbers {
    /// Length of a part in seconds.
    part: f64,
    /// Length of all parts; the last one may be shorter.
    length: f64,
    /// Sessions of each part; one of them has any.
    counts: Vec<u32>,
}

/// Arrivals that are drawn part by part.
pub(super) struct Shape<'a> {
    /// Gaps beside each other.
    pub(super) gap: &'a Times,
    pub(super) autocorrelation: f64,
    pub(super) pace: &'a Pace,
}

impl Numbers {
    /// The place of a part in the course, and the number of its sessions. Parts count on when the first comes again.
    pub(super) fn part(&self, turn: u64) -> (usize, u32) {
        let place = (turn % self.counts.len() as u64) as usize;
        (place, self.counts[place])
    }

    /// The instants, in seconds, at which the sessions of a part begin: gaps of the mix, of which the first and
    /// the last are cut at the ends of the part, stretched to fill it.
    pub(super) fn instants(
        &self,
        turn: u64,
        shape: &Shape<'_>,
        score: &mut f64,
        stream: &mut Stream,
    ) -> Vec<f64> {
        let (place, sessions) = self.part(turn);
        let round = (turn / self.counts.len() as u64) as f64 * self.length;
        let from = round + place as f64 * self.part;
        let until = (from + self.part).min(round + self.length);
        let mut gaps: Vec<f64> = (0..=sessions)
            .map(|_| next_gap(shape, score, stream).as_secs_f64())
            .collect();
        let last = sessions as usize;
        gaps[0] *= stream.unit_f64();
        gaps[last] *= stream.unit_f64();
        let sum: f64 = gaps.iter().sum();
        let share = |gap: f64| if sum > 0.0 { gap / sum } else { 0.0 };
        let amount = shape.pace.between(from, until);
        let mut at = from;
        let instants = gaps[..last].iter().map(|&gap| {
            at = if amount > 0.0 {
                shape.pace.after(at, amount * share(gap)).min(until)
            } else {
                at + (until - from) * share(gap)
            };
            at
        });
        instants.collect()
    }
}

/// The next gap, at the mean rate: an autoregression of the first order, whose scores stay standard normal.
pub(super) fn next_gap(shape: &Shape<'_>, score: &mut f64, stream: &mut Stream) -> Duration {
    let last = shape.autocorrelation;
    let news = math::sqrt(1.0 - last * last);
    *score = last * *score + news * stream.standard_normal();
    shape.gap.at(special::normal_cdf(*score))
}
