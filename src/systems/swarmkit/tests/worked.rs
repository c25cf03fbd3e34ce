//! Worked examples, one after another: constraints, trees, sequences of failures, restarts, the times of
//! updates, heartbeats.

use super::super::constraint::Constraint;
use super::super::dispatcher::HeartbeatOptions;
use super::super::node::{Availability, Node, NodeStatus};
use super::super::pipeline::{explain, passes};
use super::super::restart::{Condition, History, RestartPolicy};
use super::super::scheduler::Scheduler;
use super::super::spread::SpreadMode;
use super::super::task::Preference;
use super::super::update::{
    Direction, DirtySlot, FailureAction, Order, UpdateConfig, UpdateOrder, UpdateState, Updater,
};
use super::{at, begun, dirty, new_task, node, old_task, spec};
use model::Text;
use units::{Duration, Instant, SortedMap};

fn labelled(id: &str, labels: &[(&str, &str)], of_service: i32) -> Node {
    let mut node = node(id, 1_000);
    for &(key, value) in labels {
        node.labels.insert(key.into(), value.into());
    }
    node.count_active(&"web".into(), of_service);
    node
}

fn counts(order: &[Text]) -> SortedMap<&str, usize> {
    let mut counts = SortedMap::new();
    for id in order {
        *counts.entry(&**id).or_default() += 1;
    }
    counts
}

#[test]
fn constraints_compare_values_whole_and_without_case() {
    let mut node = labelled("n1", &[("Tier", "Front")], 0);
    node.hostname = "Host-1".into();
    node.role = "worker".into();
    for (text, expected) in [
        ("node.labels.Tier==front", true),
        ("node.labels.Tier==fron", false),
        ("node.labels.Tier==f*", false),
        ("node.labels.Tier!=FRONT", false),
        // The name of a label keeps its case; one that is missing is the empty text.
        ("node.labels.tier==front", false),
        ("node.labels.tier!=front", true),
        ("engine.labels.disk!=ssd", true),
        ("node.hostname == host-1", true),
        ("node.role==manager", false),
        ("node.id==N1", true),
        ("node.colour==red", false),
        ("node.colour!=red", false),
    ] {
        let constraint = Constraint::parse(text).expect("a constraint");
        assert_eq!(constraint.matches(&node), expected, "{text}");
    }
    for text in [
        "node.role",
        "node.role=worker",
        "==worker",
        "node.role==",
        "a~=b",
    ] {
        assert!(Constraint::parse(text).is_err(), "{text}");
    }
}

#[test]
fn zones_get_equal_shares_whatever_their_size() {
    let mut scheduler = Scheduler::default();
    for (id, zone) in [
        ("id1", "az1"),
        ("id2", "az2"),
        ("id3", "az2"),
        ("id4", "az2"),
        ("id5", "az2"),
    ] {
        scheduler.put_node(labelled(id, &[("az", zone)], 0));
    }
    let mut asked = spec(0);
    asked.preferences.push(Preference::NodeLabel("az".into()));
    let order = scheduler.choose(at(0), &asked, 8);
    let expected = [("id1", 4), ("id2", 1), ("id3", 1), ("id4", 1), ("id5", 1)];
    assert_eq!(counts(&order), SortedMap::from(expected));
}

#[test]
fn the_original_hands_a_branch_one_task_too_many_and_the_strict_form_does_not() {
    // The rack that is visited first gets both, of which its own data centre was to get one.
    for (mode, most) in [(SpreadMode::Upstream, 2), (SpreadMode::Strict, 1)] {
        let mut scheduler = Scheduler::new(mode);
        for (id, dc, rack, count) in [
            ("a", "dc1", "r1", 3),
            ("b", "dc1", "r2", 1),
            ("c", "dc2", "r1", 3),
        ] {
            scheduler.put_node(labelled(id, &[("dc", dc), ("rack", rack)], count));
        }
        let mut asked = spec(0);
        asked.preferences = ["dc", "rack"]
            .map(|key| Preference::NodeLabel(key.into()))
            .into();
        let order = scheduler.choose(at(0), &asked, 2);
        let most_of_one = counts(&order).into_values().max();
        assert_eq!(
            (order.len(), most_of_one),
            (2, Some(most)),
            "{mode:?}: {order:?}"
        );
    }
}

