//! Worked examples (spec: orchestrators-a.md sections 2 and 11) and properties of the whole. Where each
//! rule is held; those without a module are here, `it` is `tests/it`:
//!
//! | section | test |
//! |---|---|
//! | 2.1 the ladder, rejected and failed | `the_ladder_waits_for_secrets_and_for_its_turn` |
//! | 2.2 filters, why a task waits | `a_waiting_task_says_how_many_nodes_each_filter_removed`, `worked` |
//! | 2.2 constraints, platforms, addresses | `worked`, `platforms_and_addresses_have_their_other_names` |
//! | 2.2 generic resources | `worked` |
//! | 2.3 collecting commits | `commits_are_collected` |
//! | 2.3 table of nodes, failures | `nodes_are_compared_as_in_the_worked_table`, `failures_are_forgotten_after_five_minutes` |
//! | 2.3 the tree, the sequence of failures | `worked` |
//! | 2.3 the first pass never goes back | `the_first_pass_levels_up_and_never_goes_back` |
//! | 2.4 slots, scaling down | `services_are_scaled_to_nothing_from_nothing_and_into_gaps` |
//! | 2.5 global services | `global_services_follow_their_nodes`, `it/swarm.rs` |
//! | 2.6 windows, delays, waiting for the old task | `worked`, `replacements_wait_for_their_delay_and_for_the_old_task` |
//! | 2.7 times of updates, failure actions | `worked`, `failures`, `a_ratio_at_the_threshold_does_not_act_and_one_above_does` |
//! | 2.8 heartbeats, registrations | `worked`, `a_node_that_stops_beating_is_down_and_returns` |
//! | 2.8 the enforcer | `a_constraint_that_becomes_false_rejects_the_task` |
//! | 2.8 quorum, removal of members | `properties`, `removing_a_member_keeps_a_majority` |
//! | 2.8 balancing | `requests_go_to_tasks_in_turn_and_not_to_those_that_leave`, `it/swarm.rs` |
//! | 11.1, 11.8 none, too large, near 2^63 | `worked` |
//! | 11.2 to 11.6 | `it/failover.rs`, `it/swarm.rs` |
//! | 11.9 equal instants | `parts::timers` |
//! | 12 fail-over, exact times | `it/failover.rs` |

mod failures;
mod properties;
mod worked;

use std::sync::Arc;

use super::constraint::Constraint;
use super::dispatcher::{Dispatcher, HeartbeatOptions};
use super::enforcer::{Placed, rejected};
use super::global;
use super::ladder::{Action, Happening, Ladder};
use super::node::{Availability, Node, NodeStatus};
use super::pipeline::{FILTERS, explain};
use super::raft::Managers;
use super::replicated::{Slot, reconcile};
use super::restart::{OldTask, Replacement, RestartPolicy};
use super::scheduler::{Debounce, Scheduler};
use super::task::{DesiredState, Resources, Task, TaskSpec, TaskState, Version};
use super::update::{
    Direction, DirtySlot, FailureAction, Order, UpdateConfig, UpdateOrder, UpdateState, Updater,
};
use model::Text;
use units::{Duration, Instant, SortedSet};

fn at(seconds: i64) -> Instant {
    Instant::from_secs(seconds)
}

fn node(id: &str, cpus: i64) -> Node {
    Node {
        id: id.into(),
        available: Resources {
            nano_cpus: cpus,
            memory: i64::MAX / 2,
            ..Resources::default()
        },
        ..Node::default()
    }
}

fn spec(cpus: i64) -> TaskSpec {
    TaskSpec {
        version: Version {
            service: "web".into(),
            version: 1,
        },
        reservations: Resources {
            nano_cpus: cpus,
            ..Resources::default()
        },
        ..TaskSpec::default()
    }
}

#[track_caller]
fn check_choice(nodes: [(i32, i32, usize); 3], expected: &str) {
    let mut scheduler = Scheduler::default();
    for (id, (of_service, in_all, failures)) in ["n1", "n2", "n3"].into_iter().zip(nodes) {
        let mut node = node(id, 100);
        node.count_active(&"web".into(), of_service);
        node.count_active(&"other".into(), in_all - of_service);
        for _ in 0..failures {
            node.count_failure(at(0), &spec(0).version);
        }
        scheduler.put_node(node);
    }
    assert_eq!(scheduler.choose(at(1), &spec(0), 1), [Text::from(expected)]);
}

