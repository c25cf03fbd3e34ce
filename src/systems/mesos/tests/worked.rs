//! The worked examples of the specification that no other file has, and what masters promise.
//!
//! Where each example and each edge case about Mesos, its frameworks, DC/OS and Fleet stands (`it` is
//! the test binary of the folder `tests`):
//!
//! | section | example | test |
//! |---|---|---|
//! | orchestrators-b.md 1.2 | orders by share, weight, count, name; totals that change | [`super::fairness`]: `clients_are_sorted_by_share_weight_count_and_name` |
//! | | a client with others below it | [`super::fairness`]: `a_client_with_others_below_it_competes_with_them` |
//! | 1.3 | the paper's two users, three users, other rules | [`super::fairness`]: `the_example_of_the_paper_and_other_rules_differ` |
//! | 1.4, 1.5 | agents one by one to four frameworks | [`super::allocator`]: `agents_go_whole_to_the_role_and_framework_with_the_smallest_share` |
//! | | nested roles | `nested_roles_share_as_their_subtrees_do` |
//! | | a quota of half a core; limits on `*`; Q1 and Q2; from the second agent only cpus | `a_quota_is_offered_in_part_and_others_get_the_rest`, `limits_alone_cut_an_agent_in_two`, `a_quota_is_offered_the_rest_of_what_it_was_promised`, `what_is_over_a_quota_of_the_agent_goes_to_it_as_far_as_its_limit` |
//! | | a quota without frameworks | [`super::allocator`]: `headroom_is_kept_for_a_quota_nobody_uses_yet` |
//! | 1.6 | a filter of 1 s at an interval of 60 s | `a_filter_stands_until_the_run_after_it_has_ended` |
//! | | what was refused and a bit more | [`super::allocator`]: `a_refusal_covers_no_more_than_what_was_refused` |
//! | | revocable resources | `fast/tests.rs`, `it/mesos.rs`: `what_tasks_do_not_use_is_offered_again_and_taken_back_when_they_want_it` |
//! | 1.7 | a failure at 100 s; one removal in 10 min | [`super::frameworks`]: `an_agent_is_unreachable_after_five_missed_pings_at_the_limited_rate` |
//! | | one ping that is answered | `an_agent_that_answers_one_ping_begins_anew` |
//! | | a lost master; the framework's own absence | `it/failover.rs`: `mesos_offers_nothing_without_a_leading_master_and_tasks_run_on`, `tasks_outlive_their_framework_for_its_failover_timeout` |
//! | | weights 1 to 5 at random, order of registration | [`super::fairness`]: `the_order_is_random_by_weights_or_by_arrival` |
//! | 2.1 | the table of operators; `GROUP_BY` of five | `constraints_accept_what_their_operators_say`, [`super::frameworks`]: `groups_stay_even_also_when_instances_are_killed` |
//! | 2.2 | delays 1, 1.15 … 300 | [`super::frameworks`]: `launches_back_off_by_fifteen_per_cent_up_to_five_minutes` |
//! | 2.3 | the table of six upgrades | [`super::frameworks`]: `upgrades_are_bounded_as_in_the_worked_table` |
//! | 2.4 | 20 and 10, 10 and 10 | [`super::frameworks`]: `groups_stay_even_also_when_instances_are_killed` |
//! | 2.5 | the check that kills one later | [`super::frameworks`]: `failing_checks_kill_one_failure_later_than_they_say_unless_told_otherwise` |
//! | 2.6 | back before and after it is forgotten | [`super::frameworks`]: `an_instance_that_comes_back_is_kept_or_killed` |
//! | 3 | skips, months, epsilon, retries, parents | [`super::chronos`] |
//! | 4 | the autoscaler's counters; public agents; load balancers | [`super::frameworks`]: `the_autoscaler_counts_before_it_acts`, `it/mesos.rs`: `public_agents_of_dcos_are_kept_for_what_asks_for_them`, `requests_from_outside_come_to_load_balancers_on_public_agents` |
//! | orchestrators-a.md 5 | loads 2, 1, 0; a group that conflicts; a lost machine; a global unit | `fleet/tests.rs` |
//! | 11.1 | nobody there, nothing fits, nothing to give | `without_agents_or_room_nothing_is_offered`, `fleet/tests.rs`: `each_requirement_says_no_by_its_name` |
//! | 11.2 | the same run twice | `it/failover.rs`: `the_same_run_twice_is_the_same` |
//! | 11.3 | back before and after each time-out; both sides run | `it/fleet.rs`: `a_cut_off_machine_that_returns_in_time_keeps_its_units`, `it/failover.rs`: `fleet_runs_two_of_a_unit_while_its_machine_is_cut_off`, `it/mesos.rs`: `instances_that_come_back_before_they_are_forgotten_are_kept_and_the_surplus_goes` |
//! | 11.4 | a leader that is lost in the middle | `it/mesos.rs`: `an_upgrade_goes_on_after_its_master_is_lost_in_the_middle`, `it/fleet.rs`: `a_lost_leader_is_followed_when_its_lease_has_ended` |
//! | 11.5 | to none, from none, beyond the room | `it/failover.rs`: `scaling_to_none_and_back_and_beyond_the_room_waits_for_room`, `fleet_scales_to_none_and_back_and_beyond_what_machines_have` |
//! | 11.6 | a version that never starts | `it/mesos.rs`: `an_upgrade_whose_version_never_starts_keeps_the_old_one_and_is_scaled_all_the_same`, `it/fleet.rs`: `changed_units_start_again_where_they_are_and_fewer_are_destroyed` |
//! | 11.7 | a requirement that becomes false | `fleet/tests.rs`: `a_unit_that_is_not_able_any_more_is_moved_and_a_global_one_counts` |
//! | 11.8 | amounts near 2^63, equal fractions | `amounts_at_the_limit_of_integers_are_shared_and_given_back`, [`super::fairness`]: `the_example_of_the_paper_and_other_rules_differ` |
//! | 11.9 | events at one instant | `parts/timers.rs`: `equal_times_are_first_in_first_out_and_what_is_due_now_comes_after_what_waited` |
//! | 12 | the row of Fleet, and Mesos beside it | `it/failover.rs`: `fleet_misses_a_machine_when_its_key_ends_and_moves_its_units_in_the_next_round`, `mesos_gives_an_agent_up_after_five_pings_and_marathon_replaces_its_instances` |