#[test]
fn a_node_without_the_label_is_a_branch_of_its_own() {
    let mut scheduler = Scheduler::default();
    for (id, labels) in [("a", &[("az", "z")][..]), ("b", &[]), ("c", &[])] {
        scheduler.put_node(labelled(id, labels, 0));
    }
    let mut asked = spec(0);
    asked.preferences.push(Preference::NodeLabel("az".into()));
    let order = scheduler.choose(at(0), &asked, 4);
    assert_eq!(
        counts(&order),
        SortedMap::from([("a", 2), ("b", 1), ("c", 1)])
    );
}

#[test]
fn a_task_that_fails_at_once_stays_on_its_node_until_it_has_failed_five_times() {
    let mut scheduler = Scheduler::default();
    scheduler.put_node(labelled("id1", &[], 1));
    scheduler.put_node(labelled("id2", &[], 0));
    let asked = spec(0);
    let mut order = Vec::new();
    for second in 0..6 {
        let chosen = scheduler.choose(at(second), &asked, 1);
        let node = scheduler.node_mut(&chosen[0]).expect("a node");
        node.deactivate_task(&asked);
        node.free_task(&asked);
        node.count_failure(at(second), &asked.version);
        order.extend(chosen);
    }
    assert_eq!(
        order,
        ["id2", "id2", "id2", "id2", "id2", "id1"].map(Text::from)
    );
}

#[test]
fn restarts_are_counted_within_their_window() {
    let policy = RestartPolicy {
        max_attempts: 3,
        window: Some(Duration::from_secs(60)),
        ..RestartPolicy::default()
    };
    let allows = |policy: &RestartPolicy, restarts: &[i64], is_success| {
        let history = History::new(restarts.iter().map(|&second| at(second)).collect());
        history.allows(policy, at(200), is_success)
    };
    assert!(allows(&policy, &[100, 130, 145, 190], false));
    assert!(!allows(&policy, &[100, 145, 160, 190], false));
    let ever = RestartPolicy {
        window: None,
        ..policy
    };
    assert!(allows(&ever, &[1, 2], false) && !allows(&ever, &[1, 2, 3], false));
    for (condition, success, failure) in [
        (Condition::Any, true, true),
        (Condition::OnFailure, false, true),
        (Condition::None, false, false),
    ] {
        let policy = RestartPolicy {
            condition,
            ..RestartPolicy::default()
        };
        let found = (allows(&policy, &[], true), allows(&policy, &[], false));
        assert_eq!(found, (success, failure), "{condition:?}");
    }
}

/// Instant at which an update of `slots` slots is done; every task takes the given times to
/// prepare, stop and start.
fn completes(config: UpdateConfig, slots: u64, [prepare, stop, start]: [i64; 3]) -> Instant {
    #[derive(Clone, Copy)]
    enum Happens {
        Stopped(u64),
        Running(u64),
        Nothing,
    }
    let mut updater = Updater::new(config, Direction::Update, dirty(slots));
    let mut agenda = vec![(at(0), Happens::Nothing)];
    loop {
        agenda.sort_by_key(|&(when, _)| when);
        let (now, what) = agenda.remove(0);
        let mut orders = Vec::new();
        match what {
            Happens::Stopped(slot) => updater.old_stopped(now, &old_task(slot), &mut orders),
            Happens::Running(slot) => updater.running(now, &new_task(slot), &mut orders),
            Happens::Nothing => {}
        }
        updater.step(now, &mut orders);
        if updater.state() == UpdateState::Completed {
            return now;
        }
        let later = |secs| now + Duration::from_secs(secs);
        for order in orders {
            let Order::Replace(DirtySlot { number: slot, .. }) = order else {
                continue;
            };
            let is_first = config.order == UpdateOrder::StopFirst;
            let waits = if is_first { stop.min(60) } else { 0 };
            agenda.push((later(prepare.max(waits) + start), Happens::Running(slot)));
            agenda.push((later(stop), Happens::Stopped(slot)));
            let old = is_first.then(|| old_task(slot));
            updater.made(now, slot, new_task(slot), old);
        }
        agenda.extend(
            updater
                .wakes()
                .map(|when| (when.max(now), Happens::Nothing)),
        );
        assert!(now < at(100_000), "it never ends");
    }
}

