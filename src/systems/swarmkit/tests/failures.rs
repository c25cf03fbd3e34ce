//! Failed tasks of updates: what the updater does with each kind, by the code here and by a second one
//! that has the original's processes and channels (swarmkit `manager/orchestrator/update/updater.go`).
//! Both are given the same tasks and tell what they do, and when.

use std::collections::VecDeque;

use super::super::update::{
    Direction, FailureAction, Order, UpdateConfig, UpdateOrder, UpdateState, Updater,
};
use super::{dirty, new_task, old_task};
use units::{Duration, Instant};

const SLOTS: u64 = 4;
/// Hundredths of a second that a task takes to be prepared, to start and to stop, and of the watch over it.
const PREPARE: i64 = 200;
const START: i64 = 100;
const STOP: i64 = 100;
const MONITOR: i64 = 500;
/// Later by so much for each slot, so that no two tasks come up in one instant, where chance decides.
const APART: i64 = 7;

/// Fate of a new task that is not as it should be.
#[derive(Clone, Copy, Debug)]
enum Fate {
    FailsBeforeItRuns,
    FailsWithinMonitor,
    FailsAfterMonitor,
    NeverReady,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    fate: Fate,
    /// Number of slots, from the first, whose new task has that fate.
    bad: u64,
    action: FailureAction,
    order: UpdateOrder,
    parallelism: u64,
    ratio: f32,
    delay: i64,
}

impl Case {
    fn config(&self) -> UpdateConfig {
        UpdateConfig {
            parallelism: self.parallelism,
            delay: Duration::from_millis(10 * self.delay),
            monitor: Duration::from_millis(10 * MONITOR),
            failure_action: self.action,
            max_failure_ratio: self.ratio,
            order: self.order,
        }
    }

    /// When the old task of a slot has stopped whose turn came at `from`, if somebody waits for that; when
    /// the new task runs, and when it ends.
    fn times(&self, slot: u64, from: i64) -> (Option<i64>, Option<i64>, Option<i64>) {
        let is_first = self.order == UpdateOrder::StopFirst;
        let stopped = is_first.then_some(from + STOP);
        let ready = from + PREPARE + APART * i64::try_from(slot).unwrap_or(0);
        let runs = stopped.unwrap_or(from).max(ready) + START;
        let (runs, ends) = match self.fate {
            _ if slot > self.bad => (Some(runs), None),
            Fate::FailsBeforeItRuns => (None, Some(runs + 400)),
            Fate::FailsWithinMonitor => (Some(runs), Some(runs + 300)),
            Fate::FailsAfterMonitor => (Some(runs), Some(runs + 800)),
            Fate::NeverReady => (None, None),
        };
        (stopped, runs, ends)
    }
}

/// All cases.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for fate in [
        Fate::FailsBeforeItRuns,
        Fate::FailsWithinMonitor,
        Fate::FailsAfterMonitor,
        Fate::NeverReady,
    ] {
        for action in [
            FailureAction::Pause,
            FailureAction::Continue,
            FailureAction::Rollback,
        ] {
            for order in [UpdateOrder::StopFirst, UpdateOrder::StartFirst] {
                for (parallelism, bad) in [(1, 2), (1, 4), (2, 1), (2, 2), (0, 2), (0, 4)] {
                    for (ratio, delay) in [0.0, 0.3, 0.5]
                        .into_iter()
                        .flat_map(|ratio| [(ratio, 0), (ratio, 1_000)])
                    {
                        cases.push(Case {
                            fate,
                            bad,
                            action,
                            order,
                            parallelism,
                            ratio,
                            delay,
                        });
                    }
                }
            }
        }
    }
    cases
}

/// Things that are to happen, the earliest first, and at one instant those of a lower rank.
struct Agenda<T>(Vec<(i64, u8, T)>);

impl<T> Agenda<T> {
    fn add(&mut self, when: i64, rank: u8, what: T) {
        let place = { self.0.iter() }.position(|(at, of, _)| (*at, *of) > (when, rank));
        self.0
            .insert(place.unwrap_or(self.0.len()), (when, rank, what));
    }

    fn next(&mut self) -> Option<(i64, T)> {
        (!self.0.is_empty()).then(|| {
            let (when, _, what) = self.0.remove(0);
            (when, what)
        })
    }
}

fn hundredths(instant: Instant) -> i64 {
    instant.as_nanos() / 10_000_000
}

