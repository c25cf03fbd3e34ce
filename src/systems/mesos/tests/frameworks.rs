//! Frameworks, agents and masters: worked examples and inputs that are refused.

use super::super::autoscale::{AutoscaleError, AutoscaleOptions, Autoscaler, Direction, direction};
use super::super::batch::{BatchJob, MesosBatch};
use super::super::dcos::{Dcos, DcosOptions};
use super::super::framework::status_of;
use super::super::marathon::backoff::{DEFAULT_GROWTH, LaunchBackoff, TaskStatus};
use super::super::marathon::constraint::{Constraint, ConstraintError, FieldValue};
use super::super::marathon::scale_down::{Condition, Instance, KillSelection, victims};
use super::super::marathon::unreachable::{Action, Tracker, UnreachableStrategy};
use super::super::marathon::upgrade::{Before, Upgrade, UpgradeStrategy, plan};
use super::super::master::Masters;
use super::super::observer::{Observer, ObserverOptions, Removals};
use super::super::options::MesosOptions;
use super::super::section::Mesos;
use crate::ends::{REASONS, mesos};
use model::{EndReason, EvictionCause, Text};
use units::{Duration, Instant, SortedSet};

fn at(seconds: i64) -> Instant {
    Instant::from_secs(seconds)
}

#[test]
fn launches_back_off_by_fifteen_per_cent_up_to_five_minutes() {
    let mut backoff = LaunchBackoff::new(DEFAULT_GROWTH);
    let mut delays = Vec::new();
    for _ in 0..43 {
        backoff.changed(at(0), TaskStatus::Failed);
        delays.push(backoff.delay().map_or(0.0, Duration::as_secs_f64));
    }
    for (number, expected) in [
        (1, 1.0),
        (4, 1.520_875),
        (6, 2.011_357),
        (21, 16.3665),
        (41, 267.864),
        (42, 300.0),
    ] {
        let found = delays[number - 1];
        assert!(
            (found - expected).abs() < 1e-4 * expected,
            "{number}: {found}"
        );
    }
    let sum: f64 = delays[..10].iter().sum();
    assert!((sum - 20.3037).abs() < 1e-4, "{sum}");
    backoff.changed(at(5), TaskStatus::Killed);
    assert_eq!(backoff.deadline(), Some(at(300)));
    backoff.changed(at(7), TaskStatus::Running);
    assert_eq!(backoff.deadline(), Some(at(307)));
    backoff.sweep(at(307));
    assert!(backoff.delay().is_some());
    backoff.sweep(at(308));
    assert_eq!((backoff.delay(), backoff.deadline()), (None, None));
}

#[test]
fn upgrades_are_bounded_as_in_the_worked_table() {
    for (instances, minimum, over, healthy, is_resident, expected) in [
        (5, 0.0, 1.0, 5, false, (0, 10, 5, 5)),
        (3, 0.5, 0.0, 3, false, (2, 3, 1, 0)),
        (3, 1.0, 0.0, 3, false, (3, 4, 0, 1)),
        (3, 1.0, 0.7, 3, false, (3, 5, 0, 2)),
        (2, 1.0, 1.0, 3, false, (2, 4, 1, 1)),
        (3, 1.0, 0.3, 4, false, (3, 4, 1, 0)),
        (3, 1.0, 0.0, 3, true, (3, 3, 1, 0)),
        (0, 1.0, 1.0, 2, false, (0, 1, 2, 0)),
    ] {
        let strategy = UpgradeStrategy {
            minimum_health_capacity: minimum,
            maximum_over_capacity: over,
            is_resident,
        };
        let plan = plan(&strategy, instances, healthy, healthy);
        let found = (
            plan.min_healthy,
            plan.max_capacity,
            plan.kill_now,
            plan.start_now,
        );
        assert_eq!(found, expected, "{instances} {minimum} {over} {healthy}");
    }
    assert!(UpgradeStrategy::default_of(true).maximum_over_capacity < 0.5);
}

