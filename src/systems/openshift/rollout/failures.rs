//! Rollouts that fail: what a rollout does with each kind of hook, version and bound, by the code here and by
//! a second one that is written as the original's deployer is, one call after the other (openshift/oc
//! `pkg/cli/deployer`: `strategy/rolling/rolling.go`, `rolling_updater.go`, `strategy/recreate/recreate.go`,
//! `strategy/support/lifecycle.go`, `acceptor.go`). Both are given the same pods. What is right of a cell is
//! every change of a size, every hook and the end, each with its instant.

use std::sync::Arc;

use control::errands::ErrandStatus;
use units::{Duration, Instant};

use super::{
    Bounds, Crew, Helper, Hook, HookPolicy, Moment, Rollout, RolloutRules, Sizes, Strategy,
};

/// Wanted pods, of the old version and of the new one.
const DESIRED: i64 = 4;
/// Milliseconds from the start of a pod of the cluster's own work until it runs, and that a hook runs.
const STARTS: i64 = 5_000;
const TAKES: i64 = 8_000;
/// Milliseconds until a new pod is available.
const READY: i64 = 30_300;
/// Milliseconds after which a deployer is ended.
const DEADLINE: i64 = 1_800_000;

/// Outcome of the runs of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Succeeds,
    FailsOnce,
    FailsAlways,
}

/// Way in which pods are replaced: the most pods and the least available ones of a rolling update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rolling { surge: i64, missing: i64 },
    Recreate,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    kind: Kind,
    /// The hook with its fate and policy, if there is one.
    hook: Option<(Moment, Fate, HookPolicy)>,
    is_good: bool,
    has_old: bool,
    /// Milliseconds: `timeoutSeconds`, `updatePeriodSeconds`, `intervalSeconds`, and the end of an old pod.
    timeout: i64,
    period: i64,
    interval: i64,
    ends: i64,
}

/// All cases.
fn cases() -> Vec<Case> {
    let mut hooks = vec![None];
    for moment in [Moment::Pre, Moment::Mid, Moment::Post] {
        for fate in [Fate::Succeeds, Fate::FailsOnce, Fate::FailsAlways] {
            for policy in [HookPolicy::Abort, HookPolicy::Retry, HookPolicy::Ignore] {
                hooks.push(Some((moment, fate, policy)));
            }
        }
    }
    // 25 % and 25 % of four, 0 and 1, 1 and 0.
    let bounds = [(1, 1), (0, 1), (1, 0)].map(|(surge, missing)| Kind::Rolling { surge, missing });
    let kinds = bounds.into_iter().chain([Kind::Recreate]);
    let mut cases = Vec::new();
    for (kind, hook) in kinds.flat_map(|kind| hooks.iter().map(move |hook| (kind, *hook))) {
        let is_rolling = kind != Kind::Recreate;
        if is_rolling && hook.is_some_and(|hook| hook.0 == Moment::Mid) {
            continue;
        }
        for (is_good, has_old) in [(true, true), (true, false), (false, true), (false, false)] {
            for (timeout, ends) in [(20, 7), (20, 45), (600, 7), (600, 45)] {
                for (period, interval) in [(1, 1), (3, 2)] {
                    if period == 1 || is_rolling {
                        cases.push(Case {
                            kind,
                            hook,
                            is_good,
                            has_old,
                            timeout: timeout * 1_000,
                            period: period * 1_000,
                            interval: interval * 1_000,
                            ends: ends * 1_000,
                        });
                    }
                }
            }
        }
    }
    cases
}

/// Steps of a rollout in the order in which they are reported, each with its instant in milliseconds.
type Course = Vec<(i64, String)>;

fn millis(milliseconds: i64) -> Instant {
    Instant::from_nanos(milliseconds * 1_000_000)
}

impl Case {
    fn rules(&self) -> RolloutRules {
        let hook = |moment| {
            let own = self.hook.filter(|own| own.0 == moment);
            own.map(|(_, fate, policy)| Hook {
                takes: Duration::from_millis(TAKES),
                failures: match fate {
                    Fate::Succeeds => 0,
                    Fate::FailsOnce => 1,
                    Fate::FailsAlways => u32::MAX,
                },
                policy,
            })
        };
        RolloutRules {
            update_period: Duration::from_millis(self.period),
            interval: Duration::from_millis(self.interval),
            timeout: Duration::from_millis(self.timeout),
            deadline: Duration::from_millis(DEADLINE),
            pre: hook(Moment::Pre),
            mid: hook(Moment::Mid),
            post: hook(Moment::Post),
            script: Arc::default(),
        }
    }