#[test]
fn nodes_are_compared_as_in_the_worked_table() {
    check_choice([(1, 7, 0), (1, 2, 0), (1, 4, 0)], "n2");
    check_choice([(4, 4, 0), (0, 0, 5), (9, 9, 9)], "n1");
    check_choice([(4, 4, 0), (0, 0, 4), (9, 9, 0)], "n2");
    check_choice([(0, 0, 7), (8, 8, 6), (0, 0, 9)], "n2");
    check_choice([(0, 0, 0), (0, 0, 0), (0, 0, 0)], "n1");
}

#[test]
fn failures_are_forgotten_after_five_minutes() {
    let mut node = node("n1", 1);
    for second in 0..5 {
        node.count_failure(at(second), &spec(0).version);
    }
    let recent = [4, 299, 300, 304].map(|now| node.recent_failures(at(now), &spec(0).version));
    assert_eq!(recent, [5, 5, 4, 0]);
}

#[test]
fn the_first_pass_levels_up_and_never_goes_back() {
    let mut scheduler = Scheduler::default();
    for (id, (of_service, in_all)) in [("n1", (3, 3)), ("n2", (0, 9)), ("n3", (1, 1))] {
        let mut node = node(id, 100);
        node.count_active(&"web".into(), of_service);
        node.count_active(&"other".into(), in_all - of_service);
        scheduler.put_node(node);
    }
    let order = scheduler.choose(at(0), &spec(0), 5);
    assert_eq!(order, ["n2", "n3", "n3", "n3", "n1"].map(Text::from));
}

#[test]
fn a_waiting_task_says_how_many_nodes_each_filter_removed() {
    let mut nodes: Vec<Node> = (0..3).map(|_| node("small", 1)).collect();
    nodes.push(Node {
        status: NodeStatus::Down,
        ..node("down", 9)
    });
    let told = explain(&spec(2), &nodes);
    let expected =
        "no suitable node (insufficient resources on 3 nodes; 1 node not available for new tasks)";
    assert_eq!(told, expected);
    assert_eq!(explain(&spec(2), &[]), "no suitable node");
}

#[test]
fn pinned_tasks_are_placed_first_and_wait_for_their_own_node() {
    let mut scheduler = Scheduler::default();
    scheduler.put_node(node("n1", 1));
    for (id, node) in [("any", None), ("pinned", Some("n1".into()))] {
        scheduler.enqueue(Task {
            id: id.into(),
            spec: Arc::new(spec(1)),
            node,
        });
    }
    let pass = scheduler.run(at(0));
    assert_eq!(&*pass.assigned[0].task, "pinned");
    assert_eq!(pass.waiting.len(), 1);
    assert_eq!(scheduler.backlog(), 1);
    scheduler.forget("any");
    assert_eq!(scheduler.backlog(), 0);
}

#[test]
fn commits_are_collected() {
    let mut debounce = Debounce::default();
    let start = Instant::from_nanos(0);
    let milli = |millis| start + Duration::from_millis(millis);
    assert_eq!(debounce.committed(start), milli(50));
    assert_eq!(debounce.committed(milli(40)), milli(90));
    assert!(!debounce.is_due(milli(50)) && debounce.is_due(milli(90)));
    for step in 0..24 {
        debounce.committed(milli(100 + step * 40));
    }
    assert_eq!(debounce.committed(milli(1_060)), milli(1_100));
}

#[test]
fn services_are_scaled_to_nothing_from_nothing_and_into_gaps() {
    let slot = |number, node: &str, is_running| Slot {
        number,
        node: (!node.is_empty()).then(|| node.into()),
        is_running,
        tasks: 1,
    };
    let slots = [
        slot(1, "n1", true),
        slot(2, "n1", true),
        slot(3, "n1", true),
        slot(4, "n2", true),
        slot(5, "n2", true),
        slot(6, "n3", true),
    ];
    assert_eq!(reconcile(&slots, 3).remove, [2, 3, 5]);
    assert_eq!(reconcile(&slots, 0).remove, [1, 2, 3, 4, 5, 6]);
    assert_eq!(reconcile(&[], 3).create, [1, 2, 3]);
    assert_eq!(reconcile(&slots[3..5], 4).create, [1, 2]);
    let doubled = Slot {
        tasks: 2,
        ..slot(1, "n1", true)
    };
    assert_eq!(reconcile(&[doubled, slot(2, "n2", true)], 1).remove, [1]);
}