#[test]
fn groups_stay_even_also_when_instances_are_killed() {
    let placed = |counts: &[(&str, usize)]| -> Vec<String> {
        let each = counts.iter();
        each.flat_map(|&(value, count)| std::iter::repeat_n(value.to_owned(), count))
            .collect()
    };
    for (groups, counts, offer, expected) in [
        (2, &[("r1", 2)][..], "r1", true),
        (2, &[("r1", 3)], "r1", false),
        (2, &[("r1", 1)], "r2", true),
        (2, &[("r1", 3), ("r2", 1)], "r2", true),
        (2, &[("r1", 1), ("r2", 1)], "r3", false),
        (4, &[("r1", 1)], "r1", true),
        (4, &[("r1", 2)], "r1", false),
        (4, &[("r1", 2), ("r2", 1)], "r2", false),
    ] {
        let offer = FieldValue::Text(offer.into());
        let constraint = Constraint::EvenGroups(Some(groups));
        assert_eq!(
            constraint.accepts(Some(&offer), &placed(counts), 5, 1),
            expected
        );
    }
    for (least, counts, offer, expected) in [
        (3, &[("r1", 1), ("r2", 1)][..], "r1", false),
        (3, &[("r1", 1), ("r2", 1)], "r3", true),
        (3, &[("r1", 1), ("r2", 1), ("r3", 1)], "r4", true),
        (2, &[("r1", 2), ("r2", 1)], "r2", true),
        (2, &[("r1", 2), ("r2", 1)], "r1", false),
        (0, &[("r1", 1)], "r1", true),
        (0, &[], "r1", true),
    ] {
        let offer = FieldValue::Text(offer.into());
        let constraint = Constraint::GroupBy(Some(least).filter(|&least| least > 0));
        let found = constraint.accepts(Some(&offer), &placed(counts), 5, 1);
        assert_eq!(found, expected, "{least} {counts:?} {offer:?}");
    }
    let instance = |number: i64, host: &str| Instance {
        id: format!("i{number:02}").into(),
        condition: Condition::Running,
        started: at(number),
        groups: vec![host.into()],
    };
    for (first, second, expected) in [(20, 10, [10, 0]), (10, 10, [5, 5])] {
        let of = |number: i64| instance(number, if number < first { "h1" } else { "h2" });
        let all: Vec<Instance> = (0..first + second).map(of).collect();
        let dead = victims(&all, 10, KillSelection::YoungestFirst, &[]);
        let of_first = dead
            .iter()
            .filter(|id| all[..first as usize].iter().any(|one| one.id == **id));
        let count = of_first.count();
        assert_eq!([count, dead.len() - count], expected);
    }
}

#[test]
fn attributes_that_are_numbers_are_scalars() {
    for (text, printed) in [
        ("1.0", "1"),
        ("1e3", "1000"),
        ("2.50", "2.5"),
        ("nan", "nan"),
        ("v1", "v1"),
        ("1.2.3", "1.2.3"),
    ] {
        assert_eq!(FieldValue::of_attribute(text).printed(), printed, "{text}");
    }
    let is_one = Constraint::parse("IS", "1").expect("a constraint");
    assert!(is_one.accepts(Some(&FieldValue::of_attribute("1.0")), &[], 1, 1));
}

#[test]
fn a_new_instance_that_is_ready_twice_ends_one_old_one() {
    let strategy = UpgradeStrategy::default_of(false);
    let before = Before {
        old: vec![("a".into(), true), ("b".into(), true)],
        ..Before::default()
    };
    let (mut upgrade, _) = Upgrade::begin(&strategy, 2, &before);
    assert_eq!(upgrade.new_ready(1).len(), 1);
    assert_eq!(upgrade.new_ready(1).len(), 0);
    // One that failed and is there again does.
    upgrade.new_failed(1);
    assert_eq!(upgrade.new_ready(1).len(), 1);
}