    /// Milliseconds from the start of a hook's pod to its end, and whether it succeeds. A kubelet starts one
    /// that is retried again in its pod: at once, and then 10 s after it failed.
    fn hook_ends(fate: Fate, policy: HookPolicy) -> Option<(i64, bool)> {
        match (fate, policy) {
            (Fate::Succeeds, _) => Some((STARTS + TAKES, true)),
            (Fate::FailsOnce, HookPolicy::Retry) => Some((2 * (STARTS + TAKES), true)),
            (Fate::FailsAlways, HookPolicy::Retry) => None,
            (_, HookPolicy::Abort | HookPolicy::Ignore) => Some((STARTS + TAKES, false)),
        }
    }
}

/// Pods as both sides find them.
#[derive(Clone, Debug, Default)]
struct Pods {
    old: i64,
    new: i64,
    /// Instants at which old pods that were told to end are gone.
    leaving: Vec<i64>,
    /// Instants at which new pods are available.
    ready: Vec<i64>,
}

impl Pods {
    fn of(case: &Case) -> Self {
        Self {
            old: if case.has_old { DESIRED } else { 0 },
            ..Self::default()
        }
    }

    fn set_old(&mut self, case: &Case, now: i64, size: i64) {
        self.leaving
            .extend((size..self.old).map(|_| now + case.ends));
        self.old = size;
    }

    fn set_new(&mut self, case: &Case, now: i64, size: i64) {
        if case.is_good {
            self.ready.extend((self.new..size).map(|_| now + READY));
        }
        self.new = size;
    }

    fn available(&self, now: i64) -> i64 {
        self.ready.iter().filter(|at| **at <= now).count() as i64
    }

    fn left(&self, now: i64) -> i64 {
        self.old + self.leaving.iter().filter(|at| **at > now).count() as i64
    }
}

/// The pods that work for the rollout here.
struct Team<'c> {
    case: &'c Case,
    now: i64,
    started: Vec<(Helper, i64)>,
}

impl Team<'_> {
    /// When a pod runs and when it ends, and whether it succeeds.
    fn times(&self, helper: Helper) -> Option<(i64, Option<(i64, bool)>)> {
        let (_, from) = *self.started.iter().find(|own| own.0 == helper)?;
        let ends = match (helper, self.case.hook) {
            (Helper::Hook(_), Some((_, fate, policy))) => Case::hook_ends(fate, policy),
            _ => None,
        };
        let ends = ends.map(|(after, is_success)| (from + after, is_success));
        Some((from + STARTS, ends))
    }
}

impl Crew for Team<'_> {
    fn standing(&self, helper: Helper) -> ErrandStatus {
        match self.times(helper) {
            None => ErrandStatus::Absent,
            Some((_, Some((at, true)))) if at <= self.now => ErrandStatus::Done,
            Some((_, Some((at, false)))) if at <= self.now => ErrandStatus::Failed,
            Some((runs, _)) if runs <= self.now => ErrandStatus::Running,
            Some(_) => ErrandStatus::Waiting,
        }
    }
}