/// What the updater here does.
fn here(case: &Case) -> Vec<(i64, String)> {
    enum What {
        Ended(u64),
        Stopped(u64),
        Runs(u64),
        Wake,
    }
    let mut updater = Updater::new(case.config(), Direction::Update, dirty(SLOTS));
    let mut told = Vec::new();
    let mut agenda = Agenda(vec![(0, 0, What::Wake)]);
    while let Some((now, what)) = agenda.next() {
        let mut orders = Vec::new();
        let instant = Instant::from_nanos(now * 10_000_000);
        match what {
            What::Ended(slot) => updater.ended(instant, &new_task(slot), &mut orders),
            What::Stopped(slot) => updater.old_stopped(instant, &old_task(slot), &mut orders),
            What::Runs(slot) => updater.running(instant, &new_task(slot), &mut orders),
            What::Wake => {}
        }
        loop {
            updater.step(instant, &mut orders);
            if orders.is_empty() {
                break;
            }
            for order in orders.drain(..) {
                match order {
                    Order::StopOld(slot) => told.push((now, format!("stop old {}", slot.number))),
                    Order::Replace(slot) => {
                        let slot = slot.number;
                        told.push((now, format!("replace {slot}")));
                        let (stopped, runs, ends) = case.times(slot, now);
                        let old = stopped.map(|_| old_task(slot));
                        updater.made(instant, slot, new_task(slot), old);
                        for (when, rank, what) in [
                            (ends, 0, What::Ended(slot)),
                            (stopped, 1, What::Stopped(slot)),
                            (runs, 2, What::Runs(slot)),
                        ] {
                            if let Some(when) = when {
                                agenda.add(when, rank, what);
                            }
                        }
                    }
                }
            }
        }
        match updater.take_outcome() {
            Some(UpdateState::RollbackWanted) => {
                told.push((now, "roll back".to_owned()));
                return told;
            }
            Some(UpdateState::Paused) => told.push((now, "pause".to_owned())),
            Some(UpdateState::Completed) => told.push((now, "complete".to_owned())),
            _ => {}
        }
        let wakes = updater.wakes().map(hundredths).filter(|&when| when > now);
        if let Some(when) = wakes {
            agenda.add(when, 3, What::Wake);
        }
    }
    told
}

/// Where the original's main loop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loop {
    /// It hands out slots, or reads an event.
    Slots,
    /// `wg.Wait()`.
    Workers,
    /// The last watch.
    Monitor,
    Over,
}

/// What the original does: a main loop and workers, which share the times at which tasks came up.
struct Original<'c> {
    case: &'c Case,
    now: i64,
    told: Vec<(i64, String)>,
    place: Loop,
    /// The slot that is handed out next.
    next: u64,
    /// Workers that wait for a slot, and those that have one.
    idle: u64,
    busy: u64,
    /// `failedTaskWatch`.
    watch: VecDeque<u64>,
    /// `updatedTasks`, by slot: `None` is the zero time.
    updated: Vec<Option<i64>>,
    monitor: i64,
    failures: u64,
    is_stopped: bool,
    agenda: Agenda<Happens>,
}

enum Happens {
    /// A task's status goes past running.
    Failed(u64),
    /// A worker reads from `taskUpdates`, whether the task runs.
    Read(u64, bool),
    /// A worker's delay is over.
    Free,
    /// `doneMonitoring`.
    DoneMonitoring,
}

impl<'c> Original<'c> {
    fn run(case: &'c Case) -> Vec<(i64, String)> {
        let mut own = Self {
            case,
            now: 0,
            told: Vec::new(),
            place: Loop::Slots,
            next: 1,
            idle: if case.parallelism == 0 {
                SLOTS
            } else {
                case.parallelism
            },
            busy: 0,
            watch: VecDeque::new(),
            updated: vec![None; SLOTS as usize + 1],
            monitor: MONITOR,
            failures: 0,
            is_stopped: false,
            agenda: Agenda(Vec::new()),
        };
        own.main_loop();
        while let Some((now, what)) = own.agenda.next() {
            own.now = now;
            match what {
                Happens::Failed(slot) => own.watch.push_back(slot),
                Happens::Read(slot, runs) => own.read(slot, runs),
                Happens::Free => {
                    own.busy -= 1;
                    own.idle += 1;
                }
                Happens::DoneMonitoring if own.place == Loop::Monitor => {
                    own.place = Loop::Over;
                    own.tell("complete");
                }
                Happens::DoneMonitoring => {}
            }
            own.main_loop();
            if own.told.last().is_some_and(|(_, what)| what == "roll back") {
                break;
            }
        }
        own.told
    }

    fn tell(&mut self, what: &str) {
        self.told.push((self.now, what.to_owned()));
    }

