//! Values that a measurement holds: use is integrated from change to change. A curve in steps is held from
//! step to step; one that changes all the time is held minute by minute at the mean of the minute, in closed
//! form, so that its integral is exact.

use std::f64::consts::TAU;

use super::{Curve, SINE_STEPS};
use units::{Duration, Instant};

/// Time for which the mean of a curve that changes all the time is held.
const HELD: Duration = Duration::from_secs(60);

/// Number of pieces of a minute in which a curve is averaged that a limit cuts off.
const PIECES: i64 = 60;

impl Curve {
    /// The value held at an instant, of processes that are up since `since`, where no more than `most` is
    /// had: the value of a curve in steps, the mean over the present minute of another.
    pub fn held(&self, now: Instant, since: Instant, most: i64) -> i64 {
        match self {
            Self::Sine {
                mean,
                amplitude,
                period,
                peak,
            } if !holds_steps(*period) => {
                let (from, to) = minute(now, since);
                if mean.saturating_add(*amplitude) <= most {
                    let wave = Wave {
                        mean: *mean as f64,
                        amplitude: *amplitude as f64,
                        // A step holds the value of its beginning.
                        peak: peak.as_nanos() as f64
                            + period.as_nanos() as f64 / SINE_STEPS as f64 / 2.0,
                        period: period.as_nanos() as f64,
                    };
                    return wave.mean_between(from, to);
                }
                let span = to.since(from).as_nanos();
                let at = |piece: i64| {
                    let passed = span / PIECES * piece + span / PIECES / 2;
                    from.saturating_add(Duration::from_nanos(passed))
                };
                let values = (0..PIECES).map(|piece| self.at(at(piece), since).min(most));
                let sum: i128 = values.map(i128::from).sum();
                (sum / i128::from(PIECES)) as i64
            }
            Self::Ramp {
                from,
                rise,
                per,
                most: full,
            } if *rise > 0 => {
                let most = most.min(*full);
                if self.at(now, since) >= most {
                    return most;
                }
                let (begin, mut end) = minute(now, since);
                if let Some(full) = self.reaches(most, now, since) {
                    end = end.min(full);
                }
                let passed = |at: Instant| i128::from(at.since(since).as_nanos());
                let both = i128::from(*rise) * (passed(begin) + passed(end));
                let twice = 2 * i128::from(per.as_nanos());
                let grown = (both + twice / 2) / twice;
                i64::try_from(i128::from(*from) + grown).map_or(most, |value| value.min(most))
            }
            _ => self.at(now, since).min(most),
        }
    }

    /// The first instant after `now` at which another value may be held; `None` if the same is held from
    /// now on.
    pub fn held_until(&self, now: Instant, since: Instant, most: i64) -> Option<Instant> {
        match self {
            Self::Constant(_) => None,
            Self::Steps(_) | Self::Recorded(_) => self.next_step(now, since),
            Self::Sine {
                amplitude, period, ..
            } => {
                let step = Duration::from_nanos(period.as_nanos() / SINE_STEPS);
                (*amplitude > 0).then(|| after(now, step.max(HELD)))
            }
            Self::Ramp {
                rise, most: full, ..
            } => {
                let most = most.min(*full);
                if *rise <= 0 || self.at(now, since) >= most {
                    return None;
                }
                let full = self.reaches(most, now, since);
                full.into_iter().chain([after(now, HELD)]).min()
            }
        }
    }
}

/// Whether the steps of a sine are long enough to be held one by one.
fn holds_steps(period: Duration) -> bool {
    period.as_nanos() / SINE_STEPS >= HELD.as_nanos()
}

/// The first instant after another one on the grid of a span.
fn after(now: Instant, span: Duration) -> Instant {
    let span = span.as_nanos();
    let passed = now.as_nanos() / span;
    Instant::from_nanos(passed.saturating_add(1).saturating_mul(span))
}

/// The minute of the run that an instant is in, as far as processes are up.
fn minute(now: Instant, since: Instant) -> (Instant, Instant) {
    let end = after(now, HELD);
    let begin = Instant::from_nanos(end.as_nanos() - HELD.as_nanos());
    (begin.max(since.min(now)), end)
}

/// A sine that is never below nothing.
struct Wave {
    mean: f64,
    amplitude: f64,
    peak: f64,
    period: f64,
}

impl Wave {
    fn mean_between(&self, from: Instant, to: Instant) -> i64 {
        let area = self.area(to) - self.area(from);
        let turns = (to.as_nanos() - from.as_nanos()) as f64 / self.period;
        libm::rint(area / (turns * TAU)) as i64
    }

