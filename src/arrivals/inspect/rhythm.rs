//! Arrivals over time: rates by hour, the profile of a week, and how far values follow those before them.

use std::collections::VecDeque;

use rng::math;

/// Distances at which values are compared with those before them.
pub const LAGS: [usize; 3] = [1, 10, 100];

/// Hours of a week.
pub const HOURS: usize = 168;

/// Arrivals by hour.
#[derive(Clone, Debug, PartialEq)]
pub struct Rhythm {
    /// Mean number of arrivals in an hour.
    pub per_hour: f64,
    /// Busiest hour since zero, with its arrivals.
    pub busiest: (i64, u64),
    /// Variance of the arrivals of an hour divided by their mean: 1 for a Poisson process.
    pub dispersion: f64,
    /// Rates of the hours of a week beside their mean, from instant 0 on; none of less than a week.
    pub week: Option<Vec<f64>>,
    /// Rates of the hours of a day beside their mean; none of less than two days.
    pub day: Option<Vec<f64>>,
}

impl Rhythm {
    /// The rhythm of arrivals by hour since zero, of which empty ones are left out; `None` without any.
    pub fn of(arrivals: &[(i64, u64)]) -> Option<Self> {
        let (first, last) = (arrivals.first()?.0, arrivals.last()?.0);
        let hours = last - first + 1;
        let total: u64 = arrivals.iter().map(|(_, count)| count).sum();
        let mean = total as f64 / hours as f64;
        let squares = arrivals.iter().map(|&(_, count)| {
            let count = count as f64;
            count * count
        });
        let variance = squares.sum::<f64>() / hours as f64 - mean * mean;
        let mut busiest = arrivals[0];
        for &own in arrivals {
            if own.1 > busiest.1 {
                busiest = own;
            }
        }
        let profile = |parts: i64| {
            let mut sums = vec![0_u64; parts as usize];
            for &(hour, count) in arrivals {
                sums[hour.rem_euclid(parts) as usize] += count;
            }
            let rates = (0..parts).zip(&sums).map(|(part, &sum)| {
                // Hours of the trace that are this part of the cycle.
                let before = |hour: i64| (hour - part).div_euclid(parts);
                let times = before(last) - before(first - 1);
                sum as f64 / times.max(1) as f64 / mean
            });
            rates.collect()
        };
        Some(Self {
            per_hour: mean,
            busiest,
            dispersion: variance / mean,
            week: (hours >= HOURS as i64).then(|| profile(HOURS as i64)),
            day: (hours >= 48).then(|| profile(24)),
        })
    }
}

/// Correlations between the logarithms of values and of those some places before, in one pass.
#[derive(Clone, Debug, Default)]
pub struct Following {
    recent: VecDeque<f64>,
    pairs: [Pairs; LAGS.len()],
}

impl Following {
    /// Takes the next value, which is at least 0.
    pub fn add(&mut self, value: i64) {
        let own = math::ln_1p(value.max(0) as f64);
        for (lag, pairs) in LAGS.into_iter().zip(&mut self.pairs) {
            if let Some(place) = self.recent.len().checked_sub(lag) {
                pairs.add(self.recent[place], own);
            }
        }
        if self.recent.len() == LAGS[LAGS.len() - 1] {
            self.recent.pop_front();
        }
        self.recent.push_back(own);
    }

    /// Correlations at the distances of [`LAGS`]; none with fewer than ten pairs, or without spread.
    pub fn correlations(&self) -> [Option<f64>; LAGS.len()] {
        self.pairs.map(|pairs| pairs.correlation())
    }
}

/// Sums over pairs.
#[derive(Clone, Copy, Debug, Default)]
struct Pairs {
    count: f64,
    one: f64,
    other: f64,
    one_squared: f64,
    other_squared: f64,
    both: f64,
}

impl Pairs {
    fn add(&mut self, one: f64, other: f64) {
        self.count += 1.0;
        self.one += one;
        self.other += other;
        self.one_squared += one * one;
        self.other_squared += other * other;
        self.both += one * other;
    }

    fn correlation(&self) -> Option<f64> {
        let spread = |sum: f64, squares: f64| {
            let mean = sum / self.count;
            squares / self.count - mean * mean
        };
        let of_one = spread(self.one, self.one_squared);
        let of_other = spread(self.other, self.other_squared);
        let both = self.both / self.count - self.one / self.count * (self.other / self.count);
        let is_known = self.count >= 10.0 && of_one > 1e-12 && of_other > 1e-12;
        is_known.then(|| both / math::sqrt(of_one * of_other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_seen_in_its_hours() {
        // Two weeks of two arrivals an hour, and ten in the fifth hour of each day.
        let counts = |hour: i64| if hour % 24 == 5 { 10 } else { 2 };
        let arrivals: Vec<(i64, u64)> = (0..336).map(|hour| (hour, counts(hour))).collect();
        let rhythm = Rhythm::of(&arrivals).expect("arrivals");
        let mean = 56.0 / 24.0;
        assert!((rhythm.per_hour - mean).abs() < 1e-9);
        assert_eq!(rhythm.busiest, (5, 10));
        let day = rhythm.day.expect("two weeks");
        assert!((day[5] - 10.0 / mean).abs() < 1e-9 && (day[6] - 2.0 / mean).abs() < 1e-9);
        assert_eq!(rhythm.week.expect("two weeks").len(), HOURS);
        assert_eq!(Rhythm::of(&[]), None);
    }

    #[test]
    fn values_in_runs_follow_each_other() {
        let mut following = Following::default();
        for number in 0..2_000 {
            following.add(if number / 50 % 2 == 0 { 1_000 } else { 10 });
        }
        let [next, tenth, hundredth] = following.correlations().map(Option::unwrap_or_default);
        assert!((0.95..0.97).contains(&next), "{next}");
        assert!((0.58..0.62).contains(&tenth), "{tenth}");
        assert!(hundredth > 0.999, "{hundredth}");
        assert_eq!(Following::default().correlations(), [None; 3]);
    }
}
