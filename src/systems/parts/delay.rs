//! Delays that grow with every failure up to a cap: back-offs of launches and of reconnections.

use rng::math;
use serde::{Deserialize, Serialize};
use units::Duration;

/// Growth of a delay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The first delay.
    pub first: Duration,
    /// Factor by which the next delay is longer.
    pub factor: f64,
    /// The longest delay.
    pub most: Duration,
}

impl Growth {
    /// The delay after a first failure.
    pub fn first(&self) -> Duration {
        self.first.min(self.most)
    }

    /// The delay after a further failure, to the nearest nanosecond.
    pub fn next(&self, delay: Duration) -> Duration {
        let nanos = math::round_half_even(delay.as_nanos() as f64 * self.factor);
        if nanos >= self.most.as_nanos() as f64 {
            self.most
        } else {
            Duration::from_nanos(nanos as i64)
        }
    }

    /// The delay after so many failures; none after none.
    pub fn after(&self, failures: u32) -> Duration {
        let mut delay = match failures {
            0 => return Duration::ZERO,
            _ => self.first(),
        };
        for _ in 1..failures {
            if delay >= self.most {
                break;
            }
            delay = self.next(delay);
        }
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap() {
        let growth = Growth {
            first: Duration::from_secs(1),
            factor: 2.0,
            most: Duration::from_secs(60),
        };
        let delays = [0, 1, 2, 3, 6, 7, 1_000].map(|failures| growth.after(failures));
        assert_eq!(delays, [0, 1, 2, 4, 32, 60, 60].map(Duration::from_secs));
        let small = Growth {
            most: Duration::from_millis(500),
            ..growth
        };
        assert_eq!(small.after(1), Duration::from_millis(500));
    }
}