    /// The area up to an instant, in angles.
    fn area(&self, at: Instant) -> f64 {
        let turns = (at.as_nanos() as f64 - self.peak) / self.period;
        let whole = libm::floor(turns);
        whole * self.within(TAU) + self.within((turns - whole) * TAU)
    }

    /// The area from the peak to an angle of one turn.
    fn within(&self, angle: f64) -> f64 {
        let rising = |angle: f64| self.mean * angle + self.amplitude * libm::sin(angle);
        if self.amplitude <= self.mean {
            return rising(angle);
        }
        let zero = libm::acos(-self.mean / self.amplitude);
        let half = rising(zero);
        let back = TAU - zero;
        if angle <= zero {
            rising(angle)
        } else if angle <= back {
            half
        } else {
            2.0 * half - rising(TAU - angle)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Pattern, Scale};
    use super::*;

    fn curve(text: &str) -> Curve {
        let pattern: Pattern = text.parse().expect("a pattern");
        let curve = Curve::of(&pattern, 1_000, Scale::Cpu, &|_| None);
        curve.expect("no series is named").0
    }

    /// The integral of what is held, and of the curve in pieces of a tenth of a second, per second.
    fn both(curve: &Curve, since: Instant, to: Instant, most: i64) -> (f64, f64) {
        let (mut now, mut held) = (since, 0_i128);
        while now < to {
            let next = curve.held_until(now, since, most).unwrap_or(to).min(to);
            let value = curve.held(now, since, most);
            held += i128::from(value) * i128::from(next.since(now).as_nanos());
            now = next;
        }
        let piece = 100_000_000;
        let pieces = to.since(since).as_nanos() / piece;
        let at = |number: i64| Instant::from_nanos(since.as_nanos() + piece * number + piece / 2);
        let sum: i128 = (0..pieces)
            .map(|number| i128::from(curve.at(at(number), since).min(most)))
            .sum();
        (held as f64 / 1e9, sum as f64 / 10.0)
    }

    #[test]
    fn a_ramp_is_held_at_the_mean_of_each_minute_until_it_is_full() {
        let ramp = curve("ramp(0, 1, 10m, 250m)");
        let since = Instant::from_secs(30);
        let at = |second| ramp.held(Instant::from_secs(second), since, i64::MAX);
        // From 0 to 50 in the first half of a minute, from 50 to 150 in the next minute, full at 180 s.
        assert_eq!([at(30), at(59), at(60), at(119)], [25, 25, 100, 100]);
        assert_eq!([at(179), at(180), at(600)], [200, 250, 250]);
        let next = |second| ramp.held_until(Instant::from_secs(second), since, i64::MAX);
        assert_eq!(next(60), Some(Instant::from_secs(120)));
        assert_eq!(next(130), Some(Instant::from_secs(180)));
        assert_eq!(next(180), None);
    }

    #[test]
    fn a_sine_of_a_minute_is_held_at_its_mean() {
        let sine = curve("sine(500m, 400m, 1m)");
        assert_eq!(sine.held(Instant::ZERO, Instant::ZERO, i64::MAX), 500);
        // Half of it is cut off at nothing: its mean is the amplitude over pi.
        let half = curve("sine(0, 1, 30s)");
        assert_eq!(half.held(Instant::ZERO, Instant::ZERO, i64::MAX), 318);
    }

    proptest! {
        /// What is held has the area of the curve, but for what pieces and whole numbers leave over.
        #[test]
        fn what_is_held_has_the_area_of_the_curve(
            mean in 0_i64..2_000,
            amplitude in 0_i64..2_000,
            period in 20_i64..200_000,
            since in 0_i64..500,
            minutes in 1_i64..60,
            most in 1_i64..5_000,
        ) {
            let since = Instant::from_secs(since);
            let to = Instant::from_secs(60 * minutes + 540);
            let length = to.since(since).as_nanos() as f64 / 1e9;
            for text in [
                format!("sine({mean}m, {amplitude}m, {period}s)"),
                format!("ramp({mean}m, {amplitude}m, {period}s)"),
                format!("ramp({mean}m, {amplitude}m, {period}s, 3)"),
                format!("steps(0s: {mean}m, 300s: {amplitude}m, {}s: 1)", 300 + period),
            ] {
                for most in [most, i64::MAX] {
                    let (held, exact) = both(&curve(&text), since, to, most);
                    // A unit, as both are rounded, and what falls within a step of a sine.
                    let slack = 1.5 * length + amplitude as f64 * (0.2 + period as f64 / 700.0);
                    prop_assert!((held - exact).abs() <= slack, "{text}: {held} for {exact}");
                }
            }
        }
    }
}