#[test]
fn global_services_follow_their_nodes() {
    let with = |id: &str, availability, status| Node {
        availability,
        status,
        ..node(id, 1)
    };
    let nodes = [
        with("new", Availability::Active, NodeStatus::Ready),
        with("paused", Availability::Pause, NodeStatus::Ready),
        with("drained", Availability::Drain, NodeStatus::Ready),
        with("down", Availability::Active, NodeStatus::Down),
    ];
    let running = SortedSet::from(["drained", "down", "gone"].map(Text::from));
    let scaling = global::reconcile(&nodes, &[], &running);
    assert_eq!(scaling.create, [Text::from("new")]);
    assert_eq!(
        scaling.shutdown,
        ["drained", "down", "gone"].map(Text::from)
    );
}

#[test]
fn a_constraint_that_becomes_false_rejects_the_task() {
    let constraint = Constraint::parse("node.labels.tier == a").expect("a constraint");
    let placed = |task: &str, constraints, cpus| Placed {
        task: task.into(),
        constraints,
        reservations: spec(cpus).reservations,
        desired: DesiredState::Running,
        observed: TaskState::Running,
    };
    let tasks = [
        placed("t1", vec![constraint], 1),
        placed("t2", vec![], 3),
        placed("t3", vec![], 2),
    ];
    let mut node = node("n1", 4);
    node.labels.insert("tier".into(), "b".into());
    let capacity = node.available.clone();
    assert_eq!(
        rejected(&node, &capacity, &tasks),
        ["t1", "t3"].map(Text::from)
    );
    node.labels.insert("tier".into(), "A".into());
    assert_eq!(rejected(&node, &capacity, &tasks), [Text::from("t3")]);
    node.availability = Availability::Pause;
    assert!(rejected(&node, &capacity, &tasks).is_empty());
}

#[test]
fn platforms_and_addresses_have_their_other_names() {
    let mut node = node("n1", 1);
    node.architecture = "x86_64".into();
    node.os = "linux".into();
    node.ip = "10.0.1.7".into();
    let mut asked = spec(0);
    for (os, architecture, expected) in [
        ("linux", "amd64", true),
        ("", "x86_64", true),
        ("linux", "", true),
        ("linux", "aarch64", false),
        ("windows", "amd64", false),
    ] {
        asked.platforms = vec![(os.into(), architecture.into())];
        let passes = FILTERS.iter().all(|filter| filter.passes(&asked, &node));
        assert_eq!(passes, expected, "{os} {architecture}");
    }
    for (text, expected) in [
        ("node.ip==10.0.1.7", true),
        ("node.ip==10.0.0.0/16", true),
        ("node.ip==0.0.0.0/0", true),
        ("node.ip!=10.0.1.0/24", false),
        ("node.ip==10.0.1.0/33", false),
        ("node.ip==nonsense", false),
        ("engine.labels.disk!=ssd", true),
    ] {
        let constraint = Constraint::parse(text).expect("a constraint");
        assert_eq!(constraint.matches(&node), expected, "{text}");
    }
}

#[test]
fn replacements_wait_for_their_delay_and_for_the_old_task() {
    let policy = RestartPolicy::default();
    let mut waits = Replacement::new(at(10), &policy, false, OldTask::MayRun);
    assert_eq!(waits.starts(), at(70));
    waits.old_stopped();
    assert_eq!(waits.starts(), at(15));
    let gone = Replacement::new(at(10), &policy, false, OldTask::Gone);
    assert_eq!(gone.starts(), at(15));
    let drained = Replacement::new(at(10), &policy, true, OldTask::Gone);
    assert_eq!(drained.starts(), at(10));
}

fn old_task(slot: u64) -> Text {
    format!("{slot}.1").into()
}

fn new_task(slot: u64) -> Text {
    format!("{slot}.2").into()
}

/// So many slots, each with a task of its own.
fn dirty(slots: u64) -> Vec<DirtySlot> {
    let slot = |number| DirtySlot {
        number,
        tasks: vec![old_task(number)],
    };
    (1..=slots).map(slot).collect()
}

/// A new update of this number of slots, whose new tasks start without waiting for old ones.
fn begun(config: UpdateConfig, direction: Direction, slots: u64) -> Updater {
    let mut updater = Updater::new(config, direction, dirty(slots));
    let mut orders = Vec::new();
    updater.step(at(0), &mut orders);
    for order in orders {
        if let Order::Replace(slot) = order {
            updater.made(at(0), slot.number, new_task(slot.number), None);
        }
    }
    updater
}