/// What the rollout here does.
fn here(case: &Case) -> Course {
    let rules = case.rules();
    let strategy = match case.kind {
        Kind::Rolling { surge, missing } => Strategy::Rolling(Bounds {
            max_total: DESIRED + surge,
            min_available: DESIRED - missing,
        }),
        Kind::Recreate => Strategy::Recreate,
    };
    let mut rollout = Rollout::new(Instant::ZERO, strategy, DESIRED, Instant::ZERO);
    let (mut pods, mut told) = (Pods::of(case), Course::new());
    let mut team = Team {
        case,
        now: 0,
        started: Vec::new(),
    };
    loop {
        let now = team.now;
        let sizes = Sizes {
            old: pods.old,
            old_pods: pods.left(now),
            new: pods.new,
            new_pods: pods.new,
            new_available: pods.available(now),
            has_old: case.has_old,
        };
        let step = rollout.step(millis(now), sizes, &team, &rules);
        if let Some(helper) = step.start {
            assert!(!team.started.iter().any(|own| own.0 == helper), "{case:?}");
            team.started.push((helper, now));
            if let Helper::Hook(moment) = helper {
                told.push((now, format!("hook {}", moment.name())));
            }
        }
        if let Some(size) = step.old.filter(|size| *size != pods.old) {
            pods.set_old(case, now, size);
            told.push((now, format!("old {size}")));
        }
        if let Some(size) = step.new.filter(|size| *size != pods.new) {
            pods.set_new(case, now, size);
            told.push((now, format!("new {size}")));
        }
        if let Some(end) = step.end {
            let word = if end.is_ok() { "complete" } else { "failed" };
            told.push((now, word.to_owned()));
            return told;
        }
        let helpers = team.started.iter().filter_map(|own| team.times(own.0));
        let helpers = helpers.flat_map(|(runs, ends)| [Some(runs), ends.map(|own| own.0)]);
        let wake = step.wake.map(|at| at.as_nanos() / 1_000_000);
        let all = { pods.leaving.iter().chain(&pods.ready) }
            .copied()
            .chain(helpers.flatten())
            .filter(|at| *at > now)
            // One that asks to be woken at once is looked at again at once.
            .chain(wake.map(|at| at.max(now)));
        let next = all.min().expect("a rollout without an end");
        assert!(next > now || step.wake.is_some(), "{case:?}");
        team.now = next;
    }
}

/// The end of a deployer whose process goes on no more: its pod is ended, or it gave up.
struct Failed;

/// What the original's deployer does, one call after the other.
struct Deployer<'c> {
    case: &'c Case,
    now: i64,
    told: Course,
    pods: Pods,
}

impl<'c> Deployer<'c> {
    fn run(case: &'c Case) -> Course {
        let mut own = Self {
            case,
            now: 0,
            told: Course::new(),
            pods: Pods::of(case),
        };
        let end = own.main();
        let word = if end.is_ok() { "complete" } else { "failed" };
        own.tell(word.to_owned());
        own.told
    }

    fn main(&mut self) -> Result<(), Failed> {
        self.sleep(STARTS)?;
        match self.case.kind {
            Kind::Rolling { surge, missing } => self.rolling(surge, missing),
            Kind::Recreate => {
                self.execute(Moment::Pre)?;
                self.recreate()?;
                self.execute(Moment::Post)
            }
        }
    }

    fn tell(&mut self, what: String) {
        self.told.push((self.now, what));
    }

    /// Time passes; a deployer is ended at its deadline (`activeDeadlineSeconds`).
    fn sleep(&mut self, milliseconds: i64) -> Result<(), Failed> {
        self.now += milliseconds;
        if self.now < DEADLINE {
            return Ok(());
        }
        self.now = DEADLINE;
        Err(Failed)
    }

    /// `hookExecutor.Execute`.
    fn execute(&mut self, moment: Moment) -> Result<(), Failed> {
        let Some((_, fate, policy)) = self.case.hook.filter(|own| own.0 == moment) else {
            return Ok(());
        };
        self.tell(format!("hook {}", moment.name()));
        let Some((after, is_success)) = Case::hook_ends(fate, policy) else {
            return self.sleep(DEADLINE);
        };
        self.sleep(after)?;
        match policy {
            _ if is_success => Ok(()),
            // "Retry failures are treated the same as Abort."
            HookPolicy::Abort | HookPolicy::Retry => Err(Failed),
            HookPolicy::Ignore => Ok(()),
        }
    }

    /// The strategy `Rolling`.
    fn rolling(&mut self, surge: i64, missing: i64) -> Result<(), Failed> {
        self.execute(Moment::Pre)?;
        if self.case.has_old {
            self.update(surge, missing)?;
        } else {
            // `initialStrategy.DeployWithAcceptor`, which finds no parameters of its own.
            self.fill(DESIRED)?;
            self.accept(DESIRED)?;
        }
        self.execute(Moment::Post)
    }

    /// `RollingUpdater.Update`.
    fn update(&mut self, surge: i64, missing: i64) -> Result<(), Failed> {
        let least = (DESIRED - missing).max(0);
        let mut deadline = self.now + self.case.timeout;
        while self.pods.new != DESIRED || self.pods.old != 0 {
            let before = (self.pods.new, self.pods.old);
            self.scale_up(surge)?;
            self.sleep(self.case.period)?;
            self.scale_down(least)?;
            if (self.pods.new, self.pods.old) != before {
                deadline = self.now + self.case.timeout;
            } else if self.now >= deadline {
                // The clock is past it: calls of the API take more than no time.
                return Err(Failed);
            }
        }
        // `cleanupWithClients`: a poll, which waits before its first look.
        self.sleep(self.case.interval)
    }

