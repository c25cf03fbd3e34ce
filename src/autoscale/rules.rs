//! Scaling rules of other platforms: target tracking, steps over a threshold, length of a queue
//! (spec: orchestrators-a.md 9.3). Percentages and metrics are floats; a number of replicas is one
//! float product rounded up.

use super::finding::{Finding, Findings};
use super::float::to_i32;
use units::{Duration, Instant};

/// Bounds of a number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The fewest.
    pub min: i32,
    /// The most.
    pub max: i32,
}

impl Bounds {
    /// Returns the problems of the rules.
    pub fn findings(&self, object: &str) -> Vec<Finding> {
        let mut found = Findings::new(object);
        found.expect(self.min >= 0, "min", self.min, "0 or more");
        found.expect_order("min", self.min.into(), self.max.into(), "max");
        found.list
    }

    fn clip(self, replicas: i32) -> i32 {
        replicas.min(self.max).max(self.min)
    }
}

/// Holds a metric at a target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetTracking {
    /// The bounds.
    pub bounds: Bounds,
    /// Target value of the metric, averaged over replicas.
    pub target: f64,
    /// Distance of the ratio from 1 that changes nothing.
    pub tolerance: f64,
    /// Time for which the largest number wanted holds.
    pub window: Duration,
    wanted: Vec<(Instant, i32)>,
}

impl TargetTracking {
    /// Tolerance 10 %, window 300 s.
    pub fn new(bounds: Bounds, target: f64) -> Self {
        Self {
            bounds,
            target,
            tolerance: 0.1,
            window: Duration::from_secs(300),
            wanted: Vec::new(),
        }
    }

    /// Replicas that the metric alone requires.
    pub fn want(&self, current: i32, metric: f64) -> i32 {
        let ratio = metric / self.target;
        if libm::fabs(ratio - 1.0) <= self.tolerance {
            return self.bounds.clip(current);
        }
        let wanted = libm::ceil(f64::from(current) * ratio);
        self.bounds.clip(to_i32(wanted.min(f64::from(i32::MAX))))
    }

    /// The mean of a metric. Where it asks for more, young replicas count with the target and those
    /// without a value with 0; where it asks for fewer, those without a value with the target. What
    /// this turns around is the target itself.
    pub fn metric(&self, replicas: &[Replica]) -> Option<f64> {
        let grown = replicas.iter().filter(|replica| !replica.is_young);
        let (sum, count) = grown
            .filter_map(|own| own.value)
            .fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        if count == 0 {
            return None;
        }
        let grows = sum / f64::from(count) > self.target;
        let counted = replicas.iter().map(|replica| match (replica.value, grows) {
            (_, true) if replica.is_young => self.target,
            (Some(value), _) => value,
            (None, true) => 0.0,
            (None, false) => self.target,
        });
        let mean = counted.sum::<f64>() / replicas.len() as f64;
        let turns = (mean > self.target) != grows;
        Some(if turns { self.target } else { mean })
    }

    /// The number of replicas: up at once, at most to twice as many or four more; down to the
    /// largest number wanted within the window.
    pub fn step(&mut self, now: Instant, current: i32, metric: f64) -> i32 {
        let wanted = self.want(current, metric);
        self.stabilize(now, current, wanted)
    }

    /// The number of replicas for one that is wanted.
    pub fn stabilize(&mut self, now: Instant, current: i32, wanted: i32) -> i32 {
        let window = self.window;
        self.wanted.retain(|(at, _)| now.since(*at) < window);
        self.wanted.push((now, wanted));
        if wanted > current {
            let fastest = current.saturating_mul(2).max(current.saturating_add(4));
            return wanted.min(fastest);
        }
        let largest = self.wanted.iter().map(|(_, own)| *own).max();
        largest.unwrap_or(wanted).min(current)
    }
}

/// A replica that is ready, as target tracking sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replica {
    /// The metric; `None` where it has none.
    pub value: Option<f64>,
    /// Marks a replica within its warm-up.
    pub is_young: bool,
}

/// A change where a metric is so far over its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Lower bound of the step; `None` is without one.
    pub lower: Option<f64>,
    /// Upper bound of the step, which is left out; `None` is without one.
    pub upper: Option<f64>,
    /// Replicas more, or fewer.
    pub change: i32,
}

/// Changes by steps, with a pause after each.
#[derive(Clone, Debug, PartialEq)]
pub struct StepScaling {
    /// The bounds.
    pub bounds: Bounds,
    /// Threshold from which the steps are counted.
    pub threshold: f64,
    /// The steps.
    pub steps: Vec<Step>,
    /// Time after a change within which there is no other.
    pub cooldown: Duration,
    last: Option<Instant>,
}

impl StepScaling {
    /// A pause of 300 s.
    pub fn new(bounds: Bounds, threshold: f64, steps: Vec<Step>) -> Self {
        Self {
            bounds,
            threshold,
            steps,
            cooldown: Duration::from_secs(300),
            last: None,
        }
    }