#[test]
fn updates_take_as_long_as_their_slots_one_after_another() {
    let plain = UpdateConfig::default();
    assert_eq!(completes(plain, 4, [2, 1, 1]), at(17));
    let delayed = UpdateConfig {
        parallelism: 2,
        delay: Duration::from_secs(10),
        ..plain
    };
    assert_eq!(completes(delayed, 4, [2, 1, 1]), at(37));
    // The old task is waited for for a minute.
    assert_eq!(completes(plain, 1, [2, 90, 1]), at(61 + 5));
    let started_first = UpdateConfig {
        order: UpdateOrder::StartFirst,
        ..plain
    };
    assert_eq!(completes(started_first, 4, [2, 90, 1]), at(4 * 3 + 5));
    let all_at_once = UpdateConfig {
        parallelism: 0,
        ..plain
    };
    assert_eq!(completes(all_at_once, 40, [2, 1, 1]), at(3 + 5));
}

#[test]
fn a_rollback_that_fails_is_paused_and_continue_watches_nothing() {
    let config = |failure_action| UpdateConfig {
        failure_action,
        ..UpdateConfig::default()
    };
    for (action, direction, expected) in [
        (FailureAction::Pause, Direction::Update, UpdateState::Paused),
        (
            FailureAction::Rollback,
            Direction::Update,
            UpdateState::RollbackWanted,
        ),
        (
            FailureAction::Rollback,
            Direction::Rollback,
            UpdateState::Paused,
        ),
        (
            FailureAction::Continue,
            Direction::Update,
            UpdateState::Underway,
        ),
    ] {
        let mut updater = begun(config(action), direction, 2);
        updater.ended(at(1), &new_task(1), &mut Vec::new());
        assert_eq!(updater.state(), expected, "{action:?} {direction:?}");
    }
}

#[test]
fn heartbeats_are_missed_between_eight_and_sixteen_and_a_half_seconds_after_a_crash() {
    let options = HeartbeatOptions::default();
    let (shortest, longest) = options.period_bounds();
    let grace = [shortest, longest].map(|period| options.grace_of(period));
    assert_eq!(grace, [13_500, 16_500].map(Duration::from_millis));
    // The crash comes up to a period after the last beat.
    let earliest = grace[0].as_nanos() - longest.as_nanos();
    assert_eq!(Duration::from_nanos(earliest), Duration::from_secs(8));
    let after_election = [shortest, longest].map(|period| options.grace_after_election(period));
    assert_eq!(after_election, [27, 33].map(Duration::from_secs));
}

#[test]
fn nodes_that_are_none_full_small_or_empty_take_nothing() {
    let mut asked = spec(2);
    asked.reservations.memory = i64::MAX;
    assert_eq!(explain(&asked, &[]), "no suitable node");
    let mut whole = node("whole", 2);
    whole.available.memory = i64::MAX;
    assert!(passes(&asked, &whole));
    whole.add_task(&asked);
    assert!(!passes(&asked, &whole));
    whole.free_task(&asked);
    assert!(passes(&asked, &whole));
    let empty = Node {
        id: "empty".into(),
        ..Node::default()
    };
    assert!(!passes(&asked, &empty));
    assert!(passes(&spec(0), &empty), "nothing is asked of it");
    let paused = Node {
        availability: Availability::Pause,
        ..node("paused", 9)
    };
    let unknown = Node {
        status: NodeStatus::Unknown,
        ..node("unknown", 9)
    };
    let told = explain(&spec(1), [&paused, &unknown, &empty]);
    let expected =
        "no suitable node (2 nodes not available for new tasks; insufficient resources on 1 node)";
    assert_eq!(told, expected);
}

#[test]
fn generic_resources_are_reserved_whole() {
    let mut host = node("n1", 8);
    host.available.generic.insert("fpga".into(), 3);
    let mut asked = spec(1);
    asked.reservations.generic.insert("fpga".into(), 2);
    let mut scheduler = Scheduler::default();
    scheduler.put_node(host);
    scheduler.put_node(node("n0", 8));
    assert_eq!(scheduler.choose(at(0), &asked, 2), [Text::from("n1")]);
    let left = scheduler.nodes()["n1"].available.generic["fpga"];
    assert_eq!(left, 1);
}