#[test]
fn a_ratio_at_the_threshold_does_not_act_and_one_above_does() {
    for (failures, expected) in [(2, UpdateState::Underway), (3, UpdateState::RollbackWanted)] {
        let config = UpdateConfig {
            parallelism: 0,
            failure_action: FailureAction::Rollback,
            max_failure_ratio: 0.2,
            ..UpdateConfig::default()
        };
        let mut updater = begun(config, Direction::Update, 10);
        let mut orders = Vec::new();
        for slot in 1..=failures {
            updater.ended(at(1), &new_task(slot), &mut orders);
        }
        // Nobody looks at them until all slots have come up.
        assert_eq!(updater.state(), UpdateState::Underway);
        for slot in failures + 1..=10 {
            updater.running(at(2), &new_task(slot), &mut orders);
        }
        updater.step(at(2), &mut orders);
        updater.step(at(2), &mut orders);
        assert_eq!(updater.state(), expected, "{failures}");
    }
}

#[test]
fn a_task_that_dies_after_its_monitor_time_is_no_failure_of_the_update() {
    let mut updater = Updater::new(UpdateConfig::default(), Direction::Update, dirty(1));
    let mut orders = Vec::new();
    updater.step(at(0), &mut orders);
    let slot = dirty(1).remove(0);
    assert_eq!(orders, [Order::Replace(slot)]);
    updater.made(at(0), 1, new_task(1), Some(old_task(1)));
    assert_eq!(updater.wakes(), Some(at(60)));
    updater.old_stopped(at(2), &old_task(1), &mut orders);
    updater.running(at(3), &new_task(1), &mut orders);
    updater.ended(at(9), &new_task(1), &mut orders);
    updater.step(at(9), &mut orders);
    assert_eq!(
        (updater.failures(), updater.state()),
        (0, UpdateState::Underway)
    );
    updater.step(at(14), &mut orders);
    assert_eq!(updater.state(), UpdateState::Completed);
}

#[test]
fn start_first_stops_the_old_task_once_the_new_one_runs() {
    let config = UpdateConfig {
        order: UpdateOrder::StartFirst,
        ..UpdateConfig::default()
    };
    let mut updater = begun(config, Direction::Update, 1);
    let mut orders = Vec::new();
    updater.running(at(4), &new_task(1), &mut orders);
    assert_eq!(
        orders,
        dirty(1).into_iter().map(Order::StopOld).collect::<Vec<_>>()
    );
}

#[test]
fn the_ladder_waits_for_its_turn() {
    let mut ladder = Ladder::new(DesiredState::Ready);
    assert_eq!(
        (ladder.advance(), ladder.observed()),
        (Some(Action::Prepare), TaskState::Preparing)
    );
    assert_eq!(ladder.happened(Happening::Prepared), None);
    assert_eq!(ladder.want(DesiredState::Running), Some(Action::Start));
    assert_eq!(ladder.happened(Happening::Started), None);
    assert_eq!(ladder.want(DesiredState::Shutdown), Some(Action::Stop));
    assert_eq!(ladder.want(DesiredState::Running), None);
    ladder.happened(Happening::Stopped);
    assert_eq!(ladder.observed(), TaskState::Shutdown);
    for (happenings, expected) in [
        (vec![Happening::Failed], TaskState::Rejected),
        (
            vec![Happening::Prepared, Happening::Failed],
            TaskState::Failed,
        ),
        (
            vec![
                Happening::Prepared,
                Happening::Started,
                Happening::Exited { success: true },
            ],
            TaskState::Complete,
        ),
    ] {
        let mut ladder = Ladder::new(DesiredState::Running);
        ladder.advance();
        for happening in happenings {
            ladder.happened(happening);
        }
        assert_eq!(ladder.observed(), expected);
    }
}

#[test]
fn a_node_that_stops_beating_is_down_and_returns() {
    let mut dispatcher = Dispatcher::new(
        HeartbeatOptions {
            epsilon: Duration::ZERO,
            ..HeartbeatOptions::default()
        },
        1,
    );
    assert_eq!(dispatcher.beat(at(10), "n1".into()), at(15));
    assert!(dispatcher.expire(at(24)).is_empty());
    assert_eq!(dispatcher.expire(at(25)), [Text::from("n1")]);
    dispatcher.beat(at(30), "n1".into());
    assert_eq!(dispatcher.next_expiry(), Some(at(45)));
    dispatcher.elected(at(40), ["n1".into()]);
    assert_eq!(dispatcher.next_expiry(), Some(at(70)));
    let registered = [0, 1, 2, 3, 8].map(|now| dispatcher.register(at(now), "n2".into()));
    assert_eq!(registered, [true, true, true, false, true]);
}

#[test]
fn removing_a_member_keeps_a_majority() {
    let mut managers = Managers::new(3, 1);
    managers.set_reachable(at(0), 2, false);
    assert!(managers.clone().remove(0).is_err());
    assert_eq!(managers.remove(2), Ok(()));
    assert!(managers.accepts() && managers.quorum() == 2);
}