use proptest::prelude::*;

use super::super::marathon::constraint::{Constraint, FieldValue};
use super::super::master::Masters;
use super::super::observer::{Observer, ObserverOptions};
use super::super::plain::resources::{Kind, Limits, Quantities, Resources};
use super::super::plain::{Allocator, AllocatorOptions, Capabilities, Quota};
use crate::parts::quorum::quorum;
use model::Text;
use units::{Duration, Instant, SortedMap, SortedSet};

/// Cores in thousandths and whole units of memory.
fn resources(cpus: i64, mem: i64) -> Resources {
    let mut all = Resources::default();
    for (name, amount) in [("cpus", cpus), ("mem", mem * 1_000)] {
        let kind = Kind {
            name: name.into(),
            ..Kind::default()
        };
        all.add_one(&kind, amount);
    }
    all
}

fn amounts(cpus: i64, mem: i64) -> [(Text, i64); 2] {
    [("cpus".into(), cpus), ("mem".into(), mem * 1_000)]
}

/// A quota that is guarantee and limit at once.
fn quota(cpus: i64, mem: i64) -> Quota {
    Quota {
        guarantee: Quantities::new(amounts(cpus, mem)),
        limit: Limits::new(amounts(cpus, mem)),
    }
}

struct Case(Allocator, i64);

impl Case {
    fn new() -> Self {
        Self(Allocator::new(AllocatorOptions::default()), 0)
    }

    fn agent(&mut self, id: &str, cpus: i64, mem: i64) -> Vec<String> {
        self.0
            .add_agent(id.into(), resources(cpus, mem), SortedMap::new());
        self.run()
    }

    fn framework(&mut self, id: &str, role: &str) -> Vec<String> {
        self.0
            .add_framework(id.into(), [role.into()], Capabilities::default());
        self.run()
    }

    /// A run over those that have gathered: framework, agent, thousandths of a core, memory.
    fn run(&mut self) -> Vec<String> {
        let offers = self.0.run(Instant::from_secs(self.1));
        let words = offers.iter().map(|one| {
            let amounts = one.resources.quantities();
            format!(
                "{} {} {} {}",
                one.framework,
                one.agent,
                amounts.get("cpus"),
                amounts.get("mem") / 1_000
            )
        });
        words.collect()
    }

    fn batch(&mut self, seconds: i64) -> Vec<String> {
        self.1 = seconds;
        self.0.gather_all();
        self.run()
    }
}

