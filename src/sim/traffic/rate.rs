//! Rates of clients' requests over time: pieces of constant rate.

use std::sync::Arc;

use rng::math;
use units::{Duration, Instant};

/// Millionths of a request a second: rates are whole numbers of them, so that counts are exact.
pub const MICRO: u64 = 1_000_000;

/// A rate over time.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// Always the same, in millionths of a request a second.
    Constant(u64),
    /// From each of these instants on, in ascending order; before the first it is 0.
    Steps(Arc<[(Instant, u64)]>),
    /// A day's rise and fall, with crowds.
    Diurnal(Box<Diurnal>),
}

/// A rate that rises and falls with the day, in steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Diurnal {
    /// Average rate over a day, in requests a second.
    pub mean: f64,
    /// Rise above the mean at the peak, as a share of the mean; at most 1.
    pub swing: f64,
    /// Time of the peak within a period.
    pub peak_at: Duration,
    /// Length of a period.
    pub period: Duration,
    /// The rate of the sixth and seventh period of every seven, as a share.
    pub weekend: f64,
    /// Length of a step of constant rate.
    pub step: Duration,
    /// Crowds that come.
    pub crowds: Vec<LoadSpike>,
}

/// A flash crowd: the rate rises by a factor, stays there, and falls again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadSpike {
    /// Beginning of the crowd.
    pub at: Instant,
    /// Time that the crowd takes to rise, and to fall.
    pub ramp: Duration,
    /// Time for which the crowd stays.
    pub lasts: Duration,
    /// The factor.
    pub times: f64,
}

/// A part of time in which the rate does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Rate in millionths of a request a second.
    pub micro: u64,
    /// End of the piece; `None` is none.
    pub until: Option<Instant>,
}

impl Rate {
    /// The piece that holds at an instant.
    pub fn piece(&self, at: Instant) -> Piece {
        match self {
            Self::Constant(micro) => Piece {
                micro: *micro,
                until: None,
            },
            Self::Steps(steps) => {
                let next = steps.partition_point(|(from, _)| *from <= at);
                Piece {
                    micro: next.checked_sub(1).map_or(0, |place| steps[place].1),
                    until: steps.get(next).map(|(from, _)| *from),
                }
            }
            Self::Diurnal(model) => model.piece(at),
        }
    }

    /// The highest rate that it comes to, in requests a second; of crowds that overlap all at once.
    pub fn peak(&self) -> f64 {
        match self {
            Self::Constant(micro) => *micro as f64 / MICRO as f64,
            Self::Steps(steps) => {
                let most = steps.iter().map(|(_, micro)| *micro).max();
                most.unwrap_or(0) as f64 / MICRO as f64
            }
            Self::Diurnal(model) => {
                let crowd: f64 = model
                    .crowds
                    .iter()
                    .map(|crowd| crowd.times.max(1.0))
                    .product();
                model.mean * (1.0 + model.swing) * crowd
            }
        }
    }
}

impl Diurnal {
    fn piece(&self, at: Instant) -> Piece {
        let step = self.step.as_nanos().max(1);
        let number = at.as_nanos() / step;
        let from = Instant::from_nanos(number * step);
        // A step is as its middle.
        let middle = Instant::from_nanos(from.as_nanos().saturating_add(step / 2));
        Piece {
            micro: (self.rate(middle) * MICRO as f64).round().max(0.0) as u64,
            until: from.checked_add(self.step),
        }
    }

    /// The rate at an instant, in requests a second.
    fn rate(&self, at: Instant) -> f64 {
        let period = self.period.as_nanos().max(1);
        let (day, within) = (at.as_nanos() / period, at.as_nanos() % period);
        let angle = (within - self.peak_at.as_nanos()) as f64 / period as f64;
        let wave = 1.0 + self.swing * math::cos(angle * std::f64::consts::TAU);
        let weekend = if day % 7 >= 5 { self.weekend } else { 1.0 };
        let crowds: f64 = self.crowds.iter().map(|crowd| crowd.factor(at)).product();
        self.mean * wave * weekend * crowds
    }
}

impl LoadSpike {
    fn factor(&self, at: Instant) -> f64 {
        let since = at.since(self.at).as_nanos();
        let (ramp, lasts) = (self.ramp.as_nanos(), self.lasts.as_nanos());
        let share = if since < 0 || since >= ramp + lasts + ramp {
            0.0
        } else if since < ramp {
            since as f64 / ramp as f64
        } else if since < ramp + lasts {
            1.0
        } else {
            1.0 - (since - ramp - lasts) as f64 / ramp as f64
        };
        1.0 + (self.times - 1.0) * share
    }
}

/// Counts whole requests of a rate exactly: what is left of one is kept for the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// In parts of a request: millionths a second times nanoseconds.
    left: u128,
}

impl Counter {
    /// A request in the parts that are kept.
    const ONE: u128 = MICRO as u128 * 1_000_000_000;

    /// The requests of a span.
    pub fn count(&mut self, micro: u64, nanos: i64) -> u64 {
        self.left += u128::from(micro) * nanos.max(0) as u128;
        let whole = self.left / Self::ONE;
        self.left %= Self::ONE;
        u64::try_from(whole).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_rate_however_time_is_cut() {
        let mut whole = Counter::default();
        let mut parts = Counter::default();
        // A third of a request a second over a day, at once and in steps of 7 s.
        let micro = 333_333;
        let day = 86_400_000_000_000_i64;
        let expected = whole.count(micro, day);
        assert_eq!(expected, 28_799);
        let step = 7_000_000_000;
        let mut found = 0;
        let mut left = day;
        while left > 0 {
            let span = left.min(step);
            found += parts.count(micro, span);
            left -= span;
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_day_rises_and_falls_and_a_crowd_comes_on_top() {
        let model = Diurnal {
            mean: 100.0,
            swing: 0.5,
            peak_at: Duration::from_secs(14 * 3600),
            period: Duration::from_secs(86_400),
            weekend: 0.5,
            step: Duration::from_secs(60),
            crowds: vec![LoadSpike {
                at: Instant::from_secs(86_400),
                ramp: Duration::from_secs(600),
                lasts: Duration::from_secs(600),
                times: 4.0,
            }],
        };
        let hour = |hour: i64| model.rate(Instant::from_secs(hour * 3600));
        assert!((hour(14) - 150.0).abs() < 1e-9);
        assert!((hour(2) - 50.0).abs() < 1e-9);
        assert!((hour(5 * 24 + 14) - 75.0).abs() < 1e-9);
        let at = |secs: i64| model.crowds[0].factor(Instant::from_secs(86_400 + secs));
        let known = [
            (-1, 1.0),
            (300, 2.5),
            (600, 4.0),
            (1_199, 4.0),
            (1_500, 2.5),
            (1_800, 1.0),
        ];
        for (secs, factor) in known {
            assert!((at(secs) - factor).abs() < 1e-12, "{secs}");
        }
        let rate = Rate::Diurnal(Box::new(model));
        let piece = rate.piece(Instant::from_secs(61));
        assert_eq!(piece.until, Some(Instant::from_secs(120)));
    }

    #[test]
    fn steps_hold_until_the_next() {
        let at = Instant::from_secs;
        let rate = Rate::Steps([(at(10), 5), (at(20), 7)].into());
        let found = [0, 10, 15, 20].map(|secs| {
            let piece = rate.piece(at(secs));
            (piece.micro, piece.until)
        });
        let expected = [
            (0, Some(at(10))),
            (5, Some(at(20))),
            (5, Some(at(20))),
            (7, None),
        ];
        assert_eq!(found, expected);
    }
}
