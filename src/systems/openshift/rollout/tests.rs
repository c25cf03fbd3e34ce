//! Rollouts over pods that take their time: sizes, bounds, hooks and time-outs.

use std::sync::Arc;

use super::Strategy;
use super::*;
use model::workload::Count;
use model::workload::deployment::RollingUpdate;
use proptest::prelude::*;
use units::SortedMap;

/// A cluster in which a pod takes some seconds to become available, and as many to end.
struct World {
    rollout: Rollout,
    pods: Pods,
    old: i64,
    has_old: bool,
    /// Instants at which old pods are gone.
    leaving: Vec<i64>,
    new: i64,
    /// Instants at which new pods are available.
    ready: Vec<i64>,
    now: i64,
}

/// Pods that work for the rollout, which start at once.
#[derive(Default)]
struct Pods {
    rules: RolloutRules,
    /// Seconds at which they started.
    started: SortedMap<Helper, i64>,
    now: i64,
    /// Second at which the deployer is lost.
    lost: Option<i64>,
}

impl Crew for Pods {
    fn standing(&self, helper: Helper) -> ErrandStatus {
        let Some(from) = self.started.get(&helper) else {
            return ErrandStatus::Absent;
        };
        let Helper::Hook(moment) = helper else {
            let is_lost = self.lost.is_some_and(|at| self.now >= at);
            return if is_lost {
                ErrandStatus::Failed
            } else {
                ErrandStatus::Running
            };
        };
        let hook = hook::of(moment, &self.rules).expect("a hook");
        let takes = hook.takes.as_nanos() / 1_000_000_000;
        // The kubelet starts the container again at once, and then after 10 s, 20 s, and so on.
        let is_retried = hook.policy == HookPolicy::Retry;
        let again = if is_retried { hook.failures } else { 0 };
        let waits = (1..again).fold((0, 10), |(all, next), _| (all + next, 2 * next));
        let ends = from + takes * (i64::from(again) + 1) + waits.0;
        if self.now < ends {
            ErrandStatus::Running
        } else if hook.failures > again {
            ErrandStatus::Failed
        } else {
            ErrandStatus::Done
        }
    }
}

/// What is seen of a rollout.
#[derive(Debug, Default)]
struct Course {
    /// Seconds, old size, new size, after each change.
    sizes: Vec<(i64, i64, i64)>,
    /// The least number of available pods.
    least: i64,
    /// The greatest number of wanted pods.
    most: i64,
    end: Option<(i64, bool)>,
}

impl World {
    fn new(strategy: Strategy, replicas: i64, rules: RolloutRules) -> Self {
        Self {
            rollout: Rollout::new(Instant::ZERO, strategy, replicas, Instant::ZERO),
            pods: Pods {
                rules,
                ..Pods::default()
            },
            old: replicas,
            has_old: true,
            leaving: Vec::new(),
            new: 0,
            ready: Vec::new(),
            now: 0,
        }
    }

    fn available(&self) -> i64 {
        let ready = self.ready.iter().filter(|at| **at <= self.now);
        ready.count() as i64
    }

    fn run(mut self, starts: i64, ends: i64) -> Course {
        let mut course = Course {
            least: self.old,
            ..Course::default()
        };
        loop {
            let leaving = self.leaving.iter().filter(|at| **at > self.now).count();
            let sizes = Sizes {
                old: self.old,
                old_pods: self.old + leaving as i64,
                new: self.new,
                new_pods: self.new,
                new_available: self.available(),
                has_old: self.has_old,
            };
            let now = Instant::from_secs(self.now);
            self.pods.now = self.now;
            let rules = self.pods.rules.clone();
            let mut step = self.rollout.step(now, sizes, &self.pods, &rules);
            while let Some(helper) = step.start {
                assert_eq!(self.pods.started.insert(helper, self.now), None);
                step = self.rollout.step(now, sizes, &self.pods, &rules);
            }
            let before = (self.old, self.new);
            if let Some(old) = step.old {
                for _ in old..self.old {
                    self.leaving.push(self.now + ends);
                }
                self.old = old;
            }
            if let Some(new) = step.new {
                for _ in self.new..new {
                    self.ready.push(self.now + starts);
                }
                self.new = new;
            }
            if before != (self.old, self.new) {
                course.sizes.push((self.now, self.old, self.new));
            }
            course.least = course.least.min(self.old + self.available());
            course.most = course.most.max(self.old + self.new);
            if let Some(end) = step.end {
                course.end = Some((self.now, end.is_ok()));
                return course;
            }
            self.now += 1;
            assert!(self.now < 30_000, "a rollout without an end");
        }
    }
}

fn bounds(replicas: i64, surge: i32, missing: i32) -> Bounds {
    let update = RollingUpdate {
        max_surge: Count::Percent(surge),
        max_unavailable: Count::Percent(missing),
    };
    Bounds::of(replicas as i32, update)
}

fn rolling(replicas: i64) -> Strategy {
    Strategy::Rolling(bounds(replicas, 25, 25))
}

#[test]
fn bounds_are_those_of_the_worked_examples() {
    for (replicas, most, least) in [(4, 5, 3), (3, 4, 3), (10, 13, 8), (1, 2, 1)] {
        let course = World::new(rolling(replicas), replicas, RolloutRules::default()).run(10, 0);
        assert_eq!((course.most, course.least), (most, least), "{replicas}");
    }
    // Neither more nor fewer: one may be missing all the same.
    let strategy = Strategy::Rolling(bounds(4, 0, 0));
    let course = World::new(strategy, 4, RolloutRules::default()).run(10, 0);
    assert_eq!((course.most, course.least), (4, 3));
}

