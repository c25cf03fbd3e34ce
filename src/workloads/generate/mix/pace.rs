//! Rate of arrivals over time, relative to its mean: by hour of the day, day of the week, parts of a course, and
//! bursts.

use serde::Deserialize;
use units::Duration;

const HOUR: f64 = 3_600.0;
const HOURS: usize = 168;
const WEEK: f64 = HOUR * HOURS as f64;

/// Time that no instant reaches, in seconds: 292 years.
const NEVER: f64 = 9.2e9;

/// A time with another rate.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Burst {
    /// Beginning, from the zero of the run.
    pub at: Duration,
    /// Length.
    pub length: Duration,
    /// Factor on the rate.
    pub factor: f64,
}

/// Rate of arrivals.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// Rate of each hour of the week; their mean is 1.
    hours: Vec<f64>,
    course: Option<Course>,
    bursts: Vec<Burst>,
}

/// Rates of parts of equal length, one after the other; after the last part the first comes again.
#[derive(Clone, Debug, PartialEq)]
struct Course {
    /// Length of a part in seconds, a whole number.
    part: f64,
    /// Rate of each part; their mean is 1.
    rates: Vec<f64>,
}

impl Course {
    fn place(&self, at: f64) -> usize {
        (at / self.part) as usize % self.rates.len()
    }

    /// The end of the part that an instant is in.
    fn end(&self, at: f64) -> f64 {
        ((at / self.part).floor() + 1.0) * self.part
    }
}

impl Pace {
    /// A rate by factors of the hours of a day and of the days of a week, from the zero of the run; both
    /// are scaled to a mean of 1. `None` where no hour has a rate above zero.
    pub fn new(hours: &[f64; 24], days: &[f64; 7], bursts: Vec<Burst>) -> Option<Self> {
        let mut rates = Vec::with_capacity(HOURS);
        for day in days {
            rates.extend(hours.iter().map(|hour| day * hour));
        }
        let mean = rates.iter().sum::<f64>() / HOURS as f64;
        if !mean.is_finite() || mean <= 0.0 {
            return None;
        }
        for rate in &mut rates {
            *rate /= mean;
        }
        Some(Self {
            hours: rates,
            course: None,
            bursts,
        })
    }

    /// The rate with a further factor in each part of a course, whose factors are scaled to a mean of 1; parts
    /// last a whole number of seconds. `None` where no instant has a rate above zero.
    pub fn with_course(self, part: Duration, factors: &[f64]) -> Option<Self> {
        let mean = factors.iter().sum::<f64>() / factors.len() as f64;
        let seconds = (part.as_nanos() / 1_000_000_000) as f64;
        if !mean.is_finite() || mean <= 0.0 || seconds < 1.0 {
            return None;
        }
        let pace = Self {
            course: Some(Course {
                part: seconds,
                rates: factors.iter().map(|factor| factor / mean).collect(),
            }),
            ..self
        };
        // Hours and parts may have no instant in common at which both have a rate.
        (pace.after(0.0, f64::MIN_POSITIVE) < NEVER).then_some(pace)
    }

    /// The number of the part of the course at an instant, in seconds; 0 where there is no course.
    pub fn part(&self, at: f64) -> usize {
        self.course.as_ref().map_or(0, |course| course.place(at))
    }

    /// The time, in seconds, at which an amount of time at the mean rate has passed since another one.
    pub fn after(&self, from: f64, amount: f64) -> f64 {
        let ends = self.bursts.iter().map(end);
        let last = ends.fold(0.0, f64::max);
        let (mut at, mut left) = (from, amount);
        while left > 0.0 && at < NEVER {
            if at >= last && left >= WEEK && self.course.is_none() {
                let weeks = (left / WEEK).floor();
                at += weeks * WEEK;
                left -= weeks * WEEK;
                continue;
            }
            let hour = (at / HOUR).floor();
            let until = self.next_turn(at).min((hour + 1.0) * HOUR);
            let rate = self.rate(at, hour);
            let room = (until - at) * rate;
            if room >= left {
                return at + left / rate;
            }
            left -= room;
            at = until;
        }
        at
    }

    /// The amount of time at the mean rate between two times, in seconds.
    pub fn between(&self, from: f64, to: f64) -> f64 {
        let (mut at, mut amount) = (from, 0.0);
        while at < to {
            let hour = (at / HOUR).floor();
            let until = self.next_turn(at).min((hour + 1.0) * HOUR).min(to);
            amount += (until - at) * self.rate(at, hour);
            at = until;
        }
        amount
    }

    fn rate(&self, at: f64, hour: f64) -> f64 {
        let base = self.hours[(hour as u64 % HOURS as u64) as usize];
        let base = self
            .course
            .as_ref()
            .map_or(base, |course| base * course.rates[course.place(at)]);
        let now = self.bursts.iter();
        let now = now.filter(|burst| burst.at.as_secs_f64() <= at && at < end(burst));
        now.fold(base, |rate, burst| rate * burst.factor)
    }

    /// The next end of a part, or beginning or end of a burst, after a time.
    fn next_turn(&self, at: f64) -> f64 {
        let of_course = self.course.as_ref();
        let of_course = of_course.map_or(f64::INFINITY, |course| course.end(at));
        let turns = self.bursts.iter();
        let turns = turns.flat_map(|burst| [burst.at.as_secs_f64(), end(burst)]);
        turns.filter(|turn| *turn > at).fold(of_course, f64::min)
    }
}

fn end(burst: &Burst) -> f64 {
    burst.at.as_secs_f64() + burst.length.as_secs_f64()
}