    /// The number of replicas.
    pub fn step(&mut self, now: Instant, current: i32, metric: f64) -> i32 {
        if self
            .last
            .is_some_and(|last| now.since(last) < self.cooldown)
        {
            return current;
        }
        let over = metric - self.threshold;
        let holds = |own: &&Step| {
            own.lower.is_none_or(|lower| lower <= over)
                && own.upper.is_none_or(|upper| over < upper)
        };
        let change = self.steps.iter().find(holds).map_or(0, |step| step.change);
        let replicas = self.bounds.clip(current.saturating_add(change));
        if replicas != current {
            self.last = Some(now);
        }
        replicas
    }
}

/// Number of replicas that a backlog needs.
pub fn for_backlog(bounds: Bounds, backlog: u64, per_replica: u64) -> i32 {
    let wanted = backlog.div_ceil(per_replica.max(1));
    bounds.clip(i32::try_from(wanted).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(min: i32, max: i32) -> Bounds {
        Bounds { min, max }
    }

    #[test]
    fn wants_are_those_of_the_example() {
        for (current, metric, target, min, max, expected) in [
            (4, 90.0, 60.0, 1, 20, 6),
            (4, 64.0, 60.0, 1, 20, 4),
            (4, 67.0, 60.0, 1, 20, 5),
            (10, 20.0, 80.0, 2, 20, 3),
            (3, 240.0, 60.0, 1, 8, 8),
        ] {
            let own = TargetTracking::new(bounds(min, max), target);
            assert_eq!(own.want(current, metric), expected, "{current} at {metric}");
        }
    }

    #[test]
    fn the_edges_of_the_tolerance_are_within_it() {
        // A quarter of 8 is exact in binary, so the edges are met exactly.
        let mut own = TargetTracking::new(bounds(1, 20), 8.0);
        own.tolerance = 0.25;
        for (metric, expected) in [(5.5, 3), (6.0, 4), (10.0, 4), (10.5, 6)] {
            assert_eq!(own.want(4, metric), expected, "{metric}");
        }
    }

    #[test]
    fn the_largest_want_holds_for_the_window() {
        let mut own = TargetTracking::new(bounds(1, 20), 1.0);
        own.window = Duration::from_secs(60);
        let mut current = 10;
        let wants = [10, 6, 6, 7, 3, 3, 3, 3, 3, 3];
        let mut seen = Vec::new();
        for (step, wanted) in wants.into_iter().enumerate() {
            let now = Instant::from_secs(15 * step as i64);
            current = own.stabilize(now, current, wanted);
            seen.push(current);
        }
        assert_eq!(seen, [10, 10, 10, 10, 7, 7, 7, 3, 3, 3]);
    }

    #[test]
    fn growth_is_at_most_twice_or_four_more() {
        let mut own = TargetTracking::new(bounds(1, 100), 1.0);
        assert_eq!(own.step(Instant::ZERO, 1, 50.0), 5);
        assert_eq!(own.step(Instant::from_secs(15), 10, 50.0), 20);
    }

    #[test]
    fn young_and_silent_replicas_hold_growth_back() {
        let own = TargetTracking::new(bounds(1, 20), 60.0);
        let (grown, young, silent) = (
            |value| Replica {
                value: Some(value),
                is_young: false,
            },
            |value| Replica {
                value: Some(value),
                is_young: true,
            },
            Replica {
                value: None,
                is_young: false,
            },
        );
        for (replicas, expected) in [
            (vec![grown(90.0), grown(90.0)], Some(90.0)),
            // (90 + 60) / 2, (90 + 0) / 2 turns around.
            (vec![grown(90.0), young(300.0)], Some(75.0)),
            (vec![grown(90.0), silent], Some(60.0)),
            // Fewer: (20 + 40) / 2 and (20 + 60) / 2.
            (vec![grown(20.0), young(40.0)], Some(30.0)),
            (vec![grown(20.0), silent], Some(40.0)),
            (vec![young(90.0), silent], None),
        ] {
            assert_eq!(own.metric(&replicas), expected, "{replicas:?}");
        }
    }

    #[test]
    fn steps_wait_for_their_cool_down() {
        let steps = vec![
            Step {
                lower: Some(0.0),
                upper: Some(20.0),
                change: 1,
            },
            Step {
                lower: Some(20.0),
                upper: None,
                change: 3,
            },
        ];
        let mut own = StepScaling::new(bounds(1, 10), 60.0, steps);
        for (secs, metric, expected) in [
            (0, 59.0, 4),
            (15, 60.0, 5),
            (30, 99.0, 4),
            (314, 99.0, 4),
            (315, 99.0, 7),
        ] {
            assert_eq!(
                own.step(Instant::from_secs(secs), 4, metric),
                expected,
                "{secs}"
            );
        }
        assert_eq!(for_backlog(bounds(0, 10), 0, 5), 0);
        assert_eq!(for_backlog(bounds(1, 10), 11, 5), 3);
        assert_eq!(bounds(5, 2).findings("service web").len(), 1);
    }
}
