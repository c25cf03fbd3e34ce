//! Reservations by which Borg reclaims what tasks do not use (spec: orchestrators-b.md section 5.3): a
//! task's reservation is its limit at first, sinks slowly to what it used lately plus a margin, and
//! jumps up at once when use exceeds it.

use std::collections::VecDeque;

/// Options of the estimate. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReservationOptions {
    /// Time at the start during which the limit is reserved.
    pub warm_up: f64,
    /// Length of the window whose peak counts.
    pub window: f64,
    /// Margin above the peak, as a part of it.
    pub margin: f64,
    /// Part of the way down that the reservation goes in a second.
    pub decay: f64,
}

impl Default for ReservationOptions {
    fn default() -> Self {
        Self {
            warm_up: 300.0,
            window: 300.0,
            margin: 0.2,
            decay: 1.0 / 3_600.0,
        }
    }
}

/// A measurement.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: f64,
    usage: f64,
}

/// The estimate of one task's reservation of one resource.
#[derive(Clone, Debug)]
pub struct Estimator {
    limit: f64,
    options: ReservationOptions,
    window: VecDeque<Sample>,
    reservation: f64,
    last: f64,
}

impl Estimator {
    /// The estimate for a task that starts.
    pub fn new(limit: f64, options: ReservationOptions) -> Self {
        Self {
            limit,
            options,
            window: VecDeque::new(),
            reservation: limit,
            last: 0.0,
        }
    }

    /// The reservation after a measurement, so many seconds after the start.
    pub fn sample(&mut self, at: f64, usage: f64) -> f64 {
        let options = self.options;
        let elapsed = at - self.last;
        self.last = at;
        self.window.push_back(Sample { at, usage });
        // Samples younger than the window's length, the present one included.
        while self
            .window
            .front()
            .is_some_and(|sample| at - sample.at >= options.window)
        {
            self.window.pop_front();
        }
        if at < options.warm_up {
            return self.limit;
        }
        let peak = self.window.iter().map(|sample| sample.usage);
        let target = peak.fold(0.0, f64::max) * (1.0 + options.margin);
        self.reservation = if usage > self.reservation {
            self.limit.min(target)
        } else {
            let step = options.decay * (self.reservation - target) * elapsed;
            target.max(self.reservation - step).min(self.limit)
        };
        self.reservation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sinks_slowly_and_jumps_at_once() {
        let mut estimator = Estimator::new(10.0, ReservationOptions::default());
        assert!((estimator.sample(0.0, 1.0) - 10.0).abs() < 1e-9);
        let first = estimator.sample(300.0, 1.0);
        let second = estimator.sample(600.0, 1.0);
        assert!(10.0 > first && first > second && second > 1.2);
        let jumped = estimator.sample(605.0, 9.5);
        assert!((jumped - 10.0).abs() < 1e-9);
    }
}