#[test]
fn nested_roles_share_as_their_subtrees_do() {
    let mut case = Case::new();
    case.framework("f1", "a/b");
    assert_eq!(case.agent("A1", 2_000, 1_024), ["f1 A1 2000 1024"]);
    case.framework("f2", "a/c");
    case.framework("f3", "d/e");
    assert_eq!(case.agent("A2", 1_000, 512), ["f3 A2 1000 512"]);
    case.framework("f4", "d/f");
    assert_eq!(case.agent("A3", 2_000, 1_024), ["f4 A3 2000 1024"]);
}

#[test]
fn a_quota_is_offered_in_part_and_others_get_the_rest() {
    let mut case = Case::new();
    case.0.set_quota("Q".into(), quota(500, 200));
    case.framework("f1", "Q");
    assert_eq!(case.agent("A1", 1_000, 512), ["f1 A1 500 200"]);
    assert_eq!(case.framework("f2", "other"), ["f2 A1 500 312"]);
}

#[test]
fn limits_alone_cut_an_agent_in_two() {
    let mut case = Case::new();
    let limit = Quota {
        guarantee: Quantities::default(),
        limit: Limits::new(amounts(1_000, 512)),
    };
    case.0.set_quota("*".into(), limit);
    case.framework("f1", "*");
    case.framework("f2", "r2");
    let offers = case.agent("A1", 2_000, 1_024);
    assert_eq!(offers, ["f1 A1 1000 512", "f2 A1 1000 512"]);
}

#[test]
fn what_is_over_a_quota_of_the_agent_goes_to_it_as_far_as_its_limit() {
    let mut case = Case::new();
    case.0.set_quota("Q".into(), quota(4_000, 1_024));
    case.framework("f1", "Q");
    assert_eq!(case.agent("A1", 2_000, 1_024), ["f1 A1 2000 1024"]);
    // The limit of memory is reached.
    assert_eq!(case.agent("A2", 2_000, 1_024), ["f1 A2 2000 0"]);
}

#[test]
fn a_quota_is_offered_the_rest_of_what_it_was_promised() {
    let mut case = Case::new();
    case.0.set_quota("Q1".into(), quota(1_000, 200));
    case.0.set_quota("Q2".into(), quota(2_000, 2_000));
    for (framework, role, agent) in [("f1", "Q1", "A1"), ("f2", "Q2", "A2")] {
        case.framework(framework, role);
        let whole = resources(1_000, 1_024);
        let held = SortedMap::from([((framework.into(), role.into()), whole.clone())]);
        case.0.add_agent(agent.into(), whole, held);
    }
    assert!(case.run().is_empty());
    assert_eq!(case.agent("A3", 2_000, 2_048), ["f2 A3 1000 976"]);
}

#[test]
fn a_filter_stands_until_the_run_after_it_has_ended() {
    let mut case = Case(
        Allocator::new(AllocatorOptions {
            allocation_interval: Duration::from_secs(60),
            ..AllocatorOptions::default()
        }),
        0,
    );
    case.framework("f1", "r1");
    assert_eq!(case.agent("A1", 1_000, 512), ["f1 A1 1000 512"]);
    case.framework("f2", "r2");
    assert_eq!(case.agent("A2", 1_000, 512), ["f2 A2 1000 512"]);
    let decline = |case: &mut Case, framework: &str, seconds: Option<i64>| {
        let span = seconds.map(Duration::from_secs);
        let at = Instant::from_secs(case.1);
        case.0.decline(at, &framework.into(), &"A2".into(), span);
    };
    decline(&mut case, "f2", Some(1));
    // What comes back waits for the next run.
    assert!(case.run().is_empty());
    assert_eq!(case.batch(60), ["f1 A2 1000 512"]);
    decline(&mut case, "f1", None);
    assert_eq!(case.batch(120), ["f2 A2 1000 512"]);
}