#[test]
fn ends_of_tasks_have_one_state_each() {
    for (reason, is_killed, expected) in [
        (EndReason::Completed, false, TaskStatus::Finished),
        (EndReason::Error, false, TaskStatus::Failed),
        (EndReason::Error, true, TaskStatus::Killed),
        (EndReason::TimeLimit, true, TaskStatus::Failed),
        (EndReason::NodeLost, false, TaskStatus::Lost),
        (EndReason::Cancelled, false, TaskStatus::Killed),
        (
            EndReason::Evicted(EvictionCause::Drain),
            false,
            TaskStatus::Killed,
        ),
    ] {
        assert_eq!(status_of(reason, is_killed), expected, "{reason:?}");
    }
}

#[test]
fn constraints_that_can_never_hold_are_refused() {
    let known: SortedSet<Text> = SortedSet::from(["rack".into(), "disk".into()]);
    let group_by = Constraint::parse("GROUP_BY", "3").expect("a constraint");
    let told = group_by
        .check_field("zone", &known)
        .map_err(|error| error.to_string());
    let expected = "GROUP_BY over `zone`: no agent has this attribute; known are `disk`, `rack`";
    assert_eq!(told, Err(expected.to_owned()));
    assert_eq!(group_by.check_field("rack", &known), Ok(()));
    assert_eq!(group_by.check_field("hostname", &known), Ok(()));
    let unlike = Constraint::parse("UNLIKE", "x").expect("a constraint");
    assert_eq!(unlike.check_field("zone", &known), Ok(()));
    let words = |operator, value| Constraint::parse(operator, value).map(|_| ());
    assert!(matches!(
        words("NEAR", "x"),
        Err(ConstraintError::Operator { .. })
    ));
    assert!(matches!(
        words("MAX_PER", "x"),
        Err(ConstraintError::Value { .. })
    ));
    assert!(matches!(
        words("GROUP_BY", "x"),
        Err(ConstraintError::Value { .. })
    ));
}

#[test]
fn an_instance_that_comes_back_is_kept_or_killed() {
    let strategy = UnreachableStrategy {
        inactive_after: Duration::from_secs(300),
        expunge_after: Duration::from_secs(600),
    };
    assert_eq!(strategy.check(), Ok(()));
    let mut tracker = Tracker::new(strategy);
    let id: Text = "i1".into();
    assert!(tracker.lost(at(802), id.clone()).is_empty());
    assert_eq!(tracker.wakes(), Some(at(1_102)));
    assert_eq!(tracker.step(at(1_102)), [Action::Replace(id.clone())]);
    assert_eq!(tracker.wakes(), Some(at(1_410)));
    assert_eq!(tracker.step(at(1_410)), [Action::Expunge(id.clone())]);
    assert_eq!(tracker.returned(at(1_463), &id), [Action::Kill(id.clone())]);
    let wrong = UnreachableStrategy {
        inactive_after: Duration::from_secs(700),
        ..strategy
    };
    let told = wrong.check().map_err(|error| error.to_string());
    assert!(told.is_err_and(|told| told.contains("inactiveAfterSeconds (11m40s)")));
}

#[test]
fn the_autoscaler_counts_before_it_acts() {
    let options = AutoscaleOptions {
        multiplier: 1.5,
        min_instances: 2,
        max_instances: 10,
        scale_up_factor: 3,
        cool_down_factor: 3,
    };
    let mut scaler = Autoscaler::new(options).expect("options");
    let mut instances = 2;
    let mut history = Vec::new();
    for one in "++0++++++---".chars() {
        let direction = match one {
            '+' => Direction::Up,
            '-' => Direction::Down,
            _ => Direction::Stay,
        };
        instances = scaler.step(direction, instances);
        history.push(instances);
    }
    assert_eq!(history, [2, 2, 2, 2, 2, 3, 3, 3, 5, 5, 5, 3]);
    assert_eq!(
        direction(0.9, 0.2, 0.8).or(direction(0.1, 0.2, 0.8)),
        Direction::Down
    );
    assert_eq!(Direction::Up.and(Direction::Stay), Direction::Stay);
    let none = AutoscaleOptions {
        multiplier: 1.0,
        ..options
    };
    assert!(matches!(
        Autoscaler::new(none),
        Err(AutoscaleError::Multiplier(_))
    ));
}