#[test]
fn four_replicas_roll_within_five_and_three() {
    let course = World::new(rolling(4), 4, RolloutRules::default()).run(10, 0);
    assert_eq!((course.least, course.most), (3, 5));
    let expected = [
        (0, 4, 1),
        (2, 3, 1),
        (3, 3, 2),
        (10, 2, 2),
        (11, 2, 3),
        (13, 1, 3),
        (14, 1, 4),
        (21, 0, 4),
    ];
    assert_eq!(course.sizes, expected);
    assert_eq!(course.end, Some((23, true)));
}

#[test]
fn recreate_waits_for_the_end_of_all_old_pods_and_for_one_new_one_and_runs_its_hooks() {
    let hook = |takes| {
        Some(Hook {
            takes: Duration::from_secs(takes),
            failures: 0,
            policy: HookPolicy::Abort,
        })
    };
    let rules = RolloutRules {
        pre: hook(5),
        mid: hook(20),
        post: hook(2),
        ..RolloutRules::default()
    };
    let course = World::new(Strategy::Recreate, 3, rules).run(10, 7);
    assert_eq!(course.sizes, [(5, 0, 0), (32, 0, 1), (42, 0, 3)]);
    assert_eq!(course.end, Some((45, true)));
    // One that never becomes available stays alone; without a version before all start at once.
    let course = World::new(Strategy::Recreate, 3, RolloutRules::default()).run(100_000, 0);
    assert_eq!(course.sizes.last(), Some(&(1, 0, 1)));
    assert_eq!(course.end, Some((602, false)));
    let mut first = World::new(Strategy::Recreate, 3, RolloutRules::default());
    (first.old, first.has_old) = (0, false);
    let course = first.run(10, 0);
    assert_eq!(course.sizes, [(0, 0, 3)]);
    assert_eq!(course.end, Some((10, true)));
}

#[test]
fn recreate_goes_on_without_pods_that_do_not_end_in_time() {
    let course = World::new(Strategy::Recreate, 2, RolloutRules::default()).run(1, 100_000);
    assert_eq!(course.sizes, [(0, 0, 0), (601, 0, 1), (602, 0, 2)]);
    assert_eq!(course.end, Some((603, true)));
}

#[test]
fn a_hook_that_fails_ends_the_rollout_is_run_again_or_is_passed_over() {
    let course = |policy| {
        let pre = Hook {
            takes: Duration::from_secs(5),
            failures: 2,
            policy,
        };
        let rules = RolloutRules {
            pre: Some(pre),
            ..RolloutRules::default()
        };
        let course = World::new(Strategy::Recreate, 2, rules).run(1, 0);
        (course.sizes.first().map(|own| own.0), course.end)
    };
    assert_eq!(course(HookPolicy::Abort), (None, Some((5, false))));
    // Runs from 0, 5 and 20.
    assert_eq!(course(HookPolicy::Retry), (Some(25), Some((28, true))));
    assert_eq!(course(HookPolicy::Ignore), (Some(5), Some((8, true))));
}

#[test]
fn a_rollout_without_progress_fails_after_its_time_out() {
    let course = World::new(rolling(4), 4, RolloutRules::default()).run(100_000, 0);
    // The last change of a size is seen a second after it, and its round ends another second later.
    assert_eq!(course.sizes.last(), Some(&(3, 3, 2)));
    assert_eq!(course.end, Some((605, false)));
    let never = RolloutRules {
        deadline: Duration::from_secs(60),
        ..RolloutRules::default()
    };
    let course = World::new(rolling(4), 4, never.clone()).run(100_000, 0);
    assert_eq!(course.end, Some((60, false)));
    let none = World::new(rolling(0), 0, never).run(1, 0);
    assert_eq!(none.end, Some((1, true)));
}

#[test]
fn a_rollout_fails_with_its_deployer() {
    let mut world = World::new(rolling(4), 4, RolloutRules::default());
    world.pods.lost = Some(12);
    let course = world.run(10, 0);
    assert_eq!(course.end, Some((12, false)));
    assert_eq!(course.sizes.last(), Some(&(11, 2, 3)));
}

#[test]
fn a_script_sizes_both_controllers_at_its_times() {
    let step = |after, new, old| ScriptStep {
        after: Duration::from_secs(after),
        new,
        old,
    };
    let rules = RolloutRules {
        script: Arc::from([step(0, 10, 100), step(300, 50, 50), step(360, 100, 0)]),
        ..RolloutRules::default()
    };
    let course = World::new(Strategy::Custom, 5, rules).run(10, 0);
    assert_eq!(course.sizes, [(0, 5, 1), (300, 2, 3), (360, 0, 5)]);
    assert_eq!(course.end, Some((360, true)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bounds_hold_whatever_starts_and_ends_take(
        replicas in 1_i64..12,
        surge in 0_i32..120,
        missing in 0_i32..120,
        starts in 0_i64..40,
        ends in 0_i64..40,
    ) {
        let bounds = bounds(replicas, surge, missing);
        let world = World::new(Strategy::Rolling(bounds), replicas, RolloutRules::default());
        let course = world.run(starts, ends);
        prop_assert!(course.least >= bounds.min_available, "{course:?}");
        prop_assert!(course.most <= bounds.max_total, "{course:?}");
        prop_assert!(matches!(course.end, Some((_, true))), "{course:?}");
    }
}