#[test]
fn constraints_accept_what_their_operators_say() {
    let text = |value: &str| Some(FieldValue::Text(value.into()));
    let number = |value: f64| Some(FieldValue::Scalar(value));
    let ranges = Some(FieldValue::Ranges(vec![(1, 3), (7, 9)]));
    let words = Some(FieldValue::Set(SortedSet::from(["b".into(), "a".into()])));
    let cases = [
        ("UNIQUE", "", text("h1"), &["h2"][..], true),
        ("UNIQUE", "", text("h1"), &["h1"], false),
        ("CLUSTER", "r1", text("r1"), &[], true),
        ("CLUSTER", "r1", text("r2"), &[], false),
        ("CLUSTER", "", text("r2"), &[], true),
        ("CLUSTER", "", text("r2"), &["r1"], false),
        ("CLUSTER", "", text("r1"), &["r1", "r1"], true),
        ("LIKE", "r[12]", text("r1"), &[], true),
        ("LIKE", "r", text("r1"), &[], false),
        ("LIKE", "", text("r1"), &[], false),
        ("UNLIKE", "r[12]", text("r3"), &[], true),
        ("UNLIKE", "r[12]", text("r1"), &[], false),
        ("UNLIKE", "", text("r1"), &[], false),
        ("IS", "1.0", number(1.0), &[], true),
        ("IS", "1.0", text("1"), &[], true),
        ("IS", "1.0", text("1.0"), &[], false),
        ("IS", "1.25", number(1.25), &[], true),
        ("IS", "[1-3,7-9]", ranges, &[], true),
        ("IS", "{a,b}", words, &[], true),
        ("MAX_PER", "2", text("r1"), &["r1", "r2"], true),
        ("MAX_PER", "2", text("r1"), &["r1", "r1"], false),
        ("LIKE", ".*", None, &[], false),
        ("UNIQUE", "", None, &[], false),
        ("UNLIKE", "x", None, &[], true),
    ];
    for (operator, value, offer, placed, expected) in cases {
        let constraint = Constraint::parse(operator, value).expect("a constraint");
        let placed: Vec<String> = placed.iter().map(ToString::to_string).collect();
        let accepts = constraint.accepts(offer.as_ref(), &placed, 5, 1);
        assert_eq!(accepts, expected, "{operator} {value} {offer:?} {placed:?}");
    }
}

#[test]
fn an_agent_that_answers_one_ping_begins_anew() {
    let mut observer = Observer::new(ObserverOptions::default());
    let at = Instant::from_secs;
    for ping in 1..=4 {
        assert!(!observer.timed_out(at(15 * ping)));
    }
    assert!(!observer.answered(at(61)));
    for ping in 5..=9 {
        assert!(!observer.timed_out(at(15 * ping)), "{ping}");
    }
    assert!(observer.timed_out(at(150)));
}

#[test]
fn without_agents_or_room_nothing_is_offered() {
    let mut case = Case::new();
    assert_eq!(case.framework("f1", "r1"), Vec::<String>::new());
    assert_eq!(case.batch(1), Vec::<String>::new());
    // An agent without anything divides nothing by nothing.
    assert_eq!(case.agent("A0", 0, 0), Vec::<String>::new());
    assert_eq!(case.agent("A1", 1_000, 512), ["f1 A1 1000 512"]);
    // All of it is given away.
    assert_eq!(case.framework("f2", "r2"), Vec::<String>::new());
    assert_eq!(case.batch(2), Vec::<String>::new());
}

#[test]
fn amounts_at_the_limit_of_integers_are_shared_and_given_back() {
    let most = i64::MAX / 1_000;
    let mut case = Case::new();
    case.framework("f1", "r1");
    assert_eq!(
        case.agent("A1", 1_000, most),
        [format!("f1 A1 1000 {most}")]
    );
    case.framework("f2", "r2");
    // A second one is beyond what a sum can hold, which is counted as the most there is.
    assert_eq!(
        case.agent("A2", 1_000, most),
        [format!("f2 A2 1000 {most}")]
    );
}

proptest! {
    /// A minority of masters never leads, whoever goes and comes; and whoever leads is up.
    #[test]
    fn a_minority_of_masters_accepts_nothing(
        count in prop_oneof![Just(1_usize), Just(3), Just(5), Just(7)],
        changes in prop::collection::vec((0_usize..7, any::<bool>(), 0_i64..30), 1..60),
    ) {
        let mut masters = Masters::new(count);
        let mut is_up = vec![true; count];
        let (mut now, mut led) = (Instant::ZERO, 0);
        masters.beat(now);
        for (master, up, wait) in changes {
            let master = master % count;
            masters.set_up(master, up);
            is_up[master] = up;
            let until = now.saturating_add(Duration::from_secs(wait));
            while now < until {
                now = masters.beat(now).min(until);
                let has_majority = is_up.iter().filter(|up| **up).count() >= quorum(count);
                if let Some(leader) = masters.leader(now) {
                    prop_assert!(has_majority && is_up[leader]);
                    led += 1;
                }
            }
        }
        // With all of them up somebody leads within a session.
        (0..count).for_each(|master| masters.set_up(master, true));
        for _ in 0..8 {
            now = masters.beat(now);
        }
        prop_assert!(masters.leader(now).is_some(), "{led}");
    }
}