    fn scale_up(&mut self, surge: i64) -> Result<(), Failed> {
        let (old, new) = (self.pods.old, self.pods.new);
        if new == DESIRED {
            return Ok(());
        }
        let increment = if old == 0 {
            DESIRED - new
        } else {
            DESIRED + surge - (old + new)
        };
        if increment <= 0 {
            return Ok(());
        }
        let size = (new + increment).min(DESIRED);
        self.tell(format!("new {size}"));
        self.pods.set_new(self.case, self.now, size);
        // The first look at the scale's status is too early, the second is an interval later.
        self.sleep(self.case.interval)
    }

    fn scale_down(&mut self, least: i64) -> Result<(), Failed> {
        let (old, new) = (self.pods.old, self.pods.new);
        if old == 0 {
            return Ok(());
        }
        let available = self.pods.available(self.now);
        let decrement = old + new - least - (new - available);
        if decrement <= 0 {
            return Ok(());
        }
        let is_full = new == DESIRED && available == DESIRED;
        let size = if is_full { 0 } else { (old - decrement).max(0) };
        self.tell(format!("old {size}"));
        self.pods.set_old(self.case, self.now, size);
        self.sleep(self.case.interval)
    }

    /// `RecreateDeploymentStrategy.DeployWithAcceptor` between its hooks `pre` and `post`.
    fn recreate(&mut self) -> Result<(), Failed> {
        if self.case.has_old {
            if self.pods.old != 0 {
                self.tell("old 0".to_owned());
                self.pods.set_old(self.case, self.now, 0);
                self.sleep(1_000)?;
            }
            // `waitForTerminatedPods`, whose time-out is no failure.
            let until = self.now + self.case.timeout;
            while self.pods.left(self.now) > 0 && self.now < until {
                self.sleep(1_000.min(until - self.now))?;
            }
        }
        self.execute(Moment::Mid)?;
        if self.case.has_old {
            self.fill(1)?;
            self.accept(1)?;
        }
        if self.pods.new != DESIRED {
            self.fill(DESIRED)?;
        }
        if self.case.has_old {
            Ok(())
        } else {
            self.accept(DESIRED)
        }
    }

    /// `scaleAndWait` of the new controller: it has its pods at the second look.
    fn fill(&mut self, size: i64) -> Result<(), Failed> {
        self.tell(format!("new {size}"));
        self.pods.set_new(self.case, self.now, size);
        self.sleep(1_000)
    }

    /// `acceptAvailablePods.Accept`, which follows the controller's status.
    fn accept(&mut self, size: i64) -> Result<(), Failed> {
        let until = self.now + self.case.timeout;
        loop {
            if self.pods.available(self.now) == size {
                return Ok(());
            }
            let coming = self.pods.ready.iter().filter(|at| **at > self.now);
            let Some(&next) = coming.min().filter(|at| **at < until) else {
                self.sleep(until - self.now)?;
                return Err(Failed);
            };
            self.sleep(next - self.now)?;
        }
    }
}

#[test]
fn a_rollout_that_may_fail_does_what_the_original_does() {
    let cases = cases();
    let (mut wrong, mut words) = (Vec::new(), Vec::new());
    for case in &cases {
        let (right, ran) = (Deployer::run(case), here(case));
        if right != ran {
            wrong.push(format!("{case:?}\n  right {right:?}\n  ran   {ran:?}"));
        }
        words.extend(right.into_iter().map(|(_, word)| word));
    }
    let shown = wrong.iter().take(8).map(String::as_str);
    let shown: Vec<&str> = shown.collect();
    let (number, all) = (wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{number} of {all}:\n{}", shown.join("\n"));
    assert_eq!(all, 2_272);
    // Each outcome is among them.
    for word in [
        "complete",
        "failed",
        "old 0",
        "new 4",
        "hook pre",
        "hook mid",
        "hook post",
    ] {
        assert!(words.iter().any(|own| own == word), "{word}");
    }
}
