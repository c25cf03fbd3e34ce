//! The worked examples of the specification that no other file has, and what masters promise.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::allocator::{Allocator, AllocatorOptions, Capabilities, Quota};
use super::super::marathon::constraint::{Constraint, FieldValue};
use super::super::master::Masters;
use super::super::observer::{Observer, ObserverOptions};
use super::super::resources::{Amount, Kind, Limits, Quantities, Resources};
use crate::model::Text;
use crate::systems::parts::quorum::quorum;
use crate::units::{Duration, Instant};

/// Cores in thousandths and whole units of memory.
fn resources(cpus: i64, mem: i64) -> Resources {
    let mut all = Resources::default();
    for (name, amount) in [("cpus", cpus), ("mem", mem * 1_000)] {
        let kind = Kind {
            name: name.into(),
            ..Kind::default()
        };
        all.add_one(&kind, &Amount::Scalar(amount));
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
        let added = self
            .0
            .add_agent(id.into(), resources(cpus, mem), BTreeMap::new());
        added.expect("an agent");
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
        let held = BTreeMap::from([((framework.into(), role.into()), whole.clone())]);
        case.0.add_agent(agent.into(), whole, held).expect("known");
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
        let declined = case.0.decline(at, &framework.into(), &"A2".into(), span);
        declined.expect("known");
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
    let words = Some(FieldValue::Set(BTreeSet::from(["b".into(), "a".into()])));
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