    fn main_loop(&mut self) {
        loop {
            match self.place {
                Loop::Slots => {
                    if let Some(slot) = self.watch.pop_front() {
                        if self.failure_triggers_action(slot) {
                            self.place = Loop::Workers;
                        }
                    } else if self.idle > 0 {
                        self.hand_over();
                    } else {
                        return;
                    }
                }
                Loop::Workers if self.busy > 0 => return,
                Loop::Workers if self.is_stopped => self.place = Loop::Over,
                Loop::Workers => {
                    if self.case.delay >= self.monitor {
                        self.monitor = self.case.delay + 100;
                    }
                    self.place = Loop::Monitor;
                    let until = self.now + self.monitor;
                    self.agenda.add(until, 4, Happens::DoneMonitoring);
                }
                Loop::Monitor => match self.watch.pop_front() {
                    Some(slot) if self.failure_triggers_action(slot) => self.place = Loop::Over,
                    Some(_) => {}
                    None => return,
                },
                Loop::Over => return,
            }
        }
    }

    fn hand_over(&mut self) {
        let slot = self.next;
        self.next += 1;
        self.idle -= 1;
        self.busy += 1;
        self.tell(&format!("replace {slot}"));
        let (stopped, runs, ends) = self.case.times(slot, self.now);
        if let Some(ends) = ends
            && self.case.action != FailureAction::Continue
        {
            self.agenda.add(ends, 0, Happens::Failed(slot));
        }
        // It reads what comes first, once the old task has stopped.
        if let Some(first) = runs.or(ends) {
            let first = first.max(stopped.unwrap_or(first));
            self.agenda
                .add(first, 1, Happens::Read(slot, runs.is_some()));
        }
        if slot == SLOTS {
            self.place = Loop::Workers;
        }
    }

    fn read(&mut self, slot: u64, runs: bool) {
        self.updated[slot as usize] = Some(self.now);
        if runs && self.case.order == UpdateOrder::StartFirst {
            self.tell(&format!("stop old {slot}"));
        }
        self.agenda
            .add(self.now + self.case.delay, 2, Happens::Free);
    }

    fn failure_triggers_action(&mut self, slot: u64) -> bool {
        let started = self.updated[slot as usize];
        if started.is_some_and(|started| self.now - started > self.monitor) {
            return false;
        }
        self.failures += 1;
        if self.failures as f32 / SLOTS as f32 <= self.case.ratio {
            return false;
        }
        self.is_stopped = true;
        self.tell(match self.case.action {
            FailureAction::Rollback => "roll back",
            _ => "pause",
        });
        true
    }
}

#[test]
fn an_update_whose_tasks_fail_does_what_the_original_does() {
    let cases = cases();
    assert_eq!(cases.len(), 864);
    let mut outcomes: Vec<String> = Vec::new();
    for case in &cases {
        let right = Original::run(case);
        assert_eq!(here(case), right, "{case:?}");
        outcomes.extend(right.last().map(|(_, what)| what.clone()));
    }
    // Each outcome is among them.
    for what in ["complete", "pause", "roll back", "replace 1", "replace 4"] {
        assert!(outcomes.iter().any(|own| own == what), "{what}");
    }
}

#[test]
fn worked_failures_of_the_original() {
    let usual = Case {
        fate: Fate::FailsBeforeItRuns,
        bad: SLOTS,
        action: FailureAction::Continue,
        order: UpdateOrder::StopFirst,
        parallelism: 1,
        ratio: 0.0,
        delay: 1_000,
    };
    let when = |case: &Case, what: &str| {
        let told = here(case).into_iter();
        let found = told.filter(|(_, own)| own.starts_with(what));
        found.map(|(now, _)| now).collect::<Vec<i64>>()
    };
    // A task comes to its end 7 s after its slot's turn: the next slot follows 10 s later.
    assert_eq!(when(&usual, "replace"), [0, 1_707, 3_421, 5_142]);
    assert_eq!(when(&usual, "complete"), [6_870 + 1_100]);
    // It ends 8 s after it ran; the last watch looks that far back, as the delay is longer than the monitor.
    let late = Case {
        fate: Fate::FailsAfterMonitor,
        action: FailureAction::Rollback,
        parallelism: 0,
        ..usual
    };
    assert_eq!(when(&late, "roll back"), [328 + 1_000]);
    let never = Case {
        fate: Fate::NeverReady,
        action: FailureAction::Pause,
        ..usual
    };
    assert_eq!(when(&never, ""), [0]);
}