#[test]
fn an_agent_is_unreachable_after_five_missed_pings_at_the_limited_rate() {
    let options = ObserverOptions::default();
    let mut observer = Observer::new(options);
    let mut due = None;
    // Down from 100 s on: the ping at 105 is the first one without an answer.
    for ping in (0..300).step_by(15) {
        if ping > 0 && observer.timed_out(at(ping)) {
            due.get_or_insert(ping);
        }
        if ping < 100 {
            observer.answered(at(ping));
        }
    }
    assert_eq!(due, Some(180));
    assert!(observer.answered(at(200)));
    let mut removals = Removals::new("1/10mins".parse().ok());
    for agent in ["a", "b", "c"] {
        removals.push(agent.into());
    }
    assert_eq!(removals.take(at(75)), [Text::from("a")]);
    assert_eq!(removals.wakes(at(75)), Some(at(675)));
    removals.cancel("b");
    assert_eq!(removals.take(at(675)), [Text::from("c")]);
    assert_eq!(removals.wakes(at(676)), None);
}

#[test]
fn a_master_is_replaced_after_its_session_and_never_without_a_majority() {
    let mut masters = Masters::new(3);
    masters.beat(at(0));
    assert_eq!(masters.leader(at(1)), Some(0));
    masters.set_up(0, false);
    let mut now = at(1);
    while masters.leader(now).is_none() {
        now = masters.beat(now);
    }
    assert_eq!(
        (masters.leader(now), now <= at(14), now >= at(10)),
        (Some(1), true, true)
    );
    assert!(
        masters
            .reregister_until()
            .is_some_and(|until| until >= at(610))
    );
    masters.set_up(1, false);
    for _ in 0..10 {
        now = masters.beat(now);
        assert_eq!(masters.leader(now), None);
    }
}

#[test]
fn a_batch_job_waits_for_its_data_and_then_takes_any_agent() {
    let options = MesosBatch {
        agent_wait: Duration::from_secs(5),
        rack_wait: Duration::from_secs(5),
        ..MesosBatch::default()
    };
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.into())
            .collect::<SortedSet<Text>>()
    };
    let mut job = BatchJob::new(options, 4, names(&["a1"]), names(&["r1"]));
    let offer = |job: &mut BatchJob, now, agent: &str, rack: &str| {
        job.offered(at(now), &agent.into(), &rack.into(), 1)
    };
    let taken = [
        offer(&mut job, 0, "b1", "r2"),
        offer(&mut job, 4, "a2", "r1"),
        offer(&mut job, 5, "a2", "r1"),
        offer(&mut job, 6, "b1", "r2"),
        offer(&mut job, 16, "b1", "r2"),
        offer(&mut job, 17, "a1", "r1"),
        offer(&mut job, 18, "a2", "r1"),
    ];
    assert_eq!((taken, job.waiting()), ([0, 0, 1, 0, 1, 1, 0], 1));
    job.failed();
    assert_eq!(job.waiting(), 2);
}

#[test]
fn the_table_of_ends_says_what_frameworks_are_told() {
    for (name, reason) in REASONS {
        let status = format!("TASK_{:?}", status_of(reason, false)).to_uppercase();
        let state = mesos(reason).state;
        assert!(state.contains(&status), "{name}: {state}, {status}");
    }
    assert_eq!(status_of(EndReason::Error, true), TaskStatus::Killed);
}

#[test]
fn options_that_are_not_stated_are_the_originals() {
    let told = |options: &dyn std::fmt::Debug| format!("{options:?}");
    let stated = MesosOptions::new(&Mesos::default()).expect("options");
    assert_eq!(told(&stated), told(&MesosOptions::default()));
    let stated = DcosOptions::new(&Dcos::default()).expect("options");
    assert_eq!(told(&stated), told(&DcosOptions::default()));
}
